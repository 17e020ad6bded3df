"""The pending flag while things change around it: the policy in mid-outage, and restarts."""

import pytest

from chf.wire import schema as s
from tests.core.model import IMAGE, flagged

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)


@pytest.mark.parametrize("policy, told", [(s.POLICY_ALERT, [TAG, PLAIN]), (s.POLICY_SUPPRESS, [TAG])])
def test_the_policy_changed_in_mid_outage_only_raises(world, policy, told):
    hub = flagged(world)
    hub.lose(200)
    hub.set_policy(policy)
    hub.wait(20)
    assert hub.ad1s() == told
    assert [entry.values["revision"] for entry in hub.journaled("decision")] == list(range(1, len(told) + 1))


@pytest.mark.parametrize("policy, told", [(s.POLICY_ALERT, PLAIN), (s.POLICY_TAG, TAG)])
def test_the_policy_changed_while_held_ends_the_silence(world, policy, told):
    hub = flagged(world, policy=s.POLICY_SUPPRESS)
    hub.lose(200)
    assert hub.ad1s() == []
    hub.set_policy(policy)
    assert hub.ad1s() == [told]


def test_the_policy_changed_before_180_s_is_the_one_that_decides(world):
    hub = flagged(world, policy=s.POLICY_SUPPRESS)
    hub.lose(100)
    hub.set_policy(s.POLICY_ALERT)
    hub.wait(100)
    assert hub.ad1s() == [PLAIN]


@pytest.mark.parametrize("gap_s, told", [(600, TAG), (3_000, PLAIN)])
def test_the_flag_over_a_restart_lives_on_by_proven_time_only(world, gap_s, told):
    hub = flagged(world)
    hub.wait(5)
    hub.reset()
    hub.wait(gap_s)
    hub.lose(200)
    assert hub.ad1s() == [told]


def test_the_flag_over_a_restart_without_time_is_no_flag(world):
    hub = flagged(world)
    hub.time_offset_s = None
    hub.reset()
    hub.wait(60)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_flag_declared_without_time_does_not_outlive_a_restart(world):
    hub = world(power_on=False, policy=s.POLICY_TAG)
    hub.time_offset_s = None
    hub.power_on()
    assert hub.declare() == "flag_ack"
    hub.time_offset_s = 0
    hub.reset()
    hub.wait(60)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_shortened_life_stays_short_over_a_restart(world):
    hub = flagged(world)
    hub.lose(10)
    hub.back(3)
    hub.reset()
    hub.wait(150)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_used_flag_stays_used_over_a_restart(world):
    hub = flagged(world)
    hub.lose(200)
    hub.back(10)
    hub.reset()
    hub.wait(10)
    hub.lose(200)
    assert hub.ad1s() == [TAG, PLAIN]


def test_a_flag_says_which_image(world):
    hub = flagged(world)
    assert hub.journaled("flag")[0].values["image_hash"] == IMAGE
