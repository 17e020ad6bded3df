"""The hub on an emulated Raspberry Pi Pico: the board's own adapter and store, on MicroPython for the RP2040.

CHF_PICO_UF2 names that MicroPython: RPI_PICO-*.uf2 from its download page, or what .ci/pico_uf2 builds.
"""

import json
import os
import random
import struct
import time

import pytest
from chtool import inside, virtual_hub

from chf.core.states import PHASES
from chf.wire import schema as s
from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link.client import Client
from host_tools.link.connect import connect
from host_tools.link.own_rig import CONFIG, options_of
from host_tools.sim.headend import HeadEnd

UF2 = os.environ.get("CHF_PICO_UF2", "")
emulated = [
    pytest.mark.skipif(not UF2, reason="no MicroPython for the RP2040: name its .uf2 in CHF_PICO_UF2"),
    pytest.mark.timeout(900),  # a second of its time can take some of ours
]
STARTS_S = 300
TRIES = 3
URL = f"emu:pico?uf2={UF2}"


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("emu:pico", EXIT_NO_BOARD, "get the .uf2 for RPI_PICO from MicroPython's download page as uf2=PATH"),
        ("emu:pico?uf2=/no/such.uf2", EXIT_NO_BOARD, "get the .uf2 for RPI_PICO"),
        ("emu:pico?fu2=x", EXIT_USAGE, f"emu:pico has no option 'fu2': it has uf2, strap, one_cable, {CONFIG[0]}"),
        ("emu:picoo?uf2=x", EXIT_USAGE, "does not fit: give emu:pico?uf2=PATH"),
        (f"emu:pico?uf2={__file__}", EXIT_USAGE, "is no UF2 file for an RP2040"),
        (f"emu:pico?uf2={__file__}&strap=maybe", EXIT_USAGE, "strap=maybe does not fit"),
    ],
)
def test_a_url_that_does_not_do_is_told_with_what_would(url, code, says):
    pytest.importorskip("rp2040py", reason="rp2040py is not installed: python -m pip install rp2040py")
    with pytest.raises(BenchError) as told:
        connect(url)
    assert told.value.exit_code == code and says in str(told.value)


@pytest.mark.parametrize("page", [bytes(256), b"\xff" * 256, random.Random(1).randbytes(256)], ids=["00", "ff", "any"])
def test_a_uf2_that_does_not_start_is_told_within_its_second(tmp_path, page):
    pytest.importorskip("rp2040py", reason="rp2040py is not installed: python -m pip install rp2040py")
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x1000_0000, 256, 0, 1, 0xE48BFF56)
    uf2 = tmp_path / "no.uf2"
    uf2.write_bytes(head + page.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30))
    with pytest.raises(BenchError) as told:
        connect(f"emu:pico?uf2={uf2}")
    assert told.value.exit_code == EXIT_NO_BOARD and "does not start on an RP2040: give MicroPython" in str(told.value)


def test_a_plus_in_a_path_is_a_plus():
    assert options_of("emu:pico?uf2=/a+b/c%20d.uf2&policy=suppress") == ({"uf2": "/a+b/c d.uf2"}, {"policy": 2})


class TestHub:
    pytestmark = emulated

    def test_it_declares_counts_its_boots_and_keeps_its_journal_over_a_power_cut(self):
        with connect(URL) as bed:
            who = bed.bench.ask("identify").fields
            assert who["text"].startswith(b"chf ") and b"; Raspberry Pi Pico; MicroPython 1." in who["text"]
            state = bed.state()
            assert state["utc"] > 0 and state["damaged"] == 0  # the head-end told it the time over a UART
            assert 4_700 < state["holdup_mv"] <= 5_000  # of 5,000, less what its ADC may read too high
            assert bed.declare(400)  # over the other UART
            bed.lose_supply(3)
            out = bed.state()
            assert PHASES.split()[out["phase"]] == "lost" and out["flag"] in (s.FLAG_PENDING, s.FLAG_CONSUMED)
            bed.rig.cut_power()
            bed.advance_s(1)
            bed.bench.deliver(bed.rig.power_on())
            bed.advance_s(3)
            again = bed.bench.ask("identify").fields
            assert (again["hub"], again["boot"]) == (who["hub"], who["boot"] + 1)
            assert bed.state()["flag"] in (s.FLAG_PENDING, s.FLAG_CONSUMED)  # what was declared outlives the cut
            assert bed.rig.runs == 2 and [why for _, why in bed.rig.resets] == ["power cut"]

    def test_a_starved_watchdog_resets_the_chip_and_the_hub_answers_again(self):
        with connect(URL + "&one_cable=1") as bed:
            before = bed.bench.ask("identify").fields["boot"]
            Client(bed.bench).restart(watchdog=True)
            bed.advance_s(15)
            assert bed.bench.ask("identify").fields["boot"] == before + 1
            assert [why for _, why in bed.rig.resets] == ["restart"]

    def test_without_its_strap_it_is_live_and_answers_the_head_end_with_live_keys(self):
        with connect(URL + "&strap=0") as bed:
            assert isinstance(bed.headend, HeadEnd) and not bed.bench.marked
            assert bed.bench.ask("identify").fields["strapped"] == 0
            assert bed.declare(400)

    def test_a_bare_pico_is_flashed_over_its_usb_port_by_mpremote(self, tmp_path):
        keys = tmp_path / "keys.json"
        with virtual_hub("--uf2", UF2) as board:
            port = board["port"]
            for _ in range(TRIES):  # on a busy machine an emulated chip may answer mpremote too late
                done = inside("flash", "--board", "pico", "--port", port, "--keys", keys)
                assert "Traceback" not in done.stderr
                if done.returncode == 0 or "nothing answers" in done.stderr:
                    break
            end = time.monotonic() + STARTS_S
            who = inside("identify", port)
            while who.returncode and time.monotonic() < end:
                who = inside("identify", port)
        assert json.loads(keys.read_text())["hub"] in who.stdout, done.stdout + done.stderr + who.stderr
        assert "Raspberry Pi Pico; MicroPython 1." in who.stdout
