"""The example tests' scripts as traces that any VM can repeat: `python -m tests.core.traces` writes traces.json anew.

A trace: {"name", "options", "script", "log"}, the log one line an entry as replay.Entry.text() has it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).with_name("traces.json")
COLLECT = "CHF_COLLECT_TRACES"  # names the file that a test session is to write its traces to
LONGEST = 60  # steps of a script, lines of a log: longer lives repeat what shorter ones show
OF_ONE_TEST = 2  # of its parameters
EXAMPLES = "test_core_[!p]*.py"  # all but the random lives


def write(path, worlds):
    """`worlds`: (test's name, World). One trace a test and life, of those that are short and say something new."""
    traces = []
    seen = set()
    taken = {}
    for name, world in worlds:
        log = [entry.text() for entry in world.hub.log]
        test = name.partition("[")[0]
        if max(len(world.script), len(log)) > LONGEST or tuple(log) in seen or taken.get(test) == OF_ONE_TEST:
            continue
        seen.add(tuple(log))
        taken[test] = taken.get(test, 0) + 1
        traces.append({"name": name, "options": world.options, "script": world.script, "log": log})
    lines = ",\n".join(json.dumps(trace, separators=(",", ":")) for trace in sorted(traces, key=json.dumps))
    Path(path).write_text("[\n" + lines + "\n]\n")


def load(path=FILE):
    return json.loads(Path(path).read_text())


def replayed(trace):
    """The log that this core gives for a trace."""
    from tests.core.replay import Hub  # the command above runs without the firmware on its path

    return [entry.text() for entry in Hub(trace["options"]).run(trace["script"])]


def collect(path):
    """Runs the example tests; their traces are then in the file `path`. Returns pytest's exit code."""
    files = sorted(str(file) for file in FILE.parent.glob(EXAMPLES))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files]
    return subprocess.run(command, env={**os.environ, COLLECT: str(path)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(collect(FILE))
