"""The pending flag: what it is worth under each policy, how long it lives, what ends it, and what is no flag at all."""

import pytest

from chf.wire import schema as s
from tests.core.model import flagged

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)


@pytest.mark.parametrize(
    "policy, told",
    [(s.POLICY_ALERT, [PLAIN]), (s.POLICY_TAG, [TAG]), (s.POLICY_SUPPRESS, []), (s.POLICY_SUPPRESS_INFERRED, [])],
)
def test_a_declared_activation_under_each_policy(world, policy, told):
    hub = flagged(world, policy=policy)
    hub.lose(250)
    hub.back(60)
    assert hub.ad1s() == told
    assert len(hub.sent("hold_notice")) == (not told)
    assert [entry.values["level"] for entry in hub.heard if entry.name == "restored"][-1] == (
        told[0][0] if told else s.LEVEL_HELD
    )


def test_the_tag_names_its_source_its_flag_and_its_window(world):
    hub = flagged(world, window_s=240)
    hub.lose(200)
    ad1 = hub.sent("ad1")[0].values
    assert (ad1["source"], ad1["window_s"]) == (s.SOURCE_DECLARED, 240)
    assert int.from_bytes(ad1["flag_counter"], "big") == hub.esme_counter


@pytest.mark.parametrize("policy", [s.POLICY_TAG, s.POLICY_SUPPRESS])
def test_window_over_and_still_out_is_an_overrun(world, policy):
    hub = flagged(world, policy=policy, window_s=240)
    lost = hub.now
    hub.lose(300)
    assert hub.ad1s()[-1] == OVERRUN
    overrun = next(e for e in hub.sent("ad1") if e.values["cause"] == s.CAUSE_ACTIVATION_OVERRUN)
    assert overrun.time - lost == 240_000
    assert len(hub.ids()) == 1


def test_a_window_under_180_s_is_over_at_the_decision(world):
    hub = flagged(world, policy=s.POLICY_SUPPRESS, window_s=179)
    hub.lose(200)
    assert hub.ad1s() == [OVERRUN]


def test_a_window_runs_from_the_loss_and_not_from_the_flag(world):
    hub = flagged(world, window_s=240)
    hub.wait(1_700)
    hub.lose(239)
    assert hub.ad1s() == [TAG]


@pytest.mark.parametrize("wait_s, told", [(1_799.999, TAG), (1_800, PLAIN)])
def test_the_loss_must_begin_within_valid_s(world, wait_s, told):
    hub = flagged(world, valid_s=1_800)
    hub.wait(wait_s)
    hub.lose(200)
    assert hub.ad1s() == [told]


def test_the_flag_must_come_before_the_loss(world):
    hub = world()
    hub.lose(1)
    assert hub.declare() == "flag_refusal"
    assert hub.refusal() == s.REFUSED_BUSY
    hub.wait(200)
    assert hub.ad1s() == [PLAIN]


def test_a_flag_covers_one_outage(world):
    hub = flagged(world)
    for _ in range(2):
        hub.lose(200)
        hub.back(10)
    assert hub.ad1s() == [TAG, PLAIN]


def test_several_short_reboots_in_one_activation_are_normal(world):
    hub = flagged(world)
    for _ in range(3):
        hub.lose(20)
        hub.back(10)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


@pytest.mark.parametrize("rest_s, told", [(119.999, TAG), (120, PLAIN)])
def test_the_first_restored_outage_of_5_s_leaves_the_flag_120_s(world, rest_s, told):
    hub = flagged(world)
    hub.lose(5)
    hub.back(rest_s)
    hub.lose(200)
    assert hub.ad1s() == [told]


def test_an_outage_under_5_s_leaves_the_flag_as_it_was(world):
    hub = flagged(world)
    hub.lose(4.999)
    hub.back(600)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_a_second_short_outage_does_not_give_the_flag_more_life(world):
    hub = flagged(world)
    for _ in range(3):
        hub.lose(5)
        hub.back(50)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_the_latest_declaration_counts(world):
    hub = flagged(world, window_s=200)
    hub.declare(window_s=600)
    hub.lose(300)
    assert hub.ad1s() == [TAG]
    assert hub.sent("ad1")[0].values["window_s"] == 600


@pytest.mark.parametrize("end", ["complete", "cancel"])
@pytest.mark.parametrize("policy", [s.POLICY_TAG, s.POLICY_SUPPRESS])
def test_completed_or_cancelled_before_the_loss_is_no_flag(world, end, policy):
    hub = flagged(world, policy=policy)
    assert getattr(hub, end)() == "flag_ack"
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_withdrawn_between_the_loss_and_180_s_is_no_flag(world):
    hub = flagged(world)
    hub.lose(100)
    hub.cancel()
    hub.wait(100)
    assert hub.ad1s() == [PLAIN]


@pytest.mark.parametrize("end", ["complete", "cancel"])
@pytest.mark.parametrize("policy, before", [(s.POLICY_TAG, [TAG]), (s.POLICY_SUPPRESS, [])])
def test_withdrawn_in_mid_outage_is_an_overrun_at_once(world, end, policy, before):
    hub = flagged(world, policy=policy)
    hub.lose(200)
    assert hub.ad1s() == before
    getattr(hub, end)()
    assert hub.ad1s() == [*before, OVERRUN]
    assert hub.sent("ad1")[-1].time == hub.now


def test_a_failed_activation_is_withdrawn_too(world):
    hub = flagged(world)
    hub.complete(result=3)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_completion_once_supply_is_back_explains_the_outage(world):
    hub = flagged(world, policy=s.POLICY_SUPPRESS)
    hub.lose(200)
    hub.back(1)
    hub.complete()
    hub.wait(10)
    assert hub.ad1s() == []


def test_and_not_if_that_return_does_not_last(world):
    hub = flagged(world, policy=s.POLICY_SUPPRESS)
    hub.lose(200)
    hub.back(1)
    hub.complete()
    hub.lose(1)
    assert hub.ad1s() == [OVERRUN]


@pytest.mark.parametrize(
    "values",
    [{"window_s": 0}, {"window_s": 601}, {"valid_s": 0}, {"valid_s": 3_601}, {"window_s": 0xFFFF, "valid_s": 0xFFFF}],
)
def test_a_time_that_does_not_fit_is_no_flag(world, values):
    hub = world()
    assert hub.declare(**values) == "flag_refusal"
    assert hub.refusal() == s.REFUSED_RANGE
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_the_longest_times_fit(world):
    hub = flagged(world, window_s=600, valid_s=3_600)
    hub.wait(3_599)
    hub.lose(599)
    assert hub.ad1s() == [TAG]


@pytest.mark.parametrize("other", ["esme", "hub"])
def test_a_message_for_another_pair_is_refused_and_changes_nothing(world, other):
    hub = flagged(world)
    assert hub.cancel(number=2) == "flag_ack"
    assert hub.declare(number=3, **{other: bytes(8)}) == "flag_refusal"
    assert hub.refusal() == s.REFUSED_PEER
    assert hub.declare(number=3) == "flag_ack"


def test_more_declarations_than_8_at_once_and_8_an_hour_are_refused(world):
    hub = world()
    answers = [hub.declare() for _ in range(9)]
    assert answers == ["flag_ack"] * 8 + ["flag_refusal"]
    assert hub.refusal() == s.REFUSED_BUSY
    hub.wait(450)
    assert [hub.declare(), hub.declare()] == ["flag_ack", "flag_refusal"]
    hub.wait(3_600)
    assert [hub.declare() for _ in range(9)].count("flag_ack") == 8


def test_revoking_always_works(world):
    hub = world()
    for _ in range(9):
        hub.declare()
    assert hub.cancel() == "flag_ack"
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_another_meter_voids_the_flag(world):
    hub = flagged(world)
    hub.command("exchange_esme", esme=bytes(8), key=bytes(32))
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_another_meter_in_mid_outage_is_an_overrun(world):
    hub = flagged(world)
    hub.lose(200)
    hub.command("exchange_esme", esme=bytes(8), key=bytes(32))
    assert hub.ad1s() == [TAG, OVERRUN]
