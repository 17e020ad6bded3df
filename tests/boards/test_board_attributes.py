"""What adapters ask of MicroPython, as it is read from their source, and what a stub must vouch for."""

import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.boards import names
from host_tools.boards.attributes import adapter, attributes, main, probe, used
from host_tools.deploy import firmware_build, shrink
from tests.check_types import not_vouched

ALL = {
    "machine.ADC",
    "machine.Pin.IRQ_RISING",
    "machine.Pin.irq",
    "machine.Pin.value",
    "machine.UART.any",
    "machine.UART.readinto",
    "machine.UART.write",
    "machine.reset",
    "machine.reset_cause",
    "os.urandom",
    "select.poll().ipoll",
    "sys.stdin.buffer.readinto",
    "sys.stdout.buffer.write",
    "time.sleep_ms",
    "vfs.VfsLfs2.mkfs",
}
OWN = {
    "pico": {"machine.WDT.feed", "machine.ADC.read_u16"},
    "pico2": {"machine.WDT.feed", "machine.ADC.read_u16"},
    "esp32_c6": {"machine.WDT.feed", "machine.ADC.read_uv", "esp32.Partition.find"},
    "esp32_s3": {"machine.WDT.feed", "machine.ADC.read_uv", "esp32.Partition.find"},
    "xiao_nrf52840": {"machine.Timer.start", "machine.ADC.read_u16", "nrf.Flash"},
}


@pytest.mark.parametrize("board", names())
def test_an_adapter_s_attributes_are_found_in_all_its_modules(board):
    found = set(attributes(board))
    assert found >= ALL | OWN[board]
    foreign = set().union(*(own for name, own in OWN.items() if name != board)) - OWN[board]
    assert not found & foreign, "only what this board's own modules use"
    assert not any(name.startswith("chf") for name in found)


@pytest.mark.parametrize("board", names())
def test_the_build_for_a_board_asks_for_the_same(board):
    """What shrinks the sources must give none of MicroPython's own names another."""
    texts = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path.read_text(encoding="utf-8")
        for name, path in firmware_build.sources(board).items()
    }
    small = shrink.shrink(texts)
    modules = adapter(board)
    found = {name for module in modules for name in used(small.get(module, ""), modules)}
    assert found == set(attributes(board))


def test_an_adapter_is_what_it_imports_and_no_more():
    pico, xiao = adapter("pico"), adapter("xiao_nrf52840")
    assert {"hub_board", "pins", "rp2_board", "mcu_board", "lfs_store"} <= pico.keys()
    assert pico["pins"].parent.name == "pico" and xiao["pins"].parent.name == "xiao_nrf52840"
    assert "esp32_board" not in pico and "timer_watchdog" not in pico and "rp2_board" not in xiao


@pytest.mark.parametrize(
    "source, found",
    [
        ("import machine\nmachine.reset()", {"machine.reset"}),
        ("from machine import Pin\nPin(1, Pin.IN).value()", {"machine.Pin", "machine.Pin.IN", "machine.Pin.value"}),
        ("import machine as m\ndef f():\n    a = m.ADC(1)\n    a.read_u16()", {"machine.ADC", "machine.ADC.read_u16"}),
        ("from machine import UART as U\ndef f(u: 'U'):\n    u.any()", {"machine.UART", "machine.UART.any"}),
        ("from machine import UART\ndef f(u):\n    u.any()", {"machine.UART"}),
        ("import machine\ndef f(machine):\n    machine.any()", set()),
        (
            "import select\nclass A:\n    def use(self):\n        self.p.ipoll(0)\n"
            "    def __init__(self):\n        self.p = select.poll()",
            {"select.poll", "select.poll()", "select.poll().ipoll"},
        ),
        (
            "from machine import UART\nclass A:\n    def __init__(self, u: 'UART'):\n        self.u = u\n"
            "    def f(self):\n        self.u.write(b'')",
            {"machine.UART", "machine.UART.write"},
        ),
        ("from machine import WDT\narm = lambda: WDT(timeout=1).feed", {"machine.WDT", "machine.WDT.feed"}),
        ("from chf.wire import schema\nimport pins\nschema.A\npins.B", set()),
        ("x = 1\nx.real", set()),
    ],
)
def test_what_a_source_uses(source, found):
    assert used(source, {"pins"}) == found


def test_the_probe_says_what_a_vm_has_not():
    pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
    asked = ["select.poll().ipoll", "machine.UART.any", "sys.stdin.buffer.readinto", "nowhere", "select.poll().fly"]
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", probe(asked)], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.split("\n") == [
        "MISSING machine.UART.any",
        "MISSING nowhere",
        "MISSING select.poll().fly",
        "ASKED 5",
        "",
    ], done.stderr


def test_the_command_wants_one_board(capsys):
    assert main([]) == 2 and main(["nope"]) == 2 and main(["pico2"]) == 0
    said = capsys.readouterr()
    assert "There is no board 'nope'" in said.err and "ASKED" in said.out


STUB = """
from _typeshed import Incomplete
PROBED: Final[int] = 3
DOCUMENTED: Incomplete
EXAMPLE: int = 1
UNREAD: Final[int] = ...
def there(*args, **kwargs) -> Incomplete: ...
class Pin:
    IN: Final[int] = 0
    ANALOG: Incomplete
    ATTN: int = 3
    def value(self) -> int: ...
    @overload
    def pull(self) -> int: ...
    @mp_available(port="esp32")
    def width(self, bits: int) -> None: ...
    @mp_available()
    def merged(self) -> None: ...
"""


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    (tmp_path / "machine.pyi").write_text(STUB)
    (tmp_path / "rp2").mkdir()
    (tmp_path / "rp2" / "__init__.pyi").write_text("class Flash: ...")
    (tmp_path / "stdlib" / "sys").mkdir(parents=True)
    return tmp_path


def test_what_was_found_on_a_board_is_taken(stubs):
    taken = ["PROBED", "there", "Pin", "Pin.IN", "Pin.value", "Pin.pull", "Pin.merged"]
    assert not list(not_vouched([f"machine.{name}" for name in taken], stubs))
    assert not list(not_vouched(["rp2.Flash", "sys.stdin.buffer"], stubs))


@pytest.mark.parametrize(
    "name, why",
    [
        ("machine.DOCUMENTED", "only documents it (Incomplete)"),
        ("machine.Pin.ANALOG", "only documents it (Incomplete)"),
        ("machine.EXAMPLE", "only documents it (int without a value"),
        ("machine.Pin.ATTN", "only documents it (int without a value"),
        ("machine.UNREAD", "only documents it (Final[int] without a value"),
        ("machine.Pin.width", "under a condition"),
        ("machine.Pin.gone", "no such attribute"),
        ("machine.WDT.feed", "no such attribute"),
        ("machine.there.x", "no such attribute"),
        ("nrf.Flash", "no such module"),
    ],
)
def test_what_a_board_may_not_have_is_refused(stubs, name, why):
    found = list(not_vouched(["machine.PROBED", name], stubs))
    assert [one for one, _ in found] == [name] and why in found[0][1]
