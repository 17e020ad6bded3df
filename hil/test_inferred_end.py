"""What ends an inferred flag: a cancellation, the meter's answers, its own authentic word, another meter."""

import pytest

from chf.wire import schema as s
from hil import legacy
from hil.legacy import activate, answered, ended, says
from host_tools.gbcs import build

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
AFTER_RESULT_MS = 900_000


# ---- the supplier and the meter's answers


@pytest.mark.requirement("INF-06")
@pytest.mark.parametrize("to", ["the meter", "another device"])
def test_a_cancellation_before_the_loss_makes_it_plain(lab, to):
    hub = lab()
    activate(hub)
    legacy.cancel(hub, None if to == "the meter" else legacy.OTHER)
    hub.outage(190)
    assert hub.decisions() == [PLAIN if to == "the meter" else TAGGED]


@pytest.mark.requirement("INF-06")
def test_a_cancellation_in_mid_outage_raises_the_alert_at_once(lab):
    hub = lab()
    activate(hub)
    hub.lose(200)
    cancelled_ms = hub.now_ms
    legacy.cancel(hub)
    hub.advance_s(1)
    assert hub.decisions() == [TAGGED, OVERRUN]
    assert hub.heard("ad1", cancelled_ms)[0].at_ms - cancelled_ms <= 1_000


@pytest.mark.requirement("INF-07")
@pytest.mark.parametrize("told", ["no image", "another hash", "failed", "failed, no version", "0x8F67"])
def test_a_failure_that_the_meter_tells_makes_it_plain(lab, told):
    hub = lab()
    counter = activate(hub)
    answers = {
        "no image": answered(hub, counter, 1),
        "another hash": answered(hub, counter, 2),
        "failed": answered(hub, counter, 3),
        "failed, no version": answered(hub, counter, 3, None),
        "0x8F67": ended(hub, counter, 3),
    }
    says(hub, answers[told])
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("INF-07")
def test_a_failure_that_is_told_in_mid_outage_raises_the_alert_at_once(lab):
    hub = lab()
    counter = activate(hub)
    hub.lose(200)
    says(hub, answered(hub, counter, 3))
    hub.advance_s(1)
    assert hub.decisions() == [TAGGED, OVERRUN]


@pytest.mark.requirement("INF-07", "INF-08")
def test_what_another_device_answers_and_what_is_no_failure_changes_nothing(lab):
    hub = lab()
    counter = activate(hub)
    other = legacy.heading(hub, counter, legacy.OTHER).answer()
    says(hub, build.result(other, 3, legacy.VERSION))
    says(hub, build.ended(other, 3, 1, legacy.VERSION, counter))
    says(hub, build.accepted(legacy.heading(hub, counter).answer()))
    says(hub, legacy.runs(hub, 2))
    hub.outage(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("INF-08")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize("told", ["result", "0x8F66"])
@pytest.mark.parametrize(("margin_ms", "expected"), [(-1, TAGGED), (1, PLAIN)])
def test_a_success_leaves_it_fifteen_minutes(lab, told, margin_ms, expected):
    hub = lab()
    counter = activate(hub)
    hub.advance_s(10)
    said_ms = hub.now_ms
    says(hub, answered(hub, counter) if told == "result" else ended(hub, counter))
    taken_ms = said_ms if margin_ms < 0 else hub.now_ms  # no earlier, no later
    hub.bench.advance(taken_ms + AFTER_RESULT_MS + margin_ms - hub.now_ms)
    hub.outage(190)
    assert hub.decisions() == [expected]


@pytest.mark.requirement("INF-08")
@pytest.mark.needs("stepped-time")
def test_a_success_never_gives_it_more_life(lab):
    hub = lab()
    counter = activate(hub)
    hub.advance_s(3_500)
    for _ in range(3):
        says(hub, answered(hub, counter))
    hub.advance_s(110)
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


# ---- beside the meter's own word


@pytest.mark.requirement("INF-09")
def test_the_meters_own_declaration_takes_its_place(lab):
    hub = lab()
    activate(hub)
    assert hub.declare(200, 600)
    hub.lose(210)
    assert hub.decisions() == [TAGGED, OVERRUN]  # its own window, not the 600 s
    assert hub.headend.alerts[0].fields["source"] == s.SOURCE_DECLARED


@pytest.mark.requirement("INF-09")
def test_a_declared_flag_is_kept_by_a_cs06_that_comes_after_it(lab):
    hub = lab()
    assert hub.declare(200, 600)
    counter = activate(hub)
    says(hub, answered(hub, counter, 3))  # nor does what the meter answers to that touch it
    hub.lose(210)
    assert hub.decisions() == [TAGGED, OVERRUN]
    assert {alert.fields["source"] for alert in hub.headend.alerts} == {s.SOURCE_DECLARED}


@pytest.mark.requirement("INF-09")
@pytest.mark.parametrize("word", ["cancel", "complete"])
def test_the_meters_authentic_word_ends_it(lab, word):
    hub = lab()
    activate(hub)
    hub.report(word)
    hub.outage(190)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("INF-19")
@pytest.mark.needs("journal-image")
@pytest.mark.parametrize("command", ["exchange_esme", "rotate_key"])
def test_another_meter_or_key_ends_all_that_is_inferred(lab, command):
    hub = lab()
    activate(hub)
    activate(hub, due_utc=legacy.now_utc(hub) + 600)
    key = bytes(range(11, 43))
    if command == "rotate_key":
        hub.command(lambda: hub.headend.rotate_key(s.PEER_ESME, key))
    else:
        hub.command(lambda: hub.headend.exchange_esme(bytes(range(50, 58)), key))
    hub.outage(190)
    hub.advance_s(600)
    hub.outage(190)
    assert hub.decisions() == [PLAIN, PLAIN]
