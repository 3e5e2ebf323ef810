# SPDX-License-Identifier: GPL-2.0
"""What a host does wrong that takes more than one PDU, or is right and unusual.
Each function prints what is not as it should be. See bad_host.py."""
import fcntl
import os
import resource
import select
import socket
import struct
import termios
import time

from good_host import Queue, admin, connect_command, enable_command, io, rw
from pdu import (C2H_TERM, FLUSH, H2C_DATA, ICREQ, R2T, READ, RESP, WRITE, capsule, data_pdu, ic,
                 receive, receive_pdu, sqe)

# Connections of a port that may be silent, and seconds until the target drops who has
# not connected a queue; docs/limits.md
MOST, PATIENCE = 1024, 30
SLOW = 4 if os.path.exists("/sys/kernel/debug/kmemleak") else 1
LONG = "LONG" in os.environ


def expect(what, want, got):
    if got != want:
        print(f"{what}: expected {want}, got {got}")


def end_of(sock):
    """What a connection ends with."""
    try:
        while True:
            kind, header, _ = receive_pdu(sock)
            if kind == C2H_TERM:
                return "termreq %d %d" % struct.unpack_from("<HI", header, 8)
    except socket.timeout:
        return "silence"
    except ConnectionError:
        return "closed"


def in_one_segment(where, nqn):
    """Connect, and what follows it, come at once."""
    for count in (1, 2, 20):
        sock = Queue(where)
        more = b"".join(enable_command(cid) for cid in range(1, count + 1))
        sock.sock.sendall(connect_command(nqn) + more)
        got = [sock.answer()[0] for _ in range(count + 1)]
        expect(f"Connect and {count} commands", [0] * (count + 1), got)
        sock.sock.close()
    # Even ICReq does not wait for its answer.
    sock = socket.create_connection(where)
    sock.sendall(ic(ICREQ) + connect_command(nqn) + enable_command())
    kinds = [len(receive(sock, 128))] + [receive_pdu(sock)[0] for _ in range(2)]
    expect("ICReq, Connect and a command", [128, RESP, RESP], kinds)
    sock.close()


def byte_by_byte(where, nqn):
    """One byte a segment."""
    sock = socket.create_connection(where)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for pdu, answer in ((ic(ICREQ), 128), (connect_command(nqn), 24), (enable_command(), 24)):
        for at in range(len(pdu)):
            sock.sendall(pdu[at:at + 1])
        got = receive(sock, answer)
        if answer == 24:
            expect("the status", 0, struct.unpack_from("<H", got, 22)[0] >> 1)
    sock.close()


def truncated(where, nqn):
    """Every PDU ends at every byte."""
    step = 1 if LONG else 8
    connect = connect_command(nqn)
    begun = ic(ICREQ) + connect
    for before, pdu in ((b"", ic(ICREQ)), (ic(ICREQ), connect[:80]), (begun, enable_command())):
        for at in range(0, len(pdu), step):
            sock = socket.create_connection(where)
            sock.settimeout(20)
            sock.sendall(before + pdu[:at])
            sock.shutdown(socket.SHUT_WR)
            expect(f"{at} bytes of {pdu[0]}", "closed", end_of_raw(sock))
            sock.close()


def end_of_raw(sock):
    """The same for who may not have had ICResp."""
    try:
        while sock.recv(4096):
            pass
    except socket.timeout:
        return "silence"
    except ConnectionError:
        pass
    return "closed"


def silence(where, nqn):
    """Who says no more is dropped after a while, wherever it stops."""
    connect, refused = connect_command(nqn), connect_command("nqn.2026-11.test:nobody")
    told = {
        "connect": b"",
        "a byte": ic(ICREQ)[:1],
        "half an ICReq": ic(ICREQ)[:64],
        "ICReq": ic(ICREQ),
        "half a header": ic(ICREQ) + connect[:40],
        "half of the data": ic(ICREQ) + connect[:500],
        "a refused Connect": ic(ICREQ) + refused,
        "a long capsule": ic(ICREQ) + capsule(connect[8:72], bytes(100), plen=72 + (4 << 20)),
    }
    start, waiting = time.monotonic(), {}
    for name, what in told.items():
        sock = socket.create_connection(where)
        sock.sendall(what)
        waiting[sock] = name
    while waiting and time.monotonic() < start + (PATIENCE + 15) * SLOW:
        for sock in select.select(list(waiting), [], [], 1)[0]:
            try:
                ended = not sock.recv(65536)
            except ConnectionError:
                ended = True
            if not ended:
                continue
            name = waiting.pop(sock)
            if time.monotonic() < start + PATIENCE / 2:
                print(f"silence after {name}: dropped at once")
    for name in waiting.values():
        print(f"silence after {name}: is not dropped")


def crowd(where, nqn):
    """More connections that say nothing than there may be: the first has to go,
    and who means it gets through."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    first = socket.create_connection(where)
    rest = [socket.create_connection(where) for _ in range(MOST + 32)]
    first.settimeout(20 * SLOW)
    expect(f"the first of {MOST + 33}", "closed", end_of_raw(first))
    expect("a Connect beside them", 0, admin(where, nqn)[0].enable())
    for sock in rest:
        sock.close()


def never_reads(where, nqn):
    """128 reads of which nothing is taken, then the end."""
    keep, cntlid = admin(where, nqn)
    queue = io(where, nqn, cntlid, 1, receive_buffer=4096)
    for cid in range(128):
        queue.submit(rw(READ, cid, 128 << 10))
    full(queue.sock)
    expect("the admin queue beside it", 0, keep.enable())
    queue.sock.close()
    keep.sock.close()


def full(sock):
    """Waits until no more arrives of what is not read."""
    before = -1
    while True:
        now = struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]
        if now == before:
            return
        before = now
        time.sleep(0.2 * SLOW)


def thousands(where, nqn):
    """Far more commands at a time than the queue has entries."""
    keep, cntlid = admin(where, nqn)
    queue = io(where, nqn, cntlid, 1)
    count = 4000
    try:
        queue.sock.sendall(b"".join(capsule(sqe(FLUSH, n & 127, nsid=1)) for n in range(count)))
    except ConnectionError:
        pass
    answers = 0
    try:
        while answers < count:
            kind, header, _ = queue.pdu()
            if kind == C2H_TERM:
                expect("the reason", (2, 0), struct.unpack_from("<HI", header, 8))
                break
            answers += 1
    except ConnectionError:
        print("closed without a reason")
    queue.sock.close()
    keep.sock.close()


def asked(where, nqn, **options):
    """An I/O queue with a write that has been asked for, its admin queue, and
    the tag."""
    keep, cntlid = admin(where, nqn)
    queue = io(where, nqn, cntlid, 1, **options)
    queue.submit(rw(WRITE, 5, 8192))
    kind, header, _ = queue.pdu()
    assert kind == R2T
    return queue, keep, struct.unpack_from("<H", header, 10)[0]


def finished(where, nqn):
    """Data for a command that has had all of them."""
    queue, keep, ttag = asked(where, nqn)
    data = data_pdu(H2C_DATA, 5, ttag, 0, bytes(8192))
    queue.sock.sendall(data)
    expect("the write", 0, queue.answer()[0])
    queue.sock.sendall(data)
    expect("the same data again", "termreq 1 10", end_of(queue.sock))
    queue.sock.close()
    # All at once.
    queue, keep2, ttag = asked(where, nqn)
    queue.sock.sendall(data_pdu(H2C_DATA, 5, ttag, 0, bytes(8192)) * 2)
    expect("the data twice", "termreq 1 10", end_of(queue.sock))
    for sock in (queue.sock, keep.sock, keep2.sock):
        sock.close()


def before_r2t(where, nqn):
    """Data for a write whose R2T has not been sent: with the command, and while
    the R2T waits behind data that the host does not take."""
    queue, keep, ttag = asked(where, nqn)
    queue.sock.sendall(data_pdu(H2C_DATA, 5, ttag, 0, bytes(8192)))
    queue.answer()
    early = data_pdu(H2C_DATA, 6, ttag, 0, bytes(8192))
    queue.sock.sendall(capsule(rw(WRITE, 6, 8192)) + early)
    expect("data with the command", "termreq 1 10", end_of(queue.sock))
    queue.sock.close()
    keep.sock.close()

    # Tags are given in turn, so that of the write is among these.
    for tag in range(1, 4):
        keep, cntlid = admin(where, nqn)
        queue = io(where, nqn, cntlid, 1, receive_buffer=4096)
        for cid in range(2):
            queue.submit(rw(READ, cid, 4 << 20))
        queue.submit(rw(WRITE, 6, 8192))
        full(queue.sock)
        queue.sock.sendall(data_pdu(H2C_DATA, 6, tag, 0, bytes(8192)))
        queue.sock.settimeout(10 * SLOW)
        # There is no room for a reason.
        expect(f"data with tag {tag} before the R2T", "closed", end_of(queue.sock))
        queue.sock.close()
        keep.sock.close()


DIALOGS = {
    "Connect and more in one segment": in_one_segment,
    "one byte a segment": byte_by_byte,
    "PDUs that end at every byte": truncated,
    "silence": silence,
    "a crowd that says nothing": crowd,
    "never reading": never_reads,
    "thousands of commands": thousands,
    "data for what is finished": finished,
    "data before the R2T": before_r2t,
}
