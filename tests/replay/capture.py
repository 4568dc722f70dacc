"""pcap files as a list of packets, and the ways in which a recording can be told differently.

The recordings are Ethernet (1) or Linux cooked v2 (276), nanosecond or microsecond pcap, IPv4 or IPv6 without options.
"""
import dataclasses
import gzip
import random
import struct

ETHERNET, RAW, COOKED2, BSD_LOOPBACK = 1, 101, 276, 0
HEAD = {ETHERNET: 14, COOKED2: 20, RAW: 0, BSD_LOOPBACK: 4}


@dataclasses.dataclass(frozen=True)
class Packet:
    time: int  # nanoseconds since 1970
    data: bytes


@dataclasses.dataclass(frozen=True)
class Capture:
    link: int
    packets: list


def load(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    magic, = struct.unpack_from("<I", data)
    unit = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}[magic]
    link, = struct.unpack_from("<I", data, 20)
    packets, at = [], 24
    while at < len(data):
        seconds, fraction, length, _ = struct.unpack_from("<4I", data, at)
        packets.append(Packet(seconds * 1_000_000_000 + fraction * unit, data[at + 16:at + 16 + length]))
        at += 16 + length
    return Capture(link, packets)


def pcap(capture, order="<", nanoseconds=False):
    """The bytes of a pcap file in the given byte order and resolution."""
    unit = 1 if nanoseconds else 1000
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0, 262144, capture.link)]
    for p in capture.packets:
        out += (struct.pack(order + "4I", p.time // 1_000_000_000, p.time % 1_000_000_000 // unit, len(p.data), len(p.data)),
                p.data)
    return b"".join(out)


def pcapng(capture, order="<", sections=1):
    """The bytes of a pcapng file; each section begins with its own interface, nanosecond resolution in every other."""
    out, each = [], len(capture.packets) // sections + 1

    def block(kind, body):
        body += bytes(-len(body) % 4)
        out.append(struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12))

    for section in range(sections):
        nanoseconds = section % 2 == 0
        block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        options = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0) if nanoseconds else b""
        block(1, struct.pack(order + "HHI", capture.link, 0, 262144) + options)
        for p in capture.packets[section * each:(section + 1) * each]:
            units = p.time if nanoseconds else p.time // 1000
            block(6, struct.pack(order + "5I", 0, units >> 32, units & 0xFFFFFFFF, len(p.data), len(p.data)) + p.data)
    return b"".join(out)


class Segment:
    """A packet taken apart down to its transport; `rebuilt` puts it together with other contents."""

    def __init__(self, packet, link):
        self.packet, data = packet, packet.data
        self.link_head, ip = data[:HEAD[link]], data[HEAD[link]:]
        if ip[0] >> 4 == 4:
            size, total, self.protocol = (ip[0] & 15) * 4, struct.unpack_from("!H", ip, 2)[0], ip[9]
            self.ends = ip[12:16], ip[16:20]
        else:
            size, total, self.protocol = 40, 40 + struct.unpack_from("!H", ip, 4)[0], ip[6]
            self.ends = ip[8:24], ip[24:40]
        self.ip_head, transport = ip[:size], ip[size:total]
        self.ports = transport[0:2], transport[2:4]
        if self.protocol == 6:
            self.sequence, self.acknowledged = struct.unpack_from("!II", transport, 4)
            self.flags, size = transport[13], (transport[12] >> 4) * 4
        else:
            size = 8
        self.transport_head, self.payload = transport[:size], transport[size:]

    @property
    def is_tcp(self):
        return self.protocol == 6

    @property
    def direction(self):
        return self.ends + self.ports

    @property
    def connection(self):
        return frozenset(((self.ends[0], self.ports[0]), (self.ends[1], self.ports[1])))

    def rebuilt(self, payload, offset=0, flags=None):
        """The packet with another payload that begins `offset` bytes later in the stream."""
        head = bytearray(self.transport_head)
        struct.pack_into("!I", head, 4, (self.sequence + offset) & 0xFFFFFFFF)
        head[13] = self.flags if flags is None else flags
        return Packet(self.packet.time, self.link_head + ip_of(self.ip_head, bytes(head) + payload))


def ip_of(head, payload, identification=None, fragment=None):
    """An IP packet: the given header with length and checksum made right."""
    head = bytearray(head)
    if head[0] >> 4 == 6:
        struct.pack_into("!H", head, 4, len(payload))
        return bytes(head) + payload
    struct.pack_into("!H", head, 2, len(head) + len(payload))
    if fragment is not None:
        struct.pack_into("!HH", head, 4, identification, fragment)
    struct.pack_into("!H", head, 10, 0)
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    struct.pack_into("!H", head, 10, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    return bytes(head) + payload


FIN_PSH = 0x01 | 0x08


class Order:
    """Which segments of one direction come in order."""

    def __init__(self):
        self.next, self.behind = None, {}

    def takes(self, segment):
        begin, end = segment.sequence, (segment.sequence + len(segment.payload) + (segment.flags & 0x02) // 2) & 0xFFFFFFFF
        if begin != (begin if self.next is None else self.next):
            self.behind[begin] = end
            return False
        while end in self.behind:
            end = self.behind.pop(end)
        self.next = end
        return True


def split(capture, most, seed=1, only=lambda segment: True):
    """Every TCP payload in pieces of 1 to `most` bytes, captured at the same time; but what comes out of order stays whole, as
    weir keeps no more than 1024 segments behind a hole."""
    chance, out, ways = random.Random(seed), [], {}
    for packet in capture.packets:
        s = Segment(packet, capture.link)
        if not s.is_tcp or not ways.setdefault(s.direction, Order()).takes(s) or len(s.payload) < 2 or not only(s):
            out.append(packet)
            continue
        at = 0
        while at < len(s.payload):
            size = chance.randint(1, most)
            last = at + size >= len(s.payload)
            out.append(s.rebuilt(s.payload[at:at + size], at, s.flags if last else s.flags & ~FIN_PSH))
            at += size
    return Capture(capture.link, out)


def coalesced(capture, most=60000):
    """Payloads that follow each other in one direction become one packet, captured when the last of them was."""
    out, waiting = [], {}  # connection -> list of segments of one direction

    def flush(connection):
        segments = waiting.pop(connection, [])
        if segments:
            whole = b"".join(s.payload for s in segments)
            last = segments[-1]
            out.append(last.rebuilt(whole, len(last.payload) - len(whole)))

    for packet in capture.packets:
        s = Segment(packet, capture.link)
        before = waiting.get(s.connection, [])
        plain = s.is_tcp and s.payload and not s.flags & 0x07
        follows = before and plain and before[-1].direction == s.direction and sum(len(b.payload) for b in before) < most and \
            (before[-1].sequence + len(before[-1].payload)) & 0xFFFFFFFF == s.sequence
        if before and not s.payload and not s.flags & 0x07 and s.direction != before[-1].direction:
            continue  # an acknowledgement in the midst of it
        if not follows:
            flush(s.connection)
        if plain:
            waiting.setdefault(s.connection, []).append(s)
        else:
            out.append(packet)
    for connection in list(waiting):
        flush(connection)
    return Capture(capture.link, sorted(out, key=lambda p: p.time))


def damaged(capture, share, seed):
    """Some packets have wrong bits, some are cut short, in headers as in payloads."""
    chance, out = random.Random(seed), []
    for packet in capture.packets:
        data = bytearray(packet.data)
        if chance.random() < share:
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(min(len(data), chance.choice((60, 120, len(data)))))] ^= 1 << chance.randrange(8)
        if chance.random() < share / 2:
            del data[chance.randrange(len(data)):]
        out.append(Packet(packet.time, bytes(data)))
    return Capture(capture.link, out)


def dropped(capture, share, seed=1):
    chance = random.Random(seed)
    return Capture(capture.link, [p for p in capture.packets if chance.random() >= share])


def duplicated(capture, share, seed=1):
    """Some packets are there twice, the second up to five packets later."""
    chance, late, out = random.Random(seed), [], []
    for number, packet in enumerate(capture.packets):
        out.append(packet)
        if chance.random() < share:
            late.append((number + chance.randint(0, 5), packet.data))
        out += [Packet(packet.time, data) for due, data in late if due <= number]
        late = [(due, data) for due, data in late if due > number]
    return Capture(capture.link, out)


def reordered(capture, share, most=3, within=20_000_000, seed=1):
    """Some packets arrive up to `most` places and `within` ns late, but none after its connection's reset, behind which nothing
    counts. The times stay in order: the file is one of a reordering path. (What was acknowledged is not waited for longer than
    100 ms: no path holds a packet back that long when its receiver already has it.)"""
    chance, segments = random.Random(seed), [Segment(p, capture.link) for p in capture.packets]
    places = []
    for number, segment in enumerate(segments):
        near = segments[number + 1:number + 2 + most]
        fixed = any(s.is_tcp and s.flags & 0x04 and s.connection == segment.connection for s in near) or \
            (near and near[-1].packet.time - segment.packet.time > within)
        late = chance.random() < share and not fixed
        places.append(number + (chance.randint(1, most) + 0.5 if late else 0))
    order = sorted(range(len(places)), key=places.__getitem__)
    return Capture(capture.link, [Packet(slot.time, capture.packets[source].data) for slot, source in zip(capture.packets, order)])


def moved(capture, share, most=20, within=20_000_000, seed=1):
    """Some packets arrive up to `most` places and `within` ns late; the times stay in order."""
    chance, packets, places = random.Random(seed), capture.packets, []
    for number, packet in enumerate(packets):
        to = number
        if chance.random() < share:
            to = min(number + chance.randint(1, most), len(packets) - 1)
            while packets[to].time - packet.time > within:
                to -= 1
        places.append(to + 0.5 if to > number else number)
    order = sorted(range(len(packets)), key=places.__getitem__)
    return Capture(capture.link, [Packet(slot.time, packets[source].data) for slot, source in zip(packets, order)])


def reordered_within(capture, share, most=3, seed=1):
    """As `reordered`, but each connection's direction by itself: never an answer before what it answers."""
    out, places = list(capture.packets), {}
    for number, packet in enumerate(capture.packets):
        segment = Segment(packet, capture.link)
        runs = places.setdefault(segment.connection, [])
        if runs and runs[-1][0] == segment.direction:
            runs[-1][1].append(number)
        else:
            runs.append((segment.direction, [number]))
    chance = random.Random(seed)
    for runs in places.values():
        for _, slots in runs:
            keys = [at + (chance.randint(1, most) + 0.5 if chance.random() < share else 0) for at in range(len(slots))]
            for slot, source in zip(slots, sorted(range(len(slots)), key=keys.__getitem__)):
                out[slot] = Packet(capture.packets[slot].time, capture.packets[slots[source]].data)
    return Capture(capture.link, out)


def fragmented(capture, size=256, seed=1):
    """IPv4 packets longer than `size` in fragments, in random order, captured at the same time."""
    chance, out = random.Random(seed), []
    for number, packet in enumerate(capture.packets):
        head, ip = packet.data[:HEAD[capture.link]], packet.data[HEAD[capture.link]:]
        if ip[0] >> 4 != 4 or len(ip) - 20 <= size:
            out.append(packet)
            continue
        payload = ip[20:struct.unpack_from("!H", ip, 2)[0]]
        pieces = [Packet(packet.time, head + ip_of(ip[:20], payload[at:at + size], number & 0xFFFF,
                                                   at // 8 | (0x2000 if at + size < len(payload) else 0)))
                  for at in range(0, len(payload), size)]
        chance.shuffle(pieces)
        out += pieces
    return Capture(capture.link, out)


def inner(capture):
    """(packet, IP bytes, ethertype) of every packet"""
    for packet in capture.packets:
        ip = packet.data[HEAD[capture.link]:]
        yield packet, ip, 0x0800 if ip[0] >> 4 == 4 else 0x86DD


def ethernet(ethertype, tags=()):
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + b"".join(struct.pack("!HH", *tag) for tag in tags) + struct.pack("!H", ethertype)


def outer(protocol, payload):
    """An IPv4 packet between two tunnel ends."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0x4000, 64, protocol, 0, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
    return ip_of(head, payload)


def udp(port, payload):
    return outer(17, struct.pack("!HHHH", 49152, port, 8 + len(payload), 0) + payload)


WRAPPINGS = {
    "raw-ip": (RAW, lambda ip, kind: ip),
    "bsd-loopback": (BSD_LOOPBACK, lambda ip, kind: struct.pack("<I", 2 if kind == 0x0800 else 30) + ip),
    "vlan": (ETHERNET, lambda ip, kind: ethernet(kind, [(0x8100, 7)]) + ip),
    "qinq": (ETHERNET, lambda ip, kind: ethernet(kind, [(0x88A8, 100), (0x8100, 7)]) + ip),
    "vxlan": (ETHERNET, lambda ip, kind: ethernet(0x0800) + udp(4789, b"\x08\0\0\0\0\0\x2a\0" + ethernet(kind) + ip)),
    "geneve": (ETHERNET, lambda ip, kind: ethernet(0x0800) + udp(6081, b"\0\0\x65\x58\0\0\x2a\0" + ethernet(kind) + ip)),
    "gre": (ETHERNET, lambda ip, kind: ethernet(0x0800) + outer(47, struct.pack("!HH", 0, kind) + ip)),
    "ip-in-ip": (ETHERNET, lambda ip, kind: ethernet(0x0800) + outer(4 if kind == 0x0800 else 41, ip)),
}


def wrapped(capture, name):
    """The same packets under another link layer or inside a tunnel."""
    link, wrap = WRAPPINGS[name]
    return Capture(link, [Packet(packet.time, wrap(ip, kind)) for packet, ip, kind in inner(capture)])
