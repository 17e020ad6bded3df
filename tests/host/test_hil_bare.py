"""The suite on virtual dev boards that it flashes first: `inv hil --dut bare:`."""

import json
import subprocess
import sys

import pytest
from chtool import ROOT

from hil import bare
from hil.options import Target
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import BenchError


def suite(*options: str, timeout_s: int = 90) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "hil", *options]
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
    )


@pytest.mark.parametrize(
    ("url", "speed", "framer"),
    [
        ("bare:", 12, ""),
        ("bare:?speed=1", 1, ""),
        ("bare:?speed=20&framer=native", 20, "native"),
        ("bare:?framer=bytecode", 12, "bytecode"),
    ],
)
def test_its_options_are_speed_and_framer(url, speed, framer):
    assert bare.options(url) == (speed, framer)


@pytest.mark.parametrize(
    "query",
    ["x", "speed=3", "?speed", "?speed=", "?speed=0", "?speed=21", "?speed=1e1", "?speed=²", "?framer=fast", "?sped=3"],
)
def test_what_does_not_fit_is_one_sentence(query):
    with pytest.raises(BenchError, match=r"does not fit: give bare: alone or bare:\?speed=N&framer=KIND") as refused:
        bare.options(f"bare:{query}")
    assert refused.value.exit_code == 2 and "\n" not in str(refused.value)


def test_from_the_command_line_a_bad_url_ends_the_run():
    done = suite("--hil-dut", "bare:?speed=99", "-k", "gbcs_goes_down")
    assert done.returncode == 2 and "'bare:?speed=99' does not fit" in done.stdout + done.stderr


def target(**options) -> Target:
    given = {"dut": "bare:", "rig": None, "keys": None, "required": frozenset(), "realtime": False, "seed": 3}
    return Target(**{**given, "shared": False, "captures": ROOT, "keep_all": False, **options})


def test_each_process_has_a_board_of_its_own_provisioned_by_the_seed():
    assert not target().one_at_a_time and target(shared=True).one_at_a_time
    assert target().identity() == new_identity(3) and target().key_seed == 3
    assert "--hil-dut bare:" in target().command, "a failure says how to run it again"


def test_boards_are_flashed_from_their_bare_repls_and_judged_by_url_side_by_side(tmp_path):
    pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
    given = ["--hil-dut", "bare:?speed=10", "-n", "2", "-k", "too_long or gbcs_goes_down"]
    done = suite(*given, "--hil-report", str(tmp_path / "out"))
    assert done.returncode == 0 and "6 passed" in done.stdout, done.stdout[-3000:] + done.stderr
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert "virtual dev board (simulated)" in told["hub"] and told["hub"].endswith(new_identity(1)["hub"])
    assert "soft rig" in told["simulated"] and told["capabilities"] == ["holdup", "restart", "sense-lines", "supply"]
