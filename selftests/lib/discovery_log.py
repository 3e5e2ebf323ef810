#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print a raw discovery log page (nvme discover --raw FILE) as JSON.

nvme-cli prints "unrecognized" for a transport that it does not know, so the
tests look at the bytes (NVMe Base specification, Discovery Log Page).
"""
import json
import struct
import sys


def text(field):
    return field.rstrip(b"\0 ").decode()


def entry(raw):
    trtype, adrfam, subtype, treq, portid, cntlid, asqsz = struct.unpack_from("<BBBBHHH", raw)
    return {
        "trtype": trtype, "adrfam": adrfam, "subtype": subtype, "treq": treq,
        "portid": portid, "cntlid": cntlid, "asqsz": asqsz,
        "trsvcid": text(raw[32:64]), "subnqn": text(raw[256:512]),
        "traddr": text(raw[512:768]), "sectype": raw[768],
    }


with open(sys.argv[1], "rb") as log:
    page = log.read()
genctr, numrec, recfmt = struct.unpack_from("<QQH", page)
json.dump({
    "genctr": genctr, "numrec": numrec, "recfmt": recfmt,
    "entries": [entry(page[1024 * i:1024 * (i + 1)]) for i in range(1, numrec + 1)],
}, sys.stdout)
