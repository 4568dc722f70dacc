"""What bench/live watches: servers and load generators at full speed, over loopback and over a veth pair.

Servers are pinned to one processor and generators to another, so that what an observer adds to either shows in its CPU time and
in the rate. All servers of a place run all the time; an idle one costs nothing.
"""
import dataclasses
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/live")
import lib  # noqa: E402

PROGRAMS = ("taskset", "nginx", "wrk", "curl", "redis-server", "redis-benchmark", "dnsmasq", "dnsperf", "iperf3")
SERVER_CPU, CLIENT_CPU = (sorted(os.sched_getaffinity(0)) * 2)[:2]
CONNECTIONS = 50
LARGE_BYTES = 1 << 30
NGINX = """
daemon off; worker_processes 1; user root; pid {dir}/nginx.pid; error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on; open_file_cache max=100;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  server {{ listen {address}:8080; root {dir}; }}
  server {{ listen unix:{dir}/status; location / {{ stub_status; }} }}
}}
"""
NAMES = 500


@dataclasses.dataclass
class Load:
    """What a generator said: `units` are requests, or gigabytes of a transfer. `requests` is the server's count where it can be
    asked, else the generator's."""
    units: float
    rate: float
    requests: int = 0  # that weir is to find
    client_seconds: float = 0.0  # CPU


def cpu_seconds(pid):
    """Of a process, its threads and its children, to the nanosecond."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="utf-8") as file:
                total += int(file.read().split()[0]) / 1e9
            with open(f"/proc/{pid}/task/{task}/children", encoding="utf-8") as file:
                total += sum(cpu_seconds(int(child)) for child in file.read().split())
    except FileNotFoundError:  # has just ended
        pass
    return total


def busy_seconds():
    """Of all processors together, since the machine's start."""
    with open("/proc/stat", encoding="utf-8") as file:
        numbers = [int(word) for word in file.readline().split()[1:9]]
    return (sum(numbers) - numbers[3] - numbers[4]) / os.sysconf("SC_CLK_TCK")


class Place:
    """Two ends joined by one network, with the servers running at one of them."""

    def __init__(self, name, scope, server, client, address, interface):
        self.name, self.scope, self.server, self.client = name, scope, server, client
        self.address, self.interface = address, interface
        self.folder = scope.path(name)
        os.mkdir(self.folder)
        self.write_files()
        self.pids = {program: self.start(*command).pid for program, command in self.commands().items()}
        for port in (8080, 6379, 5201):
            lib.until(lambda wanted=f":{port} ": wanted in server.run("ss", "-Hltn"), 10, f"a server on port {port}")
        lib.until(lambda: ":53 " in server.run("ss", "-Hlun"), 10, "dnsmasq")

    def path(self, name):
        return f"{self.folder}/{name}"

    def write_files(self):
        for name, size in (("1k", 1024), ("100k", 100 * 1024)):
            with open(self.path(name), "wb") as file:
                file.write(b"x" * size)
        with open(self.path("large"), "wb") as file:
            file.truncate(LARGE_BYTES)  # a hole: takes no disk
        with open(self.path("nginx.conf"), "w", encoding="utf-8") as file:
            file.write(NGINX.format(dir=self.folder, address=self.address))
        with open(self.path("hosts"), "w", encoding="utf-8") as file:
            file.writelines(f"10.1.{n // 256}.{n % 256} host{n}.weir.test\n" for n in range(NAMES))
        with open(self.path("questions"), "w", encoding="utf-8") as file:
            file.writelines(f"host{n}.weir.test A\n" for n in range(NAMES))

    def commands(self):
        return {
            "nginx": ("nginx", "-c", self.path("nginx.conf"), "-e", self.path("nginx.error")),
            "redis": ("redis-server", "--bind", self.address, "--protected-mode", "no", "--save", "", "--appendonly", "no", "--dir",
                      self.folder),
            "dnsmasq": ("dnsmasq", "-k", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts", "--user=root", "--group=root",
                        "--bind-interfaces", f"--listen-address={self.address}", f"--addn-hosts={self.path('hosts')}",
                        "--log-facility=/dev/null"),
            "iperf3": ("iperf3", "-s", "-B", self.address),
        }

    def start(self, *command):
        return self.server.start("taskset", "-c", SERVER_CPU, *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def generate(self, *command):
        """(stdout, CPU seconds) of a generator, which must succeed."""
        process = subprocess.Popen(self.client.inside("taskset", "-c", CLIENT_CPU, *command), stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        said = process.stdout.read()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"bench/live: {' '.join(map(str, command))} ended with {process.returncode}: {said[-300:]}")
        return said, usage.ru_utime + usage.ru_stime

    def served(self):
        """Requests that nginx has read so far, this question included, which crosses no network."""
        said = self.server.run("curl", "-s", "--unix-socket", self.path("status"), "http://nginx/")
        return int(said.split("requests")[1].split()[2])

    def interface_packets(self):
        """As the interface counts them; on loopback each is counted twice, and told once."""
        said = self.server.run("ip", "-s", "-o", "link", "show", "dev", self.interface)
        received, sent = re.search(r"RX:.*?\\\s+\d+\s+(\d+).*?TX:.*?\\\s+\d+\s+(\d+)", said).groups()
        return int(received) + (0 if self.interface == "lo" else int(sent))


def loopback(scope):
    one = scope.namespace()
    return Place("lo", scope, one, one, "127.0.0.1", "lo")


def veth_pair(scope):
    server, client = scope.namespace(), scope.namespace()
    lib.veth(server, "server0", client, "client0")
    server.address("server0", "10.77.0.2/24")
    client.address("client0", "10.77.0.1/24")
    return Place("veth", scope, server, client, "10.77.0.2", "server0")


def http(size):
    def load(place, seconds):
        before = place.served() + 1
        said, cpu = place.generate("wrk", "-t", 1, "-c", CONNECTIONS, "-d", f"{seconds}s", f"http://{place.address}:8080/{size}")
        requests = int(re.search(r"(\d+) requests in", said).group(1))
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
        # wrk has not counted what was under way when it ended.
        return Load(requests, rate, place.served() - before, cpu)
    return load


def redis(each, *more):
    """`each`: SETs and GETs for a second."""
    def load(place, seconds):
        count = each * seconds
        said, cpu = place.generate("redis-benchmark", "-h", place.address, "-c", CONNECTIONS, "-d", 1024, "-n", count, "-t", "set,get",
                                   "--csv", *more)
        rates = [float(rate) for rate in re.findall(r'^"[SG]ET","([\d.]+)"', said, re.MULTILINE)]
        requests = count * len(rates)
        return Load(requests, requests / sum(count / rate for rate in rates), requests, cpu)
    return load


def dns(place, seconds):
    said, cpu = place.generate("dnsperf", "-s", place.address, "-d", place.path("questions"), "-l", seconds)
    requests = int(re.search(r"Queries completed:\s+(\d+)", said).group(1))
    return Load(requests, float(re.search(r"Queries per second:\s+([\d.]+)", said).group(1)), requests, cpu)


def iperf(place, seconds):
    """To the server, on a port of no protocol."""
    said, cpu = place.generate("iperf3", "-c", place.address, "-t", seconds, "-f", "m")
    rate = float(re.search(r"([\d.]+) Mbits/sec\s+receiver", said).group(1)) / 8e3
    return Load(rate * seconds, rate, 0, cpu)


def download(place, seconds):
    """The large file again and again, on a connection each time."""
    total = Load(0, 0)
    spent, begin = 0.0, time.monotonic()
    while time.monotonic() < begin + seconds:
        said, cpu = place.generate("curl", "-s", "-o", "/dev/null", "-w", "%{size_download} %{time_total}",
                                   f"http://{place.address}:8080/large")
        size, took = said.split()
        if int(size) != LARGE_BYTES:
            sys.exit(f"bench/live: curl received {size} bytes of {LARGE_BYTES}")
        total.units += int(size) / 1e9
        total.requests += 1
        total.client_seconds += cpu
        spent += float(took)
    total.rate = total.units / spent
    return total


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    place: str
    program: str  # the server
    protocol: str  # as weir calls it; empty where it is to find none
    load: object
    own: float = 0.0  # goal: weir's own CPU microseconds for a request; 0: none

    @property
    def bulk(self):
        return self.load in (iperf, download)


def all_workloads():
    for place in ("lo", "veth"):
        yield Workload(f"http-1k {place}", place, "nginx", "http", http("1k"), 1.5)
        yield Workload(f"http-100k {place}", place, "nginx", "http", http("100k"), 1.5)
        yield Workload(f"redis {place}", place, "redis", "redis", redis(40_000), 1.2)
        yield Workload(f"redis-p16 {place}", place, "redis", "redis", redis(150_000, "-P", 16), 1.2)
        yield Workload(f"dns {place}", place, "dnsmasq", "dns", dns)
    yield Workload("iperf3 veth", "veth", "iperf3", "", iperf)
    yield Workload("download veth", "veth", "nginx", "http", download)
