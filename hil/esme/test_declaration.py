"""The declaration: before the supply goes, in range, of the meter's own image, under its own key."""

import pytest

from hil.suite import Unmet

pytestmark = pytest.mark.needs("activate")
SILENT_MS = 150_000


@pytest.mark.requirement("DEC-01")
def test_an_activation_is_declared_before_the_supply_goes(lab):
    meter = lab()
    meter.trigger()
    said = meter.await_declaration()
    assert not any(gap.lost_ms < said.at_ms for gap in meter.gaps())


@pytest.mark.requirement("DEC-02")
@pytest.mark.needs("supply-sense")
def test_without_an_answer_the_supply_stays(lab):
    meter = lab()
    meter.hub.mood = meter.hub.silent
    meter.trigger()
    meter.await_declaration()
    assert not meter.wait(SILENT_MS, meter.lost), "the supply went, and nothing was acknowledged"


@pytest.mark.requirement("DEC-02")
@pytest.mark.needs("supply-sense")
@pytest.mark.parametrize("copy", [2, 5])
def test_the_supply_goes_after_the_acknowledgement_of_a_repeat(lab, copy):
    meter = lab()
    meter.hub.mood = lambda said: meter.hub.ack(said) if len(meter.repeats(said)) >= copy else None
    meter.trigger()
    meter.await_declaration()
    gap = meter.await_loss()
    assert gap.lost_ms >= meter.hub.acked[0][0]


@pytest.mark.requirement("DEC-03")
def test_the_durations_are_in_range(lab):
    meter = lab()
    meter.trigger()
    fields = meter.await_declaration().fields
    assert 0 < fields["expected_outage_s"] <= 600
    assert 0 < fields["valid_s"] <= 3_600


@pytest.mark.requirement("DEC-04")
def test_every_message_names_this_meter_and_its_hub(lab):
    meter = lab()
    meter.hub.unsynced = True
    meter.activated()
    named = {(one.name, one.fields["esme"], one.fields["hub"]) for one in meter.hub.said}
    assert named == {(name, meter.esme, meter.hub_eui) for name, _, _ in named}


@pytest.mark.requirement("DEC-05")
def test_what_is_completed_is_what_was_declared(lab):
    meter = lab()
    completed = meter.activated()
    assert completed.fields["image_hash"] == meter.messages_said("activation_pending")[-1].fields["image_hash"]


@pytest.mark.requirement("AUT-01")
def test_all_that_it_says_verifies(lab):
    meter = lab()
    meter.activated()
    meter.advance_s(10)
    mine = {one.content for one in meter.hub.said}
    others = [one.content for one in meter.bench.capture if one.to_hub and one.content not in mine]
    if others:
        raise Unmet("AUT-01", f"This is no authentic message of a meter on HAN: {others[0].hex()}")
