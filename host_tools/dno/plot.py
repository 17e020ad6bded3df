"""The plot of a triage: how many hubs in which window, and what the alerts were. PNG, or SVG for light and dark."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import polars as pl

from host_tools.dno import reasons as why
from host_tools.dno.result import time_text
from host_tools.dno.triage import ISOLATED_MOST, WINDOW_MS, Triage
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.report.look import COLOURS

SUFFIXES = (".svg", ".png")
BINS_MOST = 240
_DPI = 144
_SIZE = (10.0, 6.2)  # inches
_FONT = 10
_PAPER = "#01021d"  # a stand-in, as those of look.COLOURS
# The report's colours, whose page has them as CSS variables: (light, dark).
_TONES = {
    _PAPER: ("#ffffff", "#0f1318"),
    COLOURS["ink"]: ("#1b1f24", "#e6edf3"),
    COLOURS["muted"]: ("#57606a", "#a3adb8"),
    COLOURS["bad-ink"]: ("#a40e26", "#ff9a94"),
    COLOURS["held-ink"]: ("#0550ae", "#82b8ff"),
}


def write(found: Triage, path: Path) -> None:
    """Write the plot. Raises BenchError for a name that ends in neither suffix, or a file that cannot be written."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BenchError(f"{path} is no name for a plot: it must end in {' or '.join(SUFFIXES)}.", EXIT_USAGE)
    image = _svg(found) if suffix == ".svg" else _png(found)
    try:
        path.write_bytes(image)
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None


def _png(found: Triage) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _figure(found, {stand_in: light for stand_in, (light, _) in _TONES.items()})
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()


def _svg(found: Triage) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    options: Any = {"svg.fonttype": "none", "svg.hashsalt": "triage", "text.parse_math": False}
    stream = io.StringIO()
    with rc_context(options):
        figure = _figure(found, {stand_in: stand_in for stand_in in _TONES})
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Title": describe(found)})
    return _two_toned(stream.getvalue()).encode()


def _two_toned(text: str) -> str:
    """The SVG with CSS variables for colours, light by default, dark where the reader's screen is."""
    variables = {stand_in: f"--t{number}" for number, stand_in in enumerate(_TONES)}
    rules = [";".join(f"{variables[stand_in]}:{tones[dark]}" for stand_in, tones in _TONES.items()) for dark in (0, 1)]
    style = f"<style>svg{{{rules[0]}}}@media(prefers-color-scheme:dark){{svg{{{rules[1]}}}}}</style>"
    for stand_in, variable in variables.items():
        text = text.replace(stand_in, f"var({variable})")
    return re.sub(r"(<svg\b[^>]*>)", lambda tag: tag[1] + style, text, count=1)


def describe(found: Triage) -> str:
    """The plot in one sentence, for those who do not see it."""
    most = int(found.windows["hubs"].max() or 0)  # type: ignore[arg-type]
    mass = int(found.windows["mass"].sum())
    return (
        f"{found.outages.height} outages by AD1, {int(found.outages['activation'].sum())} of them treated as firmware "
        f"activations; {mass} windows with a mass loss; {most} hubs in the largest window."
    )


def _figure(found: Triage, tone: dict[str, str]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained", facecolor=tone[_PAPER])
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
    for axes in (upper, lower):
        axes.set_facecolor("none")
        axes.tick_params(colors=tone[COLOURS["ink"]], labelsize=_FONT)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(tone[COLOURS["muted"]])
    _draw_windows(upper, found, tone)
    _draw_classes(lower, found, tone)
    return figure


def binned(windows: pl.DataFrame) -> tuple[int, pl.DataFrame]:
    """(windows a bin; the largest window of each bin, and `first`, where the bin begins), BINS_MOST at the most."""
    first, last = int(windows["window"][0]), int(windows["window"][-1])
    wide = -(-(last - first + 1) // BINS_MOST)
    largest = (
        windows.with_columns(((pl.col("window") - first) // wide).alias("bin"))
        .sort("hubs", "window", descending=[True, False])
        .unique("bin", keep="first", maintain_order=True)
        .sort("bin")
        .with_columns((pl.col("bin") * wide + first).alias("first"))
    )
    return wide, largest


def _draw_windows(axes: Any, found: Triage, tone: dict[str, str]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    ink, bad, muted = (tone[COLOURS[name]] for name in ("ink", "bad-ink", "muted"))
    title = {"loc": "left", "color": ink, "fontsize": _FONT + 2}
    if not found.windows.height:
        axes.set_title("Hubs with an AD1, by 3-minute window: none", **title)
        return
    wide, largest = binned(found.windows)
    what = "by 3-minute window" if wide == 1 else f"the largest 3-minute window of each {_minutes(wide)}"
    axes.set_title(f"Hubs with an AD1, {what} (UTC, to {time_text(found.as_of_ms)})", **title)
    starts = (largest["first"] * WINDOW_MS).cast(pl.Datetime("ms")).to_list()
    width = wide * WINDOW_MS / 86_400_000
    greatest = int(largest["hubs"].max())  # type: ignore[arg-type]
    for mass, colour, name in ((False, muted, f"isolated, {ISOLATED_MOST} hubs or fewer"), (True, bad, "mass")):
        some = [at for at, is_mass in enumerate(largest["mass"]) if is_mass == mass]
        if some:
            heights = [largest["hubs"][at] for at in some]
            places = [starts[at] for at in some]
            axes.bar(places, heights, width=width, align="edge", color=colour, linewidth=0, label=name)
    if greatest > ISOLATED_MOST // 2:
        axes.axhline(ISOLATED_MOST, color=ink, linewidth=1, linestyle="dashed", label=f"{ISOLATED_MOST} hubs")
    if greatest > 20 * ISOLATED_MOST:
        axes.set_yscale("symlog", linthresh=ISOLATED_MOST)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_ylim(0, greatest * 1.2)
    axes.margins(x=0.01)
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_color(ink)
    axes.set_ylabel("hubs", color=ink, fontsize=_FONT)
    axes.legend(loc="upper right", ncols=3, fontsize=_FONT, frameon=False, labelcolor=ink)


def _minutes(windows: int) -> str:
    minutes = windows * WINDOW_MS // 60_000
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:g} hours"


def _draw_classes(axes: Any, found: Triage, tone: dict[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    ink, bad, tag = (tone[COLOURS[name]] for name in ("ink", "bad-ink", "held-ink"))
    groups = found.outages.group_by("class", "activation").agg(
        pl.len().alias("outages"), (pl.col("restored_by") == 0).sum().alias("open")
    )
    present = [(number, name) for number, name in enumerate(why.CLASSES) if number in groups["class"]]
    axes.set_title("Outages by class", loc="left", color=ink, fontsize=_FONT + 2)
    longest = 1
    for place, (number, _) in enumerate(present):
        rows = groups.filter(pl.col("class") == number)
        left = 0
        for row in rows.sort("activation").iter_rows(named=True):
            axes.barh(
                place, row["outages"], left=left, color=tag if row["activation"] else bad, linewidth=0, height=0.6
            )
            left += row["outages"]
        longest = max(longest, left)
        said = f"{left:,} ({int(rows['open'].sum()):,} not restored)"
        beside: Any = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(said, (left, place), color=ink, fontsize=_FONT, **beside)
    axes.set_yticks(range(len(present)), [name for _, name in present])
    axes.set_ylim(max(len(present), 1) - 0.4, -0.6)
    axes.set_xlim(0, longest * 1.35)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    for colour, name in ((bad, "treated as an outage"), (tag, "treated as an activation")):
        axes.bar(0, 0, color=colour, label=name)
    if present:
        axes.legend(loc="lower right", fontsize=_FONT, frameon=False, labelcolor=ink)
