"""What explain says is held against the hub itself: each change that it names is made, and the outage played again."""

from __future__ import annotations

from typing import Any

import pytest

from chf.core import policy
from chf.core.limits import Config
from chf.wire import schema as s
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.frames import Record
from host_tools.link.client import Client
from host_tools.story.counterfactual import Flip, flips
from host_tools.story.explain import COUNTED, JournalFile, Story, choose, outages, read_journal, tell
from host_tools.story.outcome import outcome, row_of, world_of
from host_tools.testbed import Testbed, virtual

CONFIG = Config(bytes(8), bytes(8))


def played(
    *,
    supply_out_s: float,
    window_s: int = 0,
    policy_set: int = s.POLICY_TAG,
    holdup_mv: int | None = None,
    accept: bool | None = True,
    cancel_at_s: float | None = None,
    restart_at_s: float | None = None,
) -> tuple[int, Story]:
    """One outage on a virtual hub: the level that it ended at, as the head-end and the hub's log know it; its story."""
    with virtual(policy=policy_set) as bed:
        client = Client(bed.bench)
        bed.headend.accept_hold = accept
        if holdup_mv is not None:
            client.rig_set(s.RIG_HOLDUP, 0, holdup_mv)
        if window_s:
            assert bed.declare(window_s)
        bed.rig.set_supply(False)
        _let_pass(bed, client, supply_out_s, cancel_at_s, restart_at_s)
        bed.restore_supply(70)
        story = story_of(client)
        level = story.decisions[-1].told["level"] if story.decisions else s.LEVEL_NONE
        alerted = max((alert.level for alert in bed.headend.alerts if alert.raised_by == "hub"), default=s.LEVEL_NONE)
        assert alerted == (level if level >= s.LEVEL_TAGGED else s.LEVEL_NONE)
        return level, story


def _let_pass(
    bed: Testbed, client: Client, seconds: float, cancel_at_s: float | None, restart_at_s: float | None
) -> None:
    done = 0.0
    if cancel_at_s is not None:
        bed.advance_s(cancel_at_s)
        bed.esme.cancel(bed.now_ms)
        done = cancel_at_s
    if restart_at_s is not None:
        bed.advance_s(restart_at_s)
        client.restart()
        done = restart_at_s
    bed.advance_s(seconds - done)


def story_of(client: Client) -> Story:
    counters, records = (read_journal(client.journal(file), file) for file in (s.JOURNAL_COUNTERS, s.JOURNAL_OUTAGES))
    return tell(choose("last", outages(records.records)), counters, records, CONFIG)


def flip_of(story: Story, dimension: str) -> Flip:
    (found,) = [flip for flip in story.flips if flip.dimension == dimension]
    return found


# ---- each named change is made, and one unit less of it


def test_so_much_more_hold_up_would_have_held_it():
    outage = {"supply_out_s": 190, "window_s": 400, "policy_set": s.POLICY_SUPPRESS}
    level, story = played(**outage, holdup_mv=2_600)
    flip = flip_of(story, "hold-up")
    assert level == s.LEVEL_TAGGED and flip.level == s.LEVEL_HELD
    assert flip.sentence == f"With {flip.amount} mV more hold-up, it would have been held."
    assert played(**outage, holdup_mv=2_600 + flip.amount)[0] == s.LEVEL_HELD
    assert played(**outage, holdup_mv=2_600 + flip.amount - 1)[0] == s.LEVEL_TAGGED


def test_so_much_less_hold_up_would_have_tagged_it():
    outage = {"supply_out_s": 190, "window_s": 400, "policy_set": s.POLICY_SUPPRESS}
    level, story = played(**outage, holdup_mv=2_700)
    flip = flip_of(story, "hold-up")
    assert level == s.LEVEL_HELD and flip.level == s.LEVEL_TAGGED
    assert played(**outage, holdup_mv=2_700 - flip.amount)[0] == s.LEVEL_TAGGED
    assert played(**outage, holdup_mv=2_700 - flip.amount + 1)[0] == s.LEVEL_HELD


@pytest.mark.parametrize(("out_s", "earlier_s"), [(180.5, 1), (182.5, 3), (200.5, 21)])
def test_supply_back_so_much_earlier_would_have_been_no_ad1(out_s, earlier_s):
    level, story = played(supply_out_s=out_s)
    flip = flip_of(story, "supply")
    assert (level, flip.level, flip.amount) == (s.LEVEL_PLAIN, s.LEVEL_NONE, earlier_s)
    assert played(supply_out_s=out_s - flip.amount)[0] == s.LEVEL_NONE
    assert played(supply_out_s=out_s - flip.amount + 1)[0] == s.LEVEL_PLAIN


def test_nothing_is_said_of_an_ad1_that_never_was():
    level, story = played(supply_out_s=240.5, window_s=400, policy_set=s.POLICY_SUPPRESS)
    assert level == s.LEVEL_HELD
    told = {flip.dimension: flip.sentence.rpartition(", ")[0::2] for flip in story.flips}
    assert told["supply"] == ("Had supply come back 61 s earlier", "there would have been nothing to hold.")
    assert told["head-end"] == ("Had the head-end not accepted the watch, there would have been an AD1", "tagged.")
    assert told["flag"] == ("Without the flag, there would have been an AD1", "plain.")
    _, story = played(supply_out_s=240.5)
    assert flip_of(story, "supply").sentence == "Had supply come back 61 s earlier, there would have been no AD1."


def test_supply_back_so_much_later_would_have_been_one():
    level, story = played(supply_out_s=90.5)
    flip = flip_of(story, "supply")
    assert flip.sentence == f"Had supply come back {flip.amount} s later, there would have been an AD1, plain."
    assert level == s.LEVEL_NONE and flip.level == s.LEVEL_PLAIN
    assert played(supply_out_s=90.5 + flip.amount)[0] == s.LEVEL_PLAIN
    assert played(supply_out_s=90.5 + flip.amount - 1)[0] == s.LEVEL_NONE


def test_a_window_so_much_longer_would_have_held_it_to_its_end():
    outage = {"supply_out_s": 260.5, "policy_set": s.POLICY_SUPPRESS}
    level, story = played(**outage, window_s=240)
    flip = flip_of(story, "window")
    assert level == s.LEVEL_PLAIN and flip.level == s.LEVEL_HELD
    assert played(**outage, window_s=240 + flip.amount)[0] == s.LEVEL_HELD
    assert played(**outage, window_s=240 + flip.amount - 1)[0] == s.LEVEL_PLAIN


def test_the_policy_and_the_flag_that_would_have_flipped_it():
    outage = {"supply_out_s": 190, "window_s": 400}
    level, story = played(**outage)
    assert level == s.LEVEL_TAGGED
    assert flip_of(story, "policy").change == "with policy alert"
    assert played(**outage, policy_set=s.POLICY_ALERT)[0] == flip_of(story, "policy").level
    assert played(supply_out_s=190)[0] == flip_of(story, "flag").level
    level, story = played(supply_out_s=190)
    assert level == s.LEVEL_PLAIN and "191 s or more" in flip_of(story, "flag").change
    assert played(supply_out_s=190, window_s=191)[0] == flip_of(story, "flag").level


@pytest.mark.parametrize("accept", [True, False, None])
def test_what_the_head_end_s_answer_decided(accept):
    outage = {"supply_out_s": 195, "window_s": 400, "policy_set": s.POLICY_SUPPRESS}
    level, story = played(**outage, accept=accept)
    assert level == (s.LEVEL_HELD if accept else s.LEVEL_TAGGED)
    assert played(**outage, accept=not accept)[0] == flip_of(story, "head-end").level


def test_a_flag_that_its_meter_withdrew():
    level, story = played(supply_out_s=260, window_s=400, cancel_at_s=200)
    assert level == s.LEVEL_PLAIN and story.decisions[-1].row.name == "flag-withdrawn"
    assert flip_of(story, "flag").change == "had the meter's flag still stood"
    assert flip_of(story, "flag").level == s.LEVEL_TAGGED
    assert any("revoked by its meter" in fact.text for fact in story.facts)


def test_a_held_outage_that_the_hub_restarted_in():
    level, story = played(supply_out_s=260, window_s=400, policy_set=s.POLICY_SUPPRESS, restart_at_s=200)
    assert level == s.LEVEL_PLAIN and story.decisions[-1].row.name == "held-then-reboot"
    assert flip_of(story, "restart").level == s.LEVEL_HELD
    assert any("restarted" in fact.text for fact in story.facts)


def test_the_nearest_change_comes_first():
    _, story = played(supply_out_s=182.5)
    assert [flip.size for flip in story.flips] == sorted(flip.size for flip in story.flips)
    assert story.flips[0].dimension == "supply"


# ---- the story


def test_each_fact_says_when_it_was_durable():
    _, story = played(supply_out_s=200, window_s=400)
    assert [fact.text.split()[0] for fact in story.facts if fact.kind != COUNTED] == [
        "The", "Supply", "Decided,", "The", "Supply", "The",
    ]  # fmt: skip
    loss = next(fact for fact in story.facts if fact.text.startswith("Supply was lost"))
    assert (loss.at_s, loss.durable_s) == (0, 5)
    decided = next(fact for fact in story.facts if fact.text.startswith("Decided"))
    assert decided.durable_s == 180 and "row policy-tag: a valid flag" in decided.text
    assert story.duration_s == 200 and story.over


def test_another_hub_s_energy_is_not_taken_for_this_one_s():
    with virtual(policy=s.POLICY_SUPPRESS, capacitance_mf=1_000) as bed:
        assert bed.declare(400)
        bed.lose_supply(190)
        bed.restore_supply(5)
        client = Client(bed.bench)
        counters, records = (read_journal(client.journal(file), file) for file in (0, 1))
    wanted = choose("last", outages(records.records))
    story = tell(wanted, counters, records, CONFIG)
    assert not any(flip.dimension in ("hold-up", "window") for flip in story.flips)
    assert any("energy parameters" in note for note in story.notes)
    own = tell(wanted, counters, records, Config(bytes(8), bytes(8), capacitance_mf=1_000))
    assert flip_of(own, "hold-up").level == s.LEVEL_HELD


def test_an_outage_is_named_by_the_end_of_its_id():
    ids = [bytes(11) + b"\x01", bytes(10) + b"\x01\x02"]
    assert choose("last", ids) == ids[1] and choose("0102", ids) == ids[1] and choose(ids[0].hex(), ids) == ids[0]
    for wanted, known in (
        ("", ids),
        ("0", ids),
        ("zz", ids),
        ("last", []),
        ("02", [ids[1], bytes(9) + b"\x09\x01\x02"]),
    ):
        with pytest.raises(BenchError) as caught:
            choose(wanted, known)
        assert caught.value.exit_code == EXIT_USAGE


def test_a_damaged_journal_is_told_as_far_as_it_goes():
    with virtual() as bed:
        bed.lose_supply(200)
        bed.restore_supply(5)
        data = bytearray(Client(bed.bench).journal(s.JOURNAL_OUTAGES))
    for at in range(20, len(data), 37):
        damaged = bytearray(data)
        damaged[at] ^= 0x55
        read = read_journal(bytes(damaged), s.JOURNAL_OUTAGES)
        for one in outages(read.records):
            told = tell(one, read_journal(None, s.JOURNAL_COUNTERS), read, CONFIG)
            assert told.id == one and (not read.damaged or any("damaged" in note for note in told.notes))


def test_records_that_do_not_add_up_name_no_change():
    told = decision(8, level=s.LEVEL_PLAIN, id=bytes(12), cause=1, flag_counter=bytes(8), loss_utc=0)
    file = JournalFile([Record(0x23, "decision", told)], False, 0)
    story = tell(bytes(12), read_journal(None, s.JOURNAL_COUNTERS), file, CONFIG)
    assert story.flips == [] and any("do not lead" in note for note in story.notes)
    told = dict(told, level=s.LEVEL_TAGGED, merged=3)
    file = JournalFile([Record(0x23, "decision", told)], False, 0)
    story = tell(bytes(12), read_journal(None, s.JOURNAL_COUNTERS), file, CONFIG)
    assert story.flips == [] and any("several outages" in note for note in story.notes)


# ---- every row of the policy table


def decision(row: int, **fields: Any) -> dict[str, Any]:
    """A decision record as the hub makes it for that row, by the defaults of a tagged outage."""
    level = next(level for at, (_, level, *_rest) in enumerate(policy.rows()) if at == row)
    values = {
        "level": level, "row": row, "source": s.SOURCE_DECLARED, "policy": s.POLICY_SUPPRESS, "elapsed_s": 180,
        "window_s": 400, "holdup_mv": 5_000, "merged": 0, "revision": 1,
    }  # fmt: skip
    return {**values, **fields}


@pytest.mark.parametrize("row", range(sum(1 for _ in policy.rows())))
def test_each_row_is_rebuilt_and_each_change_flips_it(row):
    name = row_of(row).name
    fields: dict[str, Any] = {}
    if name.startswith("no-flag"):
        fields = {"source": s.SOURCE_NONE, "window_s": 0}
    elif name == "duration-unproven":
        fields = {"source": s.SOURCE_NONE, "window_s": 0, "elapsed_s": s.UNKNOWN_S}
    elif name == "inferred-not-held":
        fields = {"source": s.SOURCE_INFERRED}
    elif name == "window-over":
        fields = {"window_s": 170}
    elif name.startswith("energy"):
        fields = {"holdup_mv": 2_300}
    elif name.startswith("policy-"):
        fields = {"policy": s.POLICY_ALERT if name == "policy-alert" else s.POLICY_TAG}
    before = s.LEVEL_NONE
    if name in ("held-then-reboot", "energy-ran-short"):
        before = s.LEVEL_HELD
    elif name == "flag-withdrawn":
        before = s.LEVEL_TAGGED
    told = decision(row, **fields)
    world = world_of([(told, before)], name == "held-once-today", 190, CONFIG)
    now = outcome(world)
    if told["level"] != s.LEVEL_ASKED:
        assert now == told["level"], name
    found = flips(world)
    assert found, name
    assert all(flip.level != now and flip.amount > 0 for flip in found)


def test_a_row_that_this_firmware_does_not_have_ends_in_a_note():
    with pytest.raises(ValueError, match="row 99"):
        world_of([(dict(decision(0), row=99), s.LEVEL_NONE)], False, 190, CONFIG)
    assert row_of(99) is None
