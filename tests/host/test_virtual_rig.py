"""The virtual rig: power cuts, watchdog, restarts, brown-out, and octets that a busy flash loses."""

from __future__ import annotations

import functools
import json
import select
import shutil
from pathlib import Path

import pytest
from rigs import ended, environment_of, line_octets, needs_proc, needs_vm

from chf.wire import schema as s
from host_tools import frames
from host_tools.deploy.firmware_build import build
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import BenchError
from host_tools.names import drop_counts
from host_tools.sim.esme import RETRY_MS
from host_tools.testbed import virtual
from host_tools.virtual import rig as rig_module
from host_tools.virtual.process import HubProcess
from host_tools.virtual.rig import RESTART_MS, VirtualRig
from host_tools.virtual.supply import Supply

pytestmark = needs_vm
WATCHDOG_MS = 8_000
SILENCE_S = 0.2  # real seconds in which what must not come would have come


# ---- The power is cut


@pytest.fixture
def killed(monkeypatch):
    """What each end by kill() found: (pid, flash file's octets just before and just after it)."""
    found = []
    kill = HubProcess.kill

    def watched(self):
        if self._process.poll() is None and self.stepped.get("deadline_ms") == s.UNKNOWN_S:
            flash = Path(json.loads(environment_of(self._process.pid)["CHF_VIRTUAL"])["flash"])
            before = flash.read_bytes()
            assert not select.select([self._from_hub, *self._masters], [], [], SILENCE_S)[0], (
                "it is dead: it says nothing"
            )
            assert self._process.poll() is None, "it waits for its end and does not end by itself"
            kill(self)
            found.append((self._process.pid, before, flash.read_bytes()))
        kill(self)

    monkeypatch.setattr(HubProcess, "kill", watched)
    return found


@needs_proc
@pytest.mark.parametrize("octets", [0, 1, 60])
def test_a_cut_at_a_flash_octet_ends_the_hub_at_once(killed, octets):
    with virtual(seed=3) as bed:
        before = bed.rig.flash_image()
        pid = bed.rig._hub._process.pid
        bed.rig.cut_after_flash_octets(octets)
        bed.esme.declare(bed.now_ms)
        assert bed.bench.advance(3_000, until=lambda: bool(bed.rig.resets))
        assert not bed.rig.powered and [why for _, why in bed.rig.resets] == ["power cut"]
        assert len(killed) == 1 and killed[0][0] == pid and ended(pid)
        image = bed.rig.flash_image()
        assert killed[0][1] == killed[0][2] == image, "nothing was written after the report"
        changed = sum(a != b for a, b in zip(before, image, strict=True))
        assert changed <= octets + 1, "so many octets, and one that is torn"
        assert not bed.esme.acked
        bed.esme.outstanding = None
        bed.power_on()
        assert bed.state()["flag"] == s.FLAG_NONE, "what was cut off is no flag"


def test_a_cut_that_is_never_reached_changes_nothing():
    with virtual(seed=3) as bed:
        bed.rig.cut_after_flash_octets(1_000_000)
        assert bed.declare() and bed.rig.powered


@pytest.mark.parametrize("octets", [0, 1, 40])
def test_a_cut_in_mid_transmission_lets_so_many_octets_out(octets):
    with virtual(seed=3) as bed:
        bed.rig.set_supply(False)
        bed.advance_s(179)
        bed.rig.cut_after_wan_octets(octets)
        out = []
        while bed.rig.powered and bed.now_ms < 200_000:
            out += [piece for index, piece in bed.rig.step(bed.now_ms + 1_000) if index == 1]
        assert [why for _, why in bed.rig.resets] == ["power cut"]
        assert len(b"".join(out)) == octets


def test_a_cut_by_hand_is_at_once_and_loses_what_was_on_the_lines():
    with virtual(seed=3) as bed:
        pid = bed.rig._hub._process.pid
        bed.rig.write("bench", frames.to_wire(frames.build("identify", {})))
        bed.rig.cut_power()
        assert ended(pid) and not bed.rig.powered
        bed.rig.cut_power()
        bed.rig.write("bench", frames.to_wire(frames.build("identify", {})))
        bed.power_on()
        assert not [one for one in bed.bench.capture if one.frame.name == "identity"]
        assert bed.bench.ask("identify", answer="identity").fields["boot"] == 2


# ---- Watchdog, restart, a firmware that does not start


def test_a_starved_watchdog_bites_after_its_time():
    with virtual(seed=3) as bed:
        bed.bench.ask("restart", {"kind": s.RESTART_WATCHDOG}, answer="bench_ack")
        at_ms = bed.now_ms
        bed.advance_s(7.9)
        assert bed.rig.resets == []
        bed.advance_s(2)
        ((bite_ms, why),) = bed.rig.resets
        assert why == "watchdog" and WATCHDOG_MS - 100 <= bite_ms - at_ms <= WATCHDOG_MS
        assert bed.rig.powered and bed.rig.runs == 2
        assert bed.bench.ask("identify", answer="identity").fields["boot"] == 2


def test_a_restart_takes_its_time_and_keeps_the_flash():
    with virtual(seed=3) as bed:
        assert bed.declare()
        bed.bench.ask("restart", {"kind": s.RESTART_RESET}, answer="bench_ack")
        bed.advance_s(2)
        ((at_ms, why),) = bed.rig.resets
        sessions = [one.at_ms for one in bed.bench.capture if one.frame.name == "time_request" and one.at_ms >= at_ms]
        assert why == "restart" and sessions[0] - at_ms >= RESTART_MS
        assert bed.state()["flag"] == s.FLAG_PENDING


@pytest.fixture
def firmware(tmp_path, monkeypatch):
    """Gives a hub whose main.py is this text; the rest is the firmware, by the names that the text uses."""

    def make(text, **options):
        folder = tmp_path / "firmware"
        shutil.copytree(build("virtual", readable=True), folder, ignore=shutil.ignore_patterns("*.bin"))
        (folder / "main.mpy").unlink()
        (folder / "main.py").write_text(text)
        monkeypatch.setattr(rig_module, "build", lambda board: folder)
        return VirtualRig(new_identity(1), **options)

    return make


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("from hub_board import open_board\nopen_board().restart()", "restarts over and over: it prints nothing"),
        (
            "import sys\nfrom hub_board import open_board\nboard = open_board()\ntry:\n    1 // 0\n"
            "except Exception as error:\n    sys.print_exception(error)\nboard.restart()",
            "restarts over and over: ZeroDivisionError: divide by zero",
        ),
        ("import sys\nsys.exit(0)", "ended by itself (exit code 0): it prints nothing"),
        ("def f():\n    raise ValueError('broken')\nf()", "ended by itself (exit code 1): ValueError: broken"),
        ("x = [0] * 10_000_000", "ended by itself (exit code 1): MemoryError: "),
    ],
)
def test_a_firmware_that_does_not_start_is_one_sentence(firmware, text, says):
    rig = firmware(text)
    try:
        with pytest.raises(BenchError) as raised:
            rig.power_on()
            for _ in range(20):
                rig.step(rig.now_ms + 10)
    finally:
        rig.close()
    said = str(raised.value)
    assert said.startswith("The virtual hub " + says) and said.endswith(".") and "\n" not in said, said


def test_a_firmware_that_hangs_is_one_sentence_and_is_ended(firmware, monkeypatch):
    monkeypatch.setattr(HubProcess, "wait_stepped", functools.partialmethod(HubProcess.wait_stepped, timeout_s=0.5))
    rig = firmware("while True:\n    pass")
    try:
        with pytest.raises(BenchError, match=r"did not answer within .* s: it hangs\.$"):
            rig.power_on()
        assert rig._hub._process.poll() is not None
    finally:
        rig.close()


def test_a_heap_that_is_too_small_is_one_sentence():
    rig = VirtualRig(new_identity(1), heap="8wk")
    try:
        with pytest.raises(BenchError, match="MemoryError") as raised:
            rig.power_on()
        assert "\n" not in str(raised.value)
    finally:
        rig.close()


def test_the_flash_is_written_only_while_the_hub_is_off():
    with virtual(seed=3) as bed:
        image = bed.rig.flash_image()
        with pytest.raises(BenchError, match="while the hub is off"):
            bed.rig.restore_flash(image)
        with pytest.raises(BenchError, match="while the hub is off"):
            bed.rig.damage_journal(s.JOURNAL_OUTAGES)
        bed.rig.cut_power()
        bed.rig.restore_flash(image)
        bed.rig.damage_journal(s.JOURNAL_OUTAGES)
        changed = sum(a != b for a, b in zip(image, bed.rig.flash_image(), strict=True))
        assert changed > 0
        bed.power_on()
        assert bed.bench.ask("journal_request", {"file": 1, "offset": 0}, answer="journal_data").fields["total"] > 0


def test_a_flash_that_takes_no_writes_is_told_and_works_again_after_the_next_power_on():
    with virtual(seed=3) as bed:
        bed.rig.cut_power()
        bed.rig.set_flash_failing(True)
        bed.power_on()
        bed.advance_s(90)  # the power cut, which nothing proves short, is alerted and over
        assert not bed.declare()
        assert {fields["reason"] for _, fields in bed.esme.refused} == {s.REFUSED_STORE}
        bed.rig.cut_power()
        bed.rig.set_flash_failing(False)
        bed.power_on()
        bed.advance_s(90)
        assert bed.declare()


# ---- Energy


@pytest.mark.parametrize("capacitance_mf", [200, 600, 1_100])
@pytest.mark.parametrize("load_mw", [60, 90])
def test_the_hold_up_ends_when_its_energy_does(capacitance_mf, load_mw):
    """C * (5.0 V squared - 2.0 V squared) / 2 = load * time + 4 mJ for each octet that left on the WAN."""
    with virtual(seed=3, supply=Supply(capacitance_mf=capacitance_mf, load_mw=load_mw)) as bed:
        lost_ms = bed.now_ms
        bed.lose_supply(400)
        ((dead_ms, why),) = bed.rig.resets
        assert why == "hold-up empty" and not bed.rig.powered
        millijoule = capacitance_mf * (5.0**2 - 2.0**2) / 2 - 4.0 * line_octets(bed, lost_ms)
        assert dead_ms - lost_ms == pytest.approx(1000 * millijoule / load_mw, abs=10)
        assert (line_octets(bed, lost_ms) > 0) == (dead_ms - lost_ms >= 180_000), "an AD1 costs energy"


def test_the_hub_is_told_the_hold_up_that_the_arithmetic_gives():
    with virtual(seed=3, supply=Supply(capacitance_mf=2_000)) as bed:
        bed.lose_supply(190)
        (alert,) = bed.headend.alerts
        volt = (5.0**2 - 2 * 0.060 * 180 / 2.0) ** 0.5
        assert alert.fields["holdup_mv"] == pytest.approx(1000 * volt, abs=6), "to 5 mV: no step falls by more"
        left = 2.0 * (5.0**2 - 2.0**2) / 2 - 0.060 * 190 - 0.004 * line_octets(bed, bed.now_ms - 190_000)
        assert bed.rig.supply.holdup_mv == pytest.approx(1000 * (2.0**2 + 2 * left / 2.0) ** 0.5, abs=1)


def test_supply_that_returns_fills_the_hold_up_and_starts_a_hub_that_is_off():
    supply = Supply(capacitance_mf=200)
    with virtual(seed=3, supply=supply) as bed:
        bed.lose_supply(300)
        assert not bed.rig.powered
        bed.rig.set_supply(True)
        assert supply.holdup_mv == supply.full_mv
        bed.advance_s(3)
        assert bed.rig.powered and bed.rig.runs == 2


# ---- The lines


def test_octets_that_arrive_while_the_flash_is_busy_overrun_and_their_frame_is_repeated():
    with virtual(seed=3) as bed:
        for _ in range(20):  # each policy is a flash write, some of them an erase; the meter's frame arrives meanwhile
            bed.headend.set_policy(s.POLICY_TAG)
            started_ms, tries = bed.now_ms, len(bed.bench.capture)
            bed.esme.declare(bed.now_ms)
            bed.bench.wait_for("answer", lambda: bed.esme.outstanding is None, 10_000)
            if bed.rig._hub.stepped["overruns"]:
                break
        sent = [one.at_ms for one in bed.bench.capture[tries:] if one.to_hub and one.frame.name == "activation_pending"]
        assert bed.rig._hub.stepped["overruns"] > 0
        assert sent == [started_ms, started_ms + RETRY_MS], "the first was lost, the second answered"
        assert drop_counts(bed.state()["drops"]) == {"fcs": 1}, "what was left of it was dropped"
        assert len(bed.headend.answers) == bed.headend.counter, "every policy was acknowledged"


def test_more_than_the_hub_s_buffer_takes_goes_at_the_line_s_rate():
    with virtual(seed=3) as bed:
        started_ms = bed.now_ms
        noise = bytes(range(0x21, 0x7D)) * 100
        bed.rig.write("bench", noise)
        fields = bed.bench.ask("identify", answer="identity").fields
        assert fields["hub"].hex() == bed.identity["hub"]
        assert bed.now_ms - started_ms == pytest.approx(len(noise) * 10_000 / 115_200, rel=0.02), "ten bits an octet"
        assert bed.rig._hub.stepped["overruns"] == 0
