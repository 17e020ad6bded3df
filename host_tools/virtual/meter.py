"""A meter on two PTYs in real time, its HAN and its rig, so that the meter suite reaches it as a real one, by URL.

python -m host_tools.virtual.meter --keys keys.json [--kind KIND] [--speed N]
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click

from host_tools.deploy.provisioning import read_identity
from host_tools.errors import EXIT_USAGE, BenchError, heed_interrupts
from host_tools.sim.meter_body import MeterBody
from host_tools.sim.meter_kinds import KINDS
from host_tools.virtual.process import Pty

PACE_S = 0.005  # between two looks at the meter
_CHUNK_OCTETS = 4096
_LINE_MAX = 256
CAN = ("activate", "bad-image", "cancel", "mains-cut", "supply-sense")  # what a rig on a port can be asked for


class Body(Protocol):
    """A meter and what a rig does to it. Times are its own, in milliseconds. ports: descriptors to wake up for."""

    capabilities: frozenset[str]
    now_ms: int
    edges: list[tuple[int, bool]]
    supply_good: bool
    ports: list[int]

    def write(self, link: str, octets: bytes) -> None: ...

    def step(self, until_ms: int) -> list[tuple[int, bytes]]: ...

    def activate(self, bad: bool = False) -> None: ...

    def cancel(self) -> None: ...

    def cut_power(self) -> None: ...

    def power_on(self) -> None: ...


class MeterPorts:
    """Carries a meter's octets and a rig's lines (hil/esme/RIG.md). speed: how many times faster than real."""

    def __init__(self, body: Body, speed: int = 1) -> None:
        self._body = body
        self._speed = speed
        self._han, self._rig = Pty(), Pty()
        self._text = b""
        self._told = len(body.edges)
        self._start = time.monotonic()
        self._does: dict[str, Callable[[], None]] = {
            "activate": body.activate,
            "activate bad": lambda: body.activate(bad=True),
            "cancel": body.cancel,
            "mains 0": body.cut_power,
            "mains 1": body.power_on,
        }

    @property
    def dut(self) -> str:
        return self._han.path + (f",speed={self._speed}" if self._speed > 1 else "")

    @property
    def rig(self) -> str:
        return self._rig.path

    def run(self, over: Callable[[], bool]) -> None:
        """Carry until it is over."""
        masters = [self._han.master, self._rig.master]
        while not over():
            ready, _, _ = select.select([*masters, *self._body.ports], [], [], PACE_S)
            for master in set(ready) & set(masters):
                with contextlib.suppress(BlockingIOError):
                    self._take(master, os.read(master, _CHUNK_OCTETS))
            self._live(int((time.monotonic() - self._start) * 1000 * self._speed))

    def _take(self, master: int, octets: bytes) -> None:
        if master == self._han.master:
            self._body.write("han", octets)
            return
        *lines, self._text = (self._text + octets).split(b"\n")
        self._text = self._text[-_LINE_MAX:]
        for line in lines:
            self._do(line.decode("ascii", "replace").strip())

    def _do(self, line: str) -> None:
        if line == "hello":
            able = [name for name in CAN if name in self._body.capabilities]
            self._say(f"supply {int(self._body.supply_good)}")
            self._say(" ".join(["rig", "1", *able]))
        elif line in self._does:
            self._does[line]()
            self._say("ok")
        elif line:
            self._say(f"no there is no '{line}'")

    def _say(self, line: str) -> None:
        with contextlib.suppress(BlockingIOError):  # what nobody reads is lost, as on a cable
            os.write(self._rig.master, line.encode() + b"\n")

    def _live(self, now_ms: int) -> None:
        while True:
            before = self._body.now_ms
            said = self._body.step(now_ms)
            for _, octets in said:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._han.master, octets)
            for _, good in self._body.edges[self._told :]:
                self._say(f"supply {int(good)}")
            changed = self._told != len(self._body.edges)
            self._told = len(self._body.edges)
            if not said and not changed and self._body.now_ms in (before, now_ms):
                return

    def close(self) -> None:
        self._han.close()
        self._rig.close()


@click.command()
@click.option(
    "--keys", metavar="FILE", required=True, help="Identity file of the meter and its hub (chtool provision)."
)
@click.option(
    "--kind", type=click.Choice(list(KINDS)), default="good", show_default=True, metavar="KIND", help="Which."
)
@click.option("--speed", type=click.IntRange(1, 100), default=1, show_default=True, help="Times faster than real.")
def serve(keys: str, kind: str, speed: int) -> None:
    """Run a simulated meter and print the options that lead the suite to it, until it is interrupted."""
    body: Any = MeterBody(read_identity(Path(keys)), kind)
    ports = MeterPorts(body, speed)
    with contextlib.closing(ports), contextlib.suppress(KeyboardInterrupt):
        print(f"--esme-dut {ports.dut} --esme-rig {ports.rig} --hil-keys {keys}", flush=True)
        ports.run(lambda: False)


def main() -> int:
    """The exit code: 0 ended, 2 usage. Never a traceback."""
    heed_interrupts()
    try:
        serve(standalone_mode=False)
    except (BenchError, click.ClickException) as error:
        print(error.format_message() if isinstance(error, click.ClickException) else error, file=sys.stderr)
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        return 0
    except OSError as error:
        print(f"The meter has ended: {error.strerror or error}.", file=sys.stderr)
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
