"""chtool monitor and decode: frames for people, as they come or from a capture."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from chf.wire import schema
from host_tools.bench import Captured
from host_tools.cli import output
from host_tools.errors import BenchError
from host_tools.link import capture
from host_tools.link.connect import capture_about, open_bench
from host_tools.link.recorded import Keep

LOOK_S = 0.2
_STYLES = {schema.LINK_HAN: "green", schema.LINK_WAN: "cyan", schema.LINK_BENCH: "dim"}


class Printer:
    """Prints frames as they come: a line each, coloured by link on a terminal, or a JSON object each."""

    def __init__(self, json_wanted: bool) -> None:
        self._json = json_wanted
        self._console = output.console() if sys.stdout.isatty() and not json_wanted else None

    def show(self, item: capture.Kept) -> None:
        if self._json:
            print(json.dumps(capture.as_json(item)))
        elif self._console is None:
            print(capture.describe(item))
        else:
            from rich.text import Text

            style = "yellow"
            if isinstance(item, capture.Item) and len(item.content) > 1:
                style = _STYLES.get(item.content[1] & schema.LINK_MASK, "")
            self._console.print(Text(capture.describe(item), style=style), soft_wrap=True)


class Recorder:
    """What follows a bench's capture: shows each frame once, writes it where that is wanted, and lets it go.

    keep(), of the bench's line, writes; without it take() does.
    """

    def __init__(self, printer: Printer | None, path: str | None, url: str, **about: Any) -> None:
        self._printer = printer
        self._writer = None if path is None else capture.Writer(Path(path), url=url, **about)
        self._kept = False
        self.count = 0

    @property
    def keep(self) -> Keep | None:
        """For the bench's line, which also knows what a rig does; None where nothing is to be written."""
        self._kept = self._writer is not None
        return None if self._writer is None else self._writer.put

    def take(self, frames: list[Captured]) -> None:
        for one in frames:
            item = capture.Item(one.at_ms, one.to_hub, one.content)
            if self._writer is not None and not self._kept:
                self._writer.put(item)
            if self._printer is not None:
                self._printer.show(item)
        self.count += len(frames)
        if frames and self._printer is not None:
            sys.stdout.flush()
        frames.clear()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@click.command()
@output.url
@output.keys
@click.option("--write", "path", metavar="FILE", help="Keep what is shown in a capture file.")
@output.seconds("--for", "End after so long. Default: when interrupted.")
@output.as_json
def monitor(url: str, identity: dict | None, path: str | None, for_s: float | None, json_wanted: bool) -> None:
    """Show the frames of the hub at URL as they come, decoded; --json prints an object a line.

    A serial port takes one program at a time. sim: starts a virtual hub with a meter and a head-end, in real time.
    """
    end = None if for_s is None else time.monotonic() + for_s
    about = capture_about(url, identity) if path is not None else {}
    recorder = Recorder(Printer(json_wanted), path, url, **about)
    try:
        with open_bench(url, identity, sim_speed=1, keep=recorder.keep) as (bench, speed):
            while end is None or time.monotonic() < end:
                look_s = LOOK_S if end is None else max(0.001, min(LOOK_S, end - time.monotonic()))
                bench.advance(max(1, round(look_s * 1000 * speed)), until=lambda: bool(bench.capture))
                recorder.take(bench.capture)
    finally:
        recorder.close()


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@output.as_json
def decode(file: Path, json_wanted: bool) -> int:
    """Decode FILE, a capture of chtool or raw octets of a line, to text; --json prints an object a line.

    A line that cannot be read is reported with its number; the rest is decoded, and the exit code is 1.
    """
    printer = Printer(json_wanted)
    bad = frames = 0
    for item in capture.read(file):
        if isinstance(item, capture.Bad):
            bad += not item.cut
            where = file if item.line is None else f"{file} line {item.line}"
            print(f"{where} {item.sentence}", file=sys.stderr)
        elif not isinstance(item, capture.Header):
            frames += isinstance(item, capture.Item)
            printer.show(item)
    if not frames:
        raise BenchError(f"{file} holds no frame: give a capture of chtool, or raw octets of a line.")
    return 1 if bad else 0
