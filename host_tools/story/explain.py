"""One outage as a story, from the hub's own journal: each fact, when it became durable, what decided, what might have.

The journal is read by the firmware's own reader; of its times, those that a record does not hold stay unknown.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chf.core import limits
from chf.core.limits import Config
from chf.journal.journal import FILES, Journal
from chf.journal.records import ACKED_NOTICE
from chf.wire import schema as s
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.frames import Record
from host_tools.names import Named, names_of
from host_tools.story.counterfactual import Flip, flips
from host_tools.story.facts import COUNTED, Fact, fact
from host_tools.story.flag_facts import flag_facts
from host_tools.story.outcome import Row, outcome, row_of, world_of

__all__ = ["COUNTED", "Fact", "JournalFile", "Story", "choose", "outages", "read_journal", "row_name", "tell"]

Values = dict[str, Any]


class JournalFile(NamedTuple):
    """One journal file, read. damaged: more than a torn tail is lost. torn: octets that a power cut left at the end."""

    records: list[Record]
    damaged: bool
    torn: int


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
    ids = [record.fields["id"] for record in records if "id" in record.fields and not _of_a_report(record)]
    return list(dict.fromkeys(ids))


def _of_a_report(record: Record) -> bool:
    """Whether its id is the interruption's that a report of new firmware names: it may be long gone, or zeros."""
    return record.name == "without_notice" or (record.name == "acked" and record.fields["what"] == ACKED_NOTICE)


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
    facts = flag_facts(counter_file.records, start, loss_utc)
    facts += [told for record in own if (told := fact(record)) is not None]
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


def _notes(counter_file: JournalFile, outage_file: JournalFile, loss: bool) -> list[str]:
    notes = []
    if not loss:
        notes.append("The loss itself is no longer in the journal: the file was compacted since.")
    for name, file in (("counter", counter_file), ("outage", outage_file)):
        if file.damaged:
            notes.append(f"The {name} file is damaged: records are missing.")
    return notes
