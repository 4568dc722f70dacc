#!/usr/bin/env python3
"""dns_dnsperf: dnsmasq and dnsperf; weir's count of DNS round trips is dnsperf's of its queries."""
from lib import Dnsmasq, Weir, counted, main, test, veth


@test
def loopback(scope):
    home = scope.namespace()
    dnsmasq, weir = Dnsmasq(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    sent = dnsmasq.perf(home)
    return counted(weir, "dns", sent, "dnsperf over loopback")


@test
def many_sockets(scope):
    home = scope.namespace()
    dnsmasq, weir = Dnsmasq(home), Weir(home, "-i", "lo", "-o", "none", "--summary")
    sent = dnsmasq.perf(home, "127.0.0.1", 3, 3000, "-c", 100, "-e")
    return counted(weir, "dns", sent, "dnsperf -c 100 with EDNS")


@test
def over_tcp(scope):
    home = scope.namespace()
    dnsmasq = Dnsmasq(home)
    for last in (False, False, True):
        weir = Weir(home, "-i", "any", "-o", "none", "--summary")
        try:
            sent = dnsmasq.perf(home, "127.0.0.1", 3, 1000, "-m", "tcp", "-c", 4)
        except AssertionError as failure:
            # dnsperf's own: now and then it reads from a connection that it has closed.
            if last or "Bad file descriptor" not in str(failure):
                raise
            weir.stop()
            continue
        return counted(weir, "dns", sent, "dnsperf over TCP")


@test
def across_veth(scope):
    client, server = scope.namespace(), scope.namespace()
    veth(client, "c0", server, "s0")
    client.address("c0", "10.9.0.1/24")
    server.address("s0", "10.9.0.2/24")
    dnsmasq, weir = Dnsmasq(server, "10.9.0.2"), Weir(server, "-i", "any", "-o", "none", "--summary", "--workers", "2")
    sent = dnsmasq.perf(client, "10.9.0.2", 5, 3000, "-c", 20)
    return counted(weir, "dns", sent, "dnsperf across veth")


main()
