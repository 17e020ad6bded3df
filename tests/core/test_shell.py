"""A whole hub from octets to octets, on a board in memory: what a forger, a replay, a bad flash and noise can do."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chf.journal.journal import FILES
from chf.wire import schema as s
from chf.wire.auth import Key, wrap
from chf.wire.codec import items, message, numbers
from tests.core.model import IMAGE, counter
from tests.core.replay import ESME, HUB
from tests.core.shell_bench import KEYS, Bench, PowerCut

PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
UNKNOWN = (s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION)
OUTAGE_MS = 200_000


def started(**options):
    bench = Bench(**options)
    bench.run(3_000)
    return bench


def outage(bench, ms=OUTAGE_MS):
    bench.lose(ms)
    bench.back(10_000)
    return bench.ad1s()


# ---- the main job


@pytest.mark.parametrize("seconds, told", [(179.9, []), (180, [PLAIN]), (200, [PLAIN])])
def test_a_genuine_outage(seconds, told):
    assert outage(started(), round(seconds * 1000)) == told


@pytest.mark.parametrize(
    "policy, told",
    [(s.POLICY_ALERT, [PLAIN]), (s.POLICY_TAG, [TAG]), (s.POLICY_SUPPRESS, [])],
)
def test_a_declared_activation(policy, told):
    bench = started(policy=policy)
    bench.declare()
    assert bench.names()[-1] == "flag_ack"
    assert outage(bench) == told
    assert bench.last("restored")["level"] == (told[0][0] if told else s.LEVEL_HELD)


def test_the_alert_leaves_at_once():
    bench = started()
    lost = bench.now
    outage(bench)
    (at,) = [time for time, name, _ in bench.heard if name == "ad1"]
    assert 0 <= at - lost - 180_000 <= 10


# ---- AuthOnly


@pytest.mark.parametrize("key", [bytes(32), KEYS["head_end"], KEYS["bench_esme"]])
def test_a_flag_under_another_key_is_none(key):
    bench = started()
    before = len(bench.heard)
    bench.declare(key=key)
    assert len(bench.heard) == before, "no answer either"
    assert outage(bench) == [PLAIN]


def test_an_acknowledgement_under_another_key_is_none():
    bench = started()
    bench.answers = False
    bench.lose(181_000)
    bench.tell("ad1_ack", {"id": bench.last("ad1")["id"], "revision": 1}, key=bytes(32))
    bench.run(60_000)
    assert bench.names().count("ad1") > 1
    bench.tell("ad1_ack", {"id": bench.last("ad1")["id"], "revision": 1})
    bench.run(10)
    told = bench.names().count("ad1")
    bench.run(600_000)
    assert bench.names().count("ad1") == told


@pytest.mark.parametrize("name", ["set_policy", "rotate_key", "exchange_esme"])
def test_a_command_under_another_key_is_none(name):
    bench = started()
    values = {
        "set_policy": {"policy": s.POLICY_ALERT},
        "rotate_key": {"peer": 0, "wrapped": bytes(32)},
        "exchange_esme": {"esme": bytes(8), "wrapped": bytes(32)},
    }[name]
    bench.command(name, key=KEYS["esme"], **values)
    assert not {"command_ack", "command_refusal"} & set(bench.names())
    bench.declare()
    assert outage(bench) == [TAG]


def test_every_flipped_octet_of_a_flag_is_no_flag():
    bench = started()
    whole = bench.frame("activation_pending", flag_fields(1))
    for at in range(1, len(whole) - 1):
        for bit in (0x01, 0x80):
            bench.put(whole[:at] + bytes((whole[at] ^ bit,)) + whole[at + 1 :], s.LINK_HAN)
            bench.run(10)
    assert "flag_ack" not in bench.names()
    bench.put(whole, s.LINK_HAN)
    bench.run(10)
    assert bench.names()[-1] == "flag_ack"


def flag_fields(number):
    values = {"image_hash": IMAGE, "expected_outage_s": 300, "valid_s": 1_800}
    return {"esme": ESME, "hub": HUB, "counter": counter(number), **values}


# ---- NoReplay


@pytest.mark.parametrize("restart", [False, True])
def test_a_flag_replayed_after_it_was_cancelled_is_refused(restart):
    bench = started()
    frame = bench.declare()
    bench.meter("activation_cancel")
    if restart:
        bench.boot()
        bench.run(3_000)
    bench.put(frame, s.LINK_HAN)
    bench.run(10)
    assert bench.names()[-1] == "flag_refusal"
    assert bench.last("flag_refusal")["reason"] == s.REFUSED_COUNTER
    assert outage(bench) == [PLAIN]


def test_a_policy_replayed_after_a_restart_is_refused():
    bench = started()
    frame = bench.command("set_policy", policy=s.POLICY_ALERT)
    bench.command("set_policy", policy=s.POLICY_TAG)
    bench.boot()
    bench.run(3_000)
    bench.put(frame, s.LINK_WAN)
    bench.run(10)
    assert bench.names()[-1] == "command_refusal"


def test_a_frame_of_the_hub_s_own_sent_back_to_it_is_nothing():
    bench = started()
    bench.declare()
    own, before = bench.sent_octets, len(bench.heard)
    for link in (s.LINK_HAN, s.LINK_WAN):
        bench.put(own, link)
    bench.run(100)
    assert len(bench.heard) == before


def test_flags_lost_with_the_counter_file_are_not_new_again():
    bench = started()
    frame = bench.declare()
    del bench.store.files[FILES[0]]
    bench.boot()
    bench.run(3_000)
    bench.put(frame, s.LINK_HAN)
    bench.run(10)
    assert bench.last("flag_refusal")["reason"] == s.REFUSED_UNSYNCED
    assert outage(bench) == [PLAIN]


# ---- keys


@pytest.mark.parametrize("restart", [False, True])
def test_a_rotated_key_is_the_only_one(restart):
    bench = started()
    fresh = bytes(reversed(range(100, 132)))
    wrapped = wrap(Key(KEYS["head_end"]), counter(1), fresh)
    bench.command("rotate_key", 1, peer=s.PEER_ESME, wrapped=wrapped)
    assert bench.names()[-1] == "command_ack"
    if restart:
        bench.boot()
        bench.run(3_000)
    before = len(bench.heard)
    bench.declare()
    assert len(bench.heard) == before, "the old key is void"
    bench.keys["esme"] = fresh
    bench.peers[s.LINK_HAN].keys[s.LINK_HAN] = Key(fresh)
    bench.declare()
    assert bench.names()[-1] == "flag_ack"


# ---- DurableBeforeClaim


def test_nothing_is_acknowledged_that_the_store_did_not_take():
    bench = started(policy=s.POLICY_SUPPRESS)
    bench.store.failing = True
    bench.declare()
    assert bench.names()[-1] == "flag_refusal"
    assert bench.last("flag_refusal")["reason"] == s.REFUSED_STORE
    bench.command("set_policy", policy=s.POLICY_TAG)
    assert bench.last("command_refusal")["reason"] == s.REFUSED_STORE
    assert outage(bench) == [PLAIN]
    assert not {"flag_ack", "command_ack", "hold_notice"} & set(bench.names())


def test_no_hold_is_asked_for_that_the_store_did_not_take():
    bench = started(policy=s.POLICY_SUPPRESS)
    bench.declare()
    bench.lose(100_000)
    bench.store.failing = True
    bench.run(100_000)
    assert bench.ad1s() == [TAG]
    assert "hold_notice" not in bench.names()


@pytest.mark.parametrize("cut", range(14))
def test_a_power_cut_at_any_write_leaves_a_flag_whole_or_none(cut):
    bench = started()
    bench.store.writes_left = cut
    try:
        bench.declare()
        bench.lose(100_000)
        bench.store.writes_left = None
    except PowerCut:
        bench.board.bits &= ~s.SENSE_SUPPLY
    acknowledged = "flag_ack" in bench.names()
    bench.store.writes_left = None
    bench.boot()
    bench.run(120_000)
    told = bench.ad1s()
    assert told in ([TAG], [PLAIN], [UNKNOWN], [])
    if not acknowledged:
        assert told != [TAG]


# ---- FailOpen, RecoveryIdempotent, Liveness


@pytest.mark.parametrize("file", FILES)
def test_any_octet_of_the_journal_that_is_wrong_is_no_flag_and_no_exception(file):
    source = started()
    source.lose(6_000)
    source.back(5_000)
    source.declare()
    files = dict(source.store.files)
    for at in range(0, len(files[file]), 3):
        bench = Bench()
        data = bytearray(files[file])
        data[at] ^= 0x10
        bench.store.files = {**files, file: bytes(data)}
        bench.now = source.now
        bench.boot()
        bench.run(70_000)
        told = outage(bench)
        assert told[-1] == PLAIN if file == FILES[0] else told[-1] in (PLAIN, TAG)
        assert set(told) <= {PLAIN, TAG, UNKNOWN}


def test_the_same_journal_boots_to_the_same_hub_any_number_of_times():
    bench = started()
    bench.declare(number=7)
    for _ in range(5):
        bench.boot()
        bench.run(3_000)
    assert outage(bench) == [TAG]
    bench.meter("activation_cancel", 7)
    assert bench.last("flag_refusal")["floor"] == counter(7)


def test_a_journal_compacted_again_and_again_keeps_all_that_counts():
    bench = started()
    bench.answers = False
    for _ in range(3):
        outage(bench)
    for number in range(1, 120):
        bench.meter("activation_cancel" if number % 2 else "activation_complete", number, **extra(number))
        bench.run(460_000)
    generation = int.from_bytes(bench.store.files[FILES[0]][6:10], "big")
    assert generation > 1
    bench.boot()
    bench.answers = True
    bench.run(600_000)
    ids = {fields["id"] for at, name, fields in bench.heard if name == "ad1" and at > bench.now - 600_000}
    assert len(ids) == 3
    bench.meter("activation_cancel", 118)
    assert bench.last("flag_refusal")["floor"] == counter(119)


def extra(number):
    return {} if number % 2 else {"image_hash": IMAGE, "result": 0, "version": 1}


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 3_000))
def test_noise_stops_nothing(seed, octets):
    bench = started()
    noise = random.Random(seed)
    for link in (s.LINK_HAN, s.LINK_WAN):
        bench.put(noise.randbytes(octets).replace(b"\x00", b"\x7e"), link)
    bench.run(10)
    for link in (s.LINK_HAN, s.LINK_WAN):
        bench.put(b"\x7e", link)
    bench.declare()
    assert bench.names()[-1] == "flag_ack"
    assert outage(bench) == [TAG]


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.data())
def test_authentic_nonsense_stops_nothing(seed, data):
    """Peers that hold the keys and say anything at all in the fields."""
    bench = started()
    noise = random.Random(seed)
    kinds = [
        row
        for row in (message(number) for number in numbers(s.MESSAGES))
        if not row[2] and row[1] in (s.LINK_HAN, s.LINK_WAN)
    ]
    for _ in range(30):
        name, _link, _from_hub, _mac, fields = data.draw(st.sampled_from(kinds))
        if name in ("rotate_key", "exchange_esme"):
            continue  # the peers would no longer be known
        values = {}
        for field, kind in items(fields):
            width = 20 if kind == "*" else int(kind[1:]) // (8 if kind[0] == "u" else 1)
            octets = noise.randbytes(width)
            values[field] = int.from_bytes(octets, "big") if kind[0] == "u" else octets
        bench.tell(name, values)
        bench.run(noise.choice([1, 1_000, 30_000]))
    bench.lose(OUTAGE_MS)
    assert len(bench.ad1s()) == 1


# ---- the bench strap


def test_without_the_strap_the_bench_is_told_who_and_no_more():
    bench = started()
    bench.put(bench.frame("identify", {}), s.LINK_BENCH)
    bench.put(bench.frame("state_request", {}), s.LINK_BENCH)
    bench.run(10)
    assert bench.names()[-2:] == ["identity", "bench_refusal"]


def test_with_the_strap_only_test_keys_count():
    bench = started(strapped=True)
    bench.declare(key=KEYS["esme"])
    assert "flag_ack" not in bench.names()
    bench.declare()
    assert bench.names()[-1] == "flag_ack"
