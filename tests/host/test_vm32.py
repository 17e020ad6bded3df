"""The 32-bit MicroPython VM (WebAssembly under node): core, wire and journal as elsewhere, and what must not allocate.

On it, as on a board, integers of 2**30 and more are allocated; the unix VM's small ones go to 2**62.
"""

import json
import re
import subprocess
import sys

import pytest

from host_tools.benchmarks import __main__ as benchmarks
from host_tools.benchmarks import drift, npm, vm32
from host_tools.benchmarks.figure import Figure, Measure
from host_tools.errors import EXIT_FAILED, EXIT_NO_BOARD, BenchError
from host_tools.locate import root
from tests.core import traces

FIRMWARE = root("firmware")
TESTS = FIRMWARE.parent / "tests"


needs_vm32 = pytest.mark.usefixtures("installed")


@pytest.fixture(scope="module")
def installed():
    """Skips with the sentence that says what is missing."""
    try:
        npm.installed(vm32.FOLDER, vm32.PACKAGE)
    except BenchError as error:
        if error.exit_code != EXIT_NO_BOARD:
            raise
        pytest.skip(str(error))


def run(script, arguments, copies):
    """What a script of tests/ prints there. copies: file or folder under tests/ -> its path there."""
    there = {FIRMWARE: "/firmware", **{TESTS / here: path for here, path in copies.items()}}
    return vm32.run((TESTS / script).read_text(), copies=there, arguments=[script, "/firmware", *arguments])


@needs_vm32
def test_its_small_integers_end_below_2_to_the_30():
    script = """
import micropython
def taken(tick, ms):
    micropython.heap_lock()
    try:
        tick + ms
        return "fits"
    except MemoryError:
        return "allocates"
    finally:
        micropython.heap_unlock()
print(taken((1 << 30) - 2, 1), taken((1 << 30) - 1, 1), taken(1 - (1 << 30), -1))
"""
    assert vm32.run(script, copies={}) == "fits allocates fits\n"


# ---- The same results as elsewhere


@needs_vm32
def test_the_core_s_traces():
    copies = {"core/replay.py": "/project/tests/core/replay.py", "core/traces.json": "/traces.json"}
    said = run("core/traces_on_vm.py", ["/project", "/traces.json"], copies)
    assert said == f"done {len(traces.load())}\n"


@needs_vm32
def test_the_wire_s_vectors_framing_with_the_heap_locked():
    words = run("wire/vm_vectors.py", ["/vectors.json"], {"wire/vectors.json": "/vectors.json"}).split()
    assert words[0::2] == ["passed", "checks"] and int(words[1]) > 400


@needs_vm32
def test_a_hundred_thousand_relayed_messages_read_as_on_cpython():
    vectors = TESTS / "wire/gbcs_vectors.json"
    said = run("wire/vm_gbcs.py", ["/vectors.json"], {"wire/gbcs_vectors.json": "/vectors.json"})
    command = [sys.executable, str(TESTS / "wire/vm_gbcs.py"), str(FIRMWARE), str(vectors)]
    there = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert there.returncode == 0, there.stderr
    # The memory of one message is one check more, which CPython cannot make, as it cannot see its heap.
    assert said.split(" checks, ")[1] == there.stdout.split(" checks, ")[1]


@needs_vm32
def test_relayed_messages_leave_no_drift():
    """In rounds, as the collector runs between scripts only."""
    setup = (TESTS / "wire/vm_gbcs.py").read_text().replace("\nmain()\n", "\n")
    setup += """
with open(sys.argv[2]) as file:
    seeds = vectors(json.load(file))
dice = Dice(1)
seen = []
"""
    rounds = ["fuzz(dice, seeds, 2000)", "seen.append(gc.mem_alloc())"] * 4
    said = vm32.run(
        setup,
        *rounds,
        "print(seen)",
        copies={FIRMWARE: "/firmware", TESTS / "wire/gbcs_vectors.json": "/vectors.json"},
        arguments=["vm_gbcs.py", "/firmware", "/vectors.json"],
    )
    seen = json.loads(said)
    assert len(seen) == 4 and max(seen) - min(seen) < 1024, seen  # one block a message would make 96,000


@needs_vm32
def test_the_journal_s_vectors():
    said = run("journal/journal_on_vm.py", ["/journal"], {"journal": "/journal"})
    counts = dict(line.split() for line in said.splitlines())
    vectors = json.loads((TESTS / "journal/vectors.json").read_text())
    assert counts == {"vectors": str(len(vectors)), "replayed": "163", "done": "1"}


# ---- What must not allocate


STEPS = 5_000  # ms; the hub's ticks wrap 1,900 of them after its start
TICKS_OF_64_BITS = """
def add(tick, ms):
    return (tick + ms) & MASK
"""
DIFF_OF_64_BITS = """
def diff(later, earlier):
    return ((later - earlier + HALF) & MASK) - HALF
"""
PUSH_ALLOCATES = """
_push = Framer.push
def _allocating(self, src, start, end):
    src[0] + (1 << 29) + (1 << 29)
    return _push(self, src, start, end)
Framer.push = _allocating
"""


def idle(name=None, more=""):
    """What vm/idle_locked.py measures, the source of one module and more in its place."""
    patches = {}
    if name:
        patches[name] = (FIRMWARE / (name.replace(".", "/") + ".py")).read_text() + more
    wanted = {"identity": drift.identity(), "steps": STEPS, "frames": 200}
    return vm32.result(vm32.built("import idle_locked", settings=wanted, patches=patches))


@needs_vm32
def test_an_idle_hub_and_its_framer_allocate_nothing_over_the_wrap_of_its_ticks():
    seen = idle()
    assert seen["allocating"] == 0 and seen["framer_allocating"] == 0 and seen["drift"] == 0
    assert seen["passed_ms"] == STEPS and seen["found"] > 50


@needs_vm32
@pytest.mark.parametrize("more", [TICKS_OF_64_BITS, DIFF_OF_64_BITS], ids=["add", "diff"])
def test_tick_sums_that_pass_2_to_the_30_are_seen(more):
    assert idle("chf.core.ticks", more)["allocating"] > 0


@needs_vm32
def test_a_framer_that_passes_2_to_the_30_is_seen():
    assert idle("chf.wire.framing", PUSH_ALLOCATES)["framer_allocating"] > 0


@needs_vm32
def test_the_footprint_is_that_of_the_whole_firmware():
    (figure,) = vm32.take(True)
    code, hub = (int(words.replace(",", "")) for words in re.findall(r"([\d,]+) (?:octets|more)", figure.how))
    assert 30_000 < code < 65_536 and 4_096 < hub < 32_768
    assert figure.value * 1024 == code + hub and figure.holds


# ---- What goes wrong


@needs_vm32
def test_a_script_that_raises_is_told_with_its_last_lines():
    with pytest.raises(BenchError, match="ValueError: of the script") as raised:
        vm32.run("raise ValueError('of the script')", copies={})
    assert raised.value.exit_code == EXIT_FAILED


@needs_vm32
def test_a_script_that_does_not_end_is_ended():
    with pytest.raises(BenchError, match="did not end its script within 2 s: it hangs"):
        vm32.run("while True: pass", copies={}, deadline_s=2)


def test_no_result_is_said():
    with pytest.raises(BenchError, match="without a result"):
        vm32.result("done\n")


def program(folder, name, body):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "says"),
    [
        ({}, "node is not installed, and it needs it: apt-get install nodejs npm"),
        ({"node": ""}, "npm is not installed, and it needs it: apt-get install nodejs npm"),
        ({"node": "", "npm": "echo npm error network >&2; exit 1"}, r"npm could not install it \(npm error network\)"),
        ({"node": "", "npm": "exec /bin/sleep 60"}, "npm did not install it within 0.5 s"),
    ],
    ids=["no node", "no npm", "npm fails", "npm hangs"],
)
def test_without_what_installs_it_one_sentence_says_so(tmp_path, monkeypatch, programs, says):
    for name, body in programs.items():
        program(tmp_path, name, body)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match=says) as raised:
        npm.installed(vm32.FOLDER, "it", tmp_path / "build", limit_s=0.5)
    assert raised.value.exit_code == EXIT_NO_BOARD
    assert not (tmp_path / "build").exists() or not list((tmp_path / "build").iterdir())


def test_an_installation_is_made_once(tmp_path, monkeypatch):
    program(tmp_path, "node", "")
    program(tmp_path, "npm", f"echo again >> {tmp_path}/runs; /bin/mkdir node_modules")
    monkeypatch.setenv("PATH", str(tmp_path))
    first = npm.installed(vm32.FOLDER, "it", tmp_path / "build")
    assert npm.installed(vm32.FOLDER, "it", tmp_path / "build") == first and (first / "node_modules").is_dir()
    assert (tmp_path / "runs").read_text() == "again\n"


def test_a_run_of_figures_leaves_out_the_one_that_has_no_vm_and_says_so(tmp_path, monkeypatch, capsys):
    other = Figure("other", 1, "s", None, "by hand")
    measures = (Measure(vm32.NAMES, vm32.take, optional=True), Measure(("other",), lambda quick: [other]))
    monkeypatch.setattr(benchmarks, "MEASURES", measures)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert benchmarks.measure("", True) == [other]
    assert "Left out: node is not installed" in capsys.readouterr().err
    with pytest.raises(BenchError, match="node is not installed") as raised:
        benchmarks.measure("heap-32bit", True)
    assert raised.value.exit_code == EXIT_NO_BOARD
