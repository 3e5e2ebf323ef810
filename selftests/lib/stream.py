#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""One stream through one connection: stream.py ROLE PROTO ADDRESS PORT MIB

ROLE   receive: listens, and prints "BYTES MILLISECONDS SHA256" of what came
       send: connects, and prints the SHA256 of what it sent
PROTO  mptcp, or mptcp+tls for kTLS in both directions (TLS 1.3, AES-GCM)

The keys are fixed: there is no handshake, this is about the records. The
receiver ends with one byte for the sender, that both directions are seen.
The checksums are made before and after the time that counts.
"""

import hashlib
import random
import socket
import struct
import sys
import time

MIB = 1 << 20
TCP_ULP, SOL_TLS, TLS_TX, TLS_RX = 31, 282, 1, 2
TLS_1_3, AES_GCM_128 = 0x0304, 51
DONE = b"!"


def blocks(count):
    """MIBs of noise, no two of them alike"""
    block = bytearray(random.Random(1).randbytes(MIB))
    for i in range(count):
        struct.pack_into(">Q", block, 0, i)
        yield block


def keys(name):
    """struct tls12_crypto_info_aes_gcm_128: iv, key, salt, record number"""
    return struct.pack("=HH8s16s4s8s", TLS_1_3, AES_GCM_128, name * 8, name * 16, name * 4, bytes(8))


def start_tls(sock, tx, rx):
    sock.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
    sock.setsockopt(SOL_TLS, TLS_TX, keys(tx))
    sock.setsockopt(SOL_TLS, TLS_RX, keys(rx))


def send(sock, tls, mib):
    if tls:
        start_tls(sock, b"c", b"s")
    for block in blocks(mib):
        sock.sendall(block)
    sock.shutdown(socket.SHUT_WR)
    if sock.recv(len(DONE)) != DONE:
        sys.exit("the receiver has left")
    checksum = hashlib.sha256()
    for block in blocks(mib):
        checksum.update(block)
    print(checksum.hexdigest())


def receive(sock, tls, mib):
    if tls:
        start_tls(sock, b"s", b"c")
    # with room for a byte too many
    data = memoryview(bytearray(mib * MIB + 1))
    length = got = sock.recv_into(data)
    start = time.monotonic()
    while got:
        got = sock.recv_into(data[length:])
        length += got
    ms = round((time.monotonic() - start) * 1000)
    sock.sendall(DONE)
    print(length, ms, hashlib.sha256(data[:length]).hexdigest())


def main():
    role, proto, address, port, mib = sys.argv[1:]
    proto, _, tls = proto.partition("+")
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, getattr(socket, "IPPROTO_" + proto.upper()))
    if role == "send":
        sock.connect((address, int(port)))
        send(sock, tls, int(mib))
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, int(port)))
        sock.listen()
        receive(sock.accept()[0], tls, int(mib))


main()
