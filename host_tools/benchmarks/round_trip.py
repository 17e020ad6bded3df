"""The round trip over a PTY: a hub's answer against an echo floor, in turns. POSIX only."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from host_tools import frames
from host_tools.benchmarks import vm
from host_tools.benchmarks.drift import identity
from host_tools.benchmarks.figure import Figure
from host_tools.errors import BenchError
from host_tools.virtual.process import Pty

NAMES = ("pty-round-trip",)
BAR_FLOORS = 2
BLOCKS = 15
PAIRS = 50  # in a block
ANSWER_S = 10.0


class Answerer:
    """A VM that answers on a PTY: with `reply`, or as a hub where that is None. A context manager."""

    def __init__(self, folder: Path, reply: bytes | None) -> None:
        self._pty = Pty()
        self._log = folder / ("hub.txt" if reply is None else "floor.txt")
        settings = {"path": self._pty.path, "reply": (reply or b"").hex(), "identity": identity()}
        line, environment = vm.command("pty_answer", settings, vm.ROOMY)
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def __enter__(self) -> Answerer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        self._pty.close()

    def length_of_answer(self, request: bytes, name: str) -> int:
        """Octets of the frame `name` that answers; with that, the VM has started."""
        os.write(self._pty.master, request)
        deframer = frames.Deframer()
        length = 0
        while True:
            octets = self._read()
            length += len(octets)
            for content in deframer.feed(octets):
                self._check(frames.parse(content).name == name)
                return length

    def ask(self, request: bytes, length: int) -> float:
        """Seconds until so many octets have come."""
        start = time.perf_counter()
        os.write(self._pty.master, request)
        while length > 0:
            length -= len(self._read())
        taken_s = time.perf_counter() - start
        self._check(length == 0)
        return taken_s

    def _check(self, answered: bool) -> None:
        if not answered:
            raise BenchError("The VM said something else on its PTY than it was asked: nothing was measured.")

    def _read(self) -> bytes:
        if not select.select([self._pty.master], [], [], ANSWER_S)[0]:
            said = self._log.read_text(errors="replace").strip().splitlines() or ["it prints nothing"]
            raise BenchError(f"The VM did not answer on its PTY within {ANSWER_S:.0f} s: {said[-1]}")
        return os.read(self._pty.master, 4096)


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This process and those that it starts on one core, where the system can: else the scheduler's choice is timed."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def take(quick: bool) -> list[Figure]:
    request = frames.to_wire(frames.build("identify", {}))
    blocks = []  # (floor, hub) in microseconds
    with one_core(), vm.scripts() as folder, Answerer(folder, None) as hub:
        length = hub.length_of_answer(request, "identity")
        with Answerer(folder, bytes(length)) as floor:
            floor.ask(request, length)  # it has started
            for _ in range(2 if quick else BLOCKS):
                pairs = [(floor.ask(request, length), hub.ask(request, length)) for _ in range(PAIRS)]
                blocks.append((median(pair[0] for pair in pairs) * 1e6, median(pair[1] for pair in pairs) * 1e6))
    floor_us, hub_us = median(block[0] for block in blocks), median(block[1] for block in blocks)
    return [
        Figure(
            "pty-round-trip",
            median(hub_us / floor_us for floor_us, hub_us in blocks),
            "of the floor",
            BAR_FLOORS,
            f"'identify' of {len(request)} octets, answered by the shell with {length} in {hub_us:.0f} us; the floor "
            f"is a VM that sends as many and does nothing else, {floor_us:.0f} us; median of {len(blocks)} blocks of "
            f"{PAIRS} pairs in turns, all on one core",
        )
    ]
