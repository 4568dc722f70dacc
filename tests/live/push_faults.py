#!/usr/bin/env python3
"""push_faults: servers that misbehave. No round blocks its producer, the ledger balances at every look, memory and time stay within
their bounds, and once the server behaves everything that waited arrives, once and in order."""
import contextlib
import email.utils
import socket
import ssl
import threading
import time

from lib import equal, main, need, test, until
from lib_push import Probe, certificates

WRITE = "/api/v1/write"


class Misbehaving:
    """A server on loopback: each request is answered by the function `answer(connection, head, body)`; without one, by 204.
    `taken` holds the bodies that were answered by 204."""

    def __init__(self, scope, answer=None, tls=None):
        self.answer, self.taken, self.times, self.tls = answer, [], [], tls
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}{WRITE}"
        self.open = True
        scope.ends.append(self)  # ended like a process
        threading.Thread(target=self.accept, daemon=True).start()

    def poll(self):
        return None if self.open else 0

    def terminate(self):
        self.open = False
        self.listener.close()

    kill = terminate

    def wait(self, timeout=None):
        pass

    def accept(self):
        while self.open:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError, ValueError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                connection.settimeout(20)
                while self.one(connection):
                    pass

    def one(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return False
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")))
        if self.answer is not None and getattr(self.answer, "unread", False):
            self.times.append(time.monotonic())
            self.answer(connection, head, b"")
            return False
        while len(body) < length:
            body += connection.recv(65536)
        self.times.append(time.monotonic())
        if self.answer is None:
            self.taken.append(body)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return True
        return self.answer(connection, head, body)


def status(code, *headers, body=b""):
    lines = [f"HTTP/1.1 {code} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
    return lambda connection, head, _: connection.sendall("\r\n".join(lines).encode() + body) or True


def endless(start, piece, pause=0.0):
    """Sends for ever."""
    def answer(connection, *_):
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(pause)
    return answer


def deaf(connection, *_):
    """Reads nothing of the body."""
    time.sleep(15)


deaf.unread = True


def gives_way(scope, answer, rounds=5, pause=0.05, requests=1, **settings):
    """Rounds to a server with such an answer, which behaves at last: all that waited arrives, once and in order."""
    server = Misbehaving(scope, answer)
    probe = Probe(scope, server.url, **{"timeout": 700, "most_delay": 200, **settings})
    for _ in range(rounds):
        probe.round()
        equal("delivered", probe.readings()["delivered"], 0)
        time.sleep(pause)
    until(lambda: sum(probe.readings()["requests"].values()) >= requests, 10, "an attempt")
    before = probe.readings()
    equal("pending", before["pending"], before["seen"], str(before))
    server.answer = None
    said = probe.settled()
    equal("delivered", said["delivered"], said["seen"], probe.said()[-300:])
    equal("requests taken", len(server.taken), len(set(server.taken)))
    probe.says("works again")
    if probe.said().count("\n") > 4:
        raise AssertionError("too many words: " + probe.said())
    return probe, server, before


@test
def answers_500_then_takes_all(scope):
    _, server, before = gives_way(scope, status(500, body=b"no room"), requests=4)
    equal("rounds taken", len(server.taken), 5)
    return f"{before['requests']['500']} times 500"


@test
def answers_429_without_a_time(scope):
    _, _, before = gives_way(scope, status(429), requests=4)
    return f"{before['requests']['429']} times 429"


@test
def answers_429_with_a_time(scope):
    for value in (lambda: "2", lambda: email.utils.formatdate(time.time() + 3.5, usegmt=True)):
        header = "Retry-After: " + value()
        probe, server, _ = gives_way(scope, status(429, header))
        gap = server.times[1] - server.times[0]
        if not 1.8 <= gap <= 5:
            raise AssertionError(f"tried again after {gap:.2f} s, {header}")
        probe.stop(100)


@test
def asks_for_an_absurd_time(scope):
    """What a server asks for is bounded, and stop() does not wait for it."""
    server = Misbehaving(scope, status(503, "Retry-After: 99999999999999999999"))
    probe = Probe(scope, server.url)
    probe.round()
    until(lambda: probe.readings()["requests"].get("503"), 5, "an attempt")
    server.answer = None
    equal("delivered at the end", probe.stop(3000)["delivered"], 3)


@test
def answers_400_is_dropped_and_said_once(scope):
    server = Misbehaving(scope, status(400, body=b"out of order\n\x1b[31m and more"))
    probe = Probe(scope, server.url)
    for _ in range(20):
        probe.round()
    said = probe.settled()
    equal("rejected", said["rejected"], 60)
    equal("lines", probe.said().count("\n"), 1, probe.said())
    probe.says("answer 400, 3 samples dropped: out of order")
    equal("escapes", "\x1b" in probe.said(), False)


@test
def echoes_credentials(scope):
    def echo(connection, head, _):
        connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n" % len(head) + head)
        return True
    server = Misbehaving(scope, echo)
    for settings in ({"token": "t0psecret"}, {"user": "me", "password": "t0psecret"}, {"header": "X-Key: t0psecret"},
                     {"header": "Authorization: Bearer t0psecret"}, {"token_file": scope.path("token", "t0psecret\n")}):
        probe = Probe(scope, server.url + "?key=t0psecret", **settings)
        probe.round()
        equal("rejected", probe.settled()["rejected"], 3)
        probe.says(r"answer 403, .*\*\*\*")
        said = probe.said() + str(probe.first)
        for secret in ("t0psecret", "bWU6dDBwc2VjcmV0"):
            equal(f"{secret} in what is said", secret in said, False, said)
        probe.stop(100)


@test
def talks_garbage(scope):
    gives_way(scope, lambda connection, *_: connection.sendall(bytes(range(256)) * 100) or False)
    gives_way(scope, lambda connection, *_: connection.sendall(b"HTTP/1.1 abc def\r\n\r\n") or False)
    gives_way(scope, lambda connection, *_: connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n") or False)


@test
def closes_without_an_answer(scope):
    gives_way(scope, lambda *_: False, requests=3)


@test
def closes_in_its_head(scope):
    gives_way(scope, lambda connection, *_: connection.sendall(b"HTTP/1.") or False, requests=3)


@test
def closes_in_its_body(scope):
    """The status counts."""
    server = Misbehaving(scope, lambda connection, *_: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf") or False)
    probe = Probe(scope, server.url)
    for _ in range(5):
        probe.round()
    equal("delivered", probe.settled()["delivered"], 15)


@test
def closes_between_rounds(scope):
    """Without a word: the next round is no trouble."""
    server = Misbehaving(scope, lambda connection, *_: connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n") or False)
    probe = Probe(scope, server.url)
    for _ in range(20):
        probe.round()
        time.sleep(0.02)
    said = probe.settled()
    equal("requests", said["requests"], {"204": 20}, probe.said())
    equal("what is said", probe.said(), "")


@test
def endless_heads(scope):
    gives_way(scope, endless(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\nX-Filler: " + b"x" * 4000 + b"\r\n\r\n"))


@test
def endless_body(scope):
    """The status counts; of the rest no more than a bounded part is read."""
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = Misbehaving(scope, endless(start, b"4000\r\n" + b"x" * 0x4000 + b"\r\n"))
    probe = Probe(scope, server.url)
    probe.round()
    probe.settled()
    before = probe.rss_kib()
    for _ in range(50):
        probe.round()
    equal("delivered", probe.settled()["delivered"], 153)
    if probe.rss_kib() - before > 8192:
        raise AssertionError(f"memory grew from {before} to {probe.rss_kib()} KiB")


@test
def answers_letter_by_letter(scope):
    """A slow answer ends with the timeout: without a status it is none."""
    gives_way(scope, endless(b"HTTP/1.1 200", b" ", pause=0.1), timeout=400, requests=2)


@test
def slow_body(scope):
    """With a status, it is one."""
    server = Misbehaving(scope, endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", pause=0.05))
    probe = Probe(scope, server.url, timeout=400)
    for _ in range(3):
        probe.round()
    equal("delivered", probe.settled()["delivered"], 9)


@test
def reads_nothing(scope):
    """Of bodies larger than what the sockets hold."""
    gives_way(scope, deaf, rounds=2, series=40000, samples=40000, timeout=400)


@test
def never_answers(scope):
    """The queue overflows, oldest first, and the end comes in time."""
    def silent(*_):
        time.sleep(20)
    server = Misbehaving(scope, silent)
    probe = Probe(scope, server.url, queue=5000)
    for _ in range(500):
        probe.round()
    said = probe.readings()
    if said["queue_bytes"] > 5500 or not said["overflow"]:
        raise AssertionError(str(said))
    said = probe.stop(300)
    equal("what became of it", said["overflow"] + said["closed"], 1500)


@test
def flushes_what_waits_when_it_ends(scope):
    server = Misbehaving(scope, status(503))
    probe = Probe(scope, server.url)
    for _ in range(30):
        probe.round()
    until(lambda: probe.readings()["requests"].get("503"), 5, "an attempt")
    server.answer = None
    said = probe.stop(5000)
    equal("delivered", said["delivered"], 90)
    if said["took_us"] > 1_000_000:
        raise AssertionError(f"the end took {said['took_us']} us")


def served_with(scope, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Misbehaving(scope, tls=context)


@test
def tls_certificates(scope):
    need("openssl")
    files = certificates(scope)
    cases = (("good", "ca", None), ("good", "other", "unable to get local issuer|certificate"), ("good", None, "certificate"),
             ("expired", "ca", "expired"), ("elsewhere", "ca", "no alternative certificate subject name"))
    for name, ca, why in cases:
        server = served_with(scope, files[f"{name}.pem"], files[f"{name}.key"])
        probe = Probe(scope, server.url, most_delay=100, **({"ca": files[f"{ca}.pem"]} if ca else {}))
        for _ in range(3):
            probe.round()
        if why is None:
            equal("delivered", probe.settled()["delivered"], 9, probe.said())
        else:
            probe.says(f"no answer, will try again: .*({why})")
            equal("delivered", probe.readings()["delivered"], 0)
        probe.stop(100)
        equal("requests taken", len(server.taken), 0 if why else 3)
    server = served_with(scope, files["expired.pem"], files["expired.key"])
    probe = Probe(scope, server.url, insecure=1)
    probe.round()
    equal("delivered when anything is trusted", probe.settled()["delivered"], 3, probe.said())


@test
def tls_is_not_spoken(scope):
    server = Misbehaving(scope)
    probe = Probe(scope, server.url.replace("http:", "https:"), timeout=500)
    probe.round()
    probe.says("no answer, will try again")
    equal("closed", probe.stop(200)["closed"], 3)


@test
def the_name_is_not_known(scope):
    probe = Probe(scope, "http://no-such-host.invalid/api/v1/write")
    for _ in range(10):
        probe.round()
    equal("closed", probe.stop(300)["closed"], 30)


if __name__ == "__main__":
    main(root=False)
