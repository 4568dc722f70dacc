#!/usr/bin/env python3
"""amqp_rabbitmq: RabbitMQ with pika; weir's records, by method and how it ended, are what the driver did. The server takes its time to start."""
import collections
import json
import os
import subprocess
import sys

from lib import ROOT, Skip, Weir, equal, main, test, until

sys.path.insert(0, os.path.join(ROOT, "tests", "data"))
import rabbitmq  # noqa: E402

PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's pika
DRIVER = """
import json, pika
connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", 5672))
plain, sure = connection.channel(), connection.channel()
sure.confirm_delivery()
plain.queue_declare("plain"); plain.queue_declare("sure")
for n in range(400):
    plain.basic_publish("", "plain", b"p" * (n * 37 % 9000))
    sure.basic_publish("", "sure", b"s" * (n * 997 % 300000))
try: sure.basic_publish("", "nowhere", b"lost", mandatory=True)
except pika.exceptions.UnroutableError: pass
got = 0
for method, _, body in plain.consume("plain"):
    got += 1
    if got % 50 == 0: plain.basic_ack(method.delivery_tag, multiple=True)
    if got == 400: break
plain.cancel()
for n in range(401):
    method, _, body = sure.basic_get("sure")
    if method and n % 2: sure.basic_reject(method.delivery_tag, requeue=False)
    elif method: sure.basic_ack(method.delivery_tag)
codes = []
for wrong in (lambda c: c.queue_declare("none", passive=True), lambda c: c.queue_declare("plain", durable=True),
              lambda c: c.exchange_declare("amq.new")):
    try: wrong(connection.channel())
    except pika.exceptions.ChannelClosedByBroker as failure: codes.append(failure.reply_code)
connection.close()
print(json.dumps(codes))
"""
WANTED = {"protocol-header one_way": 1, "connection.start ok": 1, "connection.tune ok": 1, "connection.open ok": 1, "channel.open ok": 5,
          "confirm.select ok": 1, "queue.declare ok": 2, "basic.publish one_way": 400, "basic.publish ok": 401, "basic.return error": 1,
          "basic.consume ok": 1, "basic.deliver ok": 400, "basic.cancel ok": 1, "basic.get ok": 401, "queue.declare error": 2,
          "exchange.declare error": 1, "channel.close error": 3, "channel.close ok": 2, "connection.close ok": 1}


@test
def methods_and_outcomes(scope):
    if not os.path.exists("/usr/lib/rabbitmq/bin/rabbitmq-server") or \
            subprocess.run([PYTHON, "-c", "import pika"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("rabbitmq-server or python3-pika is not installed")
    home = scope.namespace()
    os.chmod(scope.folder, 0o755)
    server = rabbitmq.RabbitMq(os.path.join(scope.folder, "rabbitmq"), home.inside())
    server.begin()
    try:
        until(lambda: f":{rabbitmq.PORT} " in home.run("ss", "-Hltn"), 90, "rabbitmq")
        weir = Weir(home, "-i", "any", "-o", "json")
        codes = json.loads(home.run(PYTHON, "-c", DRIVER, seconds=60))
        records = [json.loads(line) for line in weir.stop().splitlines()]
    finally:
        server.end()
    records = [record for record in records if record["protocol"] == "amqp"]
    got = collections.Counter(f"{r['attributes']['messaging.operation.name']} {r['status']}" for r in records)
    equal("records by method and outcome", dict(got), WANTED)
    shown = [r["attributes"]["weir.amqp.reply_code"] for r in records
             if r["status"] == "error" and r["attributes"]["messaging.operation.name"].endswith(".declare")]
    equal("reply codes", shown, codes)
    equal("records that are not complete", [r for r in records if r["quality"] != "complete"][:2], [])
    if "guest" in json.dumps(records):
        raise AssertionError("credentials are shown")
    return f"{len(records)} records"


main()
