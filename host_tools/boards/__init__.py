"""The boards: what board.toml says of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.locate import root

FILE = "board.toml"
PINS = ("SUPPLY", "HOLDUP", "AC_LO", "MT_PR", "STRAP", "MAINT", "HAN_TX", "HAN_RX")  # of every board
UART_PINS = ("WAN_TX", "WAN_RX")  # of a board with a second UART
METHODS = ("uf2", "esptool")

_VERSION = re.compile(r"\d+\.\d+(\.\d+)?")
_USB_ID = re.compile(r"[0-9A-F]{4}:[0-9A-F]{4}")

# Table: {key: the kind of its value}. Every key must be there, and no other.
SCHEMA: dict[str, dict[str, type]] = {
    "board": {"title": str, "cpu": str, "ram_kib": int, "clock_ppm": int, "tried_on_silicon": bool, "lacks": list},
    "usb": {"hub": list, "bootloader": list},
    "micropython": {
        "build": str,
        "arch": str,
        "least": str,
        "below": str,
        "stubs": str,
        "root": str,
        "files_kib": int,
        "native_framer": bool,
    },
    "install": {"method": str, "file": str, "steps": str},
    "links": {"han": str, "wan": str, "bench": str, "baud": int, "rx_fifo_octets": int, "rx_buffer_octets": int},
    "watchdog": {"kind": str, "ms": int, "max_ms": int},
    "flash": {
        "part": str,
        "block_octets": int,
        "program_octets": int,
        "erase_ms": int,
        "erase_max_ms": int,
        "program_us": int,
        "program_max_us": int,
        "stalls_interrupts": bool,
        "source": str,
    },
    "adc": {"full_mv": int, "offset_steps": int, "error_permille": int, "highest_mv": int},
    "pins": {},  # checked by name, not by key
    "header": {},
    "power": {"feed": str, "ground": str, "rail": str, "note": str, "holdup_min_mv": int, "dying_mv": int},
}
SILICON = {"check": str, "command": str}


@dataclass(frozen=True)
class Board:
    """One board. data: board.toml, checked; folder: where it lies; name: that folder's."""

    name: str
    folder: Path
    data: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.data["board"]["title"])

    @property
    def root(self) -> str:
        """Folder of main.py and of identity.json on the device; it ends with a slash."""
        return str(self.data["micropython"]["root"]).rstrip("/") + "/"


def version_of(text: str) -> tuple[int, ...]:
    """'1.29.0' as (1, 29, 0)."""
    return tuple(int(part) for part in text.split("."))


def config_of(data: Mapping[str, Any]) -> dict[str, int]:
    """What of the core's parameters (chf.core.limits.Config) hangs on the board, from its board.toml."""
    return {name: data["power"][name] for name in ("holdup_min_mv", "dying_mv")}


def names() -> list[str]:
    """The boards that have a board.toml, in order of their names."""
    return sorted(path.parent.name for path in root("boards").glob(f"*/{FILE}"))


def load(name: str) -> Board:
    """The board of that name. Raises BenchError where there is none, or where its board.toml does not fit."""
    known = names()
    if name not in known:
        raise BenchError(f"There is no board '{name}': choose one of {', '.join(known)}.", EXIT_USAGE)
    folder = root("boards") / name
    return Board(name, folder, parse((folder / FILE).read_bytes(), f"boards/{name}/{FILE}"))


def load_all() -> list[Board]:
    """All boards. Raises BenchError."""
    return [load(name) for name in names()]


# ---- what stands in a board.toml


def parse(content: bytes, where: str) -> dict[str, Any]:
    """A board.toml. Raises BenchError with a sentence that says where and what."""
    try:
        data = tomllib.loads(content.decode())
    except ValueError as error:  # no UTF-8, or no TOML
        raise BenchError(f"{where} is no TOML file: {error}.", EXIT_USAGE) from None
    for fault in _faults(data):
        raise BenchError(f"{where}: {fault}.", EXIT_USAGE)
    return data


def _faults(data: dict[str, Any]) -> Iterable[str]:
    """What does not fit: first the shape; values are looked at where that is right."""
    shape = list(_keys(data, {**dict.fromkeys(SCHEMA, dict), "silicon": list}, ""))
    if not shape:
        for table, keys in SCHEMA.items():
            shape += _keys(data[table], keys, f"{table}.") if keys else []
        for place, entry in enumerate(data["silicon"]):
            shape += _keys(entry if isinstance(entry, dict) else {}, SILICON, f"silicon[{place}].")
    return shape or list(_values(data))


def _keys(table: dict[str, Any], keys: Mapping[str, type], prefix: str) -> Iterable[str]:
    for key in sorted(keys.keys() - table.keys()):
        yield f"{prefix}{key} is missing"
    for key in sorted(table.keys() - keys.keys()):
        yield f"{prefix}{key} is not known"
    for key in sorted(keys.keys() & table.keys()):
        if type(table[key]) is not keys[key]:
            yield f"{prefix}{key} must be of the kind {keys[key].__name__}"
        elif keys[key] is not bool and not table[key] and table[key] != 0:
            yield f"{prefix}{key} is empty"


def _values(data: dict[str, Any]) -> Iterable[str]:
    for state in ("hub", "bootloader"):
        for usb_id in data["usb"][state]:
            if not isinstance(usb_id, str) or not _USB_ID.fullmatch(usb_id):
                yield f"usb.{state}: {usb_id!r} is not VID:PID in capital hexadecimal digits"
    least, below = (data["micropython"][key] for key in ("least", "below"))
    if not _VERSION.fullmatch(least) or not _VERSION.fullmatch(below):
        yield "micropython.least and below must be versions, as 1.29.0"
    elif version_of(least) >= version_of(below):
        yield "micropython.below must be above least"
    if data["install"]["method"] not in METHODS:
        yield f"install.method must be one of {', '.join(METHODS)}"
    if not all(isinstance(sentence, str) for sentence in data["board"]["lacks"]):
        yield "board.lacks must be a list of sentences"
    if 0 < data["watchdog"]["max_ms"] < data["watchdog"]["ms"]:
        yield "watchdog.ms must not be above max_ms"
    if data["power"]["dying_mv"] <= data["power"]["holdup_min_mv"]:
        yield "power.dying_mv must be above holdup_min_mv"
    yield from _pins(data["pins"], data["header"])


def _pins(pins: dict[str, Any], header: dict[str, Any]) -> Iterable[str]:
    wanted = PINS + (UART_PINS if UART_PINS[0] in pins else ())
    yield from _keys(pins, dict.fromkeys(wanted, int), "pins.")
    yield from _keys(header, dict.fromkeys(wanted, str), "header.")
    for table, values in (("pins", list(pins.values())), ("header", list(header.values()))):
        for value in sorted({str(value) for value in values if values.count(value) > 1}):
            yield f"{table}: {value} is used twice"
