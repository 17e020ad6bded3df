"""Gives each scenario its meter: a new simulated one, or the one that stands on the bench, brought to rest."""

from __future__ import annotations

from typing import Any

from hil.esme.meter import MeterUnderTest
from hil.esme.options import Target
from host_tools.errors import BenchError
from host_tools.gbcs import build

SUPPLIER = bytes.fromhex("02005e1000000009")
QUIET_MS = 5_000  # nothing said for so long after it was cancelled: it is at rest
REST_MS = 3_600_000


class Session:
    """What all scenarios of one process share: the target, the capabilities, the meter where there is but one."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.identity = target.identity()
        self.the_one: Any = None if target.virtual else target.connect()
        rig = self.the_one or target.virtual_meter()
        self.messages = target.messages()
        self.reported_ms = 0  # when the meter has last reported, on the bench's clock
        self.identity_text = rig.about
        self.simulated = rig.simulated
        able = set(rig.capabilities)
        able |= {"activate", "cs06"} if self.messages else set()
        able |= {"hours"} if target.slow else set()
        self.capabilities = frozenset(able)

    def close(self) -> None:
        if self.the_one is not None:
            self.the_one.close()


class Lab:
    """lab() gives the scenario its meter. `meter`: the last one given, for the report of a failure."""

    def __init__(self, session: Session, scenario: str) -> None:
        self.session = session
        self.meter: MeterUnderTest | None = None

    def __call__(self) -> MeterUnderTest:
        """A meter at rest: powered, no activation going on, its hub new and well-behaved."""
        session = self.session
        self._keep_report()
        rig = session.the_one or session.target.virtual_meter()
        messages = session.messages if session.the_one is not None else _commands(session.identity)
        self.meter = MeterUnderTest(rig, session.identity, session.capabilities, messages)
        if session.the_one is not None:
            _make_ready(self.meter, session)
        self.meter.begin()
        return self.meter

    def close(self) -> str:
        """Nothing can be wrong here."""
        self._keep_report()
        return ""

    def _keep_report(self) -> None:
        """Whoever brings the meter to rest next has to know when it has reported last."""
        if self.meter is not None:
            times = [one.at_ms for one in self.meter.said("activation_complete")]
            self.session.reported_ms = max([self.session.reported_ms, *times])


def _commands(identity: dict[str, Any]) -> list[bytes]:
    """CS06 that a simulated meter obeys: it looks at no signature."""
    heading = build.Heading(1, SUPPLIER, bytes.fromhex(identity["esme"]))
    return [build.activate(heading, bytes(range(100, 132)))]


def _make_ready(meter: MeterUnderTest, session: Session) -> None:
    """Bring a meter that other scenarios have used to rest. Raises BenchError where it does not get there."""
    meter.rig.power_on()
    can_cancel = "cancel" in meter.capabilities
    quiet_ms = QUIET_MS if can_cancel else round(1_000 * session.target.rest_s)
    end_ms = meter.now_ms + REST_MS
    while meter.now_ms < end_ms:
        if can_cancel:
            meter.rig.cancel()
        if meter.rests(quiet_ms, session.reported_ms):
            return
    raise BenchError("The meter does not come to rest: end its activation by hand, and run this again.")
