#!/usr/bin/env python3
"""nettracersrv: the drop-in for NetTracer. Its log and its two tables have the numbers of the connections of known programs, IPv4, IPv6
and IPv4 inside IPv6, whatever becomes of them; Enter, the end of standard input, -l and --args_file do what that tool documents."""
import json
import os
import pty
import re
import subprocess
import sys
import time

from lib import SLOWNESS, WEIR, equal, main, test, until, veth

V4, V6 = ("10.9.0.1", "10.9.0.2"), ("2001:db8::1", "2001:db8::2")
PEER = """
import json, socket, struct, sys
names = {"socket": socket, "struct": struct, "sys": sys}
exec('''
def connect(address, port, source=0, family=None):
    s = socket.socket(family or (socket.AF_INET6 if ":" in address else socket.AF_INET))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(5)
    if source: s.bind(("", source))
    s.connect((address, port))
    return s
def refused(address, port):
    try: connect(address, port)
    except ConnectionRefusedError: return True
def receive(s, count):
    while count: count -= len(s.recv(min(count, 65536)))
def abort(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
def packets(s):
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    out, into = struct.unpack_from("II", info, 136)
    return [out, into, struct.unpack_from("I", info, 100)[0]]
def unacked(s):
    return struct.unpack_from("I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 24)[0]
def ended(s):
    try: return s.recv(1) == b""
    except ConnectionResetError: return True
''', names)
for line in sys.stdin:
    words = json.loads(line)
    if words[0]: exec(words[1], names)
    print(json.dumps(None if words[0] else eval(words[1], names)), flush=True)
"""


class Peer:
    """A program in a namespace that does as it is told; its process is the one that weir has to name."""

    def __init__(self, namespace):
        self.process = subprocess.Popen(namespace.inside(sys.executable, "-c", PEER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        namespace.scope.ends.append(self.process)
        self.pid = self.process.pid  # nsenter has become it

    def ask(self, words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError(f"the peer ended at {words[1]}")
        return json.loads(answer)

    def do(self, code):
        self.ask([True, code])

    def get(self, expression):
        return self.ask([False, expression])


class Tracer:
    """nettracersrv at work in a directory of its own; what other namespaces of the host do is passed over."""

    number = 0

    def __init__(self, scope, *arguments, stdin=subprocess.PIPE, program=(WEIR, "as", "nettracersrv")):
        Tracer.number += 1
        self.folder = scope.path(f"tracer{Tracer.number}")
        os.mkdir(self.folder)
        self.out, self.err = os.path.join(self.folder, "out"), os.path.join(self.folder, "err")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([*program, *map(str, arguments)], stdin=stdin, stdout=out, stderr=err, cwd=self.folder)
        scope.ends.append(self.process)
        until(lambda: self.process.poll() is not None or "ready" in self.said(), 15, "`ready` on stderr")
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: {self.said()[-400:]}")

    def said(self):
        with open(self.err, encoding="utf-8") as file:
            return file.read()

    def output(self):
        with open(self.out, encoding="utf-8") as file:
            return file.read()

    def messages(self, namespace):
        """Of the log, those of this namespace, without what stands before them."""
        lines = re.findall(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[\d+\] info \[nettracer\] (.*)$", self.output(), re.MULTILINE)
        return [line for line in lines if f"NS:{namespace.inode}" in line]

    def tables(self):
        """Of the table for programs; each ends with a line of a space."""
        return [part.splitlines() for part in self.output().split(" \n")[:-1]] if " \n" in self.output() else []

    def enter(self):
        """The table that Enter is answered by."""
        before = len(self.tables())
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        until(lambda: len(self.tables()) > before, 5, "a table after Enter")
        return self.tables()[before]

    def stop(self):
        self.process.terminate()
        equal("exit status", self.process.wait(timeout=5 * SLOWNESS), 0, self.said()[-300:])
        return self.output()


def pair(scope):
    home, other = scope.namespace(), scope.namespace()
    veth(home, "va", other, "vb")
    for namespace, interface, which in ((home, "va", 0), (other, "vb", 1)):
        namespace.address(interface, f"{V4[which]}/24")
        namespace.address(interface, f"{V6[which]}/64")
        namespace.inode = os.stat(f"/proc/{namespace.pid}/ns/net").st_ino
    server, client = Peer(home), Peer(other)
    server.do("listener = socket.create_server(('::', 5000), family=socket.AF_INET6, dualstack_ipv6=True)")
    return home, other, server, client


def connected(server, client, address, source, name="c", family=None):
    client.do(f"{name} = connect({address!r}, 5000, {source}, {family})")
    server.do(f"{name} = listener.accept()[0]")


def exchange(server, client, sent, answered, name="c"):
    client.do(f"{name}.sendall(b'x' * {sent})")
    server.do(f"receive({name}, {sent}); {name}.sendall(b'y' * {answered})")
    client.do(f"receive({name}, {answered})")


def of(rows, namespace):
    """{(local port, remote port): words} of this namespace"""
    words = [row.split() for row in rows]
    return {(int(row[3], 16), int(row[6], 16)): row for row in words if row[8] == str(namespace.inode)}


def has(messages, wanted):
    for message in wanted:
        equal(f"times that '{message}' is told", messages.count(message), 1, "\n".join(messages[-12:]))


@test
def log_of_every_family(scope):
    home, other, server, client = pair(scope)
    weir = Tracer(scope, "-t", "1", "-f", "-d", "debug", stdin=subprocess.DEVNULL)
    mapped = "::ffff:10.9.0.1"
    ways = ((V4, V4[0], 40001, 1000, None), (V6, V6[0], 40002, 2000, None), (V4, mapped, 40003, 3000, "socket.AF_INET6"))
    for (one, two), address, port, count, family in ways:
        connected(server, client, address, port, family=family)
        exchange(server, client, count, 10 * count)
        until(lambda: any(f"{two}:{port} -> {one}:5000" in m and "stats" in m for m in weir.messages(other)), 5, "numbers of it")
        client.do("c.close()")
        server.do("ended(c); c.close()")
    equal("refused", client.get("refused('10.9.0.1', 5001)"), True)
    connected(server, client, V4[0], 40004, "r")
    exchange(server, client, 500, 0, "r")
    server.do("abort(r)")
    client.do("ended(r); r.close()")
    last = f"event close {V4[1]}:40004 -- {V4[0]}:5000 NS:{other.inode} PID:{client.pid}"
    until(lambda: last in weir.messages(other), 5, lambda: f"'{last}' in {weir.messages(other)[-5:]}")
    time.sleep(0.3)
    weir.stop()
    theirs, ours = weir.messages(other), weir.messages(home)
    for (one, two), _, port, count, _ in (*ways, (V4, None, 40004, 500, None)):
        out, into = f"{two}:{port} {{}} {one}:5000 NS:{other.inode}", f"{one}:5000 {{}} {two}:{port} NS:{home.inode}"
        answer = 10 * count if count != 500 else 0
        has(theirs, [f"event connect {out.format('->')} PID:{client.pid}", f"event close {out.format('--')} PID:{client.pid}"])
        has(ours, [f"event accept {into.format('<-')} PID:{server.pid}", f"event close {into.format('--')} PID:{server.pid}"])
        equal("last numbers", [m for m in theirs if m.startswith(f"{out.format('->')} - stats")][-1],
              f"{out.format('->')} - stats: Bytes sent={count} Bytes received={answer}")
        equal("last numbers", [m for m in ours if m.startswith(f"{into.format('<-')} - stats")][-1],
              f"{into.format('<-')} - stats: Bytes sent={answer} Bytes received={count}")
        if not re.fullmatch(r".* - TCP stats: Retransmissions=0 Segs_in=\d+ Segs_out=\d+ RTT=\d+ RTT_var=\d+",
                            [m for m in theirs if m.startswith(f"{out.format('->')} - TCP")][-1]):
            raise AssertionError(theirs[-1])
    if any("5001" in m for m in theirs + ours):
        raise AssertionError("what was refused is shown as a connection")
    if not re.search(rf"\] debug \[nettracer\] failed .* -> {V4[0]}:5001 NS:{other.inode} PID:{client.pid}: refused\n", weir.output()):
        raise AssertionError("what was refused is not told at all")
    equal("events", sum(m.startswith("event") for m in theirs + ours), 16)
    with open(os.path.join(weir.folder, "log", f"oneagent_nettracer_{weir.process.pid}.log"), encoding="utf-8") as file:
        equal("the log file", file.read() == weir.output(), True)


@test
def table_for_programs(scope):
    home, other, server, client = pair(scope)
    connected(server, client, V4[0], 41000, "old")
    exchange(server, client, 700, 70, "old")
    weir, delta = Tracer(scope, "-d", "-t", "3600"), Tracer(scope, "-n", "-i", "-s", "-t", "3600")
    until(weir.tables, 5, "the first table, at once")
    old = of(weir.tables()[0], other)[(41000, 5000)]
    equal("older connection", [*old[1:13]],
          ["0", "0200090A", "A028", "0", "0100090A", "1388", str(client.pid), str(other.inode), "000", "700", "70", str(client.get("packets(old)[0]"))])
    equal("columns where its begin is not known", len(old), 17)
    connected(server, client, V6[0], 41001)
    exchange(server, client, 100_000, 200_000)
    row = of(weir.enter(), other)[(41001, 5000)]
    out, into, again = client.get("packets(c)")
    equal("IPv6", row[1:15], ["1", "00000000B80D01200200000000000000", "A029", "1", "00000000B80D01200100000000000000", "1388",
                              str(client.pid), str(other.inode), "100", "100000", "200000", str(out), str(into), str(again)])
    if not 0 <= int(row[0]) - int(row[17]) - int(row[18]) <= 1 or abs(time.time() - int(row[0])) > 3:
        raise AssertionError(f"times: {row}")
    first = of(delta.enter(), other)[(41001, 5000)]
    equal("bytes with headers", [int(first[10]), int(first[11])], [100_000 + 86 * out, 200_000 + 86 * into])
    exchange(server, client, 5, 6)
    second = of(delta.enter(), other)[(41001, 5000)]
    equal("bytes since", [int(second[10]) - 86 * int(second[12]), int(second[11]) - 86 * int(second[13])], [5, 6])
    # Peeked at, from a file, lost on the way: each byte is counted once.
    connected(server, client, V4[0], 41003, "l")
    other.ip("neigh", "replace", V4[0], "lladdr", "02:00:00:00:00:99", "dev", "vb")
    client.do("l.sendall(b'x' * 4000); l.sendfile(open(sys.executable, 'rb'), count=1000)")
    until(lambda: client.get("packets(l)[2]") > 0, 5, "what is sent again")
    other.ip("neigh", "del", V4[0], "dev", "vb")
    server.do("l.recv(5000, socket.MSG_PEEK); receive(l, 5000)")
    until(lambda: client.get("unacked(l)") == 0, 5, "the last acknowledgment")
    row, again = of(weir.enter(), other)[(41003, 5000)], client.get("packets(l)[2]")
    equal("bytes and retransmissions after a loss", [row[10], row[14]], ["5000", str(again)])
    equal("received", of(weir.enter(), home)[(5000, 41003)][11], "5000")
    equal("still there, though idle", of(weir.enter(), other)[(41000, 5000)][10:12], ["700", "70"])
    # The same ends again: a row for what ended, once, and one for what is.
    connected(server, client, V4[0], 41002, "p")
    exchange(server, client, 11, 22, "p")
    client.do("abort(p)")
    server.do("ended(p); p.close()")
    connected(server, client, V4[0], 41002, "q")
    exchange(server, client, 33, 44, "q")
    rows = [row.split()[9:12] for row in weir.enter() if f" A02A 0 0100090A 1388 " in row]
    equal("two connections between the same ends", rows, [["100", "33", "44"], ["101", "11", "22"]])
    server.do("q.shutdown(socket.SHUT_WR)")
    rows = [row.split()[9:12] for row in weir.enter() if f" A02A 0 0100090A 1388 " in row]
    equal("what has ended is gone", rows, [["100", "33", "44"]])
    equal("the server's", of(weir.enter(), home)[(5000, 41002)][7:12], [str(server.pid), str(home.inode), "110", "44", "33"])
    weir.process.stdin.close()
    time.sleep(0.3)
    equal("ended with its standard input", weir.process.poll(), None)
    weir.stop()
    with open(os.path.join(weir.folder, "log", f"oneagent_nettracer_{weir.process.pid}.log"), encoding="utf-8") as file:
        if not re.search(r"Number of passive tcp sessions: \d+, active: \d+", file.read()):
            raise AssertionError("no sessions in the log file")


@test
def table_for_people(scope):
    _, other, server, client = pair(scope)
    ours, theirs = pty.openpty()
    weir = Tracer(scope, "-n", "-t", "3600", stdin=theirs)
    heading = "".join(word.ljust(22) for word in ("local address", "remote address", "pid", "bytes sent", "bytes received ", "rtt"))
    until(lambda: "active" in weir.output(), 5, "the first table")
    equal("heading", weir.output().splitlines()[0], heading)
    connected(server, client, V6[0], 42000)
    exchange(server, client, 123, 4567)
    os.write(ours, b"\n")
    start = f"{V6[1]}:42000".ljust(22) + f"{V6[0]}:5000".ljust(22) + str(client.pid).ljust(22) + "123".ljust(22) + "4567".ljust(22)
    until(lambda: start in weir.output(), 5, lambda: f"'{start}' in {weir.output()[-800:]}")
    if not re.search(r"^Number of passive tcp sessions: \d+, active: \d+ $", weir.stop(), re.MULTILINE):
        raise AssertionError("sessions")
    equal("headings", weir.output().count(heading), 1)
    weir = Tracer(scope, "-n", "-r", "-t", "3600", stdin=theirs)
    equal("for programs, at a terminal", (V6[1] in weir.stop(), (42000, 5000) in of(weir.tables()[0], other)), (False, True))
    os.close(ours)
    os.close(theirs)


@test
def loopback_when_it_is_asked_for(scope):
    home, _, server, _ = pair(scope)
    client = Peer(home)
    without, within = Tracer(scope, "-d", "-t", "3600"), Tracer(scope, "-d", "-f", "-t", "3600")
    for port, address in ((43001, "127.0.0.1"), (43002, "::1"), (43003, "::ffff:127.0.0.1"), (43004, V4[0])):
        connected(server, client, address, port, f"c{port}")
    wanted = [(port, 5000) for port in range(43001, 43005)] + [(5000, port) for port in range(43001, 43005)]
    equal("with -f", sorted(of(within.enter(), home)), sorted(wanted))
    equal("without", sorted(of(without.enter(), home)), [(5000, 43004), (43004, 5000)])
    equal("IPv4 inside IPv6 is IPv4", of(within.enter(), home)[(43003, 5000)][1:3], ["0", "0100007F"])


@test
def arguments_from_a_file(scope):
    _, other, server, client = pair(scope)
    # As Kubernetes mounts it, first.
    os.mkdir(folder := scope.path("mounted"))
    args, link = os.path.join(folder, "args"), os.path.join(folder, "..data")
    os.symlink("..data/args", args)

    def mount(version, text):
        os.mkdir(os.path.join(folder, version))
        scope.path(f"mounted/{version}/args", text)
        os.symlink(version, link + "_new")
        os.rename(link + "_new", link)

    def change(text):
        os.rename(scope.path("args.new", text), args)

    mount("one", "# begins as a log\ntime_interval=3600\n")
    weir = Tracer(scope, "-d", "--args_file", args)
    connected(server, client, V4[0], 44000)
    exchange(server, client, 9, 8)
    until(lambda: any("event connect" in m for m in weir.messages(other)), 5, "the log")
    mount("two", "time_interval=3600\nevents=0\n")
    until(lambda: weir.output().count("time_interval: 3600") == 2, 5, "the mounted file's change")
    change("no_stdout_log=\ntime_interval=3600\nmap_size=9\n")
    until(lambda: weir.tables(), 5, "the table that the new file asks for")
    row = of([row for row in weir.tables()[-1] if "nettracer" not in row], other)[(44000, 5000)]
    equal("known from before", row[9:12], ["100", "9", "8"])
    change("nosuch=1\n")
    until(lambda: "nosuch" in weir.said(), 5, "a word on what was wrong")
    weir.enter()
    if "--map_size has no effect" not in weir.said():
        raise AssertionError(weir.said())
    weir.stop()


def run(scope, *arguments, before=()):
    return subprocess.run([*before, WEIR, "as", "nettracersrv", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20 * SLOWNESS, check=False, cwd=scope.folder)


@test
def flags_and_exit_statuses(scope):
    equal("--test", run(scope, "--test", "-n").returncode, 0)
    equal("made", os.path.isdir(scope.path("log")), True)
    equal("-l", run(scope, "-l", scope.folder, "--test").returncode, 0)
    equal("its file", sum(name.startswith("oneagent_nettracer_") for name in os.listdir(scope.folder)), 1)
    done = run(scope, "-l", scope.path("none"), "--test")
    equal("no such log directory", done.returncode, 5, done.stderr)
    equal("a file as log directory", run(scope, "-l", scope.path("file", ""), "--test").returncode, 5)
    done = run(scope, "-l", "/proc", "--test")
    equal("log directory that takes no file", done.returncode, 0, done.stderr)
    if "warning [nettracer] there is no log file" not in done.stdout:
        raise AssertionError(done.stdout)
    equal("unknown option", run(scope, "--nosuch").returncode, 1)
    equal("arguments file that is none", run(scope, "--args_file", scope.path("none")).returncode, 1)
    equal("without capabilities", run(scope, "--test", before=("setpriv", "--bounding-set", "-all")).returncode, 1)
    equal("--version", re.fullmatch(r"version: \d+\.\d+\.\d+\n", run(scope, "--version").stdout) is not None, True)
    equal("--help", run(scope, "-h").stdout.splitlines()[0], "Options:")


@test
def by_its_name(scope):
    link = scope.path("nettracersrv")
    os.symlink(WEIR, link)
    weir = Tracer(scope, "-c", program=(link,))
    text = weir.stop()
    equal("times that an option without effect is told", text.count("--clear_probes has no effect"), 1)


main()
