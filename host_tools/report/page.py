"""Writes the scenes as one self-contained HTML page, and their verdicts to a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from host_tools.report.recording import Alert, Scene, check

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_MINUS = "\u2212"


def write_report(path: str | Path, title: str, scenes: Sequence[Scene], environment: Mapping[str, object]) -> Path:
    """Write the page, its folder made if missing; returns its path. environment: what ran it, name to value.

    Raises RecordingError for a scene that is none, OSError where the file cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from host_tools.report import timeline

    check(scenes)
    jinja = Environment(
        loader=FileSystemLoader(_TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    views = [
        {
            "scene": scene,
            "plots": [Markup(timeline.svg(scene, layout)) for layout in (timeline.WIDE, timeline.NARROW)],
            "story": [(relative(scene, step.at_s), step.actor, step.text) for step in _in_order(scene.story)],
            "alerts": [_alert_row(scene, alert) for alert in _in_order(scene.alerts)],
            "changes": _changes(scene),
        }
        for scene in scenes
    ]
    page = jinja.get_template(_TEMPLATE.name).render(
        title=title,
        views=views,
        passed=sum(scene.ok for scene in scenes),
        environment={name: str(value) for name, value in environment.items()},
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def render_terminal(scenes: Sequence[Scene], console: Any = None) -> None:
    """Print the verdict table. console: a rich Console; by default one on standard output."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def cell(text: str, style: str = "") -> Text:
        # Text, so that no markup in it counts; no control characters, so that none reaches the terminal.
        return Text("".join(c if c.isprintable() or c == " " else "\ufffd" for c in text), style=style)

    table = Table(
        title=f"{sum(scene.ok for scene in scenes)} of {len(scenes)} scenes as expected", title_justify="left"
    )
    table.add_column("Verdict")
    for heading in ("Scene", "What the network operator saw"):
        table.add_column(heading, overflow="fold")
    for scene in scenes:
        verdict = cell("ok", "bold green") if scene.ok else cell("NOT OK", "bold red")
        saw = cell(scene.got) if scene.ok else cell(f"expected {scene.expected}; got {scene.got}", "red")
        table.add_row(verdict, cell(scene.title), saw)
    console = console or Console()
    console.print(table)
    for simulated in dict.fromkeys(scene.simulated for scene in scenes):
        console.print(Text("Simulated: ").append_text(cell(simulated)))


def relative(scene: Scene, at_s: float) -> str:
    """The time as the page shows it: seconds since the loss of supply; the scene's own where none was."""
    since = at_s - (scene.loss_s or 0.0)
    # To the millisecond: at 179.999 s nothing is due, at 180.000 s an alert is.
    text = f"{abs(since):.3f}"
    sign = "" if float(text) == 0 else _MINUS if since < 0 else "+" if scene.loss_s is not None else ""
    return f"{sign}{text} s"


def _in_order(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: row.at_s)


def _alert_row(scene: Scene, alert: Alert) -> tuple[str, str, str, str, str]:
    if alert.acked_at_s is not None:
        acked = relative(scene, alert.acked_at_s)
    else:
        acked = "not acknowledged" if alert.unacknowledged else "needs none"
    revision = "none" if alert.revision is None else str(alert.revision)
    return relative(scene, alert.at_s), alert.kind, alert.cause or "none", revision, acked


def _changes(scene: Scene) -> list[tuple[str, str, str]]:
    """Every change of a signal or state, in order: what the plot shows, in words."""
    lanes: list[tuple[str, list[tuple[float, str]]]] = [
        ("12 V supply", [(at_s, "good" if good else "out") for at_s, good in scene.rail]),
        ("AC_LO", [(at_s, "high" if high else "low") for at_s, high in scene.ac_lo]),
        ("MT_PR", [(at_s, "present" if present else "absent") for at_s, present in scene.mt_pr]),
        ("flag", scene.flag),
        ("hub", scene.hub),
    ]
    changes = []
    for name, series in lanes:
        last = None
        for at_s, state in series:
            if state != last:
                changes.append((at_s, name, state))
            last = state
    return [(relative(scene, at_s), name, state) for at_s, name, state in sorted(changes, key=lambda change: change[0])]
