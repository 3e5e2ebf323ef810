#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Read while memory is short: one allocation fails, then a later one ...

	fail_read.py FILE...

Reads each file until that has gone through without a failed allocation. Prints
how many reads that took, and how many of them failed.
"""
import os
import sys

FAIL_NTH = os.open("/proc/thread-self/fail-nth", os.O_RDWR)


def attempt(name, nth):
    """Returns whether the nth allocation was reached, and whether there was an error."""
    file, failed = None, False
    os.pwrite(FAIL_NTH, str(nth).encode(), 0)
    try:
        file = os.open(name, os.O_RDONLY)
        os.read(file, 65536)
    except OSError:
        failed = True
    finally:
        reached = os.pread(FAIL_NTH, 16, 0).strip() == b"0"
        os.pwrite(FAIL_NTH, b"0", 0)
    if file is not None:
        os.close(file)
    return reached, failed


tried = failed = 0
for name in sys.argv[1:]:
    nth, reached = 1, True
    while reached:
        reached, error = attempt(name, nth)
        if error and not reached:
            sys.exit(f"{name}: cannot be read")
        tried, failed, nth = tried + 1, failed + error, nth + 1
print(f"{tried} reads, {failed} failed")
