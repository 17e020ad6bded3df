"""The identity file: which keys count, and a hub without a usable one still runs and says what it lacks."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chf.core.limits import Config
from chf.identity import IdentityError, load, parse
from chf.shell import Shell
from chf.wire import schema as s
from chf.wire.auth import Key
from tests.shell import narrow

UNFIT = "the identity file does not fit: provision this hub again"
NONE = "not provisioned: write an identity file to this hub"
MISSING = "a key is missing for this position of the strap: provision this hub again"


class NoFile(narrow.Board):
    """A board that nobody has provisioned."""

    def identity(self):
        return None


class Unreadable(narrow.Board):
    """A board whose file is no text (MicroPython's UnicodeError), or cannot be read."""

    error: Exception = UnicodeError()

    def identity(self):
        raise self.error


class Broken(Unreadable):
    error = OSError(5)


def hub(board):
    shell = Shell(board)
    return shell, narrow.Peers(board)


def told(shell, peers):
    """The fields of the hub's identity."""
    peers.say("identify")
    (fields,) = [fields for name, fields in narrow.run(shell, peers, 10) if name == "identity"]
    return fields


@pytest.mark.parametrize(
    ("board", "fault"), [(NoFile, NONE), (Unreadable, UNFIT), (Broken, UNFIT), (narrow.Board, UNFIT)]
)
@pytest.mark.parametrize("strapped", [True, False])
def test_an_unprovisioned_hub_says_so_and_runs(board, fault, strapped):
    shell, peers = hub(board(identity="{}", strapped=strapped))
    fields = told(shell, peers)
    assert fields["text"].decode().endswith("; " + fault)
    assert (fields["hub"], fields["esme"], fields["strapped"]) == (bytes(8), bytes(8), int(strapped))
    peers.flag()
    peers.say("gbcs_from_esme", gbcs=b"relayed")
    shell.board.bits = 0
    assert narrow.run(shell, peers, 200_000) == [], "nobody knows it, so nobody hears from it"
    shell.board.bits = s.SENSE_SUPPLY
    narrow.run(shell, peers, 10_000)
    assert told(shell, peers)["boot"] == 1


def test_a_whole_identity_has_no_fault_and_every_parameter_counts():
    text = narrow.identity_text(
        policy=2, capacitance_mf=1, holdup_min_mv=2, dying_mv=3, load_mw=4, send_mj=5, margin_mj=6
    )
    config, keys = parse(text, True)
    assert vars(config) == vars(Config(narrow.HUB, narrow.ESME, 2, 1, 2, 3, 4, 5, 6))
    assert sorted(keys) == [s.LINK_HAN, s.LINK_WAN]
    shell, peers = hub(narrow.Board(identity=text))
    assert shell.fault == "" and told(shell, peers)["text"].decode().count(";") == 2


@pytest.mark.parametrize(("strapped", "prefix"), [(True, "bench_"), (False, "")])
def test_the_strap_chooses_the_keys(strapped, prefix):
    found = parse(narrow.identity_text(), strapped)[1]
    for link, name in ((s.LINK_HAN, "esme"), (s.LINK_WAN, "head_end")):
        assert found[link].mac(b"data") == Key(narrow.KEYS[prefix + name]).mac(b"data")


@pytest.mark.parametrize("strapped", [True, False])
def test_only_the_strap_s_keys_are_heard(strapped):
    shell, peers = hub(narrow.Board(strapped=strapped))
    other = narrow.Peers(narrow.Board(strapped=not strapped))
    for marked in (strapped, not strapped):  # the other mode's keys, under either mark
        other.endpoint.marked = marked
        shell.board.links[0].rx += other.octets(
            "activation_cancel", {"esme": narrow.ESME, "hub": narrow.HUB, "counter": other.next_counter()}
        )
    assert "flag_ack" not in [name for name, _ in narrow.run(shell, peers, 10)]
    peers.flag("activation_cancel")
    assert "flag_ack" in [name for name, _ in narrow.run(shell, peers, 10)]


@pytest.mark.parametrize("missing", ["bench_esme", "bench_head_end"])
def test_a_key_that_is_missing_for_this_mode_is_said(missing):
    keys = {name: key.hex() for name, key in narrow.KEYS.items() if name != missing}
    shell, peers = hub(narrow.Board(identity=narrow.identity_text(keys=keys)))
    fields = told(shell, peers)
    assert fields["text"].decode().endswith("; " + MISSING) and fields["hub"] == narrow.HUB
    shell.board.bits = 0
    alerted = "ad1" in [name for name, _ in narrow.run(shell, peers, 200_000)]
    assert alerted == (missing == "bench_esme"), "what the other key vouches for still works"


def test_keys_of_the_other_mode_may_be_missing():
    keys = {name: key.hex() for name, key in narrow.KEYS.items() if name.startswith("bench_")}
    assert load(narrow.Board(identity=narrow.identity_text(keys=keys)))[2] == ""
    assert load(narrow.Board(identity=narrow.identity_text(keys=keys), strapped=False))[2] == MISSING


JUNK = [None, -1, 1 << 20, 1.5, "1", [], {}]
BAD = [
    *[{"policy": value} for value in [*JUNK, s.POLICY_SUPPRESS_INFERRED + 1]],
    *[{name: value} for name in ("load_mw", "capacitance_mf") for value in JUNK],
    *[{name: value} for name in ("hub", "esme") for value in [None, 5, "", "0011", "00" * 9, "zz" * 8, [], "ü" * 16]],
    *[{"keys": value} for value in [None, 5, {"bench_esme": 5}, {"bench_esme": "00" * 31}, {"bench_esme": "x" * 64}]],
    {"unknown": 1},
    {"config": 1},
]


@pytest.mark.parametrize("more", BAD, ids=str)
def test_what_does_not_fit_is_refused_as_a_whole(more):
    with pytest.raises(IdentityError, match=UNFIT) as raised:
        parse(narrow.identity_text(**more), True)
    assert not [key for key in narrow.KEYS.values() if key.hex() in str(raised.value)]


@pytest.mark.parametrize("policy", range(4))
def test_every_policy_that_there_is_can_be_provisioned_and_decides(policy):
    shell, peers = hub(narrow.Board(identity=narrow.identity_text(policy=policy)))
    narrow.run(shell, peers, 5_000)
    shell.board.bits = 0
    assert "ad1" in [name for name, _ in narrow.run(shell, peers, 190_000)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PART = st.sampled_from(["hub", "esme", "keys", "policy", "load_mw", "holdup_min_mv", "send_mj"])


@given(st.dictionaries(PART, JSON, max_size=2), st.booleans(), st.sampled_from([None, "{", "\x00", "[]", "{}", "0"]))
@example({"policy": True}, True, None)
def test_any_identity_gives_a_hub_that_answers_and_decides(parts, strapped, text):
    text = narrow.identity_text(**parts) if text is None else text
    shell, peers = hub(narrow.Board(identity=text, strapped=strapped))
    assert told(shell, peers)["strapped"] == int(strapped)
    shell.board.bits = 0
    said = [name for name, _ in narrow.run(shell, peers, 190_000)]
    assert ("ad1" in said) == (shell.fault == ""), json.dumps(parts)
