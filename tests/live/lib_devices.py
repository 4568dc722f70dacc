"""Scenes as in lib_crossings.py on devices that stand on others, and on those below them.

VLAN, bond, bridge and macvlan stand on both ends of the left link; tunnels lead from left to right. A kernel without such a
device skips its test.
"""
import re
import subprocess

from lib import SLOWNESS, Skip, need, until
from lib_crossings import Scenes
from lib_traffic import (ALL_OFF, MEGABYTES, Row, batch, calm, know_each_other, offloads, ping, quiet,
                         send_datagrams)
from lib_truth import captured, verdict_of

DEVICES = Scenes()
scene = DEVICES.scene
ETHERNET, TAG = 14, 4


def made(namespace, name, *words):
    """A device, or Skip where this kernel has none of the kind."""
    try:
        namespace.ip("link", "add", "name", name, *words)
    except AssertionError as refused:
        if re.search("Unknown device type|not supported", str(refused)):
            raise Skip(f"this kernel has no {words[words.index('type') + 1]}") from None
        raise
    return name


def crossing(row, to="10.2.0.2", back="10.1.0.1"):
    many = f"{MEGABYTES}M"
    return (
        ("ping", lambda: ping(row.left, to)),
        ("ping in fragments", lambda: ping(row.left, to, 5, 8000)),
        ("UDP", lambda: send_datagrams(row.left, row.right, to, [100, 1200, 9000])),
        ("UDP cut by the kernel", lambda: send_datagrams(row.left, row.right, to, [20000, 999, 60000], 1000)),
        ("TCP to the right", lambda: row.iperf("-n", many, to=to)),
        ("TCP to the left", lambda: row.iperf("-n", many, "-R", to=to)),
    )


def on_top(scope, truth_of, upper, name, *, words="", more=0):
    """`more`: bytes that each packet has on the left link, and not on that to the right"""
    row = Row(scope, upper)
    if words:
        offloads(row.left, "la", words)
        offloads(row.middle, "ma", words)
    row.iperf_server()
    left, middle = truth_of(row.left), truth_of(row.middle)
    for what, send in crossing(row):
        to_right, to_left = captured(row, (left, middle), send)
        below_right, below_left = ((packets, size + packets * more) for packets, size in (to_right, to_left))
        left.step(f"left, {what}", "la", name, wire={
            ("la", "egress"): below_right, (name, "egress"): to_right, ("la", "ingress"): below_left, (name, "ingress"): to_left})
        middle.step(f"middle, {what}", "ma", name, "mb", wire={
            ("ma", "egress"): below_left, (name, "egress"): to_left, ("mb", "ingress"): to_left,
            ("ma", "ingress"): below_right, (name, "ingress"): to_right, ("mb", "egress"): to_right})
    return verdict_of(left, middle)


def vlan(scope, truth_of, protocol, words=""):
    def upper(namespace, lower):
        return made(namespace, "up", "link", lower, "type", "vlan", "id", 5, "protocol", protocol)
    return on_top(scope, truth_of, upper, "up", words=words, more=TAG)


@scene
def vlan_with_the_tag_beside_the_packet(scope, truth_of):
    return vlan(scope, truth_of, "802.1Q")


@scene
def vlan_with_the_tag_put_in_by_software(scope, truth_of):
    return vlan(scope, truth_of, "802.1Q", "txvlan off")


@scene
def vlan_without_any_offload(scope, truth_of):
    return vlan(scope, truth_of, "802.1Q", "txvlan off " + ALL_OFF)


@scene
def vlan_of_the_provider(scope, truth_of):
    return vlan(scope, truth_of, "802.1ad")


@scene
def bridge(scope, truth_of):
    def upper(namespace, lower):
        made(namespace, "up", "type", "bridge", "mcast_snooping", 0)
        namespace.ip("link", "set", "dev", lower, "master", "up")
        return "up"
    return on_top(scope, truth_of, upper, "up")


@scene
def bridge_between_two_links(scope, truth_of):
    """The middle forwards by bridge, without an address of its own."""
    left, middle, right = (scope.namespace() for _ in range(3))
    for namespace in (left, middle, right):
        calm(namespace)
    made(middle, "up", "type", "bridge", "mcast_snooping", 0)
    for end, name, port, host in ((left, "la", "ma", 1), (right, "rb", "mb", 2)):
        end.ip("link", "add", name, "type", "veth", "peer", "name", port, "netns", middle.pid)
        end.up(name)
        end.address(name, f"10.1.0.{host}/24")
        batch(middle, f"link set dev {port} master up\nlink set dev {port} up")
    middle.up("up")
    know_each_other(left, "la", right, "rb", 1)
    quiet(left, middle, right)
    need("iperf3")
    right.start("iperf3", "-s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: ":5201 " in right.run("ss", "-Hltn"), 10, "iperf3")
    truth = truth_of(middle)
    ping(left, "10.1.0.2")
    truth.step("ping", "ma", "mb")
    left.run("iperf3", "-c", "10.1.0.2", "-n", f"{MEGABYTES}M", seconds=60 * SLOWNESS)
    truth.step("TCP", "ma", "mb", wire_is_frames=False)
    send_datagrams(left, right, "10.1.0.2", [100, 9000])
    truth.step("UDP", "ma", "mb")
    return truth.verdict()


@scene
def bond(scope, truth_of):
    def upper(namespace, lower):
        made(namespace, "up", "type", "bond", "mode", "active-backup", "miimon", 100)
        namespace.ip("link", "set", "dev", lower, "master", "up")
        return "up"
    return on_top(scope, truth_of, upper, "up")


@scene
def macvlan(scope, truth_of):
    def upper(namespace, lower):
        return made(namespace, "up", "link", lower, "type", "macvlan", "mode", "bridge")
    return on_top(scope, truth_of, upper, "up")


def tunnel(scope, truth_of, kind, *words, outer, head=0):
    """A tunnel `tn` from left to right, 10.9.0.1 to 10.9.0.2. `outer`: bytes that it puts in front of each packet, without the
    outer Ethernet header; `head`: of link header that packets have within it."""
    row = Row(scope)
    left_end, right_end = ("fd01::1", "fd02::2") if kind.startswith("ip6") else ("10.1.0.1", "10.2.0.2")
    for namespace, own, other, host in ((row.left, left_end, right_end, 1), (row.right, right_end, left_end, 2)):
        # Small enough for the path: fragments of a tunnel are cut anew at each link.
        local = () if kind == "geneve" else ("local", own)
        made(namespace, "tn", "mtu", 1400, "type", kind, *local, "remote", other, *words)
        batch(namespace, f"link set dev tn up\naddress add 10.9.0.{host}/24 dev tn")
    if head:
        know_each_other(row.left, "tn", row.right, "tn", 9)
    row.iperf_server()
    # Tunnels merge what they receive (gro_cells), after they have counted it.
    left = truth_of(row.left, merged=(("tn", "ingress"),))
    middle = truth_of(row.middle)
    for what, send in crossing(row, "10.9.0.2"):
        if "fragments" in what:
            continue
        to_right, to_left = captured(row, (left, middle), send)
        inner_right, inner_left = ((packets, size - packets * (ETHERNET + outer)) for packets, size in (to_right, to_left))
        left.step(f"left, {what}", "la", "tn", wire={
            ("la", "egress"): to_right, ("la", "ingress"): to_left, ("tn", "egress"): inner_right, ("tn", "ingress"): inner_left})
        middle.step(f"middle, {what}", "ma", "mb", wire={
            ("ma", "ingress"): to_right, ("mb", "egress"): to_right, ("mb", "ingress"): to_left, ("ma", "egress"): to_left})
    return verdict_of(left, middle)


@scene
def vxlan(scope, truth_of):
    return tunnel(scope, truth_of, "vxlan", "id", 7, "dstport", 4789, outer=20 + 8 + 8, head=ETHERNET)


@scene
def geneve(scope, truth_of):
    return tunnel(scope, truth_of, "geneve", "id", 7, outer=20 + 8 + 8, head=ETHERNET)


@scene
def gretap(scope, truth_of):
    return tunnel(scope, truth_of, "gretap", outer=20 + 4, head=ETHERNET)


@scene
def ip6gretap(scope, truth_of):
    return tunnel(scope, truth_of, "ip6gretap", "encaplimit", "none", outer=40 + 4, head=ETHERNET)


@scene
def ipip(scope, truth_of):
    return tunnel(scope, truth_of, "ipip", outer=20)


@scene
def gre(scope, truth_of):
    return tunnel(scope, truth_of, "gre", outer=20 + 4)
