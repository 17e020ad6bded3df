"""The demo's scenes: each ends as it must on a virtual hub, and what is recorded of it agrees with itself."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from rigs import needs_vm

from chf.wire import schema as s
from host_tools.demo.director import ENDS, WORDS
from host_tools.demo.scenes import SCRIPTS, Script, run
from host_tools.report.recording import THRESHOLD_S, from_json, to_json

BY_NAME = {script.name: script for script in SCRIPTS}
pytestmark = needs_vm


@pytest.fixture(scope="module")
def played():
    """name -> (Scene, what was told while it was played)."""
    scenes = {}
    for script in SCRIPTS:
        told = []
        scene = run(script, lambda *words, told=told: told.append(words))
        scenes[script.name] = scene, told
    return scenes


@pytest.mark.parametrize("name", BY_NAME)
def test_a_scene_ends_as_it_must(played, name):
    scene, _ = played[name]
    assert (scene.got, scene.ok) == (BY_NAME[name].expected, True)


def test_the_scenes_are_those_that_the_demo_promises():
    expected = {script.name: script.expected for script in SCRIPTS}
    assert len(expected) == len(SCRIPTS)
    assert expected == {
        "genuine-outage": "AD1 plain (supply-loss), then restored",
        "activation-tag": "AD1 tagged (firmware-activation), then restored",
        "activation-suppress": "no alert, then restored",
        "activation-alert": "AD1 plain (supply-loss), then restored",
        "activation-overrun": "AD1 plain (activation-overrun), then restored",
        "forged-flag": "AD1 plain (supply-loss), then restored",
        "hold-up-dies": "AD1 plain (supply-loss), then restored",
        "held-hub-dies": "head-end alert, then AD1 plain (activation-overrun), then restored",
        "legacy-meter": "AD1 tagged (firmware-activation, inferred), then restored, then activation without notice",
        "scheduled-activation": "AD1 tagged (firmware-activation, inferred), then restored",
        "scheduled-cancelled": "AD1 plain (supply-loss), then restored",
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_a_recording_is_whole_and_in_order(played, name):
    scene, told = played[name]
    for series in (scene.rail, scene.holdup_mv, scene.ac_lo, scene.mt_pr, scene.flag, scene.hub):
        times = [at for at, _ in series]
        assert times == sorted(times) and len(times) > 10
        assert max(b - a for a, b in itertools.pairwise(times)) <= 10, "looked at often enough for a plot"
    assert scene.story == sorted(scene.story, key=lambda step: step.at_s)
    assert sorted((step.at_s, step.actor, step.text) for step in scene.story) == sorted(
        (at_s, actor, text) for at_s, _, actor, text in told
    )
    assert "simulated" in scene.simulated
    assert from_json(to_json([scene])) == [scene], "the report takes it"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_time_since_the_loss_is_told_from_the_loss_on(played, name):
    scene, told = played[name]
    assert scene.loss_s is not None
    for at_s, since_loss_s, _, _ in told:
        assert since_loss_s is None or since_loss_s == pytest.approx(at_s - scene.loss_s)
    assert told[-1][1] > THRESHOLD_S


def test_an_outage_is_alerted_at_its_threshold_and_acknowledged(played):
    scene, _ = played["genuine-outage"]
    ad1, restored = scene.alerts
    assert (ad1.kind, ad1.cause, ad1.revision) == ("AD1 plain", "supply-loss", 1)
    assert ad1.at_s - scene.loss_s == pytest.approx(THRESHOLD_S, abs=0.1)
    assert ad1.acked_at_s == pytest.approx(ad1.at_s, abs=1)
    assert restored.kind == "Restored" and restored.acked_at_s is not None
    assert [good for good, _ in itertools.groupby(good for _, good in scene.rail)] == [True, False, True]


def test_a_held_outage_is_silent_to_the_operator_but_not_to_the_head_end(played):
    scene, _ = played["activation-suppress"]
    assert [alert.kind for alert in scene.alerts] == ["HoldNotice", "Restored"]
    assert scene.alerts[0].acked_at_s is not None
    assert scene.window_end_s == scene.loss_s + 400
    assert {"asked", "held"} & {state for _, state in scene.hub}
    assert [state for _, state in scene.flag][-1] == "confirmed"


def test_a_forger_is_told_apart_from_the_meter(played):
    scene, _ = played["forged-flag"]
    declared = [step.actor for step in scene.story if step.text.startswith("declares")]
    assert declared == ["attacker"], "once, however often it is repeated"
    assert {state for _, state in scene.flag} == {"none"}


@pytest.mark.parametrize(("name", "why"), [("hold-up-dies", "hold-up empty"), ("held-hub-dies", "power cut")])
def test_a_hub_that_dies_is_shown_dead(played, name, why):
    scene, _ = played[name]
    deaths = [step.at_s for step in scene.story if step.actor == "hub" and step.text == ENDS[why]]
    off = [at for at, state in scene.hub if state == "off"]
    assert len(deaths) == 1 and deaths[0] <= off[0]
    looks = zip(scene.hub, scene.holdup_mv, strict=True)
    assert {mv for (_, state), (_, mv) in looks if state == "off"} == {0}
    assert {state for at, state in scene.flag if at in off} == {"unknown"}


def test_the_head_end_s_own_alert_comes_at_the_window_s_end(played):
    scene, _ = played["held-hub-dies"]
    (own,) = [alert for alert in scene.alerts if alert.kind == "head-end alert"]
    assert own.at_s == pytest.approx(scene.window_end_s, abs=5) and own.acked_at_s is None


def flags(scene):
    """The flag's states, in order."""
    return [state for state, _ in itertools.groupby(state for _, state in scene.flag)]


def test_a_legacy_meter_s_activation_is_inferred_from_what_was_relayed(played):
    scene, _ = played["legacy-meter"]
    assert flags(scene) == ["none", "pending, inferred", "consumed, inferred"]
    assert scene.window_end_s == scene.loss_s + 600
    tagged, restored = scene.alerts
    assert (tagged.kind, tagged.cause) == ("AD1 tagged", "firmware-activation, inferred")
    assert tagged.at_s - scene.loss_s == pytest.approx(THRESHOLD_S, abs=0.1) and restored.kind == "Restored"
    said = {step.actor: [each.text for each in scene.story if each.actor == step.actor] for step in scene.story}
    assert said["head-end"][0] == "sends the meter through the hub: CS06 activate image 00010203... at once"
    assert said["meter"][:2] == [
        "says through the hub: ECS52 runs version 01000304",
        "says through the hub: CS06 done, version 01000305",
    ]
    assert said["hub"][-1].startswith("reports activation-without-notice: firmware 01000304 is now 01000305")


def test_a_scheduled_activation_is_pending_around_its_time_only(played):
    scene, _ = played["scheduled-activation"]
    assert flags(scene) == ["none", "pending, inferred", "consumed, inferred"]
    pending = next(at for at, state in scene.flag if state != "none")
    assert 50 <= scene.loss_s - pending <= 62, "from a minute before its time, as far as it is looked at"


def test_a_cancelled_one_is_never_pending(played):
    scene, _ = played["scheduled-cancelled"]
    assert flags(scene) == ["none"]
    assert [alert.kind for alert in scene.alerts] == ["AD1 plain", "Restored"]
    assert "CS06 cancel the activation" in " ".join(step.text for step in scene.story)


def test_a_scene_that_ends_otherwise_is_not_ok():
    script = dataclasses.replace(BY_NAME["activation-tag"], expected="no alert")
    scene = run(script, lambda *_: None)
    assert not scene.ok and scene.got == BY_NAME["activation-tag"].expected


def test_a_scene_repeats_and_its_seed_is_the_hub_s():
    def brief(director):
        director.declare()
        director.advance(5)

    script = Script("brief", "Brief", "no alert", brief)
    first, second, other = (run(script, lambda *_: None, seed) for seed in (1, 1, 2))
    assert first == second and first.ok and first.loss_s is None
    assert other.got == first.got


def test_every_end_of_a_run_and_every_message_about_an_outage_has_words():
    assert set(ENDS) == {"hold-up empty", "power cut", "watchdog", "restart"}
    told = {"activation_pending", "flag_ack", "flag_refusal", "hold_notice", "hold_ack", "ad1", "restored"}
    told |= {"gbcs_down", "gbcs_to_esme", "gbcs_from_esme", "without_notice"}
    assert told <= set(WORDS)


def test_a_watchdog_a_restart_and_a_refusal_are_told():
    def play(director):
        director.declare(expected_outage_s=5_000)
        director.bed.bench.ask("restart", {"kind": s.RESTART_WATCHDOG})
        director.advance(12)
        director.bed.bench.ask("restart", {"kind": s.RESTART_RESET})
        director.advance(3)

    scene = run(Script("ends", "Ends", "no alert", play), lambda *_: None)
    said = [step.text for step in scene.story if step.actor == "hub"]
    assert "refuses it (range)" in said
    assert said.index(ENDS["watchdog"]) < said.index(ENDS["restart"])
