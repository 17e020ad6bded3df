"""chtool selftest on a virtual hub: what it does, its page, and that each of its verdicts can fail."""

import re

from chf.wire import schema as s
from host_tools import frames
from host_tools.checks.selftest import SelfTest
from host_tools.link.connect import SOFT, connect
from tests.host.chtool import fails, inside, json_of, sentence_of


def run(bed, resets=2, watchdogs=1, **options):
    return {check.name: check for check in SelfTest(bed, resets, watchdogs, None, **options).run()}


def test_on_the_command_line_with_its_page(tmp_path):
    page = tmp_path / "page" / "report.html"
    values = json_of("selftest", "sim:", "--resets", "3", "--report", page)
    assert [check["name"] for check in values["checks"]] == ["identity", "cable", "journal", "alert", "clock"]
    assert values["passed"] and values["seconds"] < 60
    html = page.read_text("utf-8")
    assert "cut 3 times by the watchdog" in html and "AD1 at 180 s" in html and html.count('class="ok"') == 6
    assert "prefers-color-scheme: dark" in html and not re.search(r"(src|href)=", html), "self-contained"


def test_the_journal_is_cut_while_it_is_written():
    with connect("sim:", SOFT) as bed:
        checks = run(bed, 4, 2)
        assert all(check.ok for check in checks.values()), checks
        said = checks["journal"].said
        assert "cut 2 times by the watchdog" in said and "and 2 times by a clean restart" in said
        whys = [why for _, why in bed._owned.resets]
        assert whys == ["watchdog", "watchdog", "restart", "restart", "restart"], "the last gives the clock back"
        assert bed.state()["elapsed_s"] == 0


class Lossy:
    """A line on which the hub forgets: its flag_refusal tells a lower floor than it has."""

    def __init__(self, key, octets):
        self.key = key
        self.octets = octets

    def __call__(self, octets):
        out = []
        for content in frames.Deframer().feed(octets):
            frame = frames.parse(content)
            if frame.name == "flag_refusal" and frame.fields["reason"] == s.REFUSED_COUNTER:
                fields = {**frame.fields, "floor": self.octets}
                content = frames.build(frame.name, fields, key=self.key, marked=True)
            out.append(frames.to_wire(content))
        return out


def test_a_hub_that_forgets_what_it_acknowledged_fails():
    with connect("sim:", SOFT) as bed:
        bed.bench.tamper[s.LINK_HAN, False] = Lossy(bed.esme.key, bytes(8))
        checks = run(bed)
    assert not checks["journal"].ok and "its floor is 0" in checks["journal"].said
    assert "alert" not in checks, "what follows is not made"


def test_a_hub_without_an_alert_fails_and_its_clock_is_its_own_again():
    with connect("sim:", SOFT) as bed:
        bed.bench.tamper[s.LINK_WAN, False] = lambda octets: []
        checks = run(bed, 1, 0)
        assert not checks["alert"].ok and checks["alert"].said.startswith("No AD1 within 15 s")
        assert checks["clock"].ok
        boots = bed._owned.resets
        assert boots[-1][1] == "restart"


def test_a_hub_that_says_that_something_is_wrong_fails_at_once():
    with connect("sim:", SOFT) as bed:

        def sick(octets):
            out = []
            for content in frames.Deframer().feed(octets):
                frame = frames.parse(content)
                if frame.name == "identity":
                    fields = {**frame.fields, "text": frame.fields["text"] + b"; the journal cannot be rewritten"}
                    content = frames.build("identity", fields)
                out.append(frames.to_wire(content))
            return out

        bed.bench.tamper[s.LINK_BENCH, False] = sick
        checks = run(bed)
    assert list(checks) == ["identity"] and "the journal cannot be rewritten" in checks["identity"].said


def test_a_hub_without_its_strap_and_no_hub_are_sentences(tmp_path):
    fails(2, "selftest", "sim:?strap=0", "--report", tmp_path / "r.html")
    fails(3, "selftest", "/dev/no-such-port", "--report", tmp_path / "r.html")


def test_a_page_that_cannot_be_written_is_a_sentence(tmp_path):
    for path in (tmp_path, "/dev/full", "/proc/nope/r.html"):
        done = inside("selftest", "sim:", "--resets", "1", "--report", path)
        assert f"{path} cannot be written" in sentence_of(done, 2) and done.stdout == "", "known before the test"
    page = tmp_path / "page" / "r.html"
    fails(3, "selftest", "/dev/no-such-port", "--report", page)
    assert not page.exists(), "a look leaves no file"


def test_a_failure_is_exit_code_1(tmp_path, monkeypatch):
    monkeypatch.setattr("host_tools.checks.selftest.ROUND_TRIP_MOST_MS", -1)
    page = tmp_path / "r.html"
    done = inside("selftest", "sim:", "--report", page)
    assert done.returncode == 1 and "NOT OK" in done.stdout and done.stderr == ""
    assert "not made after that: journal, alert" in page.read_text("utf-8")
