"""Captures that nobody could record quickly: very many short conversations, written packet by packet."""
import struct

SERVER = bytes((192, 0, 2, 53))
START = 1_700_000_000_000_000_000


def ip(protocol, source, destination, payload):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, source, destination) + payload


def client(number):
    """(address, port) of the n-th client: no two alike, the ports those that Linux gives to clients."""
    return bytes((10, 0, 0, number // 28000 + 1)), 32768 + number % 28000


def write(path, packets):
    """packets: (nanoseconds, IP bytes) in order of time; raw IP, nanosecond resolution"""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101))
        for time, data in packets:
            file.write(struct.pack("<4I", time // 1_000_000_000, time % 1_000_000_000, len(data), len(data)) + data)


def lookups(count, apart, answered=True):
    """DNS look-ups, each from a port of its own, `apart` ns from each other."""
    for n in range(count):
        address, port = client(n)
        name = b"".join(bytes([len(label)]) + label for label in (b"host%d" % n, b"weir", b"test")) + b"\0"
        question, number = name + b"\0\1\0\1", n & 0xFFFF
        query = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question
        yield START + n * apart, ip(17, address, SERVER, struct.pack("!4H", port, 53, 8 + len(query), 0) + query)
        if answered:
            answer = struct.pack("!6H", number, 0x8180, 1, 1, 0, 0) + question + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3"
            yield START + n * apart + apart // 2, ip(17, SERVER, address, struct.pack("!4H", 53, port, 8 + len(answer), 0) + answer)


def tcp(source, source_port, destination, destination_port, sequence, acknowledged, flags, payload=b""):
    return ip(6, source, destination, struct.pack("!HHIIBBHHH", source_port, destination_port, sequence, acknowledged, 0x50, flags,
                                                  64240, 0, 0) + payload)


def resets(count, apart):
    """HTTP connections of one exchange, each ended by a reset of the client."""
    body = b"x" * 200
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + body
    for n in range(count):
        (address, port), step = client(n), apart // 8
        asked = b"GET /r%d HTTP/1.1\r\nHost: weir.test\r\n\r\n" % n
        ours, theirs = 1000 + n * 7919, 5000 + n * 104729
        ours, theirs = ours & 0xFFFFFFFF, theirs & 0xFFFFFFFF
        up, down = (address, port, SERVER, 80), (SERVER, 80, address, port)
        for place, data in enumerate((
                tcp(*up, ours, 0, 0x02), tcp(*down, theirs, (ours + 1) & 0xFFFFFFFF, 0x12),
                tcp(*up, (ours + 1) & 0xFFFFFFFF, (theirs + 1) & 0xFFFFFFFF, 0x10),
                tcp(*up, (ours + 1) & 0xFFFFFFFF, (theirs + 1) & 0xFFFFFFFF, 0x18, asked),
                tcp(*down, (theirs + 1) & 0xFFFFFFFF, (ours + 1 + len(asked)) & 0xFFFFFFFF, 0x18, answer),
                tcp(*up, (ours + 1 + len(asked)) & 0xFFFFFFFF, (theirs + 1 + len(answer)) & 0xFFFFFFFF, 0x14))):
            yield START + n * apart + place * step, data
