"""One peer of the hub at a URL on its stage: in a whole testbed where there is a rig, else alone on the hub's line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from chf.wire import schema as s
from host_tools.bench import Bench
from host_tools.cli.watch import Recorder
from host_tools.deploy.provisioning import new_identity
from host_tools.link import connect, own_rig
from host_tools.link.client import Client
from host_tools.link.connect import capture_about
from host_tools.link.recorded import Recorded
from host_tools.link.serial_line import SerialLine
from host_tools.names import names_of
from host_tools.sim.headend import Alert
from host_tools.sim.peer import Peer
from host_tools.testbed import Testbed

ANSWER_MS = 10_000  # more than all tries of a peer
SETTLE_S = 4.0  # after supply is back: it must be good for 2 s
PeerType = TypeVar("PeerType", bound=Peer)
# (identity, key of the peer, whether the hub has its bench strap, line of the hub) -> the peer
Alone = Callable[[dict[str, Any], bytes, bool, SerialLine], PeerType]


class Play(NamedTuple, Generic[PeerType]):
    """A peer, the bench that carries it, its speed, and the testbed where there is a rig."""

    peer: PeerType
    bench: Bench
    speed: int
    testbed: Testbed | None

    def wait(self, until: Callable[[], bool]) -> bool:
        """Let time pass until it comes true, or no answer will come any more; whether it did."""
        return self.bench.advance(ANSWER_MS * max(1, self.speed), until=until)


@contextlib.contextmanager
def staged(
    url: str,
    identity: dict[str, Any] | None,
    of_testbed: Callable[[Testbed], PeerType],
    alone: Alone[PeerType],
    *,
    key: str,
    live: bool,
    rig: bool = False,
    capture: str | None = None,
) -> Iterator[Play[PeerType]]:
    """The peer that `of_testbed` picks where a rig is there or wanted, else the one that `alone` makes.

    key: the identity's name of the peer's live key. live: the hub has no bench strap. capture: a file for all frames.
    Raises BenchError where there is no such hub, or the file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        recorder = Recorder(None, capture, url, **({} if capture is None else _about(url, identity)))
        stack.callback(recorder.close)
        if rig or own_rig.brings_rig(url):
            bed = stack.enter_context(connect.connect(url, None, identity, recorder.keep))
            play = Play(of_testbed(bed), bed.bench, getattr(bed.rig, "speed", 1), bed)
        else:
            who = identity or new_identity(1)
            line = stack.enter_context(contextlib.closing(connect.line_of(url)))
            peer = alone(who, bytes.fromhex(who["keys"][key if live else f"bench_{key}"]), not live, line)
            heard = line if recorder.keep is None else Recorded(line, recorder.keep)
            play = Play(peer, Bench(heard, [peer], not live), line.speed, None)
        try:
            yield play
        finally:
            recorder.take(play.bench.capture)


def _about(url: str, identity: dict[str, Any] | None) -> dict[str, Any]:
    """For the header of a capture."""
    about = capture_about(url, identity)
    if own_rig.brings_rig(url):
        options = own_rig.options_of(url)[0]
        about["clock"] = "real" if options.get("speed") else "stepped"
        about |= {name: options[name] for name in ("baud",) if name in options}
    return about


def act_outage(bed: Testbed, speed: int, seconds: float, told: dict[str, Any]) -> str:
    """Take supply away for so long; `told` gets what the hub decided. What the head-end then heard, empty if nothing.

    A URL without a WAN link lets no head-end hear anything.
    """
    bed.lose_supply(seconds)
    told["hub_decided"] = str(Client(bed.bench, speed).state()["level"])
    bed.restore_supply(SETTLE_S)
    return ", ".join(_alert(one) for one in bed.headend.alerts)


def _alert(alert: Alert) -> str:
    numbers = {"level": alert.level, "cause": alert.cause, "source": alert.fields.get("source", s.SOURCE_NONE)}
    level, cause, source = (names_of("ad1", field).get(number, number) for field, number in numbers.items())
    return f"{alert.raised_by}: {level} ({cause}), source {source}"
