"""The host's frames: strict builds, one-sentence refusals, lines for people, JSON that builds the same frame again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chf.wire import schema
from chf.wire.auth import Key
from host_tools import frames, names
from tests.wire import independent
from tests.wire.independent import VECTORS, content_of
from tests.wire.strategies import messages

HAN, WAN = independent.KEYS[1], independent.KEYS[2]
POLICY = {"counter": bytes(8), "policy": schema.POLICY_TAG}


def vector(name, at=0):
    return content_of([v for v in VECTORS["frames"] if v["name"] == name][at])


@given(messages)
def test_json_builds_the_same_frame_again(message):
    number, values = message
    name, link = frames.MESSAGES[number][:2]
    content = frames.build(name, values, key=independent.KEYS.get(link), marked=True)
    told = json.loads(json.dumps(frames.to_json(frames.parse(content))))
    assert frames.build(told["name"], told["fields"], key=independent.KEYS.get(link), marked=told["marked"]) == content


@given(messages)
def test_the_line_for_people_is_one_printable_line(message):
    number, values = message
    name, link = frames.MESSAGES[number][:2]
    line = frames.describe(frames.parse(frames.build(name, values, key=independent.KEYS.get(link))))
    assert line.isprintable()
    assert f" {name}" in line
    assert all(f" {field}=" in line for field in values)


@given(st.binary(max_size=200))
def test_any_octets_parse_or_raise_frame_error(octets):
    try:
        frame = frames.parse(octets)
    except frames.FrameError as error:
        assert error.reason in (*names.DROP_NAMES.values(), "value")
    else:
        assert frame.type == octets[2]


def test_lines_for_people():
    lines = [frames.describe(frames.parse(vector(name))) for name in ("activation_cancel", "ad1", "set_policy")]
    assert lines == [
        "HAN -> hub activation_cancel esme=02005e1000000001 hub=02005e1000000002 counter=260 (bench)",
        "hub -> WAN ad1 id=9a3c57e10000000700000003 revision=1 level=tagged cause=firmware-activation source=declared "
        "row=8 policy=tag elapsed_s=180 loss_utc=2026-11-22T12:00:00Z window_s=240 flag_counter=258 "
        "loss_bits=ac-lo|mains-hint loss_holdup_mv=5000 bits=mains-hint holdup_mv=4000 merged=0 (bench)",
        "WAN -> hub set_policy counter=126 policy=suppress (bench)",
    ]
    state = frames.describe(frames.parse(vector("state")))
    assert "drops=fcs:2,mac:1 " in state + " " and "flag=pending" in state and "flag_left_s=3590" in state
    assert "loss_utc=unknown" in frames.describe(frames.parse(vector("ad1", 1)))
    rig = {"mask": schema.SENSE_SUPPLY | schema.RIG_HOLDUP, "bits": 0, "holdup_mv": 5000}
    assert "mask=supply|holdup bits=0 " in frames.describe(frames.parse(frames.build("rig_set", rig)))
    refusal = frames.describe(frames.parse(vector("flag_refusal")))
    assert "type=activation_pending" in refusal and "reason=counter floor=272" in refusal
    unknown = frames.build("restored", {**_restored(), "duration_s": schema.UNKNOWN_S}, key=WAN)
    assert "duration_s=unknown" in frames.describe(frames.parse(unknown))


def _restored():
    return {"id": bytes(12), "revision": 1, "level": "held", "duration_s": 1, "end_utc": 0, "bits": 0, "holdup_mv": 0}


def test_text_from_a_line_cannot_steer_a_terminal():
    fields = {"strapped": 0, "hub": bytes(8), "esme": bytes(8), "epoch": bytes(4), "boot": 1, "text": b"\x1b[2J\xff\n"}
    line = frames.describe(frames.parse(frames.build("identity", fields)))
    assert line.isprintable() and line.isascii()


def test_named_values_are_integers_with_a_name():
    level = frames.parse(vector("ad1")).fields["level"]
    assert level == schema.LEVEL_TAGGED and str(level) == f"{level}" == "tagged" and f"{level:02X}" == "03"
    odd = frames.parse(frames.build("set_policy", {**POLICY, "policy": 77}, key=WAN))
    assert odd.fields["policy"] == 77 and "policy=77" in frames.describe(odd)


def test_every_name_comes_from_the_schema():
    assert names.constants("LEVEL_") == {0: "none", 1: "asked", 2: "held", 3: "tagged", 4: "plain"}
    assert len(names.DROP_NAMES) == schema.DROPS
    for table in (names.constants(p) for p in ("CAUSE_", "SOURCE_", "POLICY_", "REFUSED_", "FLAG_", "PEER_", "CUT_")):
        assert len(table) > 1 and len(set(table.values())) == len(table)
    assert names.bit_names(schema.SENSE_SUPPLY | 0x20) == "supply|0x20"
    assert names.bit_names(0) == "0"


@pytest.mark.parametrize(
    ("name", "fields", "sentence"),
    [
        ("set_polcy", POLICY, "no message 'set_polcy'"),
        ("set_policy", {"counter": bytes(8)}, "needs the field 'policy'"),
        ("set_policy", {**POLICY, "polcy": 1}, "no field 'polcy'"),
        ("set_policy", {**POLICY, "policy": "loud"}, "no value named 'loud'"),
        ("set_policy", {**POLICY, "policy": 256}, "'set_policy' is out of range"),
        ("set_policy", {**POLICY, "policy": -1}, "'set_policy' is out of range"),
        ("set_policy", {**POLICY, "policy": 1.5}, "takes an integer"),
        ("set_policy", {**POLICY, "counter": bytes(7)}, "'set_policy' is out of range"),
        ("set_policy", {**POLICY, "counter": 7}, "takes octets"),
        ("set_policy", {**POLICY, "counter": "xyz"}, "takes octets in hex"),
        ("gbcs_down", {"counter": bytes(8), "gbcs": bytes(1501)}, "'gbcs_down' is out of range"),
    ],
)
def test_build_refuses_in_one_sentence(name, fields, sentence):
    with pytest.raises(frames.FrameError, match=sentence) as caught:
        frames.build(name, fields, key=WAN)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_message_with_a_mac_needs_a_key():
    with pytest.raises(frames.FrameError, match="give the key of the WAN link") as caught:
        frames.build("set_policy", POLICY)
    assert caught.value.reason == "mac"
    assert frames.build("set_policy", POLICY, key=Key(WAN)) == frames.build("set_policy", POLICY, key=WAN)


@pytest.mark.parametrize("refused", VECTORS["refused"], ids=lambda refused: refused["what"])
def test_parse_gives_the_endpoints_reason_where_it_can_know(refused):
    # The host's parser listens on every link, in both directions and without keys: those reasons are not its own.
    if refused["reason"] == "mac" or refused["what"] in (
        "a link that this port does not carry",
        "the hub's own direction",
        "no bench mark, strap fitted",
        "bench mark, no strap",
        "a frame of the head-end, at a head-end",
    ):
        content = bytes.fromhex(refused["content"])
        key = independent.KEYS[content[1] & schema.LINK_MASK]
        assert frames.parse(content).name
        assert frames.authentic(content, key) == (refused["reason"] != "mac" or refused["keys"] is False)
        return
    with pytest.raises(frames.FrameError) as caught:
        frames.parse(bytes.fromhex(refused["content"]))
    assert caught.value.reason == refused["reason"]


def test_authentic_needs_the_right_key_and_enough_octets():
    content = vector("ad1_ack")
    assert frames.authentic(content, WAN) and frames.authentic(content, Key(WAN))
    assert not frames.authentic(content, HAN)
    assert not frames.authentic(content[:-1], WAN)
    assert not frames.authentic(b"\1\2\3", WAN)


def test_deframer_takes_a_stream_in_any_pieces():
    contents = [content_of(v) for v in VECTORS["frames"]]
    stream = b"".join(frames.to_wire(content) for content in contents)
    for size in (1, 5, 100, len(stream)):
        deframer = frames.Deframer()
        got = [c for at in range(0, len(stream), size) for c in deframer.feed(stream[at : at + size])]
        assert got == contents
        assert deframer.drops() == {}


def test_journal_records_parse_and_refuse():
    fields = {"id": "9a3c57e10000000700000003", "revision": 2, "what": "restored"}
    kind, payload = frames.build_record("acked", fields)
    record = frames.parse_record(kind, payload)
    assert frames.describe_record(record) == "acked id=9a3c57e10000000700000003 revision=2 what=restored"
    for bad_kind, bad in ((kind, payload[:-1]), (kind, payload + b"\0"), (0xFE, b"")):
        with pytest.raises(frames.FrameError):
            frames.parse_record(bad_kind, bad)
    with pytest.raises(frames.FrameError, match="no journal record 'akced'"):
        frames.build_record("akced", fields)
    with pytest.raises(frames.FrameError, match="has no field 'extra'"):
        frames.build_record("acked", {**fields, "extra": 1})
