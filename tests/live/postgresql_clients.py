#!/usr/bin/env python3
"""postgresql_clients: PostgreSQL with psql, pgbench and psycopg; weir's records are what the server's log and the client say."""
import collections
import glob
import json
import os
import re
import subprocess

from lib import Skip, Weir, equal, main, need, test, until

PORT = 5432
DRIVER = "/usr/bin/python3"  # Debian's, which has Debian's psycopg


class Postgres:
    """A server that logs each statement with what it took. `shop` is the user, its password is asked for."""

    def __init__(self, namespace):
        homes = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
        if not homes:
            raise Skip("postgresql is not installed")
        need("setpriv")
        self.namespace, self.bin = namespace, homes[-1]
        os.chmod(namespace.scope.folder, 0o755)
        data, self.log = namespace.scope.path("data"), namespace.scope.path("postgres.log", "")
        os.mkdir(data)
        namespace.run("chown", "postgres:postgres", data)
        as_server = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        password = namespace.scope.path("password", "secret\n")
        namespace.run(*as_server, f"{self.bin}/initdb", "-D", data, "-U", "shop", "-A", "scram-sha-256", f"--pwfile={password}", "-E",
                      "UTF8", "--locale", "C", "--no-sync")
        with open(self.log, "wb") as log:
            namespace.start(*as_server, f"{self.bin}/postgres", "-D", data, "-p", PORT, "-c", "listen_addresses=127.0.0.1", "-c",
                            "unix_socket_directories=", "-c", "fsync=off", "-c", "autovacuum=off", "-c", "log_connections=on", "-c",
                            "log_min_duration_statement=0", stderr=log)
        until(lambda: f":{PORT} " in namespace.run("ss", "-Hltn"), 20, "postgres")
        self.environment = ("env", "PGHOST=127.0.0.1", "PGUSER=shop", "PGPASSWORD=secret", "PGDATABASE=postgres")

    def run(self, *command, data=None):
        return self.namespace.run(*self.environment, *command, data=data, seconds=120)

    def program(self, name):
        return f"{self.bin}/{name}"

    def logged(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def counted(self):
        """How many of each the server says it had."""
        said = self.logged()
        return {"simple": len(re.findall(r"duration: \S+ ms  statement:", said)),
                "execute": len(re.findall(r"duration: \S+ ms  execute", said)),
                "startup": said.count("connection authorized")}

    def driver(self, code):
        if subprocess.run([DRIVER, "-c", "import psycopg"], stderr=subprocess.DEVNULL, check=False).returncode:
            raise Skip("python3-psycopg is not installed")
        return self.run(DRIVER, "-c", code)


def watched(scope, *more):
    home = scope.namespace()
    server = Postgres(home)
    return server, Weir(home, "-i", "any", "-o", "json", *more)


def records_of(weir):
    records = [json.loads(line) for line in weir.stop().splitlines()]
    return [record for record in records if record["protocol"] == "postgresql"]


def kinds(records):
    return collections.Counter(record["attributes"]["weir.postgresql.message"] for record in records)


def told(record, *names):
    return tuple(record["attributes"].get(name) for name in names)


@test
def psql_as_it_comes(scope):
    """With the default sslmode: encryption is asked for and refused."""
    server, weir = watched(scope)
    script = """CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'secret'), (2, NULL);
SELECT v FROM t WHERE id IN (1, 2, 3);
SELECT 'abc'::int;
BEGIN; INSERT INTO t VALUES (1, 'again');
ROLLBACK;
SELECT 1 AS one\\; SELECT 2 AS two\\; COMMIT;
COPY t FROM STDIN;
3\tthree
4\tfour
\\.
COPY t TO STDOUT;
DO $$ BEGIN RAISE NOTICE 'said'; END $$;
"""
    server.run(server.program("psql"), "-X", "-q", data=script)
    records = records_of(weir)
    shown = [told(r, "db.operation.name", "db.query.text", "weir.postgresql.command", "db.response.status_code",
                  "db.response.returned_rows", "weir.postgresql.transaction") for r in records]
    none = None
    wanted = [
        ("SSL", none, none, none, none, none),
        ("CONNECT", none, none, none, none, "idle"),
        ("CREATE TABLE", "CREATE TABLE t (id int PRIMARY KEY, v text)", "CREATE TABLE", none, none, "idle"),
        ("INSERT", "INSERT INTO t VALUES (?), (?, NULL)", "INSERT 0 2", none, none, "idle"),
        ("SELECT", "SELECT v FROM t WHERE id IN (?)", "SELECT 2", none, 2, "idle"),
        ("SELECT", "SELECT ?::int", none, "22P02", none, "idle"),
        ("BEGIN", "BEGIN", "BEGIN", none, none, "active"),
        ("INSERT", "INSERT INTO t VALUES (?)", none, "23505", none, "failed"),
        ("ROLLBACK", "ROLLBACK", "ROLLBACK", none, none, "idle"),
        ("BATCH", "SELECT ? AS one; SELECT ? AS two; COMMIT", "COMMIT", none, 2, "idle"),
        ("COPY", "COPY t FROM STDIN", "COPY 2", none, none, "idle"),
        ("COPY", "COPY t TO STDOUT", "COPY 4", none, none, "idle"),
        ("DO", "DO ?", "DO", none, none, "idle"),
    ]
    for got, want in zip(shown, wanted):
        equal("a record", got, want)
    equal("records", len(records), len(wanted))
    equal("encryption", told(records[0], "weir.postgresql.encryption"), ("refused",))
    equal("the connection", told(records[1], "user.name", "db.namespace", "weir.postgresql.authentication", "weir.postgresql.application"),
          ("shop", "postgres", "SCRAM-SHA-256", "psql"))
    equal("the notice", told(records[-1], "weir.postgresql.notices", "weir.postgresql.notice"), (1, "said"))
    if any("secret" in json.dumps(record) for record in records):
        raise AssertionError("a literal is shown")
    return f"{len(records)} records"


def benchmark(scope, *more, script=None, per=1):
    server, weir = watched(scope)
    server.run(server.program("pgbench"), "-i", "-q", "-s", 1)
    if script:
        more += ("-f", scope.path("script.sql", script))
    server.run(server.program("pgbench"), "-n", "-c", 8, "-t", 800, *more)
    records = records_of(weir)
    got, wanted = kinds(records), server.counted()
    for kind, count in wanted.items():
        equal(f"{kind} records", got[kind], count)
    if wanted["simple"] + wanted["execute"] < 8 * 800 * per:
        raise AssertionError(f"the server has logged {wanted} only")
    odd = [r for r in records if r["status"] != "ok" or r["quality"] != "complete"]
    equal("records that are not ok and complete", odd[:2], [])
    return f"{wanted['simple']} simple, {wanted['execute']} executed"


@test
def pgbench_simple(scope):
    return benchmark(scope, per=7)


@test
def pgbench_extended(scope):
    return benchmark(scope, "-S", "-M", "extended")


@test
def pgbench_prepared(scope):
    return benchmark(scope, "-M", "prepared", per=7)


@test
def pgbench_pipelined(scope):
    script = "\\startpipeline\n" + "SELECT abalance FROM pgbench_accounts WHERE aid = 1;\n" * 5 + "\\endpipeline\n"
    return benchmark(scope, "-M", "prepared", script=script, per=5)


@test
def driver_with_pipeline_and_errors(scope):
    server, weir = watched(scope)
    said = json.loads(server.driver("""
import json, psycopg
told = []
with psycopg.connect(autocommit=True, prepare_threshold=1) as c:
    for n in range(20):
        told.append(c.execute('SELECT g FROM generate_series(1, %s::int) g', (n,)).rowcount)
    errors = []
    for text in ('SELECT * FROM nowhere WHERE a = %s', 'SELECT 1 / %s::int', 'SELEC %s'):
        try:
            c.execute(text, (0,))
        except psycopg.Error as error:
            errors.append(error.sqlstate)
    results, sent = [], 0
    try:
        with c.pipeline():
            for n in (1, 2, 0, 4, 5):
                c.execute('SELECT 10 / %s::int', (n,))
                sent += 1
    except psycopg.Error as error:
        results.append(error.sqlstate)
    c.execute('LISTEN news')
    c.execute("NOTIFY news, 'payload'")
    list(c.cursor().stream('SELECT g FROM generate_series(1, 100) g'))
    with c.cursor().copy('COPY (SELECT generate_series(1, 50)) TO STDOUT') as copy:
        rows = sum(1 for _ in copy.rows())
print(json.dumps({'rows': told, 'sent': sent, 'errors': errors, 'pipeline': results, 'copied': rows}))
"""))
    records = records_of(weir)
    series = [told(r, "db.response.returned_rows")[0] for r in records
              if "generate_series(?, $1::int)" in (r["attributes"].get("db.query.text") or "") and kinds([r])["execute"]]
    equal("rows", series, said["rows"])
    failed = [r for r in records if r["status"] == "error"]
    codes = [told(r, "db.response.status_code")[0] for r in failed if "error.type" not in r["attributes"]]
    equal("SQLSTATEs", codes, said["errors"] + said["pipeline"])
    divisions = [told(r, "db.response.status_code", "error.type") for r in records
                 if "SELECT ? / $1" in (r["attributes"].get("db.query.text") or "")]
    # After that of `errors`. The driver sends nothing more when it has seen the error, which may be while it sends.
    sent = divisions[1:]
    assert said["sent"] <= len(sent) <= said["sent"] + 1, (said, divisions)
    pipeline = [(None, None)] * 2 + [("22012", None)] + [(None, "not_executed")] * 2
    equal("the pipeline", sent, pipeline[:len(sent)])
    equal("notifications", kinds(records)["notification"], 1)
    equal("records that are not complete", [r for r in records if r["quality"] != "complete"][:2], [])
    return f"{len(records)} records"


main()
