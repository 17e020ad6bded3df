"""A virtual dev board for the flashing tests, and chtool flash on it inside this process."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from host_tools.deploy.flash import Request, flash
from host_tools.virtual.repl_board import ReplBoard

SPEED = 4  # of the board's time: its waits and its flash are short then, its code as slow as ever


class Watcher:
    """Keeps what flashing says. on_step: is told of each step, in flashing's own thread."""

    def __init__(self, on_step: Callable[[str, int, int], None] | None = None) -> None:
        self.steps: list[str] = []
        self.asked: list[str] = []
        self.on_ask: Callable[[], None] = lambda: None
        self._on_step = on_step

    def step(self, what: str, done: int = 0, total: int = 0) -> None:
        self.steps.append(what)
        if self._on_step is not None:
            self._on_step(what, done, total)

    def ask(self, sentence: str) -> None:
        self.asked.append(sentence)
        self.on_ask()


def flash_it(board: ReplBoard, watcher: Watcher | None = None, name: str = "virtual", **options: Any) -> dict[str, Any]:
    """Flash it as the board of that name; the identity file lies beside its flash."""
    options.setdefault("keys", board.flash.with_name("keys.json"))
    return flash(Request(name, str(board.port), **options), watcher or Watcher())


@contextlib.contextmanager
def running(folder: Path, flashed: Path | None = None, **options: Any) -> Iterator[ReplBoard]:
    """A board that is on, with USB of its own. flashed: another one's flash to start from, keys.json beside it."""
    if flashed is not None:
        shutil.copy(flashed, folder / "flash.bin")
        shutil.copy(flashed.with_name("keys.json"), folder / "keys.json")
    with ReplBoard(folder, **{"speed": SPEED, "away_s": 0.1, **options}) as board:
        board.power_on()
        yield board


def mpremote(board: ReplBoard, *arguments: str) -> str:
    """What the unmodified command line tool prints."""
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", str(board.port), "resume", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put(board: ReplBoard, name: str, text: str) -> None:
    """A file onto the board."""
    path = board.flash.with_name(name)
    path.write_text(text, encoding="latin-1")
    mpremote(board, "cp", str(path), f":{name}")


def files(board: ReplBoard) -> dict[str, bytes]:
    """What lies in the root of the board's flash, read from the chip by the host's own littlefs."""
    found = {}
    with changed(board) as chip:
        for name in chip.listdir("/"):
            if chip.stat(name).type != 2:  # a folder
                with chip.open(name, "rb") as file:
                    found[name] = file.read()
    return found


@contextlib.contextmanager
def changed(board: ReplBoard) -> Iterator[Any]:
    """The board's flash as the host's own littlefs; what is written there is in the chip afterwards. It must be off."""
    from littlefs import LittleFS

    image = board.flash.read_bytes()
    chip = LittleFS(block_size=4096, block_count=len(image) // 4096, prog_size=256, read_size=32, mount=False)
    chip.context.buffer = bytearray(image)
    chip.mount()
    yield chip
    chip.unmount()
    if bytes(chip.context.buffer) != image:
        board.flash.write_bytes(chip.context.buffer)
