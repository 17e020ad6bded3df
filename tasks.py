"""Sets the project's environment up and runs its tasks: `python3 tasks.py TASK`, or `inv TASK` inside the environment.

Started by any Python, it needs the standard library alone: it makes .venv with the versions that pyproject.toml pins
and hands over to invoke there. Exit codes: 0 passed, 1 something failed, 2 usage; `hil` adds 3, no board or port busy.
"""

import contextlib
import functools
import hashlib
import inspect
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

try:
    import invoke
except ImportError:  # before the set-up, and in any other Python
    invoke = None  # type: ignore[assignment]

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
LOCK_DEADLINE_S = 900  # a first set-up downloads about 100 MB, and a second run waits for it
USAGE = 2

TASKS: dict = {}  # name: (body, the group of pins that it needs)
# Group of pins: what the environment gets, step by step.
STEPS = {"runtime": ("runtime",), "dev": ("runtime", "dev"), "bench": ("runtime", "dev", "bench")}
TELLS = {"dev": "the tools for tests and checks", "bench": "what the benchmarks compare with"}


def fail(sentence, code=1):
    """Ends the run with one sentence on stderr."""
    print(sentence, file=sys.stderr)
    raise SystemExit(code)


def task(group, **option_help):
    """Registers a task that needs the pins of `group`, with invoke too where that is installed."""

    def register(body):
        @functools.wraps(body)
        def prepared(*args, **options):
            if not inside():
                fail(f"Run this inside the project's environment, or run: python3 {ROOT / 'tasks.py'} TASK", USAGE)
            set_up(group)
            return body(*args, **options)

        TASKS[body.__name__.replace("_", "-")] = (body, group)  # as invoke calls it
        return invoke.task(auto_shortflags=False, help=option_help)(prepared) if invoke else prepared

    return register


# ---- Set-up ----


def project():
    """pyproject.toml as a dictionary."""
    import tomllib  # here, so that an older Python still reaches its one sentence

    try:
        return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        fail(f"pyproject.toml cannot be read: {error}", USAGE)


def pins(step):
    """What a step installs: "runtime" the demo and chtool, "dev" tests and checks on top, "bench" what is compared."""
    table = project()
    extras = table["project"]["optional-dependencies"]
    more = {
        "runtime": table["build-system"]["requires"] + table["project"]["dependencies"],
        "dev": extras["hil"] + extras["emulated"],
        "bench": [],
    }
    return more[step] + table["dependency-groups"][step]


def stamp_text(requirements):
    """Names one set-up: what it installs, for which Python, in which folder (an environment does not move)."""
    data = project()
    version = data["project"].get("version") or (ROOT / data["tool"]["hatch"]["version"]["path"]).read_text("utf-8")
    state = [*sorted(requirements), version, sys.version, str(ROOT)]
    return hashlib.sha256("\n".join(state).encode()).hexdigest()


def fresh(stamp, requirements):
    """Whether the set-up that wrote the file `stamp` last was for these requirements."""
    try:
        return stamp.read_text() == stamp_text(requirements)
    except FileNotFoundError:
        return False


def clean_environment():
    """The environment without the variables that would send Python or pip elsewhere."""
    dropped = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "__PYVENV_LAUNCHER__"}
    return {name: os.environ[name] for name in os.environ if name not in dropped}


def pip(*arguments):
    """Runs the environment's pip."""
    command = [PYTHON, "-I", "-m", "pip", *arguments, "-qq", "--disable-pip-version-check", "--no-input"]
    if subprocess.run(command, env=clean_environment(), stdin=subprocess.DEVNULL).returncode:
        fail("The set-up stopped because pip failed, as it says above: mend that and run this again.")


def install(requirements, *options):
    """Installs pinned requirements and resolves nothing, so that nothing comes in that is not pinned."""
    pip("install", "--no-deps", *options, *requirements)


def take_lock(file):
    """Locks an open file until it is closed; False where another process holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def lock(deadline_s=LOCK_DEADLINE_S):
    """Lets one run at a time change what is installed."""
    end = time.monotonic() + deadline_s
    with open(ROOT / ".venv.lock", "a") as file:
        told = False
        while not take_lock(file):
            if time.monotonic() > end:
                fail(f"Another run has held the set-up for {deadline_s} s: end it and run this again.")
            if not told:
                print("Waiting for another run to finish its set-up.", file=sys.stderr)
            told = True
            time.sleep(0.1)
        yield


def make_venv():
    """Makes .venv anew, with this Python."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail("This Python lacks its venv module: install it (Debian, Ubuntu: python3-venv) and run this again.")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        reason = (done.stdout.strip().splitlines() or ["no reason given"])[-1]
        fail(f"Python could not make the environment {VENV}: {reason}")


def inside():
    """Whether this Python is the environment's own."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def set_up(group):
    """Brings .venv to the pins of `group`. A stamp is written last: a set-up that was cut off is done again."""
    with lock():
        stamp, wanted = VENV / "chf-runtime.stamp", pins("runtime")
        if not fresh(stamp, wanted):
            if inside():
                fail(f"pyproject.toml is newer than this environment: leave it and run {ROOT / 'tasks.py'}", USAGE)
            print("Setting up .venv (once; about a minute).", file=sys.stderr)
            make_venv()
            install(wanted)
            install(["--editable", str(ROOT)], "--no-build-isolation")
            if sys.version_info < (3, 12):  # venv brings it there alone; gone, nothing can come to need it
                pip("uninstall", "--yes", "setuptools")
            stamp.write_text(stamp_text(wanted))
        for step in STEPS[group][1:]:
            stamp, wanted = VENV / f"chf-{step}.stamp", pins(step)
            if not fresh(stamp, wanted):
                print(f"Adding {TELLS[step]} to .venv (once).", file=sys.stderr)
                install(wanted)
                stamp.write_text(stamp_text(wanted))


# ---- Tasks ----


def run(*command):
    """Runs a module of the environment at the project's root, on this terminal; returns its exit code.

    Whoever ends this process by SIGTERM or SIGHUP ends the module, too.
    """
    sys.stdout.flush()
    got = []
    with subprocess.Popen([PYTHON, "-m", *command], cwd=ROOT, env=clean_environment()) as child:

        def pass_on(number, frame):
            got.append(number)
            child.terminate()

        ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        heeded = [number for number in ends if signal.getsignal(number) != signal.SIG_IGN]  # nohup stays nohup
        before = {number: signal.signal(number, pass_on) for number in heeded}
        try:
            child.wait()
        except KeyboardInterrupt:
            child.kill()
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if got:
        sys.exit(128 + got[0])
    return child.returncode


@task("runtime")
def demo(c):
    """Run the main job on a virtual hub and write build/demo/report.html."""
    sys.exit(run("host_tools.demo"))


@task("dev")
def test(c):
    """Run tests/, then the conformance suites on a virtual hub and a simulated meter; end in one line of counts."""
    sys.exit(run("tests.run"))


@task("dev")
def mutants(c):
    """Break each guard in a copy of the project, one at a time, and see a test fail (long)."""
    sys.exit(run("tests.mutants"))


@task(
    "dev",
    dut="URL of the hub under test (default: a virtual hub)",
    rig="URL of the rig (default: the virtual hub's own)",
    keys="identity file of that hub (chtool provision)",
    report="folder for the report",
    require="capabilities that must be there, CAP[,CAP]",
    k="run only the scenarios that match this expression",
    pytest="further options for pytest, in one string",
)
def hil(c, dut="", rig="", keys="", report="", require="", k="", pytest=""):
    """Run the conformance suite on a hub: --dut URL --rig URL --keys FILE --report DIR --require CAPS -k EXPR."""
    given = {"--hil-dut": dut, "--hil-rig": rig, "--hil-require": require, "-k": k}
    conformance("hil", dut, given, {"--hil-report": report, "--hil-keys": keys}, pytest)


@task(
    "dev",
    dut="URL of the HAN of the meter under test (default: a simulated meter)",
    rig="URL of that meter's rig (hil/esme/RIG.md)",
    keys="identity file of that meter and its hub (chtool provision)",
    cs06="file of CS06 messages that the meter obeys, one a line in hex",
    report="folder for the report",
    require="capabilities that must be there, CAP[,CAP]",
    k="run only the scenarios that match this expression",
    pytest="further options for pytest, in one string",
)
def hil_esme(c, dut="", rig="", keys="", cs06="", report="", require="", k="", pytest=""):
    """Run the conformance suite on a meter: --dut URL --rig URL --keys FILE --cs06 FILE --report DIR -k EXPR."""
    given = {"--esme-dut": dut, "--esme-rig": rig, "--hil-require": require, "-k": k}
    files = {"--hil-report": report, "--hil-keys": keys, "--esme-cs06": cs06}
    conformance("hil/esme", dut, given, files, pytest)


def conformance(suite, dut, values, files, more):
    """Ends with the exit code of a conformance suite; values, files: option to value, "" where it is not given; more:
    further options in one string."""
    try:
        further = shlex.split(more)
    except ValueError as error:
        fail(f"--pytest {more} cannot be read: {str(error).lower()}.", USAGE)
    options = {**values, **{option: path and str(Path(path).absolute()) for option, path in files.items()}}
    given = [part for option, value in options.items() if value for part in (option, value)]
    # What is real is one, and so is what has a rig of its own: scenarios run one after another.
    one = any(part.partition("=")[0] in ("--hil-rig", "--hil-shared") for part in [*given, *further])
    if not one and (not dut or dut.startswith(("sim:", "emu:pico"))):
        given += ["-n", "auto"]
    elif not one and dut.startswith("bare:"):  # boards that wait more than they work
        given += ["-n", "12", "--dist", "worksteal"]
    code = run("pytest", suite, *given, *further)
    sys.exit(USAGE if code in (4, 5) else code)  # pytest's own codes for bad usage and for no test found


@task(
    "runtime",
    board="which board (default: the one that is found)",
    port="its REPL's port (default: the one with a board's USB id)",
    keys="identity file, made where there is none",
    uf2="MicroPython for a bare chip that takes UF2 files",
    bin="MicroPython for a bare ESP32",
    erase="with --bin: erase the chip first, its keys and journals too",
    replace="put the hub in the place of other firmware",
    framer="native (machine code) or bytecode (default: as the board's board.toml says)",
)
def flash(c, board="", port="", keys="", uf2="", bin="", erase=False, replace=False, framer=""):
    """Put the firmware on a dev board, provision it once, ask who it is: --board NAME --port URL."""
    files = {name: path and str(Path(path).absolute()) for name, path in (("keys", keys), ("uf2", uf2), ("bin", bin))}
    options = {"board": board, "port": port, "framer": framer, **files}
    given = [part for name, value in options.items() if value for part in (f"--{name}", value)]
    given += [f"--{name}" for name, wanted in (("erase", erase), ("replace", replace)) if wanted]
    sys.exit(run("host_tools", "flash", *given))


@task("dev")
def lint(c):
    """Check style and formatting with ruff."""
    codes = [run("ruff", "check", "."), run("ruff", "format", "--check", ".")]
    sys.exit(int(any(codes)))


@task("dev")
def types(c):
    """Check types with mypy: firmware and each board against its MicroPython stubs, host code as usual."""
    sys.exit(run("tests.check_types"))


@task("bench", json="file for the figures")
def bench(c, json=""):
    """Measure speed and memory against their bars; --json FILE keeps the figures."""
    sys.exit(run("host_tools.benchmarks", *(["--json", str(Path(json).absolute())] if json else [])))


@task("dev")
def size(c):
    """What the firmware takes: octets as .mpy, octets a code line, heap to compile a file, heap for the code."""
    sys.exit(run("host_tools.benchmarks", "-k", "mpy,compile-heap,code-heap"))


# ---- The command line before the set-up ----


def options_of(name):
    """The options of a task: {option as typed: whether it takes a value}."""
    parameters = list(inspect.signature(TASKS[name][0]).parameters.values())[1:]
    return {("-" if len(p.name) == 1 else "--") + p.name: p.default is not False for p in parameters}


def parse(arguments):
    """The tasks that `arguments` name, in order; ends with one sentence where they name something that is not there."""
    names = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            if word not in TASKS:
                fail(f"There is no task {word!r}: the tasks are {', '.join(TASKS)}.", USAGE)
            names.append(word)
            continue
        option, equals, _ = word.partition("=")
        if not names:
            fail(f"Options follow a task, and {option} does not: the tasks are {', '.join(TASKS)}.", USAGE)
        options = options_of(names[-1])
        if option not in options:
            fail(f"{names[-1]} has no option {option}: it has {', '.join(options) or 'none'}.", USAGE)
        if options[option] and not equals:
            if not rest:
                fail(f"{option} of {names[-1]} needs a value.", USAGE)
            rest.pop(0)
    return names


def main(arguments):
    """Sets up what the named tasks need and runs them inside the environment."""
    if sys.version_info < OLDEST_PYTHON:
        fail("This needs Python {}.{} or newer, and is {}.{}.".format(*OLDEST_PYTHON, *sys.version_info), USAGE)
    if not arguments or {"-h", "--help"} & set(arguments):
        print("usage: python3 tasks.py TASK [OPTION...]\n\nSets .venv up where that is needed, then runs the task:")
        print("\n".join(f"  {name:8} {body.__doc__}" for name, (body, _) in TASKS.items()))
        return
    set_up(max((TASKS[name][1] for name in parse(arguments)), key=list(STEPS).index))
    # -P: the folder that the caller stands in must not hide a module.
    command = [PYTHON, "-P", "-m", "invoke", "--search-root", str(ROOT), *arguments]
    if os.name == "nt":  # exec there returns to the shell at once
        sys.exit(subprocess.run(command, env=clean_environment()).returncode)
    os.execve(PYTHON, command, clean_environment())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # a full disk, a folder that cannot be written
        fail(f"The set-up stopped: {error}")
