"""The threshold: 180.000 s without supply, 2.000 s of supply that count, and rails that oscillate around both."""

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)


@pytest.mark.requirement("OUT-02", "OUT-03")
@pytest.mark.needs("stepped-time")
def test_supply_back_one_millisecond_before_the_threshold_is_no_outage(lab):
    hub = lab()
    hub.lose(179.999)
    hub.back(10)
    assert hub.decisions() == []
    assert hub.heard("restored") == []


@pytest.mark.requirement("OUT-01", "OUT-07")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize("seconds", [180.000, 180.001])
def test_supply_back_at_or_after_the_threshold_is_an_outage(lab, seconds):
    hub = lab()
    hub.lose(seconds)
    hub.back(10)
    assert hub.decisions() == [PLAIN]
    ((_, restored),) = hub.headend.restorations
    assert restored["id"] == hub.headend.alerts[0].id
    assert (restored["duration_s"], restored["level"]) == (180, s.LEVEL_PLAIN)


@pytest.mark.requirement("OUT-01", "OUT-06")
def test_a_genuine_outage_is_alerted_within_a_second_of_the_threshold(lab):
    hub = lab()
    hub.lose(200)
    (ad1,) = hub.heard("ad1")
    assert 180_000 <= ad1.at_ms - hub.lost_at_ms <= 181_000
    assert hub.decisions() == [PLAIN]
    assert (ad1.fields["source"], ad1.fields["elapsed_s"]) == (s.SOURCE_NONE, 180)


@pytest.mark.requirement("OUT-04")
@pytest.mark.needs("stepped-time")
def test_a_return_of_1_999_s_changes_nothing(lab):
    hub = lab()
    hub.lose(60)
    hub.back(1.999)
    hub.rig.set_supply(False)
    hub.until(190)
    (ad1,) = hub.heard("ad1")
    assert 180_000 <= ad1.at_ms - hub.lost_at_ms <= 181_000


@pytest.mark.requirement("OUT-03")
@pytest.mark.needs("stepped-time")
def test_a_return_of_2_000_s_ends_the_outage_and_the_next_loss_counts_from_zero(lab):
    hub = lab()
    hub.lose(60)
    hub.back(2.000)
    hub.lose(179)
    assert hub.decisions() == []
    hub.until(182)
    (ad1,) = hub.heard("ad1")
    assert 180_000 <= ad1.at_ms - hub.lost_at_ms <= 181_000


@pytest.mark.requirement("OUT-05", "OUT-03")
@pytest.mark.needs("stepped-time")
def test_a_return_that_straddles_the_threshold_and_lasts_is_no_outage(lab):
    hub = lab()
    hub.lose(179.5)
    hub.back(20)
    assert hub.decisions() == []


@pytest.mark.requirement("OUT-05", "OUT-04")
@pytest.mark.needs("stepped-time")
def test_a_return_that_straddles_the_threshold_and_fails_alerts_at_once(lab):
    hub = lab()
    hub.lose(179.5)
    hub.back(1.9)
    assert hub.decisions() == []
    hub.rig.set_supply(False)
    hub.until(182.4)
    (ad1,) = hub.heard("ad1")
    assert ad1.at_ms - hub.lost_at_ms >= 181_400
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("OUT-04", "OUT-07")
@pytest.mark.needs("stepped-time")
def test_a_short_return_after_the_alert_is_not_told_as_restored(lab):
    hub = lab()
    hub.lose(200)
    hub.back(1.5)
    hub.rig.set_supply(False)
    hub.until(250)
    assert hub.heard("restored") == []
    hub.back()
    assert hub.decisions() == [PLAIN]
    assert [fields["duration_s"] for _, fields in hub.headend.restorations] == [250]


@pytest.mark.requirement("OUT-01", "OUT-04")
@pytest.mark.needs("stepped-time")
def test_a_rail_that_flaps_across_the_threshold_is_one_outage(lab):
    hub = lab()
    hub.lose(170)
    for _ in range(20):
        hub.back(0.6)
        hub.rig.set_supply(False)
        hub.advance_s(0.4)
    assert hub.decisions() == [PLAIN]
    hub.back()
    assert len(hub.headend.restorations) == 1
    assert hub.headend.restorations[0][1]["duration_s"] == 190


@pytest.mark.requirement("OUT-01", "OUT-04")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(("out_s", "good_s"), [(1.0, 1.0), (0.3, 1.9), (20.0, 1.0)])
def test_a_rail_that_never_holds_for_two_seconds_is_alerted_at_its_first_loss_past_the_threshold(lab, out_s, good_s):
    hub = lab()
    hub.lose()
    while hub.now_ms - hub.lost_at_ms < 200_000:
        hub.rig.set_supply(False)
        hub.advance_s(out_s)
        hub.rig.set_supply(True)
        hub.advance_s(good_s)
    (ad1,) = hub.heard("ad1")
    assert 180_000 <= ad1.at_ms - hub.lost_at_ms <= 181_000 + good_s * 1000
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("OUT-02", "OUT-03")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(("out_s", "good_s", "cycles"), [(3.0, 3.0, 100), (60.0, 2.0, 12), (179.9, 2.0, 4)])
def test_a_rail_that_always_holds_for_two_seconds_is_never_alerted(lab, out_s, good_s, cycles):
    hub = lab()
    for _ in range(cycles):
        hub.lose(out_s)
        hub.back(good_s)
    hub.advance_s(10)
    assert hub.decisions() == []


@pytest.mark.requirement("OUT-08")
@pytest.mark.needs("stepped-time", "erase-count")
@pytest.mark.timeout(30)
@pytest.mark.parametrize(("out_s", "good_s", "hours"), [(1.0, 1.0, 0.25), (6.0, 3.0, 1.0), (31.0, 3.0, 1.0)])
def test_an_oscillating_rail_spares_the_flash(lab, out_s, good_s, hours):
    hub = lab()
    before = hub.rig.erases
    end_ms = hub.now_ms + hours * 3_600_000
    while hub.now_ms < end_ms:
        hub.lose(out_s)
        hub.back(good_s)
    assert hub.rig.erases - before <= 48 * hours


@pytest.mark.requirement("OUT-09")
def test_ids_of_outages_differ_within_a_run_of_the_hub_and_over_restarts(lab):
    hub = lab()
    for _ in range(2):
        hub.outage(182)
        hub.outage(182)
        hub.restart()
    ids = [alert.id for alert in hub.headend.alerts]
    assert len(ids) == 4
    assert len(set(ids)) == 4
    assert {identity[:4] for identity in ids} == {ids[0][:4]}
