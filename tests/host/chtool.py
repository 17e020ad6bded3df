"""Runs chtool as a person does: a process of its own, its output, its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30


def _command(arguments: tuple[str | Path, ...]) -> list[str]:
    return [sys.executable, "-m", "host_tools", *map(str, arguments)]


def _environment() -> dict[str, str]:
    dropped = {"CHF_DEBUG", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def run(*arguments: str | Path, stdout: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        _command(arguments),
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
    )


def fails(code: int, *arguments: str | Path, stdout: Any = subprocess.PIPE) -> str:
    """A command that must end with that exit code and one sentence on stderr; returns the sentence."""
    done = run(*arguments, stdout=stdout)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].endswith((".", "?")), done.stderr
    return lines[0]


def json_of(*arguments: str | Path) -> Any:
    """What a command prints with --json."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs meanwhile; killed at the end if it still does."""
    process = subprocess.Popen(
        _command(arguments),
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


@contextlib.contextmanager
def virtual_hub(*options: str) -> Iterator[dict[str, Any]]:
    """chtool virtual: what it says of itself ("url", "ports", ...), and "process"."""
    with started("virtual", "--json", *options) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.communicate(timeout=LIMIT_S)
            text += line
        yield {**json.loads(text), "process": process}
