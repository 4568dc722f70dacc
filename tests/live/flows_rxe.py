#!/usr/bin/env python3
"""flows_rxe [WORD]...: what `weir flows` says of RDMA between two soft-RoCE devices is what the program that sends says, and what the
frames say that tcpdump recorded beside it.

Needs rdma_rxe, which up to Linux 6.13 sends in the machine's first network namespace alone: this makes a pair of interfaces there, and
is meant for a virtual machine (tests/kernel-lab).
"""
import collections
import contextlib
import os
import re
import subprocess

from lib import SLOWNESS, Namespace, Skip, equal, main, need, test, until
from lib_flows import Flows
from lib_recorder import Recorder
from lib_roce import COUNTS, frames_of_pcap, hold, queue_pairs
from lib_traffic import batch

CLIENT, SERVER = "10.8.0.1", "10.8.0.2"
MTU, MESSAGES, SIZE = 1024, 8, 4096
# InfiniBand Architecture Specification, volume 1, 9.2: what stands between the base transport header and the payload, in bytes.
EXTENSIONS = {"rdma_write_first": 16, "rdma_read_request": 16, "rdma_read_response_first": 4, "rdma_read_response_last": 4, "acknowledge": 4,
              "fetch_add": 28, "atomic_acknowledge": 12}
DATAGRAM = 8
AROUND = 14 + 20 + 8 + 12 + 4  # Ethernet, IP, UDP, base transport header, and the check at the end


class First(Namespace):
    """The network namespace this runs in."""

    def __init__(self, scope):
        self.scope, self.pid = scope, os.getpid()

    def inside(self, *command):
        return [*map(str, command)]


@contextlib.contextmanager
def devices(scope):
    """rxe0 on va and rxe1 on vb, two ends of one veth pair; the clients are on va."""
    need("modprobe", "rdma", "tc", "ib_send_bw")
    if subprocess.run(["modprobe", "-a", "veth", "rdma_rxe", "ib_uverbs", "rdma_ucm"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("this kernel has no rdma_rxe")
    first = First(scope)
    first.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    try:
        first.run("sh", "-ec", "for name in va vb; do echo 1 > /proc/sys/net/ipv4/conf/$name/accept_local; "
                               "echo 0 > /proc/sys/net/ipv4/conf/$name/rp_filter; done")
        batch(first, f"""address add {CLIENT}/24 dev va
            address add {SERVER}/24 dev vb
            link set dev va mtu 4200 up
            link set dev vb mtu 4200 up""")
        for device, interface in (("rxe0", "va"), ("rxe1", "vb")):
            first.run("rdma", "link", "add", device, "type", "rxe", "netdev", interface)
        yield first
    finally:
        first.ip("link", "del", "dev", "va")  # and with it the devices


def index_of(device, address):
    """Of the GID that is this address."""
    wanted = "0000:0000:0000:0000:0000:ffff:{:02x}{:02x}:{:02x}{:02x}".format(*map(int, address.split(".")))

    def found():
        for index in range(8):
            with open(f"/sys/class/infiniband/{device}/ports/1/gids/{index}", encoding="utf-8") as file:
                if file.read().strip() == wanted:
                    return str(index)
        return None
    return until(found, 5, f"a GID of {device}")


class Sending:
    """A program of perftest at both ends; ended() gives the queue pair numbers of client and server, as it says itself."""
    port = 18600

    def __init__(self, first, program, *words, messages=MESSAGES, size=SIZE):
        Sending.port += 1
        self.first, self.messages, self.size, port = first, messages, size, Sending.port
        self.command = [program, "-n", str(messages), *(("-s", str(size), "-m", str(MTU)) if size else ()), "-p", str(port), "-F", *words]
        self.ends = [self.end("rxe1", SERVER)]
        until(lambda: f":{port:04X} " in open("/proc/net/tcp", encoding="utf-8").read() + open("/proc/net/tcp6", encoding="utf-8").read(),
              10, f"{program} on port {port}")
        self.ends.append(self.end("rxe0", CLIENT, "127.0.0.1"))

    def end(self, device, address, *target):
        out = self.first.scope.path(f"{self.command[0]}.{Sending.port}.{device}")
        with open(out, "wb") as file:
            return out, self.first.start(*self.command, "-d", device, "-x", index_of(device, address), *target, stdout=file,
                                         stderr=subprocess.STDOUT)

    def ended(self):
        for out, process in reversed(self.ends):
            code = process.wait(timeout=30 * SLOWNESS)
            self.said = open(out, encoding="utf-8").read()
            equal(f"exit code of {self.command}", code, 0, self.said[-300:])
        out, _ = self.ends[1]
        self.said = open(out, encoding="utf-8").read()
        size, messages = re.search(r"^ (\d+) +(\d+) +[\d.]+ ", self.said, re.MULTILINE).groups()
        equal(f"what {self.command} says of size and messages", (int(size), int(messages)), (self.size or 8, self.messages))
        return [int(re.search(rf"{end} address: LID \w+ QPN (0x\w+)", self.said).group(1), 16) for end in ("local", "remote")]


def parts(operation, messages=MESSAGES, size=SIZE):
    """A message's packets, of which there are more than two."""
    return {f"{operation}_first": messages, f"{operation}_middle": messages * (size // MTU - 2), f"{operation}_last": messages}


def payload(line):
    around = AROUND + (DATAGRAM if line["transports"] == ["ud"] else 0)
    return line["frame_bytes"] - sum(count * (around + EXTENSIONS.get(operation, 0)) for operation, count in line["operations"].items())


def held(weir, recorder, direction_of):
    """Weir's queue pairs on va, {(source, number): line}, once they are what the frames say."""
    wanted = queue_pairs(frames_of_pcap(recorder.stop()), MTU)
    _, pairs = weir.last()
    for (_, direction, _, source, _, _) in pairs:
        equal(f"direction of what {source} sends", direction, direction_of[source])
    said = {(kind, source, target, number): line for (_, _, kind, source, target, number), line in pairs.items()}
    hold(said, wanted)
    return {(source, number): line for (_, source, _, number), line in said.items()}


DIRECTION = {CLIENT: "egress", SERVER: "ingress"}


@test
def operations_messages_and_bytes(scope):
    with devices(scope) as first:
        weir, recorder = Flows(first, "-i", "va"), Recorder(first, "va")
        data = MESSAGES * SIZE
        # What goes to the server's queue pair and to the client's, acknowledgments apart, and its payload.
        patient = ("-u", "20")  # no timer but of seconds, so that nothing is sent twice
        cases = [(Sending(first, program, *words, *patient, **more), *wanted) for program, words, more, *wanted in (
            ("ib_send_bw", ("-b",), {}, (parts("send"), data), (parts("send"), data)),
            ("ib_send_bw", ("-c", "UD"), {"size": 1000}, ({"send_only": MESSAGES}, MESSAGES * 1000), None),
            ("ib_write_bw", (), {}, (parts("rdma_write"), data), ({}, 0)),
            ("ib_read_bw", (), {}, ({"rdma_read_request": MESSAGES}, 0), (parts("rdma_read_response"), data)),
            ("ib_atomic_bw", (), {"size": 0}, ({"fetch_add": MESSAGES}, 0), ({"atomic_acknowledge": MESSAGES}, 0)))]
        wanted = {}
        for sending, to_server, to_client in cases:
            client, server = sending.ended()
            wanted[(CLIENT, server)] = to_server
            if to_client:
                wanted[(SERVER, client)] = to_client
        said = held(weir, recorder, DIRECTION)
        equal("queue pairs", sorted(said), sorted(wanted))
        for which, (operations, size) in wanted.items():
            line = said[which]
            equal(f"operations of {which}", {name: count for name, count in line["operations"].items() if name != "acknowledge"}, operations)
            equal(f"payload of {which}", payload(line), size)
            equal(f"troubles of {which}", [line[name] for name in COUNTS[2:]], [0] * len(COUNTS[2:]))
        return f"{len(said)} queue pairs, {sum(line['frames'] for line in said.values())} frames"


@test
def losses(scope):
    """Every 13th frame is lost: of those that the server sends before weir sees them, of those to the server behind it."""
    with devices(scope) as first:
        first.run("tc", "qdisc", "add", "dev", "vb", "clsact")
        # Without hardware to trap it, a frame is gone, and its sender is not told: told of a drop, rxe sends it again at once.
        for way in ("ingress", "egress"):
            first.run("tc", "filter", "add", "dev", "vb", way, "protocol", "ip", "flower", "ip_proto", "udp", "dst_port", 4791,
                      "action", "ok", "random", "determ", "trap", 13)
        weir, recorder = Flows(first, "-i", "va"), Recorder(first, "va")
        messages = 60
        impatient = ("-u", "16", "-t", "4")  # a quarter of a second; four messages under way, all of which are sent again
        cases = [(Sending(first, program, *words, *impatient, messages=messages), operation) for program, words, operation in (
            ("ib_send_bw", ("-b",), "send"), ("ib_write_bw", (), "rdma_write"))]
        numbers = [sending.ended() for sending, _ in cases]
        said = held(weir, recorder, DIRECTION)
        for (_, operation), (_, server) in zip(cases, numbers):
            line = said[(CLIENT, server)]
            packets = sum(count for name, count in line["operations"].items() if name.startswith(operation))
            equal(f"new packets to {server}", (packets - line["repeated_packets"], line["gaps"]), (messages * SIZE // MTU, 0))
        total = collections.Counter()
        for line in said.values():
            total.update({name: line[name] for name in COUNTS})
        back = said[(SERVER, numbers[0][0])]
        if not (back["gaps"] and back["missing_packets"] and total["negative_acknowledges"] and total["repeated_packets"]):
            raise AssertionError(f"nothing was lost: {total}")
        return ", ".join(f"{name} {total[name]}" for name in ("frames", *COUNTS[4:]))


if __name__ == "__main__":
    main()
