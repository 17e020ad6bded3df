"""The fixture board's rig.toml, page, drawing and files; its program on the VM is in tests/host/test_fixture_rig.py."""

import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import tasks
from host_tools.boards import fixture
from host_tools.boards.attributes import attributes
from host_tools.deploy.firmware_build import build

FOLDER = Path(__file__).resolve().parents[2] / "boards" / "rig_pico"
DATA = fixture.load()


def test_pins_py_is_the_truth_that_rig_toml_repeats():
    pins = {name: value for name, value in runpy.run_path(str(FOLDER / "pins.py")).items() if name.isupper()}
    assert {name: pins[name] for name in DATA["pins"]} == DATA["pins"]
    assert pins.keys() - DATA["pins"].keys() == {"LEVEL_FULL_MV", "PWM_HZ"}
    assert len(set(DATA["pins"].values())) == len(DATA["pins"])
    for table in ("header", "through", "goes_to"):
        assert DATA[table].keys() == DATA["pins"].keys()
    for name, pin in DATA["pins"].items():
        assert DATA["header"][name].startswith(f"GP{pin}, pin ")


def test_the_page_and_the_drawing_are_what_rig_toml_makes():
    for path, content in fixture.made().items():
        assert path.read_text(encoding="utf-8") == content, f"run: python -m host_tools.boards.fixture ({path.name})"


def test_the_page_warns_ends_with_its_checks_and_its_links_lead_somewhere():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "**Never connect it to an installed meter" in text and "**Not tried on silicon.**" in text
    assert text.rstrip().endswith(f"`{DATA['silicon'][-1]['command']}`")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (FOLDER / target).exists(), target


def test_the_drawing_shows_every_pin_inside_its_sheet():
    tree = ElementTree.parse(FOLDER / "wiring.svg").getroot()
    texts = list(tree.iter("{http://www.w3.org/2000/svg}text"))
    words = ["".join(node.itertext()) for node in texts]
    for name in DATA["pins"].keys() - {"MAINT"}:
        assert name in words and DATA["header"][name] in words
    width, height = (float(part) for part in tree.get("viewBox").split()[2:])
    assert all(0 < float(node.get("x")) < width and 0 < float(node.get("y")) < height for node in texts)


def test_what_goes_onto_the_board_is_all_that_it_imports_and_compiles():
    files = fixture.files()
    assert files["main.py"].name == "rig_main.py"
    assert {"fixture.py", "outputs.py", "rig_board.py", "pins.py", "serial_ports.py", "maintenance.py"} <= files.keys()
    assert not {"hub_board.py", "mcu_board.py", "chf/shell.py"} & files.keys(), "it is no hub"
    built = build(fixture.BOARD)
    assert {path.relative_to(built).with_suffix(".py").as_posix() for path in built.rglob("*.mpy")} == files.keys()


def test_its_stubs_are_pinned_and_its_attributes_are_asked_for():
    pins = [pin.partition("==")[0] for pin in tasks.project()["tool"]["chf"]["stubs"][fixture.BOARD]]
    assert pins == [DATA["micropython"]["stubs"], "micropython-stdlib-stubs"]
    found = set(attributes(fixture.BOARD))
    assert found >= {"machine.PWM.duty_u16", "machine.Pin.OPEN_DRAIN", "machine.WDT.feed", "machine.ADC.read_u16"}
