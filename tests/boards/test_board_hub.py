"""A whole hub of main.py, the shell and boards/common on the MicroPython VM, on the port that its REPL would have."""

import contextlib
import json
import os
import subprocess
import sys
import tty
from pathlib import Path

import pytest

from chf.wire import schema as s
from host_tools.bench import Bench
from host_tools.deploy import firmware_build
from host_tools.deploy.provisioning import new_identity
from host_tools.link.client import Client
from host_tools.link.serial_line import open_line

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PINS = HERE / "file_pins"
LEVELS = {"supply": 3000, "holdup": 3000, "ac_lo": 0, "mt_pr": 0, "strap": 0, "hold": 1}
GOOD = s.SENSE_SUPPLY | s.SENSE_MT_PR
DEADLINE_S = 60


def vm(*arguments: object) -> list[str]:
    pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
    return [sys.executable, "-m", "micropython_unix", "-X", "heapsize=128wk", *map(str, arguments)]


def environment(folder: Path, *imports: Path) -> dict[str, str]:
    """For a hub whose pins and files are in `folder`. imports: where its modules are, by default the sources."""
    path = imports or (PINS, ROOT / "firmware", ROOT / "boards" / "common")
    where = {"CHF_PINS": str(folder), "CHF_ROOT": str(folder)}
    return {**os.environ, "MICROPYPATH": ":".join(map(str, path)), **where}


def set_pin(folder: Path, name: str, level: int) -> None:
    new = folder / f"{name}.new"
    new.write_text(str(level))
    new.replace(folder / name)  # at once: the hub reads it all the time


def set_pins(folder: Path, **levels: int) -> None:
    for name, level in {**LEVELS, **levels}.items():
        set_pin(folder, name, level)


@contextlib.contextmanager
def hub(folder: Path, *command: object, env: dict[str, str] | None = None, **levels: int):
    """The client of a hub that runs on the VM: by `command`, by default main.py as it is."""
    set_pins(folder, **levels)
    (folder / "identity.json").write_text(json.dumps(new_identity(seed=4)))
    master, slave = os.openpty()
    tty.setraw(slave)
    with open(folder / "stderr", "wb") as stderr:
        command = vm(*(command or (ROOT / "firmware" / "main.py",)))
        process = subprocess.Popen(command, env=env or environment(folder), stdin=master, stdout=master, stderr=stderr)
    try:
        with contextlib.closing(open_line(os.ttyname(slave))) as line:
            yield Client(Bench(line, []))
        assert process.poll() is None, (folder / "stderr").read_text()
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        os.close(master)
        os.close(slave)


def sees_an_outage(client: Client, folder: Path) -> None:
    before = client.state()
    assert before["bits"] == GOOD
    assert 4_400 < before["holdup_mv"] < 3000 * 6600 / 4096
    set_pin(folder, "supply", 0)
    set_pin(folder, "ac_lo", 1)
    after = client.state()
    while after["bits"] & s.SENSE_SUPPLY:
        after = client.state()  # each question has its deadline, and the test its own
    assert after["phase"] != before["phase"], "it counts an outage"
    assert after["bits"] & s.SENSE_AC_LO


def test_a_hub_on_its_one_cable_says_who_it_is_and_what_it_sees(tmp_path):
    with hub(tmp_path) as client:
        identity = client.identify()
        assert "file pins" in identity["text"].decode() and identity["strapped"] == 1
        assert identity["hub"].hex() == new_identity(seed=4)["hub"]
        sees_an_outage(client, tmp_path)


def test_the_same_as_it_goes_onto_a_board(tmp_path, monkeypatch):
    """Constants folded, names shortened, compiled."""
    tree = tmp_path / "boards"
    for source in ("common", "pico"):
        (tree / source).mkdir(parents=True)
        for path in (ROOT / "boards" / source).glob("*.py"):
            (tree / source / path.name).write_bytes(path.read_bytes())
    for name in ("rp2_board.py", "esp32_board.py"):  # they ask for pins.py, which a board of files has not
        (tree / "common" / name).unlink()
    (tree / "file_pins").mkdir()
    (tree / "file_pins" / "hub_board.py").write_bytes((PINS / "hub_board.py").read_bytes())
    found = firmware_build.root
    monkeypatch.setattr(firmware_build, "root", lambda name: tree if name == "boards" else found(name))
    built = firmware_build.build("file_pins", tmp_path / "cache")
    assert (built / "mcu_board.mpy").is_file()
    folder = tmp_path / "hub"
    folder.mkdir()
    with hub(folder, "-c", "import main", env=environment(folder, built)) as client:
        assert "file pins" in client.identify()["text"].decode()
        sees_an_outage(client, folder)


@pytest.mark.parametrize("board", ["esp32_c6", "esp32_s3", "pico", "pico2", "xiao_nrf52840"])
def test_every_board_s_firmware_compiles(board, tmp_path):
    built = firmware_build.build(board, tmp_path / "cache")
    assert {"main.mpy", "hub_board.mpy", "mcu_board.mpy", "lfs_store.mpy"} <= {path.name for path in built.iterdir()}


def test_a_live_hub_answers_identify_alone_and_keeps_its_own_store(tmp_path):
    with hub(tmp_path, strap=1) as client:
        assert client.identify()["strapped"] == 0
        assert (tmp_path / "live").is_dir() and not (tmp_path / "bench").exists()


def test_a_hub_whose_store_cannot_be_opened_runs_and_says_so(tmp_path):
    env = {**environment(tmp_path), "CHF_ROOT": str(tmp_path / "nowhere")}
    with hub(tmp_path, env=env) as client:
        assert b"not provisioned" in client.identify()["text"]
        assert client.state()["damaged"] & 3 == 3


def test_an_idle_hub_allocates_nothing(tmp_path):
    set_pins(tmp_path)
    silent, held_open = os.pipe()
    try:
        done = subprocess.run(
            vm(HERE / "vm_hub.py"), env=environment(tmp_path), stdin=silent, capture_output=True, timeout=DEADLINE_S
        )
    finally:
        os.close(silent)
        os.close(held_open)
    assert done.stdout == b"idle without the heap\n", done.stdout + done.stderr


def test_a_board_held_in_maintenance_is_no_hub(tmp_path):
    set_pins(tmp_path, hold=0)
    done = subprocess.run(
        vm(ROOT / "firmware" / "main.py"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    said = "maintenance: the REPL is open and no watchdog runs; reset the board and it is a hub again\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
