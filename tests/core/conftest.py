"""The fixture `world`: makes Worlds, and has the oracle judge each of them when its test ends."""

import os

import pytest

from tests.core.model import World
from tests.core.oracle import Oracle
from tests.core.traces import COLLECT, write

TRACES = []  # (test's name, World), for tests/core/traces.py
_COLLECT = os.environ.get(COLLECT)


@pytest.fixture
def world(request):
    made = []

    def make(power_on=True, **options):
        one = World(**options)
        made.append(one)
        if power_on:
            one.power_on()
        return one

    yield make
    for one in made:
        Oracle(one).check()
        if _COLLECT:
            TRACES.append((request.node.name, one))


def pytest_sessionfinish():
    if _COLLECT:
        write(_COLLECT, TRACES)
