#!/usr/bin/env python3
"""flows_truth [WORD]...: the flows that `weir flows` tells add up to what the kernel counts and to what `weir interfaces` counts beside
it, to the byte, whatever crosses; each class of frames is the flow that it should be; what is filtered is in the ledger; XDP counts
what TC counts.
"""
import fcntl
import os
import re
import socket
import stat
import struct
import subprocess

from lib import SLOWNESS, Skip, equal, main, need, test, until
from lib_attached import attached, xdp_of
from lib_crossings import CROSSINGS
from lib_flows import Flows, FlowTruth, sums
from lib_frames import FROM, FROM6, TCP_HEADER, TO, TO6, base_transport, fragment, ipv6, roce_v1, roce_v2
from lib_inside import inside
from lib_traffic import Raw, calm, ethernet, ipv4, know_each_other, mac, pair, ping, proc_net_dev, send_datagrams, udp

CROSSINGS.test_with(FlowTruth)

def classes():
    """{name: (ethertype and payload, or both with tags before; what the flow says)}; each frame is a flow of its own"""
    def ends(source=None, port=None, addresses=(FROM, TO)):
        one, other = ({"address": address, "port": number} if number else {"address": address}
                      for address, number in zip(addresses, (source, port)))
        return {"source": one, "destination": other}
    datagram, six = udp(1111, 2222, b"x" * 40), ends(1111, 2222, (FROM6, TO6))
    four = ends(1111, 2222)
    plain = ipv4(FROM, TO, 17, datagram)
    extended = bytes([60, 0, 0, 0, 0, 0, 0, 0]) + bytes([17, 1]) + bytes(14) + datagram  # routing, then destination options

    def tag(identifier, ethertype):
        return struct.pack("!HH", identifier, ethertype)
    return {
        "UDP": (0x0800, plain, {"type": "udp", "protocol": 17, **four}),
        "TCP": (0x0800, ipv4(FROM, TO, 6, TCP_HEADER), {"type": "tcp", "protocol": 6, **ends(1000, 2000)}),
        "SCTP": (0x0800, ipv4(FROM, TO, 132, struct.pack("!HHII", 5, 6, 0, 0)), {"type": "other", "protocol": 132, **ends(5, 6)}),
        "UDP-Lite": (0x0800, ipv4(FROM, TO, 136, udp(7, 8, b"")), {"type": "udp", "protocol": 136, **ends(7, 8)}),
        "ICMP": (0x0800, ipv4(FROM, TO, 1, bytes([8, 0]) + bytes(20)), {"type": "other", "protocol": 1, **ends()}),
        "GRE": (0x0800, ipv4(FROM, TO, 47, bytes([0, 0, 8, 0]) + plain), {"type": "other", "protocol": 47, **ends()}),
        "IP in IP": (0x0800, ipv4(FROM, TO, 4, plain), {"type": "other", "protocol": 4, **ends()}),
        "a later fragment": (0x0800, fragment(ipv4(FROM, TO, 17, bytes(64)), 1480, False), {"type": "udp", "protocol": 17, **ends()}),
        "a first fragment": (0x0800, fragment(ipv4(FROM, TO, 17, udp(31, 32, bytes(64))), 0, True),
                             {"type": "udp", "protocol": 17, **ends(31, 32)}),
        "IPv6 UDP": (0x86dd, ipv6(FROM6, TO6, 17, datagram), {"type": "udp", "protocol": 17, **six}),
        "IPv6 TCP": (0x86dd, ipv6(FROM6, TO6, 6, TCP_HEADER), {"type": "tcp", "protocol": 6, **ends(1000, 2000, (FROM6, TO6))}),
        "IPv6 extension headers": (0x86dd, ipv6(FROM6, "fd09::3", 43, extended),
                                   {"type": "udp", "protocol": 17, **ends(1111, 2222, (FROM6, "fd09::3"))}),
        "an IPv6 fragment": (0x86dd, ipv6(FROM6, "fd09::4", 44, struct.pack("!BBHI", 17, 0, 1480, 7) + bytes(40)),
                             {"type": "udp", "protocol": 17, **ends(addresses=(FROM6, "fd09::4"))}),
        "ICMPv6": (0x86dd, ipv6(FROM6, TO6, 58, bytes([129, 0]) + bytes(6)), {"type": "other", "protocol": 58, **ends(addresses=(FROM6, TO6))}),
        "RoCE v2": (0x0800, roce_v2(4, 0x11, 1), {"type": "roce_v2", "protocol": 17, **ends(49152, 4791)}),
        "RoCE v2 over IPv6": (0x86dd, ipv6(FROM6, TO6, 17, udp(49153, 4791, base_transport(4, 0x12, 1))),
                              {"type": "roce_v2", "protocol": 17, **ends(49153, 4791, (FROM6, TO6))}),
        "RoCE v1": (0x8915, roce_v1(4, 0x13, 1), {"type": "roce_v1", "protocol": None, **ends()}),
        "InfiniBand": (0x8914, bytes(64), {"type": "infiniband", "ether_type": 0x8914, "source": None}),
        "ARP": (0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 99) + bytes(20), {"type": "other", "ether_type": 0x0806, "protocol": None}),
        "LLDP": (0x88cc, bytes(46), {"type": "other", "ether_type": 0x88cc}),
        "a length": (38, bytes(38), {"type": "other", "ether_type": 38}),
        "a tag": (0x8100, tag(5, 0x0800) + plain, {"type": "udp", "vlan": 5, **four}),
        "a tag for priority": (0x8100, tag(3 << 13, 0x0800) + plain, {"type": "udp", "vlan": 0, **four}),
        "QinQ": (0x88a8, tag(7, 0x8100) + tag(6, 0x0800) + plain, {"type": "udp", "vlan": 7, **four}),
        "IPv6 behind a tag": (0x8100, tag(8, 0x86dd) + ipv6(FROM6, TO6, 17, datagram), {"type": "udp", "vlan": 8, **six}),
        "RoCE v1 behind a tag": (0x8100, tag(9, 0x8915) + roce_v1(4, 0x14, 1), {"type": "roce_v1", "vlan": 9, **ends()}),
        "IPv4 that is none": (0x0800, b"\xff" * 20, {"type": "other", "ether_type": 0x0800}),
    }


def send_classes(sender, interface, target, times=3):
    """Each frame `times` times; {name: (frames, bytes) of it}"""
    raw, sent = Raw(sender, interface), {}
    for name, (ethertype, payload, _) in classes().items():
        frame = ethernet(target, mac(sender, interface), ethertype, payload)
        raw.send(*[frame] * times)
        sent[name] = (times, times * len(frame))
    raw.close()
    return sent


def hold_classes(flows, sent, direction, but=()):
    for name, (_, _, says) in classes().items():
        wanted = {"interface": "va", "direction": direction, **says}
        if "vlan" not in says:
            wanted["vlan"] = None
        if name not in but:
            equal(f"{name} by {direction}: flows that say {wanted}", sums(flows, **wanted), sent[name])


@test
def each_class_is_the_flow_that_it_should_be(scope):
    here, there = pair(scope)
    weir = Flows(here)
    to = mac(there, "vb")
    out, back = send_classes(here, "va", to), send_classes(there, "vb", mac(here, "va"))
    flows, pairs = weir.last()
    hold_classes(flows, out, "egress")
    hold_classes(flows, back, "ingress")
    equal("queue pairs", sorted((line["queue_pair"], line["direction"]) for line in pairs.values() if line["interface"] == "va"),
          sorted((number, direction) for number in range(0x11, 0x15) for direction in ("egress", "ingress")))
    return f"{len(out) + len(back)} kinds"


@test
def what_programs_send(scope):
    """iperf3 and ping are flows with their ports, and each has the bytes that the device has of it."""
    need("iperf3", "ping")
    here, there = pair(scope)
    there.start("iperf3", "-s", stdout=subprocess.DEVNULL)
    until(lambda: ":5201 " in there.run("ss", "-Hltn"), 10, "iperf3")
    weir = Flows(here, "--expire", "1h")
    here.run("iperf3", "-c", "10.3.0.2", "-n", "2M", "--cport", "40001", seconds=60 * SLOWNESS)
    here.run("iperf3", "-c", "fd03::2", "-u", "-b", "20M", "-n", "1M", "-l", "1000", "--cport", "40002", seconds=60 * SLOWNESS)
    here.run("ping", "-c", "5", "-i", "0.2", "-s", "500", "10.3.0.2")
    here.run("ping", "-c", "5", "-i", "0.2", "-s", "500", "fd03::2")
    flows, _ = weir.last()

    def only(**words):
        found = sums(flows, interface="va", **words)
        if not found[0]:
            raise AssertionError(f"no flow {words}")
        return found
    stream = {"source": {"address": "10.3.0.1", "port": 40001}, "destination": {"address": "10.3.0.2", "port": 5201}}
    back = {"source": stream["destination"], "destination": stream["source"]}
    if only(type="tcp", protocol=6, direction="egress", **stream)[1] < 2 << 20:
        raise AssertionError("less than was sent")
    only(type="tcp", protocol=6, direction="ingress", **back)
    datagrams = only(type="udp", protocol=17, direction="egress", source={"address": "fd03::1", "port": 40002},
                     destination={"address": "fd03::2", "port": 5201})
    if datagrams[1] < 1 << 20:
        raise AssertionError(f"datagrams: {datagrams}")
    one, other = {"address": "10.3.0.1"}, {"address": "10.3.0.2"}
    for direction, ends in (("egress", (one, other)), ("ingress", (other, one))):
        equal(f"pings, {direction}", only(type="other", protocol=1, direction=direction, source=ends[0], destination=ends[1]),
              (5, 5 * (500 + 8 + 20 + 14)))
        six = only(type="other", protocol=58, direction=direction, source={"address": f"fd03::{ends[0]['address'][-1]}"},
                   destination={"address": f"fd03::{ends[1]['address'][-1]}"})
        if six[1] < 5 * (500 + 8 + 40 + 14):  # and questions for the neighbour
            raise AssertionError(f"IPv6 pings, {direction}: {six}")


FILTERS = {"tcp": {"tcp"}, "udp": {"udp"}, "roce": {"roce_v1", "roce_v2", "infiniband"}, "roce_v1": {"roce_v1", "infiniband"}, "roce_v2": {"roce_v2"},
           "ib": {"infiniband"}, "all": {"tcp", "udp", "roce_v1", "roce_v2", "infiniband", "other"}}


def settled_page(weir, namespace, before):
    """Its page when it has seen all that has crossed `va` since, and how many frames that is."""
    def seen():
        now, page = proc_net_dev(namespace)["va"], weir.page()
        crossed = sum(now[direction][0] - before[direction][0] for direction in ("ingress", "egress"))
        return (page, crossed) if page.ledger("seen") == crossed else None
    page, crossed = until(seen, 10, lambda: f"all frames seen ({weir.page().ledger('seen')} are)")
    page.balance()
    return page, crossed


@test
def filters(scope):
    here, there = pair(scope)
    kinds = {name: says["type"] for name, (_, _, says) in classes().items()}
    for word, types in FILTERS.items():
        before = proc_net_dev(here)["va"]
        weir = Flows(here, "-i", "va", "-f", word)
        sent = send_classes(there, "vb", mac(here, "va"))
        page, crossed = settled_page(weir, here, before)
        flows, pairs = weir.last(settle=0)
        equal(f"-f {word}: types", {flow["type"] for flow in flows} - types, set())
        wanted = [sent[name] for name, kind in kinds.items() if kind in types]
        if "other" not in types:
            equal(f"-f {word}: flows", sums(flows), tuple(map(sum, zip(*wanted))))
            equal(f"-f {word}: delivered", page.ledger("delivered"), sum(frames for frames, _ in wanted))
            equal(f"-f {word}: filtered", page.ledger("filtered"), crossed - page.ledger("delivered"))
        for kind in types - {"other"}:
            equal(f"-f {word}: bytes of {kind} on the page", page.sum("weir_flow_frame_bytes_total", type=kind, interface="va"),
                  sum(sent[name][1] for name in sent if kinds[name] == kind))
        equal(f"-f {word}: queue pairs", {line["type"] for line in pairs.values()}, types & {"roce_v1", "roce_v2"})


def dns_frames(here, there):
    """(frames to here, frames to there) of which each third is to, from and beside a name server by address, and by port."""
    def frame(source, target, ports, protocol=17):
        payload = udp(*ports, b"q" * 30) if protocol == 17 else struct.pack("!HH", *ports) + TCP_HEADER[4:]
        return ethernet(there, here, 0x0800, ipv4(source, target, protocol, payload))
    servers = ("223.5.5.5", "223.6.6.6", "114.114.114.114", "114.114.115.115", "8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1")
    by_address = [frame(*ends, (5000, 443)) for server in servers for ends in ((FROM, server), (server, FROM))]
    by_port = [frame(FROM, TO, ports, protocol) for port in (53, 853) for protocol in (6, 17) for ports in ((5000, port), (port, 5000))]
    neither = [frame(FROM, TO, (5000, 5353)), frame(FROM, "8.8.8.9", (5001, 54)), frame("0.0.0.0", "255.255.255.255", (68, 67)),
               ethernet(there, here, 0x0800, ipv4(FROM, TO, 132, struct.pack("!HHII", 53, 53, 0, 0))),
               ethernet(there, here, 0x86dd, ipv6(FROM6, "2001:4860:4860::8888", 17, udp(5000, 443, b"")))]
    return by_address, by_port, neither


@test
def name_servers_are_left_out_in_both_directions(scope):
    here, there = pair(scope)
    for words, left_out in ((("--exclude-dns",), (0,)), (("--exclude-dns-ports",), (1,)), (("--exclude-dns", "--exclude-dns-ports"), (0, 1))):
        before = proc_net_dev(here)["va"]
        weir = Flows(here, "-i", "va", *words)
        kinds = dns_frames(mac(here, "va"), mac(there, "vb"))
        for sender, interface in ((here, "va"), (there, "vb")):
            raw = Raw(sender, interface)
            for frames in kinds:
                raw.send(*frames)
            raw.close()
        page, _ = settled_page(weir, here, before)
        equal(f"{words}: filtered", page.ledger("filtered"), 2 * sum(len(kinds[n]) for n in left_out))
        flows, _ = weir.last(settle=0)
        named = [flow for flow in flows if flow["interface"] == "va" and (flow.get("source") or {}).get("address") in (FROM, FROM6, "0.0.0.0")]
        kept = [frame for n, frames in enumerate(kinds) for frame in frames if n not in left_out]
        back = [flow for flow in flows if flow["interface"] == "va" and (flow.get("destination") or {}).get("address") == FROM]
        equal(f"{words}: kept", sums(named + back), (2 * len(kept), 2 * sum(map(len, kept))))


@test
def ports_are_folded(scope):
    here, there = pair(scope)
    weir = Flows(here, "--fold-ports", "--expire", "1h")
    raw = Raw(there, "vb")
    first = int(here.run("cat", "/proc/sys/net/ipv4/ip_local_port_range").split()[0])
    for port in range(first, first + 200):
        raw.send(ethernet("02:00:00:00:00:02", "02:00:00:00:00:01", 0x0800, ipv4(FROM, TO, 17, udp(port, 443, b"x"))))
        raw.send(ethernet("02:00:00:00:00:02", "02:00:00:00:00:01", 0x0800, ipv4(TO, FROM, 6, struct.pack("!HH", 443, port) + TCP_HEADER[4:])))
    for ports in ((first, first + 1), (first - 1, 443)):
        raw.send(ethernet("02:00:00:00:00:02", "02:00:00:00:00:01", 0x0800, ipv4(FROM, TO, 17, udp(*ports, b"x"))))
    sent = send_classes(there, "vb", "02:00:00:00:00:02")
    flows, _ = weir.last()
    for wanted, ends in (((200, 200 * 43), ({"address": FROM}, {"address": TO, "port": 443})),
                         ((200, 200 * 54), ({"address": TO, "port": 443}, {"address": FROM})),
                         ((1, 43), ({"address": FROM, "port": first}, {"address": TO, "port": first + 1})),
                         ((1, 43), ({"address": FROM, "port": first - 1}, {"address": TO, "port": 443}))):
        equal(f"flows of {ends}", sums(flows, interface="va", source=ends[0], destination=ends[1]), wanted)
    for name in ("InfiniBand", "LLDP", "ARP"):
        equal(name, sums(flows, interface="va", ether_type=classes()[name][2]["ether_type"]), sent[name])


@test
def one_direction(scope):
    here, there = pair(scope)
    for word in ("ingress", "egress", "both"):
        weir = Flows(here, "--direction", word)
        send_datagrams(here, there, "10.3.0.2", [100] * 10)
        send_datagrams(there, here, "10.3.0.1", [100] * 10)
        flows, _ = weir.last()
        found = {flow["direction"] for flow in flows if flow["interface"] == "va" and flow["type"] == "udp"}
        equal(f"--direction {word}", found, {"ingress", "egress"} if word == "both" else {word})
        for direction in found:
            equal(f"datagrams, {direction}", sums(flows, interface="va", type="udp", direction=direction), (10, 10 * 142))


@test
def xdp_counts_what_tc_counts(scope):
    here, there = pair(scope)
    know_each_other(here, "va", there, "vb", 3)
    weirs = {mode: Flows(here, "-i", "va", "--attach", mode, "--expire", "1h", port=port)
             for mode, port in (("tc", 9911), ("xdp", 9912))}
    mode = xdp_of(here, "va")
    if not mode:
        raise AssertionError(f"no XDP program: {weirs['xdp'].said()}")
    for times in (1, 2):
        sent = send_classes(there, "vb", mac(here, "va"))
        send_datagrams(here, there, "10.3.0.2", [1200] * 10)
        send_datagrams(there, here, "10.3.0.1", [1200] * 10)
        ping(here, "10.3.0.2", 5, 4000)
    seen = {}
    for name, weir in weirs.items():
        flows, pairs = weir.last()
        # Who comes to listen sooner may have heard a word more; and a tag beside the packet XDP does not see.
        seen[name] = {(flow["direction"], flow["type"], str(flow.get("protocol")), str(flow.get("ether_type")), str(flow.get("source")),
                       str(flow.get("destination")), flow.get("vlan")): flow["total"] for flow in flows if flow.get("protocol") != 58}
        hold_classes(flows, {kind: (2 * frames, 2 * size) for kind, (frames, size) in sent.items()}, "ingress")
        equal(f"queue pairs by {name}", len(pairs), 4)
    equal("flows by XDP", seen["xdp"], seen["tc"])
    equal("XDP at the end", xdp_of(here, "va"), None)
    return f"{len(seen['tc'])} flows, XDP mode {mode[0]}"


@test
def generic_xdp_counts_what_tc_counts(scope):
    here, there = pair(scope)
    weir = Flows(here, "-i", "va", "--attach", "xdp-generic")
    equal("mode", (xdp_of(here, "va") or (None,))[0], 2)
    sent = send_classes(there, "vb", mac(here, "va"))
    back = send_classes(here, "va", mac(there, "vb"))
    flows, _ = weir.last()
    hold_classes(flows, sent, "ingress")
    hold_classes(flows, back, "egress")


@test
def auto_takes_tc_on_a_veth_device(scope):
    here, there = pair(scope)
    weir = Flows(here, "--attach", "auto")
    equal("XDP", xdp_of(here, "va"), None)
    sent = send_classes(there, "vb", mac(here, "va"))
    flows, _ = weir.last()
    hold_classes(flows, sent, "ingress")


# "Pass everything on": BPF_MOV r0, 2; BPF_EXIT.
def somebodys_xdp(scope, namespace, interface, mode):
    need("clang")
    source = scope.path("theirs.c", '__attribute__((section("xdp"), used)) int theirs(void *context) { return 2; }\n'
                        'char _license[] __attribute__((section("license"), used)) = "GPL";\n')
    built = scope.path("theirs.o")
    done = subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", built], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Skip(f"clang makes no BPF program: {done.stderr[-100:]}")
    namespace.ip("link", "set", "dev", interface, mode, "obj", built, "sec", "xdp")


@test
def somebody_elses_xdp_program_stays(scope):
    here, there = pair(scope)
    for theirs in ("xdpdrv", "xdpgeneric"):
        somebodys_xdp(scope, here, "va", theirs)
        before = xdp_of(here, "va")
        for ours in ("xdp", "xdp-generic"):
            weir = Flows(here, "-i", "va", "--attach", ours)
            sent = send_classes(there, "vb", mac(here, "va"))
            said = weir.said()
            flows, _ = weir.last()
            if not re.search(r"va: TC instead of XDP: .*va has another XDP program", said):
                raise AssertionError(f"{ours} beside {theirs}: it said {said}")
            equal(f"{ours} beside {theirs}: their program", xdp_of(here, "va"), before)
            hold_classes(flows, sent, "ingress")
        here.ip("link", "set", "dev", "va", theirs, "off")


@test
def an_interface_without_ethernet_headers(scope):
    """What a program puts into a tun device comes in, what is routed there goes out."""
    here = scope.namespace()
    calm(here)
    path = "/dev/net/tun"
    if not os.path.exists(path):
        subprocess.run(["modprobe", "-q", "tun"], check=False)
        path = scope.path("tun")
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(10, 200))
    with inside(here):
        try:
            tun = open(path, "r+b", buffering=0)
        except OSError as refused:
            raise Skip(f"this kernel has no tun: {refused}") from None
        fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tn", 0x0001 | 0x1000))  # TUNSETIFF: tun, without packet information
    with tun:
        here.ip("addr", "add", "10.9.0.1/24", "dev", "tn")
        here.up("tn")
        weir = Flows(here, "-i", "tn")
        before = proc_net_dev(here)
        packets = {"UDP": ipv4(TO, FROM, 17, udp(1, 2, bytes(40))), "IPv6": ipv6(FROM6, TO6, 6, TCP_HEADER), "GRE": ipv4(TO, FROM, 47, bytes(8))}
        for packet in packets.values():
            for _ in range(3):
                tun.write(packet)
        with inside(here), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(4):
                sender.sendto(bytes(100), (TO, 9999))
        os.set_blocking(tun.fileno(), False)
        while tun.read(4096):  # only then the device has sent them
            pass
        flows, _ = weir.last()
        now = proc_net_dev(here)["tn"]
        for direction in ("ingress", "egress"):
            equal(f"all, {direction}", sums(flows, direction=direction), tuple(a - b for a, b in zip(now[direction][:2], before["tn"][direction])))
        equal("UDP", sums(flows, direction="ingress", type="udp", source={"address": TO, "port": 1}), (3, 3 * 68))
        equal("IPv6 TCP", sums(flows, direction="ingress", type="tcp", destination={"address": TO6, "port": 2000}), (3, 3 * 60))
        equal("GRE", sums(flows, direction="ingress", protocol=47), (3, 3 * 28))
        equal("what went out", sums(flows, direction="egress", type="udp", destination={"address": TO, "port": 9999}), (4, 4 * 128))


@test
def nothing_is_left_attached(scope):
    here, _ = pair(scope)
    for mode in ("tc", "clsact", "xdp", "xdp-generic"):
        weir = Flows(here, "--attach", mode)
        if not attached(here, "va"):
            raise AssertionError(f"{mode}: nothing is attached")
        weir.stop(settle=0)
        until(lambda: not attached(here, "va") and not attached(here, "lo"), 5, f"{mode}: nothing attached")


if __name__ == "__main__":
    main()
