"""Every packet on an interface, recorded beside weir."""
import os
import re
import signal
import time

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

    def settled(self):
        size = os.path.getsize(self.path)
        time.sleep(max(1, SLOWNESS / 4))
        return os.path.getsize(self.path) == size

    def stop(self):
        until(self.settled, 20, "the end of the recording")  # what tcpdump has not read yet is lost at its end
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=10 * SLOWNESS)
        equal("packets that tcpdump lost", re.search(r"(\d+) packets dropped by kernel", self.said()).group(1), "0")
        return self.path
