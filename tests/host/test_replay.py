"""What the virtual hub did, the reference does too: scenes, restarts, cuts, as a rig or as a sniffer saw them."""

from __future__ import annotations

import pytest
from replay_captures import captured, entries, from_the_field, rewritten, same
from rigs import needs_vm

from chf.wire import schema as s
from host_tools.demo.scenes import SCRIPTS, run
from host_tools.replay.search import replay

pytestmark = needs_vm


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.name)
def scene(request, tmp_path):
    run(request.param, lambda *_: None, captures=tmp_path)
    return tmp_path / f"{request.param.name}.jsonl"


def test_a_scene_replays_as_it_was(scene):
    result = same(scene)
    assert result.compared == len(result.loaded.said()) and result.keyed
    assert result.assumed == result.taken == result.notes == []
    assert result.tolerance_ms == 300


def test_a_scene_replays_from_what_went_over_the_line_alone(scene):
    for path in (from_the_field(scene), from_the_field(scene, bench=False)):
        result = same(path)
        assert not result.keyed and any("MACs cannot be checked" in sentence for sentence in result.assumed)
        assert result.tolerance_ms == 1_000


def test_a_scene_replays_from_its_middle_on(scene):
    for since_ms in (10_000, 60_000, replay(scene).loaded.end_ms - 20_000):
        if scene.stem == "legacy-meter":
            # Which firmware that meter ran before shows nowhere; that it is another one, the hub alone can tell.
            part = replay(from_the_field(scene, since_ms=since_ms)).part
            assert part is not None and part.hub is not None and part.hub.name == "without_notice"
            continue
        result = same(from_the_field(scene, since_ms=since_ms))
        assert any("the hub ran when the capture began" in sentence for sentence in result.assumed)


def test_a_scene_cut_off_anywhere_replays_up_to_there(scene):
    octets = scene.read_bytes()
    ends = [len(octets) * part // 11 for part in range(2, 11)]
    for end in ends:
        path = scene.with_name("cut.jsonl")
        path.write_bytes(octets[:end])
        assert replay(path).part is None, end


def quiet_restart(bed):
    bed.declare()
    bed.bench.ask("restart", {"kind": s.RESTART_RESET})
    bed.advance_s(5)
    bed.state()


def watchdog_in_an_outage(bed):
    bed.lose_supply(60)
    bed.bench.ask("restart", {"kind": s.RESTART_WATCHDOG})
    bed.advance_s(150)
    bed.restore_supply(10)


def power_cut_while_alerting(bed):
    bed.headend.acknowledge = False
    bed.lose_supply(185)
    bed.rig.cut_power()
    bed.advance_s(30)
    bed.headend.acknowledge = True
    bed.restore_supply(30)


def cut_in_a_flash_write(bed):
    bed.lose_supply(100)
    bed.rig.cut_after_flash_octets(40)
    bed.advance_s(60)
    bed.restore_supply(90)


def cut_in_a_transmission(bed):
    bed.lose_supply(179)
    bed.rig.cut_after_wan_octets(30)
    bed.advance_s(20)
    bed.restore_supply(90)


def policies(bed):
    bed.declare()
    for policy in (s.POLICY_SUPPRESS, s.POLICY_ALERT, s.POLICY_TAG):
        bed.headend.set_policy(policy)
        bed.advance_s(2)
    bed.lose_supply(190)
    bed.headend.set_policy(s.POLICY_ALERT)
    bed.restore_supply(20)


def no_wan(bed):
    bed.headend.online = False
    bed.lose_supply(260)
    bed.restore_supply(400)
    bed.headend.online = True
    bed.advance_s(400)


def keys_and_counters(bed):
    bed.declare()
    stale = bed.esme.last_content
    bed.headend.rotate_key(s.PEER_HEAD_END, bytes(range(32)))
    bed.advance_s(3)
    bed.bench.transmit(s.LINK_HAN, stale)
    bed.advance_s(1)
    bed.esme.cancel(bed.now_ms)
    bed.advance_s(3)
    bed.bench.transmit(s.LINK_HAN, stale)
    bed.headend.relay(bytes(range(200)))
    bed.advance_s(3)
    bed.lose_supply(182)
    bed.restore_supply(8)


def flash_faults(bed):
    """A damaged journal, then one that takes no writes: what a rig did to the flash stands in the capture."""
    bed.declare()
    bed.rig.cut_power()
    bed.rig.damage_journal(s.JOURNAL_COUNTERS)
    bed.power_on()
    bed.declare()
    bed.state()
    bed.rig.cut_power()
    bed.rig.set_flash_failing(True)
    bed.power_on()
    bed.advance_s(70)
    bed.declare()
    bed.lose_supply(185)
    bed.restore_supply(8)


def energy_short(bed):
    """A repeat that falls due when the energy is short waits for its next turn: its offset shows nowhere."""
    bed.headend.acknowledge = False
    bed.lose_supply(179)
    bed.rig.supply.holdup_mv = 2_070.0
    bed.advance_s(13)
    bed.headend.acknowledge = True
    bed.restore_supply(10)
    bed.state()


def oscillation(bed):
    for seconds in (0.5, 3, 1.999, 20, 170, 4):
        bed.lose_supply(seconds)
        bed.restore_supply(1.5 if seconds > 100 else 2.5)
    bed.advance_s(20)
    bed.state()


def dying_holdup(bed):
    bed.lose_supply(10)
    bed.rig.supply.holdup_mv = 2_150.0
    bed.advance_s(40)
    bed.restore_supply(80)


def hostile_line(bed):
    """What the line loses and doubles is recorded as the hub hears it."""
    fate = iter([[], [], [1, 1]])
    bed.bench.tamper[s.LINK_HAN, True] = lambda octets: [octets for _ in next(fate, [1])]
    bed.bench.tamper[s.LINK_WAN, False] = lambda octets: [] if bed.now_ms > 190_000 else [octets]
    bed.declare()
    bed.lose_supply(190)
    bed.restore_supply(30)


LIVES = (
    hostile_line,
    quiet_restart,
    watchdog_in_an_outage,
    power_cut_while_alerting,
    cut_in_a_flash_write,
    cut_in_a_transmission,
    policies,
    no_wan,
    keys_and_counters,
    oscillation,
    energy_short,
    flash_faults,
    dying_holdup,
)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_a_life_replays_as_it_was(tmp_path, life):
    result = same(captured(tmp_path / "c.jsonl", life))
    assert result.compared == len(result.loaded.said())


def test_without_a_rig_a_start_may_have_been_a_reset_or_a_return_of_power(tmp_path):
    def soon_back(bed):
        """Nothing proves how long it was off: an alert, where a reset would be none."""
        bed.headend.tell_time = False
        bed.rig.cut_power()
        bed.rig.set_supply(False)
        bed.advance_s(8)
        bed.rig.set_supply(True)
        bed.power_on()
        bed.advance_s(90)

    for seconds, life in ((8, soon_back), (60, watchdog_in_an_outage)):
        sniffed = same(from_the_field(captured(tmp_path / f"{seconds}.jsonl", life)))
        assert sniffed.compared >= 2


@pytest.mark.parametrize("strapped", [False, True])
def test_a_live_hub_replays_too(tmp_path, strapped):
    path = captured(tmp_path / "c.jsonl", lambda bed: (bed.lose_supply(185), bed.restore_supply(5)), strapped=strapped)
    assert same(path).compared == 3


def test_three_minutes_replay_in_a_few_thousand_steps_of_the_reference(tmp_path):
    """A bound on work, not on time: an idle hub costs a replay nothing."""
    from host_tools.replay.reference import Reference

    path = captured(tmp_path / "c.jsonl", lambda bed: (bed.advance_s(3_600), bed.lose_supply(190), bed.advance_s(1)))
    steps = []
    step = Reference._step
    try:
        Reference._step = lambda self: (steps.append(1), step(self))[1]
        same(path)
    finally:
        Reference._step = step
    assert 10 < len(steps) < 300


def test_a_frame_that_its_sender_repeats_may_have_been_lost_and_that_is_said(tmp_path):
    def act(bed):
        bed.headend.tell_time = False
        bed.declare()
        bed.advance_s(40)

    head, *rest = entries(captured(tmp_path / "c.jsonl", act))
    asked = next(one for one in rest if one.get("to_hub") and one["link"] == "HAN")
    earlier = [one for one in rest if one["at_ms"] <= asked["at_ms"] - 2_000]
    later = [one for one in rest if one["at_ms"] > asked["at_ms"] - 2_000]
    path = rewritten(tmp_path / "c", [head, *earlier, {**asked, "at_ms": asked["at_ms"] - 2_000}, *later])
    result = same(path)
    assert len(result.taken) == 1 and "activation_pending" in result.taken[0] and "never reached" in result.taken[0]
    parted = replay(path, lossless=True).part
    assert parted is not None and parted.reference is not None and parted.reference.name == "flag_ack"


def test_a_repeat_outside_of_its_range_parts(tmp_path):
    """The hub's random offset is taken from the capture only where the core could have drawn it."""
    head, *rest = entries(captured(tmp_path / "c.jsonl", no_wan))
    alerts = [one for one in rest if one.get("decoded", {}).get("name") == "ad1"]
    assert len(alerts) > 3
    second = alerts[1]
    for move_ms, parts in ((-(second["at_ms"] - alerts[0]["at_ms"]) + 3_000, True), (0, False)):
        moved = sorted(
            ({**one, "at_ms": one["at_ms"] + (move_ms if one is second else 0)} for one in rest),
            key=lambda one: one["at_ms"],
        )
        part = replay(rewritten(tmp_path / "c", [head, *moved])).part
        assert (part is not None) is parts
    assert part is None
