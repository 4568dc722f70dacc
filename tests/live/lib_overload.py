"""Weir under more than it can take: its output read as slowly as wanted, its memory watched, its ledger taken apart."""
import contextlib
import json
import os
import re
import signal
import threading
import time

from lib import WEIR, until, veth

STAGES = ("capture", "stream", "match", "queue_stdout")


def ledger(summary):
    """{stage: {outcome: count}} of a summary; each stage must come to its sum."""
    found = {}
    for line in summary.splitlines():
        words = line.split()
        if words and words[0] in STAGES:
            counts = {name: int(number) for name, number in re.findall(r"(seen|delivered|filtered|lost|pending) (\d+)", line)}
            if counts["seen"] != counts["delivered"] + counts["filtered"] + counts["lost"] + counts["pending"]:
                raise AssertionError(f"the ledger does not add up: {line}")
            found[words[0]] = counts
    if set(found) != set(STAGES):
        raise AssertionError(f"no whole ledger: {summary[-500:]!r}")
    return found


def quiet_pair(scope):
    """(client's, server's) namespace joined by c0 10.9.0.1 and s0 10.9.0.2, between which the kernel sends nothing of its own."""
    client, server = scope.namespace(), scope.namespace()
    for home in (client, server):
        home.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    veth(client, "c0", server, "s0")
    for home, interface, own, other in ((client, "c0", 1, 2), (server, "s0", 2, 1)):
        home.ip("link", "set", interface, "address", f"02:00:00:00:00:0{own}")
        home.address(interface, f"10.9.0.{own}/24")
        home.ip("neigh", "replace", f"10.9.0.{other}", "lladdr", f"02:00:00:00:00:0{other}", "dev", interface, "nud", "permanent")
    return client, server


class Packets:
    """What an interface itself has counted, since it was asked last to begin."""

    def __init__(self, namespace, interface, *counters, still=True):
        self.namespace, self.paths = namespace, [f"/sys/class/net/{interface}/statistics/{name}" for name in counters]
        self.before = self.still() if still else self.now()

    def now(self):
        # /sys shows the namespace of who mounted it; a fresh mount shows the namespace itself.
        lines = self.namespace.run("unshare", "--mount", "sh", "-c", "mount -t sysfs none /sys && cat " + " ".join(self.paths))
        return sum(map(int, lines.split()))

    def still(self):
        """The count once nothing moves any more."""
        last = [self.now()]

        def rests():
            time.sleep(0.3)
            last.append(self.now())
            return last[-1] == last[-2]
        until(rests, 20, "rest on the interface")
        return last[-1]

    def since(self):
        return self.still() - self.before


class PipedWeir:
    """weir requests -o json --summary into a pipe. It is read `pace` bytes a second, or not at all (0), or at once (None)."""

    def __init__(self, namespace, *arguments, pace=8_000_000):
        scope = namespace.scope
        self.pace, self.peak, self.data = pace, 0, bytearray()
        self.err = os.path.join(scope.folder, f"piped{len(scope.ends)}.err")
        read, write = os.pipe()
        with open(self.err, "wb") as err:
            self.process = namespace.start(WEIR, "requests", "-o", "json", "--raw-queries", "--summary", *arguments, stdout=write, stderr=err)
        os.close(write)
        until(lambda: self.process.poll() is not None or re.search(r"\bready\b", self.said()), 15, "`ready` on stderr")
        self.reader = threading.Thread(target=self.read, args=(read,), daemon=True)
        self.reader.start()
        threading.Thread(target=self.watch, daemon=True).start()

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def read(self, pipe):
        while True:
            if self.pace == 0:
                time.sleep(0.02)
                continue
            data = os.read(pipe, 65536 if self.pace is None else 16384)
            if not data:
                break
            self.data += data
            if self.pace:
                time.sleep(len(data) / self.pace)
        os.close(pipe)

    def watch(self):
        while self.process.poll() is None:
            self.peak = max(self.peak, self.anonymous())
            time.sleep(0.05)

    def anonymous(self):
        """kB of memory of its own, the ring aside"""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                return sum(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
        except (FileNotFoundError, ProcessLookupError):
            return 0

    @contextlib.contextmanager
    def held(self):
        """Stopped for the length of a `with`."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        """Ends it, whatever its reader does; then what is left in the pipe is read. (whole lines, ledger)"""
        self.process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        code = self.process.wait(timeout=10)
        took = time.monotonic() - asked
        if code or took > 2:
            raise AssertionError(f"weir ended with {code} after {took:.2f} s: {self.said()[-400:]}")
        self.pace = None
        self.reader.join(timeout=10)
        if self.data and not self.data.endswith(b"\n"):
            raise AssertionError(f"the last line is not whole: {bytes(self.data[-80:])!r}")
        return [json.loads(line) for line in self.data.splitlines()], ledger(self.said())
