"""What was recorded of a scene: signals, states, alerts, the story and the verdict; to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

VERSION = 1
ALERT_KINDS = ("AD1 plain", "AD1 tagged", "HoldNotice", "Restored", "head-end alert")
THRESHOLD_S = 180.0

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_MOST = 1e12  # no number of ours comes near it; not a number and infinity fail the comparison
_SHOWN = 60  # characters of a wrong value, in an error


class RecordingError(ValueError):
    """A recording that is none, in one sentence that names the place."""


@dataclasses.dataclass
class Step:
    """One sentence of the story: at_s in the scene's own time, who did it, what happened."""

    at_s: float
    actor: str
    text: str


@dataclasses.dataclass
class Alert:
    """A message about an outage. acked_at_s: when its acknowledgement reached the hub, None where none did.

    kind: one of ALERT_KINDS; the "head-end alert" is the one that the head-end raises itself. revision: None where the
    message carries none. cause: may be empty.
    """

    at_s: float
    kind: str
    cause: str
    revision: int | None
    acked_at_s: float | None = None

    @property
    def unacknowledged(self) -> bool:
        """Whether an acknowledgement is owed: the head-end's own alert is nobody's to acknowledge."""
        return self.acked_at_s is None and self.kind != "head-end alert"


@dataclasses.dataclass
class Scene:
    """One scene of a run. Times are seconds of one clock of the scene's own; a series is a list of (time, value).

    name: lower-case letters, digits and hyphens, unique in a report. simulated: what was not real, always shown.
    loss_s: when supply was lost, the zero of the plot's time axis; None where it never was.
    rail, ac_lo, mt_pr: true is supply good, pin 9 high ("no AC"), meter present. flag, hub: the state's name.
    window_end_s: when the flag's window ends. reserve_mv: the hold-up under which there is no energy left to send.
    numbers: figures worth a line, by their name with its unit.
    """

    name: str
    title: str
    simulated: str
    expected: str
    got: str
    ok: bool
    loss_s: float | None = None
    threshold_s: float = THRESHOLD_S
    window_end_s: float | None = None
    reserve_mv: float | None = None
    rail: list[tuple[float, bool]] = dataclasses.field(default_factory=list)
    holdup_mv: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    ac_lo: list[tuple[float, bool]] = dataclasses.field(default_factory=list)
    mt_pr: list[tuple[float, bool]] = dataclasses.field(default_factory=list)
    flag: list[tuple[float, str]] = dataclasses.field(default_factory=list)
    hub: list[tuple[float, str]] = dataclasses.field(default_factory=list)
    alerts: list[Alert] = dataclasses.field(default_factory=list)
    story: list[Step] = dataclasses.field(default_factory=list)
    numbers: dict[str, str | float] = dataclasses.field(default_factory=dict)


def to_json(scenes: Iterable[Scene]) -> str:
    """Return the scenes as one JSON document."""
    return json.dumps({"recording": VERSION, "scenes": [dataclasses.asdict(scene) for scene in scenes]}, indent=1)


def from_json(text: str) -> list[Scene]:
    """Return the scenes of a document that to_json made. Raises RecordingError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"this is no recording: it is not JSON ({error})") from error
    if not isinstance(document, dict) or "recording" not in document or not isinstance(document.get("scenes"), list):
        raise RecordingError('this is no recording: it is not {"recording": ..., "scenes": [...]}')
    if document["recording"] != VERSION:
        raise RecordingError(
            f"this recording has version {_shown(document['recording'])}, these tools read {VERSION}: record it again"
        )
    scenes = [_scene(entry, f"scene {number}") for number, entry in enumerate(document["scenes"], 1)]
    check(scenes)
    return scenes


def check(scenes: Iterable[Scene]) -> None:
    """Raise RecordingError for the first value that is not what its field promises."""
    names: set[str] = set()
    for number, scene in enumerate(scenes, 1):
        place = f"scene {number}"
        _require(_is_text(scene.name) and _NAME.fullmatch(scene.name), place, "name", scene.name, "a name like a-b-1")
        place = f"scene {scene.name!r}"
        _require(scene.name not in names, place, "name", scene.name, "unique")
        names.add(scene.name)
        for field, (is_right, what) in _FIELDS.items():
            _require(is_right(getattr(scene, field)), place, field, getattr(scene, field), what)
        for field, (is_right, what) in _SERIES.items():
            _check_series(place, field, getattr(scene, field), is_right, what)
        for kind, field in ((Step, "story"), (Alert, "alerts")):
            _require(isinstance(getattr(scene, field), list), place, field, getattr(scene, field), "a list")
            for index, entry in enumerate(getattr(scene, field)):
                _require(isinstance(entry, kind), place, f"{field}[{index}]", entry, f"a {kind.__name__}")
                for part, (is_right, what) in _PARTS[kind].items():
                    value = getattr(entry, part)
                    _require(is_right(value), place, f"{field}[{index}].{part}", value, what)


def _scene(entry: Any, place: str) -> Scene:
    values = _values(Scene, entry, place)
    for field, kind in (("story", Step), ("alerts", Alert)):
        rows = values.get(field, [])
        _require(isinstance(rows, list), place, field, rows, "a list")
        values[field] = [kind(**_values(kind, row, f"{place}, {field}[{index}]")) for index, row in enumerate(rows)]
    for field in _SERIES:
        rows = values.get(field, [])
        _require(isinstance(rows, list), place, field, rows, "a list")
        values[field] = [tuple(row) if isinstance(row, list) else row for row in rows]
    return Scene(**values)


def _values(kind: Any, entry: Any, place: str) -> dict[str, Any]:
    """The entry's own values, once its keys are exactly those that the dataclass can take."""
    if not isinstance(entry, dict):
        raise RecordingError(f"{place}: it is {_shown(entry)}, not an object")
    for field in dataclasses.fields(kind):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and field.name not in entry:
            raise RecordingError(f"{place}: {field.name} is missing")
    unknown = sorted(set(entry) - {field.name for field in dataclasses.fields(kind)})
    if unknown:
        raise RecordingError(f"{place}: there is no field {_shown(unknown[0])}")
    return dict(entry)


def _check_series(place: str, field: str, rows: Any, is_right: Callable[[Any], bool], what: str) -> None:
    _require(isinstance(rows, list), place, field, rows, "a list")
    last = -math.inf
    for index, row in enumerate(rows):
        fits = isinstance(row, tuple) and len(row) == 2 and _is_number(row[0]) and is_right(row[1])
        _require(fits, place, f"{field}[{index}]", row, f"(seconds, {what})")
        _require(row[0] >= last, place, f"{field}[{index}]", row, "later than the one before it")
        last = row[0]


def _require(right: Any, place: str, field: str, value: Any, what: str) -> None:
    if not right:
        raise RecordingError(f"{place}: {field} is {_shown(value)}, not {what}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MOST


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_mv(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(k) and (_is_text(v) or _is_number(v)) for k, v in value.items())


_TEXT = (_is_text, "text")
_NUMBER = (_is_number, "a number")
_OPTIONAL = (_is_number_or_none, "a number or null")
_BOOL = (_is_bool, "true or false")
_Checks = dict[str, tuple[Callable[[Any], bool], str]]
_FIELDS: _Checks = {
    "title": _TEXT,
    "simulated": (lambda value: _is_text(value) and value.strip() != "", "what was simulated"),
    "expected": _TEXT,
    "got": _TEXT,
    "ok": _BOOL,
    "loss_s": _OPTIONAL,
    "threshold_s": _NUMBER,
    "window_end_s": _OPTIONAL,
    "reserve_mv": (lambda value: value is None or _is_mv(value), "millivolts or null"),
    "numbers": (_is_numbers, "an object of texts and numbers"),
}
_SERIES: _Checks = {
    "rail": _BOOL,
    "holdup_mv": (_is_mv, "millivolts"),
    "ac_lo": _BOOL,
    "mt_pr": _BOOL,
    "flag": _TEXT,
    "hub": _TEXT,
}
_PARTS: dict[type, _Checks] = {
    Step: {"at_s": _NUMBER, "actor": _TEXT, "text": _TEXT},
    Alert: {
        "at_s": _NUMBER,
        "kind": (lambda value: value in ALERT_KINDS, "one of " + ", ".join(ALERT_KINDS)),
        "cause": _TEXT,
        "revision": (lambda value: value is None or (_is_mv(value) and isinstance(value, int)), "a count or null"),
        "acked_at_s": _OPTIONAL,
    },
}
