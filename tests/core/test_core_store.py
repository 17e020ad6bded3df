"""A store that fails at each step: nothing is claimed that is not durable, and the alert goes out all the same."""

import pytest

from chf.wire import schema as s
from tests.core.model import FAR, World
from tests.core.oracle import Oracle

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
DAY_S = 86_400


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
