#!/usr/bin/env python3
"""http_wrk: nginx and wrk; weir's count of HTTP round trips is that of nginx's log."""
from lib import Nginx, Weir, counted, main, pipelining, test, veth, wrk


def pair(scope):
    """(client's, server's) namespace joined by a veth pair: c0 10.9.0.1 and s0 10.9.0.2"""
    client, server = scope.namespace(), scope.namespace()
    veth(client, "c0", server, "s0")
    client.address("c0", "10.9.0.1/24")
    client.address("c0", "fd09::1/64")
    server.address("s0", "10.9.0.2/24")
    server.address("s0", "fd09::2/64")
    return client, server


@test
def loopback_on_any(scope):
    home = scope.namespace()
    nginx, weir = Nginx(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    wrk(home, "http://127.0.0.1:8080/")
    return counted(weir, "http", nginx.requests, "wrk over loopback")


@test
def loopback_on_lo_over_ipv6(scope):
    home = scope.namespace()
    nginx, weir = Nginx(home), Weir(home, "-i", "lo", "-o", "none", "--summary")
    wrk(home, "http://[::1]:8080/", 3)
    return counted(weir, "http", nginx.requests, "wrk over loopback")


@test
def pipelined(scope):
    home = scope.namespace()
    nginx, weir = Nginx(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    pipelining(home, "127.0.0.1")
    return counted(weir, "http", nginx.requests, "eight requests at once")


@test
def a_connection_each(scope):
    home = scope.namespace()
    nginx, weir = Nginx(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    wrk(home, "http://127.0.0.1:8080/", 3, 20, 10, "-H", "Connection: close")
    return counted(weir, "http", nginx.requests, "wrk with Connection: close")


@test
def large_bodies(scope):
    home = scope.namespace()
    nginx, weir = Nginx(home, size=100_000), Weir(home, "-i", "any", "-o", "none", "--summary")
    wrk(home, "http://127.0.0.1:8080/", 3, 10, 10)
    return counted(weir, "http", nginx.requests, "wrk with bodies of 100 kB")


@test
def veth_at_the_client(scope):
    client, server = pair(scope)
    nginx, weir = Nginx(server), Weir(client, "-i", "c0", "-o", "none", "--summary")
    wrk(client, "http://10.9.0.2:8080/")
    return counted(weir, "http", nginx.requests, "wrk across veth")


@test
def veth_at_the_server_on_any(scope):
    client, server = pair(scope)
    nginx, weir = Nginx(server), Weir(server, "-i", "any", "-o", "none", "--summary")
    wrk(client, "http://[fd09::2]:8080/")
    return counted(weir, "http", nginx.requests, "wrk across veth")


@test
def four_workers(scope):
    client, server = pair(scope)
    nginx, weir = Nginx(server), Weir(server, "-i", "any", "-o", "none", "--summary", "--workers", "4")
    wrk(client, "http://10.9.0.2:8080/", 3, 40, 10)
    return counted(weir, "http", nginx.requests, "wrk across veth")


main()
