"""Reads the imports: boards -> shell -> core, one direction of dependence; and what every file here keeps to."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHF = ROOT / "firmware" / "chf"
FOLDERS = ("firmware", "boards", "host_tools", "tests", "hil")
TOP = {
    *("README.md", "pyproject.toml", "tasks.py", "LICENSE", "CHANGELOG.md", *FOLDERS),
    *(".ci", ".git", ".gitattributes", ".gitignore", ".images"),
}
MOST_LINES = 400

# What a layer may import, beside itself.
HARDWARE = {"machine", "vfs", "micropython", "rp2", "esp32", "pyb", "nrf"}
NOT_ON_A_DEVICE = {"typing", "dataclasses", "enum", "abc", "functools", "contextlib", "pathlib", "re", "logging"}
TICKS_OR_WAITS = {"time", "select", "os", "asyncio", "threading", "_thread", "random", "socket", "datetime"}
LAYERS = {
    "core": {"chf.core", "chf.wire.schema", "chf.wire.codec", "chf.wire.gbcs", "chf.journal.records", "hashlib"},
    "wire": {"chf.wire", "hashlib", "binascii", "array"},
    "journal": {"chf.journal", "chf.wire", "binascii"},
}
UNIX_ONLY = {"pty", "termios", "tty", "fcntl", "resource", "grp", "pwd", "posix"}


def python_files(*folders):
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    return [file for file in files if not {"build", "stubs", "__pycache__", "node_modules"} & set(file.parts)]


def name(file):
    return str(file.relative_to(ROOT))


def imports(file, everywhere=True):
    """The modules that a file imports, `from a import b` as a.b; at module level alone where not `everywhere`."""
    tree = ast.parse(file.read_text())
    found = set()
    for node in ast.walk(tree) if everywhere else module_level(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}: a relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def module_level(node):
    """What runs at import: neither functions' bodies nor what stands under a check of the platform or of types."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and {"sys.platform", "os.name", "TYPE_CHECKING"} & {
            ast.unparse(part) for part in ast.walk(child.test) if isinstance(part, (ast.Attribute, ast.Name))
        }:
            continue
        yield child
        yield from module_level(child)


def within(module, allowed):
    return any(module == one or module.startswith(one + ".") for one in allowed)


def top(module):
    return module.partition(".")[0]


FIRMWARE = python_files("firmware")
BOARDS = python_files("boards")
HOST = python_files("host_tools")
EVERY = [*python_files(*FOLDERS), ROOT / "tasks.py"]


def test_the_walk_finds_the_files():
    assert len(FIRMWARE) > 25 and len(BOARDS) > 4 and len(HOST) > 20
    assert {CHF / "shell.py", CHF / "core" / "policy.py", CHF / "wire" / "auth.py"} <= set(FIRMWARE)
    assert "chf.core.supervisor.Supervisor" in imports(CHF / "shell.py")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_lies_below_it(layer):
    for file in sorted((CHF / layer).glob("*.py")):
        above = {module for module in imports(file) if not within(module, LAYERS[layer])}
        assert not above, f"{name(file)} imports {above}"


def test_the_core_has_no_clock_and_no_io_and_no_floats():
    for file in sorted((CHF / "core").glob("*.py")):
        assert not {top(module) for module in imports(file)} & (TICKS_OR_WAITS | HARDWARE), name(file)
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.Div), f"{name(file)}: a true division gives a float"
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{name(file)}: a float"
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
            assert called not in ("open", "print", "input"), f"{name(file)}: I/O"


def test_only_boards_import_what_belongs_to_a_machine():
    for file in FIRMWARE:
        # To restart where no board could be made of what is there.
        allowed = {"machine"} if file == ROOT / "firmware" / "main.py" else set()
        used = {top(module) for module in imports(file)} & HARDWARE
        assert used <= allowed, f"{name(file)} imports {used}"
    assert any("vfs" in {top(module) for module in imports(file)} for file in BOARDS)


def test_the_firmware_knows_no_board_but_by_the_one_name_in_main():
    modules = {file.stem for file in BOARDS}
    for file in FIRMWARE:
        known = {top(module) for module in imports(file)} & modules
        assert known <= ({"hub_board"} if file.name == "main.py" else set()), f"{name(file)} imports {known}"


def test_nothing_on_a_device_imports_the_host_s_code_or_what_a_device_has_not():
    for file in [*FIRMWARE, *BOARDS]:
        for module in imports(file):
            assert top(module) not in ("host_tools", "tests", "hil"), f"{name(file)} imports {module}"
            assert top(module) not in NOT_ON_A_DEVICE, f"{name(file)} imports {module}"
            assert module != "micropython.const", f"{name(file)}: CPython has no const"


def test_the_ports_are_for_people_and_type_checkers():
    for file in FIRMWARE:
        assert not any(within(module, {"chf.ports"}) for module in imports(file)), f"{name(file)} imports the ports"


def test_main_is_short():
    assert len((ROOT / "firmware" / "main.py").read_text().splitlines()) < 40


def test_host_tools_import_on_windows_and_macos():
    for file in HOST:
        if "virtual" not in file.relative_to(ROOT).parts:
            used = {top(module) for module in imports(file, everywhere=False)} & UNIX_ONLY
            assert not used, f"{name(file)} imports {used} at module level"


def test_host_tools_and_hil_stand_without_the_tests():
    for file in [*HOST, *python_files("hil")]:
        used = {module for module in imports(file) if within(module, {"tests"})}
        assert not used, f"{name(file)} imports {used}: the wheel carries no tests"


def test_the_conformance_suite_knows_only_the_wire():
    for file in python_files("hil"):
        inside = {module for module in imports(file) if within(module, {"chf"})}
        beyond = {module for module in inside if not within(module, {"chf.wire", "chf.journal.records"})}
        assert not beyond, f"{name(file)} imports {beyond}: another vendor's hub has none of it"


@pytest.mark.parametrize("file", EVERY, ids=name)
def test_a_file_says_its_one_job_first_and_stays_short(file):
    text = file.read_text()
    assert text.startswith('"""') and ast.get_docstring(ast.parse(text)), "the first line is a docstring"
    assert len(text.splitlines()) <= MOST_LINES


def test_the_top_of_the_project_is_as_the_design_lists_it():
    ignored = {line.strip().strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    ignored |= {".venv.lock", "chf_reference.egg-info"}
    there = {entry.name for entry in ROOT.iterdir()} - ignored
    assert there <= TOP, f"unexpected: {there - TOP}"
    assert {"README.md", "pyproject.toml", "tasks.py", "LICENSE", *FOLDERS} <= there


def test_the_standard_library_names_meant_here_exist():
    assert set(sys.stdlib_module_names) >= UNIX_ONLY | NOT_ON_A_DEVICE | TICKS_OR_WAITS


def test_the_oracle_judges_from_flash_and_wire_alone():
    """OracleIndependence: it sees the log and the supply, and knows the core neither by import nor by attribute."""
    for file in (ROOT / "tests" / "core" / "oracle.py", ROOT / "tests" / "core" / "claims.py"):
        assert not [module for module in imports(file) if within(module, {"chf.core", "chf.shell"})]
        attributes = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        assert not attributes & {"sup", "supervisor", "records", "recovered", "phase", "timers", "activation"}
