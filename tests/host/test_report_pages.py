"""The demo's report and the conformance suite's page in a real browser: narrow, wide, light, dark, off the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, Tab

from hil import catalogue, results
from host_tools.report import Step, write_report
from tests.host.report_scenes import SIMULATED, seven

PROBE = Path(__file__).with_name("page_faults.js").read_text(encoding="utf-8")
PAGES = ("report", "hil")
WIDTHS_PX = (360, 768, 1400)
SCHEMES = ("light", "dark")
WORD = "0f1e2d3c4b5a6978" * 8
WHY = "AssertionError: sent [('ad1', 180001, '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0')]"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: sudo apt-get install chromium")

# One of each fault, and text that is blameless.
BAD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title><style>
body { background: #fff; color: #000; margin: 8px } .far { position: absolute; left: -40px; top: 0 }
</style></head><body><p>fine</p><p style="color: #999">pale</p><p style="background: #00000090">on grey</p>
<p class="far">gone</p><div style="width: 2000px">wide</div><img src="http://127.0.0.1:9/x.png" alt="">
<svg viewBox="0 0 100 60" width="300"><rect width="50" height="30" fill="#222"/><text x="5" y="20">dark</text>
<text x="60" y="20" font-size="9">clear</text><text x="70" y="23" font-size="9">upon</text>
<text x="90" y="50">leaving</text></svg>
<script>console.error("said"); missing()</script></body></html>"""


def hil_page(folder: Path) -> Path:
    """A run with every verdict in it, of the suite's own requirements and scenarios."""
    verdicts = results.Verdicts(catalogue.requirements(), catalogue.scenarios(), folder)
    verdicts.learn({"hub": "chf 0.1.0; virtual (simulated); hub 0011223344556677", "simulated": SIMULATED})
    verdicts.capabilities = ["holdup", "power-cut", "stepped-time", "supply"]
    for number, scenario in enumerate(verdicts.judged_by):
        outcome, longrepr = [
            ("passed", None),
            ("failed", WHY),
            ("skipped", ("x.py", 1, "Skipped: not judged: the rig has no power-cut")),
            ("left out", None),
            ("passed", None),
        ][number % 5]
        if outcome != "left out":
            node = f"hil/{scenario}[{'parameter-' * 9}]"
            properties = [("requirement", "any")]
            place = (scenario, 1, scenario)
            verdicts.add(pytest.TestReport(node, place, {}, outcome, longrepr, "call", user_properties=properties))  # type: ignore[arg-type]
    verdicts.write(folder / "none.xml")
    return folder / "index.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tabs(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tab]:
    folder = tmp_path_factory.mktemp("pages")
    long = dataclasses.replace(seven()[0], name="long", title=WORD, expected=WORD, got=WORD, numbers={WORD: WORD})
    long.story.append(Step(1.0, "hub", WORD))
    report = write_report(folder / "report.html", "The demo", [*seven(), long], {"firmware": "chf 0.1.0"})
    opened = {"report": Tab(browser, report), "hil": Tab(browser, hil_page(folder))}
    for tab in opened.values():
        assert tab.run("document.querySelectorAll('details').forEach(one => { one.open = true })") is None
    return opened


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width_px", WIDTHS_PX)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_and_can_be_read(tabs, page, width_px, scheme):
    tabs[page].look(width_px, scheme)
    assert tabs[page].run(PROBE) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_for_nothing_and_does_not_complain(tabs, page):
    papers = []
    for scheme in SCHEMES:
        tabs[page].look(WIDTHS_PX[0], scheme)
        papers.append(tabs[page].run("getComputedStyle(document.body).backgroundColor"))
    assert papers[0] != papers[1]
    assert (tabs[page].requests, tabs[page].complaints) == ([], [])


def test_each_fault_would_be_found(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(BAD, encoding="utf-8")
    tab = Tab(browser, path)
    tab.look(360, "light")
    found = tab.run(PROBE)
    for words in (
        "'pale' has a contrast of 2.85",
        "'on grey' has a contrast of",
        "'dark' has a contrast of",
        "'gone' is cut off",
        "'leaving' leaves its viewBox",
        "'clear' lies on 'upon'",
        "scrolls sideways: ",
    ):
        assert any(one.startswith(words) for one in found), (words, found)
    assert not any(blameless in one for one in found for blameless in ("'fine'", "'wide'"))
    assert tab.requests == ["http://127.0.0.1:9/x.png"]
    assert len([one for one in tab.complaints if "said" in one or "Uncaught" in one]) == 2
