#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A peer that breaks the rules of NVMe/TCP.

	peer.py host CASE ADDRESS PORT		play a host, against a target
	peer.py target CASE ADDRESS PORT	play a target, for one connection

As a host it prints how the target ended the connection: "termreq FES",
"closed" or, after 10 s, "silence". As a target it serves until it is killed,
and prints "termreq FES FEI" for each H2CTermReq.
"""
import socket
import struct
import sys

ICREQ, ICRESP, H2C_TERM, C2H_TERM, CMD, H2C_DATA = 0, 1, 2, 3, 4, 6
LIMIT = 10


def ch(kind, plen, flags=0, hlen=None, pdo=0):
    """The common header of a PDU."""
    return struct.pack("<BBBBI", kind, flags, plen if hlen is None else hlen, pdo, plen)


def ic(kind, pfv=0, pda=0, digest=0, last=0, plen=128):
    body = struct.pack("<HBBI", pfv, pda, digest, last)
    return (ch(kind, plen, hlen=128) + body).ljust(128, b"\0")


def command(flags=0, hlen=72):
    """A capsule with a flush command: short, and without data."""
    return (ch(CMD, 72, flags, hlen) + bytes(64))


def response(command_id):
    """A capsule with a completion that says success."""
    return ch(5, 24) + struct.pack("<QHHHH", 0, 0, 0, command_id, 0)


# What a bad host sends after the ICReq, and whether it sends a good one first
HOST = {
    "unknown-type": (ic(ICREQ), ch(0x2a, 72) + bytes(64)),
    "wrong-hlen": (ic(ICREQ), command(hlen=73)),
    "short-plen": (ic(ICREQ), ch(CMD, 16, hlen=72) + bytes(64)),
    "huge-plen": (ic(ICREQ), ch(CMD, 0xfffffff0, hlen=72) + bytes(64)),
    "second-icreq": (ic(ICREQ), ic(ICREQ)),
    "no-icreq": (b"", command()),
    "wrong-pfv": (b"", ic(ICREQ, pfv=7)),
    "wrong-ic-plen": (b"", ic(ICREQ, plen=127)),
    "header-digest": (ic(ICREQ, digest=1), ch(CMD, 76, 1, 72, 0) + bytes(64) + b"bad!"),
    "digest-not-agreed": (ic(ICREQ), ch(CMD, 76, 1, 72, 0) + bytes(64) + b"bad!"),
    "data-without-r2t": (ic(ICREQ), ch(H2C_DATA, 536, 4, 24, 24) + struct.pack("<HHII", 7, 9, 0, 512) + bytes(516)),
    "response-from-host": (ic(ICREQ), ch(5, 24) + bytes(16)),
    "garbage": (b"", bytes((i * 37 + 11) & 255 for i in range(4096))),
    "cut-off": (ic(ICREQ), command()[:40]),
}

# What a bad target answers to the ICReq
TARGET = {
    "closes": b"",
    "garbage": HOST["garbage"][1],
    "wrong-pfv": ic(ICRESP, pfv=7, last=131072),
    "wrong-type": ic(ICREQ),
    "wrong-plen": ic(ICRESP, last=131072, plen=120),
    "digest-not-asked": ic(ICRESP, digest=3, last=131072),
    "tiny-maxdata": ic(ICRESP, last=8),
    "termreq": ch(C2H_TERM, 24) + struct.pack("<HI", 6, 8) + bytes(10),
    "response-to-nothing": ic(ICRESP, last=131072) + response(5),
    "event-for-nobody": ic(ICRESP, last=131072) + response(31),
    "data-for-nobody": ic(ICRESP, last=131072) + ch(7, 536, 4, 24, 24) + struct.pack("<HHII", 999, 0, 0, 512) + bytes(516),
    "r2t-for-nobody": ic(ICRESP, last=131072) + ch(9, 24) + struct.pack("<HHII", 999, 1, 0, 4096) + bytes(4),
}

# What a bad target that has answered ICReq well answers to the Connect command
CONNECT = {
    "closes at Connect": b"",
    "garbage at Connect": HOST["garbage"][1],
    "termreq at Connect": TARGET["termreq"],
    **{f"{case} at Connect": TARGET[case].removeprefix(ic(ICRESP, last=131072))
       for case in ("response-to-nothing", "event-for-nobody", "data-for-nobody", "r2t-for-nobody")},
}


def receive(sock, length):
    data = b""
    while len(data) < length:
        part = sock.recv(length - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def play_host(case, address, port):
    first, bad = HOST[case]
    with socket.create_connection((address, port), LIMIT) as sock:
        try:
            if first:
                sock.sendall(first)
                receive(sock, 128)
            sock.sendall(bad)
            if case == "cut-off":
                sock.shutdown(socket.SHUT_WR)
            while True:
                header = receive(sock, 8)
                rest = receive(sock, struct.unpack_from("<I", header, 4)[0] - 8)
                if header[0] == C2H_TERM:
                    return f"termreq {struct.unpack_from('<H', rest)[0]}"
        except socket.timeout:
            return "silence"
        except ConnectionError:
            return "closed"


def read_out(sock):
    """Reads what a host sends until it closes, and tells of its TermReqs."""
    while True:
        header = receive(sock, 8)
        rest = receive(sock, struct.unpack_from("<I", header, 4)[0] - 8)
        if header[0] == H2C_TERM:
            print("termreq %d %d" % struct.unpack_from("<HI", rest), flush=True)


def play_target(case, address, port):
    with socket.create_server((address, port)) as server:
        print("listening", flush=True)
        while True:
            sock = server.accept()[0]
            try:
                receive(sock, 128)
                if case in CONNECT:
                    sock.sendall(ic(ICRESP, last=131072))
                    # Connect, with its data.
                    receive(sock, 72 + 1024)
                answer = TARGET.get(case, CONNECT.get(case))
                sock.sendall(answer)
                if answer:
                    read_out(sock)
            except ConnectionError:
                pass
            sock.close()


def main():
    role, case, address, port = sys.argv[1:]
    play = play_host if role == "host" else play_target
    print(play(case, address, int(port)))


if __name__ == "__main__":
    main()
