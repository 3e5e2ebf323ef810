# SPDX-License-Identifier: GPL-2.0
"""The PDUs of NVMe/TCP, right ones and wrong ones."""
import struct

ICREQ, ICRESP, H2C_TERM, C2H_TERM, CMD, RESP, H2C_DATA, C2H_DATA = range(8)
R2T = 9
HDGST, DDGST, LAST, SUCCESS = 1, 2, 4, 8
FABRICS, PROPERTY_SET, CONNECT, PROPERTY_GET = 0x7f, 0, 1, 4
FLUSH, WRITE, READ, REPORT = 0, 1, 2, 0x0e
AER, KEEP_ALIVE = 0x0c, 0x18
IN_CAPSULE, TRANSPORT = 0x01, 0x5a
GARBAGE = bytes((i * 37 + 11) & 255 for i in range(4096))


def ch(kind, plen, flags=0, hlen=None, pdo=0):
    """The common header of a PDU."""
    return struct.pack("<BBBBI", kind, flags, plen if hlen is None else hlen, pdo, plen)


def ic(kind, pfv=0, pda=0, digest=0, last=0, plen=128, hlen=128):
    """ICReq or ICResp; last is MAXR2T or MAXH2CDATA."""
    body = struct.pack("<HBBI", pfv, pda, digest, last)
    return (ch(kind, plen, hlen=hlen) + body).ljust(128, b"\0")


def capsule(entry, data=b"", flags=0, hlen=72, pdo=None, plen=None):
    """A CapsuleCmd without digests."""
    pdo = (72 if data else 0) if pdo is None else pdo
    plen = 72 + len(data) if plen is None else plen
    return ch(CMD, plen, flags, hlen, pdo) + entry + data


def data_pdu(kind, cccid, ttag, datao, data, flags=LAST, datal=None, pdo=24, plen=None, hlen=24):
    """H2CData or C2HData without digests."""
    plen = 24 + len(data) if plen is None else plen
    datal = len(data) if datal is None else datal
    head = ch(kind, plen, flags, hlen, pdo) + struct.pack("<HHII4x", cccid, ttag, datao, datal)
    return head + data


def r2t(cccid, ttag, offset, length, flags=0, hlen=24, plen=24):
    return ch(R2T, plen, flags, hlen) + struct.pack("<HHII4x", cccid, ttag, offset, length)


def response(cid, status=0, result=0, flags=0, hlen=24, plen=24):
    """A CapsuleResp."""
    return ch(RESP, plen, flags, hlen) + struct.pack("<QHHHH", result, 0, 0, cid, status << 1)


def term(kind, fes=1, fei=0, data=b"", plen=None):
    plen = 24 + len(data) if plen is None else plen
    return ch(kind, plen, hlen=24) + struct.pack("<HI10x", fes, fei) + data


def sqe(opcode, cid, length=0, sgl=TRANSPORT, nsid=0, tail=b""):
    """A submission queue entry; tail is what begins at byte 40. In a fabrics
    command nsid is the type."""
    head = struct.pack("<BBHI16xQIBBBB", opcode, 0x40, cid, nsid, 0, length, 0, 0, 0, sgl)
    return (head + tail).ljust(64, b"\0")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


def patched(pdu, at, value):
    """A PDU with other bytes at an offset."""
    return pdu[:at] + value + pdu[at + len(value):]


def receive(sock, length):
    """So many bytes; ConnectionError if the peer ends before."""
    data = bytearray()
    while len(data) < length:
        part = sock.recv(length - len(data))
        if not part:
            raise ConnectionError
        data += part
    return bytes(data)


def receive_pdu(sock):
    """Kind, header and data of the next PDU."""
    common = receive(sock, 8)
    kind, _, hlen, pdo, plen = struct.unpack("<BBBBI", common)
    rest = common + receive(sock, plen - 8)
    return kind, rest[:hlen], rest[pdo:] if pdo else rest[hlen:]
