#!/usr/bin/env python3
"""flows_roce [WORD]...: what `weir flows` says of RDMA's queue pairs is what the frames say, read here by themselves, and by tshark.

Recorded soft-RoCE traffic and its form as RoCE v1 (../shared/captures/roce), where they are; frames made here, always.
"""
import collections
import os
import random
import shutil
import struct
import subprocess

from lib import ROOT, Skip, equal, main, test, until
from lib_flows import Flows, sums
from lib_frames import base_transport, ipv6, roce_v1, roce_v2
from lib_roce import CNP, COUNTS, OPERATIONS, base_of, frames_of_pcap, hold, queue_pairs
from lib_traffic import Raw, ethernet, pair, udp

CAPTURES = os.path.join(ROOT, "..", "shared", "captures", "roce")
TARGET, SOURCE = "02:00:00:00:00:02", "02:00:00:00:00:01"
LOSSY_FROM = 275  # the frame at which the recording's part with losses begins


def replayed(scope, frames):
    """The queue pairs of `weir flows` that these frames make, and its flows."""
    here, there = pair(scope)
    there.ip("link", "set", "dev", "vb", "mtu", 9000)
    here.ip("link", "set", "dev", "va", "mtu", 9000)
    weir = Flows(here, "-i", "va", "--direction", "ingress", "--expire", "1h")
    raw = Raw(there, "vb")
    raw.send(*frames)
    raw.close()
    flows, pairs = weir.last()
    return {(kind, source, target, number): line for (_, _, kind, source, target, number), line in pairs.items()}, flows


def capture(name):
    path = os.path.join(CAPTURES, name)
    if not os.path.exists(path):
        raise Skip(f"no {path}")
    return path


def by_tshark(path):
    """{(source, target, queue pair): {opcode: packets}}, as tshark reads them"""
    fields = ("ip.src", "ip.dst", "infiniband.grh.sgid", "infiniband.grh.dgid", "infiniband.bth.destqp", "infiniband.bth.opcode")
    said = subprocess.run(["tshark", "-r", path, "-Y", "infiniband.bth", "-T", "fields", *(word for field in fields for word in ("-e", field))],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    found = collections.defaultdict(collections.Counter)
    for line in said.splitlines():
        source, target, sgid, dgid, number, opcode = line.split("\t")
        ends = (source, target) if source else (sgid.removeprefix("::ffff:"), dgid.removeprefix("::ffff:"))
        found[(*ends, int(number, 16))][int(opcode)] += 1
    return found


def recorded(scope, name, kind):
    path = capture(name)
    frames = list(frames_of_pcap(path))
    wanted = queue_pairs(frames)
    said, flows = replayed(scope, frames)
    hold(said, wanted)
    roce = [frame for frame in frames if base_of(frame)]
    equal("flows", sums(flows, type=kind), (len(roce), sum(map(len, roce))))
    equal("all", sums(flows)[0] >= len(frames), True)
    total = collections.Counter()
    for line in said.values():
        total.update({name: line[name] for name in COUNTS})
    equal("NAKs", total["negative_acknowledges"], 9)
    before = queue_pairs(frames[:LOSSY_FROM]) if kind == "roce_v2" else {}
    equal("gaps before the losses", sum(one.counts["gaps"] for one in before.values()), 0)
    if not total["repeated_packets"]:
        raise AssertionError(f"nothing was repeated: {total}")
    if not shutil.which("tshark"):
        return f"{len(said)} queue pairs; no tshark to ask"
    seen = {(source, target, number): {OPERATIONS.index(operation): count for operation, count in line["operations"].items()}
            for (_, source, target, number), line in said.items()}
    theirs = collections.defaultdict(collections.Counter)
    for which, opcodes in by_tshark(path).items():
        for opcode, count in opcodes.items():
            theirs[which][opcode & 31] += count
    equal("operations by tshark", seen, {which: dict(count) for which, count in theirs.items()})
    return f"{len(said)} queue pairs, gaps {total['gaps']}, missing {total['missing_packets']}, repeated {total['repeated_packets']}"


@test
def recorded_roce_v2(scope):
    return recorded(scope, "rxe-rocev2.pcap", "roce_v2")


@test
def recorded_roce_v1(scope):
    return recorded(scope, "rxe-rocev1-synth.pcap", "roce_v1")


def sends(numbers, made, number=0x11, opcode=4, **more):
    ethertype = 0x8915 if made is roce_v1 else 0x0800
    return [ethernet(TARGET, SOURCE, ethertype, made(opcode, number, n % (1 << 24), **more)) for n in numbers]


@test
def losses_and_repetitions(scope):
    """Sequences with losses, repetitions and the wrap at 24 bits; the numbers that are meant to come out are given here."""
    frames, meant = [], {}
    for made, kind in ((roce_v2, "roce_v2"), (roce_v1, "roce_v1")):
        for number, sequence, (gaps, missing, repeated, restarts) in (
                (1, range(100), (0, 0, 0, 0)),
                (2, [*range(10), *range(15, 30)], (1, 5, 0, 0)),
                (3, [*range(10), 11, 12, 13, 10, 11, 12, 13, 14], (1, 1, 4, 0)),
                (4, range((1 << 24) - 5, (1 << 24) + 5), (0, 0, 0, 0)),
                (5, [(1 << 24) - 2, (1 << 24) - 1, 3, 4, (1 << 24) - 1], (1, 3, 1, 0)),
                (6, [1000, 1001, 8000000, 8000001], (0, 0, 0, 1)),
                (7, [*range(0, 200, 2)], (99, 99, 0, 0))):
            frames += sends(sequence, made, number)
            meant[(kind, "10.9.0.1", "10.9.0.2", number)] = (gaps, missing, repeated, restarts)
    said, _ = replayed(scope, frames)
    equal("what was meant", {which: tuple(line[name] for name in ("gaps", "missing_packets", "repeated_packets", "restarts"))
                             for which, line in said.items()}, meant)
    hold(said, queue_pairs(frames))


@test
def every_operation_and_transport(scope):
    frames, number = [], 100
    for transport in (0, 1, 3, 5):
        for operation in range(len(OPERATIONS)):
            if operation == 12:
                continue
            frames += sends(range(3), roce_v2, number, transport << 5 | operation, extension=bytes(28))
            number += 1
    for syndrome in (0x00, 0x1f, 0x20, 0x3f, 0x60, 0x63, 0x64):  # acknowledged, not ready, negative
        frames += sends([5], roce_v2, 50, 0x11, extension=bytes([syndrome, 0, 0, 0]))
    frames += sends([0] * 7, roce_v2, 51, CNP)
    # A read of 4096 bytes takes four numbers, its answers are numbered so; then a send.
    read = struct.pack("!QII", 0, 1, 4096)
    frames += sends([10], roce_v2, 52, 12, extension=read) + sends([14, 15], roce_v2, 52)
    frames += [frame for opcode, n in ((13, 10), (14, 11), (14, 12), (15, 13), (16, 20), (13, 30), (14, 32), (15, 33))
               for frame in sends([n], roce_v2, 53, opcode, extension=bytes(4))]
    marked = bytearray(sends([1], roce_v2, 54)[0])
    marked[15] = 3
    frames += [bytes(marked)] * 3
    said, _ = replayed(scope, frames)
    hold(said, queue_pairs(frames))
    where = ("roce_v2", "10.9.0.1", "10.9.0.2")
    equal("negative and not ready", [said[(*where, 50)][name] for name in ("negative_acknowledges", "receiver_not_ready")], [3, 2])
    equal("notifications", said[(*where, 51)]["congestion_notifications"], 7)
    equal("gaps around a read", [said[(*where, number)]["gaps"] for number in (52, 53)], [0, 1])
    equal("marked", said[(*where, 54)]["congestion_marked"], 3)


@test
def many_queue_pairs_at_random(scope):
    chance = random.Random(7)
    at = {(made, number): chance.randrange(1 << 24) for made in (roce_v1, roce_v2) for number in range(1, 40)}
    frames = []
    for _ in range(6000):
        which = chance.choice(list(at))
        step = chance.choice([1] * 20 + [2, 3, 50, -1, -5, 1 << 17])
        at[which] = (at[which] + step) % (1 << 24)
        frames += sends([at[which]], which[0], which[1], chance.choice((0, 1, 2, 4, 10, 0x24, 0x64)))
    said, _ = replayed(scope, frames)
    hold(said, queue_pairs(frames))
    return f"{len(said)} queue pairs"


@test
def more_queue_pairs_than_are_kept(scope):
    """8192 are; the packets of the others are told on the page, and are in their flow."""
    here, there = pair(scope)
    weir = Flows(here, "-i", "va", "--direction", "ingress")
    raw = Raw(there, "vb")
    raw.send(*(frame for number in range(9000) for frame in sends([1], roce_v2, number)))
    raw.send(ethernet(TARGET, SOURCE, 0x86dd, ipv6("fd09::1", "fd09::2", 17, udp(1, 4791, base_transport(4, 1, 1)))))
    raw.close()
    until(lambda: weir.page().sum("weir_roce_untracked_packets_total") == 9001 - 8192, 5, "the others on the page")
    flows, pairs = weir.last()
    equal("packets in flows", sums(flows, type="roce_v2")[0], 9001)
    equal("queue pairs", len(pairs), 8192)


if __name__ == "__main__":
    main()
