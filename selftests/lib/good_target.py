# SPDX-License-Identifier: GPL-2.0
"""A target with one namespace of 64 MiB of zeroes that keeps to NVMe/TCP, but
for what a case says. What it is told by H2CTermReq it prints."""
import socket
import struct
import threading

from pdu import (AER, C2H_DATA, CMD, CONNECT, FABRICS, H2C_DATA, H2C_TERM, ICRESP, LAST,
                 PROPERTY_GET, PROPERTY_SET, READ, WRITE, data_pdu, ic, r2t, receive, receive_pdu,
                 response)

NQN = b"nqn.2026-11.test:bad"
BLOCKS = 64 << 11
GET_LOG, IDENTIFY, SET_FEATURES = 0x02, 0x06, 0x09
CAP, VS, CC, CSTS, CRTO = 0x00, 0x08, 0x14, 0x1c, 0x68
INVALID = 0x4002
# Identify Controller: offset, form, value
FIELDS = {
    "mdts": (77, "<B", 5), "cntlid": (78, "<H", 1), "ver": (80, "<I", 0x10300),
    "rtd3e": (88, "<I", 0), "cntrltype": (111, "<B", 1), "kas": (320, "<H", 10),
    "sqes": (512, "<B", 0x66), "cqes": (513, "<B", 0x44), "maxcmd": (514, "<H", 128),
    "nn": (516, "<I", 1), "sgls": (536, "<I", 0x100001), "subnqn": (768, "<256s", NQN),
    "ioccsz": (1792, "<I", 4), "iorcsz": (1796, "<I", 1), "icdoff": (1800, "<H", 0),
}


def identify_controller(changed):
    data = bytearray(4096)
    for name, (at, form, value) in FIELDS.items():
        struct.pack_into(form, data, at, changed.get(name, value))
    return bytes(data)


def identify_namespace():
    data = bytearray(struct.pack("<QQQ", BLOCKS, BLOCKS, BLOCKS).ljust(4096, b"\0"))
    data[104:120] = b"\x11" * 16
    data[130] = 9
    return bytes(data)


class Target:
    """What a case changes: registers and fields of Identify, others when the host
    connects again; how many queues; and what is answered to a command: on is a
    function that gets the connection and the command, and says whether it has
    dealt with it, after which the target may hang up. To what silent says, a function
    that gets the same, with None for ICReq, it never answers."""

    def __init__(self, name, icresp=None, on=None, registers=(), fields=(), queues=1,
                 again=(), endless=False, hang_up=False, silent=None):
        self.name, self.icresp, self.on, self.queues = name, icresp, on, queues
        self.first = {CAP: 127 | 1 << 16 | 20 << 24 | 1 << 37, VS: 0x10300, CRTO: 0,
                      **dict(registers), **dict(fields)}
        self.again, self.endless, self.hang_up = dict(again), endless, hang_up
        self.silent, self.connects = silent, 0

    def says(self):
        """Registers by their offset, fields of Identify by their name."""
        return {**self.first, **self.again} if self.connects > 1 else self.first

    def listen(self, address, port):
        server = socket.create_server((address, port), backlog=16)
        threading.Thread(target=self.accept, args=(server,), daemon=True).start()

    def accept(self, server):
        while True:
            sock = server.accept()[0]
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Connection(self, sock).serve, daemon=True).start()


def listen(targets, address, first):
    """Listens for all of them, each on a port of its own, and says so."""
    for at, target in enumerate(targets):
        target.listen(address, first + at)
    print("listening", flush=True)
    threading.Event().wait()


class Connection:
    def __init__(self, target, sock):
        self.target, self.sock, self.qid = target, sock, None
        self.cc, self.sent = 0, b""

    def send(self, *pdus):
        self.sent = b"".join(pdus)
        self.sock.sendall(self.sent)

    def say(self, *words):
        print(self.target.name, *words, flush=True)

    def serve(self):
        try:
            receive(self.sock, 128)
            icresp = self.target.icresp
            if not self.is_silent():
                self.send(ic(ICRESP, last=131072) if icresp is None else icresp)
            while icresp != b"" and self.one():
                pass
        except OSError:
            pass
        self.sock.close()

    def is_silent(self, command=None):
        silent = self.target.silent and self.target.silent(self, command)
        if silent:
            self.say("silent")
        return silent

    def one(self):
        """Deals with a PDU. Returns whether to go on."""
        kind, header, data = receive_pdu(self.sock)
        if kind == H2C_TERM:
            fes, fei = struct.unpack_from("<HI", header, 8)
            about = () if len(data) >= 8 and data in self.sent else ("about", data.hex())
            self.say("termreq", fes, fei, *about)
        elif kind == CMD:
            return self.execute(Command(header[8:], data))
        return True

    def execute(self, command):
        if self.is_silent(command):
            return True
        if self.target.on and self.target.on(self, command):
            return not self.target.hang_up
        self.command(command)
        return True

    def command(self, command):
        if command.opcode == FABRICS:
            return self.fabrics(command)
        if self.qid:
            return self.io(command)
        if command.opcode == IDENTIFY:
            return self.identify(command)
        if command.opcode == SET_FEATURES and command.dword(40) & 0xff == 7:
            count = (self.target.queues - 1) & 0xffff
            return self.send(response(command.cid, result=count | count << 16))
        if command.opcode == GET_LOG:
            return self.read(command, bytes(command.length))
        if command.opcode != AER:
            self.send(response(command.cid))
        return None

    def fabrics(self, command):
        kind, offset = command.entry[4], command.dword(44)
        result = 0
        if kind == CONNECT:
            self.qid = struct.unpack_from("<H", command.entry, 42)[0]
            self.target.connects += self.qid == 0
            result = 1
        elif kind == PROPERTY_SET and offset == CC:
            self.cc = command.dword(48)
        elif kind == PROPERTY_GET and offset == CC:
            result = self.cc
        elif kind == PROPERTY_GET:
            status = self.cc & 1 | (8 if self.cc & 0xc000 else 0)
            result = {CSTS: status, **self.target.says()}.get(offset, 0)
        self.send(response(command.cid, result=result))

    def identify(self, command):
        cns, nsid = command.dword(40) & 0xff, command.dword(4)
        if cns == 1:
            return self.read(command, identify_controller(self.target.says()))
        if cns == 0:
            return self.read(command, identify_namespace())
        if cns == 2 and self.target.endless:
            # Namespaces that are not there, and never an end of them.
            first = nsid % 0x7fffffff + 1
            return self.read(command, struct.pack("<1024I", *range(first, first + 1024)))
        if cns == 2:
            return self.read(command, struct.pack("<I", 1 if nsid == 0 else 0).ljust(4096, b"\0"))
        if cns == 3 and not self.target.endless:
            nguid = struct.pack("<BB2x", 2, 16) + b"\x11" * 16
            return self.read(command, nguid.ljust(4096, b"\0"))
        return self.send(response(command.cid, INVALID))

    def io(self, command):
        if command.opcode == READ:
            self.read(command, bytes(command.length))
        elif command.opcode == WRITE and not command.data:
            self.send(r2t(command.cid, 7, 0, command.length))
            got, others = 0, []
            while got < command.length:
                kind, header, data = receive_pdu(self.sock)
                if kind == CMD:
                    others.append(Command(header[8:], data))
                got += len(data) if kind == H2C_DATA else 0
            self.say("written", got)
            self.send(response(command.cid))
            for other in others:
                self.execute(other)
        else:
            self.send(response(command.cid))

    def read(self, command, data):
        self.send(data_pdu(C2H_DATA, command.cid, 0, 0, data[:command.length], LAST),
                  response(command.cid))


class Command:
    def __init__(self, entry, data):
        self.entry, self.data = entry, data
        self.opcode, self.cid = entry[0], struct.unpack_from("<H", entry, 2)[0]
        self.length = self.dword(32)

    def dword(self, at):
        return struct.unpack_from("<I", self.entry, at)[0]
