"""Our DUIS documents through @smartdcc/duis-parser, which knows nothing of us. Node.js and npm install it into build/.

It is GPL-3.0, and an oracle for these tests only. It lets wrong namespaces and unclosed tags pass, so the values are
compared as well; our schema refuses what it lets pass.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dno_lines import AT_UTC, HUB, event
from lxml import etree

from chf.wire import schema as s
from host_tools.benchmarks import npm
from host_tools.dno import duis, events
from host_tools.errors import EXIT_NO_BOARD, BenchError

ORACLE = Path(__file__).with_name("duis_oracle")
LIMIT_S = 90


@pytest.fixture(scope="session")
def oracle() -> Any:
    """Files to what the parser says of each; skipped, with the line that would change it, where it is not to be had."""
    try:
        installed = npm.installed(ORACLE, "@smartdcc/duis-parser")
    except BenchError as error:
        if error.exit_code != EXIT_NO_BOARD:
            raise
        pytest.skip(str(error))

    def ask(*files: Path) -> list[dict[str, Any]]:
        command = ["node", str(ORACLE / "parse.cjs"), str(installed), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, done.stderr
        answer: list[dict[str, Any]] = json.loads(done.stdout)
        return answer

    return ask


ALERTS = {
    "tagged": event(),
    "plain": event(level=s.LEVEL_PLAIN, cause=s.CAUSE_SUPPLY_LOSS, source=s.SOURCE_NONE, loss_bits=0xFF, bits=0x07),
    "unknown": event(
        cause=s.CAUSE_UNKNOWN_DURATION, loss_utc=s.NO_UTC, elapsed_s=s.UNKNOWN_S, flag_counter=b"\xff" * 8
    ),
    "merged": event(cause=s.CAUSE_MERGED, merged=65_535),
    "of-tomorrow": event(cause=250, level=251, source=252, row=253, policy=254),
    "head-end": events.head_end_ad1(HUB, bytes(12), AT_UTC),
}


def as_tree(node: Any) -> Any:
    """An element as the parser shows it: texts, objects, lists of what stands there more than once, @_attributes."""
    found: dict[str, Any] = {f"@_{name}": value for name, value in node.attrib.items()}
    for child in node:
        name, value = etree.QName(child).localname, as_tree(child)
        if name in found:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
        else:
            found[name] = value
    return found if found else node.text or ""


def test_every_kind_of_alert_is_a_dcc_alert_with_the_values_that_it_was_given(oracle, tmp_path):
    files = []
    for name, alert in ALERTS.items():
        files.append(tmp_path / f"{name}.xml")
        files[-1].write_bytes(duis.render(alert))
    for name, file, answer in zip(ALERTS, files, oracle(*files), strict=True):
        assert answer.get("response") is True and answer["alert"] is True, (name, answer)
        parsed = answer["parsed"]
        assert parsed["header"] == {
            "type": "response", "responseCode": "I0", "responseDateTime": ALERTS[name]["at"]
        }  # fmt: skip
        assert parsed["body"]["DCCAlertMessage"]["DCCAlertCode"] == "AD1"
        body = duis.parse(file.read_bytes())[1]
        assert parsed["body"] == as_tree(body), name
        outage = parsed["body"]["DCCAlertMessage"]["DCCAlert"]["PowerOutage"]
        assert outage["Cause"] == str(ALERTS[name]["cause"]) and outage["@_synthetic"] == "true"


def test_what_the_parser_lets_pass_our_schema_refuses(oracle, tmp_path):
    text = duis.render(event()).decode()
    wrong = {"namespace.xml": text.replace("ServiceUserGateway", "X"), "open.xml": text.replace("</sr:Response>", "")}
    for name, changed in wrong.items():
        (tmp_path / name).write_text(changed)
        with pytest.raises(BenchError):
            duis.parse(changed.encode())
    assert [answer.get("alert") for answer in oracle(*(tmp_path / name for name in wrong))] == [True, True]


def test_what_is_no_alert_the_parser_refuses(oracle, tmp_path):
    """So that its yes means something."""
    text = duis.render(event()).decode()
    (tmp_path / "a.xml").write_text(text.replace("DCCAlertCode", "OtherCode"))
    (tmp_path / "b.xml").write_text("no XML")
    bare, none = oracle(tmp_path / "a.xml", tmp_path / "b.xml")
    assert bare["alert"] is False and "error" in none
