"""What the live tests of the push share: push_probe, real servers that store what is pushed, certificates."""
import json
import os
import re
import select
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from lib import SLOWNESS, WEIR, equal, until

PROBE = os.path.abspath(os.environ.get("PUSH_PROBE", os.path.join(os.path.dirname(WEIR), "push_probe")))
# What push_probe puts into every series, as it must come back.
HOSTILE = 'a"b\\c\nd\ufffd{e="f"} 1'


class Probe:
    """A running push_probe; ask() gives it a line and returns its answer."""

    def __init__(self, scope, url, **settings):
        words = [word for key, value in settings.items() for word in ("--" + key.replace("_", "-"), str(value))]
        self.err = scope.path(f"probe{len(scope.ends)}.err")
        with open(self.err, "wb") as err:
            self.process = subprocess.Popen([PROBE, url, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True,
                                            bufsize=1)
        scope.ends.append(self.process)
        self.url, self.first = url, self.answer()
        self.rounds = []  # milliseconds

    def answer(self, seconds=20):
        if not select.select([self.process.stdout], [], [], seconds * SLOWNESS)[0]:
            raise AssertionError("push_probe does not answer")
        return json.loads(self.process.stdout.readline())

    def ask(self, line, seconds=20):
        self.process.stdin.write(line + "\n")
        return self.answer(seconds)

    def round(self, ms=None):
        """Pushes; it must not have blocked."""
        said = self.ask("round" if ms is None else f"round {ms}")
        self.rounds.append(said["ms"])
        if said["took_us"] > 250_000 * SLOWNESS:
            raise AssertionError(f"a round held up its producer for {said['took_us']} us")
        return said["ms"]

    def readings(self):
        said = self.ask("readings")
        equal("unaccounted samples", said["unaccounted"], 0, str(said))
        return said

    def settled(self, seconds=20):
        """Waits until nothing is pending; the readings."""
        until(lambda: self.readings()["pending"] == 0, seconds, lambda: f"nothing pending: {self.readings()}")
        return self.readings()

    def stop(self, patience_ms=5000):
        said = self.ask(f"stop {patience_ms}", patience_ms / 1000 + 10)
        equal("unaccounted samples at the end", said["unaccounted"], 0, str(said))
        equal("pending samples at the end", said["pending"], 0)
        if said["took_us"] > (patience_ms + 500) * 1000 * SLOWNESS:
            raise AssertionError(f"stopping took {said['took_us']} us, not {patience_ms} ms")
        return said

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def says(self, pattern, seconds=10):
        until(lambda: re.search(pattern, self.said()), seconds, lambda: f"'{pattern}' on stderr, but {self.said()[-300:]}")

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(url, data=None, headers=()):
    """The answer's text; None when there is none."""
    try:
        request = urllib.request.Request(url, data=data, headers=dict(headers))
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


class Store:
    """A real server; its address stays, also when it is ended and started again."""

    def __init__(self, scope):
        self.scope, self.port, self.process = scope, free_port(), None
        self.base = f"http://127.0.0.1:{self.port}"
        self.folder = scope.path(f"store{self.port}")
        self.start()

    def start(self):
        with open(self.folder + ".log", "ab") as log:
            self.process = self.scope.start(self.command(), stdout=log, stderr=log)
        self.wait()

    def wait(self):
        until(self.ready, 20, "a server that is ready")

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class VictoriaMetrics(Store):
    def __init__(self, scope, *more):
        self.more = more
        super().__init__(scope)

    def command(self):
        return ["victoria-metrics", f"-storageDataPath={self.folder}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=1",
                "-search.latencyOffset=0", "-loggerLevel=WARN", *self.more]

    def ready(self):
        return fetch(self.base + "/health")

    def samples(self, match="weir_made"):
        """{index: [(ms, value)]}, value None where the series ends"""
        fetch(self.base + "/internal/force_flush")
        text = fetch(self.base + "/api/v1/export?" + urllib.parse.urlencode({"match[]": match, "start": "1", "reduce_mem_usage": "1"})) or ""
        found = {}
        for line in text.splitlines():
            row = json.loads(line, parse_constant=lambda _: None)
            check_labels(row["metric"])
            found.setdefault(int(row["metric"]["index"]), []).extend(zip(row["timestamps"], row["values"]))
        return {index: sorted(values) for index, values in found.items()}

    def current(self):
        """The indices that an instant query finds now."""
        fetch(self.base + "/internal/force_flush")
        answer = fetch(self.base + "/api/v1/query?" + urllib.parse.urlencode({"query": "weir_made", "nocache": "1"}))
        return {int(row["metric"]["index"]) for row in json.loads(answer)["data"]["result"]} if answer else None


class SecureVictoriaMetrics(VictoriaMetrics):
    """With TLS and the user weir, whose password is s3cret-word."""

    def __init__(self, scope, files):
        self.trust = ssl.create_default_context(cafile=files["ca.pem"])
        super().__init__(scope, "-httpAuth.username=weir", "-httpAuth.password=s3cret-word", "-tls", f"-tlsCertFile={files['good.pem']}",
                         f"-tlsKeyFile={files['good.key']}")

    def ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as plain:
                return self.trust.wrap_socket(plain, server_hostname="127.0.0.1").version()
        except OSError:
            return None


class Prometheus(Store):
    def command(self):
        config = self.scope.path("prometheus.yml", "global: {scrape_interval: 1h}\n")
        return ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}", "--web.enable-remote-write-receiver",
                f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"]

    def ready(self):
        return fetch(self.base + "/-/ready")

    def query(self, expression):
        answer = fetch(self.base + "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return json.loads(answer)["data"]["result"] if answer else []

    def samples(self):
        found = {}
        for row in self.query("weir_made[10m]"):
            check_labels(row["metric"])
            found[int(row["metric"]["index"])] = [(round(float(at) * 1000), float(value)) for at, value in row["values"]]
        return found

    def current(self):
        return {int(row["metric"]["index"]) for row in self.query("weir_made")}


def check_labels(labels):
    equal("labels", {key: value for key, value in labels.items() if key != "index"}, {"__name__": "weir_made", "hostile": HOSTILE})


def wanted_samples(rounds, indices):
    """What push_probe has pushed: {index: [(ms, value)]}"""
    return {index: [(ms, 1000.0 * number + index) for number, ms in enumerate(rounds)] for index in indices}


def equal_samples(got, wanted):
    """Both {index: [(ms, value)]}; says where they differ."""
    equal("number of series", len(got), len(wanted))
    for index, values in wanted.items():
        equal(f"samples of series {index}", [(ms, value) for ms, value in got.get(index, [])], values)


def old_rounds(count, step_ms=1000, last_ms_ago=3000):
    """Times, some seconds ago, one behind the other."""
    last = int(time.time() * 1000) - last_ms_ago
    return [last - (count - 1 - i) * step_ms for i in range(count)]


def certificates(scope):
    """{name: path}: a CA, its certificate for 127.0.0.1 (good), one that has expired, one for another host, and another CA."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=scope.folder)

    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{ca}.key", "-out", f"{ca}.pem",
                "-days", "30", "-subj", f"/CN=weir test {ca}")
    scope.path("index.txt", "")
    scope.path("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n"
               "copy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n")
    for name, address, begin, end in (("good", "IP:127.0.0.1", "20200101000000Z", "20990101000000Z"),
                                      ("expired", "IP:127.0.0.1", "20200101000000Z", "20210101000000Z"),
                                      ("elsewhere", "DNS:elsewhere.example", "20200101000000Z", "20990101000000Z")):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName={address}")
        openssl("ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", f"{name}.csr", "-out", f"{name}.pem",
                "-startdate", begin, "-enddate", end, "-notext")
    return {name: scope.path(name) for name in ("ca.pem", "other.pem", "good.pem", "good.key", "expired.pem", "expired.key", "elsewhere.pem",
                                                "elsewhere.key")}
