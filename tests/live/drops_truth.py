#!/usr/bin/env python3
"""drops_truth [WORD]...: packets thrown away on purpose, in namespaces: `weir drops` has each with its reason, function, interface,
flow and number, and the kernel's own counters say the same."""
import contextlib
import fcntl
import json
import re
import socket
import struct
import sys
import termios
import time

from lib import equal, main, need, test, until, veth
from lib_drops import Drops, nstat, to_port
from lib_inside import inside
from lib_traffic import Raw, calm, checksum, ethernet, ipv4, know_each_other, mac, udp

N = 20
HERE, THERE = "10.3.0.1", "10.3.0.2"
SHOW = "--show" in sys.argv


class Scene:
    """here (va, 10.3.0.1) sends to there (vb, 10.3.0.2), and weir sees what `where` drops."""

    def __init__(self, scope, where="there"):
        # What the interfaces say by themselves is to no port that is asked for.
        self.here, self.there = scope.namespace(), scope.namespace()
        calm(self.here)
        calm(self.there)
        veth(self.here, "va", self.there, "vb")
        for namespace, interface, host in ((self.here, "va", 1), (self.there, "vb", 2)):
            namespace.address(interface, f"10.3.0.{host}/24")
            namespace.address(interface, f"fd03::{host}/64")
        know_each_other(self.here, "va", self.there, "vb", 3)
        self.where = getattr(self, where)
        self.drops = Drops(self.where)

    def send(self, *packets, ethertype=0x0800):
        raw = Raw(self.here, "va")
        raw.send(*(ethernet(mac(self.there, "vb"), mac(self.here, "va"), ethertype, packet) for packet in packets))
        raw.close()

    def datagrams(self, port, count=N, target=THERE, size=100, source=None):
        with inside(self.here):
            out = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM)
        with out:
            if source:
                out.bind((HERE, source))
            for _ in range(count):
                with contextlib.suppress(OSError):  # what an earlier one met
                    out.sendto(bytes(size), (target, port))

    def set(self, name, value, where=None):
        (where or self.there).run("sh", "-c", f"echo {value} > /proc/sys/net/{name}")

    def found(self, chosen=lambda line: True, count=N):
        """The sums, when so many have come."""
        def enough():
            self.drops.lines()
            return sum(self.drops.sums(chosen).values()) >= count
        with contextlib.suppress(AssertionError):
            until(enough, 5, "as many drops")
        self.drops.settle()
        return self.drops.sums(chosen)

    def hold(self, what, chosen, reasons, functions, interface, count=N):
        sums = self.found(chosen, count)
        if SHOW:
            print("   ", what, sums, {k: v for k, v in self.drops.sums().items() if k not in sums})
        equal(f"{what}: packets", sum(sums.values()), count, f"{sums}; all: {self.drops.sums()}")
        for reason, function, at in sums:
            if reason not in reasons.split() or function not in functions.split() or at != interface:
                raise AssertionError(f"{what}: {sums}, not {reasons} in {functions} at {interface}")
        return self


@test
def closed_ports(scope):
    scene = Scene(scope)
    before = nstat(scene.there, "UdpNoPorts")
    scene.datagrams(7001, source=4001)
    scene.hold("UDP", to_port(7001), "NO_SOCKET", "__udp4_lib_rcv", "vb")
    equal("UdpNoPorts", nstat(scene.there, "UdpNoPorts") - before, N)
    line = next(line for line in scene.drops.all if to_port(7001)(line))
    equal("source", line["source"], {"address": HERE, "port": 4001})
    equal("destination", line["destination"], {"address": THERE, "port": 7001})
    equal("bytes a packet", line["bytes"] / line["packets"], 128.0)
    for target in (THERE, "fd03::2"):
        for _ in range(N):
            with inside(scene.here):
                out = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_STREAM)
            with out:
                equal("connect", out.connect_ex((target, 7002)) != 0, True)
        chosen = lambda line: to_port(7002)(line) and line["destination"]["address"] == target
        scene.hold("TCP", chosen, "NO_SOCKET", "tcp_v4_rcv tcp_v6_rcv", "vb")


@test
def netfilter(scope):
    need("nft")
    scene = Scene(scope)
    scene.there.run("nft", """table ip t {
        chain c {
          type filter hook input priority 0;
          udp dport 7001 counter drop
          udp dport 7002 counter reject
        }
        }""")
    scene.datagrams(7001)
    scene.datagrams(7002, count=7)
    scene.hold("drop", to_port(7001), "NETFILTER_DROP", "nf_hook_slow nft_do_chain", "vb")
    scene.hold("reject", to_port(7002), "NETFILTER_DROP", "nf_hook_slow nft_do_chain", "vb", 7)
    counters = [int(n) for n in re.findall(r"counter packets (\d+)", scene.there.run("nft", "list", "ruleset"))]
    equal("nft's counters", counters, [N, 7])


@test
def routing(scope):
    scene = Scene(scope)
    there = scene.there
    scene.set("ipv4/conf/all/rp_filter", 1)
    scene.send(*[ipv4("10.99.0.1", THERE, 17, udp(1, 7001, b"x"))] * N)
    scene.hold("rp_filter", to_port(7001), "IP_RPFILTER NOT_SPECIFIED", "ip_rcv_finish_core ip_rcv_finish", "vb")
    equal("TcpExtIPReversePathFilter", nstat(there, "TcpExtIPReversePathFilter"), N)
    scene.set("ipv4/ip_forward", 1)
    there.ip("link", "add", "out", "type", "veth", "peer", "name", "away")
    there.address("out", "10.4.0.1/24")
    there.up("out", "away")
    packet = bytearray(ipv4(HERE, "10.4.0.9", 17, udp(1, 7002, b"x")))
    packet[8:12] = bytes((1, 17, 0, 0))
    packet[10:12] = struct.pack("!H", checksum(bytes(packet[:20])))
    scene.send(*[bytes(packet)] * N)
    scene.hold("TTL", to_port(7002), "IP_INHDR NOT_SPECIFIED", "ip_forward", "vb")
    scene.send(*[ipv4(HERE, "10.77.0.9", 17, udp(1, 7003, b"x"))] * N)
    scene.hold("no route", to_port(7003), "IP_INNOROUTES NOT_SPECIFIED", "ip_error ip_rcv_finish_core ip_rcv_finish", "vb")
    equal("IpExtInNoRoutes", nstat(there, "IpExtInNoRoutes"), N)


@test
def too_big(scope):
    scene = Scene(scope)
    there = scene.there
    scene.set("ipv4/ip_forward", 1)
    scene.set("ipv6/conf/all/forwarding", 1)
    there.ip("link", "add", "out", "mtu", "1280", "type", "veth", "peer", "name", "away")
    there.address("out", "10.4.0.1/24")
    there.address("out", "fd04::1/64")
    there.up("out", "away")
    packet = bytearray(ipv4(HERE, "10.4.0.9", 17, udp(1, 7001, bytes(1400))))
    packet[6] = 0x40  # not to be cut
    packet[10:12] = bytes(2)
    packet[10:12] = struct.pack("!H", checksum(bytes(packet[:20])))
    scene.send(*[bytes(packet)] * N)
    scene.hold("MTU", to_port(7001), "PKT_TOO_BIG NOT_SPECIFIED", "ip_forward", "vb")
    six = struct.pack("!IHBB", 6 << 28, 1408, 17, 64) + socket.inet_pton(socket.AF_INET6, "fd03::1") + socket.inet_pton(
        socket.AF_INET6, "fd04::9") + udp(1, 7002, bytes(1400))
    scene.send(*[six] * N, ethertype=0x86dd)
    # The packet is the outgoing device's by then.
    scene.hold("IPv6 too big", to_port(7002), "PKT_TOO_BIG", "ip6_forward", "out")


@test
def checksums(scope):
    scene = Scene(scope)
    bad = bytearray(ipv4(HERE, THERE, 17, udp(1, 7001, b"x" * 20)))
    bad[10] ^= 1
    scene.send(*[bytes(bad)] * N)
    scene.hold("IP", to_port(7001), "IP_CSUM", "ip_rcv_core", "vb")
    equal("IpExtInCsumErrors", nstat(scene.there, "IpExtInCsumErrors"), N)
    with inside(scene.there):
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with listening:
        listening.bind((THERE, 7002))
        bad = udp(1, 7002, b"x" * 20)
        scene.send(*[ipv4(HERE, THERE, 17, bad[:6] + b"\x12\x34" + bad[8:])] * N)
        scene.hold("UDP", to_port(7002), "UDP_CSUM", "__udp4_lib_rcv udp_queue_rcv_one_skb", "vb")
    equal("UdpInCsumErrors", nstat(scene.there, "UdpInCsumErrors"), N)


@test
def full_receive_buffer(scope):
    scene = Scene(scope)
    with inside(scene.there):
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        listening.bind((THERE, 7001))
        scene.datagrams(7001, count=50, size=500)
        lost = nstat(scene.there, "UdpRcvbufErrors")
        equal("something was lost", lost > 10, True)
        scene.hold("UDP", to_port(7001), "SOCKET_RCVBUFF", "udp_queue_rcv_one_skb __udp_enqueue_schedule_skb", "vb", lost)


class Conversation:
    """A connection from here to there, and segments made by hand that belong to it, or nearly."""

    def __init__(self, scene, port):
        self.scene, self.port = scene, port
        with inside(scene.there):
            self.listener = socket.create_server((THERE, port))
        with inside(scene.here):
            seen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
            seen.settimeout(5)
            self.client = socket.create_connection((THERE, port))
        self.server = self.listener.accept()[0]
        with seen:
            while True:
                frame = seen.recv(65536)
                # SYN and its acknowledgment.
                if frame[12:14] == b"\x08\0" and frame[23] == 6 and frame[47] == 0x12 and frame[34:36] == struct.pack("!H", port):
                    break
        self.server_next, self.client_next = (n + d for n, d in zip(struct.unpack("!II", frame[38:46]), (1, 0)))

    def segment(self, sequence=0, acknowledged=0, flags=0x10, data=b""):
        """Numbers from what comes next."""
        source = self.client.getsockname()[1]
        head = struct.pack("!HHIIBBHHH", source, self.port, (self.client_next + sequence) & 0xffffffff,
                           (self.server_next + acknowledged) & 0xffffffff, 0x50, flags, 1000, 0, 0)
        pseudo = socket.inet_aton(HERE) + socket.inet_aton(THERE) + struct.pack("!HH", 6, len(head) + len(data))
        total = pseudo + head + data
        check = checksum(total + bytes(len(total) % 2))
        self.scene.send(ipv4(HERE, THERE, 6, head[:16] + struct.pack("!H", check) + head[18:] + data))

    def close(self):
        for one in (self.client, self.server, self.listener):
            one.close()


@test
def tcp_sequence(scope):
    scene = Scene(scope)
    # Segments without timestamps are known by their numbers.
    for namespace in (scene.here, scene.there):
        scene.set("ipv4/tcp_timestamps", 0, namespace)
    for port, reasons, segment in (
            (7001, "TCP_INVALID_SEQUENCE TCP_INVALID_END_SEQUENCE", {"sequence": 1 << 24, "data": b"x"}),
            (7002, "TCP_OLD_ACK TCP_TOO_OLD_ACK", {"acknowledged": -5}),
            (7003, "TCP_ACK_UNSENT_DATA TCP_INVALID_ACK_SEQUENCE", {"acknowledged": 1000})):
        talk = Conversation(scene, port)
        for _ in range(N):
            talk.segment(**segment)
        scene.hold(reasons, to_port(port), reasons, "tcp_validate_incoming tcp_rcv_established tcp_v4_do_rcv", "vb")
        talk.close()
        scene.drops.forget()


@test
def zero_window(scope):
    scene = Scene(scope)
    for namespace in (scene.here, scene.there):
        scene.set("ipv4/tcp_timestamps", 0, namespace)
    scene.set("ipv4/tcp_rmem", "'4096 4096 4096'")
    talk = Conversation(scene, 7001)
    talk.client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            talk.client.send(bytes(65536))
    time.sleep(1)
    scene.drops.forget()
    waiting = struct.unpack("i", fcntl.ioctl(talk.server, termios.FIONREAD, bytes(4)))[0]
    for _ in range(N):
        talk.segment(sequence=waiting, data=b"x")
    reasons = ("TCP_ZEROWINDOW", "TCP_INVALID_END_SEQUENCE", "TCP_OVERWINDOW")
    scene.found(to_port(7001))
    sums = {key: packets for key, packets in scene.drops.sums(to_port(7001)).items() if key[0] in reasons}
    equal("packets", sum(sums.values()), N, f"{sums}; all: {scene.drops.sums()}")
    lost = nstat(scene.there, "TcpExtTCPZeroWindowDrop")
    equal("TcpExtTCPZeroWindowDrop", lost, sum(n for (reason, _, _), n in sums.items() if reason == "TCP_ZEROWINDOW"))
    talk.close()


@test
def qdisc_full(scope):
    scene = Scene(scope, "here")
    scene.here.run("tc", "qdisc", "add", "dev", "va", "root", "tbf", "rate", "1mbit", "burst", "2kb", "limit", "3000")
    scene.datagrams(7001, count=60, size=500)
    time.sleep(0.2)
    said = json.loads(scene.here.run("tc", "-s", "-j", "qdisc", "show", "dev", "va"))
    lost = next(one["drops"] for one in said if one["kind"] == "tbf")
    equal("something was lost", lost > 10, True)
    scene.hold("tbf", to_port(7001), "QDISC_DROP QDISC_OVERLIMIT", "__dev_queue_xmit __dev_xmit_skb", "va", lost)


@test
def programs(scope):
    need("clang")
    scene = Scene(scope)
    there = scene.there
    there.run("tc", "qdisc", "add", "dev", "vb", "clsact")
    source = scope.path("drop.c", """
        __attribute__((section("xdp"), used)) int drop(void* c) { (void)c; return 1; }
        __attribute__((section("tc"), used)) int shoot(void* c) { (void)c; return 2; }
        """)
    there.run("clang", "-target", "bpf", "-O2", "-c", source, "-o", scope.path("drop.o"))
    there.run("tc", "filter", "add", "dev", "vb", "ingress", "bpf", "da", "obj", scope.path("drop.o"), "sec", "tc")
    scene.datagrams(7001)
    scene.hold("tc", to_port(7001), "TC_INGRESS", "__netif_receive_skb_core", "vb")
    there.run("tc", "qdisc", "del", "dev", "vb", "clsact")
    there.ip("link", "set", "dev", "vb", "xdpgeneric", "obj", scope.path("drop.o"), "sec", "xdp")
    scene.datagrams(7002)
    scene.hold("XDP", to_port(7002), "XDP NOT_SPECIFIED", "do_xdp_generic netif_receive_generic_xdp", "vb")


@test
def only_counted(scope):
    need("clang")
    scene = Scene(scope)
    there = scene.there
    with inside(there):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listener:
        listener.bind((THERE, 7001))
        listener.listen(0)
        clients = []
        for _ in range(6):
            with inside(scene.here):
                clients.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            clients[-1].setblocking(False)
            clients[-1].connect_ex((THERE, 7001))
        time.sleep(1.5)
        for client in clients:
            client.close()
    chosen = lambda line: line["drop_source"] == "counter" and line["reason"] == "TcpExtListenOverflows"
    lost = nstat(there, "TcpExtListenOverflows")
    equal("something was turned away", lost > 0, True)
    scene.found(chosen, lost)
    equal("listen overflows", scene.drops.sums(chosen), {("TcpExtListenOverflows", None, None): lost})
    source = scope.path("drop.c", '__attribute__((section("xdp"), used)) int drop(void* c) { (void)c; return 1; }\n')
    there.run("clang", "-target", "bpf", "-O2", "-c", source, "-o", scope.path("drop.o"))
    there.ip("link", "set", "dev", "vb", "xdpdrv", "obj", scope.path("drop.o"), "sec", "xdp")
    scene.datagrams(7002)
    chosen = lambda line: line["drop_source"] == "counter" and "xdp_drops" in line["reason"]
    equal("native XDP", sum(scene.found(chosen).values()), N)
    equal("at", {at for _, _, at in scene.drops.sums(chosen)}, {"vb"})
    # Some drivers free what is a packet already, others a buffer.
    equal("functions", {function for _, function, _ in scene.drops.sums(to_port(7002))} - {"veth_xdp_rcv_skb", "veth_poll"}, set())


@test
def neighbours(scope):
    scene = Scene(scope, "here")
    for name, value in (("retrans_time_ms", 100), ("mcast_solicit", 1), ("unres_qlen_bytes", 1000000)):
        scene.set(f"ipv4/neigh/va/{name}", value, scene.here)
    scene.datagrams(7001, target="10.3.0.99")
    scene.hold("unresolved", to_port(7001), "NEIGH_FAILED NOT_SPECIFIED", "arp_error_report neigh_invalidate", "va")
    scene.set("ipv4/neigh/va/unres_qlen_bytes", 1, scene.here)
    scene.datagrams(7002, target="10.3.0.98")
    sums = scene.found(to_port(7002))
    equal("packets", sum(sums.values()), N)
    equal("queue full", any(reason == "NEIGH_QUEUEFULL" for reason, _, _ in sums), True, sums)


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--show"]
    main()
