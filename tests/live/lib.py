"""What the live tests share: network namespaces, servers, load, and weir itself.

A test is a function marked @test that takes a Scope. The scope owns every process, namespace and file made for it and ends
them, by pid, in reverse order. A test fails by an exception, and is skipped by Skip. main() prints one line per test.
"""
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# For a machine that is slower by this factor (an emulated one): waits and limits grow with it.
SLOWNESS = int(os.environ.get("WEIR_TEST_SLOWNESS", "1"))
WEIR = os.path.abspath(os.environ.get("WEIR", os.path.join(ROOT, "build", "release", "weir")))
tests = []


class Skip(Exception):
    """Why a test cannot be run here."""


def test(function):
    tests.append(function)
    return function


def equal(what, got, wanted, also=""):
    if got != wanted:
        raise AssertionError(f"{what}: {got}, not {wanted}{f'; {also}' if also else ''}")


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def can_make_namespaces():
    """None, or why not."""
    if os.geteuid() != 0:
        return "needs root"
    made = subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"], stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        return "needs CAP_SYS_ADMIN and CAP_NET_ADMIN for network namespaces: " + made.stderr.strip()
    raw = subprocess.run([sys.executable, "-c", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"],
                         stderr=subprocess.DEVNULL, check=False)
    return "needs CAP_NET_RAW" if raw.returncode else None


def main(root=True):
    why = can_make_namespaces() if root else None
    if not os.access(WEIR, os.X_OK):
        sys.exit(f"no binary at {WEIR}")
    if why:
        print(f"SKIPPED: {why}")
        sys.exit(77)
    failed = False
    for function in tests:
        name = function.__name__.replace("_", " ")
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        try:
            with Scope() as scope:
                note = function(scope)
            print(f"PASS {name}{f' ({note})' if note else ''}", flush=True)
        except Skip as reason:
            print(f"SKIPPED {name} ({reason})", flush=True)
        except Exception as failure:  # whatever it is, the next test must run
            failed = True
            print(f"FAIL {name} ({' '.join(str(failure).split())[:600] or type(failure).__name__})", flush=True)
            traceback.print_exc(file=sys.stdout)
    sys.exit(1 if failed else 0)


def until(condition, seconds, what):
    """Waits for condition() to be true and returns it; `what` is text or makes it."""
    end = time.monotonic() + seconds * SLOWNESS
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what} did not happen within {seconds} s")
        time.sleep(0.02)
    return result


class Scope:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-live-")
        self.ends = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.ends):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def start(self, command, **files):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **files)
        self.ends.append(process)
        return process

    def namespace(self):
        return Namespace(self)


class Namespace:
    """A network namespace that lives as long as a process in it; loopback is up."""

    def __init__(self, scope):
        self.scope = scope
        holder = scope.start(["unshare", "--net", "--", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own, 5, "a network namespace")
        self.pid = holder.pid
        self.ip("link", "set", "lo", "up")

    def inside(self, *command):
        return ["nsenter", "--target", str(self.pid), "--net", "--", *map(str, command)]

    def run(self, *command, seconds=60, data=None):
        """stdout of a command that must succeed"""
        done = subprocess.run(self.inside(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=seconds, check=False, input=data)
        if done.returncode:
            raise AssertionError(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stdout[-200:]} {done.stderr[-300:]}")
        return done.stdout

    def ip(self, *words):
        return self.run("ip", *words)

    def start(self, *command, **files):
        return self.scope.start(self.inside(*command), **files)

    def address(self, interface, address):
        """Without waiting for duplicate addresses: there are none here."""
        more = ("nodad",) if ":" in address else ()
        self.ip("addr", "add", address, "dev", interface, *more)

    def up(self, *interfaces):
        for interface in interfaces:
            self.ip("link", "set", "dev", interface, "up")

    def forward(self):
        self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def get(self, url, seconds=5):
        """The page at url, fetched from in here; None when there is none."""
        code = f"import sys, urllib.request; sys.stdout.write(urllib.request.urlopen({url!r}, timeout={seconds}).read().decode())"
        done = subprocess.run(self.inside(sys.executable, "-c", code), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False)
        return done.stdout if done.returncode == 0 else None

    def wait_for_port(self, address, port):
        code = f"import socket; socket.create_connection(({address!r}, {port}), timeout=1).close()"
        until(lambda: subprocess.run(self.inside(sys.executable, "-c", code), stderr=subprocess.DEVNULL, check=False).returncode == 0,
              10, f"a server on {address}:{port}")


def veth(one, name, other, peer):
    """A veth pair: `name` in namespace one, `peer` in namespace other, both up."""
    one.ip("link", "add", name, "type", "veth", "peer", "name", peer, "netns", str(other.pid))
    one.up(name)
    other.up(peer)


class Weir:
    """A running `weir requests`. Its output goes to files, so that it never waits for the test."""

    def __init__(self, namespace, *arguments, ready=True, command="requests"):
        scope = namespace.scope
        self.out, self.err = (os.path.join(scope.folder, f"weir{len(scope.ends)}.{name}") for name in ("out", "err"))
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = namespace.start(WEIR, command, *arguments, stdout=out, stderr=err)
        if ready:
            until(lambda: self.process.poll() is not None or re.search(r"\bready\b", self.said()), 15, "`ready` on stderr")
            if self.process.poll() is not None:
                raise AssertionError(f"weir {' '.join(arguments)} ended with {self.process.returncode}: {self.said()[-400:]}")

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def output(self):
        with open(self.out, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ended(self, seconds=10):
        """Waits for the end by itself; the exit code."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"weir did not end within {seconds} s") from None

    def stop(self, settle=1.0, sign=signal.SIGINT):
        """Lets the last packets in, then ends it; its output. The exit code must be 0, the end within a second."""
        time.sleep(settle)
        if self.process.poll() is not None:
            raise AssertionError(f"weir had ended with {self.process.returncode}: {self.said()[-400:]}")
        self.process.send_signal(sign)
        asked = time.monotonic()
        code = self.ended(10 * SLOWNESS)
        if code or time.monotonic() - asked > 1.5 * SLOWNESS:  # a second, and what a busy machine adds
            raise AssertionError(f"weir ended with {code} after {time.monotonic() - asked:.2f} s: {self.said()[-400:]}")
        return self.output()


def counts(summary):
    """{protocol: count} of a summary: the lines that begin with a name and a plain integer"""
    found = collections.Counter()
    for line in summary.splitlines():
        words = line.split()
        if len(words) > 1 and re.fullmatch(r"[a-z0-9]+", words[0]) and words[1].isdigit():
            found.setdefault(words[0], int(words[1]))
    return found


def counted(weir, protocol, wanted, what):
    """Stops weir and holds its count of a protocol against `wanted`, a number or a function to be asked after the end."""
    summary = weir.stop()
    if callable(wanted):
        wanted = wanted()
    equal(f"{what}: {protocol} records", counts(summary)[protocol], wanted, "summary: " + " / ".join(summary.splitlines()[:12]))
    if not wanted:
        raise AssertionError("nothing was asked")
    return f"{wanted} of {wanted}"


class Nginx:
    """nginx with one worker; `requests()` counts the lines of its log."""

    CONFIG = """
daemon off; worker_processes 1; user root; pid {dir}/nginx.pid; error_log {dir}/nginx.error;
events {{ worker_connections 1024; }}
http {{
  log_format one '$status'; access_log {dir}/nginx.{port}.log one;
  keepalive_requests 1000000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  server {{ listen {port}; listen [::]:{port}; root {dir}; location / {{ try_files /body =404; }} location /gone {{ return 404; }} }}
}}
"""

    def __init__(self, namespace, port=8080, size=1000):
        need("nginx")
        scope = namespace.scope
        self.log = scope.path(f"nginx.{port}.log")
        scope.path("body", "x" * size)
        path = scope.path(f"nginx.{port}.conf", self.CONFIG.format(dir=scope.folder, port=port))
        namespace.start("nginx", "-c", path, "-e", scope.path("nginx.error"))
        # Asked for by `ss`, not by a connection, which weir would see too.
        until(lambda: f":{port} " in namespace.run("ss", "-Hltn"), 10, f"nginx on port {port}")

    def requests(self):
        with open(self.log, "rb") as file:
            return sum(1 for _ in file)


def wrk(namespace, url, seconds=5, connections=20, pause=5, *more):
    """wrk with a pause of `pause` ms before each request, so at most connections / pause * 1000 requests a second."""
    need("wrk")
    script = namespace.scope.path("wrk.lua", f"""
function delay() return {pause} end
""")
    said = namespace.run("wrk", "-t", 1, "-c", connections, "-d", f"{seconds}s", "-s", script, *more, url, seconds=seconds + 30)
    return int(re.search(r"(\d+) requests in", said).group(1))


def pipelining(namespace, address, batches=100, depth=8, connections=10, port=8080):
    """Clients that send `depth` requests at once and then read all the answers; every one is read to its end, which wrk's
    pipelines at their end are not. The answers must be of one length."""
    namespace.run(sys.executable, "-c", f"""
import socket, threading, time
def work(number):
    s = socket.create_connection(({address!r}, {port}))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    def ask(count):
        s.sendall(b"".join(b"GET /r%d-%d HTTP/1.1\\r\\nHost: weir.test\\r\\n\\r\\n" % (number, n) for n in range(count)))
    ask(1)
    one = len(s.recv(65536))
    for _ in range({batches}):
        ask({depth})
        left = one * {depth}
        while left:
            left -= len(s.recv(left))
        time.sleep(0.01)
    s.close()
threads = [threading.Thread(target=work, args=(number,)) for number in range({connections})]
for thread in threads: thread.start()
for thread in threads: thread.join()
""")


class Redis:
    def __init__(self, namespace, address="127.0.0.1"):
        need("redis-server", "redis-benchmark", "redis-cli")
        self.namespace, self.address = namespace, address
        namespace.start("redis-server", "--bind", address, "--port", 6379, "--protected-mode", "no", "--save", "", "--appendonly",
                        "no", "--dir", namespace.scope.folder, stdout=subprocess.DEVNULL)
        until(lambda: ":6379 " in namespace.run("ss", "-Hltn"), 10, "redis-server")

    def commands(self):
        """Commands executed so far, by the server's own count; to be asked when weir no longer looks."""
        said = self.namespace.run("redis-cli", "-h", self.address, "info", "commandstats")
        return sum(int(n) for n in re.findall(r"^cmdstat_.*?:calls=(\d+)", said, re.MULTILINE))


class Dnsmasq:
    def __init__(self, namespace, address="127.0.0.1", names=500):
        need("dnsmasq", "dnsperf")
        lines = ["no-resolv", "keep-in-foreground", "no-hosts", "local=/weir.test/", "bind-interfaces", "user=root", "group=root",
                 f"listen-address={address}", "log-facility=/dev/null", "dns-forward-max=1000"]
        lines += [f"host-record=host{n}.weir.test,10.0.{n // 256}.{n % 256},fd00::{n:x}" for n in range(names)]
        config = namespace.scope.path("dnsmasq.conf", "\n".join(lines) + "\n")
        self.questions = namespace.scope.path("questions", "".join(
            f"{'host' if n % 10 else 'absent'}{n}.weir.test {'AAAA' if n % 3 == 0 else 'A'}\n" for n in range(names)))
        namespace.start("dnsmasq", f"--conf-file={config}", "--pid-file=")
        until(lambda: ":53 " in namespace.run("ss", "-Hlun"), 10, "dnsmasq")

    def perf(self, namespace, address="127.0.0.1", seconds=5, rate=3000, *more):
        """The number of queries that dnsperf sent."""
        said = namespace.run("dnsperf", "-s", address, "-d", self.questions, "-l", seconds, "-Q", rate, *more, seconds=seconds + 30)
        return int(re.search(r"Queries sent:\s+(\d+)", said).group(1))
