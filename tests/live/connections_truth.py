#!/usr/bin/env python3
"""connections_truth [WORD]...: `weir connections` against what the sockets themselves say (TCP_INFO), life by life."""
import array
import contextlib
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from lib import SLOWNESS, Skip, Weir, equal, main, test, until
from lib_inside import inside
from lib_traffic import pair

LINGER_RESET = struct.pack("ii", 1, 0)
# struct tcp_info of linux/tcp.h, as far as it is read here: format, offset.
FIELDS = {"snd_mss": ("I", 16), "rtt": ("I", 68), "rttvar": ("I", 72), "snd_ssthresh": ("I", 76), "snd_cwnd": ("I", 80),
          "total_retrans": ("I", 100), "bytes_received": ("Q", 128), "segs_out": ("I", 136), "segs_in": ("I", 140),
          "min_rtt": ("I", 148), "bytes_sent": ("Q", 200), "bytes_retrans": ("Q", 208), "dsack_dups": ("I", 216),
          "reord_seen": ("I", 220), "rcv_ooopack": ("I", 224), "snd_wnd": ("I", 228), "rcv_wnd": ("I", 232)}
# What weir's record calls them; times in nanoseconds.
OURS = {"snd_mss": "mss_bytes", "rtt": "srtt_ns", "rttvar": "rttvar_ns", "snd_ssthresh": "ssthresh", "snd_cwnd": "cwnd",
        "total_retrans": "retransmitted_segments", "bytes_received": "received_bytes", "segs_out": "sent_segments",
        "segs_in": "received_segments", "min_rtt": "min_rtt_ns", "bytes_sent": "sent_bytes", "bytes_retrans": "retransmitted_bytes",
        "dsack_dups": "dsack_duplicates", "reord_seen": "reordering_seen", "rcv_ooopack": "out_of_order_segments",
        "snd_wnd": "send_window_bytes", "rcv_wnd": "receive_window_bytes"}
SO_COOKIE = 57


def tcp_info(sock):
    """By name; only what this kernel has."""
    data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return {name: struct.unpack_from(form, data, at)[0] for name, (form, at) in FIELDS.items()
            if at + struct.calcsize(form) <= len(data)}


def cookie(sock):
    return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


class Connections(Weir):
    """Reads lines as they come; `events` and the last sample by cookie."""

    def __init__(self, namespace, *arguments):
        super().__init__(namespace, "-o", "json", "-t", "200ms", *arguments, command="connections")
        self.read, self.events, self.samples = 0, {}, {}

    def take(self):
        with open(self.out, "rb") as file:
            file.seek(self.read)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self.read += end
        for line in data[:end].splitlines():
            record = json.loads(line)
            if record.get("record") == "event":
                self.events.setdefault(record["cookie"], []).append(record)
            else:
                self.samples[record["cookie"]] = record

    def event(self, number, kind, seconds=5):
        """The one of that kind, of the socket with this cookie."""
        def found():
            self.take()
            return [event for event in self.events.get(number, []) if event["event"] == kind]
        until(found, seconds * SLOWNESS, f"{kind} of {number}")
        equal(f"times {kind}", len(found()), 1)
        return found()[0]

    def agree(self, sock, what, fin=0):
        """A sample holds all that the socket says; it is still. TCP_INFO counts a FIN as a byte received."""
        number = cookie(sock)

        def differences():
            before = tcp_info(sock)
            before["bytes_received"] -= fin
            time.sleep(0.05)
            self.take()
            sample = self.samples.get(number)
            if sample is None or {**tcp_info(sock), "bytes_received": before["bytes_received"]} != before:
                return ["no sample"]
            return [(name, sample.get(OURS[name], 0), value) for name, value in before.items()
                    if not same(name, sample.get(OURS[name], 0), value)]
        try:
            until(lambda: not differences(), 5 * SLOWNESS, what)
        except AssertionError:
            raise AssertionError(f"{what}: {differences()}") from None
        return self.samples[number]


def same(name, ours, theirs):
    if name in ("rtt", "rttvar", "min_rtt"):
        return ours == theirs * 1000 or (name == "min_rtt" and theirs == 0xffffffff)
    return ours == theirs


def listening(address="127.0.0.1", family=None, backlog=64, **options):
    family = family or (socket.AF_INET6 if ":" in address else socket.AF_INET)
    server = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, options.get("only", 0))
    for option in options.get("set", ()):
        server.setsockopt(socket.SOL_SOCKET, option, 1)
    server.bind((address, options.get("port", 0)))
    server.listen(backlog)
    return server


def connected(server, address=None):
    address = address or server.getsockname()[0]
    client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    client.connect((address, server.getsockname()[1]))
    return client, server.accept()[0]


def exchange(one, other, size=100_000):
    for source, target in ((one, other), (other, one)):
        left = size
        while left:
            source.sendall(bytes(min(left, 50_000)))
            left -= min(left, 50_000)
            got = 0
            while got < min(size, 50_000):
                got += len(target.recv(1 << 16))


@contextlib.contextmanager
def alone(scope, *arguments):
    """A namespace with loopback that this process is in, and weir that follows it."""
    namespace = scope.namespace()
    namespace.up("lo")
    with inside(namespace):
        weir = Connections(namespace, *arguments)
        inode = os.stat("/proc/thread-self/ns/net").st_ino
        yield weir, inode
        weir.stop(settle=0)


def whole_life(weir, inode, client, accepted, address, mapped=None):
    numbers = cookie(client), cookie(accepted)
    for sock, number, role in ((client, numbers[0], "client"), (accepted, numbers[1], "server")):
        made = weir.event(number, "established")
        equal("role", made["role"], role)
        equal("namespace", made["network_namespace"], inode)
        equal("owner", (made["process"]["pid"], made["process"]["name"]), (os.getpid(), open("/proc/self/comm").read().strip()))
        equal("local", made["local"], {"address": mapped or address, "port": sock.getsockname()[1]})
        equal("remote", made["remote"], {"address": mapped or address, "port": sock.getpeername()[1]})
        assert made["handshake_ns"] < 1e9 * SLOWNESS, made
    exchange(client, accepted)
    for sock in (client, accepted):
        sample = weir.agree(sock, f"{address} {sock.getsockname()}")
        equal("state", sample["state"], "established")
    sent = [tcp_info(sock)["bytes_sent"] for sock in (client, accepted)]
    client.close()
    accepted.close()
    for number, role, closed_first, size in zip(numbers, ("client", "server"), ("local", "remote"), sent):
        ended = weir.event(number, "closed")
        equal("end", (ended["role"], ended["reason"], ended["closed_first"], ended["sent_bytes"], ended["received_bytes"]),
              (role, "fin", closed_first, size, size))
        equal("events", len(weir.events[number]), 2)


@test
def plain_by_ipv4_ipv6_and_mapped(scope):
    with alone(scope) as (weir, inode):
        for address, client_address, mapped in (("127.0.0.1", None, None), ("::1", None, None), ("::", "127.0.0.1", "127.0.0.1")):
            server = listening(address)
            client, accepted = connected(server, client_address)
            whole_life(weir, inode, client, accepted, client_address or address, mapped)
            server.close()


@test
def half_closed(scope):
    with alone(scope) as (weir, _):
        server = listening()
        client, accepted = connected(server)
        client.shutdown(socket.SHUT_WR)
        accepted.sendall(bytes(1000))
        client.recv(2000)
        equal("state", weir.agree(client, "who closed")["state"], "fin_wait2")
        equal("state", weir.agree(accepted, "the other", fin=1)["state"], "close_wait")
        client.close(), accepted.close()


@test
def resets(scope):
    with alone(scope) as (weir, _):
        server = listening()
        for by_client in (True, False):
            client, accepted = connected(server)
            who, other = (client, accepted) if by_client else (accepted, client)
            numbers = cookie(who), cookie(other)
            who.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            who.close()
            equal("who aborts", weir.event(numbers[0], "closed")["reason"], "reset_sent")
            equal("the other", weir.event(numbers[1], "closed")["reason"], "reset_received")
            other.close()
        client, accepted = connected(server)
        client.sendall(b"not read")
        time.sleep(0.05)
        numbers = cookie(client), cookie(accepted)
        accepted.close()
        equal("closed with data unread", weir.event(numbers[1], "closed")["reason"], "reset_sent")
        equal("who had sent them", weir.event(numbers[0], "closed")["reason"], "reset_received")


@test
def refused_unanswered_unreachable_and_given_up(scope):
    here, there = pair(scope)
    weir = Connections(here)
    there.run("nft", "add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp dport 9 drop")
    with inside(here):
        attempts = {}
        for what, address, port in (("refused", "10.3.0.2", 8), ("timeout", "10.3.0.2", 9), ("unreachable", "10.3.0.77", 8)):
            client = socket.socket()
            if what == "timeout":
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
            client.setblocking(False)
            client.connect_ex((address, port))
            attempts[what] = (client, cookie(client))
        given_up = socket.socket()
        given_up.setblocking(False)
        given_up.connect_ex(("10.3.0.2", 9))
        number = cookie(given_up)
        given_up.close()
        equal("given up", weir.event(number, "failed")["reason"], "given_up")
        for what, (client, number) in attempts.items():
            failed = weir.event(number, "failed", seconds=15)
            equal(what, failed["reason"], what)
            equal(f"{what}: errno", failed["errno"], {"refused": errno.ECONNREFUSED, "timeout": errno.ETIMEDOUT,
                                                      "unreachable": errno.EHOSTUNREACH}[what])
            equal(f"{what}: owner", failed["process"]["pid"], os.getpid())
            equal(f"{what}: SYNs again", failed["retransmits"]["syn"], failed["retransmitted_segments"])
            equal(f"{what}: events", len(weir.events[number]), 1)
            client.close()
        assert weir.events[attempts["timeout"][1]][0]["retransmits"]["syn"] >= 1
    weir.stop(settle=0)


@test
def both_ends_in_namespaces_of_their_own(scope):
    here, there = pair(scope)
    weir = Connections(here)
    with inside(there):
        server = listening("10.3.0.2")
        theirs = os.stat("/proc/thread-self/ns/net").st_ino
    with inside(here):
        client = socket.create_connection(server.getsockname())
        ours = os.stat("/proc/thread-self/ns/net").st_ino
    accepted = server.accept()[0]
    exchange(client, accepted, 1_000_000)
    equal("client's", weir.agree(client, "client")["network_namespace"], ours)
    equal("server's", weir.agree(accepted, "server")["network_namespace"], theirs)
    weir.stop(settle=0)


def tcp_statistics():
    """The counters of nstat of this network namespace."""
    found = {}
    for name in ("snmp", "netstat"):
        with open(f"/proc/thread-self/net/{name}", encoding="ascii") as file:
            lines = [line.split() for line in file]
        for names, values in zip(lines[::2], lines[1::2]):
            if names[0] in ("Tcp:", "TcpExt:"):
                found.update({key: int(value) for key, value in zip(names[1:], values[1:])})
    return found


@test
def segments_sent_again_by_class(scope):
    here, there = pair(scope)
    weir = Connections(here)
    there.run("nft", "add table inet t; add chain inet t c { type filter hook input priority 0; }")
    with inside(there):
        server = listening("10.3.0.2", port=9)
    with inside(here):
        client = socket.create_connection(server.getsockname())
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted = server.accept()[0]
        number, seen = cookie(client), tcp_statistics()

        def since():
            now = tcp_statistics()
            return {name: now[name] - seen[name] for name in now}

        def check(what):
            told = weir.agree(client, what)
            classes, counted = told["retransmits"], since()
            equal(f"{what}: all classes", sum(classes.values()), told["retransmitted_segments"])
            equal(f"{what}: nstat", told["retransmitted_segments"], counted["RetransSegs"])
            equal(f"{what}: fast", classes["fast"], counted["TCPFastRetrans"])
            again = counted["RetransSegs"] - counted["TCPFastRetrans"] - counted["TCPTimeouts"] - counted["TCPSlowStartRetrans"]
            equal(f"{what}: tail loss probes", classes["tail_loss_probe"], again)  # others carry new data
            assert again <= counted["TCPLossProbes"], counted
            equal(f"{what}: after a time-out", classes["timeout"], counted["TCPTimeouts"] + counted["TCPSlowStartRetrans"])
            return classes

        # Holes in the middle, with much behind them: acknowledgments tell.
        there.run("nft", "add rule inet t c tcp dport 9 meta length > 1000 numgen inc mod 60 == 0 drop")
        exchange(client, accepted, 50_000)
        for _ in range(100):
            client.sendall(bytes(200_000))
            got = 0
            while got < 200_000:
                got += len(accepted.recv(1 << 16))
        assert check("holes")["fast"] > 0, weir.samples[number]
        # Silence after some segments: a probe of the tail first, then time-outs.
        there.run("nft", "flush chain inet t c; add rule inet t c tcp dport 9 drop")
        for _ in range(3):
            client.sendall(bytes(100))
        time.sleep(1)
        there.run("nft", "flush chain inet t c")
        until(lambda: len(accepted.recv(1000, socket.MSG_PEEK)) == 300, 10 * SLOWNESS, "all of it")
        before = weir.samples[number]["retransmits"]
        after = check("silence")
        assert after["tail_loss_probe"] > before["tail_loss_probe"] and after["timeout"] > before["timeout"], (before, after)
        client.close(), accepted.close()
        ended = weir.event(number, "closed")
        equal("at the end", sum(ended["retransmits"].values()), ended["retransmitted_segments"])
    weir.stop(settle=0)


@test
def a_full_backlog(scope):
    with alone(scope) as (weir, _):
        server = listening(backlog=0)
        clients = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            clients.append(client)
        until(lambda: [weir.take(), sum(weir.samples.get(cookie(client), {}).get("state") == "syn_sent" for client in clients)][1] >= 2,
              5 * SLOWNESS, "SYNs without an answer")
        waiting = [cookie(client) for client in clients if weir.samples[cookie(client)]["state"] == "syn_sent"]
        accepted = []
        server.settimeout(0.1)

        def made():
            with contextlib.suppress(TimeoutError):
                accepted.append(server.accept()[0])
            weir.take()
            return [event for number in waiting for event in weir.events.get(number, [])]
        until(made, 15 * SLOWNESS, "one of them made")
        assert made()[0]["event"] == "established" and made()[0]["retransmits"]["syn"] >= 1 and made()[0]["handshake_ns"] > 0.9e9, made()


@test
def owners_behind_reuseport_fork_and_passing(scope):
    child = """
import array, os, socket, sys
how = sys.argv[1]
if how == "listen":
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", int(sys.argv[2])))
    server.listen()
    print(server.getsockname()[1], flush=True)
    held = []
    while True:
        held.append(server.accept()[0])
else:
    passed = socket.socket(fileno=0)
    data, control, *_ = passed.recvmsg(1, socket.CMSG_LEN(4))
    got = array.array("i", control[0][2])[0]
    print("got", flush=True)
    passed.recv(1)
    os.close(got)
"""
    with alone(scope) as (weir, _):
        listeners = []
        port = "0"
        for _ in range(2):
            process = subprocess.Popen([sys.executable, "-c", child, "listen", port], stdout=subprocess.PIPE, text=True)
            port = process.stdout.readline().strip()
            listeners.append(process)
        clients = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(20)]

        def owners():
            weir.take()
            return {event["remote"]["port"]: event["process"]["pid"] for events in weir.events.values() for event in events
                    if event["event"] == "established" and event["role"] == "server"}
        until(lambda: len(owners()) == 20, 5 * SLOWNESS, "all accepted")
        by_ss = subprocess.run(["ss", "-tnpH", "state", "established", f"( sport = :{port} )"], capture_output=True, text=True).stdout
        for client in clients:
            line, = [line for line in by_ss.splitlines() if line.split()[3].endswith(f":{client.getsockname()[1]}")]
            assert f"pid={owners()[client.getsockname()[1]]}," in line, (owners(), line)
        for process in listeners:
            process.kill(), process.wait()
        # Accepted by a child that was forked after listen(): corrected when it closes.
        server = listening()
        if (forked := os.fork()) == 0:
            server.accept()[0].close()
            os._exit(0)
        client = socket.create_connection(server.getsockname())
        client.recv(1)
        client.close()
        os.waitpid(forked, 0)

        def ended():
            weir.take()
            return [event for events in weir.events.values() for event in events
                    if event["event"] == "closed" and event["role"] == "server" and event["local"]["port"] == server.getsockname()[1]]
        until(ended, 5 * SLOWNESS, "its end")
        equal("who closed", (ended()[0]["process"]["pid"], ended()[0]["process"]["source"]), (forked, "caller"))
        # Passed to another process, which closes it.
        client, accepted = connected(server)
        number = cookie(accepted)
        ours, theirs = socket.socketpair()
        process = subprocess.Popen([sys.executable, "-c", child, "passed"], stdin=theirs, stdout=subprocess.PIPE, text=True)
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [accepted.fileno()]))])
        process.stdout.readline()
        accepted.close()
        ours.send(b"x")
        equal("who closed what was passed", weir.event(number, "closed")["process"]["pid"], process.pid)
        process.wait()
        client.close()


@test
def every_way_to_send_and_receive(scope):
    with alone(scope) as (weir, _), tempfile.TemporaryFile() as file:
        size = 300_000
        file.write(os.urandom(size)), file.flush()
        server = listening()
        client, accepted = connected(server)

        def take(flags=0):
            got = 0
            while got < size:
                got += len(accepted.recv(min(65536, size - got), flags))
        os.set_blocking(client.fileno(), True)
        at = 0
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        while at < size:
            at += os.sendfile(client.fileno(), file.fileno(), at, min(50_000, size - at))
        accepted.recv(1000, socket.MSG_PEEK), accepted.recv(1000, socket.MSG_PEEK)
        take()
        read, write = os.pipe()
        for _ in range(size // 50_000):
            os.write(write, bytes(50_000))
            left = 50_000
            while left:
                left -= os.splice(read, client.fileno(), left)
        take(socket.MSG_WAITALL)
        client.setsockopt(socket.SOL_SOCKET, 60, 1)  # SO_ZEROCOPY
        data = bytes(50_000)
        for _ in range(size // 50_000):
            sent = 0
            while sent < 50_000:
                sent += client.send(memoryview(data)[sent:], 0x4000000)  # MSG_ZEROCOPY
        take()
        equal("received", weir.agree(accepted, "receiver")["received_bytes"], 3 * size)
        equal("sent", weir.agree(client, "sender")["sent_bytes"], 3 * size)
        os.close(read), os.close(write)


@test
def older_ones(scope):
    namespace = scope.namespace()
    namespace.up("lo")
    with inside(namespace):
        server = listening()
        pairs = [connected(server) for _ in range(5)]
        for one, other in pairs:
            exchange(one, other, 50_000)
        weir = Connections(namespace)
        for one, other in pairs:
            exchange(one, other, 50_000)
            equal("roles", (weir.agree(one, "client")["role"], weir.agree(other, "server")["role"]), ("client", "server"))
            sample = weir.samples[cookie(one)]
            assert "born" not in sample, sample
            equal("owner", (sample["process"]["pid"], sample["process"]["source"]), (os.getpid(), "file"))
            numbers = cookie(one), cookie(other)
            one.close(), other.close()
            for number in numbers:
                ended = weir.event(number, "closed")
                equal("end", (ended["reason"], ended["sent_bytes"], ended["received_bytes"]), ("fin", 100_000, 100_000))
        weir.stop(settle=0)


@test
def a_process_that_ends_at_once(scope):
    with alone(scope) as (weir, _):
        server = listening()
        code = f"import socket, os; s = socket.create_connection(('127.0.0.1', {server.getsockname()[1]})); s.send(b'x'); os._exit(0)"
        process = subprocess.Popen([sys.executable, "-c", code])
        server.accept()
        process.wait()

        def clients():
            weir.take()
            return [event for events in weir.events.values() for event in events
                    if event["role"] == "client" and event["remote"]["port"] == server.getsockname()[1]]
        until(lambda: len(clients()) == 2, 5 * SLOWNESS, "its connection")
        equal("owner", {(event["process"]["pid"], event["process"]["source"]) for event in clients()}, {(process.pid, "caller")})


@test
def a_container_by_its_control_group(scope):
    hierarchy = next((path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(f"{path}/cgroup.controllers")), None)
    if not hierarchy:
        raise Skip("no unified hierarchy of control groups here")
    identifier = os.urandom(32).hex()
    group = f"{hierarchy}/docker-{identifier}.scope"
    try:
        os.mkdir(group)
    except OSError as error:
        raise Skip(f"no control group can be made: {error.strerror}") from None
    try:
        with alone(scope) as (weir, _):
            server = listening()
            code = ("import os, socket, sys; open(sys.argv[1], 'w').write(str(os.getpid())); "
                    "s = socket.create_connection(('127.0.0.1', int(sys.argv[2]))); s.close()")
            process = subprocess.Popen([sys.executable, "-c", code, f"{group}/cgroup.procs", str(server.getsockname()[1])])
            server.accept()[0].close()
            equal("its exit code", process.wait(), 0)

            def told():
                weir.take()
                return [event for events in weir.events.values() for event in events
                        if event["role"] == "client" and event["remote"]["port"] == server.getsockname()[1]]
            until(lambda: len(told()) == 2, 5 * SLOWNESS, "its connection")
            for event in told():
                equal("container", event.get("container"), {"id": identifier, "runtime": "docker"})
            equal("others'", [event for events in weir.events.values() for event in events
                              if event["role"] == "server" and "container" in event], [])
    finally:
        os.rmdir(group)


@test
def a_port_used_again(scope):
    with alone(scope) as (weir, _):
        server = listening(set=(socket.SO_REUSEADDR,))
        numbers = []
        for _ in range(3):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("127.0.0.1", 45_000))
            client.connect(server.getsockname())
            accepted = server.accept()[0]
            numbers += [cookie(client), cookie(accepted)]
            # The server's end waits in TIME_WAIT, in the client's port's way no longer than it must be.
            accepted.close()
            client.recv(1)
            client.close()
        for number in numbers:
            equal("end", weir.event(number, "closed")["reason"], "fin")
        equal("six sockets", len(set(numbers)), 6)


@test
def multipath_falls_back(scope):
    with alone(scope) as (weir, _):
        server = listening()
        try:
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
        except OSError as error:
            raise Skip(f"no MPTCP here: {error.strerror}") from None
        client.connect(server.getsockname())
        accepted = server.accept()[0]
        client.sendall(bytes(1000))
        accepted.recv(2000)
        equal("server's end", weir.agree(accepted, "accepted")["received_bytes"], 1000)
        port = client.getsockname()[1]
        client.close(), accepted.close()

        def ended():
            weir.take()
            return [event for events in weir.events.values() for event in events
                    if event["event"] == "closed" and event["local"]["port"] == port]
        until(ended, 5 * SLOWNESS, "the end of the client's")
        time.sleep(0.5)
        equal("the client's, once", [(event["sent_bytes"], event["role"]) for event in ended()], [(1000, "client")])


@test
def ten_thousand_short_ones(scope):
    count = 10_000 if SLOWNESS == 1 else 1000
    with alone(scope, "--events") as (weir, _):
        server = listening(backlog=128)
        made = set()
        for i in range(count):
            client, accepted = connected(server)
            made.add((client.getsockname()[1], cookie(client)))
            made.add((server.getsockname()[1], cookie(accepted)))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            if i % 2:
                accepted.close()
            client.close(), accepted.close()

        def ended():
            weir.take()
            return sum(event["event"] == "closed" for events in weir.events.values() for event in events)
        until(lambda: ended() >= 2 * count, 20 * SLOWNESS, f"{2 * count} ends")
        time.sleep(0.5)
        weir.take()
        told = {(events[0]["local"]["port"], number) for number, events in weir.events.items()}
        equal("sockets", told, made)
        kinds = {tuple(event["event"] for event in events) for events in weir.events.values()}
        equal("each once", kinds, {("established", "closed")})
        pids = {event["process"]["pid"] for events in weir.events.values() for event in events}
        equal("owner", pids, {os.getpid()})


if __name__ == "__main__":
    main()
