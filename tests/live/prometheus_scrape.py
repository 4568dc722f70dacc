#!/usr/bin/env python3
"""prometheus_scrape: a real Prometheus scrapes weir's page, and promtool has nothing to say about it."""
import json
import re
import subprocess
import urllib.parse

from lib import Dnsmasq, Nginx, Redis, Weir, equal, main, need, test, until, wrk

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 900ms}
scrape_configs:
  - job_name: weir
    static_configs: [{targets: ['127.0.0.1:9911']}]
"""


def traffic(scope, home):
    nginx = Nginx(home)
    redis = Redis(home)
    dnsmasq = Dnsmasq(home)

    def load():
        wrk(home, "http://127.0.0.1:8080/", 2, 10, 10)
        # Names that break an exposition which does not escape.
        home.run("python3", "-c", r'''
import socket
for path in (b'/a"b', b"/back\\slash", b"/%0Anew%22line", b"/\xff\xfe\x00", b"/{a=\"b\"}"):
    with socket.create_connection(("127.0.0.1", 8080)) as s:
        s.sendall(b"GET " + path + b' HTTP/1.1\r\nHost: a"b\\\r\n\r\n'); s.recv(65536)
''')
        home.run("redis-benchmark", "-q", "-n", 500, "-t", "get", "-c", 2)
        home.run("redis-cli", 'NO"SUCH\\', "x")
        sent = dnsmasq.perf(home, "127.0.0.1", 1, 200)
        return nginx.requests(), sent
    return load, redis


def promtool(home, page):
    done = subprocess.run(["promtool", "check", "metrics"], input=page, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    equal("promtool's exit code", done.returncode, 0, done.stdout[-400:])
    equal("what promtool says", done.stdout.strip(), "")


@test
def promtool_is_silent(scope):
    need("promtool")
    home = scope.namespace()
    load, _ = traffic(scope, home)
    weir = Weir(home, "-i", "any", "-o", "none", "--listen", "127.0.0.1:9911")
    promtool(home, until(lambda: home.get("http://127.0.0.1:9911/metrics"), 5, "a page"))
    load()
    page = until(lambda: home.get("http://127.0.0.1:9911/metrics"), 5, "a page")
    promtool(home, page)
    for name in ("http_server_request_duration_seconds_count", "db_client_operation_duration_seconds_count",
                 "dns_lookup_duration_seconds_count", "weir_ledger_total"):
        if not re.search(rf"^{name}(\{{.*\}})? \d", page, re.MULTILINE):
            raise AssertionError(f"{name} is not on the page")
    weir.stop()
    return f"{len(page.splitlines())} lines"


@test
def prometheus_scrapes(scope):
    need("prometheus")
    home = scope.namespace()
    load, _ = traffic(scope, home)
    weir = Weir(home, "-i", "any", "-o", "none", "--listen", "127.0.0.1:9911", "-f", "not port 9911 and not port 9090")
    home.start("prometheus", f"--config.file={scope.path('prometheus.yml', CONFIG)}", f"--storage.tsdb.path={scope.path('tsdb')}",
               "--web.listen-address=127.0.0.1:9090", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    home.wait_for_port("127.0.0.1", 9090)

    def query(expression):
        answer = home.get("http://127.0.0.1:9090/api/v1/query?query=" + urllib.parse.quote(expression))
        result = json.loads(answer)["data"]["result"] if answer else None
        return float(result[0]["value"][1]) if result else None

    until(lambda: query('up{job="weir"}') == 1, 10, "up == 1")
    requests, lookups = load()
    until(lambda: query('sum(http_server_request_duration_seconds_count)') == requests, 6,
          lambda: f"{requests} HTTP requests in Prometheus (there are {query('sum(http_server_request_duration_seconds_count)')})")
    until(lambda: query('sum(dns_lookup_duration_seconds_count)') == lookups, 6,
          lambda: f"{lookups} look-ups in Prometheus (there are {query('sum(dns_lookup_duration_seconds_count)')})")
    equal("scrapes that failed", query('sum(count_over_time((up == 0)[1m:1s]))'), None)
    quantile = query("histogram_quantile(0.99, sum by (le) (http_server_request_duration_seconds_bucket))")
    if not quantile or not 0 < quantile < 10:
        raise AssertionError(f"the 99th percentile is {quantile}")
    # The ledger in the page adds up, per stage.
    balance = 'max(abs(sum by (stage) (weir_ledger_total{outcome="seen"}) - sum by (stage) (weir_ledger_total{outcome!="seen"})' \
        ' - sum by (stage) (weir_ledger_pending)))'
    until(lambda: query(balance) == 0, 6, lambda: f"a ledger that adds up (off by {query(balance)})")
    weir.stop()
    return f"{requests} requests, {lookups} look-ups, p99 {quantile * 1000:.2f} ms"


main()
