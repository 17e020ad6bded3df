"""The flag of a future-dated CS06: pending around its time by a trusted clock, kept in the journal until then."""

import pytest

from chf.core import limits
from chf.wire import schema as s
from host_tools.gbcs import build
from tests.core.model import IMAGE
from tests.core.test_core_inferred import PLAIN, TAG, VERSION, activate, down, now_utc, up

DUE_S = 7_200


@pytest.fixture
def scheduled(world):
    """A hub with an activation due in two hours, and the time at which it is."""

    def make(**options):
        hub = world(**options)
        due = now_utc(hub) + DUE_S
        activate(hub, due_utc=due)
        return hub, hub.now / 1000 + DUE_S

    return make


@pytest.mark.parametrize("offset_s, told", [(-62, PLAIN), (-58, TAG), (0, TAG), (3_597, TAG), (3_602, PLAIN)])
def test_it_is_pending_from_a_minute_before_its_time_for_an_hour(scheduled, offset_s, told):
    hub, due = scheduled()
    hub.wait_until(due + offset_s)
    hub.lose(200)
    assert hub.ad1s() == [told]


def test_a_look_at_the_time_just_before_does_not_delay_it(scheduled):
    hub, due = scheduled()
    hub.wait_until(due - 65)
    hub.reset(0)
    hub.wait_until(due - 58)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_a_loss_long_before_is_an_outage_and_leaves_it_for_its_own(scheduled):
    hub, due = scheduled()
    hub.wait(600)
    hub.lose(200)
    hub.back(60)
    hub.wait_until(due + 10)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN, TAG]


def test_it_survives_restarts_and_compaction(scheduled):
    hub, due = scheduled()
    hub.step("compact")
    for _ in range(3):
        hub.reset()
        hub.wait(30)
    hub.wait_until(due)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_it_survives_a_power_cut_over_its_time(scheduled):
    hub, due = scheduled()
    hub.power_cut()
    hub.wait_until(due + 60)
    hub.boot(s.RESET_OTHER)
    hub.wait(30)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


@pytest.mark.parametrize("ends", ["cancelled", "refused"])
@pytest.mark.parametrize("restarted", [False, True])
def test_cancelled_or_refused_it_never_comes(scheduled, ends, restarted):
    hub, due = scheduled()
    if ends == "cancelled":
        hub.relay(build.cancel(down(1001), IMAGE))
    else:
        hub.meter_says(build.result(up(), 2, VERSION))
    if restarted:
        hub.reset()
        hub.wait(30)
    hub.wait_until(due)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_accepted_changes_nothing(scheduled):
    hub, due = scheduled()
    hub.meter_says(build.accepted(up()))
    hub.wait_until(due)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_the_refusal_of_another_leaves_it(scheduled):
    hub, due = scheduled()
    activate(hub, 1001, due_utc=now_utc(hub) + 60 * 86_400)
    hub.meter_says(build.result(up(1001), 1, VERSION))
    hub.wait_until(due)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_an_alert_that_it_has_failed_clears_it_before_its_time_by_our_clock(scheduled):
    hub, due = scheduled()
    hub.wait_until(due - 61.5)
    hub.meter_says(build.ended(up(77), 3, now_utc(hub) + 62, VERSION, 1000))
    hub.wait_until(due)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_several_wait_at_once_and_each_explains_its_outage(world):
    hub = world()
    start = now_utc(hub)
    for index in range(limits.INFERRED_MAX):
        activate(hub, 1000 + index, due_utc=start + 7_200 * (index + 1))
    activate(hub, 2000, due_utc=start + 3_600)  # one too many: relayed, not kept
    begun = hub.now / 1000
    hub.wait_until(begun + 3_600)
    hub.lose(200)
    hub.back(60)
    for index in range(limits.INFERRED_MAX):
        hub.wait_until(begun + 7_200 * (index + 1))
        hub.lose(200)
        hub.back(60)
    assert hub.ad1s() == [PLAIN] + [TAG] * limits.INFERRED_MAX


def test_however_many_wait_one_at_once_is_pending(world):
    hub = world()
    for index in range(limits.INFERRED_MAX):
        activate(hub, 1000 + index, due_utc=now_utc(hub) + 7_200)
    activate(hub, 2000)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_without_a_trusted_clock_it_is_no_flag(scheduled):
    hub, due = scheduled()
    hub.time_offset_s = None
    hub.reset()
    hub.wait_until(due + 60)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_clock_that_comes_after_its_time_makes_it_pending_for_what_is_left(world):
    hub = world(power_on=False)
    hub.time_offset_s = None
    hub.power_on()
    activate(hub, due_utc=now_utc(hub) + 60)
    hub.wait(600)
    hub.time_offset_s = 0
    hub.wait(120)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_one_whose_time_is_past_when_it_is_relayed_is_pending_for_what_is_left(world):
    hub = world()
    activate(hub, due_utc=now_utc(hub) - 3_000)
    hub.wait(500)
    hub.lose(100)
    hub.back(130)
    hub.wait(100)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]  # the first short interruption was the reboot
    hub = world()
    activate(hub, due_utc=now_utc(hub) - 3_700)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_it_waits_for_the_end_of_an_outage_that_is_open_at_its_time(scheduled):
    hub, due = scheduled()
    hub.wait_until(due - 120)
    hub.lose(400)
    hub.back(90)
    assert hub.ad1s() == [PLAIN]
    hub.lose(200)
    assert hub.ad1s() == [PLAIN, TAG]


def test_it_waits_behind_the_meters_own_word(scheduled):
    hub, due = scheduled()
    hub.wait_until(due - 300)
    assert hub.declare(300, valid_s=600) == "flag_ack"
    hub.wait_until(due + 400)  # that one is over unused
    hub.lose(200)
    assert [entry.values["source"] for entry in hub.journaled("decision")] == [s.SOURCE_INFERRED]


def test_a_time_of_2126_keeps_the_hub_running(world):
    hub = world()
    activate(hub, due_utc=0xEFFFFFFF)
    hub.wait(3 * 86_400)
    hub.reset()
    hub.wait(30)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_one_that_set_nothing_sets_nothing_after_a_restart_either(world):
    hub = world()
    hub.lose(20)
    activate(hub)
    message = hub.last_message
    hub.back(30)
    hub.reset()
    hub.wait(30)
    hub.deliver(*message)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]
