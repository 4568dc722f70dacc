#!/usr/bin/env python3
"""push_servers: what is pushed is queried back, sample by sample, from a real VictoriaMetrics and a real Prometheus; also what was
pushed while they were away."""
import signal
import time

from lib import equal, main, need, test, until
from lib_push import Probe, Prometheus, SecureVictoriaMetrics, VictoriaMetrics, certificates, equal_samples, old_rounds, wanted_samples

WRITE, IMPORT = "/api/v1/write", "/api/v1/import/prometheus"
SERIES = 2500


def exactly(scope, store, path):
    """Five rounds of 2500 series in requests of 1000, and every sample of them back."""
    probe = Probe(scope, store.base + path, series=SERIES, samples=1000)
    for ms in old_rounds(5):
        probe.round(ms)
    said = probe.settled()
    equal("delivered", said["delivered"], 5 * SERIES, probe.said()[-300:])
    wanted = wanted_samples(probe.rounds, range(SERIES))
    until(lambda: sum(map(len, store.samples().values())) >= 5 * SERIES, 20, "all samples in the store")
    equal_samples(store.samples(), wanted)
    return probe, f"{5 * SERIES} samples in {sum(said['requests'].values())} requests"


def ends(store, probe):
    """Removed series are gone from the next round on, though the store looks back five minutes; one comes back at once."""
    probe.ask("remove 100")
    probe.ask("add 1")
    probe.round(int(time.time() * 1000))
    probe.settled()
    until(lambda: store.current() == set(range(100, SERIES + 1)), 20, "an end of the removed series in the store")


@test
def victoria_metrics_remote_write(scope):
    need("victoria-metrics")
    store = VictoriaMetrics(scope)
    probe, note = exactly(scope, store, WRITE)
    ends(store, probe)
    markers = [values[-1] for index, values in store.samples().items() if index < 100]
    equal("ends of series", markers, [(probe.rounds[-1] - 1, None)] * 100)
    return note


@test
def victoria_metrics_text(scope):
    need("victoria-metrics")
    probe, note = exactly(scope, VictoriaMetrics(scope), IMPORT)
    probe.ask("remove 100")
    probe.round()
    said = probe.stop()
    equal("samples seen", said["seen"], 5 * SERIES + SERIES - 100)
    equal("delivered", said["delivered"], said["seen"])
    return note


@test
def prometheus_remote_write(scope):
    need("prometheus")
    store = Prometheus(scope)
    probe, note = exactly(scope, store, WRITE)
    ends(store, probe)
    # Prometheus takes nothing older than what it has: refused for good, said once.
    for _ in range(3):
        probe.round(probe.rounds[0] - 1000)
    said = probe.settled()
    equal("rejected", said["rejected"], 3 * (SERIES - 99))
    equal("lines about it", probe.said().count("answer 400"), 1, probe.said()[-400:])
    probe.says("out of order")
    return note


def away(scope, store, path):
    """The server is ended while rounds go on, and comes back: every round arrives, with its own time."""
    probe = Probe(scope, store.base + path, series=50, most_delay=500)
    probe.round()
    probe.settled()
    store.end()
    for _ in range(40):
        time.sleep(0.1)
        probe.round()
    said = probe.readings()
    equal("pending while away", said["pending"], 40 * 50)
    probe.says("will try again")
    store.start()
    said = probe.settled(30)
    equal("delivered", said["delivered"], 41 * 50)
    probe.says("works again")
    wanted = wanted_samples(probe.rounds, range(50))
    until(lambda: sum(map(len, store.samples().values())) >= 41 * 50, 20, "all samples in the store")
    equal_samples(store.samples(), wanted)
    if probe.said().count("\n") > 4:
        raise AssertionError("too many words: " + probe.said())
    return f"{said['retried'] // 50} attempts again"


@test
def victoria_metrics_away_remote_write(scope):
    need("victoria-metrics")
    return away(scope, VictoriaMetrics(scope), WRITE)


@test
def victoria_metrics_away_text(scope):
    need("victoria-metrics")
    return away(scope, VictoriaMetrics(scope), IMPORT)


@test
def prometheus_away(scope):
    need("prometheus")
    return away(scope, Prometheus(scope), WRITE)


@test
def victoria_metrics_hangs(scope):
    """It accepts and says nothing for a while. What it had taken before the time-out it has twice then: the same samples."""
    need("victoria-metrics")
    store = VictoriaMetrics(scope)
    probe = Probe(scope, store.base + WRITE, series=50, timeout=300, most_delay=300)
    probe.round()
    probe.settled()
    store.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(20):
            time.sleep(0.1)
            probe.round()
        equal("pending while it hangs", probe.readings()["pending"], 20 * 50)
    finally:
        store.process.send_signal(signal.SIGCONT)
    equal("delivered", probe.settled(30)["delivered"], 21 * 50)
    until(lambda: len({at for values in store.samples().values() for at, _ in values}) == 21, 20, "all rounds in the store")
    equal_samples({index: sorted(set(values)) for index, values in store.samples().items()}, wanted_samples(probe.rounds, range(50)))


@test
def away_for_longer_than_the_queue_holds(scope):
    """What overflows is counted, what is left is the newest, and it all arrives."""
    need("victoria-metrics")
    store = VictoriaMetrics(scope)
    store.end()
    probe = Probe(scope, store.base + WRITE, series=50, queue=20000, most_delay=300)
    for _ in range(100):
        probe.round()
        time.sleep(0.01)
    said = probe.readings()
    if not 0 < said["overflow"] < 100 * 50 or said["queue_bytes"] > 25000:
        raise AssertionError(f"overflow {said}")
    store.start()
    said = probe.settled(30)
    equal("delivered and overflow", said["delivered"] + said["overflow"], 100 * 50)
    kept = said["delivered"] // 50
    wanted = {index: values[-kept:] for index, values in wanted_samples(probe.rounds, range(50)).items()}
    until(lambda: sum(map(len, store.samples().values())) >= kept * 50, 20, "all samples in the store")
    equal_samples(store.samples(), wanted)
    return f"{kept} of 100 rounds kept"


@test
def victoria_metrics_with_tls_and_a_password(scope):
    need("victoria-metrics", "openssl")
    files = certificates(scope)
    store = SecureVictoriaMetrics(scope, files)
    url = f"https://127.0.0.1:{store.port}{WRITE}"
    probe = Probe(scope, url, ca=files["ca.pem"], user="weir", password="s3cret-word")
    probe.round()
    equal("delivered", probe.settled()["delivered"], 3, probe.said())
    equal("what is said", probe.said(), "")
    wrong = Probe(scope, url, ca=files["ca.pem"], user="weir", password="s3cret-wrong")
    for _ in range(3):
        wrong.round()
    equal("rejected", wrong.settled()["rejected"], 9, wrong.said())
    equal("lines", wrong.said().count("answer 401"), 1, wrong.said())
    for word in ("s3cret", "d2Vpcjpz"):  # plain, and as it is sent
        equal(f"'{word}' in what is said", word in wrong.said() + str(wrong.first), False)
    inside = Probe(scope, url.replace("://", "://weir:s3cret-word@"), ca=files["ca.pem"])
    equal("the target as shown", inside.first, {"ready": url})
    inside.round()
    equal("delivered", inside.settled()["delivered"], 3, inside.said())


if __name__ == "__main__":
    main(root=False)
