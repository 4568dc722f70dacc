#!/usr/bin/env python3
"""copy_needed: what the kernel need not copy is not copied, and no record is the worse for it."""
import json
import re
import socket
import subprocess
import sys
import time

from lib import Nginx, Weir, counts, equal, main, need, test, until, veth, wrk

PAGE = "127.0.0.1:9911"

# Answers /len/SIZE with so many bytes, /chunked/SIZE in chunks of 1000; port 8081 answers eight bytes that no decoder knows
# with as many bytes as they say.
SERVER = r"""
import os, socket, socketserver, sys, threading
class Http(socketserver.StreamRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while line := self.rfile.readline():
            length = 0
            while (field := self.rfile.readline()) not in (b"\r\n", b""):
                if field.lower().startswith(b"content-length:"): length = int(field.split(b":")[1])
            while length > 0: length -= len(self.rfile.read(min(length, 1 << 20)))
            kind, size = line.split()[1].decode().split("/")[1:3]
            left = int(size)
            if kind == "len":
                first = min(left, 1 << 20)
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left + b"x" * first); left -= first
                while left > 0:
                    self.wfile.write(b"x" * min(left, 1 << 20)); left -= 1 << 20
            else:
                one = b"3e8\r\n" + b"y" * 1000 + b"\r\n"
                self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + one * (left // 1000) + b"0\r\n\r\n")
class Opaque(socketserver.BaseRequestHandler):
    def handle(self):
        while asked := self.request.recv(8, socket.MSG_WAITALL):
            left = int.from_bytes(asked[1:], "big")
            while left > 0:
                self.request.sendall(b"\xf5" * min(left, 1 << 20)); left -= 1 << 20
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True; daemon_threads = True; request_queue_size = 100
for port, handler in ((8080, Http), (8081, Opaque)):
    threading.Thread(target=Server((sys.argv[1], port), handler).serve_forever).start()
"""

# ask(connection, path, body): sends a request and reads the answer to its end.
CLIENT = r"""
import socket, struct, sys, threading, time
def connect(address, port, source=0):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source: s.bind((address, source))
    s.connect((address, port)); return s
def read(s, left, have=b""):
    left -= len(have)
    while left > 0:
        got = s.recv(min(left, 1 << 20)); assert got; left -= len(got)
def ask(s, path, body=b""):
    s.sendall(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)) + body)
    have = b""
    while b"\r\n\r\n" not in have: have += s.recv(4096)
    kind, size = path.split("/")[1:3]
    left = int(size) if kind == "len" else int(size) // 1000 * 1007 + 5
    read(s, left, have.partition(b"\r\n\r\n")[2])
def opaque(s, size):
    s.sendall(b"\xf6" + size.to_bytes(7, "big")); read(s, size)
"""


def served(scope, address="127.0.0.1"):
    home = scope.namespace()
    home.start(sys.executable, "-c", SERVER, address, stderr=subprocess.DEVNULL)  # of connections that were reset
    until(lambda: ":8081 " in home.run("ss", "-Hltn"), 10, "the server")
    return home


def watch(home, *more):
    return Weir(home, "-i", "lo", "-f", "not port 9911", "-o", "json", "--summary", "--listen", PAGE, *more)


def metric(home, name, labels=""):
    page = home.get(f"http://{PAGE}/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
               if re.match(re.escape(name) + r"[ {]", line) and labels in line)


def spared_bytes(home):
    time.sleep(0.5)  # the kernel's counts are read now and then
    return metric(home, "weir_capture_spared_bytes_total")


def client(home, code, seconds=60):
    home.run(sys.executable, "-c", CLIENT + code, seconds=seconds)


def ended(weir):
    """The records by path, in order; the ledger must balance and nothing be lost."""
    records = {}
    for line in weir.stop().splitlines():
        record = json.loads(line)
        if record["protocol"] == "http":
            records.setdefault(record["attributes"]["url.path"], []).append(record)
    said = weir.said()
    for stage in ("capture", "stream"):
        line = next(line for line in said.splitlines() if line.startswith(stage))
        if "unaccounted" in line or " pending 0" not in line:
            raise AssertionError(line)
    return records, said


def no_loss(said):
    for line in said.splitlines():
        if re.match(r"(capture|stream|match) ", line) and " lost 0 " not in line:
            raise AssertionError(line)


def whole(path, records, count):
    """So many records of the path, each with the sizes that were sent."""
    kind, size = path.split("/")[1:3]
    size = int(size)
    body = size if kind == "len" else size // 1000 * 1007 + 5
    head = len(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n" if kind == "len" else
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    equal(f"{path}: records", len(records), count)
    for record in records:
        got = record["quality"], record["response"]["size_bytes"], record["response"]["wire_bytes"]
        equal(path, got, ("complete", size, head + body))


def bodies(scope, *more):
    home = served(scope)
    weir = watch(home, *more)
    client(home, """
def work():
    s = connect("127.0.0.1", 8080)
    for _ in range(60): ask(s, "/len/100000"); ask(s, "/len/10"); time.sleep(0.002)
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
""")
    spared = spared_bytes(home)
    records, said = ended(weir)
    no_loss(said)
    whole("/len/100000", records["/len/100000"], 480)
    whole("/len/10", records["/len/10"], 480)
    if spared < 0.4 * 48_000_000:
        raise AssertionError(f"only {spared} bytes of 48 MB were spared")
    return f"{spared / 480_000:.0f} % spared"


@test
def bodies_of_100_kb(scope):
    return bodies(scope)


@test
def bodies_of_100_kb_and_two_workers(scope):
    return bodies(scope, "--workers", "2")


@test
def everything_when_asked_for(scope):
    home = served(scope)
    weir = watch(home, "--copy", "all")
    client(home, """
s = connect("127.0.0.1", 8080)
for _ in range(100): ask(s, "/len/100000")
o = connect("127.0.0.1", 8081)
opaque(o, 5000000)
""")
    spared = spared_bytes(home)
    records, said = ended(weir)
    no_loss(said)
    whole("/len/100000", records["/len/100000"], 100)
    equal("spared", spared, 0)
    line = next(line for line in said.splitlines() if line.startswith("capture"))
    if "opaque" in line:
        raise AssertionError(line)


@test
def a_long_body_then_the_next_request(scope):
    home = served(scope)
    weir = watch(home)
    client(home, """
s = connect("127.0.0.1", 8080)
for n in range(20):
    ask(s, "/len/20000000")
    for _ in range(n): ask(s, "/len/7"); ask(s, "/len/3000")
""")
    spared = spared_bytes(home)
    records, said = ended(weir)
    no_loss(said)
    whole("/len/20000000", records["/len/20000000"], 20)
    whole("/len/7", records["/len/7"], 190)
    whole("/len/3000", records["/len/3000"], 190)
    # What is through before the ring's first block is read, nobody could spare.
    if spared < 0.3 * 400_000_000:
        raise AssertionError(f"only {spared} bytes of 400 MB were spared")
    return f"{spared / 4_000_000:.0f} % spared"


@test
def uploads(scope):
    home = served(scope)
    weir = watch(home)
    client(home, """
s = connect("127.0.0.1", 8080)
body = b"u" * 300000
for n in range(100): ask(s, "/len/5", body)
""")
    spared = spared_bytes(home)
    records, said = ended(weir)
    no_loss(said)
    whole("/len/5", records["/len/5"], 100)
    head = len("POST /len/5 HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n")
    for record in records["/len/5"]:
        equal("request", (record["request"]["size_bytes"], record["request"]["wire_bytes"]), (300_000, head + 300_000))
    if spared < 0.5 * 30_000_000:
        raise AssertionError(f"only {spared} bytes of 30 MB were spared")


@test
def sequence_numbers_wrap(scope):
    home = served(scope)
    weir = watch(home)
    client(home, """
s = connect("127.0.0.1", 8080)
for _ in range(3): ask(s, "/len/2200000000"); ask(s, "/len/9")
""", 120)
    records, said = ended(weir)
    no_loss(said)
    whole("/len/2200000000", records["/len/2200000000"], 3)
    whole("/len/9", records["/len/9"], 3)


@test
def a_guess_that_was_wrong(scope):
    """Content-Length, then chunks: one record may be truncated, on one connection, and no more."""
    home = served(scope)
    weir = watch(home)
    client(home, """
a, b = connect("127.0.0.1", 8080), connect("127.0.0.1", 8080)
for _ in range(30): ask(a, "/len/100000"); ask(b, "/len/100000")
time.sleep(0.2)
for _ in range(10): ask(a, "/chunked/50000"); time.sleep(0.1)
ask(b, "/len/100000"); time.sleep(0.1)
for _ in range(10): ask(b, "/chunked/70000"); time.sleep(0.1)
c = connect("127.0.0.1", 8080)
for _ in range(30): ask(c, "/len/100000")
time.sleep(0.1)
for _ in range(10): ask(c, "/chunked/90000"); time.sleep(0.01)
""")
    records, _ = ended(weir)
    whole("/len/100000", records["/len/100000"], 91)
    first, *rest = records["/chunked/50000"]
    equal("the first in chunks", first["quality"], "truncated")
    whole("/chunked/50000", rest, 9)
    whole("/chunked/70000", records["/chunked/70000"], 10)
    whole("/chunked/90000", records["/chunked/90000"], 10)


@test
def opaque_beside(scope):
    home = served(scope)
    weir = watch(home)
    client(home, """
s, o = connect("127.0.0.1", 8080), connect("127.0.0.1", 8081)
for _ in range(50): ask(s, "/len/2000"); opaque(o, 2000000); ask(s, "/len/3000")
o.close(); time.sleep(0.3)
""")
    time.sleep(0.5)
    opaque = metric(home, "weir_ledger_total", 'stage="capture",outcome="filtered",reason="opaque"')
    left = metric(home, "weir_open_connections")
    records, said = ended(weir)
    no_loss(said)
    whole("/len/2000", records["/len/2000"], 50)
    whole("/len/3000", records["/len/3000"], 50)
    if opaque < 500:
        raise AssertionError(f"only {opaque} packets of 100 MB were kept back")
    equal("connections left, the opaque one's end having been seen", left, 0)


@test
def the_same_ends_again_after_opaque(scope):
    home = served(scope)
    weir = watch(home)
    client(home, """
for n in range(20):
    o = connect("127.0.0.1", 8081, 40001)
    opaque(o, 3000000)
    if n % 2: o.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    o.close()
    if not n % 2: time.sleep(0.2)
""")
    client(home, """
class Both: pass
s = connect("127.0.0.1", 8080, 40002)
ask(s, "/len/100")
""")
    records, said = ended(weir)
    no_loss(said)
    whole("/len/100", records["/len/100"], 1)


@test
def http_on_the_ends_of_an_opaque_connection(scope):
    """The server's port is taken over by one that speaks HTTP: the first request is seen."""
    home = scope.namespace()
    weir = watch(home)
    home.run(sys.executable, "-c", CLIENT + r"""
for n in range(30):
    with socket.create_server(("127.0.0.1", 8082)) as listener:
        for kind in ("opaque", "http"):
            c = connect("127.0.0.1", 8082, 40003)
            s, _ = listener.accept()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if kind == "opaque":
                for _ in range(200): c.sendall(b"\xf1" * 1000); read(s, 1000); s.sendall(b"\xf2" * 1000); read(c, 1000)
                time.sleep(0.05)
                c.sendall(b"\xf1" * 1000); read(s, 1000)
            else:
                c.sendall(b"GET /len/2 HTTP/1.1\r\nHost: h\r\n\r\n"); assert s.recv(1000)
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); assert c.recv(1000)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            c.close(); s.close()
""", seconds=60)
    time.sleep(0.5)
    opaque = metric(home, "weir_ledger_total", 'stage="capture",outcome="filtered",reason="opaque"')
    records, _ = ended(weir)
    whole("/len/2", records["/len/2"], 30)
    if opaque < 30:
        raise AssertionError(f"only {opaque} packets were kept back")


@test
def datagrams_of_unknown_kinds(scope):
    home = scope.namespace()
    weir = watch(home)
    home.run(sys.executable, "-c", """
import socket, time
r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); r.bind(("127.0.0.1", 7002))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 7001))
for n in range(1000):
    s.sendto(b"\\xf3" * 1000, ("127.0.0.1", 7002)); r.recv(2000)
    if n % 100 == 0: time.sleep(0.05)
""")
    _, said = ended(weir)
    line = next(line for line in said.splitlines() if line.startswith("capture"))
    kept = int(re.search(r"opaque (\d+)", line).group(1))
    seen = int(re.search(r"seen (\d+)", line).group(1))
    equal("packets", seen, 1000 + line.count("foreign"))
    if kept < 800:
        raise AssertionError(line)


@test
def what_the_expression_leaves_out_is_counted(scope):
    home = scope.namespace()
    weir = Weir(home, "-i", "lo", "-f", "udp port 7001", "-o", "none", "--summary")
    home.run(sys.executable, "-c", """
import socket
r = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for n in (0, 1): r[n].bind(("127.0.0.1", 7001 + n))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(50):
    for n in (0, 1): s.sendto(b"x" * 100, ("127.0.0.1", 7001 + n))
""")
    line = next(line for line in weir.stop().splitlines() if line.startswith("capture"))
    if "seen 100  delivered 50  filtered 50 (expression 50)" not in line:
        raise AssertionError(line)


@test
def an_expression_that_the_kernel_does_not_take(scope):
    home = scope.namespace()
    weir = Weir(home, "-i", "lo", "-f", "ip protochain 17 and udp port 7001", "-o", "none", "--summary")
    if "weir applies it itself" not in weir.said():
        raise AssertionError(weir.said())
    home.run(sys.executable, "-c", """
import socket
r = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for n in (0, 1): r[n].bind(("127.0.0.1", 7001 + n))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(50):
    for n in (0, 1): s.sendto(b"x" * 100, ("127.0.0.1", 7001 + n))
""")
    line = next(line for line in weir.stop().splitlines() if line.startswith("capture"))
    if "seen 100  delivered 50  filtered 50 (expression 50)" not in line:
        raise AssertionError(line)


def segment(source, target, ports, sequence, acknowledgment, flags, payload=b""):
    """An Ethernet frame with a TCP segment; both checksums left at 0."""
    tcp = b"".join(n.to_bytes(size, "big") for n, size in (
        (ports[0], 2), (ports[1], 2), (sequence % 2**32, 4), (acknowledgment % 2**32, 4), (0x50, 1), (flags, 1), (60000, 2), (0, 4)))
    ip = bytes([0x45, 0]) + (20 + len(tcp) + len(payload)).to_bytes(2, "big") + bytes([0, 1, 0x40, 0, 64, 6, 0, 0])
    ip += socket.inet_aton(source) + socket.inet_aton(target)
    return bytes.fromhex("020000000002020000000001") + b"\x08\x00" + ip + tcp + payload


@test
def retransmissions_during_a_skip(scope):
    """A made connection: what is skipped comes twice, out of order, in other pieces, and from before the skip."""
    left, right = scope.namespace(), scope.namespace()
    veth(left, "c0", right, "s0")
    for place, device in ((left, "c0"), (right, "s0")):
        place.ip("link", "set", device, "mtu", 9000)
    weir = Weir(right, "-i", "s0", "-o", "json", "--summary")
    client, server, size = 1000, 2**32 - 100_000, 400_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    stream = head + b"z" * size
    frames = []

    def put(up, sequence, payload=b"", flags=0x10, pause=0.0):
        ends = ("10.1.1.1", "10.1.1.2") if up else ("10.1.1.2", "10.1.1.1")
        ports = (40004, 8080) if up else (8080, 40004)
        acknowledgment = server + 1 if up else client + 1 + len(asked)
        frames.append((segment(*ends, ports, sequence, acknowledgment, flags, payload).hex(), pause))

    asked = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    put(True, client, flags=0x02)
    put(False, server, flags=0x12)
    put(True, client + 1, asked)
    first = server + 1

    def part(begin, end, pause=0.0):
        put(False, first + begin, stream[begin:end], pause=pause)
    part(0, 1000, 0.2)  # the skip is told
    # Pieces too short for the guess about long ones.
    for begin in range(1000, 200_000, 3500):
        part(begin, begin + 3500)
        if begin % 3 == 0:
            part(begin, begin + 3500)
        if begin % 7 == 0:
            part(0, 1000)
    for begin in range(201_000, 380_000, 4000):  # pairs exchanged, cut otherwise
        part(begin + 2000, begin + 4000)
        part(begin - 500, begin + 2000)
    part(0, 1500)
    for begin in range(377_000, len(stream), 4000):
        part(begin, min(begin + 4000, len(stream)))
    ends = len(stream)
    stream += b"HTTP/1.1 204 No Content\r\n\r\n"
    second = b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
    put(True, client + 1 + len(asked), second)
    asked += second
    part(ends - 3000, len(stream), 0.2)  # the end of the skip once more, and what follows it
    code = f"""
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("c0", 0))
for frame, pause in {frames!r}: s.send(bytes.fromhex(frame)); time.sleep(pause)
"""
    path = scope.path("frames.py", code)
    left.run(sys.executable, path)
    records, said = ended(weir)
    no_loss(said)
    for path, bytes_of in (("/a", len(head) + size), ("/b", 27)):
        equal(path, [(r["quality"], r["response"]["wire_bytes"]) for r in records.get(path, [])], [("complete", bytes_of)])


@test
def losses_are_said(scope):
    """A ring of two blocks, and everything copied: too little for nginx at full speed."""
    need("wrk")
    home = scope.namespace()
    Nginx(home, size=100_000)
    weir = watch(home, "--copy", "all", "--ring", "1")
    wrk(home, "http://127.0.0.1:8080/", 2, 50, 0)
    time.sleep(0.5)
    dropped = metric(home, "weir_capture_dropped_packets_total", 'worker="0"')
    equal("ring", metric(home, "weir_capture_ring_bytes"), 1 << 20)
    weir.stop()
    said = weir.said()
    told = sum(int(n) for n in re.findall(r"warning: (\d+) packets lost: .*--ring", said))
    line = next(line for line in said.splitlines() if line.startswith("capture"))
    if not dropped or f"(kernel {told})" not in line or told < dropped:
        raise AssertionError(f"{dropped} in the metrics, {told} told, {line}")


@test
def bulk_at_full_speed(scope):
    """Nothing is lost of nginx at full speed with bodies of 100 KB."""
    need("wrk")
    home = scope.namespace()
    nginx, weir = Nginx(home, size=100_000), Weir(home, "-i", "lo", "-o", "none", "--summary")
    wrk(home, "http://127.0.0.1:8080/", 3, 20, 0)
    summary = weir.stop()
    equal("records", counts(summary)["http"], nginx.requests(), summary)
    no_loss(summary)


main()
