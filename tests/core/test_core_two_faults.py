"""Two faults at once: a record that one write refused, or damage that ate one, and then a restart."""

import pytest

from chf.core.limits import AD1_THRESHOLD_MS
from chf.wire import schema as s
from tests.core.model import OUT
from tests.core.test_core_inferred import activate, now_utc

OUTAGES = 1
COUNTERS = 0


def names(hub, which):
    return [name for name, _ in hub.hub.records[which]]


def lose_from(hub, name, which=OUTAGES):
    """Damage: every record from the first of that name on is gone."""
    at = names(hub, which).index(name)
    while len(hub.hub.records[which]) > at:
        hub.step("lose", which, at)
    hub.step("damage", 1 << which)


def alerts(hub, since):
    """(seconds after `since`, level) of each AD1 that reached the head-end with something new."""
    told = {}
    for entry in hub.heard:
        if entry.name == "ad1":
            told.setdefault((entry.values["id"], entry.values["revision"]), (entry.time - since, entry.values["level"]))
    return [(ms / 1000, level) for ms, level in told.values() if ms >= 0]


# ---- a record that one write refused


def test_a_loss_that_one_write_refused_is_counted_over_a_restart_all_the_same(world):
    hub = world()
    since = hub.now
    hub.fail_append(0)
    hub.lose(170)
    hub.reset()
    hub.wait(70)
    hub.back(3600)
    (told,) = alerts(hub, since)
    assert told[1] == s.LEVEL_PLAIN and [entry.values["duration_s"] for entry in hub.journaled("end")][-1] > 180


def test_an_end_that_one_write_refused_does_not_swallow_the_next_outage(world):
    hub = world()
    hub.lose(200)
    hub.fail_append(0)
    hub.back(3600)
    assert names(hub, OUTAGES).count("end") == 1, "written after all"
    hub.power_cut()
    hub.supply.append((hub.now, False))
    since = hub.now
    hub.wait(3600)
    hub.supply.append((hub.now, True))
    hub.boot(s.RESET_POWER_ON)
    hub.wait(3600)
    assert alerts(hub, since), "one that passed unseen is not taken for the first"


def test_a_shortened_life_that_one_write_refused_is_short_after_a_restart(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=600, valid_s=3600)
    hub.wait(5)
    hub.lose(10)
    hub.fail_append(1)
    hub.back(60)
    hub.reset()
    hub.wait(1800)
    since = hub.now
    hub.lose(300)
    assert [level for _, level in alerts(hub, since)] == [s.LEVEL_PLAIN]


def test_a_file_is_written_whole_only_once_the_store_takes_it_again(world):
    hub = world()
    hub.lose(1)
    hub.store(False)
    hub.wait(40)
    assert "loss" not in names(hub, OUTAGES)
    hub.store(True)
    hub.wait(40)
    assert "loss" in names(hub, OUTAGES)


def test_a_decision_that_one_write_refused_is_not_told_anew_under_a_revision_that_was_acknowledged(world):
    hub = world()
    hub.declare(window_s=600)
    since = hub.now
    hub.lose(170)
    hub.fail_append(1)
    hub.wait(12)
    hub.time_offset_s = None
    hub.reset()
    hub.wait(7200)
    assert [level for _, level in alerts(hub, since)] == [s.LEVEL_TAGGED, s.LEVEL_PLAIN]


def test_a_scheduled_activation_whose_record_was_refused_is_no_flag(world):
    hub = world(policy=s.POLICY_SUPPRESS_INFERRED)
    activate(hub, due_utc=now_utc(hub) + 7200)
    hub.wait(7200 - 65)
    hub.fail_append(0)
    hub.wait(20)
    since = hub.now
    hub.lose(300)
    assert [level for _, level in alerts(hub, since)] == [s.LEVEL_PLAIN]


@pytest.mark.parametrize("every_s", [50, 100, 170])
def test_a_store_that_takes_nothing_and_restarts_in_an_outage_end_in_an_alert(world, every_s):
    hub = world()
    hub.wait(60)
    hub.store(False)
    since = hub.now
    hub.lose(every_s)
    for _ in range(5):
        hub.reset(1)
        hub.wait(every_s + 1)
    assert alerts(hub, since)[0][0] <= every_s + 2, "at the first boot: nothing will ever count to 180 s"


# ---- damage that ate a record


def test_damage_that_ate_the_end_of_one_outage_and_all_of_the_next_is_an_alert(world):
    hub = world()
    hub.lose(200)
    hub.back(600)
    hub.wan = False
    since = hub.now
    hub.lose(1000)
    hub.back(5)
    lose_from(hub, "end")
    hub.reset()
    hub.wan = True
    hub.wait(3600)
    assert [level for _, level in alerts(hub, since)] == [s.LEVEL_PLAIN]
    assert all(
        entry.values["bits"] & s.SENSE_STORE_FAULT for entry in hub.sent("ad1") if entry.time > since + 1_005_000
    )


def test_damage_that_ate_a_decision_is_told_under_a_revision_that_the_head_end_takes(world):
    hub = world()
    hub.declare(window_s=600)
    since = hub.now
    hub.lose(185)
    lose_from(hub, "decision")
    hub.reset()
    hub.wait(7200)
    assert [level for _, level in alerts(hub, since)] == [s.LEVEL_TAGGED, s.LEVEL_PLAIN]


def test_damage_that_ate_the_checkpoints_is_an_alert_within_a_minute(world):
    hub = world()
    since = hub.now
    hub.lose(170)
    hub.time_offset_s = None
    lose_from(hub, "checkpoint")
    hub.reset()
    hub.wait(600)
    assert alerts(hub, since)[0][0] < 170 + 62


def test_after_damage_no_policy_holds_until_the_head_end_says_so_anew(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.set_policy(s.POLICY_ALERT)
    at = names(hub, COUNTERS).index("policy")
    hub.step("lose", COUNTERS, at)
    hub.step("damage", 1)
    hub.reset()
    hub.wait(5)
    hub.declare()
    assert hub.meter("counter_sync", nonce=hub.answers[-1].values["nonce"]) == "flag_ack"
    assert hub.declare(window_s=600) == "flag_ack"
    since = hub.now
    hub.lose(300)
    assert [level for _, level in alerts(hub, since)] == [s.LEVEL_TAGGED]
    hub.back(300)
    hub.set_policy(s.POLICY_SUPPRESS)
    assert hub.hub.sup.commands.policy == s.POLICY_SUPPRESS


# ---- supply that comes and goes


def test_blinks_put_no_checkpoint_off(world):
    hub = world()
    since = hub.now
    hub.lose(24)
    for _ in range(6):
        hub.back(1)
        hub.lose(24)
    assert len(hub.journaled("checkpoint")) >= 5
    hub.time_offset_s = None
    hub.reset()
    hub.wait(600)
    assert alerts(hub, since)[0][0] < 240


def test_a_supply_in_hiccup_is_on_record_within_ten_seconds(world):
    hub = world()
    since = hub.now
    while hub.now - since < 12_000:
        hub.lose(0.9)
        hub.back(1.1)
    assert [entry.time - since <= 10_000 for entry in hub.journaled("loss")] == [True]


def test_a_week_of_blinks_has_a_duration(world):
    hub = world()
    since = hub.now
    hub.lose(200)
    while hub.now - since < 7 * 86_400_000:
        hub.back(1)
        hub.lose(1799)
    hub.back(100)
    (told,) = {entry.values["duration_s"] for entry in hub.sent("restored")}
    assert abs(told - (hub.now - since - 100_000) // 1000) <= 2


def test_a_return_whose_end_is_seen_late_is_no_return(world):
    """Back for 1.9 s; the loop looks again 150 ms later, past the 2 s."""
    hub = world()
    since = hub.now
    hub.lose(170)
    hub.back(1.85)
    hub.supply.append((hub.now + 50, False))
    hub.hub.bits = OUT
    hub.block(0.2)
    hub.sense(OUT)
    hub.wait(60)
    assert alerts(hub, since)[0][0] * 1000 <= AD1_THRESHOLD_MS + 100
    assert not hub.journaled("end")


def test_many_restarts_in_one_outage_do_not_make_its_file_grow(world):
    hub = world()
    hub.acks = False
    hub.time_offset_s = None
    hub.lose(200)
    for _ in range(100):
        hub.reset()
        hub.wait(2)
    hub.step("compact")
    assert names(hub, OUTAGES).count("boot") <= 3
