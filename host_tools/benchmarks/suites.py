"""How long the conformance suite and the demo take, each in a process of its own as their commands start them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from host_tools.benchmarks.figure import Figure
from host_tools.errors import BenchError
from host_tools.locate import root
from host_tools.virtual.process import HEAP

SUITE_NAMES = ("suite-time", "suite-heap")
DEMO_NAMES = ("demo-time",)
SUITE_BAR_S = 60
DEMO_BAR_S = 20
HEAP_BAR_WK = 64
CORES = 2
DEADLINE_S = 300.0


def suite_command() -> list[str]:
    """The command line that runs all scenarios."""
    return [sys.executable, "-m", "pytest", "hil", "-n", str(CORES), "-q", "-p", "no:cacheprovider"]


def demo_command(out: str) -> list[str]:
    """The command line that runs the demo."""
    return [sys.executable, "-m", "host_tools.demo", "--out", out]


def _timed(command: list[str], cwd: Path) -> tuple[float | None, float, str]:
    """(seconds, None unless it passed; seconds; its last line). Raises BenchError where it does not end."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{command[2]} did not end within {DEADLINE_S:.0f} s.") from None
    seconds = time.perf_counter() - start
    said = (done.stdout + done.stderr).strip().splitlines() or ["it printed nothing"]
    return (None if done.returncode else seconds), seconds, said[-1].strip("= ")


def take_suite(quick: bool) -> list[Figure]:
    passed, seconds, said = _timed(suite_command(), root("hil").parent)
    how = f"pytest hil -n {CORES}, start-up included: {said}"
    if passed is None:
        how += f"; it ended after {seconds:.1f} s, and a suite that does not pass has no time"
    heap = int(HEAP.removesuffix("wk"))
    return [
        Figure("suite-time", passed, "s", SUITE_BAR_S, how),
        Figure(
            "suite-heap",
            None if passed is None else heap,
            "wk",
            HEAP_BAR_WK,
            f"the virtual hub's heap, -X heapsize={HEAP}, in which the suite ran: {said}",
        ),
    ]


def take_demo(quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="chf-benchmarks-") as out:
        passed, seconds, said = _timed(demo_command(out), Path(out))
    how = "the demo's own command, set up, report included"
    if passed is None:
        how = f"the demo failed after {seconds:.1f} s: {said}"
    return [Figure("demo-time", passed, "s", DEMO_BAR_S, how)]
