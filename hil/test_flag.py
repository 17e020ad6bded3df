"""The pending flag: what it covers, for how long, and how it ends. What is decided under it: test_policy.py."""

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)


@pytest.mark.requirement("FLAG-01")
def test_an_outage_under_a_declared_flag_is_tagged(lab):
    hub = lab()
    assert hub.declare(400, 600)
    hub.outage(190)
    assert hub.decisions() == [TAGGED]
    ad1 = hub.headend.alerts[0].fields
    assert (ad1["source"], ad1["window_s"], ad1["policy"]) == (s.SOURCE_DECLARED, 400, s.POLICY_TAG)
    assert ad1["flag_counter"] == hub.esme.acked[-1][1]["counter"]


@pytest.mark.requirement("FLAG-02")
@pytest.mark.parametrize("at_s", [0.5, 100, 185])
def test_a_flag_that_comes_after_the_loss_explains_nothing(lab, at_s):
    hub = lab()
    hub.lose(at_s)
    assert not hub.declare()
    assert hub.answers() == ["busy"]
    hub.until(200)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("FLAG-02")
@pytest.mark.needs("stepped-time")
def test_a_flag_that_comes_in_a_return_that_is_not_qualified_explains_nothing(lab):
    hub = lab()
    hub.lose(30)
    hub.back(0.5)
    hub.send_flag()
    hub.rig.set_supply(False)
    hub.until(190)
    assert hub.answers() == ["busy"]
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("FLAG-03")
def test_a_flag_that_has_expired_before_the_loss_explains_nothing(lab):
    hub = lab()
    assert hub.declare(400, 20)
    hub.advance_s(21)
    assert hub.flag() == s.FLAG_EXPIRED
    hub.outage(190)
    assert hub.decisions() == [PLAIN]
    assert hub.headend.alerts[0].fields["source"] == s.SOURCE_NONE


@pytest.mark.requirement("FLAG-03")
@pytest.mark.needs("stepped-time")
def test_a_flag_covers_a_loss_in_its_last_millisecond(lab):
    hub = lab()
    sent_ms = hub.now_ms  # it is accepted no earlier than this
    assert hub.declare(400, 60)
    hub.bench.advance(sent_ms + 60_000 - 1 - hub.now_ms)
    hub.outage(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("FLAG-03")
@pytest.mark.needs("stepped-time")
def test_a_flag_does_not_cover_a_loss_a_millisecond_after_its_life(lab):
    hub = lab()
    assert hub.declare(400, 60)
    acknowledged_ms = hub.esme.acked[-1][0]  # it was accepted no later than this
    hub.bench.advance(acknowledged_ms + 60_000 + 1 - hub.now_ms)
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("FLAG-03", "FLAG-01")
def test_a_flag_that_would_expire_during_the_outage_still_covers_it(lab):
    hub = lab()
    assert hub.declare(400, 30)
    hub.outage(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("FLAG-04")
def test_a_flag_explains_no_second_outage(lab):
    hub = lab()
    assert hub.declare(400, 3_600)
    hub.outage(190)
    hub.outage(190)
    assert hub.decisions() == [TAGGED, PLAIN]
    assert hub.flag() == s.FLAG_CONSUMED


@pytest.mark.requirement("FLAG-04")
def test_repeating_a_used_declaration_does_not_bring_the_flag_back(lab):
    hub = lab()
    assert hub.declare(400, 3_600)
    hub.outage(190)
    hub.esme.transmit(hub.last_sent("activation_pending"))
    hub.advance_s(1)
    assert hub.answers() == ["ack", "ack"]
    hub.outage(190)
    assert hub.decisions() == [TAGGED, PLAIN]


@pytest.mark.requirement("FLAG-05", "FLAG-13")
@pytest.mark.parametrize(
    ("message", "options", "state"),
    [
        ("cancel", {}, s.FLAG_REVOKED),
        ("complete", {"result": s.RESULT_SUCCESS}, s.FLAG_CONFIRMED),
        ("complete", {"result": 3}, s.FLAG_REVOKED),
    ],
)
def test_a_flag_that_has_ended_before_the_loss_explains_nothing(lab, message, options, state):
    hub = lab()
    assert hub.declare()
    hub.report(message, **options)
    assert hub.answers() == ["ack", "ack"]
    assert hub.flag() == state
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("FLAG-13")
def test_cancel_and_complete_are_accepted_without_a_flag_and_in_an_outage(lab):
    hub = lab()
    hub.report("cancel")
    hub.report("complete")
    hub.lose(20)
    hub.report("cancel")
    hub.report("complete")
    hub.until(200)
    hub.report("complete")
    assert hub.answers() == ["ack"] * 5
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("FLAG-06")
@pytest.mark.parametrize(("message", "options"), [("cancel", {}), ("complete", {}), ("complete", {"result": 1})])
def test_a_flag_that_ends_while_supply_is_out_ends_the_excuse_at_once(lab, message, options):
    hub = lab()
    assert hub.declare(600, 600)
    hub.lose(200)
    told_ms = hub.now_ms
    hub.report(message, **options)
    hub.advance_s(1)
    assert hub.decisions() == [TAGGED, OVERRUN]
    assert hub.heard("ad1")[-1].at_ms - told_ms <= 1_000


@pytest.mark.requirement("FLAG-06")
@pytest.mark.parametrize("message", ["cancel", "complete"])
def test_a_flag_that_ends_before_the_decision_leaves_a_plain_alert(lab, message):
    hub = lab()
    assert hub.declare(600, 600)
    hub.lose(100)
    hub.report(message)
    hub.until(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("FLAG-07")
@pytest.mark.parametrize("back_s", [1, 10])
def test_completion_once_supply_is_back_confirms_and_raises_nothing(lab, back_s):
    hub = lab()
    assert hub.declare(600, 600)
    hub.lose(200)
    hub.back(back_s)
    hub.report("complete")
    hub.advance_s(10)
    assert hub.decisions() == [TAGGED]
    assert [fields["level"] for _, fields in hub.headend.restorations] == [s.LEVEL_TAGGED]


@pytest.mark.requirement("FLAG-08")
@pytest.mark.needs("stepped-time")
def test_declarations_are_limited_and_the_last_accepted_one_stands(lab):
    hub = lab()
    for window_s in range(201, 209):
        assert hub.declare(window_s, 3_600)
    assert not hub.declare(600, 3_600)
    assert hub.answers()[-1] == "busy"
    hub.advance_s(450)
    assert hub.declare(300, 3_600)
    assert not hub.declare(600, 3_600)
    hub.outage(190)
    assert hub.headend.alerts[0].fields["window_s"] == 300


@pytest.mark.requirement("FLAG-09")
@pytest.mark.parametrize("field", ["esme", "hub"])
@pytest.mark.parametrize("message", ["activation_pending", "activation_cancel", "activation_complete"])
def test_a_message_for_another_meter_or_hub_is_refused(lab, message, field):
    hub = lab()
    assert hub.declare(400, 600)
    hub.send_flag(message, **{field: bytes(range(8))})
    assert hub.answers() == ["ack", "peer"]
    refusal = hub.heard("flag_refusal")[-1].fields
    assert (refusal["esme"], refusal["hub"]) == (hub.esme.esme, hub.esme.hub)
    hub.outage(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("FLAG-10")
@pytest.mark.parametrize(
    ("window_s", "valid_s"), [(0, 600), (601, 600), (65_535, 600), (400, 0), (400, 3_601), (400, 65_535)]
)
def test_durations_out_of_range_are_refused(lab, window_s, valid_s):
    hub = lab()
    hub.send_flag(expected_outage_s=window_s, valid_s=valid_s)
    assert hub.answers() == ["range"]
    assert hub.flag() != s.FLAG_PENDING


@pytest.mark.requirement("FLAG-10")
@pytest.mark.parametrize(("window_s", "valid_s"), [(1, 1), (600, 3_600)])
def test_durations_at_their_bounds_are_accepted(lab, window_s, valid_s):
    hub = lab()
    hub.send_flag(expected_outage_s=window_s, valid_s=valid_s)
    assert hub.answers() == ["ack"]


@pytest.mark.requirement("FLAG-11")
@pytest.mark.parametrize("shorts", [(4, 4, 4), (60,), (30, 60)])
def test_short_reboots_of_one_activation_leave_the_flag_for_the_long_one(lab, shorts):
    hub = lab()
    assert hub.declare(400, 3_600)
    for seconds in shorts:
        hub.outage(seconds)
        hub.advance_s(20)
    hub.outage(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("FLAG-11")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(("out_s", "after_s", "expected"), [(5, 119.9, TAGGED), (5, 120.1, PLAIN), (4.9, 300, TAGGED)])
def test_the_first_reboot_of_five_seconds_leaves_the_flag_two_minutes(lab, out_s, after_s, expected):
    hub = lab()
    assert hub.declare(400, 3_600)
    hub.lose(out_s)
    hub.back(after_s)
    hub.outage(190)
    assert hub.decisions() == [expected]


@pytest.mark.requirement("FLAG-12")
def test_a_new_declaration_replaces_the_earlier_flag(lab):
    hub = lab()
    assert hub.declare(600, 3_600)
    assert hub.declare(300, 30)
    hub.advance_s(31)
    hub.outage(190)
    assert hub.decisions() == [PLAIN]
