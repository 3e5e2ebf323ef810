#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Connect while memory is short: one allocation fails, then a later one ...

	fail_nth.py FIRST STEP OPTION,...

Writes the options to /dev/nvme-fabrics until a connect has gone through without
a failed allocation, and removes each controller that was made. Prints how many
times it tried, and how many controllers were made although an allocation had
failed.
"""
import os
import re
import sys

FAIL_NTH = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
first, step, options = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()


def remove(file):
    instance = re.search(rb"instance=(\d+)", os.read(file, 4096)).group(1).decode()
    with open(f"/sys/class/nvme/nvme{instance}/delete_controller", "w") as delete:
        delete.write("1")


def attempt(nth):
    """Returns whether the nth allocation was reached, and a controller made."""
    made = False
    file = os.open("/dev/nvme-fabrics", os.O_RDWR)
    os.pwrite(FAIL_NTH, str(nth).encode(), 0)
    try:
        os.write(file, options)
        made = True
    except OSError:
        pass
    finally:
        reached = os.pread(FAIL_NTH, 16, 0).strip() == b"0"
        os.pwrite(FAIL_NTH, b"0", 0)
    if made:
        remove(file)
    os.close(file)
    return reached, made


tried = survived = 0
nth = first
while True:
    tried += 1
    reached, made = attempt(nth)
    if not reached:
        if not made:
            sys.exit(f"allocation {nth}: none failed, and no controller was made")
        break
    survived += made
    nth += step
print(f"{tried} attempts from {first} by {step}, {survived} controllers in spite of a failure")
