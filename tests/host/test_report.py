"""The demo's report: recordings to JSON and back, the page, its plots, the terminal's verdict table."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from host_tools.report import (
    Alert,
    RecordingError,
    Scene,
    Step,
    from_json,
    render_terminal,
    to_json,
    write_report,
)
from tests.host.html_page import Page
from tests.host.report_scenes import seven

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = (
    """</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)> & " ' $\\frac$ [bold] """
    "\u96fb \x1b[2J"
)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return seven()


@pytest.fixture(scope="module")
def page(scenes: list[Scene], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "build" / "demo" / "report.html"
    assert write_report(path, "The demo", scenes, {"Clock": "stepped, seed 7"}) == path
    return path.read_text(encoding="utf-8")


def plain(name: str = "plain", **fields: object) -> Scene:
    return Scene(**{"name": name, "title": "T", "simulated": "all", "expected": "E", "got": "G", "ok": True} | fields)  # type: ignore[arg-type]


def test_a_recording_survives_json(scenes):
    assert from_json(to_json(scenes)) == scenes


def test_the_page_shows_every_scene_and_its_verdict(page, scenes):
    parsed = Page(page)
    assert "6 of 7 scenes as expected" in parsed.text
    assert parsed.text.count("\u2717 NOT as expected") == 2, "in the verdict table and at the scene"
    assert parsed.text.count("\u2713 as expected") == 2 * 6
    for scene in scenes:
        assert scene.name in parsed.ids
        assert ("href", f"#{scene.name}") in parsed.attributes
        for text in (scene.title, scene.expected, scene.got, *(step.text for step in scene.story)):
            assert text in parsed.text
    assert parsed.text.count(f"Simulated: {scenes[0].simulated}") == len(scenes)
    assert "stepped, seed 7" in parsed.text
    assert "+180.010 s" in parsed.text, "times count from the loss of supply"
    assert "\u221230.000 s" in parsed.text


def test_the_page_is_self_contained(page):
    parsed = Page(page)
    assert "://" not in page
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(parsed.elements)
    for name, value in parsed.attributes:
        assert not name.startswith("on")
        if name in ("href", "xlink:href", "src"):
            assert value.startswith("#"), value
    for target in re.findall(r'(?:href="|url\()#([^")]+)', page):
        assert target in parsed.ids, f"#{target} is nowhere"


def test_no_id_stands_twice(page):
    ids = Page(page).ids
    assert len(ids) == len(set(ids))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, definition of contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(page, scheme):
    style = page[page.index("<style>") : page.index("</style>")]
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[["light", "dark"].index(scheme)]))
    for ink in ("p-ink", "p-muted", "ok", "wrong", "link", "p-bad-ink", "p-held-ink", "p-tag-ink", "p-good-ink"):
        assert contrast(colours[ink], colours["paper"]) >= 4.5, ink
    for fill in ("p-none", "p-good", "p-bad", "p-held", "p-tag", "p-flag"):
        assert contrast(colours["p-ink"], colours[fill]) >= 4.5, fill


def test_hostile_text_stays_text(tmp_path):
    scene = plain(
        title=HOSTILE,
        simulated=HOSTILE,
        expected=HOSTILE,
        got=HOSTILE,
        loss_s=0.0,
        rail=[(0.0, False)],
        flag=[(0.0, HOSTILE)],
        hub=[(0.0, HOSTILE)],
        alerts=[Alert(1.0, "AD1 plain", HOSTILE, 1)],
        story=[Step(0.0, HOSTILE, HOSTILE)],
        numbers={HOSTILE: HOSTILE},
    )
    text = write_report(tmp_path / "r.html", HOSTILE, [scene], {HOSTILE: HOSTILE}).read_text(encoding="utf-8")
    parsed = Page(text)
    assert not {"script", "img"} & set(parsed.elements)
    assert "<script>alert(1)</script>" in parsed.text


def test_a_scene_with_next_to_nothing_is_still_a_page(tmp_path):
    scenes = [
        plain("a"),
        plain("b", hub=[(5.0, "powered")]),
        plain("c", alerts=[Alert(1e6, "Restored", "", None, 1e6)]),
    ]
    text = write_report(tmp_path / "r.html", "T", scenes, {}).read_text(encoding="utf-8")
    assert "None was sent." in Page(text).text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ok": 1}, "ok is 1, not true or false"),
        ({"name": "Not A Name"}, "name is 'Not A Name', not a name like a-b-1"),
        ({"simulated": " "}, "simulated is ' ', not what was simulated"),
        ({"holdup_mv": [[0, 5000], [1, "full"]]}, "holdup_mv[1] is (1, 'full'), not (seconds, millivolts)"),
        ({"holdup_mv": [[0, -1]]}, "holdup_mv[0] is (0, -1), not (seconds, millivolts)"),
        ({"rail": [[5, True], [4, False]]}, "rail[1] is (4, False), not later than the one before it"),
        ({"rail": [[float("nan"), True]]}, "rail[0] is (nan, True), not (seconds, true or false)"),
        ({"rail": [[10**400, True]]}, "rail[0] is (1000"),
        ({"flag": [0, "none"]}, "flag[0] is 0, not (seconds, text)"),
        ({"flag": "none"}, "flag is 'none', not a list"),
        ({"story": [{"at_s": 0, "actor": "hub"}]}, "story[0]: text is missing"),
        ({"story": ["x"]}, "story[0]: it is 'x', not an object"),
        (
            {"alerts": [{"at_s": 0, "kind": "AD2", "cause": "", "revision": 1}]},
            "alerts[0].kind is 'AD2', not one of AD1",
        ),
        (
            {"alerts": [{"at_s": 0, "kind": "Restored", "cause": "", "revision": 1.5}]},
            "alerts[0].revision is 1.5, not a",
        ),
        ({"loss_s": "now"}, "loss_s is 'now', not a number or null"),
        ({"numbers": {"a": []}}, "numbers is {'a': []}, not an object of texts and numbers"),
        ({"colour": "red"}, "there is no field 'colour'"),
    ],
)
def test_a_wrong_recording_is_refused_in_one_sentence(change, told):
    document = json.loads(to_json([plain()]))
    document["scenes"][0].update(change)
    with pytest.raises(RecordingError) as refused:
        from_json(json.dumps(document))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not {"),
        ('{"recording": 1}', "not {"),
        ('{"recording": 2, "scenes": []}', "version 2, these tools read 1"),
        ('{"recording": 1, "scenes": [3]}', "scene 1: it is 3, not an object"),
        ('{"recording": 1, "scenes": [{}]}', "scene 1: name is missing"),
    ],
)
def test_what_is_no_recording_is_refused_in_one_sentence(text, told):
    with pytest.raises(RecordingError) as refused:
        from_json(text)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_scenes_of_one_name_and_a_wrong_scene_make_no_page(tmp_path):
    with pytest.raises(RecordingError, match="not unique"):
        write_report(tmp_path / "r.html", "T", [plain(), plain()], {})
    with pytest.raises(RecordingError, match=re.escape("rail[0] is [0.0, True], not (seconds, true or false)")):
        write_report(tmp_path / "r.html", "T", [plain(rail=[[0.0, True]])], {})
    assert not (tmp_path / "r.html").exists()


def test_the_terminal_gets_the_verdicts_and_what_was_simulated(scenes):
    stream = io.StringIO()
    render_terminal(scenes, Console(file=stream, width=200))
    text = stream.getvalue()
    assert "6 of 7 scenes as expected" in text
    assert text.count("NOT OK") == 1
    for scene in scenes:
        assert scene.title in text and scene.expected in text
    assert text.count("Simulated: ") == 1, "the same words once"


def test_hostile_text_does_not_reach_the_terminal_as_markup_or_control():
    stream = io.StringIO()
    scene = plain(title=HOSTILE, simulated=HOSTILE, got="[red]\x07\x9b")
    render_terminal([scene, dataclasses.replace(scene, ok=False)], Console(file=stream, width=400, force_terminal=True))
    text = stream.getvalue()
    assert "\x1b[2J" not in text and "\x07" not in text and "\x9b" not in text
    assert "[bold]" in text and "[red]" in text


def test_matplotlib_is_imported_only_for_a_plot():
    code = "import sys, host_tools.report; sys.exit('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0
