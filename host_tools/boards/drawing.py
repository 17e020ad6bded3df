"""The wiring of a board as an SVG: what stands between a meter's interface, or a bench supply, and its pins.

The circuits are the same for every board and take their values from boards/common/wiring.py; the pins are board.toml's.
The colours follow the reader's light or dark setting, on a ground of their own.
"""

from __future__ import annotations

import runpy
from html import escape
from typing import Any

from host_tools.boards import UART_PINS, Board
from host_tools.locate import root

WIDTH = 1000
_BOARD_X = 700  # left edge of the board's block
_NODE_X = 620  # where a clamp sits
_STYLE = """
  .ground{fill:#fbfcfd;stroke:#c9d1d9} .gap{fill:#fbfcfd} .wire{stroke:#24527a;stroke-width:2;fill:none}
  .part{fill:#fff;stroke:#1f2328}
  .part,.line{stroke-width:1.6} .line{stroke:#1f2328;fill:none} .dot{fill:#24527a} .solid{fill:#1f2328}
  .block{fill:#e8f0f8;stroke:#24527a;stroke-width:1.6} text{font:13px system-ui,sans-serif;fill:#1f2328}
  .head{font-weight:600;font-size:16px} .small{font-size:11.5px;fill:#57606a} .warn{font-weight:600;fill:#a40e26}
  .pin{font-weight:600} .mid{text-anchor:middle} .end{text-anchor:end}
  @media (prefers-color-scheme: dark){
    .ground{fill:#161b22;stroke:#3d444d} .gap{fill:#161b22} .wire{stroke:#79b8ff} .part{fill:#0d1117;stroke:#e6edf3}
    .line{stroke:#e6edf3} .dot{fill:#79b8ff} .solid{fill:#e6edf3} .block{fill:#1c2a3a;stroke:#79b8ff}
    text{fill:#e6edf3} .small{fill:#9da7b3} .warn{fill:#ff7b72}
  }
"""


def values() -> dict[str, Any]:
    """The constants of boards/common/wiring.py."""
    return runpy.run_path(str(root("boards") / "common" / "wiring.py"))


def ohms(value: int) -> str:
    """100000 as '100 kΩ', 2200 as '2.2 kΩ'."""
    return f"{value / 1000:g} kΩ" if value >= 1000 else f"{value} Ω"


class _Sheet:
    """Parts and wires; every method adds one, by the middle of it or by its ends."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def add(self, element: str) -> None:
        self.parts.append("  " + element)

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        self.add(f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>')

    def wire(self, *points: tuple[float, float]) -> None:
        self.add(f'<polyline class="wire" points="{" ".join(f"{x:g},{y:g}" for x, y in points)}"/>')

    def dot(self, x: float, y: float) -> None:
        self.add(f'<circle class="dot" cx="{x:g}" cy="{y:g}" r="3.6"/>')

    def terminal(self, x: float, y: float, name: str, note: str) -> None:
        self.add(f'<circle class="part" cx="{x:g}" cy="{y:g}" r="6"/>')
        self.text(x - 6, y - 14, name, "pin")
        self.text(x - 6, y + 22, note, "small")

    def box(self, x: float, y: float, width: float, height: float, *lines: str) -> None:
        left, upper = x - width / 2, y - height / 2
        self.add(f'<rect class="part" x="{left:g}" y="{upper:g}" width="{width}" height="{height}" rx="3"/>')
        for place, line in enumerate(lines):
            self.text(x, y + 4.5 + 15 * (place - (len(lines) - 1) / 2), line, "mid")

    def resistor(self, x: float, y: float, label: str) -> None:
        self.box(x, y, 46, 14)
        self.text(x, y - 13, label, "mid")

    def upright_resistor(self, x: float, y: float, label: str) -> None:
        self.box(x, y, 14, 40)
        self.text(x - 13, y + 5, label, "end")

    def capacitor(self, x: float, y: float, label: str) -> None:
        self.add(f'<rect class="gap" x="{x - 13:g}" y="{y - 4:g}" width="26" height="8"/>')
        self.add(f'<path class="line" d="M{x - 13:g},{y - 4:g}h26M{x - 13:g},{y + 4:g}h26"/>')
        self.text(x + 19, y + 5, label)

    def ground(self, x: float, y: float) -> None:
        self.add(f'<path class="line" d="M{x - 11:g},{y:g}h22M{x - 7:g},{y + 5:g}h14M{x - 3:g},{y + 10:g}h6"/>')

    def diode(self, x: float, y: float, label: str = "") -> None:
        """Current to the right."""
        self.add(f'<path class="solid" d="M{x - 8:g},{y - 8:g}v16l15,-8z"/>')
        self.add(f'<path class="line" d="M{x + 8:g},{y - 9:g}v18"/>')
        self.text(x, y - 15, label, "mid")

    def upward_diode(self, x: float, y: float) -> None:
        self.add(f'<path class="solid" d="M{x - 7:g},{y + 7:g}h14l-7,-13z"/>')
        self.add(f'<path class="line" d="M{x - 8:g},{y - 7:g}h16"/>')

    def clamp(self, x: float, y: float) -> None:
        """BAT54S: from ground over the node to 3V3."""
        self.dot(x, y)
        self.wire((x, y), (x, y - 34))
        self.upward_diode(x, y - 18)
        self.text(x + 12, y - 28, "3V3", "small")
        self.add(f'<path class="line" d="M{x - 9:g},{y - 35:g}h18"/>')
        self.wire((x, y), (x, y + 32))
        self.upward_diode(x, y + 18)
        self.ground(x, y + 33)
        self.text(x + 14, y + 24, "BAT54S", "small")

    def to_ground(self, x: float, y: float, part: Any, label: str) -> None:
        """A part upright between a node and ground."""
        self.dot(x, y)
        self.wire((x, y), (x, y + 66))
        part(x, y + 36, label)
        self.ground(x, y + 66)


def draw(board: Board) -> str:
    """The whole SVG."""
    sheet = _Sheet()
    w = values()
    has_wan = UART_PINS[0] in board.data["pins"]
    height = 1030 if has_wan else 966
    sheet.add(f'<rect class="ground" x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="10"/>')
    sheet.text(40, 40, f"{board.title}: wiring of the bench", "head")
    sheet.text(40, 62, "Never connect this to an installed meter.", "warn")
    bottom = height - 40
    sheet.add(
        f'<rect class="block" x="{_BOARD_X}" y="84" width="{WIDTH - 40 - _BOARD_X}" height="{bottom - 84}" rx="6"/>'
    )
    sheet.text((_BOARD_X + WIDTH - 40) / 2, 112, board.title, "head mid")
    _power(sheet, board)
    _senses(sheet, board, w)
    _straps(sheet, board)
    _links(sheet, board, has_wan)
    body = "\n".join(sheet.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Wiring of the {escape(board.title)}">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _pin(sheet: _Sheet, board: Board, name: str, y: float) -> None:
    sheet.add(f'<rect class="part" x="{_BOARD_X - 6}" y="{y - 6:g}" width="12" height="12"/>')
    sheet.text(_BOARD_X + 16, y - 2, name, "pin")
    sheet.text(_BOARD_X + 16, y + 14, board.data["header"][name], "small")


def _power(sheet: _Sheet, board: Board) -> None:
    y = 150
    power = board.data["power"]
    sheet.terminal(60, y, "+12 V", "ICHIS 1-2")
    sheet.wire((66, y), (_BOARD_X, y))
    sheet.box(150, y, 46, 14)
    sheet.text(150, y - 13, "F 0.5 A", "mid")
    sheet.diode(260, y, "1N5819")
    sheet.box(360, y, 84, 44, "buck", "5.0 V")
    sheet.diode(460, y, "1N5819")
    sheet.dot(205, y)
    sheet.dot(540, y)
    sheet.wire((205, y), (205, 290), (240, 290))  # to the supply's divider
    sheet.wire((540, y), (540, 182), (540, 236))
    sheet.upright_resistor(540, 180, "10 Ω, 2 W")
    sheet.dot(540, 214)
    sheet.wire((540, 214), (540, 254))
    sheet.capacitor(540, 236, "hold-up")
    sheet.ground(540, 254)
    sheet.wire((540, 214), (170, 214), (170, 420), (240, 420))  # to the hold-up's divider
    sheet.add(f'<rect class="part" x="{_BOARD_X - 6}" y="{y - 6}" width="12" height="12"/>')
    sheet.text(_BOARD_X + 16, y - 2, "5 V in", "pin")
    sheet.text(_BOARD_X + 16, y + 14, power["feed"], "small")
    sheet.add(f'<rect class="part" x="{_BOARD_X - 6}" y="{y + 54}" width="12" height="12"/>')
    sheet.text(_BOARD_X + 16, y + 58, "ground", "pin")
    sheet.text(_BOARD_X + 16, y + 74, power["ground"], "small")
    sheet.wire((_BOARD_X - 6, y + 60), (_BOARD_X - 40, y + 60), (_BOARD_X - 40, y + 76))
    sheet.ground(_BOARD_X - 40, y + 76)
    sheet.terminal(60, 214, "common", "ICHIS 3-4")
    sheet.wire((66, 214), (136, 214), (136, 226))
    sheet.ground(136, 226)


def _senses(sheet: _Sheet, board: Board, w: dict[str, Any]) -> None:
    for name, y, top, bottom in (
        ("SUPPLY", 290, w["SUPPLY_TOP_OHM"], w["SUPPLY_BOTTOM_OHM"]),
        ("HOLDUP", 420, w["HOLDUP_TOP_OHM"], w["HOLDUP_BOTTOM_OHM"]),
    ):
        sheet.wire((240, y), (_BOARD_X, y))
        sheet.resistor(280, y, f"{ohms(top)} 1 %")
        sheet.to_ground(400, y, sheet.upright_resistor, f"{ohms(bottom)} 1 %")
        sheet.to_ground(490, y, sheet.capacitor, f"{w['FILTER_NF']} nF")
        sheet.clamp(_NODE_X, y)
        _pin(sheet, board, name, y)
    for name, y, note in (("AC_LO", 535, "ICHIS 9"), ("MT_PR", 630, "ICHIS 6")):
        sheet.terminal(60, y, name, note)
        sheet.wire((66, y), (_BOARD_X, y))
        sheet.resistor(280, y, ohms(w["SERIES_OHM"]))
        sheet.clamp(_NODE_X, y)
        _pin(sheet, board, name, y)
        sheet.text(_BOARD_X + 120, y + 14, "pull-up inside", "small")


def _straps(sheet: _Sheet, board: Board) -> None:
    for name, y, title, note in (
        ("STRAP", 715, "bench strap", "fitted at power-on: test keys, BENCH is open"),
        ("MAINT", 770, "maintenance", "held at a reset: the REPL, and no hub"),
    ):
        sheet.wire((_BOARD_X, y), (490, y))
        sheet.wire((430, y), (400, y), (400, y + 10))
        sheet.add(f'<circle class="part" cx="486" cy="{y}" r="4"/><circle class="part" cx="434" cy="{y}" r="4"/>')
        sheet.add(f'<path class="line" d="M436,{y - 3}L480,{y - 16}"/>')
        sheet.ground(400, y + 10)
        sheet.text(54, y - 2, title, "pin")
        sheet.text(54, y + 14, note, "small")
        _pin(sheet, board, name, y)
        sheet.text(_BOARD_X + 120, y + 14, "pull-up inside", "small")


def _links(sheet: _Sheet, board: Board, has_wan: bool) -> None:
    y = 830
    rows = [("HAN", "meter, or its simulator")] + ([("WAN", "head-end, or its simulator")] if has_wan else [])
    links = board.data["links"]
    for name, peer in rows:
        sheet.box(170, y + 12, 260, 44, f"{name}: {peer}", f"3.3 V UART, {links['baud']:,} baud, 8N1")
        for place, (end, other) in enumerate((("TX", "RX"), ("RX", "TX"))):
            at = y + 24 * place
            sheet.wire((300, at), (_BOARD_X, at))
            sheet.text(310, at - 5, other, "small")
            pin = f"{name}_{end}"
            sheet.add(f'<rect class="part" x="{_BOARD_X - 6}" y="{at - 6}" width="12" height="12"/>')
            sheet.text(_BOARD_X + 16, at + 4, pin, "pin")
            sheet.text(_BOARD_X + 90, at + 4, board.data["header"][pin], "small")
        y += 64
    over_usb = "BENCH" if has_wan else "WAN and BENCH"
    sheet.box(170, y + 10, 260, 40, f"host, over USB: {over_usb}")
    sheet.wire((300, y + 10), (_BOARD_X, y + 10))
    sheet.text(310, y + 4, "with the strap fitted: all links", "small")
    sheet.add(f'<rect class="part" x="{_BOARD_X - 6}" y="{y + 4}" width="12" height="12"/>')
    sheet.text(_BOARD_X + 16, y + 14, "USB", "pin")
