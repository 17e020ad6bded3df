"""chtool: finds the command, and turns whatever goes wrong into one sentence and an exit code."""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sqlite3
import sys
from types import FrameType
from typing import Any, NoReturn

import click

import chf
from host_tools.errors import (
    EXIT_BY_SIGNAL,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_PIPE_CLOSED,
    EXIT_USAGE,
    BenchError,
    heed_interrupts,
)
from host_tools.frames import FrameError

# command: (module of this package, its one line of help). Modules are imported when their command runs.
COMMANDS = {
    "identify": ("hub", "Who a hub is: EUI-64s, firmware, board, strap."),
    "state": ("hub", "What a hub sees and thinks now."),
    "restart": ("hub", "Restart a hub, cleanly or by its watchdog."),
    "trace": ("hub", "The last things that happened in a hub's core."),
    "journal": ("journal", "A hub's journal, record by record."),
    "log": ("journal", "The last outages, each with how it was decided."),
    "explain": ("explain", "Tell one outage as a story, and what would have changed its end."),
    "monitor": ("watch", "Show a hub's frames as they come, decoded."),
    "decode": ("watch", "Decode a capture to text or JSON."),
    "replay": ("replay", "Run a capture through the reference firmware, and show where they part."),
    "esme": ("esme", "Play a meter: declare, complete or cancel an activation, well or badly."),
    "relay": ("relay", "Send a GBCS message through a hub to its meter: CS06 Activate Firmware above all."),
    "headend": ("headend", "Run a head-end: acknowledge, watch, tell the time, set the policy, keep the alerts."),
    "triage": (
        "triage",
        "Sort a network operator's AD1 alerts: outage or activation, isolated or mass, restored or not.",
    ),
    "scenario": ("scenario", "Run a built-in scene on a virtual hub."),
    "provision": ("provision", "Make an identity file: EUI-64s and keys for one hub."),
    "flash": ("flash", "Put the firmware on a board, provision it once, and ask who it is."),
    "selftest": ("selftest", "Test one board over one cable: identity, journal, alert at 180 s."),
    "budget": ("budget", "What a hub draws, and what its hold-up capacitor lasts for."),
    "doctor": ("doctor", "Whether a board's MicroPython has all that its adapter uses."),
    "virtual": ("virtual", "Run a virtual hub in real time for other programs to use."),
}


class _Commands(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"host_tools.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(chf.__version__, prog_name="chtool")
def chtool() -> None:
    """Tools for a Communications Hub that tells an outage from a firmware activation.

    A hub's URL: /dev/ttyACM0, COM3, id:USB-SERIAL, socket://HOST:PORT, rfc2217://HOST:PORT, or sim: for a virtual hub
    (sim:?policy=suppress&seed=3). A hub with a cable for each link: han=URL,wan=URL,bench=URL.

    Exit codes: 0 done, 1 a test failed, 2 usage, 3 no board or port busy, 4 flashing failed, 130 ended by Ctrl-C.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run chtool and end this process. CHF_DEBUG=1 lets a traceback through."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, _terminated)
    heed_interrupts()
    _open_outputs()
    run = _run if os.environ.get("CHF_DEBUG") == "1" else _guarded
    sys.exit(_flushed(run(arguments)))


def _terminated(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(EXIT_BY_SIGNAL + signum)


def _open_outputs() -> None:
    """A closed output goes nowhere; a character that the other end's encoding lacks goes out as an escape."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open for as long as the process is
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(arguments: list[str] | None) -> int:
    """As click's own main(), which would see to interrupts and closed pipes in its own way."""
    try:
        with chtool.make_context("chtool", sys.argv[1:] if arguments is None else list(arguments)) as context:
            result: Any = chtool.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return result if isinstance(result, int) else 0


def _guarded(arguments: list[str] | None) -> int:
    try:
        return _run(arguments)
    except BenchError as error:
        return _say(str(error), error.exit_code)
    except FrameError as error:
        return _say(str(error), EXIT_FAILED)
    except click.exceptions.NoArgsIsHelpError as error:
        return _say(error.format_message(), EXIT_USAGE)
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "chtool"
        return _say(f"{_sentence(error.format_message())} See {command} --help.", EXIT_USAGE)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_PIPE_CLOSED
    except sqlite3.Error as error:
        return _say(f"The database does not work: {error}.", EXIT_FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        if error.errno == errno.ENOSPC and not where:
            where = "The output cannot be written: "
        return _say(_sentence(f"{where}{error.strerror or error}"), EXIT_FAILED)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."


def _say(sentence: str, code: int) -> int:
    try:
        print(" ".join(sentence.split()), file=sys.stderr, flush=True)
    except OSError:  # nobody can be told; the exit code still says it
        return code
    return code


def _flushed(code: int) -> int:
    """Flush what is printed while it can still be reported that it does not go out."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # What Python would try to write again at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return code or EXIT_PIPE_CLOSED
        return code or _say(f"The output cannot be written: {error.strerror}.", EXIT_FAILED)
    return code
