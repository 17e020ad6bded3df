"""The interruption of the hub's supply: declared where it is long, within the flag's life, no longer than was said."""

import pytest

from hil.esme.meter import DECLARE_MS, LATE_MS
from hil.suite import Unmet

pytestmark = pytest.mark.needs("activate", "supply-sense")
LONG_MS = 180_000


def last_report(meter):
    """Wait until the meter has reported its activation, or would have."""
    meter.wait(LATE_MS, lambda: any(one.name == "activation_complete" for _, one in meter.hub.acked))


@pytest.mark.requirement("GAP-01")
def test_an_interruption_of_three_minutes_is_declared(lab):
    meter = lab()
    meter.trigger()
    meter.wait(DECLARE_MS, lambda: bool(meter.said()) or meter.lost())
    if not meter.lost() and not meter.said():
        meter.await_declaration()
    if not meter.lost():
        meter.wait(1_000 * meter.said()[-1].fields["valid_s"], meter.lost)
    if not meter.lost():
        meter.await_loss()
    gap = meter.await_back()
    why = meter.uncovered(gap.lost_ms)
    if why not in (None, "DEC-01", "DEC-02"):
        raise Unmet(why, "The hub's flag did not cover the interruption.")
    assert why is None or gap.back_ms - gap.lost_ms < LONG_MS, "the hub alerts, and the network operator sends somebody"


@pytest.mark.requirement("GAP-02")
@pytest.mark.parametrize("copy", [1, 5])
def test_the_loss_begins_while_the_declaration_holds(lab, copy):
    meter = lab()
    meter.hub.mood = lambda said: meter.hub.as_it_must(said) if len(meter.repeats(said)) >= copy else None
    meter.trigger()
    meter.await_declaration()
    meter.await_loss()


@pytest.mark.requirement("GAP-03")
def test_supply_is_back_when_it_was_said_to_be(lab):
    meter = lab()
    meter.activated()
    said = meter.messages_said("activation_pending")[-1]
    for gap in meter.gaps():
        assert gap.back_ms - gap.lost_ms <= 1_000 * said.fields["expected_outage_s"] + meter.slack_ms


@pytest.mark.requirement("GAP-04")
def test_each_further_interruption_is_covered(lab):
    meter = lab()
    meter.activated()
    last_report(meter)
    for gap in meter.gaps()[1:]:
        assert meter.uncovered(gap.lost_ms) is None, "the hub has no flag any more"
