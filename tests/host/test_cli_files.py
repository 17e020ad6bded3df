"""chtool's files: captures, identities, journals, flash images; whole, damaged, missing, not writable."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from chtool import ROOT, fails, inside, json_of, run, virtual_hub

from chf.wire import schema as s
from host_tools import frames
from host_tools.cli.provision import RANGES
from host_tools.deploy.provisioning import KEY_NAMES, new_identity
from host_tools.link.client import Client
from host_tools.link.own_rig import CONFIG
from host_tools.testbed import virtual

READ_ONLY = Path("/proc/nope")


# ---- captures


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("capture") / "c.jsonl"
    done = inside("esme", "declare", "sim:?policy=suppress", "--outage", "185", "--write", path)
    assert done.returncode == 0, done
    return path


def test_a_capture_holds_the_whole_exchange_and_no_key(capture):
    head, *lines = map(json.loads, capture.read_text().splitlines())
    assert (head["clock"], head["hub"]["hub"]) == ("stepped", new_identity(1)["hub"])
    names = [line["decoded"]["name"] for line in lines if "decoded" in line]
    for name in ("activation_pending", "flag_ack", "hold_notice", "hold_ack", "restored", "restored_ack", "state"):
        assert name in names
    assert [line["hub"] for line in lines if "hub" in line] == ["on"], "what the rig does to the hub stands there too"
    supply = [line["bits"] & s.SENSE_SUPPLY for line in lines if "bits" in line]
    assert supply[0] and supply[-1] and not all(supply)
    text = capture.read_text()
    assert not any(new_identity(1)["keys"][name] in text for name in KEY_NAMES)


def test_over_cables_the_soft_rig_s_words_stand_in_it_too(tmp_path):
    path, keys = tmp_path / "c.jsonl", tmp_path / "keys.json"
    assert inside("provision", keys, "--set", "load_mw=61").returncode == 0
    with virtual_hub("--speed", "50", "--keys", str(keys)) as hub:
        json_of("esme", "declare", hub["url"], "--outage", "3", "--keys", keys, "--write", path)
        head, *lines = map(json.loads, path.read_text().splitlines())
        names = [line["decoded"]["name"] for line in lines]
        assert (head["hub"]["hub"], head["hub"]["load_mw"]) == (hub["hub"], 61) and "keys" not in head["hub"]
        assert names.count("rig_set") >= 4 and {"activation_pending", "flag_ack", "state"} <= set(names)
        json_of("esme", "cancel", hub["url"], "--keys", keys, "--write", path)
        assert "activation_cancel" in path.read_text() and "flag_ack" in path.read_text()


def test_a_capture_is_decoded_to_text_and_to_json(capture):
    frames_written = len(capture.read_text().splitlines()) - 1
    text = run("decode", capture)
    assert text.returncode == 0 and len(text.stdout.splitlines()) == frames_written
    assert "hub -> WAN hold_notice" in text.stdout and "expected_outage_s=400" in text.stdout
    lines = inside("decode", capture, "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(line) for line in capture.read_text().splitlines()[1:]]


def test_bad_lines_are_named_and_the_rest_is_decoded(capture, tmp_path):
    good = [line for line in capture.read_text().splitlines() if '"bits"' not in line and '"why"' not in line][:3]
    path = tmp_path / "c"
    path.write_text("\n".join([*good, "garbage", '{"x": 1}', good[2]]) + "\n")
    done = inside("decode", path)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 3
    assert [line.split(" is ")[0] for line in done.stderr.splitlines()] == [f"{path} line 4", f"{path} line 5"]
    path.write_text("\n".join(good) + "\n" + good[2][:30])
    done = inside("decode", path)
    assert done.returncode == 0 and "line 4 is cut off" in done.stderr and len(done.stdout.splitlines()) == 2


def test_octets_of_a_line_are_decoded_and_what_is_no_frame_is_said(tmp_path):
    path = tmp_path / "octets"
    path.write_bytes(b"noise" + frames.to_wire(frames.build("identify", {})))
    done = inside("decode", path)
    assert done.returncode == 0 and done.stdout.strip() == "BENCH -> hub identify"
    path.write_bytes(os.urandom(0) + b"\x7e" + b"no frame at all" * 9 + b"\x7e")
    done = inside("decode", path)
    assert done.returncode == 1 and "no frame" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("file", ["/nope", "/", "/dev/null", __file__])
def test_what_is_no_capture_is_one_sentence(file):
    done = inside("decode", file)
    assert done.returncode == (1 if file in ("/dev/null", __file__) else 2)
    assert done.stdout == "" and file in done.stderr and "Traceback" not in done.stderr


# ---- identities


def test_an_identity_is_made_once_for_its_owner_alone_and_never_shown(tmp_path):
    path = tmp_path / "ids.json"
    done = inside("provision", path, "--set", "policy=suppress", "--hub", "00-11-22-33-44-55-66-77")
    assert done.returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    identity = json.loads(path.read_text())
    assert (identity["hub"], identity["policy"]) == ("0011223344556677", s.POLICY_SUPPRESS)
    assert not any(identity["keys"][name] in done.stdout + done.stderr for name in KEY_NAMES)
    assert len(set(identity["keys"].values())) == len(KEY_NAMES)
    assert "exists" in fails(2, "provision", path)
    assert json.loads(path.read_text()) == identity
    assert json_of("esme", "declare", "sim:", "--keys", path)["answer"] == "acknowledged"
    path.chmod(0o644)
    assert "chmod 600" in fails(2, "esme", "declare", "sim:", "--keys", path)


@pytest.mark.parametrize(
    "arguments",
    [
        [str(READ_ONLY)],
        ["/nope/ids.json"],
        ["{}/ids", "--hub", "123"],
        ["{}/ids", "--esme", "zz11223344556677"],
        ["{}/ids", "--set", "nope=1"],
        ["{}/ids", "--set", "policy=loud"],
        ["{}/ids", "--set", "load_mw"],
        ["{}/ids", "--set", "load_mw=0"],
        ["{}/ids", "--set", "send_mj=100001"],
        ["{}/ids", "--set", "capacitance_mf=50001"],
        ["{}/ids", "--set", "load_mw=" + "9" * 5_000],
    ],
)
def test_an_identity_that_cannot_be_made_leaves_no_file(tmp_path, arguments):
    fails(2, "provision", *(one.format(tmp_path) for one in arguments))
    assert not list(tmp_path.iterdir())


def test_a_parameter_s_range_is_that_of_the_design():
    text = (ROOT / "firmware" / "DESIGN.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [\d,]+ \| ([\d,]+)-([\d,]+) \|", text, re.MULTILINE)
    told = {name: tuple(int(one.replace(",", "")) for one in ends) for name, *ends in rows}
    assert told == RANGES and {*told, "policy"} == set(CONFIG)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"hub": "00", "esme": "00", "keys": {}}', "\xff"])
def test_a_file_that_is_no_identity_is_refused_without_its_content(tmp_path, text):
    path = tmp_path / "ids"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    assert str(path) in fails(2, "esme", "declare", "sim:", "--keys", path)


# ---- journals


@pytest.fixture(scope="module")
def hub_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """flash: a hub's whole flash after two outages; outages, counters: its journal files."""
    folder = tmp_path_factory.mktemp("journal")
    with virtual(policy=s.POLICY_SUPPRESS) as bed:
        client = Client(bed.bench)
        bed.lose_supply(90)
        bed.restore_supply(10)
        client.rig_set(s.RIG_HOLDUP, 0, 2_600)
        assert bed.declare()
        bed.lose_supply(200.5)
        bed.restore_supply(10)
        (folder / "outages").write_bytes(client.journal(s.JOURNAL_OUTAGES))
        (folder / "counters").write_bytes(client.journal(s.JOURNAL_COUNTERS))
        (folder / "flash").write_bytes(bed.rig.flash_image())
    yield folder


@pytest.mark.parametrize("name", ["flash", "outages"])
def test_the_log_is_read_from_a_flash_image_or_a_journal_file(hub_files, name):
    rows = json_of("log", "--file", hub_files / name)
    assert [(row["out_s"], row["level"], row["row"]) for row in rows] == [
        (90, "none", "none"),
        (200, "tagged", "energy-short"),
    ]
    assert rows[1]["acked"] == ["AD1 1", "restoration"]
    assert "tagged (energy-short)" in inside("log", "--file", hub_files / name).stdout


def test_the_journal_is_shown_record_by_record_without_a_key(hub_files):
    told = json_of("journal", "--file", hub_files / "flash")
    assert [record["name"] for record in told["counters"]["records"]][:1] == ["flag"]
    assert {"loss", "decision", "end"} <= {record["name"] for record in told["outages"]["records"]}
    text = inside("journal", "--file", hub_files / "counters").stdout
    assert "flag counter=1" in text and not any(new_identity(1)["keys"][name] in text for name in KEY_NAMES)


def test_an_outage_is_told_with_what_would_have_flipped_it(hub_files, tmp_path):
    told = json_of("explain", "last", "--file", hub_files / "flash")
    assert told["decisions"][-1]["row"] == "energy-short" and told["decisions"][-1]["reason"]
    assert told["flips"][0]["dimension"] == "hold-up"
    assert told["flips"][0]["sentence"].endswith("mV more hold-up, it would have been held.")
    assert any("--keys" in note for note in told["notes"])
    text = inside("explain", told["id"][-6:], "--file", hub_files / "flash").stdout
    assert told["flips"][0]["sentence"] in text and "row energy-short" in text and "declared an activation" in text
    keys = tmp_path / "ids"
    assert inside("provision", keys, "--set", "capacitance_mf=20000").returncode == 0
    assert not any(
        "--keys" in note for note in json_of("explain", "last", "--file", hub_files / "flash", "--keys", keys)["notes"]
    )


def test_the_first_outage_was_too_short_to_decide(hub_files):
    first = json_of("log", "--file", hub_files / "flash")[0]["id"]
    told = json_of("explain", first, "--file", hub_files / "flash")
    assert told["decisions"] == [] and told["flips"][0]["sentence"].startswith("Had supply come back 90 s later")


def test_a_hub_is_asked_for_its_journal_itself():
    assert "no outage" in fails(2, "explain", "last", "sim:")
    told = json_of("journal", "sim:")
    assert [record["name"] for record in told["outages"]["records"]] == ["format", "boot"]
    assert json_of("log", "sim:") == []


@pytest.mark.parametrize("command", ["journal", "log", "explain"])
def test_what_is_no_journal_is_one_sentence(command, hub_files, tmp_path):
    first = ["last"] if command == "explain" else []
    for content in (b"", b"CHF", b"x" * 5_000, (hub_files / "flash").read_bytes()[:9_000]):
        path = tmp_path / "f"
        path.write_bytes(content)
        fails(2, command, *first, "--file", path)
    fails(2, command, *first, "--file", tmp_path)
    fails(2, command, *first, "--file", tmp_path / "nope")
    fails(2, command, *first)
    fails(2, command, *first, "sim:", "--file", hub_files / "flash")


def test_a_damaged_journal_is_told_as_far_as_it_goes(hub_files, tmp_path):
    data = bytearray((hub_files / "outages").read_bytes())
    data[len(data) // 2] ^= 0x40
    path = tmp_path / "damaged"
    path.write_bytes(bytes(data))
    assert "damaged" in inside("journal", "--file", path).stdout
    done = inside("explain", "last", "--file", path)
    assert done.returncode == 0 and "damaged: records are missing" in done.stdout


# ---- scenes


def test_a_scene_runs_and_its_verdict_is_the_exit_code(tmp_path):
    (told,) = json_of("scenario", "genuine-outage")
    assert told["ok"] and "simulated" in told["simulated"] and told["got"] == told["expected"]
    done = inside("scenario", "forged-flag")
    assert done.returncode == 0 and "attacker:" in done.stdout and done.stdout.splitlines()[-1].endswith("\tyes")
