"""What a hub's counter file holds of the flag of an outage, or of a relayed CS06 that was no flag by then."""

from __future__ import annotations

from typing import Any

from chf.core import limits
from chf.wire import schema as s
from host_tools.frames import Record
from host_tools.names import utc_text
from host_tools.story.facts import Fact

Values = dict[str, Any]
_ALL = bytes(8)  # in `uninferred`: whatever was inferred
_NEAR_S = 2 * limits.VALID_MAX_S  # so near its time a CS06 is worth telling beside an outage that it does not explain


def flag_facts(records: list[Record], start: Values | None, loss_utc: int) -> list[Fact]:
    """The facts of the flag that was valid at the loss; without one, of each CS06 whose time was near.

    start: the outage's loss or first decision, None where neither is left. loss_utc: NO_UTC where not known.
    """
    if start is None:
        return []
    counter = bytes(start["flag_counter"])
    if not any(counter):
        return _others(records, loss_utc)
    facts = _Flag(counter, int(start["source"]), loss_utc).facts(records)
    return facts or [Fact(None, None, "A flag was valid; its own record is compacted away.")]


def _others(records: list[Record], loss_utc: int) -> list[Fact]:
    """Of each CS06 that was to be done within two hours of an outage without a flag: why it was none."""
    near: dict[bytes, None] = {}
    for record in records:
        values = record.fields
        time = values["due"] or values["utc"] if record.name == "inferred" else s.NO_UTC
        if time and loss_utc and abs(time - loss_utc) <= _NEAR_S:
            near[bytes(values["gbcs"])] = None
    facts = []
    for counter in near:
        facts += _Flag(counter, s.SOURCE_INFERRED, loss_utc, explains=False).facts(records)
    return facts


class _Flag:
    """One flag's way through the counter file. explains: it is the one under which the outage began."""

    def __init__(self, counter: bytes, source: int, loss_utc: int, explains: bool = True) -> None:
        self.counter = counter
        self.source = source
        self.loss_utc = loss_utc
        self.explains = explains
        self.waits = False  # for its time
        self.is_flag = False  # the present one
        self.told: list[Fact] = []

    def facts(self, records: list[Record]) -> list[Fact]:
        for record in records:
            if not self.explains and self.loss_utc < record.fields.get("utc", 0):
                break  # after the loss it can explain nothing any more
            take = getattr(self, "_" + record.name, None)
            if take is not None:
                take(record.fields)
        return self.told

    def _tell(self, text: str, utc: int = s.NO_UTC) -> None:
        at_s = utc - self.loss_utc if utc and self.loss_utc else None
        self.told.append(Fact(at_s, at_s, text))

    def _end(self, text: str) -> None:
        self._tell(text)
        self.waits = self.is_flag = False

    # ---- the records, by name

    def _flag(self, values: Values) -> None:
        self.is_flag = bytes(values["counter"]) == self.counter and values["source"] == self.source
        if self.is_flag:
            by = "The meter declared an activation" if self.source == s.SOURCE_DECLARED else "A CS06 was relayed"
            text = f"{by}: out for {values['expected_outage_s']} s at most, to begin within {values['valid_s']} s."
            self._tell(text, values["utc"])

    def _inferred(self, values: Values) -> None:
        mine = self.source == s.SOURCE_INFERRED and bytes(values["gbcs"]) == self.counter
        if values["due"]:
            if mine:
                self.waits = True
                self._tell(f"A CS06 was relayed, scheduled for {utc_text(values['due'])}.", values["utc"])
            return
        scheduled = mine and self.waits
        self.is_flag = mine
        if mine:
            self.waits = False
            what = "Its flag became pending" if scheduled else "A CS06 was relayed, for at once"
            limit_s = limits.WINDOW_MAX_S
            self._tell(f"{what}: out for {limit_s} s at most, to begin within {values['valid_s']} s.", values["utc"])

    def _uninferred(self, values: Values) -> None:
        gbcs = bytes(values["gbcs"])
        if self.source != s.SOURCE_INFERRED or not (self.is_flag or (self.waits and gbcs in (_ALL, self.counter))):
            return
        if gbcs == _ALL:
            self._end("It was cleared: a CS06 was relayed that cancels.")
        else:
            self._end("It was cleared: the meter reported a failure, or it could not be made durable.")

    def _life(self, values: Values) -> None:
        if self.is_flag:
            inferred = self.source == s.SOURCE_INFERRED
            result = inferred and values["left_s"] == limits.AFTER_RESULT_MS // 1000
            why = "The meter reported success, which" if result else "A short outage"
            self._tell(f"{why} cut the flag's life to {values['left_s']} s.", values["utc"])

    def _clear(self, values: Values) -> None:
        if not self.is_flag:
            return
        if values["state"] != s.FLAG_CONSUMED:
            self._end(f"The flag was {values['state']} by its meter.")
        elif not self.explains:
            self._end("It was used up by an outage before.")

    def _esme(self, values: Values) -> None:
        if self.is_flag or self.waits:
            self._end("It was cleared: the meter, or its key, was replaced.")

    def _key(self, values: Values) -> None:
        if values["peer"] == s.PEER_ESME:
            self._esme(values)
