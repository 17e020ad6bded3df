"""bare: as the hub under test: a virtual dev board, flashed from its bare REPL and reached by its port."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from host_tools.deploy.provisioning import write_identity
from host_tools.errors import EXIT_USAGE, BenchError

BARE = "bare:"
SPEED = 12  # of the board's time, as a multiple of real
SPEED_MAX = 20  # beyond it the host cannot answer as soon as the hub expects
FRAMERS = ("native", "bytecode")


def options(url: str) -> tuple[int, str]:
    """(speed, framer) of "bare:?speed=10&framer=native"; framer: "" for the board's own. Raises BenchError."""
    _, mark, query = url[len(BARE) :].partition("?")
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if mark else {}
    except ValueError:
        given = {query: ""}
    speed, framer = given.pop("speed", str(SPEED)), given.pop("framer", "")
    in_range = speed.isascii() and speed.isdecimal() and 1 <= int(speed[:4]) <= SPEED_MAX
    if url not in (BARE, f"{BARE}?{query}") or given or not in_range or framer not in ("", *FRAMERS):
        raise BenchError(
            f"'{url}' does not fit: give bare: alone or bare:?speed=N&framer=KIND, N from 1 to {SPEED_MAX}, "
            f"KIND {' or '.join(FRAMERS)}.",
            EXIT_USAGE,
        )
    return int(speed), framer


@contextlib.contextmanager
def flashed(url: str, identity: dict[str, Any]) -> Iterator[str]:
    """The URL of a hub on a virtual dev board that had nothing but MicroPython. Raises BenchError."""
    speed, framer = options(url)
    from host_tools.link.own_rig import virtual_rig

    virtual_rig()  # it says where this system has no PTYs
    from host_tools.deploy.flash import Request, flash
    from host_tools.virtual.repl_board import ReplBoard

    with tempfile.TemporaryDirectory(prefix="chf-board-") as name:
        folder = Path(name)
        write_identity(folder / "keys.json", identity)
        with ReplBoard(folder, speed=speed) as board:
            board.power_on()
            flash(Request("virtual", str(board.port), folder / "keys.json", framer=framer), _Nobody())
            yield f"{board.port},speed={speed}"


class _Nobody:
    """Who flashes without being watched."""

    def step(self, what: str, done: int = 0, total: int = 0) -> None:
        pass

    def ask(self, sentence: str) -> None:
        raise BenchError(f"A virtual board has no hands: {sentence}")
