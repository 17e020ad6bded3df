"""GBCS: the relayed CS06 that is for this meter makes it declare, and nothing else does."""

import random

import pytest

from hil.suite import Unmet
from host_tools.gbcs import build

IDLE_S = 20
OTHER = bytes.fromhex("02005e10000000ff")
IMAGE = bytes(range(32))


@pytest.mark.requirement("GBC-02")
def test_what_is_no_cs06_changes_nothing(lab):
    meter = lab()
    noise = random.Random(1)
    here, elsewhere = (build.Heading(1, OTHER, eui) for eui in (meter.esme, OTHER))
    whole = build.activate(elsewhere, IMAGE)
    for octets in (
        *(b"", b"\xdf", b"\xdd" * 40, noise.randbytes(100), noise.randbytes(1_500)),
        *(whole, whole[:60], build.cancel(elsewhere, IMAGE), build.version_read(here, bytes(4))),
        build.other(here, build.COMMAND, 0x0062, 1_500),
    ):
        meter.hub.send("gbcs_to_esme", {"gbcs": octets})
        meter.advance_s(1)
    meter.advance_s(IDLE_S)
    assert not meter.hub.said and not meter.lost()


@pytest.mark.requirement("GBC-01")
@pytest.mark.needs("cs06")
def test_a_cs06_makes_it_declare_that_image(lab):
    meter = lab()
    message = meter.relay_cs06()
    try:
        said = meter.await_declaration()
    except Unmet:
        if "activate" in meter.rig.capabilities:  # the control: Unmet where the rig does not make it declare either
            other = lab()
            other.trigger()
            other.await_declaration()
        raise AssertionError("the relayed CS06 did not make it declare") from None
    assert said.fields["image_hash"] in message
