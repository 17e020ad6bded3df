"""The report's timelines: what stands where, in words, legible in light and dark."""

from __future__ import annotations

import dataclasses
import re

import pytest

from host_tools.report import Alert, Scene, timeline, write_report
from tests.host.html_page import Page
from tests.host.report_scenes import seven


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return seven()


def test_the_plots_take_their_colours_from_the_page(scenes, tmp_path):
    page = write_report(tmp_path / "r.html", "T", scenes, {}).read_text(encoding="utf-8")
    plots = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(plots) == 2 * 7
    style = page[page.index("<style>") : page.index("</style>")]
    light, dark = style.split("prefers-color-scheme: dark", 1)
    for plot in plots:
        assert not re.search(r"#[0-9a-fA-F]{6}\b", plot), "a fixed colour is not legible in light and dark alike"
        for variable in set(re.findall(r"var\((--[a-z-]+)\)", plot)):
            assert f"{variable}:" in light and f"{variable}:" in dark


def test_the_plots_say_in_words_what_they_show(scenes):
    overrun = next(scene for scene in scenes if scene.name == "overrun")
    for layout in (timeline.WIDE, timeline.NARROW):
        plot = timeline.svg(overrun, layout)
        parsed = Page(plot)
        described = dict(parsed.attributes)["aria-labelledby"].split()
        assert all(each in parsed.ids for each in described)
        words = [" ".join(text.split()) for text in re.findall(r"<text[^>]*>([^<]*)</text>", plot)]
        for word in ("supply lost", "180 s", "window ends, 400 s", "out", "pending", "held", "energy reserve 3300 mV"):
            assert word in words, (layout.name, word)
        assert any(word.startswith("HoldNotice") for word in words)
        assert any(word.startswith("AD1 plain r1") for word in words)
    assert "AD1 plain at 400.010 s" in timeline.describe(overrun)
    dies = next(scene for scene in scenes if scene.name == "holdup-dies")
    assert "AD1 plain r2, no ack" in timeline.svg(dies, timeline.NARROW)


def text_x(plot: str, word: str) -> float:
    """Where the word stands, in px of the plot."""
    found = re.search(rf'<text[^>]*?x="([-0-9.]+)"[^>]*>\s*{re.escape(word)}\s*</text>', plot)
    assert found, word
    return float(found[1])


def test_the_180_s_line_stands_at_180_s_on_the_axis(scenes):
    """By the axis' own numbers; a label stands 3 px beside its line."""
    plot = timeline.svg(scenes[0], timeline.WIDE)
    numbers = re.findall(
        r'<g id="[^"]*xtick_\d+">.*?<text[^>]*?x="([-0-9.]+)"[^>]*>\s*(\S+)\s*</text>', plot, re.DOTALL
    )
    at = {value: float(x) for x, value in numbers}
    assert {"0", "120"} <= set(at)
    per_s = (at["120"] - at["0"]) / 120
    assert text_x(plot, "180 s") == pytest.approx(at["0"] + 180 * per_s + 3, abs=0.5)
    assert text_x(plot, "supply lost") == pytest.approx(at["0"] + 3, abs=0.5)


def test_a_narrow_plot_keeps_its_labels_apart(scenes):
    for scene in scenes:
        for layout in (timeline.WIDE, timeline.NARROW):
            boxes = []
            plot = timeline.svg(scene, layout)
            pattern = r'<text style="([^"]*)" x="([-0-9.]+)" y="([-0-9.]+)"[^>]*>\s*([^<]*?)\s*</text>'
            for style, x, y, word in re.findall(pattern, plot):
                width = len(word) * layout.font * 0.5
                anchor = re.search(r"text-anchor: (\w+)", style)
                shift = {"middle": width / 2, "end": width}.get(anchor[1] if anchor else "start", 0)
                boxes.append((float(x) - shift, float(x) - shift + width, float(y), word))
            assert len(boxes) > 12
            for i, (left, right, y, word) in enumerate(boxes):
                assert left >= -1 and right <= layout.width + 8, (scene.name, layout.name, word)
                for other_left, other_right, other_y, other in boxes[i + 1 :]:
                    apart = right <= other_left or other_right <= left or abs(y - other_y) >= layout.font * 0.8
                    assert apart, (scene.name, layout.name, word, other)


def test_short_odd_text_is_drawn_as_it_is():
    """No formula is made of it, none of its marks is HTML, and a character that the font lacks stops nothing."""
    odd = ["$\\frac$", "a<b>&c", "\u96fb\u6c17", 'id="#010203']
    scene = Scene("odd", "T", "all", "E", "G", True, flag=[(float(i), state) for i, state in enumerate(odd)])
    scene.alerts = [Alert(0.0, "AD1 plain", "$x_$", 1)]
    plot = timeline.svg(scene, timeline.WIDE)
    text = " ".join(Page(plot).text.split())
    for each in (*odd, "$x_$"):
        assert each in text


@pytest.mark.parametrize("cause", ["mains-hinted", "hub-removed-hinted"])
def test_a_cause_that_the_lines_hint_at_stands_beside_its_alert(scenes, cause, tmp_path):
    genuine = next(scene for scene in scenes if scene.name.startswith("genuine"))
    hinted = dataclasses.replace(genuine, alerts=[Alert(genuine.loss_s + 180, "AD1 plain", cause, 1)])
    assert f"AD1 plain r1, no ack: {cause}" in timeline.svg(hinted, timeline.WIDE)
    page = write_report(tmp_path / "r.html", "T", [hinted], {}).read_text(encoding="utf-8")
    table = page[page.rindex("</svg>") :]
    assert re.search(rf"<td[^>]*>{cause}</td>", table)
