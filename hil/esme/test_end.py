"""How an activation ends: reported, repeated until the hub has it, true, and not before its time."""

import itertools

import pytest

from chf.wire import schema as s
from hil.esme.meter import REPEATS_MS

pytestmark = pytest.mark.needs("activate")
EVERY_MS = 5_000
GIVES_MS = 500  # what "every 5 s" may be off
FOR_MS = 600_000
LAST_MS = FOR_MS - EVERY_MS  # the last of the repeats that fill this time
SOON_MS = 10_000


def copies(meter, said, for_ms):
    """The times of all copies of a message that nobody answers, in that time."""
    meter.wait(said.at_ms + for_ms + EVERY_MS - meter.now_ms, lambda: False)
    assert len(meter.messages_said(said.name)) == 1, "a repeat is the very same octets"
    return [one.at_ms for one in meter.repeats(said)]


@pytest.mark.requirement("END-01")
def test_the_report_is_repeated_for_ten_minutes(lab):
    meter = lab()
    hub = meter.hub

    def long_enough(said):
        return said.at_ms - meter.repeats(said)[0].at_ms >= LAST_MS - meter.slack_ms

    # The last of them is answered, so that the meter does not come back to it later.
    hub.mood = lambda said: hub.as_it_must(said) if said.name == "activation_pending" or long_enough(said) else None
    times = copies(meter, meter.activated(), FOR_MS)
    answered = [at_ms for at_ms, one in hub.acked if one.name == "activation_complete"]
    times = [at_ms for at_ms in times if not answered or at_ms <= answered[0]]
    assert times[-1] - times[0] >= LAST_MS - meter.slack_ms
    apart = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(abs(one - EVERY_MS) <= GIVES_MS + meter.slack_ms for one in apart), sorted(set(apart))


@pytest.mark.requirement("END-02")
@pytest.mark.needs("cancel")
@pytest.mark.parametrize("answer", ["silence", "busy"])
def test_an_activation_that_is_given_up_is_cancelled(lab, answer):
    meter = lab()
    hub = meter.hub
    hub.mood = hub.silent if answer == "silence" else lambda said: hub.refuse(said, s.REFUSED_BUSY)
    meter.trigger()
    meter.await_declaration()
    hub.mood = hub.silent
    meter.rig.cancel()
    assert meter.wait(SOON_MS, lambda: bool(meter.said("activation_cancel"))), "the hub is not told"
    times = copies(meter, meter.said("activation_cancel")[0], 30_000)
    assert len(times) >= 6
    hub.mood = hub.as_it_must
    meter.wait(REPEATS_MS, lambda: bool(hub.acked))
    assert not meter.lost()


@pytest.mark.requirement("END-03")
@pytest.mark.needs("bad-image")
def test_a_failure_is_no_success(lab):
    meter = lab()
    meter.trigger(bad=True)
    meter.await_declaration()
    ends = ("activation_complete", "activation_cancel")
    meter.wait(2 * FOR_MS, lambda: any(one.name in ends for one in meter.hub.said))
    (end, *_) = [one for one in meter.hub.said if one.name in ends] or [None]
    if end is None:
        meter.await_report()
    assert end.name == "activation_cancel" or end.fields["result"] != s.RESULT_SUCCESS


@pytest.mark.requirement("END-04")
@pytest.mark.needs("supply-sense")
def test_nothing_is_completed_before_supply_is_back(lab):
    meter = lab()
    meter.trigger()
    meter.await_declaration()
    meter.await_loss()
    meter.await_back()
    assert not [one for one in meter.said("activation_complete") if one.at_ms < meter.gaps()[-1].back_ms]
    meter.await_report()
