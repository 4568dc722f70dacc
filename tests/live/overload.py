#!/usr/bin/env python3
"""overload: one worker is offered more than it can take. What it says stays right, its memory bounded, and what is missing
is in the ledger to the packet, by the interface's own counters.

The load are commands that nobody knows, each its own: redis-server's error repeats the command, so that every answer tells
which request it belongs to.
"""
import os
import sys
import time

from lib import Redis, equal, main, need, test, until
from lib_overload import Packets, PipedWeir, quiet_pair

MOST = 64 * 1024  # kB
RING = 32 << 20  # bytes
CLIENT = """
import socket, sys, time
address, seconds, number, depth = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
s = socket.create_connection((address, 6379))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
end = time.monotonic() + seconds
while time.monotonic() < end:
    s.sendall(b"".join(b"*1\\r\\n$12\\r\\n%012d\\r\\n" % n for n in range(number, number + depth)))
    number += depth
    left = depth
    while left:
        left -= s.recv(65536).count(b"\\n")
"""


def load(namespace, seconds, address="127.0.0.1", depth=16):
    """Starts clients that ask as fast as they are answered."""
    return [namespace.start(sys.executable, "-c", CLIENT, address, seconds, n * 1_000_000_000, depth) for n in range(3)]


def right(records):
    """How many are pairs; each must be one of a command and its own error. The others must say that they are not whole."""
    pairs = 0
    for record in records:
        if record["protocol"] != "redis":
            raise AssertionError(f"no Redis: {record}")
        if record["request"] and record["response"]:
            pairs += 1
            asked, told = record["attributes"]["db.query.text"], record["attributes"].get("error.message", "")
            if len(asked) != 12 or f"'{asked}'" not in told:
                raise AssertionError(f"a wrong pair: {record}")
        elif record["quality"] == "complete" and record["status"] != "unanswered":
            raise AssertionError(f"called complete: {record}")
    return pairs


def settle(weir, packets, clients):
    """Waits for the load's end and for the interface to rest; then weir's records, its ledger, and the interface's count."""
    for client in clients:
        equal("a client's exit code", client.wait(timeout=30), 0)
    counted = packets.since()
    time.sleep(0.5)
    records, ledger = weir.stop()
    return records, ledger, counted


def judged(weir, records, ledger, counted, least=1000):
    pairs = right(records)
    equal("packets seen", ledger["capture"]["seen"], counted, str(ledger))
    equal("lines", len(records), ledger["queue_stdout"]["delivered"], str(ledger))
    if weir.peak > MOST:
        raise AssertionError(f"{weir.peak} kB of memory")
    if pairs < least:
        raise AssertionError(f"only {pairs} pairs")
    return (f"{counted} packets, {ledger['capture']['lost']} lost by the kernel; {ledger['queue_stdout']['seen']} records, "
            f"{ledger['queue_stdout']['lost']} lost before the pipe; {pairs} pairs read, {weir.peak / 1024:.0f} MB")


def home_with_redis(scope):
    home = scope.namespace()
    Redis(home)
    return home, Packets(home, "lo", "rx_packets")


@test
def a_slow_reader(scope):
    home, packets = home_with_redis(scope)
    weir = PipedWeir(home, "-i", "lo", "--workers", "1", pace=1_000_000)
    result = settle(weir, packets, load(home, 3))
    if not result[1]["queue_stdout"]["lost"]:
        raise AssertionError(f"it was not slow enough: {result[1]}")
    return judged(weir, *result)


@test
def a_reader_that_stops_for_seconds(scope):
    home, packets = home_with_redis(scope)
    weir = PipedWeir(home, "-i", "lo", "--workers", "1", pace=0)
    clients = load(home, 3)
    time.sleep(2)
    weir.pace = 8_000_000
    result = settle(weir, packets, clients)
    if not result[1]["queue_stdout"]["lost"]:
        raise AssertionError(f"nothing was lost: {result[1]}")
    return judged(weir, *result)


@test
def a_reader_that_never_reads(scope):
    """Ending is not up to the reader either; what the pipe holds then are whole lines."""
    home, packets = home_with_redis(scope)
    weir = PipedWeir(home, "-i", "lo", "--workers", "1", pace=0)
    result = settle(weir, packets, load(home, 2))
    return judged(weir, *result, least=50)


@test
def a_worker_that_is_held_up(scope):
    """The ring is full meanwhile. Of the records a part is shown, which is of all times."""
    home, packets = home_with_redis(scope)
    weir = PipedWeir(home, "-i", "lo", "--workers", "1", "--where", "db.query.text~[05]0$")
    clients, traffic = load(home, 5), Packets(home, "lo", "rx_bytes", still=False)
    with weir.held():
        until(lambda: traffic.now() - traffic.before > 2 * RING, 4, "more traffic than the ring holds")
    result = settle(weir, packets, clients)
    if not result[1]["capture"]["lost"]:
        raise AssertionError(f"the ring never was full: {result[1]}")
    return judged(weir, *result)


@test
def beside_busy_processors(scope):
    need("taskset")
    client, server = quiet_pair(scope)
    Redis(server, "10.9.0.2")
    packets = Packets(server, "s0", "rx_packets", "tx_packets")
    weir = PipedWeir(server, "-i", "s0", "--workers", "1")
    clients = load(client, 3, "10.9.0.2")
    for processor in sorted(os.sched_getaffinity(0)):
        server.start("timeout", 3, "taskset", "-c", processor, sys.executable, "-c", "while True: pass")
    return judged(weir, *settle(weir, packets, clients))


main()
