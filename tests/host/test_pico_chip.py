"""The emulated RP2040: its time in steps, octets at a line's rate, pins and voltages, on a program of 30 octets."""

import struct

import pytest

from host_tools.errors import EXIT_USAGE, BenchError

pytest.importorskip("rp2040py", reason="rp2040py is not installed: python -m pip install rp2040py")

from host_tools.virtual.pico_chip import FLASH_START, PicoChip

BAUD = 115_200
OCTET_NS = 10 * 1_000_000_000 / BAUD
MS = 1_000_000
# ldr r0, =UART0; ldr r2, =SIO; 1: ldr r1, [r0, #0x18]; lsls r1, #27 (receive FIFO empty); bmi 1b; ldr r1, [r0];
# ldr r3, [r2, #4] (the pins' levels); lsrs r3, #10; adds r1, r3; str r1, [r0]; b 1b
PROGRAM = (0x4805, 0x4A06, 0x6981, 0x06C9, 0xD4FC, 0x6801, 0x6853, 0x0A9B, 0x18C9, 0x6001, 0xE7F6, 0x46C0)
UART0, SIO = 0x4003_4000, 0xD000_0000
AC_LO = 10
PAD_OF_AC_LO = 0x4001_C004 + 4 * AC_LO


def uf2(octets: bytes) -> bytes:
    """One block of a UF2 file, for the start of the flash."""
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, FLASH_START, 256, 0, 1, 0xE48BFF56)
    return head + octets.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


@pytest.fixture
def chip(tmp_path):
    """A chip whose program sends each octet back with the pins from 10 on added; `chip.heard`, `chip.resets`."""
    file = tmp_path / "echo.uf2"
    file.write_bytes(uf2(struct.pack("<12H", *PROGRAM) + struct.pack("<2I", UART0, SIO)))
    heard, resets = [], []
    made = PicoChip(file, {0x1000: b"files"}, lambda *said: heard.append(said), lambda: resets.append(1), BAUD)
    made.heard, made.resets = heard, resets
    made._chip.write_uint32(PAD_OF_AC_LO, 0x56)  # its input on, as MicroPython switches it
    made.set_pin(AC_LO, False)
    return made


def test_time_passes_in_steps_of_any_length(chip):
    for ns in (1, 333, 5 * MS, 250 * MS):
        before = chip.now_ns
        chip.advance(ns)
        assert ns <= chip.now_ns - before < ns + 1_000  # an instruction more, at most
    assert chip.heard == [] and chip.flash(0x1000, 5) == b"files"


def test_octets_arrive_at_the_lines_rate_and_a_word_ends_the_step(chip):
    octets = bytes(range(1, 61))
    chip.write_uart(0, octets)
    chip.advance(1_000 * MS)
    assert b"".join(said for _, said in chip.heard) == octets
    assert {port for port, _ in chip.heard} == {0}
    taken = chip.now_ns - MS  # it waited 1 ms for more
    assert len(octets) * OCTET_NS <= taken < len(octets) * OCTET_NS + 20_000


def test_the_program_reads_a_pin_as_it_is_driven(chip):
    for high in (True, False, True):
        chip.set_pin(AC_LO, high)
        chip.write_uart(0, b"A")
        chip.advance(5 * MS)
        assert chip.heard.pop() == (0, b"B" if high else b"A")


def test_voltages_become_steps_of_the_adc_within_its_range(chip):
    values = chip._chip.adc.channel_values
    for mv, steps in ((0, 0), (1_650, 2_048), (3_299.9, 4_095), (3_300, 4_095), (9_000, 4_095), (-5, 0)):
        chip.set_adc(27, mv, 3_300)
        assert values[1] == steps and values[0] == 0


def test_a_watchdog_that_nobody_feeds_resets_the_chip_and_drops_what_was_under_way(chip):
    chip.write_uart(0, bytes(400))
    chip._chip.watchdog.write_uint32(4, 20_000)  # LOAD: 10 ms, as it counts down twice a microsecond
    chip._chip.watchdog.write_uint32(0, 1 << 30)  # CTRL: enable
    chip.advance(9 * MS)
    assert chip.resets == [] and 9 * MS <= chip.now_ns < 9.1 * MS  # a step ends in time, whatever it says
    while not chip.resets:
        chip.advance(MS)
    said = len(b"".join(octets for _, octets in chip.heard))
    chip.advance(50 * MS)
    assert said < 400 and len(b"".join(octets for _, octets in chip.heard)) - said <= 1


@pytest.mark.parametrize("octets", [b"", b"no image", bytes(512), bytes(511)])
def test_a_file_that_is_no_uf2_is_told(tmp_path, octets):
    (tmp_path / "bad.uf2").write_bytes(octets)
    with pytest.raises(BenchError, match="is no UF2 file for an RP2040") as told:
        PicoChip(tmp_path / "bad.uf2", {}, print, print, BAUD)
    assert told.value.exit_code == EXIT_USAGE
