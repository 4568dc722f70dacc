#!/usr/bin/env python3
"""http2_peers: nghttpd, nginx, Apache and gRPC with real clients; weir's counts are theirs."""
import collections
import json
import os
import re
import subprocess

from lib import Nginx, Skip, Weir, counted, equal, main, need, test, until

GRPC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "grpc_peers")


def listening(home, port):
    until(lambda: f":{port} " in home.run("ss", "-Hltn"), 10, f"a server on port {port}")


def nghttpd(home, *more):
    need("nghttpd", "nghttp", "h2load")
    home.scope.path("small", "s" * 300)
    home.scope.path("large", "l" * 200_000)
    home.start("nghttpd", "--no-tls", "-d", home.scope.folder, *more, 8080, stdout=subprocess.DEVNULL)
    listening(home, 8080)


def h2load(home, *arguments):
    """How many requests were answered, by h2load's own count."""
    said = home.run("h2load", *arguments, seconds=120)
    total, done = re.search(r"requests: (\d+) total.* (\d+) done", said).groups()
    equal("h2load's requests done", done, total)
    return int(done)


def watching(home):
    return Weir(home, "-i", "any", "-o", "none", "--summary")


def records_of(weir):
    return [json.loads(line) for line in weir.stop().splitlines() if line.startswith("{")]


def listened(home):
    return Weir(home, "-i", "any", "-o", "json")


@test
def hundred_streams_at_once(scope):
    home = scope.namespace()
    nghttpd(home)
    weir = watching(home)
    asked = h2load(home, "-n", 30000, "-c", 8, "-m", 100, "http://127.0.0.1:8080/small")
    return counted(weir, "http2", asked, "h2load -c 8 -m 100")


@test
def thousand_streams_at_once(scope):
    home = scope.namespace()
    nghttpd(home, "-m", 2000)
    weir = watching(home)
    asked = h2load(home, "-n", 10000, "-c", 2, "-m", 1000, "http://127.0.0.1:8080/small")
    return counted(weir, "http2", asked, "h2load -c 2 -m 1000")


@test
def large_bodies(scope):
    home = scope.namespace()
    nghttpd(home)
    weir = watching(home)
    asked = h2load(home, "-n", 400, "-c", 4, "-m", 20, "http://127.0.0.1:8080/large")
    return counted(weir, "http2", asked, "h2load of 200 kB each")


@test
def uploads_and_trailers(scope):
    home = scope.namespace()
    nghttpd(home, "--echo-upload", "--trailer=x-sum: 1")
    weir = listened(home)
    asked = h2load(home, "-n", 500, "-c", 4, "-m", 10, "-d", scope.path("small"), "http://127.0.0.1:8080/echo")
    records = records_of(weir)
    kinds = collections.Counter((r["protocol"], r["status"], r["request"]["size_bytes"], r["response"]["size_bytes"])
                                for r in records)
    equal("records", dict(kinds), {("http2", "ok", 300, 300): asked})
    return f"{asked} of {asked}"


@test
def pushed(scope):
    home = scope.namespace()
    nghttpd(home, "-p/small=/large")
    weir = listened(home)
    home.run("nghttp", "-n", "http://127.0.0.1:8080/small")
    records = records_of(weir)
    equal("records", sorted((r["attributes"]["url.path"], r["request"] is None, r["response"]["size_bytes"],
                             r["attributes"].get("weir.http2.pushed")) for r in records),
          [("/large", True, 200_000, True), ("/small", False, 300, None)])


@test
def nginx_by_its_log(scope):
    need("h2load")
    home = scope.namespace()
    Nginx.CONFIG, before = Nginx.CONFIG.replace("listen {port};", "listen {port} http2;").replace(
        "listen [::]:{port};", "listen [::]:{port} http2;"), Nginx.CONFIG
    try:
        nginx = Nginx(home)
    finally:
        Nginx.CONFIG = before
    weir = watching(home)
    h2load(home, "-n", 20000, "-c", 10, "-m", 50, "http://[::1]:8080/", "http://[::1]:8080/gone")
    return counted(weir, "http2", nginx.requests, "h2load on nginx")


@test
def upgrade_from_http_1(scope):
    """Apache takes up what curl offers; the answer belongs to the request in HTTP/1.1."""
    need("apache2", "curl")
    home = scope.namespace()
    modules = "/usr/lib/apache2/modules"
    os.chmod(scope.folder, 0o755)
    scope.path("page", "p" * 1234)
    config = scope.path("apache.conf", f"""
ServerRoot {scope.folder}
DefaultRuntimeDir {scope.folder}
PidFile {scope.folder}/apache.pid
ErrorLog {scope.folder}/apache.error
Listen 127.0.0.1:8080
ServerName weir.test
User nobody
Group nogroup
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule http2_module {modules}/mod_http2.so
Protocols h2c http/1.1
DocumentRoot {scope.folder}
""")
    home.start("apache2", "-f", config, "-DFOREGROUND")
    listening(home, 8080)
    weir = listened(home)
    for _ in range(20):
        said = home.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_version} %{response_code}", "--http2",
                        "http://127.0.0.1:8080/page")
        equal("curl's version and status", said, "2 200")
    records = records_of(weir)
    kinds = collections.Counter((r["protocol"], r["attributes"]["url.path"], r["attributes"].get("weir.http2.upgraded"),
                                 r["response"]["size_bytes"], r["quality"]) for r in records)
    equal("records", dict(kinds), {("http2", "/page", True, 1234, "complete"): 20})
    return "20 of 20"


def grpc_peers(home):
    if subprocess.run(["/usr/bin/python3", "-c", "import grpc"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("python3-grpcio is not installed")
    home.start(GRPC, "serve", 50051)
    listening(home, 50051)


def became(records):
    """As the callers count: a call that was taken back is one whose deadline had passed."""
    found = collections.defaultdict(collections.Counter)
    for record in records:
        at = record["attributes"]
        taken_back = at.get("weir.http2.reset") == "CANCEL" and "weir.grpc.timeout_ns" in at
        found[at.get("rpc.method")]["DEADLINE_EXCEEDED" if taken_back else at.get("rpc.response.status_code")] += 1
    return {method: dict(statuses) for method, statuses in found.items()}


@test
def grpc_calls_of_every_kind(scope):
    home = scope.namespace()
    grpc_peers(home)
    weir = listened(home)
    told = json.loads(home.run(GRPC, "call", 50051, 8, 200, seconds=60))
    records = records_of(weir)
    equal("protocols", {r["protocol"] for r in records}, {"grpc"})
    equal("qualities", {r["quality"] for r in records}, {"complete"})
    equal("calls", became(records), told)
    listens = [r["attributes"] for r in records if r["attributes"]["rpc.method"].endswith("/Listen")]
    equal("messages of Listen", {(at["weir.grpc.response.messages"], at["weir.grpc.response.message_bytes"]) for at in listens},
          {(10, 45)})
    return f"{len(records)} calls"


@test
def large_messages(scope):
    """Bodies that the kernel is told not to copy; the heads between them are there."""
    home = scope.namespace()
    grpc_peers(home)
    weir = listened(home)
    told = json.loads(home.run(GRPC, "call", 50051, 2, 20, "Bulk", seconds=60))
    records = records_of(weir)
    equal("calls", became(records), told)
    kinds = collections.Counter((r["quality"], r["attributes"].get("weir.grpc.response.messages"),
                                 r["attributes"].get("weir.grpc.response.message_bytes")) for r in records)
    equal("messages", dict(kinds), {("complete", 5, 5_000_000): 40})
    return "40 of 40"


@test
def joined_while_calls_are_under_way(scope):
    """Of connections that are older than weir: each call is there, with what of it can be known."""
    home = scope.namespace()
    grpc_peers(home)
    caller = home.start(GRPC, "call", 50051, 4, 600, stdout=subprocess.PIPE)
    until(lambda: "ESTAB" in home.run("ss", "-Htn", "sport", "=", ":50051"), 10, "a call")
    weir = listened(home)
    told = json.loads(caller.communicate(timeout=120)[0])
    records = records_of(weir)
    calls = [r for r in records if r["request"] and r["response"]]
    late = [r for r in calls if r["quality"] == "late_join"]
    total = sum(sum(statuses.values()) for statuses in told.values())
    if not 0 < len(calls) <= total:
        raise AssertionError(f"{len(calls)} calls of {total}")
    for record in calls:
        at = record["attributes"]
        if at.get("rpc.response.status_code") not in (None, "OK", "NOT_FOUND", "UNIMPLEMENTED", "DEADLINE_EXCEEDED"):
            raise AssertionError(f"no call had this status: {at}")
        if record["quality"] == "complete" and at.get("rpc.method") not in told:
            raise AssertionError(f"no such method: {at}")
    return f"{len(calls)} of {total} calls, {len(late)} known in part"


@test
def metrics_of_calls(scope):
    home = scope.namespace()
    grpc_peers(home)
    weir = Weir(home, "-i", "any", "-o", "none", "--listen", "127.0.0.1:9911")
    told = json.loads(home.run(GRPC, "call", 50051, 2, 60, seconds=60))
    wanted = told["test.Peers/Fail"]["NOT_FOUND"]
    line = ('rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="test.Peers/Fail",'
            'rpc_response_status_code="NOT_FOUND",error_type="NOT_FOUND"} ')
    until(lambda: f"{line}{wanted}\n" in (home.get("http://127.0.0.1:9911/metrics") or ""), 5, f"{line}{wanted}")
    weir.stop()


main()
