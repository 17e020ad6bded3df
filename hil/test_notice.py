"""Activation without notice: told when a meter's firmware changed over an interruption that it had not declared."""

import pytest

from chf.wire import schema as s
from hil import legacy
from hil.legacy import runs, says

pytestmark = pytest.mark.needs("supply")
OLD, NEW = 0x01000304, 0x01000305
AGAIN_S = 300  # from one report to its repeat
FOLLOW_S = 900  # how long after a new version an interruption counts
READ, RESULT, COMPLETE = s.EVIDENCE_READ, s.EVIDENCE_RESULT, s.EVIDENCE_COMPLETE


def octets(version):
    return version.to_bytes(4, "big")


@pytest.fixture
def known(lab):
    """A hub that knows that its meter runs OLD; no interruption since."""

    def make(policy=s.POLICY_TAG):
        hub = lab(policy)
        says(hub, runs(hub, OLD))
        hub.outage(10)  # whatever it knew before is told of by now
        hub.advance_s(10)
        says(hub, runs(hub, OLD))
        hub.forget()
        return hub

    return make


def told(hub):
    """(before, after, evidence) of each report, repeats among them."""
    said = [heard.fields for heard in hub.heard("without_notice")]
    return [(fields["before"], fields["after"], fields["evidence"]) for fields in said]


def change(hub, out_s=20):
    """An interruption that nobody declared, and another version after it."""
    hub.outage(out_s)
    says(hub, runs(hub, NEW))
    hub.advance_s(2)


TELLS = {
    "read": (READ, lambda hub: says(hub, runs(hub, NEW))),
    "result": (RESULT, lambda hub: says(hub, legacy.answered(hub, 1, 0, octets(NEW)))),
    "0x8F66": (RESULT, lambda hub: says(hub, legacy.ended(hub, 1))),
    "complete": (COMPLETE, lambda hub: hub.report("complete", version=NEW)),
}


@pytest.mark.requirement("NOT-01")
@pytest.mark.parametrize("how", TELLS)
@pytest.mark.parametrize("out_s", [6, 200])
def test_another_version_after_an_undeclared_interruption_is_told(known, how, out_s):
    hub = known()
    evidence, tell = TELLS[how]
    hub.outage(out_s)
    tell(hub)
    hub.advance_s(5)
    assert told(hub) == [(OLD, NEW, evidence)]
    if out_s > 180:
        assert hub.headend.without_notice[0][1]["id"] == hub.headend.alerts[0].id


@pytest.mark.requirement("NOT-01", "INF-01")
def test_an_inferred_flag_is_no_notice_of_the_meters(known):
    hub = known()
    counter = legacy.activate(hub)
    hub.outage(200)
    says(hub, legacy.answered(hub, counter, 0, octets(NEW)))
    hub.advance_s(5)
    assert [alert.level for alert in hub.headend.alerts] == [s.LEVEL_TAGGED]
    assert told(hub) == [(OLD, NEW, RESULT)]


@pytest.mark.requirement("NOT-02")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(("wait_s", "times"), [(FOLLOW_S - 2, 1), (FOLLOW_S + 2, 0)])
def test_a_meter_that_answers_first_and_reboots_after_is_told(known, wait_s, times):
    hub = known()
    counter = legacy.activate(hub)
    says(hub, legacy.answered(hub, counter, 0, octets(NEW)))
    hub.advance_s(wait_s)
    hub.outage(30)
    hub.advance_s(10)
    assert told(hub) == [(OLD, NEW, RESULT)] * times


@pytest.mark.requirement("NOT-03")
def test_a_declared_activation_is_not_told(known):
    hub = known()
    assert hub.declare(400, 600)
    hub.outage(200)
    hub.report("complete", version=NEW)
    says(hub, runs(hub, NEW))
    hub.advance_s(10)
    assert told(hub) == []


@pytest.mark.requirement("NOT-03")
@pytest.mark.needs("stepped-time")
def test_nor_is_a_change_without_an_interruption(known):
    hub = known()
    says(hub, runs(hub, NEW))
    hub.advance_s(FOLLOW_S + 2)
    hub.outage(200)
    hub.advance_s(10)
    assert told(hub) == []


@pytest.mark.requirement("NOT-03")
@pytest.mark.parametrize("what", ["the same version", "another device", "too short", "no version"])
def test_nor_an_interruption_without_a_change_of_the_meter(known, what):
    hub = known()
    hub.outage(2 if what == "too short" else 200)
    if what == "another device":
        other = legacy.heading(hub, 1, legacy.OTHER).answer()
        says(hub, legacy.build.version_read(other, octets(NEW)))
    elif what == "no version":
        says(hub, legacy.answered(hub, 1, 3, None))
        says(hub, runs(hub, 0))
    else:
        says(hub, runs(hub, NEW if what == "too short" else OLD))
    hub.advance_s(10)
    assert told(hub) == []


@pytest.mark.requirement("NOT-03")
@pytest.mark.needs("journal-image")
def test_nor_what_was_not_known_before(lab):
    hub = lab()
    hub.outage(200)
    says(hub, runs(hub, NEW))
    hub.advance_s(10)
    assert told(hub) == []


@pytest.mark.requirement("NOT-03", "INF-19")
@pytest.mark.needs("journal-image")
def test_nor_the_firmware_of_the_meter_that_came_in_its_place(known):
    hub = known()
    hub.outage(200)
    new, key = bytes(range(50, 58)), bytes(range(11, 43))
    assert hub.command(lambda: hub.headend.exchange_esme(new, key))["name"] == "command_ack"
    hub.esme.esme = new
    says(hub, runs(hub, NEW))
    hub.advance_s(10)
    assert told(hub) == []


# ---- until it is acknowledged


@pytest.mark.requirement("NOT-04")
@pytest.mark.needs("stepped-time")
def test_it_is_repeated_each_five_minutes_until_acknowledged_and_then_no_more(known):
    hub = known()
    hub.headend.acknowledge = False
    change(hub)
    hub.advance_s(3 * AGAIN_S)
    at_ms = [heard.at_ms for heard in hub.heard("without_notice")]
    assert [round((at - at_ms[0]) / 1000) for at in at_ms] == [0, AGAIN_S, 2 * AGAIN_S, 3 * AGAIN_S]
    hub.headend.acknowledge = True
    hub.advance_s(AGAIN_S)
    assert len(told(hub)) == 5 and len(set(told(hub))) == 1
    hub.restart()
    hub.advance_s(3 * AGAIN_S)
    assert len(told(hub)) == 5


@pytest.mark.requirement("NOT-04")
@pytest.mark.needs("power-cut")
@pytest.mark.parametrize("how", ["restart", "power cut"])
def test_it_is_carried_over_restarts_and_power_cuts(known, how):
    hub = known()
    hub.headend.acknowledge = False
    change(hub)
    for _ in range(2):
        hub.restart() if how == "restart" else hub.power_cut()
        hub.advance_s(10)
    assert len(told(hub)) >= 3 and set(told(hub)) == {(OLD, NEW, READ)}
    hub.headend.acknowledge = True
    hub.restart()
    hub.advance_s(10)
    before = len(told(hub))
    hub.restart()
    hub.advance_s(60)
    assert len(told(hub)) == before


@pytest.mark.requirement("NOT-04")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(
    ("changes", "options"), [({"id": bytes(12)}, {}), ({"after": OLD}, {}), ({}, {"key": bytes(32)})]
)
def test_an_acknowledgement_that_does_not_fit_ends_nothing(known, changes, options):
    hub = known()
    hub.headend.acknowledge = False
    change(hub)
    report = hub.headend.without_notice[0][1]
    hub.headend.send("without_notice_ack", {"id": report["id"], "after": report["after"], **changes}, **options)
    hub.advance_s(AGAIN_S + 2)
    assert len(told(hub)) == 2


@pytest.mark.requirement("NOT-05")
@pytest.mark.needs("stepped-time")
def test_it_is_not_sent_on_hold_up_energy(known):
    hub = known()
    hub.headend.acknowledge = False
    change(hub)
    hub.lose(2 * AGAIN_S)
    lost_ms = hub.lost_at_ms
    assert hub.heard("without_notice", lost_ms) == []
    hub.back()
    hub.advance_s(AGAIN_S)
    assert len(hub.heard("without_notice", lost_ms)) >= 1


@pytest.mark.requirement("NOT-06")
@pytest.mark.needs("journal-image")
def test_versions_that_anybody_could_send_cost_few_writes(known):
    hub = known()
    before = len(hub.journal(s.JOURNAL_COUNTERS) + hub.journal(s.JOURNAL_OUTAGES))
    for version in range(1, 30):
        says(hub, runs(hub, version))
        hub.headend.relayed.clear()
    written = len(hub.journal(s.JOURNAL_COUNTERS) + hub.journal(s.JOURNAL_OUTAGES)) - before
    assert 0 < written < 8 * 40
