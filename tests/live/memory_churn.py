#!/usr/bin/env python3
"""memory_churn: very many short conversations from a file; weir's resident memory, files that are mapped aside (the capture, the
program, shared libraries), stays below 40 MB."""
import os
import re
import subprocess
import time

import lib_churn
from lib import WEIR, counts, equal, main, test

MOST = 40 * 1024  # kB


def resident(pid):
    """kB resident now, without the pages of files; None when the process has ended, or is not weir yet."""
    total, name = 0, ""
    try:
        if not os.path.samefile(f"/proc/{pid}/exe", WEIR):
            return None
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                    name = line.split(maxsplit=5)[5].strip() if len(line.split(maxsplit=5)) == 6 else ""
                elif line.startswith("Rss:") and not name.startswith("/"):
                    total += int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return total or None


def peak_of(scope, protocol, packets, wanted, *flags):
    path = scope.path("churn.pcap")
    lib_churn.write(path, packets)
    with open(scope.path("out"), "wb") as out:
        process = scope.start([WEIR, "requests", "-r", path, "-o", "none", "--summary", *flags], stdout=out, stderr=subprocess.STDOUT)
        peak, samples, end = 0, 0, time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            peak, samples = max(peak, resident(process.pid) or 0), samples + 1
            time.sleep(0.005)
    equal("exit code", process.poll(), 0)
    with open(scope.path("out"), encoding="utf-8") as file:
        summary = file.read()
    equal(f"{protocol} records", counts(summary)[protocol], wanted, " / ".join(summary.splitlines()[:12]))
    size = os.path.getsize(path) // 1024
    if peak >= MOST or samples < 5:
        raise AssertionError(f"{peak // 1024} MB resident beside the file of {size // 1024} MB ({samples} samples)")
    return f"{peak / 1024:.1f} MB resident beside the file of {size // 1024} MB, {samples} samples"


@test
def two_hundred_thousand_lookups(scope):
    return peak_of(scope, "dns", lib_churn.lookups(200_000, 50_000), 200_000)


@test
def two_hundred_thousand_lookups_over_minutes(scope):
    return peak_of(scope, "dns", lib_churn.lookups(200_000, 1_000_000), 200_000)


@test
def two_hundred_thousand_lookups_without_an_answer(scope):
    return peak_of(scope, "dns", lib_churn.lookups(200_000, 300_000, answered=False), 200_000)


@test
def a_hundred_thousand_connections_ended_by_reset(scope):
    return peak_of(scope, "http", lib_churn.resets(100_000, 100_000), 100_000)


@test
def a_hundred_thousand_connections_over_minutes(scope):
    return peak_of(scope, "http", lib_churn.resets(100_000, 2_000_000), 100_000)


main(root=False)
