"""Suppression: asked, acknowledged, declined, in silence, late; its energy, its window, and once in 24 h."""

import pytest

from chf.core import limits
from chf.wire import schema as s

TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
DAY_S = 86_400


def asked(world, lost_s=180.0, **options):
    hub = world(policy=s.POLICY_SUPPRESS, **options)
    hub.declare(window_s=300)
    hub.holds = None
    hub.lose(lost_s)
    return hub


def notice(hub):
    return hub.sent("hold_notice")[0].values


def test_held_is_silent_and_ends_with_a_message(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=300)
    lost = hub.now
    hub.lose(250)
    hub.back(60)
    assert hub.sent("ad1") == []
    assert [entry.time - lost for entry in hub.sent("hold_notice")] == [180_000]
    assert [entry.values["level"] for entry in hub.journaled("decision")] == [s.LEVEL_ASKED, s.LEVEL_HELD]
    assert {entry.values["level"] for entry in hub.sent("restored")} == {s.LEVEL_HELD}


def test_the_notice_says_how_much_of_the_window_is_left_when_it_leaves(world):
    hub = asked(world, 185)
    sent = hub.sent("hold_notice")
    assert [(entry.values["window_s"], entry.values["left_s"]) for entry in sent] == [
        (300, 120),
        (300, 118),
        (300, 116),
    ]


def test_the_notice_is_repeated_and_after_6_s_of_silence_it_is_a_tag(world):
    hub = asked(world)
    start = hub.now
    hub.wait(10)
    assert [entry.time - start for entry in hub.sent("hold_notice")][:3] == [0, 2_000, 4_000]
    assert [entry.time - start for entry in hub.sent("ad1")] == [6_000]
    assert hub.ad1s() == [TAG]


def test_one_acknowledgement_of_a_repeat_is_enough(world):
    hub = asked(world)
    hub.wait(3)
    hub.holds = True
    hub.wait(60)
    assert hub.ad1s() == []


def test_declined_is_a_tag_at_once(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.holds = False
    hub.lose(181)
    assert hub.ad1s() == [TAG]


def test_accepted_for_another_window_is_a_tag(world):
    hub = asked(world)
    hub.deliver("hold_ack", {"id": notice(hub)["id"], "window_s": 299, "accepted": 1})
    assert hub.ad1s() == [TAG]


def test_an_answer_for_another_outage_is_no_answer(world):
    hub = asked(world)
    hub.deliver("hold_ack", {"id": bytes(12), "window_s": 300, "accepted": 1})
    hub.wait(10)
    assert hub.ad1s() == [TAG]


def test_a_late_answer_does_not_silence_what_was_told(world):
    hub = asked(world)
    hub.wait(10)
    hub.deliver("hold_ack", {"id": notice(hub)["id"], "window_s": 300, "accepted": 1})
    hub.wait(10)
    assert hub.ad1s() == [TAG]
    assert [entry.values["level"] for entry in hub.journaled("decision")] == [s.LEVEL_ASKED, s.LEVEL_TAGGED]


def test_an_answer_after_the_tag_for_short_energy_says_nothing_new(world):
    hub = asked(world)
    hub.holdup(2_300)
    hub.wait(1)
    assert hub.ad1s() == [TAG]
    hub.deliver("hold_ack", {"id": notice(hub)["id"], "window_s": 300, "accepted": 1})
    hub.wait(10)
    assert hub.ad1s() == [TAG]


def test_an_answer_when_all_is_over_is_nothing(world):
    hub = asked(world, 181)
    hub.back(5)
    hub.deliver("hold_ack", {"id": notice(hub)["id"], "window_s": 300, "accepted": 1})
    hub.wait(5)
    assert hub.ad1s() == [TAG]


def test_back_before_the_head_end_answered_is_a_tag(world):
    hub = asked(world, 181)
    hub.back(10)
    assert hub.ad1s() == [TAG]
    assert {entry.values["level"] for entry in hub.sent("restored")} == {s.LEVEL_TAGGED}


def test_without_wan_it_is_a_tag_that_waits_for_the_wan(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.wan = False
    hub.lose(200)
    assert hub.ad1s() == [TAG]
    hub.wan = True
    hub.wait(60)
    assert [entry.name for entry in hub.heard if entry.name == "ad1"] == ["ad1"]


def test_energy_short_at_180_s_is_a_tag(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=600)
    hub.holdup(2_500)
    hub.lose(181)
    assert hub.ad1s() == [TAG]
    assert hub.sent("hold_notice") == []


@pytest.mark.parametrize("mv, told", [(2_396, []), (2_380, [TAG])])
def test_the_energy_must_last_for_the_rest_of_the_window_a_send_and_a_margin(world, mv, told):
    # 10 F from mv to 2 V against 60 mW * 120 s + 400 mJ + 1,000 mJ = 8.6 J: sqrt(4 + 1.72) = 2.392 V
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=300)
    hub.holdup(mv + 4)  # steps of 10 mV
    hub.lose(180.5)
    assert hub.ad1s() == told


def test_energy_short_while_held_is_an_overrun_within_a_second(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=600)
    hub.lose(200)
    assert hub.ad1s() == []
    hub.holdup(2_500)
    hub.wait(1)
    assert hub.ad1s() == [OVERRUN]


def test_energy_short_while_asked_is_a_tag(world):
    hub = asked(world, 181)
    hub.holdup(2_100)
    hub.wait(1)
    assert hub.ad1s() == [TAG]


def test_energy_that_falls_as_the_load_takes_it_never_ends_a_hold_it_can_pay_for(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=600)
    volts = 5.0
    hub.lose()
    for _ in range(590):
        volts = (volts**2 - 2 * 0.060 / 10) ** 0.5
        hub.holdup(round(volts * 1000))
        hub.wait(1)
    hub.back(10)
    assert hub.ad1s() == []


def test_at_most_one_held_outage_in_24_h_then_a_tag(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    for _ in range(2):
        hub.declare()
        hub.lose(200)
        hub.back(60)
    assert hub.ad1s() == [TAG]


@pytest.mark.parametrize("wait_s, told", [(DAY_S - 100, [TAG]), (DAY_S + 100, [])])
def test_after_24_h_it_may_hold_again(world, wait_s, told):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.lose(200)
    hub.back(60)
    hub.wait(wait_s - 200 - 60)
    hub.declare()
    hub.lose(200)
    hub.back(10)
    assert hub.ad1s() == told


@pytest.mark.parametrize("wait_s, told", [(DAY_S - 400, [TAG]), (DAY_S + 400, [])])
def test_over_a_restart_the_24_h_are_those_of_the_proven_time(world, wait_s, told):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.lose(200)
    hub.back(60)
    hub.wait(600)
    hub.reset()
    hub.wait(wait_s - 860)
    hub.reset()
    hub.wait(10)
    hub.declare()
    hub.lose(200)
    hub.back(10)
    assert hub.ad1s() == told


def test_over_a_restart_without_time_24_h_count_from_the_boot(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.lose(200)
    hub.back(60)
    hub.time_offset_s = None
    hub.reset()
    hub.wait(DAY_S - 300)
    hub.declare()
    hub.lose(200)
    hub.back(400)
    assert hub.ad1s() == [TAG]
    hub.declare()
    hub.lose(200)
    assert hub.ad1s() == [TAG]


@pytest.mark.parametrize("time", [0, None])
def test_compaction_does_not_change_when_it_may_hold_again(world, time):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.lose(200)
    hub.back(60)
    hub.wait(DAY_S)
    hub.step("compact")
    hub.time_offset_s = time
    hub.reset()
    hub.wait(60)
    hub.declare()
    hub.lose(200)
    hub.back(10)
    assert hub.ad1s() == []


def test_what_was_only_asked_does_not_count_as_held(world):
    hub = asked(world, 200)
    hub.back(60)
    assert hub.ad1s() == [TAG]
    hub.holds = True
    hub.declare()
    hub.lose(200)
    hub.back(10)
    assert hub.ad1s() == [TAG]


def test_an_overrun_is_told_by_the_hub_at_the_end_of_the_window_at_the_latest(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=600)
    lost = hub.now
    hub.lose(700)
    assert hub.ad1s() == [OVERRUN]
    assert [entry.time - lost for entry in hub.sent("ad1")] == [600_000]


def test_a_return_that_does_not_last_does_not_move_the_end_of_the_window(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=300)
    lost = hub.now
    hub.lose(299)
    hub.back(1.5)
    hub.lose(10)
    assert [entry.time - lost for entry in hub.sent("ad1")] == [300_500]
    assert hub.ad1s() == [OVERRUN]


def test_the_hold_waits_no_longer_than_a_return_that_does_not_last(world):
    hub = asked(world, 181)
    hub.back(1.5)
    hub.lose(20)
    assert hub.ad1s() == [TAG]


def test_declared_limits():
    assert (limits.WINDOW_MAX_S, limits.VALID_MAX_S, limits.MUTE_PERIOD_MS) == (600, 3_600, DAY_S * 1000)
