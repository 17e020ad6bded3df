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
    (restored,) = hub.headend.restorations
    assert restored[1]["id"] == hub.headend.alerts[0].id
    assert restored[1]["duration_s"] == 180


@pytest.mark.requirement("OUT-01", "OUT-06")
def test_a_genuine_outage_is_alerted_within_a_second_of_the_threshold(lab):
    hub = lab()
    hub.lose(200)
    (ad1,) = hub.heard("ad1")
    assert 180_000 <= ad1.at_ms - hub.lost_at_ms <= 181_000
    assert hub.decisions() == [PLAIN]
    assert ad1.fields["source"] == s.SOURCE_NONE
    assert ad1.fields["elapsed_s"] == 180
