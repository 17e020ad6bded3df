"""One scene's timeline as an inline SVG element whose colours are the page's CSS variables."""

from __future__ import annotations

import html
import io
import re
import warnings
from typing import Any

from host_tools.report.look import COLOURS, NARROW, WIDE, Layout
from host_tools.report.plot import Plot
from host_tools.report.recording import Scene

__all__ = ["NARROW", "WIDE", "describe", "svg"]


def svg(scene: Scene, layout: Layout) -> str:
    """Return the timeline as an <svg> element, to stand inside an HTML page that defines the --p-... variables."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    stream = io.StringIO()
    options: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": scene.name,
        "text.parse_math": False,
        "hatch.linewidth": 0.6,
    }
    # A character that matplotlib's own font lacks only costs it the exact width: the reader's browser draws the text.
    with rc_context(options), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(dpi=72)
        canvas = FigureCanvasSVG(figure)
        Plot(figure, scene, layout).draw()
        canvas.print_svg(stream, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(stream.getvalue(), scene, layout)


def describe(scene: Scene) -> str:
    """The plot in one sentence, for those who do not see it."""
    alerts = [
        f"{alert.kind} at {alert.at_s - (scene.loss_s or 0.0):.3f} s"
        for alert in sorted(scene.alerts, key=lambda alert: alert.at_s)
    ]
    low = f", hold-up down to {min(mv for _, mv in scene.holdup_mv):g} mV" if scene.holdup_mv else ""
    zero = "the loss of supply" if scene.loss_s is not None else "the start"
    return f"Times since {zero}{low}. Alerts: {'; '.join(alerts) or 'none'}. All values stand in the tables below."


def _inline(text: str, scene: Scene, layout: Layout) -> str:
    """A document of its own made an element of the page: no metadata, no namespaces, ids of its own, our colours."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    opening, rest = text.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    if box is None:
        raise ValueError("matplotlib made an SVG without a viewBox")
    prefix = f"{scene.name}-{layout.name}-"

    def adapt(tag: re.Match[str]) -> str:
        text = re.sub(r'\bid="', f'id="{prefix}', tag[0])
        text = text.replace('xlink:href="#', f'href="#{prefix}').replace("url(#", f"url(#{prefix}")
        for name, stand_in in COLOURS.items():
            text = text.replace(stand_in, f"var(--p-{name})")
        return text

    # In the tags only: what a label says is not ours to change. Matplotlib escapes < and > everywhere else.
    rest = re.sub(r"<[^>]*>", adapt, rest)
    title = f"{prefix}title"
    desc = f"{prefix}desc"
    return (
        f'<svg class="{layout.name}" {box[0]} role="img" aria-labelledby="{title} {desc}">'
        f'<title id="{title}">Timeline: {html.escape(scene.title)}</title>'
        f'<desc id="{desc}">{html.escape(describe(scene))}</desc>{rest}'
    )
