#!/usr/bin/env python3
"""redis_benchmark: redis-server and redis-benchmark; weir's count of Redis round trips is the server's of its commands."""
from lib import Redis, Weir, counted, main, test, veth


def benchmark(namespace, address, *more):
    namespace.run("redis-benchmark", "-h", address, "-q", "-n", 50000, "-r", 1000, "-d", 100, *more, seconds=120)


@test
def set_and_get(scope):
    home = scope.namespace()
    redis, weir = Redis(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    benchmark(home, "127.0.0.1", "-t", "set,get", "-c", 4)
    return counted(weir, "redis", redis.commands, "redis-benchmark")


@test
def pipelined_by_16(scope):
    home = scope.namespace()
    redis, weir = Redis(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    benchmark(home, "127.0.0.1", "-t", "set,get", "-c", 4, "-P", 16)
    return counted(weir, "redis", redis.commands, "redis-benchmark -P 16")


@test
def many_kinds_of_command(scope):
    home = scope.namespace()
    redis, weir = Redis(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    home.run("redis-benchmark", "-q", "-n", 2000, "-c", 4, "-3", seconds=120)
    return counted(weir, "redis", redis.commands, "all of redis-benchmark, RESP3")


@test
def across_veth(scope):
    client, server = scope.namespace(), scope.namespace()
    veth(client, "c0", server, "s0")
    client.address("c0", "10.9.0.1/24")
    server.address("s0", "10.9.0.2/24")
    redis, weir = Redis(server, "10.9.0.2"), Weir(server, "-i", "s0", "-o", "none", "--summary")
    benchmark(client, "10.9.0.2", "-t", "set,get", "-c", 4, "-P", 4)
    return counted(weir, "redis", redis.commands, "redis-benchmark -P 4 across veth")


main()
