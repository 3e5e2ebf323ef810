# SPDX-License-Identifier: GPL-2.0
"""A host that keeps to NVMe/TCP."""
import socket
import struct

from pdu import (CONNECT, FABRICS, ICREQ, IN_CAPSULE, PROPERTY_SET, RESP, TRANSPORT, capsule, ic,
                 receive, receive_pdu, sqe)

HOSTID = bytes.fromhex("7c2d2f4e0d1f4f599a572b7b0f6c9d01")
HOSTNQN = b"nqn.2014-08.org.nvmexpress:uuid:7c2d2f4e-0d1f-4f59-9a57-2b7b0f6c9d01"
LIMIT = 60


def connect_command(nqn, qid=0, sqsize=31, cntlid=0xffff, length=1024, sgl=IN_CAPSULE):
    """A Connect, with its data if they are in the capsule."""
    data = (HOSTID + struct.pack("<H", cntlid)).ljust(256, b"\0")
    data += nqn.encode().ljust(256, b"\0") + HOSTNQN.ljust(256, b"\0")
    tail = struct.pack("<HHHBxI", 0, qid, sqsize, 0, 0)
    entry = sqe(FABRICS, 0, length, sgl, CONNECT, tail)
    return capsule(entry, data.ljust(1024, b"\0") if sgl == IN_CAPSULE else b"")


def enable_command(cid=1):
    """Sets CC.EN."""
    tail = struct.pack("<B3xIQ", 0, 0x14, 0x460001)
    return capsule(sqe(FABRICS, cid, nsid=PROPERTY_SET, tail=tail))


class Queue:
    """A connection, and what it has become."""

    def __init__(self, where, receive_buffer=None, protocol=0, digest=0):
        self.sock = socket.socket(proto=protocol)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(LIMIT)
        self.sock.connect(where)
        self.sock.sendall(ic(ICREQ, digest=digest))
        receive(self.sock, 128)

    def submit(self, entry, data=b""):
        self.sock.sendall(capsule(entry, data))

    def pdu(self):
        """Kind, header and data of the next PDU."""
        return receive_pdu(self.sock)

    def answer(self):
        """Status and result of the next completion, and the data before it."""
        data = b""
        while True:
            kind, header, more = self.pdu()
            data += more
            if kind == RESP:
                result, status = struct.unpack_from("<I10xH", header, 8)
                return status >> 1 & 0x7ff, result, data

    def enable(self):
        """Sets CC.EN. Returns the status."""
        self.sock.sendall(enable_command())
        return self.answer()[0]

    def connect(self, *args, **options):
        """Sends Connect, see connect_command."""
        self.sock.sendall(connect_command(*args, **options))


def admin(where, nqn, sqsize=31):
    """The admin queue of a new controller that is enabled, and its number."""
    queue = Queue(where)
    queue.connect(nqn, sqsize=sqsize)
    status, cntlid, _ = queue.answer()
    assert status == 0, f"Connect of an admin queue: {status:#x}"
    assert queue.enable() == 0, "CC.EN"
    return queue, cntlid & 0xffff


def io(where, nqn, cntlid, qid, sqsize=127, **options):
    """An I/O queue."""
    queue = Queue(where, **options)
    queue.connect(nqn, qid, sqsize, cntlid)
    status = queue.answer()[0]
    assert status == 0, f"Connect of I/O queue {qid}: {status:#x}"
    return queue


def rw(opcode, cid, length, sgl=TRANSPORT):
    """A read or write at the beginning of namespace 1."""
    return sqe(opcode, cid, length, sgl, nsid=1, tail=struct.pack("<QHH", 0, length // 512 - 1, 0))
