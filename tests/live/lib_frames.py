"""Frames for flows: IPv6, fragments, RoCE."""
import socket
import struct

from lib_traffic import ipv4, udp

FROM, TO = "10.9.0.1", "10.9.0.2"
FROM6, TO6 = "fd09::1", "fd09::2"
TCP_HEADER = struct.pack("!HHIIBBHHH", 1000, 2000, 1, 1, 5 << 4, 0x10, 1000, 0, 0)


def ipv6(source, target, protocol, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + socket.inet_pton(socket.AF_INET6, source) \
        + socket.inet_pton(socket.AF_INET6, target) + payload


def fragment(packet, offset, more):
    """An IPv4 packet of ipv4() as this fragment."""
    return packet[:6] + struct.pack("!H", offset >> 3 | (0x2000 if more else 0)) + packet[8:]


def gid(address):
    return bytes(10) + b"\xff\xff" + socket.inet_aton(address)


def base_transport(opcode, queue_pair, sequence, extension=b"", payload=bytes(16)):
    return struct.pack("!BBHII", opcode, 0, 0xffff, queue_pair, sequence) + extension + payload + bytes(4)


def roce_v1(opcode, queue_pair, sequence, source=FROM, target=TO, **more):
    base = base_transport(opcode, queue_pair, sequence, **more)
    return struct.pack("!IHBB", 6 << 28, len(base), 0x1b, 64) + gid(source) + gid(target) + base


def roce_v2(opcode, queue_pair, sequence, source=FROM, target=TO, port=49152, **more):
    return ipv4(source, target, 17, udp(port, 4791, base_transport(opcode, queue_pair, sequence, **more)))
