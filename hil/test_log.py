"""The event log: the last 16 outages that were decided, each as it was decided and ended, over the WAN and BENCH."""

import struct

import pytest

from chf.wire import schema as s
from hil import legacy
from hil.hub import Heard

pytestmark = pytest.mark.needs("supply")
DECISION = 44  # octets of a decision in an entry; what follows is how it ended
LEVEL_AT = 13  # after the id and the revision
LOG_MAX = 16


def asked(hub, index, nonce=None):
    """Ask over the WAN; the hub's log_data."""
    nonce = hub.headend.next_counter() if nonce is None else nonce  # 8 octets that were never used before
    before = len(hub.headend.log)
    hub.headend.ask_log(index, nonce)
    hub.bench.wait_for("answer to 'log_request'", lambda: len(hub.headend.log) > before, 3_000)
    answer = hub.headend.log[-1]
    assert (answer["nonce"], answer["index"]) == (nonce, index)
    return answer


def of_bench(hub, index):
    """Ask over the BENCH link; the hub's bench_log_data."""
    answer = hub.bench.ask("bench_log_request", {"index": index}, answer="bench_log_data").fields
    assert answer["index"] == index
    return answer


def bodies(hub, name):
    """What the messages of that name hold, header and MAC left out."""
    said = [one for one in hub.bench.capture if not one.to_hub and one.frame.name == name]
    return [one.content[s.HEADER_LEN : -s.MAC_LEN] for one in said]


def ended(data):
    """(id, duration_s, end_utc, bits, holdup_mv) of an entry."""
    return struct.unpack(">12sIIBH", data[DECISION:])


@pytest.mark.requirement("LOG-01", "LOG-02")
@pytest.mark.needs("journal-image")
@pytest.mark.parametrize("ask", [asked, of_bench])
def test_a_hub_that_has_decided_nothing_has_an_empty_log(lab, ask):
    hub = lab()
    hub.outage(60)
    for index in (0, 1, 255):
        answer = ask(hub, index)
        assert (answer["count"], answer["data"]) == (0, b"")


@pytest.mark.requirement("LOG-01", "LOG-04")
@pytest.mark.parametrize("ask", [asked, of_bench])
def test_an_entry_is_the_alert_and_the_end_as_they_were_told(lab, ask):
    hub = lab()
    legacy.activate(hub)
    hub.outage(200)
    hub.advance_s(5)
    hub.outage(250)
    hub.advance_s(5)
    told, over = bodies(hub, "ad1"), bodies(hub, "restored")
    for index, at in ((0, 1), (1, 0)):
        data = ask(hub, index)["data"]
        assert data[:DECISION] == told[at]
        outage, duration_s, end_utc, bits, holdup_mv = ended(data)
        assert (outage, round(duration_s, -1)) == (told[at][:12], (200, 250)[at])
        assert over[at].endswith(struct.pack(">IIBH", duration_s, end_utc, bits, holdup_mv))
    assert (told[0][LEVEL_AT], told[1][LEVEL_AT]) == (s.LEVEL_TAGGED, s.LEVEL_PLAIN)


@pytest.mark.requirement("LOG-01", "LOG-05")
def test_an_open_outage_stands_first_and_has_no_end(lab):
    hub = lab()
    hub.outage(190)
    hub.lose(170)
    assert asked(hub, 0)["data"][:12] == bodies(hub, "ad1")[0][:12]  # the one under way is not decided
    hub.until(185)
    before = len(hub.bench.capture)
    data = asked(hub, 0)["data"]
    assert data == bodies(hub, "ad1")[1]
    assert [one.frame.name for one in hub.bench.capture[before:]] == ["log_request", "log_data"]


@pytest.mark.requirement("LOG-01")
@pytest.mark.needs("journal-image")
def test_a_held_outage_stands_in_the_log_though_no_alert_was_sent(lab):
    hub = lab(s.POLICY_SUPPRESS)
    assert hub.declare(400, 600)
    hub.outage(300)
    assert hub.heard("ad1") == []
    data = asked(hub, 0)["data"]
    assert data[LEVEL_AT] == s.LEVEL_HELD
    assert data[:12] == hub.heard("hold_notice")[0].fields["id"]
    assert ended(data)[1] == 300


@pytest.mark.requirement("LOG-01")
def test_the_last_decision_of_an_outage_is_the_one_that_stands(lab):
    hub = lab()
    assert hub.declare(190, 600)
    hub.outage(200)
    assert [alert.revision for alert in hub.headend.alerts] == [1, 2]
    assert asked(hub, 0)["data"][:DECISION] == bodies(hub, "ad1")[-1]


@pytest.mark.requirement("LOG-02")
@pytest.mark.needs("power-cut", "journal-image")
@pytest.mark.parametrize("unacknowledged", [0, 3])
def test_the_last_16_are_kept_over_restarts_and_power_cuts(lab, unacknowledged):
    hub = lab()
    outages = LOG_MAX + 2
    for number in range(outages):
        hub.headend.acknowledge = number < outages - unacknowledged
        hub.outage(181)
        hub.advance_s(3)
    ids = list(dict.fromkeys(body[:12] for body in bodies(hub, "ad1")))
    assert len(ids) == outages
    for survive in (lambda: None, hub.restart, hub.power_cut):
        survive()
        entries = [of_bench(hub, index) for index in range(LOG_MAX)]
        assert [entry["data"][:12] for entry in entries] == ids[: -LOG_MAX - 1 : -1]
        assert {entry["count"] for entry in entries} == {LOG_MAX}
        assert asked(hub, 0)["data"] == entries[0]["data"]
        for index in (LOG_MAX, 255):
            beyond = asked(hub, index)
            assert (beyond["count"], beyond["data"]) == (LOG_MAX, b"")


@pytest.mark.requirement("LOG-03", "AUTH-01")
@pytest.mark.parametrize("options", [{"key": bytes(32)}, {"marked": False}])
def test_a_request_that_is_not_authentic_is_not_answered(lab, options):
    hub = lab()
    hub.outage(190)
    hub.headend.send("log_request", {"nonce": bytes(8), "index": 0}, **options)
    hub.advance_s(2)
    assert hub.heard("log_data") == []


@pytest.mark.requirement("LOG-03", "LOG-05")
def test_each_answer_is_under_its_own_nonce_and_mac(lab):
    hub = lab()
    hub.outage(190)
    said = [asked(hub, 0, bytes((number,)) * 8) for number in range(3)]
    assert len({answer["nonce"] for answer in said}) == 3
    assert len({answer["data"] for answer in said}) == 1
    assert hub.headend.unauthentic == 0
    repeated = hub.last_sent("log_request")
    hub.bench.transmit(s.LINK_WAN, repeated)  # it changes nothing, so it may be answered again
    hub.advance_s(1)
    last: Heard = hub.heard("log_data")[-1]
    assert last.fields == said[-1]


@pytest.mark.requirement("LOG-05")
@pytest.mark.needs("journal-image")
def test_reading_writes_nothing_and_takes_no_counter(lab):
    hub = lab()
    hub.outage(190)
    hub.advance_s(5)
    before = [hub.journal(file) for file in (s.JOURNAL_COUNTERS, s.JOURNAL_OUTAGES)]
    for index in range(20):
        asked(hub, index)
        of_bench(hub, index)
    assert [hub.journal(file) for file in (s.JOURNAL_COUNTERS, s.JOURNAL_OUTAGES)] == before
    hub.set_policy(s.POLICY_TAG)


@pytest.mark.requirement("LOG-04", "LOG-01", "BEN-01")
@pytest.mark.needs("strap")
def test_without_the_strap_the_wan_may_read_and_the_bench_may_not(lab):
    hub = lab(strapped=False)
    hub.outage(190)
    assert asked(hub, 0)["data"][:DECISION] == bodies(hub, "ad1")[-1]
    refusal = hub.bench.ask("bench_log_request", {"index": 0}, answer="bench_refusal").fields
    assert (str(refusal["type"]), refusal["reason"]) == ("bench_log_request", s.REFUSED_STRAP)
