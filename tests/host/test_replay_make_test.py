"""chtool replay --make-test: a capture and what its replay came to become a test; without keys, and if it holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from chtool import ROOT, fails, inside
from replay_captures import entries, rewritten
from test_replay_files import EPOCH, IDENTITY, KEYS, PEERS, frame, hand_made

from host_tools import frames
from host_tools.deploy.provisioning import new_identity, write_identity
from host_tools.link import capture
from host_tools.replay.golden import TEST, TEST_FILE, check

LIMIT_S = 60
COMMITTED = ROOT / "tests" / "captures"


@pytest.fixture
def outage(tmp_path):
    path = tmp_path / "outage.jsonl"
    capture.write(path, hand_made(), url="/dev/serial/of-somebody")
    return path


@pytest.fixture
def parting(outage):
    """The hub says that it tagged what it alerted."""
    values = entries(outage)
    for at, one in enumerate(values):
        if one.get("decoded", {}).get("name") == "ad1":
            made = frames.build("ad1", {**one["decoded"]["fields"], "level": "tagged"}, key=KEYS[2])
            values[at] = {**one, "content": made.hex()}
    return rewritten(outage, values, "parting.jsonl")


def pytest_of(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)


def test_a_parting_capture_becomes_a_test_in_one_command(parting, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    done = inside("replay", parting, "--make-test", folder)
    assert done.returncode == 1 and f"{folder / 'parting.jsonl'} is a test now" in done.stderr
    assert (folder / TEST_FILE).read_text() == TEST
    passed = pytest_of(folder)
    assert passed.returncode == 0 and "1 passed" in passed.stdout, passed.stdout
    expect = entries(folder / "parting.jsonl")[0]["expect"]
    assert expect["kind"] == "differs" and expect["hub"]["level"] == 3 and expect["reference"]["level"] == 4


def test_where_the_hub_is_right_the_test_fails_until_the_reference_agrees(parting, outage, tmp_path):
    inside("replay", parting, "--make-test", tmp_path / "wanted.jsonl", "--right", "hub")
    assert check(tmp_path / "wanted.jsonl").startswith("wanted.jsonl: ")
    inside("replay", outage, "--make-test", tmp_path / "good.jsonl")
    assert check(tmp_path / "good.jsonl") == ""


def test_a_reference_that_says_something_else_fails_the_test(parting, tmp_path):
    path = tmp_path / "pinned.jsonl"
    inside("replay", parting, "--make-test", path)
    assert check(path) == ""
    values = entries(path)
    values[0]["expect"]["reference"]["cause"] = 4
    assert "expected" in check(rewritten(path, values))
    for one in values:
        one.pop("expect", None)
    assert "expected: that they say the same" in check(rewritten(path, values))
    same = [values[0] | {"expect": {"same": False, "kind": "differs", "at_ms": 5}}, *entries_of(hand_made())]
    assert "were to part at 5 ms" in check(rewritten(path, same))


def entries_of(items):
    return [capture.as_json(item) for item in items]


def test_no_key_goes_with_a_test_and_a_forged_frame_stays_forged(tmp_path):
    """With the keys the hub must drop it; without them the mark says so."""
    flag = {**PEERS, "counter": bytes(7) + b"\x01", "image_hash": bytes(32), "expected_outage_s": 300, "valid_s": 600}
    forged = capture.Item(5_000, True, frames.build("activation_pending", flag, key=bytes(32)))
    path = tmp_path / "forged.jsonl"
    begin, *rest = hand_made()
    capture.write(path, [begin, rest[0], forged, *rest[1:]])
    write_identity(tmp_path / "keys.json", IDENTITY)
    assert inside("replay", path).returncode == 1, "taken as authentic, it is acknowledged"
    kept = tmp_path / "kept.jsonl"
    done = inside("replay", path, "--keys", tmp_path / "keys.json", "--make-test", kept)
    assert done.returncode == 0 and check(kept) == ""
    text = kept.read_text()
    assert [one["authentic"] for one in entries(kept) if "authentic" in one] == [False]
    for key in IDENTITY["keys"].values():
        assert key not in text
    assert str(tmp_path) not in text


def test_a_capture_that_comes_to_something_else_without_its_keys_is_no_test(tmp_path):
    path = tmp_path / "c.jsonl"
    capture.write(path, [*hand_made(), frame(206_000, "time_request", nonce=bytes(8), epoch=EPOCH, boot=1)])
    values = entries(path)
    spoiled = values[3]["content"][:-2] + "00"
    write_identity(tmp_path / "keys.json", IDENTITY)
    rewritten(path, [*values[:3], {**values[3], "content": spoiled}, *values[4:]], "c.jsonl")
    sentence = fails(1, "replay", path, "--keys", tmp_path / "keys.json", "--make-test", tmp_path / "kept.jsonl")
    assert "no test was made" in sentence and not (tmp_path / "kept.jsonl").exists()


def test_where_a_test_cannot_go(outage, tmp_path):
    inside("replay", outage, "--make-test", tmp_path / "one.jsonl")
    assert "exists" in fails(2, "replay", outage, "--make-test", tmp_path / "one.jsonl")
    assert "end it in .jsonl" in fails(2, "replay", outage, "--make-test", tmp_path / "one.py")
    assert "cannot be written" in fails(2, "replay", outage, "--make-test", tmp_path / "no" / "one.jsonl")


def test_the_committed_captures_hold_no_key_and_no_path():
    assert (COMMITTED / TEST_FILE).read_text() == TEST
    captures = sorted(COMMITTED.glob("*.jsonl"))
    assert len(captures) >= 3
    secret = {key for seed in range(4) for key in new_identity(seed)["keys"].values()}
    for path in captures:
        text = path.read_text()
        assert not any(key in text for key in secret) and "/dev/" not in text and "/home/" not in text
        assert "expect" in json.loads(text.splitlines()[0])
