"""What crosses interfaces in the tests that hold counts against the kernel's: each scene is played before whoever counts.

Three namespaces in a row, left - middle - right; counted is in the left and in the middle one. On the link to the right all
offloads are always off, so that what is captured at its end is what a wire would carry; on the other link they are on, off, and
each off alone. A packet socket counts the same transfer there, whatever it has become on its way.
"""
import socket
import struct
import subprocess

from lib import SLOWNESS, need, test, until
from lib_inside import inside
from lib_traffic import ALL_OFF, MEGABYTES, Raw, Row, ethernet, ipv4, mac, offloads, pair, ping, send_datagrams, udp
from lib_truth import DIRECTIONS, captured, verdict_of



class Scenes:
    """Functions of a scope and of what makes a truth of a namespace (lib_truth.py): Truth, or what has the same methods."""

    def __init__(self):
        self.scenes = []

    def scene(self, function):
        self.scenes.append(function)
        return function

    def test_with(self, truth_of):
        """Each of them is a test then."""
        for scene in self.scenes:
            def play(scope, scene=scene):
                return scene(scope, truth_of)
            play.__name__ = scene.__name__
            test(play)


CROSSINGS = Scenes()
scene = CROSSINGS.scene


def all_kinds(row):
    """(name, function) of the traffic between left and right"""
    many = f"{MEGABYTES}M"
    return (
        ("ping", lambda: ping(row.left, "10.2.0.2")),
        ("ping in fragments", lambda: ping(row.left, "10.2.0.2", 5, 8000)),
        ("IPv6 ping", lambda: ping(row.left, "fd02::2")),
        ("IPv6 ping in fragments", lambda: ping(row.left, "fd02::2", 5, 8000)),
        ("TCP to the right", lambda: row.iperf("-n", many)),
        ("TCP to the left", lambda: row.iperf("-n", many, "-R")),
        ("TCP over IPv6", lambda: row.iperf("-n", many, to="fd02::2")),
        ("TCP, 4 streams, both ways", lambda: row.iperf("-n", many, "-P", "4", "--bidir")),
        ("UDP", lambda: row.iperf("-u", "-b", "100M", "-n", "1M", "-l", "1200")),
        ("UDP in fragments", lambda: row.iperf("-u", "-b", "100M", "-n", "1M", "-l", "8000")),
        ("UDP cut by the kernel", lambda: send_datagrams(row.left, row.right, "10.2.0.2", [20000, 10300, 999, 1000, 1001, 60000], 1000)),
        ("UDP over IPv6, cut", lambda: send_datagrams(row.left, row.right, "fd02::2", [20000, 10300, 999, 1000, 1001, 50000], 1000)),
        ("UDP cut, from the right", lambda: send_datagrams(row.right, row.left, "10.1.0.1", [30000, 1234], 1400)),
    )


def with_offloads(scope, truth_of, words, **differs):
    row = Row(scope)
    if words:
        offloads(row.left, "la", words)
        offloads(row.middle, "ma", words)
    row.iperf_server()
    left, middle = truth_of(row.left, **differs), truth_of(row.middle, **differs)
    for what, send in all_kinds(row):
        to_right, to_left = captured(row, (left, middle), send)
        left.step(f"left, {what}", "la", wire={("la", "egress"): to_right, ("la", "ingress"): to_left})
        middle.step(f"middle, {what}", "ma", "mb", wire={("ma", "ingress"): to_right, ("mb", "egress"): to_right,
                                                         ("mb", "ingress"): to_left, ("ma", "egress"): to_left})
    return verdict_of(left, middle)


# With GRO, and unless its peer has TSO, a veth device is polled: both ends count bytes behind the Ethernet header then, and
# before packets are merged.
POLLED = {"leaves_out": {(name, direction): 14 for name in ("la", "ma") for direction in DIRECTIONS},
          "merged": (("la", "ingress"), ("ma", "ingress"))}


@scene
def offloads_as_they_are_made(scope, truth_of):
    return with_offloads(scope, truth_of, "")


@scene
def all_offloads_off(scope, truth_of):
    return with_offloads(scope, truth_of, ALL_OFF)


@scene
def tso_off(scope, truth_of):
    return with_offloads(scope, truth_of, "tso off")


@scene
def gso_off(scope, truth_of):
    return with_offloads(scope, truth_of, "gso off")


@scene
def gro_on(scope, truth_of):
    return with_offloads(scope, truth_of, "gro on")


@scene
def gro_on_and_tso_off(scope, truth_of):
    return with_offloads(scope, truth_of, "gro on tso off", **POLLED)


def odd_frames(target, source):
    def tagged(ethertype, vlan, inner):
        return struct.pack("!H", vlan) + inner[12:] if ethertype else inner

    def eth(ethertype, payload, to=target):
        return ethernet(to, source, ethertype, payload)

    ip = ipv4("10.9.0.1", "10.9.0.2", 17, udp(1, 2, b"x" * 40))
    plain = eth(0x0800, ip)
    single = eth(0x8100, tagged(True, 5, plain))
    return {
        "an unknown ethertype": eth(0x88b5, bytes(46)),
        "ARP of an unknown kind": eth(0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 99) + bytes(20)),
        "802.3 with a length": eth(38, b"\x42\x42\x03" + bytes(35)),
        "headers only": eth(0x88b5, b""),
        "runts": [eth(0x88b5, bytes(n)) for n in (1, 2, 3, 4, 28, 45)],
        "not IPv4 behind its ethertype": eth(0x0800, b"\xff" * 20),
        "the largest": eth(0x88b5, bytes(1500)),
        "a tag": single,
        "a tag, and nothing else": eth(0x8100, struct.pack("!HH", 5, 0x88b5)),
        "a tag for priority": eth(0x8100, tagged(True, 3 << 13, plain)),
        "the largest with a tag": eth(0x8100, struct.pack("!HH", 5, 0x88b5) + bytes(1500)),
        "QinQ": eth(0x88a8, tagged(True, 7, single)),
        "two tags of one kind": eth(0x8100, tagged(True, 7, single)),
        "a tag of the provider": eth(0x88a8, tagged(True, 7, plain)),
        "multicast": eth(0x0800, ip, "01:00:5e:00:00:09"),
        "IPv6 multicast": eth(0x86dd, bytes(40), "33:33:00:00:00:09"),
        "broadcast": eth(0x0800, ip, "ff:ff:ff:ff:ff:ff"),
        "LLDP": eth(0x88cc, bytes(46), "01:80:c2:00:00:0e"),
        "for another host": eth(0x0800, ip, "02:99:99:99:99:99"),
    }


@scene
def frames_made_by_hand(scope, truth_of):
    here, there = pair(scope)
    truth = truth_of(here)
    macs = mac(here, "va"), mac(there, "vb")
    for sender, interface, target, source in ((here, "va", macs[1], macs[0]), (there, "vb", macs[0], macs[1])):
        raw = Raw(sender, interface)
        for what, frames in odd_frames(target, source).items():
            if what == "a tag, and nothing else" and sender is there:
                continue  # the device counts it, and the kernel drops it before any hook
            for _ in range(3):
                raw.send(*(frames if isinstance(frames, list) else [frames]))
            truth.step(f"{what} from {interface}", "va")
        raw.close()
    return truth.verdict()


@scene
def super_packets_that_do_not_tell_their_segments(scope, truth_of):
    """As virtual machines hand them over: cut every 1000 bytes, but nobody has counted the segments."""
    here, there = pair(scope)
    truth = truth_of(here)
    tcp = struct.pack("!HHIIBBHHH", 1000, 2000, 1, 1, 5 << 4, 0x10, 1000, 0, 0)
    for sender, interface, direction in ((here, "va", "egress"), (there, "vb", "ingress")):
        raw = Raw(sender, interface, virtio_header=True)
        for size, packets in ((10000, 10), (10001, 11), (1500, 2)):
            # Checksum to be done from byte 34 on, at 16; TCP over IPv4; 54 bytes of headers.
            virtio = struct.pack("=BBHHHH", 1, 1, 54, 1000, 34, 16)
            raw.send(virtio + ethernet("02:99:99:99:99:99", "02:99:99:99:99:98", 0x0800, ipv4("10.9.0.1", "10.9.0.2", 6, tcp + bytes(size))))
            truth.step(f"{size} bytes from {interface}", "va", wire={("va", direction): (packets, packets * 54 + size)})
        raw.close()
    return truth.verdict()


@scene
def what_this_host_sends_to_its_own_listeners(scope, truth_of):
    """Copies that IP loops back for a listener on the same host pass the ingress hook, but crossed no interface."""
    here, there = pair(scope)
    truth = truth_of(here)
    for family, group, wanted in ((socket.AF_INET, "239.1.2.3", "va"), (socket.AF_INET6, "ff15::9", "va"), (socket.AF_INET, "10.3.0.255", "va")):
        with inside(here):
            listener, sender = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
            index = socket.if_nametoindex("va")
        with listener, sender:
            listener.settimeout(5)
            listener.bind(("", 7777))
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(family, group) + struct.pack("@I", index))
                sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            elif not group.endswith("255"):
                membership = struct.pack("=4s4si", socket.inet_aton(group), socket.inet_aton("0.0.0.0"), index)
                listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, membership)
            for _ in range(20):
                sender.sendto(b"x" * 100, (group, 7777))
                listener.recv(1000)
            truth.step(f"to {group} with a listener here", wanted)
    send_from_there(there, "239.1.2.3", 20)
    truth.step("multicast from there", "va")
    return truth.verdict()


def send_from_there(there, group, count):
    with inside(there), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.3.0.2"))
        for _ in range(count):
            sender.sendto(b"y" * 100, (group, 7777))


@scene
def loopback(scope, truth_of):
    here = scope.namespace()
    truth = truth_of(here, on_wire={("lo", direction): 14 for direction in DIRECTIONS})
    ping(here, "127.0.0.1")
    truth.step("ping", "lo")
    ping(here, "::1", 5, 8000)
    truth.step("IPv6 ping", "lo")
    send_datagrams(here, here, "127.0.0.1", [100, 60000, 1])
    truth.step("UDP", "lo")
    need("iperf3")
    here.start("iperf3", "-s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: ":5201 " in here.run("ss", "-Hltn"), 10, "iperf3")
    truth.step("a server's start")
    here.run("iperf3", "-c", "127.0.0.1", "-n", f"{MEGABYTES}M", seconds=60 * SLOWNESS)
    truth.step("TCP", "lo", wire_is_frames=False)
    return truth.verdict()


@scene
def under_load(scope, truth_of):
    row = Row(scope)
    row.iperf_server()
    truths = truth_of(row.left), truth_of(row.middle)
    for words in ((), ("-R",), ("-u", "-b", "0", "-l", "200")):
        row.iperf("-P", "4", "-t", "3" if SLOWNESS == 1 else "1", *words)
        for truth in truths:
            truth.step(" ".join(("load", *words)), wire_is_frames=False)
    return verdict_of(*truths)
