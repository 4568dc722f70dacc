#!/usr/bin/env python3
"""container_vxlan: traffic inside a VXLAN tunnel that crosses a routing host, on which weir runs with four workers.

    a ns  a0 ───── ma  middle ns  mb ───── b0  b ns       vx (192.168.7.1) ═══ VXLAN ═══ vx (192.168.7.2)
"""
from lib import Dnsmasq, Nginx, Redis, Skip, Weir, counted, main, test, veth, wrk


def tunnel(scope):
    a, middle, b = scope.namespace(), scope.namespace(), scope.namespace()
    veth(a, "a0", middle, "ma")
    veth(b, "b0", middle, "mb")
    middle.forward()
    for end, ours, name, host in ((a, "a0", "ma", 1), (b, "b0", "mb", 2)):
        middle.address(name, f"10.{host}.0.1/24")
        end.address(ours, f"10.{host}.0.2/24")
        end.ip("route", "add", "default", "via", f"10.{host}.0.1")
        try:
            end.ip("link", "add", "vx", "type", "vxlan", "id", "42", "dstport", "4789", "local", f"10.{host}.0.2",
                   "remote", f"10.{3 - host}.0.2", "dev", ours)
        except AssertionError as refused:
            raise Skip(f"no VXLAN in this kernel: {refused}") from None
        end.address("vx", f"192.168.7.{host}/24")
        end.up("vx")
    return a, middle, b


@test
def http_with_four_workers(scope):
    a, middle, b = tunnel(scope)
    nginx = Nginx(b)
    weir = Weir(middle, "-i", "any", "--decapsulate", "--workers", "4", "-o", "none", "--summary")
    wrk(a, "http://192.168.7.2:8080/", 3, 40, 15)
    return counted(weir, "http", nginx.requests, "inside VXLAN")


@test
def a_connection_each_with_four_workers(scope):
    a, middle, b = tunnel(scope)
    nginx = Nginx(b)
    weir = Weir(middle, "-i", "any", "--decapsulate", "--workers", "4", "-o", "none", "--summary")
    wrk(a, "http://192.168.7.2:8080/", 3, 20, 15, "-H", "Connection: close")
    return counted(weir, "http", nginx.requests, "inside VXLAN, a connection each")


@test
def redis_with_four_workers(scope):
    a, middle, b = tunnel(scope)
    redis = Redis(b, "192.168.7.2")
    weir = Weir(middle, "-i", "ma", "--decapsulate", "--workers", "4", "-o", "none", "--summary")
    a.run("redis-benchmark", "-h", "192.168.7.2", "-q", "-n", 10000, "-t", "set,get", "-c", 8, "-P", 4, seconds=120)
    return counted(weir, "redis", redis.commands, "inside VXLAN")


@test
def dns_with_four_workers(scope):
    a, middle, b = tunnel(scope)
    dnsmasq = Dnsmasq(b, "192.168.7.2")
    weir = Weir(middle, "-i", "any", "--decapsulate", "--workers", "4", "-o", "none", "--summary")
    sent = dnsmasq.perf(a, "192.168.7.2", 3, 2000, "-c", 20)
    return counted(weir, "dns", sent, "inside VXLAN")


main()
