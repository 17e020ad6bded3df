"""Time that is absent, late, jumps, sticks or goes stale."""

import pytest

from chf.wire import schema as s
from tests.core.model import UTC

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
