"""What `weir flows` says, held against what the kernel counts and what `weir interfaces` says beside it."""
import json
import re

from lib import Weir, equal, until
from lib_traffic import ping, proc_net_dev
from lib_truth import DIRECTIONS, Samples, Truth, frames_of, minus, wire_of

COUNTS = ("frames", "frame_bytes", "wire_packets", "wire_bytes")
TRAFFIC = {"weir_flow_frames_total": "frames", "weir_flow_frame_bytes_total": "frame_bytes", "weir_flow_wire_packets_total": "wire_packets",
           "weir_flow_wire_bytes_total": "wire_bytes"}


def added(counts, more):
    for count in COUNTS:
        counts[count] = counts.get(count, 0) + more[count]


def parties(flow):
    """What makes a flow: all of a line that does not change."""
    return tuple(json.dumps(flow.get(name)) for name in ("interface", "direction", "type", "protocol", "ether_type", "source", "destination",
                                                         "vlan"))


class FlowSamples(Samples):
    """A running `weir flows`: of each interval the sums by interface and direction over all flows, those that have ended too."""
    command = "flows"

    def __init__(self, namespace, *arguments):
        self.ended, self.told, self.interval, self.time, self.sums, self.flows = {}, {}, [], "", {}, []
        # A small table is read sooner, and often.
        super().__init__(namespace, "--expire", "1h", "--max-flows", "2048", *arguments)
        ping(namespace, "127.0.0.1", 1, 2)  # so that each interval has a line

    def intervals(self):
        """Takes up the lines that came, and gives the number of intervals that are whole by that."""
        whole = 0
        for line in self.lines():
            if "record" in line:
                continue
            if line["time"] != self.time and self.interval:
                self.end_interval()
                whole += 1
            self.time = line["time"]
            self.interval.append(line)
        return whole

    def end_interval(self):
        now = {}
        self.flows = [line for line in self.interval if not line["ended"]]
        for line in self.interval:
            self.check(line)
            sums = self.ended if line["ended"] else now
            added(sums.setdefault((line["interface"], line["direction"]), {}), line["total"])
        self.interval = []
        names = {name for name, _ in (*now, *self.ended)} | set(proc_net_dev(self.namespace))
        self.sums = {name: {direction: {count: now.get((name, direction), {}).get(count, 0) + self.ended.get((name, direction), {}).get(count, 0)
                                        for count in COUNTS} for direction in DIRECTIONS} for name in names}

    def check(self, line):
        """A flow is told once in an interval, goes on from where it was, and has in its interval what came since."""
        which, before = parties(line), dict.fromkeys(COUNTS, 0)
        time, counts = self.told.get(which, ("", before))
        equal(f"two lines of {which} at", time == line["time"], False)
        if line["first_seen"] < line["last_seen"] or time:
            equal(f"what came in the interval of {line}", line["interval"], {n: line["total"][n] - counts[n] for n in COUNTS})
        if line["ended"]:
            self.told.pop(which, None)
        else:
            self.told[which] = (line["time"], line["total"])

    def next(self):
        self.intervals()
        seen = 0

        def enough():
            nonlocal seen
            seen += self.intervals()
            return seen > 2  # the first may have been on its way before
        until(enough, 5, "two intervals")
        return self.sums

    def last(self):
        self.intervals()
        self.weir.stop(settle=0)
        self.intervals()
        self.end_interval()
        return self.sums


class FlowTruth:
    """A Truth (lib_truth.py) of `weir flows` and one of `weir interfaces` beside it, which must say the same."""

    def __init__(self, namespace, *arguments, **differs):
        self.flows = Truth(namespace, *arguments, samples=FlowSamples, **differs)
        self.interfaces = Truth(namespace, **differs)
        self.truths = (self.interfaces, self.flows)

    def begin(self):
        for truth in self.truths:
            truth.begin()

    def settle(self):
        for truth in self.truths:
            truth.settle()

    def step(self, what, *busy, **wire):
        before = [truth.last for truth in self.truths]
        for truth in self.truths:
            truth.step(what, *busy, **wire)
        after = [truth.last for truth in self.truths]
        if before[0][0] != before[1][0] or after[0][0] != after[1][0]:
            return  # something said a word between the two
        for name in after[0][1].keys() & after[1][1].keys() & before[0][1].keys() & before[1][1].keys():
            for direction in DIRECTIONS:
                one, other = ([minus(count(last[1][name][direction]), count(first[1][name][direction])) for count in (frames_of, wire_of)]
                              for first, last in zip(before, after))
                self.flows.hold(f"{what}: {name} {direction}: flows beside interfaces", other, one)

    def verdict(self):
        wrong, said = [], []
        for truth, name in zip(self.truths, ("interfaces", "flows")):
            try:
                said.append(truth.verdict())
            except AssertionError as failure:
                wrong.append(f"{name}: {failure}")
        if wrong:
            raise AssertionError("; ".join(wrong))
        return " and ".join(said)


class Flows(Weir):
    """A running `weir flows` with its page of metrics; `last()` ends it."""

    def __init__(self, namespace, *arguments, port=9911, interval="200ms", output="json"):
        self.namespace, self.port = namespace, port
        super().__init__(namespace, "-o", output, "-t", interval, "--listen", f"127.0.0.1:{port}", *arguments, command="flows")

    def page(self):
        return Page(until(lambda: self.namespace.get(f"http://127.0.0.1:{self.port}/metrics"), 5, "a page"))

    def lines(self):
        text = self.output()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def last(self, settle=1.0):
        """Its flows as they were at the end, and what of them had ended before; then its queue pairs."""
        self.stop(settle=settle)
        lines = self.lines()
        flows = [line for line in lines if "record" not in line]
        time = flows[-1]["time"] if flows else ""
        kept = [line for line in flows if line["ended"] or line["time"] == time]
        pairs = {}
        for line in lines:
            if "record" in line:
                pairs[(line["interface"], line["direction"], line["type"], line["source"]["address"], line["destination"]["address"],
                       line["queue_pair"])] = {**line, **line["total"]}
        return kept, pairs


class Page:
    def __init__(self, text):
        self.text = text

    def sum(self, name, **labels):
        """Of the samples of a family that have these labels."""
        found = 0
        for its, value in re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", self.text, re.MULTILINE):
            had = dict(re.findall(r'(\w+)="([^"]*)"', its))
            if all(had.get(label) == wanted for label, wanted in labels.items()):
                found += int(float(value))
        return found

    def ledger(self, outcome, **labels):
        return self.sum("weir_ledger_total", stage="flows", outcome=outcome, **labels)

    def balance(self):
        """seen = delivered + filtered + lost"""
        parts = {outcome: self.ledger(outcome) for outcome in ("seen", "delivered", "filtered", "lost")}
        equal("the ledger", parts["seen"], parts["delivered"] + parts["filtered"] + parts["lost"], str(parts))
        return parts


def sums(flows, **wanted):
    """(frames, bytes) of the flows that have these words"""
    found = [flow for flow in flows if all(flow.get(name) == value for name, value in wanted.items())]
    return (sum(flow["total"]["frames"] for flow in found), sum(flow["total"]["frame_bytes"] for flow in found))
