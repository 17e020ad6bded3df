"""Writes README.md and wiring.svg of each board from its board.toml: `python -m host_tools.boards.pages`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from host_tools.boards import Board, line_rate, load_all
from host_tools.boards.drawing import draw, ohms, values
from host_tools.errors import EXIT_FAILED, BenchError

DRAWING = "wiring.svg"
PAGE = "README.md"
SUPPLY_MV = (12_000, 15_000)  # nominal, and the most that counts as a supply
MISTAKE_MV = 24_000
HOLDUP_MV = 5_500
DIODE_MV = 300  # of a BAT54S at these currents
RAIL_MV = 3_300


def at_pin(mv: int, top_ohm: int, bottom_ohm: int) -> int:
    """Millivolts at the pin of a divider, before any clamp."""
    return mv * bottom_ohm // (top_ohm + bottom_ohm)


def _volts(mv: int) -> str:
    return f"{mv / 1000:.2f} V"


def _table(head: str, rows: Sequence[tuple[str, ...]]) -> str:
    width = head.count("|") + 1
    lines = [f"| {head} |", "|" + "---|" * width, *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _facts(board: Board) -> str:
    data = board.data
    python, flash, links, dog = data["micropython"], data["flash"], data["links"], data["watchdog"]
    most = f", {dog['max_ms']:,} ms at most" if dog["max_ms"] else ""
    rows = [
        ("Chip", f"{data['board']['cpu']}, {data['board']['ram_kib']} KiB RAM"),
        (
            "MicroPython",
            f"`{python['build']}`, from {python['least']} to below {python['below']}; checked with "
            f"`{python['stubs']}`; files under `{python['root']}`, {python['files_kib']:,} KiB",
        ),
        ("USB", f"{', '.join(data['usb']['hub'])}; in its bootloader {', '.join(data['usb']['bootloader'])}"),
        ("Links", f"HAN {links['han']}, WAN {links['wan']}, BENCH {links['bench']}; UARTs at {links['baud']:,} baud"),
        (
            "UART",
            f"takes {links['rx_fifo_octets']} octets while interrupts stall, and buffers {links['rx_buffer_octets']:,}",
        ),
        ("Line rate", f"{line_rate.sentence(board)} (`inv bench`, on MicroPython's unix VM)"),
        ("Framer", line_rate.framer_sentence(board)),
        (
            "Flash",
            f"{flash['part']}: a block of {flash['block_octets']:,} octets is erased in {flash['erase_ms']} ms "
            f"({flash['erase_max_ms']} at most), {flash['program_octets']} octets programmed in "
            f"{flash['program_us']} µs ({flash['program_max_us']:,} at most); {flash['source']}",
        ),
        (
            "Hold-up",
            f"of use down to {_volts(data['power']['holdup_min_mv'])} on the capacitor (`holdup_min_mv`, which "
            "`inv flash` and `chtool provision --board` put into the hub's identity); estimated, not measured",
        ),
        ("Watchdog", f"{dog['kind']}, {dog['ms']:,} ms{most}; armed when the hub has booted"),
        (
            "Clock",
            f"to {data['board']['clock_ppm']} ppm: 180 s are good to {180 * data['board']['clock_ppm'] / 1000:.0f} ms",
        ),
    ]
    return _table("|", rows)


def _wiring(board: Board, w: dict[str, Any]) -> str:
    divider = "{} to the pin, {} and {} nF to ground, BAT54S".format
    clamp = f"{ohms(w['SERIES_OHM'])} to the pin, BAT54S; the chip's own pull-up"
    through = {
        "SUPPLY": (
            "+12 V (ICHIS 1-2)",
            divider(ohms(w["SUPPLY_TOP_OHM"]), ohms(w["SUPPLY_BOTTOM_OHM"]), w["FILTER_NF"]),
        ),
        "HOLDUP": (
            "hold-up capacitor, +",
            divider(ohms(w["HOLDUP_TOP_OHM"]), ohms(w["HOLDUP_BOTTOM_OHM"]), w["FILTER_NF"]),
        ),
        "AC_LO": ("AC_LO (ICHIS 9), high: no AC", clamp),
        "MT_PR": ("MT_PR (ICHIS 6), low: meter there", clamp),
        "STRAP": ("bench strap", "a jumper to ground"),
        "MAINT": ("maintenance", "a button to ground"),
        "HAN_TX": ("HAN, to the meter's RX", "3.3 V, straight"),
        "HAN_RX": ("HAN, from the meter's TX", "3.3 V, straight"),
        "WAN_TX": ("WAN, to the head-end's RX", "3.3 V, straight"),
        "WAN_RX": ("WAN, from the head-end's TX", "3.3 V, straight"),
    }
    header = board.data["header"]
    rows = [(through[name][0], f"`{name}`", header[name], through[name][1]) for name in header]
    power = board.data["power"]
    rows += [
        ("5 V from the buck converter and the hold-up", "", power["feed"], "1N5819, and 10 Ω into the capacitor"),
        ("common (ICHIS 3-4)", "", power["ground"], "one ground for all"),
        ("clamps' upper end", "", power["rail"], "takes what a wrong voltage drives into it"),
    ]
    return _table("signal | name | on the board | through", rows)


def _voltages(board: Board, w: dict[str, Any]) -> str:
    supply, holdup = ((w[f"{name}_TOP_OHM"], w[f"{name}_BOTTOM_OHM"]) for name in ("SUPPLY", "HOLDUP"))
    adc = board.data["adc"]
    rows = [(f"+12 V line at {_volts(mv)}", f"{_volts(at_pin(mv, *supply))}") for mv in SUPPLY_MV]
    into_clamp = (MISTAKE_MV - RAIL_MV - DIODE_MV) * 1000 // supply[0]
    rows += [
        (
            f"+12 V line at {_volts(MISTAKE_MV)}, by mistake",
            f"{_volts(RAIL_MV + DIODE_MV)}: the clamp takes {into_clamp} µA",
        ),
        (f"hold-up at {_volts(HOLDUP_MV)}", _volts(at_pin(HOLDUP_MV, *holdup))),
    ]
    return (
        f"{_table('input | at the pin', rows)}\n\n"
        f"The ADC reads up to {_volts(adc['highest_mv'])}. The hub takes {adc['error_permille'] / 10:g} % and "
        f"{adc['offset_steps']} steps off every reading, which is what ADC, reference and resistors can make too much: "
        f"a voltage that reads low alerts early, one that reads high could hide an outage. Supply is good from "
        f"{_volts(w['SUPPLY_GOOD_MV'])} on, lost below {_volts(w['SUPPLY_LOST_MV'])}, and lost above "
        f"{_volts(w['SUPPLY_MAX_MV'])}, which only a broken divider shows. A BAT54S, not a 3.3 V Zener: a Zener "
        f"conducts long before its voltage and would bend the reading."
    )


def page(board: Board) -> str:
    """README.md of a board."""
    data, w = board.data, values()
    lacks = "\n".join(f"- {sentence}" for sentence in data["board"]["lacks"])
    checks = "\n".join(
        f"{place}. {entry['check']}:\n\n   `{entry['command']}`" for place, entry in enumerate(data["silicon"], 1)
    )
    tried = "Tried on silicon." if data["board"]["tried_on_silicon"] else "Not tried on silicon."
    return f"""<!-- Made from board.toml: python -m host_tools.boards.pages -->
# {board.title}

**{tried}** Its adapter is checked against MicroPython's stubs for this board, and what lies above its pins runs in
the tests on MicroPython's unix VM. What only the board can show stands at the end of this page.

**Never connect it to an installed meter.** The wiring is for a bench: a 12 V supply of 0.5 A in the meter's place, and
simulators on the links. Strap, maintenance mode and hold-up are alike on all boards: [see there](../README.md).

![Wiring: 12 V to the board by fuse and buck converter, dividers and clamps to its pins, straps and links]({DRAWING})

{_facts(board)}

## Wiring

{_wiring(board, w)}

{data["power"]["note"]}

## Voltages

{_voltages(board, w)}

## MicroPython on a bare board

{data["install"]["steps"]} The file is `{data["install"]["file"]}`, from MicroPython's own download page for this board.

## What it lacks

{lacks}

## Checks that need the silicon

Each with the command that shows it; `/dev/ttyACM0` stands for the board's port. `mpremote` needs the REPL, which a
hub that runs does not give: press RESET, and start its command within 2 s.

{checks}
"""


def files(board: Board) -> dict[Path, str]:
    """Path -> content of all that is made for a board."""
    return {board.folder / PAGE: page(board), board.folder / DRAWING: draw(board)}


def main() -> int:
    try:
        for board in load_all():
            for path, content in files(board).items():
                path.write_text(content, encoding="utf-8", newline="\n")
                print(f"boards/{board.name}/{path.name}")
    except BenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}.", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
