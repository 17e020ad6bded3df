"""Fixtures of the host tools' tests: cables to pull, servers to hang up."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from cables import WAIT_S, Cable


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.pull()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(WAIT_S)
        yield listening
