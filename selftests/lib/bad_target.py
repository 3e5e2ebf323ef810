#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A target that breaks the rules of NVMe/TCP.

	bad_target.py list		the cases: kind, port less the first, what
					becomes of Connect, what the host says by
					H2CTermReq ("FES FEI" or -), name
	bad_target.py ADDRESS PORT	listens on a port for each case, says so, and
					prints the name and what the host has said

Kinds: what a host has to do to see it is "connect", "read", "write", "reset",
a reset that gets "stuck", a "scan" for namespaces, or "scans" that are cut short.
Connect "fails" or "works"; where it is the host's choice, "either".
"""
import itertools
import socket
import struct
import sys
import threading
import time

from good_target import CAP, CRTO, CSTS, IDENTIFY, Target, listen
from pdu import (C2H_DATA, C2H_TERM, CMD, CONNECT, DDGST, FABRICS, FLUSH, GARBAGE, H2C_DATA, HDGST,
                 ICREQ, ICRESP, LAST, READ, SUCCESS, WRITE, capsule, data_pdu, ic, patched, r2t,
                 response, sqe, term)

READY_ONCE = 127 | 1 << 16 | 20 << 24 | 1 << 37 | 3 << 59


def fields(pdu, table):
    """A PDU with other values in a field: name, bytes, what the host says."""
    for name, at, form, values, told in table:
        for value in values:
            yield f"{name} {value:#x}", patched(pdu, at, struct.pack(form, value)), told


def icresps():
    """Instead of ICResp: name, bytes, what the host says."""
    good = ic(ICRESP, last=131072)
    yield "nothing, and the end", b"", None
    yield "garbage", GARBAGE, "1 0"
    yield "C2HTermReq", term(C2H_TERM, 6, 8), None
    yield "C2HTermReq that is too long", term(C2H_TERM, plen=153), None
    yield "an answer", response(0).ljust(128, b"\0"), "2 0"
    yield from fields(good, (
        ("type", 0, "B", (0x0a, 0xff, ICREQ, CMD), "1 0"),
        ("HLEN", 2, "B", (0, 127, 129), "1 2"),
        ("PLEN", 4, "<I", (0, 120, 129, 1 << 31), "1 4"),
        ("PFV", 8, "<H", (1, 7, 0xffff), "6 8"),
        ("CPDA", 10, "B", (32, 255), "1 10"),
        ("DGST", 11, "B", (1, 2, 3), "1 11"),
        ("MAXH2CDATA", 12, "<I", (0, 8, 4095, 4097, 0xffffffff), "1 12"),
    ))


def answers_to_connect():
    yield "nothing, and the end", b"", None
    yield "garbage", GARBAGE, "1 0"
    yield "C2HTermReq", term(C2H_TERM, 1, 8), None
    yield "a second ICResp", ic(ICRESP, last=131072), "2 0"
    yield "a command", capsule(sqe(FLUSH, 0)), "1 0"
    yield "an answer to nothing", response(5), "1 20"
    yield "an event that nobody waits for", response(31), "1 20"
    yield "data for nobody", data_pdu(C2H_DATA, 999, 0, 0, bytes(512)), "1 8"
    yield "an R2T for nobody", r2t(999, 1, 0, 4096), "1 8"
    yield from fields(response(0), (
        ("type", 0, "B", (0x0a, 0xff, H2C_DATA), "1 0"),
        ("FLAGS", 1, "B", (HDGST,), "1 1"),
        ("HLEN", 2, "B", (0, 23, 25), "1 2"),
        ("PLEN", 4, "<I", (0, 23, 25, 1 << 31), "1 4"),
    ))


def data_of_identify():
    """Instead of the 4096 bytes: name, a function of CID, what the host says."""
    def c2h(at, data, flags=LAST, **changes):
        return lambda cid: data_pdu(C2H_DATA, cid, 0, at, data, flags, **changes)

    page = bytes(4096)
    yield "DATAO 0x4", c2h(4, bytes(512)), "2 0"
    yield "data out of range", c2h(4, page), "4 0"
    yield "the largest DATAO", c2h(0xffffffff, page), "4 0"
    yield "DATAL that is short", c2h(0, page, datal=512), "1 16"
    yield "twice the data", c2h(0, page * 2), "4 0"
    yield "SUCCESS without LAST_PDU", c2h(0, page, SUCCESS), "1 1"
    yield "HDGST", c2h(0, page, LAST | HDGST), "1 1"
    yield "DDGST", c2h(0, page, LAST | DDGST), "1 1"
    yield "data after LAST_PDU", lambda cid: c2h(0, page[:8])(cid) + c2h(8, page[:8])(cid), "2 0"
    yield "data after the answer", lambda cid: response(cid) + c2h(0, page)(cid), "1 8"
    yield "an R2T for a read", lambda cid: r2t(cid, 1, 0, 4096), "2 0"
    for name, at, values in (("HLEN", 2, (0, 25)), ("PDO", 3, (0, 23, 26)), ("PLEN", 4, (0, 23))):
        for value in values:
            change = {"hlen": {"hlen": value}, "pdo": {"pdo": value}, "plen": {"plen": value}}
            yield f"{name} {value:#x}", c2h(0, page, **change[name.lower()]), f"1 {at}"


def instead(opcode, make, kind=None, once=False):
    """Answers a command by what make makes of it; a fabrics command by kind."""
    done = threading.Event()

    def on(connection, command):
        if command.opcode != opcode or kind is not None and command.entry[4] != kind:
            return False
        # Those of an admin queue have the same opcodes.
        if opcode in (READ, WRITE) and not connection.qid or once and done.is_set():
            return False
        done.set()
        connection.send(make(command.cid))
        return True
    return on


def io():
    """Instead of the answer to a read or a write of 4096 bytes."""
    half = bytes(2048)
    yield "read", "half of the data, and success", READ, lambda cid: (
        data_pdu(C2H_DATA, cid, 0, 0, half, 0) + response(cid)), "2 0"
    yield "read", "half of the data with SUCCESS", READ, lambda cid: (
        data_pdu(C2H_DATA, cid, 0, 0, half, LAST | SUCCESS)), "2 0"
    yield "read", "no data, and success", READ, response, "2 0"
    yield "read", "an R2T", READ, lambda cid: r2t(cid, 7, 0, 4096), "2 0"
    yield "write", "success, and no R2T", WRITE, response, "2 0"
    yield "write", "success, and half was asked for", WRITE, lambda cid: (
        r2t(cid, 7, 0, 2048) + response(cid)), "2 0"
    yield "write", "data", WRITE, lambda cid: data_pdu(C2H_DATA, cid, 0, 0, half), "2 0"
    for name, at, length, told in (("of nothing", 0, 0, "1 16"), ("too long", 0, 1 << 20, "4 0"),
                                   ("that begins late", 512, 512, "2 0"),
                                   ("that begins too late", 0xfffffffe, 8, "2 0")):
        yield "write", f"an R2T {name}", WRITE, (
            lambda cid, at=at, length=length: r2t(cid, 7, at, length)), told
    yield "write", "R2Ts that overlap", WRITE, lambda cid: (
        r2t(cid, 7, 0, 2048) + r2t(cid, 8, 1024, 2048)), "2 0"


def gone_in_a_scan():
    """Its I/O queue is gone when the host asks for a namespace, of which it tells in
    the milliseconds after that: the host recovers while it makes a disk."""
    after = itertools.cycle(range(0, 20, 2))
    queues = []

    def on(connection, command):
        if command.opcode == FABRICS and command.entry[4] == CONNECT:
            queues.append(connection.sock)
        if command.opcode != IDENTIFY or command.entry[40] != 3:
            return False
        queues[-1].shutdown(socket.SHUT_RDWR)
        time.sleep(next(after) / 1000)
        return False
    return on


def said_of_itself():
    """Registers and fields of Identify: name, what becomes of Connect, changes."""
    for name, outcome, values in (
            ("ioccsz", "fails", (0, 3)), ("ioccsz", "either", (0xffffffff,)),
            ("iorcsz", "fails", (0,)), ("icdoff", "fails", (1, 0xffff)),
            ("mdts", "either", (1, 20, 255)), ("cntlid", "fails", (0, 2, 0xffff)),
            ("kas", "fails", (0,)), ("maxcmd", "either", (0, 1, 0xffff)),
            ("sgls", "fails", (0,)), ("nn", "either", (0, 0xffffffff)),
            ("sqes", "either", (0, 0xff)), ("cqes", "either", (0, 0xff)),
            ("subnqn", "either", (b"", b"\xff" * 256, b"nqn.2026-11.test:other"))):
        for value in values:
            shown = value[:8] if name == "subnqn" else f"{value:#x}"
            yield f"{name} {shown}", outcome, {"fields": {name: value}}
    for queues in (0, 65535):
        yield f"{queues} queues", "either", {"queues": queues}
    for name, outcome, cap in (("MQES 0", "either", 0), ("MQES 65535", "either", 0xffff),
                               ("MPSMIN 15", "fails", 127 | 15 << 48)):
        yield name, outcome, {"registers": {CAP: cap | 20 << 24 | 1 << 37}}
    yield "CSTS of a controller that is gone", "fails", {"registers": {CSTS: 0xffffffff}}


def cases():
    """All: kind, outcome, told, target."""
    for name, pdu, told in icresps():
        yield "connect", "fails", told, Target(f"for ICResp, {name}", icresp=pdu)
    for name, pdu, told in answers_to_connect():
        on = instead(FABRICS, lambda _, pdu=pdu: pdu, CONNECT)
        yield "connect", "fails", told, Target(f"for Connect, {name}", on=on, hang_up=not pdu)
    for name, make, told in data_of_identify():
        yield "connect", "fails", told, Target(f"for Identify, {name}", on=instead(IDENTIFY, make))
    for name, outcome, changes in said_of_itself():
        yield "connect", outcome, None, Target(name, **changes)
    for kind, name, opcode, make, told in io():
        on = instead(opcode, make, once=True)
        yield kind, "works", told, Target(f"for a {kind}, {name}", on=on)
    other = b"nqn.2026-11.test:other"
    for name, value in (("subnqn", other), ("cntlid", 9), ("mdts", 1), ("ioccsz", 0)):
        yield "reset", "works", None, Target(f"another {name} after a reset", again={name: value})
    never = Target("not ready after a reset for 9 hours", registers={CAP: READY_ONCE},
                   again={CSTS: 0, CRTO: 0xffffffff})
    yield "stuck", "works", None, never
    yield "scan", "works", None, Target("namespaces without end", endless=True)
    yield "scans", "works", None, Target("gone in a scan", on=gone_in_a_scan())


def main():
    if sys.argv[1] == "list":
        for at, (kind, outcome, told, target) in enumerate(cases()):
            print(kind, at, outcome, told or "-", target.name, sep="|")
        return
    listen((case[3] for case in cases()), sys.argv[1], int(sys.argv[2]))


if __name__ == "__main__":
    main()
