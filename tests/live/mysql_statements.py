#!/usr/bin/env python3
"""mysql_statements: mariadbd with sysbench, mariadb, mariadb-binlog and a client of every command; what weir says of each
command is what client and server counted.
"""
import collections
import json
import os
import subprocess
import sys

from lib import ROOT, Weir, equal, main, need, test, until

sys.path.insert(0, os.path.join(ROOT, "tests", "data"))
import mysql_server  # noqa: E402  the recordings have it too

# What a client of ours does inside the namespace; it prints what it did as a list of (command, rows, affected, error).
EVERYTHING = """
import struct, sys
sys.path.insert(0, sys.argv[1])
import mysql_client as m
done = []

def run(c, name, work):
    try:
        got = work()
        done.append((name, got.get("rows") if isinstance(got, dict) else None, got.get("affected") if isinstance(got, dict) else None, None))
        return got
    except m.Refused as refused:
        done.append((name, None, None, refused.code))

def ask(c, sql, file=b""):
    return run(c, "COM_QUERY", lambda: c.query(sql, file))

def simple(c, name, body, read=None):
    c.command(body)
    run(c, name, read or (lambda: c.status()))

for flags in (0, m.DEPRECATE_EOF, m.COMPRESS, m.COMPRESS | m.DEPRECATE_EOF):
    c = m.Client(flags=flags, database="shop")
    c.login()
    done.append(("CONNECT", None, None, None))
    ask(c, "SELECT id FROM item WHERE id <= 17")
    ask(c, "SELECT id FROM item WHERE id <= 3; UPDATE item SET data = 'x' WHERE id <= 5; SELECT 1")
    ask(c, "SELECT 1; SELECT nothing")
    ask(c, "SELEC 'secret'")
    ask(c, "INSERT INTO item (id) VALUES (1)")
    ask(c, "CREATE OR REPLACE TABLE loaded (id INT, name TEXT)")
    ask(c, "LOAD DATA LOCAL INFILE 'f' INTO TABLE loaded", b"1\\tone\\n" * 3000)
    statement, _ = run(c, "COM_STMT_PREPARE", lambda: c.prepare("SELECT id, name FROM item WHERE id <= ?"))
    for n in (0, 1, 100):
        run(c, "COM_STMT_EXECUTE", lambda: c.execute(statement, (n,)))
    run(c, "COM_STMT_EXECUTE", lambda: c.execute(statement, (50,), cursor=1))
    for _ in range(3):
        c.command(b"\\x1c" + struct.pack("<II", statement, 20))
        run(c, "COM_STMT_FETCH", lambda: {"rows": len(c.rows()[0])})
    simple(c, "COM_STMT_RESET", b"\\x1a" + struct.pack("<I", statement))
    insert, _ = run(c, "COM_STMT_PREPARE", lambda: c.prepare("INSERT INTO item (name, data) VALUES ('x', ?)"))
    for _ in range(3):
        c.command(b"\\x18" + struct.pack("<IH", insert, 0) + b"z" * 100000)
        done.append(("COM_STMT_SEND_LONG_DATA", None, None, None))
    run(c, "COM_STMT_EXECUTE", lambda: c.execute(insert, ("",), long=(0,)))
    c.command(b"\\x19" + struct.pack("<I", insert))
    done.append(("COM_STMT_CLOSE", None, None, None))
    run(c, "COM_STMT_PREPARE", lambda: c.prepare("SELECT nothing"))
    ask(c, "SELECT LENGTH('%s')" % ("x" * 17_000_000))
    ask(c, "SELECT REPEAT('y', 17000000), 'behind it' UNION SELECT 'a', 'b'")
    ask(c, "SELECT REPEAT('y', %d)" % (m.FULL - 5))
    simple(c, "COM_INIT_DB", b"\\x02other")
    simple(c, "COM_FIELD_LIST", b"\\x04nothing\\0")
    simple(c, "COM_STATISTICS", b"\\x09", c.packet)
    simple(c, "COM_PROCESS_INFO", b"\\x0a", c.results)
    simple(c, "COM_PROCESS_KILL", b"\\x0c" + struct.pack("<I", 99999))
    simple(c, "COM_PING", b"\\x0e")
    simple(c, "COM_SET_OPTION", b"\\x1b\\0\\0")
    simple(c, "COM_RESET_CONNECTION", b"\\x1f")
    c.change_user("second", "other", "other")
    done.append(("COM_CHANGE_USER", None, None, None))
    ask(c, "SELECT id FROM shop.item")
    c.command(b"\\x01")
    done.append(("COM_QUIT", None, None, None))
    c.socket.close()
print(repr(done))
"""


class Mariadb:
    def __init__(self, namespace, *more):
        need("mariadbd", "mariadb", "mariadb-install-db")
        self.namespace, self.folder = namespace, namespace.scope.folder
        namespace.start(*mysql_server.command(self.folder, 3306, *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: ":3306 " in namespace.run("ss", "-Hltn"), 30, "mariadbd")

    def counts(self):
        """The server's own counters, asked for where weir does not look."""
        said = self.namespace.run("mariadb", "--no-defaults", "-uroot", f"--socket={self.folder}/mariadb.sock", "-N", "-B", "-e",
                                  "SHOW GLOBAL STATUS")
        return {name: int(value) for name, _, value in (line.partition("\t") for line in said.splitlines()) if value.isdigit()}

    def client(self, *more, data=None):
        return self.namespace.run("mariadb", "--no-defaults", "-h127.0.0.1", "-uweir", "-psecret", *more, data=data)

    def sysbench(self, script, *more, seconds=5):
        need("sysbench")
        common = ["sysbench", script, "--mysql-host=127.0.0.1", "--mysql-user=weir", "--mysql-password=secret", "--mysql-db=shop",
                  "--mysql-ssl=off", "--tables=2", "--table-size=1000", f"--time={seconds}", "--threads=4", *more]
        return lambda action: self.namespace.run(*common, action, seconds=seconds + 60)


def watched(home, *more):
    return Weir(home, "-i", "any", "-o", "json", *more)


def records_of(weir):
    return [json.loads(line) for line in weir.stop().splitlines()]


def commands_of(records):
    return collections.Counter(r["attributes"]["weir.mysql.command"] for r in records)


def complete(records):
    bad = [r for r in records if r["protocol"] != "mysql" or r["quality"] != "complete" or r["request"] is None
           or r["status"] == "unanswered"]
    if bad:
        raise AssertionError(f"{len(bad)} of {len(records)} records are not whole: {json.dumps(bad[0])[:500]}")


@test
def every_command(scope):
    home = scope.namespace()
    Mariadb(home)
    # Without guesses at what of the long answers is not needed.
    weir = watched(home, "--copy", "all")
    done = eval(home.run(sys.executable, "-c", EVERYTHING, os.path.join(ROOT, "tests", "data"), seconds=120))
    records = records_of(weir)
    complete(records)
    told = [(r["attributes"]["weir.mysql.command"], r["attributes"].get("db.response.status_code"),
             r["attributes"].get("db.response.returned_rows"), r["attributes"].get("weir.db.affected_rows")) for r in records]
    for (name, rows, affected, error), it in zip(done, told):
        wanted = (name, str(error) if error else None)
        equal(f"{name} {rows} {affected}", it[:2], wanted)
        if error is None:
            equal(f"rows and affected rows of {name}", (it[2] or 0, it[3] or 0), (rows or 0, affected or 0))
    equal("records", len(told), len(done))
    text = json.dumps(records)
    for secret in ("secret", "zzzz", "xxxx"):
        if secret in text:
            raise AssertionError(f"{secret!r} is shown")
    return f"{len(done)} commands"


def under_sysbench(scope, mode):
    home = scope.namespace()
    server = Mariadb(home)
    sysbench = server.sysbench("oltp_read_write", f"--db-ps-mode={mode}")
    sysbench("prepare")
    first, before = server.counts(), server.counts()
    weir = watched(home)
    sysbench("run")
    records = records_of(weir)
    after = server.counts()
    # What it costs to ask for the counters is in them.
    grew = {name: after[name] - 2 * before[name] + first[name] for name in after if name in before and name in first}
    complete(records)
    told = commands_of(records)
    for name, counter in (("COM_STMT_PREPARE", "Com_stmt_prepare"), ("COM_STMT_EXECUTE", "Com_stmt_execute"),
                          ("COM_STMT_CLOSE", "Com_stmt_close")):
        equal(name, told[name], grew[counter])
    equal("statements", told["COM_QUERY"] + told["COM_STMT_EXECUTE"] + told["COM_QUIT"], grew["Questions"])
    errors = sum(1 for r in records if r["status"] == "error")
    return f"{len(records)} records, {errors} errors"


@test
def sysbench_with_text(scope):
    return under_sysbench(scope, "disable")


@test
def sysbench_with_prepared_statements(scope):
    return under_sysbench(scope, "auto")


@test
def mariadb_client(scope):
    """Its own login, script, errors; packed; a table of 20 000 rows."""
    home = scope.namespace()
    server = Mariadb(home)
    script = "USE shop; SELECT COUNT(*) FROM item;\nSELECT * FROM seq_1_to_20000;\nSHOW TABLES;\n"
    for more in ([], ["--compress"]):
        weir = watched(home)
        server.client("--skip-ssl", *more, data=script)
        records = records_of(weir)
        complete(records)
        rows = [r["attributes"].get("db.response.returned_rows", 0) for r in records
                if r["attributes"]["weir.mysql.command"] == "COM_QUERY"]
        if 20000 not in rows:
            raise AssertionError(f"rows {rows}")
        names = commands_of(records)
        equal("logins and ends", (names["CONNECT"], names["COM_QUIT"]), (1, 1))
        equal("database", records[-1]["attributes"].get("db.namespace"), "shop")
    return f"{dict(names)}"


@test
def turned_to_tls(scope):
    home = scope.namespace()
    need("openssl")
    key, certificate = scope.path("key.pem"), scope.path("cert.pem")
    home.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=weir", "-keyout", key, "-out", certificate)
    server = Mariadb(home, f"--ssl-key={key}", f"--ssl-cert={certificate}")
    weir = watched(home)
    server.client("--ssl", "-e", "SELECT 'hidden'")
    records = [r for r in records_of(weir) if r["protocol"] == "mysql"]
    equal("records", [(r["attributes"]["weir.mysql.command"], r["status"]) for r in records], [("CONNECT", "one_way")])


@test
def binlog_as_a_stream(scope):
    need("mariadb-binlog")
    home = scope.namespace()
    server = Mariadb(home, "--log-bin=log", "--server-id=1")
    server.client("--skip-ssl", "shop", "-e", "UPDATE item SET data = 'new'; DELETE FROM item WHERE id < 50")
    weir = watched(home)
    home.run("mariadb-binlog", "--no-defaults", "-h127.0.0.1", "-uweir", "-psecret", "--skip-ssl", "--read-from-remote-server",
             "--to-last-log", "log.000001")
    records = records_of(weir)
    complete([r for r in records if r["attributes"]["weir.mysql.command"] != "COM_BINLOG_DUMP"])
    dumps = [r for r in records if r["attributes"]["weir.mysql.command"] == "COM_BINLOG_DUMP"]
    if len(dumps) != 1 or dumps[0]["status"] != "ok" or dumps[0]["attributes"].get("weir.mysql.events", 0) < 5:
        raise AssertionError(f"{json.dumps(dumps)[:600]}")
    return f"{dumps[0]['attributes']['weir.mysql.events']} events"


@test
def joined_late(scope):
    """A connection that weir finds in use: all is told, with what it cannot know left out."""
    home = scope.namespace()
    Mariadb(home)
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import mysql_client as m
clients = [m.Client(flags=flags, database="shop") for flags in (0, m.DEPRECATE_EOF, m.COMPRESS)]
for c in clients:
    c.login()
    c.statement, _ = c.prepare("SELECT id FROM item WHERE id <= ?")
print("ready", flush=True)
sys.stdin.readline()
for c in clients:
    for n in range(1, 21):
        c.query(f"SELECT id FROM item WHERE id <= {n}")
        c.execute(c.statement, (n,))
        if n % 5 == 0:
            try:
                c.query("SELECT nothing")
            except m.Refused:
                pass
"""
    client = subprocess.Popen(home.inside(sys.executable, "-c", code, os.path.join(ROOT, "tests", "data")), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    scope.ends.append(client)
    equal("the client", client.stdout.readline(), "ready\n")
    weir = watched(home)
    client.communicate("go\n", timeout=30)
    records = records_of(weir)
    equal("records", commands_of(records), {"COM_QUERY": 72, "COM_STMT_EXECUTE": 60})
    equal("qualities", {r["quality"] for r in records}, {"late_join"})
    equal("rows", sum(r["attributes"].get("db.response.returned_rows", 0) for r in records), 3 * 2 * 210)
    equal("errors", sum(r["attributes"].get("db.response.status_code") == "1054" for r in records), 12)


main()
