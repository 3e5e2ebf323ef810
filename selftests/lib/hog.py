#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Takes each CPU away from all others every now and then, until it is ended.

So does a hypervisor that has other guests. Whoever counts on being done soon,
because nothing on the way sleeps, is not.
"""

import os
import random
import time

LONGEST = 0.002		# s


def hog(cpu):
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    while True:
        time.sleep(random.uniform(0, LONGEST))
        end = time.monotonic() + random.uniform(0, LONGEST)
        while time.monotonic() < end:
            pass


cpus = sorted(os.sched_getaffinity(0))
for cpu in cpus[1:]:
    if os.fork() == 0:
        hog(cpu)
hog(cpus[0])
