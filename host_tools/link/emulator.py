"""Emulated boards: starts qemu-system-arm or rp2040py on a file that the user gives, and reaches its serial port.

emu:qemu?elf=PATH    a MicroPython ELF; its first UART. machine=NAME of QEMU's, mps2-an385 by default
emu:rp2040?uf2=PATH  MicroPython for the Pico; its USB port. littlefs=PATH: an image of its filesystem
start_s=SECONDS for both: how long the port may take to open. A comma in a path is written %2C.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import unquote

from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError

SCHEME = "emu:"
FORMS = "emu:qemu?elf=PATH or emu:rp2040?uf2=PATH"
HOST = "127.0.0.1"
START_S = 30.0
END_S = 5.0  # between the request to end and the kill
_TRY_S = 0.05


class Kind(NamedTuple):
    """One emulator. file: the option that names what it runs; command: (its options, port) -> arguments."""

    program: str
    install: str
    file: str
    get: str
    more: tuple[str, ...]
    command: Callable[[dict[str, str], int], list[str]]


def _qemu(options: dict[str, str], port: int) -> list[str]:
    serial = f"tcp:{HOST}:{port},server=on,wait=on,nodelay=on"  # the board starts when it is listened to
    machine = ["-machine", options.get("machine", "mps2-an385"), "-display", "none", "-monitor", "none"]
    # Semihosting as MicroPython's own QEMU port wants it: it ends the emulator through it.
    return [*machine, "-semihosting", "-serial", serial, "-kernel", options["elf"]]


def _rp2040(options: dict[str, str], port: int) -> list[str]:
    littlefs = ["--littlefs", options["littlefs"]] if "littlefs" in options else []
    return ["micropython", "--image", options["uf2"], *littlefs, "--tcp-port", str(port)]


KINDS = {
    "qemu": Kind(
        "qemu-system-arm",
        "apt-get install qemu-system-arm, or QEMU's own installer",
        "elf",
        "build ports/qemu of MicroPython (make BOARD=MPS2_AN385) and give its build-MPS2_AN385/firmware.elf",
        ("machine",),
        _qemu,
    ),
    "rp2040": Kind(
        "rp2040py",
        "python -m pip install rp2040py",
        "uf2",
        "get the .uf2 for RPI_PICO from MicroPython's download page",
        ("littlefs",),
        _rp2040,
    ),
}


class Emulated:
    """A running emulator and where its port is. url: to open; close() ends the process."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: IO[bytes], url: str) -> None:
        self.name = name
        self.url = url
        self._process = process
        self._log = log

    def ended(self) -> str | None:
        """How it has ended, as a sentence; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        if self._log.closed:
            return f"{self.name} has been ended."
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        why = [line for line in said if "error" in line.lower() or "fatal" in line]  # a dump of registers may follow
        last = (why or said[-1:] or ["it says nothing"])[0].strip().rstrip(".")
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        return f"{self.name} has ended with {how}: {last}."

    def lost(self) -> str:
        """Why its port is gone: the process may need a moment more to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=END_S)
        return self.ended() or f"{self.name} has closed its port, and still runs: it has hung up."

    def close(self) -> None:
        """End it, by its id; again is harmless."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def parse(url: str) -> tuple[Kind, dict[str, str], float]:
    """(kind, its options, seconds for its start) of an emu: URL. Raises BenchError: 2 for a bad one, 3 for no file."""
    name, _, query = url.removeprefix(SCHEME).partition("?")
    if name not in KINDS:
        raise BenchError(f"'{url}' names no emulator: give {FORMS}.", EXIT_USAGE)
    kind = KINDS[name]
    options: dict[str, str] = {}
    for part in query.split("&") if query else ():
        option, equals, value = part.partition("=")
        if not equals:
            raise BenchError(f"'{url}' does not fit: give {FORMS}.", EXIT_USAGE)
        options[option] = unquote(value)  # a plus in a path is a plus
    start = options.pop("start_s", str(START_S))
    known = (kind.file, *kind.more)
    for option in options:
        if option not in known:
            raise BenchError(f"emu:{name} has no option '{option}': it has {', '.join(known)}, start_s.", EXIT_USAGE)
    if not start.replace(".", "", 1).isdecimal() or not float(start):
        raise BenchError(f"start_s={start} is no number of seconds above 0.", EXIT_USAGE)
    if not options.get(kind.file):
        raise BenchError(f"emu:{name} runs a file of yours: {kind.get} as {kind.file}=PATH.", EXIT_USAGE)
    for option in (kind.file, "littlefs"):
        if option in options and not Path(options[option]).is_file():
            mend = kind.get if option == kind.file else "give the image of a filesystem"
            raise BenchError(f"There is no file {options[option]}: {mend} as {option}=PATH.", EXIT_NO_BOARD)
    return kind, options, float(start)


def start(url: str) -> Emulated:
    """Start the emulator of an emu: URL; its port is not open yet. Raises BenchError."""
    kind, options, _ = parse(url)
    # Beside this Python, too: an environment need not be activated for what is installed in it.
    program = shutil.which(kind.program) or shutil.which(kind.program, path=str(Path(sys.executable).parent))
    if program is None:
        raise BenchError(f"{kind.program} is not installed, and {url} needs it: {kind.install}.", EXIT_NO_BOARD)
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    log = tempfile.TemporaryFile()  # noqa: SIM115 - Emulated.close() closes it
    try:
        process = subprocess.Popen(
            [program, *kind.command(options, port)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    except OSError as error:
        log.close()
        raise BenchError(f"{program} does not start: {error.strerror}.", EXIT_NO_BOARD) from None
    return Emulated(kind.program, process, log, f"socket://{HOST}:{port}")


def opened(url: str, open_port: Callable[[str], Any]) -> tuple[Emulated, Any]:
    """Start the emulator of an emu: URL and open its port with open_port(its socket URL), again until it is there.

    Raises BenchError: as parse(), and 3 for an emulator that ends or whose port does not open in time.
    """
    end_s = parse(url)[2]
    emulated = start(url)
    with contextlib.ExitStack() as undo:
        undo.callback(emulated.close)
        end = time.monotonic() + end_s
        while True:
            try:
                port = open_port(emulated.url)
                break
            except BenchError:
                said = emulated.ended()
            if said is not None:
                raise BenchError(said, EXIT_NO_BOARD)
            if time.monotonic() > end:
                mend = "give a file that it runs, or a longer start_s"
                raise BenchError(f"{emulated.name} opened no port within {end_s:g} s: {mend}.", EXIT_NO_BOARD)
            time.sleep(_TRY_S)
        undo.pop_all()
    return emulated, port
