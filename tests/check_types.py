"""Checks types with mypy, firmware and boards against each board's MicroPython stubs: `python -m tests.check_types`.

The stubs shadow the standard library, so each board's lie in a folder of their own, build/stubs/BOARD, and the host
code is checked in a run that does not see them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import tasks

BUILD = tasks.ROOT / "build"
HOST_CODE = ("host_tools", "tasks.py", "tests/run.py", "tests/check_types.py")
# hub_board: main.py's name for the board's own adapter, which is checked under boards/.
# strict_optional: what exists for a while only is None before, and asserts that say so would cost the device bytes.
CONFIG = """[mypy]
custom_typeshed_dir = {stubs}
mypy_path = {stubs},{firmware},{common},{board}
follow_imports = silent
follow_imports_for_stubs = True
explicit_package_bases = True
check_untyped_defs = True
strict_optional = False
warn_redundant_casts = True
warn_unused_ignores = True

[mypy-hub_board]
ignore_missing_imports = True
"""


def install_stubs(board: str, requirements: list[str]) -> Path:
    """The folder with a board's stubs, installed anew where pyproject.toml pins others."""
    folder = BUILD / "stubs" / board
    stamp = folder.with_suffix(".stamp")
    with tasks.lock():
        if not tasks.fresh(stamp, requirements):
            shutil.rmtree(folder, ignore_errors=True)
            tasks.install(requirements, "--target", str(folder))
            stamp.write_text(tasks.stamp_text(requirements))
    return folder


def mypy(name: str, *arguments: str) -> int:
    """Runs mypy at the project's root with a cache of its own; its exit code."""
    print(f"{name}: ", end="", flush=True)
    cache = str(BUILD / "mypy" / name)
    return subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", cache, *arguments], cwd=tasks.ROOT).returncode


def check_board(board: str, requirements: list[str]) -> int:
    """Checks firmware/, what boards share and boards/BOARD as code for that board; mypy's exit code."""
    stubs = install_stubs(board, requirements)
    config = stubs.with_suffix(".ini")
    boards = tasks.ROOT / "boards"
    places = {"firmware": tasks.ROOT / "firmware", "common": boards / "common", "board": boards / board}
    config.write_text(CONFIG.format(stubs=stubs, **places))
    folders = [name for name in ("firmware", "boards/common", f"boards/{board}") if (tasks.ROOT / name).is_dir()]
    return mypy(board, "--config-file", str(config), *folders)


if __name__ == "__main__":
    codes = [check_board(board, pins) for board, pins in tasks.project()["tool"]["chf"]["stubs"].items()]
    codes.append(mypy("host", *HOST_CODE))
    sys.exit(int(any(codes)))
