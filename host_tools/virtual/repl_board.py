"""A dev board whose REPL is the real MicroPython VM behind a PTY: whatever flashes boards can connect to it.

`chtool virtual --bare` runs one and prints its port. Flash (littlefs in a file), main.py at a reset,
machine.reset(), Ctrl-C and a watchdog that bites are there; its pins are not: boards/virtual/repl_hub.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from host_tools.locate import root
from host_tools.virtual.process import HANG_S, Pty, vm_command

START = Path(__file__).resolve().parent / "on_vm" / "start.py"
HEAP = "160wk"  # of the 264 KiB of an RP2040
BLOCKS = 352  # 1,408 KiB of 4 KiB blocks: the files of a Raspberry Pi Pico
WATCHDOG_S = 8.0
POWER_ON, WATCHDOG = 1, 3  # machine.reset_cause()
SOFT = "soft reboot"
_LAST_WORDS_S = 0.05
_LOOK_S = 0.02  # at what other threads want
_HELD_OCTETS = 16_384  # for a host that does not read; what is more is lost, as on USB
_CTRL_C = b"\x03"


class ReplBoard:
    """One board, powered by power_on(). Its methods are for the thread that made it; a thread of its own moves octets.

    folder: for its flash and its port. speed: of its time, as a multiple of real. away_s: how long a reset takes the
    port away, as that of a chip with USB of its own. heap, blocks: what the chip has of memory and flash.
    """

    def __init__(
        self,
        folder: Path,
        *,
        speed: int = 1,
        strapped: bool = True,
        away_s: float = 0.0,
        heap: str = HEAP,
        blocks: int = BLOCKS,
        unique_id: str = "e6616408437f1234",
    ) -> None:
        self.port = folder / "port"  # a link, so that it keeps its name over a reset
        self.flash = folder / "flash.bin"
        self.speed = speed
        self.strapped = strapped
        self.resets: list[str] = []  # why each run after the first began
        self.cut_after: int | None = None  # octets or erase steps of the flash until power fails, from each start on
        self._folder = folder
        self._away_s = away_s
        self._command = [*vm_command(Path("-i"), heap), "-c", f"exec(open({str(START)!r}).read())"]
        self._settings = {
            "rom": str(root("boards") / "virtual"),
            "flash": str(self.flash),
            "blocks": blocks,
            "unique_id": unique_id,
        }
        self._lock = threading.RLock()
        self._pty: Pty | None = None
        self._vm: subprocess.Popen | None = None
        self._wire: socket.socket | None = None  # to the VM's stdin and stdout
        self._tell = -1  # what the VM's hardware says
        self._to_vm = bytearray()
        self._to_host = bytearray()
        self._heard = bytearray()
        self._running = self._deaf = self._raw = False  # raw: the host is in the raw REPL
        self._fed: float | None = None  # None: the watchdog is not armed
        self._plug_at: float | None = None
        self._end = threading.Event()
        self.plug()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # ---- what a person does with their hands

    @property
    def powered(self) -> bool:
        return self._vm is not None

    @property
    def watched(self) -> bool:
        """Whether the watchdog is armed."""
        return self._fed is not None

    def power_on(self) -> None:
        with self._lock:
            self.plug()
            if self._vm is None:
                self._boot(POWER_ON)

    def cut_power(self) -> None:
        """In this instant; with away_s the port goes, too."""
        with self._lock:
            self._stop()
            if self._away_s:
                self.pull()

    def press_reset(self) -> None:
        with self._lock:
            self._restart("reset button", POWER_ON)

    def pull(self) -> None:
        """Pull the cable; whoever has the port open sees it go."""
        with self._lock:
            if self._pty is not None:
                self.port.unlink()
                self._pty.close()
                self._pty = None

    def plug(self) -> None:
        with self._lock:
            self._plug_at = None
            if self._pty is None:
                self._pty = Pty()
                self._to_host.clear()
                self.port.symlink_to(self._pty.path)

    def listen(self) -> bytearray:
        """Grows by all that the board says from now on."""
        self._heard = bytearray()
        return self._heard

    def wait(self, seconds: float) -> None:
        """Let the board run for so long."""
        self._end.wait(seconds)

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._stop()
        self.pull()

    def __enter__(self) -> ReplBoard:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # ---- one run of the VM

    def _boot(self, cause: int, raw: bool = False) -> None:
        ours, its = socket.socketpair()
        tell_read, tell_write = os.pipe()
        os.set_blocking(tell_read, False)
        settings = {**self._settings, "tell": tell_write, "speed": self.speed, "cause": cause, "main": not raw}
        settings["cut_after"] = self.cut_after
        environment = dict(
            os.environ,
            CHF_REPL_BOARD=json.dumps(settings),
            CHF_STRAP=str(int(self.strapped)),
            HOME=str(self._folder),
            MICROPYPATH="",
        )
        environment.pop("CHF_VIRTUAL", None)
        try:
            self._vm = subprocess.Popen(
                self._command,
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=its.fileno(),
                pass_fds=(tell_write,),
                cwd=self._folder,
                env=environment,
                start_new_session=True,
            )
        finally:
            its.close()
            os.close(tell_write)
        ours.setblocking(False)
        self._wire, self._tell = ours, tell_read
        self._raw = raw
        self._to_vm[:] = b"\x01" if raw else b""  # the next REPL opens as raw as the last was
        self._running, self._deaf, self._fed = True, True, None  # until the ROM is done, no Ctrl-C reaches anything

    def _stop(self) -> None:
        if self._vm is None:
            return
        assert self._wire is not None
        self._vm.kill()
        self._vm.wait(timeout=HANG_S)
        self._vm = None
        self._fed = None
        self._wire.close()
        os.close(self._tell)

    def _restart(self, why: str, cause: int, raw: bool = False) -> None:
        self.resets.append(why)
        self._stop()
        if self._away_s and why != SOFT:
            if self._pty is not None:
                _write(self._pty.master, self._to_host)
                self._end.wait(_LAST_WORDS_S)  # what has left the chip, the host may still read
            self.pull()
            self._plug_at = time.monotonic() + self._away_s
        self._boot(cause, raw)

    # ---- octets, and what the hardware does

    def _run(self) -> None:
        while not self._end.is_set():
            with self._lock:
                now = time.monotonic()
                if self._plug_at is not None and now >= self._plug_at:
                    self.plug()
                if self._fed is not None and now > self._fed + WATCHDOG_S / self.speed:
                    self._restart("watchdog", WATCHDOG)
                reading: list[int] = []
                writing: list[int] = []
                if self._pty is not None:
                    reading.append(self._pty.master)
                    writing += [self._pty.master] if self._to_host else []
                if self._wire is not None and self._vm is not None:
                    reading += [self._wire.fileno(), self._tell]
                    writing += [self._wire.fileno()] if self._to_vm else []
            with contextlib.suppress(OSError, ValueError):  # closed by the other thread meanwhile
                ready = select.select(reading, writing, [], _LOOK_S)
                with self._lock:
                    self._move(ready[0], ready[1])

    def _move(self, readable: list[int], writable: list[int]) -> None:
        if self._vm is not None and self._tell in readable:
            self._hear()
        if self._vm is not None and self._wire is not None:
            if self._wire.fileno() in readable:
                self._keep(_read(self._wire.fileno()))
            if self._to_vm and self._wire.fileno() in writable:
                del self._to_vm[: _write(self._wire.fileno(), self._to_vm)]
        if self._pty is not None:
            if self._to_host and self._pty.master in writable:
                del self._to_host[: _write(self._pty.master, self._to_host)]
            if self._pty.master in readable:
                self._take(_read(self._pty.master))

    def _keep(self, octets: bytes) -> None:
        self._heard += octets
        if len(self._to_host) < _HELD_OCTETS:
            self._to_host += octets

    def _take(self, octets: bytes) -> None:
        """What the host has written."""
        if self._vm is not None:
            last = max(octets.rfind(b"\x01"), octets.rfind(b"\x02"))
            self._raw = octets[last] == 1 if last >= 0 else self._raw
            if self._running and not self._deaf and _CTRL_C in octets:
                octets = octets.replace(_CTRL_C, b"")
                self._vm.send_signal(signal.SIGINT)
            self._to_vm += octets

    def _hear(self) -> None:
        assert self._wire is not None
        told = _read(self._tell)
        for octet in told:
            what = chr(octet)
            if what in "mi":
                self._running, self._deaf = what == "m", False
            elif what in "kK":
                self._deaf = what == "k"
            elif what in "wf":
                self._fed = time.monotonic()
            elif what == "r":
                self._keep(_read(self._wire.fileno()))  # it has left the chip
                return self._restart("reset", WATCHDOG)
            elif what == "p":
                self._stop()
                return self.pull() if self._away_s else None
        if not told:  # the VM has ended: Ctrl-D at the REPL, as a soft reset
            self._keep(_read(self._wire.fileno()) + b"MPY: soft reboot\r\n")
            self._restart(SOFT, WATCHDOG, self._raw)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except OSError:  # nothing there, or its other end is gone
        return b""


def _write(fd: int, octets: bytearray) -> int:
    try:
        return os.write(fd, octets)
    except OSError:
        return 0
