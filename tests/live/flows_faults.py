#!/usr/bin/env python3
"""flows_faults [--long] [WORD]...: `weir flows` killed, flooded, unread and beside others, while interfaces come and go.

--long: the flood is 5 million flows in 60 seconds, instead of what 10 seconds give.
"""
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from lib import SLOWNESS, WEIR, Weir, equal, main, need, test, until
from lib_attached import attached, clsact_filters, each_mode, need_mode, tcx_programs, xdp_of
from lib_flows import Flows, sums
from lib_frames import FROM, TO
from lib_inside import inside
from lib_traffic import Raw, batch, ethernet, ipv4, know_each_other, mac, pair, proc_net_dev, udp
from lib_truth import Samples, frames_of

LONG = "--long" in sys.argv
SOURCE, TARGET = "02:00:00:00:00:01", "02:00:00:00:00:02"
BYTES = 60


def frame(port=1, source=FROM):
    return ethernet(TARGET, SOURCE, 0x0800, ipv4(source, TO, 17, udp(port, 2, bytes(18))))


def send(namespace, interface, *frames):
    raw = Raw(namespace, interface)
    raw.send(*frames)
    raw.close()


class Flood(threading.Thread):
    """New flows as fast as it goes, each of one frame of BYTES bytes, until `most` are sent or it is told to stop."""

    def __init__(self, namespace, interface, most=1 << 32, first=0):
        super().__init__(daemon=True)
        with inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((interface, 0))
        self.most, self.sent, self.first, self.stopping = most, 0, first, False
        self.start()

    def run(self):
        # Source addresses and ports, 48 bits in a row in two places.
        made, out, put = bytearray(frame()), self.socket, struct.Struct("!I").pack_into
        put_port = struct.Struct("!H").pack_into
        while self.sent < self.most and not self.stopping:
            for n in range(self.first + self.sent, self.first + self.sent + 500):
                put(made, 26, 0x0b000000 + (n >> 14))
                put_port(made, 34, 1024 + (n & 0x3fff))
                out.send(made)
            self.sent += 500

    def end(self):
        self.stopping = True
        self.join()
        self.socket.close()
        return self.sent


def memory(process, what="VmRSS"):
    """MiB"""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{what}:\s+(\d+)", status.read()).group(1)) // 1024


@each_mode
def killed_under_load(scope, mode):
    here, there = pair(scope)
    need_mode(here, mode)
    weir = Flows(here, "--attach", mode)
    equal("attached", attached(here, "va"), True)
    flood = Flood(there, "vb")
    try:
        time.sleep(0.5)
        weir.process.kill()
        weir.process.wait()
        if mode == "tcx":
            until(lambda: not attached(here, "va") and not attached(here, "lo"), 5, "nothing attached")
        else:
            here.run(WEIR, "cleanup")
            equal("filters after cleanup", clsact_filters(here, "va"), None)
        again = Flows(here, "-i", "va", "--attach", mode, "--direction", "ingress")
        until(lambda: again.page().ledger("seen") > 1000, 5, "frames counted again")
    finally:
        flood.end()
    again.stop(settle=0)
    until(lambda: not attached(here, "va"), 5, "nothing attached")


@test
def killed_under_load_by_xdp(scope):
    here, there = pair(scope)
    for mode in ("xdp", "xdp-generic"):
        weir = Flows(here, "-i", "va", "--attach", mode)
        if not xdp_of(here, "va"):
            raise AssertionError(f"no XDP program: {weir.said()}")
        flood = Flood(there, "vb")
        time.sleep(0.5)
        weir.process.kill()
        weir.process.wait()
        until(lambda: not xdp_of(here, "va") and not tcx_programs(here, "va"), 5, "nothing attached")
        flood.end()


@each_mode
def interfaces_come_go_and_are_renamed(scope, mode):
    here, there = pair(scope)
    need_mode(here, mode)
    weir = Flows(here, "--attach", mode, "--expire", "1h")

    def now(name, port):
        flows = weir.lines()
        time = flows[-1]["time"] if flows else ""
        return sums([flow for flow in flows if flow["time"] == time and flow.get("source") == {"address": FROM, "port": port}], interface=name)
    send(there, "vb", *[frame(1)] * 50)
    until(lambda: now("va", 1) == (50, 50 * BYTES), 5, "50 frames")
    # Renamed: its flows go on.
    batch(here, "link set va down\nlink set va name vc\nlink set vc up")
    until(lambda: now("vc", 1) == (50, 50 * BYTES), 5, "the new name")
    send(there, "vb", *[frame(1)] * 50)
    until(lambda: now("vc", 1) == (100, 100 * BYTES), 5, "counts that go on under the new name")
    equal("under the old name", now("va", 1), (0, 0))
    # Gone, and another one: the flows of the one that is gone stay until they expire, and do not grow.
    here.ip("link", "del", "vc")
    here.ip("link", "add", "vc", "type", "veth", "peer", "name", "vb", "netns", there.pid)
    here.up("vc")
    there.up("vb")
    until(lambda: attached(here, "vc"), 5, "attached to the new one")
    time.sleep(0.3 * SLOWNESS)
    send(there, "vb", *[frame(3)] * 25)
    until(lambda: now("vc", 3) == (25, 25 * BYTES), 5, "frames of the new one")
    page = weir.page()
    if page.sum("weir_flow_frames_total", interface="vc", type="udp") < 125:
        raise AssertionError("less on the page than has crossed both")
    weir.stop(settle=0)


@test
def a_new_interface_of_the_same_index_and_name(scope):
    """Is another one: its flows do not go on from those of the one that is gone."""
    here, there = pair(scope)
    weir = Flows(here, "-i", "va", "--direction", "ingress", "--expire", "1h")
    index = json.loads(here.ip("-j", "link", "show", "dev", "va"))[0]["ifindex"]
    send(there, "vb", *[frame(1)] * 50)
    until(lambda: weir.page().sum("weir_flow_frames_total", type="udp") == 50, 5, "50 frames")
    here.ip("link", "del", "va")
    here.ip("link", "add", "va", "index", index, "type", "veth", "peer", "name", "vb", "netns", there.pid)
    here.up("va")
    there.up("vb")
    until(lambda: attached(here, "va"), 5, "attached to the new one")
    time.sleep(0.3 * SLOWNESS)
    send(there, "vb", *[frame(1)] * 20)
    flows, _ = weir.last()
    equal("frames of both", sums(flows, type="udp", source={"address": FROM, "port": 1})[0], 70)


@test
def a_flood_of_new_flows(scope):
    """What is kept is exact; it and what is not add up to what was sent; memory stays where it was."""
    here, there = pair(scope)
    know_each_other(here, "va", there, "vb", 3)
    before = proc_net_dev(here)["va"]["ingress"]
    told = {"interval": "1s", "output": "none"} if LONG else {"interval": "30s"}
    weir = Flows(here, "-i", "va", "--direction", "ingress", "--expire", "1h", "--max-flows", "20000", **told)
    at_start = memory(weir.process)
    steady = [frame(port) for port in range(1, 101)]
    raw = Raw(there, "vb")
    raw.send(*steady)  # before the first interval ends, so that they are among those that are kept
    until(lambda: weir.page().sum("weir_flows") >= 100, 5, "100 flows")
    flood, steadily, started = Flood(there, "vb", 5_000_000 if LONG else 1 << 32), 1, time.monotonic()
    while time.monotonic() - started < (60 if LONG else 10):
        raw.send(*steady)
        steadily += 1
        time.sleep(0.05)
    flood.join(timeout=300 if LONG else 0)
    sent = flood.end() + 100 * steadily
    took = time.monotonic() - started
    raw.close()
    at_end = memory(weir.process, "VmHWM")
    crossed = proc_net_dev(here)["va"]["ingress"][0] - before[0]
    if LONG:
        page = until(lambda: one if (one := weir.page()).ledger("seen") == crossed else None, 30, "all seen")
        weir.stop(settle=0)
        flows = None
    else:
        flows, _ = weir.last()
    if crossed < sent:
        raise AssertionError(f"the link lost {sent - crossed} frames")
    if flows is not None:
        floods = [flow for flow in flows if (flow.get("source") or {}).get("address", "").startswith("11.")]
        wrong = [flow for flow in floods if (flow["total"]["frames"], flow["total"]["frame_bytes"]) != (1, BYTES)]
        if wrong:
            raise AssertionError(f"{len(wrong)} of {len(floods)} flows of one frame have other counts: {wrong[:2]}")
        kept = [flow["total"]["frames"] for port in range(1, 101) for flow in flows if flow.get("source") == {"address": FROM, "port": port}]
        equal("steady flows", len(kept), 100)
        if max(kept) > steadily or sum(kept) < 0.99 * 100 * steadily:
            raise AssertionError(f"steady flows of {steadily} frames each: {min(kept)} to {max(kept)}, {sum(kept)} in all")
        equal("flows", len(flows), 20000)
    else:
        page.balance()
    if at_end > 150:
        raise AssertionError(f"{at_end} MiB, {at_start} at the start")
    text = f"{sent} frames in {took:.0f} s, memory {at_start} to {at_end} MiB at most"
    if LONG:
        text += f", kept {page.ledger('delivered')}, burst {page.ledger('lost', reason='burst')}, beyond {page.ledger('lost', reason='max_flows')}"
    else:
        text += f", of steady flows {sum(kept)} of {100 * steadily}"
    return text


@test
def the_parts_of_a_flood_add_up(scope):
    here, there = pair(scope)
    know_each_other(here, "va", there, "vb", 3)
    before = proc_net_dev(here)["va"]["ingress"][0]
    weir = Flows(here, "-i", "va", "--direction", "ingress", "--max-flows", "2000", "--expire", "1s", interval="100ms")
    flood = Flood(there, "vb", 400_000 // SLOWNESS)
    flood.join()
    flood.end()
    crossed = proc_net_dev(here)["va"]["ingress"][0] - before
    page = until(lambda: one if (one := weir.page()).ledger("seen") == crossed else None, 10, "all seen")
    parts = page.balance()
    time.sleep(1.5 * SLOWNESS)  # all expire
    weir.stop(settle=0)
    lines = weir.lines()
    ended = sums([line for line in lines if line["ended"]])
    last = sums([line for line in lines if not line["ended"] and line["time"] == lines[-1]["time"]])
    equal("frames of flows", ended[0] + last[0], parts["delivered"] + crossed_since(here, before, crossed))
    equal("types", page.sum("weir_flow_frames_total", interface="va"), crossed)
    if max(line["total"]["frames"] for line in lines if (line.get("source") or {}).get("address", "").startswith("11.")) > 1:
        raise AssertionError("a flow of one frame has more")
    return f"{parts}, burst {page.ledger('lost', reason='burst')}"


def crossed_since(namespace, before, crossed):
    return proc_net_dev(namespace)["va"]["ingress"][0] - before - crossed


@test
def no_more_flows_than_asked_for(scope):
    here, there = pair(scope)
    know_each_other(here, "va", there, "vb", 3)
    before = proc_net_dev(here)["va"]["ingress"][0]
    weir = Flows(here, "-i", "va", "--direction", "ingress", "--max-flows", "1000", "--expire", "1h")
    first = [frame(port) for port in range(1, 1001)]
    send(there, "vb", *first)
    until(lambda: weir.page().sum("weir_flows") == 1000, 5, "1000 flows")
    send(there, "vb", *[frame(port) for port in range(2001, 3001)], *first)
    crossed = proc_net_dev(here)["va"]["ingress"][0] - before
    page = until(lambda: one if (one := weir.page()).ledger("seen") == crossed else None, 10, "all seen")
    page.balance()
    flows, _ = weir.last()
    equal("flows", len(flows), 1000)
    known = [flow for flow in flows if (flow.get("source") or {}).get("port", 2000) < 2000]
    equal("what they have", sums(known), (2 * len(known), 2 * len(known) * BYTES))
    equal("beyond", page.ledger("lost", reason="max_flows"), crossed - page.ledger("delivered") - page.ledger("lost", reason="burst"))
    equal("kept", sums(flows)[0], page.ledger("delivered"))
    if len(known) < 990:
        raise AssertionError(f"{len(known)} of the first 1000")


@test
def flows_end_once_and_come_back_as_new_ones(scope):
    here, there = pair(scope)
    weir = Flows(here, "-i", "va", "--expire", "2s")

    def told(port):
        return [line for line in weir.lines() if line.get("source") == {"address": FROM, "port": port}]
    send(there, "vb", *[frame(1)] * 10)
    for _ in range(20):
        send(there, "vb", frame(2))
        time.sleep(0.2)
    until(lambda: any(line["ended"] for line in told(1)), 5, "the end of the first")
    time.sleep(1)
    send(there, "vb", *[frame(1)] * 3)
    until(lambda: not told(1)[-1]["ended"], 5, "the first one again")
    until(lambda: sum(line["ended"] for line in told(1)) == 2, 6, "its second end")
    lines = told(1)
    ends = [n for n, line in enumerate(lines) if line["ended"]]
    equal("the first life", lines[ends[0]]["total"]["frames"], 10)
    equal("the second", (lines[ends[0] + 1]["total"]["frames"], lines[ends[1]]["total"]["frames"]), (3, 3))
    equal("nothing after it", ends[1], len(lines) - 1)
    if not lines[ends[0] + 1]["first_seen"] > lines[ends[0]]["last_seen"]:
        raise AssertionError("the second life began before the first ended")
    equal("one that was never silent", [line["total"]["frames"] for line in told(2) if line["ended"]], [20])
    weir.stop(settle=0)


@test
def a_reader_that_stops_reading_holds_nothing_up(scope):
    here, there = pair(scope)
    know_each_other(here, "va", there, "vb", 3)
    before = proc_net_dev(here)["va"]["ingress"][0]
    process = subprocess.Popen(here.inside(WEIR, "flows", "-o", "json", "-t", "10ms", "-i", "va", "--direction", "ingress", "--max-flows", "2000",
                                           "--expire", "1h", "--listen", "127.0.0.1:9911"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        here.wait_for_port("127.0.0.1", 9911)
        time.sleep(0.3 * SLOWNESS)
        send(there, "vb", *[frame(port) for port in range(1, 1001)])
        equal("a record", json.loads(process.stdout.readline())["lens"], "flows")
        time.sleep(2)
        send(there, "vb", *[frame(port) for port in range(1, 1001)])
        crossed = proc_net_dev(here)["va"]["ingress"][0] - before
        page = until(lambda: text if f'outcome="seen"}} {crossed}\n' in (text := here.get("http://127.0.0.1:9911/metrics") or "") else None, 5,
                     "all counted while nobody reads")
        if not re.search(r'^weir_ledger_total\{stage="queue_stdout",outcome="lost",[^}]*\} [1-9]', page, re.MULTILINE):
            raise AssertionError("no line was lost: " + " ".join(re.findall(r"^weir_ledger.*", page, re.MULTILINE)))
        resident = memory(process)
        if resident > 150:
            raise AssertionError(f"{resident} MiB resident")
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        equal("exit code", process.wait(timeout=5 * SLOWNESS), 0)
        if time.monotonic() - asked > 1.5 * SLOWNESS:
            raise AssertionError(f"it ended after {time.monotonic() - asked:.1f} s")
        return f"{resident} MiB resident"
    finally:
        process.kill()
        process.stdout.close()


@test
def errors_are_clear(scope):
    here, _ = pair(scope)

    def fails(wanted_code, wanted, *words, command=None):
        done = subprocess.run(here.inside(*(command or (WEIR, "flows", *words))), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=20 * SLOWNESS, check=False)
        if done.returncode != wanted_code or not re.search(wanted, done.stderr):
            raise AssertionError(f"{words or command}: exit code {done.returncode}: {done.stderr[-300:]}")
    fails(1, "no interface vx; is it va", "-i", "vx")
    for words in (("-t", "0"), ("-t", "soon"), ("--expire", "10ms"), ("--attach", "xdpdrv"), ("--direction", "in"), ("-f", "rocev2"), ("-o", "yaml"),
                  ("--count", "0"), ("--top", "0"), ("--max-flows", "1"), ("--max-flows", "many"), ("--listen", "9911")):
        fails(2, "", *words)
    nobody = ("setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all")
    need("setpriv")
    fails(1, "cap_bpf,cap_net_admin,cap_perfmon", command=(*nobody, WEIR, "flows"))
    taken = here.start("python3", "-m", "http.server", "9911", "--bind", "127.0.0.1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    here.wait_for_port("127.0.0.1", 9911)
    fails(1, "127.0.0.1:9911.*in use", "--listen", "127.0.0.1:9911")
    taken.terminate()
    until(lambda: not attached(here, "va"), 5, "nothing attached")


@each_mode
def several_at_once(scope, mode):
    """Two of `weir flows` and one of `weir interfaces`: all count all."""
    here, there = pair(scope)
    need_mode(here, mode)
    know_each_other(here, "va", there, "vb", 3)
    interfaces = Samples(here, "-i", "va", "--attach", mode)
    start = frames_of(interfaces.next()["va"]["ingress"])
    weirs = [Flows(here, "-i", "va", "--attach", mode, "--direction", "ingress", port=port) for port in (9911, 9912)]
    send(there, "vb", *(frame(port) for _ in range(5) for port in range(1, 201)))
    until(lambda: frames_of(interfaces.next()["va"]["ingress"])[0] >= start[0] + 1000, 5, "1000 frames by interfaces")
    first, _ = weirs[0].last()
    send(there, "vb", *[frame(7)] * 100)
    second, _ = weirs[1].last()
    ours = [[flow for flow in flows if (flow.get("source") or {}).get("address") == FROM] for flows in (first, second)]
    equal("flows", [len(flows) for flows in ours], [200, 200])
    equal("frames", [sums(flows) for flows in ours], [(1000, 1000 * BYTES), (1100, 1100 * BYTES)])
    until(lambda: frames_of(interfaces.next()["va"]["ingress"])[0] >= start[0] + 1100, 5, "1100 frames by interfaces")
    interfaces.weir.stop(settle=0)
    until(lambda: not attached(here, "va"), 5, "nothing attached")


@test
def only_the_busiest(scope):
    here, there = pair(scope)
    weir = Weir(here, "-o", "json", "-i", "va", "--direction", "ingress", "--top", "3", "-t", "200ms", "--duration", "2s", command="flows")
    send(there, "vb", *(frame(port) for port in range(1, 51) for _ in range(port)))
    equal("exit code", weir.ended(10 * SLOWNESS), 0)
    flows = [json.loads(line) for line in weir.output().splitlines()]
    busy = [flow["source"]["port"] for flow in flows if flow["interval"]["frames"] and flow.get("source", {}).get("port")]
    equal("the busiest", sorted(busy)[-3:], [48, 49, 50])
    equal("lines of an interval", max(sum(other["time"] == flow["time"] for other in flows) for flow in flows), 3)


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--long"]
    main()
