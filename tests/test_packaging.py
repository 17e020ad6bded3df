"""What is pinned, that it stands in one place, and what the wheel carries."""

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import chf
import tasks
from host_tools.locate import FOLDERS, root

ROOT = Path(__file__).resolve().parent.parent
PINS = [pin for step in tasks.STEPS["bench"] for pin in tasks.pins(step)]
STUB_PINS = [pin for pins in tasks.project()["tool"]["chf"]["stubs"].values() for pin in pins]
DEADLINE_S = 100


def test_every_requirement_is_pinned_once():
    seen = {}
    for pin in map(Requirement, PINS + STUB_PINS):
        (specifier,) = pin.specifier
        assert specifier.operator == "==" and "*" not in specifier.version, pin
        assert seen.setdefault(canonicalize_name(pin.name), specifier.version) == specifier.version, pin


def test_no_other_file_pins_a_version():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, listed.stderr
    names = "|".join(re.escape(Requirement(pin).name).replace("\\-", "[-_]") for pin in PINS + STUB_PINS)
    pinned = re.compile(rf"\b(?:{names})\s*(?:\[[\w,]+\])?\s*(?:[=~]=|@|>=)\s*v?\d+\.\d", re.IGNORECASE)
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if name != "pyproject.toml" and path.is_file() and b"\0" not in path.read_bytes():
            found = pinned.search(path.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{name} pins {found and found[0]!r}: pins stand in pyproject.toml"


def test_environment_holds_what_is_pinned_and_nothing_else():
    if not tasks.inside():
        pytest.skip("this Python is not that of .venv: run python3 tasks.py test")
    steps = [step for step in tasks.STEPS["bench"] if (tasks.VENV / f"chf-{step}.stamp").exists()]
    wanted = [Requirement(pin) for step in steps for pin in tasks.pins(step)]
    wanted = {canonicalize_name(pin.name): pin for pin in wanted if pin.marker is None or pin.marker.evaluate()}
    installed = {canonicalize_name(found.name): found.version for found in importlib.metadata.distributions()}
    installed.pop("pip")  # venv's own
    assert installed.pop("chf-reference") == chf.__version__
    assert installed == {name: next(iter(pin.specifier)).version for name, pin in wanted.items()}
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=DEADLINE_S)
    assert check.returncode == 0, check.stdout


def test_every_board_has_pinned_stubs():
    boards = {file.parent.name for file in (ROOT / "boards").glob("*/board.toml")}
    assert boards <= tasks.project()["tool"]["chf"]["stubs"].keys()


def test_wheel_carries_what_a_vendor_needs(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)
    assert built.returncode == 0, built.stderr
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        archive.extractall(site)
    for folder in FOLDERS:
        for source in (ROOT / folder).rglob("*"):
            if source.suffix in {".py", ".md", ".toml"}:
                carried = site / "host_tools/_carried" / source.relative_to(ROOT)
                assert carried.read_bytes() == source.read_bytes()
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import host_tools; from chf.wire import schema;"
        "from host_tools.locate import root; print(schema.__file__); print(root('firmware'))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert all(Path(line).is_relative_to(site) for line in ran.stdout.splitlines())


def test_locate_finds_the_checkout_and_refuses_other_names():
    assert root("firmware") == ROOT / "firmware"
    with pytest.raises(ValueError, match="none of firmware, boards, hil"):
        root("tests")
