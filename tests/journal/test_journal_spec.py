"""SPEC.md read by a program: each of its worked octets, its kinds and its figures against records.py and journal.py."""

import re
from pathlib import Path

import pytest
from journal_stores import MemoryStore

from chf.core import limits, policy
from chf.journal import journal as j
from chf.journal import records as records_of_the_hub
from chf.journal.records import JOURNAL_VERSION
from chf.wire.codec import items
from host_tools.frames import RECORDS
from host_tools.names import constants

SPEC = (Path(__file__).resolve().parents[2] / "firmware" / "chf" / "journal" / "SPEC.md").read_text(encoding="utf-8")
FILES = {
    name: [tuple(part.strip() for part in line.split(";", 1)) for line in body.splitlines()]
    for name, body in re.findall(r"^```file (\S+)\n(.*?)^```$", SPEC, re.MULTILINE | re.DOTALL)
}


def octets(lines):
    return bytes.fromhex("".join(text for text, _ in lines))


def records(lines):
    """[(name, octets, {field: value})] as the comments of one worked file tell it."""
    out = []
    for text, comment in lines:
        if match := re.match(r"record (\w+): ", comment):
            out.append((match[1], [], {}))
        if out:
            name, parts, values = out[-1]
            parts.append((text, comment))
            if comment != "CRC" and not comment.startswith("record "):
                field, _, value = comment.partition(" = ")
                values[field] = int(value) if value else bytes.fromhex(text)
                if value:
                    assert int(value) == int(text.replace(" ", ""), 16), (name, comment)
    return out


def test_there_is_one_worked_file_for_each_file():
    assert tuple(FILES) == j.FILES


@pytest.mark.parametrize("name", j.FILES)
def test_a_worked_file_is_what_the_journal_reads_and_writes(name):
    data = octets(FILES[name])
    store = MemoryStore({name: data})
    journal = j.Journal(store, name)
    told = [(record, values) for record, _, values in records(FILES[name])]
    assert journal.recover() == told
    assert (journal.torn, journal.damaged, journal.fresh, journal.size) == (0, False, False, len(data))
    # The journal writes the same, but for the generation.
    head = data[: j.HEADER_LEN]
    store = MemoryStore({name: head})
    journal = j.Journal(store, name)
    journal.recover()
    for record, values in told:
        journal.append(record, values)
    assert store.files[name] == data


@pytest.mark.parametrize("name", j.FILES)
def test_the_fields_stand_in_the_order_of_the_definition(name):
    for record, _, values in records(FILES[name]):
        fields = next(fields for known, fields in RECORDS.values() if known == record)
        assert list(values) == [field for field, _ in items(fields)], record


def test_every_kind_is_worked_once_in_the_file_where_it_lives():
    for index, name in enumerate(j.FILES):
        worked = [record for record, _, _ in records(FILES[name])]
        assert sorted(worked) == sorted(known for kind, (known, _) in RECORDS.items() if (kind >= 0x20) == bool(index))


def test_the_fold_has_one_row_for_each_kind():
    section = SPEC.split("## 8. How the records fold")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([0-9A-F]{2}) \| `(\w+)` \|", section, re.MULTILINE)
    assert {int(kind, 16): name for kind, name in rows} == {kind: name for kind, (name, _) in RECORDS.items()}
    assert len(rows) == len(RECORDS)


def test_what_the_numbers_mean():
    rows = re.findall(r"^\| (\d) \| ([A-Z]+) \|", SPEC, re.MULTILINE)
    assert {int(value): name.lower() for value, name in rows} == constants("GAP_")
    acked = next(line for line in SPEC.splitlines() if line.startswith("| 25 | `acked`"))
    assert [int(number) for number in re.findall(r"(\d): ", acked)] == sorted(constants("ACKED_", records_of_the_hub))
    assert f"source inferred, `counter` that of the CS06, window {limits.WINDOW_MAX_S} s" in SPEC
    assert f"the log of the last {limits.LOG_MAX}." in SPEC


def test_the_worked_decision_is_one_that_its_row_makes():
    decision = next(values for name, _, values in records(FILES["outages.chj"]) if name == "decision")
    _, level, cause, _ = list(policy.rows())[decision["row"]]
    assert (level, cause) == (decision["level"], decision["cause"])


def test_its_figures_are_the_code_s():
    assert SPEC.startswith(f"# The journal's format, version {JOURNAL_VERSION}\n")
    assert f"longest\n  record, {j.LARGEST} octets, might pass the limit of {j.LIMIT:,}" in SPEC
    assert f"longest record: {j.LARGEST} octets." in SPEC
    assert f"A file begins with {j.HEADER_LEN} octets" in SPEC
    assert (j.MAGIC + bytes([JOURNAL_VERSION])).hex(" ").upper() == re.search(r"five octets `([0-9A-F ]+)`", SPEC)[1]
    secret = {f"{kind:02X} `{name}`" for kind, (name, fields) in RECORDS.items() if "key" in dict(items(fields))}
    assert set(re.search(r"^Kinds (.*) carry secrets", SPEC, re.MULTILINE)[1].split(" and ")) == secret
