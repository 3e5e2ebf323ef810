#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints a report of reservations (extended data structures): reservation.py FILE

The type of the reservation, or 0, and the keys of those who are registered, with
a star behind those who hold it.
"""
import struct
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
kind, count = struct.unpack_from("<BH", data, 4)
keys = []
for at in range(64, 64 * (1 + count), 64):
    status, key = struct.unpack_from("<2xB5xQ", data, at)
    keys.append(f"{key:#x}" + ("*" if status & 1 else ""))
print(kind, *sorted(keys))
