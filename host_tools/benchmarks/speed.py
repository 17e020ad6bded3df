"""Speed on the real VM, against U and within one run: decoding, idling, verifying."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from host_tools.benchmarks import vm
from host_tools.benchmarks.drift import identity
from host_tools.benchmarks.figure import Figure

U = "one pass of `for i in range(n): x += 1` on the same VM, in turns with it"
NAMES = ("framer-decode", "supervisor-idle", "shell-idle", "hmac-verify")
LOOPS = 1 << 18
ROUNDS = 9


def times(rounds: int, loops: int = LOOPS) -> dict[str, Any]:
    """What vm/speed.py measures: `rows` of microseconds, a column for each of `names`."""
    with vm.scripts() as folder:
        return vm.run("speed", folder, {"identity": identity(), "n": loops, "rounds": rounds})


def relative(rows: Sequence[Sequence[float]], column: int, base: int) -> float:
    """The median over the rounds of one column to another: both of one round, so that a slow moment hits both."""
    return median(row[column] / row[base] for row in rows)


def take(quick: bool) -> list[Figure]:
    seen = times(3, LOOPS >> 3) if quick else times(ROUNDS)
    unit, decode, quiet, step, verify = range(5)
    rows, wire = seen["rows"], seen["wire"]
    rounds = f"median of {len(rows)} rounds"
    return [
        Figure(
            "framer-decode",
            relative(rows, decode, unit) / wire,
            "U/octet",
            None,
            f"Framer.push in bytecode, a frame of 64 octets that takes {wire} on the wire, fed in pieces of 256; U is "
            f"{U}; {rounds}; wanted: 4",
        ),
        Figure(
            "supervisor-idle",
            relative(rows, quiet, unit),
            "U",
            None,
            f"Supervisor.quiet(), the loop around it included; {rounds}; wanted: 6",
        ),
        Figure("shell-idle", relative(rows, step, unit), "U", None, f"Shell.step() with three idle ports; {rounds}"),
        Figure(
            "hmac-verify",
            relative(rows, verify, decode),
            "of a decode",
            None,
            f"Key.verify of a frame of 64 octets against the framer's decoding of it; {rounds}; wanted: 0.4",
        ),
    ]
