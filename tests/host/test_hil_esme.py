"""The meter suite: each faulty meter fails where it must and nowhere else; by URL it judges what its rig can show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil import catalogue
from host_tools.deploy.provisioning import new_identity, write_identity
from host_tools.gbcs import build
from host_tools.sim.meter_body import MeterBody
from host_tools.sim.meter_kinds import FAULTY, GOOD, KINDS

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "hil" / "esme"
LIMIT_S = 110
BATCH = 7  # kinds in one process: what a process loads, it loads once
SPEED = 50

FAILS = {
    "legacy": {"DEC-01", "GAP-01"},
    "legacy-brief": {"DEC-01"},
    "impatient": {"DEC-02"},
    "hasty": {"DEC-02"},
    "boundless": {"DEC-03"},
    "stranger": {"DEC-04"},
    "misaddressed": {"DEC-04"},
    "wrong-image": {"DEC-05"},
    "forger": {"AUT-01"},
    "unmarked": {"AUT-01"},
    "any-mac": {"ACK-01"},
    "any-counter": {"ACK-02"},
    "any-meter": {"ACK-03"},
    "any-type": {"ACK-04"},
    "any-address": {"ACK-05"},
    "any-refusal": {"ACK-06"},
    "taciturn": {"RTY-01"},
    "hammering": {"RTY-01"},
    "endless": {"RTY-01"},
    "parrot": {"RTY-02"},
    "interleaver": {"RTY-03"},
    "no-floor": {"REF-01"},
    "stubborn": {"REF-01"},
    "no-sync": {"REF-02"},
    "old-nonce": {"REF-02"},
    "gives-up-at-nonce": {"REF-03"},
    "pressing": {"REF-04"},
    "insisting": {"REF-05"},
    "hair-trigger": {"REF-06"},
    "obedient": {"REF-07"},
    "late": {"GAP-02"},
    "too-late": {"GAP-02"},
    "overrunner": {"GAP-03"},
    "slow-second": {"GAP-04"},
    "mute": {"END-01"},
    "reports-briefly": {"END-01"},
    "silent-cancel": {"END-02"},
    "deceiver": {"END-03"},
    "premature": {"END-04"},
    "shy": {"END-05"},
    "reuser": {"CTR-01"},
    "forgetful": {"CTR-02"},
    "every-floor": {"CTR-03"},
    "resumer": {"PWR-01"},
    "amnesiac": {"PWR-02"},
    "chatty": {"LIN-01"},
    "startled": {"LIN-02"},
    "bare": {"LIN-03"},
    "wedged": {"LIN-04"},
    "deaf-to-gbcs": {"GBC-01"},
    "credulous": {"GBC-02"},
}
EXPECTED = {**{kind: set[str]() for kind in GOOD}, **FAILS}
BATCHES = [list(EXPECTED)[at : at + BATCH] for at in range(0, len(EXPECTED), BATCH)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S
    )


def suite(*options: str | Path) -> subprocess.CompletedProcess[str]:
    return run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "hil/esme", *options)


def verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of a run's results.json by requirement."""
    whole = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {row["id"]: row for row in whole["requirements"]}


# ---- each fault, found where it is


def test_every_kind_is_judged_here_and_every_requirement_can_fail():
    assert set(FAILS) == set(FAULTY) and not set(GOOD) & set(FAULTY)
    assert set.union(*FAILS.values()) == set(catalogue.requirements(SUITE / "requirements.toml"))
    assert all(made.__doc__ for made in KINDS.values())


@pytest.mark.parametrize("kinds", BATCHES, ids=lambda kinds: kinds[0])
def test_a_fault_fails_its_requirement_and_no_other(tmp_path, kinds):
    done = run(ROOT / "tests" / "host" / "meter_runs.py", tmp_path, *kinds)
    assert done.returncode == 0, done.stderr
    for kind in kinds:
        rows = verdicts(tmp_path / kind)
        failed = {name for name, row in rows.items() if row["verdict"] == "failed"}
        assert failed == EXPECTED[kind], (kind, {name: rows[name]["why"] for name in failed ^ EXPECTED[kind]})
        assert f"exit {kind} {int(bool(failed))}\n" in done.stdout, kind
        open_ones = {row["why"] for row in rows.values() if row["verdict"] == "not judged"}
        assert open_ones <= {f"{name} has failed" for name in failed}, (kind, open_ones)


def test_a_failure_shows_frames_and_supply_and_how_to_run_it_again(tmp_path):
    done = suite("--esme-dut", "sim:?kind=impatient", "-k", "supply_stays", "--hil-report", tmp_path)
    assert done.returncode == 1
    for words in (
        "meter under test: simulated meter 'impatient', ",
        "rerun: pytest 'hil/esme/test_declaration.py::test_without_an_answer_the_supply_stays' --hil-seed 1 --esme-dut",
        "HAN -> hub activation_pending",
        "12 V to the hub gone",
        "DEC-02 failed (must): ",
    ):
        assert words in done.stdout, words
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<h1>Conformance of an electricity meter</h1>" in page and "What the meter is to do" in page
    assert 'name="meter" value="simulated meter' in (tmp_path / "junit.xml").read_text(encoding="utf-8")


# ---- by URL


@pytest.fixture
def meter(tmp_path) -> Iterator[list[str]]:
    """The options that lead to a simulated meter on PTYs, its own process as far as the suite can tell."""
    ports = pytest.importorskip("host_tools.virtual.meter", reason="needs PTYs: Linux or macOS")
    identity = new_identity(7)
    write_identity(tmp_path / "keys.json", identity)
    made = ports.MeterPorts(MeterBody(identity, "brief"), SPEED)
    over = threading.Event()
    thread = threading.Thread(target=made.run, args=(over.is_set,))
    thread.start()
    try:
        yield ["--esme-dut", made.dut, "--hil-keys", str(tmp_path / "keys.json"), "--esme-rig", made.rig]
    finally:
        over.set()
        thread.join()
        made.close()


def test_a_meter_is_judged_through_its_port_and_its_rig(meter, tmp_path):
    chosen = "is_declared_before or completed_is or another_type or another_order or in_the_interruption"
    done = suite(*meter, "--hil-report", tmp_path, "-k", chosen, "--hil-require", "activate,supply-sense,mains-cut")
    assert done.returncode == 0, done.stdout
    rows = verdicts(tmp_path)
    assert {name for name, row in rows.items() if row["verdict"] == "passed"} == {
        *("DEC-01", "DEC-05", "ACK-04"),
    }
    assert not [row for row in rows.values() if row["verdict"] == "failed"]
    assert "; rig: activate, bad-image, cancel, mains-cut, supply-sense" in done.stdout


def test_without_a_rig_a_cs06_is_the_trigger_and_what_nobody_sees_is_not_judged(meter, tmp_path):
    heading = build.Heading(1, bytes(8), bytes.fromhex(new_identity(7)["esme"]))
    (tmp_path / "cs06").write_text(build.activate(heading, bytes(32)).hex() + "\n")
    bare = [*meter[:4], "--esme-rest", "5", "--hil-report", tmp_path]
    done = suite(*bare, "--esme-cs06", tmp_path / "cs06", "-k", "durations or is_declared_before or supply_stays")
    assert done.returncode == 0, done.stdout
    rows = verdicts(tmp_path)
    assert [name for name, row in rows.items() if row["verdict"] == "passed"] == ["DEC-01"]
    assert rows["DEC-03"]["why"] == "not judged: every CS06 of --cs06 (pytest: --esme-cs06) has been used"
    assert "the rig has no supply-sense" in rows["DEC-02"]["why"]
    done = suite(*bare, "-k", "durations or not_asked")
    rows = verdicts(tmp_path)
    assert [name for name, row in rows.items() if row["verdict"] == "passed"] == ["LIN-01"]
    assert rows["DEC-03"]["why"] == "not judged: the rig has no activate"


# ---- one sentence for what does not fit


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--hil-report", "README.md"], 4, "The report cannot be written to README.md: File exists."),
        (["--esme-rest", "nan"], 4, "invalid seconds value: 'nan'"),
        (["--esme-dut", "sim:?kind=perfect"], 2, "There is no kind of meter 'perfect': the kinds are good, "),
        (["--esme-dut", "sim:kind"], 2, "'sim:kind' does not fit: give sim: alone or sim:?kind=KIND."),
        (["--esme-rig", "/dev/null"], 2, "brings its own rig: leave --rig (pytest: --esme-rig) out."),
        (["--esme-dut", "/dev/none"], 2, "give their identity file with --keys FILE (pytest: --hil-keys FILE)."),
        (["--hil-require", "radio"], 2, "The rig has no radio, which --require (pytest: --hil-require) asks for."),
        (["--esme-cs06", "none.hex"], 2, "none.hex cannot be read: No such file or directory."),
        (["--esme-cs06", "README.md"], 2, "README.md does not fit: give one CS06 message a line, in hex."),
        (["--hil-dut", "/dev/none"], 4, "--hil-dut is a hub's: a meter is given with --esme-dut and --esme-rig."),
        (["hil/test_flag.py"], 4, "A run tests a hub or a meter: give scenarios of hil/ or of hil/esme/, not of both."),
    ],
)
def test_what_does_not_fit_is_one_sentence(options, code, sentence):
    done = suite(*options)
    assert done.returncode == code, done
    assert sentence in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr


def test_a_rig_that_is_none_is_one_sentence(meter):
    dut = meter[1].partition(",")[0]
    done = suite(*meter[:4], "--esme-rig", "/dev/none")
    assert done.returncode == 3 and "There is no port /dev/none" in done.stdout + done.stderr
    done = suite("--esme-dut", meter[5], "--hil-keys", meter[3], "--esme-rig", dut)  # the two exchanged
    assert done.returncode == 3 and "The rig does not answer 'hello': is it running?" in done.stdout + done.stderr


def test_one_meter_runs_one_scenario_at_a_time(meter):
    pytest.importorskip("xdist")
    done = suite(*meter, "-n", "2", "-k", "durations")
    assert done.returncode != 0 and "One meter runs one scenario at a time: leave out -n." in done.stdout + done.stderr


def test_a_served_meter_prints_its_options_and_ends_when_interrupted(tmp_path):
    write_identity(tmp_path / "keys.json", new_identity(7))
    command = [sys.executable, "-m", "host_tools.virtual.meter", "--keys", str(tmp_path / "keys.json")]
    # As a background job of a shell: such a one begins with SIGINT ignored.
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, ignored)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("--esme-dut /dev/")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, told) == (0, "")
    finally:
        process.kill()
        process.communicate()
    done = run("-m", "host_tools.virtual.meter", "--keys", tmp_path / "none.json")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
