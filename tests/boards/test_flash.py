"""The virtual board's flash and the littlefs store, on the real MicroPython VM."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from boards.common import lfs_store
from boards.common.lfs_store import LfsStore, StoreDamaged, segments

ROOT = Path(__file__).resolve().parents[2]
EIO, ENOSPC, EINVAL = 5, 28, 22


def on_vm(script: str, case: str, folder: Path, heap: str = "64wk") -> dict:
    """Run one case of a script beside this file in a fresh VM with a small board's heap."""
    pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", f"heapsize={heap}", script, case, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parent,
        env={**os.environ, "MICROPYPATH": str(ROOT)},
    )
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, done.stdout + done.stderr
    return json.loads(results[0].removeprefix("RESULT "))


def test_a_program_only_clears_bits(tmp_path):
    seen = on_vm("vm_flash.py", "bits", tmp_path)
    assert seen["fresh"] == [255] * 4
    assert seen["and"] == [0x30, 0x0F, 0xAA, 0x00]
    assert seen["set_attempts"] == 3, "0x0C over 0x00, 0x55 over 0x00, 0x01 over 0x00"
    assert seen["erased"] == [255] * 4
    assert seen["flipped"] == [0x7E, 255, 255, 255]


def test_programs_and_erases_take_time_and_are_counted(tmp_path):
    seen = on_vm("vm_flash.py", "bits", tmp_path)
    assert seen["programmed"] == 8
    assert seen["two_programs_us"] == 2 * 400
    assert seen["across_a_page_us"] == 2 * 400
    assert (seen["erase"], seen["erase_us"]) == (0, 45_000)
    assert seen["erases"] == [0, 0, 0, 1, 0]


def test_a_wrong_address_a_broken_flash_and_a_wrong_file_are_refused(tmp_path):
    seen = on_vm("vm_flash.py", "bits", tmp_path)
    assert seen["beyond"] == [-EINVAL] * 3
    assert seen["failing"] == [-EIO, -EIO, 0], "a broken flash can still be read"
    assert "holds 65536 octets, this flash 69632" in seen["other_size"]


def test_a_power_cut_tears_the_octet_and_the_erase_step_that_it_hits(tmp_path):
    seen = on_vm("vm_flash.py", "tears", tmp_path)
    assert seen["program"][:4] == [0] * 4
    assert seen["program"][4] not in (0, 255), "the octet that was being programmed has some of its bits cleared"
    assert seen["program"][5:] == [255] * 3
    assert seen["after"] == [-EIO] * 3, "a flash without power takes nothing and gives nothing"
    assert seen["erase_cut"]
    assert seen["erase"] == ["erased"] * 2 + ["mixed"] + ["old"] * 13


def test_every_acknowledged_write_survives_a_cut_anywhere(tmp_path):
    seen = on_vm("vm_store.py", "cuts", tmp_path, heap="1M")  # the harness keeps the whole image in memory
    for case, fewest in (("append", 250), ("replace", 500), ("life", 300)):
        assert seen[case]["wrong"] == [], case
        assert seen[case]["cuts"] >= fewest, case
        assert 0 < seen[case]["new"] < seen[case]["cuts"], f"{case}: cuts before and after the commit must both occur"


def test_a_cut_in_the_first_start_leaves_a_flash_that_starts(tmp_path):
    seen = on_vm("vm_store.py", "first_start", tmp_path)
    assert seen["wrong"] == []
    assert seen["cuts"] > 200


def test_a_damaged_flash_is_never_formatted(tmp_path):
    seen = on_vm("vm_store.py", "damage", tmp_path, heap="1M")
    assert "read it out, then erase it whole" in seen["damaged"]
    assert seen["untouched"]
    assert seen["unreadable"] == EIO


def test_a_lost_part_is_reported_and_the_name_can_be_written_anew(tmp_path):
    seen = on_vm("vm_store.py", "lost_part", tmp_path)
    assert seen["segments"] >= 4
    assert "part 1 of log is missing" in seen["read"]
    assert "part 1 of log is missing" in seen["append"]
    assert seen["anew"] == "anew"


def test_full_and_broken_pass_as_oserror_and_lose_nothing(tmp_path):
    seen = on_vm("vm_store.py", "refusals", tmp_path)
    assert seen["missing"] is None
    assert seen["pieces"] >= 5
    assert (seen["full"], seen["full_replace"]) == (ENOSPC, ENOSPC)
    assert seen["kept_when_full"]
    assert seen["broken"] == [EIO, EIO]
    assert seen["kept"]


def test_an_append_erases_rarely_and_the_wear_is_spread(tmp_path):
    seen = on_vm("vm_store.py", "costs", tmp_path)
    assert seen["appends"] > 600
    assert seen["erases_per_append"] <= 0.2
    assert seen["most_erases"] <= 2
    assert seen["ms_per_append"] <= 10
    assert seen["most_ms"] <= 110
    assert seen["octets_per_append"] <= 700
    assert seen["set_attempts"] == 0, "littlefs erases before it programs"
    assert seen["most_worn"] <= seen["erases"] / 4


def test_another_littlefs_reads_the_same_flash(tmp_path):
    littlefs = pytest.importorskip("littlefs")
    on_vm("vm_store.py", "costs", tmp_path)
    image = (tmp_path / "flash.bin").read_bytes()
    filesystem = littlefs.LittleFS(block_size=4096, block_count=64, mount=False)
    filesystem.context.buffer = bytearray(image)
    filesystem.mount()
    parts = []
    for entry in segments(filesystem.listdir("/store"), "log"):
        with filesystem.open(f"/store/{entry}", "rb") as file:
            parts.append(file.read())
    assert b"".join(parts) == bytes(200)


def test_the_store_is_the_same_on_an_ordinary_folder(tmp_path):
    store = LfsStore(str(tmp_path), "store", segment_octets=10)
    for i in range(5):
        store.append("log", b"abc%d" % i)
    (tmp_path / "store" / "log.new").write_bytes(b"unfinished")
    (tmp_path / "store" / "log.new.1").write_bytes(b"not ours")
    again = LfsStore(str(tmp_path), "store", segment_octets=10)
    assert again.read("log") == b"abc0abc1abc2abc3abc4"
    again.replace("log", (b"z",))
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["log.1.0", "log.new.1"]
    (tmp_path / "store" / "log.0.0").write_bytes(b"superseded, its removal was cut short")
    last = LfsStore(str(tmp_path), "store", segment_octets=10)
    last.append("log", b"y")
    assert last.read("log") == b"zy"
    assert not (tmp_path / "store" / "log.0.0").exists()


def test_after_an_error_the_store_asks_the_flash_how_far_the_write_came(tmp_path, monkeypatch):
    """An append that was durable but reported as failed: what follows it must still come after it."""
    store = LfsStore(str(tmp_path), "store", segment_octets=10)
    store.append("log", b"12345678")

    @contextlib.contextmanager
    def fails_on_close(path, mode):
        with open(path, mode) as file:
            yield file
        raise OSError(EIO, "reported after the commit")

    monkeypatch.setattr(lfs_store, "open", fails_on_close, raising=False)
    with pytest.raises(OSError):
        store.append("log", b"abcd")
    monkeypatch.undo()
    store.append("log", b"e")
    assert store.read("log") == b"12345678abcde"


def test_segments_come_in_order_and_none_may_be_missing():
    listing = [f"log.7.{i}" for i in range(11, -1, -1)] + ["log.6.0", "log.new", "logs.9.0", "x"]
    assert segments(listing, "log") == [f"log.7.{i}" for i in range(12)]
    listing.remove("log.7.4")
    with pytest.raises(StoreDamaged, match="part 4 of log is missing"):
        segments(listing, "log")
    assert segments(listing, "nothing") == []
