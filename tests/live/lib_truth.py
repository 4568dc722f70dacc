"""What weir counts on interfaces, held against what the kernel counts and what a capture of the wire shows."""
import contextlib
import json
import select
import socket
import struct
import threading

from lib import SLOWNESS, Weir, until
from lib_inside import inside
from lib_traffic import SO_RCVBUFFORCE, SOL_PACKET, proc_net_dev

DIRECTIONS = ("ingress", "egress")
ETH_P_ALL = 3
PACKET_STATISTICS, PACKET_OUTGOING = 6, 4


class Samples:
    """A running `weir interfaces`, asked for what it has counted."""
    command = "interfaces"

    def __init__(self, namespace, *arguments):
        self.namespace, self.read, self.known = namespace, 0, None
        self.weir = Weir(namespace, "-o", "json", "-t", "100ms", *arguments, command=self.command)

    def lines(self):
        """The whole lines that came since the last call."""
        with open(self.weir.out, "rb") as file:
            file.seek(self.read)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self.read += len(text)
        return [json.loads(line) for line in text.splitlines()]

    def next(self):
        """{interface: its sample}, all taken after this call began."""
        self.lines()
        seen = {}

        def enough():
            for line in self.lines():
                seen.setdefault(line["interface"], []).append(line)
            return any(len(lines) > 2 for lines in seen.values())
        until(enough, 5, "a sample")
        # The first of each may have been on its way before.
        return {name: lines[1] for name, lines in seen.items() if len(lines) > 1}

    def last(self):
        """Ends weir; its last samples."""
        self.lines()
        self.weir.stop(settle=0)
        return {line["interface"]: line for line in self.lines()}

    def settled(self):
        """(counters of /proc/net/dev, samples) of a moment at which nothing crosses any interface; of the last such moment where
        nothing has since."""
        def same():
            before = proc_net_dev(self.namespace)
            if self.known and self.known[0] == before:
                return self.known
            self.known = before, self.next()
            return self.known if before == proc_net_dev(self.namespace) else None
        return until(same, 20, "silence")


def frames_of(counts):
    return counts["frames"], counts["frame_bytes"]


def wire_of(counts):
    return counts["wire_packets"], counts["wire_bytes"]


def minus(one, other):
    return tuple(a - b for a, b in zip(one, other))


class Truth:
    """Holds what weir counts in a namespace against the kernel, step by step; verdict() tells of all that was wrong.

    `leaves_out`: {(interface, direction): bytes of each frame that the kernel's statistics leave out, though weir cannot know}.
    `on_wire`: {(interface, direction): bytes of each wire packet that they leave out}.
    `merged`: (interface, direction) where packets are merged after the device has counted them: frames are fewer.
    """

    def __init__(self, namespace, *arguments, samples=Samples, leaves_out=None, on_wire=None, merged=()):
        self.samples, self.leaves_out, self.on_wire, self.merged = samples(namespace, *arguments), leaves_out or {}, on_wire or {}, merged
        self.wrong, self.compared = [], 0
        self.begin()

    def begin(self):
        """A step begins here, not where the last one ended."""
        self.last = self.samples.settled()

    def settle(self):
        """Waits until nothing crosses any interface."""
        self.samples.settled()

    def step(self, what, *busy, wire=None, wire_is_frames=True):
        """What has crossed since the last step. `busy`: interfaces that something must have crossed. `wire`: {(interface,
        direction): (packets, bytes)}; what it does not name has wire packets as it has frames, unless not `wire_is_frames`."""
        (before, first), (after, last) = self.last, self.samples.settled()
        self.last = (after, last)
        for name in busy:
            if after[name] == before[name]:
                self.wrong.append(f"{what}: nothing crossed {name}")
        for name in after:
            if name not in before or name not in first:
                continue
            if name not in last:
                self.wrong.append(f"{what}: no sample of {name}")
                continue
            for direction in DIRECTIONS:
                self.compare(f"{what}: {name} {direction}", (name, direction), before, after, first, last,
                             wire or {}, wire_is_frames)

    def compare(self, what, key, before, after, first, last, wire, wire_is_frames):
        name, direction = key
        packets, size, dropped = minus(after[name][direction], before[name][direction])
        kernel = (packets, size + packets * self.leaves_out.get(key, 0))
        frames = minus(frames_of(last[name][direction]), frames_of(first[name][direction]))
        if dropped and direction == "egress":
            # Behind the hook: it saw them, the device has not counted them.
            self.hold(f"{what} frames", frames[0], packets + dropped)
            return
        if key not in self.merged or frames[0] >= packets:
            self.hold(f"{what} frames and bytes", frames, kernel)
        wanted = wire.get(key, (packets, kernel[1] + packets * self.on_wire.get(key, 0)) if wire_is_frames else None)
        if wanted is not None:
            self.hold(f"{what} wire packets and bytes", minus(wire_of(last[name][direction]), wire_of(first[name][direction])), wanted)

    def hold(self, what, got, wanted):
        self.compared += wanted not in (0, (0, 0))
        if got != wanted:
            self.wrong.append(f"{what} {got} not {wanted}")

    def verdict(self):
        """Ends weir, whose last samples must be as they were."""
        before, samples = self.samples.settled()
        known = {name: (frames_of(s["ingress"]), frames_of(s["egress"])) for name, s in samples.items()}
        said = {name: (frames_of(s["ingress"]), frames_of(s["egress"])) for name, s in self.samples.last().items()}
        if before == proc_net_dev(self.samples.namespace) and said != known:
            self.wrong.append(f"at the end weir said {said} not {known}")
        if self.wrong:
            raise AssertionError(f"{len(self.wrong)} wrong, {self.compared} compared: " + "; ".join(self.wrong))
        if not self.compared:
            raise AssertionError("nothing was compared")
        return f"{self.compared} comparisons"


class Wire(threading.Thread):
    """A packet socket on an interface whose offloads are off: what crossed it as the wire has it."""

    def __init__(self, namespace, interface):
        super().__init__(daemon=True)
        with inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)
        self.counts = {"ingress": [0, 0], "egress": [0, 0]}
        self.stopping = False
        self.start()

    def run(self):
        head = bytearray(64)
        while True:
            if not select.select([self.socket], [], [], 0.05)[0]:
                if self.stopping:
                    return
                continue
            with contextlib.suppress(BlockingIOError):
                while True:
                    length, address = self.socket.recvfrom_into(head, 0, socket.MSG_TRUNC)
                    counts = self.counts["egress" if address[2] == PACKET_OUTGOING else "ingress"]
                    counts[0] += 1
                    counts[1] += length

    def end(self):
        """{direction: (packets, bytes)}; to be called when all is quiet."""
        self.stopping = True
        self.join(timeout=30 * SLOWNESS)
        lost = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        self.socket.close()
        if lost:
            raise AssertionError(f"the test's own capture lost {lost} packets")
        return {direction: tuple(counts) for direction, counts in self.counts.items()}


def captured(row, truths, send):
    """What send() made cross the link to the right: ((packets, bytes) to the right, the same to the left). Where a device has
    dropped something, so that it is not the same on all links, all is done again."""
    def dropped():
        return [device[direction][2] for namespace in (row.left, row.middle, row.right)
                for device in proc_net_dev(namespace).values() for direction in DIRECTIONS]
    for _ in range(8):
        for truth in truths:
            truth.begin()
        wire, before = Wire(row.right, "rb"), dropped()
        send()
        for truth in truths:
            truth.settle()
        seen = wire.end()
        if dropped() == before:
            return seen["ingress"], seen["egress"]
    raise AssertionError("packets are dropped, however often this is tried")


def verdict_of(*truths):
    said, wrong = [], []
    for truth in truths:
        try:
            said.append(truth.verdict())
        except AssertionError as failure:
            wrong.append(str(failure))
    if wrong:
        raise AssertionError("; ".join(wrong))
    return ", ".join(said)
