"""Whether a sample can be skipped, around a deadline, on ticks that wrap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chf.core.recovery import Recovered
from chf.core.supervisor import Supervisor
from chf.core.ticks import HALF, MASK, add, diff
from tests.core.replay import ESME, HUB, Config

ticks = st.integers(0, MASK) | st.sampled_from((0, 1, HALF - 1, HALF, HALF + 1, MASK - 1, MASK))


@pytest.fixture(scope="module")
def supervisor():
    return Supervisor(Config(HUB, ESME), Recovered())


@given(ticks, st.sampled_from((-HALF, -1, 0, 1, 2, HALF - 1)) | st.integers(-HALF, HALF - 1))
def test_a_hub_is_quiet_until_its_deadline_over_the_wrap_too(supervisor, deadline, after):
    supervisor._deadline = deadline
    now = add(deadline, after)
    assert diff(now, deadline) == after
    assert supervisor.quiet(now, supervisor.bits, 5_000) == (after < 0)
    assert not supervisor.quiet(now, supervisor.bits ^ 1, 5_000)


def test_without_a_deadline_only_the_lines_count(supervisor):
    supervisor._deadline = None
    assert supervisor.quiet(7, supervisor.bits, 0) and not supervisor.quiet(7, supervisor.bits ^ 1, 0)
