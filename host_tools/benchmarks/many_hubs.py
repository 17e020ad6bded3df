"""1,000 hubs at once, each the firmware in a VM of its own behind a PTY: how many answer, and how soon. POSIX only."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from host_tools import frames
from host_tools.benchmarks import vm
from host_tools.benchmarks.drift import identity
from host_tools.benchmarks.figure import Figure
from host_tools.errors import BenchError
from host_tools.virtual.process import Pty

NAMES = ("hubs-silent", "hubs-time", "hubs-memory")
HUBS = 1_000
QUICK_HUBS = 20
FILES_EACH = 2
SPARE_FILES = 100
START_S = 300.0  # until all have answered once
ANSWER_S = 60.0
PAGE_KIB = 4


class Hubs:
    """So many hubs. A context manager: it ends those that it started."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._count = count
        self.processes: list[subprocess.Popen[bytes]] = []
        self._ptys: dict[int, Pty] = {}

    def __enter__(self) -> Hubs:
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            try:
                self._start()
            except OSError as error:
                raise BenchError(
                    f"Only {len(self.processes):,} of {self._count:,} hubs start: {error.strerror}; raise the limit on "
                    "open files, processes or pseudo-terminals."
                ) from None
            undo.pop_all()
        return self

    def _start(self) -> None:
        who = identity()
        for _ in range(self._count):
            pty = Pty()
            self._stack.callback(pty.close)
            line, environment = vm.command("pty_answer", {"path": pty.path, "reply": "", "identity": who}, vm.ROOMY)
            quiet = subprocess.DEVNULL
            process = subprocess.Popen(line, cwd=self._folder, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)
            self._stack.callback(process.wait)
            self._stack.callback(process.kill)
            self.processes.append(process)
            self._ptys[pty.master] = pty

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def ask(self, request: bytes, name: str, deadline_s: float) -> tuple[int, float]:
        """(how many answer with a frame of that name, seconds until the last of them has)."""
        start = monotonic()
        waiting = {master: frames.Deframer() for master in self._ptys}
        poll = select.poll()
        last = start
        for master in waiting:
            poll.register(master, select.POLLIN)
            os.write(master, request)
        while waiting and (left := start + deadline_s - monotonic()) > 0:
            for master, event in poll.poll(left * 1000):
                octets = os.read(master, 4096) if event & select.POLLIN else b""
                said = [frames.parse(content).name for content in waiting[master].feed(octets)]
                if name in said or not octets:
                    poll.unregister(master)
                if name in said:
                    del waiting[master]
                    last = monotonic()
        return len(self._ptys) - len(waiting), last - start

    def memory_mib(self) -> float | None:
        """What the VMs hold of the memory for themselves, in all; None where the system does not say."""
        pages = 0
        for process in self.processes:
            try:
                resident, shared = Path(f"/proc/{process.pid}/statm").read_text().split()[1:3]
            except OSError:
                return None
            pages += int(resident) - int(shared)
        return pages * PAGE_KIB / 1024


@contextlib.contextmanager
def open_files(count: int) -> Iterator[None]:
    """With a limit on open files that allows so many, where the system lets this process raise it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def take(quick: bool) -> list[Figure]:
    count = QUICK_HUBS if quick else HUBS
    request = frames.to_wire(frames.build("identify", {}))
    with open_files(FILES_EACH * count + SPARE_FILES), vm.scripts() as folder:
        begun = monotonic()
        with Hubs(folder, count) as hubs:
            first, _ = hubs.ask(request, "identity", START_S)
            started_s = monotonic() - begun
            answered, taken_s = hubs.ask(request, "identity", ANSWER_S) if first == count else (first, ANSWER_S)
            memory = hubs.memory_mib()
    how = f"{count:,} VMs at once on {os.cpu_count()} processors, each the whole firmware on a PTY of its own"
    return [
        Figure(
            "hubs-silent", count - answered, "hubs", 0, f"{how}: those that leave an 'identify' asked of all unanswered"
        ),
        Figure(
            "hubs-time",
            taken_s,
            "s",
            None,
            f"{how}: from the first 'identify' sent until the last hub has answered; started and booted in "
            f"{started_s:.0f} s",
        ),
        Figure("hubs-memory", memory, "MiB", None, f"{how}: what their processes hold, without what they share"),
    ]
