"""The wiring between a fixture board and the hub under test as an SVG, in the look of the boards' own drawings."""

from __future__ import annotations

from html import escape
from typing import Any

from host_tools.boards.drawing import _STYLE, _Sheet

WIDTH, HEIGHT = 1000, 670
_LEFT = 270  # right edge of the fixture's block
_RIGHT = 770  # left edge of the hub's


def draw(data: dict[str, Any]) -> str:
    """The whole SVG. data: rig.toml."""
    sheet = _Sheet()
    title = data["board"]["title"]
    sheet.add(f'<rect class="ground" x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="10"/>')
    sheet.text(40, 40, f"{title}: wiring to the hub under test", "head")
    sheet.text(40, 62, "Never connect this to an installed meter.", "warn")
    for x, name in ((40, "fixture board"), (_RIGHT, "hub under test")):
        width = _LEFT - 40 if x == 40 else WIDTH - 40 - _RIGHT
        sheet.add(f'<rect class="block" x="{x}" y="84" width="{width}" height="{HEIGHT - 124}" rx="6"/>')
        sheet.text(x + width / 2, 112, name, "head mid")
    for name, y, volts, end in (("RAIL", 200, "12 V supply", "+12 V line"), ("POWER", 310, "5 V of USB", "5 V input")):
        _pin(sheet, data, name, y)
        sheet.wire((_LEFT, y), (400, y))
        sheet.box(460, y, 120, 48, "P-MOSFET", "high-side switch")
        sheet.terminal(460, y - 58, "", "")
        sheet.text(476, y - 54, volts, "small")
        sheet.wire((460, y - 52), (460, y - 24))
        sheet.wire((520, y), (_RIGHT, y))
        sheet.to_ground(340, y, sheet.upright_resistor, "100 kΩ")
        _end(sheet, end, "off while the pin floats", y)
    for name, y in (("AC_LO", 400), ("MT_PR", 445)):
        _pin(sheet, data, name, y)
        sheet.wire((_LEFT, y), (_RIGHT, y))
        sheet.resistor(460, y, "1 kΩ")
        _end(sheet, name, "open drain; the hub's pull-up", y)
    y = 505
    _pin(sheet, data, "LEVEL", y)
    sheet.wire((_LEFT, y), (_RIGHT, y))
    sheet.resistor(320, y, "10 kΩ")
    sheet.to_ground(385, y, sheet.capacitor, "1 µF")
    sheet.box(500, y, 90, 44, "LM358", "gain 2, 12 V")
    sheet.resistor(600, y, "1 kΩ")
    sheet.dot(560, y)
    sheet.wire((560, y), (560, y + 92), (_LEFT, y + 92))
    sheet.text(570, y + 70, "100 kΩ : 100 kΩ, BAT54S", "small")
    _pin(sheet, data, "LEVEL_SENSE", y + 92)
    _end(sheet, "HOLDUP", "in the capacitor's place", y)
    sheet.text(
        _LEFT + 20,
        HEIGHT - 22,
        "One ground for both boards and the 12 V supply; the hub's USB +5 V wire is cut.",
        "small",
    )
    body = "\n".join(sheet.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Wiring of the {escape(title)}">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _pin(sheet: _Sheet, data: dict[str, Any], name: str, y: float) -> None:
    sheet.add(f'<rect class="part" x="{_LEFT - 6}" y="{y - 6:g}" width="12" height="12"/>')
    sheet.text(60, y - 2, name, "pin")
    sheet.text(60, y + 14, data["header"][name], "small")


def _end(sheet: _Sheet, name: str, note: str, y: float) -> None:
    sheet.add(f'<rect class="part" x="{_RIGHT - 6}" y="{y - 6:g}" width="12" height="12"/>')
    sheet.text(_RIGHT + 16, y - 2, name, "pin")
    sheet.text(_RIGHT + 16, y + 14, note, "small")
