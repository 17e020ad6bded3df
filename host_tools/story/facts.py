"""One record of a hub's outage file as a sentence, with when it happened and when it became durable."""

from __future__ import annotations

from typing import Any, NamedTuple

from chf.core import limits
from chf.journal.records import ACKED_AD1, ACKED_NOTICE
from chf.wire import schema as s
from host_tools.frames import Record
from host_tools.names import bit_names, utc_text
from host_tools.story.outcome import row_of

COUNTED = "counted"  # the kind of a fact that only says that the outage lasts
Values = dict[str, Any]
_QUALIFY_S = limits.RESTORE_QUALIFY_MS // 1000


class Fact(NamedTuple):
    """One sentence. at_s: after the loss, negative before it, None where no record holds it; durable_s: the same."""

    at_s: int | None
    durable_s: int | None
    text: str
    kind: str = "fact"


def fact(record: Record) -> Fact | None:
    """What a record of the outage file tells of its outage; None where it tells nothing."""
    values = record.fields
    if record.name == "loss":
        return _loss(values)
    if record.name == "checkpoint":
        at_s = values["elapsed_s"]
        return Fact(at_s, at_s, f"Still out: {at_s} s counted.", COUNTED)
    if record.name == "boot":
        why = "after a loss of its own power" if values["reset"] == s.RESET_POWER_ON else "without a loss of power"
        return Fact(None, None, f"The hub restarted (boot {values['boot']}), {why}, with this outage open.")
    if record.name == "decision":
        return _decided(values)
    if record.name == "acked":
        return Fact(None, None, f"The head-end acknowledged the {_acknowledged(values)}.")
    if record.name == "muted":
        return Fact(None, None, "The head-end took over the watch; for 24 h no other outage is held.")
    if record.name == "absorbed":
        return Fact(None, None, f"The full queue merged it into outage {values['into'].hex()}.")
    if record.name == "without_notice":
        return _unnoticed(values)
    if record.name == "end":
        return _ended(values)
    return None


def _acknowledged(values: Values) -> str:
    if values["what"] == ACKED_NOTICE:
        return "report of new firmware"
    return f"AD1, revision {values['revision']}" if values["what"] == ACKED_AD1 else "restoration"


def _unnoticed(values: Values) -> Fact:
    change = f"from {values['before']:08x} to {values['after']:08x} (evidence: {values['evidence']})"
    text = f"Around it the meter's firmware changed {change}, and no meter's flag had declared it: to be reported."
    return Fact(None, None, text)


def _loss(values: Values) -> Fact:
    flag = "no flag was valid"
    if values["source"]:
        article = "an" if values["source"] == s.SOURCE_INFERRED else "a"
        flag = f"{article} {values['source']} flag of {values['window_s']} s was valid"
    text = (
        f"Supply was lost at {_time(values['utc'])}; hold-up {values['holdup_mv']} mV, "
        f"lines {bit_names(values['bits'])}; {flag}."
    )
    return Fact(0, values["elapsed_s"], text)


def _time(utc: int) -> str:
    return utc_text(utc) if utc else "a time that is not known"


def _decided(told: Values) -> Fact:
    at_s = None if told["elapsed_s"] == s.UNKNOWN_S else told["elapsed_s"]
    row = row_of(told["row"])
    why = f"row {row.name}: {row.reason}" if row is not None else f"row {told['row']}, which these tools do not know"
    merged = f"; it stands for {told['merged']} more" if told["merged"] else ""
    text = (
        f"Decided, revision {told['revision']}: {told['level']}, cause {told['cause']}, under policy "
        f"{told['policy']}, hold-up {told['holdup_mv']} mV{merged}; {why}."
    )
    return Fact(at_s, at_s, text)


def _ended(values: Values) -> Fact:
    if values["duration_s"] == s.UNKNOWN_S:
        return Fact(None, None, "Supply is back; how long it was out is not proven.")
    at_s = values["duration_s"]
    return Fact(at_s, at_s + _QUALIFY_S, f"Supply came back at {_time(values['end_utc'])}, after {at_s} s.")
