"""Slow, stuck and flooded ports: frames leave whole and in order, and no link starves another, or the watchdog."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chf.shell import BENCH_FRAME_MAX, FEED_MS, PENDING_POLL_MS, READS_MAX, Shell
from chf.wire import framing
from chf.wire import schema as s
from chf.wire.codec import type_of
from chf.wire.outbox import FRAMES_MAX, Outbox
from tests.shell import narrow
from tests.wire.independent import on_the_line


def hub(**options):
    board = narrow.Board(**options)
    shell = Shell(board)
    return shell, narrow.Peers(board)


def content(number, octets=3):
    """One that can be told from the others; made of octets that must be escaped, too."""
    return bytes((1, 0x41, 0x41, number)) + bytes((number + i) & 0xFF for i in range(octets))


def frames_of(octets):
    """The contents of whole frames, nothing between them."""
    framer = framing.Framer()
    got = []
    at = 0
    while at < len(octets):
        at = framer.push(octets, at, len(octets))
        if framer.ready:
            got.append(bytes(framer.buf[: framer.ready]))
    assert framer.drops == bytes(2 * s.DROPS), "a frame was cut short, or two ran into each other"
    return got


# ---- The outbox


@given(st.lists(st.binary(min_size=3, max_size=1_500), min_size=1, max_size=3))
def test_a_frame_leaves_as_the_wire_wants_it(contents):
    port = narrow.Port(s.LINK_WAN)
    outbox = Outbox(port)
    for one in contents:
        outbox.add(one)
    assert outbox.pending
    outbox.flush()
    assert not outbox.pending
    assert bytes(port.tx) == b"".join(map(on_the_line, contents))


def test_the_last_octet_and_the_fcs_have_room_wherever_they_fall():
    for octets in range(
        45, 64
    ):  # around the outbox's own chunk, its last octet escaped and each octet of the FCS or not
        for first in range(0x20, 0x7D):
            port = narrow.Port(s.LINK_WAN)
            outbox = Outbox(port)
            one = bytes((first,)) + b"A" * (octets - 2) + b"\x7e"
            outbox.add(one)
            outbox.flush()
            assert frames_of(port.tx) == [one]


@given(
    st.lists(
        st.tuples(st.just("add"), st.integers(0, 300)) | st.tuples(st.just("flush"), st.lists(st.integers(0, 70))),
        max_size=60,
    )
)
def test_a_port_that_takes_a_little_gets_whole_frames_in_order(steps):
    port = narrow.Port(s.LINK_WAN)
    outbox = Outbox(port)
    added, stays_under = [], True
    for what, more in steps:
        if what == "add":
            added.append(content(len(added), more))
            outbox.add(added[-1])
            stays_under = stays_under and len(added) < FRAMES_MAX
        else:
            port.takes = [*more, 0]
            outbox.flush()
            port.takes = []
    outbox.flush()
    got = frames_of(port.tx)
    assert not outbox.pending
    assert got == [one for one in added if one in got], "in order, none twice"
    assert added[-1:] == got[-1:], "the newest always leaves"
    if stays_under:
        assert got == added


@pytest.mark.parametrize("octets", [3, 200])
@pytest.mark.parametrize("begun", [0, 1, 5])
def test_when_too_many_wait_the_oldest_go_but_not_the_one_being_sent(begun, octets):
    port = narrow.Port(s.LINK_WAN)
    outbox = Outbox(port)
    outbox.add(content(0, octets))
    port.takes = [begun, 0]
    outbox.flush()
    for number in range(1, FRAMES_MAX + 10):
        outbox.add(content(number))
    port.takes = []
    outbox.flush()
    got = [one[3] for one in frames_of(port.tx)]
    newest = list(range(FRAMES_MAX + 10))[1 - FRAMES_MAX :]
    assert got[0] == 0 and got[1 - FRAMES_MAX :] == newest
    assert got == sorted(got) and FRAMES_MAX <= len(got) <= FRAMES_MAX + 1


def test_a_flood_of_relays_drowns_nothing_that_the_hub_says_itself():
    port = narrow.Port(s.LINK_WAN)
    outbox = Outbox(port)
    port.stuck = True
    relay, alert = type_of("gbcs_up"), type_of("ad1")
    outbox.add(bytes((1, 2, relay, 0)))
    outbox.add(bytes((1, 2, alert, 1)))
    for number in range(3 * FRAMES_MAX):
        outbox.add(bytes((1, 2, relay, number)))
    port.stuck = False
    outbox.flush()
    sent = [one[2] for one in frames_of(port.tx)]
    assert alert in sent and len(sent) == FRAMES_MAX


def test_a_stuck_port_takes_no_memory_and_no_time():
    port = narrow.Port(s.LINK_WAN)
    port.stuck = True
    outbox = Outbox(port)
    for number in range(200):
        outbox.add(content(number))
        outbox.flush()
    assert len(outbox._contents) <= FRAMES_MAX


# ---- The shell's use of it


@pytest.mark.parametrize("takes", [1, 3, 63])
def test_answers_leave_through_a_port_that_takes_so_many_octets_at_once(takes):
    shell, peers = hub()
    for port in shell.board.links:
        port.takes = [takes, 0] * 5_000
    peers.flag()
    peers.say("identify")
    peers.say("trace_request")
    names = [name for name, _ in narrow.run(shell, peers, 30_000)]
    assert [name for name in names if name in ("identity", "trace_data")] == ["identity", "trace_data"]
    assert "flag_ack" in names and "time_request" in names


def slept(shell):
    """How long the shell sleeps now, ms."""
    before = shell.board.now
    shell.sleep()
    return (shell.board.now - before) & narrow.TICKS_MASK


def test_while_something_is_to_be_sent_the_shell_looks_again_soon():
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    assert slept(shell) > PENDING_POLL_MS
    shell.board.links[2].stuck = True
    peers.say("identify")
    shell.step()
    assert slept(shell) == PENDING_POLL_MS


def test_a_stuck_port_does_not_hold_up_the_others_or_the_decision():
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    for port in (shell.board.links[0], shell.board.links[2]):
        port.stuck = True
    shell.board.bits = 0
    names = []
    for _ in range(40):
        peers.flag()
        peers.say("identify")
        names += [name for name, _ in narrow.run(shell, peers, 5_000)]
    assert "ad1" in names


def test_one_that_comes_back_says_what_is_newest():
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    shell.board.links[2].stuck = True
    for _ in range(3 * FRAMES_MAX):
        peers.say("identify")
        narrow.run(shell, peers, 5)
    shell.board.links[2].stuck = False
    peers.say("state_request")
    names = [name for name, _ in narrow.run(shell, peers, 10)]
    assert names[-1] == "state" and 1 < len(names) <= FRAMES_MAX + 2


# ---- Floods

NOISE = [
    b"\x7e" * 256,
    b"\x00" * 256,
    b"A" * 256,
    b"\x7d\x7d" * 128,
    bytes(range(256)),
    on_the_line(b"\x01\x03\x40") * 20,
]


@pytest.mark.parametrize("noise", NOISE, ids=range(len(NOISE)))
@pytest.mark.parametrize("flooded", [0, 1, 2])
def test_a_flood_on_one_link_starves_neither_the_others_nor_the_watchdog(noise, flooded):
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    board = shell.board
    board.links[flooded].flood = noise
    fed, reads = board.fed, board.links[flooded].reads
    shell.step()
    assert board.fed == fed + 1 + READS_MAX, "and each buffer of it: it may take half a second"
    assert board.links[flooded].reads - reads == READS_MAX, "so much at once, and no more"
    board.bits = 0
    names = []
    for _ in range(22):
        board.now = (board.now + 10_000) & narrow.TICKS_MASK  # a board that is never idle
        if flooded != 2:
            peers.say("identify")
        if flooded != 0:
            peers.flag("activation_cancel")
        shell.step()
        names += [name for name, _ in peers.heard()]
    assert board.fed == fed + 23 * (1 + READS_MAX)
    assert ("identity" in names) == (flooded != 2 or noise == NOISE[-1])
    assert flooded == 0 or names.count("flag_ack") + names.count("flag_refusal") == 22
    assert "ad1" in names


def test_after_a_flood_the_link_is_heard_again():
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    port = shell.board.links[0]
    port.flood = bytes(range(256))
    for _ in range(50):
        shell.step()
    port.flood = b""
    port.rx = bytearray()
    port.rx += b"\x7e"
    peers.flag()
    assert "flag_ack" in [name for name, _ in narrow.run(shell, peers, 10)]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_frame_in_any_pieces_is_one_frame(pieces):
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    peers.flag()
    port = shell.board.links[0]
    octets, port.rx = bytes(port.rx), bytearray()
    for piece in [*pieces, len(octets)]:
        port.rx += octets[:piece]
        octets = octets[piece:]
        narrow.run(shell, peers, 0) if octets else None
        if not octets:
            break
    assert [name for name, _ in narrow.run(shell, peers, 10)] == ["flag_ack"]


# ---- Sleep


def test_a_hub_with_nothing_to_do_wakes_often_enough_to_feed_its_watchdog():
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    gaps = []
    for _ in range(50):
        shell.step()
        gaps.append(slept(shell))
    assert max(gaps) <= FEED_MS <= 8_300 // 4


def test_the_hub_wakes_at_the_threshold_to_the_millisecond():
    shell, peers = hub()
    narrow.run(shell, peers, 5_000)
    shell.board.bits = 0
    shell.step()
    lost = shell.board.now
    shell.board.now = lost + 777  # from here on no row of whole naps ends at the threshold
    shell.step()
    names = []
    while "ad1" not in names:
        shell.sleep()
        shell.step()
        names = [name for name, _ in peers.heard()]
    assert (shell.board.now - lost) & narrow.TICKS_MASK == 180_000


@pytest.mark.parametrize(("link", "dropped"), [(s.LINK_HAN, 0), (s.LINK_WAN, 0), (s.LINK_BENCH, 1)])
def test_a_port_that_carries_the_bench_alone_has_no_room_for_long_frames(link, dropped):
    shell, _ = hub()
    shell.board.links[link - s.LINK_HAN].rx += on_the_line(b"A" * BENCH_FRAME_MAX)
    shell.step()
    assert shell.endpoint.drops[2 * s.DROP_LONG + 1] == dropped
