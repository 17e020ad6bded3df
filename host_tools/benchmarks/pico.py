"""The hub on an emulated Raspberry Pi Pico: how long it takes from power to its first words."""

from __future__ import annotations

import os
from pathlib import Path

from host_tools.benchmarks.figure import Figure
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.virtual.pico_rig import PicoRig

NAMES = ("pico-boot",)
UF2 = "CHF_PICO_UF2"


def take(quick: bool) -> list[Figure]:
    path = Path(os.environ.get(UF2, ""))
    if not path.is_file():
        raise BenchError(f"{UF2} names no file: give MicroPython for RPI_PICO there.", EXIT_NO_BOARD)
    rig = PicoRig(path, new_identity(1))
    rig.power_on()
    return [
        Figure(
            NAMES[0],
            rig.now_ms,
            "ms",
            None,
            "from power to the hub's first words, 2 s of it for who wants maintenance mode; emulated time of an RP2040 "
            "whose flash is written at once",
        )
    ]
