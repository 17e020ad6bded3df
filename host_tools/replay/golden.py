"""A capture becomes a test: the file itself, what its replay must come to in its header, beside a test that runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import capture
from host_tools.link.own_rig import CONFIG
from host_tools.replay.loaded import Passed
from host_tools.replay.search import Result, replay
from host_tools.replay.tokens import NOT_COMPARED

REFERENCE = "reference"  # where they part, the reference is right, and must go on saying what it says
HUB = "hub"  # ... the hub is right, and the test fails until the reference says the same
TEST_FILE = "test_captures.py"
TEST = '''"""Every capture here replays as its header expects; `chtool replay FILE --make-test PATH` adds one."""

from pathlib import Path

import pytest

from host_tools.replay.golden import check

CAPTURES = sorted(Path(__file__).parent.glob("*.jsonl"))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_replays_as_its_header_expects(path):
    assert check(path) == ""
'''


def make_test(result: Result, path: Path, right: str = REFERENCE) -> Path:
    """Write the capture to `path`, or into that folder under its own name, for check(); and a test where there is none.

    No key goes with it: a frame whose MAC is wrong is marked as such. Raises BenchError, code 2: the file exists or
    cannot be written; code 1: without keys it does not come to the same.
    """
    source = result.loaded.path
    if path.is_dir():
        path = path / (source.stem + ".jsonl")
    if path.suffix != ".jsonl":
        raise BenchError(f"{path} is no name for a capture: end it in .jsonl, or give a folder.", EXIT_USAGE)
    if path.exists():
        raise BenchError(f"{path} exists: a capture under test is not overwritten; give another name.", EXIT_USAGE)
    expected = _expected(result) if right == REFERENCE else {"same": True}
    _write(result, path, expected)
    try:
        again = _expected(replay(path))
        if _brief(again) != _brief(_expected(result)):
            raise BenchError(f"{source} does not come to the same without its keys and options: no test was made.")
    except BenchError:
        path.unlink(missing_ok=True)
        raise
    test = path.parent / TEST_FILE
    if not test.exists():
        test.write_text(TEST, encoding="utf-8")
    return path


def check(path: Path) -> str:
    """What the replay of a capture does not come to that its header expects, in a sentence; empty where all is well."""
    result = replay(path)
    expected = result.loaded.header.get("expect", {"same": True})
    got = _expected(result)
    if got == expected:
        return ""
    if _brief(got) == {"same": True}:
        return f"{path.name}: hub and reference say the same, and were to part at {expected.get('at_ms')} ms."
    wanted = "that they say the same" if expected.get("same") else json.dumps(expected)
    return f"{path.name}: {json.dumps(got)}; expected: {wanted}; see chtool replay."


def _expected(result: Result) -> dict[str, Any]:
    part = result.part
    if part is None:
        return {"same": True}
    return {
        "same": False,
        "kind": part.kind,
        "at_ms": part.at_ms,
        "hub": _said(part.hub),
        "reference": _said(part.reference or part.later),
    }


def _brief(expected: dict[str, Any]) -> dict[str, Any]:
    return {name: expected[name] for name in ("same", "kind", "at_ms") if name in expected}


def _said(frame: Passed | None) -> dict[str, Any] | None:
    """A frame by its name and the fields that are compared: numbers, octets in hex."""
    if frame is None:
        return None
    values = {name: one for name, one in (frame.values or {}).items() if name not in NOT_COMPARED}
    return {"name": frame.name, **{name: one.hex() if isinstance(one, bytes) else one for name, one in values.items()}}


def _write(result: Result, path: Path, expected: dict[str, Any]) -> None:
    loaded = result.loaded
    kept = ("scenario", "identity_seed", "clock", "baud")
    about: dict[str, Any] = {name: loaded.header[name] for name in kept if name in loaded.header}
    hub = {name: result.identity[name] for name in ("hub", "esme", *CONFIG) if name in result.identity}
    about |= {"hub": hub, "tolerance_ms": result.tolerance_ms, "expect": expected}
    entries: list[tuple[int, int, Any]] = []
    for frame in loaded.frames:
        authentic = False if id(frame) in result.forged else None
        item = capture.Item(frame.at_ms, frame.to_hub, frame.content, authentic)
        entries.append((frame.at_ms, loaded.place(frame, 0), item))
    for lines in result.lines:
        entries.append((lines.at_ms, loaded.place(lines, -1), lines))
    for flash in loaded.flash:
        entries.append((flash.at_ms, loaded.place(flash, 0), flash))
    for power in loaded.power:
        entries.append((power.at_ms, loaded.place(power, 0), power))
    entries.sort(key=lambda entry: entry[:2])
    capture.write(path, (entry for _, _, entry in entries), **about)
