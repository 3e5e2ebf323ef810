#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A host that keeps to NVMe/TCP, and asks for more than it should get.

	greedy.py CASE ADDRESS PORT NQN [ARGUMENT...]

What it prints is said with each case. A case that holds something says "held"
and keeps it until its standard input ends.
"""
import resource
import socket
import struct
import sys
import time

from good_host import LIMIT, Queue, admin, io, rw
from pdu import AER, ICREQ, IN_CAPSULE, R2T, READ, REPORT, TRANSPORT, WRITE, capsule, ic, sqe

MIB = 1 << 20


def hold():
    print("held", flush=True)
    sys.stdin.read()


def leftovers(where, nqn):
    """Reservation Reports of 64 bytes into 1 MiB each: prints how many bytes
    of what follows are not 0."""
    keep, cntlid = admin(where, nqn)
    queue = io(where, nqn, cntlid, 1)
    # What is freed now has something in it.
    dirt = bytearray(b"\xa5") * (192 * MIB)
    del dirt
    dirty = 0
    for cid in range(32):
        queue.submit(sqe(REPORT, cid, MIB, nsid=1, tail=struct.pack("<II", 64 // 4 - 1, 1)))
        status, _, data = queue.answer()
        assert status == 0 and len(data) == MIB, f"Reservation Report: {status:#x}, {len(data)} bytes"
        dirty += MIB - 64 - data[64:].count(0)
    keep.sock.close()
    print(dirty)


def refused_connect(where, nqn):
    """An admin Connect with an impossible size, a second one on the same
    connection, an Asynchronous Event Request, the end. Prints both statuses."""
    queue = Queue(where)
    queue.connect(nqn, sqsize=0xfffe)
    first = queue.answer()[0]
    queue.connect(nqn)
    second = queue.answer()[0]
    queue.enable()
    queue.submit(sqe(AER, 2))
    # It has arrived when this has been answered.
    queue.enable()
    print(f"{first:#x} {second:#x}")


def deep(where, nqn, sqsize):
    """An admin queue of a size. Prints the status of its Connect."""
    queue = Queue(where)
    queue.connect(nqn, sqsize=int(sqsize))
    print(f"{queue.answer()[0]:#x}")


def large_connect(where, nqn):
    """A Connect with 4 MiB of data. Prints whether they are asked for."""
    queue = Queue(where)
    queue.connect(nqn, length=4 * MIB, sgl=TRANSPORT)
    print("asked for" if queue.pdu()[0] == R2T else "refused")


def in_capsule(where, nqn, length):
    """An admin command with so much data in the capsule: Set Features of a
    kind that does not exist. Prints whether the capsule was the reason."""
    queue, _ = admin(where, nqn)
    queue.submit(sqe(0x09, 2, int(length), IN_CAPSULE, tail=struct.pack("<I", 0xff)), bytes(int(length)))
    print("capsule" if queue.answer()[0] == 0x16 else "command")


def hoard(where, nqn, opcode, queues, depth):
    """Queues with as many commands of 4 MiB each, of which nothing is taken
    that the target sends. Holds them; then, if they are writes, prints how
    many the target has asked for."""
    keep, cntlid = admin(where, nqn)
    held = []
    for qid in range(1, int(queues) + 1):
        queue = io(where, nqn, cntlid, qid, receive_buffer=4096)
        held.append(queue)
        for cid in range(int(depth)):
            queue.submit(rw(int(opcode), cid, 4 * MIB))
    hold()
    asked = 0
    for queue in held if int(opcode) == WRITE else []:
        queue.sock.settimeout(1)
        try:
            while True:
                asked += queue.pdu()[0] == R2T
        except (socket.timeout, ConnectionError):
            pass
    keep.sock.close()
    print(asked)


def abandon(where, nqn, controllers, queues):
    """Queues that end with a read under way that takes the disk long. Prints
    the status of a Connect after that, and how long until one succeeds, in s."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    held = []
    for _ in range(int(controllers)):
        keep, cntlid = admin(where, nqn)
        held.append(keep)
        for qid in range(1, int(queues) + 1):
            queue = io(where, nqn, cntlid, qid, sqsize=15)
            queue.submit(rw(READ, 0, 512))
            held.append(queue)
    for queue in held:
        queue.sock.close()
    # The target sees their end before that of a connection which comes later.
    first = None
    start = time.monotonic()
    while time.monotonic() < start + LIMIT:
        queue = Queue(where)
        queue.connect(nqn)
        status = queue.answer()[0]
        queue.sock.close()
        first = status if first is None else first
        if status == 0:
            break
        time.sleep(0.5)
    print(f"{first:#x} {time.monotonic() - start:.0f}")


def occupy():
    """A connection that nobody reads from, full: memory that sockets have."""
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    client.setblocking(False)
    try:
        while True:
            client.send(bytes(65536))
    except BlockingIOError:
        return server, client


def patient(where, nqn):
    """One read of 4 KiB over MPTCP, which takes the disk long: says "held"
    when it is under way, and "answered" when it has been answered."""
    occupied = occupy()
    keep, cntlid = admin(where, nqn)
    queue = io(where, nqn, cntlid, 1, protocol=socket.IPPROTO_MPTCP)
    queue.submit(rw(READ, 0, 4096))
    print("held", flush=True)
    status, _, data = queue.answer()
    assert status == 0 and len(data) == 4096, f"{status:#x}, {len(data)} bytes"
    for one in (keep.sock, *occupied):
        one.close()
    print("answered")


def stops(where, nqn):
    """Two I/O queues, one of which stops in the middle of a PDU. Prints after how
    many milliseconds that one is ended; the other still answers then."""
    keep, cntlid = admin(where, nqn)
    idle, stopped = (io(where, nqn, cntlid, qid) for qid in (1, 2))
    start = time.monotonic()
    stopped.sock.sendall(capsule(rw(READ, 0, 4096))[:40])
    assert stopped.sock.recv(1) == b"", "the target says something"
    took = time.monotonic() - start
    idle.submit(rw(READ, 0, 4096))
    status = idle.answer()[0]
    assert status == 0, f"a read on the other queue: {status:#x}"
    keep.sock.close()
    print(round(took * 1000))


def crowd(where, nqn):
    """Says "ready", and waits for a line. Then 150 connections, of which every second
    one sends ICReq. Prints how many of these are answered."""
    print("ready", flush=True)
    sys.stdin.readline()
    socks, answers = [], 0
    for at in range(150):
        try:
            sock = socket.create_connection(where, LIMIT)
            socks.append(sock)
            sock.sendall(ic(ICREQ) if at % 2 else b"")
        except OSError:
            pass
    end = time.monotonic() + 5
    for sock in socks:
        try:
            sock.settimeout(min(max(end - time.monotonic(), 0.01), 0.1))
            answers += len(sock.recv(128)) > 0
        except OSError:
            pass
        sock.close()
    print(answers)


def idle(where, nqn):
    """A controller without keep alive, with nothing to say."""
    queues = admin(where, nqn)
    queues += (io(where, nqn, queues[1], 1, protocol=socket.IPPROTO_MPTCP),)
    hold()


CASES = {
    "idle": idle,
    "crowd": crowd,
    "stops": stops,
    "leftovers": leftovers,
    "refused-connect": refused_connect,
    "deep": deep,
    "large-connect": large_connect,
    "in-capsule": in_capsule,
    "hoard": hoard,
    "abandon": abandon,
    "patient": patient,
}

case, address, port, nqn = sys.argv[1:5]
CASES[case]((address, int(port)), nqn, *sys.argv[5:])
