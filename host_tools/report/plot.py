"""Draws one scene's timeline with matplotlib: lanes under each other, one time axis."""

from __future__ import annotations

import itertools
from typing import Any

from host_tools.report.look import CHARACTER_WIDTH, COLOURS, GAP, LABEL_MOST, MARKER, STATE_FILL, TICKS_S, WIDE, Layout
from host_tools.report.recording import Alert, Scene


class Plot:
    """One figure: lanes from the top down on a single axes, x in seconds, y in px."""

    def __init__(self, figure: Any, scene: Scene, layout: Layout) -> None:
        self.figure = figure
        self.scene = scene
        self.layout = layout
        self.zero = scene.loss_s or 0.0
        self.start, self.end = _span(scene)
        self.px_per_s = (layout.width - layout.left - layout.right) / (self.end - self.start)
        self.ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))  # placed by _frame once the height is known
        self.y = 0.0
        self.texts = 0
        self.marks: list[float] = []

    def draw(self) -> None:
        """Draw everything, and give the figure its size."""
        scene = self.scene
        marks = self._mark_labels()
        self._alerts()
        self._band_lane("12 V supply", _named(scene.rail, "good", "out"))
        self._holdup()
        self._band_lane("flag", scene.flag)
        self._band_lane("hub", scene.hub)
        self._band_lane("AC_LO", _named(scene.ac_lo, "high", "low"))
        self._band_lane("MT_PR", _named(scene.mt_pr, "present", "absent"))
        for at_s, top, style in marks:
            self.ax.plot([at_s, at_s], [top, self.y], color=COLOURS["ink"], linewidth=1.1, linestyle=style, zorder=4)
        self._frame()

    def _text(self, x: float, y: float, text: str, halo: bool = True, **options: Any) -> None:
        """halo: by the page's style, the text stands out from the lines that it crosses."""
        options.setdefault("color", COLOURS["ink"])
        options.setdefault("va", "center")
        self.texts += 1
        gid = f"{'halo' if halo else 'plain'}-{self.texts}"
        self.ax.text(x, y, text, fontsize=self.layout.font, clip_on=False, zorder=5, gid=gid, **options)

    def _width_s(self, text: str) -> float:
        return len(text) * self.layout.font * CHARACTER_WIDTH / self.px_per_s

    def _place(self, at_s: float, label: str, rows: list[float]) -> tuple[int, bool]:
        """Return the first row in which the label is free of its neighbours, and whether it stands left of its mark.

        rows: where each row's last label ends; brought up to date. Marks must come in order of time.
        """
        gap = GAP / self.px_per_s
        left = at_s + self._width_s(label) + 3 * gap > self.end
        begin = at_s - self._width_s(label) - 2 * gap if left else at_s - gap
        end = at_s + gap if left else at_s + self._width_s(label) + 3 * gap
        for row, taken in enumerate(rows):
            if begin >= taken:
                rows[row] = end
                return row, left
        rows.append(end)
        return len(rows) - 1, left

    def _mark_labels(self) -> list[tuple[float, float, str]]:
        """Write what the vertical lines mean; returns of each its time, top and line style."""
        scene = self.scene
        marks = []
        if scene.loss_s is not None:
            marks.append((0.0, "supply lost", "solid"))
            marks.append((scene.threshold_s, f"{scene.threshold_s:g} s", "dashed"))
        if scene.window_end_s is not None:
            end = scene.window_end_s - self.zero
            marks.append((end, f"window ends, {end:g} s", "dotted"))
        marks = [mark for mark in sorted(marks) if self.start <= mark[0] <= self.end]
        self.marks = [at_s for at_s, _, _ in marks]
        rows: list[float] = []
        lines: list[tuple[float, float, str]] = []
        height = self.layout.font + 5
        for at_s, label, style in marks:
            row, left = self._place(at_s, label, rows)
            shift = -3 / self.px_per_s if left else 3 / self.px_per_s
            self._text(at_s + shift, height * (row + 0.5), label, ha="right" if left else "left", fontweight="bold")
            lines.append((at_s, height * row, style))
        self.y += height * len(rows) + 2
        return lines

    def _lane_name(self, name: str, middle: float) -> float:
        """Write the lane's name beside the lane, or above it where there is no room; returns the lane's shift."""
        if self.layout is WIDE:
            self._text(self.start - 8 / self.px_per_s, middle, name, ha="right", color=COLOURS["muted"])
            return 0.0
        # From the figure's edge on: so the line of the loss crosses fewer names.
        edge = self.start - (self.layout.left - 1) / self.px_per_s
        self._text(edge, self.y + self.layout.font * 0.5, name, ha="left", color=COLOURS["muted"])
        return self.layout.font + 3.0

    def _alerts(self) -> None:
        alerts = sorted(self.scene.alerts, key=lambda alert: alert.at_s)
        row_height = self.layout.font + 9
        self.y += self._lane_name("alerts", self.y + row_height / 2 + 3)
        rows: list[float] = []
        for alert in alerts:
            at_s = alert.at_s - self.zero
            label = _label(alert, self.layout)
            row, left = self._place(at_s, label, rows)
            middle = self.y + row_height * (row + 0.5) + 3
            shape, colour = MARKER[alert.kind]
            self.ax.plot([at_s], [middle], shape, color=COLOURS[colour], markersize=9, clip_on=False, zorder=6)
            shift = -9 / self.px_per_s if left else 9 / self.px_per_s
            self._text(at_s + shift, middle, label, ha="right" if left else "left")
        if not alerts:
            self._text(self.start + GAP / self.px_per_s, self.y + row_height / 2 + 3, "none", color=COLOURS["muted"])
        self.y += row_height * max(1, len(rows)) + GAP

    def _band_lane(self, name: str, series: list[tuple[float, str]]) -> None:
        """A lane of named states, each as wide as it lasted. A state too short for its name is in the tables only."""
        from matplotlib.patches import Rectangle

        if not series:
            return
        band = self.layout.band
        self.y += self._lane_name(name, self.y + band / 2)
        for begin, end, state in _segments(series, self.zero, self.start, self.end):
            fill = STATE_FILL.get(state.partition(",")[0], "none")  # "pending, inferred" looks as "pending"
            self.ax.add_patch(
                Rectangle(
                    (begin, self.y),
                    end - begin,
                    band,
                    facecolor=COLOURS[fill],
                    edgecolor=COLOURS["muted"],
                    linewidth=0.8,
                    zorder=2,
                )
            )
            # Beside the vertical lines where there is room, else across one, else not at all.
            cuts = [begin, *(at_s for at_s in self.marks if begin < at_s < end), end]
            free = max(itertools.pairwise(cuts), key=lambda gap: gap[1] - gap[0])
            needed = self._width_s(_short(state)) + GAP / self.px_per_s
            for left, right in (free, (begin, end)):
                if needed <= right - left:
                    self._text((left + right) / 2, self.y + band / 2, _short(state), halo=False, ha="center")
                    break
        self.y += band + GAP

    def _holdup(self) -> None:
        from matplotlib.ticker import MaxNLocator

        series = [(at_s - self.zero, mv) for at_s, mv in self.scene.holdup_mv]
        if not series:
            return
        height = self.layout.holdup
        self.y += 4 + self._lane_name("hold-up, mV", self.y + self.layout.font)
        reserve = self.scene.reserve_mv
        most = max([mv for _, mv in series] + [reserve or 0.0]) * 1.08 + 1
        top, bottom = self.y, self.y + height

        def at(mv: float) -> float:
            return bottom - mv / most * height

        ticks = [tick for tick in MaxNLocator(nbins=4, integer=True).tick_values(0, most) if 0 <= tick <= most]
        for tick in ticks:
            self.ax.plot([self.start, self.end], [at(tick)] * 2, color=COLOURS["line"], linewidth=0.8, zorder=1)
            # In the wide layout the lane's name stands in the margin: no number under it.
            if self.layout is WIDE and abs(at(tick) - top - self.layout.font) < self.layout.font:
                continue
            self._text(self.start - 5 / self.px_per_s, at(tick), f"{tick:g}", ha="right", color=COLOURS["muted"])
        times, values = zip(*series, strict=True)
        self.ax.plot(times, [at(mv) for mv in values], color=COLOURS["ink"], linewidth=2, zorder=3)
        if reserve is not None:
            self.ax.plot(
                [self.start, self.end],
                [at(reserve)] * 2,
                color=COLOURS["bad-ink"],
                linewidth=1.5,
                linestyle=(0, (6, 3)),
            )
            # Right of the loss: there the hold-up is still full, its curve far above. Not on a grid line.
            below, above = (at(reserve) + sign * self.layout.font * 0.9 for sign in (1, -1))
            free = max((below, above), key=lambda y: min(abs(y - at(tick)) for tick in ticks))
            label = f"energy reserve {reserve:g} mV"
            begin = self.start if self.scene.loss_s is None else max(self.start, 0.0)
            begin = min(begin + GAP / self.px_per_s, self.end - self._width_s(label))
            self._text(begin, free, label, color=COLOURS["bad-ink"])
        self.y = bottom + GAP + 6

    def _frame(self) -> None:
        """Close the figure: its size is known now; the time axis below the lanes."""
        from matplotlib.ticker import FixedLocator, FuncFormatter

        layout = self.layout
        axis = layout.font * 2.9
        height = self.y + axis
        self.figure.set_size_inches(layout.width / 72, height / 72)
        self.figure.patch.set_visible(False)
        ax = self.ax
        width = layout.width - layout.left - layout.right
        ax.set_position((layout.left / layout.width, axis / height, width / layout.width, self.y / height))
        ax.patch.set_visible(False)
        ax.set_xlim(self.start, self.end)
        ax.set_ylim(self.y, 0)
        for side in ("left", "right", "top"):
            ax.spines[side].set_visible(False)
        ax.spines["bottom"].set_color(COLOURS["ink"])
        ax.yaxis.set_visible(False)
        span = self.end - self.start
        step: float = next((each for each in TICKS_S if span / each <= layout.ticks), span / layout.ticks)
        first = -(-self.start // step)
        ax.xaxis.set_major_locator(
            FixedLocator([(first + i) * step for i in range(int((self.end - first * step) / step) + 1)])
        )
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\u2212")))
        ax.tick_params(axis="x", colors=COLOURS["ink"], labelsize=layout.font)
        what = "s since the loss of supply" if self.scene.loss_s is not None else "s"
        ax.set_xlabel(what, fontsize=layout.font, color=COLOURS["muted"], labelpad=2)


def _span(scene: Scene) -> tuple[float, float]:
    """First and last time that anything is known of, seconds on the plot's axis, with a little air."""
    times = [at_s for series in (scene.rail, scene.holdup_mv, scene.flag, scene.hub) for at_s, _ in series]
    times += [at_s for series in (scene.ac_lo, scene.mt_pr) for at_s, _ in series]
    times += [alert.at_s for alert in scene.alerts] + [step.at_s for step in scene.story]
    if scene.loss_s is not None:
        times += [scene.loss_s, scene.loss_s + scene.threshold_s]
    zero = scene.loss_s or 0.0
    start, end = min(times, default=0.0) - zero, max(times, default=1.0) - zero
    air = max(1.0, (end - start) * 0.02)
    return start, end + air


def _named(series: list[tuple[float, bool]], true: str, false: str) -> list[tuple[float, str]]:
    return [(at_s, true if value else false) for at_s, value in series]


def _segments(series: list[tuple[float, str]], zero: float, start: float, end: float) -> list[tuple[float, float, str]]:
    """(begin, end, state) of each run of one state, in the plot's time; the last one lasts to the plot's end."""
    runs: list[tuple[float, str]] = []
    for at_s, state in series:
        if not runs or runs[-1][1] != state:
            runs.append((max(start, at_s - zero), state))
    ends = [begin for begin, _ in runs[1:]] + [end]
    return [(begin, stop, state) for (begin, state), stop in zip(runs, ends, strict=True) if stop > begin]


def _label(alert: Alert, layout: Layout) -> str:
    label = alert.kind if alert.revision is None else f"{alert.kind} r{alert.revision}"
    if alert.unacknowledged:
        label += ", no ack"
    return _short(f"{label}: {alert.cause}" if layout is WIDE and alert.cause else label)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LABEL_MOST else text[: LABEL_MOST - 1] + "\u2026"
