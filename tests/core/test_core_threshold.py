"""180.000 s, the 2 s of a return, and the edges between: when an outage is one."""

import itertools

import pytest

from chf.core import limits, states
from chf.core.ticks import PERIOD
from chf.wire import schema as s
from tests.core.model import OUT, SUPPLY

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)


def test_the_boundary_is_three_minutes():
    assert (limits.AD1_THRESHOLD_MS, limits.RESTORE_QUALIFY_MS) == (180_000, 2_000)


@pytest.mark.parametrize("seconds, told", [(179.999, []), (180.000, [PLAIN]), (180.001, [PLAIN])])
def test_an_outage_is_one_from_180_000_s_on(world, seconds, told):
    hub = world()
    hub.lose(seconds)
    hub.back(10)
    assert hub.ad1s() == told
    assert len(hub.sent("restored")) == len(told)
    assert [entry.values["duration_s"] for entry in hub.journaled("end")] == [int(seconds)]


def test_the_first_alert_leaves_at_180_000_s(world):
    hub = world()
    lost = hub.now
    hub.lose(200)
    assert [entry.time - lost for entry in hub.sent("ad1")] == [180_000]


def test_the_outage_ends_at_the_first_edge_of_the_return_that_lasts(world):
    hub = world()
    hub.lose(181)
    hub.back(1.999)
    hub.lose(30)
    hub.back(60)
    (restored,) = {entry.values["duration_s"] for entry in hub.sent("restored")}
    assert restored == 212


def test_a_shorter_return_changes_nothing(world):
    hub = world()
    lost = hub.now
    hub.lose(90)
    for _ in range(4):
        hub.back(1.999)
        hub.lose(10)
    hub.lose(60)
    assert [entry.time - lost for entry in hub.sent("ad1")] == [180_000]


def test_a_return_of_2_s_ends_it_and_the_next_loss_counts_from_zero(world):
    hub = world()
    hub.lose(150)
    hub.back(2)
    hub.lose(179)
    hub.back(10)
    assert hub.ad1s() == []


def test_at_180_s_with_an_unqualified_return_it_waits_and_alerts_when_supply_goes_again(world):
    hub = world()
    lost = hub.now
    hub.lose(179.5)
    hub.back(1.5)
    assert hub.ad1s() == []
    hub.lose(0.1)
    assert [entry.time - lost for entry in hub.sent("ad1")] == [181_000]


def test_at_180_s_with_an_unqualified_return_it_waits_and_is_silent_when_supply_stays(world):
    hub = world()
    hub.lose(179.5)
    hub.back(10)
    assert hub.ad1s() == []


def test_many_short_outages_are_no_outage(world):
    hub = world()
    for _ in range(30):
        hub.lose(60)
        hub.back(2)
    assert hub.ad1s() == []


def test_the_loss_is_durable_at_5_s_and_elapsed_time_every_30_s(world):
    hub = world()
    lost = hub.now
    hub.lose(100)
    assert [entry.time - lost for entry in hub.journaled("loss")] == [5_000]
    assert [entry.time - lost for entry in hub.journaled("checkpoint")] == [30_000, 60_000, 90_000]
    assert [entry.values["elapsed_s"] for entry in hub.journaled("checkpoint")] == [30, 60, 90]


def test_the_loss_is_durable_at_the_dying_voltage_where_that_is_first(world):
    hub = world()
    lost = hub.now
    hub.lose(1)
    hub.holdup(2_201)
    hub.wait(0.5)
    assert hub.journaled("loss") == []
    hub.holdup(2_200)
    assert [entry.time - lost for entry in hub.journaled("loss")] == [1_500]
    hub.wait(10)
    assert len(hub.journaled("loss")) == 1


def test_what_is_over_within_5_s_costs_no_flash(world):
    hub = world()
    before = len(hub.hub.log)
    hub.lose(2.999)
    hub.back(10)
    assert [entry for entry in hub.hub.log[before:] if entry.kind == "journal"] == []


def test_evidence_is_sampled_at_the_loss_and_at_the_decision(world):
    hub = world()
    hub.lose(10, bits=OUT)
    hub.holdup(4_000)
    hub.wait(160)
    hub.sense(OUT | s.SENSE_MT_PR, 3_500)
    hub.wait(20)
    ad1 = hub.sent("ad1")[0].values
    assert (ad1["loss_bits"], ad1["loss_holdup_mv"]) == (OUT, 5_000)
    assert (ad1["bits"], ad1["holdup_mv"]) == (OUT | s.SENSE_MT_PR, 3_500)


def test_the_decision_is_made_with_the_hold_up_of_that_moment(world):
    hub = world()
    hub.lose(179)
    hub.step("sense", OUT, 2_900)
    hub.wait(5)
    assert hub.sent("ad1")[0].values["holdup_mv"] == 2_900


NEVER_HIGH = [(0, 0)]
LONG_LOW = [(s.SENSE_AC_LO, 100), (0, 1.001)]
JUST_LOW = [(s.SENSE_AC_LO, 100), (0, 1.0)]
HIGH_AT_LOSS = [(s.SENSE_AC_LO, 5)]


@pytest.mark.parametrize(
    "before, hinted", [(NEVER_HIGH, True), (LONG_LOW, True), (JUST_LOW, False), (HIGH_AT_LOSS, False)]
)
def test_mains_are_hinted_only_where_ac_lo_was_low_from_1_s_before_the_loss(world, before, hinted):
    hub = world()
    for ac_lo, seconds in before:
        hub.sense(SUPPLY | ac_lo)
        hub.wait(seconds)
    hub.lose(200, bits=0)
    assert bool(hub.sent("ad1")[0].values["loss_bits"] & s.SENSE_MAINS_HINT) == hinted


def test_ac_lo_seen_high_in_the_outage_takes_the_hint_away(world):
    hub = world()
    hub.lose(60, bits=0)
    hub.sense(s.SENSE_AC_LO)
    hub.sense(0)
    hub.wait(130)
    assert not hub.sent("ad1")[0].values["loss_bits"] & s.SENSE_MAINS_HINT


@pytest.mark.parametrize("bits", [0, s.SENSE_AC_LO, s.SENSE_MT_PR, s.SENSE_AC_LO | s.SENSE_MT_PR])
@pytest.mark.parametrize("flagged", [False, True])
def test_no_evidence_lowers_an_alert(world, bits, flagged):
    hub = world(policy=s.POLICY_TAG)
    if flagged:
        hub.declare()
    hub.lose(200, bits=bits)
    hinted = s.CAUSE_SUPPLY_LOSS if bits & s.SENSE_AC_LO else s.CAUSE_MAINS_HINTED
    if not bits & s.SENSE_MT_PR:
        hinted = s.CAUSE_HUB_REMOVED_HINTED
    expected = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION) if flagged else (s.LEVEL_PLAIN, hinted)
    assert hub.ad1s() == [expected]


WRAPS = {  # ms before the ticks wrap: where in the story they do
    "powered": 1_500,
    "lost": 60_000,
    "returning": 173_000,
    "out": 300_000,
    "out-returning": 374_000,
    "after": 380_000,
}


@pytest.mark.parametrize("phase", WRAPS)
def test_ticks_that_wrap_change_nothing(world, phase):
    logs = []
    for tick in (1_000, PERIOD - WRAPS[phase]):
        hub = world(tick=tick, policy=s.POLICY_SUPPRESS)
        hub.declare(window_s=300)
        hub.lose(170 - 3)
        hub.back(1.9)
        hub.lose(202)
        hub.back(10)
        hub.wait(4_000)
        logs.append([entry.text() for entry in hub.hub.log])
    assert logs[0] == logs[1]
    assert len(logs[0]) > 15


def test_an_outage_longer_than_the_ticks_can_count_is_one_outage(world):
    hub = world()
    hub.wan = False
    hub.lose(14 * 86_400)
    hub.wan = True
    hub.back(60)
    (restored,) = {entry.values["duration_s"] for entry in hub.heard if entry.name == "restored"}
    assert restored == 14 * 86_400
    assert hub.ad1s() == [PLAIN]


def test_what_the_table_of_phases_names_is_there():
    from chf.core.supervisor import Supervisor

    phases, events = states.PHASES.split(), states.EVENTS.split()
    rows = [line.split() for line in states.TABLE.strip().splitlines()]
    for phase, what, to, action in rows:
        assert phase in phases and to in phases and what in events
        assert action == "-" or callable(getattr(Supervisor, "_do_" + action))
        assert states.step(phases.index(phase), events.index(what)) == (phases.index(to), action)
    assert {to for _, _, to, _ in rows} == set(phases)
    assert len({(phase, what) for phase, what, *_ in rows}) == len(rows)
    others = set(itertools.product(phases, events)) - {(phase, what) for phase, what, *_ in rows}
    assert not [case for case in others if states.step(phases.index(case[0]), events.index(case[1]))]


@pytest.mark.parametrize("lost_s, journaled", [(3, 0), (4.999, 0), (5, 1), (20, 1)])
def test_an_interruption_is_on_record_from_5_s_on(world, lost_s, journaled):
    hub = world()
    hub.lose(lost_s)
    hub.back(10)
    assert len(hub.journaled("loss")) == journaled


def test_a_return_that_does_not_last_keeps_a_loss_from_the_record_for_2_s_at_most(world):
    hub = world()
    hub.lose(4)
    for _ in range(3):
        hub.back(1.9)
        hub.lose(0.1)
    hub.wait(2)
    assert hub.journaled("loss")
