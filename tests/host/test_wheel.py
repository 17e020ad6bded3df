"""The wheel as a vendor has it: built without a network, installed into a folder, run where there is no checkout."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rigs import needs_vm

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 100
MARK = "9.9.9+carried"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None or importlib.util.find_spec("pip") is None,
    reason="the wheel is built with hatchling and pip, and this environment lacks one of them",
)


def pip(folder, *arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder into which the wheel is installed; the carried firmware has a version of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    before = traces()
    pip(folder, "wheel", ROOT, "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    assert traces() == before, "building leaves nothing in the checkout"
    (wheel,) = folder.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl"), "one for every machine"
    pip(folder, "install", "--no-deps", "--no-compile", "--target", folder / "site", wheel)
    package = folder / "site/host_tools/_carried/firmware/chf/__init__.py"
    text = package.read_text(encoding="utf-8")
    assert text.count("__version__ = ") == 1
    package.write_text(f'{text}\n__version__ = "{MARK}"\n', encoding="utf-8")
    return folder / "site"


def traces():
    """What a build might leave in a checkout."""
    return [path for pattern in ("dist", "*.egg-info", "host_tools/_carried") for path in ROOT.glob(pattern)]


@pytest.fixture
def vendor(site, tmp_path):
    """Runs a program of that installation in an empty folder; returns what it printed."""

    def run(*arguments, code=0):
        folder = tmp_path / "empty"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            list(map(str, arguments)),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert str(ROOT) not in done.stdout + done.stderr, "nothing of the checkout is used"
        return done.stdout if code == 0 else done.stderr

    return run


@pytest.fixture
def chtool(site, vendor):
    """The command as it is installed."""
    script = shutil.which("chtool", path=str(site / "bin")) or site / "bin/chtool"
    return lambda *arguments, code=0: vendor(sys.executable, script, *arguments, code=code)


def test_the_wheel_carries_firmware_boards_and_hil_and_no_tests(site):
    carried = site / "host_tools/_carried"
    assert sorted(path.name for path in carried.iterdir()) == ["boards", "firmware", "hil"]
    for needed in ("firmware/main.py", "firmware/chf/wire/SPEC.md", "firmware/DESIGN.md", "boards/virtual/hub_board.py",
                   "hil/requirements.toml", "hil/index.html.j2", "hil/conftest.py"):  # fmt: skip
        assert (carried / needed).is_file(), needed
    assert (site / "host_tools/report/report.html.j2").is_file()
    tops = {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"bin", "host_tools"}, "no 'tests', 'boards' or 'hil' beside other projects' packages"


def test_the_command_helps_and_knows_its_version(chtool):
    assert chtool("--help").startswith("Usage: chtool ")
    assert MARK in chtool("--version"), "the carried firmware's"


def test_modules_come_from_the_installation(site, vendor):
    code = (
        "import host_tools, chf.wire.schema as schema; from host_tools.locate import FOLDERS, root;"
        "print(host_tools.__file__, schema.__file__, *map(root, FOLDERS), sep='\\n')"
    )
    lines = vendor(sys.executable, "-c", code).splitlines()
    assert len(lines) == 5 and all(Path(line).is_relative_to(site) for line in lines), lines


@needs_vm
def test_a_scene_runs_on_the_carried_firmware(chtool):
    (scene,) = json.loads(chtool("scenario", "genuine-outage", "--json"))
    assert scene["ok"] and scene["got"] == "AD1 plain (supply-loss), then restored"


@needs_vm
def test_a_virtual_hub_is_the_carried_firmware(chtool):
    assert json.loads(chtool("identify", "sim:", "--json"))["text"].startswith(f"chf {MARK}; virtual (simulated); ")


@needs_vm
def test_the_demo_and_its_report_need_no_checkout(vendor, tmp_path):
    imports = "import sys; from host_tools.demo import __main__ as demo, scenes"
    code = f"{imports}; scenes.SCRIPTS = scenes.SCRIPTS[:1]; sys.exit(demo.main())"
    said = vendor(sys.executable, "-c", code)
    assert "1 of 1 scenes as expected" in said
    assert MARK in (tmp_path / "empty/build/demo/report.html").read_text(encoding="utf-8")


@needs_vm
def test_the_conformance_suite_is_carried_and_runs(site, vendor):
    pytest.importorskip("xdist")
    hil = site / "host_tools/_carried/hil/test_bench_strap.py"
    said = vendor(sys.executable, "-m", "pytest", hil, "-q", "-k", "identi", "-p", "no:cacheprovider")
    assert f"hub under test: chf {MARK}; virtual (simulated)" in said and " passed" in said, said


def test_an_installation_without_its_folders_says_so(site, vendor):
    carried, away = site / "host_tools/_carried", site / "away"
    carried.rename(away)
    try:
        said = vendor(sys.executable, "-m", "host_tools", "--help", code=1)
    finally:
        away.rename(carried)
    assert "firmware/ is missing from this installation of chf-reference: install it again" in said
