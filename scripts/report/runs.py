# SPDX-License-Identifier: GPL-2.0
"""The runs of a bench, and what can be said of several of the same kind."""

import json
import statistics
from collections import defaultdict

MIB = 1 << 20
# Mbit/s of all links of a rig
RATE = {"equal": 400, "unequal": 400, "lossy": 400, "delays": 400, "gigabit": 2000}
# What the headers leave of a packet: MPTCP with timestamps and the DSS option
PAYLOAD = 1420 / 1514


def limit(rig):
    """What the links of a rig carry, in MiB/s; None if there is no limit."""
    rate = RATE.get(rig)
    return rate and rate * 1e6 / 8 * PAYLOAD / MIB


class Runs:
    """All runs, by rig, arrangement and work."""

    def __init__(self, path):
        self.kinds = defaultdict(list)
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("{"):
                    run = json.loads(line)
                    kind = run["rig"], run["arrangement"], run["work"]
                    self.kinds[kind].append(run)

    def of(self, kind, metric):
        """The metric of each run of a kind."""
        return [METRICS[metric](run) for run in self.kinds.get(kind, [])]

    def median(self, kind, metric):
        """Of the runs of a kind; None if there are none."""
        values = self.of(kind, metric)
        return statistics.median(values) if values else None


METRICS = {
    "mib": lambda run: (run["read"] + run["write"]) / MIB,
    "p50": lambda run: run["p50_us"],
    "p99": lambda run: run["p99_us"],
    "p999": lambda run: run["p999_us"],
    # The VM's clock counts instructions, a nanosecond for each.
    "instructions": lambda run: 1e9 / run["iops"] if run["iops"] else float("inf"),
}
