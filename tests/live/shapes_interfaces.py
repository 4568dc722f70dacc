#!/usr/bin/env python3
"""shapes_interfaces: which interfaces are watched: several, by glob, ones that come and go, ones that never were."""
import time

from lib import Nginx, Weir, counted, equal, main, test, veth


def asks(namespace, url, count):
    """`count` requests, a connection each"""
    namespace.run("python3", "-c", f"""
import urllib.request
for n in range({count}):
    urllib.request.urlopen("{url}", timeout=5).read()
""")


def joined(scope, home, other, number):
    """A veth pair vethN (10.N.0.1, in home) to peer (10.N.0.2, in other)"""
    veth(home, f"veth{number}", other, f"peer{number}")
    home.address(f"veth{number}", f"10.{number}.0.1/24")
    other.address(f"peer{number}", f"10.{number}.0.2/24")


@test
def several_interfaces(scope):
    home, other = scope.namespace(), scope.namespace()
    for number in (1, 2, 3):
        joined(scope, home, other, number)
    nginx = Nginx(home)
    weir = Weir(home, "-i", "veth1", "-i", "veth2", "-o", "none", "--summary")
    asks(other, "http://10.3.0.1:8080/", 7)  # not watched
    unseen = nginx.requests()
    asks(other, "http://10.1.0.1:8080/", 20)
    asks(other, "http://10.2.0.1:8080/", 30)
    return counted(weir, "http", lambda: nginx.requests() - unseen, "veth1 and veth2 of three")


@test
def a_glob(scope):
    home, other = scope.namespace(), scope.namespace()
    for number in (1, 2):
        joined(scope, home, other, number)
    nginx, weir = Nginx(home), Weir(home, "-i", "veth*", "-o", "none", "--summary")
    asks(home, "http://127.0.0.1:8080/", 9)  # lo is no veth*
    unseen = nginx.requests()
    asks(other, "http://10.1.0.1:8080/", 20)
    asks(other, "http://10.2.0.1:8080/", 30)
    return counted(weir, "http", lambda: nginx.requests() - unseen, "veth*")


@test
def an_interface_that_appears(scope):
    home, other = scope.namespace(), scope.namespace()
    joined(scope, home, other, 1)
    nginx, weir = Nginx(home), Weir(home, "-i", "veth*", "-o", "none", "--summary")
    asks(other, "http://10.1.0.1:8080/", 10)
    joined(scope, home, other, 2)
    time.sleep(1)  # what weir may take to notice
    asks(other, "http://10.2.0.1:8080/", 30)
    return counted(weir, "http", nginx.requests, "veth1, then veth2 too")


@test
def an_interface_that_appears_on_any(scope):
    home, other = scope.namespace(), scope.namespace()
    nginx, weir = Nginx(home), Weir(home, "-i", "any", "-o", "none", "--summary")
    joined(scope, home, other, 1)
    time.sleep(1)
    asks(other, "http://10.1.0.1:8080/", 30)
    return counted(weir, "http", nginx.requests, "any, then veth1")


@test
def an_interface_that_goes_and_returns(scope):
    home, other = scope.namespace(), scope.namespace()
    joined(scope, home, other, 1)
    joined(scope, home, other, 2)
    nginx, weir = Nginx(home), Weir(home, "-i", "veth*", "-o", "none", "--summary")
    asks(other, "http://10.2.0.1:8080/", 10)
    home.ip("link", "del", "veth2")
    asks(other, "http://10.1.0.1:8080/", 10)
    time.sleep(1)
    joined(scope, home, other, 2)
    time.sleep(1)
    asks(other, "http://10.2.0.1:8080/", 10)
    return counted(weir, "http", nginx.requests, "veth2 gone and back")


@test
def an_interface_that_goes_down_and_up(scope):
    home, other = scope.namespace(), scope.namespace()
    joined(scope, home, other, 1)
    nginx, weir = Nginx(home), Weir(home, "-i", "veth1", "-o", "none", "--summary")
    asks(other, "http://10.1.0.1:8080/", 10)
    home.ip("link", "set", "dev", "veth1", "down")
    time.sleep(0.5)
    home.ip("link", "set", "dev", "veth1", "up")
    time.sleep(0.5)
    asks(other, "http://10.1.0.1:8080/", 10)
    return counted(weir, "http", nginx.requests, "veth1 down and up")


@test
def an_unknown_interface(scope):
    home = scope.namespace()
    weir = Weir(home, "-i", "nosuch0", "-o", "none", ready=False)
    equal("exit code", weir.ended(5), 1, weir.said())
    if "nosuch0" not in weir.said():
        raise AssertionError(f"the message does not name it: {weir.said()}")


@test
def a_pcap_expression(scope):
    home = scope.namespace()
    wanted, other = Nginx(home, 8080), Nginx(home, 8081)
    weir = Weir(home, "-i", "any", "-f", "tcp port 8080", "-o", "none", "--summary")
    asks(home, "http://127.0.0.1:8080/", 30)
    asks(home, "http://127.0.0.1:8081/", 20)
    equal("nginx on 8081", other.requests(), 20)
    return counted(weir, "http", wanted.requests, "-f 'tcp port 8080'")


@test
def a_bad_pcap_expression(scope):
    weir = Weir(scope.namespace(), "-i", "lo", "-f", "tcp prot 80", "-o", "none", ready=False)
    if weir.ended(5) not in (1, 2) or "tcp prot 80" not in weir.said():
        raise AssertionError(f"exit code {weir.process.returncode}: {weir.said()}")


main()
