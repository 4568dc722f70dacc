#!/usr/bin/env python3
"""false_claims_test [MEGABYTES]: no protocol claims what is not its own, whichever port it is on.

So many megabytes (64) of random, compressed and encrypted bytes, as the two directions of TCP connections, joined at their
beginning or later, and as UDP datagrams: weir must not show a record. By hand: 1024.
The binary is $WEIR, else build/release/weir.
"""
import bz2
import glob
import json
import lzma
import os
import random
import shutil
import struct
import subprocess
import sys
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.path.abspath(os.environ.get("WEIR", os.path.join(ROOT, "build", "release", "weir")))
# Where a protocol is expected, and so is taken for it on slighter evidence.
HINTED_TCP = (53, 80, 443, 465, 636, 853, 993, 995, 3000, 3306, 5432, 5671, 5672, 6379, 6443, 8000, 8080, 8443, 9092, 26379, 27017,
              33060, 50051)
HINTED_UDP = (53, 443, 5353)
TCP, UDP = 6, 17
CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
CHUNK = 1 << 20


def random_bytes(_):
    while True:
        yield os.urandom(CHUNK)


def encrypted(_):
    """AES in counter mode over zeros, by openssl."""
    command = ["openssl", "enc", "-aes-128-ctr", "-K", os.urandom(16).hex(), "-iv", os.urandom(16).hex()]
    with open("/dev/zero", "rb") as zeros, subprocess.Popen(command, stdin=zeros, stdout=subprocess.PIPE) as process:
        try:
            while data := process.stdout.read(CHUNK):
                yield data
        finally:
            process.kill()


def compressed(chance):
    """Pieces of this project's text and binary, each packed by itself: every one begins as its format does."""
    paths = [path for path in glob.glob(os.path.join(ROOT, "**", "*"), recursive=True) if os.path.isfile(path) and "/.git" not in path]
    ways = [lambda data: zlib.compress(data, chance.randrange(1, 10)), lambda data: zlib.compress(data, 6)[2:],
            lambda data: bz2.compress(data, 1), lambda data: lzma.compress(data, preset=0),
            lambda data: b"\x1f\x8b\x08\0\0\0\0\0\0\3" + zlib.compress(data, 6)[2:]]
    while True:
        path = chance.choice(paths)
        with open(path, "rb") as file:
            size = os.path.getsize(path)
            file.seek(chance.randrange(max(1, size - 4000)))
            data = file.read(chance.randrange(2000, 40000))
        yield chance.choice(ways)(data + os.urandom(8))


def ip(protocol, source, target, payload):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, source, target) + payload


class File:
    """A raw-IP capture that is written as it is read."""

    def __init__(self, out):
        self.out, self.time = out, 1_700_000_000_000_000
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))

    def packet(self, data):
        self.time += 20
        self.out.write(struct.pack("<4I", self.time // 1_000_000, self.time % 1_000_000, len(data), len(data)) + data)

    def tcp(self, ends, number, flags, payload=b""):
        (source, source_port), (target, target_port) = ends
        head = struct.pack("!HHIIBBHHH", source_port, target_port, *number, 0x50, flags, 64240, 0, 0)
        self.packet(ip(TCP, source, target, head + payload))

    def connection(self, ends, begun, pieces):
        """pieces: (to the server?, bytes)"""
        back, sent = (ends[1], ends[0]), {True: 1000, False: 5000}
        if begun:
            self.tcp(ends, (999, 0), 0x02)
            self.tcp(back, (4999, 1000), 0x12)
            self.tcp(ends, (1000, 5000), 0x10)
        for up, data in pieces:
            for at in range(0, len(data), 1460):
                piece = data[at:at + 1460]
                self.tcp(ends if up else back, (sent[up], sent[not up]), 0x18, piece)
                sent[up] += len(piece)
        self.tcp(ends, (sent[True], sent[False]), 0x04)

    def datagram(self, ends, data):
        (source, source_port), (target, target_port) = ends
        self.packet(ip(UDP, source, target, struct.pack("!HHHH", source_port, target_port, 8 + len(data), 0) + data))


def write(file, source, chance, megabytes):
    left, number = megabytes << 20, 0
    data = b""
    while left > 0:
        if len(data) < 1 << 15:
            data += next(source)
            continue
        number += 1
        hinted, over_tcp = number % 3 == 0, number % 8 != 0
        port = chance.choice(HINTED_TCP if over_tcp else HINTED_UDP) if hinted else chance.randrange(10000, 26000)
        ends = ((CLIENT[:2] + struct.pack("!H", number >> 14 & 0xFFFF), 32768 + (number & 0x3FFF)), (SERVER, port))
        if over_tcp:
            pieces, used = [], 0
            for at in range(chance.randrange(1, 5)):
                size = chance.choice((4, 20, 100, 500, 1460, 4000))
                pieces.append(((at + number) % 2 == 0, data[used:used + size]))
                used += size
            file.connection(ends, number % 5 != 0, pieces)
        else:
            used = chance.choice((12, 40, 200, 1200))
            file.datagram(ends, data[:used])
        data, left = data[used:], left - used
    return number


def claims(source, megabytes, seed):
    chance = random.Random(seed)
    with subprocess.Popen([WEIR, "requests", "-r", "-", "-o", "json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        number = write(File(process.stdin), source(chance), chance, megabytes)
        process.stdin.close()
        records = [json.loads(line) for line in process.stdout]
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}")
    return number, records


def main():
    if not os.access(WEIR, os.X_OK):
        sys.exit(f"false_claims_test: no binary at {WEIR}")
    megabytes, failed = int(sys.argv[1]) if len(sys.argv) > 1 else 64, False
    for source in (random_bytes, compressed, encrypted):
        name = source.__name__.replace("_", " ")
        if source is encrypted and not shutil.which("openssl"):
            print("SKIPPED encrypted (openssl is not installed)")
            continue
        number, records = claims(source, megabytes // 3, 7)
        if records:
            failed = True
            print(f"FAIL {name} ({len(records)} records: {json.dumps(records[0])[:300]})")
        else:
            print(f"PASS {name} ({megabytes // 3} MB, {number} connections)", flush=True)
    sys.exit(1 if failed else 0)


main()
