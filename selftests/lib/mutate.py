# SPDX-License-Identifier: GPL-2.0
"""Damage done to PDUs, the same for the same random numbers."""
import struct

from pdu import GARBAGE

FORMS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}


def flipped(rng, pdu):
    """Up to three bits of the header are wrong."""
    data = bytearray(pdu)
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(min(len(data), 72))] ^= 1 << rng.randrange(8)
    return bytes(data)


def valued(rng, pdu):
    """A field, or what might be one, has a value at the edge."""
    size = rng.choice((1, 2, 4, 4, 8))
    if len(pdu) < size:
        return b""
    at = rng.randrange(0, min(len(pdu), 128) - size + 1, size)
    most = (1 << 8 * size) - 1
    old = struct.unpack_from(FORMS[size], pdu, at)[0]
    new = rng.choice((0, 1, most, most - 1, most >> 1, (most >> 1) + 1, old + 1, old - 1, old << 1,
                      rng.randint(0, most)))
    return pdu[:at] + struct.pack(FORMS[size], new & most) + pdu[at + size:]


def shorter(rng, pdu):
    return pdu[:rng.randrange(len(pdu))] if pdu else pdu


def longer(rng, pdu):
    return pdu + GARBAGE[:rng.randint(1, 200)]


def garbage(rng, pdu):
    return rng.randbytes(rng.choice((8, len(pdu), 200)))


def twice(rng, pdu):
    return pdu * rng.randint(2, 4)


def none(rng, pdu):
    return b""


class Mutator:
    """Passes PDUs on, some of them damaged. In one session in eight all are right."""

    DAMAGE = (flipped, flipped, valued, valued, valued, shorter, longer, garbage, twice, none)

    def __init__(self, rng):
        self.rng = rng
        self.rate = rng.choice((0, 0.02, 0.05, 0.1, 0.1, 0.2, 0.3, 0.5))
        self.seen, self.count, self.damaged = [], 0, 0

    def pass_on(self, pdu):
        """What is sent instead of a PDU: now and then one of before, or in pieces of both."""
        rng = self.rng
        self.count += 1
        if rng.random() < self.rate:
            self.damaged += 1
            how = rng.randrange(len(self.DAMAGE) + 2)
            if how < len(self.DAMAGE):
                pdu = self.DAMAGE[how](rng, pdu)
            elif self.seen:
                old = rng.choice(self.seen)
                pdu = old if how == len(self.DAMAGE) else old[:24] + pdu[24:]
        elif len(self.seen) < 32:
            self.seen.append(pdu)
        return pdu

    def send(self, sock, *pdus):
        """Sends them, cut anywhere now and then."""
        data = b"".join(self.pass_on(pdu) for pdu in pdus)
        if self.rng.random() < 0.2:
            while len(data) > 1:
                cut = self.rng.randint(1, len(data))
                sock.sendall(data[:cut])
                data = data[cut:]
                if cut < 4:
                    break
        sock.sendall(data)
