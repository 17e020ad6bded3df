"""How a timeline looks: colours, markers, sizes."""

from __future__ import annotations

import dataclasses

# Matplotlib draws with these stand-ins; in the SVG each becomes a CSS variable, so that one SVG serves light and dark.
COLOURS = {
    "ink": "#010203",
    "muted": "#010205",
    "line": "#010207",
    "none": "#010209",
    "good": "#01020b",
    "bad": "#01020d",
    "held": "#01020f",
    "tag": "#010211",
    "flag": "#010213",
    "bad-ink": "#010215",
    "held-ink": "#010217",
    "tag-ink": "#010219",
    "good-ink": "#01021b",
}
# A state's fill; one that is not listed gets "none". The name of the state is always written too.
STATE_FILL = {
    "good": "good",
    "out": "bad",
    "powered": "good",
    "lost": "tag",
    "returning": "tag",
    "proving": "tag",
    "asked": "held",
    "held": "held",
    "tagged": "tag",
    "plain": "bad",
    "out-returning": "bad",
    "pending": "flag",
    "consumed": "held",
    "confirmed": "good",
    "expired": "bad",
    "revoked": "bad",
    "high": "held",
    "present": "good",
}
# Shape and colour of an alert's marker.
MARKER = {
    "AD1 plain": ("^", "bad-ink"),
    "AD1 tagged": ("s", "tag-ink"),
    "HoldNotice": ("D", "held-ink"),
    "Restored": ("o", "good-ink"),
    "head-end alert": ("P", "bad-ink"),
}
LABEL_MOST = 60  # characters of a label in the plot; the tables below it have the whole text
CHARACTER_WIDTH = 0.58  # of the font's size, on average, in common sans-serif fonts
GAP = 6  # px
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Sizes in px of the SVG's own coordinates. ticks: how many on the time axis at most."""

    name: str
    width: int
    left: int
    right: int
    font: int
    band: int
    holdup: int
    ticks: int


WIDE = Layout("wide", width=1000, left=118, right=14, font=13, band=24, holdup=150, ticks=12)
NARROW = Layout("narrow", width=380, left=44, right=8, font=12, band=24, holdup=130, ticks=6)
