"""Applies each mutant to a copy of the project and runs its tests: `python -m tests.mutants [--jobs N] [WORD...]`.

WORD: only the mutants whose invariant, file or text contains it. Ends with exit code 1 where a mutant survives, and
says which; 2 where the words name none.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("firmware", "boards", "host_tools", "tests", "hil", "pyproject.toml", "tasks.py", "README.md", "LICENSE")
HIDDEN = (".gitignore", "CHANGELOG.md")
DEADLINE_S = 300
# Recorded logs differ for any change at all: a mutant must fall to a test that says what is wrong.
WITHOUT = ("tests/core/test_trace_replay.py",)


def copy_to(folder: Path) -> None:
    """Copies what the tests need."""
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis", "build", "*.mpy")
    for name in (*COPIED, *HIDDEN):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, folder / name)


def killer(mutant: Mutant, folder: Path) -> str | None:
    """The test that notices the mutant, None where none does."""
    file = folder / mutant.file
    text = file.read_text()
    file.write_text(text.replace(mutant.old, mutant.new))
    ignored = [f"--ignore={name}" for name in WITHOUT]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *ignored, *mutant.tests.split()]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "the deadline: it hangs"
    finally:
        file.write_text(text)
    if run.returncode == 0:
        return None
    failed = [line.split(" ")[1] for line in run.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else f"pytest's exit code {run.returncode}"


def judge(mutants: list[Mutant], jobs: int) -> list[Mutant]:
    """Prints a line for each mutant; returns those that survive."""
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folders: Queue[Path] = Queue()
        for job in range(jobs):
            folder = Path(name) / str(job)
            folder.mkdir()
            copy_to(folder)
            folders.put(folder)

        def one(mutant: Mutant) -> str | None:
            folder = folders.get()
            try:
                return killer(mutant, folder)
            finally:
                folders.put(folder)

        with ThreadPoolExecutor(jobs) as pool:
            for mutant, by in zip(mutants, pool.map(one, mutants), strict=True):
                change = " ".join(mutant.old.split())[:60]
                print(f"{'killed' if by else 'SURVIVES':8} {mutant.invariant:18} {mutant.file}: {change}", flush=True)
                if by:
                    print(f"{'':27} by {by}", flush=True)
                else:
                    survivors.append(mutant)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Mutants of the invariants.")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chosen = [one for one in MUTANTS if all(any(word in part for part in one) for word in options.words)]
    if not chosen:
        print(f"No mutant has {' and '.join(options.words)} in it.", file=sys.stderr)
        return 2
    survivors = judge(chosen, max(1, options.jobs))
    print(f"{len(chosen)} mutants, {len(survivors)} survive")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
