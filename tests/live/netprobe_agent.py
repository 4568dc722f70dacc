#!/usr/bin/env python3
"""netprobe_agent: the drop-in for NetProbe Agent. A real Prometheus scrapes it, and the queries of that tool's README give the
numbers of known traffic; errors are in its words; interfaces may come later; its scripts work."""
import json
import os
import platform
import re
import subprocess
import sys
import time
import urllib.parse

from lib import ROOT, WEIR, Skip, Weir, equal, main, need, test, until, veth

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 900ms}
scrape_configs:
  - job_name: netprobe-agent
    static_configs: [{targets: ['localhost:8081']}]
"""
PAYLOAD = 100
FRAME = PAYLOAD + 8 + 20 + 14
RATE = 200
SCRIPTS = os.path.join(ROOT, "deploy", "netprobe")


def agent(namespace, *arguments, **options):
    return Weir(namespace, "netprobe-agent", *arguments, command="as", **options)


def pair(scope, name="va"):
    """Two namespaces on one veth pair, without IPv6's own packets."""
    one, other = scope.namespace(), scope.namespace()
    for home in (one, other):
        home.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    veth(one, name, other, "vb")
    one.address(name, "10.9.0.1/24")
    other.address("vb", "10.9.0.2/24")
    return one, other


def send(namespace, address, count, rate=RATE):
    """A process that sends `count` datagrams of PAYLOAD bytes, `rate` a second."""
    return namespace.start(sys.executable, "-c", f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
start = time.monotonic()
for n in range({count}):
    time.sleep(max(0, start + n / {rate} - time.monotonic()))
    s.sendto(b"x" * {PAYLOAD}, ("{address}", 9))
""")


def device(namespace, name):
    """(received packets, received bytes, sent packets, sent bytes) by the kernel's own count"""
    line = re.search(rf"^\s*{name}:(.*)$", namespace.run("cat", "/proc/net/dev"), re.MULTILINE).group(1).split()
    return int(line[1]), int(line[0]), int(line[9]), int(line[8])


def page(namespace, port=8081):
    return namespace.get(f"http://127.0.0.1:{port}/metrics")


def value(text, name, **labels):
    wanted = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
    found = re.search(rf"^{name}\{{{wanted}\}} (\S+)$", text or "", re.MULTILINE)
    return float(found.group(1)) if found else None


def index(namespace, name):
    return re.match(r"\d+", namespace.ip("-o", "link", "show", "dev", name)).group(0)


def total(namespace, text, what, name, direction):
    return value(text, f"netprobe_tc_{what}_total", direction=direction, ifindex=index(namespace, name), interface=name)


@test
def prometheus_gets_the_numbers_of_known_traffic(scope):
    need("prometheus", "promtool")
    home, other = pair(scope)
    before = device(home, "va")
    weir = agent(home, "--collect-interval", "1s", "--debug")
    begun = time.monotonic()
    home.start("prometheus", f"--config.file={scope.path('prometheus.yml', CONFIG)}", f"--storage.tsdb.path={scope.path('tsdb')}",
               "--web.listen-address=127.0.0.1:9090", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    home.wait_for_port("127.0.0.1", 9090)

    def query(expression, label=None):
        answer = home.get("http://127.0.0.1:9090/api/v1/query?query=" + urllib.parse.quote(expression))
        result = json.loads(answer)["data"]["result"] if answer else []
        if label:
            return [one["metric"].get(label) for one in result]
        return float(result[0]["value"][1]) if len(result) == 1 else None

    def near(expression, wanted, share=0.1):
        def is_near():
            got = query(expression)
            return got is not None and abs(got - wanted) <= share * wanted
        until(is_near, 12, lambda: f"{expression} near {wanted} (it is {query(expression)})")

    until(lambda: query('up{job="netprobe-agent"}') == 1, 10, "up == 1")
    equal("netprobe_up", query("netprobe_up"), 1)
    sender = send(home, "10.9.0.2", RATE * 20)
    time.sleep(8)
    out = '{interface="va",direction="egress"}'
    near(f"rate(netprobe_tc_packets_total{out}[5s])", RATE)
    near(f"rate(netprobe_tc_bytes_total{out}[5s])", RATE * FRAME)
    near(f"netprobe_tc_packets_per_second{out}", RATE)
    near(f"netprobe_tc_bytes_per_second{out}", RATE * FRAME)
    near('sum(rate(netprobe_tc_bytes_total{interface="va"}[5s])) by (interface)', RATE * FRAME)
    equal("active interfaces", query("sum(netprobe_interface_active)"), 2, "lo carries the scrapes")
    equal("the busiest", query("topk(1, sum(rate(netprobe_tc_bytes_total[5s])) by (interface))", "interface"), ["va"])
    equal("sender", sender.wait(timeout=30), 0)
    until(lambda: query('netprobe_interface_active{interface="va"}') == 0, 10, "an idle va")
    rx, rx_bytes, tx, tx_bytes = (now - then for now, then in zip(device(home, "va"), before))
    if tx < RATE * 20:
        raise AssertionError(f"only {tx} frames were sent")
    for what, direction, wanted in (("packets", "ingress", rx), ("bytes", "ingress", rx_bytes), ("packets", "egress", tx),
                                    ("bytes", "egress", tx_bytes)):
        equal(f"{direction} {what}", query(f'netprobe_tc_{what}_total{{interface="va",direction="{direction}"}}'), wanted)
    equal("scrapes that failed", query('sum(count_over_time((up == 0)[1m:1s]))'), None)
    said = subprocess.run(["promtool", "check", "metrics"], input=page(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False).stdout.strip()
    # Its name and that of its unit are the predecessor's.
    said = [line for line in said.splitlines() if "netprobe_" in line]
    until(lambda: "status: 2 interfaces" in weir.said(), max(1, 33 - (time.monotonic() - begun)), "the status line of --debug")
    weir.stop(settle=0)
    return f"{tx} frames, {tx_bytes} bytes; promtool: {'; '.join(said) or 'silent'}"


@test
def pages_on_all_addresses(scope):
    home = scope.namespace()
    weir = agent(home, "--metrics-port=8090", "--metrics-path", "/m", "--interface-filter=lo,absent")
    code = """
import gzip, http.client, json, sys
for address in ("127.0.0.1", "::1"):
    def ask(method, path, **headers):
        connection = http.client.HTTPConnection(address, 8090, timeout=5)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    status, headers, body = ask("GET", "/m")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", (status, headers)
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert b'interface="lo"' in body and b"absent" not in body
    status, headers, packed = ask("GET", "/m", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip" and b"netprobe_up 1\\n" in gzip.decompress(packed)
    for path in ("/health", "/healthz"):
        status, headers, body = ask("GET", path)
        health = json.loads(body)
        assert status == 200 and headers["Content-Type"] == "application/json" and health["status"] == "ok", body
        assert health["server"]["running"] is True and health["server"]["port"] == 8090 and health["server"]["collections"] >= 1
    assert ask("GET", "/")[1]["Content-Type"] == "text/html; charset=utf-8"
    assert ask("HEAD", "/m")[0] == 200 and ask("HEAD", "/m")[2] == b""
    assert ask("OPTIONS", "/m")[0] == 204 and ask("GET", "/metrics")[0] == 404 and ask("POST", "/m")[0] == 405
"""
    home.run(sys.executable, "-c", code)
    weir.stop(settle=0)
    bare = scope.namespace()
    bare.run("sh", "-c", "for name in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done")
    weir = agent(bare)
    if "netprobe_up 1" not in (page(bare) or ""):
        raise AssertionError("no page where IPv6 is off")
    weir.stop(settle=0)


@test
def interfaces_that_come_later(scope):
    home = scope.namespace()
    weir = agent(home, "--collect-interval=200ms", "--attach-interface", "va")
    until(lambda: "Warning: 暂无 TC 相关指标数据" in weir.said(), 5, "the documented warning")
    equal("interfaces", "netprobe_tc" in page(home), False)
    other = scope.namespace()
    veth(home, "va", other, "vb")
    home.address("va", "10.9.0.1/24")
    until(lambda: 'interface="va"' in page(home), 5, "va on the page")
    equal("lo", 'interface="lo"' in page(home), False, "--attach-interface counts one alone")
    home.ip("link", "del", "va")
    until(lambda: 'interface="va"' not in page(home), 5, "va off the page")
    weir.stop(settle=0)


@test
def active_only_keeps_what_has_been_active(scope):
    home, _ = pair(scope)
    home.ip("link", "add", "idle", "type", "veth", "peer", "name", "idle2")
    home.up("idle", "idle2")
    weir = agent(home, "--collect-interval=500ms", "--active-only")
    equal("sender", send(home, "10.9.0.2", 100).wait(timeout=10), 0)
    until(lambda: total(home, page(home), "packets", "va", "egress"), 5, "va on the page")
    active = {"ifindex": index(home, "va"), "interface": "va"}
    until(lambda: value(page(home), "netprobe_interface_active", **active) == 0, 5, "an idle va")
    time.sleep(1)
    if total(home, page(home), "packets", "va", "egress") < 100:
        raise AssertionError("counters of an idle interface went away")
    equal("idle", 'interface="idle"' in page(home), False)
    weir.stop(settle=0)


@test
def errors_in_its_words(scope):
    home = scope.namespace()

    def fails(wanted, *arguments, around=()):
        done = subprocess.run(home.inside(*around, WEIR, "as", "netprobe-agent", *arguments), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        equal("exit code", done.returncode, 1, done.stderr[-300:])
        if f"Error: {wanted}" not in done.stderr:
            raise AssertionError(f"'{wanted}' is not in: {done.stderr}")

    weir = agent(home)
    fails("failed to start metrics server: bind: address already in use")
    weir.stop(settle=0)
    fails("failed to load network monitor: operation not permitted", around=("setpriv", "--bounding-set=-all", "--inh-caps=-all"))
    fails("invalid argument", "--metrics-port=x")


@test
def a_kernel_without_bpf(scope):
    number = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
    if not number:
        raise Skip("the number of bpf() is not known here")
    home = scope.namespace()
    # A seccomp filter: load the system call's number; bpf gives ENOSYS, all else is allowed.
    code = f"""
import ctypes, os, struct, sys
def one(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
program = one(0x20, 0, 0, 0) + one(0x15, 0, 1, {number}) + one(0x06, 0, 0, 0x00050000 | 38) + one(0x06, 0, 0, 0x7fff0000)
buffer = ctypes.create_string_buffer(program)
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter): sys.exit(9)
os.execv(sys.argv[1], sys.argv[1:])
"""
    done = subprocess.run(home.inside(sys.executable, "-c", code, WEIR, "as", "netprobe-agent"), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    if done.returncode == 9:
        raise Skip("no seccomp here")
    equal("exit code", done.returncode, 1, done.stderr[-300:])
    equal("stderr", done.stderr.startswith("Error: eBPF is not supported on this system"), True, done.stderr[-300:])


@test
def its_name_its_environment_and_its_scripts(scope):
    need("curl")
    home = scope.namespace()
    link = scope.path("netprobe-agent")
    os.symlink(WEIR, link)
    with open(scope.path("err"), "wb") as err:
        process = home.start("env", "METRICS_PORT=9123", "COLLECT_INTERVAL=500ms", "INTERFACE_FILTER=lo", link, stderr=err)
    until(lambda: 'interface="lo"' in (page(home, 9123) or ""), 5, "a page on the port of the environment")
    process.terminate()
    equal("exit code", process.wait(timeout=5), 0)

    script = home.start("env", f"WEIR={WEIR}", os.path.join(SCRIPTS, "start_agent.sh"), "--skip-build", "-p", "9124", "-i", "500ms",
                        "--filter", "lo", "-a", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for options in ((), ("--metrics-only",), ("--health-only",), ("--functional",), ("--performance",)):
        said = home.run(os.path.join(SCRIPTS, "test_agent.sh"), "--port", "9124", "--timeout", "10", *options)
        if "PASS" not in said:
            raise AssertionError(f"test_agent.sh {options}: {said}")
    script.terminate()
    equal("exit code", script.wait(timeout=5), 0)
    done = subprocess.run(home.inside(os.path.join(SCRIPTS, "test_agent.sh"), "--port", "9124", "--timeout", "1"),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    equal("exit code without an agent", done.returncode, 1, done.stdout)


main()
