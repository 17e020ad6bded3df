"""chtool triage as a person runs it: files, tables, JSON, plots, exit codes; and from a hub to its verdict."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from chtool import LIMIT_S, ROOT, fails, inside, json_of, run, sentence_of, started, virtual_hub
from dno_lines import ad1, at, ecs80, hub, octets, restored, tagged
from lxml import etree

EVENTS = [ad1(1), tagged(2, 36_010), tagged(3, 36_020), ad1(4, 36_030), restored(2), ecs80(4, 36_030, 36_500)]
MASS = [ad1(number, 40_000) for number in range(100, 160)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(octets(*EVENTS, *MASS))
    return path


# ---- what is printed


def test_the_tables_say_what_was_found_in_plain_lines(file):
    done = inside("triage", file)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"64 outages of 64 hubs, as of {at(40_181).replace('.000Z', 'Z')}: 63 to be treated as")
    cells = [line.split("\t") for line in lines]
    assert [
        "activation-declared",
        "tagged, within its window, and nothing speaks against it",
        "activation",
        "1",
        "0",
    ] in cells
    assert ["isolated", "1", "4", "4", "1", "2"] in cells and ["mass", "1", "60", "60", "0", "60"] in cells
    assert ["2026-06-28T11:06:00Z", "60", "60", "0", "60"] in cells
    assert [hub(1), "2026-06-28T10:00:00Z", "1 h 9 min", "genuine-loss"] in cells
    assert lines[-1] == "... and 52 more: --json lists them all, --top N shows more."


def test_top_says_how_long_the_lists_are(file):
    for top, listed in ((0, 0), (3, 3), (99, 62)):
        lines = inside("triage", file, "--top", str(top)).stdout.splitlines()
        assert sum(line.startswith(hub(0)[:12]) for line in lines) == listed


def shown_at(width: int, *arguments: str | Path) -> list[str]:
    """The lines on a terminal of that width, without colours."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "host_tools", "triage", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": str(width), "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        text = b""
        while True:
            try:
                more = os.read(master, 1 << 16)
            except OSError:  # the terminal's other end is closed
                break
            text += more
        process.wait(LIMIT_S)
    finally:
        os.close(master)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.decode()).splitlines()


def test_on_a_terminal_of_80_columns_nothing_is_torn(file):
    file.write_bytes(file.read_bytes() + octets(tagged(70, 10_000), ad1(71, 11_000, cause="hub-removed-hinted")))
    lines = shown_at(80, file)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for whole in (hub(1), "2026-06-28T11:06:00Z", "hub-removed-hinted", "activation-declared", "isolated"):
        assert whole in text
    assert re.search(r"│ activation-declared +│ activation +│ +1 │ +0 │", text)


def test_json_has_every_alert_with_its_reason(file):
    told = json_of("triage", file)
    assert [told["as_of"], told["files"], told["bad_lines"]] == [at(40_181), [str(file)], {"count": 0, "first": []}]
    assert {one["hub"]: one["treat_as"] for one in told["alerts"][:4]} == {
        hub(1): "outage", hub(2): "activation", hub(3): "outage", hub(4): "outage"
    }  # fmt: skip
    assert [one["reason"] for one in told["alerts"][:4]] == ["supply-loss", "in-window", "not-back", "meter-confirms"]
    assert [(one["kind"], one["hubs"]) for one in told["windows"]] == [("isolated", 4), ("mass", 60)]
    assert sum(group["outages"] for group in told["classes"]) == len(told["alerts"]) == 64
    assert told["read"]["ad1_lines"] == 64


def test_as_of_judges_as_things_stood_then(file):
    told = json_of("triage", file, "--as-of", at(36_300))
    assert told["as_of"] == at(36_300) and len(told["alerts"]) == 4
    assert [one["reason"] for one in told["alerts"][1:3]] == ["in-window", "in-window"]
    for wrong in ("yesterday", "2026-02-30T00:00:00Z"):
        assert "is not a time in UTC" in fails(2, "triage", file, "--as-of", wrong)


# ---- files


def test_files_of_every_kind_are_one(file, tmp_path):
    whole = file.read_bytes().splitlines(keepends=True)
    zipped, rest, again = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl", tmp_path / "c.jsonl"
    zipped.write_bytes(gzip.compress(b"".join(whole[:30])))
    rest.write_bytes(b"".join(whole[30:]))
    again.write_bytes(b"".join(whole[::3]))
    one, several = json_of("triage", file), json_of("triage", again, rest, zipped)
    assert [several[name] for name in ("alerts", "windows", "classes")] == [
        one[name] for name in ("alerts", "windows", "classes")
    ]


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input_is_a_file(file, zipped):
    content = gzip.compress(file.read_bytes()) if zipped else file.read_bytes()
    command = [sys.executable, "-m", "host_tools", "triage", "-", "--json"]
    done = subprocess.run(command, cwd=ROOT, input=content + b"x" * (not zipped), capture_output=True, timeout=LIMIT_S)
    told = json.loads(done.stdout)
    assert len(told["alerts"]) == 64 and told["files"] == ["standard input"]
    assert done.stderr.decode() == ("" if zipped else "standard input line 67 is no JSON.\n")
    assert done.returncode == (0 if zipped else 1)


def test_a_closed_standard_input_is_one_sentence():
    code = "import os, sys; os.close(0); os.execv(sys.executable, [sys.executable, '-m', 'host_tools', 'triage', '-'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (2, "There is no standard input: name a file.\n")


def test_ctrl_c_ends_it_while_it_waits_for_more():
    command = [sys.executable, "-m", "host_tools", "triage", "-"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"\n" * 400_000)  # more than a pipe holds: it reads already
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(LIMIT_S / 2) == 130
        finally:
            process.kill()


def test_bad_lines_are_named_so_many_and_counted_and_the_rest_is_judged(file):
    file.write_bytes(b"bad\n" * 30 + b"\xff\n" + file.read_bytes())
    done = inside("triage", file, "--bad", "2")
    assert done.returncode == 1 and done.stdout.startswith("64 outages")
    assert done.stderr.splitlines() == [
        f"{file} line 1 is no JSON.",
        f"{file} line 2 is no JSON.",
        "... and 29 more: 31 bad lines in all were passed over.",
    ]
    told = json.loads(inside("triage", file, "--bad", "1", "--json").stdout)
    assert told["bad_lines"] == {"count": 31, "first": [{"source": str(file), "line": 1, "sentence": "is no JSON."}]}


def test_a_file_cut_off_is_an_error_and_what_came_before_is_judged(file, tmp_path):
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(file.read_bytes())[:-9])
    done = inside("triage", cut)
    assert done.returncode == 1 and "cannot be read: the gzip file is cut off here." in done.stderr


def test_an_empty_file_is_no_error(tmp_path):
    path = tmp_path / "none.jsonl"
    path.touch()
    done = inside("triage", path, "--plot", tmp_path / "p.svg")
    assert done.returncode == 0 and done.stdout.startswith("0 outages of 0 hubs, as of unknown")
    assert len(done.stdout.splitlines()) == 1
    assert json_of("triage", path)["alerts"] == []
    assert etree.fromstring((tmp_path / "p.svg").read_bytes()).tag.endswith("svg")


def test_what_cannot_be_read_or_written_is_one_sentence(file, tmp_path):
    assert "nope cannot be read: No such file" in fails(2, "triage", file, tmp_path / "nope")
    assert "is a folder" in fails(2, "triage", tmp_path)
    assert "must end in .svg or .png" in fails(2, "triage", file, "--plot", tmp_path / "p.pdf")
    done = inside("triage", file, "--plot", tmp_path / "no" / "p.svg")
    assert "p.svg cannot be written" in sentence_of(done, 2) and done.stdout == "", "known before anything is read"
    fails(2, "triage")
    fails(2, "triage", file, "--top", "-1")


def test_an_output_that_is_full_or_closed_is_no_traceback(file):
    with open("/dev/full", "w") as full:
        assert "cannot be written" in sentence_of(run("triage", file, "--json", stdout=full), 1)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = run("triage", file, "--json", stdout=closed)
    assert done.returncode == 141 and done.stderr == ""


# ---- plots


def test_the_plot_serves_light_and_dark(file, tmp_path):
    inside("triage", file, "--plot", tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text()
    root = etree.fromstring(text.encode())
    words = {" ".join("".join(node.itertext()).split()) for node in root.iter("{*}text")}
    for word in ("Outages by class", "genuine-loss", "62 (61 not restored)", "50 hubs", "mass", "treated as an outage"):
        assert word in words, words
    (style,) = (node for node in root.iter("{*}style") if "prefers-color-scheme" in (node.text or ""))
    light, dark = style.text.split("@media")
    used = set(re.findall(r"var\((--t\d+)\)", text))
    assert len(used) > 3 and all(f"{name}:#" in light and f"{name}:#" in dark for name in used)
    assert not re.search(r"#0102[0-9a-f]{2}|(?:fill|stroke): ?#(?!000000)", text)
    assert "64 outages by AD1" in text


def test_the_plot_is_a_png_too_and_takes_any_span_of_time(file, tmp_path):
    far = [{**ad1(900, None), "at": when} for when in ("1970-01-01T00:00:00Z", "2999-12-31T23:59:59Z")]
    for more in ([], far):
        file.write_bytes(file.read_bytes() + octets(*more))
        for name in ("p.png", "p.svg"):
            assert inside("triage", file, "--plot", tmp_path / name).returncode == 0
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


# ---- from a hub to its verdict


def test_a_hub_s_alerts_reach_the_operator_and_are_told_apart(tmp_path):
    """Processes: a virtual hub, its head-end, and a meter that declares, then one that does not."""
    jsonl, duis = tmp_path / "alerts.jsonl", tmp_path / "duis"
    with virtual_hub("--speed", "60") as hub:
        wan = f"wan={hub['ports']['wan']},speed={hub['speed']}"
        rest = f"han={hub['ports']['han']},bench={hub['ports']['bench']},speed={hub['speed']}"
        with started("headend", wan, "--jsonl", jsonl, "--duis", duis, "--json", "--for", "60") as head_end:
            _read_until(head_end, "session")
            for kind in ("good", "legacy"):
                assert inside("esme", "declare", rest, "--outage", "190", "--kind", kind).returncode == 0
                _read_until(head_end, "restored")
    told = json_of("triage", jsonl)
    assert [(one["class"], one["reason"], one["restored_by"]) for one in told["alerts"]] == [
        ("activation-declared", "in-window", "hub"),
        ("genuine-loss", "supply-loss", "hub"),
    ]
    documents = [etree.parse(path).findtext(".//{*}Cause") for path in duis.iterdir()]
    assert sorted(map(str, documents)) == ["firmware-activation", "supply-loss"]


def _read_until(process: Any, event: str) -> None:
    end = time.monotonic() + LIMIT_S
    for line in process.stdout:
        if f'"event": "{event}"' in line:
            return
        assert time.monotonic() < end
    pytest.fail(f"no {event}: {process.stderr.read()}")
