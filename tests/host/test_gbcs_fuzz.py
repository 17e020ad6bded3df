"""The fuzz of GBCS messages: what it makes tells nothing by a second reader, and a hub that listens is found out."""

import itertools
import json

import pytest
from rigs import needs_vm

from host_tools.benchmarks import fuzz as measure
from host_tools.gbcs import build, fuzz
from host_tools.locate import root
from tests.wire import gbcs_oracle

METER = bytes.fromhex("02005e1000000001")
OTHER = bytes.fromhex("00db1234567890a1")
SUPPLIER = bytes.fromhex("90b3d51f30010000")
COUNT = 6_000
KIND = gbcs_oracle.KINDS


def learns(octets, down):
    """What a hub with that meter may conclude, by the second reader."""
    read = gbcs_oracle.read(octets)
    if read is None:
        return False
    kind, _, originator, recipient, _, _ = read
    if down:
        return recipient == METER and kind in (KIND["ACTIVATE"], KIND["CANCEL"])
    return originator == METER and kind in (KIND["RESULT"], KIND["DONE"], KIND["FAILED"], KIND["VERSION"])


def test_nothing_that_it_makes_tells_a_hub_anything_by_a_second_reader():
    made = list(fuzz.messages(METER, COUNT, 1))
    assert not [octets for down, octets in made if learns(octets, down)]
    assert all(len(octets) <= 1_500 for _, octets in made)
    read = [gbcs_oracle.read(octets) for _, octets in made]
    assert {found[0] for found in read if found} == set(KIND.values()), "whole ones of every kind, of no concern"
    assert sum(METER in octets for _, octets in made) > COUNT // 3
    assert sum(len(octets) > 264 for _, octets in made) > COUNT // 1_000
    assert len({octets for _, octets in made}) > COUNT // 2
    assert {down for down, _ in made} == {False, True}


def test_it_repeats_by_its_seed():
    first, again, other = (list(itertools.islice(fuzz.messages(METER, 99, seed), 99)) for seed in (1, 1, 2))
    assert first == again != other


def test_what_would_tell_something_is_taken_out():
    down, up = build.Heading(7, SUPPLIER, METER), build.Heading(7, METER, SUPPLIER)
    tells_down = [build.activate(down, bytes(32)), build.activate(down, bytes(32), 99), build.cancel(down, bytes(32))]
    tells_up = [build.result(up, code, None) for code in range(4)]
    tells_up += [build.ended(up, code, 99, bytes(4), 7) for code in (0, 3)] + [build.version_read(up, bytes(4))]
    for octets in tells_down:
        assert fuzz.tells(octets, True, METER) and not fuzz.tells(octets, False, METER)
        assert not fuzz.tells(octets, True, OTHER) and not fuzz.tells(octets[:-1], True, METER)
    for octets in tells_up:
        assert fuzz.tells(octets, False, METER) and not fuzz.tells(octets, True, METER)
        assert not fuzz.tells(octets, False, OTHER)


# ---- through a hub on the real VM


@needs_vm
def test_a_hub_relays_thousands_and_is_as_before():
    seen = measure.run(3_000, seed=7)
    assert (seen["wrong"], seen["drift"]) == ([], 0)


# Each is put behind the module's own source.
TAKES_ANY_METER = """
_down = Inferred.down
def _anybody(self, now, message, supply_out, out):
    if message is not None:
        message = message[:3] + (self._activation.config.esme,) + message[4:]
    return _down(self, now, message, supply_out, out)
Inferred.down = _anybody
"""
TAKES_ANY_TAIL = """
_read = read
def read(octets):
    for cut in range(24):
        found = _read(bytes(octets[: len(octets) - cut]))
        if found:
            return found
"""
SPOILS = """
_take = take
def take(sup, now, name, fields, tag):
    if name == "gbcs_down" and len(fields["gbcs"]) > 1200:
        fields["gbcs"] = bytes(fields["gbcs"])[:-1] + b"."
    _take(sup, now, name, fields, tag)
"""


@needs_vm
@pytest.mark.parametrize(
    ("module", "more", "wrong"),
    [
        ("chf.core.inferred", TAKES_ANY_METER, "have changed"),
        ("chf.wire.gbcs", TAKES_ANY_TAIL, "have changed"),
        ("chf.core.messages", SPOILS, "relayed as it came"),
    ],
    ids=["any-meter", "any-tail", "spoils"],
)
def test_a_hub_that_listens_to_what_is_none_of_its_business_is_found_out(module, more, wrong):
    path = root("firmware") / (module.replace(".", "/") + ".py")
    seen = measure.run(1_000, patches={module: path.read_text(encoding="utf-8") + more})
    assert any(wrong in sentence for sentence in seen["wrong"]), json.dumps(seen["wrong"])
