"""chtool virtual: a virtual hub in real time, its links on PTYs that any other program can open."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from host_tools.cli import output
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link.own_rig import virtual_rig
from host_tools.link.transport import LINKS

BUSY_S = 0.001  # between two looks at the hub while octets pass ...
IDLE_S = 0.02  # ... and while none do, at the hub's own speed
BUSY_FOR_S = 0.05
PICO_STEP_MS = 10  # between two looks at its port
PICO_LATE_MS = 100  # that an emulated chip runs after
_CHUNK_OCTETS = 4096


class Cable:
    """A PTY for each of a hub's cables, whose other end another program opens."""

    def __init__(self, rig: Any, cables: int) -> None:
        from host_tools.virtual.process import Pty

        self._rig = rig
        self._ptys = [Pty() for _ in range(cables)]

    @property
    def paths(self) -> list[str]:
        return [pty.path for pty in self._ptys]

    def wait(self, timeout_s: float) -> bool:
        """Carry octets to the hub as they come, at most so long; whether any came."""
        ready, _, _ = select.select([pty.master for pty in self._ptys], [], [], timeout_s)
        for index, pty in enumerate(self._ptys):
            if pty.master in ready:
                with contextlib.suppress(BlockingIOError):
                    self._rig.write(LINKS[index], os.read(pty.master, _CHUNK_OCTETS))
        return bool(ready)

    def deliver(self, said: list[tuple[int, bytes]]) -> bool:
        """Carry the hub's octets out; whether there were any. What nobody reads is lost, as on a cable."""
        for index, octets in said:
            with contextlib.suppress(BlockingIOError):
                os.write(self._ptys[index].master, octets)
        return bool(said)

    def close(self) -> None:
        for pty in self._ptys:
            pty.close()


@click.command()
@output.keys
@click.option("--speed", type=click.IntRange(1, 100), default=1, show_default=True, help="Times faster than real.")
@click.option("--one-cable", is_flag=True, help="All links on one PTY, as on one USB cable.")
@click.option("--unstrapped", is_flag=True, help="Leave the bench strap off: live keys, BENCH answers identify only.")
@click.option("--bare", is_flag=True, help="A dev board instead, with MicroPython and no firmware: chtool flash it.")
@click.option(
    "--uf2",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An emulated Pico with this MicroPython: chtool flash it.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the hub's random octets, and of its identity.")
@output.seconds("--for", "End after so long. Default: when interrupted.")
@output.as_json
def virtual(
    identity: dict | None,
    speed: int,
    one_cable: bool,
    unstrapped: bool,
    bare: bool,
    uf2: Path | None,
    seed: int,
    for_s: float | None,
    json_wanted: bool,
) -> None:
    """Run a virtual hub in real time and print the URL under which chtool and hil reach it, until interrupted.

    The hub is always under power; other programs act on its sense lines through the soft rig.
    """
    if bare:
        _refuse_ignored()
    if uf2 is not None:
        return _run_pico(uf2, not unstrapped, for_s, json_wanted)
    if bare:
        return _run_bare(speed, not unstrapped, for_s, json_wanted)
    make = virtual_rig()
    own = identity or new_identity(seed)
    with contextlib.ExitStack() as stack:
        rig = make(own, strapped=not unstrapped, speed=speed, one_cable=one_cable, seed=seed)
        stack.callback(rig.close)
        cable = Cable(rig, len(rig.paths))
        stack.callback(cable.close)
        rig.power_on()
        _announce(rig, cable, own, json_wanted)
        _run(rig, cable, None if for_s is None else time.monotonic() + for_s)


def _refuse_ignored() -> None:
    """Options of a hub, where a board without one is wanted. Raises BenchError."""
    given = click.get_current_context().get_parameter_source
    options = {"identity": "--keys", "one_cable": "--one-cable", "seed": "--seed", "uf2": "--uf2"}
    ignored = [option for name, option in options.items() if given(name) is ParameterSource.COMMANDLINE]
    if ignored:
        raise BenchError(f"A --bare board has no hub yet: leave {' and '.join(ignored)} out.", EXIT_USAGE)


def _run_bare(speed: int, strapped: bool, for_s: float | None, json_wanted: bool) -> None:
    virtual_rig()  # it says where this system has no PTYs
    from host_tools.virtual.repl_board import ReplBoard

    with (
        tempfile.TemporaryDirectory(prefix="chf-board-") as folder,
        ReplBoard(Path(folder), speed=speed, strapped=strapped) as board,
    ):
        board.power_on()
        _announce_board("Virtual dev board", "virtual", str(board.port), speed, json_wanted)
        end = None if for_s is None else time.monotonic() + for_s
        while end is None or time.monotonic() < end:
            time.sleep(IDLE_S)


def _run_pico(uf2: Path, strapped: bool, for_s: float | None, json_wanted: bool) -> None:
    """Its time is real, or slower where this machine does not keep up."""
    virtual_rig()  # it says where this system has no PTYs
    from host_tools.virtual.pico_rig import BOARD, PicoRig

    with contextlib.ExitStack() as stack:
        rig = PicoRig(uf2, None, strapped=strapped, one_cable=True)
        stack.callback(rig.close)
        cable = Cable(rig, 1)
        stack.callback(cable.close)
        rig.switch_on()
        _announce_board("Emulated Raspberry Pi Pico", BOARD, cable.paths[0], 1, json_wanted)
        start = time.monotonic()
        end = None if for_s is None else start + for_s
        while end is None or time.monotonic() < end:
            late_ms = int((time.monotonic() - start) * 1000) - rig.now_ms
            cable.wait(0.0 if late_ms > 0 else BUSY_S)
            if late_ms > 0:
                cable.deliver(rig.step(rig.now_ms + min(late_ms, PICO_STEP_MS)))
            if late_ms > PICO_LATE_MS:
                start += (late_ms - PICO_LATE_MS) / 1000  # what is lost is not run after


def _announce_board(title: str, board: str, port: str, speed: int, json_wanted: bool) -> None:
    told = {"port": port, "url": f"{port},speed={speed}" if speed > 1 else port}
    if json_wanted:
        output.print_json(told)
    else:
        how = {"flash it with": f"chtool flash --board {board} --port {port}", "end it with": "Ctrl-C"}
        output.print_fields(title, {**told, **how}.items())
    sys.stdout.flush()


def _announce(rig: Any, cable: Cable, identity: dict, json_wanted: bool) -> None:
    names = ["all"] if len(cable.paths) == 1 else list(LINKS)
    url = ",".join(path if name == "all" else f"{name}={path}" for name, path in zip(names, cable.paths, strict=True))
    url += f",speed={rig.speed}" if rig.speed > 1 else ""
    told = {"url": url, "hub": identity["hub"], "esme": identity["esme"], "simulated": rig.simulated}
    if json_wanted:
        output.print_json({**told, "ports": dict(zip(names, cable.paths, strict=True)), "speed": rig.speed})
    else:
        output.print_fields("Virtual hub", [*told.items(), ("end it with", "Ctrl-C")])
    sys.stdout.flush()


def _run(rig: Any, cable: Cable, end: float | None) -> None:
    busy_until = 0.0
    while end is None or time.monotonic() < end:
        busy = time.monotonic() < busy_until
        came = cable.wait(BUSY_S if busy else IDLE_S / rig.speed)
        if cable.deliver(rig.step(rig.now_ms)) or came:
            busy_until = time.monotonic() + BUSY_FOR_S
