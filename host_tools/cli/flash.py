"""chtool flash: the firmware onto a board, MicroPython first where the chip is bare."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools.cli import output
from host_tools.deploy.flash_bare import put_micropython
from host_tools.deploy.flash_install import BYTECODE, NATIVE
from host_tools.deploy.flash_target import names
from host_tools.errors import EXIT_USAGE, BenchError

if TYPE_CHECKING:
    from host_tools.deploy.flash_install import Watcher


@click.command()
@click.option("--board", metavar="NAME", help=f"One of {', '.join(names())}. Default: the one that is found.")
@click.option("--port", metavar="URL", help="Its REPL's port. Default: the one port with a known board's USB id.")
@click.option("--keys", type=click.Path(path_type=Path), metavar="FILE", help="Identity file; made if there is none.")
@click.option("--new-keys", is_flag=True, help="Replace a provisioned board's identity by that of --keys.")
@click.option("--replace", is_flag=True, help="Put the hub in the place of other firmware (kept as main.py.before).")
@click.option("--framer", type=click.Choice([NATIVE, BYTECODE]), help="Default: as board.toml says.")
@click.option("--uf2", type=click.Path(path_type=Path), metavar="FILE", help="First copy this MicroPython to a chip.")
@click.option("--bin", "image", type=click.Path(path_type=Path), metavar="FILE", help="The same for an ESP32.")
@click.option("--erase", is_flag=True, help="With --bin: all that the chip holds goes first, keys and journals too.")
@click.option("--drive", type=click.Path(path_type=Path), metavar="DIR", help="The chip's drive, for --uf2.")
@output.as_json
def flash(
    board: str | None,
    port: str | None,
    keys: Path | None,
    new_keys: bool,
    replace: bool,
    framer: str | None,
    uf2: Path | None,
    image: Path | None,
    erase: bool,
    drive: Path | None,
    json_wanted: bool,
) -> None:
    """Put the firmware on a board, provision it once, restart it and ask who it is.

    --board rig_pico makes a fixture board of a second Pico. Only what differs is copied. A board that is interrupted in
    the middle has its old firmware, whole.
    """
    from host_tools.deploy.flash import Request
    from host_tools.deploy.flash import flash as flash_board

    bare = uf2 is not None or image is not None
    with watching() as watcher:
        if bare:
            if board is None:
                raise BenchError("--uf2 and --bin need --board: a bare chip does not say what it is.", EXIT_USAGE)
            watcher.step("putting MicroPython on the chip")
            port = put_micropython(board, uf2, image, port, drive, erase)
        elif erase:
            raise BenchError("--erase goes with --bin, the MicroPython to put on an ESP32 then.", EXIT_USAGE)
        done = flash_board(Request(board, port, keys, new_keys, replace, framer or "", starting=bare), watcher)
    if json_wanted:
        output.print_json(done)
        return
    copied = (
        f"{done['copied_octets']:,} of {done['octets']:,} octets" if done["copied_octets"] else "nothing: up to date"
    )
    lines = [(name, done[name]) for name in ("board", "port", "micropython", "framer")]
    lines += [("copied", copied), *_identity_lines(done)]
    output.print_fields("Flashed", lines)


def _identity_lines(done: dict[str, Any]) -> list[tuple[str, str]]:
    """Who the board says that it is, a hub or a fixture board."""
    identity = done["identity"]
    if "keys" not in done:
        return [("runs", identity["runs"]), ("able", ", ".join(identity["able"]))]
    return [
        ("keys", done["keys"]),
        ("runs", identity["runs"]),
        ("strapped", "yes" if identity["strapped"] else "no"),
        ("hub", identity["hub"]),
        ("esme", identity["esme"]),
    ]


class _Quiet:
    """Where no person watches: only what a person has to do."""

    def step(self, what: str, done: int = 0, total: int = 0) -> None:
        pass

    def ask(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)


class _Bar:
    """A line on a terminal that shows what goes on."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, octets="")

    def step(self, what: str, done: int = 0, total: int = 0) -> None:
        octets = f"{done:,} of {total:,} octets" if total else ""
        self._progress.update(self._task, description=what, completed=done, total=total or None, octets=octets)

    def ask(self, sentence: str) -> None:
        self._progress.console.print(sentence)


@contextlib.contextmanager
def watching() -> Iterator[Watcher]:
    """Who tells a person how it goes, on stderr; closed where it is done."""
    if not sys.stderr.isatty():
        yield _Quiet()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[octets]}"))
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress)
