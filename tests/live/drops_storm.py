#!/usr/bin/env python3
"""drops_storm [--long]: packets dropped as fast as this machine makes them, of few flows and of more than are kept: each is counted,
the ledger balances, memory stays.

--long: 30 seconds each, instead of 3, and what a drop costs (kernel.bpf_stats_enabled is switched on meanwhile).
"""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time

from lib import equal, main, need, test, until
from lib_drops import Drops
from lib_flows import Page
from lib_inside import inside
from lib_traffic import ipv4, udp

LONG = "--long" in sys.argv
SECONDS = 30 if LONG else 3
STATS = "/proc/sys/kernel/bpf_stats_enabled"


@contextlib.contextmanager
def timed():
    """The kernel measures its programs meanwhile."""
    if not LONG:
        yield
        return
    with open(STATS, "r+", encoding="ascii") as file:
        before = file.read()
        file.write("1")
    yield
    with open(STATS, "w", encoding="ascii") as file:
        file.write(before)


def cost():
    """Nanoseconds of the program per drop, when they were measured."""
    said = json.loads(subprocess.run(["bpftool", "-j", "prog", "show", "name", "weir_drop"], stdout=subprocess.PIPE, check=True).stdout)
    one = max(said if isinstance(said, list) else [said], key=lambda program: program.get("run_cnt", 0))
    return one["run_time_ns"] / one["run_cnt"] if one.get("run_cnt") else 0


def used(process):
    """(seconds of processor, MiB of memory)"""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        words = file.read().rsplit(") ", 1)[1].split()
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        memory = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"), memory


def shooting(scope, namespace):
    """Everything that comes in by loopback is dropped, and counted, by a program."""
    need("clang")
    source = scope.path("shoot.c", '__attribute__((section("tc"), used)) int shoot(void* c) { (void)c; return 2; }\n')
    namespace.run("clang", "-target", "bpf", "-O2", "-c", source, "-o", scope.path("shoot.o"))
    namespace.run("tc", "qdisc", "add", "dev", "lo", "clsact")
    namespace.run("tc", "filter", "add", "dev", "lo", "ingress", "bpf", "da", "obj", scope.path("shoot.o"), "sec", "tc")


def storm(namespace, flows):
    """How many packets were sent, in SECONDS."""
    with inside(namespace):
        out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    packets = [ipv4("127.0.0.1", "127.0.0.1", 17, udp(1 + n // 60000, 1 + n % 60000, bytes(18))) for n in range(flows)]
    sent, end = 0, time.monotonic() + SECONDS
    with out:
        while time.monotonic() < end:
            for n in range(sent, sent + 500):
                out.sendto(packets[n % flows], ("127.0.0.1", 0))
            sent += 500
    return sent


def held(scope, flows):
    namespace = scope.namespace()
    shooting(scope, namespace)
    drops = Drops(namespace, "--listen", "127.0.0.1:9911", "--reason", "TC_INGRESS", interval="500ms")
    with timed():
        _, memory = used(drops.process)
        before, began = used(drops.process)[0], time.monotonic()
        sent = storm(namespace, flows)
        until(lambda: sum(drops.sums().values()) >= sent or drops.lines() is None, 10, lambda: f"{sent} drops; there are {drops.sums()}")
        processor = (used(drops.process)[0] - before) / (time.monotonic() - began)
        one = cost()
    equal("packets", sum(drops.sums().values()), sent)
    if flows < 10000:
        equal("flows", len({json.dumps(line.get("destination")) for line in drops.all}), flows)
    namespace.run("tc", "qdisc", "del", "dev", "lo", "clsact")
    page = Page(namespace.get("http://127.0.0.1:9911/metrics"))
    equal("metric", page.sum("weir_drops_total", reason="TC_INGRESS", source="kernel", interface="lo"), sent)
    parts = [page.sum("weir_ledger_total", stage="drops", outcome=outcome) for outcome in ("seen", "delivered", "filtered", "lost")]
    parts.append(page.sum("weir_ledger_pending", stage="drops"))
    equal("the ledger: seen", parts[0], sum(parts[1:]), str(parts))
    equal("lost", parts[3], 0)
    grown = used(drops.process)[1] - memory
    if grown > 24:
        raise AssertionError(f"memory grew by {grown:.0f} MiB")
    return f"{sent / SECONDS / 1000:.0f} k/s, {100 * processor:.1f} % of a core" + (f", {one:.0f} ns each in the kernel" if one else "")


@test
def few_flows(scope):
    return held(scope, 100)


@test
def more_flows_than_are_kept(scope):
    return held(scope, 60000)


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--long"]
    main()
