"""The figures of the triage: what is generated is as it says, and what is measured is the command itself."""

from __future__ import annotations

import json

import pytest
from dno_lines import stream

from host_tools.benchmarks import triage
from host_tools.dno import read
from host_tools.dno.triage import triage as sort_out
from host_tools.errors import BenchError


def test_the_lines_are_the_same_each_time_and_good(tmp_path):
    lines = list(triage.lines(3_000))
    assert lines == list(triage.lines(3_000)) != list(triage.lines(3_000, seed=4))
    bad: list[read.Bad] = []
    found = sort_out(list(read.read(stream("".join(lines).encode()), "f", bad.append)))
    assert bad == [] and found.counts["ad1_lines"] == 3_000
    assert found.counts["repeated"] > 30 and found.counts["contradicting"] == 0
    assert found.outages["activation"].any() and (found.outages["restored_by"] == 0).any()


def test_a_large_file_has_mass_windows_and_isolated_ones():
    lines = "".join(triage.lines(20_000)).encode()
    windows = sort_out(read.read(stream(lines), "f", print)).windows
    assert 0 < windows["mass"].sum() < windows.height


def test_what_is_measured_is_the_command(monkeypatch):
    seconds, memory = triage.take(True)
    assert (seconds.name, memory.name) == triage.NAMES and seconds.value > 0 and 50 < memory.value < memory.bar
    assert f"{triage.ALERTS_QUICK:,} AD1" in seconds.how and json.dumps(seconds.to_json())
    assert (seconds.bar, memory.bar) == (30, 1024)


def test_a_triage_that_fails_has_no_time(monkeypatch):
    monkeypatch.setattr(triage, "lines", lambda alerts: ["no JSON\n"])
    with pytest.raises(BenchError, match="exit code 1"):
        triage.take(True)


def test_a_triage_that_lost_alerts_has_no_time(monkeypatch):
    whole = triage.lines
    monkeypatch.setattr(triage, "lines", lambda alerts: whole(alerts - 1))
    with pytest.raises(BenchError, match="read 19999 of 20000"):
        triage.take(True)
