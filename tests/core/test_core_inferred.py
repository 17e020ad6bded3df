"""The inferred flag: what a relayed CS06 sets, schedules, cancels, and what the meter's answers leave of it."""

import pytest

from chf.wire import schema as s
from host_tools.gbcs import build
from tests.core.model import IMAGE, UTC
from tests.core.replay import ESME, HUB

TAG = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
SUPPLIER = bytes.fromhex("90b3d51f30010000")
GAS_METER = bytes.fromhex("00db1234567890a1")
VERSION = bytes.fromhex("0123abcf")


def down(counter=1000, recipient=ESME):
    return build.Heading(counter, SUPPLIER, recipient)


def up(counter=1000, originator=ESME):
    return build.Heading(counter, originator, SUPPLIER)


def now_utc(hub):
    return UTC + hub.now // 1000


def activate(hub, counter=1000, due_utc=s.NO_UTC, recipient=ESME):
    assert hub.relay(build.activate(down(counter, recipient), IMAGE, due_utc))


def sources(hub):
    return [entry.values["source"] for entry in hub.journaled("decision")]


# ---- at once


def test_a_cs06_that_was_relayed_explains_the_outage_that_follows(world):
    hub = world()
    activate(hub)
    hub.lose(200)
    assert hub.ad1s() == [TAG]
    (ad1,) = hub.sent("ad1")
    assert (ad1.values["source"], ad1.values["window_s"]) == (s.SOURCE_INFERRED, 600)
    assert int.from_bytes(ad1.values["flag_counter"], "big") == 1000


def test_it_is_durable_before_the_meter_can_act_on_it(world):
    hub = world()
    activate(hub)
    names = [entry.name for entry in hub.hub.log if entry.name in ("inferred", "gbcs_to_esme", "command_ack")]
    assert names == ["inferred", "gbcs_to_esme", "command_ack"]


@pytest.mark.parametrize(
    "message",
    [
        build.activate(down(recipient=GAS_METER), IMAGE),
        build.activate(down(recipient=HUB), IMAGE),
        build.accepted(down()),
        build.result(down(), 0, VERSION),
        build.version_read(down(), VERSION),
        build.other(down(), build.COMMAND, 0x0013, 400),
        build.activate(down(), IMAGE)[:-1],
        b"",
        b"\xdf\x09\x01",
        bytes(1500),
    ],
)
def test_any_other_message_is_relayed_and_is_no_flag(world, message):
    hub = world()
    assert hub.relay(message)
    assert not hub.journaled("inferred")
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_what_the_meter_sends_sets_no_flag(world):
    hub = world()
    for heading in (up(), down()):
        assert hub.meter_says(build.activate(heading, IMAGE))
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_one_that_comes_while_supply_is_out_explains_nothing(world):
    hub = world()
    hub.lose(20)
    activate(hub)
    hub.wait(180)
    assert hub.ad1s() == [PLAIN]


@pytest.mark.parametrize("wait_s, told", [(3_599.9, TAG), (3_600, PLAIN)])
def test_the_loss_must_begin_within_an_hour(world, wait_s, told):
    hub = world()
    activate(hub)
    hub.wait(wait_s)
    hub.lose(200)
    assert hub.ad1s() == [told]


def test_one_cs06_explains_one_outage(world):
    hub = world()
    activate(hub)
    hub.lose(200)
    hub.back(60)
    activate(hub)  # the same once more, under the head-end's next counter
    hub.lose(200)
    assert hub.ad1s() == [TAG, PLAIN]


def test_the_next_cs06_explains_the_next_outage(world):
    hub = world()
    activate(hub)
    hub.lose(200)
    hub.back(60)
    activate(hub, 1001)
    hub.lose(200)
    assert hub.ad1s() == [TAG, TAG]


def test_a_genuine_outage_in_the_window_is_plain_at_its_end(world):
    hub = world()
    activate(hub)
    hub.lose(700)
    assert hub.ad1s() == [TAG, OVERRUN]
    assert [entry.time for entry in hub.sent("ad1")][-1] - hub.supply[-1][0] == 600_000


# ---- policies


@pytest.mark.parametrize(
    "policy, told",
    [
        (s.POLICY_ALERT, [PLAIN]),
        (s.POLICY_TAG, [TAG]),
        (s.POLICY_SUPPRESS, [TAG]),
        (s.POLICY_SUPPRESS_INFERRED, []),
    ],
)
def test_only_the_policy_that_says_so_holds_for_an_inferred_flag(world, policy, told):
    hub = world(policy=policy)
    activate(hub)
    hub.lose(200)
    assert hub.ad1s() == told
    assert len(hub.sent("hold_notice")) == (policy == s.POLICY_SUPPRESS_INFERRED)


# ---- beside the meter's own word


def test_the_meters_own_word_takes_its_place(world):
    hub = world(policy=s.POLICY_SUPPRESS)
    activate(hub)
    assert hub.declare(300) == "flag_ack"
    hub.lose(200)
    assert hub.ad1s() == [] and sources(hub) == [s.SOURCE_DECLARED] * 2


def test_and_keeps_it(world):
    hub = world()
    assert hub.declare(200) == "flag_ack"
    activate(hub)
    hub.lose(210)
    assert hub.ad1s() == [TAG, OVERRUN]
    assert set(sources(hub)) == {s.SOURCE_DECLARED}


@pytest.mark.parametrize("word", ["cancel", "complete"])
def test_the_meters_authentic_word_ends_an_inferred_flag_too(world, word):
    hub = world()
    activate(hub)
    assert getattr(hub, word)() == "flag_ack"
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_another_meter_ends_all_that_is_inferred(world):
    hub = world()
    activate(hub)
    activate(hub, 1001, due_utc=now_utc(hub) + 300)
    hub.command("exchange_esme", esme=bytes(range(8)), key=bytes(32))
    hub.wait(300)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


# ---- what the meter answers


@pytest.mark.parametrize(
    "answer",
    [
        build.result(up(), 1, VERSION),
        build.result(up(), 2, None),
        build.result(up(), 3, VERSION),
        build.ended(up(77), 3, UTC, VERSION, 1000),
    ],
)
def test_a_failure_clears_it(world, answer):
    hub = world()
    activate(hub)
    assert hub.meter_says(answer)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_failure_that_is_told_while_supply_is_out_ends_the_excuse_at_once(world):
    hub = world()
    activate(hub)
    hub.lose(200)
    hub.meter_says(build.result(up(), 3, VERSION))
    assert hub.ad1s() == [TAG, OVERRUN]


@pytest.mark.parametrize("wait_s, told", [(899.9, TAG), (900, PLAIN)])
@pytest.mark.parametrize("answer", [build.result(up(), 0, VERSION), build.ended(up(77), 0, UTC, VERSION, 1000)])
def test_a_success_leaves_it_15_minutes(world, answer, wait_s, told):
    hub = world()
    activate(hub)
    hub.meter_says(answer)
    hub.wait(wait_s)
    hub.lose(200)
    assert hub.ad1s() == [told]


def test_a_success_gives_no_flag_more_life(world):
    hub = world()
    activate(hub)
    hub.wait(3_500)
    for _ in range(3):
        hub.meter_says(build.result(up(), 0, VERSION))
    assert not hub.journaled("life")
    hub.wait(100)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_an_answer_of_another_device_changes_nothing(world):
    hub = world()
    activate(hub)
    hub.meter_says(build.result(up(originator=GAS_METER), 3, VERSION))
    hub.meter_says(build.accepted(up()))
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_what_the_meter_answers_does_not_touch_its_own_declaration(world):
    hub = world()
    assert hub.declare() == "flag_ack"
    hub.meter_says(build.result(up(), 3, VERSION))
    hub.lose(200)
    assert hub.ad1s() == [TAG]


# ---- cancelled


def test_a_cancelled_one_is_plain(world):
    hub = world()
    activate(hub)
    assert hub.relay(build.cancel(down(1001), IMAGE))
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_a_cancellation_while_supply_is_out_raises_the_alert(world):
    hub = world()
    activate(hub)
    hub.lose(200)
    hub.relay(build.cancel(down(1001), IMAGE))
    assert hub.ad1s() == [TAG, OVERRUN]


def test_a_cancellation_for_another_device_cancels_nothing(world):
    hub = world()
    activate(hub)
    hub.relay(build.cancel(down(1001, GAS_METER), IMAGE))
    hub.lose(200)
    assert hub.ad1s() == [TAG]
