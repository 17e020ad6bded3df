"""URLs that make a hub and its rig: sim: is a hub on the unix VM, emu:pico one on an emulated RP2040."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from chf.core.limits import Config
from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import emulator
from host_tools.names import constants

SIM = "sim:"  # a hub on the unix VM
PICO = "emu:pico"  # a hub on an emulated RP2040
POLICIES = {name: value for value, name in constants("POLICY_").items()}
CONFIG = tuple(name for name in inspect.signature(Config).parameters if name not in ("hub", "esme"))
_RIG_OPTIONS = {SIM: ("seed", "speed", "strap", "one_cable", "baud", "heap"), PICO: ("uf2", "strap", "one_cable")}
_TEXTS = ("heap", "uf2")
_SIMULATED = {
    SIM: "supply, sense lines, flash and time; the firmware runs on the real MicroPython VM",
    PICO: "the RP2040 with its supply, sense lines and time; MicroPython for it and the firmware are the real ones",
}


def number_of(name: str, text: str) -> int:
    """The value of one of the core's parameters: a policy by name, any other as an integer. Raises BenchError."""
    if name == "policy" and text in POLICIES:
        return POLICIES[text]
    if name == "policy" or not text.isdecimal() or len(text) > 18:
        takes = f"one of {', '.join(POLICIES)}" if name == "policy" else "a whole number"
        raise BenchError(f"{name}={text} does not fit: it takes {takes}.", EXIT_USAGE)
    return int(text)


def brings_rig(url: str) -> bool:
    """Whether a hub and its rig are made for this URL, and end with the bench."""
    return url.startswith((SIM, PICO))


def simulated_in(url: str) -> str:
    """What is simulated of the hub at a URL that brings its rig, in words."""
    return _SIMULATED[SIM if url.startswith(SIM) else PICO]


def options_of(url: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The options of a URL that brings its rig: (those of the rig, those of the core's Config). Raises BenchError."""
    scheme = SIM if url.startswith(SIM) else PICO
    query = url[len(scheme) :]
    rig: dict[str, Any] = {}
    config: dict[str, int] = {}
    try:
        # A plus in a path is a plus.
        text = query[1:].replace("+", "%2B")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True) if text else []
        if query and not query.startswith("?"):
            raise ValueError
    except ValueError:
        form = f"{scheme} alone or {scheme}?NAME=VALUE&NAME=VALUE" if scheme == SIM else f"{scheme}?uf2=PATH"
        raise BenchError(f"'{url}' does not fit: give {form}.", EXIT_USAGE) from None
    for name, value in pairs:
        if name in CONFIG:
            config[name] = number_of(name, value)
        elif name in _RIG_OPTIONS[scheme]:
            rig[name] = value if name in _TEXTS else number_of(name, value)
        else:
            known = ", ".join((*_RIG_OPTIONS[scheme], *CONFIG))
            raise BenchError(f"{scheme} has no option '{name}': it has {known}.", EXIT_USAGE)
    return rig, config


def virtual_rig() -> Any:
    """The class VirtualRig. Raises BenchError where this system has no PTYs."""
    try:
        from host_tools.virtual.rig import VirtualRig
    except ModuleNotFoundError as error:
        if error.name not in ("termios", "fcntl", "tty", "pty"):
            raise
        raise BenchError(
            "The virtual hub needs PTYs, which this system lacks: use Linux or macOS, or a real board by its URL.",
            EXIT_NO_BOARD,
        ) from None
    return VirtualRig


def new_rig(url: str, identity: dict[str, Any], **given: Any) -> Any:
    """The rig of a URL that brings its own, around a hub with this identity, its power off. Raises BenchError.

    given: what the URL does not say: seed, speed (of sim: alone), strapped.
    """
    options, config = options_of(url)
    identity = {**identity, **config}
    strapped = given.pop("strapped", bool(options.pop("strap", 1)))
    one_cable = bool(options.pop("one_cable", 0))
    if url.startswith(SIM):
        return virtual_rig()(identity, strapped=strapped, one_cable=one_cable, **{**given, **options})
    from host_tools.virtual.pico_rig import PicoRig

    path = Path(options.pop("uf2", ""))
    if not path.is_file():
        raise BenchError(f"{PICO} runs a file of yours: {emulator.KINDS['rp2040'].get} as uf2=PATH.", EXIT_NO_BOARD)
    return PicoRig(path, identity, strapped=strapped, one_cable=one_cable)
