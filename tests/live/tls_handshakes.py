#!/usr/bin/env python3
"""tls_handshakes: openssl s_server and Python's client; each handshake is a record with what the client says of it."""
import collections
import json
import subprocess

from lib import Weir, equal, main, need, test, until

CLIENT = """
import collections, json, socket, ssl, sys
version, count, said = getattr(ssl.TLSVersion, sys.argv[1]), int(sys.argv[2]), collections.Counter()
context, session = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), None
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.minimum_version = context.maximum_version = version
context.set_alpn_protocols(["http/1.1"])
for number in range(count):
    with socket.create_connection(("127.0.0.1", 4433)) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=f"host{number}.test", session=session if number % 2 else None) as tls:
                tls.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                while tls.recv(65536):
                    pass
                session = tls.session
                said[f"{tls.version()[4:]} {bool(tls.session_reused)}"] += 1
        except ssl.SSLError as failure:
            said["error"] += 1
print(json.dumps(said))
"""


def served(scope, *options):
    need("openssl")
    home, key, certificate = scope.namespace(), scope.path("key.pem"), scope.path("cert.pem")
    home.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=a.test",
             "-keyout", key, "-out", certificate)
    home.start("openssl", "s_server", "-www", "-quiet", "-accept", "4433", "-key", key, "-cert", certificate, *options,
               stdout=subprocess.DEVNULL)
    until(lambda: ":4433 " in home.run("ss", "-Hltn"), 10, "s_server")
    return home, Weir(home, "-i", "any", "-o", "json")


def held(home, weir, version, count):
    said = json.loads(home.run("python3", "-c", CLIENT, version, count, seconds=120))
    weir.stop()
    got, names = collections.Counter(), set()
    for line in weir.output().splitlines():
        record = json.loads(line)
        at = record["attributes"]
        names.add(at.get("tls.client.server_name"))
        got["error" if record["status"] == "error" else f"{at['tls.protocol.version']} {bool(at['tls.resumed'])}"] += 1
    equal("handshakes", dict(got), {kind.removeprefix("v"): number for kind, number in said.items()})
    equal("names", len(names), count)
    return f"{count} handshakes: {said}"


@test
def version_1_2(scope):
    return held(*served(scope), "TLSv1_2", 1000)


@test
def version_1_3(scope):
    return held(*served(scope), "TLSv1_3", 1000)


@test
def version_refused(scope):
    return held(*served(scope, "-tls1_3"), "TLSv1_2", 200)


main()
