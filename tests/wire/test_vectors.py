"""The worked vectors: right by independent means, and what the firmware's codec, MAC and framing make of them."""

import hashlib
import hmac

import pytest

from chf.wire import codec, schema
from chf.wire.auth import Key, unwrap, wrap
from chf.wire.framing import STUFFED_MAX, Framer, fcs16, stuff
from host_tools import frames
from host_tools.names import DROP_NAMES
from tests.wire import independent
from tests.wire.independent import VECTORS, content_of, values_of
from tests.wire.strategies import drops, endpoint

FRAMES = VECTORS["frames"]
IDS = [f"{vector['name']}-{at}" for at, vector in enumerate(FRAMES)]
frame_vectors = pytest.mark.parametrize("vector", FRAMES, ids=IDS)


def test_every_message_has_a_vector():
    assert {vector["name"] for vector in FRAMES} == {message[0] for message in frames.MESSAGES.values()}


@frame_vectors
def test_vector_is_right_by_independent_means(vector):
    content = content_of(vector)
    assert independent.fcs(content + bytes.fromhex(vector["fcs"])) == independent.FCS_GOOD
    assert independent.on_the_line(content).hex().upper() == vector["wire"]
    if vector["mac"] is not None:
        key = independent.KEYS[content[1] & 0x07]
        assert independent.tag(key, content[:-16]).hex().upper() == vector["mac"]


@frame_vectors
def test_field_octets_are_the_values_most_significant_first(vector):
    for name, octets in vector["fields"]:
        value = vector["values"][name]
        assert int(octets or "0", 16) == (value if isinstance(value, int) else int(value or "0", 16)), name


@frame_vectors
def test_endpoint_seals_and_opens_the_vector(vector):
    content = content_of(vector)
    _, link, from_hub, has_mac, _ = frames.MESSAGES[codec.type_of(vector["name"])]
    marked = bool(content[1] & schema.BENCH_MARK) or link not in (schema.LINK_HAN, schema.LINK_WAN)
    assert has_mac == (vector["mac"] is not None)
    assert endpoint(from_hub, marked).seal(vector["name"], values_of(vector)) == content
    tag = bytes.fromhex(vector["mac"]) if has_mac else None
    receiver = endpoint(not from_hub, marked)
    assert receiver.open(content, len(content), 1 << link) == (vector["name"], values_of(vector), tag)
    assert not any(receiver.drops)


@frame_vectors
def test_framing_makes_the_line_and_takes_it(vector):
    content = content_of(vector)
    line = bytes.fromhex(vector["wire"])
    out = bytearray(STUFFED_MAX)
    assert bytes(out[: stuff(content, len(content), out)]) == line
    framer = Framer()
    assert framer.push(line, 0, len(line)) == len(line)
    assert bytes(framer.buf[: framer.ready]) == content


@frame_vectors
def test_construct_agrees(vector):
    content = content_of(vector)
    frame = frames.parse(content)
    assert frame.name == vector["name"]
    assert frame.fields == values_of(vector)
    key = independent.KEYS.get(frame.link)
    assert frames.build(frame.name, vector["values"], key=key, marked=frame.marked) == content
    assert frames.to_wire(content).hex().upper() == vector["wire"]


def test_rfc_1662_check_values():
    data = bytes.fromhex(VECTORS["fcs"]["data"])
    register = fcs16(data, 0, len(data))
    assert f"{register ^ 0xFFFF:04X}" == VECTORS["fcs"]["fcs"]
    whole = data + (register ^ 0xFFFF).to_bytes(2, "little")
    assert f"{fcs16(whole, 0, len(whole)):04X}" == VECTORS["fcs"]["check"] == f"{independent.FCS_GOOD:04X}"
    assert fcs16(whole, 3, len(whole), fcs16(whole, 0, 3)) == independent.FCS_GOOD


@pytest.mark.parametrize("vector", VECTORS["framing"], ids=lambda vector: vector["what"])
def test_framing_vectors(vector):
    deframer = frames.Deframer()
    assert [content.hex().upper() for content in deframer.feed(bytes.fromhex(vector["line"]))] == vector["contents"]
    assert deframer.drops() == vector["drops"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["what"])
def test_refused_contents_are_counted_by_reason(vector):
    content = bytes.fromhex(vector["content"])
    side = endpoint(vector["from_hub"], vector["marked"])
    if not vector["keys"]:
        side.keys = {}
    assert side.open(content, len(content), vector["links"]) is None
    counts = drops(side.drops)
    assert {DROP_NAMES[at]: count for at, count in enumerate(counts) if count} == {vector["reason"]: 1}


@pytest.mark.parametrize("vector", VECTORS["hmac"], ids=range(len(VECTORS["hmac"])))
def test_hmac_vectors(vector):
    secret, data, mac = (bytes.fromhex(vector[name]) for name in ("key", "data", "mac"))
    assert hmac.new(secret, data, hashlib.sha256).digest() == mac
    assert Key(secret).mac(data) == mac
    assert Key(secret).tag(data + b"more", len(data)) == mac[:16]


@pytest.mark.parametrize("vector", VECTORS["wrap"], ids=range(len(VECTORS["wrap"])))
def test_wrap_vectors(vector):
    secret, counter, inner, wrapped = (bytes.fromhex(vector[name]) for name in ("key", "counter", "secret", "wrapped"))
    stream = hmac.new(secret, b"chf key wrap v1" + counter, hashlib.sha256).digest()
    assert bytes(a ^ b for a, b in zip(stream, inner, strict=True)) == wrapped
    assert wrap(Key(secret), counter, inner) == wrapped
    assert unwrap(Key(secret), counter, wrapped) == inner
