#!/usr/bin/env python3
"""replay_test [WEIR]: the project's own recordings through `weir requests -r`, and what must hold of the records.

Truth: each exchange is there once, with the answer that belongs to it, byte counts included. Sameness: the same bytes from
every kind of file; the same records however the packets were cut, wrapped, repeated or moved about. Loss: no wrong pair.
And where a folder of captures with truth is there (WEIR_CAPTURES, else ../shared/captures): its comparison.
The binary is the argument, else $WEIR, else build/release/weir.
"""
import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import capture
import recorded

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                       os.environ.get("WEIR", os.path.join(ROOT, "build", "release", "weir")))
PROTOCOLS = ("http", "http2", "grpc", "dns", "redis", "postgresql", "mysql", "mongodb", "kafka", "amqp", "tls", "quic")
# Recordings with other servers and clients: whole, and with losses.
PEERS = ("grpc/peers", "mysql/peers", "postgresql/peers", "kafka/java", "kafka/mock")
FLOOR = 0.995
FLOORS = {"mysql": 0.99}  # three of its truths are wrong (known_differences.md)
failures = 0


def report(name, problems, note=""):
    global failures
    if problems:
        failures += 1
        print(f"FAIL {name} ({len(problems)}: {' | '.join(str(p)[:300] for p in problems[:3])})", flush=True)
        for problem in problems[:40]:
            print("   ", problem)
    else:
        print(f"PASS {name}{f' ({note})' if note else ''}", flush=True)


def weir(*arguments, data=None, quiet=False):
    """(stdout, exit code) of weir requests"""
    done = subprocess.run([WEIR, "requests", "-o", "json", *arguments], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False)
    if done.returncode and not quiet:
        print("   ", done.stderr.decode(errors="replace")[-400:])
    return done.stdout, done.returncode


def records_of(output, protocol):
    records = [json.loads(line) for line in output.splitlines()]
    return [record for record in records if record["protocol"] == protocol]


class Told:
    """One recording, and the folder where its other tellings are written."""

    def __init__(self, name, folder):
        self.name, self.protocol, self.folder = name, recorded.named(name)[0], folder
        self.capture = capture.load(recorded.recording(name))
        self.flags = ["--raw-queries"] if self.protocol in recorded.IN_ORDER else []

    def read(self, *files, data=None, quiet=False):
        return weir(*self.flags, *(word for file in files for word in ("-r", file)), data=data, quiet=quiet)

    def written(self, data):
        path = os.path.join(self.folder, "told.pcap")
        with open(path, "wb") as file:
            file.write(data)
        return path

    def records(self, told):
        output, code = self.read(self.written(capture.pcap(told)))
        if code:
            raise RuntimeError(f"exit code {code}")
        return records_of(output, self.protocol)


def without(record, *names):
    return json.dumps({key: value for key, value in record.items() if key not in names}, sort_keys=True)


def timeless(record):
    """A record without its times and without what the connection's own health says."""
    kept = json.loads(without(record, "time", "duration_ns", "tcp", "why"))
    for side, name in (("request", "end_ns"), ("response", "first_byte_ns")):
        if kept.get(side):
            kept[side].pop(name, None)
    return json.dumps(kept, sort_keys=True)


def healthless(record):
    return without(record, "tcp", "why")


def unlike(base, told, form):
    """The records that only one side has, as text."""
    base, told = (collections.Counter(map(form, side)) for side in (base, told))
    if base == told:
        return []
    return [f"{base.total()} records became {told.total()}"] + \
        ["- " + line for line in list((base - told).elements())[:20]] + \
        ["+ " + line for line in list((told - base).elements())[:20]]


def truth(told):
    output, code = told.read(recorded.recording(told.name))
    records = records_of(output, told.protocol)
    # A database connection that goes on encrypted is TLS from then on.
    own = {told.protocol, "tls"} if told.protocol in ("postgresql", "mysql") else {told.protocol}
    others = [line for line in output.splitlines() if json.loads(line)["protocol"] not in own]
    problems = [f"exit code {code}"] if code else []
    problems += [f"a record of another protocol: {line[:200]!r}" for line in others]
    problems += recorded.differences(told.name, records)
    report(f"{told.name} truth", problems, f"{len(records)} exchanges")
    return output, records


def kinds_of_file(told, wanted):
    """Every file format must give the very same bytes."""
    plain = capture.pcap(told.capture)
    gz = open(recorded.recording(told.name), "rb").read()
    half = len(told.capture.packets) // 2
    one, two = (os.path.join(told.folder, name) for name in ("one.pcap", "two.pcap"))
    for path, packets in ((one, told.capture.packets[:half]), (two, told.capture.packets[half:])):
        with open(path, "wb") as file:
            file.write(capture.pcap(capture.Capture(told.capture.link, packets)))
    ways = {
        "file": lambda: told.read(told.written(plain)),
        "standard input": lambda: told.read("-", data=plain),
        "gzip on standard input": lambda: told.read("-", data=gz),
        "nanoseconds": lambda: told.read(told.written(capture.pcap(told.capture, nanoseconds=True))),
        "big-endian": lambda: told.read(told.written(capture.pcap(told.capture, order=">"))),
        "big-endian nanoseconds": lambda: told.read(told.written(capture.pcap(told.capture, ">", True))),
        "pcapng": lambda: told.read(told.written(capture.pcapng(told.capture))),
        "pcapng of three sections": lambda: told.read(told.written(capture.pcapng(told.capture, sections=3))),
        "big-endian pcapng": lambda: told.read(told.written(capture.pcapng(told.capture, ">"))),
        "two files": lambda: told.read(one, two),
        "two files, the later first": lambda: told.read(two, one),
    }
    for name, way in ways.items():
        output, code = way()
        problems = [f"exit code {code}"] if code else []
        if output != wanted:
            a, b = wanted.splitlines(), output.splitlines()
            first = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            problems.append(f"{len(a)} lines became {len(b)}; line {first + 1}: {a[first:first + 1]} became {b[first:first + 1]}")
        report(f"{told.name} from {name}", problems)


def tellings(told, base):
    """(name, capture, form): the records must be the same in that form."""
    c, dns = told.capture, told.protocol in ("dns", "quic")
    whole = [("split in pieces of up to 40 bytes", capture.split(c, 40), healthless),
             ("split in pieces of up to 3 bytes", capture.split(c, 3, 2, lambda s: min(s.ports) < b"\xe0\0" and
                                                                 (s.ports[0][1] ^ s.ports[1][1]) % 4 == 0), healthless),
             ("coalesced", capture.coalesced(c), timeless)]
    if dns:
        whole = whole[:1]
    whole += [(f"in {name}", capture.wrapped(c, name), without) for name in capture.WRAPPINGS]
    whole += [("in fragments", capture.fragmented(c), without),
              ("reordered, an answer never before its question", capture.reordered_within(c, 0.1), timeless),
              ("reordered", capture.reordered(c, 0.05), timeless)]
    if told.protocol == "tls":  # an alert captured behind the FIN that answers it is not waited for
        whole = whole[:-1]
    if told.protocol == "quic":  # what the server sends cannot be read before what the client sent
        whole = whole[:-2]
    if not dns:  # a repeated DNS query is a record of its own
        whole += [("with packets twice", capture.duplicated(c, 0.05), timeless)]
    for name, variant, form in whole:
        report(f"{told.name} {name}", unlike(base, told.records(variant), form))


def losses(told):
    for share, floor in ((0.002, 0.96), (0.01, 0.85), (0.05, 0.5)):
        records = told.records(capture.dropped(told.capture, share, seed=7))
        paired = sum(1 for r in records if r.get("request") and r.get("response"))
        of = sum(1 for t in recorded.truth(told.name) if t.get("request") is not None and t.get("response") is not None)
        # Where a CLIENT REPLY is lost nobody can know which commands of that connection are answered.
        problems = [p for p in recorded.differences(told.name, records, whole=False) if "quiet:" not in p]
        if paired < floor * of:
            problems.append(f"only {paired} of {of} exchanges are paired")
        report(f"{told.name} with {share:.1%} of the packets lost", problems, f"{paired} of {of} paired, none wrongly")


def damage(told):
    """Wrong bits and cut packets and files: whatever is said, the program ends well and each line is JSON."""
    problems, chance = [], random.Random(11)
    for seed in range(20):
        data = bytearray(capture.pcap(capture.damaged(told.capture, 0.3, seed)))
        if seed % 4 == 3:  # the file's own structure, too
            for _ in range(5):
                data[chance.randrange(24 if seed % 8 == 3 else len(data))] ^= 1 << chance.randrange(8)
        if seed % 4 == 2:
            del data[chance.randrange(len(data)):]
        try:
            output, code = told.read(told.written(data), quiet=True)
            if code not in (0, 1):
                problems.append(f"seed {seed}: exit code {code}")
            for line in output.splitlines():
                json.loads(line)
        except (ValueError, subprocess.TimeoutExpired) as failure:
            problems.append(f"seed {seed}: {failure}")
    report(f"{told.name} with damage", problems)


def known_captures():
    """The comparison with a folder of captures and their truth, where there is one."""
    folder = os.environ.get("WEIR_CAPTURES", os.path.join(os.path.dirname(ROOT), "shared", "captures"))
    program = os.path.join(folder, "compare")
    if not os.path.exists(program):
        print("SKIPPED captures with truth (no folder of captures; set WEIR_CAPTURES)")
        return
    done = subprocess.run([sys.executable, program, WEIR, folder, "--json"], stdout=subprocess.PIPE, timeout=360, check=True)
    result = json.loads(done.stdout)
    report("captures with truth: none fails", result["failed"], f"{result['captures']} captures")
    rows = {row["protocol"]: row for row in result["protocols"]}
    done = subprocess.run([sys.executable, program, WEIR, folder, "--show", "100000"], stdout=subprocess.PIPE, timeout=360, check=True)
    found = re.findall(r"^([-+]) (\S+) (\S+) x(\d+) (.*)$", done.stdout.decode(), re.MULTILINE)
    known = known_differences()
    for protocol in PROTOCOLS:
        row, floor = rows.get(protocol, {}), FLOORS.get(protocol, FLOOR)
        problems = [f"{sign} {file} {key}" for (sign, file), (number, key) in summed(found, protocol).items()
                    if number > known.get((file, protocol, sign), 0)]
        if row.get("truth", 0) >= 1 / (1 - floor):  # of fewer, one that is explained is already more
            problems += [f"{what} {row.get(what)} < {floor}" for what in ("recall", "precision") if (row.get(what) or 0) < floor]
        report(f"captures with truth: {protocol}", problems, f"recall {row.get('recall')}, precision {row.get('precision')}")


def summed(found, protocol):
    """{(sign, file): (how many, one of the keys)} of one protocol's differences"""
    out = {}
    for sign, file, of, number, key in found:
        if of == protocol:
            before = out.get((sign, file), (0, key))
            out[(sign, file)] = (before[0] + int(number), key)
    return out


def known_differences():
    """{(file, protocol, sign): how many} from the table of known_differences.md"""
    out = {}
    with open(os.path.join(ROOT, "tests", "replay", "known_differences.md"), encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            if len(cells) == 5 and cells[2].isdigit():
                out[(cells[0], cells[1], "-")], out[(cells[0], cells[1], "+")] = int(cells[2]), int(cells[3])
    return out


def main():
    if not os.access(WEIR, os.X_OK):
        sys.exit(f"replay_test: no binary at {WEIR}")
    for name in PROTOCOLS:
        with tempfile.TemporaryDirectory(prefix="weir-replay-") as folder:
            told = Told(name, folder)
            output, records = truth(told)
            kinds_of_file(told, output)
            tellings(told, records)
            losses(told)
            damage(told)
    for name in PEERS:
        with tempfile.TemporaryDirectory(prefix="weir-replay-") as folder:
            told = Told(name, folder)
            truth(told)
            losses(told)
    known_captures()
    sys.exit(1 if failures else 0)


main()
