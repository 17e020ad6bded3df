"""Event lines for tests: short to write, complete where it does not matter."""

from __future__ import annotations

import io
import json
from typing import Any

from chf.core import policy
from chf.wire import schema as s
from host_tools.dno import events, read
from host_tools.dno.result import document
from host_tools.dno.rows import Bad
from host_tools.dno.triage import triage

DAY = "2026-06-28T"
METER = "8873845700000000"
HUB = "00db1234567890a0"
# An AD1 as it comes over the wire, on that day too.
FIELDS: dict[str, Any] = {
    "id": bytes(range(12)), "revision": 2, "level": s.LEVEL_TAGGED, "cause": s.CAUSE_FIRMWARE_ACTIVATION,
    "source": s.SOURCE_INFERRED, "row": [row[0] for row in policy.rows()].index("policy-tag"),
    "policy": s.POLICY_TAG, "elapsed_s": 181, "loss_utc": 836_000_000,
    "window_s": 300, "flag_counter": (258).to_bytes(8, "big"), "loss_bits": s.SENSE_AC_LO | s.SENSE_MT_PR,
    "loss_holdup_mv": 5_100, "bits": 0, "holdup_mv": 3_900, "merged": 0,
}  # fmt: skip
AT_UTC = 836_000_181


def event(**changed: Any) -> dict[str, Any]:
    """That AD1 as an event."""
    return events.ad1(HUB, {**FIELDS, **changed}, AT_UTC)


def at(seconds: float) -> str:
    """A time on the day of the tests, to the millisecond."""
    ms = round(seconds * 1000)
    return f"{DAY}{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}Z"


def hub(number: int) -> str:
    return f"{0x00DB_1234_0000_0000 + number:016x}"


def outage_id(number: int) -> str:
    return f"{number:024x}"


def ad1(number: int = 1, loss: float | None = 36_000, **changed: Any) -> dict[str, Any]:
    """A plain AD1 of hub and outage `number`, received 181 s after its loss."""
    values: dict[str, Any] = {
        "event": "ad1",
        "at": at(36_181 if loss is None else loss + 181),
        "hub": hub(number),
        "id": outage_id(number),
        "revision": 1,
        "raised_by": "hub",
        "level": "plain",
        "cause": "supply-loss",
        "source": "none",
        "loss": None if loss is None else at(loss),
        "elapsed_s": 180,
        "window_s": 0,
        "merged": 0,
    }
    return {name: value for name, value in (values | changed).items() if value is not ...}


def tagged(number: int = 1, loss: float | None = 36_000, **changed: Any) -> dict[str, Any]:
    """An AD1 with the tag of a declared activation, 300 s long."""
    tag = {"level": "tagged", "cause": "firmware-activation", "source": "declared", "window_s": 300}
    return ad1(number, loss, **{**tag, **changed})


def restored(number: int = 1, duration_s: int | None = 200, said: float = 36_220, **changed: Any) -> dict[str, Any]:
    values = {"event": "restored", "at": at(said), "hub": hub(number), "id": outage_id(number), "level": "tagged"}
    return {**values, "duration_s": duration_s, **changed}


def ecs80(number: int = 1, start: float = 36_000, end: float = 36_400, **changed: Any) -> dict[str, Any]:
    code = "8F36" if end - start >= 180 else "8F35"
    values = {"event": "ecs80", "at": at(end + 20), "hub": hub(number), "meter": METER, "code": code}
    return {**values, "start": at(start), "end": at(end), **changed}


def without_notice(number: int = 1) -> dict[str, Any]:
    return {"event": "without_notice", "at": at(40_000), "hub": hub(number), "id": outage_id(number)}


def octets(*told: dict[str, Any]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in told).encode()


def stream(content: bytes) -> io.BufferedReader:
    """As an opened file."""
    return io.BufferedReader(io.BytesIO(content))  # type: ignore[arg-type]


def ms_of(seconds: float) -> int:
    """at() as milliseconds since 1970."""
    return 1_782_604_800_000 + round(seconds * 1000)


def judged(*told: dict[str, Any], as_of: float | None = None) -> dict[str, Any]:
    """The triage of these events, as its JSON document says it; no line may be bad."""
    bad: list[Bad] = []
    found = triage(read.read(stream(octets(*told)), "x", bad.append), None if as_of is None else ms_of(as_of))
    assert bad == []
    value: dict[str, Any] = json.loads("".join(document(found, {})))
    return value


def verdict(*told: dict[str, Any], as_of: float | None = None) -> tuple[str, str, str]:
    """(class, reason, treat_as) of the one outage that these events tell of."""
    (alert,) = judged(*told, as_of=as_of)["alerts"]
    return alert["class"], alert["reason"], alert["treat_as"]
