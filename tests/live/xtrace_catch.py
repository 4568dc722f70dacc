#!/usr/bin/env python3
"""xtrace_catch: the drop-in for XTrace-Catch. Its lines have the numbers of known traffic; a real VictoriaMetrics and a real Prometheus
get its metrics, also those of a time when they were away; its flags, its environment and its errors are that tool's."""
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse

from lib import WEIR, Weir, equal, main, need, test, until, veth

COUNT, PAYLOAD = 500, 100
FRAME = PAYLOAD + 8 + 20 + 14
NAMES = ["xtrace_network_bytes_total", "xtrace_network_flow_bits_rate", "xtrace_network_flow_bytes", "xtrace_network_flow_bytes_rate",
         "xtrace_network_flow_packets", "xtrace_network_nic_bits_rate", "xtrace_network_nic_bytes_rate", "xtrace_network_packets_total"]
LABELS = {"src_ip": "10.9.0.2", "dst_ip": "10.9.0.1", "src_port": "5000", "dst_port": "443", "protocol": "17", "traffic_type": "UDP",
          "interface": "va", "host_ip": "10.9.0.1", "collect_agg": "rack-7"}
STORE = "http://127.0.0.1:8428"
WRITE, IMPORT = f"{STORE}/api/v1/write", f"{STORE}/api/v1/import/prometheus"


def pair(scope):
    """Two namespaces on one veth pair, without IPv6's own packets."""
    home, other = scope.namespace(), scope.namespace()
    for one in (home, other):
        one.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    veth(home, "va", other, "vb")
    home.address("va", "10.9.0.1/24")
    other.address("vb", "10.9.0.2/24")
    return home, other


def send(other, count=COUNT, source=5000, target=443):
    other.run(sys.executable, "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.9.0.2", {source}))
for n in range({count}):
    s.sendto(b"x" * {PAYLOAD}, ("10.9.0.1", {target}))
""")


def catch(home, *arguments, environment=(), **options):
    """Through env, as the drop-in reads the environment."""
    class Catch(Weir):
        def __init__(self):
            namespace = type(home).__new__(type(home))
            namespace.__dict__.update(home.__dict__)
            namespace.start = lambda *command, **files: home.start("env", *(f"{k}={v}" for k, v in environment), *command, **files)
            super().__init__(namespace, "xtrace-catch", *arguments, command="as", **options)
    return Catch()


def pushing(home, url, *arguments):
    return catch(home, "-i", "va", "-t", "500", *arguments,
                 environment=[("VICTORIAMETRICS_ENABLED", "true"), ("VICTORIAMETRICS_REMOTE_WRITE", url), ("COLLECT_AGG", "rack-7")])


def line_of(output, start):
    found = [line for line in output.splitlines() if line.startswith(start)]
    return found[-1] if found else None


def query(home, expression, base=STORE):
    answer = home.get(f"{base}/api/v1/query?nocache=1&query=" + urllib.parse.quote(expression))
    return json.loads(answer)["data"]["result"] if answer else []


def store(home, scope, number=0):
    process = home.start("victoria-metrics", f"-storageDataPath={scope.path(f'store{number}')}", "-httpListenAddr=127.0.0.1:8428",
                         "-retentionPeriod=1", "-search.latencyOffset=0", "-loggerLevel=WARN", stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    home.wait_for_port("127.0.0.1", 8428)
    return process


@test
def lines_have_the_numbers_of_known_traffic(scope):
    home, other = pair(scope)
    weir = catch(home, "-i", "va", "-t", "200")
    send(other)
    wanted = f"10.9.0.2:5000 -> 10.9.0.1:443 proto=17 [UDP] packets={COUNT} bytes={COUNT * FRAME} host_ip=10.9.0.1"
    until(lambda: wanted in weir.output(), 5, lambda: f"'{wanted}', but {weir.output()[-500:]}")
    said = weir.stop()
    equal("last line", line_of(said, "10.9.0.2:5000"), wanted, "counts stay as they are")
    if "->" in said and "10.9.0.1:443 -> " in said:
        raise AssertionError("what goes out was not asked for")
    if "TC program loaded on va" not in weir.said():
        raise AssertionError(weir.said())


@test
def filters_and_forms(scope):
    home, other = pair(scope)
    both = catch(home, "--interface=va", "--interval=200", "-d", "both", "-f", "udp", "-rates")
    roce = catch(home, "-i", "va", "-t=200", "-f", "roce", "-roce-v2-udp", "-host-ip", "rdma-1")
    send(other)
    send(other, 7, 49152, 4791)
    until(lambda: "4791" in roce.output(), 5, "RoCE v2")
    equal("RoCE v2", line_of(roce.stop(), "10.9.0.2:49152"),
          f"10.9.0.2:49152 -> 10.9.0.1:4791 proto=17 [RoCE v2/UDP] packets=7 bytes={7 * FRAME} host_ip=rdma-1")
    said = both.stop()
    udp = [line for line in said.splitlines() if "10.9.0.2:5000 ->" in line]
    equal("packets of all intervals", sum(int(re.search(r"packets=(\d+)", line).group(1)) for line in udp), COUNT)
    if not re.fullmatch(r"\[va\] 10\.9\.0\.2:5000 -> 10\.9\.0\.1:443 proto=17 \[UDP\] packets=\d+ bytes=\d+ "
                        r"\(\d+\.\d\d MB/s, \d+\.\d\d Mbps\) host_ip=10\.9\.0\.1", udp[0]):
        raise AssertionError(udp[0])
    if "4791" in said or "proto=1 " in said:
        raise AssertionError("what was not asked for: " + said[-300:])


def pushed(scope, url):
    home, other = pair(scope)
    store(home, scope)
    weir = pushing(home, url)
    send(other)
    until(lambda: len(query(home, 'count by (__name__) ({__name__=~"xtrace.*"})')) == len(NAMES), 10, "all eight names")
    equal("names", sorted(row["metric"]["__name__"] for row in query(home, 'count by (__name__) ({__name__=~"xtrace.*"})')), NAMES)
    flow = 'src_port="5000"'
    until(lambda: query(home, f"xtrace_network_packets_total{{{flow}}}"), 5, "the flow")
    row = query(home, f"xtrace_network_packets_total{{{flow}}}")[0]
    equal("labels", row["metric"], {"__name__": "xtrace_network_packets_total", **LABELS})
    equal("packets", row["value"][1], str(COUNT))
    equal("bytes", query(home, f"xtrace_network_bytes_total{{{flow}}}")[0]["value"][1], str(COUNT * FRAME))
    until(lambda: query(home, f"sum_over_time(xtrace_network_flow_bytes{{{flow}}}[1m])")[0]["value"][1] == str(COUNT * FRAME), 5,
          "what came in all intervals")
    nic = query(home, 'xtrace_network_nic_bytes_rate{protocol="17"}')[0]["metric"]
    equal("labels of nic", sorted(nic), ["__name__", "collect_agg", "dst_ip", "host_ip", "interface", "protocol", "src_ip", "traffic_type"])
    weir.stop()


@test
def victoria_metrics_by_remote_write(scope):
    need("victoria-metrics")
    pushed(scope, WRITE)


@test
def victoria_metrics_by_text(scope):
    need("victoria-metrics")
    pushed(scope, IMPORT)


@test
def prometheus_by_remote_write(scope):
    need("prometheus")
    home, other = pair(scope)
    config = scope.path("prometheus.yml", "global: {scrape_interval: 1h}\n")
    home.start("prometheus", f"--config.file={config}", f"--storage.tsdb.path={scope.path('tsdb')}", "--web.enable-remote-write-receiver",
               "--web.listen-address=127.0.0.1:9090", "--log.level=warn", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    home.wait_for_port("127.0.0.1", 9090)
    weir = pushing(home, "http://127.0.0.1:9090/api/v1/write")
    send(other)
    ask = lambda: query(home, 'xtrace_network_packets_total{src_port="5000"}', "http://127.0.0.1:9090")
    until(lambda: ask() and ask()[0]["value"][1] == str(COUNT), 10, "the packets")
    equal("labels", ask()[0]["metric"], {"__name__": "xtrace_network_packets_total", **LABELS})
    weir.stop()


@test
def what_a_store_missed_arrives(scope):
    need("victoria-metrics")
    home, other = pair(scope)
    first = store(home, scope)
    weir = pushing(home, WRITE)
    send(other)
    until(lambda: query(home, 'xtrace_network_packets_total{src_port="5000"}'), 10, "the flow")
    first.terminate()
    first.wait(timeout=20)
    send(other, 50)
    time.sleep(4)
    lines = weir.output().count("10.9.0.2:5000 ->")
    time.sleep(1.2)
    if weir.output().count("10.9.0.2:5000 ->") <= lines:
        raise AssertionError("lines stand still while the store is away")
    send(other, 5)
    store(home, scope)

    def samples():
        text = home.get(f"{STORE}/api/v1/export?" + urllib.parse.urlencode({"match[]": 'xtrace_network_packets_total{src_port="5000"}'}))
        rows = [json.loads(line) for line in (text or "").splitlines()]
        return sorted((at, value) for row in rows for at, value in zip(row["timestamps"], row["values"]))

    until(lambda: any(value == COUNT + 55 for _, value in samples()), 20, lambda: f"the newest count in {samples()[-3:]}")
    got = samples()
    if not any(value == COUNT + 50 for _, value in got):
        raise AssertionError(f"nothing of the time without the store: {got}")
    gaps = [b[0] - a[0] for a, b in zip(got, got[1:])]
    if max(gaps) > 1500:
        raise AssertionError(f"{max(gaps)} ms between two samples; their own times are 500 ms apart")
    weir.stop()


@test
def ends_at_once_without_a_store(scope):
    home, other = pair(scope)
    weir = pushing(home, WRITE)
    send(other, 5)
    weir.stop()


def run(home, *arguments, environment=None):
    return subprocess.run(home.inside("env", *(f"{k}={v}" for k, v in (environment or {}).items()), WEIR, "as", "xtrace-catch", *arguments),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=10, check=False)


@test
def flags_and_errors(scope):
    home, _ = pair(scope)
    done = run(home, "-i", "nosuch")
    equal("exit code for an unknown interface", done.returncode, 1)
    if "va" not in done.stderr or "nosuch" not in done.stderr:
        raise AssertionError(done.stderr)
    equal("exit code where there is no eth0", run(home).returncode, 1)
    for interval in ("99", "3600001"):
        equal(f"exit code of -t {interval}", run(home, "-i", "va", "-t", interval).returncode, 1)
    equal("exit code of an unknown flag", run(home, "-nosuch").returncode, 2)
    done = run(home, "-h")
    equal("exit code of -h", done.returncode, 0)
    done = run(home, "-l")
    equal("exit code of -l", done.returncode, 0)
    if not re.search(r"^  - va \(index: \d+, state: UP\)$", done.stderr, re.MULTILINE):
        raise AssertionError(done.stderr)
    done = run(home, "-i", "va", environment={"VICTORIAMETRICS_ENABLED": "1", "VICTORIAMETRICS_REMOTE_WRITE": "vm:8428"})
    equal("exit code of a URL that is none", done.returncode, 1, done.stderr)


@test
def by_its_name(scope):
    home, other = pair(scope)
    link = scope.path("xtrace-catch")
    os.symlink(WEIR, link)
    out = scope.path("out")
    with open(out, "wb") as file:
        process = home.start("env", "INTERFACE=va", link, "-t", "200", stdout=file, stderr=subprocess.PIPE)
    while b"ready" not in (line := process.stderr.readline()):
        if not line:
            raise AssertionError(f"ended with {process.wait()}")
    send(other)
    until(lambda: f"packets={COUNT} " in open(out, encoding="utf-8").read(), 5, "the line")
    process.terminate()
    equal("exit code", process.wait(timeout=3), 0)


main()
