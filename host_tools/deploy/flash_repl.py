"""A board's REPL by mpremote's own transport, with a deadline on every wait and a sentence for whatever goes wrong."""

from __future__ import annotations

import contextlib
import io
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from host_tools.errors import EXIT_FLASH, EXIT_NO_BOARD, BenchError
from host_tools.link import transport

FLASHER = Path(__file__).resolve().parent / "on_board" / "flasher.py"
ENTER_S = 0.3  # for one try: a hub that starts listens to Ctrl-C for two seconds
READ_S = 2.0  # mpremote's own default is to wait for an octet for ever
WRITE_S = 5.0
TRY_AGAIN_S = 0.1
RESET_S = 0.5  # a board restarts a tenth of a second after it was told to; a busy one later
QUIET_S = 0.15  # after which a board that has something to say has said it
_SENT_OCTETS = 1_024  # of a file at once: as text it is up to four times that, which a small heap has to hold
_NO_SPACE = ("ENOSPC", "OSError: 28")


class ReplLost(BenchError):
    """The REPL no longer answers: a cable pulled, power gone, a watchdog that has bitten."""

    def __init__(self, port: str) -> None:
        super().__init__(
            f"{port} stopped answering: the board has the firmware that it had; plug it in and flash it again.",
            EXIT_FLASH,
        )


class NoRoom(BenchError):
    """The board's filesystem is full."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The board's files leave no room: {why}; remove what is not the hub's.", EXIT_FLASH)


class Repl:
    """The raw REPL of one board. Every method raises ReplLost, NoRoom, or BenchError for what failed on the board."""

    def __init__(self, port: str, wire: SerialTransport) -> None:
        self.port = port
        self._wire = wire
        self._lost = False

    def load_flasher(self) -> None:
        """Send the board the functions that call() names."""
        self.run(FLASHER.read_text(encoding="utf-8"))

    def run(self, source: str) -> None:
        with self._guarded():
            self._wire.exec(source)

    def call(self, function: str, *arguments: object) -> Any:
        """The result of one of flasher.py's functions."""
        with self._guarded():
            return self._wire.eval(f"{function}({', '.join(map(repr, arguments))})")

    def put(self, octets: bytes) -> Iterator[int]:
        """Append to the file that flasher.begin() opened; yields how many octets went, piece by piece."""
        for at in range(0, len(octets), _SENT_OCTETS):
            piece = octets[at : at + _SENT_OCTETS]
            self.run(f"put({piece!r})")
            yield len(piece)

    def write_file(self, path: str, octets: bytes) -> None:
        """Write a whole file in place: one that nothing reads yet."""
        with self._guarded():
            self._wire.fs_writefile(path, octets)

    def reset(self) -> None:
        """Restart the board; this REPL is gone then. Whether it did restart, only what answers next can tell."""
        if not self._lost:
            with contextlib.suppress(BenchError), self._guarded():
                # Not at once: as mpremote's own reset, it lets the answer to this line go out first.
                self._wire.exec_raw_no_follow("import machine, time\ntime.sleep_ms(100)\nmachine.reset()")
        self.close()
        time.sleep(RESET_S)  # whoever enters the REPL before then interrupts that wait, and there is no restart

    def close(self) -> None:
        _closed(self._wire)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it did not expect
                yield
        except TransportExecError as error:
            said = (error.error_output.strip().splitlines() or ["no reason given"])[-1]
            if any(mark in error.error_output for mark in _NO_SPACE):
                raise NoRoom("the flash was full before all was written") from None
            raise BenchError(f"The board failed while it was flashed: {ascii(said)[1:-1]}.", EXIT_FLASH) from None
        except OSError as error:
            if error.errno == 28:  # fs_writefile's, which makes it from the board's words
                raise NoRoom("the flash was full before all was written") from None
            raise self._gone() from None
        except (TransportError, struct.error, ValueError, SyntaxError, TypeError):
            # A line cut in mid-answer: too few octets to unpack, or half a literal.
            raise self._gone() from None

    def _gone(self) -> ReplLost:
        self._lost = True  # else each farewell would wait for it again
        return ReplLost(self.port)


def enter(port: str, within_s: float) -> Repl | None:
    """The raw REPL at `port`, tried again and again; None where none answers within so long.

    Raises BenchError where the port is busy, is none, or never comes.
    """
    end = time.monotonic() + within_s
    wire: SerialTransport | None = None
    while True:
        refused: BenchError | None = None
        try:
            wire = wire or _opened(port)
            if _in_raw_repl(wire):
                return Repl(port, wire)
        except BenchError as error:
            if error.exit_code != EXIT_NO_BOARD or "busy" in str(error):
                raise
            refused = error  # a board that restarts takes its port with it
        except OSError:
            _closed(wire)
            wire = None
        if time.monotonic() >= end:
            _closed(wire)
            if refused is not None:
                raise refused
            return None
        time.sleep(TRY_AGAIN_S)


def _closed(wire: SerialTransport | None) -> None:
    if wire is not None:
        with contextlib.suppress(OSError):
            wire.close()


def _opened(port: str) -> SerialTransport:
    transport.open(port).close()  # it says in a sentence what mpremote would not say
    try:
        wire = SerialTransport(port, timeout=READ_S)
    except (TransportError, OSError, ValueError):
        raise BenchError(f"{port} does not open: plug the board in again.", EXIT_NO_BOARD) from None
    wire.serial.write_timeout = WRITE_S
    return wire


def _in_raw_repl(wire: SerialTransport) -> bool:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            wire.enter_raw_repl(soft_reset=False, timeout_overall=ENTER_S)
            # What earlier tries have sent may lie before it in the board's input, and is answered now.
            while wire.serial.in_waiting:
                wire.serial.read(wire.serial.in_waiting)
                time.sleep(QUIET_S)
            wire.enter_raw_repl(soft_reset=False, timeout_overall=ENTER_S)
    except TransportError:
        return False
    return True
