"""Every packet on an interface, recorded beside weir."""
import re
import signal

from lib import SLOWNESS, equal, need, until


class Recorder:
    """tcpdump of all TCP and UDP on an interface; `stop()` gives the file, which misses none."""

    def __init__(self, namespace, interface):
        need("tcpdump")
        self.path, said = namespace.scope.path("all.pcap"), namespace.scope.path("tcpdump.err")
        way = ("-Q", "in") if interface == "lo" else ()
        with open(said, "wb") as err:
            self.process = namespace.start("tcpdump", "-i", interface, *way, "-n", "-U", "-B", 65536, "-Z", "root", "-w", self.path,
                                           "tcp or udp", stderr=err)
        self.said = lambda: open(said, encoding="utf-8").read()
        until(lambda: "listening on" in self.said(), 10, "tcpdump")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=10 * SLOWNESS)
        equal("packets that tcpdump lost", re.search(r"(\d+) packets dropped by kernel", self.said()).group(1), "0")
        return self.path
