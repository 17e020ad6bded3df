"""Counters: replays, repeats, peers out of step, and a counter journal that is damaged."""

import pytest

from chf.wire import schema as s

REVOKED = s.FLAG_REVOKED


def replay(hub, content, link=s.LINK_HAN):
    """Put octets that were said before on the line again, and wait for what the hub makes of them."""
    hub.bench.transmit(link, content)
    hub.advance_s(1)


def last_refusal(hub):
    return hub.heard("flag_refusal")[-1].fields


@pytest.mark.requirement("AUTH-03")
def test_a_declaration_replayed_after_its_cancellation_is_refused(lab):
    hub = lab()
    assert hub.declare()
    content = hub.last_sent("activation_pending")
    hub.report("cancel")
    replay(hub, content)
    assert hub.answers() == ["ack", "ack", "counter"]
    assert hub.flag() == REVOKED


@pytest.mark.requirement("AUTH-03")
@pytest.mark.parametrize("kind", [s.RESTART_RESET, s.RESTART_WATCHDOG])
def test_a_declaration_replayed_after_a_restart_is_refused(lab, kind):
    hub = lab()
    assert hub.declare()
    content = hub.last_sent("activation_pending")
    hub.report("cancel")
    hub.restart(kind)
    replay(hub, content)
    assert hub.answers()[-1] == "counter"
    assert hub.flag() == REVOKED


@pytest.mark.requirement("AUTH-03")
@pytest.mark.needs("power-cut", "supply")
def test_a_declaration_replayed_after_a_power_cut_is_refused(lab):
    hub = lab()
    assert hub.declare()
    content = hub.last_sent("activation_pending")
    hub.report("cancel")
    hub.power_cut()
    hub.advance_s(70)
    replay(hub, content)
    assert hub.answers()[-1] == "counter"
    assert hub.flag() == REVOKED


@pytest.mark.requirement("AUTH-03")
@pytest.mark.needs("supply")
def test_an_older_declaration_replayed_after_a_newer_one_is_refused(lab):
    hub = lab()
    assert hub.declare(600, 3_600)
    content = hub.last_sent("activation_pending")
    assert hub.declare(300, 30)
    replay(hub, content)
    assert hub.answers() == ["ack", "ack", "counter"]
    hub.outage(190)
    assert hub.headend.alerts[0].fields["window_s"] == 300


@pytest.mark.requirement("AUTH-04")
@pytest.mark.needs("stepped-time")
def test_an_exact_repeat_is_acknowledged_and_gives_the_flag_no_more_life(lab):
    hub = lab()
    assert hub.declare(400, 600)
    hub.advance_s(300)
    replay(hub, hub.last_sent("activation_pending"))
    assert hub.answers() == ["ack", "ack"]
    assert hub.state()["flag_left_s"] <= 300


@pytest.mark.requirement("AUTH-04")
@pytest.mark.needs("supply")
def test_an_exact_repeat_is_acknowledged_after_a_restart_and_in_an_outage(lab):
    hub = lab()
    assert hub.declare()
    content = hub.last_sent("activation_pending")
    hub.restart()
    replay(hub, content)
    hub.lose(10)
    replay(hub, content)
    assert hub.answers() == ["ack", "ack", "ack"]


@pytest.mark.requirement("AUTH-04")
def test_exact_repeats_do_not_count_as_declarations(lab):
    hub = lab()
    assert hub.declare()
    for _ in range(10):
        replay(hub, hub.last_sent("activation_pending"))
    assert hub.answers() == ["ack"] * 11
    assert hub.declare()


@pytest.mark.requirement("AUTH-03")
def test_another_message_with_the_same_counter_is_refused(lab):
    hub = lab()
    counter = hub.esme.next_counter()
    hub.send_flag(counter=counter)
    hub.send_flag(counter=counter, expected_outage_s=600)
    hub.send_flag("activation_cancel", counter=counter)
    assert hub.answers()[-2:] == ["counter", "counter"]
    assert hub.flag() == s.FLAG_PENDING


@pytest.mark.requirement("AUTH-05", "AUTH-14")
def test_a_meter_that_is_behind_is_told_the_floor_and_goes_on_above_it(lab):
    hub = lab()
    high = hub.esme.counter + (1 << 40)
    hub.send_flag(counter=high.to_bytes(8, "big"))
    hub.esme.counter = 0
    assert hub.declare()
    assert last_refusal(hub)["reason"] == s.REFUSED_COUNTER
    assert last_refusal(hub)["floor"] == high.to_bytes(8, "big")
    assert hub.esme.counter == high + 1


@pytest.mark.requirement("AUTH-05")
@pytest.mark.needs("journal-image")  # after the last counter that there is, the meter has none left
def test_counters_are_compared_as_whole_numbers(lab):
    hub = lab()
    for counter in (0x00FF, 0x0100, 0x0001_0000_0000, 0xFFFF_FFFF_FFFF_FFFF):
        hub.send_flag("activation_cancel", counter=counter.to_bytes(8, "big"))
    hub.send_flag("activation_cancel", counter=(0x01_FFFF_FFFF).to_bytes(8, "big"))
    assert hub.answers() == ["ack"] * 4 + ["counter"]


@pytest.mark.requirement("AUTH-14")
def test_refused_messages_leave_the_floor_where_it_was(lab):
    hub = lab()
    assert hub.declare()
    accepted = hub.esme.acked[-1][1]["counter"]
    hub.send_flag(counter=(1 << 60).to_bytes(8, "big"), valid_s=0)
    hub.send_flag(counter=(1 << 61).to_bytes(8, "big"), hub=bytes(8))
    assert last_refusal(hub)["floor"] == accepted
    assert hub.declare()


@pytest.mark.requirement("AUTH-03")
@pytest.mark.parametrize("restarted", [False, True])
def test_an_older_policy_command_replayed_is_refused(lab, restarted):
    hub = lab()
    first = hub.headend.set_policy(s.POLICY_SUPPRESS)
    hub.advance_s(1)
    hub.set_policy(s.POLICY_ALERT)
    if restarted:
        hub.restart()
    replay(hub, first, s.LINK_WAN)
    _, name, fields = hub.headend.answers[-1]
    assert (name, fields["reason"]) == ("command_refusal", s.REFUSED_COUNTER)
    assert hub.state()["policy"] == s.POLICY_ALERT


@pytest.mark.requirement("AUTH-04")
def test_the_last_command_repeated_is_acknowledged_again(lab):
    hub = lab()
    hub.set_policy(s.POLICY_ALERT)
    content = hub.last_sent("set_policy")
    hub.restart()
    replay(hub, content, s.LINK_WAN)
    assert [name for _, name, _ in hub.headend.answers[-2:]] == ["command_ack", "command_ack"]
    assert hub.state()["policy"] == s.POLICY_ALERT


# ---- the counter journal is damaged


def damaged_hub(lab):
    """A hub with a pending flag, and policy alert, that finds its counter journal damaged; its unproven outage over."""
    hub = lab()
    hub.set_policy(s.POLICY_ALERT)
    hub.set_policy(s.POLICY_TAG)
    assert hub.declare(400, 3_600)
    hub.rig.cut_power()
    hub.rig.damage_journal(s.JOURNAL_COUNTERS)
    return hub


@pytest.mark.requirement("AUTH-06")
@pytest.mark.needs("journal-image", "power-cut")
def test_a_damaged_counter_journal_means_no_flag_until_the_counter_is_agreed_anew(lab):
    hub = damaged_hub(lab)
    stale = hub.last_sent("activation_pending")
    hub.power_on()
    assert hub.flag() != s.FLAG_PENDING
    assert hub.state()["damaged"] & 1
    hub.advance_s(70)
    replay(hub, stale)
    assert hub.answers()[-1] == "unsynced"
    assert hub.declare()  # the meter answers the refusal with counter_sync and declares again
    assert hub.state()["damaged"] & 1 == 0
    replay(hub, stale)
    assert hub.answers()[-1] == "counter"


@pytest.mark.requirement("AUTH-06")
@pytest.mark.needs("journal-image", "power-cut")
def test_commands_are_refused_until_a_fresh_time_reply_names_the_counter(lab):
    hub = damaged_hub(lab)
    old = hub.last_sent("set_policy")
    hub.headend.tell_time = False
    hub.power_on()
    refusal = hub.command(lambda: hub.headend.set_policy(s.POLICY_SUPPRESS))
    assert (refusal["name"], refusal["reason"]) == ("command_refusal", s.REFUSED_UNSYNCED)
    hub.headend.tell_time = True
    hub.advance_s(70)
    replay(hub, old, s.LINK_WAN)
    assert hub.headend.answers[-1][1] == "command_refusal"
    hub.set_policy(s.POLICY_SUPPRESS)


@pytest.mark.requirement("AUTH-06")
@pytest.mark.needs("journal-image", "power-cut")
def test_damage_is_not_forgotten_by_a_restart(lab):
    hub = damaged_hub(lab)
    hub.power_on()
    hub.advance_s(70)
    hub.restart()
    assert hub.state()["damaged"] & 1
    hub.send_flag()
    assert hub.answers()[-1] == "unsynced"


@pytest.mark.requirement("AUTH-08")
@pytest.mark.needs("journal-image", "power-cut")
def test_counter_sync_with_another_nonce_is_refused(lab):
    hub = damaged_hub(lab)
    hub.power_on()
    hub.advance_s(70)
    hub.send_flag()
    nonce = last_refusal(hub)["nonce"]
    hub.send_flag("counter_sync", nonce=bytes(a ^ 1 for a in nonce))
    assert hub.answers()[-2:] == ["unsynced", "nonce"]
    hub.send_flag()
    assert hub.answers()[-1] == "unsynced"


@pytest.mark.requirement("AUTH-08", "AUTH-03")
@pytest.mark.needs("journal-image", "power-cut")
def test_a_counter_sync_counts_once(lab):
    hub = damaged_hub(lab)
    hub.power_on()
    hub.advance_s(70)
    assert hub.declare()
    sync = hub.last_sent("counter_sync")
    hub.report("cancel")
    replay(hub, sync)
    assert hub.answers()[-1] in ("nonce", "counter")
    assert hub.flag() == REVOKED


@pytest.mark.requirement("AUTH-08")
def test_counter_sync_when_none_is_awaited_is_refused(lab):
    hub = lab()
    assert hub.declare()
    hub.send_flag("counter_sync", nonce=bytes(8))
    assert hub.answers() == ["ack", "nonce"]
    assert hub.flag() == s.FLAG_PENDING


@pytest.mark.requirement("AUTH-07")
@pytest.mark.needs("journal-image", "power-cut", "supply")
def test_a_cancel_to_an_unsynced_hub_is_refused_and_leaves_no_flag(lab):
    hub = damaged_hub(lab)
    hub.power_on()
    hub.advance_s(70)
    alerts = len(hub.decisions())
    hub.send_flag("activation_cancel")
    assert hub.answers()[-1] == "unsynced"
    assert hub.flag() == REVOKED
    hub.outage(190)
    assert hub.decisions()[alerts:] == [(s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)]
