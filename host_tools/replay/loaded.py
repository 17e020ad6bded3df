"""A capture as a replay needs it: the frames of one hub, parsed, in order of time; what its rig did, where known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from chf.wire import schema as s
from chf.wire.codec import unpack
from host_tools import frames
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import capture
from host_tools.link.capture import Flash, Lines, Power

DRIFT = 10_000  # two clocks of 50 ppm each part by one in so many
BACK_MS = 10_000  # what was kept from several lines may be so much out of order


class Passed(NamedTuple):
    """One frame of a capture. values: None where it is no frame of ours; mac: None where it carries none."""

    at_ms: int
    to_hub: bool
    content: bytes
    name: str
    link: int
    values: dict[str, Any] | None
    mac: bytes | None
    authentic: bool | None


@dataclass
class Loaded:
    """A capture, read. notes: what was wrong with the file, a sentence each. places: of its entries, by their id()."""

    path: Path
    header: dict[str, Any]
    frames: list[Passed] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    power: list[Power] = field(default_factory=list)
    flash: list[Flash] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)

    def place(self, entry: Passed | Lines | Power | Flash, unknown: int) -> int:
        """Where the entry stands in the file; `unknown` for one that was added."""
        return self.places.get(id(entry), unknown)

    @property
    def begin_ms(self) -> int:
        begins = [self.frames[0].at_ms, *(one.at_ms for one in self.lines[:1]), *(one.at_ms for one in self.power[:1])]
        return min(begins)

    @property
    def end_ms(self) -> int:
        ends = [self.frames[-1].at_ms, *(one.at_ms for one in self.lines[-1:]), *(one.at_ms for one in self.power[-1:])]
        return max(ends)

    def said(self) -> list[Passed]:
        """The hub's own frames."""
        return [one for one in self.frames if not one.to_hub]


def parsed(at_ms: int, to_hub: bool, content: bytes, authentic: bool | None = None) -> Passed:
    """A frame as the schema has it."""
    link = content[1] & s.LINK_MASK if len(content) > 1 else 0
    known = frames.MESSAGES.get(content[2]) if len(content) >= s.HEADER_LEN else None
    fits = known is not None and content[0] == s.WIRE_VERSION and known[1] == link and known[2] is not to_hub
    if known is None or not fits or content[1] & s.FROM_HUB != (0 if to_hub else s.FROM_HUB):
        return Passed(at_ms, to_hub, content, "", link, None, None, authentic)
    name, _, _, has_mac, fields = known
    end = len(content) - (s.MAC_LEN if has_mac else 0)
    values = unpack(fields, content, s.HEADER_LEN, end) if end >= s.HEADER_LEN else None
    if values is None:
        return Passed(at_ms, to_hub, content, "", link, None, None, authentic)
    for one, value in values.items():
        if isinstance(value, memoryview):
            values[one] = bytes(value)
    return Passed(at_ms, to_hub, content, name, link, values, content[end:] if has_mac else None, authentic)


def load(path: Path) -> Loaded:
    """Read a capture. Raises BenchError, code 2: no frames, no times, times that go back, another format."""
    loaded = Loaded(path, {})
    latest = None
    for entry in capture.read(path):
        if isinstance(entry, capture.Header):
            if loaded.frames:
                raise BenchError(f"{path} holds several captures, one after the other: split it.", EXIT_USAGE)
            loaded.header = entry.values
        elif isinstance(entry, capture.Bad):
            _bad(loaded, entry)
        else:
            if entry.at_ms is None:
                raise BenchError(
                    f"{path} has no times: replay takes a capture of chtool monitor --write, not raw octets.",
                    EXIT_USAGE,
                )
            if latest is not None and entry.at_ms < latest - BACK_MS:
                raise BenchError(
                    f"{path} goes back in time, from {latest / 1000:.3f} s to {entry.at_ms / 1000:.3f} s: "
                    "replay takes one run at a time.",
                    EXIT_USAGE,
                )
            latest = entry.at_ms if latest is None else max(latest, entry.at_ms)
            _add(loaded, entry)
    if not any(not one.to_hub for one in loaded.frames):
        raise BenchError(_nothing_of_a_hub(loaded), EXIT_USAGE)
    for entries in (loaded.frames, loaded.lines, loaded.power, loaded.flash):
        entries.sort(key=lambda one: one.at_ms)
    _refuse_several(loaded)
    return loaded


def _nothing_of_a_hub(loaded: Loaded) -> str:
    if not loaded.frames and loaded.notes:
        return loaded.notes[0]
    if not loaded.frames and not loaded.header:
        return f"{loaded.path} holds no frame: give a capture of chtool monitor --write."
    return f"{loaded.path} holds nothing that a hub said: let the meter or the head-end speak meanwhile."


def _bad(loaded: Loaded, bad: capture.Bad) -> None:
    where = f"{loaded.path} line {bad.line}" if bad.line is not None else f"{loaded.path}"
    if bad.line == 1:
        raise BenchError(f"{where} {bad.sentence}", EXIT_USAGE)
    loaded.notes.append(f"{where} {bad.sentence}")


def _add(loaded: Loaded, entry: capture.Kept) -> None:
    loaded_as: Passed | Lines | Power | Flash
    if isinstance(entry, Lines):
        loaded.lines.append(loaded_as := entry)
    elif isinstance(entry, Power):
        loaded.power.append(loaded_as := entry)
    elif isinstance(entry, Flash):
        loaded.flash.append(loaded_as := entry)
    else:
        assert entry.at_ms is not None
        frame = parsed(entry.at_ms, entry.to_hub, entry.content, entry.authentic)
        if frame.link == s.LINK_RIG:
            # A rig that speaks its own messages over a line.
            if frame.name != "step" or frame.values is None:
                return
            given = Lines(frame.at_ms, frame.values["bits"] & 7, frame.values["holdup_mv"])
            if loaded.lines and loaded.lines[-1][1:] == given[1:]:
                return
            loaded.lines.append(loaded_as := given)
        else:
            loaded.frames.append(loaded_as := frame)
    loaded.places[id(loaded_as)] = len(loaded.places)


def _refuse_several(loaded: Loaded) -> None:
    """One capture, one hub: by its EUI-64, and by its journal's epoch, which may change but never comes back."""
    euis: list[bytes] = []
    epochs: dict[bool, list[bytes]] = {}
    for frame in loaded.said():
        values = frame.values or {}
        if "hub" in values and values["hub"] not in euis:
            euis.append(values["hub"])
        if "epoch" in values:
            marked = bool(frame.content[1] & s.BENCH_MARK) or bool(values.get("strapped"))
            seen = epochs.setdefault(marked, [])
            if not seen or seen[-1] != values["epoch"]:
                seen.append(values["epoch"])
    sentence = f"{loaded.path} holds frames of several hubs (%s): replay takes one hub's."
    if len(euis) > 1:
        raise BenchError(sentence % ", ".join(f"EUI-64 {eui.hex()}" for eui in euis[:3]), EXIT_USAGE)
    for seen in epochs.values():
        if len(set(seen)) < len(seen):
            raise BenchError(sentence % ", ".join(f"epoch {one.hex()}" for one in dict.fromkeys(seen)), EXIT_USAGE)


def past_of(loaded: Loaded) -> set[bytes]:
    """The ids of outages of which the capture has nothing but their end."""
    first: dict[bytes, str] = {}
    for frame in loaded.said():
        if frame.values and "id" in frame.values:
            first.setdefault(frame.values["id"], frame.name)
    return {one for one, name in first.items() if name == "restored"}


def slack_of(loaded: Loaded, tolerance_ms: int) -> dict[int, int]:
    """By each frame's id(): how far the two may say it apart. Two real clocks part while nothing is said."""
    stepped = loaded.header.get("clock") == "stepped"
    slack, before_ms = {}, loaded.frames[0].at_ms
    for frame in loaded.frames:
        slack[id(frame)] = tolerance_ms + (0 if stepped else (frame.at_ms - before_ms) // DRIFT)
        before_ms = frame.at_ms
    return slack
