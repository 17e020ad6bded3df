"""chtool replay: where the hub of a capture and the reference part, with the last frames before it."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import click

from host_tools.cli import output
from host_tools.deploy.provisioning import read_identity
from host_tools.link import capture
from host_tools.names import LINK_NAMES, names_of, show
from host_tools.replay.golden import HUB, REFERENCE, make_test
from host_tools.replay.loaded import Passed
from host_tools.replay.run import DIFFERS, EXTRA, MAC, Part
from host_tools.replay.search import REAL_TOLERANCE_MS, STEPPED_TOLERANCE_MS, Result
from host_tools.replay.search import replay as replayed

BEFORE = 8


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    "identity",
    metavar="FILE",
    callback=lambda ctx, param, value: None if value is None else read_identity(Path(value)),
    help="Identity file of the hub: then MACs are checked. A virtual hub's keys are known.",
)
@click.option("--lines", type=click.Path(path_type=Path), metavar="FILE", help="Sense lines: JSON lines, see above.")
@click.option(
    "--tolerance",
    "tolerance_s",
    type=output.Seconds(0, 3600),
    metavar="SECONDS",
    help="How far apart the two may say the same. "
    f"Default: {STEPPED_TOLERANCE_MS / 1000:g} on a stepped clock, {REAL_TOLERANCE_MS / 1000:g} on a real one.",
)
@click.option(
    "--lossless",
    is_flag=True,
    help="Every frame reached the hub: a repeat is never explained by a frame that was lost.",
)
@click.option("--last", type=click.IntRange(min=0), default=BEFORE, show_default=True, help="Frames shown before.")
@click.option(
    "--make-test",
    "test",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Keep FILE as a test: PATH ends in .jsonl, or is a folder (tests/captures).",
)
@click.option(
    "--right",
    type=click.Choice([REFERENCE, HUB]),
    default=REFERENCE,
    show_default=True,
    help="Who is right where they part; with the hub right, the test fails until the firmware is mended.",
)
@output.as_json
def replay(
    file: Path,
    identity: dict | None,
    lines: Path | None,
    tolerance_s: float | None,
    lossless: bool,
    last: int,
    test: Path | None,
    right: str,
    json_wanted: bool,
) -> int:
    """Run FILE, a capture of any hub, through the reference firmware, and show where the two part.

    The reference gets what the hub got, when it got it, and must say what the hub said. Exit code 0: they say the
    same; 1: they part; 2: FILE cannot be replayed.

    Sense lines come from the capture where a rig was there, else from --lines FILE, an object a line: {"at_ms": 8000,
    "bits": 4, "holdup_mv": 4990} (bits: 1 supply, 2 AC_LO, 4 MT_PR), else from what the hub itself says.
    """
    tolerance_ms = None if tolerance_s is None else math.ceil(tolerance_s * 1000)
    result = replayed(file, identity=identity, lines=lines, tolerance_ms=tolerance_ms, lossless=lossless)
    if json_wanted:
        output.print_json(_as_json(result, last))
    else:
        _print(result, last)
    if test is not None:
        made = make_test(result, test, right)
        print(f"{made} is a test now: pytest {made.parent}", file=sys.stderr)
    return 0 if result.part is None else 1


def _print(result: Result, last: int) -> None:
    say = output.console().print  # which breaks lines at words on a terminal
    assumed = [f"Assumed: {one}." for one in result.assumed]
    for sentence in (*result.notes, *assumed, *(f"Taken to be so: {one}." for one in result.taken)):
        say(sentence)
    part = result.part
    said = len(result.loaded.said())
    if part is None:
        so = ", if it was so" if result.taken else ""
        say(f"Hub and reference say the same{so}: {_frames(said)} of the hub in {_span(result)}.")
        return
    before = _before(result, last)
    rows = [(_at(one), "peer" if one.to_hub else "both", _words(one)) for one in before]
    rows += [
        (_at(one), who, _words(one, {field.field for field in part.fields}))
        for who, one in (("HUB", part.hub), ("REFERENCE", part.reference), (_later_of(part), part.later))
        if one is not None
    ]
    output.print_rows("The last frames before they part", ("at", "who", "what"), rows)
    if part.fields:
        fields = [(one.field, *(_value(part, one.field, value) for value in one[1:])) for one in part.fields]
        output.print_rows("What they say differently", ("field", "hub", "reference"), fields)
    say(_sentence(part))
    say(f"Before that they say the same: {result.compared} of {_frames(said)} of the hub.")


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _span(result: Result) -> str:
    seconds = (result.loaded.end_ms - result.loaded.begin_ms) / 1000
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _before(result: Result, last: int) -> list[Passed]:
    """The frames that stand before the parting one, or that came before the one that the hub does not say."""
    part, loaded = result.part, result.loaded
    assert part is not None
    end = (part.at_ms, loaded.place(part.hub, 0) if part.hub is not None else 1 << 60)
    frames = [one for one in loaded.frames if (one.at_ms, loaded.place(one, 0)) < end]
    return frames[max(0, len(frames) - last) :]


def _later_of(part: Part) -> str:
    return "REFERENCE" if part.kind == EXTRA else "HUB"


def _at(frame: Passed) -> str:
    return f"{frame.at_ms / 1000:.3f} s"


def _words(frame: Passed, first: set[str] | None = None) -> str:
    """Name and fields; those in which they differ first."""
    link = LINK_NAMES.get(frame.link, "?")
    if frame.values is None:
        return f"{link} no frame of ours: {frame.content.hex()}"
    names = sorted(frame.values, key=lambda name: name not in (first or ()))
    return " ".join([link, frame.name, *(f"{name}={_shown(frame.name, name, frame.values[name])}" for name in names)])


def _shown(owner: str, field: str, value: Any) -> str:
    named = names_of(owner, field).get(value) if isinstance(value, int) else None
    return named or show(field, value)


def _value(part: Part, field: str, value: Any) -> str:
    frame = part.hub or part.reference
    return "-" if value is None else _shown(frame.name if frame is not None else "", field, value)


def _sentence(part: Part) -> str:
    frame = part.hub or part.reference
    assert frame is not None
    at = f"At {part.at_ms / 1000:.3f} s"
    name = frame.name or "something that is no frame of ours"
    if part.kind == MAC:
        return f"{at} the hub's {name} carries a MAC that its keys do not make."
    if part.kind == DIFFERS:
        return f"{at} both say {name}, and differ in {', '.join(one.field for one in part.fields)}."
    speaks, silent = ("hub", "reference") if part.kind == EXTRA else ("reference", "hub")
    if part.later is None:
        return f"{at} the {speaks} says {name}, and the {silent} does not."
    apart_s = (part.later.at_ms - part.at_ms) / 1000
    return f"{at} the {speaks} says {name}, and the {silent} only {apart_s:.3f} s later."


def _as_json(result: Result, last: int) -> dict[str, Any]:
    part = result.part
    values: dict[str, Any] = {
        "same": part is None,
        "frames": len(result.loaded.frames),
        "of_hub": len(result.loaded.said()),
        "compared": result.compared,
        "tolerance_ms": result.tolerance_ms,
        "macs_checked": result.keyed,
        "assumed": result.assumed,
        "taken": result.taken,
        "notes": result.notes,
        "parts": None,
    }
    if part is not None:
        values["parts"] = {
            "kind": part.kind,
            "at_ms": part.at_ms,
            "sentence": _sentence(part),
            "hub": _item(part.hub),
            "reference": _item(part.reference),
            "later": _item(part.later),
            "fields": [
                {"field": one.field, "hub": output.plain_value(one.hub), "reference": output.plain_value(one.reference)}
                for one in part.fields
            ],
            "before": [_item(one) for one in _before(result, last)],
        }
    return values


def _item(frame: Passed | None) -> dict[str, Any] | None:
    return None if frame is None else capture.as_json(capture.Item(frame.at_ms, frame.to_hub, frame.content))
