"""Cables that a test can pull: PTYs, and a server on loopback."""

from __future__ import annotations

import contextlib
import os
import pty
import socket

WAIT_S = 5.0


class Cable:
    """A PTY: `path` is the port, `board` the other end."""

    def __init__(self) -> None:
        self.board, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)

    def pull(self) -> None:
        for descriptor in (self.board, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def url_of(server: socket.socket) -> str:
    return f"socket://127.0.0.1:{server.getsockname()[1]}"
