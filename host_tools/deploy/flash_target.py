"""Which board is flashed, through which port: found by USB id or named by the user, never guessed between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serial.tools import list_ports

from host_tools import boards
from host_tools.boards import fixture
from host_tools.errors import EXIT_FLASH, EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import transport

VIRTUAL = "virtual"


@dataclass(frozen=True)
class Target:
    """What flashing must know of a board.

    kind: "hub", or "rig" for a fixture board. root: folder of main.py on it, with a slash at its end. arch: mpy-cross's
    name for what its processor runs; native_framer: whether its framer is to be machine code. config: those of the
    core's parameters that hang on the board.
    """

    name: str
    title: str
    cpu: str
    root: str
    least: str
    below: str
    method: str
    steps: str
    usb_ids: tuple[str, ...]
    arch: str
    native_framer: bool
    kind: str = "hub"
    config: Mapping[str, int] = field(default_factory=dict)

    def accepts(self, version: Sequence[int]) -> bool:
        """Whether the firmware is for this version of MicroPython."""
        return boards.version_of(self.least) <= tuple(version) < boards.version_of(self.below)

    def is_on(self, who: dict[str, Any]) -> bool:
        """Whether a REPL's own account (flasher.who) is this board's chip."""
        if self.name == VIRTUAL:
            return bool(who["platform"] == "linux" or who["platform"] == "darwin")
        # MicroPython 1.29 says ESP32-S3 where 1.28 said ESP32S3.
        return bool(_letters(who["machine"].rpartition(" with ")[2]) == _letters(self.cpu))


def _letters(cpu: str) -> str:
    return cpu.replace("-", "").strip()


_VIRTUAL = Target(
    VIRTUAL,
    "virtual dev board",
    "MicroPython VM",
    "/",
    "1.28.0",
    "1.30.0",
    "none",
    "Start it with chtool virtual --bare.",
    (),
    "x64",
    False,
)


def names() -> list[str]:
    """The boards that can be flashed."""
    return [*boards.names(), fixture.BOARD, VIRTUAL]


def load(name: str) -> Target:
    """The target of that name. Raises BenchError where there is none."""
    if name == VIRTUAL:
        return _VIRTUAL
    if name == fixture.BOARD:
        return _of(name, "rig", fixture.load())
    if name not in names():
        raise BenchError(f"There is no board '{name}': choose one of {', '.join(names())}.", EXIT_USAGE)
    return _of(name, "hub", boards.load(name).data)


def _of(name: str, kind: str, data: dict[str, Any]) -> Target:
    python = data["micropython"]
    return Target(
        name,
        data["board"]["title"],
        data["board"]["cpu"],
        python["root"].rstrip("/") + "/",
        python["least"],
        python["below"],
        data["install"]["method"],
        data["install"]["steps"],
        tuple(data["usb"]["hub"]),
        python["arch"],
        python["native_framer"],
        kind,
        boards.config_of(data) if kind == "hub" else {},
    )


def of_repl(who: dict[str, Any]) -> Target:
    """The board for a hub that a REPL's own account fits. Raises BenchError where none does, or two do."""
    found = [target for target in map(load, boards.names()) if target.is_on(who)]
    if len(found) == 1:
        return found[0]
    calls = ascii(who["machine"])[1:-1] or "a board without a name"
    known = ", ".join(target.name for target in found) or ", ".join(names())
    raise BenchError(f"The board calls itself {calls}: say which it is with --board, one of {known}.", EXIT_USAGE)


def check(target: Target, who: dict[str, Any]) -> None:
    """Raises BenchError where a REPL's own account is another board's, or not of a MicroPython that will do."""
    if who["name"] != "micropython":
        raise BenchError(
            f"The board runs {ascii(who['name'])[1:-1]}: put MicroPython on it. {target.steps}", EXIT_FLASH
        )
    if not target.is_on(who):
        raise BenchError(
            f"The board calls itself {ascii(who['machine'])[1:-1]}, which is no {target.title}: "
            "give the right --board or the right --port.",
            EXIT_FLASH,
        )
    if not target.accepts(who["version"]):
        version = ".".join(map(str, who["version"]))
        raise BenchError(
            f"The board runs MicroPython {version}, and the firmware needs {target.least} or newer, below "
            f"{target.below}: put such a one on it first. {target.steps}",
            EXIT_FLASH,
        )


def usb_id(port: Any) -> str:
    """'2E8A:0005' of an entry of pyserial's list of ports; empty where it is no USB device."""
    return "" if port.vid is None or port.pid is None else f"{port.vid:04X}:{port.pid:04X}"


def find_port(
    given: str | None, target: Target | None, found: Sequence[Any] | None = None, option: str = "--port"
) -> str:
    """The port to flash through.

    given: the user's, as transport.open takes it. found: pyserial's list of this machine's ports, by default. option:
    how a person gives the port. Raises BenchError: no such port, or several, and then the sentence names the option.
    """
    found = sorted(list_ports.comports()) if found is None else found
    if given is not None:
        scheme, colon, rest = given.partition(":")
        if scheme == "id" and colon:
            return transport.find(rest, [transport.Port(p.device, p.serial_number, p.description) for p in found])
        return given
    if target is not None and not target.usb_ids:
        raise BenchError(f"A {target.title} has no USB id: give its port with {option}. {target.steps}", EXIT_USAGE)
    ids = target.usb_ids if target is not None else [i for name in boards.names() for i in load(name).usb_ids]
    matching = [port for port in found if usb_id(port) in ids]
    if len(matching) == 1:
        return str(matching[0].device)
    kind = target.title if target is not None else "board known here"
    if not matching:
        mend = (
            f"plug it in, or give {option}. A chip without MicroPython: {target.steps}" if target else f"give {option}."
        )
        raise BenchError(f"No {kind} is on USB: {mend}", EXIT_NO_BOARD)
    several = " and ".join(f"{p.device} (id:{p.serial_number})" if p.serial_number else p.device for p in matching)
    raise BenchError(f"{several} may each be the {kind}: say which with {option}.", EXIT_USAGE)
