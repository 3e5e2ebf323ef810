#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A target that is silent from some time on.

	silent_target.py list		the cases: what is done until it is, port less the
					first, name
	silent_target.py ADDRESS PORT	listens on a port for each case, says so, and
					prints the name and "silent" whenever it is

What is done: "nothing", a "reset", a "write", or a "read".
"""
import sys
import threading

from good_target import CSTS, IDENTIFY, Target, listen
from pdu import C2H_DATA, CONNECT, FABRICS, PROPERTY_GET, PROPERTY_SET, READ, WRITE, data_pdu


def to(opcode, kind=None, offset=None, qid=0, connects=1, cns=None):
    """Silent to a command, if the host has sent Connect that often."""
    def silent(connection, command):
        if command is None or connection.target.connects < connects or command.opcode != opcode:
            return False
        if kind == CONNECT and command.entry[42] != qid:
            return False
        return (kind in (None, command.entry[4]) and offset in (None, command.dword(44))
                and cns in (None, command.dword(40) & 0xff))
    return silent


def to_end(wanted):
    """Silent when CC.EN and CC.SHN change to that."""
    def silent(connection, command):
        is_set = command and command.opcode == FABRICS and command.entry[4] == PROPERTY_SET
        return is_set and connection.cc & 1 and command.dword(48) & 0xc001 == wanted
    return silent


def to_icreq():
    """Silent to ICReq, once all queues have been connected."""
    ready = threading.Event()

    def silent(_, command):
        if command is None:
            return ready.is_set()
        # The I/O queue is the last.
        if command.opcode == FABRICS and command.entry[4] == CONNECT and command.entry[42]:
            ready.set()
        return False
    return silent


def lose(connection, command):
    """The target hangs up when it is to write."""
    if connection.qid and command.opcode == WRITE:
        raise OSError
    return False


def from_write_on():
    """Silent on all connections, once it is to write."""
    mute = threading.Event()

    def silent(connection, command):
        if command and connection.qid and command.opcode == WRITE:
            mute.set()
        return mute.is_set()
    return silent


def half():
    """Once, after something has been written, the first half of a PDU with data that
    are read, and then silence on that connection alone."""
    armed, mute = threading.Event(), []

    def on(connection, command):
        if connection in mute:
            return True
        if connection.qid and command.opcode == WRITE:
            armed.set()
        if not connection.qid or command.opcode != READ or not armed.is_set() or mute:
            return False
        mute.append(connection)
        pdu = data_pdu(C2H_DATA, command.cid, 0, 0, bytes(command.length))
        connection.send(pdu[:len(pdu) // 2])
        return True
    return on


def cases():
    """All: what is done, target."""
    again = (
        ("ICReq", to_icreq()),
        ("Connect", to(FABRICS, CONNECT)),
        ("Connect of an I/O queue", to(FABRICS, CONNECT, qid=1, connects=2)),
        ("Property Get", to(FABRICS, PROPERTY_GET, connects=2)),
        ("Property Get of CSTS", to(FABRICS, PROPERTY_GET, CSTS, connects=2)),
        ("Property Set", to(FABRICS, PROPERTY_SET, connects=2)),
        ("Identify", to(IDENTIFY, connects=2)),
    )
    for name, silent in again:
        yield "reset", Target(f"{name} in a reset", silent=silent)
    for name, silent in (("ICReq", to_icreq()), again[1]):
        yield "write", Target(f"{name} in a reconnect", silent=silent, on=lose)
    yield "reset", Target("Property Set in the beginning of a reset", silent=to_end(0))
    yield "nothing", Target("Identify in a scan", silent=to(IDENTIFY, cns=2))
    yield "nothing", Target("Property Set of a shutdown", silent=to_end(0x4001))
    yield "write", Target("everything", silent=from_write_on())
    yield "read", Target("the rest of a PDU", on=half())


def main():
    if sys.argv[1] == "list":
        for at, (done, target) in enumerate(cases()):
            print(done, at, target.name, sep="|")
        return
    listen((case[1] for case in cases()), sys.argv[1], int(sys.argv[2]))


if __name__ == "__main__":
    main()
