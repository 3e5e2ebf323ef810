#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A host that breaks the rules of NVMe/TCP.

	bad_host.py list			the groups of cases
	bad_host.py GROUP ADDRESS PORT NQN	prints each case that is not
						answered as it should be

A case is a name, how far the connection is before (a stage), what is sent then,
and what comes of it: "termreq FES FEI", whose PDU must be the one that was
sent; "status", for a command that fails while the connection goes on; "closed".
"""
import socket
import struct
import sys

from bad_host_dialogs import DIALOGS
from good_host import Queue, admin, connect_command, io, rw
from pdu import (C2H_TERM, CONNECT, DDGST, FABRICS, FLUSH, GARBAGE, H2C_DATA, H2C_TERM, HDGST,
                 ICREQ, ICRESP, IN_CAPSULE, LAST, R2T, READ, RESP, WRITE, capsule,
                 crc32c, data_pdu, ic, patched, receive_pdu, response, sqe, term)

WAIT = 20
ASKED = 8192
MAXH2CDATA = 4 << 20


class Stage:
    """A connection that has come so far, and the rest of its controller."""

    def __init__(self, name, where, nqn):
        self.keep = self.ttag = None
        if name == "connected":
            self.sock = socket.create_connection(where)
        elif name in ("open", "digest"):
            self.sock = Queue(where, digest=1 if name == "digest" else 0).sock
        elif name == "admin":
            self.sock = admin(where, nqn)[0].sock
        else:
            self.keep, cntlid = admin(where, nqn)
            queue = io(where, nqn, cntlid, 1)
            self.sock = queue.sock
            if name == "asked":
                queue.submit(rw(WRITE, 5, ASKED))
                kind, header, _ = queue.pdu()
                assert kind == R2T
                self.ttag = struct.unpack_from("<H", header, 10)[0]
        self.sock.settimeout(WAIT)

    def close(self):
        self.sock.close()
        if self.keep:
            self.keep.sock.close()


def verdict(sock, sent):
    """What comes of what was sent."""
    try:
        while True:
            kind, header, data = receive_pdu(sock)
            if kind == C2H_TERM:
                fes, fei = struct.unpack_from("<HI", header, 8)
                if len(data) < 8 or data not in sent:
                    return f"termreq {fes} {fei} about {data.hex()}"
                return f"termreq {fes} {fei}"
            if kind == RESP:
                status = struct.unpack_from("<H", header, 22)[0] >> 1
                return "status" if status else "success"
    except socket.timeout:
        return "silence"
    except ConnectionError:
        return "closed"


def field(pdu, stage, name, at, form, *values, fes=1, fei=None):
    """A PDU with each of these values in a field."""
    for value in values:
        bad = patched(pdu, at, struct.pack(form, value))
        yield f"{name} {value:#x}", stage, bad, f"termreq {fes} {at if fei is None else fei}"


def header(pdu, stage, types, hlen):
    """The fields that all PDUs with data have."""
    yield from field(pdu, stage, "type", 0, "B", 0x0a, 0x2a, 0xff, *types)
    yield from field(pdu, stage, "FLAGS", 1, "B", pdu[1] ^ HDGST, pdu[1] ^ DDGST)
    yield from field(pdu, stage, "HLEN", 2, "B", 0, hlen - 1, hlen + 1, 0xff)
    yield from field(pdu, stage, "PDO", 3, "B", 0, hlen - 1, hlen + 1, 0xff)
    yield from field(pdu, stage, "PLEN", 4, "<I", 0, 8, hlen - 1)


def any_stage(stage):
    """What must not come, however far a connection is that has been opened."""
    yield from field(ic(ICREQ), stage, "a second ICReq, MAXR2T", 12, "<I", 0, 1, fes=2, fei=0)
    yield "ICResp", stage, ic(ICRESP), "termreq 1 0"
    yield "a response", stage, response(0), "termreq 1 0"
    yield "C2HTermReq", stage, term(C2H_TERM), "termreq 1 0"
    for ttag in (0, 0xffff):
        bad = data_pdu(H2C_DATA, 0, ttag, 0, bytes(512))
        yield f"data that nobody asked for, TTAG {ttag}", stage, bad, "termreq 1 10"
    yield "garbage", stage, GARBAGE, "termreq 1 0"
    yield "H2CTermReq", stage, term(H2C_TERM), "closed"
    yield "H2CTermReq, HLEN", stage, patched(term(H2C_TERM), 2, b"\x19"), "closed"
    for plen in (0, 23, 153, 0xffffffff):
        yield f"H2CTermReq, PLEN {plen}", stage, term(H2C_TERM, plen=plen), "closed"
    # A capsule that is longer than any may be is not followed to its end.
    for plen in (72 + MAXH2CDATA + 1, 1 << 31, 0xffffffff):
        bad = capsule(sqe(FLUSH, 9), plen=plen, pdo=72)
        yield f"a capsule of {plen:#x} bytes", stage, bad, "termreq 1 4"


def before_icreq(_):
    good, stage = ic(ICREQ), "connected"
    yield from field(good, stage, "type", 0, "B", 0x0a, 0x2a, 0xff, RESP, ICRESP, R2T)
    yield from field(good, stage, "HLEN", 2, "B", 0, 127, 129)
    yield from field(good, stage, "PLEN", 4, "<I", 0, 127, 129, 0xffffffff)
    yield from field(good, stage, "PFV", 8, "<H", 1, 0xffff, fes=6)
    yield from field(good, stage, "HPDA", 10, "B", 32, 0xff)
    yield "a command", "connected", capsule(sqe(FLUSH, 0)), "termreq 2 0"
    yield "data", "connected", data_pdu(H2C_DATA, 0, 0, 0, bytes(512)), "termreq 2 0"
    yield "garbage", "connected", GARBAGE, "termreq 1 0"
    yield "HTTP", "connected", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".ljust(128), "termreq 1 0"
    yield "H2CTermReq", "connected", term(H2C_TERM), "closed"


def before_connect(nqn):
    yield from any_stage("open")
    connect = connect_command(nqn)
    yield from header(connect, "open", (RESP, R2T, C2H_TERM), 72)
    yield "Connect to nobody", "open", connect_command("nqn.2026-11.test:nobody"), "status"
    yield "Connect of queue 65535", "open", connect_command(nqn, qid=0xffff), "status"
    yield "Connect of controller 9999", "open", connect_command(nqn, qid=1, cntlid=9999), "status"
    yield "Connect with a queue of one", "open", connect_command(nqn, sqsize=0), "status"
    yield "Connect with a queue of 65536", "open", connect_command(nqn, sqsize=0xffff), "status"
    yield "Connect without data", "open", capsule(connect[8:72]), "status"
    yield "Connect with half of its data", "open", capsule(connect[8:72], connect[72:584]), "status"
    yield "a command", "open", capsule(sqe(FLUSH, 0)), "status"
    entry = sqe(FABRICS, 0, 1 << 20, IN_CAPSULE, CONNECT)
    yield "Connect with a megabyte", "open", capsule(entry, bytes(1 << 20)), "status"


def damage(_):
    """Headers with digests: damage is told from what is wrong."""
    good = capsule(sqe(FABRICS, 0, nsid=4), flags=HDGST, plen=76)
    digest = crc32c(good)
    for name, at, value in (("HLEN", 2, 73), ("PLEN", 4, 16), ("PLEN", 7, 0x80), ("SQE", 8, 1)):
        bad = patched(good, at, bytes((value,))) + digest
        want = struct.unpack("<I", digest)[0]
        yield f"{name} that is damaged", "digest", bad, f"termreq 3 {want}"
    bad = good + b"bad!"
    yield "a digest that is damaged", "digest", bad, f"termreq 3 {struct.unpack('<I', b'bad!')[0]}"
    for name, at, value in (("HLEN", 2, 73), ("PLEN", 4, 16)):
        bad = patched(good, at, bytes((value,)))
        yield f"{name} that is wrong", "digest", bad + crc32c(bad), f"termreq 1 {at}"
    yield "no digest", "digest", capsule(sqe(FABRICS, 0, nsid=4)), "termreq 1 1"


def admin_queue(_):
    yield from any_stage("admin")
    features = capsule(sqe(0x09, 2, 512, IN_CAPSULE), bytes(512))
    yield from header(features, "admin", (RESP, R2T, C2H_TERM), 72)
    yield from commands("admin")


def io_queue(_):
    yield from any_stage("io")
    write = capsule(rw(WRITE, 2, 4096, IN_CAPSULE), bytes(4096))
    yield from header(write, "io", (RESP, R2T, C2H_TERM), 72)
    yield from commands("io")


def commands(stage):
    """Commands that are wrong, on a connection that is right."""
    yield "an unknown command", stage, capsule(sqe(0xee, 2)), "status"
    for sgl in (0x00, 0x0f, 0x10, 0x5b, 0xff):
        yield f"SGL {sgl:#x}", stage, capsule(rw(WRITE, 2, 4096, sgl)), "status"
    for length in (1, 4095, 1 << 31, 0xffffffff):
        entry = patched(rw(WRITE, 2, 4096, IN_CAPSULE), 32, struct.pack("<I", length))
        yield f"{length} bytes that are 4096", stage, capsule(entry, bytes(4096)), "status"
    for length in (MAXH2CDATA + 512, 0xffffffff):
        entry = patched(rw(READ, 2, 4096), 32, struct.pack("<I", length))
        yield f"a read of {length} bytes", stage, capsule(entry), "status"
    entry = patched(rw(WRITE, 2, 4096, IN_CAPSULE), 24, struct.pack("<Q", 1 << 63))
    yield "an offset in the capsule", stage, capsule(entry, bytes(4096)), "status"
    entry = patched(rw(WRITE, 2, 1 << 20, IN_CAPSULE), 32, struct.pack("<I", 1 << 20))
    yield "a megabyte in the capsule", stage, capsule(entry, bytes(1 << 20)), "status"


def asked_for(_):
    """Data that were asked for, and are wrong; the tag is not known yet."""
    def wrong(name, want, *args, **changes):
        def make(ttag):
            values = {"cccid": 5, "ttag": ttag, "datao": 0, "data": bytes(ASKED), **changes}
            return data_pdu(H2C_DATA, *(values.pop(k) for k in ("cccid", "ttag", "datao", "data")),
                            **values)
        return name, "asked", make, want

    yield wrong("CCCID", "termreq 1 8", cccid=6)
    yield wrong("TTAG", "termreq 1 10", ttag=0xffff)
    yield wrong("DATAO", "termreq 2 0", datao=4096, data=bytes(4096))
    yield wrong("DATAO out of range", "termreq 4 0", datao=4096)
    yield wrong("the largest DATAO", "termreq 4 0", datao=0xffffffff)
    yield wrong("DATAL", "termreq 1 16", datal=ASKED - 4)
    yield wrong("no DATAL", "termreq 1 16", datal=0)
    yield wrong("more than was asked for", "termreq 4 0", data=bytes(2 * ASKED))
    more = MAXH2CDATA + 4
    yield wrong("more than MAXH2CDATA", "termreq 5 0", plen=24 + more, datal=more)
    yield wrong("no LAST_PDU", "termreq 2 0", flags=0)
    yield wrong("an early LAST_PDU", "termreq 2 0", data=bytes(4096))
    yield wrong("HDGST", "termreq 1 1", flags=LAST | HDGST)
    yield wrong("DDGST", "termreq 1 1", flags=LAST | DDGST)
    for hlen in (0, 23, 25, 255):
        yield wrong(f"HLEN {hlen}", "termreq 1 2", hlen=hlen)
    for pdo in (0, 23, 26, 255):
        yield wrong(f"PDO {pdo}", "termreq 1 3", pdo=pdo)
    for plen in (0, 23, 24):
        yield wrong(f"PLEN {plen}", "termreq 1 4", plen=plen)


TABLES = {
    "before ICReq": before_icreq,
    "before Connect": before_connect,
    "header digests": damage,
    "admin queue": admin_queue,
    "I/O queue": io_queue,
    "data that were asked for": asked_for,
}


def play(stage, make, want, where, nqn):
    """Returns what comes of it."""
    connection = Stage(stage, where, nqn)
    bad = make(connection.ttag) if callable(make) else make
    try:
        connection.sock.sendall(bad)
    except ConnectionError:
        # It has been ended before all was sent.
        pass
    got = verdict(connection.sock, bad)
    if got == want == "status":
        connection.sock.sendall(capsule(sqe(0xee, 3)))
        got = verdict(connection.sock, b"")
    connection.close()
    return got


def main():
    if sys.argv[1] == "list":
        print(*TABLES, *DIALOGS, sep="\n")
        return
    group, address, port, nqn = sys.argv[1:]
    where, count = (address, int(port)), 0
    if group in DIALOGS:
        DIALOGS[group](where, nqn)
        return
    for name, stage, make, want in TABLES[group](nqn):
        got = play(stage, make, want, where, nqn)
        count += 1
        if got != want:
            print(f"{name}: expected {want}, got {got}")
    print(f"{count} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
