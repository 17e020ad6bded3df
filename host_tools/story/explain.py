"""One outage as a story, from the hub's own journal: each fact, when it became durable, what decided, what might have.

The journal is read by the firmware's own reader; of its times, those that a record does not hold stay unknown.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chf.core import limits
from chf.core.limits import Config
from chf.journal.journal import FILES, Journal
from chf.journal.records import ACKED_AD1
from chf.wire import schema as s
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.frames import Record
from host_tools.names import Named, bit_names, names_of, utc_text
from host_tools.story.counterfactual import Flip, flips
from host_tools.story.outcome import Row, outcome, row_of, world_of

COUNTED = "counted"  # the kind of a fact that only says that the outage lasts
Values = dict[str, Any]
_QUALIFY_S = limits.RESTORE_QUALIFY_MS // 1000


class JournalFile(NamedTuple):
    """One journal file, read. damaged: more than a torn tail is lost. torn: octets that a power cut left at the end."""

    records: list[Record]
    damaged: bool
    torn: int


class Fact(NamedTuple):
    """One sentence. at_s: after the loss, negative before it, None where no record holds it; durable_s: the same."""

    at_s: int | None
    durable_s: int | None
    text: str
    kind: str = "fact"


class Decision(NamedTuple):
    """One decision record and the row that made it; row: None where this firmware's table has no such row."""

    told: Values
    row: Row | None
    before: int


class Story(NamedTuple):
    """One outage. duration_s: None while it lasts or where not proven. flips: of the last decision, nearest first."""

    id: bytes
    facts: list[Fact]
    decisions: list[Decision]
    duration_s: int | None
    over: bool
    flips: list[Flip]
    notes: list[str]


class _Octets:
    """A journal's store that only reads."""

    def __init__(self, octets: bytes | None) -> None:
        self._octets = octets

    def read(self, name: str) -> bytes | None:
        return self._octets


def read_journal(octets: bytes | None, which: int) -> JournalFile:
    """Read a journal file with the firmware's own reader. which: schema.JOURNAL_*. None: no file. Never raises."""
    journal = Journal(_Octets(octets), FILES[which])
    found = [Record(0, name, _named(name, values)) for name, values in journal.recover()]
    return JournalFile(found, bool(octets) and journal.damaged, journal.torn)


def row_name(index: int) -> str:
    """The name of a row of the policy table; its number where these tools do not know it."""
    row = row_of(index)
    return str(index) if row is None else row.name


def _named(owner: str, values: Values) -> Values:
    named = {}
    for field, value in values.items():
        name = names_of(owner, field).get(value) if isinstance(value, int) else None
        named[field] = value if name is None else Named(value, name)
    return named


def outages(records: list[Record]) -> list[bytes]:
    """The ids of all outages in the outage file, in the order of their first record."""
    ids = [record.fields["id"] for record in records if "id" in record.fields]
    return list(dict.fromkeys(ids))


def choose(wanted: str, ids: list[bytes]) -> bytes:
    """The id that a person means: "last", or hex digits that one id ends with. Raises BenchError, exit code 2."""
    if not ids:
        raise BenchError("The hub's journal holds no outage.", EXIT_USAGE)
    if wanted == "last":
        return ids[-1]
    matching = [one for one in ids if one.hex().endswith(wanted.lower())] if wanted else []
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(one.hex() for one in ids[-5:])
    fault = "is the end of several ids" if matching else "is in no outage's id"
    raise BenchError(f"'{wanted}' {fault}: give last, or the end of one of {listed}.", EXIT_USAGE)


def tell(outage_id: bytes, counter_file: JournalFile, outage_file: JournalFile, config: Config) -> Story:
    """The story of one outage of the outage file. config: the hub's energy parameters."""
    before: list[Record] = []
    own: list[Record] = []
    for record in outage_file.records:
        mine = record.fields.get("id") == outage_id
        lasts = bool(own) and not any(one.name in ("end", "absorbed") for one in own)
        if mine or (lasts and record.name in ("boot", "muted")):
            own.append(record)
        elif not own:
            before.append(record)
    decisions = _decisions(own)
    end = next((record.fields for record in own if record.name == "end"), None)
    duration_s = None if end is None or end["duration_s"] == s.UNKNOWN_S else end["duration_s"]
    loss = next((record.fields for record in own if record.name == "loss"), None)
    start = loss or (decisions[0].told if decisions else None)
    loss_utc = 0 if start is None else start.get("utc", start.get("loss_utc", 0))
    facts = _flag_facts(counter_file.records, start, loss_utc)
    facts += [fact for record in own if (fact := _fact(record, decisions)) is not None]
    notes = _notes(counter_file, outage_file, loss is not None)
    found: list[Flip] = []
    if decisions:
        found = _flips(decisions, _held_before(before), duration_s, config, notes)
    elif duration_s is not None:
        found = [_longer(duration_s, loss)]
    return Story(outage_id, facts, decisions, duration_s, end is not None, found, notes)


def _flips(
    decisions: list[Decision], held: bool, duration_s: int | None, config: Config, notes: list[str]
) -> list[Flip]:
    last = decisions[-1].told
    if last["merged"]:
        notes.append("It stands for several outages by now: what would have flipped one is not known.")
        return []
    try:
        world = world_of([(one.told, one.before) for one in decisions], held, duration_s, config)
    except ValueError:
        notes.append("This policy table does not lead to what was decided: use the tools of that hub's firmware.")
        return []
    if last["level"] != s.LEVEL_ASKED and outcome(world) != last["level"]:
        notes.append("The records that are left do not lead to what was decided: no change is named.")
        return []
    if not world.measured:
        notes.append("The hub's energy parameters are not those given here: nothing is said of its hold-up.")
    found = flips(world)
    if not found:
        notes.append("No single change of what the journal holds would have flipped it.")
    return found


def _longer(duration_s: int, loss: Values | None) -> Flip:
    """An outage that ended before the threshold: how much longer would have been an AD1."""
    left_s = limits.AD1_THRESHOLD_MS // 1000 - duration_s
    flagged = loss is not None and loss["source"] and loss["window_s"] * 1000 > limits.AD1_THRESHOLD_MS
    change = f"had supply come back {left_s} s later"
    if flagged:
        change += ", with the flag still standing and policy tag"
    level = s.LEVEL_TAGGED if flagged else s.LEVEL_PLAIN
    return Flip(left_s / max(1, duration_s), "supply", left_s, "s", change, level)


def _decisions(own: list[Record]) -> list[Decision]:
    found: list[Decision] = []
    level = s.LEVEL_NONE
    for record in own:
        if record.name != "decision":
            continue
        told = record.fields
        if not found and told["revision"] > 1:
            level = s.LEVEL_ASKED  # what came before was compacted away: no more is known than that it was told
        found.append(Decision(told, row_of(told["row"]), level))
        level = told["level"]
    return found


def _held_before(before: list[Record]) -> bool:
    held = False
    for record in before:
        if record.name == "muted":
            held = not record.fields["over"]
    return held


def _flag_facts(records: list[Record], start: Values | None, loss_utc: int) -> list[Fact]:
    """What the counter file holds of the flag that was valid at the loss."""
    if start is None or not any(start["flag_counter"]):
        return []
    facts: list[Fact] = []
    ours = False
    for record in records:
        values = record.fields
        if record.name == "flag":
            ours = values["counter"] == start["flag_counter"]
        if not ours:
            continue
        known = loss_utc and values.get("utc")
        at_s = values["utc"] - loss_utc if known else None
        if record.name == "flag":
            by = "The meter declared an activation" if values["source"] == s.SOURCE_DECLARED else "A CS06 was relayed"
            text = f"{by}: out for {values['expected_outage_s']} s at most, to begin within {values['valid_s']} s."
            facts.append(Fact(at_s, at_s, text))
        elif record.name == "life":
            facts.append(Fact(at_s, at_s, f"A short outage cut the flag's life to {values['left_s']} s."))
        elif record.name == "clear" and values["state"] != s.FLAG_CONSUMED:
            facts.append(Fact(None, None, f"The flag was {values['state']} by its meter."))
    if not facts:
        facts.append(Fact(None, None, "A flag was valid; its own record is compacted away."))
    return facts


def _fact(record: Record, decisions: list[Decision]) -> Fact | None:
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
        what = f"AD1, revision {values['revision']}" if values["what"] == ACKED_AD1 else "restoration"
        return Fact(None, None, f"The head-end acknowledged the {what}.")
    if record.name == "muted":
        return Fact(None, None, "The head-end took over the watch; for 24 h no other outage is held.")
    if record.name == "absorbed":
        return Fact(None, None, f"The full queue merged it into outage {values['into'].hex()}.")
    if record.name == "end":
        return _ended(values)
    return None


def _loss(values: Values) -> Fact:
    flag = f"a {values['source']} flag of {values['window_s']} s was valid" if values["source"] else "no flag was valid"
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


def _notes(counter_file: JournalFile, outage_file: JournalFile, loss: bool) -> list[str]:
    notes = []
    if not loss:
        notes.append("The loss itself is no longer in the journal: the file was compacted since.")
    for name, file in (("counter", counter_file), ("outage", outage_file)):
        if file.damaged:
            notes.append(f"The {name} file is damaged: records are missing.")
    return notes
