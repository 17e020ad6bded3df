"""host_tools/deploy/manifest.py: what MicroPython's build is told to freeze for each board."""

import subprocess
import sys
from pathlib import Path

import pytest

from host_tools import boards
from host_tools.deploy.firmware_build import sources

ROOT = Path(__file__).resolve().parents[2]

# What MicroPython's tools/manifestfile.py does with a manifest, as far as this one goes.
RUN = """
import os
os.chdir({folder!r})
told = {{"freeze": print, "module": lambda target, base_path, opt: print(os.path.join(base_path, target), target, opt)}}
exec(open("manifest.py").read(), told)
"""


def run(board):
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        RUN.format(folder=str(ROOT / "host_tools" / "deploy")),
    ]  # a Python with nothing else
    environment = {"CHF_BOARD": board, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("board", [*boards.names(), "virtual"])
def test_all_of_a_board_is_frozen_and_the_ports_own_modules_before_it(board):
    done = run(board)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if board != "virtual":
        own = "$(PORT_DIR)/modules/scripts" if board == "xiao_nrf52840" else "$(PORT_DIR)/modules"
        assert lines.pop(0) == own
    frozen = {target: (path, opt) for path, target, opt in (line.rsplit(" ", 2) for line in lines)}
    assert frozen == {target: (str(path), "2") for target, path in sources(board).items()}
    assert {"main.py", "hub_board.py", "chf/shell.py", "chf/core/supervisor.py"} <= set(frozen)


@pytest.mark.parametrize("board", ["", "picco", "rig_pico"])
def test_without_a_board_the_build_ends_in_one_sentence(board):
    done = run(board)
    assert done.returncode == 1 and done.stderr.startswith("CHF_BOARD must name a board: There is no board")
    assert done.stderr.count("\n") == 1 and "xiao_nrf52840" in done.stderr
