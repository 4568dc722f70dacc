#!/usr/bin/env python3
"""loss_on_the_way: a filter loses packets on the way to weir, not to the application, and weir still tells the truth.

The filter takes away every n-th IP packet by its identification. Beside it tcpdump records all; with the same rule that says
which packets weir was given. Of the exchanges whose heads were among them 99 % must be right by the client's own log, and none
may be given another's answer.
"""
import json
import os
import re
import subprocess
import sys

import lib_asking
from lib import ROOT, Dnsmasq, Redis, Weir, equal, main, need, test, until
from lib_overload import ledger, quiet_pair
from lib_recorder import Recorder

sys.path.insert(0, os.path.join(ROOT, "tests", "replay"))
import capture  # noqa: E402
import placed  # noqa: E402

FLOOR = 0.99
NGINX = """
daemon off; worker_processes 1; user root; pid {dir}/nginx.pid; error_log {dir}/nginx.error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 8080; location / {{ default_type text/plain; return 200 $arg_pad; }} }}
}}
"""


def serve(protocol, namespace, address):
    if protocol == "redis":
        Redis(namespace, address)
    elif protocol == "dns":
        Dnsmasq(namespace, address, lib_asking.NAMES)
    else:
        need("nginx")
        config = namespace.scope.path("nginx.conf", NGINX.format(dir=namespace.scope.folder))
        namespace.start("nginx", "-c", config, "-e", namespace.scope.path("nginx.error"))
        until(lambda: ":8080 " in namespace.run("ss", "-Hltn"), 10, "nginx")


def identification(packet):
    return int.from_bytes(packet.data[18:20], "big")


def exchanges(protocol, address, streams, logs):
    """[(placed.Exchange, its name, its answer)] of the clients' logs"""
    for log in logs:
        client, at, back = (own_end(streams, log["port"]), 0, 0)
        if protocol == "dns":
            server = (address, 53)
            found = {name: number for number, name in enumerate(map(placed.dns_name, streams.datagrams[client, server]))}
            answers = {name: number for number, name in enumerate(map(placed.dns_name, streams.datagrams[server, client]))}
        for one in log["exchanges"]:
            if protocol == "dns":
                name = one["id"], f"host{one['name']}.weir.test"
                sides = [placed.Message(way, number, number + 1, number + 1) for way, number in
                         (((client, server), found[name]), ((server, client), answers[name]))]
                yield placed.Exchange(one, *sides), (log["port"], *name), f"10.0.{one['name'] // 256}.{one['name'] % 256}"
                continue
            server = (address, lib_asking.STREAMS[protocol][0])
            request = placed.Message((client, server), at, at + one["sent"], at + one["sent"])
            head = one["got"] - len(lib_asking.pad(one["id"])) if protocol == "http" else one["got"]
            response = placed.Message((server, client), back, back + head, back + one["got"])
            at, back = request.end, response.end
            if protocol == "http":
                yield placed.Exchange(one, request, response), f"u={one['id']}&pad={lib_asking.pad(one['id'])}", \
                    len(lib_asking.pad(one["id"]))
            else:
                yield placed.Exchange(one, request, response), f"ECHO {lib_asking.echoed(one['id'])}", one["got"]


def own_end(streams, port):
    return next(way[0] for way in [*streams.bases, *streams.datagrams] if way[0][1] == port)


def name_and_answer(protocol, record):
    at, response = record["attributes"], record.get("response")
    if protocol == "http":
        return at.get("url.query"), response and response.get("size_bytes")
    if protocol == "redis":
        return at.get("db.query.text"), response and response.get("wire_bytes")
    return (record["client"]["port"], at.get("weir.dns.id"), at.get("dns.question.name")), response and at.get("dns.answers", [None])[0]


def judge(protocol, records, known, delivered):
    answers = {name: (exchange, answer) for exchange, name, answer in known}
    right = set()
    for record in records:
        if not record.get("request"):
            continue
        name, answer = name_and_answer(protocol, record)
        if name not in answers:
            raise AssertionError(f"never asked: {record}")
        exchange, wanted = answers[name]
        if answer is not None and answer != wanted:
            raise AssertionError(f"a wrong pair: {record}, whose answer is {wanted!r}")
        whole = all(delivered.all_of(m) for m in (exchange.request, exchange.response))
        if record["transport"] == "tcp" and record["quality"] == "complete" and not whole and \
                (answer is not None or delivered.shown(exchange.response)):
            raise AssertionError(f"called complete: {record}")
        if answer is not None:
            right.add(name)
    heads = [name for name, (exchange, _) in answers.items() if delivered.head(exchange.request) and delivered.head(exchange.response)]
    share = sum(1 for name in heads if name in right) / len(heads)
    if share < FLOOR or len(heads) > 0.999 * len(answers):
        raise AssertionError(f"{share:.4f} of {len(heads)} delivered are right, of {len(answers)} asked")
    return f"{share:.2%} of {len(heads)} delivered of {len(answers)} asked"


def lossy(scope, protocol, each, across):
    if across:
        client, server = quiet_pair(scope)
        address, interface = "10.9.0.2", "s0"
    else:
        client = server = scope.namespace()
        address, interface = "127.0.0.1", "lo"
    serve(protocol, server, address)
    recorder = Recorder(server, interface)
    weir = Weir(server, "-i", interface, "-f", f"ip[4:2] % {each} != 1", "-o", "json", "--raw-queries", "--summary")
    logs = [json.loads(line) for line in client.run(sys.executable, lib_asking.__file__, protocol, address).splitlines()]
    records = [json.loads(line) for line in weir.stop().splitlines()]
    everything = capture.load(recorder.stop())
    kept = capture.Capture(everything.link, [p for p in everything.packets if identification(p) % each != 1])
    filtered = re.search(r"^capture .*\bexpression (\d+)", weir.said(), re.MULTILINE)  # where the kernel tells
    passed = ledger(weir.said())["capture"]["seen"] - (int(filtered.group(1)) if filtered else 0)
    equal("packets that passed the filter", passed, len(kept.packets))
    streams = placed.Streams(everything)
    return judge(protocol, records, list(exchanges(protocol, address, streams, logs)), placed.Delivered(streams, kept))


def cases():
    for protocol in ("http", "redis", "dns"):
        for each in (100, 20):
            for across in (False, True):
                def one(scope, protocol=protocol, each=each, across=across):
                    return lossy(scope, protocol, each, across)
                one.__name__ = f"{protocol}_{'across_veth' if across else 'on_loopback'}_one_packet_in_{each}_lost"
                test(one)


cases()
main()
