#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A host that talks sense to a target, but for some of its PDUs.

	fuzz_host.py SEED PDUS ADDRESS PORT NQN

Session after session, until so many PDUs have been sent. Session N depends on
SEED + N alone, so `fuzz_host.py SEED+N 1 ...` does it again.
"""
import random
import socket
import struct
import sys

from good_host import connect_command, enable_command, rw
from mutate import Mutator
from pdu import (AER, C2H_TERM, FABRICS, FLUSH, H2C_DATA, ICREQ, IN_CAPSULE, KEEP_ALIVE, LAST,
                 H2C_TERM, PROPERTY_GET, R2T, READ, RESP, WRITE, capsule, data_pdu, ic, receive_pdu,
                 sqe, term)

WAIT = 0.3


class Session:
    def __init__(self, seed, where, nqn):
        self.rng = random.Random(seed)
        self.mutator = Mutator(self.rng)
        self.where, self.nqn = where, nqn
        self.cid, self.lengths = 0, {}

    def open(self):
        sock = socket.create_connection(self.where, timeout=WAIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.mutator.send(sock, ic(ICREQ))
        self.answers(sock)
        return sock

    def answers(self, sock):
        """Deals with what there is. Returns the result of the last completion."""
        result = 0
        try:
            while True:
                kind, header, _ = receive_pdu(sock)
                if kind == RESP:
                    result = struct.unpack_from("<I", header, 8)[0]
                    return result
                if kind == R2T:
                    self.data(sock, *struct.unpack_from("<HHII", header, 8))
                if kind not in (RESP, R2T, 7):
                    return result
                if kind == C2H_TERM:
                    raise ConnectionError
        except TimeoutError:
            return result

    def data(self, sock, cccid, ttag, offset, length):
        """What an R2T asks for, in one PDU or two."""
        length = min(length, 1 << 20)
        cut = self.rng.choice((length, length, length // 2 & ~3))
        if 0 < cut < length:
            self.mutator.send(sock, data_pdu(H2C_DATA, cccid, ttag, offset, bytes(cut), 0))
            offset, length = offset + cut, length - cut
        self.mutator.send(sock, data_pdu(H2C_DATA, cccid, ttag, offset, bytes(length), LAST))

    def command(self, admin):
        rng = self.rng
        self.cid = (self.cid + 1) % 100
        length = rng.choice((512, 4096, 8192, 65536, 131072))
        if rng.random() < 0.05:
            return term(H2C_TERM, rng.randint(0, 8), rng.randint(0, 128), bytes(24))
        if admin:
            return rng.choice((
                capsule(sqe(KEEP_ALIVE, self.cid)),
                capsule(sqe(AER, self.cid)),
                capsule(sqe(FABRICS, self.cid, nsid=PROPERTY_GET, tail=struct.pack("<B3xI", 1, 0))),
                capsule(sqe(6, self.cid, 4096, tail=struct.pack("<I", 1))),
                capsule(sqe(rng.randrange(256), self.cid, rng.choice((0, 4096)))),
            ))
        return rng.choice((
            capsule(rw(READ, self.cid, length)),
            capsule(rw(WRITE, self.cid, length)),
            capsule(rw(WRITE, self.cid, 4096, IN_CAPSULE), bytes(4096)),
            capsule(sqe(FLUSH, self.cid, nsid=1)),
            capsule(sqe(rng.randrange(256), self.cid, length, nsid=rng.choice((0, 1, 2)))),
        ))

    def run(self):
        socks = []
        try:
            socks.append(self.open())
            self.mutator.send(socks[0], connect_command(self.nqn))
            cntlid = self.answers(socks[0]) & 0xffff
            self.mutator.send(socks[0], enable_command())
            self.answers(socks[0])
            if self.rng.random() < 0.8:
                socks.append(self.open())
                self.mutator.send(socks[1], connect_command(self.nqn, 1, 127, cntlid))
                self.answers(socks[1])
            for _ in range(self.rng.randint(1, 24)):
                which = self.rng.randrange(len(socks))
                burst = [self.command(which == 0) for _ in range(self.rng.choice((1, 1, 4, 16)))]
                self.mutator.send(socks[which], *burst)
                self.answers(socks[which])
        except (OSError, struct.error):
            # The target has had enough, or cannot be understood.
            pass
        for sock in socks:
            sock.close()
        return self.mutator


def main():
    seed, pdus = int(sys.argv[1]), int(sys.argv[2])
    where, nqn = (sys.argv[3], int(sys.argv[4])), sys.argv[5]
    sent = damaged = sessions = 0
    while sent < pdus:
        mutator = Session(seed + sessions, where, nqn).run()
        sent, damaged = sent + mutator.count, damaged + mutator.damaged
        sessions += 1
        if mutator.count == 0:
            raise SystemExit("the target cannot be reached")
    print(f"{sessions} sessions, {sent} PDUs, {damaged} of them damaged")


main()
