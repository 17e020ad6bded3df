"""What goes wrong on the host: one sentence for a person, and the exit code that the command ends with."""

from __future__ import annotations

import signal

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_BOARD = 3
EXIT_FLASH = 4
EXIT_BY_SIGNAL = 128  # and its number, as a shell says it: 143 by SIGTERM, 129 by a terminal that is closed
EXIT_INTERRUPTED = EXIT_BY_SIGNAL + 2  # by Ctrl-C
EXIT_PIPE_CLOSED = EXIT_BY_SIGNAL + 13  # by a reader that has gone
EXIT_TERMINATED = EXIT_BY_SIGNAL + 15


def heed_interrupts() -> None:
    """SIGINT ends this process as Ctrl-C does, over the default of a shell's background job, which is to ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class BenchError(Exception):
    """One sentence that names the thing and the mend."""

    def __init__(self, sentence: str, exit_code: int = EXIT_FAILED):
        super().__init__(sentence)
        self.exit_code = exit_code
