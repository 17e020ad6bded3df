"""What all adapters share (boards/common), on the real MicroPython VM with fakes of the pins that it is given."""

import json
import os
import runpy
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from chf.wire import schema as s
from host_tools.boards import load, names

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
W = runpy.run_path(str(ROOT / "boards" / "common" / "wiring.py"))
BOARDS = [load(name) for name in names()]
DEADLINE_S = 60
BITS = {
    "LIVE": s.SENSE_SUPPLY | s.SENSE_MT_PR,
    "HAN": 1 << s.LINK_HAN,
    "WAN": 1 << s.LINK_WAN,
    "BENCH": 1 << s.LINK_BENCH,
}


def vm(script: str, *arguments: str) -> list[str]:
    pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
    return [sys.executable, "-m", "micropython_unix", "-X", "heapsize=400wk", str(HERE / script), *arguments]


def environment(**more: str) -> dict[str, str]:
    """For the VM, which imports the sources."""
    folders = ("firmware", "boards/common", "boards/virtual", "boards/xiao_nrf52840")
    return {**os.environ, "MICROPYPATH": ":".join(str(ROOT / folder) for folder in folders), **more}


def parts(case: str, folder: Path, *more: str, script: str = "vm_parts.py"):
    done = subprocess.run(
        vm(script, case, str(folder), *more),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results and not done.stderr, done.stdout + done.stderr
    return json.loads(results[0].removeprefix("RESULT "))


# ---- voltages


def test_a_reading_never_becomes_more_than_the_voltage_can_have_been(tmp_path):
    configurations = [
        [board.data["adc"][key] for key in ("full_mv", "offset_steps", "error_permille")] for board in BOARDS
    ]
    unique = [list(one) for one in sorted({tuple(one) for one in configurations})]
    result = parts("volts", tmp_path, json.dumps(unique))
    dividers = [(W[f"{name}_TOP_OHM"], W[f"{name}_BOTTOM_OHM"]) for name in ("SUPPLY", "HOLDUP")]
    for (full_mv, offset, permille), (columns, largest) in zip(unique, result["seen"], strict=True):
        assert largest < 1 << 30, "a sample must not allocate on a 32-bit board"
        for (top, bottom), column in zip(dividers, columns, strict=True):
            assert column[: offset + 1] == [0] * (offset + 1)
            for steps in range(offset + 1, 4096):
                read = Fraction(steps * full_mv * (top + bottom), 4096 * bottom)
                excess = Fraction(offset * full_mv * (top + bottom), 4096 * bottom)
                least = (read - excess) * (1000 - permille) / 1000  # what is left when every error has made it more
                assert column[steps] <= least, "towards lower"
                assert column[steps] > least - 8, "and no lower than integers need"
    assert result["raw"] == [4095, 0, 1]


def test_supply_is_lost_until_it_is_good_and_beyond_what_a_whole_divider_can_show(tmp_path):
    seen = parts("hysteresis", tmp_path)
    #       8500   8999   9000  8999  8000  7999   8999   9000  15500 15501  9000  0
    assert seen == [False, False, True, True, True, False, False, True, True, False, True, False]


def test_twelve_volts_less_a_tenth_are_good_on_every_board_with_every_error():
    for board in BOARDS:
        adc = board.data["adc"]
        ratio = Fraction(W["SUPPLY_TOP_OHM"] + W["SUPPLY_BOTTOM_OHM"], W["SUPPLY_BOTTOM_OHM"])
        error = Fraction(1000 - adc["error_permille"], 1000)
        lowest = (10_800 * error - adc["offset_steps"] * adc["full_mv"] * ratio / 4096) * error
        assert lowest > W["SUPPLY_GOOD_MV"], board.name
        # And the highest voltage that counts as a supply stays within what the ADC reads.
        assert W["SUPPLY_MAX_MV"] / error / ratio < adc["highest_mv"], board.name


# ---- lines, ports, boots


def test_a_pulse_on_ac_lo_is_told_once_and_no_look_allocates(tmp_path):
    seen = parts("lines", tmp_path)
    assert seen["trigger"] == 7
    assert (seen["quiet"], seen["unchanged"]) == (BITS["LIVE"], False)
    assert seen["pulse"] == [True, True, BITS["LIVE"] | s.SENSE_AC_LO, True, BITS["LIVE"]]
    assert seen["high"] == [True, s.SENSE_AC_LO, False], "no supply, no meter"


def test_a_uart_takes_little_at_a_time_and_gives_what_is_there(tmp_path):
    seen = parts("uart_port", tmp_path)
    assert seen["links"] == BITS["HAN"]
    assert seen["nothing"] == [False, 0]
    assert seen["read"] == [True, 8, "01234567", 2, "89"]
    assert seen["written"] == [64, 6, 0], "a driver that takes nothing says None"
    assert seen["sent"] and seen["asked"] == 64


def test_a_host_that_does_not_read_holds_nothing_up(tmp_path):
    with subprocess.Popen(
        vm("vm_parts.py", "unread", "-"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        largest, taken = map(int, process.stderr.read().split())  # its output stays where it is until it has ended
        assert process.wait(DEADLINE_S) == 0
    assert largest == 64 and 64 < taken < 1_000_000


def test_where_the_poll_is_blind_a_piece_goes_in_one_write(tmp_path):
    assert parts("blind", tmp_path) == {"written": [64, 10], "writes": [64, 10], "asked": 0}


def test_a_uart_whose_driver_waits_takes_less_at_a_time(tmp_path):
    assert parts("slow_uart", tmp_path) == [16, 16, 8]


def test_the_ways_into_maintenance(tmp_path):
    seen = parts("ways_in", tmp_path, script="vm_boots.py")
    assert seen["plain"] == [False, [2000], False, [-1]], "after the window a Ctrl-C is an octet like others"
    assert seen["pin"] == [True, [], True, []], "a pin that is held needs no file, and leaves it"
    assert seen["file"] == [True, [], False, []]
    assert seen["once"] == [False, [2000], False, [-1]], "the next reset is a hub again"
    assert seen["ctrl_c"] == [True, [2000], False, []]


def test_a_real_ctrl_c_in_the_window_opens_the_repl(tmp_path):
    command = vm("vm_boots.py", "ctrl_c", str(tmp_path))
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "WINDOW\n"
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert "the REPL is open" in said and "RESULT true" in said


def test_what_the_straps_and_the_uarts_make_of_a_board(tmp_path):
    seen = parts("pins_and_modes", tmp_path, script="vm_boots.py")
    assert seen["held"] is None
    assert seen["untouched"] == [] and seen["mounted_held"] == 0, "maintenance touches no store"
    assert seen["mounted"] == 4
    apart = [BITS["HAN"], BITS["WAN"], BITS["BENCH"]]
    assert seen["live"] == [False, s.RESET_POWER_ON, ["live"], apart, 2, 7]
    assert seen["bench"][:2] == [True, s.RESET_OTHER] and set(seen["bench"][2]) == {"live", "bench"}
    assert seen["bench"][3:5] == [[BITS["HAN"] | BITS["WAN"] | BITS["BENCH"]], 0], "one cable carries all"
    assert seen["one_uart"][3:5] == [[BITS["HAN"], BITS["WAN"] | BITS["BENCH"]], 1]
    assert seen["bench_uarts"][3] == apart


def test_wait_ends_in_time_and_early_for_what_happens_and_feed_arms_once(tmp_path):
    seen = parts("waiting", tmp_path, script="vm_boots.py")
    assert (seen["sense"], seen["holdup_mv"]) == (5, 4_321)
    assert (seen["identity"], seen["identity_text"]) == (None, "{}")
    assert (seen["armed"], seen["fed"]) == ([], ["armed", "fed", "fed"]), "not before the hub has booted"
    assert seen["waited_ms"] >= 20
    assert seen["ended"] and seen["random"] == 20


def test_the_timer_in_a_watchdog_s_place_bites_only_a_hub_that_does_not_feed(tmp_path):
    seen = parts("soft_watchdog", tmp_path)
    assert seen == {"handler": "<class 'function'>", "fed": 0, "starved": 1}, "nrf takes no bound method"


def test_two_inputs_of_an_adc_that_knows_only_the_last_read_each_their_own(tmp_path):
    assert parts("channels", tmp_path) == [100, 2_000, 100]


def test_a_remount_keeps_the_files_saves_erases_and_falls_back(tmp_path):
    seen = parts("stores", tmp_path, script="vm_boots.py")
    assert seen["kept"] == [True, 1600] and seen["cwd"] == "/flash"
    assert seen["erases"] * 2 < seen["erases_stock"]
    assert seen["failures_left"] == 0 and seen["back"] == [True, 3200], "as MicroPython mounted it"
    assert seen["lost"] and seen["errors"] == [5, 5, 5]
