"""What RoCE traffic in frames is, read from the frames themselves: by queue pair the operations, and what their sequence numbers say."""
import collections
import socket
import struct

from lib import equal

# InfiniBand Architecture Specification, volume 1, 9.2.1: the opcode's lower five bits.
OPERATIONS = ("send_first send_middle send_last send_last_with_immediate send_only send_only_with_immediate rdma_write_first "
              "rdma_write_middle rdma_write_last rdma_write_last_with_immediate rdma_write_only rdma_write_only_with_immediate "
              "rdma_read_request rdma_read_response_first rdma_read_response_middle rdma_read_response_last rdma_read_response_only "
              "acknowledge atomic_acknowledge compare_swap fetch_add resync send_last_with_invalidate send_only_with_invalidate").split()
TRANSPORTS = {0: "rc", 1: "uc", 2: "rd", 3: "ud", 5: "xrc"}
CNP = 0x81
FAR = 1 << 16
# What weir counts of a queue pair.
COUNTS = ("frames", "frame_bytes", "congestion_notifications", "congestion_marked", "gaps", "missing_packets", "repeated_packets", "restarts",
          "negative_acknowledges", "receiver_not_ready")


def frames_of_pcap(path):
    with open(path, "rb") as file:
        head = file.read(24)
        order = "<" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        while record := file.read(16):
            yield file.read(struct.unpack(order + "IIII", record)[2])


def base_of(frame):
    """(type, source, target, ECN, what begins with the base transport header), or None"""
    ethertype = struct.unpack("!H", frame[12:14])[0]
    if ethertype == 0x8915:
        one, other = (socket.inet_ntop(socket.AF_INET, gid[12:]) if gid[:12] == bytes(10) + b"\xff\xff" else
                      socket.inet_ntop(socket.AF_INET6, gid) for gid in (frame[22:38], frame[38:54]))
        return "roce_v1", one, other, 0, frame[54:]
    if ethertype == 0x0800 and frame[23] == 17:
        at = 14 + (frame[14] & 15) * 4
        if frame[at + 2:at + 4] == struct.pack("!H", 4791):
            return "roce_v2", socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]), frame[15] & 3, frame[at + 8:]
    return None


class Numbers:
    """The sequence numbers of one direction, unwrapped."""

    def __init__(self, counts):
        self.counts, self.next = counts, None

    def take(self, number, uses=1, begins=False):
        distance = 0 if self.next is None else (number - self.next + (1 << 23)) % (1 << 24) - (1 << 23)
        if begins and distance > 0:
            distance = 0  # where the next one begins, the request has said
        if abs(distance) > FAR:
            self.counts["restarts"] += 1
        elif distance < 0:
            self.counts["repeated_packets"] += 1
            return
        elif distance > 0:
            self.counts["gaps"] += 1
            self.counts["missing_packets"] += distance
        self.next = (number + uses) % (1 << 24)


class QueuePair:
    def __init__(self):
        self.counts = collections.Counter()
        self.operations = collections.Counter()
        self.transports = set()
        self.requests, self.responses = Numbers(self.counts), Numbers(self.counts)

    def take(self, size, ecn, base, mtu):
        opcode, number = base[0], int.from_bytes(base[9:12], "big")
        self.counts["frames"] += 1
        self.counts["frame_bytes"] += size
        self.counts["congestion_marked"] += ecn == 3
        if opcode == CNP:
            self.counts["congestion_notifications"] += 1
            return
        operation, transport = OPERATIONS[opcode & 31], TRANSPORTS[opcode >> 5]
        self.operations[operation] += 1
        self.transports.add(transport)
        if transport not in ("rc", "uc", "xrc"):
            return
        if operation == "acknowledge":
            kind = base[12] >> 5
            self.counts["negative_acknowledges"] += kind == 3
            self.counts["receiver_not_ready"] += kind == 1
        elif operation.startswith("rdma_read_response"):
            self.responses.take(number, begins=operation.endswith(("first", "only")))
        elif operation == "rdma_read_request":
            self.requests.take(number, max(1, -(-int.from_bytes(base[24:28], "big") // mtu)))
        elif operation != "atomic_acknowledge":
            self.requests.take(number)


def queue_pairs(frames, mtu=1024):
    """{(type, source, target, number): QueuePair}"""
    pairs = collections.defaultdict(QueuePair)
    for frame in frames:
        if found := base_of(frame):
            kind, source, target, ecn, base = found
            pairs[(kind, source, target, int.from_bytes(base[5:8], "big"))].take(len(frame), ecn, base, mtu)
    return pairs


def hold(said, wanted):
    """Weir's queue pairs against those of queue_pairs()."""
    equal("queue pairs", sorted(said), sorted(wanted))
    for which, want in wanted.items():
        line = said[which]
        equal(f"operations of {which}", line["operations"], dict(want.operations))
        equal(f"transports of {which}", set(line["transports"]), want.transports)
        equal(f"counts of {which}", {name: line[name] for name in COUNTS}, {name: want.counts[name] for name in COUNTS})
