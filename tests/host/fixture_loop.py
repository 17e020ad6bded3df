"""A fixture board's own program on the VM, whose pins are the lines of a virtual hub: the rig closed to a loop."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from host_tools.boards import fixture
from host_tools.cli.virtual import Cable
from host_tools.virtual.process import Pty, vm_command
from host_tools.virtual.rig import VirtualRig
from host_tools.virtual.supply import Supply

FILE_RIG = Path(__file__).resolve().parents[1] / "boards" / "file_rig" / "rig_board.py"
FULL_MV = 6_600
LOOK_S = 0.002


class Pins:
    """What the fixture's program has written to its pins: their levels now, and every write in order."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "written"
        self._path.touch()
        self._at = 0
        self.writes: list[tuple[str, int]] = []
        self.level: dict[str, int] = {}

    def look(self) -> bool:
        """Whether there is anything new."""
        with self._path.open() as file:
            file.seek(self._at)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            name, level = line.split()
            self.writes.append((name, int(level)))
            self.level[name] = int(level)
        return bool(whole)

    @property
    def holdup_mv(self) -> int:
        return round(self.level.get("level", 0) * FULL_MV / 65_535)


class Board:
    """The fixture's program as it goes onto the board, its rig_board.py replaced: on the VM, behind a PTY."""

    def __init__(self, folder: Path) -> None:
        self.pins = Pins(folder)
        self._folder = folder
        for name, source in fixture.files().items():
            target = folder / "device" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(FILE_RIG if name == "rig_board.py" else source, target)
        self._pty = Pty()
        self.url = self._pty.path
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "MICROPYPATH": str(self._folder / "device"), "CHF_PINS": str(self._folder)}
        with (self._folder / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                vm_command(self._folder / "device" / "main.py", "128wk"),
                env=environment,
                stdin=self._pty.master,
                stdout=self._pty.master,
                stderr=stderr,
            )

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.stop()
        self._pty.close()
        said = (self._folder / "stderr").read_text()
        assert said == "", said


class WiredHub(threading.Thread):
    """A virtual hub in real time, `speed` times as fast, that sees and gets what the fixture's pins say."""

    def __init__(self, identity: dict, pins: Pins, speed: int) -> None:
        super().__init__(daemon=True)
        drained = Supply(load_mw=1, send_mj_per_octet=0, dead_mv=0, capacitance_mf=10**9)
        self.rig = VirtualRig(identity, speed=speed, supply=drained)
        self.rig.set_supply(False)
        self._cable = Cable(self.rig, len(self.rig.paths))
        self._pins = pins
        self._end = threading.Event()
        names = ("han", "wan", "bench")
        self.url = ",".join(f"{name}={path}" for name, path in zip(names, self._cable.paths, strict=True))
        self.url += f",speed={speed}"

    def run(self) -> None:
        while not self._end.is_set():
            if self._pins.look():
                self._follow()
            if self.rig.powered:
                self._cable.wait(LOOK_S)
                self._cable.deliver(self.rig.step(self.rig.now_ms))
            else:
                self._end.wait(LOOK_S)

    def _follow(self) -> None:
        rig, level = self.rig, self._pins.level
        rig.supply.full_mv = self._pins.holdup_mv
        rig.supply.holdup_mv = float(self._pins.holdup_mv)
        rig.supply.rail_good = bool(level["rail"])
        rig.ac_lo, rig.mt_pr = bool(level["ac_lo"]), not level["mt_pr"]
        if rig.powered and not level["power"]:
            rig.cut_power()
        elif level["power"] and not rig.powered:
            rig.power_on()

    def close(self) -> None:
        self._end.set()
        self.join()
        self._cable.close()
        self.rig.close()


@contextlib.contextmanager
def loop(folder: Path, identity: dict, speed: int) -> Iterator[tuple[WiredHub, Board]]:
    """(hub, fixture board), wired to each other."""
    board = Board(folder)
    try:
        hub = WiredHub(identity, board.pins, speed)
        hub.start()
        try:
            yield hub, board
        finally:
            hub.close()
    finally:
        board.close()


def wait_until(happened, within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        threading.Event().wait(LOOK_S)


if __name__ == "__main__":  # for a person who wants to look: FOLDER SPEED
    from host_tools.deploy.provisioning import new_identity

    with loop(Path(sys.argv[1]), new_identity(1), int(sys.argv[2])) as (hub, board):
        print(hub.url, board.url, flush=True)
        threading.Event().wait(600)
