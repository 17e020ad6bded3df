"""A hub's cables as one line in real time: their URLs, who says what, lost ports and ports that come back."""

from __future__ import annotations

import os
import time

import pytest
from cables import WAIT_S, Cable, url_of

from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import transport
from host_tools.link.serial_line import SerialLine, open_line
from host_tools.link.transport import TransportLost, parse_links

# ---- URLs of cables


def test_one_cable_for_all_or_one_for_each_link():
    assert parse_links("/dev/ttyACM0") == ({"all": "/dev/ttyACM0"}, 1)
    assert parse_links("han=a,wan=socket://h:1,bench=c,speed=20") == (
        {"han": "a", "wan": "socket://h:1", "bench": "c"},
        20,
    )
    assert parse_links("rfc2217://h:1?a=b,speed=2") == ({"all": "rfc2217://h:1?a=b"}, 2)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a,b",
        "han=",
        "han=a,han=b",
        "a,han=b",
        "speed=4",
        "han=a,speed=0",
        "han=a,speed=x",
        "han=a,speed=-1",
        "a,speed=" + "9" * 5_000,
    ],
)
def test_cables_that_do_not_fit_are_refused(url):
    with pytest.raises(BenchError) as caught:
        parse_links(url)
    assert caught.value.exit_code == EXIT_USAGE


def test_a_line_that_opens_in_part_leaves_no_port_open(cable):
    with pytest.raises(BenchError, match="/dev/nope"):
        open_line(f"han={cable.path},wan=/dev/nope")
    transport.open(cable.path).close()


# ---- a line in real time


def test_a_line_hears_all_its_cables_and_says_which():
    cables = [Cable(), Cable()]
    line = open_line(f"wan={cables[0].path},bench={cables[1].path}")
    os.write(cables[1].board, b"b")
    assert line.step(line.now_ms + 5_000) == [(2, b"b")]
    os.write(cables[0].board, b"w")
    assert line.step(line.now_ms + 5_000) == [(1, b"w")]
    line.write("wan", b"out")
    assert os.read(cables[0].board, 10) == b"out"
    with pytest.raises(BenchError, match="han=URL") as caught:
        line.write("han", b"x")
    assert caught.value.exit_code == EXIT_USAGE
    line.close()
    for each in cables:
        each.pull()


def test_a_step_lasts_until_its_time_at_the_line_s_speed(cable):
    line = open_line(f"{cable.path},speed=20")
    started, before = time.monotonic(), line.now_ms
    assert line.step(before + 2_000) == []
    assert line.now_ms >= before + 2_000
    assert 0.1 <= time.monotonic() - started < 1.0
    line.close()


def test_a_lost_cable_ends_the_line_after_what_was_heard(cable):
    line = open_line(cable.path)
    os.write(cable.board, b"last")
    assert line.step(line.now_ms + 5_000) == [(0, b"last")]
    cable.pull()
    with pytest.raises(TransportLost):
        line.step(line.now_ms + 5_000)
    with pytest.raises(TransportLost):
        line.step(line.now_ms + 5_000)
    line.close()


def test_a_network_port_that_comes_back_is_opened_again_where_a_restart_is_expected(server):
    line = open_line(url_of(server), reopen_s=WAIT_S)
    first, _ = server.accept()
    first.close()
    second, _ = server.accept()
    said: list[tuple[int, bytes]] = []
    for _ in range(50):
        second.sendall(b"back")  # again: pyserial drops what comes while it opens a port
        said = line.step(line.now_ms + 100)
        if said:
            break
    assert said and said[0][1].startswith(b"back")
    line.write("bench", b"hello")
    second.settimeout(WAIT_S)
    assert second.recv(10) == b"hello"
    second.close()
    server.close()
    line.close()


def test_a_network_port_that_hangs_up_is_lost_where_none_is(server):
    line = SerialLine({"all": transport.open(url_of(server))})
    accepted, _ = server.accept()
    accepted.close()
    with pytest.raises(TransportLost):
        line.step(line.now_ms + 5_000)
    line.close()
