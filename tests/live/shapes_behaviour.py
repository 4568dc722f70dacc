#!/usr/bin/env python3
"""shapes_behaviour: how the program behaves beside what it finds: start, end, exit codes, promptness, privileges."""
import json
import os
import shutil
import signal
import subprocess
import time

from lib import ROOT, WEIR, Nginx, Weir, counts, equal, main, test, until, veth, wrk

RECORDING = os.path.join(ROOT, "tests", "data", "http", "shapes.pcap.gz")


def asks(namespace, count, path="/"):
    namespace.run("python3", "-c", f"""
import urllib.request
for n in range({count}):
    urllib.request.urlopen("http://127.0.0.1:8080{path}", timeout=5).read()
""")


def ended_with(code, *arguments, says="", seconds=10):
    done = subprocess.run([WEIR, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds, check=False)
    equal(f"exit code of weir {' '.join(arguments)}", done.returncode, code, done.stderr[-300:])
    if says not in done.stderr + done.stdout:
        raise AssertionError(f"weir {' '.join(arguments)} does not say {says!r}: {done.stderr[-300:]}")
    return done.stdout


@test
def interrupt_ends_with_a_summary(scope):
    home = scope.namespace()
    nginx, weir = Nginx(home), Weir(home, "-i", "any", "-o", "json", "--summary")
    asks(home, 25)
    output = weir.stop(settle=0)
    equal("records", sum(1 for line in output.splitlines() if json.loads(line)["protocol"] == "http"), 25)
    equal("summary on stderr", counts(weir.said())["http"], 25)


@test
def terminate_ends_under_load(scope):
    home = scope.namespace()
    Nginx(home)
    weir = Weir(home, "-i", "any", "-o", "json", "--summary")
    home.start("wrk", "-t", "1", "-c", "10", "-d", "4s", "http://127.0.0.1:8080/", stdout=subprocess.DEVNULL)
    output = weir.stop(settle=2, sign=signal.SIGTERM)
    for line in output.splitlines():
        json.loads(line)
    if not output.endswith("\n"):
        raise AssertionError("the last line is not whole")
    return f"{len(output.splitlines())} whole lines"


@test
def a_record_appears_within_a_second(scope):
    home = scope.namespace()
    Nginx(home)
    weir = Weir(home, "-i", "any", "-o", "json")
    asks(home, 1)
    until(lambda: weir.output().endswith("\n"), 1.0, "a whole line in a file")
    weir.stop(settle=0)


@test
def count_ends_by_itself(scope):
    home = scope.namespace()
    Nginx(home)
    weir = Weir(home, "-i", "any", "-o", "json", "--count", "5")
    asks(home, 20)
    equal("exit code", weir.ended(3), 0, weir.said())
    equal("lines", len(weir.output().splitlines()), 5)


@test
def duration_ends_by_itself(scope):
    started = time.monotonic()
    weir = Weir(scope.namespace(), "-i", "any", "-o", "none", "--duration", "2s")
    equal("exit code", weir.ended(6), 0, weir.said())
    took = time.monotonic() - started
    if not 1.9 < took < 4:
        raise AssertionError(f"it took {took:.2f} s")


@test
def text_is_one_line_each(scope):
    home = scope.namespace()
    Nginx(home)
    weir = Weir(home, "-i", "any", "-o", "text")
    asks(home, 10, "/some/path?x=1")
    lines = [line for line in weir.stop().splitlines() if "/some/path" in line]
    equal("lines", len(lines), 10)
    if not all("200" in line and "8080" in line for line in lines) or "\x1b" in lines[0]:
        raise AssertionError(f"a line is {lines[0]!r}")
    return lines[0]


@test
def stats_each_second(scope):
    home = scope.namespace()
    Nginx(home)
    weir = Weir(home, "-i", "any", "-o", "none", "--stats", "-t", "1s")
    wrk(home, "http://127.0.0.1:8080/", 2, 5, 10)
    output = weir.stop()
    if output.count("http") < 2:
        raise AssertionError(f"stats: {output[-300:]!r}")


@test
def its_own_page_is_no_record(scope):
    home = scope.namespace()
    weir = Weir(home, "-i", "any", "-o", "json", "--listen", "127.0.0.1:9911")
    page = until(lambda: home.get("http://127.0.0.1:9911/metrics"), 5, "a page")
    if "weir_ledger_total" not in page:
        raise AssertionError(page[:300])
    weir.stop()


@test
def two_at_once(scope):
    home = scope.namespace()
    nginx = Nginx(home)
    one, two = (Weir(home, "-i", "any", "-o", "none", "--summary") for _ in range(2))
    asks(home, 40)
    equal("the first", counts(one.stop())["http"], nginx.requests())
    equal("the second", counts(two.stop())["http"], nginx.requests())


@test
def ready_means_ready(scope):
    """The very first packets after `ready` are there."""
    home, other = scope.namespace(), scope.namespace()
    veth(home, "v0", other, "p0")
    nginx = Nginx(home)
    for _ in range(5):
        before = nginx.requests()
        weir = Weir(home, "-i", "any", "-o", "none", "--summary")
        home.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3 >/dev/null")
        equal("records", counts(weir.stop(0.3))["http"], nginx.requests() - before)


@test
def files_that_are_not_there_or_no_captures(scope):
    ended_with(1, "requests", "-r", "/nonexistent/x.pcap", "-o", "json", says="/nonexistent/x.pcap")
    ended_with(1, "requests", "-r", scope.path("text.pcap", "this is no capture, whatever its name says\n"), "-o", "json", says="text.pcap")
    ended_with(1, "requests", "-r", scope.path("empty.pcap", ""), "-o", "json", says="empty.pcap")


@test
def bad_usage(scope):
    ended_with(2, "requests", "--no-such-flag", says="--no-such-flag")
    ended_with(2, "requests", "-o", "nonsense", "-r", RECORDING)
    ended_with(2, "requests", "--duration", "soon", "-r", RECORDING)
    ended_with(2, "requests", "--where", "latency >>> 3", "-r", RECORDING)
    ended_with(2, "nosuchverb")


@test
def small_verbs(scope):
    if "weir" not in ended_with(0, "--version"):
        raise AssertionError("--version does not say weir")
    if "lo" not in ended_with(0, "list"):
        raise AssertionError("list does not show lo")
    ended_with(0, "doctor")
    ended_with(0, "--help")
    ended_with(0, "requests", "--help")


@test
def a_reader_that_leaves(scope):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", f"'{WEIR}' requests -r '{RECORDING}' -o json | head -n 1"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=10, check=False)
    json.loads(done.stdout)
    if done.returncode not in (0, 1, 141):
        raise AssertionError(f"exit code {done.returncode}: {done.stderr[-300:]}")


@test
def a_cut_file_gives_what_it_has(scope):
    """A capture whose last packet is not whole, as a killed recorder leaves it."""
    import gzip
    with gzip.open(RECORDING) as file:
        data = file.read()
    path = scope.path("cut.pcap")
    with open(path, "wb") as file:
        file.write(data[:len(data) // 2 + 7])
    done = subprocess.run([WEIR, "requests", "-r", path, "-o", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10, check=False)
    if len(done.stdout.splitlines()) < 500 or done.returncode not in (0, 1):
        raise AssertionError(f"{len(done.stdout.splitlines())} lines, exit code {done.returncode}")


def as_nobody(scope, *arguments):
    """weir without privileges: (exit code, stdout, stderr)"""
    os.chmod(scope.folder, 0o755)
    binary, recording = (os.path.join(scope.folder, os.path.basename(path)) for path in (WEIR, RECORDING))
    shutil.copy(WEIR, binary)
    shutil.copy(RECORDING, recording)
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--", binary,
                           *(recording if word == RECORDING else word for word in arguments)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=15, check=False, cwd="/")
    return done.returncode, done.stdout, done.stderr


@test
def files_need_no_root(scope):
    code, out, err = as_nobody(scope, "requests", "-r", RECORDING, "-o", "json")
    equal("exit code", code, 0, err[-300:])
    if len(out.splitlines()) < 1000:
        raise AssertionError(f"{len(out.splitlines())} lines")


@test
def without_privileges_it_says_what_to_do(scope):
    code, _, err = as_nobody(scope, "requests", "-i", "lo", "-o", "none", "--duration", "2s")
    equal("exit code", code, 1, err[-300:])
    if "cap_net_raw" not in err:
        raise AssertionError(f"stderr: {err[-300:]}")
    code, out, err = as_nobody(scope, "doctor")
    if code not in (0, 1) or "cap_net_raw" not in out + err:
        raise AssertionError(f"doctor: exit code {code}: {out[-300:]} {err[-300:]}")


main()
