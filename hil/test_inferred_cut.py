"""The inferred flag over restarts, power cuts and a failing store: durable before the meter can act, never doubled."""

import pytest

from chf.wire import schema as s
from hil import legacy
from hil.legacy import activate, answered, says
from host_tools.gbcs import build

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
DEPTHS = range(5, 150, 9)  # octets and erase steps: past the end of what one record costs
PROOF_S = 90  # after a power cut an outage that nothing proves short is alerted, acknowledged and over by then


def alerted(hub):
    """The decisions of one more outage."""
    before = len(hub.decisions())
    hub.outage(190)
    return hub.decisions()[before:]


def survive(hub, how):
    """The hub starts anew, and has the time again."""
    if how == "power cut":
        hub.power_cut()
    else:
        hub.restart(s.RESTART_WATCHDOG if how == "watchdog" else s.RESTART_RESET)
    hub.advance_s(PROOF_S)


def relay_again(hub):
    """The last gbcs_down, octet for octet, once more; the hub's answer."""
    return replay(hub, hub.last_sent("gbcs_down"))


def replay(hub, content):
    """A frame of the head-end's goes over the line again; the hub's answer: its fields, and "name"."""
    return hub.command(lambda: hub.bench.transmit(s.LINK_WAN, content))


# ---- restarts


@pytest.mark.requirement("INF-12")
@pytest.mark.needs("power-cut")
@pytest.mark.parametrize("how", ["restart", "watchdog", "power cut"])
def test_it_lives_on_over_a_restart(lab, how):
    hub = lab()
    counter = activate(hub)
    survive(hub, how)
    assert alerted(hub) == [TAGGED]
    assert int.from_bytes(hub.headend.alerts[-1].fields["flag_counter"], "big") == counter


@pytest.mark.requirement("INF-12")
@pytest.mark.needs("power-cut", "stepped-time")
def test_its_hour_goes_on_while_the_hub_has_no_power(lab):
    hub = lab()
    activate(hub)
    hub.power_cut(3_700)
    hub.advance_s(PROOF_S)
    assert alerted(hub) == [PLAIN]


@pytest.mark.requirement("INF-12")
def test_without_a_time_it_is_no_flag_after_a_restart(lab):
    hub = lab()
    activate(hub)
    hub.headend.tell_time = False
    hub.restart()
    hub.lose(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("INF-12", "INF-06", "INF-07", "INF-10")
@pytest.mark.parametrize("ends", ["cancelled", "failed", "used"])
def test_what_has_ended_stays_so_over_a_restart(lab, ends):
    hub = lab()
    counter = activate(hub)
    if ends == "cancelled":
        legacy.cancel(hub)
    elif ends == "failed":
        says(hub, answered(hub, counter, 3))
    else:
        assert alerted(hub) == [TAGGED]
    hub.restart()
    hub.advance_s(10)
    assert alerted(hub) == [PLAIN]


@pytest.mark.requirement("INF-12")
@pytest.mark.parametrize("policy", [s.POLICY_TAG, s.POLICY_SUPPRESS])
def test_a_restart_in_its_outage_raises_nothing_while_its_window_runs(lab, policy):
    hub = lab(policy)
    activate(hub)
    hub.lose(200)
    hub.restart()
    hub.until(300)
    hub.back(30)
    assert hub.decisions() == [TAGGED]
    assert len(hub.headend.restorations) == 1


# ---- replays


@pytest.mark.requirement("INF-13")
@pytest.mark.needs("power-cut")
@pytest.mark.parametrize("how", ["restart", "watchdog", "power cut"])
def test_a_replay_is_refused_after_a_restart_and_sets_nothing(lab, how):
    hub = lab()
    activate(hub)
    content = hub.last_sent("gbcs_down")
    legacy.cancel(hub)
    survive(hub, how)
    answer = replay(hub, content)
    assert (answer["name"], answer["reason"]) == ("command_refusal", s.REFUSED_COUNTER)
    assert alerted(hub) == [PLAIN]


@pytest.mark.requirement("INF-13", "INF-03")
@pytest.mark.parametrize("restarted", [False, True])
def test_one_that_set_nothing_cannot_be_replayed_once_supply_is_back(lab, restarted):
    hub = lab()
    hub.lose(30)
    activate(hub)
    hub.back()
    if restarted:
        hub.restart()
    assert relay_again(hub)["name"] == "command_ack"  # an exact repeat: acknowledged, and nothing else
    assert alerted(hub) == [PLAIN]


@pytest.mark.requirement("INF-13", "AUTH-04")
def test_an_exact_repeat_is_acknowledged_and_relayed_once(lab):
    hub = lab()
    activate(hub)
    for _ in range(2):
        assert relay_again(hub)["name"] == "command_ack"
    hub.advance_s(1)
    assert len(hub.esme.relayed) == 1
    assert alerted(hub) == [TAGGED]
    assert relay_again(hub)["name"] == "command_ack"
    assert alerted(hub) == [PLAIN]


# ---- power cuts at the octets of a record


@pytest.mark.requirement("INF-11")
@pytest.mark.needs("power-cut", "flash-fault")
@pytest.mark.parametrize("half", [0, 1])
def test_an_activation_that_reached_the_meter_has_its_flag_whatever_octet_power_fails_at(lab, half):
    cut = 0
    for octets in DEPTHS[half::2]:
        hub = lab()
        gbcs = build.activate(legacy.heading(hub, legacy.new_counter(hub)), legacy.IMAGE)
        hub.rig.cut_after_flash_octets(octets)
        hub.headend.relay(gbcs)
        hub.advance_s(1)
        relayed = hub.esme.relayed == [gbcs]
        cut += not hub.rig.powered or hub.rig.runs > 1
        hub.power_cut()
        hub.advance_s(PROOF_S)
        if relayed:
            assert alerted(hub) == [TAGGED], f"relayed, and no flag after a cut at octet {octets}"
    assert cut > 0


@pytest.mark.requirement("INF-11")
@pytest.mark.needs("power-cut", "flash-fault")
def test_a_cancellation_that_reached_the_meter_has_its_effect_whatever_octet_power_fails_at(lab):
    cut = 0
    for octets in DEPTHS[::2]:
        hub = lab()
        activate(hub)
        gbcs = build.cancel(legacy.heading(hub, legacy.new_counter(hub)), legacy.IMAGE)
        hub.rig.cut_after_flash_octets(octets)
        hub.headend.relay(gbcs)
        hub.advance_s(1)
        relayed = hub.esme.relayed[-1] == gbcs
        cut += not hub.rig.powered or hub.rig.runs > 1
        hub.power_cut()
        hub.advance_s(PROOF_S)
        expected = [[PLAIN]] if relayed else [[PLAIN], [TAGGED]]
        assert alerted(hub) in expected, f"after a cut at octet {octets}"
    assert cut > 0


@pytest.mark.requirement("INF-11", "INF-17")
@pytest.mark.needs("power-cut", "flash-fault")
def test_the_repeat_of_one_that_power_has_cut_off_reaches_the_meter(lab):
    """The head-end repeats the same octets until they are answered: what is acknowledged then has been relayed."""
    for octets in range(100, 140, 4):
        hub = lab()
        gbcs = build.activate(legacy.heading(hub, legacy.new_counter(hub)), legacy.IMAGE)
        hub.rig.cut_after_flash_octets(octets)
        hub.headend.relay(gbcs)
        hub.advance_s(1)
        hub.power_cut()
        hub.advance_s(PROOF_S)
        assert relay_again(hub)["name"] == "command_ack"
        hub.advance_s(1)
        assert gbcs in hub.esme.relayed, f"after a cut at octet {octets}"
        assert alerted(hub) == [TAGGED]


# ---- a store that fails, a journal that is damaged


@pytest.mark.requirement("INF-14")
@pytest.mark.needs("flash-fault", "power-cut")
def test_without_a_store_it_is_relayed_and_is_no_flag(lab):
    hub = lab()
    hub.rig.set_flash_failing(True)
    hub.power_cut()
    hub.advance_s(PROOF_S)
    gbcs = build.activate(legacy.heading(hub, legacy.new_counter(hub)), legacy.IMAGE)
    answer = legacy.relay(hub, gbcs)
    assert (answer["name"], answer["reason"]) == ("command_refusal", s.REFUSED_STORE)
    assert hub.esme.relayed == [gbcs]
    assert alerted(hub) == [PLAIN]


@pytest.mark.requirement("INF-14")
@pytest.mark.needs("flash-fault", "power-cut")
def test_a_cancellation_without_a_store_is_relayed_and_holds(lab):
    hub = lab()
    activate(hub)
    hub.rig.set_flash_failing(True)
    hub.power_cut()
    hub.advance_s(PROOF_S)
    gbcs = build.cancel(legacy.heading(hub, legacy.new_counter(hub)), legacy.IMAGE)
    assert legacy.relay(hub, gbcs)["reason"] == s.REFUSED_STORE
    assert hub.esme.relayed[-1] == gbcs
    assert alerted(hub) == [PLAIN]


@pytest.mark.requirement("INF-15")
@pytest.mark.needs("journal-image", "power-cut")
def test_a_damaged_counter_journal_means_no_flag_now_or_later(lab):
    hub = lab()
    activate(hub)
    activate(hub, due_utc=legacy.now_utc(hub) + 600)
    hub.rig.cut_power()
    hub.rig.damage_journal(s.JOURNAL_COUNTERS)
    hub.power_on()
    hub.advance_s(PROOF_S)
    assert alerted(hub) == [PLAIN]
    hub.advance_s(600)
    assert alerted(hub) == [PLAIN]
    activate(hub)
    assert alerted(hub) == [TAGGED], "a new one counts, once the counters agree"
