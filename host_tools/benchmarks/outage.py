"""How long three minutes of outage take on the stepped clock."""

from __future__ import annotations

import time
from statistics import median

from host_tools.benchmarks.figure import Figure
from host_tools.errors import BenchError
from host_tools.testbed import virtual

NAMES = ("outage-180s",)
BAR_MS = 100
OUT_S = 180
OUTAGES = 15


def take(quick: bool) -> list[Figure]:
    taken_ms = []
    with virtual(seed=1) as bed:
        for _ in range(3 if quick else OUTAGES):
            before = len(bed.headend.alerts)
            start = time.perf_counter()
            bed.lose_supply(OUT_S)
            taken_ms.append((time.perf_counter() - start) * 1000)
            if len(bed.headend.alerts) != before + 1:
                raise BenchError(f"The virtual hub did not alert after {OUT_S} s: nothing was measured.")
            bed.restore_supply(60)
    return [
        Figure(
            "outage-180s",
            median(taken_ms),
            "ms",
            BAR_MS,
            f"wall time from the loss of supply to the AD1 at {OUT_S}.000 s on a virtual hub, stepped clock; median of "
            f"{len(taken_ms)} outages, {min(taken_ms):.0f} to {max(taken_ms):.0f}",
        )
    ]
