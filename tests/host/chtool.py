"""Runs chtool: in a process of its own as a person does, or in this one, which is 50 times quicker to start."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_tools.cli import main

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30


def _command(arguments: tuple[str | Path, ...]) -> list[str]:
    return [sys.executable, "-m", "host_tools", *map(str, arguments)]


def _environment() -> dict[str, str]:
    dropped = {"CHF_DEBUG", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "PYTHONUNBUFFERED"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def run(
    *arguments: str | Path, stdout: Any = subprocess.PIPE, buffered: bool = True
) -> subprocess.CompletedProcess[str]:
    """One command to its end. buffered: Python's output, as it is by default."""
    return subprocess.run(
        _command(arguments),
        cwd=ROOT,
        env=_environment() | ({} if buffered else {"PYTHONUNBUFFERED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
    )


def inside(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One command to its end, in this process."""
    out, told = io.StringIO(), io.StringIO()
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
            main([str(one) for one in arguments])
    except SystemExit as ended:
        code = ended.code
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert isinstance(code, int)
    return subprocess.CompletedProcess([str(one) for one in arguments], code, out.getvalue(), told.getvalue())


def sentence_of(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one sentence with which a command has failed."""
    assert done.returncode == code, done
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].endswith((".", "?")) and "Traceback" not in done.stderr, done.stderr
    return lines[0]


def fails(code: int, *arguments: str | Path) -> str:
    """A command that must end with that exit code and one sentence on stderr; returns the sentence."""
    return sentence_of(inside(*arguments), code)


def json_of(*arguments: str | Path) -> Any:
    """What a command prints with --json."""
    done = inside(*arguments, "--json")
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
