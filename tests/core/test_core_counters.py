"""Counters: fresh, stale, an exact repeat; over restarts and damage; the head-end's commands likewise."""

import pytest

from chf.wire import schema as s
from tests.core.model import counter

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
NEW_ESME = bytes.fromhex("00db000000000003")
KEY = bytes(range(32))


def refused(entry):
    return entry.name, entry.values["reason"]


# ---- the meter's


@pytest.mark.parametrize("number", [6, 7])
def test_a_counter_not_above_the_floor_is_refused_with_the_floor(world, number):
    hub = world()
    hub.declare(number=7)
    assert hub.cancel(number=number) == "flag_refusal"
    refusal = hub.answers[-1].values
    assert (refusal["reason"], refusal["floor"], refusal["counter"]) == (s.REFUSED_COUNTER, counter(7), counter(number))
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_counters_compare_as_64_bits(world):
    hub = world()
    assert hub.declare(number=0x00FF_FFFF_FFFF_FFFF) == "flag_ack"
    assert hub.declare(number=0xFF) == "flag_refusal"
    assert hub.declare(number=0xFF00_0000_0000_0000) == "flag_ack"
    assert hub.declare(number=0x0100_0000_0000_0000) == "flag_refusal"


def test_an_exact_repeat_is_acknowledged_again_without_effect(world):
    hub = world()
    hub.declare()
    hub.lose(10)
    hub.back(3)
    hub.wait(100)
    records = len(hub.hub.records[0])
    hub.repeat()
    assert hub.answers[-1].name == "flag_ack"
    assert len(hub.hub.records[0]) == records
    hub.wait(30)  # were it declared anew, it would cover this
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_the_same_counter_under_another_mac_is_no_repeat(world):
    hub = world()
    hub.declare(number=7)
    assert hub.declare(number=7, window_s=299) == "flag_refusal"


def test_an_exact_repeat_over_a_restart(world):
    hub = world()
    hub.declare()
    hub.reset()
    hub.wait(5)
    hub.repeat()
    assert hub.answers[-1].name == "flag_ack"
    assert len(hub.journaled("flag")) == 1


def test_a_repeat_in_an_outage_is_acknowledged_and_declares_nothing(world):
    hub = world()
    hub.declare(window_s=200)
    hub.lose(190)
    hub.repeat()
    assert hub.answers[-1].name == "flag_ack"
    hub.back(10)
    hub.lose(200)
    assert hub.ad1s() == [TAG, PLAIN]


def test_a_refusal_moves_no_counter(world):
    hub = world()
    assert hub.declare(number=9, window_s=0) == "flag_refusal"
    assert hub.declare(number=2) == "flag_ack"


def test_the_floor_outlives_restarts_and_compaction(world):
    hub = world()
    hub.declare(number=50)
    hub.cancel(number=51)
    hub.reset()
    hub.wait(1)
    hub.step("compact")
    hub.reset()
    hub.wait(1)
    assert hub.declare(number=51) == "flag_refusal"
    assert hub.answers[-1].values["floor"] == counter(51)
    assert hub.declare(number=52) == "flag_ack"


# ---- damage


def damaged(world):
    hub = world()
    hub.declare(number=50)
    hub.step("damage", 1)
    hub.step("lose", 0, 0)
    hub.time_offset_s = None
    hub.reset()
    hub.wait(5)
    return hub


def sync(hub, number, nonce):
    return hub.meter("counter_sync", number, nonce=nonce)


def test_after_damage_flags_are_refused_until_the_meter_has_resynchronised(world):
    hub = damaged(world)
    assert hub.declare(number=60) == "flag_refusal"
    assert hub.refusal() == s.REFUSED_UNSYNCED
    nonce = hub.answers[-1].values["nonce"]
    assert sync(hub, 60, nonce) == "flag_ack"
    assert hub.declare(number=60) == "flag_refusal"
    assert hub.declare(number=61) == "flag_ack"
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_the_floor_agreed_anew_outlives_a_restart(world):
    hub = damaged(world)
    hub.declare(number=60)
    sync(hub, 60, hub.answers[-1].values["nonce"])
    hub.time_offset_s = 0
    hub.wait(100)  # the head-end's floor heals too: the file is whole again
    hub.reset()
    hub.wait(5)
    assert hub.declare(number=60) == "flag_refusal"
    assert hub.refusal() == s.REFUSED_COUNTER
    assert hub.declare(number=61) == "flag_ack"


def test_a_sync_needs_the_nonce_that_was_given(world):
    hub = damaged(world)
    assert sync(hub, 60, bytes(8)) == "flag_refusal"
    assert hub.refusal() == s.REFUSED_NONCE
    hub.declare(number=61)
    nonce = hub.answers[-1].values["nonce"]
    assert sync(hub, 62, bytes(8)) == "flag_refusal"
    assert sync(hub, 63, nonce) == "flag_ack"


def test_a_nonce_serves_once(world):
    hub = damaged(world)
    hub.declare(number=60)
    nonce = hub.answers[-1].values["nonce"]
    sync(hub, 60, nonce)
    assert sync(hub, 55, nonce) == "flag_refusal"
    assert hub.declare(number=58) == "flag_refusal"


def test_a_sync_repeated_is_acknowledged_again(world):
    hub = damaged(world)
    hub.declare(number=60)
    sync(hub, 61, hub.answers[-1].values["nonce"])
    hub.repeat()
    assert hub.answers[-1].name == "flag_ack"


def test_a_sync_out_of_the_blue_is_refused(world):
    hub = world()
    hub.declare(number=50)
    assert sync(hub, 1, bytes(8)) == "flag_refusal"
    assert hub.declare(number=49) == "flag_refusal"


def test_withdrawing_works_while_the_counters_are_out_of_step(world):
    hub = world()
    hub.declare(number=50)
    hub.lose(200)
    assert hub.ad1s() == [TAG]
    hub.time_offset_s = None
    hub.step("damage", 1)
    hub.reset()
    hub.cancel(number=1)
    hub.wait(70)
    assert hub.ad1s()[-1] == (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)


def test_after_damage_commands_are_refused_until_a_fresh_time_names_the_counter(world):
    hub = damaged(world)
    hub.wan_counter = 80
    assert refused(hub.set_policy(s.POLICY_ALERT)) == ("command_refusal", s.REFUSED_UNSYNCED)
    hub.time_offset_s = 0
    hub.wait(70)
    assert refused(hub.command("set_policy", number=81, policy=0)) == ("command_refusal", s.REFUSED_COUNTER)
    assert hub.command("set_policy", number=82, policy=0).name == "command_ack"


# ---- the head-end's


def test_a_command_is_durable_before_it_is_acknowledged(world):
    hub = world()
    assert hub.set_policy(s.POLICY_ALERT).name == "command_ack"
    kinds = [(entry.kind, entry.name) for entry in hub.hub.log[-2:]]
    assert kinds == [("journal", "policy"), ("send", "command_ack")]


def test_a_command_s_counter_and_its_exact_repeat(world):
    hub = world()
    hub.command("set_policy", number=5, policy=s.POLICY_ALERT)
    hub.repeat()
    assert hub.heard[-1].name == "command_ack"
    assert len(hub.journaled("policy")) == 1
    assert refused(hub.command("set_policy", number=5, policy=2)) == ("command_refusal", s.REFUSED_COUNTER)
    assert refused(hub.command("set_policy", number=4, policy=2)) == ("command_refusal", s.REFUSED_COUNTER)
    assert hub.heard[-1].values["floor"] == counter(5)


def test_the_head_end_s_floor_outlives_restarts_and_compaction(world):
    hub = world()
    hub.command("set_policy", number=5, policy=s.POLICY_ALERT)
    hub.step("compact")
    hub.reset()
    hub.wait(5)
    assert hub.command("set_policy", number=5, policy=2).name == "command_refusal"
    hub.declare()
    hub.lose(200)
    assert hub.ad1s() == [PLAIN], "the policy outlives them too"


def test_what_does_not_exist_is_refused(world):
    hub = world()
    assert refused(hub.command("set_policy", policy=4)) == ("command_refusal", s.REFUSED_VALUE)
    assert refused(hub.command("rotate_key", peer=2, key=KEY)) == ("command_refusal", s.REFUSED_VALUE)


@pytest.mark.parametrize("peer", [s.PEER_ESME, s.PEER_HEAD_END])
def test_a_new_key_is_durable_then_used_then_acknowledged(world, peer):
    hub = world()
    hub.command("rotate_key", peer=peer, key=KEY)
    assert [(e.kind, e.name) for e in hub.hub.log[-3:]] == [
        ("journal", "key"),
        ("rekey", str(peer)),
        ("send", "command_ack"),
    ]
    hub.step("compact")
    hub.reset()
    assert hub.hub.recovered().keys == {peer: KEY}


def test_a_new_key_of_the_meter_s_starts_its_counters_anew_and_voids_its_flag(world):
    hub = world()
    hub.declare(number=50)
    hub.command("rotate_key", peer=s.PEER_ESME, key=KEY)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]
    hub.back(10)
    assert hub.declare(number=1) == "flag_ack"
    hub.reset()
    hub.wait(5)
    assert hub.declare(number=1, window_s=299) == "flag_refusal"


def test_a_new_meter_is_the_only_one_heard(world):
    hub = world()
    hub.command("exchange_esme", esme=NEW_ESME, key=KEY)
    for _ in range(2):
        assert hub.declare() == "flag_refusal"
        assert hub.refusal() == s.REFUSED_PEER
        assert hub.declare(esme=NEW_ESME) == "flag_ack"
        hub.step("compact")
        hub.reset()
        hub.wait(5)


def test_relayed_messages_pass_as_they_came(world):
    hub = world()
    gbcs = bytes(range(200))
    hub.command("gbcs_down", gbcs=gbcs)
    assert hub.answers[-1].values == {"gbcs": gbcs}
    hub.deliver("gbcs_from_esme", {"gbcs": gbcs}, tag=bytes(16))
    assert (hub.heard[-1].name, hub.heard[-1].values) == ("gbcs_up", {"gbcs": gbcs})


def test_a_relay_that_comes_twice_is_relayed_once(world):
    hub = world()
    hub.command("gbcs_down", gbcs=b"once")
    hub.repeat()
    assert [entry.name for entry in hub.answers] == ["gbcs_to_esme"]
