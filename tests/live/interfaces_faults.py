#!/usr/bin/env python3
"""interfaces_faults [WORD]: `weir interfaces` killed, and beside programs of others, and while interfaces come and go."""
import json
import os
import re
import signal
import subprocess
import threading
import time

from lib import WEIR, Skip, Weir, equal, main, need, test, until
from lib_attached import clsact_filters, each_mode, need_mode, tcx_programs
from lib_traffic import Raw, batch, ethernet, mac, pair
from lib_truth import Samples, frames_of

def flood(namespace, interface, there, count=1000):
    """`count` frames out of the interface."""
    raw = Raw(namespace, interface)
    raw.send(*[ethernet(mac(*there), mac(namespace, interface), 0x88b5, bytes(46))] * count)
    raw.close()


def counted(samples, interface, direction="egress"):
    return frames_of(samples.next()[interface][direction])[0]


@each_mode
def killed_under_load(scope, mode):
    here, there = pair(scope)
    need_mode(here, mode)
    weir = Weir(here, "-o", "none", "--attach", mode, command="interfaces")
    attached = {"tcx": lambda: tcx_programs(here, "va") == 2, "clsact": lambda: len(clsact_filters(here, "va") or ()) == 2}[mode]
    if not attached():
        raise AssertionError("its programs were not found where they are looked for")
    stop = threading.Event()

    def load():
        while not stop.is_set():
            flood(here, "va", (there, "vb"), 200)
    thread = threading.Thread(target=load)
    thread.start()
    try:
        time.sleep(0.3)
        weir.process.kill()
        weir.process.wait()
        if mode == "tcx":
            until(lambda: tcx_programs(here, "va") == 0 and tcx_programs(here, "lo") == 0, 5, "nothing attached")
            return None
        equal("filters left", len(clsact_filters(here, "va")), 2)
        again = Samples(here, "--attach", mode)
        equal("filters while the next weir runs", len(clsact_filters(here, "va")), 2)
        until(lambda: counted(again, "va") > 0, 5, "frames counted")
        if "had left" not in again.weir.said():
            raise AssertionError(f"nothing said of what was cleared: {again.weir.said()}")
    finally:
        stop.set()
        thread.join()
    again.weir.stop(settle=0)
    equal("filters at the end", clsact_filters(here, "va"), None)
    return None


@test
def cleanup_clears_what_a_killed_one_left(scope):
    here, _ = pair(scope)
    first, second = (Weir(here, "-o", "none", "--attach", "clsact", command="interfaces") for _ in range(2))
    equal("filters of two", len(clsact_filters(here, "va")), 4)
    first.process.kill()
    first.process.wait()
    said = here.run(WEIR, "cleanup")
    if said.count("from va") != 2:
        raise AssertionError(f"cleanup said: {said}")
    equal("filters of the one that lives", len(clsact_filters(here, "va")), 2)
    equal("a second cleanup", here.run(WEIR, "cleanup"), "nothing was left behind\n")
    second.stop(settle=0)


@each_mode
def a_filter_of_tc_beside_it(scope, mode):
    """Made before weir, and while it counts; both are there when it has ended, and nothing of weir's."""
    here, there = pair(scope)
    need_mode(here, mode)
    filter_of_tc = ("tc", "filter", "add", "dev", "va", "egress", "bpf", "bytecode", "1,6 0 0 0")
    here.run("tc", "qdisc", "add", "dev", "va", "clsact")
    here.run(*filter_of_tc)
    samples = Samples(here, "--attach", mode)
    here.run(*filter_of_tc)
    before = counted(samples, "va")
    flood(here, "va", (there, "vb"), 100)
    until(lambda: counted(samples, "va") == before + 100, 5, "100 frames counted")
    samples.weir.stop(settle=0)
    shown = here.run("tc", "filter", "show", "dev", "va", "egress")
    equal("filters of tc at the end", shown.count("bytecode"), 2)
    equal("filters of weir's", shown.count("weir_"), 0)


@each_mode
def interfaces_come_go_and_are_renamed(scope, mode):
    here, there = pair(scope)
    need_mode(here, mode)
    samples = Samples(here, "--attach", mode)
    flood(here, "va", (there, "vb"), 50)
    before = until(lambda: counted(samples, "va"), 5, "frames counted")
    # Renamed: the same interface goes on.
    batch(here, "link set va down\nlink set va name vc\nlink set vc up")
    until(lambda: "vc" in samples.next(), 5, "the new name")
    flood(here, "vc", (there, "vb"), 50)
    until(lambda: counted(samples, "vc") >= before + 50, 5, "counts that go on under the new name")
    if "va" in samples.next():
        raise AssertionError("the old name is still told")
    # Gone, and made anew under the same name and index: a new interface.
    index = samples.next()["vc"]["ifindex"]
    here.ip("link", "del", "vc")
    until(lambda: "vc" not in samples.next(), 5, "it is told no more")
    here.ip("link", "add", "vc", "index", str(index), "type", "veth", "peer", "name", "vb", "netns", str(there.pid))
    batch(here, "link set vc up")
    batch(there, "link set vb up")
    fresh = until(lambda: samples.next().get("vc"), 5, "the new one")
    equal("its index", fresh["ifindex"], index)
    start = frames_of(fresh["egress"])[0]
    flood(here, "vc", (there, "vb"), 25)
    until(lambda: counted(samples, "vc") >= start + 25, 5, "frames of the new one")
    if counted(samples, "vc") >= before:
        raise AssertionError("the new one has the counts of the old")
    samples.weir.stop(settle=0)


@each_mode
def two_hundred_that_come_and_go(scope, mode):
    here, there = pair(scope)
    need_mode(here, mode)
    samples = Samples(here, "--attach", mode)
    for turn in range(2):
        batch(here, "\n".join(f"link add q{n} type veth peer name p{n}\nlink set q{n} up\nlink set p{n} up" for n in range(100)))
        made = {f"{side}{n}" for side in "pq" for n in range(100)}
        until(lambda: made <= samples.next().keys(), 30, "200 interfaces counted")
        for n in (0, 57, 99):
            raw, before = Raw(here, f"q{n}"), samples.next()
            raw.send(*[ethernet(mac(here, f"p{n}"), mac(here, f"q{n}"), 0x88b5, bytes(46))] * 40)
            raw.close()
            until(lambda: frames_of(samples.next()[f"p{n}"]["ingress"])[0] >= frames_of(before[f"p{n}"]["ingress"])[0] + 40, 5,
                  f"40 frames on p{n}")
        batch(here, "\n".join(f"link del q{n}" for n in range(100)))
        until(lambda: not any(name[0] in "pq" for name in samples.next()), 30, f"no interface of turn {turn} left")
    before = counted(samples, "va")
    flood(here, "va", (there, "vb"), 10)
    until(lambda: counted(samples, "va") == before + 10, 5, "the one that stayed counts on")
    if samples.weir.said().strip() != "ready":
        raise AssertionError(f"stderr: {samples.weir.said()[-300:]}")
    with open(f"/proc/{samples.weir.process.pid}/status", encoding="ascii") as status:
        resident = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
    descriptors = len(os.listdir(f"/proc/{samples.weir.process.pid}/fd"))
    if descriptors > 40:
        raise AssertionError(f"{descriptors} open descriptors")
    samples.weir.stop(settle=0)
    return f"{resident // 1024} MiB resident"


@test
def an_ingress_qdisc_in_the_place_of_clsact(scope):
    here, _ = pair(scope)
    here.run("tc", "qdisc", "add", "dev", "va", "ingress")
    done = subprocess.run(here.inside(WEIR, "interfaces", "-i", "va", "--attach", "clsact"), stderr=subprocess.PIPE, text=True,
                          timeout=20, check=False)
    if done.returncode != 1 or "ingress qdisc" not in done.stderr:
        raise AssertionError(f"exit code {done.returncode}: {done.stderr}")
    here.run("tc", "qdisc", "show", "dev", "va")
    if "weir_" in here.run("tc", "filter", "show", "dev", "va", "ingress"):
        raise AssertionError("a filter of weir's is left")


@test
def what_others_remove_is_attached_again(scope):
    here, there = pair(scope)
    samples = Samples(here, "--attach", "clsact")
    flood(here, "va", (there, "vb"), 30)
    before = until(lambda: counted(samples, "va"), 5, "frames counted")
    here.run("tc", "qdisc", "del", "dev", "va", "clsact")
    until(lambda: len(clsact_filters(here, "va") or ()) == 2, 10, "filters attached again")
    flood(here, "va", (there, "vb"), 20)
    until(lambda: counted(samples, "va") >= before + 20, 5, "counts that go on")
    if "has removed weir's filters from va" not in samples.weir.said():
        raise AssertionError(f"nothing said of it: {samples.weir.said()}")
    samples.weir.stop(settle=0)


@test
def the_last_of_two_takes_the_qdisc_away(scope):
    here, _ = pair(scope)
    for first_made_goes_first in (True, False):
        weirs = [Weir(here, "-o", "none", "--attach", "clsact", command="interfaces") for _ in range(2)]
        for weir in weirs if first_made_goes_first else reversed(weirs):
            if clsact_filters(here, "va") is None:
                raise AssertionError("no qdisc while one of them is left")
            weir.stop(settle=0)
        equal("filters at the end", clsact_filters(here, "va"), None)


@test
def few_descriptors_leave_the_page_alive(scope):
    here, _ = pair(scope)
    need("prlimit")
    batch(here, "\n".join(f"link add q{n} type veth peer name p{n}" for n in range(50)))
    process = here.start("prlimit", "--nofile=128:128", WEIR, "interfaces", "-o", "none", "--attach", "tcx", "--listen", "127.0.0.1:9911",
                         stderr=subprocess.DEVNULL)
    if tcx_programs(here, "lo") is None:
        raise Skip("this kernel has no TCX")

    def uncounted():
        page = here.get("http://127.0.0.1:9911/metrics") or ""
        found = re.search(r"^weir_interfaces_uncounted (\d+)", page, re.MULTILINE)
        return found and page.count("netprobe_interface_active{") + int(found.group(1)) == 102 and 40 < int(found.group(1)) < 100
    until(uncounted, 20, "a page that says how many are not counted")
    process.terminate()


@test
def it_starts_and_ends_at_once_among_two_hundred(scope):
    here, _ = pair(scope)
    batch(here, "\n".join(f"link add q{n} type veth peer name p{n}" for n in range(100)))
    asked = time.monotonic()
    weir = Weir(here, "-o", "json", command="interfaces", ready=False)
    until(lambda: '"va"' in weir.output(), 5, "the first sample")
    first = time.monotonic() - asked
    if first > 2.5:
        raise AssertionError(f"the first sample came after {first:.1f} s")
    weir.stop(settle=0)
    until(lambda: not tcx_programs(here, "va") and not tcx_programs(here, "q99"), 30, "nothing attached")


@test
def errors_are_clear(scope):
    here, _ = pair(scope)

    def fails(wanted_code, wanted, *words, command=None):
        done = subprocess.run(here.inside(*(command or (WEIR, "interfaces", *words))), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=20, check=False)
        if done.returncode != wanted_code or not re.search(wanted, done.stderr):
            raise AssertionError(f"{words or command}: exit code {done.returncode}: {done.stderr[-300:]}")
    fails(1, "no interface vx; is it va", "-i", "vx")
    fails(2, "", "-t", "soon")
    fails(2, "", "-t", "0")
    fails(2, "", "--attach", "xdp")
    fails(2, "", "-o", "yaml")
    fails(2, "", "--count", "0")
    fails(2, "", "--listen", "9911")
    nobody = ("setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all")
    need("setpriv")
    fails(1, "cap_bpf,cap_net_admin,cap_perfmon", command=(*nobody, WEIR, "interfaces"))
    taken = here.start("python3", "-m", "http.server", "9911", "--bind", "127.0.0.1", stderr=subprocess.DEVNULL)
    here.wait_for_port("127.0.0.1", 9911)
    fails(1, "127.0.0.1:9911.*in use", "--listen", "127.0.0.1:9911")
    taken.terminate()


@test
def a_reader_that_stops_reading_holds_nothing_up(scope):
    here, there = pair(scope)
    process = subprocess.Popen(here.inside(WEIR, "interfaces", "-o", "json", "-t", "10ms"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        first = json.loads(process.stdout.readline())
        equal("a record", first["lens"], "interfaces")
        time.sleep(1.5)
        flood(here, "va", (there, "vb"), 10)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        equal("exit code", process.wait(timeout=5), 0)
        if time.monotonic() - asked > 1.5:
            raise AssertionError(f"it ended after {time.monotonic() - asked:.1f} s")
    finally:
        process.kill()
        process.stdout.close()


if __name__ == "__main__":
    main()
