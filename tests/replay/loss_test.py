#!/usr/bin/env python3
"""loss_test [WEIR]: copies of the recordings with packets lost, late and twice.

An exchange counts as delivered when every packet with a byte of its heads is in the copy (of a database's, whose rows are counted,
with any byte of it). Of these 99 % must be told as in the
undamaged recording. No request may be given an answer that is not its own (the ids in both tell, and the time of the packet
that brought it), and nothing may be called complete of which bytes are missing.

Where a client sends many requests at once, two losses in one batch leave what is between them without a counterpart:
nothing tells how many messages each of them took. Deep pipelines (the shape `pipelined`) with 5 % lost have a floor of their own.
The binary is the argument, else $WEIR, else build/release/weir.
"""
import collections
import datetime
import json
import os
import subprocess
import sys
import tempfile

import capture
import placed
import recorded

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                       os.environ.get("WEIR", os.path.join(ROOT, "build", "release", "weir")))
SEEDS = range(1, 9)
FLOOR, DEEP_FLOOR = 0.99, 0.85
DEEP = "pipelined"


def mixed(c, seed, lost):
    c = capture.dropped(c, lost, seed) if lost else c
    return capture.duplicated(capture.moved(c, 0.02, seed=seed), 0.02, seed)


VARIANTS = {  # name: (the copy, whether its deep pipelines have their own floor)
    "1 % lost": (lambda c, seed: capture.dropped(c, 0.01, seed), False),
    "5 % lost": (lambda c, seed: capture.dropped(c, 0.05, seed), True),
    "1 % lost, 2 % late, 2 % twice": (lambda c, seed: mixed(c, seed, 0.01), False),
    "2 % late, 2 % twice": (lambda c, seed: mixed(c, seed, 0), False),
}


# What earlier exchanges of a connection tell of a record.
FROM_BEFORE = ("weir.repeated", "db.namespace", "weir.mysql.server_version")


def nanoseconds(text):
    whole, fraction = text[:-1].split(".")
    return int(datetime.datetime.fromisoformat(whole + "+00:00").timestamp()) * 1_000_000_000 + int(fraction)


class Recording:
    def __init__(self, protocol, folder):
        self.protocol, self.path = protocol, os.path.join(folder, "copy.pcap")
        self.capture = capture.load(recorded.recording(protocol))
        self.streams = placed.Streams(self.capture)
        self.exchanges = list(placed.EXCHANGES[protocol](self.streams))
        self.ends = {recorded.ends(e.truth) for e in self.exchanges}
        whole = placed.Delivered(self.streams, self.capture)
        # What the undamaged recording shows is held against its truth by replay_test.
        told = collections.defaultdict(list)
        for record in self.read(self.capture):
            told[self.name_of(record)].append(record)
        self.right = [told[self.name(e, whole)].pop(0) for e in self.exchanges]
        used = collections.Counter((t["client"]["port"], t["request"]["dns_id"]) for t in recorded.truth("dns"))
        self.reused = {name for name, count in used.items() if count > 1} if protocol == "dns" else ()

    def read(self, copy):
        with open(self.path, "wb") as file:
            file.write(capture.pcap(copy, nanoseconds=True))
        flags = ["--raw-queries"] if self.protocol in recorded.IN_ORDER else []
        done = subprocess.run([WEIR, "requests", "-o", "json", "-r", self.path, *flags], stdout=subprocess.PIPE, timeout=60, check=True)
        return [record for record in map(json.loads, done.stdout.splitlines()) if record["protocol"] == self.protocol]

    def name(self, exchange, delivered):
        """What a record of this exchange is known by; None when its first byte was not delivered."""
        t = exchange.truth
        if exchange.request is None:
            return recorded.ends(t), delivered.time(exchange.response), None
        if delivered.time(exchange.request) is None:
            return None
        if self.protocol in recorded.IN_ORDER:
            return recorded.ends(t), delivered.time(exchange.request), self.text(t["request"].get("text"))
        asked, _, _ = recorded.KEYED[self.protocol]
        return asked(t)

    @staticmethod
    def text(text):
        return (text or "")[:60]

    def name_of(self, record):
        if self.protocol in recorded.IN_ORDER or not record.get("request"):
            text = self.text(record["attributes"].get("db.query.text")) if record.get("request") else None
            return recorded.ends(record), nanoseconds(record["time"]), text
        _, key, _ = recorded.KEYED[self.protocol]
        return key(record)


def told(record, answered):
    """What must be right of a record; `answered` is the time of its answer's first byte."""
    attributes = {name: value for name, value in record["attributes"].items() if name not in FROM_BEFORE}
    return json.dumps([recorded.ends(record), record["status"], attributes, bool(record.get("request")), answered], sort_keys=True)


def answered_at(record):
    return nanoseconds(record["time"]) + record["response"]["first_byte_ns"] if record.get("response") else None


class Judged:
    """One copy: how many exchanges were delivered and told rightly, deep pipelines apart, and what is wrong."""

    def __init__(self, recording, copy):
        self.recording, self.delivered = recording, placed.Delivered(recording.streams, copy)
        self.counts, self.wrong = collections.Counter(), []
        self.expected = collections.defaultdict(list)  # name -> [(exchange, what must be told)]
        for exchange, record in zip(recording.exchanges, recording.right):
            name = recording.name(exchange, self.delivered)
            if name is not None:
                self.expected[name].append((exchange, told(record, self.due(exchange))))
        records = [record for record in recording.read(copy) if recorded.ends(record) in recording.ends]
        for record in records:
            self.judge(record)
        if not records:
            self.wrong.append("no records")
        for exchange, _ in (entry for entries in self.expected.values() for entry in entries):
            self.counts["missing", self.deep(exchange)] += self.heads(exchange)

    @staticmethod
    def deep(exchange):
        return exchange.truth["shape"] == DEEP

    def due(self, exchange):
        """The time of the answer; one that came before its request is told as coming with it."""
        if exchange.response is None or self.delivered.time(exchange.response) is None:
            return None
        times = [self.delivered.time(m) for m in (exchange.request, exchange.response) if m]
        return max(times)

    def heads(self, exchange):
        return all(self.delivered.head(m) for m in (exchange.request, exchange.response) if m)

    def judge(self, record):
        entries = self.expected.get(self.recording.name_of(record), [])
        what = told(record, answered_at(record))
        found = next((entry for entry in entries if entry[1] == what), None)
        if found:
            entries.remove(found)
            self.counts["right", self.deep(found[0])] += self.heads(found[0])
            self.claims(record, found[0])
        elif record.get("request") and record.get("response") and not self.excused(record, entries):
            self.wrong.append(f"a wrong pair: {record}, not {[entry[1] for entry in entries]}")
        elif record["quality"] == "complete" and not self.unknowing(record, entries):
            self.wrong.append(f"called complete: {record}")

    def claims(self, record, exchange):
        if record["quality"] == "complete" and not all(self.delivered.all_of(m) for m in (exchange.request, exchange.response) if m):
            self.wrong.append(f"called complete: {record}")

    def unknowing(self, record, entries):
        """Nothing tells of a lost datagram; nor of an answer when all that came after the request was lost."""
        return record["transport"] == "udp" or record["status"] == "unanswered" and \
            any(not self.delivered.shown(e.response) for e, _ in entries if e.response)

    def parts_of(self, record, exchange):
        """Whether what the record has of request and answer is this exchange's."""
        return recorded.ends(record) == recorded.ends(exchange.truth) and \
            nanoseconds(record["time"]) in self.delivered.times(exchange.request) and \
            answered_at(record) in self.delivered.times(exchange.response)

    def excused(self, record, entries):
        """The limits that README.md states: one socket's queries of one id; commands whose CLIENT REPLY was lost; and a
        query told twice because its packet came twice. And a database's exchange of which a part was lost."""
        if self.recording.protocol == "dns":
            return (record["client"]["port"], record["attributes"]["weir.dns.id"]) in self.recording.reused or not entries
        if self.recording.protocol in ("postgresql", "mysql") and record["quality"] != "complete":
            return any(self.parts_of(record, e) for e in self.recording.exchanges if e.response)
        return "quiet:" in record["attributes"].get("db.query.text", "")


def examine(recording, name, copy_of, apart):
    totals, wrong = collections.Counter(), []
    for seed in SEEDS:
        judged = Judged(recording, copy_of(recording.capture, seed))
        totals.update(judged.counts)
        wrong += [f"seed {seed}: {line[:700]}" for line in judged.wrong]
    shares = []
    for deep, what in ((False, "exchanges"), (True, "in deep pipelines")):
        right = totals["right", deep] + (totals["right", True] if not apart else 0)
        missing = totals["missing", deep] + (totals["missing", True] if not apart else 0)
        if deep and not apart or not right + missing:
            continue
        share, floor = right / (right + missing), DEEP_FLOOR if deep else FLOOR
        shares.append(f"{right} of {right + missing} {what}")
        if share < floor:
            wrong.append(f"only {right} of {right + missing} {what} that were delivered are right: {share:.4f} < {floor}")
    result = f"{recording.protocol} with {name}"
    if wrong:
        print(f"FAIL {result} ({len(wrong)}: {wrong[-1][:300]})", *wrong[:20], sep="\n    ", flush=True)
    else:
        print(f"PASS {result} ({', '.join(shares)} right; no wrong pair)", flush=True)
    return not wrong


def main():
    if not os.access(WEIR, os.X_OK):
        sys.exit(f"loss_test: no binary at {WEIR}")
    good = True
    with tempfile.TemporaryDirectory(prefix="weir-loss-") as folder:
        for protocol in placed.EXCHANGES:
            recording = Recording(protocol, folder)
            for name, (copy_of, apart) in VARIANTS.items():
                good = examine(recording, name, copy_of, apart) and good
    sys.exit(0 if good else 1)


main()
