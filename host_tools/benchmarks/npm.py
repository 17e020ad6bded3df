"""Installs what a lock file pins with npm, once for each state of that file, for tests and figures alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from host_tools.errors import EXIT_NO_BOARD, BenchError

BUILD = Path(__file__).resolve().parents[2] / "build"
COMMAND = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
LIMIT_S = 90.0


def installed(source: Path, what: str, build: Path = BUILD, limit_s: float = LIMIT_S) -> Path:
    """The folder that holds node_modules/ as package-lock.json in `source` pins it. Safe from several processes.

    what: the package's name, for the sentence of the BenchError (exit code 3) where it is not to be had here.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise BenchError(
                f"{program} is not installed, and {what} needs it: apt-get install nodejs npm", EXIT_NO_BOARD
            )
    lock = (source / "package-lock.json").read_bytes()
    target = build / f"npm-{source.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if target.is_dir():
        return target
    build.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=build, prefix="npm-"))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, work / name)
        _install(work, what, limit_s)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was quicker
                raise
    except OSError as error:
        raise BenchError(f"{what} cannot be put into {build}: {error.strerror}.") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _install(work: Path, what: str, limit_s: float) -> None:
    again = f"see that npm reaches its registry and run this again (it ran: {' '.join(COMMAND)})"
    try:
        done = subprocess.run(
            COMMAND, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"npm did not install {what} within {limit_s:g} s; {again}", EXIT_NO_BOARD) from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line] or ["it does not say why"]
        raise BenchError(f"npm could not install {what} ({said[0].strip()}); {again}", EXIT_NO_BOARD)
