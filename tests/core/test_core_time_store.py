"""Time that is absent, late, jumps, sticks or goes stale; and a store that fails at each step."""

import pytest

from chf.wire import schema as s
from tests.core.model import FAR, UTC, World
from tests.core.oracle import Oracle

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
DAY_S = 86_400


def loss_utc(hub):
    """What time the hub believes it is: that of a loss now."""
    hub.lose(200)
    utc = hub.journaled("loss")[-1].values["utc"]
    hub.back(10)
    return utc


# ---- time


def test_without_any_time_an_outage_is_still_one(world):
    hub = world(power_on=False)
    hub.time_offset_s = None
    hub.power_on()
    hub.lose(200)
    hub.back(10)
    assert hub.ad1s() == [PLAIN]
    assert hub.sent("ad1")[0].values["loss_utc"] == s.NO_UTC


def test_the_time_is_the_head_end_s(world):
    hub = world()
    hub.wait(100)
    expected = UTC + hub.now // 1000
    assert expected - 2 <= loss_utc(hub) <= expected


@pytest.mark.parametrize("delay_s, trusted", [(2.0, True), (2.001, False)])
def test_a_time_counts_only_within_2_s_of_its_nonce(world, delay_s, trusted):
    hub = world(power_on=False)
    hub.delay_s = delay_s
    hub.power_on()
    hub.delay_s = 0.05
    hub.time_offset_s = None
    assert (loss_utc(hub) != s.NO_UTC) == trusted


def test_a_time_with_another_nonce_is_none(world):
    hub = world(power_on=False)
    hub.time_offset_s = None
    hub.power_on()
    hub.deliver("time_reply", {"nonce": bytes(8), "utc": UTC, "counter": bytes(8)})
    assert loss_utc(hub) == s.NO_UTC


def test_a_time_serves_once(world):
    hub = world(power_on=False)
    hub.time_offset_s = None
    hub.power_on()
    nonce = hub.sent("time_request")[-1].values["nonce"]
    hub.wait_until(60.5)
    nonce = hub.sent("time_request")[-1].values["nonce"]
    hub.deliver("time_reply", {"nonce": nonce, "utc": UTC, "counter": bytes(8)})
    hub.deliver("time_reply", {"nonce": nonce, "utc": UTC + 1_000, "counter": bytes(8)})
    assert UTC <= loss_utc(hub) < UTC + 1_000


@pytest.mark.parametrize("jump_s", [-100_000, -6, 6, 100_000])
def test_a_clock_that_jumps_is_believed_only_when_it_agrees_with_itself(world, jump_s):
    hub = world()
    hub.wait(6 * 3_600 - 60)
    hub.time_offset_s = jump_s
    hub.wait(60)
    hub.time_offset_s = None  # the next reply does not come
    assert loss_utc(hub) == s.NO_UTC
    hub.time_offset_s = jump_s
    hub.wait(120)
    assert abs(loss_utc(hub) - (UTC + jump_s + hub.now // 1000 - 210)) <= 3


@pytest.mark.parametrize("jump_s", [-4, 4])
def test_a_clock_that_drifts_a_little_is_believed(world, jump_s):
    hub = world()
    hub.wait(6 * 3_600 - 60)
    hub.time_offset_s = jump_s
    hub.wait(120)
    hub.time_offset_s = None
    assert loss_utc(hub) != s.NO_UTC


def test_a_clock_that_sticks_is_not_believed(world):
    hub = world()
    hub.stuck_utc = hub.utc()
    hub.wait(7 * 3_600)
    assert len(hub.sent("time_request")) > 100
    assert loss_utc(hub) == s.NO_UTC


def test_a_clock_that_sticks_proves_no_outage_short(world):
    hub = world()
    hub.stuck_utc = hub.utc()
    hub.lose(100)
    hub.power_cut()
    hub.wait(200)
    hub.back(120)
    assert hub.ad1s() == [(s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION)]


@pytest.mark.parametrize("hours, known", [(23.9, True), (31, False)])
def test_a_time_goes_stale(world, hours, known):
    hub = world()
    hub.time_offset_s = None
    hub.wait(hours * 3_600)
    assert (loss_utc(hub) != s.NO_UTC) == known


@pytest.mark.parametrize("utc", [0, 1, 2, 0xEFFF_FFFF, 0xF000_0000, 0xF000_0001, 0xFFFF_FFFE, 0xFFFF_FFFF])
def test_no_time_that_a_head_end_can_say_stops_the_hub(world, utc):
    hub = world()
    hub.lose(100)
    hub.power_cut()
    hub.time_offset_s = utc - UTC - (hub.now + 1_000_000) // 1000
    hub.wait(1_000)
    hub.back(60)
    hub.time_offset_s = utc - UTC - hub.now // 1000
    hub.lose(200)
    hub.back(10)
    hub.wait(DAY_S)
    assert len(hub.ad1s()) == 2


def test_the_clock_jumping_makes_no_flag_live_longer(world):
    hub = world()
    hub.declare(valid_s=600)
    hub.wait(5)
    hub.reset()
    hub.time_offset_s = -3_600
    hub.wait(900)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_clock_turned_back_proves_no_outage_short(world):
    hub = world()
    hub.lose(100)
    hub.power_cut()
    hub.time_offset_s = -3_600
    hub.wait(200)
    hub.back(120)
    assert hub.ad1s() == [(s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION)]


# ---- the store


def test_without_a_store_the_alert_goes_out_all_the_same(world):
    hub = world()
    hub.store(False)
    lost = hub.now
    hub.lose(200)
    assert [entry.time - lost for entry in hub.sent("ad1")] == [180_000]
    assert hub.ad1s() == [PLAIN]


def test_the_alert_that_follows_says_that_the_store_failed(world):
    hub = world()
    hub.store(False)
    hub.lose(200)
    assert hub.sent("ad1")[0].values["bits"] & s.SENSE_STORE_FAULT


def test_without_a_store_no_flag_is_acknowledged_and_none_is_kept(world):
    hub = world()
    hub.store(False)
    assert hub.declare() == "flag_refusal"
    assert hub.refusal() == s.REFUSED_STORE
    hub.store(True)
    hub.repeat()
    assert hub.answers[-1].name == "flag_refusal", "it was not done, so it is no repeat of something done"
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_without_a_store_a_withdrawal_still_withdraws(world):
    hub = world()
    hub.declare()
    hub.store(False)
    assert hub.cancel() == "flag_refusal"
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_refused_flag_does_not_come_back_after_a_restart(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.lose(180.05)  # held from here on
    hub.back(60)
    hub.wait(DAY_S - 60.01)
    hub.block(0.01)
    hub.fail_append(0)  # the end of the 24 h, due with the next event; the flag's own record is durable
    assert hub.declare() == "flag_refusal"
    assert hub.refusal() == s.REFUSED_STORE
    hub.reset()
    hub.wait(5)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_without_a_store_nothing_is_held(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.store(False)
    hub.lose(200)
    assert hub.sent("hold_notice") == []
    assert hub.ad1s() == [TAG]


def test_a_store_that_fails_while_held_ends_the_silence(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare(window_s=600)
    hub.lose(200)
    assert hub.ad1s() == []
    hub.store(False)
    hub.wait(31)
    assert hub.ad1s() == [TAG]


def test_the_hold_that_was_acknowledged_but_not_durable_is_no_hold(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    hub.declare()
    hub.holds = None
    hub.lose(180)
    hub.store(False)
    hub.deliver("hold_ack", {"id": hub.sent("hold_notice")[0].values["id"], "window_s": 300, "accepted": 1})
    assert hub.ad1s() == [TAG]


def test_without_a_store_a_command_is_refused_and_undone(world):
    hub = world()
    hub.declare()
    hub.store(False)
    entry = hub.set_policy(s.POLICY_ALERT)
    assert (entry.name, entry.values["reason"]) == ("command_refusal", s.REFUSED_STORE)
    hub.store(True)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_a_key_that_could_not_be_stored_opens_no_door_to_replays(world):
    hub = world()
    hub.declare(number=50)
    hub.store(False)
    entry = hub.command("rotate_key", peer=s.PEER_ESME, key=bytes(32))
    assert (entry.name, entry.values["reason"]) == ("command_refusal", s.REFUSED_STORE)
    assert [e for e in hub.hub.log if e.kind == "rekey"] == []
    hub.store(True)
    assert hub.declare(number=49) == "flag_refusal"
    assert hub.declare(number=51) == "flag_ack"


def test_a_meter_that_could_not_be_exchanged_is_still_the_meter(world):
    hub = world()
    hub.store(False)
    hub.command("exchange_esme", esme=bytes(8), key=bytes(32))
    hub.store(True)
    assert hub.declare() == "flag_ack"


def test_a_repeat_beside_a_failing_record_undoes_nothing(world):
    hub = world(policy=s.POLICY_TAG)
    hub.declare()
    hub.set_policy(s.POLICY_ALERT)
    hub.store(False)
    hub.lose(29.999)
    hub.block(0.001)  # the checkpoint of 30 s fails in the list that acknowledges the repeat
    hub.repeat()
    hub.wait(200)
    assert hub.ad1s() == [PLAIN]


def test_ids_stay_unique_where_a_boot_is_not_on_record(world):
    hub = world()
    hub.reset()
    hub.store(False)
    hub.wait(5)
    hub.lose(200)
    hub.back(10)
    hub.store(True)
    hub.reset()
    hub.wait(5)
    hub.lose(200)
    hub.back(10)
    assert len({entry.values["id"] for entry in hub.sent("ad1")}) == 2


def activation(hub: World, failing):
    hub.power_on()
    hub.fail_append(failing)
    hub.declare(window_s=200)
    hub.wait(5)
    hub.lose(10)
    hub.back(10)
    hub.lose(250)
    hub.back(20)
    hub.set_policy(s.POLICY_ALERT)
    hub.wait(3_600)


@pytest.mark.parametrize("policy", [s.POLICY_TAG, s.POLICY_SUPPRESS])
def test_a_store_that_fails_at_any_one_step_loses_nothing_and_claims_nothing(world, policy):
    whole = World(policy=policy)
    activation(whole, FAR)
    appends = sum(entry.kind == "journal" and entry.time > 1_000 for entry in whole.hub.log)
    assert appends > 15
    for failing in range(appends):
        hub = world(power_on=False, policy=policy)
        activation(hub, failing)
        assert any(entry.kind == "failed" for entry in hub.hub.log)
        assert hub.ad1s()
        Oracle(hub).check(settled=True)


@pytest.mark.parametrize("policy", [s.POLICY_TAG, s.POLICY_SUPPRESS])
def test_a_store_that_fails_from_any_step_on_loses_nothing_and_claims_nothing(world, policy):
    for working in range(20):
        hub = world(power_on=False, policy=policy)
        hub.power_on()
        hub.step("store", working, FAR)
        hub.declare(window_s=200)
        hub.lose(250)
        hub.back(20)
        hub.wait(3_600)
        assert hub.ad1s()
        Oracle(hub).check(settled=True)
