#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A target that loses a queue at the worst moment: a way to a good one.

	proxy.py ADDRESS PORT TO_PORT FILE

While FILE exists, the connection of I/O queue 1 ends as soon as its Connect
command has been answered, and queue 2 has its answer only when the host's side
has seen that end. Then the file is removed, and all is well. Serves until it is
killed.
"""
import os
import socket
import struct
import sys
import threading
import time

FIN_WAIT1 = 4
address, port, to_port, flag = sys.argv[1:]
lost = threading.Event()


def receive(sock, length):
    data = b""
    while len(data) < length:
        part = sock.recv(length - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def pdu(sock):
    header = receive(sock, 8)
    return header + receive(sock, struct.unpack_from("<I", header, 4)[0] - 8)


def pump(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    for sock in source, sink:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def lose(host):
    """End the connection, and wait until the host has acknowledged that."""
    host.shutdown(socket.SHUT_WR)
    # What comes next may be over soon: the host ends the connection as well.
    while host.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == FIN_WAIT1:
        time.sleep(0.01)
    os.unlink(flag)
    lost.set()


def serve(host):
    target = socket.create_connection((address, int(to_port)))
    try:
        target.sendall(pdu(host))
        host.sendall(pdu(target))
        connect = pdu(host)
        target.sendall(connect)
        answer = pdu(target)
        qid = struct.unpack_from("<H", connect, 8 + 42)[0]
        if qid == 2 and os.path.exists(flag):
            lost.wait()
        host.sendall(answer)
        if qid == 1 and os.path.exists(flag):
            lose(host)
    except OSError:
        host.close()
        target.close()
        return
    threading.Thread(target=pump, args=(host, target), daemon=True).start()
    pump(target, host)


with socket.create_server((address, int(port))) as server:
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
