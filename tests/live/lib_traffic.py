"""Traffic that the tests of `weir interfaces` count: networks that say nothing by themselves, echoes, datagrams, frames made by hand."""
import json
import os
import socket
import struct
import subprocess
import time

from lib import SLOWNESS, need, until, veth
from lib_inside import inside

SOL_PACKET, PACKET_VNET_HDR = 263, 15
SO_RCVBUFFORCE = 33
SOL_UDP, UDP_SEGMENT = 17, 103
# A slow machine has less to count.
MEGABYTES = max(1, 20 // SLOWNESS)
ALL_OFF = "tso off gso off gro off tx-udp-segmentation off"


def batch(namespace, lines):
    """Many `ip` commands by one process."""
    namespace.run("ip", "-batch", "-", data="\n".join(line.strip() for line in lines.strip().splitlines()) + "\n")


def ethernet(target, source, ethertype, payload):
    return bytes.fromhex(target.replace(":", "")) + bytes.fromhex(source.replace(":", "")) + struct.pack("!H", ethertype) + payload


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, target, protocol, payload):
    def head(check):
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, check, socket.inet_aton(source),
                           socket.inet_aton(target))
    return head(checksum(head(0))) + payload


def udp(source_port, port, payload):
    return struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload


def offloads(namespace, interface, words):
    need("ethtool")
    namespace.run("ethtool", "-K", interface, *words.split())


def calm(namespace, forwarding=False):
    """Interfaces to come say nothing by themselves, but for who listens to which group, soon."""
    settings = {"ipv6/conf/default/addr_gen_mode": 1, "ipv6/conf/default/mldv2_unsolicited_report_interval": 10,
                "ipv6/conf/default/accept_ra": 0, "ipv6/conf/all/forwarding": int(forwarding), "ipv4/ip_forward": int(forwarding)}
    namespace.run("sh", "-ec", "\n".join(f"echo {value} > /proc/sys/net/{name}" for name, value in settings.items()))


def proc_net_dev(namespace):
    """{interface: {direction: (packets, bytes, dropped)}}"""
    found = {}
    with open(f"/proc/{namespace.pid}/net/dev", encoding="utf-8") as file:
        for line in file.readlines()[2:]:
            name, _, numbers = line.partition(":")
            n = [int(word) for word in numbers.split()]
            found[name.strip()] = {"ingress": (n[1], n[0], n[3]), "egress": (n[9], n[8], n[11])}
    return found


def quiet(*namespaces):
    """Waits until nothing crosses any interface. New ones tell which groups they listen to, when the kernel notices that they
    have a carrier, which can take a second."""
    def counters():
        return [proc_net_dev(namespace) for namespace in namespaces]

    def still():
        before = counters()
        time.sleep(1.2)
        return counters() == before
    until(still, 20, "silence")


def mac(namespace, interface):
    return json.loads(namespace.ip("-j", "link", "show", "dev", interface))[0]["address"]


def know_each_other(one, name, other, peer, net):
    for namespace, interface, its, host in ((one, name, mac(other, peer), 2), (other, peer, mac(one, name), 1)):
        batch(namespace, f"""neighbour replace 10.{net}.0.{host} lladdr {its} dev {interface} nud permanent
            neighbour replace fd0{net}::{host} lladdr {its} dev {interface} nud permanent""")


class Row:
    """left (la) - (ma) middle (mb) - (rb) right; 10.1.0.1 - .2, 10.2.0.1 - .2, and fd01::, fd02:: alike. Neighbours are told,
    so that no packet is there but the test's. On the link to the right all offloads are off.

    `upper(namespace, lower)` makes a device on top of la or ma, which has the addresses then, and gives its name.
    """

    def __init__(self, scope, upper=lambda _, lower: lower):
        self.left, self.middle, self.right = (scope.namespace() for _ in range(3))
        for namespace in (self.left, self.middle, self.right):
            calm(namespace, forwarding=True)
        for one, name, other, peer in ((self.left, "la", self.middle, "ma"), (self.middle, "mb", self.right, "rb")):
            one.ip("link", "add", name, "type", "veth", "peer", "name", peer, "netns", other.pid)
        left, middle = upper(self.left, "la"), upper(self.middle, "ma")
        for namespace, lower, name, net, host in ((self.left, "la", left, 1, 1), (self.middle, "ma", middle, 1, 2),
                                                  (self.middle, "mb", "mb", 2, 1), (self.right, "rb", "rb", 2, 2)):
            batch(namespace, f"""link set dev {lower} up
                link set dev {name} up
                address add 10.{net}.0.{host}/24 dev {name}
                address add fd0{net}::{host}/64 dev {name} nodad""")
        know_each_other(self.left, left, self.middle, middle, 1)
        know_each_other(self.middle, "mb", self.right, "rb", 2)
        batch(self.left, "route add default via 10.1.0.2\nroute add ::/0 via fd01::2")
        batch(self.right, "route add default via 10.2.0.1\nroute add ::/0 via fd02::1")
        offloads(self.middle, "mb", ALL_OFF)
        offloads(self.right, "rb", ALL_OFF)
        quiet(self.left, self.middle, self.right)

    def iperf_server(self):
        need("iperf3")
        self.right.start("iperf3", "-s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: ":5201 " in self.right.run("ss", "-Hltn"), 10, "iperf3")

    def iperf(self, *words, to="10.2.0.2"):
        self.left.run("iperf3", "-c", to, *words, seconds=60 * SLOWNESS)


def pair(scope, name="va", peer="vb"):
    """Two namespaces joined by a veth pair, 10.3.0.1 and 10.3.0.2, fd03::1 and fd03::2; quiet by itself but for ARP and ND."""
    here, there = scope.namespace(), scope.namespace()
    calm(here)
    calm(there)
    veth(here, name, there, peer)
    for namespace, interface, host in ((here, name, 1), (there, peer, 2)):
        namespace.address(interface, f"10.3.0.{host}/24")
        namespace.address(interface, f"fd03::{host}/64")
    quiet(here, there)
    return here, there


def ping(namespace, target, count=10, size=1000):
    """Echoes, each of which must be answered; larger than a frame they come in fragments."""
    six = ":" in target
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with inside(namespace), socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, protocol) as asking:
        asking.settimeout(2 * SLOWNESS)
        for number in range(count):
            head = struct.pack("!BBHHH", 128 if six else 8, 0, 0, os.getpid() & 0xffff, number)
            data = head + bytes(size)
            if not six:
                data = head[:2] + struct.pack("!H", checksum(data)) + data[4:]
            asking.sendto(data, (target, 0))
            while True:
                answer = asking.recv(65536)[0 if six else 20:]
                if answer[0] == (129 if six else 0) and answer[4:8] == data[4:8]:
                    break


def send_datagrams(sender, receiver, target, sizes, gso_size=0, port=9999):
    """Datagrams of these sizes, cut by the kernel into ones of gso_size where that is given; each has arrived at the end."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with inside(receiver):
        sink = socket.socket(family, socket.SOCK_DGRAM)
    with inside(sender):
        out = socket.socket(family, socket.SOCK_DGRAM)
    with sink, out:
        sink.bind((target, port))
        sink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        sink.settimeout(5 * SLOWNESS)
        out.connect((target, port))
        if gso_size:
            out.setsockopt(SOL_UDP, UDP_SEGMENT, gso_size)
        for size in sizes:
            out.send(bytes(size))
            left = size
            while left > 0:
                left -= len(sink.recv(65536))


class Raw:
    """Sends frames as they are out of an interface."""

    def __init__(self, namespace, interface, virtio_header=False):
        with inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        if virtio_header:
            self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.bind((interface, 0))

    def send(self, *frames):
        for frame in frames:
            self.socket.send(frame)

    def close(self):
        self.socket.close()
