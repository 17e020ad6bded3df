"""board.toml of every board, what is made from it, and what the host finds a board by."""

import re
import runpy
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import tasks
from host_tools import boards
from host_tools.boards import SCHEMA, drawing, pages
from host_tools.errors import EXIT_USAGE, BenchError

ROOT = Path(__file__).resolve().parents[2]
BOARDS = boards.load_all()
PICO = (ROOT / "boards" / "pico" / "board.toml").read_text(encoding="utf-8")
each = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)


def sentence(call, *arguments) -> tuple[str, int]:
    with pytest.raises(BenchError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text
    return text, caught.value.exit_code


def test_the_boards_are_there():
    assert boards.names() == ["esp32_c6", "esp32_s3", "pico", "pico2", "xiao_nrf52840"]
    with_adapter = {path.parent.name for path in (ROOT / "boards").glob("*/hub_board.py")}
    assert with_adapter == {*boards.names(), "virtual"}


@each
def test_pins_py_is_the_truth_that_board_toml_repeats(board):
    pins = {name: value for name, value in runpy.run_path(str(board.folder / "pins.py")).items() if name.isupper()}
    assert pins.pop("BAUD") == board.data["links"]["baud"]
    adc = board.data["adc"]
    assert pins.pop("ADC_OFFSET_STEPS") == adc["offset_steps"]
    assert pins.pop("ADC_ERROR_PERMILLE") == adc["error_permille"]
    esp32 = runpy_constant(ROOT / "boards/common/esp32_board.py", "ADC_FULL_MV")
    assert pins.pop("ADC_FULL_MV", esp32) == adc["full_mv"]
    pins = {name: value for name, value in pins.items() if not name.endswith("_CHANNEL")}
    assert pins == board.data["pins"]


def runpy_constant(path: Path, name: str) -> int:
    """A constant of a module that only a device can import."""
    return int(re.search(rf"^{name} = ([\d_]+)", path.read_text(encoding="utf-8"), re.MULTILINE)[1])


@each
def test_the_watchdog_the_root_and_the_uarts_are_those_of_the_adapter(board):
    sources = [path for path in (ROOT / "boards").glob("*/*.py") if path.parent.name in ("common", board.name)]
    family = {"pico": "rp2", "pico2": "rp2", "esp32_c6": "esp32", "esp32_s3": "esp32"}.get(board.name)
    if family:
        assert runpy_constant(ROOT / f"boards/common/{family}_board.py", "WATCHDOG_MS") == board.data["watchdog"]["ms"]
    assert ("WAN_TX" in board.data["pins"]) == (board.data["links"]["wan"] != "USB")
    own = next(path for path in sources if path.name == "hub_board.py").read_text(encoding="utf-8")
    assert (f'ROOT = "{board.root.rstrip("/")}"' in own) == (board.root != "/")


@each
def test_the_stub_package_is_pinned_for_this_board(board):
    pins = [pin.partition("==")[0] for pin in tasks.project()["tool"]["chf"]["stubs"][board.name]]
    assert pins == [board.data["micropython"]["stubs"], "micropython-stdlib-stubs"]


@each
def test_the_page_and_the_drawing_are_what_board_toml_makes(board):
    for path, content in pages.files(board).items():
        assert path.read_text(encoding="utf-8") == content, f"run: python -m host_tools.boards.pages ({path.name})"


@each
def test_the_page_says_what_matters_and_its_links_lead_somewhere(board):
    text = (board.folder / "README.md").read_text(encoding="utf-8")
    assert "**Never connect it to an installed meter.**" in text
    assert ("**Not tried on silicon.**" in text) == (not board.data["board"]["tried_on_silicon"])
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (board.folder / target).exists(), target
    assert text.rstrip().endswith(f"`{board.data['silicon'][-1]['command']}`"), "the page ends with its checks"
    for entry in board.data["silicon"]:
        assert entry["command"] in text


@each
def test_the_drawing_shows_every_pin_inside_its_sheet(board):
    tree = ElementTree.fromstring(drawing.draw(board))
    words = ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    for name, label in board.data["header"].items():
        assert name in words and label in words
    width, height = (float(part) for part in tree.get("viewBox").split()[2:])
    for node in tree.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(node.get("x")) < width and 0 < float(node.get("y")) < height
    assert "prefers-color-scheme: dark" in drawing.draw(board)


def test_the_voltages_on_the_page_are_worked_out():
    assert pages.at_pin(12_000, 100_000, 22_000) == 2_163
    assert pages.at_pin(5_500, 100_000, 100_000) == 2_750
    w = drawing.values()
    for board in BOARDS:
        most = pages.at_pin(15_000, w["SUPPLY_TOP_OHM"], w["SUPPLY_BOTTOM_OHM"])
        assert most < board.data["adc"]["highest_mv"]
        assert pages.at_pin(5_500, w["HOLDUP_TOP_OHM"], w["HOLDUP_BOTTOM_OHM"]) < board.data["adc"]["highest_mv"]


def test_pages_are_written_by_the_command_and_a_fault_is_a_sentence(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "boards" / "pico"
    folder.mkdir(parents=True)
    (folder / "board.toml").write_text(PICO, encoding="utf-8")
    (tmp_path / "boards" / "common").mkdir()
    wiring = (ROOT / "boards/common/wiring.py").read_bytes()
    (tmp_path / "boards" / "common" / "wiring.py").write_bytes(wiring)
    for module in (boards, drawing):
        monkeypatch.setattr(module, "root", lambda name: tmp_path / name)
    assert pages.main() == 0
    assert (folder / "README.md").read_bytes() == (ROOT / "boards/pico/README.md").read_bytes()
    assert (folder / "wiring.svg").read_bytes() == (ROOT / "boards/pico/wiring.svg").read_bytes()
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    assert pages.main() == 1
    (folder / "board.toml").write_text("board = 1", encoding="utf-8")
    assert pages.main() == EXIT_USAGE
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "README.md cannot be written" in said[0] and "boards/pico/board.toml" in said[1]


# ---- what a board.toml must be


def parsed() -> dict:
    return tomllib.loads(PICO)


def faults(data: dict) -> list[str]:
    return list(boards._faults(data))


def test_a_whole_file_has_no_fault():
    assert faults(parsed()) == []


@pytest.mark.parametrize("table", SCHEMA)
def test_every_table_and_key_is_needed_and_of_its_kind(table):
    data = parsed()
    del data[table]
    assert f"{table} is missing" in faults(data)
    for key, kind in SCHEMA[table].items():
        data = parsed()
        del data[table][key]
        assert f"{table}.{key} is missing" in faults(data)
        data = parsed()
        data[table][key] = 1.5
        assert f"{table}.{key} must be of the kind {kind.__name__}" in faults(data)
    data = parsed()
    data[table]["surplus"] = 1
    assert any("surplus is not known" in fault for fault in faults(data))


@pytest.mark.parametrize(
    "table, key, value, fault",
    [
        ("usb", "hub", ["2e8a:0005"], "usb.hub: '2e8a:0005' is not VID:PID"),
        ("usb", "bootloader", ["2E8A"], "usb.bootloader: '2E8A' is not VID:PID"),
        ("usb", "hub", [5], "usb.hub: 5 is not VID:PID"),
        ("usb", "hub", [], "usb.hub is empty"),
        ("micropython", "least", "1.x", "must be versions"),
        ("micropython", "below", "1.20.0", "below must be above least"),
        ("install", "method", "hope", "must be one of uf2, esptool"),
        ("watchdog", "max_ms", 7_999, "watchdog.ms must not be above max_ms"),
        ("power", "dying_mv", 2_200, "power.dying_mv must be above holdup_min_mv"),
        ("board", "lacks", [1], "a list of sentences"),
        ("board", "title", "", "board.title is empty"),
        ("pins", "STRAP", 26, "pins: 26 is used twice"),
        ("header", "STRAP", "GP26, pin 31", "header: GP26, pin 31 is used twice"),
        ("pins", "STRAP", "26", "pins.STRAP must be of the kind int"),
    ],
)
def test_a_value_that_does_not_fit_is_named(table, key, value, fault):
    data = parsed()
    data[table][key] = value
    assert any(fault in found for found in faults(data)), faults(data)


def test_a_second_uart_needs_both_its_pins_and_a_check_its_command():
    data = parsed()
    del data["pins"]["WAN_RX"]
    assert "pins.WAN_RX is missing" in faults(data)
    data = parsed()
    data["silicon"][1] = {"check": "x"}
    assert "silicon[1].command is missing" in faults(data)
    data["silicon"] = ["x"]
    assert "silicon[0].check is missing" in faults(data)


@pytest.mark.parametrize("content", [b"\xff", b"[board", b"board = 1", b"[usb]\nhub = 1", b""])
def test_any_other_file_is_one_sentence(content):
    text, code = sentence(boards.parse, content, "boards/x/board.toml")
    assert text.startswith("boards/x/board.toml") and code == EXIT_USAGE


# ---- which board it is


def test_every_cpu_is_one_board_s():
    cpus = [board.data["board"]["cpu"] for board in BOARDS]
    assert len(cpus) == len(set(cpus))


def test_versions_are_in_order_and_roots_end_with_a_slash():
    versions = ["1.9", "1.27.9", "1.28.0", "1.29.0", "1.29.9", "1.30.0", "2.0"]
    assert sorted(versions, key=boards.version_of) == versions
    assert (boards.load("pico").root, boards.load("xiao_nrf52840").root) == ("/", "/flash/")


def test_an_unknown_board_is_one_sentence():
    assert sentence(boards.load, "../x") == (
        "There is no board '../x': choose one of esp32_c6, esp32_s3, pico, pico2, xiao_nrf52840.",
        EXIT_USAGE,
    )


def test_the_overview_names_every_board_and_stm32_has_its_page():
    text = (ROOT / "boards/README.md").read_text(encoding="utf-8")
    for board in BOARDS:
        assert f"[{board.name}]({board.name}/README.md)" in text
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / "boards" / target).exists(), target
    assert "Never connect any of them to an installed meter" in text
    assert "refused" in (ROOT / "boards/STM32.md").read_text(encoding="utf-8")


def test_the_probe_command_runs():
    done = subprocess.run(
        [sys.executable, "-m", "host_tools.boards.attributes", "pico"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0 and "'machine.WDT.feed'" in done.stdout
