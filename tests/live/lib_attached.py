"""What is attached to interfaces, and tests for each way of attaching."""
import ctypes
import json
import re
import socket
import struct

from lib import Skip, test
from lib_inside import LIBC, inside

SYS_BPF, BPF_PROG_QUERY, TCX = 321, 16, {"ingress": 46, "egress": 47}
MODES = ("tcx", "clsact")


def tcx_programs(namespace, interface):
    """How many programs are attached by TCX, both ways; None where the kernel has none."""
    with inside(namespace):
        index, found = socket.if_nametoindex(interface), 0
        for kind in TCX.values():
            ids = (ctypes.c_uint32 * 16)()
            attributes = ctypes.create_string_buffer(
                struct.pack("@IIIIQII", index, kind, 0, 0, ctypes.addressof(ids), 16, 0) + bytes(88))
            if LIBC.syscall(SYS_BPF, BPF_PROG_QUERY, attributes, 64):
                if ctypes.get_errno() == 2:  # nothing has ever been attached
                    continue
                return None
            found += struct.unpack_from("@I", attributes, 24)[0]
    return found


def clsact_filters(namespace, interface):
    """The names of the programs in its clsact qdisc; None where there is no such qdisc."""
    if "clsact" not in namespace.run("tc", "qdisc", "show", "dev", interface):
        return None
    said = "".join(namespace.run("tc", "filter", "show", "dev", interface, way) for way in TCX)
    return re.findall(r"handle \S+ (\S+?):\[", said)


def need_mode(namespace, mode):
    if mode == "tcx" and tcx_programs(namespace, "lo") is None:
        raise Skip("this kernel has no TCX")


def each_mode(function):
    """A test for TCX and one for clsact."""
    def made(mode):
        def run(scope):
            return function(scope, mode)
        run.__name__ = f"{function.__name__}_by_{mode}"
        return run
    for mode in MODES:
        test(made(mode))
    return function


def xdp_of(namespace, interface):
    """(mode, program id) of the XDP program of an interface; None where it has none. Modes: 1 driver, 2 generic."""
    xdp = json.loads(namespace.ip("-j", "-d", "link", "show", "dev", interface))[0].get("xdp")
    return (xdp["mode"], xdp["prog"]["id"]) if xdp and "prog" in xdp else None


def attached(namespace, interface):
    """Whether anything is, in whatever way."""
    return bool(tcx_programs(namespace, interface) or clsact_filters(namespace, interface) or xdp_of(namespace, interface))
