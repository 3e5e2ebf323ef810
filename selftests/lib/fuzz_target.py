#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A target that talks sense to hosts, but for some of its PDUs.

	fuzz_target.py SEED ADDRESS PORT

Says that it listens, and for each connection its number and how many PDUs it has
sent. Connection N depends on SEED + N and on the host.
"""
import random
import socket
import sys
import threading

from good_target import Connection, Target
from mutate import Mutator

# Nobody waits longer for what does not come.
WAIT = 1


class Fuzzed(Connection):
    def __init__(self, target, sock, seed):
        super().__init__(target, sock)
        self.mutator = Mutator(random.Random(seed))
        sock.settimeout(WAIT)

    def send(self, *pdus):
        self.sent = b"".join(pdus)
        self.mutator.send(self.sock, *pdus)


def serve(connection, number):
    try:
        connection.serve()
    except (LookupError, ValueError, ArithmeticError):
        # The host answers to what has been damaged.
        connection.sock.close()
    print("connection", number, connection.mutator.count, flush=True)


def main():
    seed, address, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    server = socket.create_server((address, port), backlog=16)
    target = Target("fuzz")
    print("listening", flush=True)
    number = 0
    while True:
        sock = server.accept()[0]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Fuzzed(target, sock, seed + number)
        threading.Thread(target=serve, args=(connection, number), daemon=True).start()
        number += 1


main()
