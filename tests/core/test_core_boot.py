"""What a restarted hub makes of its journals: no outage on record, or an open one that a restart interrupted."""

import pytest

from chf.wire import schema as s

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
UNKNOWN = (s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION)


# ---- no outage on record


def test_a_freshly_formatted_journal_is_no_outage(world):
    hub = world()
    hub.wait(600)
    assert hub.ad1s() == []
    assert [entry.name for entry in hub.hub.log if entry.kind == "journal"] == ["format", "boot"]


def test_a_fresh_hub_without_supply_times_the_outage_from_its_boot(world):
    hub = world(power_on=False)
    hub.lose()
    lost = hub.now
    hub.boot(s.RESET_POWER_ON)
    hub.wait(200)
    assert [entry.time - lost for entry in hub.sent("ad1")] == [180_000]


def test_a_clean_stop_and_a_power_on_is_no_outage(world):
    hub = world()
    hub.step("stop")
    hub.power_cut()
    hub.wait(3_600)
    hub.boot(s.RESET_POWER_ON)
    hub.wait(600)
    assert hub.ad1s() == []


def test_a_clean_mark_counts_only_as_the_last_record(world):
    hub = world()
    hub.step("stop")
    hub.lose(6)
    hub.back(5)
    hub.power_cut()
    hub.wait(600)
    hub.boot(s.RESET_POWER_ON)
    hub.wait(100)
    assert hub.ad1s() == [UNKNOWN]


def test_a_clean_stop_in_an_outage_is_not_clean(world):
    hub = world()
    hub.lose(100)
    hub.step("stop")
    assert hub.journaled("alive") == []


def test_a_power_on_without_a_clean_mark_is_an_outage_of_unknown_duration(world):
    hub = world()
    hub.wait(3_600)
    hub.power_cut()
    hub.wait(30)
    start = hub.now
    hub.boot(s.RESET_POWER_ON)
    hub.wait(120)
    assert hub.ad1s() == [UNKNOWN]
    told = hub.sent("ad1")[0]
    assert told.time - start == 60_000
    assert told.values["elapsed_s"] == s.UNKNOWN_S
    assert {entry.values["duration_s"] for entry in hub.sent("restored")} == {s.UNKNOWN_S}


def test_unless_the_hub_is_known_to_have_run_less_than_180_s_ago(world):
    hub = world()
    hub.set_policy(s.POLICY_TAG)
    hub.declare()  # its record has the time
    hub.wait(20)
    hub.power_cut()
    hub.wait(100)
    hub.boot(s.RESET_POWER_ON)
    hub.wait(120)
    assert hub.ad1s() == []


def test_a_reset_with_supply_good_and_nothing_open_is_nothing(world):
    hub = world()
    hub.reset()
    hub.wait(600)
    assert hub.ad1s() == []


# ---- an open outage


def test_a_reset_resumes_the_same_outage(world):
    hub = world()
    lost = hub.now
    hub.lose(100)
    hub.time_offset_s = None
    hub.reset(0.5)
    hub.wait(150)
    assert len({entry.values["id"] for entry in hub.hub.log if "id" in entry.values}) == 1
    assert hub.ad1s() == [PLAIN]
    # 90 s were durable: it is 10.5 s late, and never early
    assert [entry.time - lost for entry in hub.sent("ad1")] == [190_500]


def test_a_reset_and_a_proven_time_count_what_the_reset_took(world):
    hub = world()
    lost = hub.now
    hub.lose(100)
    hub.reset(30)
    hub.wait(150)
    # The time proves all but its 5 s of slack, of whole seconds.
    assert 180_000 <= hub.sent("ad1")[0].time - lost <= 187_000


def test_a_reset_in_the_first_seconds_of_a_loss_does_not_hide_them(world):
    hub = world()
    hub.lose(4.9)
    hub.reset(0.2)
    hub.wait(175.4)
    hub.back(70)
    assert hub.ad1s() == [UNKNOWN]


@pytest.mark.parametrize("wait_s, told", [(134, []), (136, [UNKNOWN])])
def test_of_a_loss_found_at_boot_45_s_may_have_gone_unseen(world, wait_s, told):
    hub = world()
    hub.lose(4.9)
    hub.reset(0.2)
    hub.wait(wait_s)
    hub.back(70)
    assert hub.ad1s() == told


def test_a_reset_in_the_first_seconds_of_a_short_loss_is_no_outage(world):
    hub = world()
    hub.lose(4.9)
    hub.reset(0.2)
    hub.wait(100)
    hub.back(70)
    assert hub.ad1s() == []


def test_a_row_of_resets_still_counts_to_an_alert(world):
    hub = world()
    hub.lose(1)
    for _ in range(3):
        hub.reset(0.2)
        hub.wait(3)
    assert hub.ad1s() == [UNKNOWN]


@pytest.mark.parametrize("dead_s, told", [(30, []), (100, [PLAIN])])
def test_power_on_with_an_open_outage_and_a_proven_time(world, dead_s, told):
    hub = world()
    hub.lose(90)
    hub.power_cut()
    hub.wait(dead_s)
    hub.back(100)
    assert hub.ad1s() == told
    assert len({entry.values["id"] for entry in hub.hub.log if "id" in entry.values}) == 1


def test_what_the_time_cannot_tell_from_180_s_is_alerted(world):
    hub = world()
    hub.lose(90)
    hub.power_cut()
    hub.wait(87)
    hub.back(100)
    assert hub.ad1s() == [UNKNOWN]


def test_power_on_with_an_open_outage_and_no_time_alerts_after_60_s(world):
    hub = world()
    hub.lose(30)
    hub.time_offset_s = None
    hub.power_cut()
    hub.wait(30)
    hub.back(0.1)
    start = hub.now
    hub.wait(200)
    assert hub.ad1s() == [UNKNOWN]
    assert [entry.time - start for entry in hub.sent("ad1")] == [60_000]


def test_and_no_later_for_a_time_that_comes_after_that(world):
    hub = world()
    hub.lose(30)
    hub.time_offset_s = None
    hub.power_cut()
    hub.wait(30)
    hub.back(50)
    hub.time_offset_s = 0
    hub.wait(100)
    assert hub.ad1s() == []


def test_power_on_with_supply_still_out_alerts_after_60_s(world):
    hub = world()
    hub.lose(30)
    hub.time_offset_s = None
    hub.power_cut()
    hub.wait(30)
    start = hub.now
    hub.boot(s.RESET_POWER_ON)
    hub.wait(100)
    assert hub.ad1s() == [UNKNOWN]
    assert [entry.time - start for entry in hub.sent("ad1")] == [60_000]


def test_and_a_return_that_does_not_last_does_not_put_that_off(world):
    hub = world()
    hub.lose(30)
    hub.time_offset_s = None
    hub.power_cut()
    hub.wait(10)
    start = hub.now
    hub.boot(s.RESET_POWER_ON)
    hub.wait(20)
    hub.back(1)
    hub.lose(100)
    assert hub.sent("ad1")[0].time - start <= 60_000 + 2_000


@pytest.mark.parametrize("lit", [False, True])
def test_a_second_unproven_reset_alerts_at_once(world, lit):
    hub = world()
    hub.time_offset_s = None
    hub.lose(40)
    hub.reset(0.5)
    hub.wait(10)
    assert hub.ad1s() == []
    if lit:
        hub.back(1)
    hub.reset(0.5)
    hub.wait(0.5)
    assert hub.ad1s() == [UNKNOWN]


def test_a_second_reset_after_a_proven_one_is_the_first_again(world):
    hub = world()
    hub.lose(40)
    hub.reset(0.5)
    hub.wait(20)
    hub.reset(0.5)
    hub.wait(20)
    hub.back(10)
    assert hub.ad1s() == []


def test_a_hub_that_restarts_again_and_again_alerts(world):
    hub = world()
    hub.time_offset_s = None
    hub.lose(40)
    hub.power_cut()
    hub.wait(100)
    hub.back(0)
    for _ in range(5):
        hub.wait(20)
        hub.reset(0.5)
    assert hub.ad1s() == [UNKNOWN]


def test_a_suspect_power_on_counts_as_unproven(world):
    hub = world()
    hub.time_offset_s = None
    hub.power_cut()
    hub.wait(100)
    hub.boot(s.RESET_POWER_ON)
    hub.wait(10)
    hub.reset(0.5)
    hub.wait(1)
    assert hub.ad1s() == [UNKNOWN]


def test_a_suspect_power_on_is_of_unknown_duration_over_a_restart_too(world):
    hub = world()
    hub.declare()  # its record has the time
    hub.wait(7_200)
    hub.power_cut()
    hub.wait(10)
    hub.boot(s.RESET_POWER_ON)
    hub.wait(0.01)
    hub.reset(0.5)
    hub.wait(200)
    assert hub.ad1s() == [UNKNOWN]
    assert hub.sent("ad1")[0].values["elapsed_s"] == s.UNKNOWN_S
