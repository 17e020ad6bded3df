"""The virtual rig's two clocks: the same run again, several at once, real time; and nothing is left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rigs import capture_of, ended, needs_proc, needs_vm

from chf.wire import schema as s
from host_tools import frames
from host_tools.deploy.firmware_build import build
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import BenchError
from host_tools.testbed import virtual
from host_tools.virtual import rig as rig_module
from host_tools.virtual.rig import VirtualRig
from host_tools.virtual.supply import Supply

pytestmark = needs_vm
ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20


def descriptors():
    gc.collect()  # what an earlier test has dropped is no part of this one
    return set(os.listdir("/proc/self/fd"))


# ---- The clocks


def story(seed, one_cable=False):
    with virtual(seed=seed, identity=new_identity(1), one_cable=one_cable) as bed:
        bed.declare()
        bed.lose_supply(190)
        bed.restore_supply(5)
        bed.bench.ask("restart", {"kind": s.RESTART_RESET})
        bed.advance_s(5)
        return capture_of(bed), bed.rig.flash_image()


@pytest.mark.parametrize("one_cable", [False, True])
def test_the_same_seed_is_the_same_capture_octet_for_octet(one_cable):
    first, second, other = story(5, one_cable), story(5, one_cable), story(6, one_cable)
    assert len(first[0]) > 10 and first == second
    assert [one[2] for one in first[0]] != [one[2] for one in other[0]]


def test_one_cable_carries_all_links():
    with virtual(seed=3, one_cable=True) as bed:
        assert len(bed.rig.paths) == 1
        assert bed.declare()
        bed.lose_supply(200)
        bed.restore_supply(10)
        assert [alert.level for alert in bed.headend.alerts] == [s.LEVEL_TAGGED]
        assert bed.state()["queued"] == 0


def test_two_hubs_at_once_do_not_disturb_each_other():
    alone = story(5)
    with virtual(seed=5, identity=new_identity(1)) as one, virtual(seed=6) as two:
        assert not set(one.rig.paths) & set(two.rig.paths)
        one.declare()
        two.lose_supply(190)
        one.lose_supply(190)
        two.restore_supply(5)
        one.restore_supply(5)
        for bed in (two, one):
            bed.bench.ask("restart", {"kind": s.RESTART_RESET})
            bed.advance_s(5)
        assert (capture_of(one), one.rig.flash_image()) == alone


def test_ten_times_real_time_works_and_ends_cleanly():
    with virtual(seed=3, speed=10) as bed:
        pid = bed.rig._hub._process.pid
        assert bed.declare()
        started_ms, started = bed.now_ms, time.monotonic()
        bed.advance_s(5)
        passed_ms, real_ms = bed.now_ms - started_ms, 1000 * (time.monotonic() - started)
        assert passed_ms >= 5_000 and passed_ms > 3 * real_ms
        assert bed.state()["flag"] == s.FLAG_PENDING
        bed.bench.ask("restart", {"kind": s.RESTART_RESET}, answer="bench_ack")
        bed.advance_s(10)
        assert [why for _, why in bed.rig.resets] == ["restart"]
        assert bed.bench.ask("identify", answer="identity").fields["boot"] == 2
        assert bed.rig.console() == ""
    assert ended(pid)


def test_a_hub_in_real_time_loses_its_supply_and_dies_of_it():
    with virtual(seed=3, speed=20, supply=Supply(capacitance_mf=100)) as bed:
        lost_ms = bed.now_ms
        bed.rig.set_supply(False)
        assert bed.bench.advance(200_000, until=lambda: bool(bed.rig.resets))
        ((dead_ms, why),) = bed.rig.resets
        assert why == "hold-up empty" and dead_ms - lost_ms >= 17_500, "0.1 F from 5 V to 2 V at 60 mW"


def test_octets_on_their_way_are_lost_with_the_power():
    with virtual(seed=3, speed=10) as bed:
        bed.rig.write("bench", frames.to_wire(frames.build("identify", {})) * 20)
        assert not bed.rig._offer(), "all of it is in the PTY"
        bed.rig.cut_power()
        bed.power_on()
        assert not [one for one in bed.bench.capture if one.frame.name == "identity"]


# ---- Nothing is left behind


@needs_proc
@pytest.mark.parametrize("speed", [0, 10])
def test_closing_leaves_no_process_no_file_and_no_descriptor(speed):
    before = descriptors()
    pids, folders = [], []
    with pytest.raises(ZeroDivisionError), virtual(seed=3, speed=speed) as bed:
        pids.append(bed.rig._hub._process.pid)
        folders.append(bed.rig._work)
        bed.rig.cut_power()
        bed.power_on()
        pids.append(bed.rig._hub._process.pid)
        bed.bench.ask("identify")
        1 / 0  # noqa: B018
    assert all(ended(pid) for pid in pids) and not any(folder.exists() for folder in folders)
    assert descriptors() == before


@needs_proc
def test_a_rig_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    before = descriptors()
    folder = build("virtual")
    monkeypatch.setattr(rig_module, "build", lambda board: folder)
    monkeypatch.setattr(rig_module.tempfile, "tempdir", str(tmp_path))

    def fails(folder, identity):
        raise BenchError("The virtual flash could not be provisioned.")

    monkeypatch.setattr(rig_module, "provisioned", fails)
    with pytest.raises(BenchError, match="could not be provisioned"):
        VirtualRig(new_identity(1))
    assert list(tmp_path.iterdir()) == []
    assert descriptors() == before


HOST = """
import sys
from host_tools.testbed import virtual
with virtual(seed=3, speed=int(sys.argv[1])) as bed:
    print(bed.rig._hub._process.pid, bed.rig._work, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a foreign process by its pidfd: Linux only")
@pytest.mark.parametrize("speed", [0, 10])
def test_a_hub_whose_host_is_killed_ends_by_itself(speed):
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(speed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'firmware'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        pid, _, folder = host.stdout.readline().strip().partition(" ")
        hub = os.pidfd_open(int(pid))
        try:
            assert not select.select([hub], [], [], 0)[0], "it runs"
            host.kill()
            assert select.select([hub], [], [], DEADLINE_S)[0], "it has ended"
        finally:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(hub, signal.SIGKILL)  # only one that did not end by itself
            os.close(hub)
            shutil.rmtree(folder)
    finally:
        host.kill()
        host.communicate(timeout=DEADLINE_S)
