"""The demo: verdicts and exit code, what it prints and writes, where it cannot write, and two at once."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from html_page import Page
from rigs import needs_vm

from host_tools.demo import __main__ as demo
from host_tools.demo import scenes
from host_tools.errors import BenchError
from host_tools.replay.search import replay
from host_tools.report.recording import from_json

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60
SCRIPTS = {script.name: script for script in scenes.SCRIPTS}
GOOD = SCRIPTS["forged-flag"]
WRONG = dataclasses.replace(SCRIPTS["genuine-outage"], expected="no alert")


@pytest.fixture
def play(tmp_path, monkeypatch, capsys):
    """Runs the demo with these scripts; (exit code, what it printed, what it complained of, its folder)."""

    def run(*scripts, options=(), out=None):
        monkeypatch.setattr(scenes, "SCRIPTS", scripts)
        folder = tmp_path / "out" if out is None else out
        code = demo.main(["--out", str(folder), *options])
        said = capsys.readouterr()
        return code, said.out, said.err, folder

    return run


@needs_vm
def test_scenes_that_end_as_expected_are_told_shown_and_written(play):
    code, said, complained, folder = play(GOOD)
    assert (code, complained) == (0, "")
    lines = said.splitlines()
    assert "simulated" in lines[0] and GOOD.title in lines
    assert any("attacker" in line and "loss" not in line for line in lines)
    assert any("loss +180.0" in line and "sends AD1 revision 1: plain, supply-loss" in line for line in lines)
    assert f"  => {GOOD.expected}" in lines
    assert "1 of 1 scenes as expected" in said and f"Report: {folder / 'report.html'}" in said
    assert "did not end" not in said
    (scene,) = from_json((folder / "scenes.json").read_text(encoding="utf-8"))
    assert (scene.name, scene.ok) == (GOOD.name, True)
    assert GOOD.title in Page((folder / "report.html").read_text(encoding="utf-8")).text
    assert sorted(path.name for path in folder.iterdir()) == ["captures", "report.html", "scenes.json"]
    assert replay(folder / "captures" / f"{GOOD.name}.jsonl").part is None


@needs_vm
def test_a_verdict_that_is_not_the_expected_one_is_exit_code_1_and_a_sentence(play):
    code, said, complained, folder = play(GOOD, WRONG)
    assert (code, complained) == (1, "")
    assert f"  => {SCRIPTS['genuine-outage'].expected} - EXPECTED: no alert" in said.splitlines()
    assert said.splitlines()[-1] == "1 of 2 scenes did not end as expected."
    assert "1 of 2 scenes as expected" in said and "NOT OK" in said
    recorded = json.loads((folder / "scenes.json").read_text(encoding="utf-8"))["scenes"]
    assert [scene["ok"] for scene in recorded] == [True, False]
    assert "no alert" in (folder / "report.html").read_text(encoding="utf-8")


@needs_vm
def test_quiet_tells_no_story(play):
    code, said, _, folder = play(WRONG, options=["--quiet"])
    assert code == 1 and (folder / "report.html").exists()
    assert "EXPECTED" not in said and " loss +" not in said
    assert "NOT OK" in said and said.splitlines()[-1] == "1 of 1 scenes did not end as expected."


@needs_vm
def test_an_earlier_report_is_replaced(play):
    play(WRONG, options=["--quiet"])
    code, _, _, folder = play(GOOD, options=["--quiet"])
    assert code == 0
    assert [scene.name for scene in from_json((folder / "scenes.json").read_text(encoding="utf-8"))] == [GOOD.name]
    assert WRONG.title not in (folder / "report.html").read_text(encoding="utf-8")


def never(director):
    raise AssertionError("no scene is played")


def test_a_folder_that_cannot_be_written_is_one_sentence_before_anything_is_played(play, tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    for folder in (file, file / "below"):
        code, said, complained, _ = play(dataclasses.replace(GOOD, play=never), out=folder)
        assert (code, said) == (2, "")
        assert complained.startswith(f"The report cannot be written to {folder}: ")
        assert complained.endswith(".\n") and complained.count("\n") == 1
    assert file.read_text() == "kept"


@needs_vm
def test_a_report_that_cannot_be_written_is_one_sentence(play, tmp_path):
    (tmp_path / "out" / "scenes.json").mkdir(parents=True)
    code, _, complained, folder = play(GOOD, options=["--quiet"])
    assert (code, complained) == (2, f"The report cannot be written to {folder}: Is a directory.\n")


def test_what_goes_wrong_on_the_bench_is_its_sentence_and_its_exit_code(play, monkeypatch):
    def broken(script, tell, captures):
        raise BenchError("There is no VM for this machine.", 3)

    monkeypatch.setattr(scenes, "run", broken)
    assert play(GOOD)[::2] == (3, "There is no VM for this machine.\n")


def test_options_that_do_not_fit_are_usage(play):
    with pytest.raises(SystemExit) as ended:
        play(GOOD, options=["--nope"])
    assert ended.value.code == 2


TWO_SCENES = """
import sys
from host_tools.demo import __main__ as demo
from host_tools.demo import scenes
scenes.SCRIPTS = scenes.SCRIPTS[:2]
sys.exit(demo.main(["--out", sys.argv[1], "--quiet"]))
"""


@needs_vm
def test_two_at_once_into_two_folders_are_the_same(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_SCENES, str(folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in folders
    ]
    try:
        said = [run.communicate(timeout=DEADLINE_S)[0] for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert [run.returncode for run in runs] == [0, 0], said
    recorded = [(folder / "scenes.json").read_bytes() for folder in folders]
    assert recorded[0] == recorded[1], "the same seeds, the same octets"
    assert all((folder / "report.html").exists() for folder in folders)


def started(folder: Path, **pipes) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "host_tools.demo", "--out", str(folder / "out")]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **pipes)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full: Linux")
def test_an_output_that_is_full_is_named_as_that(tmp_path):
    with open("/dev/full", "w") as full, started(tmp_path, stdout=full) as process:
        _, complained = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, complained) == (1, "The output cannot be written: No space left on device.\n")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_reader_that_leaves_ends_it_quietly(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with started(tmp_path, stdout=writer) as process:
        os.close(writer)
        _, complained = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, complained) == (141, "")


@needs_vm
def test_sigterm_ends_it_quietly(tmp_path):
    with started(tmp_path, stdout=subprocess.PIPE) as process:
        try:
            for line in process.stdout:
                if "loss +" in line:
                    break
            process.terminate()
            _, complained = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    assert (process.returncode, complained) == (143, "")


def test_ctrl_c_is_no_traceback(play, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(scenes, "run", interrupted)
    code, _, complained, _ = play(GOOD)
    assert (code, complained) == (130, "")
