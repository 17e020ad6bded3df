"""The line rate that each board's framer keeps up with, derived from this run."""

from __future__ import annotations

from host_tools.benchmarks.figure import Figure
from host_tools.boards import line_rate, load_all

BOARDS = ("esp32_c6", "esp32_s3", "pico", "pico2", "xiao_nrf52840")
NAMES = tuple(f"line-rate-{name}" for name in BOARDS)


def figures(unit_us: float, decode_u: float, viper_u: float | None) -> list[Figure]:
    """One for each board: the rate in bytecode; for information."""
    run = line_rate.Run(unit_us, decode_u, viper_u)
    found = []
    for board in load_all():
        each_us = line_rate.octet_us(board, run)
        assert each_us is not None
        found.append(
            Figure(
                f"line-rate-{board.name}",
                line_rate.good_for(each_us),
                "baud",
                None,
                f"{line_rate.sentence(board, run)}: {decode_u:.2f} U of {unit_us * 1000:.0f} ns in bytecode, "
                f"{line_rate.PICO_BYTECODE} "
                f"times that on a Pico ({line_rate.PICO_VIPER} in viper), others by their clocks; "
                f"framing takes {line_rate.SHARE:.0%} of "
                f"the time at most, {line_rate.LINKS} links full",
            )
        )
    return found
