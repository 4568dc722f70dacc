"""What `weir drops` says, summed up by reason, function and interface of one network namespace."""
import collections
import json
import os
import time

from lib import Weir, until


class Drops(Weir):
    """A running `weir drops` that tells what one namespace drops."""

    def __init__(self, namespace, *arguments, only=True, interval="100ms"):
        self.read, self.namespace = 0, namespace
        here = ("--netns", str(os.stat(f"/proc/{namespace.pid}/ns/net").st_ino)) if only else ()
        super().__init__(namespace, "-o", "json", "-t", interval, *here, *arguments, command="drops")
        self.all = []

    def lines(self):
        """Those that came since the last call."""
        with open(self.out, "rb") as file:
            file.seek(self.read)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self.read += len(text)
        came = [json.loads(line) for line in text.splitlines()]
        self.all += came
        return came

    def forget(self):
        """What has been dropped so far."""
        self.settle()
        self.all = []

    def settle(self):
        """Waits until nothing comes any more."""
        def still():
            self.lines()
            before = len(self.all)
            time.sleep(0.3)
            self.lines()
            return len(self.all) == before
        until(still, 20, "silence")

    def sums(self, chosen=lambda line: True):
        """{(reason, function, interface): packets}"""
        found = collections.Counter()
        for line in self.all:
            if chosen(line):
                found[line["reason"], line.get("function"), line.get("interface")] += line["packets"]
        return dict(found)


def to_port(port):
    return lambda line: line.get("destination", {}).get("port") == port


def nstat(namespace, name):
    """A counter of /proc/net/snmp, snmp6 or netstat, by nstat's name."""
    said = namespace.run("nstat", "-asz", name)
    return int(next(line.split()[1] for line in said.splitlines() if line.split()[:1] == [name]))
