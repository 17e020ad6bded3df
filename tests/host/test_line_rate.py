"""Line rates that boards keep up with: worked by hand."""

import pytest

from host_tools import boards
from host_tools.benchmarks import line_rates
from host_tools.boards import line_rate


@pytest.mark.parametrize(("each_us", "rate"), [(20.0, 115_200), (21.71, 57_600), (0.1, 921_600), (300.0, 0)])
def test_two_full_links_take_half_of_the_time_at_most(each_us, rate):
    # 115,200 baud are 11,520 octets a second on each of two links: 0.5 s / 23,040 is 21.70 us for each octet.
    assert line_rate.good_for(each_us) == rate


def test_a_board_s_octet_is_the_vm_s_times_what_the_board_is_slower():
    run = line_rate.Run(0.02, 4.0, 0.5)
    assert line_rate.octet_us(boards.load("pico"), run) == pytest.approx(0.02 * 4 * 150)
    assert line_rate.octet_us(boards.load("pico"), run, viper=True) == pytest.approx(0.02 * 0.5 * 68)
    assert line_rate.octet_us(boards.load("pico2"), run) == pytest.approx(0.02 * 4 * 150 * 125 / 150)
    assert line_rate.octet_us(boards.load("pico"), line_rate.Run(0.02, 4.0, None), viper=True) is None


def test_there_is_a_figure_for_each_board_and_it_says_what_it_is():
    figures = line_rates.figures(0.028, 4.5, None)
    assert [figure.name for figure in figures] == list(line_rates.NAMES)
    assert all("Derived, not measured" in figure.how and "viper module" not in figure.how for figure in figures)
