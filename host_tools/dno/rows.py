"""The definition of an event line, field by field; and the plain reading of one, which says what is wrong with it.

read.py reads millions of lines by the same table of fields, many at a time, and comes here with those that do not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from host_tools.dno.events import (
    AD1,
    ECS80,
    EVENTS,
    FORMAT,
    HEAD_END,
    HUB,
    LONG,
    RESTORED,
    SHORT,
    VERSION,
    WITHOUT_NOTICE,
)
from host_tools.names import names_of

LINE_MOST = 1 << 20  # octets: no event comes near, and a file that is one endless line must not fill the memory
TOO_LONG = f"is longer than {LINE_MOST >> 20} MiB."
COUNT_MOST = 0xFFFFFFFF
UNNAMED = 0xFFFF  # stands for a name that this version does not know

# Each kind of field: the pattern of its text, or None for a whole number from 0 to COUNT_MOST; and that in words.
KINDS = {
    "event": ("|".join(EVENTS), f"one of {', '.join(EVENTS)}"),
    "time": (
        r"(?:19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?Z",
        "a time in UTC, from 1970 on, like 2026-06-28T14:13:20Z or ...20.125Z",
    ),
    "eui": ("[0-9a-f]{16}", "an EUI-64 of 16 hexadecimal digits"),
    "id": ("[0-9a-f]{24}", "an outage's id of 24 hexadecimal digits"),
    "name": ("[a-z][a-z0-9-]{0,39}|0|[1-9][0-9]{0,3}", "a name in small letters, or a number up to 9999"),
    "raised": (f"{HUB}|{HEAD_END}", f"{HUB} or {HEAD_END}"),
    "code": (f"{SHORT}|{LONG}", f"{SHORT} or {LONG}"),
    "count": (None, f"a whole number from 0 to {COUNT_MOST}"),
}
FIELDS = {
    "event": "event",
    "at": "time",
    "hub": "eui",
    "id": "id",
    "revision": "count",
    "level": "name",
    "cause": "name",
    "source": "name",
    "raised_by": "raised",
    "loss": "time",
    "elapsed_s": "count",
    "window_s": "count",
    "merged": "count",
    "duration_s": "count",
    "meter": "eui",
    "code": "code",
    "start": "time",
    "end": "time",
}
REQUIRED = {
    AD1: ("at", "hub"),  # as any hub's AD1 has them; what only our hub tells may be missing
    RESTORED: ("at", "hub", "id"),
    ECS80: ("at", "hub", "meter", "code", "start", "end"),
    WITHOUT_NOTICE: ("at", "hub", "id"),
}
NUMBERS = {
    field: {name: number for number, name in names_of(AD1, field).items()} for field in ("level", "cause", "source")
}
# A row: every field of FIELDS by its name, None where there is none, and the id in two parts.
Row = dict[str, int | None]
ID_TAIL_DIGITS = 16

_PATTERNS = {kind: re.compile(text) for kind, (text, _) in KINDS.items() if text is not None}
_LOOSE_EUI = re.compile("[0-9A-Fa-f]{2}(?:[-:]?[0-9A-Fa-f]{2}){7}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Unfit(Exception):
    """What is wrong with a line; the sentence goes on from the line's name."""


class Bad(NamedTuple):
    """A line that was passed over. source: as the user names it. line: from 1 on. sentence: goes on from both."""

    source: str
    line: int
    sentence: str


def parse(line: bytes) -> Row | None:
    """One line as a row; None where it is blank or a header of this format. Raises Unfit where it is neither."""
    if len(line) > LINE_MOST:
        raise Unfit(TOO_LONG)
    if not line.strip():
        return None
    values = _object(line)
    if "format" in values:
        _check_header(values)
        return None
    row: Row = {name: _value(name, kind, values.get(name)) for name, kind in FIELDS.items() if name != "id"}
    event = EVENTS[_given("event", row["event"])]
    missing = [name for name in REQUIRED[event] if values.get(name) is None]
    if missing:
        raise Unfit(f"is an event {event} without {', '.join(missing)}.")
    outage_id = _text("id", "id", values.get("id"))
    row["id_head"] = None if outage_id is None else int(outage_id[:-ID_TAIL_DIGITS], 16)
    row["id_tail"] = None if outage_id is None else int(outage_id[-ID_TAIL_DIGITS:], 16)
    return row


def _object(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unfit(f"is not UTF-8: octet {error.start + 1} fits no character.") from None
    try:
        # Of a name that stands twice, the first counts.
        values = json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs)), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Unfit("is no JSON.") from None
    if not isinstance(values, dict):
        raise Unfit("is no JSON object.")
    return values


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _check_header(values: dict[str, Any]) -> None:
    version = values.get("version")
    if values["format"] != FORMAT or not isinstance(version, int):
        raise Unfit(f"is the header of another format, not of {FORMAT}.")
    if version > VERSION:
        raise Unfit(f"has {FORMAT} version {version}, and these tools read up to {VERSION}: update them.")


def _given(name: str, value: int | None) -> int:
    if value is None:
        raise Unfit(f"has no {name}: it must be {KINDS[FIELDS[name]][1]}.")
    return value


def _value(name: str, kind: str, value: Any) -> int | None:
    if kind == "count":
        if value is not None and (type(value) is not int or not 0 <= value <= COUNT_MOST):
            raise Unfit(f"has a bad {name}: it must be {KINDS[kind][1]}.")
        return value
    text = _text(name, kind, value)
    return None if text is None else _NUMBER_OF[kind](name, text)


def _text(name: str, kind: str, value: Any) -> str | None:
    """The text of a field in the one form that counts."""
    if value is None:
        return None
    if isinstance(value, int | float):
        value = _number_text(value)
    if kind == "eui" and isinstance(value, str) and _LOOSE_EUI.fullmatch(value):
        value = value.replace("-", "").replace(":", "").lower()
    if kind == "id" and isinstance(value, str):
        value = value.lower()
    if not isinstance(value, str) or not _PATTERNS[kind].fullmatch(value):
        raise Unfit(f"has a bad {name}: it must be {KINDS[kind][1]}.")
    return value


def _number_text(value: int | float) -> str:
    """A number where a text is due is its digits, as polars reads it: a cause that has no name yet is one."""
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def time_ms(text: str) -> int:
    """A time in UTC as ms since 1970-01-01. Raises Unfit where it is none."""
    given = _text("time", "time", text)
    assert given is not None
    return _time_ms("time", given)


def _time_ms(name: str, text: str) -> int:
    whole, _, fraction = text[:-1].partition(".")
    try:
        moment = datetime.fromisoformat(whole + "+00:00")
    except ValueError:
        raise Unfit(f"has a bad {name}: there is no such day.") from None
    return (moment - _EPOCH) // _MS + int((fraction + "000")[:3])


def _name_number(name: str, text: str) -> int:
    return int(text) if text[0].isdigit() else NUMBERS[name].get(text, UNNAMED)


_NUMBER_OF: dict[str, Callable[[str, str], int]] = {
    "event": lambda _, text: EVENTS.index(text),
    "time": _time_ms,
    "eui": lambda _, text: int(text, 16),
    "name": _name_number,
    "raised": lambda _, text: int(text == HEAD_END),
    "code": lambda _, text: int(text == LONG),
}
