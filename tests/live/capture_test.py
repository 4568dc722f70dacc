#!/usr/bin/env python3
"""capture_test [WORD]...: live capture in network namespaces of its own; of the tests those whose names hold the words.

Runs capture_probe, which lies beside the binary WEIR or is named by CAPTURE_PROBE. Needs root.
"""
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from lib_inside import at

PROBE = ""
# For a machine that is slower by this factor (an emulated one): waits and limits grow with it.
SLOWNESS = int(os.environ.get("WEIR_TEST_SLOWNESS", "1"))
NAMES = [f"weir{os.getpid()}{side}" for side in "ab"]
A, B = NAMES


def within(ns):
    """Not `ip netns exec`, which mounts /sys anew: that fails where / is no mount point (a chroot)."""
    return ["nsenter", f"--net=/run/netns/{ns}"]


def ip(*words, ns=None, check=True):
    command = (within(ns) if ns else []) + ["ip"] + [str(word) for word in words]
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done


def inside(ns):
    return at(f"/run/netns/{ns}")


class Probe:
    """A running capture_probe; result() ends it and gives what it printed."""

    def __init__(self, ns, *options, prefix=()):
        self.process = subprocess.Popen(
            [*within(ns), *prefix, PROBE, *map(str, options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != "ready\n":
            raise RuntimeError(f"capture_probe: {line}{self.process.communicate()[1]}")

    def wait_for(self, line):
        """Reads up to this line: "began NAME" or "ended NAME"."""
        while True:
            got = self.process.stdout.readline()
            if got == "":
                raise RuntimeError(f"capture_probe ended without: {line}")
            if got == line + "\n":
                return

    def result(self, settle=0.2):
        """`settle`: how long what was captured may take to be read."""
        time.sleep(settle * SLOWNESS)
        out, self.errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.errors
        return json.loads(out.splitlines()[-1])


def total(result, key):
    """Sum over the workers of a number, or of each entry of a table."""
    values = [worker[key] for worker in result["workers"]]
    if not values or not isinstance(values[0], dict):
        return sum(values)
    tables = {}
    for table in values:
        for name, count in table.items():
            tables[name] = tables.get(name, 0) + count
    return tables


def workers_of(result, flow):
    return [i for i, worker in enumerate(result["workers"]) if flow in worker["flows"]]


def send_udp(ns, source_port, target, port, count, size=10):
    with inside(ns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("", source_port))
        for _ in range(count):
            sender.sendto(b"x" * size, (target, port))


def tcp_connections(server_ns, client_ns, address, count, size=100):
    """Opens connections, sends `size` bytes both ways in each; returns their flows."""
    with inside(server_ns):
        listener = socket.create_server((address, 0), backlog=count)
    port = listener.getsockname()[1]

    def serve():
        for _ in range(count):
            connection, _ = listener.accept()
            with connection:
                left = size
                while left > 0:
                    left -= len(connection.recv(left))
                connection.sendall(b"y" * size)

    server = threading.Thread(target=serve)
    server.start()
    flows = []
    for _ in range(count):
        with inside(client_ns):
            client = socket.socket()
        with client:
            client.settimeout(10)
            client.connect((address, port))
            flows.append("-".join(map(str, sorted((port, client.getsockname()[1])))))
            client.sendall(b"x" * size)
            left = size
            while left > 0:
                left -= len(client.recv(left))
    server.join()
    listener.close()
    return flows


def udp_packet(source, target, source_port, port, payload=b"z" * 20):
    udp = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(target)) + udp


class CaptureTest(unittest.TestCase):
    def setUp(self):
        for name in NAMES:
            ip("netns", "add", name)
            self.addCleanup(ip, "netns", "del", name, check=False)
            ip("link", "set", "lo", "up", ns=name)
        ip("link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", B, ns=A)
        for name, device, host in ((A, "va", 1), (B, "vb", 2)):
            ip("addr", "add", f"10.9.0.{host}/24", "dev", device, ns=name)
            ip("link", "set", device, "up", ns=name)
        subprocess.run([*within(A), "ping", "-c1", "-w5", "10.9.0.2"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def add_vxlan(self):
        for name, device, host, peer in ((A, "va", 1, 2), (B, "vb", 2, 1)):
            if ip("link", "add", "vx", "type", "vxlan", "id", 7, "dstport", 4789, "local",
                  f"10.9.0.{host}", "remote", f"10.9.0.{peer}", "dev", device,
                  ns=name, check=False).returncode != 0:
                self.skipTest("this kernel has no vxlan")
            ip("addr", "add", f"10.8.0.{host}/24", "dev", "vx", ns=name)
            ip("link", "set", "vx", "up", ns=name)

    def test_loopback_is_not_doubled(self):
        for options in ([], ["-i", "lo"], ["-i", "l*"], ["-w", 2], ["-w", 2, "-i", "lo"]):
            with self.subTest(options=options):
                probe = Probe(A, *options)
                send_udp(A, 5000, "127.0.0.1", 5001, 200)
                result = probe.result()
                self.assertEqual(total(result, "flows").get("5000-5001"), 200)
                # The packets, and the ICMP answers that nobody listens: not twice as many. The kernel's
                # count is taken after the last packet was read; another of the namespace may come between.
                difference = total(result, "kernel_packets") - total(result, "packets")
                self.assertIn(difference, range(20))

    def test_both_ways_of_a_tunnelled_connection_reach_one_worker(self):
        self.add_vxlan()
        for workers in (2, 3, 4):
            with self.subTest(workers=workers):
                probe = Probe(A, "-w", workers)
                flows = tcp_connections(B, A, "10.8.0.2", 100)
                result = probe.result()
                torn = [flow for flow in flows if len(workers_of(result, flow)) != 1]
                self.assertEqual(torn, [])
                counts = total(result, "flows")
                # Handshake, data and end, both ways, on the tunnel's device and below it.
                self.assertTrue(all(counts[flow] >= 2 * 8 for flow in flows), counts)
                shares = [sum(flow in worker["flows"] for flow in flows)
                          for worker in result["workers"]]
                self.assertGreater(min(shares), 100 / workers / 3, shares)
                self.assertEqual(total(result, "kernel_drops"), 0)

    def test_fragments_of_one_flow_reach_one_worker(self):
        probe = Probe(B, "-w", 4, "-f", "udp")
        for _ in range(20):
            send_udp(A, 6000, "10.9.0.2", 6001, 1, size=8000)
        result = probe.result()
        used = [worker["ipv4"] for worker in result["workers"] if worker["ipv4"]]
        self.assertEqual(used, [20 * 6])

    def test_the_filter_runs_in_the_kernel(self):
        probe = Probe(A, "-i", "va", "-f", "udp port 7001")
        send_udp(A, 7000, "10.9.0.2", 7001, 50)
        send_udp(A, 7000, "10.9.0.2", 7002, 50)
        result = probe.result()
        self.assertEqual(total(result, "flows"), {"7000-7001": 50})
        self.assertEqual(total(result, "kernel_packets"), 50)

    def test_only_the_interfaces_asked_for(self):
        for options in (["-i", "va"], ["-w", 2, "-i", "va"], ["-i", "v?", "-i", "absent*"]):
            with self.subTest(options=options):
                probe = Probe(A, *options)
                send_udp(A, 5000, "127.0.0.1", 5001, 20)
                send_udp(A, 5000, "10.9.0.2", 5001, 20)
                result = probe.result()
                self.assertEqual(set(total(result, "interfaces")), {"va"})
                self.assertEqual(total(result, "flows")["5000-5001"], 20)

    def test_an_unknown_name_is_an_error_that_helps(self):
        with self.assertRaisesRegex(RuntimeError, "no interface vaa; is it va\\?"):
            Probe(A, "-i", "vaa")
        with self.assertRaisesRegex(RuntimeError, "filter 'tcp prt 1': .*syntax error"):
            Probe(A, "-f", "tcp prt 1")

    def add_later(self, index):
        ip("link", "add", "later0", "index", index, "type", "veth", "peer", "name", "peer0",
           ns=A)
        ip("addr", "add", "10.7.0.1/24", "dev", "later0", ns=A)
        ip("link", "set", "later0", "up", ns=A)
        ip("link", "set", "peer0", "up", ns=A)
        ip("neigh", "replace", "10.7.0.2", "lladdr", "02:00:00:00:00:02", "dev", "later0", ns=A)

    def test_interfaces_that_appear_later_and_again(self):
        for options in (["-i", "later*"], ["-w", 2, "-i", "later*"]):
            with self.subTest(options=options):
                probe = Probe(A, *options)
                for index, port in ((77, 8001), (77, 8002), (78, 8003)):
                    self.add_later(index)
                    probe.wait_for("began later0")
                    send_udp(A, 8000, "10.7.0.2", port, 30)
                    ip("link", "del", "later0", ns=A)
                    probe.wait_for("ended later0")
                result = probe.result()
                self.assertEqual(total(result, "flows"),
                                 {"8000-8001": 30, "8000-8002": 30, "8000-8003": 30})
                self.assertLess(result["cpu_us"], 200_000 * SLOWNESS)

    def test_a_bound_interface_goes_and_comes_back(self):
        self.add_later(77)
        probe = Probe(A, "-i", "later0")
        for index, port in ((77, 8001), (77, 8002), (78, 8003)):
            if port > 8001:
                self.add_later(index)
                probe.wait_for("began later0")
            send_udp(A, 8000, "10.7.0.2", port, 30)
            ip("link", "set", "later0", "down", ns=A)
            time.sleep(0.1)
            ip("link", "del", "later0", ns=A)
            probe.wait_for("ended later0")
        result = probe.result()
        self.assertEqual(total(result, "flows"),
                         {"8000-8001": 30, "8000-8002": 30, "8000-8003": 30})
        self.assertLess(result["cpu_us"], 200_000 * SLOWNESS)

    def test_one_replaced_between_two_looks_is_followed(self):
        self.add_later(77)
        probe = Probe(A, "-i", "later0")
        probe.process.send_signal(signal.SIGSTOP)
        ip("link", "del", "later0", ns=A)
        self.add_later(77)
        probe.process.send_signal(signal.SIGCONT)
        time.sleep(0.3 * SLOWNESS)
        send_udp(A, 8000, "10.7.0.2", 8001, 30)
        self.assertEqual(total(probe.result(), "flows").get("8000-8001"), 30)

    def test_lost_interface_events_are_made_up_for(self):
        probe = Probe(A, "-i", "later*")
        probe.process.send_signal(signal.SIGSTOP)
        churn = "".join(f"link add x{i} type veth peer name y{i}\nlink del x{i}\n"
                        for i in range(300))
        subprocess.run([*within(A), "ip", "-batch", "-"], input=churn, text=True, check=True)
        self.add_later(77)
        with inside(A), open("/proc/thread-self/net/netlink", encoding="ascii") as table:
            drops = sum(int(line.split()[8]) for line in table.readlines()[1:])
        self.assertGreater(drops, 0, "the queue was too long to overflow")
        probe.process.send_signal(signal.SIGCONT)
        probe.wait_for("began later0")
        send_udp(A, 8000, "10.7.0.2", 8001, 30)
        self.assertEqual(total(probe.result(), "flows"), {"8000-8001": 30})

    def test_a_renamed_interface_is_judged_by_its_new_name(self):
        self.add_later(77)
        probe = Probe(A, "-i", "later*")
        send_udp(A, 8000, "10.7.0.2", 8001, 10)
        time.sleep(0.2 * SLOWNESS)
        for name, state, port in (("other0", "ended later0", 8002),
                                  ("later9", "began later9", 8003)):
            ip("link", "set", "dev", "later0" if port == 8002 else "other0", "down", ns=A)
            ip("link", "set", "dev", "later0" if port == 8002 else "other0", "name", name, ns=A)
            ip("link", "set", "dev", name, "up", ns=A)
            ip("neigh", "replace", "10.7.0.2", "lladdr", "02:00:00:00:00:02", "dev", name, ns=A)
            probe.wait_for(state)
            send_udp(A, 8000, "10.7.0.2", port, 10)
        self.assertEqual(total(probe.result(), "flows"), {"8000-8001": 10, "8000-8003": 10})

    def test_drops_are_counted(self):
        # Two blocks of 512 KiB and a reader that waits 2 ms at each packet.
        probe = Probe(A, "-i", "lo", "-m", 1, "-s", 2000, "-f", "udp dst port 5001")
        send_udp(A, 5000, "127.0.0.1", 5001, 2000, size=1400)
        result = probe.result(settle=3)
        packets, drops = total(result, "kernel_packets"), total(result, "kernel_drops")
        self.assertEqual(packets, 2000)
        self.assertGreater(drops, 500)
        self.assertEqual(total(result, "packets"), packets - drops)

    def test_an_idle_ring_costs_nothing_and_packets_are_prompt(self):
        probe = Probe(A, "-w", 2, "-i", "lo")
        time.sleep(1)
        send_udp(A, 5000, "127.0.0.1", 5001, 1)
        result = probe.result()
        self.assertLess(result["cpu_us"], 20_000 * SLOWNESS)
        delay = max(worker["worst_delay_ns"] for worker in result["workers"])
        self.assertGreater(delay, 0)
        self.assertLess(delay, 200_000_000 * SLOWNESS)

    def test_super_packets_are_whole(self):
        probe = Probe(A, "-f", "tcp")
        tcp_connections(A, A, "127.0.0.1", 3, size=20_000_000)
        result = probe.result()
        self.assertEqual(total(result, "cut"), 0)
        self.assertEqual(total(result, "bytes"), total(result, "wire_bytes"))
        self.assertGreater(total(result, "bytes") + total(result, "kernel_drops") * 65536,
                           2 * 3 * 20_000_000)
        # The MTU of loopback, 64 KiB, is what a packet holds here.
        self.assertGreater(total(result, "bytes") / total(result, "packets"), 5000)

    def test_tags_in_the_frame(self):
        eth = bytes.fromhex("020000000002020000000001")
        plain, tag = struct.pack("!H", 0x0800), struct.pack("!HH", 0x8100, 100)
        flows = [f"9000-{port}" for port in range(9001, 9011)]
        for tags, in_type, out_type in ((tag, "0x0800", "0x8100"),
                                        (struct.pack("!HH", 0x88a8, 7) + tag, "0x8100", "0x88a8")):
            for ns, device, ether_type in ((A, "va", out_type), (B, "vb", in_type)):
                with self.subTest(tags=tags.hex(), device=device):
                    probe = Probe(ns, "-w", 2, "-i", device)
                    with inside(A), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                        raw.bind(("va", 0))
                        for port in range(9001, 9011):
                            packet = plain + udp_packet("1.1.1.1", "2.2.2.2", 9000, port)
                            raw.send(eth + tags + packet)
                            raw.send(eth + packet)
                    result = probe.result()
                    self.assertEqual(total(result, "flows"), dict.fromkeys(flows, 2))
                    self.assertEqual([f for f in flows if len(workers_of(result, f)) != 1], [])
                    self.assertGreaterEqual(total(result, "ether_types").get(ether_type), 10)

    def test_vlan_devices_with_the_tag_put_in_by_software(self):
        for name, device, host in ((A, "va", 1), (B, "vb", 2)):
            made = ip("link", "add", "link", device, "name", "tagged0", "type", "vlan", "id", 5,
                      ns=name, check=False)
            if made.returncode != 0:
                self.skipTest("this kernel has no vlan devices")
            ip("addr", "add", f"10.4.0.{host}/24", "dev", "tagged0", ns=name)
            ip("link", "set", "tagged0", "up", ns=name)
        with inside(A), socket.socket() as any_socket:
            # ETHTOOL_SFLAGS without ETH_FLAG_TXVLAN: a device that cannot insert tags itself.
            value = ctypes.create_string_buffer(struct.pack("II", 0x26, 0))
            fcntl.ioctl(any_socket, 0x8946,
                        struct.pack("16sP16x", b"va", ctypes.addressof(value)))
        probe = Probe(A, "-w", 3)
        flows = tcp_connections(B, A, "10.4.0.2", 30)
        result = probe.result()
        self.assertEqual([f for f in flows if len(workers_of(result, f)) != 1], [])
        self.assertGreater(total(result, "ether_types").get("0x8100", 0), 30 * 3)
        counts = total(result, "flows")
        self.assertTrue(all(counts[flow] >= 2 * 8 for flow in flows), counts)

    def test_headers_outside_the_linear_part(self):
        # A raw socket leaves all but the link header of a packet this large in fragments.
        for name, device in ((A, "va"), (B, "vb")):
            ip("link", "set", device, "mtu", 9000, ns=name)
        eth = bytes.fromhex("0200000000020200000000010800")
        for name, device in ((A, "va"), (B, "vb")):
            with self.subTest(device=device):
                probe = Probe(name, "-w", 2, "-i", device, "-f", "udp")
                with inside(A), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                    raw.bind(("va", 0))
                    for port in range(9000, 9020):
                        for source, target, ports in (("1.1.1.1", "2.2.2.2", (port, 80)),
                                                      ("2.2.2.2", "1.1.1.1", (80, port))):
                            raw.send(eth + udp_packet(source, target, *ports, b"x" * 8500))
                result = probe.result()
                flows = [f"80-{port}" for port in range(9000, 9020)]
                self.assertEqual([f for f in flows if len(workers_of(result, f)) != 1], [])
                self.assertTrue(all(worker["flows"] for worker in result["workers"]))
                self.assertEqual(total(result, "flows"), dict.fromkeys(flows, 2))

    def test_a_device_without_link_header(self):
        try:
            with inside(A):
                tun = os.open("/dev/net/tun", os.O_RDWR)
        except OSError as error:
            self.skipTest(f"no /dev/net/tun: {error}")
        self.addCleanup(os.close, tun)
        with inside(A):
            fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))
        ip("addr", "add", "10.6.0.1/24", "dev", "tun0", ns=A)
        ip("link", "set", "tun0", "up", ns=A)
        probe = Probe(A, "-w", 2, "-f", "udp port 9001")
        for _ in range(10):
            os.write(tun, udp_packet("10.6.0.2", "10.6.0.1", 9000, 9001))
            os.write(tun, udp_packet("10.6.0.2", "10.6.0.1", 9000, 9002))
        send_udp(A, 9001, "10.6.0.2", 9000, 10)
        result = probe.result()
        self.assertEqual(total(result, "interfaces"), {"tun0": 20})
        self.assertEqual(total(result, "flows"), {"9000-9001": 20})
        self.assertEqual(len(workers_of(result, "9000-9001")), 1)

    def test_tunnels_without_link_header(self):
        missing = []
        for kind in ("ipip", "gre", "sit"):
            with self.subTest(kind=kind):
                made = None
                for name, host, peer in ((A, 1, 2), (B, 2, 1)):
                    made = ip("link", "add", "tn", "type", kind, "local", f"10.9.0.{host}",
                              "remote", f"10.9.0.{peer}", ns=name, check=False)
                    if made.returncode != 0:
                        break
                    if kind == "sit":
                        ip("link", "set", "tn", "type", "sit", "mode", "any", ns=name, check=False)
                    ip("addr", "add", f"10.5.0.{host}/24", "dev", "tn", ns=name)
                    ip("link", "set", "tn", "up", ns=name)
                if made.returncode != 0:
                    missing.append(kind)
                    continue
                probe = Probe(A, "-w", 3)
                flows = tcp_connections(B, A, "10.5.0.2", 50)
                result = probe.result()
                for name in NAMES:
                    ip("link", "del", "tn", ns=name)
                self.assertEqual([f for f in flows if len(workers_of(result, f)) != 1], [])
                self.assertGreater(total(result, "interfaces")["tn"], 50 * 8 - 1)
        if missing:
            self.skipTest(f"this kernel has no {', '.join(missing)}")

    def test_promiscuous_mode_ends_with_the_process(self):
        def promiscuity(device):
            shown = json.loads(ip("-d", "-j", "link", "show", device, ns=A).stdout)
            return shown[0]["promiscuity"]

        probe = Probe(A, "-p", "-i", "v*")
        self.assertEqual(promiscuity("va"), 1)
        probe.result()
        self.assertEqual(promiscuity("va"), 0)

    def test_without_cap_bpf_one_worker_does_it_and_says_so(self):
        prefix = ("setpriv", "--reuid", "65534", "--inh-caps", "-all,+net_raw", "--ambient-caps",
                  "-all,+net_raw")
        probe = Probe(A, "-w", 2, prefix=prefix)
        send_udp(A, 5000, "127.0.0.1", 5001, 20)
        result = probe.result()
        self.assertEqual(len(result["workers"]), 1)
        self.assertIn("one worker", probe.errors)
        self.assertIn("cap_bpf", probe.errors)
        self.assertEqual(total(result, "flows")["5000-5001"], 20)


class Lines(unittest.TestResult):
    """One line per test: PASS, FAIL or SKIPPED, its name, and why."""

    def say(self, result, case, why=""):
        name = case.id().rpartition(".")[2].removeprefix("test_").replace("_", " ")
        print(f"{result} {name}{f' ({why})' if why else ''}", flush=True)

    def fail(self, case, error):
        why = " ".join(str(error[1]).split()).replace("(", "[").replace(")", "]")
        self.say("FAIL", case, why[:200])

    def addSuccess(self, test):
        if all(test is not failed for failed, _ in self.failures):
            self.say("PASS", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say("SKIPPED", test, reason.replace("(", "[").replace(")", "]"))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, err)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            super().addFailure(test, err)
            self.fail(test, err)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root, for network namespaces and packet sockets")
        sys.exit(77)
    weir = os.environ.get("WEIR", os.path.join(os.path.dirname(__file__), "../../build/release/weir"))
    PROBE = os.path.abspath(os.environ.get("CAPTURE_PROBE",
                                           os.path.join(os.path.dirname(weir), "capture_probe")))
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(CaptureTest)
    tests = unittest.TestSuite(test for test in tests if all(word in test.id() for word in sys.argv[1:]))
    sys.exit(0 if tests.run(Lines()).wasSuccessful() else 1)
