"""chtool triage: what the network operator makes of its AD1 alerts, by the million."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from host_tools.cli import output
from host_tools.dno import rows
from host_tools.errors import EXIT_FAILED, EXIT_USAGE, BenchError, heed_interrupts

STDIN = "-"
BAD_SHOWN = 20
TOP = 10


class _BadLines:
    """Says each bad line on stderr, the first so many of them, and counts all."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self.first: list[rows.Bad] = []
        self._most = most

    def tell(self, bad: rows.Bad) -> None:
        self.count += 1
        if self.count <= self._most:
            self.first.append(bad)
            print(f"{bad.source} line {bad.line} {bad.sentence}", file=sys.stderr)

    def end(self) -> None:
        if self.count > len(self.first):
            more = self.count - len(self.first)
            print(f"... and {more:,} more: {self.count:,} bad lines in all were passed over.", file=sys.stderr)


def _as_of(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        return rows.time_ms(value)
    except rows.Unfit:
        raise click.BadParameter(f"{value!r} is not {rows.KINDS['time'][1]}.") from None


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--as-of", "as_of_ms", metavar="TIME", callback=_as_of, help="As things stood then. Default: at the end.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), metavar="FILE", help="Draw it: .svg or .png.")
@click.option(
    "--top", type=click.IntRange(min=0), default=TOP, show_default=True, help="Rows of the lists that go on and on."
)
@click.option(
    "--bad", "bad_most", type=click.IntRange(min=0), default=BAD_SHOWN, show_default=True, help="Bad lines to name."
)
@output.as_json
def triage(
    files: tuple[str, ...],
    as_of_ms: int | None,
    plot_path: Path | None,
    top: int,
    bad_most: int,
    json_wanted: bool,
) -> int:
    """Sort the alerts in FILE..., JSON Lines as of chtool headend --jsonl, plain or gzip; - is standard input.

    Each outage that an AD1 was raised for gets a class and its reason, its fixed 3-minute window (isolated: 50 hubs or
    fewer in it; mass: more), and what restoration followed, if any. Whatever is in doubt is treated as an outage.

    A bad line is named and passed over; the exit code is then 1. --json prints one document with every alert.
    """
    if plot_path is not None and plot_path.suffix.lower() not in (".svg", ".png"):
        raise BenchError(f"{plot_path} is no name for a plot: it must end in .svg or .png.", EXIT_USAGE)
    try:
        from host_tools.dno import read, result
        from host_tools.dno.triage import triage as sort_out
    except ImportError as error:
        raise BenchError(f"chtool triage needs {error.name}, which is not installed: pip install polars.") from None
    heed_interrupts()  # again: polars has set a handler after which a read goes on
    if plot_path is not None:
        output.look_at(plot_path)
    bad = _BadLines(bad_most)
    for name in files:
        _check(name)
    found = sort_out((frame for name in files for frame in _frames(read, name, bad)), as_of_ms)
    bad.end()
    if json_wanted:
        about = {
            "files": [_shown(name) for name in files],
            "bad_lines": {"count": bad.count, "first": [line._asdict() for line in bad.first]},
        }
        for piece in result.document(found, about):
            sys.stdout.write(piece)
    else:
        from host_tools.cli import triage_tables

        triage_tables.show(found, top)
    if plot_path is not None:
        from host_tools.dno import plot

        plot.write(found, plot_path)
    return EXIT_FAILED if bad.count else 0


def _shown(name: str) -> str:
    return "standard input" if name == STDIN else name


def _check(name: str) -> None:
    """Before anything is read, for that can take its time."""
    if name == STDIN:
        if sys.stdin is None:
            raise BenchError("There is no standard input: name a file.", EXIT_USAGE)
        return
    try:
        if stat.S_ISDIR(os.stat(name).st_mode):
            raise BenchError(f"{name} cannot be read: it is a folder; name the files in it.", EXIT_USAGE)
    except OSError as error:
        raise BenchError(f"{name} cannot be read: {error.strerror}.", EXIT_USAGE) from None


def _frames(read: Any, name: str, bad: _BadLines) -> Iterator[Any]:
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if name == STDIN else open(name, "rb") as stream:
            yield from read.read(stream, _shown(name), bad.tell)
    except OSError as error:
        raise BenchError(f"{name} cannot be read: {error.strerror}.", EXIT_USAGE) from None
