"""The command: measure, show, keep, and end with 1 where a figure falls short of its bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from host_tools.benchmarks import (
    drift,
    fuzz,
    heap,
    host_frames,
    many_hubs,
    outage,
    pico,
    round_trip,
    size,
    speed,
    suites,
    triage,
    vm32,
)
from host_tools.benchmarks.figure import Figure, Measure, show, write
from host_tools.errors import EXIT_FAILED, EXIT_USAGE, BenchError

MEASURES = (
    Measure(heap.NAMES, heap.take),
    Measure(outage.NAMES, outage.take),
    Measure(suites.SUITE_NAMES, suites.take_suite, slow=True),
    Measure(suites.DEMO_NAMES, suites.take_demo, slow=True),
    Measure(drift.NAMES, drift.take),
    Measure(fuzz.NAMES, fuzz.take),
    Measure(speed.NAMES, speed.take),
    Measure(round_trip.NAMES, round_trip.take),
    Measure(many_hubs.NAMES, many_hubs.take, slow=True),
    Measure(host_frames.NAMES, host_frames.take, optional=True),
    Measure(triage.NAMES, triage.take),
    Measure(size.MPY_NAMES, size.take_mpy),
    Measure(size.COMPILE_NAMES, size.take_compile),
    Measure(size.CODE_NAMES, size.take_code),
    Measure(vm32.NAMES, vm32.take, optional=True),
    Measure(pico.NAMES, pico.take, optional=True, slow=True),
)


def measure(name: str, quick: bool) -> list[Figure]:
    """The figures whose name contains `name`, or one of several with commas; all for "". Raises BenchError for none."""
    parts = [part.strip() for part in name.split(",") if part.strip()] or [""]
    known_names = [known for each in MEASURES for known in each.names]
    for part in parts:
        if not any(part in known for known in known_names):
            raise BenchError(f"There is no figure '{part}': there are {', '.join(known_names)}.", EXIT_USAGE)
    figures: list[Figure] = []
    absent: BenchError | None = None
    for each in MEASURES:
        wanted = [known for known in each.names if any(part in known for part in parts)]
        if not wanted or (quick and each.slow and not name):
            continue
        _say(f"measuring {', '.join(wanted)}")
        try:
            figures += [figure for figure in _taken(each, quick) if figure.name in wanted]
        except BenchError as error:
            if not each.optional:
                raise
            absent = error
    if absent is not None and not figures:
        raise absent
    if absent is not None:
        print(f"Left out: {absent}", file=sys.stderr)
    return figures


def _taken(each: Measure, quick: bool) -> Sequence[Figure]:
    """Its figures; without a value where the hub does not do what is measured, so that the others are still taken."""
    try:
        return each.take(quick)
    except BenchError as error:
        if error.exit_code != EXIT_FAILED:
            raise
        return [Figure(name, None, "-", None, str(error).rstrip(".")) for name in each.names]


def _print(figures: Sequence[Figure]) -> None:
    """Show them. Raises BenchError where the output takes nothing more, BrokenPipeError where nobody reads it."""
    try:
        show(figures)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What Python would try to write again at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise BenchError(f"The output cannot be written: {error.strerror}.") from None


def _say(sentence: str) -> None:
    if sys.stderr.isatty():
        print(sentence, file=sys.stderr)


@click.command(help="Measure speed, memory and size, each against its bar. Exit code 1 where one falls short.")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Keep the figures in this file.")
@click.option("-k", "name", default="", metavar="NAME[,NAME]", help="Only figures whose name contains this.")
@click.option("--quick", is_flag=True, help="Fewer repetitions; the suite and the demo only if -k names them.")
def main(path: Path | None, name: str, quick: bool) -> None:
    try:
        figures = measure(name, quick)
        if path is not None:
            write(figures, path)
        _print(figures)
    except BenchError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0 if all(figure.holds for figure in figures) else EXIT_FAILED)


if __name__ == "__main__":
    main(prog_name="benchmarks")
