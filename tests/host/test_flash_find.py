"""Which board is flashed through which port, and MicroPython for a bare chip: nothing is guessed."""

import struct
import sys
from types import SimpleNamespace

import pytest
from chtool import inside

from host_tools.deploy import flash_bare, flash_target
from host_tools.deploy.firmware_image import FirmwareImage, Part
from host_tools.deploy.flash import foreign
from host_tools.deploy.flash_bare import FAMILIES, check_uf2, copy_to, drives, run_esptool, the_drive
from host_tools.deploy.flash_install import check_code
from host_tools.deploy.flash_target import check, find_port, load, of_repl
from host_tools.errors import BenchError

PICO, PICO2, ESP32 = load("pico"), load("pico2"), load("esp32_s3")


def usb(device, usb_id, serial_number=None):
    vid, pid = (int(part, 16) for part in usb_id.split(":"))
    return SimpleNamespace(device=device, vid=vid, pid=pid, serial_number=serial_number, description="")


PLAIN = SimpleNamespace(device="/dev/ttyS0", vid=None, pid=None, serial_number=None, description="")
ONE = usb("/dev/ttyACM0", "2E8A:0005", "E661")
TWO = usb("/dev/ttyACM1", "2E8A:0005", "E662")


def who(machine, version=(1, 29, 0), **more):
    return {"name": "micropython", "version": version, "machine": machine, "platform": "rp2", **more}


def refusal(call, *arguments):
    with pytest.raises(BenchError) as refused:
        call(*arguments)
    return refused.value.exit_code, str(refused.value)


# ---- the board


@pytest.mark.parametrize(
    ("board", "machine", "fits"),
    [
        (ESP32, "Generic ESP32S3 module with ESP32-S3", True),  # as MicroPython 1.29 says it
        (ESP32, "Generic ESP32S3 module with ESP32S3", True),  # 1.28
        (ESP32, "Generic ESP32C6 module with ESP32C6", False),
        (PICO2, "Raspberry Pi Pico2 with RP2350", True),
        (PICO2, "Raspberry Pi Pico2 with RP2350-RISCV", False),
    ],
)
def test_a_chip_is_known_by_its_name_with_a_hyphen_or_without(board, machine, fits):
    assert board.is_on(who(machine)) == fits


def test_the_port_after_esptool_is_that_which_then_appears_unless_the_user_gave_one(tmp_path, monkeypatch):
    (tmp_path / "x.bin").write_bytes(b"\xe9")
    after = usb("/dev/ttyACM1", "303A:4001")
    asked = [[after], [after], [], [usb("/dev/ttyACM0", "303A:1001")]]
    monkeypatch.setattr(flash_target.list_ports, "comports", asked.pop)
    monkeypatch.setattr(flash_bare, "GONE_S", 0.0)
    wrote = []
    monkeypatch.setattr(flash_bare, "run_esptool", lambda port, image, target, erase: wrote.append((port, erase)))
    assert flash_bare.put_micropython("esp32_s3", None, tmp_path / "x.bin", None, None) == "/dev/ttyACM1"
    given = flash_bare.put_micropython("esp32_s3", None, tmp_path / "x.bin", "/dev/ttyUSB7", None, True)
    assert (given, wrote) == ("/dev/ttyUSB7", [("/dev/ttyACM0", False), ("/dev/ttyUSB7", True)])


def test_the_bootloader_s_port_goes_with_its_drive_before_one_is_looked_for(tmp_path, monkeypatch):
    drive = tmp_path / "XIAO-SENSE"
    drive.mkdir()
    (drive / flash_bare.INFO).write_text("")
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            (drive / flash_bare.INFO).unlink()

    monkeypatch.setattr(flash_bare.time, "sleep", sleep)
    flash_bare._wait_until_gone(drive)
    assert len(waited) == 3


# ---- the port


def test_the_one_board_with_its_usb_id_is_found():
    assert find_port(None, PICO, [PLAIN, ONE]) == "/dev/ttyACM0"
    assert find_port(None, None, [PLAIN, ONE]) == "/dev/ttyACM0"


def test_two_boards_of_one_usb_id_are_not_chosen_between():
    code, told = refusal(find_port, None, PICO, [ONE, TWO, PLAIN])
    assert code == 2
    assert told.startswith("/dev/ttyACM0 (id:E661) and /dev/ttyACM1 (id:E662) may each be")
    assert told.endswith("say which with --port.")
    assert find_port("/dev/ttyACM1", PICO, [ONE, TWO]) == "/dev/ttyACM1"
    assert find_port("id:E662", PICO, [ONE, TWO]) == "/dev/ttyACM1"


def test_no_board_on_usb_says_what_to_do():
    code, told = refusal(find_port, None, PICO, [PLAIN])
    assert code == 3 and "No Raspberry Pi Pico is on USB" in told and "BOOTSEL" in told
    assert refusal(find_port, None, None, [])[0] == 3
    assert "has no USB id: give its port with --port" in refusal(find_port, None, load("virtual"), [ONE])[1]


# ---- what the REPL says of itself: a Pico and a Pico 2 have the same USB id


def test_the_chip_decides_between_boards_of_one_usb_id():
    assert of_repl(who("Raspberry Pi Pico with RP2040")) == PICO
    assert of_repl(who("Raspberry Pi Pico2 with RP2350")) == PICO2
    check(PICO, who("Raspberry Pi Pico with RP2040"))
    code, told = refusal(check, PICO, who("Raspberry Pi Pico2 with RP2350"))
    assert code == 4 and "which is no Raspberry Pi Pico: give the right --board or the right --port" in told
    assert refusal(of_repl, who("Some board with RP9"))[0] == 2


@pytest.mark.parametrize(("version", "fits"), [((1, 27, 9), False), ((1, 28, 0), True), ((1, 30, 0), False)])
def test_the_version_has_to_be_in_the_boards_range(version, fits):
    about = who("Raspberry Pi Pico2 with RP2350", version)
    if fits:
        check(PICO2, about)
    else:
        code, told = refusal(check, PICO2, about)
        assert code == 4 and "needs 1.28.0 or newer, below 1.30.0" in told and "BOOTSEL" in told


def test_circuitpython_is_refused():
    assert refusal(check, PICO, {**who("x"), "name": "circuitpython"})[1].startswith("The board runs circuitpython")


def test_only_our_own_main_is_replaced_unasked():
    ours, theirs = ("0" * 64, b'"""chf-reference: runs it."""'), ("1" * 64, b"import network")
    assert foreign({"boot.py": None, "main.py": ours}, False) == []
    assert foreign({"boot.py": theirs, "main.py": ours}, True) == ["boot.py"]
    assert refusal(foreign, {"boot.py": None, "main.py": theirs}, False)[0] == 4


RP2040_MPY = 6 | 3 << 8 | 4 << 10  # version, native ABI, armv6m
RP2350_MPY = 6 | 3 << 8 | 7 << 10


@pytest.mark.parametrize(
    ("header", "mpy", "sentence"),
    [
        (b"M\x06\x00\x1f", RP2040_MPY, ""),
        (b"M\x06\x13\x1f", RP2040_MPY, ""),
        (b"M\x06\x13\x1f", RP2350_MPY, ""),  # a Cortex-M33 runs an M0's code
        (b"M\x06\x1f\x1f", RP2040_MPY, "machine code for another processor"),
        (b"M\x06\x2b\x1f", RP2350_MPY, "machine code for another processor"),
        (b"M\x06\x12\x1f", RP2040_MPY, "machine code for another processor"),  # the same core, another ABI
        (b"M\x07\x00\x1f", RP2040_MPY, "takes .mpy files of version 6, and mpy-cross writes 7"),
    ],
)
def test_code_that_the_boards_vm_does_not_take_is_not_copied(header, mpy, sentence):
    image = FirmwareImage(b"", (Part("/main.mpy", header, ""),))
    if sentence:
        code, told = refusal(check_code, image, mpy)
        assert code == 4 and sentence in told
    else:
        check_code(image, mpy)


# ---- a bare chip


def uf2_file(family, blocks=3):
    head = [
        struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + 256 * n, 256, n, blocks, family)
        for n in range(blocks)
    ]
    return b"".join(one + bytes(476) + struct.pack("<I", 0x0AB16F30) for one in head)


@pytest.fixture
def drive(tmp_path):
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    return folder


def test_a_uf2_file_is_for_this_chip_or_refused(tmp_path):
    check_uf2(uf2_file(FAMILIES["RP2040"][0]), tmp_path, PICO)
    whole = uf2_file(FAMILIES["RP2350"][1])
    check_uf2(whole, tmp_path, PICO2)
    assert "for another chip than the RP2040" in refusal(check_uf2, whole, tmp_path, PICO)[1]
    for broken in (whole[:-1], b"\x7fELF" + bytes(508), whole[:-512] + bytes(512), whole[:-4] + bytes(4)):
        assert "no UF2 file, or not a whole one" in refusal(check_uf2, broken, tmp_path, PICO2)[1]
    assert "is empty" in refusal(check_uf2, b"", tmp_path, PICO2)[1]


def test_the_drive_of_a_bare_chip_is_found_and_takes_the_file(tmp_path, drive):
    (tmp_path / "stick").mkdir()
    assert drives([tmp_path / "stick", drive, tmp_path / "gone"]) == [drive]
    assert the_drive([drive], PICO) == drive
    copy_to(drive, b"uf2")
    assert (drive / "firmware.uf2").read_bytes() == b"uf2"
    assert refusal(the_drive, [], PICO)[0] == 3
    assert "say which with --drive" in refusal(the_drive, [drive, drive / "x"], PICO)[1]
    assert "is no chip's drive" in refusal(copy_to, tmp_path / "stick", b"uf2")[1]


def test_a_bare_chip_from_the_command_line(tmp_path, drive, monkeypatch):
    file = tmp_path / "micropython.uf2"
    file.write_bytes(uf2_file(FAMILIES["RP2040"][0]))
    monkeypatch.setattr(flash_bare, "PORT_S", 0.0)
    monkeypatch.setattr(flash_target.list_ports, "comports", lambda: [PLAIN])
    done = inside("flash", "--board", "pico", "--uf2", file, "--drive", drive)
    assert (done.returncode, done.stdout) == (3, "") and "No Raspberry Pi Pico is on USB" in done.stderr
    assert (drive / "firmware.uf2").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--uf2", "x.uf2"], 2, "need --board"),
        (["--board", "pcio"], 2, "There is no board 'pcio': choose one of"),
        (["--board", "pico", "--bin", "x.bin"], 2, "A Raspberry Pi Pico takes its MicroPython by --uf2"),
        (["--board", "esp32_s3", "--uf2", "x.uf2"], 2, "takes its MicroPython by --bin"),
        (["--board", "virtual", "--uf2", "x.uf2"], 2, "has its MicroPython already"),
        (["--board", "pico", "--uf2", "gone.uf2"], 2, "gone.uf2 cannot be read: No such file or directory."),
        (["--board", "pico", "--port", "/dev/none"], 3, "There is no port /dev/none"),
        (["--board", "virtual"], 2, "give its port with --port"),
        (["--board", "esp32_s3", "--erase"], 2, "--erase goes with --bin"),
        (["--board", "pico", "--uf2", "x.uf2", "--erase"], 2, "--erase is for an ESP32"),
    ],
)
def test_bad_usage_is_one_sentence(arguments, code, sentence):
    done = inside("flash", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_without_esptool_the_line_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "esptool", None)
    monkeypatch.setattr(flash_bare.importlib.util, "find_spec", lambda name: None)
    code, told = refusal(run_esptool, "/dev/ttyUSB0", tmp_path / "x.bin", ESP32)
    assert code == 2 and "python -m pip install esptool" in told


def test_esptool_is_called_and_its_last_line_is_told(tmp_path, monkeypatch):
    (tmp_path / "esptool.py").write_text(
        "import pathlib, sys\npathlib.Path('called').write_text(' '.join(sys.argv[1:]))\n"
        "print('Failed to connect'); sys.exit(2 if 'bad' in sys.argv[-1] else 0)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run_esptool("/dev/ttyUSB0", tmp_path / "good.bin", ESP32)
    assert (tmp_path / "called").read_text() == f"--chip esp32s3 --port /dev/ttyUSB0 write_flash 0 {tmp_path}/good.bin"
    run_esptool("/dev/ttyUSB0", tmp_path / "good.bin", ESP32, erase=True)
    assert (tmp_path / "called").read_text().endswith(f"write_flash --erase-all 0 {tmp_path}/good.bin")
    code, told = refusal(run_esptool, "/dev/ttyUSB0", tmp_path / "bad.bin", ESP32)
    assert code == 4 and told.startswith("esptool failed: Failed to connect.")
