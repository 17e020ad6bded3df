"""A WAN that is down, flaps, or loses acknowledgements: every outage arrives, and has one effect."""

import itertools

import pytest

from chf.wire import schema as s
from hil import lines

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TO_HUB = (s.LINK_WAN, True)


@pytest.mark.requirement("WAN-01")
def test_a_wan_that_is_down_at_the_threshold_gets_the_alert_later(lab):
    hub = lab()
    hub.lose(100)
    hub.headend.online = False
    hub.until(500)
    hub.headend.online = True
    hub.until(1_000)
    assert hub.decisions() == [PLAIN]
    assert hub.headend.alerts[0].revision == 1


@pytest.mark.requirement("WAN-01", "WAN-06")
def test_a_flapping_wan_gets_every_alert_once(lab):
    hub = lab()
    for _ in range(3):
        hub.lose(170)
        for turn in range(12):
            hub.headend.online = turn % 2 == 1
            hub.advance_s(7)
        hub.headend.online = False
        hub.back()
    hub.headend.online = True
    hub.advance_s(900)
    assert hub.decisions() == [PLAIN] * 3
    assert len({alert.id for alert in hub.headend.alerts}) == 3
    assert len(hub.headend.restorations) == 3
    assert hub.state()["queued"] == 0


@pytest.mark.requirement("WAN-01", "WAN-06")
def test_a_lost_acknowledgement_has_no_second_effect(lab):
    hub = lab()
    hub.bench.tamper[TO_HUB] = lines.without("ad1_ack", 2)
    hub.outage(260)
    hub.advance_s(60)
    assert hub.decisions() == [PLAIN]
    assert hub.headend.repeats >= 2
    assert {heard.fields["revision"] for heard in hub.heard("ad1")} == {1}
    assert hub.state()["queued"] == 0


@pytest.mark.requirement("WAN-02", "WAN-06")
def test_a_lost_acknowledgement_of_restored_has_no_second_effect(lab):
    hub = lab()
    hub.bench.tamper[TO_HUB] = lines.without("restored_ack", 3)
    hub.outage(190)
    hub.advance_s(120)
    told = hub.heard("restored")
    assert len(told) == 4
    assert len({tuple(sorted(heard.fields.items())) for heard in told}) == 1
    assert hub.state()["queued"] == 0


@pytest.mark.requirement("WAN-07")
def test_restored_does_not_wait_for_the_alerts_acknowledgement(lab):
    hub = lab()
    hub.bench.tamper[TO_HUB] = lines.without("ad1_ack")
    hub.outage(190)
    hub.advance_s(20)
    assert len(hub.headend.restorations) == 1
    assert hub.state()["queued"] == 1


@pytest.mark.requirement("WAN-07")
def test_the_alert_does_not_wait_for_the_acknowledgement_of_restored(lab):
    hub = lab()
    hub.headend.online = False
    hub.outage(190)
    hub.bench.tamper[TO_HUB] = lines.without("restored_ack")
    hub.headend.online = True
    hub.advance_s(30)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("WAN-01", "WAN-02", "WAN-06")
@pytest.mark.parametrize("kind", [s.RESTART_RESET, s.RESTART_WATCHDOG])
def test_an_unacknowledged_alert_is_carried_over_restarts(lab, kind):
    hub = lab()
    hub.headend.online = False
    hub.outage(200)
    for _ in range(3):
        hub.restart(kind)
    hub.headend.online = True
    hub.advance_s(30)
    assert hub.decisions() == [PLAIN]
    assert hub.headend.alerts[0].revision == 1
    assert hub.lasted() == [200]
    hub.restart(kind)
    hub.advance_s(30)
    assert hub.headend.repeats == 0
    assert hub.state()["queued"] == 0


@pytest.mark.requirement("WAN-01", "WAN-06")
@pytest.mark.needs("power-cut")
def test_an_unacknowledged_alert_is_carried_over_a_power_cut(lab):
    hub = lab()
    hub.headend.online = False
    hub.outage(200)
    lost = hub.heard("ad1")[0].fields["id"]
    hub.power_cut()
    hub.headend.online = True
    hub.advance_s(90)
    assert [alert.level for alert in hub.headend.alerts if alert.id == lost] == [s.LEVEL_PLAIN]
    assert lost in [fields["id"] for _, fields in hub.headend.restorations]


@pytest.mark.requirement("WAN-03")
@pytest.mark.needs("stepped-time")
def test_repeats_back_off_to_five_minutes_with_a_random_part(lab):
    hub = lab()
    hub.bench.tamper[TO_HUB] = lines.without("ad1_ack")
    hub.lose(185)
    hub.back(2.0)  # from here on a new row of repeats
    start_ms = hub.now_ms
    hub.advance_s(3_600)
    at_ms = [heard.at_ms for heard in hub.heard("ad1", start_ms)]
    waits = [(later - earlier) / 1000 for earlier, later in itertools.pairwise(at_ms)]
    base = 5.0
    for wait in waits:
        assert base <= wait <= 1.5 * base + 0.2
        base = min(300.0, 2 * base)
    assert len(waits) >= 12
    assert len({round(wait) for wait in waits if wait >= 300}) > 2


@pytest.mark.requirement("WAN-04")
@pytest.mark.parametrize("outages", [8, 9, 13])
def test_more_outages_than_the_queue_holds_are_merged_and_counted(lab, outages):
    hub = lab()
    hub.headend.online = False
    for _ in range(outages):
        hub.outage(181)
    assert hub.state()["queued"] == 8
    hub.headend.online = True
    hub.advance_s(900)
    stands_for = {alert.id: alert.fields["merged"] + 1 for alert in hub.headend.alerts}
    assert len(stands_for) == 8
    assert sum(stands_for.values()) == outages
    merged = [alert for alert in hub.headend.alerts if alert.fields["merged"]]
    assert all((alert.level, alert.cause) == (s.LEVEL_PLAIN, s.CAUSE_MERGED) for alert in merged)
    assert hub.state()["queued"] == 0


@pytest.mark.requirement("WAN-04", "WAN-01")
def test_merged_alerts_are_carried_over_a_restart(lab):
    hub = lab()
    hub.headend.online = False
    for _ in range(11):
        hub.outage(181)
    hub.restart()
    assert hub.state()["queued"] == 8
    hub.headend.online = True
    hub.advance_s(900)
    assert sum({alert.id: alert.fields["merged"] + 1 for alert in hub.headend.alerts}.values()) == 11


@pytest.mark.requirement("WAN-05")
@pytest.mark.parametrize(
    ("changes", "options"),
    [({"id": bytes(12)}, {}), ({"revision": 0}, {}), ({"revision": 9}, {}), ({}, {"key": bytes(32)})],
)
def test_an_acknowledgement_that_does_not_fit_ends_nothing(lab, changes, options):
    hub = lab()
    hub.headend.acknowledge = False
    hub.lose(182)
    ad1 = hub.heard("ad1")[0].fields
    hub.headend.send("ad1_ack", {"id": ad1["id"], "revision": ad1["revision"], **changes}, **options)
    hub.until(200)
    assert len(hub.heard("ad1")) >= 2
    assert hub.state()["queued"] == 1


@pytest.mark.requirement("WAN-05", "WAN-06")
def test_the_acknowledgement_of_an_older_revision_does_not_end_the_newer_ones_repeats(lab):
    hub = lab()
    assert hub.declare(190, 600)
    hub.bench.tamper[TO_HUB] = lines.without("ad1_ack")
    hub.lose(192)
    first, second = hub.headend.alerts
    assert (first.revision, second.revision) == (1, 2)
    hub.bench.tamper.clear()
    hub.headend.acknowledge = False
    hub.headend.send("ad1_ack", {"id": first.id, "revision": 1})
    told_ms = hub.now_ms
    hub.until(240)
    assert {heard.fields["revision"] for heard in hub.heard("ad1", told_ms)} == {2}
    hub.headend.send("ad1_ack", {"id": first.id, "revision": 2})
    hub.advance_s(1)
    told_ms = hub.now_ms
    hub.advance_s(600)
    assert hub.heard("ad1", told_ms) == []
