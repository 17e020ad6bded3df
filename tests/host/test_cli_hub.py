"""chtool's questions to a hub, by URL and on sim:, and what every command owes: exit codes, one sentence, no hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chtool import LIMIT_S, ROOT, fails, inside, json_of, run, sentence_of, started, virtual_hub

from host_tools.cli import COMMANDS
from host_tools.deploy.provisioning import new_identity

FULL = Path("/dev/full")
EUI = new_identity(1)["hub"]


@pytest.fixture(scope="module")
def hub() -> Iterator[dict[str, Any]]:
    with virtual_hub("--speed", "40") as made:
        yield made


# ---- questions


def test_who_a_virtual_hub_is():
    assert json_of("identify", "sim:")["hub"] == EUI
    lines = dict(line.split("\t") for line in run("identify", "sim:").stdout.splitlines())
    assert lines["hub"] == EUI and "virtual (simulated)" in lines["runs"]


def test_who_a_hub_on_a_port_is(hub):
    told = json_of("identify", hub["url"])
    assert told["hub"] == hub["hub"] == EUI and told["strapped"] == "yes"
    assert json_of("identify", hub["ports"]["bench"])["hub"] == EUI


def test_what_a_hub_sees(hub):
    told = json_of("state", hub["url"])
    assert (told["phase"], told["level"], told["damaged"], told["holdup_mv"]) == ("powered", "none", [], 5_000)
    assert "simulated" in json_of("state", "sim:?policy=suppress")


def test_what_happened_in_a_hub(hub):
    told = json_of("trace", hub["url"])
    assert any(entry["what"] == "boot" for entry in told["entries"])
    assert " boot bits=supply|ac-lo|mt-pr" in inside("trace", hub["url"]).stdout


def test_a_hub_restarts_when_told(hub):
    before = json_of("identify", hub["url"])["boot"]
    assert json_of("restart", hub["url"])["restarting"] is True
    assert json_of("identify", hub["url"])["boot"] == before + 1


# ---- what is wrong is one sentence, and its exit code


@pytest.mark.parametrize(
    ("code", "arguments", "word"),
    [
        (2, ["nope"], "nope"),
        (2, ["identify"], "URL"),
        (2, ["identify", "sim:", "sim:"], "sim:"),
        (2, ["identify", "sim:", "--bad"], "--bad"),
        (2, ["identify", "sim:?x=1"], "'x'"),
        (2, ["identify", "sim:?seed=" + "9" * 5_000], "whole number"),
        (2, ["state", "foo://x"], "foo://x"),
        (2, ["identify", "/dev/null"], "/dev/null"),
        (2, ["identify", "han=/dev/null,han=/dev/null"], "once"),
        (2, ["monitor", "sim:", "--for", "soon"], "soon"),
        (2, ["virtual", "--speed", "0"], "0"),
        (2, ["virtual", "--bare", "--seed", "1", "--one-cable"], "leave --one-cable and --seed out"),
        (3, ["identify", "/dev/nope"], "/dev/nope"),
        (3, ["identify", "id:no-such-board"], "no-such-board"),
        (3, ["monitor", "socket://127.0.0.1:9"], "Nothing answers"),
        (1, ["state", "sim:?strap=0"], "strap"),
        (2, ["explain", "last"], "--file"),
        (2, ["esme", "declare", "sim:", "--keys", "/nope"], "/nope"),
        (2, ["headend", "sim:"], "chtool virtual"),
        (2, ["scenario", "nope"], "genuine-outage"),
    ],
)
def test_what_is_wrong_is_one_sentence(code, arguments, word):
    assert word in fails(code, *arguments)


def test_each_exit_code_is_the_process_s_own():
    for code, arguments in ((2, ["nope"]), (3, ["identify", "/dev/nope"]), (1, ["state", "sim:?strap=0"])):
        sentence_of(run(*arguments), code)


def test_a_port_that_does_not_answer_is_no_hub(monkeypatch):
    import pty

    monkeypatch.setattr("host_tools.link.client.TRY_MS", 100)
    board, slave = pty.openpty()
    assert "does not answer" in fails(3, "identify", os.ttyname(slave))
    os.close(board)
    os.close(slave)


def test_no_command_is_usage_and_help_names_them_all():
    done = inside()
    assert done.returncode == 2 and done.stdout == ""
    assert all(name in done.stderr for name in COMMANDS)
    done = inside("--help")
    assert done.returncode == 0 and all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_each_command_has_its_help(name):
    done = inside(name, "--help")
    assert done.returncode == 0 and "Usage: chtool " + name in done.stdout


def test_a_second_program_on_one_port_is_told_that_it_is_busy(hub):
    with started("monitor", hub["url"]) as process:
        _wait_for_frame(process, hub)
        assert "busy" in fails(3, "identify", hub["ports"]["bench"])
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
    assert json_of("identify", hub["url"])["hub"] == EUI


def _wait_for_frame(process: subprocess.Popen[str], hub: dict[str, Any]) -> str:
    """The first line that it prints: then its ports are open. The hub asks for the time once a minute of its own."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "time_request" in line, process.communicate(timeout=LIMIT_S)
    return line


def test_a_cable_pulled_in_mid_watch_is_one_sentence():
    with virtual_hub("--speed", "40") as own, started("monitor", own["url"]) as process:
        _wait_for_frame(process, own)
        own["process"].kill()
        _, told = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 3 and told.count("\n") == 1 and "is gone" in told


# ---- interrupted, piped, out of room


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize(("options", "folder"), [([], "chf-hub-*"), (["--bare"], "chf-board-*")])
def test_an_end_from_outside_is_quiet_and_leaves_nothing(options, folder, number, code, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with virtual_hub(*options) as own:
        assert list(tmp_path.glob(folder))
        own["process"].send_signal(number)
        out, told = own["process"].communicate(timeout=LIMIT_S)
    assert (own["process"].returncode, out, told) == (code, "", "")
    assert not list(tmp_path.glob(folder))


def test_a_virtual_hub_that_does_not_start_leaves_nothing(tmp_path, monkeypatch):
    def none_left() -> None:
        raise OSError("out of pty devices")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("host_tools.virtual.rig.Pty", none_left)
    assert fails(1, "identify", "sim:") == "out of pty devices."
    assert not list(tmp_path.glob("chf-hub-*"))


def test_who_ignores_a_closed_terminal_goes_on():
    own = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); from host_tools.cli import main; "
    asks = "signal.raise_signal(signal.SIGHUP); print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    code = own + f"import atexit; atexit.register(lambda: exec({asks!r})); main(['--version'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0 and done.stdout.endswith("True\n"), done


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_an_output_that_is_closed_is_no_error(closed):
    for code, arguments in ((0, ["scenario"]), (3, ["identify", "/dev/nope"])):
        closing = f"import os, sys; [os.close(n) for n in {closed}]; os.execv(sys.executable, sys.argv[1:])"
        command = [sys.executable, "-c", closing, sys.executable, "-m", "host_tools", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == code and "Traceback" not in done.stderr
        assert bool(done.stderr) == (code == 3 and 2 not in closed), done


def test_a_character_that_the_output_has_not_is_escaped(tmp_path):
    command = [sys.executable, "-m", "host_tools", "provision", tmp_path / "\N{LATIN SMALL LETTER U WITH DIAERESIS}"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "") and "\\xfc" in done.stdout


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e300", "soon"])
@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        (["monitor", "sim:", "--for"], "315,360,000"),
        (["virtual", "--for"], "315,360,000"),
        (["esme", "declare", "sim:", "--outage"], "315,360,000"),
        (["relay", "activate", "sim:", "--wait"], "315,360,000"),
        (["relay", "activate", "sim:", "--outage"], "315,360,000"),
        (["relay", "activate", "sim:", "--cancel-after"], "315,360,000"),
        (["budget", "sim:", "--for"], "from 40 to 160"),
        (["replay", "/dev/null", "--tolerance"], "from 0 to 3,600"),
    ],
)
def test_seconds_are_finite(arguments, most, number):
    sentence = fails(2, *arguments, number)
    assert arguments[-1] in sentence and f"'{number}' is no number of seconds" in sentence and most in sentence


@pytest.mark.parametrize("buffered", [True, False])
def test_a_pipe_that_closes_ends_it_quietly(buffered):
    reading, writing = os.pipe()
    os.close(reading)
    done = run("trace", "sim:", stdout=writing, buffered=buffered)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, which this system lacks")
def test_a_full_disk_is_one_sentence():
    with FULL.open("w") as full:
        assert "No space left" in sentence_of(run("identify", "sim:", stdout=full), 1)
    assert "No space left" in fails(1, "monitor", "sim:", "--for", "1", "--write", FULL)


def test_a_traceback_shows_only_when_asked_for():
    command = [sys.executable, "-m", "host_tools", "identify", "/dev/nope"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CHF_DEBUG": "1"}, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 1 and "Traceback" in done.stderr


# ---- on a terminal


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_there_are_tables_that_fit_and_no_colour_if_not_wanted(columns):
    plain = inside("scenario").stdout
    assert "\x1b" not in plain and "genuine-outage\t" in plain
    shown = on_terminal(columns, {"NO_COLOR": "1", "TERM": "xterm-256color"}, "scenario")
    assert "┃" in shown and "genuine-outage" in shown and "\x1b[3" not in shown
    widths = [len(line) for line in shown.replace("\r", "").split("\n") if line.startswith(("┃", "│"))]
    assert widths and max(widths) <= columns
    assert "\x1b[3" in on_terminal(columns, {"TERM": "xterm-256color"}, "scenario")


def on_terminal(columns: int, environment: dict[str, str], *arguments: str) -> str:
    """What a command prints on a terminal of that width."""
    import fcntl
    import pty
    import struct
    import termios

    board, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "host_tools", *arguments],
        cwd=ROOT,
        env={**kept, **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            octets = os.read(board, 65_536)
        except OSError:  # Linux says so of a PTY whose other end is closed
            break
        if not octets:
            break
        shown += octets
    os.close(board)
    assert process.wait(LIMIT_S) == 0
    return shown.decode()
