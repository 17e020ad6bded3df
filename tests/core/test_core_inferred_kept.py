"""The inferred flag over restarts, compaction, replays and a store that fails: what was durable stays, and no more."""

import pytest

from chf.wire import schema as s
from host_tools.gbcs import build
from tests.core.model import IMAGE
from tests.core.test_core_inferred import PLAIN, TAG, VERSION, activate, down, up

# ---- over a restart


@pytest.mark.parametrize("gap_s, told", [(600, TAG), (3_700, PLAIN)])
def test_over_a_restart_it_lives_on_by_proven_time_only(world, gap_s, told):
    hub = world()
    activate(hub)
    hub.reset(gap_s)
    hub.wait(gap_s + 10)
    hub.lose(200)
    assert hub.ad1s() == [told]


def test_over_a_restart_without_time_it_is_no_flag(world):
    hub = world()
    activate(hub)
    hub.time_offset_s = None
    hub.reset()
    hub.wait(30)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


@pytest.mark.parametrize("ends", ["cancelled", "failed", "used"])
def test_what_has_ended_stays_so_over_a_restart(world, ends):
    hub = world()
    activate(hub)
    if ends == "cancelled":
        hub.relay(build.cancel(down(1001), IMAGE))
    elif ends == "failed":
        hub.meter_says(build.result(up(), 3, VERSION))
    else:
        hub.lose(200)
        hub.back(30)
    before = len(hub.ad1s())
    hub.reset()
    hub.wait(30)
    hub.lose(200)
    assert hub.ad1s()[before:] == [PLAIN]


@pytest.mark.parametrize("kept", ["pending", "used", "cancelled"])
def test_compaction_changes_nothing_of_that(world, kept):
    hub = world()
    activate(hub)
    if kept == "used":
        hub.lose(200)
        hub.back(30)
    elif kept == "cancelled":
        hub.relay(build.cancel(down(1001), IMAGE))
    before = len(hub.ad1s())
    hub.step("compact")
    hub.reset()
    hub.wait(30)
    hub.lose(200)
    assert hub.ad1s()[before:] == [TAG if kept == "pending" else PLAIN]


def test_a_replay_after_a_restart_is_refused_and_sets_nothing(world):
    hub = world()
    activate(hub)
    message = hub.last_message
    hub.relay(build.cancel(down(1001), IMAGE))
    hub.reset()
    hub.wait(30)
    hub.deliver(*message)
    assert hub.heard[-1].name == "command_refusal"
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


@pytest.mark.parametrize("cut", [False, True])
def test_what_a_cut_kept_from_the_meter_is_relayed_when_the_head_end_repeats_it(world, cut):
    hub = world()
    if cut:
        hub.cut(1)  # the record is durable, and nothing has left
    hub.command("gbcs_down", gbcs=build.activate(down(), IMAGE))
    message = hub.last_message
    if cut:
        assert not hub.sent("gbcs_to_esme")
        hub.wait(10)
    for _ in range(3):
        hub.deliver(*message)
    assert len(hub.sent("gbcs_to_esme")) == 1
    assert hub.heard[-1].name == "command_ack"


# ---- the store


def test_without_a_store_it_is_relayed_and_is_no_flag(world):
    hub = world()
    hub.store(False)
    assert hub.relay(build.activate(down(), IMAGE))
    assert hub.heard[-1].name == "command_refusal" and hub.heard[-1].values["reason"] == s.REFUSED_STORE
    hub.store(True)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]


def test_another_command_that_the_store_does_not_take_leaves_it(world):
    hub = world()
    activate(hub)
    hub.store(False)
    assert hub.set_policy(s.POLICY_SUPPRESS).values["reason"] == s.REFUSED_STORE
    hub.store(True)
    hub.lose(200)
    assert hub.ad1s() == [TAG]


def test_nor_does_it_come_back_after_a_restart(world):
    hub = world()
    hub.fail_append(0)
    assert hub.relay(build.activate(down(), IMAGE))
    hub.reset()
    hub.wait(30)
    hub.lose(200)
    assert hub.ad1s() == [PLAIN]
