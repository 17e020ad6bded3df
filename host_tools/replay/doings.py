"""All that is done to the reference in a replay, in order: its lines, its power, and what its peers say to it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from chf.wire import schema as s
from host_tools import frames
from host_tools.link.capture import POWER_ON, Lines, Power
from host_tools.replay.loaded import Loaded
from host_tools.replay.start import Start

BAUD = 115_200  # of a line whose rate the capture does not say
LINES, ON, ACT, HEAR, OFF, FLASH = range(6)
_FIRST, _LAST = -1, 1 << 60  # what the capture does not have, beside what it has at the same time


@dataclass(frozen=True)
class Doubt:
    """What a capture cannot show, as it is taken to have been.

    lost: frames to the hub, by their index in loaded.frames, that never reached it. stops, resets, torn: by their index
    in start.power: ends of runs that came so early, beginnings that were resets or not, and how many of a run's last
    writes had not become durable at its end. unknown: where in its range an offset lies that nothing shows. into_ms: by
    how much the time was ahead of the seconds that the hub told of it when the capture began: up to 2 s. restarted:
    the hub started anew with its first request for the time.
    """

    lost: frozenset[int] = frozenset()
    stops: dict[int, int] = field(default_factory=dict)
    resets: dict[int, int] = field(default_factory=dict)
    torn: dict[int, int] = field(default_factory=dict)
    unknown: float = 1.0
    into_ms: int = 500
    restarted: bool = False


def events_of(loaded: Loaded, start: Start, lines: list[Lines], doubt: Doubt) -> list[tuple[int, int, int, Any]]:
    """(ms, place in the file, kind, what) of all that happens to the hub, in order."""
    events: list[tuple[int, int, int, Any]] = [(one.at_ms, loaded.place(one, _FIRST), LINES, one) for one in lines]
    for index, power in enumerate(start.power):
        if power.on:
            reset = doubt.resets.get(index, s.RESET_POWER_ON if power.why == POWER_ON else s.RESET_OTHER)
            events.append((power.at_ms, loaded.place(power, _FIRST), ON, (strapped(loaded, power), reset)))
        else:
            events.append((doubt.stops.get(index, power.at_ms), loaded.place(power, _LAST), OFF, index))
    events += [(one.at_ms, loaded.place(one, _LAST), FLASH, one.what) for one in loaded.flash]
    events += [(at_ms, _FIRST, ACT, (name, fields)) for at_ms, name, fields in start.acts]
    told = loaded.header.get("baud")
    baud = told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else BAUD
    free_ms: dict[int, float] = {}
    for index, frame in enumerate(loaded.frames):
        if frame.to_hub and index not in doubt.lost:
            # Ten bits an octet, one frame after the other: then the hub has it whole.
            begin_ms = max(float(frame.at_ms), free_ms.get(frame.link, -1e18))
            free_ms[frame.link] = begin_ms + len(frames.to_wire(frame.content)) * 10_000 / baud
            events.append((int(free_ms[frame.link]), loaded.place(frame, _FIRST), HEAR, frame))
    events.sort(key=lambda event: event[:2])
    return events


def strapped(loaded: Loaded, power: Power) -> bool:
    """By the bench mark of the first frame of that run; strapped where it says nothing."""
    begin = (power.at_ms, loaded.place(power, _FIRST))
    at = bisect_left(loaded.frames, power.at_ms, key=lambda frame: frame.at_ms)
    while at < len(loaded.frames):
        frame = loaded.frames[at]
        at += 1
        if (frame.at_ms, loaded.place(frame, _LAST)) > begin and not frame.to_hub:
            if frame.name == "identity" and frame.values is not None:
                return bool(frame.values["strapped"])
            if frame.link in (s.LINK_HAN, s.LINK_WAN):
                return bool(frame.content[1] & s.BENCH_MARK)
    return True
