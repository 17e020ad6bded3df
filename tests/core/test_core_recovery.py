"""Restarts after the decision, damaged journals, and cuts between any two effects."""

import pytest

from chf.wire import schema as s
from tests.core.model import OUT, World
from tests.core.oracle import Oracle

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
UNKNOWN = (s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION)


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("holds", [True, None])
def test_boot_from_a_held_or_asked_state_is_an_overrun_at_once(world, lit, holds):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=600)
    hub.holds = holds
    hub.lose(181)
    hub.step("off")
    if lit:
        hub.back(0)
    hub.boot()
    assert hub.ad1s() == [OVERRUN]
    assert [entry.values["revision"] for entry in hub.sent("ad1")] == [3 if holds else 2]


def test_an_alert_is_carried_on_after_a_restart_until_it_is_acknowledged(world):
    hub = world()
    hub.acks = False
    hub.lose(200)
    hub.reset()
    hub.wait(10)
    hub.back(10)
    hub.reset()
    hub.acks = True
    hub.wait(10)
    assert hub.ad1s() == [PLAIN]
    assert [e.values["what"] for e in hub.journaled("acked")] == [1, 2]
    before = len(hub.sent("ad1"))
    hub.reset()
    hub.wait(1_000)
    assert len(hub.sent("ad1")) == before


@pytest.mark.parametrize("time", [0, None])
def test_a_tagged_outage_goes_on_over_a_restart_and_its_window_with_it(world, time):
    hub = world()
    hub.declare(window_s=600)
    lost = hub.now
    hub.lose(500)
    assert hub.ad1s() == [TAG]
    hub.time_offset_s = time
    hub.reset()
    hub.wait(400)
    assert hub.ad1s() == [TAG, OVERRUN]
    overrun = next(e.time - lost for e in hub.sent("ad1") if e.values["revision"] == 2)
    if time is None:
        assert 560_000 <= overrun <= 561_000  # no time in 60 s: the window is not proven to run
    else:
        assert 590_000 <= overrun <= 600_000


def test_and_stays_tagged_when_supply_is_back_in_time(world):
    hub = world()
    hub.declare(window_s=600)
    hub.lose(300)
    hub.reset()
    hub.wait(100)
    hub.back(60)
    assert hub.ad1s() == [TAG]


def test_compaction_in_mid_outage_changes_nothing_of_that(world):
    hub = world()
    hub.declare(window_s=600)
    hub.lose(300)
    hub.step("compact")
    hub.reset()
    hub.wait(100)
    hub.back(60)
    assert hub.ad1s() == [TAG]


def test_the_restoration_is_told_of_after_a_restart_too(world):
    hub = world()
    hub.acks = False
    hub.lose(200)
    hub.back(2)
    hub.reset()
    hub.acks = True
    hub.wait(20)
    assert [entry.values["id"] for entry in hub.heard if entry.name == "restored"][-1] in hub.ids()
    assert hub.journaled("acked")[-1].values["what"] == 2


def test_so_does_compaction_while_the_flag_s_life_is_over_and_its_outage_is_not_decided(world):
    hub = world()
    hub.declare(window_s=300, valid_s=1)
    hub.lose(100)
    hub.step("compact")
    hub.reset()
    hub.wait(100)
    hub.back(60)
    assert hub.ad1s() == [TAG]


# ---- a damaged journal


def test_a_damaged_outage_journal_is_an_outage_of_unknown_duration(world):
    hub = world()
    hub.wait(100)
    hub.step("damage", 2)
    hub.reset()
    hub.wait(120)
    assert hub.ad1s() == [UNKNOWN]
    epochs = {entry.values["epoch"] for entry in hub.journaled("format")}
    assert len(epochs) == 2, "ids may have been lost with the records: a new epoch keeps them unique"


def test_an_outage_open_in_a_damaged_journal_cannot_be_proven_short(world):
    hub = world()
    hub.lose(30)
    hub.step("damage", 2)
    hub.power_cut()
    hub.back(120)
    assert hub.ad1s() == [UNKNOWN]


def test_a_damaged_outage_journal_without_supply_waits_60_s_and_no_longer(world):
    hub = world()
    hub.lose(1)
    hub.step("damage", 2)
    hub.reset()
    hub.wait(61)
    assert hub.ad1s() == [UNKNOWN]


def test_a_used_flag_stays_used_where_the_outages_are_lost(world):
    hub = world()
    hub.declare()
    hub.lose(200)
    hub.back(10)
    hub.step("damage", 2)
    while hub.hub.records[1]:
        hub.step("lose", 1, 0)
    hub.reset()
    hub.wait(100)
    hub.lose(200)
    assert hub.ad1s() == [TAG, UNKNOWN, PLAIN]


def test_a_damaged_outage_journal_lets_nothing_be_held_for_24_h(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.step("damage", 2)
    hub.reset()
    hub.wait(120)
    hub.declare()
    hub.lose(200)
    assert hub.ad1s() == [UNKNOWN, TAG]


def test_a_damaged_counter_journal_is_no_flag(world):
    hub = world()
    hub.declare()
    hub.step("damage", 1)
    hub.reset()
    hub.wait(10)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


# ---- cuts


def story(hub: World, cut=None):
    """A declared activation that overruns, with each kind of effect in it; `cut`: a reset after so many effects."""
    hub.time_offset_s = 0
    hub.power_on()
    if cut is not None:
        hub.cut(cut)
    hub.declare(window_s=200)
    hub.wait(5)
    hub.lose(10)
    hub.back(10)
    hub.lose(250)
    hub.back(20)
    hub.wait(3_600)


def test_a_cut_between_any_two_effects_loses_nothing(world):
    whole = World(policy=s.POLICY_SUPPRESS)
    story(whole)
    effects = sum(entry.kind in ("journal", "send") and entry.time > 1_000 for entry in whole.hub.log)
    assert effects > 20
    for cut in range(effects):
        hub = world(power_on=False, policy=s.POLICY_SUPPRESS)
        story(hub, cut)
        assert any(entry.kind == "dead" for entry in hub.hub.log)
        Oracle(hub).check(settled=True)


@pytest.mark.parametrize("boots", [1, 2, 3, 4])
def test_a_boot_that_is_cut_again_and_again_ends_in_an_alert(world, boots):
    for cut in range(6):
        hub = world()
        hub.lose(100)
        hub.power_cut()
        hub.wait(200)
        hub.back(0)
        for _ in range(boots):
            hub.cut(cut)
            hub.wait(0.4)
        hub.wait(3_600)
        assert len(hub.ad1s()) == 1
        Oracle(hub).check(settled=True)


def test_ids_are_not_used_twice(world):
    hub = world()
    for _ in range(3):
        hub.lose(200)
        hub.back(10)
        hub.reset()
        hub.wait(5)
    assert len(hub.ids()) == 3


def test_ids_are_not_used_twice_where_a_boot_is_cut_before_it_is_on_record(world):
    hub = world()
    hub.power_cut()
    hub.wait(600)
    hub.cut(1)  # the suspected loss is durable, the boot that suspects it is not
    hub.boot(s.RESET_POWER_ON)
    hub.wait(100)
    hub.lose(200)
    hub.back(10)
    assert [entry.values["boot"] for entry in hub.journaled("boot")] == [1, 2]
    assert hub.ad1s() == [UNKNOWN, PLAIN]
    assert len(hub.ids()) == 2


def test_the_boot_counter_rises_at_each_boot(world):
    hub = world()
    for _ in range(3):
        hub.reset()
        hub.wait(5)
    assert [entry.values["boot"] for entry in hub.journaled("boot")] == [1, 2, 3, 4]
    assert [entry.values["reset"] for entry in hub.journaled("boot")] == [0, 1, 1, 1]


def test_a_hub_pulled_off_and_put_back_without_supply_lines_is_unknown(world):
    hub = world()
    hub.power_cut()
    hub.wait(100)
    hub.lose(0, bits=OUT)
    hub.boot(s.RESET_POWER_ON)
    hub.wait(61)
    assert hub.ad1s() == [UNKNOWN]


def test_a_time_that_proves_it_short_does_not_end_the_outage_before_2_s_of_supply(world):
    hub = world()
    hub.lose(90)
    hub.power_cut()
    hub.back(0.6)  # it boots, and has its time at once
    hub.lose(100)
    hub.back(100)
    assert len(hub.ad1s()) == 1


def test_supply_lost_again_while_the_time_is_awaited_is_another_outage(world):
    hub = world()
    hub.lose(90)
    hub.time_offset_s = None
    hub.power_cut()
    hub.wait(30)
    hub.back(20)
    hub.lose(10)
    assert hub.ad1s() == [UNKNOWN]
    hub.back(60)
    assert len(hub.journaled("end")) == 2
