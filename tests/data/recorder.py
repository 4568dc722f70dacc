"""What the recording scripts share: a network of their own, tcpdump, servers, the clients' log.

A recording is FILE.pcap.gz and FILE.truth.jsonl. The truth is what the clients sent and received, byte counts
included; nothing in it comes from packets. One line per exchange, in the order in which each connection completed them.
"""
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

RECORDINGS = os.path.dirname(os.path.abspath(__file__))


def in_own_network():
    """Starts the calling script again in a new network namespace, with loopback up; needs root."""
    if os.environ.get("WEIR_RECORDING") == "1":
        # Segments like those of an Ethernet instead of loopback's 64 kB.
        run("ip", "link", "set", "lo", "mtu", "1500", "gso_max_segs", "1", "up")
        return
    os.environ["WEIR_RECORDING"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, *sys.argv])


def run(*command):
    subprocess.run(command, check=True)


def wait_for_port(address, port, seconds=10):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class Server:
    """A server process in the foreground; `with` ends it by its pid and this signal."""

    def __init__(self, command, address, port, stop=signal.SIGTERM):
        self.stop = stop
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for_port(address, port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(self.stop)
        self.process.wait(timeout=10)


class Recording:
    """tcpdump on an interface for the length of a `with`; then compressed and moved into place beside its truth."""

    def __init__(self, name, interface, expression=""):
        self.name, self.interface, self.expression = name, interface, expression
        self.lines, self.lock, self.next_id = [], threading.Lock(), 0

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-recording-")
        self.raw = os.path.join(self.folder, "raw.pcap")
        self.tcpdump = subprocess.Popen(
            ["tcpdump", "-i", self.interface, "-n", "-p", "-U", "-B", "65536", "-Z", "root", "-w", self.raw,
             *self.expression.split()], stderr=subprocess.PIPE, text=True)
        while "listening on" not in (line := self.tcpdump.stderr.readline()):
            if not line:
                raise RuntimeError("tcpdump did not start")
        time.sleep(0.3)
        return self

    def new_id(self):
        with self.lock:
            self.next_id += 1
            return self.next_id

    def log(self, shape, client, server, request, response, **more):
        """client and server are (address, port); request or response is None where there was none."""
        line = {"shape": shape, "client": end(client), "server": end(server), "request": request, "response": response,
                **more}
        with self.lock:
            self.lines.append(line)

    def __exit__(self, failure, *_):
        time.sleep(2)  # a ring's block is handed over after a second
        self.tcpdump.send_signal(signal.SIGINT)
        said = self.tcpdump.communicate(timeout=20)[1]
        try:
            if failure:
                return
            captured, received, lost = (int(number) for number in re.findall(r"^(\d+) packets", said, re.MULTILINE))
            # The filter sees what loopback sends and what it receives; tcpdump keeps one of the two.
            if lost or received != 2 * captured:
                raise RuntimeError(f"the recording is not whole: {said}")
            target = os.path.join(RECORDINGS, self.name)
            with open(self.raw, "rb") as raw, open(target + ".pcap.gz", "wb") as packed:
                with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as out:
                    shutil.copyfileobj(raw, out)
            with open(target + ".truth.jsonl", "w", encoding="utf-8") as truth:
                truth.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in self.lines)
            print(f"{self.name}: {len(self.lines)} exchanges, {os.path.getsize(target + '.pcap.gz')} bytes; {said.strip()}")
        finally:
            shutil.rmtree(self.folder)


def end(address):
    return {"address": address[0], "port": address[1]}


def at_once(count, work):
    """Runs work(i) for i in range(count) in `count` threads that start together; the first failure is raised."""
    barrier, failures = threading.Barrier(count), []

    def one(i):
        try:
            barrier.wait()
            work(i)
        except Exception as failure:  # handed to the caller's thread
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
