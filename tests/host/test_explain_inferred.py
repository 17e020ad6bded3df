"""What explain tells of an inferred flag and of new firmware: from a hub's journal, and from records made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from chf.core.limits import AFTER_RESULT_MS, AFTER_SHORT_MS, Config
from chf.journal.records import ACKED_NOTICE
from chf.wire import schema as s
from host_tools import names
from host_tools.frames import Record
from host_tools.gbcs import build
from host_tools.link.client import Client
from host_tools.story.explain import JournalFile, choose, outages, read_journal, tell
from host_tools.story.flag_facts import flag_facts
from host_tools.testbed import Testbed, virtual

CONFIG = Config(bytes(8), bytes(8))
SUPPLIER = bytes.fromhex("02005e10000000f1")
IMAGE = bytes(range(32))
OLD, NEW = bytes.fromhex("01000304"), bytes.fromhex("01000305")
LOSS = 832_626_720  # 2026-05-20T20:12:00Z
WHEN = names.utc_text(LOSS)


# ---- from a hub's journal


def story_of(bed: Testbed) -> tuple[list[bytes], list[tuple[int | None, str]], list[str]]:
    """(ids of the outages, (at, text) of the last one's facts, its changes)."""
    counters, records = (read_journal(Client(bed.bench).journal(file), file) for file in (0, 1))
    ids = outages(records.records)
    story = tell(choose("last", ids), counters, records, CONFIG)
    return ids, [(fact.at_s, fact.text) for fact in story.facts], [flip.change for flip in story.flips]


def heading(bed: Testbed, counter: int = 1000) -> build.Heading:
    return build.Heading(counter, SUPPLIER, bed.esme.esme)


def relay(bed: Testbed, message: bytes) -> None:
    bed.headend.relay(message)
    bed.advance_s(1)


def test_a_cs06_for_at_once_and_what_would_have_flipped_it():
    with virtual(policy=s.POLICY_SUPPRESS) as bed:
        relay(bed, build.activate(heading(bed), IMAGE))
        bed.lose_supply(190)
        bed.restore_supply(5)
        _, facts, changes = story_of(bed)
    at_s, text = facts[0]
    assert text == "A CS06 was relayed, for at once: out for 600 s at most, to begin within 3600 s."
    assert at_s is not None and -5 <= at_s <= 0
    assert facts[1][1].endswith("; an inferred flag of 600 s was valid.")
    assert any("row inferred-not-held" in text and "tagged" in text for _, text in facts)
    assert "had the meter itself declared it" in changes


def test_the_window_of_an_inferred_flag_is_nobody_s_declaration():
    with virtual() as bed:
        relay(bed, build.activate(heading(bed), IMAGE))
        bed.lose_supply(190)
        bed.restore_supply(5)
        _, _, changes = story_of(bed)
    assert "with a window 410 s shorter" in changes and not any("declared to last" in change for change in changes)


def test_a_scheduled_one_became_pending_a_minute_before_its_time_and_was_shortened():
    with virtual() as bed:
        due = bed.state()["utc"] + 600
        relay(bed, build.activate(heading(bed), IMAGE, due))
        bed.advance_s(560)
        bed.esme.say_gbcs(build.ended(build.Heading(2000, bed.esme.esme, SUPPLIER), 0, due, NEW, 1000))
        bed.advance_s(60)
        bed.lose_supply(190)
        bed.restore_supply(5)
        _, facts, _ = story_of(bed)
    (_, scheduled), (pending_s, pending), (short_s, short) = facts[:3]
    assert scheduled == f"A CS06 was relayed, scheduled for {names.utc_text(due)}."
    assert pending.startswith("Its flag became pending: out for 600 s at most, to begin within 36")
    assert short == "The meter reported success, which cut the flag's life to 900 s."
    assert pending_s is not None and short_s is not None and -90 <= pending_s < short_s <= -55


def test_one_that_was_cancelled_before_explains_nothing_and_says_so():
    with virtual() as bed:
        due = bed.state()["utc"] + 600
        relay(bed, build.activate(heading(bed), IMAGE, due))
        relay(bed, build.cancel(heading(bed, 1001), IMAGE))
        bed.advance_s(620)
        bed.lose_supply(190)
        bed.restore_supply(5)
        _, facts, _ = story_of(bed)
    texts = [text for _, text in facts]
    assert texts[0].startswith("A CS06 was relayed, scheduled for ")
    assert texts[1] == "It was cleared: a CS06 was relayed that cancels."
    assert "no flag was valid" in texts[2] and any("row no-flag" in text for text in texts)


def test_new_firmware_without_notice_is_part_of_the_outage_and_no_outage_itself():
    with virtual() as bed:
        for version in (OLD, NEW):
            bed.esme.say_gbcs(build.version_read(build.Heading(7, bed.esme.esme, SUPPLIER), version))
            if version == OLD:
                bed.advance_s(1)
                bed.lose_supply(20)
                bed.restore_supply(5)
        bed.advance_s(5)
        ids, facts, _ = story_of(bed)
    texts = [text for _, text in facts]
    assert len(ids) == 1
    assert any("changed from 01000304 to 01000305 (evidence: read)" in text for text in texts)
    assert texts[-1] == "The head-end acknowledged the report of new firmware."


# ---- from records made by hand


def one(name: str, **fields: Any) -> Record:
    return Record(0, name, {"counter": bytes(8), "tag": bytes(16), **fields})


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def inferred(counter: int, due: int = 0, utc: int = 0, valid_s: int = 3_600) -> Record:
    return one("inferred", gbcs=number(counter), image_hash=IMAGE, due=due, valid_s=valid_s, utc=utc)


def start(counter: int = 1, source: int = s.SOURCE_INFERRED) -> dict[str, Any]:
    return {"flag_counter": number(counter), "source": source}


def texts_of(records: list[Record], told: dict[str, Any], loss_utc: int = LOSS) -> list[str]:
    return [fact.text.split(":")[0] for fact in flag_facts(records, told, loss_utc)]


PENDING = inferred(1, utc=LOSS - 100)
CLEARED = one("uninferred", gbcs=number(1))
CANCELLED = one("uninferred", gbcs=bytes(8))


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([PENDING], ["A CS06 was relayed, for at once"]),
        ([inferred(1, LOSS), PENDING], ["A CS06 was relayed, scheduled for ", "Its flag became pending"]),
        ([inferred(1, LOSS), inferred(2, utc=5), PENDING], ["A CS06", "Its flag became pending"]),
        ([PENDING, CLEARED, CANCELLED], ["A CS06", "It was cleared"]),
        ([PENDING, one("uninferred", gbcs=number(9))], ["A CS06", "It was cleared"]),
        ([inferred(1, LOSS), one("uninferred", gbcs=number(9)), PENDING], ["A CS06", "Its flag became pending"]),
        ([PENDING, one("life", left_s=AFTER_RESULT_MS // 1000, utc=LOSS)], ["A CS06", "The meter reported success"]),
        ([PENDING, one("life", left_s=AFTER_SHORT_MS // 1000, utc=LOSS)], ["A CS06", "A short outage"]),
        ([PENDING, inferred(2, utc=LOSS), one("life", left_s=120, utc=LOSS)], ["A CS06"]),
        ([PENDING, one("key", peer=s.PEER_HEAD_END, key=bytes(32))], ["A CS06"]),
        ([PENDING, one("key", peer=s.PEER_ESME, key=bytes(32)), CLEARED], ["A CS06", "It was cleared"]),
        ([PENDING, one("esme", esme=bytes(8), key=bytes(32))], ["A CS06", "It was cleared"]),
        (
            [PENDING, one("clear", state=names.Named(s.FLAG_CONFIRMED, "confirmed"))],
            ["A CS06", "The flag was confirmed"],
        ),
        ([PENDING, one("clear", state=s.FLAG_CONSUMED)], ["A CS06"]),
        ([inferred(2, utc=LOSS)], ["A flag was valid; its own record is compacted away."]),
    ],
)
def test_each_record_of_an_inferred_flag_is_told(records, told):
    found = texts_of(records, start())
    assert len(found) == len(told) and all(text.startswith(head) for text, head in zip(found, told, strict=True)), found


def test_a_declared_flag_of_the_same_counter_is_another():
    values = {"image_hash": IMAGE, "expected_outage_s": 400, "valid_s": 600, "utc": LOSS - 50}
    declared = Record(0, "flag", {"counter": number(1), "tag": bytes(16), "source": s.SOURCE_DECLARED, **values})
    compacted = Record(0, "flag", {**declared.fields, "source": s.SOURCE_INFERRED})
    assert texts_of([PENDING, declared, CLEARED], start(source=s.SOURCE_DECLARED)) == [
        "The meter declared an activation"
    ]
    assert texts_of([PENDING, declared, CLEARED], start()) == ["A CS06 was relayed, for at once"]
    assert texts_of([compacted, CLEARED], start()) == ["A CS06 was relayed", "It was cleared"]


NONE = start(0, s.SOURCE_NONE)


@pytest.mark.parametrize(
    ("records", "told"),
    [
        (
            [PENDING, one("clear", state=s.FLAG_CONSUMED)],
            ["A CS06 was relayed, for at once", "It was used up by an outage before."],
        ),
        ([inferred(1, utc=LOSS + 1)], []),  # relayed while supply was out already
        ([inferred(1, utc=LOSS - 7_201)], []),
        ([inferred(1, due=LOSS + 7_201)], []),
        ([inferred(1, due=LOSS + 61)], ["A CS06 was relayed, scheduled for"]),
        ([inferred(1, due=LOSS + 61), inferred(1, utc=LOSS + 1)], ["A CS06 was relayed, scheduled for"]),
        (
            [inferred(1, due=LOSS), inferred(2, due=LOSS), one("uninferred", gbcs=number(2))],
            ["A CS06"] * 2 + ["It was"],
        ),
    ],
)
def test_beside_an_outage_without_a_flag_those_are_told_whose_time_was_near(records, told):
    found = texts_of(records, NONE)
    assert len(found) == len(told) and all(text.startswith(head) for text, head in zip(found, told, strict=True)), found
    assert texts_of(records, NONE, loss_utc=0) == []


def test_a_report_alone_is_no_outage():
    report = Record(0, "without_notice", {"id": bytes(12), "before": 1, "after": 2, "evidence": s.EVIDENCE_READ})
    acked = Record(0, "acked", {"id": bytes(12), "revision": 0, "what": ACKED_NOTICE})
    assert outages(JournalFile([report, acked], False, 0).records) == []


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("due", 0, "now"),
        ("due", LOSS, WHEN),
        ("before", 0, "00000000"),
        ("after", 0x01000305, "01000305"),
        ("version", 0x01000305, "01000305"),
        ("version", 1, "1"),
    ],
)
def test_values_as_people_read_them(field, value, shown):
    assert names.show(field, value) == shown


def test_every_new_code_has_its_name():
    assert names.names_of("ad1", "cause")[s.CAUSE_HUB_REMOVED_HINTED] == "hub-removed-hinted"
    assert names.names_of("without_notice", "evidence")[s.EVIDENCE_RESULT] == "result"
    assert names.names_of("version", "gap")[s.GAP_UNDECLARED] == "undeclared"
    assert names.names_of("acked", "what")[ACKED_NOTICE] == "notice"
    assert names.names_of("", "type")[0x4D] == "bench_log_data"
