"""What a recording's truth asks of weir's records: one function per protocol, each a list of differences."""
import collections
import json
import os

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")
LONGEST = 60_000_000_000


def recording(protocol):
    return os.path.join(DATA, protocol, "shapes.pcap.gz")


def truth(protocol):
    with open(os.path.join(DATA, protocol, "shapes.truth.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def ends(it):
    return tuple((side["address"], side["port"]) for side in (it["client"], it["server"]))


def differs(what, got, wanted):
    return [] if got == wanted else [f"{what} is {got!r}, not {wanted!r}"]


def sound(record):
    """What holds for every record, whatever it is about."""
    found, request, answer, duration = [], record.get("request"), record.get("response"), record.get("duration_ns")
    if request and answer:
        if not isinstance(duration, int) or not 0 < duration < LONGEST:
            found.append(f"duration_ns {duration} is not plausible")
        elif not 0 < answer.get("first_byte_ns", -1) <= duration or not 0 <= request.get("end_ns", 0) <= duration:
            found.append(f"times are out of order: {request} {answer} {duration}")
    if record.get("status") in ("unanswered", "one_way") and answer is not None:
        found.append(f"{record['status']} with a response")
    return found


def sizes(side, got, wanted):
    got = got or {}
    return [line for key in ("size_bytes", "wire_bytes") if wanted.get(key) is not None
            for line in differs(f"{side}.{key}", got.get(key), wanted[key])]


def asked_http(t):
    return t["request"]["path"]


def asked_dns(t):
    return t["client"]["address"], t["client"]["port"], t["request"]["dns_id"], t["request"]["name"]


def key_http(record):
    return record["attributes"].get("url.path")


def key_dns(record):
    at = record["attributes"]
    return record["client"]["address"], record["client"]["port"], at.get("weir.dns.id"), at.get("dns.question.name")


def asked_mongodb(t):
    return t["client"]["address"], t["client"]["port"], t["request"]["request_id"]


def key_mongodb(record):
    return record["client"]["address"], record["client"]["port"], record["attributes"].get("weir.mongodb.request_id")


def common(record, t, bad, whole):
    """Ends, status and what each side weighed. With whole=False the recording has lost packets."""
    found = differs("client, server", ends(record), ends(t))
    if whole:
        found += differs("quality", record.get("quality"), "complete") + sizes("request", record.get("request"), t["request"])
    if t["response"] is None:
        return found + differs("status", record.get("status"), t.get("status", "unanswered")) + \
            differs("response", record.get("response"), None)
    if record.get("response") is None and not whole:
        return found
    found += differs("status", record.get("status"), "error" if bad else "ok")
    if whole or record.get("quality") == "complete":
        found += sizes("response", record.get("response"), t["response"])
    return found


def check_http(record, t, whole):
    at, answer = record["attributes"], t["response"]
    found = common(record, t, answer and answer["status"] >= 400, whole)
    if whole or record.get("quality") == "complete":
        found += differs("method", at.get("http.request.method"), t["request"]["method"]) + \
            differs("url.query", at.get("url.query"), t["request"]["query"]) + \
            differs("host", at.get("http.request.header.host"), "weir.test")
    if answer and record.get("response"):
        found += differs("status code", at.get("http.response.status_code"), answer["status"])
    return found


def check_dns(record, t, whole):
    at, answer = record["attributes"], t["response"]
    found = common(record, t, answer and answer["code"] != "NOERROR", whole) + \
        differs("question type", at.get("dns.question.type"), t["request"]["type"]) + \
        differs("transport", record.get("transport"), t.get("transport", "udp"))
    if answer and record.get("response"):
        said = at.get("dns.answers", [])
        found += differs("code", at.get("dns.response.code"), answer["code"]) + \
            differs("number of answers", len(said), answer["answers"])
        for text in answer["shows"]:
            exact = t["request"]["type"] in ("A", "AAAA")
            if not (text in said if exact else any(text in one for one in said)):
                found.append(f"answers {said} do not show {text!r}")
    return found


def check_mongodb(record, t, whole):
    at, asked, answer = record["attributes"], t["request"], t["response"]
    found = common(record, t, answer and answer["code"] is not None, whole)
    if whole or record.get("quality") == "complete":
        found += differs("operation", at.get("db.operation.name"), asked["operation"]) + \
            differs("namespace", at.get("db.namespace"), asked["database"]) + \
            differs("opcode", at.get("weir.mongodb.opcode"), asked["opcode"]) + \
            differs("compressor", at.get("weir.mongodb.compressor"), asked["compressor"])
        if asked.get("collection"):
            found += differs("collection", at.get("db.collection.name"), asked["collection"])
    if answer and record.get("response") and (whole or record.get("quality") == "complete"):
        code, small = answer["code"], answer["wire_bytes"] < 16384 and not (asked["compressor"] and t["shape"].startswith("large"))
        found += differs("code", at.get("db.response.status_code"), None if code is None else str(code))
        if small and answer["returned"] is not None:
            found += differs("returned rows", at.get("db.response.returned_rows"), answer["returned"])
        if answer["code_name"]:
            found += differs("error type", at.get("error.type"), answer["code_name"])
    return found


KEYED = {"http": (asked_http, key_http, check_http), "dns": (asked_dns, key_dns, check_dns),
         "mongodb": (asked_mongodb, key_mongodb, check_mongodb)}


def keyed_differences(protocol, records, whole=True):
    """For protocols whose requests carry their id: each exchange once, with the answer that belongs to it."""
    asked, key, check = KEYED[protocol]
    wanted = {asked(t): t for t in truth(protocol)}
    found, seen = [], collections.Counter()
    for record in records:
        if record.get("request") is None and not whole:
            continue
        name = key(record)
        seen[name] += 1
        if name not in wanted:
            found.append(f"{name} was never asked")
        else:
            found += [f"{name}: {line}" for line in sound(record) + check(record, wanted[name], whole)]
    found += [f"{name} is there {count} times" for name, count in seen.items() if count > 1]
    if whole:
        found += [f"{name} is missing ({t['shape']})" for name, t in wanted.items() if name not in seen]
    return found


def redis_problem(record, t):
    """Differences of a record from the exchange it should be."""
    at, request, answer = record["attributes"], t["request"], t["response"]
    found = sound(record) + differs("quality", record.get("quality"), "complete")
    if request is None:
        found += differs("request", record.get("request"), None)
    else:
        text = at.get("db.query.text", "")
        shown = request["text"] if len(request["text"]) == request["text_chars"] else request["text"][:60]
        if text != shown if shown == request["text"] else not text.startswith(shown):
            found.append(f"db.query.text is {text[:80]!r}, not {shown!r}")
        if not request["text"].upper().startswith(at.get("db.operation.name", "?").upper()):
            found.append(f"operation is {at.get('db.operation.name')!r} for {shown[:40]!r}")
        found += sizes("request", record.get("request"), request)
    if answer is None:
        return found + differs("status", record.get("status"), t.get("status", "unanswered")) + \
            differs("response", record.get("response"), None)
    error = answer.get("error")
    found += differs("reply type", at.get("weir.redis.reply_type"), answer["reply_type"]) + \
        sizes("response", record.get("response"), answer)
    if request is not None:
        found += differs("status", record.get("status"), "error" if error else "ok")
    if error:
        found += differs("error code", at.get("db.response.status_code"), error.split(" ")[0])
        message = at.get("error.message", "")
        if message not in (error, error.split(" ", 1)[-1]):
            found.append(f"error.message is {message!r} for {error!r}")
    return found


def redis_differences(records):
    """Redis answers in order: the records of each connection are its exchanges, in their order."""
    wanted, got = collections.defaultdict(list), collections.defaultdict(list)
    for t in truth("redis"):
        wanted[ends(t)].append(t)
    for record in records:
        got[ends(record)].append(record)
    found = [f"{connection} never was" for connection in got if connection not in wanted]
    for connection, exchanges in wanted.items():
        have = got.get(connection, [])
        if len(have) != len(exchanges):
            found.append(f"{exchanges[0]['shape']} {connection[0]}: {len(have)} records of {len(exchanges)} exchanges")
        for number, (record, t) in enumerate(zip(have, exchanges)):
            if problems := redis_problem(record, t):
                asked = t["request"]["text"][:40] if t["request"] else "(pushed)"
                found.append(f"{t['shape']} {connection[0]} #{number} {asked}: {'; '.join(problems)}")
                break
    return found


def redis_wrong_pairs(records):
    """With packets missing: an answered command must have one of the answers that this command got on its connection."""
    answers, found = collections.defaultdict(set), []
    for t in truth("redis"):
        if t["request"] and t["response"]:
            asked = t["request"]["text"][:60]
            answers[ends(t), asked].add((t["response"]["reply_type"], t["response"]["wire_bytes"]))
    for record in records:
        if record.get("request") and record.get("response") and record.get("quality") == "complete":
            asked = record["attributes"].get("db.query.text", "")[:60]
            answer = record["attributes"].get("weir.redis.reply_type"), record["response"].get("wire_bytes")
            if answer not in answers.get((ends(record), asked), ()):
                found.append(f"{ends(record)[0]} {asked!r} was given {answer}, not {answers.get((ends(record), asked))}")
    return found


def differences(protocol, records, whole=True):
    if protocol == "redis":
        return redis_differences(records) if whole else redis_wrong_pairs(records)
    return keyed_differences(protocol, records, whole)
