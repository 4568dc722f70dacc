#!/usr/bin/env python3
"""container_host: a host with a bridge, a container behind a veth, and an uplink; weir sees each request once there.

    outside ns  o0 ───── up0  host ns  br0 ── v0 ───── c0  container ns
"""
from lib import Nginx, Weir, counted, counts, equal, main, test, veth, wrk


def container_host(scope, bridged):
    """(outside, host, container); bridged: the uplink is a port of the bridge, else the host routes."""
    outside, host, container = scope.namespace(), scope.namespace(), scope.namespace()
    veth(outside, "o0", host, "up0")
    veth(container, "c0", host, "v0")
    host.ip("link", "add", "br0", "type", "bridge")
    host.ip("link", "set", "dev", "v0", "master", "br0")
    host.up("br0")
    if bridged:
        host.ip("link", "set", "dev", "up0", "master", "br0")
        outside.address("o0", "10.1.0.3/24")
    else:
        outside.address("o0", "10.2.0.2/24")
        host.address("up0", "10.2.0.1/24")
        outside.ip("route", "add", "10.1.0.0/24", "via", "10.2.0.1")
        host.forward()
    host.address("br0", "10.1.0.1/24")
    container.address("c0", "10.1.0.2/24")
    container.ip("route", "add", "default", "via", "10.1.0.1")
    return outside, host, container


def watched(scope, bridged, *flags):
    outside, host, container = container_host(scope, bridged)
    nginx, weir = Nginx(container), Weir(host, "-o", "none", "--summary", *flags)
    wrk(outside, "http://10.1.0.2:8080/", 3)
    return counted(weir, "http", nginx.requests, "outside to container")


@test
def routed_into_the_container(scope):
    return watched(scope, False, "-i", "any")


@test
def bridged_into_the_container(scope):
    return watched(scope, True, "-i", "any")


@test
def routed_with_four_workers(scope):
    return watched(scope, False, "-i", "any", "--workers", "4")


@test
def interfaces_by_name(scope):
    return watched(scope, False, "-i", "up0", "-i", "br0", "-i", "v0")


@test
def out_of_the_container(scope):
    outside, host, container = container_host(scope, False)
    nginx, weir = Nginx(outside), Weir(host, "-i", "any", "-o", "none", "--summary")
    wrk(container, "http://10.2.0.2:8080/", 3, 20, 10, "-H", "Connection: close")
    return counted(weir, "http", nginx.requests, "container to outside")


@test
def host_to_container(scope):
    _, host, container = container_host(scope, False)
    nginx, weir = Nginx(container), Weir(host, "-i", "any", "-o", "none", "--summary")
    wrk(host, "http://10.1.0.2:8080/", 3)
    return counted(weir, "http", nginx.requests, "host to container")


@test
def container_to_container(scope):
    _, host, one = container_host(scope, False)
    two = scope.namespace()
    veth(two, "c1", host, "v1")
    host.ip("link", "set", "dev", "v1", "master", "br0")
    two.address("c1", "10.1.0.4/24")
    nginx, weir = Nginx(two), Weir(host, "-i", "any", "-o", "none", "--summary")
    wrk(one, "http://10.1.0.4:8080/", 3)
    return counted(weir, "http", nginx.requests, "container to container")


@test
def lookups_of_the_container(scope):
    """The same for UDP, where no sequence number tells a copy from a repeated query."""
    from lib import Dnsmasq
    outside, host, container = container_host(scope, False)
    dnsmasq, weir = Dnsmasq(outside, "10.2.0.2"), Weir(host, "-i", "any", "-o", "none", "--summary")
    sent = dnsmasq.perf(container, "10.2.0.2", 3, 2000)
    summary = weir.stop()
    equal("container to outside: dns records", counts(summary)["dns"], sent, "summary: " + " / ".join(summary.splitlines()[:12]))
    return f"{sent} of {sent}"


main()
