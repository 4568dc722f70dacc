"""Where each exchange of a recording lies in its packets, and what of it a damaged copy of the recording still delivers.

`exchanges` finds the bytes of every exchange of the truth in the undamaged recording; `Delivered` tells of a copy when
the first copy of each of these bytes came, if it came.
"""
import bisect
import collections
import dataclasses
import socket
import struct

import recorded
from capture import Segment

KEPT = 1024  # of a Redis message so much is looked at; longer strings are passed over


@dataclasses.dataclass(frozen=True)
class Message:
    way: tuple   # ((address, port) of the sender, of the receiver)
    begin: int   # stream offsets; of a datagram its number among those of its way
    head: int    # end of what must be seen to know what it is
    end: int


@dataclasses.dataclass(frozen=True)
class Exchange:
    truth: dict
    request: Message
    response: Message


def end_of(address, port):
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, address), int.from_bytes(port, "big")


def way_of(segment):
    return end_of(segment.ends[0], segment.ports[0]), end_of(segment.ends[1], segment.ports[1])


class Streams:
    """The bytes of every direction of a whole recording, and where its sequence numbers begin."""

    def __init__(self, capture):
        self.bases, self.data, self.datagrams = {}, collections.defaultdict(bytearray), collections.defaultdict(list)
        for packet in capture.packets:
            s = Segment(packet, capture.link)
            way = way_of(s)
            if not s.is_tcp:
                self.datagrams[way].append(s.payload)
            elif s.flags & 0x02:
                if way in self.bases and self.bases[way] != (s.sequence + 1) & 0xFFFFFFFF:
                    raise ValueError(f"{way} was used twice")
                self.bases[way] = (s.sequence + 1) & 0xFFFFFFFF
            elif s.payload and way in self.bases:  # else begun before the recording
                at, stream = self.offset(way, s.sequence), self.data[way]
                stream[at:at + len(s.payload)] = s.payload

    def offset(self, way, sequence):
        return ((sequence - self.bases[way] + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def by_connection(truth):
    found = collections.defaultdict(list)
    for t in truth:
        found[recorded.ends(t)].append(t)
    return found


def http_exchanges(streams):
    for (client, server), truth in by_connection(recorded.truth("http")).items():
        asked, answered = streams.data[client, server], streams.data[server, client]
        at, back = 0, 0
        for t in truth:
            head = asked.index(b"\r\n\r\n", at) + 4
            request = Message((client, server), at, head, at + t["request"]["wire_bytes"])
            assert t["request"]["path"].encode() in asked[at:head]
            at, response = request.end, None
            if t["response"]:
                while answered[back:].startswith(b"HTTP/1.1 100"):
                    back = answered.index(b"\r\n\r\n", back) + 4
                head = answered.index(b"\r\n\r\n", back) + 4
                end = back + t["response"]["wire_bytes"] if t["response"]["wire_bytes"] else head + t["response"]["size_bytes"]
                response, back = Message((server, client), back, head, end), end
            yield Exchange(t, request, response)
        assert at == len(asked) and back == len(answered)


def redis_exchanges(streams):
    for (client, server), truth in by_connection(recorded.truth("redis")).items():
        ends = {"request": 0, "response": 0}
        for t in truth:
            found = {}
            for side, way in (("request", (client, server)), ("response", (server, client))):
                if t[side]:
                    begin, end = ends[side], ends[side] + t[side]["wire_bytes"]
                    found[side], ends[side] = Message(way, begin, min(end, begin + KEPT), end), end
            yield Exchange(t, found.get("request"), found.get("response"))
        assert ends == {"request": len(streams.data[client, server]), "response": len(streams.data[server, client])}


def dns_name(data):
    """(id, the name asked for) of a DNS message"""
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return data[0] << 8 | data[1], ".".join(labels).lower()


def dns_exchanges(streams):
    found = {}
    for way, datagrams in streams.datagrams.items():
        for number, data in enumerate(datagrams):
            found[way, dns_name(data)] = Message(way, number, number + 1, number + 1)
    for way, data in list(streams.data.items()):
        at = 0
        while at < len(data):
            end = at + 2 + struct.unpack_from("!H", data, at)[0]
            found[way, dns_name(data[at + 2:end])] = Message(way, at, end, end)
            at = end
    for t in recorded.truth("dns"):
        client, server = recorded.ends(t)
        name = t["request"]["dns_id"], t["request"]["name"].lower()
        yield Exchange(t, found[(client, server), name], found[(server, client), name] if t["response"] else None)


# Connections with bytes that no exchange of the truth has, or where what a statement is was said in another exchange; and
# those of which known_differences.md says that weir loses its way (several*).
UNPLACED = ("ahead", "before-tls", "cached", "cancel", "cancelled", "commands", "copying", "files", "function", "gssapi", "in-pieces",
            "listener", "md5", "md5-wrong", "no-such-database", "notifier", "password", "pipeline-fails", "portals", "prepared",
            "prepared-compressed", "prepared-no-eof", "refused", "several", "several-no-eof", "simple", "tls")


def database_exchanges(protocol, at_end):
    """Of connections of which all bytes are in the truth but for those of the login and the `at_end` last of the client. Rows
    are counted, so that all of a message must be seen."""
    def of(streams):
        for (client, server), truth in by_connection(recorded.truth(protocol)).items():
            ways = {"request": (client, server), "response": (server, client)}
            sides = [t[side] for t in truth[1:] for side in ways]
            if truth[0]["shape"] in UNPLACED or any(side and "wire_bytes" not in side for side in sides):
                continue
            begins, ends = {"request": 0, "response": greeting(protocol, streams.data[server, client])}, {}
            for side, way in ways.items():
                known = sum(t[side]["wire_bytes"] for t in truth[1:] if t[side])
                ends[side] = len(streams.data[way]) - known - (at_end if side == "request" else 0)
            for t in truth:
                found = {}
                for side, way in ways.items():
                    if t[side] is None:
                        continue
                    end = ends[side] if t is truth[0] else begins[side] + t[side]["wire_bytes"]
                    found[side], begins[side] = Message(way, begins[side], end, end), end
                yield Exchange(t, found["request"], found.get("response"))
    return of


def greeting(protocol, answered):
    """The bytes that a server sends before it is asked."""
    return 4 + int.from_bytes(answered[:3], "little") if protocol == "mysql" else 0


EXCHANGES = {"http": http_exchanges, "dns": dns_exchanges, "redis": redis_exchanges,
             "postgresql": database_exchanges("postgresql", 5), "mysql": database_exchanges("mysql", 0)}


class Delivered:
    """What a copy of the recording delivers: per way the stretches of its stream, each with the time of its first copy."""

    def __init__(self, streams, capture):
        self.stretches = collections.defaultdict(list)  # way -> [(begin, end, time)], disjoint, sorted
        self.acked = collections.defaultdict(int)  # way -> how much of it the other side acknowledged
        numbers = {(way, data): number for way, all_data in streams.datagrams.items() for number, data in enumerate(all_data)}
        for packet in capture.packets:
            s = Segment(packet, capture.link)
            way = way_of(s)
            if not s.is_tcp:
                begin = numbers[way, s.payload]
                self.add(way, begin, begin + 1, packet.time)
                continue
            back = way[1], way[0]
            if s.flags & 0x10 and back in streams.bases:
                self.acked[back] = max(self.acked[back], streams.offset(back, s.acknowledged))
            if s.payload and way in streams.bases:
                begin = streams.offset(way, s.sequence)
                self.add(way, begin, begin + len(s.payload), packet.time)

    def add(self, way, begin, end, time):
        known = self.stretches[way]
        at = bisect.bisect_left(known, (begin,))
        if at > 0:
            begin = max(begin, known[at - 1][1])
        while begin < end:
            stop = min(end, known[at][0]) if at < len(known) else end
            if begin < stop:
                known.insert(at, (begin, stop, time))
                at += 1
            if at == len(known):
                return
            begin = max(stop, known[at][1])
            at += 1

    def whole(self, message, end):
        """Whether the bytes of the message up to `end` were all delivered."""
        at = message.begin
        known = self.stretches[message.way]
        for begin, stop, _ in known[max(0, bisect.bisect_right(known, (at, 1 << 62)) - 1):]:
            if begin > at or at >= end:
                break
            at = max(at, stop)
        return at >= end

    def shown(self, message):
        """Whether anything in the copy tells that there was this message: bytes of it or after it, or their acknowledgment."""
        known = self.stretches[message.way]
        return self.acked[message.way] > message.begin or bool(known) and known[-1][1] > message.begin

    def head(self, message):
        return self.whole(message, message.head)

    def all_of(self, message):
        return self.whole(message, message.end)

    def times(self, message):
        """When each packet with bytes of it came."""
        known = self.stretches[message.way]
        first = max(0, bisect.bisect_right(known, (message.begin, 1 << 62)) - 1)
        return {time for begin, end, time in known[first:] if begin < message.end and end > message.begin}

    def time(self, message):
        """When its first byte came (ns), or None."""
        known = self.stretches[message.way]
        at = bisect.bisect_right(known, (message.begin, 1 << 62)) - 1
        return known[at][2] if at >= 0 and known[at][0] <= message.begin < known[at][1] else None
