"""Clients that ask things of which each has its own id, and log what they got; run in a namespace: lib_asking.py PROTOCOL ADDRESS.

One JSON line per connection on standard output: its port, and per exchange the id and how long the answer was. Every client
asks one by one first, and then in batches where the protocol allows it.
"""
import json
import random
import socket
import struct
import sys
import threading

CONNECTIONS, ONE_BY_ONE, BATCHES, DEPTH = 6, 250, 40, 4
NAMES = 500  # of lib.Dnsmasq


def pad(number):
    return "p" * (20 + number % 997)


def http(number):
    return f"GET /id?u={number}&pad={pad(number)} HTTP/1.1\r\nHost: weir.test\r\n\r\n".encode()


def http_answer(data):
    """The size of the whole answer at the front of data, or None."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = int(data[:end].lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return end + 4 + length if len(data) >= end + 4 + length else None


def echoed(number):
    return f"<{number}>{pad(number)}"


def redis(number):
    word = echoed(number).encode()
    return b"*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n" % (len(word), word)


def redis_answer(data):
    end = data.find(b"\r\n")
    if end < 0 or data[:1] != b"$":
        return None
    size = end + 2 + int(data[1:end]) + 2
    return size if len(data) >= size else None


STREAMS = {"http": (8080, http, http_answer), "redis": (6379, redis, redis_answer)}


def converse(protocol, address, first):
    port, request, answer = STREAMS[protocol]
    s = socket.create_connection((address, port), timeout=20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    log, buffer, number = [], b"", first
    for depth in [1] * ONE_BY_ONE + [DEPTH] * BATCHES:
        batch = range(number, number + depth)
        number += depth
        asked = [request(n) for n in batch]
        s.sendall(b"".join(asked))
        for n, sent in zip(batch, asked):
            while (size := answer(buffer)) is None:
                data = s.recv(65536)
                if not data:
                    raise RuntimeError("the server closed")
                buffer += data
            log.append({"id": n, "sent": len(sent), "got": size})
            buffer = buffer[size:]
    log = {"port": s.getsockname()[1], "exchanges": log}
    s.close()
    return log


def look_up(address, first):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.connect((address, 53))
    ids, log = random.Random(first).sample(range(65536), ONE_BY_ONE * 2), []
    for number, one in enumerate(ids, first):
        name = b"".join(bytes([len(label)]) + label for label in (b"host%d" % (number % NAMES), b"weir", b"test")) + b"\0"
        s.send(struct.pack("!6H", one, 0x0100, 1, 0, 0, 0) + name + b"\0\1\0\1")
        data = s.recv(4096)
        if struct.unpack("!H", data[:2])[0] != one:
            raise RuntimeError("another answer")
        log.append({"id": one, "name": number % NAMES})
    return {"port": s.getsockname()[1], "exchanges": log}


def main():
    protocol, address, failed, lock = sys.argv[1], sys.argv[2], [], threading.Lock()

    def work(number):
        try:
            first = number * 10_000 + 1
            log = look_up(address, first) if protocol == "dns" else converse(protocol, address, first)
            with lock:
                print(json.dumps(log), flush=True)
        except Exception as failure:  # told by the exit code
            failed.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(str(failed[0]) if failed else 0)


if __name__ == "__main__":
    main()
