"""Asks a real board, over its REPL, for everything that its adapter uses of MicroPython."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from host_tools.boards.attributes import attributes, probe
from host_tools.deploy import flash, flash_install, flash_target
from host_tools.errors import BenchError

# What probe() prints is kept on the board and fetched in one answer; mpremote needs the board's own print().
_KEPT = """\
said = []
def told():
    return said
exec({script!r}, {{"print": lambda *words: said.append(words)}})
"""


_NO_PINS = ("machine.Pin", "machine.UART")  # in a virtual board: code for them goes onto it and is not run


@dataclass(frozen=True)
class Found:
    """board: its name here. micropython: what it says of itself. asked: attributes. missing: those that it has not.

    framer: "native" or "bytecode", as the firmware there has loaded it; empty where there is none.
    """

    board: str
    port: str
    micropython: str
    asked: int
    missing: tuple[str, ...]
    framer: str


def examine(board: str | None, port: str | None, watcher: flash_install.Watcher) -> Found:
    """What the board lacks; it is restarted at the end, and is a hub again.

    board, port: None where it is to be found. watcher: hears of the progress. Raises BenchError: 2 usage, 3 no board or
    port busy, 4 another board, another MicroPython, or a REPL that is lost.
    """
    target = flash_target.load(board) if board else None
    repl = flash.open_repl(flash_target.find_port(port, target, option="PORT"), watcher)
    try:
        repl.load_flasher()
        who: dict[str, Any] = repl.call("who")
        target = target or flash_target.of_repl(who)
        flash_target.check(target, who)
        names = [name for name in attributes(target.name) if target.name != flash_target.VIRTUAL or _virtual_has(name)]
        watcher.step("asking")
        repl.run(_KEPT.format(script=probe(names)))
        framer = str(repl.call("framer"))
        said = [tuple(map(str, words)) for words in repl.call("told")]
    finally:
        watcher.step("restarting")
        with contextlib.suppress(BenchError):
            repl.reset()
    if said[-1:] != [("ASKED", str(len(names)))]:
        raise BenchError(f"The board at {repl.port} did not answer all questions: run chtool doctor again.")
    missing = tuple(words[1] for words in said if words[0] == "MISSING")
    version = ".".join(map(str, who["version"]))
    return Found(target.name, repl.port, f"{version}; {who['machine'] or who['platform']}", len(names), missing, framer)


def _virtual_has(name: str) -> bool:
    return not name.startswith(_NO_PINS)
