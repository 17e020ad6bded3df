"""The bench strap: what the hub tells with it and without it, and what no bench may read."""

import pytest

from chf.wire import schema as s
from host_tools import frames

ASKED = {
    "state_request": {},
    "journal_request": {"file": s.JOURNAL_COUNTERS, "offset": 0},
    "trace_request": {},
    "rig_set": {"mask": 7, "bits": 0, "holdup_mv": 0},
    "restart": {"kind": s.RESTART_RESET},
}


@pytest.mark.requirement("BEN-01")
@pytest.mark.needs("strap")
@pytest.mark.parametrize("name", list(ASKED))
def test_without_the_strap_nothing_but_identify_is_answered(lab, name):
    hub = lab(strapped=False)
    boot = hub.bench.ask("identify", answer="identity").fields["boot"]
    answer = hub.bench.ask(name, ASKED[name], answer="bench_refusal").fields
    assert (str(answer["type"]), answer["reason"]) == (name, s.REFUSED_STRAP)
    hub.advance_s(200)
    assert hub.bench.ask("identify", answer="identity").fields["boot"] == boot
    assert hub.heard("ad1") == []  # rig_set has taken no supply away


@pytest.mark.requirement("BEN-02", "OUT-01", "FLAG-01")
@pytest.mark.needs("strap", "supply")
def test_without_the_strap_the_main_job_runs_on_the_live_keys_unmarked(lab):
    hub = lab(strapped=False)
    assert hub.declare(400, 600)
    hub.outage(200)
    assert [alert.level for alert in hub.headend.alerts] == [s.LEVEL_TAGGED]
    said = [one.frame for one in hub.bench.capture if not one.to_hub and one.frame.link != s.LINK_BENCH]
    assert said and not any(frame.marked for frame in said)
    assert hub.headend.unauthentic == hub.esme.unauthentic == 0


@pytest.mark.requirement("BEN-02")
@pytest.mark.needs("supply")
def test_with_the_strap_every_han_and_wan_frame_is_marked_and_under_the_test_keys(lab):
    hub = lab()
    assert hub.declare(400, 600)
    hub.outage(200)
    said = [one for one in hub.bench.capture if not one.to_hub and one.frame.link != s.LINK_BENCH]
    keys = {s.LINK_HAN: hub.esme.key, s.LINK_WAN: hub.headend.key}
    assert said and all(one.frame.marked for one in said)
    assert all(frames.authentic(one.content, keys[one.frame.link]) for one in said)


@pytest.mark.requirement("BEN-03")
@pytest.mark.needs("strap")
@pytest.mark.parametrize("strapped", [False, True])
def test_identify_says_who_the_hub_is(lab, strapped):
    hub = lab(strapped=strapped)
    fields = hub.bench.ask("identify", answer="identity").fields
    assert (fields["hub"].hex(), fields["esme"].hex()) == (hub.identity["hub"], hub.identity["esme"])
    assert fields["strapped"] == strapped
    assert len(fields["text"].decode("utf-8").split("; ")) == 3  # firmware, board, MicroPython; no fault


@pytest.mark.requirement("BEN-04")
@pytest.mark.needs("journal-image")
def test_the_journal_shows_no_key(lab):
    hub = lab()
    fresh = bytes(range(100, 132))
    hub.command(lambda: hub.headend.rotate_key(s.PEER_ESME, fresh))
    hub.esme.key = type(hub.esme.key)(fresh)
    hub.send_flag("activation_cancel")
    read = hub.journal(s.JOURNAL_COUNTERS) + hub.journal(s.JOURNAL_OUTAGES)
    assert hub.esme.last_content == b"" and len(read) > 100
    secrets = [fresh, *(bytes.fromhex(key) for key in hub.identity["keys"].values())]
    assert not any(secret[at : at + 8] in read for secret in secrets for at in range(len(secret) - 7))


@pytest.mark.requirement("BEN-04")
@pytest.mark.parametrize("file", [2, 255])
def test_a_journal_file_that_does_not_exist_is_refused(lab, file):
    answer = lab().bench.ask("journal_request", {"file": file, "offset": 0}, answer="bench_refusal").fields
    assert answer["reason"] == s.REFUSED_VALUE


@pytest.mark.requirement("BEN-04")
def test_reading_past_the_end_of_the_journal_gives_nothing(lab):
    answer = lab().bench.ask("journal_request", {"file": 1, "offset": 1 << 31}, answer="journal_data").fields
    assert answer["data"] == b""


def override(hub, mask, bits=0, holdup_mv=0):
    hub.bench.ask("rig_set", {"mask": mask, "bits": bits, "holdup_mv": holdup_mv}, answer="bench_ack")


@pytest.mark.requirement("BEN-05")
@pytest.mark.needs("strap")  # a rig apart from the hub: the soft rig would have its own overrides taken away
def test_a_supply_taken_away_by_the_soft_rig_is_an_outage(lab):
    hub = lab()
    override(hub, s.SENSE_SUPPLY)
    hub.advance_s(182)
    override(hub, 0)
    hub.advance_s(4)
    assert hub.decisions() == [(s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)]
    assert len(hub.headend.restorations) == 1


@pytest.mark.requirement("BEN-05")
@pytest.mark.needs("strap")
@pytest.mark.parametrize("kind", [s.RESTART_RESET, s.RESTART_WATCHDOG])
def test_what_the_soft_rig_drives_is_kept_over_restarts(lab, kind):
    hub = lab()
    override(hub, s.SENSE_AC_LO | s.SENSE_MT_PR | s.RIG_HOLDUP, 0, 4_321)
    for _ in range(2):
        state = hub.state()
        assert state["bits"] & 7 == s.SENSE_SUPPLY
        assert state["holdup_mv"] == 4_321
        hub.restart(kind)
    override(hub, 0)
    hub.advance_s(1)
    assert hub.state()["bits"] & 7 == s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR
    hub.restart(kind)
    assert hub.state()["bits"] & 7 == s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR


@pytest.mark.requirement("BEN-06")
@pytest.mark.needs("supply")
def test_the_trace_holds_what_happened_oldest_first(lab):
    hub = lab()
    hub.outage(185)
    entries = hub.bench.ask("trace_request", answer="trace_data").fields["entries"]
    assert len(entries) % 8 == 0
    sent = [entries[at + 5] for at in range(0, len(entries), 8) if entries[at + 4] in (0x81, 0x82)]
    names = [frames.MESSAGES[number][0] for number in sent]
    assert [name for name in names if name in ("ad1", "restored")][-2:] == ["ad1", "restored"]


@pytest.mark.requirement("BEN-08")
@pytest.mark.needs("strap", "power-cut", "supply")
def test_what_was_declared_on_the_bench_is_no_flag_in_service(lab):
    hub = lab()
    assert hub.declare(400, 3_600)
    hub.rig.cut_power()
    live = lab.as_strapped(hub, False)
    live.power_on()
    live.advance_s(90)
    before = len(live.headend.alerts)
    live.outage(190)
    assert [alert.level for alert in live.headend.alerts[before:]] == [s.LEVEL_PLAIN]
    assert live.declare(400, 3_600)  # its counters are apart too
