"""Large recordings from the small ones of tests/data: conversations of one shape again and again, each copy from another client."""
import collections
import gzip
import json
import os
import struct

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "data")
TOGETHER = 32  # copies that are under way at a time
LEAST_CLIENT = 10_000  # the floor takes a port below it for a server's: those above are moved


def packets(name):
    """(microseconds, record header's lengths, frame) of the IPv4 packets in a recording, Ethernet."""
    with gzip.open(f"{DATA}/{name}/shapes.pcap.gz") as file:
        file.read(24)
        while head := file.read(16):
            seconds, micros, captured, wire = struct.unpack("<4I", head)
            frame = file.read(captured)
            if frame[12:14] == b"\x08\x00" and frame[23] in (6, 17):
                yield seconds * 1_000_000 + micros, wire, frame


def port(frame, at):
    return int.from_bytes(frame[34 + at:36 + at], "big")


class Shape:
    """What clients of one shape exchanged with servers on `ports`, in tests/data/`name`."""

    def __init__(self, name, shape, ports, protocol=None):
        self.name, self.shape, self.ports, self.protocol = name, shape, ports, protocol or name

    def exchanges(self):
        with open(f"{DATA}/{self.name}/shapes.truth.jsonl", encoding="utf-8") as file:
            return [line for line in map(json.loads, file) if line["shape"] == self.shape and "said" not in line]

    def packets(self):
        """[(microseconds, wire length, frame, whether the client sent it, client's port)]: of the connections that the truth names by
        their client's port or, where it has a client's name only, that say this name."""
        lines = self.exchanges()
        by_client = collections.defaultdict(list)
        for micros, wire, frame in packets(self.name):
            asks = port(frame, 2) in self.ports
            if asks or port(frame, 0) in self.ports:
                by_client[port(frame, 0 if asks else 2)].append((micros, wire, frame, asks))
        if "client" in lines[0]:
            wanted = {line["client"]["port"] for line in lines}
        else:
            names = {line["client_id"].encode() for line in lines}
            wanted = {client for client, sent in by_client.items()
                      if any(asks and any(name in frame for name in names) for _, _, frame, asks in sent)}
        return sorted((packet for client in wanted for packet in by_client[client]), key=lambda packet: packet[0])

    def write(self, path, copies):
        """So many copies into the file `path`; how many exchanges these are."""
        template = self.packets()
        begin, length = template[0][0], template[-1][0] - template[0][0] + 1000
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
            for first in range(0, copies, TOGETHER):
                clients = [(10 << 24 | copy).to_bytes(4, "big") for copy in range(first, min(first + TOGETHER, copies))]
                for micros, wire, frame, asks in template:
                    time = begin + first // TOGETHER * length + micros - begin
                    head = struct.pack("<4I", time // 1_000_000, time % 1_000_000, len(frame), wire)
                    at = 26 if asks else 30
                    frame = bytearray(frame)
                    where = 36 if asks else 34
                    server = int.from_bytes(frame[where:where + 2], "big")
                    if server >= LEAST_CLIENT:
                        frame[where:where + 2] = (1024 + server % 8192).to_bytes(2, "big")
                    before, behind = head + frame[:at], frame[at + 4:]
                    out.write(b"".join(before + client + behind for client in clients))
        return copies * len(self.exchanges())
