# SPDX-License-Identifier: GPL-2.0
"""Write one buffer again and again, while another process writes to it:
scribble.py DISK BYTES COUNT. Fails with the first write that does."""

import mmap
import os
import signal
import sys

disk, size, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
buffer = mmap.mmap(-1, size)
parent = os.getpid()
scribbler = os.fork()
if scribbler == 0:
    patterns = [bytes([value]) * size for value in (0x55, 0xAA)]
    while os.getppid() == parent:
        for pattern in patterns:
            buffer[:] = pattern
    os._exit(0)

fd = os.open(disk, os.O_RDWR | os.O_DIRECT)
try:
    for _ in range(count):
        if os.pwritev(fd, [buffer], 0) != size:
            sys.exit("a write was short")
finally:
    os.kill(scribbler, signal.SIGKILL)
    os.waitpid(scribbler, 0)
