"""The event log: the last 16 outages that were decided, read back over the WAN and by the bench."""

import pytest

from chf.core import limits
from chf.core.outage import size_of, unpack
from chf.wire import schema as s
from tests.core.model import flagged

NONCE = bytes(range(8))


def ask(hub, index):
    before = len(hub.heard)
    hub.deliver("log_request", {"nonce": NONCE, "index": index})
    (entry,) = [entry.values for entry in hub.heard[before:] if entry.name == "log_data"]
    assert (entry["nonce"], entry["index"]) == (NONCE, index)
    return entry


def opened(data):
    """(decision, end) of one entry; end None while it is open."""
    split = size_of("decision")
    return unpack("decision", data[:split]), unpack("end", data[split:]) if len(data) > split else None


def test_a_fresh_hub_has_none(world):
    assert ask(world(), 0) == {"nonce": NONCE, "index": 0, "count": 0, "data": b""}


def test_each_entry_says_how_it_was_decided_and_how_it_ended(world):
    hub = flagged(world)
    hub.lose(200)
    hub.back(10)
    hub.lose(250)
    hub.back(10)
    entries = [ask(hub, index) for index in range(2)]
    assert [entry["count"] for entry in entries] == [2, 2]
    (late, late_end), (early, early_end) = (opened(entry["data"]) for entry in entries)
    assert (early["level"], early["source"]) == (s.LEVEL_TAGGED, s.SOURCE_DECLARED)
    assert (late["level"], late["cause"]) == (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
    assert (early_end["duration_s"], late_end["duration_s"]) == (200, 250)
    assert early == hub.sent("ad1")[0].values


def test_an_open_outage_stands_first_without_an_end(world):
    hub = world()
    hub.lose(200)
    decision, end = opened(ask(hub, 0)["data"])
    assert decision["elapsed_s"] == 180 and end is None


@pytest.mark.parametrize("acks", [True, False])
def test_it_keeps_the_last_16_over_restarts_and_says_so(world, acks):
    hub = world()
    hub.acks = True
    for _ in range(limits.LOG_MAX + 2 - (0 if acks else 3)):
        hub.lose(185)
        hub.back(20)
    if not acks:
        hub.acks = False
        for _ in range(3):
            hub.lose(185)
            hub.back(20)
    hub.step("compact")
    hub.reset()
    hub.wait(20)
    ids = [opened(ask(hub, index)["data"])[0]["id"] for index in range(limits.LOG_MAX)]
    told = list(dict.fromkeys(entry.values["id"] for entry in hub.sent("ad1")))
    assert ids == told[:-17:-1]
    for index in (limits.LOG_MAX, 255):
        assert ask(hub, index)["data"] == b""
        assert ask(hub, index)["count"] == limits.LOG_MAX


def test_reading_changes_nothing_and_is_no_command(world):
    hub = world()
    hub.lose(200)
    before = len(hub.hub.log)
    ask(hub, 0)
    new = [entry.name for entry in hub.hub.log[before:] if entry.kind in ("journal", "send")]
    assert new == ["log_data"]
