"""Activation without notice: when it is told, when not, and that it is told until it is acknowledged."""

import pytest

from chf.core import limits
from chf.wire import schema as s
from host_tools.gbcs import build
from tests.core.model import IMAGE
from tests.core.test_core_inferred import activate, up

OLD, NEW = 0x0123ABCD, 0x0123ABCF


def octets(version):
    return version.to_bytes(4, "big")


def read(hub, version):
    """The head-end reads the meter's version through the hub."""
    hub.meter_says(build.version_read(up(), octets(version)))


def complete(hub, version):
    assert hub.meter("activation_complete", image_hash=IMAGE, result=0, version=version) == "flag_ack"


def result(hub, version):
    hub.meter_says(build.result(up(), 0, octets(version)))


def reports(hub):
    told = [entry.values for entry in hub.sent("without_notice")]
    return [(values["before"], values["after"], values["evidence"]) for values in told]


SAYS = {"read": read, "complete": complete, "result": result}
EVIDENCE = {"read": s.EVIDENCE_READ, "complete": s.EVIDENCE_COMPLETE, "result": s.EVIDENCE_RESULT}


@pytest.mark.parametrize("how", SAYS)
@pytest.mark.parametrize("seconds", [20, 200])
def test_another_version_after_an_interruption_without_a_flag_is_reported(world, how, seconds):
    hub = world()
    read(hub, OLD)
    hub.lose(seconds)
    hub.back(10)
    SAYS[how](hub, NEW)
    hub.wait(10)
    assert reports(hub) == [(OLD, NEW, EVIDENCE[how])]
    (loss,) = hub.journaled("loss")
    assert hub.sent("without_notice")[0].values["id"] == loss.values["id"]


@pytest.mark.parametrize("wait_s, told", [(890, 1), (901, 0)])
def test_a_meter_that_answers_first_and_reboots_after_is_reported(world, wait_s, told):
    hub = world()
    read(hub, OLD)
    activate(hub)
    result(hub, NEW)
    hub.wait(wait_s)
    hub.lose(30)
    hub.back(10)
    assert reports(hub) == [(OLD, NEW, s.EVIDENCE_RESULT)] * told


def test_a_declared_activation_is_not(world):
    hub = world()
    read(hub, OLD)
    assert hub.declare() == "flag_ack"
    hub.lose(200)
    hub.back(10)
    complete(hub, NEW)
    read(hub, NEW)
    hub.wait(10)
    assert reports(hub) == []


def test_nor_is_a_change_without_any_interruption(world):
    hub = world()
    read(hub, OLD)
    hub.wait(1_000)
    read(hub, NEW)
    hub.wait(1_000)
    hub.lose(200)
    hub.back(10)
    assert reports(hub) == []


def test_nor_an_interruption_without_a_change(world):
    hub = world()
    read(hub, OLD)
    hub.lose(200)
    hub.back(10)
    read(hub, OLD)
    hub.wait(1_000)
    read(hub, NEW)  # since that reading supply was never lost
    hub.wait(10)
    assert reports(hub) == []


def test_nor_what_was_not_known_before(world):
    hub = world()
    hub.lose(200)
    hub.back(10)
    read(hub, NEW)
    hub.wait(10)
    assert reports(hub) == []


def test_nor_a_version_of_another_device(world):
    hub = world()
    read(hub, OLD)
    hub.lose(200)
    hub.back(10)
    hub.meter_says(build.version_read(up(originator=bytes(range(8))), octets(NEW)))
    hub.wait(10)
    assert reports(hub) == []


def test_nor_the_firmware_of_the_meter_that_came_in_its_place(world):
    hub = world()
    read(hub, OLD)
    hub.lose(200)
    hub.back(10)
    meter = bytes(range(8))
    hub.command("exchange_esme", esme=meter, key=bytes(32))
    hub.meter_says(build.version_read(up(originator=meter), octets(NEW)))
    hub.wait(10)
    assert reports(hub) == []


def test_a_refused_exchange_of_the_meter_forgets_nothing(world):
    hub = world()
    read(hub, OLD)
    hub.command("exchange_esme", number=0, esme=bytes(range(8)), key=bytes(32))
    hub.lose(20)
    hub.back(10)
    read(hub, NEW)
    hub.wait(10)
    assert len(reports(hub)) == 1


def test_it_is_told_until_it_is_acknowledged_and_then_no_more(world):
    hub = world()
    hub.acks = False
    read(hub, OLD)
    hub.lose(20)
    hub.back(10)
    read(hub, NEW)
    hub.wait(1_000)
    assert len(reports(hub)) == 4
    hub.acks = True
    hub.wait(600)
    count = len(reports(hub))
    assert count == 5
    hub.wait(4_000)
    hub.reset()
    hub.wait(1_000)
    assert len(reports(hub)) == count


@pytest.mark.parametrize("compacted", [False, True])
def test_it_outlives_restarts(world, compacted):
    hub = world()
    hub.acks = False
    read(hub, OLD)
    hub.lose(20)
    hub.back(10)
    if compacted:
        hub.step("compact")
    hub.reset()
    hub.wait(30)
    read(hub, NEW)
    if compacted:
        hub.step("compact")
    hub.reset()
    hub.wait(30)
    assert set(reports(hub)) == {(OLD, NEW, s.EVIDENCE_READ)}
    hub.acks = True
    hub.wait(400)
    count = len(reports(hub))
    hub.reset()
    hub.wait(1_000)
    assert len(reports(hub)) == count


def test_two_that_wait_are_told_as_one(world):
    hub = world()
    hub.acks = False
    for version in (OLD, NEW, NEW + 1):
        read(hub, version)
        hub.lose(20)
        hub.back(10)
    assert reports(hub)[-1][:2] == (OLD, NEW + 1)


def test_an_acknowledgement_of_another_version_is_none(world):
    hub = world()
    hub.acks = False
    read(hub, OLD)
    hub.lose(20)
    hub.back(10)
    read(hub, NEW)
    values = hub.sent("without_notice")[0].values
    hub.deliver("without_notice_ack", {"id": values["id"], "after": OLD})
    hub.deliver("without_notice_ack", {"id": bytes(12), "after": NEW})
    hub.wait(400)
    assert len(reports(hub)) == 2


def test_it_is_not_sent_on_hold_up_energy(world):
    hub = world()
    hub.acks = False
    read(hub, OLD)
    hub.lose(20)
    hub.back(10)
    read(hub, NEW)
    hub.lose(700)
    assert [entry.bits & s.SENSE_SUPPLY for entry in hub.sent("without_notice")] == [s.SENSE_SUPPLY]


def test_han_traffic_that_is_not_authentic_costs_a_bounded_number_of_writes(world):
    hub = world()
    for version in range(1, 500):
        read(hub, version)
    assert len(hub.journaled("version")) == limits.VERSION_BURST
    hub.wait(3_600)
    for version in range(1, 500):
        read(hub, version)
    assert len(hub.journaled("version")) <= limits.VERSION_BURST + 8
