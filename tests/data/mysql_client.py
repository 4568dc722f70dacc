"""A MySQL client that knows what it sends: every command of the protocol, packed or not, and the bytes of each exchange.

It reads answers by what both sides agreed on, and shares nothing with weir's decoder. A recording logs what it returns.
"""
import hashlib
import socket
import struct
import zlib

LONG_PASSWORD, CONNECT_WITH_DB, COMPRESS, LOCAL_FILES, PROTOCOL_41 = 1, 8, 32, 128, 512
TRANSACTIONS, SECURE, MULTI, MULTI_RESULTS, PS_MULTI, PLUGIN_AUTH = 1 << 13, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19
SESSION_TRACK, DEPRECATE_EOF = 1 << 23, 1 << 24
BASE = PROTOCOL_41 | TRANSACTIONS | SECURE | MULTI | MULTI_RESULTS | PS_MULTI | PLUGIN_AUTH | LOCAL_FILES | LONG_PASSWORD
CACHE_METADATA = 1 << 4  # of MariaDB's own flags
FULL = 0xFFFFFF
MORE_RESULTS, CURSOR_EXISTS = 8, 0x40


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, code, state, message):
        super().__init__(f"{code} {state} {message}")
        self.code, self.state, self.message = code, state, message


def native(password, scramble):
    if not password:
        return b""
    first = hashlib.sha1(password.encode()).digest()
    second = hashlib.sha1(scramble + hashlib.sha1(first).digest()).digest()
    return bytes(a ^ b for a, b in zip(first, second))


def number(data, at):
    first = data[at]
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first)
    if size is None:
        return first, at + 1
    return int.from_bytes(data[at + 1:at + 1 + size], "little"), at + 1 + size


class Client:
    def __init__(self, address=("127.0.0.1", 3306), user="weir", password="secret", database="", flags=0, mariadb=0):
        self.socket = socket.create_connection(address, timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client, self.server = self.socket.getsockname()[:2], self.socket.getpeername()[:2]
        self.raw, self.buffer = b"", b""
        self.packed, self.sequence, self.packed_sequence = False, 0, 0
        self.sent = self.received = 0
        self.flags, self.mariadb, self.user, self.password = BASE | flags, mariadb, user, password
        if database:
            self.flags |= CONNECT_WITH_DB
        if mariadb:
            self.flags &= ~LONG_PASSWORD
        self.database = database
        self.greeting = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # --- packets ---

    def receive(self, size):
        while len(self.raw) < size:
            data = self.socket.recv(1 << 20)
            if not data:
                raise ConnectionError("the server closed")
            self.raw += data
        data, self.raw = self.raw[:size], self.raw[size:]
        self.received += size
        return data

    def take(self, size):
        if not self.packed:
            return self.receive(size)
        while len(self.buffer) < size:
            head = self.receive(7)
            data = self.receive(int.from_bytes(head[:3], "little"))
            self.packed_sequence = head[3] + 1
            self.buffer += zlib.decompress(data) if int.from_bytes(head[4:], "little") else data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def packet(self):
        payload = b""
        while True:
            head = self.take(4)
            size = int.from_bytes(head[:3], "little")
            self.sequence = head[3] + 1 & 255
            payload += self.take(size)
            if size < FULL:
                return payload

    def framed(self, payload, sequence=None):
        """The packets of a payload."""
        self.sequence = self.sequence if sequence is None else sequence
        out = b""
        while True:
            part, payload = payload[:FULL], payload[FULL:]
            out += len(part).to_bytes(3, "little") + bytes([self.sequence]) + part
            self.sequence = self.sequence + 1 & 255
            if len(part) < FULL:
                return out

    def send(self, data, pieces=None):
        if self.packed:
            out = b""
            while data:
                part, data = data[:1 << 20], data[1 << 20:]
                body = zlib.compress(part) if len(part) > 50 else part
                out += len(body).to_bytes(3, "little") + bytes([self.packed_sequence & 255]) + \
                    (len(part) if len(part) > 50 else 0).to_bytes(3, "little") + body
                self.packed_sequence += 1
            data = out
        self.sent += len(data)
        for at in range(0, len(data), pieces or len(data)):
            self.socket.sendall(data[at:at + (pieces or len(data))])

    # --- the login ---

    def login(self):
        greeting = self.packet()
        if greeting[0] == 0xFF:
            self.fail(greeting)
        end = greeting.index(b"\0")
        scramble = greeting[end + 5:end + 13] + greeting[end + 32:end + 44]
        server = int.from_bytes(greeting[end + 14:end + 16] + greeting[end + 19:end + 21], "little")
        self.flags &= server
        self.received = 0
        body = struct.pack("<IIB", self.flags, 1 << 30, 45) + bytes(19) + struct.pack("<I", self.mariadb)
        answer = native(self.password, scramble)
        body += self.user.encode() + b"\0" + bytes([len(answer)]) + answer
        if self.flags & CONNECT_WITH_DB:
            body += self.database.encode() + b"\0"
        self.send(self.framed(body + b"mysql_native_password\0", 1))
        self.authenticated()
        self.packed = bool(self.flags & COMPRESS)

    def authenticated(self):
        while True:
            said = self.packet()
            if said[0] == 0:
                return
            if said[0] == 0xFF:
                self.fail(said)
            if said[0] == 0xFE:
                plugin, scramble = said[1:].split(b"\0", 1)
                assert plugin == b"mysql_native_password", plugin
                self.send(self.framed(native(self.password, scramble[:20])))

    def change_user(self, user, password, database):
        self.user, self.password = user, password
        body = b"\x11" + user.encode() + b"\0\0" + database.encode() + b"\0" + struct.pack("<H", 45) + b"mysql_native_password\0"
        self.command(body)
        self.authenticated()

    # --- commands and their answers ---

    def command(self, payload, pieces=None):
        self.packed_sequence = 0
        self.sent = self.received = 0
        self.send(self.framed(payload, 0), pieces)

    def fail(self, payload):
        marked = payload[3:4] == b"#"
        raise Refused(int.from_bytes(payload[1:3], "little"), payload[4:9].decode() if marked else "",
                      payload[9 if marked else 3:].decode(errors="replace"))

    def status(self):
        """(affected rows, status flags) of an OK, EOF or ERR"""
        return self.status_of(self.packet())

    def status_of(self, payload):
        if payload[0] == 0xFF:
            self.fail(payload)
        assert payload[0] in (0, 0xFE), payload[:20]
        if payload[0] == 0xFE and len(payload) == 5:
            return 0, int.from_bytes(payload[3:5], "little")
        affected, at = number(payload, 1)
        _, at = number(payload, at)
        return affected, int.from_bytes(payload[at:at + 2], "little")

    def eof(self):
        return None if self.flags & DEPRECATE_EOF else self.status()[1]

    def rows(self):
        """(the rows, status flags)"""
        found = []
        while True:
            payload = self.packet()
            if payload[0] == 0xFF or (payload[0] == 0xFE and len(payload) < FULL):
                return found, self.status_of(payload)[1]
            found.append(payload)

    def results(self, file=b""):
        """{"rows", "result_sets", "affected"} of all the results of a command; the rows are kept in `last_rows`"""
        total, self.last_rows, self.cursor = {"rows": 0, "result_sets": 0, "affected": None}, [], False
        while True:
            payload = self.packet()
            if payload[0] == 0xFB:
                for at in range(0, len(file), 700):
                    self.send(self.framed(file[at:at + 700]))
                self.send(self.framed(b""))
                continue
            if payload[0] in (0, 0xFF):
                affected, flags = self.status_of(payload)
                total["affected"] = (total["affected"] or 0) + affected
            else:
                count, at = number(payload, 0)
                if at == len(payload) or payload[at]:
                    for _ in range(count):
                        self.packet()
                flags = self.eof()
                total["result_sets"] += 1
                if flags is not None and flags & CURSOR_EXISTS:
                    self.cursor = True
                else:
                    self.last_rows, flags = self.rows()
                    self.cursor = bool(flags & CURSOR_EXISTS)
                    total["rows"] += len(self.last_rows)
            if not flags & MORE_RESULTS:
                return total

    def query(self, sql, file=b"", pieces=None):
        self.command(b"\x03" + sql.encode(), pieces)
        return self.results(file)

    def prepared(self):
        """The number of the statement that was just sent to be prepared, and of its parameters."""
        payload = self.packet()
        if payload[0]:
            self.fail(payload)
        statement, columns, parameters = struct.unpack("<IHH", payload[1:9])
        for count in (parameters, columns):
            for _ in range(count):
                self.packet()
            if count:
                self.eof()
        return statement, parameters

    def prepare(self, sql):
        self.command(b"\x16" + sql.encode())
        return self.prepared()

    @staticmethod
    def execution(statement, values, cursor=0, long=()):
        """COM_STMT_EXECUTE; `long` are the positions of values that were sent before"""
        body = b"\x17" + struct.pack("<IBI", statement, cursor, 1)
        if values:
            nulls = sum(1 << i for i, value in enumerate(values) if value is None)
            body += nulls.to_bytes((len(values) + 7) // 8, "little") + b"\x01"
            body += b"".join(b"\x08\0" if isinstance(value, int) else b"\xfd\0" for value in values)
            for i, value in enumerate(values):
                if isinstance(value, int):
                    body += struct.pack("<q", value)
                elif value is not None and i not in long:
                    data = value.encode()
                    body += (bytes([len(data)]) if len(data) < 251 else b"\xfc" + struct.pack("<H", len(data))) + data
        return body

    def execute(self, statement, values, cursor=0, long=()):
        self.command(self.execution(statement, values, cursor, long))
        return self.results()

    def fetch(self, statement, count):
        self.command(b"\x1c" + struct.pack("<II", statement, count))
        return self.rows()
