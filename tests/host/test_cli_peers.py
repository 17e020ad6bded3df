"""chtool's peers: meters of every kind, and a head-end that is killed and goes on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from chtool import LIMIT_S, fails, inside, json_of, started, virtual_hub

from chf.wire import schema as s
from host_tools import frames
from host_tools.cli.headend import StoredHeadEnd
from host_tools.cli.headend_store import HeadEndStore

KEY = bytes(range(32))
HUB = "0011223344556677"
OUTAGE = bytes(11) + b"\x01"


# ---- meters


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("good", "acknowledged"),
        ("legacy", "not asked"),
        ("forger", "no answer"),
        ("replayer", "refused (counter)"),
        ("stranger", "refused (peer)"),
    ],
)
def test_each_kind_of_meter_gets_what_it_must(kind, answer):
    told = json_of("esme", "declare", "sim:", "--kind", kind)
    assert (told["answer"], told["as_it_must"]) == (answer, True)


@pytest.mark.parametrize("action", ["complete", "cancel"])
def test_a_meter_completes_or_cancels(action):
    assert json_of("esme", action, "sim:")["answer"] == "acknowledged"


@pytest.mark.parametrize(
    ("kind", "policy", "decided"),
    [
        ("good", "tag", "tagged"),
        ("good", "suppress", "held"),
        ("good", "alert", "plain"),
        ("legacy", "suppress", "plain"),
        ("forger", "suppress", "plain"),
        ("impatient", "tag", "plain"),
    ],
)
def test_what_a_meter_s_outage_becomes(kind, policy, decided):
    told = json_of("esme", "declare", f"sim:?policy={policy}", "--kind", kind, "--outage", "190")
    assert told["hub_decided"] == decided
    assert ("alerts" in told) == (decided != "held")


@pytest.mark.parametrize("policy", ["tag", "suppress"])
@pytest.mark.parametrize("command", [["esme", "declare"], ["relay", "activate"]])
def test_what_it_writes_is_the_whole_exchange_and_replays(command, policy, tmp_path):
    path = tmp_path / "c.jsonl"
    json_of(*command, f"sim:?policy={policy}", "--outage", "200", "--write", path)
    told = json_of("replay", path)
    assert told["same"] and told["macs_checked"] and told["tolerance_ms"] == 300 and told["compared"] >= 4


def test_a_hub_that_does_not_answer_as_it_must_is_exit_code_1():
    done = inside("esme", "declare", "sim:", "--valid", "9999")
    assert done.returncode == 1 and "refused (range)" in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["declare", "sim:", "--kind", "impatient"],
        ["declare", "sim:", "--live", "--outage", "9"],
        ["cancel", "sim:", "--kind", "forger"],
        ["complete", "sim:", "--outage", "9"],
        ["declare", "sim:", "--valid", "70000"],
        ["sing", "sim:"],
    ],
)
def test_options_that_do_not_fit_a_meter(options):
    fails(2, "esme", *options)


# ---- a head-end over its database


class Played:
    """A head-end as it runs on a bench that is all in this process; `said` is what it sends."""

    def __init__(self, path: Path) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.said: list[frames.Frame] = []
        self.store = HeadEndStore(path, HUB)
        self.peer = StoredHeadEnd(self.store, KEY, True, 0, lambda event, values: self.told.append((event, values)))
        self.peer.transmit = lambda content: self.said.append(frames.parse(content))
        self.peer.clock = lambda ms: 848_000_000 + ms // 1000

    def hear(self, name: str, fields: dict[str, Any], at_ms: int = 0) -> list[str]:
        """What it answers."""
        before = len(self.said)
        self.peer.on_frame(frames.build(name, fields, key=KEY, marked=True), at_ms)
        return [frame.name for frame in self.said[before:]]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.store._db.execute(query).fetchall()


AD1 = {
    "id": OUTAGE, "revision": 1, "level": "plain", "cause": "supply-loss", "source": 0, "row": 3, "policy": 1,
    "elapsed_s": 180, "loss_utc": 0, "window_s": 0, "flag_counter": bytes(8), "loss_bits": 0, "loss_holdup_mv": 0,
    "bits": 0, "holdup_mv": 0, "merged": 0,
}  # fmt: skip
NOTICE = {
    "id": OUTAGE, "window_s": 400, "left_s": 220, "source": 1, "flag_counter": bytes(8), "loss_utc": 0,
    "holdup_mv": 5_000,
}  # fmt: skip
RESTORED = {
    "id": OUTAGE, "revision": 1, "level": "held", "duration_s": 200, "end_utc": 0, "bits": 1, "holdup_mv": 5_000,
}  # fmt: skip


def test_what_is_acknowledged_is_in_the_database_first(tmp_path):
    played = Played(tmp_path / "db")
    seen_when_said: list[int] = []
    other = sqlite3.connect(tmp_path / "db")

    def transmit(content: bytes) -> None:
        counts = [other.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("alerts", "watches")]
        seen_when_said.append(sum(counts))

    played.peer.transmit = transmit
    played.hear("hold_notice", NOTICE)
    played.hear("ad1", AD1)
    assert seen_when_said == [1, 2]
    other.close()


def test_what_cannot_be_kept_is_not_acknowledged(tmp_path):
    played = Played(tmp_path / "db")
    played.store._db.execute("PRAGMA query_only = 1")
    for name, fields in (("ad1", AD1), ("hold_notice", NOTICE), ("restored", RESTORED)):
        with pytest.raises(sqlite3.Error):
            played.hear(name, fields)
    assert played.said == []


def test_an_alert_is_kept_once_however_often_it_comes(tmp_path):
    path = tmp_path / "db"
    for _ in range(2):  # the second time as after a kill: nothing was closed
        played = Played(path)
        assert [played.hear("ad1", AD1), played.hear("ad1", AD1)] == [["ad1_ack"], ["ad1_ack"]]
        assert played.rows("SELECT hub, id, revision, level, cause FROM alerts") == [
            (HUB, OUTAGE.hex(), 1, "plain", "supply-loss")
        ]
    assert [event for event, _ in played.told] == [] and played.peer.alerts == []


def test_a_watch_goes_on_after_a_kill_and_ends_in_the_head_end_s_own_alert(tmp_path, monkeypatch):
    path = tmp_path / "db"
    assert Played(path).hear("hold_notice", NOTICE) == ["hold_ack"]
    monkeypatch.setattr("host_tools.cli.headend.time.time", lambda: 946_684_800.0 + 848_000_100)
    played = Played(path)
    assert played.told[0][0] == "watch goes on"
    played.peer.run(121_000)
    assert played.rows("SELECT raised_by FROM alerts") == []
    played.peer.run(122_000)
    assert played.rows("SELECT raised_by, cause FROM alerts") == [("head-end", "activation-overrun")]
    assert played.rows("SELECT ended FROM watches") == [(1,)]
    assert not any(event == "watch goes on" for event, _ in Played(path).told)


@pytest.mark.parametrize(("name", "fields"), [("restored", RESTORED), ("ad1", {**AD1, "revision": 3})])
def test_a_watch_ends_for_good_with_the_hub_s_own_word(tmp_path, name, fields):
    path = tmp_path / "db"
    played = Played(path)
    played.hear("hold_notice", NOTICE)
    played.hear(name, fields, 1_000)
    played.peer.run(10**9)
    assert played.rows("SELECT count(*) FROM alerts WHERE raised_by = 'head-end'") == [(0,)]
    assert not any(event == "watch goes on" for event, _ in Played(path).told)


def test_a_declined_hold_is_no_watch(tmp_path):
    played = Played(tmp_path / "db")
    played.peer.accept_hold = False
    assert played.hear("hold_notice", NOTICE) == ["hold_ack"] and played.said[-1].fields["accepted"] == 0
    assert played.rows("SELECT * FROM watches") == []


def test_no_counter_is_used_twice_over_a_kill(tmp_path):
    path = tmp_path / "db"
    used = []
    for _ in range(3):
        played = Played(path)
        played.peer.set_policy(s.POLICY_TAG)
        used.append(int.from_bytes(played.said[-1].fields["counter"], "big"))
    refusal = {"type": "set_policy", "counter": bytes(8), "reason": "counter", "floor": (90).to_bytes(8, "big")}
    played.hear("command_refusal", refusal)
    played = Played(path)
    played.peer.set_policy(s.POLICY_TAG)
    used.append(int.from_bytes(played.said[-1].fields["counter"], "big"))
    assert used == [1, 2, 3, 91]


def test_an_old_flash_put_back_is_noticed(tmp_path):
    played = Played(tmp_path / "db")
    request = {"nonce": bytes(8), "epoch": b"abcd", "boot": 5}
    played.hear("time_request", request)
    played = Played(tmp_path / "db")
    played.hear("time_request", request)
    assert played.told == []
    played.hear("time_request", {**request, "boot": 4})
    assert [event for event, _ in played.told] == ["OLD FLASH"]
    played.hear("time_request", {**request, "epoch": b"efgh", "boot": 1})
    assert played.told[-1][0] == "session"


@pytest.mark.parametrize(("now_s", "year"), [(0.0, 1970), (5.3e9, 2137)])
def test_a_clock_that_no_hub_can_be_told_is_a_sentence(tmp_path, monkeypatch, now_s, year):
    monkeypatch.setattr("host_tools.cli.headend.time.time", lambda: now_s)
    said = f"This machine's clock says {year}: set it, or give --no-time."
    assert fails(2, "headend", "/dev/nope") == said
    assert "/dev/nope" in fails(3, "headend", "/dev/nope", "--no-time")
    played = Played(tmp_path / "db")
    assert played.hear("time_request", {"nonce": bytes(8), "epoch": b"abcd", "boot": 5}) == []
    assert played.hear("ad1", AD1) == ["ad1_ack"]


def test_a_policy_is_set_again_until_the_hub_has_it(tmp_path):
    played = Played(tmp_path / "db")
    played.peer.at(0, played.peer.keep_policy(s.POLICY_SUPPRESS))
    for at_ms in (0, 5_000, 10_000):
        played.peer.run(at_ms)
    assert [frame.name for frame in played.said] == ["set_policy"] * 3
    played.hear("command_ack", {"type": "set_policy", "counter": bytes(8)})
    played.peer.run(10**9)
    assert len(played.said) == 3 and played.peer.next_ms() is None


def test_a_database_that_is_not_the_head_end_s_is_left_alone(tmp_path):
    other = tmp_path / "other"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    text = tmp_path / "text"
    text.write_text("no database at all, however long this text may be " * 50)
    before = text.read_bytes(), other.read_bytes()
    for path in (other, text, tmp_path, tmp_path / "no" / "db", Path("/proc/nope")):
        assert str(path) in fails(2, "headend", "/dev/nope", "--db", path)
    assert (text.read_bytes(), other.read_bytes()) == before


def test_a_head_end_is_killed_in_mid_watch_and_goes_on(tmp_path):
    """Three processes: the hub, its meter, and a head-end that does not survive the outage; the next one does."""
    with virtual_hub("--speed", "30") as hub:
        wan = f"wan={hub['ports']['wan']},speed={hub['speed']}"
        rest = f"han={hub['ports']['han']},bench={hub['ports']['bench']},speed={hub['speed']}"
        options = ("headend", wan, "--db", tmp_path / "db", "--json", "--for", "40")
        with started(*options, "--policy", "suppress") as first:
            _read_until(first, "acknowledged")
            with started("esme", "declare", rest, "--outage", "210", "--json") as meter:
                _read_until(first, "hold notice")
                assert "busy" in fails(3, "headend", wan, "--db", tmp_path / "db")
                first.kill()
                first.wait(LIMIT_S)
                with started(*options) as second:
                    _read_until(second, "watch goes on")
                    _read_until(second, "restored")
                    assert meter.wait(LIMIT_S) == 0
    db = sqlite3.connect(tmp_path / "db")
    assert db.execute("SELECT ended FROM watches").fetchall() == [(1,)]
    assert db.execute("SELECT count(*) FROM restorations").fetchone() == (1,)
    db.close()


def _read_until(process: Any, event: str) -> None:
    for line in process.stdout:
        if f'"event": "{event}"' in line:
            return
    pytest.fail(f"no {event}: {process.stderr.read()}")
