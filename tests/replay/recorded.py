"""What a recording's truth asks of weir's records: one function per protocol, each a list of differences."""
import collections
import json
import os

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")
LONGEST = 60_000_000_000


def named(name):
    """(folder, file) of a recording: `grpc` is grpc/shapes, `grpc/peers` itself; the folder is the protocol."""
    protocol, _, file = name.partition("/")
    return protocol, file or "shapes"


def recording(name):
    return os.path.join(DATA, *named(name)) + ".pcap.gz"


def truth(name):
    with open(os.path.join(DATA, *named(name)) + ".truth.jsonl", encoding="utf-8") as file:
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


def asked_http2(t):
    return t["client"]["port"], t["server"]["port"], t["stream"]


def key_http2(record):
    return record["client"]["port"], record["server"]["port"], record["attributes"].get("weir.stream_id")


def check_http2(record, t, whole):
    at, answer = record["attributes"], t["response"]
    asked = {**t, "request": {"size_bytes": None} if t.get("upgraded") else t["request"]}
    found = common(record, asked, answer["status"] >= 400, whole)
    if whole or record.get("quality") == "complete":
        found += differs("method", at.get("http.request.method"), t["request"]["method"]) + \
            differs("url.path", at.get("url.path"), t["request"]["path"]) + \
            differs("host", at.get("http.request.header.host"), "weir.test") + \
            differs("upgraded", at.get("weir.http2.upgraded"), t.get("upgraded"))
    if record.get("response") and "http.response.status_code" in at:
        found += differs("status code", at["http.response.status_code"], answer["status"])
    if "url.path" in at:
        found += differs("url.path", at["url.path"], t["request"]["path"])
    if "secret" in json.dumps(at):
        found.append("a credential is shown")
    return found


def asked_grpc(t):
    return t["request"]["method"]


def key_grpc(record):
    return record["attributes"].get("rpc.method")


def check_grpc(record, t, whole):
    at, request, answer = record["attributes"], t["request"], t["response"]
    complete = whole or record.get("quality") == "complete"
    if request["cancel"] or answer["code"] == "DEADLINE_EXCEEDED":
        # The client's word; on the wire the call is taken back, unless its end was on its way already.
        taken_back = record["status"] != "ok" and (at.get("weir.http2.reset") == "CANCEL" or
                                                   at.get("rpc.response.status_code") == answer["code"])
        found = [] if taken_back or not complete or request["cancel"] and record["status"] == "ok" else \
            [f"{answer['code']} became {record['status']} {at.get('weir.http2.reset')}"]
    else:
        found = differs("code", at.get("rpc.response.status_code"), answer["code"]) if record.get("response") and complete else []
        if complete:
            found += differs("status", record["status"], "ok" if answer["code"] == "OK" else "error")
            for side, wanted in (("request", request), ("response", answer)):
                found += [line for what in ("messages", "message_bytes")
                          for line in differs(f"{side} {what}", at.get(f"weir.grpc.{side}.{what}"), wanted[what])]
    if complete:
        found += differs("quality", record.get("quality"), "complete") + \
            differs("deadline", "weir.grpc.timeout_ns" in at, request["timeout"])
    if t["client"]["port"]:
        found += differs("client, server", ends(record), ends(t))
    if "secret" in json.dumps(at):
        found.append("a credential is shown")
    return found


def asked_amqp(t):
    asked = t["request"]
    return t["client"]["port"], asked["operation"], asked["channel"], asked["ident"]


def key_amqp(record):
    """A message has an id, a queue or exchange a name, and what remains happens once on a channel."""
    at = record["attributes"]
    operation, ident = at["messaging.operation.name"], None
    group, method = operation.split(".") if "." in operation else (operation, "")
    if method in ("publish", "deliver", "return"):
        ident = at.get("messaging.message.id")
        if ident is None:
            return None
    elif method == "get":
        if "weir.amqp.reply" not in at or ("messaging.message.id" not in at) != (at["weir.amqp.reply"] == "basic.get-empty"):
            return None
        ident = f"{at['weir.amqp.queue']}:{at.get('messaging.message.id', '')}"
    elif group == "channel" and method == "close":
        ident = at.get("error.message")
    elif group in ("queue", "exchange") or method == "consume":
        ident = at.get("weir.amqp.queue", at.get("weir.amqp.exchange"))
    elif method == "cancel":
        ident = at.get("weir.amqp.consumer_tag")
    elif group == "protocol-header":
        ident = at.get("weir.amqp.version")
    return record["client"]["port"], operation, at.get("weir.amqp.channel"), ident


def check_amqp(record, t, whole):
    at, request, answer, reply = record["attributes"], record.get("request"), record.get("response"), t["response"]
    found = []
    if whole:
        found += differs("quality", record["quality"], "complete") + differs("status", record["status"], t["status"])
        found += sizes("message", answer if t.get("pushed") else request, t["request"])
    if t["status"] == "one_way" or t.get("pushed"):
        return found + differs("reply", at.get("weir.amqp.reply"), None)
    if whole or (answer and record["quality"] == "complete"):
        found += differs("reply", at.get("weir.amqp.reply"), reply["reply"]) + sizes("response", answer, reply) + \
            differs("status", record["status"], t["status"])
        for key, name in (("code", "weir.amqp.reply_code"), ("message_count", "weir.amqp.message_count")):
            if key in reply:
                found += differs(key, at.get(name), reply[key])
    return found


KEYED = {"amqp": (asked_amqp, key_amqp, check_amqp), "mongodb": (asked_mongodb, key_mongodb, check_mongodb),
         "http": (asked_http, key_http, check_http), "http2": (asked_http2, key_http2, check_http2),
         "grpc": (asked_grpc, key_grpc, check_grpc), "dns": (asked_dns, key_dns, check_dns)}


def keyed_differences(name, records, whole=True):
    """For protocols whose requests carry their id: each exchange once, with the answer that belongs to it."""
    asked, key, check = KEYED[named(name)[0]]
    wanted = {asked(t): t for t in truth(name)}
    found, seen = [], collections.Counter()
    for record in records:
        if record.get("request") is None and not whole:
            continue
        one = key(record)
        if one is None and not whole:  # what tells it was lost
            continue
        seen[one] += 1
        if one not in wanted:
            found.append(f"{one} was never asked")
        else:
            found += [f"{one}: {line}" for line in sound(record) + check(record, wanted[one], whole)]
    found += [f"{one} is there {count} times" for one, count in seen.items() if count > 1]
    if whole:
        found += [f"{one} is missing ({t['shape']})" for one, t in wanted.items() if one not in seen]
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


def postgresql_problem(record, t):
    """Differences of a record from the exchange it should be."""
    at, request, answer = record["attributes"], t["request"], t["response"]
    found = sound(record) + differs("quality", record.get("quality"), "complete")
    if request is None:
        return found + differs("request", record.get("request"), None) + \
            differs("channel", at.get("weir.postgresql.channel"), answer["channel"]) + sizes("response", record["response"], answer)
    shown = request["text"]
    text = at.get("db.query.text", "")
    whole = len(shown) == request["text_chars"]
    if text != shown if whole else not text.startswith(shown[:100]):
        found.append(f"db.query.text is {text[:80]!r}, not {shown!r}")
    found += differs("message", at.get("weir.postgresql.message"), request["message"]) + \
        sizes("request", record.get("request"), request) + differs("user", at.get("user.name"), request.get("user", at.get("user.name")))
    if answer is None:
        return found + differs("status", record.get("status"), t.get("status", "unanswered")) + \
            differs("response", record.get("response"), None)
    bad = "error" in answer or "skipped" in answer
    found += differs("status", record.get("status"), "error" if bad else "ok") + sizes("response", record.get("response"), answer)
    for name, key in (("db.response.status_code", "error"), ("error.message", "message"), ("db.response.returned_rows", "rows"),
                      ("weir.postgresql.command", "tag"), ("weir.postgresql.transaction", "transaction"),
                      ("weir.postgresql.encryption", "encryption"), ("weir.postgresql.copied_in_bytes", "copied_in")):
        if key in answer or "told_by" not in t:  # a driver does not tell all
            found += differs(name, at.get(name), answer.get(key))
    return found + differs("error.type", at.get("error.type"), "not_executed" if "skipped" in answer else None)


def postgresql_kept(_, records, exchanges):
    """Where a driver tells: the records of what it was asked for, not of what it asks by itself."""
    if not any("told_by" in t for t in exchanges):
        return records
    asked = {(t["request"]["message"], t["request"]["text"][:100]) for t in exchanges}
    return [r for r in records if (r["attributes"].get("weir.postgresql.message"), r["attributes"].get("db.query.text", "")[:100]) in asked]


def mysql_problem(record, t):
    """Differences of a record from the exchange it should be."""
    at, request, answer = record["attributes"], t["request"], t["response"]
    found = sound(record) + differs("command", at.get("weir.mysql.command"), request["command"]) + \
        sizes("request", record.get("request"), request)
    # Of a statement that is not prepared there is no text.
    found += differs("quality", record.get("quality"), "late_join" if unprepared(t) else "complete")
    if request["text"] is not None:
        text = at.get("db.query.text", "")
        if text[:120] != request["text"]:
            found.append(f"db.query.text is {text[:80]!r}, not {request['text'][:80]!r}")
        # Of an execution the text is kept, and that is bounded.
        elif not request["command"].startswith("COM_STMT"):
            found += differs("length of db.query.text", len(text), min(16384, request.get("text_chars", len(text))))
        operation = at.get("db.operation.name", "?")
        if not operation.startswith("BATCH") and not request["text"].startswith(operation):
            found.append(f"operation is {at.get('db.operation.name')!r} for {text[:40]!r}")
    if answer is None:
        return found + differs("status", record.get("status"), t["status"]) + differs("response", record.get("response"), None)
    error = answer.get("error")
    found += differs("status", record.get("status"), "error" if error else "ok") + \
        differs("error", at.get("db.response.status_code"), str(error) if error else None) + \
        sizes("response", record.get("response"), answer)
    if "state" in answer:
        found += differs("state", at.get("weir.db.sqlstate"), answer["state"])
    for key, name in (("rows", "db.response.returned_rows"), ("affected", "weir.db.affected_rows"),
                      ("result_sets", "weir.mysql.result_sets")):
        if answer.get(key) is not None:
            found += differs(key, at.get(name, 0), answer[key])
    return found


def unprepared(t):
    return t["request"]["command"].startswith("COM_STMT_EX") and t["request"]["text"] is None


def mysql_kept(shape, records, exchanges):
    """Of a driver that sets up by itself: the records that are in the truth."""
    if not shape.startswith("connector"):
        return records
    asked = {(t["request"]["command"], t["request"]["text"]) for t in exchanges}
    return [r for r in records if (r["attributes"].get("weir.mysql.command"), r["attributes"].get("db.query.text", "")[:120]) in asked]


def ordered_differences(name, records):
    """Of protocols that answer in order: the records of each connection are its exchanges, in their order."""
    problem, kept, _ = IN_ORDER[named(name)[0]]
    wanted, got = collections.defaultdict(list), collections.defaultdict(list)
    for t in truth(name):
        wanted[ends(t)].append(t)
    for record in records:
        got[ends(record)].append(record)
    found = [f"{connection} never was" for connection in got if connection not in wanted]
    for connection, exchanges in wanted.items():
        have = kept(exchanges[0]["shape"], got.get(connection, []), exchanges)
        if len(have) != len(exchanges):
            found.append(f"{exchanges[0]['shape']} {connection[0]}: {len(have)} records of {len(exchanges)} exchanges")
        for number, (record, t) in enumerate(zip(have, exchanges)):
            if problems := problem(record, t):
                asked = str(t["request"]["text"])[:40] if t["request"] else "(unasked)"
                found.append(f"{t['shape']} {connection[0]} #{number} {asked}: {'; '.join(problems)}")
                break
    return found


def all_kept(_, records, __):
    return records


def postgresql_wrong_pairs(records, name):
    """With packets missing: an answered statement must have one of the answers that it got on its connection."""
    told = truth(name)
    weighed = not any("told_by" in t for t in told)  # a driver knows rows, not bytes
    answers, found = collections.defaultdict(set), []
    for t in told:
        if t["request"] and t["response"]:
            answer = t["response"]
            answers[ends(t), t["request"]["message"], t["request"]["text"][:100]].add(
                (answer["wire_bytes"] if weighed else answer.get("rows"), answer.get("error")))
    for record in records:
        at = record["attributes"]
        if record.get("request") and record.get("response") and record.get("quality") == "complete":
            asked = ends(record), at.get("weir.postgresql.message"), at.get("db.query.text", "")[:100]
            answer = record["response"].get("wire_bytes") if weighed else at.get("db.response.returned_rows"), \
                at.get("db.response.status_code")
            if answer not in answers.get(asked, ()) and (weighed or asked in answers):
                found.append(f"{asked} was given {answer}, not {answers.get(asked)}")
    return found


def redis_wrong_pairs(records, name):
    """With packets missing: an answered command must have one of the answers that this command got on its connection."""
    answers, found = collections.defaultdict(set), []
    for t in truth(name):
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


MYSQL_OUTCOME = ("db.response.status_code", "db.response.returned_rows", "weir.db.affected_rows")


def mysql_wrong_pairs(records, name):
    """With packets missing: an answered statement must have one of the answers that it got on its connection."""
    answers, found = collections.defaultdict(set), []
    for t in truth(name):
        answer = t["response"]
        if answer is not None and t["request"]["text"]:
            answers[ends(t), t["request"]["command"], t["request"]["text"]].add(
                (str(answer["error"]) if "error" in answer else None, answer.get("rows") or None, answer.get("affected") or None))
    for record in records:
        at = record["attributes"]
        asked = ends(record), at.get("weir.mysql.command"), at.get("db.query.text", "")[:120]
        if record.get("request") and record.get("response") and record.get("quality") == "complete" and asked in answers:
            answer = tuple(at.get(field) or None for field in MYSQL_OUTCOME)
            # The rows before an error are in the record, and not in the client's exception.
            if answer not in answers[asked] and (answer[0], None, None) not in answers[asked]:
                found.append(f"{asked} was given {answer}, not {answers[asked]}")
    return found


def kafka_differences(protocol, records, whole=True):
    """Each exchange of the recorded clients once, with the bytes that their log tells. An id is unique within one of a
    client's connections, of which the log does not tell the ports. An answer that came while the client was ending is
    not in its log, and the Java clients' tells no bytes."""
    wanted, said = collections.defaultdict(list), {}
    for t in truth(protocol):
        if "said" in t:
            said[t["shape"]] = t["said"]
            continue
        key = t["client_id"], t["api"], t["version"], t["correlation"], t["request"].get("wire_bytes")
        wanted[key].append(t["response"] is not None and t["response"].get("wire_bytes"))
    clients, found, messages = {key[0] for key in wanted}, [], collections.Counter()
    sized = any(key[-1] is not None for key in wanted)
    for record in records:
        at, request, answer = record["attributes"], record.get("request"), record.get("response")
        client = at.get("messaging.client.id")
        if client not in clients or (not whole and record["quality"] != "complete"):
            continue
        key = client, at.get("messaging.operation.name"), at.get("weir.kafka.api_version"), \
            at.get("weir.kafka.correlation_id"), request["wire_bytes"] if request and sized else None
        found += [f"{key}: {line}" for line in sound(record)]
        got, possible = answer is not None and (answer["wire_bytes"] if sized else None), wanted.get(key, [])
        if got in possible:
            possible.remove(got)
        elif False in possible or (got is False and not whole and possible):
            possible.remove(False if False in possible else possible[0])
        else:
            found.append(f"{key}: answered with {got}, not {possible}")
        if whole:
            found += differs("quality", record["quality"], "complete")
            if record["status"] != "error":  # what was refused is sent again
                messages[client] += at.get("messaging.batch.message_count", 0)
            if at.get("weir.kafka.acks") == 0:
                found += differs("status", record["status"], "one_way")
    if whole:
        found += [f"{key} is missing" for key, left in wanted.items() for _ in left]
        for client, told in said.items():
            counted, fetched = messages[client], "group" in told
            if counted < told["messages"] if fetched else counted != told["messages"]:
                found.append(f"{client} said {told['messages']} messages, {counted} are shown")
    return found


def tls_differences(protocol, records, whole):
    """One handshake a connection, by its ends; over UDP a later one may have the same."""
    wanted, found = collections.defaultdict(list), []
    for t in truth(protocol):
        wanted[ends(t)].append(t)
    for record in records:
        possible, at, answer = wanted[ends(record)], record["attributes"], record.get("response")
        if not possible:
            found.append(f"{ends(record)} never was, or was told before")
            continue
        named = (t for t in possible if t["request"]["server_name"] == at.get("tls.client.server_name"))
        possible.remove(t := next(named, possible[0]))
        problems = sound(record)
        # Of a ClientHello in several datagrams the one with the name may be lost.
        if whole or (record.get("request") and record["quality"] == "complete"):
            problems += differs("server name", at.get("tls.client.server_name"), t["request"]["server_name"])
        if whole:
            problems += differs("quality", record["quality"], "complete") + \
                differs("alpn", at.get("weir.tls.client.alpn", []), t["request"]["alpn"])
        # Where an alert is lost, all that is left to see is that its sender closed.
        cut_off = not whole and at.get("error.type") == "response_incomplete"
        if (whole or answer) and record["quality"] == "complete" and not cut_off:
            problems += tls_answer(at, record, t["response"])
        found += [f"{t['shape']} {ends(record)[0]}: {problem}" for problem in problems]
    return found + [f"{t['shape']} {end[0]}: no record" for end, left in wanted.items() for t in left if whole]


def tls_answer(at, record, wanted):
    if "error" in wanted:
        return differs("status", record["status"], "error") + differs("error.type", at.get("error.type"), wanted["error"])
    found = differs("status", record["status"], "ok") + differs("version", at.get("tls.protocol.version"), wanted["version"]) + \
        differs("cipher", at.get("tls.cipher"), wanted["cipher"]) + differs("resumed", bool(at.get("tls.resumed")), wanted["resumed"])
    if wanted["version"] == "1.2":  # 1.3 encrypts it
        found += differs("next protocol", at.get("tls.next_protocol"), wanted["next_protocol"])
    return found


# Protocols whose requests carry no id: what is wrong with a record, the records that are in the truth, and pairs that never were.
IN_ORDER = {"redis": (redis_problem, all_kept, redis_wrong_pairs), "postgresql": (postgresql_problem, postgresql_kept, postgresql_wrong_pairs),
            "mysql": (mysql_problem, mysql_kept, mysql_wrong_pairs)}


def differences(name, records, whole=True):
    protocol, _ = named(name)
    if protocol == "kafka":
        return kafka_differences(name, records, whole)
    if protocol in ("tls", "quic"):
        return tls_differences(protocol, records, whole)
    if protocol in IN_ORDER:
        return ordered_differences(name, records) if whole else IN_ORDER[protocol][2](records, name)
    return keyed_differences(name, records, whole)
