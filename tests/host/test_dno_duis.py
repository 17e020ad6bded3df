"""AD1 as a DUIS DCC Alert: what a hub can send fits our schema, and nothing else leaves; one file an outage."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from dno_lines import AT_UTC, FIELDS, HUB, event
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from chf.wire import schema as s
from host_tools import frames
from host_tools.dno import duis, events
from host_tools.errors import BenchError

LIMIT_S = 100
NAMES = {"sr": duis.DUIS, "chf": duis.OURS}


def texts(document: bytes) -> dict[str, str]:
    """Path of names to text, of every element that has any."""
    root = duis.parse(document)
    return {
        "/".join(etree.QName(one).localname for one in (*reversed(list(node.iterancestors())), node)): node.text
        for node in root.iter()
        if node.text and node.text.strip()
    }


def test_an_alert_says_all_that_the_hub_said():
    said = texts(duis.render(event()))
    message = "Response/Body/DCCAlertMessage"
    outage = f"{message}/DCCAlert/PowerOutage"
    assert said == {
        "Response/Header/ResponseCode": "I0",
        "Response/Header/ResponseDateTime": "2026-06-28T22:16:21Z",
        f"{message}/DCCAlertCode": "AD1",
        f"{outage}/Hub": "00-DB-12-34-56-78-90-A0",
        f"{outage}/OutageID": "000102030405060708090a0b",
        f"{outage}/Revision": "2",
        f"{outage}/RaisedBy": "hub",
        f"{outage}/Level": "tagged",
        f"{outage}/Cause": "firmware-activation",
        f"{outage}/Source": "inferred",
        f"{outage}/Policy": "tag",
        f"{outage}/Row": "policy-tag",
        f"{outage}/LossDateTime": "2026-06-28T22:13:20Z",
        f"{outage}/ElapsedSeconds": "181",
        f"{outage}/WindowSeconds": "300",
        f"{outage}/FlagCounter": "0000000000000102",
        f"{outage}/Merged": "0",
        f"{outage}/Evidence/AtLoss/HoldupMillivolts": "5100",
        f"{outage}/Evidence/AtLoss/Sense": "mt-pr",
        f"{outage}/Evidence/AtDecision/HoldupMillivolts": "3900",
    }
    root = duis.parse(duis.render(event()))
    assert [one.text for one in root.iterfind(".//chf:AtLoss/chf:Sense", NAMES)] == ["ac-lo", "mt-pr"]


def test_it_is_synthetic_and_says_so():
    (outage,) = duis.parse(duis.render(event())).iterfind(".//chf:PowerOutage", NAMES)
    assert outage.get("synthetic") == "true"


def test_what_is_not_known_is_not_there():
    said = texts(duis.render(event(loss_utc=s.NO_UTC, elapsed_s=s.UNKNOWN_S)))
    assert not [path for path in said if path.endswith(("LossDateTime", "ElapsedSeconds"))]
    said = texts(duis.render(events.head_end_ad1(HUB, bytes(12), AT_UTC)))
    assert said["Response/Body/DCCAlertMessage/DCCAlert/PowerOutage/RaisedBy"] == "head-end"
    assert not [path for path in said if "Evidence" in path or path.endswith(("Row", "Policy", "WindowSeconds"))]


KINDS = {"u8": st.integers(0, 0xFF), "u16": st.integers(0, 0xFFFF), "u32": st.integers(0, 0xFFFFFFFF)}


@given(st.fixed_dictionaries({name: KINDS["u8"] for name in ("revision", "level", "cause", "source", "row", "policy")}),
       st.fixed_dictionaries({name: KINDS["u8"] for name in ("loss_bits", "bits")}),
       st.fixed_dictionaries({name: KINDS["u16"] for name in ("window_s", "loss_holdup_mv", "holdup_mv", "merged")}),
       st.fixed_dictionaries({name: KINDS["u32"] for name in ("elapsed_s", "loss_utc")}),
       st.binary(min_size=12, max_size=12), st.binary(min_size=8, max_size=8))  # fmt: skip
def test_every_alert_that_fits_the_wire_fits_the_schema(octets, bits, words, longs, outage_id, counter):
    fields = {**octets, **bits, **words, **longs, "id": outage_id, "flag_counter": counter}
    content = frames.build("ad1", fields, key=bytes(32), marked=True)
    heard = events.ad1(HUB, frames.parse(content).fields, AT_UTC)
    assert heard == events.ad1(HUB, fields, AT_UTC)
    duis.parse(duis.render(heard))


@pytest.mark.parametrize(
    "changed",
    [
        {"hub": "x"},
        {"id": "0" * 23},
        {"revision": 256},
        {"level": "Plain"},
        {"cause": "two words"},
        {"raised_by": "somebody"},
        {"loss": "yesterday"},
        {"loss": "2026-02-30T00:00:00Z"},
        {"elapsed_s": -1},
        {"bits": ["a b"]},
        {"holdup_mv": 70_000},
        {"at": "2026-06-28T22:16:21"},
    ],
)
def test_what_does_not_fit_does_not_leave(changed, tmp_path):
    with pytest.raises(BenchError, match=r"does not fit duis\.xsd: .*\.$"):
        duis.render({**event(), **changed})
    folder = duis.Folder(tmp_path)
    with pytest.raises(BenchError):
        folder.keep({**event(), **changed, "hub": "x"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('synthetic="true"', ""),
        ('synthetic="true"', 'synthetic="false"'),
        ("ServiceUserGateway", "AnotherGateway"),
        ("urn:chf-reference:ad1:1", "urn:chf-reference:ad1:2"),
        ("<sr:DCCAlertCode>AD1</sr:DCCAlertCode>", ""),
        ("AD1", "N1"),
        ("<chf:Cause>firmware-activation</chf:Cause>", "<chf:Cause></chf:Cause>"),
        ("</chf:Merged>", "</chf:Merged><chf:Merged>0</chf:Merged>"),
        ("</sr:Response>", ""),
        ('schemaVersion="5.1"', ""),
        ("<chf:Merged>0</chf:Merged>", '<!ENTITY a "b">'),
    ],
)
def test_a_document_that_is_not_ours_is_refused(old, new):
    text = duis.render(event()).decode()
    assert old in text
    with pytest.raises(BenchError):
        duis.parse(text.replace(old, new).encode())


def test_no_entity_is_expanded_and_no_file_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("supply-loss")
    doctype = f'<!DOCTYPE sr [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    text = duis.render(event()).decode().replace("firmware-activation", "&e;")
    with pytest.raises(BenchError):
        duis.parse(text.replace("<sr:Response ", doctype + "<sr:Response ", 1).encode())


def test_the_schemas_are_schemas_and_stand_beside_the_code():
    for name in ("duis.xsd", "ad1.xsd"):
        etree.XMLSchema(etree.parse(duis.SCHEMA.with_name(name)))


def test_the_wheel_carries_the_schemas(tmp_path):
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=duis.SCHEMA.parents[2], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        assert {f"host_tools/dno/{name}" for name in ("duis.xsd", "ad1.xsd", "SPEC.md")} <= set(wheel.namelist())


# ---- the folder


def kept(folder: Path) -> list[tuple[str, str]]:
    """(level, revision) of each document that stands there."""
    found = []
    for path in sorted(folder.iterdir()):
        root = duis.parse(path.read_bytes())
        found.append(tuple(str(root.findtext(f".//chf:{name}", namespaces=NAMES)) for name in ("Level", "Revision")))
    return found  # type: ignore[return-value]


TAG1 = event(revision=1)
TAG2 = event(revision=2)
PLAIN1 = event(revision=1, level=s.LEVEL_PLAIN, cause=s.CAUSE_SUPPLY_LOSS)
PLAIN3 = event(revision=3, level=s.LEVEL_PLAIN, cause=s.CAUSE_ACTIVATION_OVERRUN)
OWN = events.head_end_ad1(HUB, FIELDS["id"], AT_UTC)


@pytest.mark.parametrize(
    ("alerts", "left"),
    [
        ([TAG1, TAG2], ("tagged", "2")),
        ([TAG2, TAG1], ("tagged", "2")),
        ([TAG1, PLAIN3], ("plain", "3")),
        ([PLAIN3, TAG1], ("plain", "3")),
        ([PLAIN1, TAG2], ("plain", "1")),
        ([OWN, TAG1], ("plain", "0")),
        ([OWN, PLAIN3], ("plain", "3")),
        ([PLAIN3, OWN], ("plain", "3")),
        ([PLAIN1, PLAIN1], ("plain", "1")),
    ],
)
def test_a_revision_replaces_what_says_less(alerts, left, tmp_path):
    for alert in alerts:
        duis.Folder(tmp_path).keep(alert)  # as after a restart each time
    assert kept(tmp_path) == [left]
    (name,) = (path.name for path in tmp_path.iterdir())
    assert name == f"AD1-{HUB}-{FIELDS['id'].hex()}.xml"


def test_each_outage_has_a_document_and_a_merged_one_says_for_how_many(tmp_path):
    folder = duis.Folder(tmp_path)
    assert folder.keep(event()) and folder.keep(event(id=bytes(12), cause=s.CAUSE_MERGED, merged=7, level=4))
    assert kept(tmp_path) == [("plain", "2"), ("tagged", "2")]
    assert b"<chf:Merged>7<" in (tmp_path / f"AD1-{HUB}-{bytes(12).hex()}.xml").read_bytes()


@pytest.mark.parametrize("rubbish", [b"", b"<a/>", b"\xff\xfe", b"<sr:Response"])
def test_rubbish_in_the_place_of_a_document_is_replaced(rubbish, tmp_path):
    folder = duis.Folder(tmp_path)
    folder.file_of(TAG1).write_bytes(rubbish)
    assert folder.keep(TAG1) and kept(tmp_path) == [("tagged", "1")]


def test_a_document_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = duis.Folder(tmp_path)
    folder.keep(TAG1)
    before = folder.file_of(TAG1).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BenchError, match=r"AD1-.*\.xml cannot be written: No space left on device\."):
        folder.keep(PLAIN3)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_a_folder_that_cannot_be_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nope")):
        with pytest.raises(BenchError, match="cannot be written") as refused:
            duis.Folder(path)
        assert refused.value.exit_code == 2
