"""The client, the soft rig and connect(): on a virtual hub, and on a line that behaves badly."""

from __future__ import annotations

import pytest
from chtool import virtual_hub

from chf.wire import schema as s
from host_tools import frames
from host_tools.bench import Bench
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import EXIT_FAILED, EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import connect as connecting
from host_tools.link.client import JOURNAL_MAX, TRIES, TRY_MS, Client
from host_tools.link.connect import connect, open_client
from host_tools.link.own_rig import options_of
from host_tools.link.soft_rig import SoftRig
from host_tools.story.explain import read_journal


class ScriptedLine:
    """A line on which time stands still but when it is waited for; `answer` maps what is written to what is heard."""

    def __init__(self, answer) -> None:
        self.now_ms = 0
        self.written: list[frames.Frame] = []
        self._answer = answer
        self._heard: list[tuple[int, bytes]] = []

    def write(self, link: str, octets: bytes) -> None:
        for content in frames.Deframer().feed(octets):
            self.written.append(frames.parse(content))
            self._heard += [(2, frames.to_wire(one)) for one in self._answer(self.written)]

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        said, self._heard = self._heard, []
        if not said:
            self.now_ms = max(self.now_ms, until_ms)
        return said


def client_of(answer) -> tuple[Client, ScriptedLine]:
    line = ScriptedLine(answer)
    return Client(Bench(line, [])), line


IDENTITY = {"strapped": 1, "hub": bytes(8), "esme": bytes(8), "epoch": bytes(4), "boot": 7, "text": b"chf"}


# ---- the client


def test_a_hub_answers_every_question():
    with open_client("sim:?policy=suppress") as client:
        assert client.identify()["boot"] == 1
        assert str(client.state()["policy"]) == "suppress"
        names = [record.name for record in read_journal(client.journal(s.JOURNAL_OUTAGES), s.JOURNAL_OUTAGES).records]
        assert names[:2] == ["format", "boot"]
        lost, entries = client.trace()
        assert lost == 0 and entries[0].what == "boot" and entries[0].value == 5_000
        assert any("send time_request" in entry.describe() for entry in entries)
        client.rig_set(s.SENSE_AC_LO, s.SENSE_AC_LO)
        assert client.state()["bits"] & s.SENSE_AC_LO
        client.restart()
        assert client.identify()["boot"] == 2
        assert client.state()["bits"] & s.SENSE_AC_LO, "the soft rig's overrides hold over a restart"


def test_a_watchdog_restart_is_one_too():
    with connect("sim:") as bed:
        client = Client(bed.bench)
        client.restart(watchdog=True)
        assert client.identify()["boot"] == 1
        bed.advance_s(9)
        assert client.identify()["boot"] == 2
        assert bed.rig.resets[-1][1] == "watchdog"


def test_a_hub_without_its_strap_says_who_it_is_and_no_more():
    with open_client("sim:?strap=0") as client:
        assert str(client.identify()["strapped"]) == "no"
        for ask in (
            client.state,
            client.trace,
            client.restart,
            lambda: client.journal(0),
            lambda: client.rig_set(0, 0),
        ):
            with pytest.raises(BenchError, match="strap") as caught:
                ask()
            assert caught.value.exit_code == EXIT_FAILED


def test_a_silent_hub_is_no_board_after_a_bounded_time():
    client, line = client_of(lambda written: [])
    with pytest.raises(BenchError, match="does not answer") as caught:
        client.identify()
    assert caught.value.exit_code == EXIT_NO_BOARD
    assert len(line.written) == TRIES and line.now_ms == TRIES * TRY_MS


def test_a_lost_frame_is_asked_for_again():
    answer = frames.build("identity", IDENTITY)
    client, line = client_of(lambda written: [answer] if len(written) == TRIES else [])
    assert client.identify()["boot"] == 7
    assert len(line.written) == TRIES


def test_what_does_not_answer_the_question_is_left_alone():
    noise = [
        frames.build("bench_ack", {"type": "rig_set"}),
        frames.build("bench_refusal", {"type": "journal_request", "reason": "strap"}),
        b"\x01\x43\xee",  # a type that does not exist
    ]
    client, _ = client_of(lambda written: [*noise, frames.build("identity", IDENTITY)])
    assert client.identify()["boot"] == 7


def test_another_wire_version_is_named():
    answer = b"\x02" + frames.build("identity", IDENTITY)[1:]
    client, _ = client_of(lambda written: [answer])
    with pytest.raises(BenchError, match="wire version 2"):
        client.identify()


def test_a_refusal_names_the_question_and_the_reason():
    client, _ = client_of(lambda written: [frames.build("bench_refusal", {"type": "rig_set", "reason": "store"})])
    with pytest.raises(BenchError, match=r"'rig_set' \(store\)"):
        client.rig_set(1, 1)


def test_a_late_piece_of_the_journal_is_not_taken_twice():
    def piece(offset: int, data: bytes) -> bytes:
        return frames.build("journal_data", {"file": 1, "offset": offset, "total": 6, "data": data})

    def answer(written):
        offset = written[-1].fields["offset"]
        return [piece(0, b"abc")] if len(written) == 2 else [piece(offset, b"abcdef"[offset : offset + 3])]

    client, _ = client_of(answer)
    assert client.journal(1) == b"abcdef"


def test_a_journal_that_never_ends_does():
    def answer(written):
        fields = dict(written[-1].fields, total=0xFFFFFFFF)
        return [frames.build("journal_data", {**fields, "data": bytes(1024)})]

    client, _ = client_of(answer)
    assert len(client.journal(0)) == JOURNAL_MAX


# ---- sim: and its options


def test_the_options_of_a_virtual_hub():
    rig, config = options_of("sim:?policy=suppress&seed=3&speed=10&strap=0&load_mw=70&heap=96wk")
    assert rig == {"seed": 3, "speed": 10, "strap": 0, "heap": "96wk"}
    assert config == {"policy": s.POLICY_SUPPRESS, "load_mw": 70}
    assert options_of("sim:") == ({}, {})


@pytest.mark.parametrize("url", ["sim:x", "sim:?x", "sim:?nope=1", "sim:?seed=x", "sim:?policy=loud", "sim:?seed=-1"])
def test_options_that_do_not_fit_are_refused(url):
    with pytest.raises(BenchError) as caught:
        options_of(url)
    assert caught.value.exit_code == EXIT_USAGE


def test_one_cable_carries_all_links():
    with connect("sim:?one_cable=1") as bed:
        assert bed.declare()
        assert bed.state()["utc"]


# ---- the soft rig


def test_an_outage_by_the_soft_rig_is_one_like_any_other():
    with connect("sim:", "soft:") as bed:
        assert "power-cut" not in bed.rig.capabilities and "supply" in bed.rig.capabilities
        bed.rig.ac_lo = True
        bed.rig.supply.holdup_mv = 3_456
        assert bed.declare()
        bed.lose_supply(179)
        assert str(bed.state()["level"]) == "none"
        assert bed.state()["holdup_mv"] == 3_456
        bed.advance_s(2)
        assert str(bed.state()["level"]) == "tagged"
        bed.restore_supply()
        assert [alert.fields["bits"] for alert in bed.headend.alerts] == [s.SENSE_AC_LO | s.SENSE_MT_PR]
        assert bed.headend.restorations and bed.state()["holdup_mv"] == 5_000


def test_the_soft_rig_s_answers_are_never_taken_for_another_question_s():
    with connect("sim:", "soft:") as bed:
        for _ in range(5):
            bed.rig.mt_pr = False
            assert not bed.state()["bits"] & s.SENSE_MT_PR
            bed.rig.mt_pr = True
        acks = [one for one in bed.bench.capture if not one.to_hub and one.frame.name == "bench_ack"]
        assert acks == []


def test_the_hub_s_own_pins_count_again_after_the_soft_rig():
    with connect("sim:", "soft:") as bed:
        bed.rig.ac_lo = False
        assert not bed.state()["bits"] & s.SENSE_AC_LO
        bed.rig.release()
        assert bed.state()["bits"] & s.SENSE_AC_LO


def test_a_soft_rig_that_gets_no_answer_says_so():
    with pytest.raises(BenchError, match="soft rig") as caught:
        SoftRig(ScriptedLine(lambda written: [])).tell()
    assert caught.value.exit_code == EXIT_NO_BOARD


def test_a_soft_rig_that_is_refused_says_why():
    refused = frames.build("bench_refusal", {"type": "rig_set", "reason": "strap"})
    with pytest.raises(BenchError, match="strap"):
        SoftRig(ScriptedLine(lambda written: [refused])).tell()


@pytest.mark.parametrize("rig", ["soft", "sim:"])
def test_a_rig_that_is_none_is_refused(rig):
    with pytest.raises(BenchError, match="soft:") as caught:
        connect("/dev/nope", rig)
    assert caught.value.exit_code == EXIT_USAGE


def test_a_virtual_hub_without_its_strap_has_no_soft_rig():
    with pytest.raises(BenchError, match="strap") as caught:
        connect("sim:?strap=0", "soft:")
    assert caught.value.exit_code == EXIT_USAGE


# ---- a hub in another process, in real time


def test_a_hub_is_tested_through_its_ports():
    """What hil does with --hil-dut URL --hil-rig soft:."""
    with virtual_hub("--speed", "25") as hub:
        with pytest.raises(BenchError, match=hub["hub"]) as caught:
            connect(hub["url"], "soft:", new_identity(2))
        assert caught.value.exit_code == EXIT_FAILED
        with connect(hub["url"], "soft:") as bed:
            client = Client(bed.bench, bed.rig.speed)
            bed.esme.tries *= bed.rig.speed
            assert bed.declare()
            bed.lose_supply(182)
            state = client.state()
            assert (str(state["level"]), state["elapsed_s"] >= 180) == ("tagged", True)
            bed.restore_supply(10)
            assert [str(alert.cause) for alert in bed.headend.alerts] == ["firmware-activation"]
            assert [told["revision"] for _, told in bed.headend.restorations] == [1]


def test_a_hub_without_its_strap_is_not_tested_through_its_ports():
    with virtual_hub("--one-cable", "--unstrapped") as hub:
        assert "=" not in hub["url"]
        with pytest.raises(BenchError, match="has no bench strap"):
            connect(hub["url"])
        with connecting.open_client(hub["url"]) as client:
            assert str(client.identify()["strapped"]) == "no"
