#!/usr/bin/env python3
"""mongodb_ferretdb: FerretDB asked by pymongo; weir's records, by command and how it ended, are the driver's own.

Debian has neither: FerretDB is the program `ferretdb` or $FERRETDB (Go module proxy), pymongo that of the python which runs this.
"""
import collections
import importlib.util
import json
import os
import shutil
import sys

from lib import Skip, Weir, equal, main, test

DRIVER = """
import collections, json, threading, pymongo, pymongo.monitoring
class Log(pymongo.monitoring.CommandListener):
    ended, lock = collections.Counter(), threading.Lock()
    def count(self, event, how):
        with self.lock:
            self.ended[f"{event.command_name} {how}"] += 1
    def started(self, event): pass
    def succeeded(self, event): self.count(event, "error" if event.reply.get("writeErrors") else "ok")
    def failed(self, event): self.count(event, "error")
def work(client, base):
    items = client.shop.items
    for n in range(base, base + 60):
        items.insert_one({"_id": n, "text": "t" * (n * 37 % 30000)})
        assert items.find_one({"_id": n})["_id"] == n
        items.update_one({"_id": n}, {"$set": {"a": n}})
        for bad in (lambda: items.insert_one({"_id": n}), lambda: client.shop.command("nosuch")):
            try: bad()
            except pymongo.errors.PyMongoError: pass
            else: raise RuntimeError("did not fail")
    assert len(list(items.find({"a": {"$gte": base, "$lt": base + 60}}, batch_size=20))) == 60
with pymongo.MongoClient("mongodb://127.0.0.1:27017/", event_listeners=[Log()]) as client:
    client.shop.items.insert_one({"_id": -1})
    threads = [threading.Thread(target=work, args=(client, 1000 * i)) for i in range(4)]
    for one in threads: one.start()
    for one in threads: one.join()
print(json.dumps(Log.ended))
"""
OF_CONNECTIONS = {"hello", "ismaster"}  # that the driver does not tell of


@test
def commands_and_outcomes(scope):
    ferretdb = os.environ.get("FERRETDB") or shutil.which("ferretdb")
    if not ferretdb or not importlib.util.find_spec("pymongo"):
        raise Skip("ferretdb or pymongo is not installed")
    home = scope.namespace()
    home.start(ferretdb, "--handler=sqlite", f"--sqlite-url=file:{scope.folder}/", "--listen-addr=127.0.0.1:27017", "--debug-addr=-",
               "--telemetry=disable", f"--state-dir={scope.folder}", "--log-level=error")
    home.wait_for_port("127.0.0.1", 27017)
    weir = Weir(home, "-i", "any", "-o", "json")
    wanted = collections.Counter(json.loads(home.run(sys.executable, "-c", DRIVER, seconds=120)))
    got = collections.Counter()
    for line in weir.stop().splitlines():
        record = json.loads(line)
        operation = record["attributes"].get("db.operation.name")
        if record["protocol"] == "mongodb" and operation not in OF_CONNECTIONS:
            got[f"{operation} {record['status']}"] += 1
    equal("records by command and outcome", dict(got), dict(wanted))
    return f"{wanted.total()} of {wanted.total()}"


main()
