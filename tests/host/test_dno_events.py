"""What a head-end tells the network operator: each event once it matters, before it is remembered, and never lost."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dno_lines import AT_UTC, FIELDS, HUB, METER, event, stream
from test_cli_peers import KEY, NOTICE, RESTORED

from chf.wire import schema as s
from host_tools import frames
from host_tools.cli.headend import StoredHeadEnd
from host_tools.cli.headend_store import HeadEndStore
from host_tools.dno import events, read
from host_tools.dno import reasons as why
from host_tools.dno.outlet import Outlet
from host_tools.dno.triage import triage
from host_tools.errors import BenchError
from host_tools.gbcs import build as gbcs

UTC = 848_000_000


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def readable(path: Path) -> int:
    """How many events the reader finds in the file, every line of it good."""
    bad: list[Any] = []
    count = sum(frame.height for frame in read.read(stream(path.read_bytes()), "f", bad.append))
    assert bad == []
    return count


# ---- events


def test_times_are_utc_to_the_millisecond_and_no_time_is_none():
    assert [events.time_text(utc) for utc in (1, 836_000_000.25, s.NO_UTC)] == [
        "2000-01-01T00:00:01Z", "2026-06-28T22:13:20.250Z", None
    ]  # fmt: skip


def test_an_alert_has_the_names_of_the_schema_and_numbers_where_there_are_none():
    told = event(
        cause=250, level=251, source=252, row=253, policy=254, loss_bits=0x08, loss_utc=0, elapsed_s=s.UNKNOWN_S
    )
    assert [told[name] for name in ("cause", "level", "source", "row", "policy")] == [250, 251, 252, 253, 254]
    assert (told["loss_bits"], told["bits"], told["loss"], told["elapsed_s"]) == (["0x08"], [], None, None)
    known = event()
    assert (known["cause"], known["row"], known["policy"]) == ("firmware-activation", "policy-tag", "tag")
    assert known["loss_bits"] == ["ac-lo", "mt-pr"] and known["flag_counter"] == "0000000000000102"


# ---- the file


def test_a_file_begins_with_a_header_and_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "alerts.jsonl"
    for _ in range(2):
        writer = events.Writer(path)
        writer.add(event())
        writer.close()
    assert lines(path) == [events.header(), event(), event()] and readable(path) == 2


def test_a_line_is_on_the_disk_when_it_is_said_to_be(tmp_path, monkeypatch):
    synced: list[int] = []
    path = tmp_path / "alerts.jsonl"
    with contextlib.closing(events.Writer(path)) as writer:
        monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(len(lines(path))))
        writer.add(event())
    assert synced == [2]


def test_a_line_that_a_kill_cut_off_spoils_no_other(tmp_path):
    path = tmp_path / "alerts.jsonl"
    for revision in (2, 3):
        with contextlib.closing(events.Writer(path)) as writer:
            writer.add(event(revision=revision))
        if revision == 2:
            path.write_bytes(path.read_bytes()[:-20])
    kept = path.read_bytes().splitlines()
    assert json.loads(kept[-1]) == event(revision=3) and len(kept) == 3


def test_after_a_full_disk_the_next_line_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "alerts.jsonl"
    writer = events.Writer(path)
    written: list[bytes] = []

    class Full:
        """A disk that takes ten octets, is full once, and then takes all."""

        name = str(path)
        room: int | None = 10

        def write(self, octets: bytes) -> int:
            if self.room == 0:
                self.room = None
                raise OSError(28, "No space left on device")
            some = octets[: self.room]
            written.append(some)
            self.room = None if self.room is None else self.room - len(some)
            return len(some)

        def fileno(self) -> int:
            return os.open(os.devnull, os.O_WRONLY)

    monkeypatch.setattr(os, "fsync", lambda descriptor: os.close(descriptor))
    writer._file.close()
    writer._file = Full()  # type: ignore[assignment]
    with pytest.raises(BenchError, match=r"alerts\.jsonl cannot be written: No space left on device\."):
        writer.add(event())
    writer.add(event())
    cut, whole = b"".join(written).splitlines()
    assert len(cut) == 10 and json.loads(whole) == event()


@pytest.mark.parametrize("path", [Path("/proc/nope"), Path("/nope/at/all")])
def test_a_file_that_cannot_be_written_is_one_sentence(path):
    with pytest.raises(BenchError, match="cannot be written") as refused:
        Outlet(HUB, jsonl=path)
    assert refused.value.exit_code == 2


# ---- the head-end


class Played:
    """A head-end with both ways out, all in this process."""

    def __init__(self, folder: Path) -> None:
        self.jsonl, self.duis = folder / "alerts.jsonl", folder / "duis"
        self.said: list[frames.Frame] = []
        store = HeadEndStore(folder / "db", HUB)
        self.outlet = Outlet(HUB, self.jsonl, self.duis)
        self.peer = StoredHeadEnd(store, KEY, True, 0, lambda event, values: None, self.outlet)
        self.peer.transmit = lambda content: self.said.append(frames.parse(content))
        self.peer.clock = lambda ms: UTC + ms // 1000

    def hear(self, name: str, fields: dict[str, Any], at_ms: int = 0) -> list[str]:
        before = len(self.said)
        self.peer.on_frame(frames.build(name, fields, key=KEY, marked=True), at_ms)
        return [frame.name for frame in self.said[before:]]

    def told(self) -> list[tuple[str, Any]]:
        """(event, revision) of each line but the header."""
        return [(line["event"], line.get("revision")) for line in lines(self.jsonl)[1:]]

    def documents(self) -> list[str]:
        return sorted(path.name for path in self.duis.iterdir())


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[[], Played]]:
    """Starts a head-end, over what the one before has left, as after a kill."""
    started: list[Played] = []

    def start() -> Played:
        started.append(Played(tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.outlet.close()


def test_an_alert_goes_out_both_ways_and_once_however_often_it_comes(play):
    for _ in range(2):  # the second time as after a kill
        played = play()
        assert played.hear("ad1", FIELDS) == played.hear("ad1", FIELDS) == ["ad1_ack"]
    assert played.told() == [("ad1", 2)] and played.documents() == [f"AD1-{HUB}-{FIELDS['id'].hex()}.xml"]
    assert lines(played.jsonl)[1] == events.ad1(HUB, FIELDS, UTC)


def test_a_revision_is_another_line_and_the_same_document(play):
    played = play()
    played.hear("ad1", FIELDS)
    played.hear("ad1", {**FIELDS, "revision": 3, "level": "plain", "cause": "activation-overrun"}, 60_000)
    assert played.told() == [("ad1", 2), ("ad1", 3)]
    (name,) = played.documents()
    assert b"<chf:Cause>activation-overrun<" in (played.duis / name).read_bytes()


def test_a_merged_alert_goes_out_with_its_count(play):
    played = play()
    played.hear("ad1", {**FIELDS, "cause": "merged", "merged": 4})
    assert lines(played.jsonl)[1]["merged"] == 4
    found = triage(read.read(stream(played.jsonl.read_bytes()), "f", print)).outages
    assert found["merged"].to_list() == [4] and found["activation"].to_list() == [False]


def test_what_cannot_go_out_is_neither_remembered_nor_acknowledged(play, monkeypatch):
    played = play()

    def full(event: Any) -> None:
        raise BenchError("the disk is full")

    monkeypatch.setattr(played.outlet._writer, "add", full)
    for name, fields in (("ad1", FIELDS), ("restored", RESTORED)):
        with pytest.raises(BenchError):
            played.hear(name, fields)
    assert played.said == []
    again = play()
    again.hear("ad1", FIELDS)
    again.hear("restored", RESTORED)
    assert again.told() == [("ad1", 2), ("restored", 1)] and len(again.said) == 2


def test_an_alert_is_out_before_it_is_acknowledged(play):
    played = play()
    seen: list[int] = []
    played.peer.transmit = lambda content: seen.append(len(played.told()) * 10 + len(played.documents()))
    played.hear("ad1", FIELDS)
    played.hear("restored", RESTORED)
    assert seen == [11, 21]


def test_a_held_outage_that_does_not_end_goes_out_as_the_head_end_s_own(play):
    played = play()
    played.hear("hold_notice", {**NOTICE, "id": FIELDS["id"]})
    played.peer.run(10**9)
    (only,) = lines(played.jsonl)[1:]
    assert (only["raised_by"], only["cause"], only["revision"]) == ("head-end", "activation-overrun", 0)
    played.hear("ad1", FIELDS, 10**9)
    (name,) = played.documents()
    assert b"<chf:RaisedBy>head-end<" in (played.duis / name).read_bytes()
    found = triage(read.read(stream(played.jsonl.read_bytes()), "f", print)).outages
    assert found.height == 1 and found["activation"].to_list() == [False]


def test_a_held_outage_that_ends_in_time_is_a_restoration_alone(play):
    played = play()
    played.hear("hold_notice", NOTICE)
    for _ in range(3):
        played.hear("restored", RESTORED, 1_000)
    played.peer.run(10**9)
    assert played.told() == [("restored", 1)] and played.documents() == []


def test_an_activation_that_no_meter_declared_goes_out_once(play):
    played = play()
    fields = {"id": FIELDS["id"], "before": 0x01000304, "after": 0x01000305, "evidence": s.EVIDENCE_READ}
    assert played.hear("without_notice", fields) == played.hear("without_notice", fields) == ["without_notice_ack"]
    (only,) = lines(played.jsonl)[1:]
    assert [only[name] for name in ("before", "after", "evidence")] == ["01000304", "01000305", "read"]
    played.hear("ad1", {**FIELDS, "level": "plain", "cause": "supply-loss"})
    found = triage(read.read(stream(played.jsonl.read_bytes()), "f", print)).outages
    assert found.height == 1 and found["class"].to_list() == [why.CLASSES.index(why.SUSPECTED)]


@pytest.mark.parametrize(("end", "code"), [(180, "8F36"), (179, "8F35")])
def test_the_meter_s_restoration_alert_goes_out_as_it_passes(play, end, code):
    played = play()
    heading = gbcs.Heading(7, bytes.fromhex(METER), bytes(8))
    played.hear("gbcs_up", {"gbcs": gbcs.restored(heading, UTC - 900, UTC - 900 + end)})
    (only,) = lines(played.jsonl)[1:]
    assert only == events.ecs80(HUB, METER, code, UTC - 900, UTC - 900 + end, UTC)
    assert readable(played.jsonl) == 1


def test_any_other_message_that_passes_is_no_event(play):
    played = play()
    heading = gbcs.Heading(7, bytes.fromhex(METER), bytes(8))
    timeless = [gbcs.restored(heading, s.NO_UTC, UTC), gbcs.restored(heading, UTC, s.NO_UTC, UTC)]
    timeless += [gbcs.restored(heading, UTC, utc, UTC) for utc in (-(10**9), s.UTC_MAX + 1)]  # 1968, 2127
    others = [b"", b"\xdf\x09", gbcs.accepted(heading), gbcs.other(heading, gbcs.ALERT, 0x1234, 300)]
    for octets in (*timeless, *others):
        played.hear("gbcs_up", {"gbcs": octets})
    assert played.told() == [] and len(played.peer.relayed) == 8


def test_without_ways_out_nothing_is_written(tmp_path):
    outlet = Outlet(HUB)
    outlet.ad1(FIELDS, AT_UTC)
    outlet.own_ad1(FIELDS["id"], AT_UTC)
    outlet.restored({**RESTORED, "level": s.LEVEL_HELD}, AT_UTC)
    outlet.close()
    assert list(tmp_path.iterdir()) == []
