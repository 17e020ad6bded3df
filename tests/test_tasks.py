"""The task runner: its command line, the set-up of the environment, the counts that end a test run."""

import ast
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tasks
from tests.run import Result, read_junit, report

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 100


def start(folder, *arguments, **environment):
    """Starts folder/tasks.py with this Python, from a folder that is not its own."""
    return subprocess.Popen(
        [sys.executable, str(folder / "tasks.py"), *arguments],
        cwd=folder.parent,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """(exit code, output, errors) of a process from start()."""
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


# ---- The command line ----


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["tset"],
            "There is no task 'tset': the tasks are demo, test, mutants, hil, hil-esme, flash, lint, types, bench, "
            "size.",
        ),
        (["lint", "tset"], "There is no task 'tset'"),
        (["lint", "--fix"], "lint has no option --fix: it has none."),
        (["bench", "--josn", "x"], "bench has no option --josn: it has --json."),
        (["hil", "-k"], "-k of hil needs a value."),
        (["--list"], "Options follow a task, and --list does not"),
    ],
)
def test_usage_errors_end_at_once_with_a_sentence(tmp_path, arguments, sentence):
    shutil.copy(ROOT / "tasks.py", tmp_path)
    code, out, err = finish(start(tmp_path, *arguments))
    assert (code, out) == (2, "")
    assert err.startswith(sentence) and err.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["tasks.py"]  # nothing set up


def test_help_lists_every_task(tmp_path):
    shutil.copy(ROOT / "tasks.py", tmp_path)
    code, out, err = finish(start(tmp_path, "--help"))
    assert (code, err) == (0, "")
    assert all(re.search(rf"^  {name} +\w", out, re.MULTILINE) for name in tasks.TASKS)


def test_options_pass_with_their_values():
    assert tasks.parse(["hil", "--dut", "socket://lint:1", "-k", "a or b", "--report=x", "lint"]) == ["hil", "lint"]
    assert tasks.parse(["hil-esme", "--cs06", "lint", "lint"]) == ["hil-esme", "lint"]


def test_tasks_py_reads_on_pythons_too_old_to_run_it():
    ast.parse((ROOT / "tasks.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_no_venv_module_is_one_sentence(tmp_path):
    shutil.copy(ROOT / "tasks.py", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shim = tmp_path / "shim"  # takes ensurepip away, as Debian does
    shim.mkdir()
    (shim / "ensurepip.py").write_text("raise ModuleNotFoundError('ensurepip')")
    code, out, err = finish(start(tmp_path, "demo", PYTHONPATH=str(shim)))
    assert (code, out) == (1, "")
    assert "python3-venv" in err.splitlines()[-1] and "Traceback" not in err
    assert not (tmp_path / ".venv").exists()


def test_a_task_outside_the_environment_says_where_to_run_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tasks, "VENV", tmp_path)
    with pytest.raises(SystemExit) as end:
        tasks.lint.body(None)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("Run this inside the project's environment")


@pytest.mark.parametrize(
    ("options", "side_by_side"),
    [
        ({}, "auto"),
        ({"dut": "sim:?speed=4"}, "auto"),
        ({"dut": "bare:"}, "12"),
        ({"dut": "/dev/ttyX"}, None),
        ({"rig": "soft:"}, None),
        ({"dut": "sim:", "rig": "/dev/ttyNOPE"}, None),
        ({"pytest": "--hil-shared"}, None),
        ({"dut": "bare:", "pytest": "--hil-shared"}, None),
    ],
)
def test_scenarios_run_side_by_side_where_there_is_not_one_hub(monkeypatch, options, side_by_side):
    commands = []
    monkeypatch.setattr(tasks, "run", lambda *command: commands.append(command) or 4)
    with pytest.raises(SystemExit) as end:
        tasks.hil.body.__wrapped__(None, **options)
    assert end.value.code == 2
    (command,) = commands
    assert dict(itertools.pairwise(command)).get("-n") == side_by_side


RUNS = """
import signal, sys, tasks
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
tasks.PYTHON = sys.executable
sys.exit(tasks.run("waits"))
"""
WAITS = """
import signal, sys
def ended(*_):
    print("ended", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, ended)
print("waits", flush=True)
while True:
    signal.pause()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_whoever_ends_a_task_ends_what_it_runs(tmp_path, name):
    (tmp_path / "waits.py").write_text(WAITS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    process = subprocess.Popen([sys.executable, "-c", RUNS], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "waits\n"
        process.send_signal(getattr(signal, name))
        out, _ = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    assert (process.returncode, out) == (128 + getattr(signal, name), "ended\n")


# ---- The set-up ----


def write_wheel(folder, name, files, needs=""):
    """Writes a wheel by hand: {path: text}, version 1.0, requiring `needs`."""
    info = f"{name}-1.0.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


PROJECT = """
[build-system]
build-backend = "hatchling"
requires = ["hatchling==VERSION"]
[project]
name = "chf-reference"
version = "1.0"
dependencies = []
optional-dependencies.hil = ["later==VERSION"]
optional-dependencies.emulated = []
[dependency-groups]
runtime = ["invoke==VERSION"]
dev = []
bench = ["stray==VERSION"]
"""
BACKEND = """
import os, shutil
def build_editable(folder, config_settings=None, metadata_directory=None):
    shutil.copy(os.environ["PIP_FIND_LINKS"] + "/chf_reference-1.0-py3-none-any.whl", folder)
    return "chf_reference-1.0-py3-none-any.whl"
"""
INVOKE = """
import importlib.util, os, sys
print(sys.argv[1:], bool(importlib.util.find_spec("later")), {"PIP_USER", "PYTHONHOME"} & set(os.environ))
"""


@pytest.fixture
def small_project(tmp_path):
    """A project whose every pin is a wheel made here, so that the real set-up runs without an index."""
    folder, wheels = tmp_path / "project", tmp_path / "wheels"
    folder.mkdir()
    wheels.mkdir()
    shutil.copy(ROOT / "tasks.py", folder)
    (folder / "pyproject.toml").write_text(PROJECT.replace("VERSION", "1.0"))
    write_wheel(wheels, "hatchling", {"hatchling.py": BACKEND})
    write_wheel(wheels, "invoke", {"invoke/__init__.py": "", "invoke/__main__.py": INVOKE})
    write_wheel(wheels, "later", {"later.py": ""}, needs="Requires-Dist: stray\n")
    write_wheel(wheels, "stray", {"stray.py": ""})
    (tmp_path / "invoke.py").write_text("raise SystemExit('the caller stands beside this')")
    write_wheel(wheels, "chf_reference", {})
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_USER": "1", "PYTHONHOME": sys.base_prefix}
    return lambda *arguments: start(folder, *arguments, **environment), folder


def test_set_up_from_nothing_twice_at_once_then_once_more_then_with_another_pin(small_project):
    start_task, folder = small_project
    handed = "['--search-root', '{}', '{}'] {} set()\n"
    runs = {task: start_task(task) for task in ("lint", "demo")}
    results = {task: finish(process) for task, process in runs.items()}
    assert [code for code, _, _ in results.values()] == [0, 0], results
    assert results["lint"][1] == handed.format(folder, "lint", True)
    assert "'demo'" in results["demo"][1]
    said = "".join(err for _, _, err in results.values())
    assert said.count("Setting up") == 1 and said.count("Adding") == 1
    assert not list(folder.glob(".venv/**/setuptools")) and not list(folder.glob(".venv/**/stray*"))  # nothing unpinned

    assert finish(start_task("lint")) == (0, handed.format(folder, "lint", True), "")  # nothing left to set up
    code, _, err = finish(start_task("bench"))  # a third step on top
    assert code == 0 and err == "Adding what the benchmarks compare with to .venv (once).\n"
    assert list(folder.glob(".venv/**/stray.py"))

    (folder / "pyproject.toml").write_text(PROJECT.replace("later==VERSION", "later==2.0").replace("VERSION", "1.0"))
    for _ in range(2):  # a set-up that failed is not taken for done
        code, out, err = finish(start_task("lint"))
        assert (code, out) == (1, "")
        assert "Adding" in err and "Setting up" not in err
        assert err.splitlines()[-1].startswith("The set-up stopped because pip failed") and "Traceback" not in err


def test_stamp_names_pins_python_and_folder(tmp_path, monkeypatch):
    stamp = tmp_path / "stamp"
    assert not tasks.fresh(stamp, ["a==1"])
    stamp.write_text(tasks.stamp_text(["a==1", "b==2"]))
    assert tasks.fresh(stamp, ["b==2", "a==1"])
    assert not tasks.fresh(stamp, ["a==1"])
    assert not tasks.fresh(stamp, ["a==1", "b==3"])
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "3.99")
        assert not tasks.fresh(stamp, ["a==1", "b==2"])
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    assert not tasks.fresh(stamp, ["a==1", "b==2"])


def test_lock_is_exclusive_waits_to_its_deadline_and_is_given_back(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    with tasks.lock(), pytest.raises(SystemExit) as end, tasks.lock(deadline_s=0):
        pytest.fail("two hold the lock")
    assert end.value.code == 1
    assert "Another run has held the set-up" in capsys.readouterr().err
    with tasks.lock(deadline_s=0):
        pass


# ---- Counts ----

CASES = """
import pytest

def test_passes(): pass
def test_fails(): assert False
def test_skips(): pytest.skip("no radio here")
@pytest.mark.xfail
def test_known(): assert False
@pytest.fixture
def broken(): raise OSError
def test_errs(broken): pass
"""


def test_counts_and_skips_come_from_what_pytest_writes(tmp_path):
    (tmp_path / "test_cases.py").write_text(CASES)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml=j.xml", "test_cases.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=DEADLINE_S)
    result = read_junit(tmp_path / "j.xml")
    assert (result.passed, result.failed, len(result.skips)) == (1, 2, 2)
    assert "test_cases::test_skips: no radio here" in result.skips


@pytest.mark.parametrize(
    ("results", "line", "code"),
    [
        ([Result(3, 0, ("a: b",)), Result(2)], "5 passed, 0 failed, 1 skipped", 0),
        ([Result(3, 1), Result(2)], "5 passed, 1 failed, 0 skipped", 1),
        ([Result(3), Result(note="hil/ was cut off", broken=True)], "3 passed, 0 failed, 0 skipped", 1),
        ([Result(skips=("a: b",)), Result()], "0 passed, 0 failed, 1 skipped", 1),
    ],
)
def test_report_ends_in_the_summed_counts(results, line, code, capsys):
    assert report(results) == code
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == line
    assert [f"skipped {skip}" for result in results for skip in result.skips] == [
        s for s in said if s[:8] == "skipped "
    ]
    assert all(result.note in said for result in results)
