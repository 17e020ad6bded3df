"""What the sense lines say is evidence for people: carried in the AD1, names a plain alert's cause, lowers nothing."""

import itertools

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply", "sense-lines")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
PAIRS = list(itertools.product([False, True], repeat=2))


def lines(hub, ac_lo, mt_pr):
    hub.rig.ac_lo, hub.rig.mt_pr = ac_lo, mt_pr


def loss(ac_lo_high, mt_pr):
    """What a plain alert is with the lines like this at the loss; ac_lo_high: at any time of the outage."""
    if not mt_pr:
        return s.LEVEL_PLAIN, s.CAUSE_HUB_REMOVED_HINTED
    return s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS if ac_lo_high else s.CAUSE_MAINS_HINTED


def line_bits(ac_lo, mt_pr):
    return (s.SENSE_AC_LO if ac_lo else 0) | (s.SENSE_MT_PR if mt_pr else 0)


@pytest.mark.requirement("EVI-01", "EVI-02", "EVI-04")
@pytest.mark.parametrize(("before", "after"), list(itertools.product(PAIRS, PAIRS)))
def test_no_state_of_the_lines_lowers_an_alert(lab, before, after):
    hub = lab()
    lines(hub, *before)
    hub.advance_s(5)
    hub.lose(60)
    lines(hub, *after)
    hub.until(182)
    assert hub.decisions() == [loss(before[0] or after[0], before[1])]
    (ad1,) = hub.heard("ad1")
    assert ad1.at_ms - hub.lost_at_ms <= 181_000
    kept = s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR
    assert ad1.fields["loss_bits"] & kept == line_bits(*before)
    assert ad1.fields["bits"] & kept == line_bits(*after)


@pytest.mark.requirement("EVI-01")
@pytest.mark.needs("journal-image")
@pytest.mark.parametrize("policy", [s.POLICY_ALERT, s.POLICY_TAG, s.POLICY_SUPPRESS, s.POLICY_SUPPRESS_INFERRED])
@pytest.mark.parametrize(("ac_lo", "mt_pr"), PAIRS)
def test_no_state_of_the_lines_makes_a_decision_quieter_under_a_flag(lab, policy, ac_lo, mt_pr):
    hub = lab(policy)
    assert hub.declare(300, 600)
    lines(hub, ac_lo, mt_pr)
    hub.lose(310)
    expected = {s.POLICY_ALERT: [PLAIN], s.POLICY_TAG: [TAGGED, OVERRUN]}.get(policy, [OVERRUN])
    assert hub.decisions() == expected


@pytest.mark.requirement("EVI-01", "OUT-02")
@pytest.mark.parametrize(("ac_lo", "mt_pr"), PAIRS)
def test_the_lines_alone_are_no_outage(lab, ac_lo, mt_pr):
    hub = lab()
    lines(hub, ac_lo, mt_pr)
    hub.advance_s(400)
    assert hub.decisions() == []


@pytest.mark.requirement("EVI-02")
@pytest.mark.needs("holdup")
def test_the_hold_up_voltage_is_carried(lab):
    hub = lab()
    hub.lose(178)
    hub.rig.supply.holdup_mv = 3_500
    hub.until(182)
    ad1 = hub.headend.alerts[0].fields
    assert 4_950 <= ad1["loss_holdup_mv"] <= 5_000
    assert 3_400 <= ad1["holdup_mv"] <= 3_500


def hint(hub):
    return bool(hub.headend.alerts[0].fields["loss_bits"] & s.SENSE_MAINS_HINT)


@pytest.mark.requirement("EVI-03")
def test_the_mains_hint_is_given_where_ac_lo_stayed_low(lab):
    hub = lab()
    hub.rig.ac_lo = False
    hub.advance_s(10)
    hub.lose(182)
    assert hint(hub)
    assert hub.decisions() == [(s.LEVEL_PLAIN, s.CAUSE_MAINS_HINTED)]


@pytest.mark.requirement("EVI-03")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(("high_from_s", "high_to_s"), [(-0.9, -0.5), (-5, 0.001), (0, 1), (100, 100.5), (179, 190)])
def test_one_moment_of_ac_lo_high_voids_the_mains_hint(lab, high_from_s, high_to_s):
    hub = lab()
    hub.rig.ac_lo = False
    hub.advance_s(10)
    loss_ms = hub.now_ms + 20_000
    moments = sorted([(high_from_s, "high"), (0.0, "loss"), (high_to_s, "low")], key=lambda moment: moment[0])
    for at_s, what in moments:
        hub.bench.advance(max(0, loss_ms + round(at_s * 1000) - hub.now_ms) or 1)
        if what == "loss":
            hub.lose()
        else:
            hub.rig.ac_lo = what == "high"
    hub.bench.advance(max(1, loss_ms + 195_000 - hub.now_ms))
    assert not hint(hub)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("EVI-03")
@pytest.mark.needs("stepped-time")
def test_ac_lo_high_long_before_the_loss_does_not_void_the_hint(lab):
    hub = lab()
    hub.rig.ac_lo = True
    hub.advance_s(5)
    hub.rig.ac_lo = False
    hub.advance_s(2)
    hub.lose(182)
    assert hint(hub)
