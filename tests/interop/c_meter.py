"""The meter in C beside this file: built, and run on the HAN link of a virtual hub in real time."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from host_tools.bench import Bench
from host_tools.deploy.provisioning import new_identity
from host_tools.sim.headend import HeadEnd
from host_tools.virtual.process import Pty
from host_tools.virtual.rig import VirtualRig
from tests.wire.test_spec import SECTIONS, SPEC, blocks_of

SOURCE = Path(__file__).with_name("meter.c")
FLAGS = ("-Wall", "-Wextra", "-Werror", "-std=c99", "-D_DEFAULT_SOURCE", "-O1")
COMPILER = shutil.which("cc") or shutil.which("gcc")
LIMIT_S = 20.0  # real seconds for what a test waits for
PACE_S = 0.002  # between two looks at the hub
EXAMPLES = {name: [dict(parts) for parts in blocks_of(text)] for name, text in SECTIONS.values()}
KEYS = next(dict(parts) for parts in blocks_of(SPEC) if parts[0][0] == "HAN key")
PENDING, COMPLETE = EXAMPLES["activation_pending"][0], EXAMPLES["activation_complete"][0]
LAST = int(PENDING["counter"], 16) - 1  # the counter before the examples'
EXAMPLE = {  # what SPEC.md's HAN examples say of their meter, as the program takes it
    "key": KEYS["HAN key"],
    "esme": PENDING["esme"],
    "hub": PENDING["hub"],
    "durations": PENDING["expected_outage_s"] + PENDING["valid_s"],
    "image": PENDING["image_hash"],
    "outcome": COMPLETE["result"] + COMPLETE["version"],
}


def compiled(folder: Path) -> Path:
    """The program, built in `folder`. Raises subprocess.CalledProcessError with what the compiler says."""
    program = folder / "meter"
    subprocess.run([str(COMPILER), *FLAGS, "-o", program, SOURCE], check=True, timeout=LIMIT_S)
    return program


class HanLine:
    """Octets between a virtual hub's HAN and a PTY that the meter opens; a Bench reads the hub's other links of it.

    heard: all that the meter has sent. said: all that the hub has. tamper: does to the hub's octets what a line would.
    """

    def __init__(self, rig: VirtualRig) -> None:
        self.rig = rig
        self.speed = rig.speed
        self.pty = Pty()
        self.heard = bytearray()
        self.said = bytearray()
        self.tamper = bytes

    @property
    def now_ms(self) -> int:
        return self.rig.now_ms

    def write(self, link: str, octets: bytes) -> None:
        self.rig.write(link, octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """Carry what has come; the hub's octets on WAN and BENCH."""
        if select.select([self.pty.master], [], [], PACE_S)[0]:
            octets = os.read(self.pty.master, 4096)
            self.heard += octets
            self.rig.write("han", octets)
        others = []
        for index, octets in self.rig.step(self.rig.now_ms):
            if index:
                others.append((index, octets))
            else:
                self.said += octets
                os.write(self.pty.master, self.tamper(octets))
        return others


class InteropBed:
    """A virtual hub that has SPEC.md's keys and EUI-64s, its head-end and bench, and the meter in C on its HAN."""

    def __init__(self, program: Path, folder: Path, speed: int = 10, strapped: bool = True) -> None:
        identity = new_identity(1)
        identity |= {"hub": EXAMPLE["hub"].lower(), "esme": EXAMPLE["esme"].lower()}
        prefix = "bench_" if strapped else ""
        identity["keys"] |= {prefix + "esme": EXAMPLE["key"].lower(), prefix + "head_end": KEYS["WAN key"].lower()}
        self._program = program
        self._folder = folder
        self.rig = VirtualRig(identity, speed=speed, strapped=strapped)
        self.line = HanLine(self.rig)
        self.headend = HeadEnd(bytes.fromhex(KEYS["WAN key"]), strapped)
        self.bench = Bench(self.line, [self.headend], strapped)
        self.used = folder / "counters"
        self.set_counter(LAST)

    def close(self) -> None:
        self.rig.close()
        self.line.pty.close()

    def power_on(self) -> None:
        """Power, and time until the hub answers and, as far as it tells, is in no outage."""
        self.bench.deliver(self.rig.power_on())
        self.bench.ask("identify", answer="identity")
        if self.rig.strapped:
            self.wait_for(lambda: self.state()["phase"] == 0)

    def wait_for(self, until: Any) -> None:
        """Let time pass until it comes true; fails after LIMIT_S real seconds."""
        end = time.monotonic() + LIMIT_S
        while not until():
            assert time.monotonic() < end, "it never came true"
            self.bench.advance(1)

    def state(self) -> dict[str, Any]:
        return self.bench.ask("state_request", answer="state").fields

    def set_counter(self, last: int) -> None:
        """What the meter has durable: the last counter that it has used."""
        self.used.write_text(f"{last:016x}\n")

    def counter(self) -> int:
        return int(self.used.read_text().split()[-1], 16)

    def meter(
        self, *does: str, faster: int = 1, options: tuple[str, ...] = (), **other: str
    ) -> tuple[int, list[str], str]:
        """Run the program to its end while the hub runs: (exit code, lines of events, stderr). other: than EXAMPLE."""
        told = EXAMPLE | other
        key = self._folder / "key"
        key.write_text(told["key"] + "\n")
        self.line.heard.clear()
        self.line.said.clear()
        process = subprocess.Popen(
            [
                *(self._program, "-f", str(faster), *options),
                *("-d", told["durations"], "-i", told["image"], "-o", told["outcome"]),
                *(self.line.pty.path, key, self.used, told["esme"], told["hub"], *does),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.wait_for(lambda: process.poll() is not None)
            events, error = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
            process.communicate(timeout=LIMIT_S)
        return process.returncode, events.splitlines(), error.strip()
