"""The BENCH link: what it tells with the strap and without, the soft rig that outlives a restart, both restarts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chf.journal.journal import FILES
from chf.shell import DRAIN_MS, Shell
from chf.strap import JOURNAL_CHUNK, RIG_FILE
from chf.trace import ENTRIES, ENTRY_LEN, Trace
from chf.wire import schema as s
from chf.wire.codec import type_of
from tests.shell import narrow

ASKED = {
    "state_request": ("state", {}),
    "journal_request": ("journal_data", {"file": 1, "offset": 0}),
    "trace_request": ("trace_data", {}),
    "rig_set": ("bench_ack", {"mask": 7, "bits": 5, "holdup_mv": 0}),
    "time_skip": ("bench_ack", {"ms": 30_000}),
}


def hub(strapped=True, store=None, reset=s.RESET_POWER_ON):
    board = narrow.Board(store=store, strapped=strapped, reset=reset)
    shell = Shell(board)
    peers = narrow.Peers(board)
    narrow.run(shell, peers, 5_000)
    return shell, peers


def ask(shell, peers, name, **fields):
    """The one frame that a bench message is answered with."""
    peers.say(name, **fields)
    (answer,) = narrow.run(shell, peers, 5)
    return answer


@pytest.mark.parametrize("name", ASKED)
def test_a_bench_message_is_answered_with_the_strap_and_refused_without(name):
    answer, fields = ASKED[name]
    assert ask(*hub(), name, **fields)[0] == answer
    shell, peers = hub(strapped=False)
    before = dict(shell.board.store.files)
    refusal = {"type": type_of(name), "reason": s.REFUSED_STRAP}
    assert ask(shell, peers, name, **fields) == ("bench_refusal", refusal)
    assert shell.board.store.files == before


@pytest.mark.parametrize("kind", [s.RESTART_RESET, s.RESTART_WATCHDOG])
def test_without_the_strap_nobody_restarts_a_hub(kind):
    shell, peers = hub(strapped=False)
    refusal = {"type": type_of("restart"), "reason": s.REFUSED_STRAP}
    assert ask(shell, peers, "restart", kind=kind) == ("bench_refusal", refusal)
    fed = shell.board.fed
    narrow.run(shell, peers, 10_000)
    assert shell.board.fed > fed


# ---- Restarts


def test_a_restart_leaves_a_clean_mark_and_its_answer_leaves_first():
    shell, peers = hub()
    peers.say("restart", kind=s.RESTART_RESET)
    with pytest.raises(narrow.Restarted):
        shell.step()
    assert peers.heard()[0] == ("bench_ack", {"type": type_of("restart")})
    again, its_peers = hub(store=shell.board.store)
    assert again.supervisor.outage is None, "a clean stop is no outage"
    assert ask(again, its_peers, "identify")[1]["boot"] == 2


def test_a_restart_waits_for_a_port_that_is_slow_but_not_for_one_that_is_stuck():
    shell, peers = hub()
    bench = shell.board.links[2]
    bench.takes = [1] * 30
    peers.say("restart", kind=s.RESTART_RESET)
    with pytest.raises(narrow.Restarted):
        shell.step()
    assert peers.heard() == [("bench_ack", {"type": type_of("restart")})]
    shell, peers = hub()
    shell.board.links[2].stuck = True
    peers.say("restart", kind=s.RESTART_RESET)
    before = shell.board.now
    with pytest.raises(narrow.Restarted):
        shell.step()
    assert DRAIN_MS <= (shell.board.now - before) & narrow.TICKS_MASK < 2 * DRAIN_MS


def test_a_hub_that_is_to_be_bitten_feeds_its_watchdog_no_more_but_goes_on():
    shell, peers = hub()
    assert ask(shell, peers, "restart", kind=s.RESTART_WATCHDOG)[0] == "bench_ack"
    fed = shell.board.fed
    shell.board.bits = 0
    assert "ad1" in [name for name, _ in narrow.run(shell, peers, 190_000)]
    assert shell.board.fed == fed


# ---- The clock that is sent ahead


def skip(shell, peers, ms, piece_ms=5_000):
    for _ in range(ms // piece_ms):
        ask(shell, peers, "time_skip", ms=piece_ms)


def test_a_clock_that_is_sent_ahead_brings_the_threshold_and_no_earlier():
    shell, peers = hub()
    shell.board.bits = 0
    began = shell.board.now
    narrow.run(shell, peers, 100)
    skip(shell, peers, 175_000)
    assert "ad1" not in [name for name, _ in narrow.run(shell, peers, 4_000)]
    assert ask(shell, peers, "state_request")[1]["elapsed_s"] == 179
    assert "ad1" in [name for name, _ in narrow.run(shell, peers, 1_500)]
    assert (shell.board.now - began) & narrow.TICKS_MASK < 10_000, "of the board's own time"


def test_a_clock_that_is_sent_ahead_sleeps_no_longer_than_before():
    shell, peers = hub()
    skip(shell, peers, 60_000)
    before = shell.board.now
    shell.sleep()
    assert 0 < (shell.board.now - before) & narrow.TICKS_MASK <= 2_000


def test_without_the_strap_no_clock_is_sent_ahead_and_a_restart_ends_it():
    shell, peers = hub(strapped=False)
    assert ask(shell, peers, "time_skip", ms=65_535)[0] == "bench_refusal"
    assert shell.ahead_ms == 0
    shell.board.bits = 0
    assert "ad1" not in [name for name, _ in narrow.run(shell, peers, 179_000)]
    assert "ad1" in [name for name, _ in narrow.run(shell, peers, 3_000)]
    shell, peers = hub()
    skip(shell, peers, 60_000)
    assert hub(store=shell.board.store)[0].ahead_ms == 0


# ---- The soft rig


def test_overridden_lines_replace_the_pins_until_they_are_given_back():
    shell, peers = hub()
    shell.board.mv = 4_321
    ask(shell, peers, "rig_set", mask=s.SENSE_SUPPLY, bits=0xFF & ~s.SENSE_SUPPLY, holdup_mv=9)
    state = ask(shell, peers, "state_request")[1]
    assert (state["bits"], state["holdup_mv"]) == (s.SENSE_MT_PR, 4_321)
    ask(shell, peers, "rig_set", mask=s.SENSE_AC_LO | s.RIG_HOLDUP, bits=s.SENSE_AC_LO, holdup_mv=3_000)
    state = ask(shell, peers, "state_request")[1]
    assert (state["bits"], state["holdup_mv"]) == (s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR, 3_000)
    ask(shell, peers, "rig_set", mask=0, bits=0xFF, holdup_mv=1)
    shell.board.bits = s.SENSE_SUPPLY
    narrow.run(shell, peers, 5)
    assert ask(shell, peers, "state_request")[1]["bits"] == s.SENSE_SUPPLY


def test_an_override_outlives_a_restart_and_the_outage_goes_on():
    shell, peers = hub()
    ask(shell, peers, "rig_set", mask=s.SENSE_SUPPLY, bits=0, holdup_mv=0)
    narrow.run(shell, peers, 100_000)
    again, its_peers = hub(store=shell.board.store, reset=s.RESET_OTHER)
    said = narrow.run(again, its_peers, 100_000)
    assert "ad1" in [name for name, _ in said], "one outage, over the restart"


def test_a_hub_without_the_strap_knows_no_soft_rig():
    store = narrow.Store({RIG_FILE: bytes((s.SENSE_SUPPLY, 0, 0, 0))})
    shell, peers = hub(strapped=False, store=store)
    assert "ad1" not in [name for name, _ in narrow.run(shell, peers, 300_000)]


@pytest.mark.parametrize("saved", [b"", b"\x07", b"\x07\x00\x00", b"\x07\x00\x00\x00\x00"])
def test_a_rig_file_that_does_not_fit_is_none(saved):
    shell, peers = hub(store=narrow.Store({RIG_FILE: saved}))
    assert ask(shell, peers, "state_request")[1]["bits"] == s.SENSE_SUPPLY | s.SENSE_MT_PR


def test_a_rig_file_that_cannot_be_read_is_none_and_is_said():
    store = narrow.Store()
    store.blind = (RIG_FILE,)
    shell, peers = hub(store=store)
    assert ask(shell, peers, "state_request")[1]["bits"] == s.SENSE_SUPPLY | s.SENSE_MT_PR
    assert b"soft rig" in ask(shell, peers, "identify")[1]["text"]


def test_an_override_that_cannot_be_kept_is_refused_and_not_used():
    shell, peers = hub()
    shell.board.store.faults = [narrow.REFUSES]
    refusal = {"type": type_of("rig_set"), "reason": s.REFUSED_STORE}
    assert ask(shell, peers, "rig_set", mask=1, bits=0, holdup_mv=0) == ("bench_refusal", refusal)
    assert ask(shell, peers, "state_request")[1]["bits"] & s.SENSE_SUPPLY


# ---- The journal and the trace


def test_the_journal_is_read_in_pieces_and_past_its_end_there_is_nothing():
    shell, peers = hub()
    shell.board.store.files[FILES[0]] = shell.board.store.files[FILES[0]] + bytes(2 * JOURNAL_CHUNK)
    whole = len(shell.board.store.files[FILES[0]])
    got = b""
    while len(got) < whole:
        _, fields = ask(shell, peers, "journal_request", file=0, offset=len(got))
        assert fields["total"] == whole and 0 < len(fields["data"]) <= JOURNAL_CHUNK
        got += fields["data"]
    for offset in (whole, whole + 1, 0xFFFFFFFF):
        assert ask(shell, peers, "journal_request", file=0, offset=offset)[1]["data"] == b""


@pytest.mark.parametrize("file", [2, 0x20, 255])
def test_a_file_that_there_is_not_is_refused(file):
    refusal = {"type": type_of("journal_request"), "reason": s.REFUSED_VALUE}
    assert ask(*hub(), "journal_request", file=file, offset=0) == ("bench_refusal", refusal)


def test_a_journal_that_cannot_be_read_is_refused():
    shell, peers = hub()
    shell.board.store.blind = FILES
    refusal = {"type": type_of("journal_request"), "reason": s.REFUSED_STORE}
    assert ask(shell, peers, "journal_request", file=1, offset=0) == ("bench_refusal", refusal)


@example([(at, 1, 2, 3) for at in range(2 * ENTRIES + 1)])
@given(st.lists(st.tuples(st.integers(0, 2**30 - 1), *[st.integers(0, 255)] * 2, st.integers(0, 65_535)), max_size=300))
def test_the_trace_holds_the_last_entries_in_order_and_counts_the_others(put):
    trace = Trace()
    for entry in put:
        trace.put(*entry)
    octets = trace.read()
    got = [octets[at : at + ENTRY_LEN] for at in range(0, len(octets), ENTRY_LEN)]
    assert got == [
        tick.to_bytes(4, "big") + bytes((what, detail)) + value.to_bytes(2, "big")
        for tick, what, detail, value in put[-ENTRIES:]
    ]
    assert trace.lost == max(0, len(put) - ENTRIES)


def test_the_trace_tells_of_events_and_of_what_came_of_them():
    shell, peers = hub()
    peers.flag()
    narrow.run(shell, peers, 5)
    entries = ask(shell, peers, "trace_request")[1]["entries"]
    seen = [(entries[at + 4], entries[at + 5]) for at in range(0, len(entries), ENTRY_LEN)]
    came = seen.index((2, type_of("activation_pending")))
    assert seen[came : came + 3] == [
        (2, type_of("activation_pending")),
        (0x80, 0x10),  # journaled: a flag, and only then ...
        (0x82, type_of("flag_ack")),
    ]
