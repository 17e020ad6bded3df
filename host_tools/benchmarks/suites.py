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


def _timed(command: list[str], cwd: Path) -> tuple[float | None, str]:
    """(seconds, None unless it passed; what it took and said last). Raises BenchError where it does not end."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    cpu_before = _children_cpu_s()
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
    took = f"{seconds:.1f} s, of the processors {_children_cpu_s() - cpu_before:.1f} s: {said[-1].strip('= ')}"
    return (None, f"it failed after {took}") if done.returncode else (seconds, took)


def _children_cpu_s() -> float:
    """Processor time of all processes that this one has started and that have ended: shows a busy machine."""
    times = os.times()
    return times.children_user + times.children_system


def take_suite(quick: bool) -> list[Figure]:
    seconds, took = _timed(suite_command(), root("hil").parent)
    return [
        Figure("suite-time", seconds, "s", SUITE_BAR_S, f"pytest hil -n {CORES}, start-up included; {took}"),
        Figure(
            "suite-heap",
            None if seconds is None else int(HEAP.removesuffix("wk")),
            "wk",
            HEAP_BAR_WK,
            f"the virtual hub's heap, -X heapsize={HEAP}, in which the whole suite ran; {took}",
        ),
    ]


def take_demo(quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="chf-benchmarks-") as out:
        seconds, took = _timed(demo_command(out), Path(out))
    return [Figure("demo-time", seconds, "s", DEMO_BAR_S, f"the demo's own command, set up, report included; {took}")]
