#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A target whose namespaces have metadata: a way to one whose have none.

	metadata.py ADDRESS PORT TO_PORT

In what Identify says of a namespace the blocks have 8 bytes more, which are
protection information of type 1. Serves until it is killed.
"""
import socket
import struct
import sys
import threading

from pdu import CMD, receive

C2H_DATA = 7
IDENTIFY, CNS_NAMESPACE = 6, 0
FLBAS, DPS, LBAF_0 = 26, 29, 128
EXTENDED = 1 << 4


def pdu(sock):
    header = receive(sock, 8)
    return bytearray(header + receive(sock, struct.unpack_from("<I", header, 4)[0] - 8))


def ask(one, asked):
    """Keeps the command identifier of an Identify of a namespace in mind."""
    sqe = one[8:72]
    if one[0] == CMD and sqe[0] == IDENTIFY and sqe[40] == CNS_NAMESPACE:
        asked.add(struct.unpack_from("<H", sqe, 2)[0])


def answer(one, asked):
    """Gives the namespace metadata."""
    if one[0] == C2H_DATA and struct.unpack_from("<H", one, 8)[0] in asked:
        data = one[3]
        one[data + FLBAS] = EXTENDED
        one[data + DPS] = 1
        struct.pack_into("<H", one, data + LBAF_0, 8)


def pump(source, sink, look, asked):
    try:
        while True:
            one = pdu(source)
            look(one, asked)
            sink.sendall(one)
    except OSError:
        pass
    for sock in source, sink:
        sock.close()


def main():
    address, port, to_port = sys.argv[1:]
    with socket.create_server((address, int(port))) as server:
        print("listening", flush=True)
        while True:
            host = server.accept()[0]
            target = socket.create_connection((address, int(to_port)))
            asked = set()
            for args in (host, target, ask, asked), (target, host, answer, asked):
                threading.Thread(target=pump, args=args, daemon=True).start()


main()
