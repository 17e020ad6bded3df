"""The inferred flag: what a relayed CS06 explains of an outage, and for how long; and that the relay stays a relay."""

import pytest

from chf.wire import schema as s
from hil import legacy
from hil.legacy import activate, says
from host_tools.gbcs import build

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
LIFE_MS = 1_000 * legacy.LIFE_S


# ---- at once


@pytest.mark.requirement("INF-01")
def test_an_activation_that_was_relayed_tags_the_outage_that_follows(lab):
    hub = lab()
    counter = activate(hub)
    hub.outage(200)
    assert hub.decisions() == [TAGGED]
    ad1 = hub.headend.alerts[0].fields
    assert (ad1["source"], ad1["window_s"]) == (s.SOURCE_INFERRED, 600)
    assert int.from_bytes(ad1["flag_counter"], "big") == counter
    assert [fields["level"] for _, fields in hub.headend.restorations] == [s.LEVEL_TAGGED]


@pytest.mark.requirement("INF-01", "INF-16")
@pytest.mark.parametrize("form", [{}, {"signed": False}, {"ciphered": False}, {"signed": False, "ciphered": False}])
def test_it_counts_with_and_without_signature_and_ciphering(lab, form):
    hub = lab()
    heading = legacy.heading(hub, legacy.new_counter(hub), sent_utc=legacy.now_utc(hub), **form)
    assert legacy.relay(hub, build.activate(heading, legacy.IMAGE))["name"] == "command_ack"
    hub.outage(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("INF-02")
@pytest.mark.parametrize("recipient", ["gas meter", "hub", "supplier"])
def test_an_activation_of_another_device_explains_nothing(lab, recipient):
    hub = lab()
    activate(hub, recipient={"gas meter": legacy.OTHER, "hub": hub.esme.hub, "supplier": legacy.SUPPLIER}[recipient])
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("INF-02")
@pytest.mark.parametrize("way", ["supplier to meter", "meter to supplier"])
def test_what_comes_from_the_han_sets_no_flag(lab, way):
    hub = lab()
    heading = legacy.heading(hub, legacy.new_counter(hub))
    says(hub, build.activate(heading if way == "supplier to meter" else heading.answer(), legacy.IMAGE))
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("INF-03")
@pytest.mark.parametrize("out_s", [1, 30, 185])
def test_an_activation_that_comes_while_supply_is_out_explains_nothing(lab, out_s):
    hub = lab()
    hub.lose(out_s)
    activate(hub)
    hub.until(200)
    hub.back()
    assert hub.decisions() == [PLAIN]
    assert hub.headend.alerts[0].fields["source"] == s.SOURCE_NONE


@pytest.mark.requirement("INF-04")
@pytest.mark.needs("stepped-time")
def test_a_loss_in_the_last_millisecond_of_its_hour_is_covered(lab):
    hub = lab()
    sent_ms = hub.now_ms  # it is taken no earlier than this
    activate(hub)
    hub.bench.advance(sent_ms + LIFE_MS - 1 - hub.now_ms)
    hub.outage(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("INF-04")
@pytest.mark.needs("stepped-time")
def test_a_loss_a_millisecond_after_its_hour_is_not(lab):
    hub = lab()
    activate(hub)
    hub.bench.advance(hub.headend.answers[-1][0] + LIFE_MS + 1 - hub.now_ms)
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("INF-04")
@pytest.mark.needs("stepped-time")
def test_an_outage_longer_than_its_window_rises_to_plain_at_600_s(lab):
    hub = lab()
    activate(hub)
    hub.lose(610)
    assert hub.decisions() == [TAGGED, OVERRUN]
    assert 600_000 <= hub.heard("ad1")[-1].at_ms - hub.lost_at_ms <= 601_000


@pytest.mark.requirement("INF-18")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(("out_s", "after_s", "expected"), [(5, 119.9, TAGGED), (5, 120.1, PLAIN), (4.9, 300, TAGGED)])
def test_the_first_reboot_of_five_seconds_leaves_it_two_minutes(lab, out_s, after_s, expected):
    hub = lab()
    activate(hub)
    hub.lose(out_s)
    hub.back(after_s)
    hub.outage(190)
    assert hub.decisions() == [expected]


@pytest.mark.requirement("INF-10")
def test_one_activation_explains_one_outage_however_often_it_is_sent(lab):
    hub = lab()
    counter = activate(hub)
    hub.outage(190)
    hub.outage(190)
    activate(hub, counter=counter)  # the same CS06 once more, under the head-end's next counter
    hub.outage(190)
    activate(hub)
    hub.outage(190)
    assert hub.decisions() == [TAGGED, PLAIN, PLAIN, TAGGED]


@pytest.mark.requirement("INF-10")
@pytest.mark.needs("stepped-time")
def test_the_same_activation_relayed_again_gives_no_more_life(lab):
    hub = lab()
    counter = activate(hub)
    hub.advance_s(3_000)
    activate(hub, counter=counter)
    hub.advance_s(700)
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


# ---- policies


@pytest.mark.requirement("INF-05")
@pytest.mark.parametrize(
    ("policy", "expected"), [(s.POLICY_ALERT, PLAIN), (s.POLICY_TAG, TAGGED), (s.POLICY_SUPPRESS, TAGGED)]
)
def test_no_policy_for_declared_flags_holds_an_inferred_one_back(lab, policy, expected):
    hub = lab(policy)
    activate(hub)
    hub.outage(200)
    assert hub.decisions() == [expected]
    assert hub.heard("hold_notice") == []


@pytest.mark.requirement("INF-05")
@pytest.mark.needs("journal-image")
@pytest.mark.parametrize("out_s", [300, 610])
def test_suppress_inferred_holds_it_back_for_its_window(lab, out_s):
    hub = lab(s.POLICY_SUPPRESS_INFERRED)
    activate(hub)
    hub.outage(out_s)
    (notice,) = hub.heard("hold_notice")
    assert (notice.fields["source"], notice.fields["window_s"]) == (s.SOURCE_INFERRED, 600)
    assert hub.decisions() == ([] if out_s < 600 else [OVERRUN])
    assert len(hub.headend.restorations) == 1


# ---- relayed, whatever it is


@pytest.mark.requirement("INF-16")
@pytest.mark.parametrize("spoiled", ["cut", "longer", "length", "time", "hash"])
def test_what_cannot_be_read_is_relayed_and_is_no_flag(lab, spoiled):
    hub = lab()
    heading = legacy.heading(hub, legacy.new_counter(hub), ciphered=False, signed=False)
    good = build.activate(heading, legacy.IMAGE, legacy.now_utc(hub))
    gbcs = {
        "cut": good[:-1],
        "longer": good + b"\0",
        "length": good.replace(b"\x04\x20", b"\x04\x81\x20"),
        "time": build.activate(heading, legacy.IMAGE, legacy.now_utc(hub)).replace(b"Z\0", b"+\0"),
        "hash": good.replace(b"\x04\x20", b"\x04\x1f"),
    }[spoiled]
    assert gbcs != good
    assert legacy.relay(hub, gbcs)["name"] == "command_ack"
    assert hub.esme.relayed == [gbcs]
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("INF-17", "LINE-05")
def test_messages_of_any_length_go_both_ways_untouched_while_it_is_pending(lab):
    hub = lab()
    activate(hub)
    activate(hub, due_utc=legacy.now_utc(hub) + 86_400)
    hub.esme.relayed.clear()
    messages = [bytes(n & 0xFF for n in range(length)) for length in (0, 1, 36, 37, 264, 265, 1_499, 1_500)]
    messages += [build.other(legacy.heading(hub, 1), build.COMMAND, 0x0013, length) for length in (300, 1_400)]
    for gbcs in messages:
        assert legacy.relay(hub, gbcs)["name"] == "command_ack"
        says(hub, gbcs)
    assert hub.esme.relayed == messages
    assert hub.headend.relayed == messages
    hub.outage(190)
    assert hub.decisions() == [TAGGED]
