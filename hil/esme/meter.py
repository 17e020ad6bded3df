"""A meter under test, and what a scenario asks of it: its messages in turn, the supply it gives, waits with an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import pytest

from chf.wire import schema as s
from hil import results
from hil.suite import Unmet
from host_tools import frames
from host_tools.bench import Bench
from host_tools.sim.hub import Hub, Said

DECLARE_MS = 120_000  # from the trigger; how long a meter prepares is its maker's
REPORT_MS = 300_000  # from the return of supply; so is how long it takes to run again
REPEATS_MS = 75_000  # a message that nobody answers is given up by then: 60 s, SPEC 7.2, and the last wait
REPEATS = 5  # at least so often it is sent, SPEC 7.2
AFTER_RETURN_MS = 120_000  # SPEC 7, The flag: what the first return of 5 s or more leaves of it
SHORT_MS = 5_000
REFUSED = {s.REFUSED_COUNTER: "REF-01", s.REFUSED_UNSYNCED: "REF-02", s.REFUSED_NONCE: "REF-03"}
LATE_MS = 600_000  # beyond the outage that was declared: then it counts as never back
NEVER = "(A meter that never interrupts its hub's supply declares nothing: this suite is not for it.)"
_PENDING = "activation_pending"


class Gap(NamedTuple):
    """One interruption of the supply to the hub; back_ms: None while it lasts."""

    lost_ms: int
    back_ms: int | None


class Tap:
    """A line that keeps what the meter has said on it, octet by octet."""

    def __init__(self, line: Any) -> None:
        self._line = line
        self.octets = bytearray()

    @property
    def now_ms(self) -> int:
        return int(self._line.now_ms)

    def write(self, link: str, octets: bytes) -> None:
        self._line.write(link, octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        said: list[tuple[int, bytes]] = self._line.step(until_ms)
        for _, octets in said:
            self.octets += octets
        return said


class MeterUnderTest:
    """The meter behind `line`, its hub played by `hub`. Times are the bench's, in milliseconds.

    rig: what can be seen and forced, as far as `capabilities` go. messages: CS06 that this meter obeys, each once.
    """

    def __init__(self, rig: Any, identity: dict[str, Any], capabilities: frozenset[str], messages: list[bytes]) -> None:
        self.rig = rig
        self.capabilities = capabilities
        self.messages = messages
        self.esme, self.hub_eui = bytes.fromhex(identity["esme"]), bytes.fromhex(identity["hub"])
        self.line = Tap(rig)
        self.hub = Hub(self.esme, self.hub_eui, bytes.fromhex(identity["keys"]["bench_esme"]))
        self.bench = Bench(self.line, [self.hub], plays_hub=True)
        self.sees = "supply-sense" in capabilities
        # On ports a time is only as good as the host's, and the meter's time may run faster.
        self.slack_ms = 0 if "stepped-time" in capabilities else 200 + 50 * rig.speed
        self._begun_ms = 0
        self._cuts: list[tuple[int, int]] = []
        self._triggered = 0  # messages that came before the last trigger

    @property
    def now_ms(self) -> int:
        return self.bench.now_ms

    def begin(self) -> None:
        """What has been said and done so far is no part of the scenario."""
        self._begun_ms = self.now_ms
        self.bench.capture.clear()
        self.hub.said.clear()
        self.hub.strays.clear()
        self.hub.acked.clear()
        self.line.octets.clear()

    def advance_s(self, seconds: float) -> None:
        self.bench.advance(round(seconds * 1000))

    def wait(self, within_ms: int, until: Callable[[], bool]) -> bool:
        """Whether it came true within that time."""
        return self.bench.advance(within_ms + self.slack_ms, until=until)

    # ---- the rig

    def trigger(self, bad: bool = False) -> None:
        """The meter is to activate: by its rig, else by a relayed CS06; not judged where none of those is left."""
        self._triggered = len(self.hub.said)
        self._begun_ms = self.now_ms
        if "activate" in self.rig.capabilities:
            self.rig.activate(bad)
        else:
            self.relay_cs06()

    def relay_cs06(self) -> bytes:
        """The next CS06 that this meter obeys goes to it; its octets."""
        if not self.messages:
            pytest.skip(f"{results.NOT_JUDGED}: every CS06 of --cs06 (pytest: --esme-cs06) has been used")
        message = self.messages.pop(0)
        self.hub.send("gbcs_to_esme", {"gbcs": message})
        return message

    def cut_mains(self, seconds: float) -> None:
        """The meter's own power is gone for so long."""
        cut_ms = self.now_ms
        self.rig.cut_power()
        self.bench.advance(round(seconds * 1000))
        self.rig.power_on()
        self._cuts.append((cut_ms - self.slack_ms, self.now_ms + self.slack_ms))

    def gaps(self, *, own: bool = False) -> list[Gap]:
        """The interruptions of the supply to the hub; own: those too that came of the suite's cuts of the mains."""
        found: list[Gap] = []
        for at_ms, good in self.rig.edges:
            if at_ms < self._begun_ms:
                continue
            if not good:
                found.append(Gap(at_ms, None))
            elif found:
                found[-1] = Gap(found[-1].lost_ms, at_ms)
        return [gap for gap in found if own or not any(cut <= gap.lost_ms <= on for cut, on in self._cuts)]

    def lost(self) -> bool:
        """Whether the meter has interrupted the supply; False where nobody looks."""
        return bool(self.gaps())

    # ---- what it says

    def said(self, name: str = _PENDING) -> list[Said]:
        """The authentic messages of that name, repeats included."""
        return [one for one in self.hub.said if one.name == name]

    def messages_said(self, name: str | None = None) -> list[Said]:
        """Each message once, as it came first."""
        found: dict[bytes, Said] = {}
        for one in self.hub.said:
            if name in (None, one.name):
                found.setdefault(one.content, one)
        return list(found.values())

    def repeats(self, said: Said) -> list[Said]:
        """All copies of a message."""
        return [one for one in self.hub.said if one.content == said.content]

    # ---- an activation, step by step; where the meter does not take one, that step's requirement is unmet

    def await_declaration(self) -> Said:
        """The next new activation_pending. Raises Unmet DEC-01 or AUT-01."""
        known = {one.content for one in self.said()}
        fresh: list[Said] = []

        def come() -> bool:
            fresh[:] = [one for one in self.said() if one.content not in known]
            return bool(fresh) or self.lost()

        self.wait(DECLARE_MS, come)
        if fresh:
            return fresh[0]
        if self.hub.strays:
            raise Unmet(
                "AUT-01", f"What the meter says does not verify, or is no flag message: {self.hub.strays[-1].hex()}"
            )
        if self.lost():
            raise Unmet("DEC-01", "The supply went without activation_pending.")
        if self.line.octets and not frames.Deframer().feed(bytes(self.line.octets)):
            raise Unmet("LIN-03", f"What the meter says is no frame: {self.line.octets.hex()[:80]}")
        if self.line.octets:
            raise Unmet("RTY-01", "One frame of the meter was lost, and it stopped repeating before it was answered.")
        raise Unmet("DEC-01", f"Told to activate, it has not declared within {DECLARE_MS // 1000} s. {NEVER}")

    def await_loss(self) -> Gap:
        """The interruption that was declared last. Raises Unmet for the requirement that has kept it away."""
        known = len(self.gaps())
        last = self.messages_said(_PENDING)[-1]
        end_ms = last.at_ms + 1000 * last.fields["valid_s"]
        self.wait(max(1, end_ms - self.now_ms) + REPEATS_MS, lambda: len(self.gaps()) > known)
        if len(self.gaps()) == known:
            self._blame_for_no_loss()
        if any(one.name == "activation_complete" for one in self.hub.said[self._triggered :]):
            raise Unmet("END-04", "It reported the activation before it interrupted the supply for it.")
        gap = self.gaps()[known]
        why = self.uncovered(gap.lost_ms)
        if why is not None:
            raise Unmet(why, f"The supply went {(gap.lost_ms - last.at_ms) / 1000:.1f} s after its declaration.")
        return gap

    def _blame_for_no_loss(self) -> NoReturn:
        last = self.messages_said(_PENDING)[-1]
        reason = self.hub.refused.get(last.content)
        if any(one.name == _PENDING and at >= self._begun_ms for at, one in self.hub.acked):
            raise Unmet("GAP-02", "It was acknowledged, and did not interrupt the supply within valid_s, nor say more.")
        if reason in REFUSED:
            raise Unmet(REFUSED[reason], "Its declaration was refused, and what it sent then was not what it had to.")
        raise Unmet("RTY-01", "It stopped repeating activation_pending before it was answered.")

    def await_back(self) -> Gap:
        """The end of the last interruption. Raises Unmet GAP-03."""
        declared = [one.fields["expected_outage_s"] for one in self.said()]
        within_ms = 1000 * (declared[-1] if declared else 0) + LATE_MS
        if not self.wait(within_ms, lambda: self.gaps()[-1].back_ms is not None):
            raise Unmet("GAP-03", f"The supply was not back {within_ms // 1000} s after it went.")
        return self.gaps()[-1]

    def await_report(self) -> Said:
        """The report of the activation that was triggered last. Raises Unmet END-01."""
        name = "activation_complete"
        last = self.messages_said(_PENDING)[-1:]
        within_ms = REPORT_MS
        if not self.sees and last:
            within_ms += 1000 * (last[0].fields["valid_s"] + last[0].fields["expected_outage_s"])
        end_ms = self.now_ms + within_ms

        def reports() -> list[Said]:
            return [one for one in self.hub.said[self._triggered :] if one.name == name]

        def over() -> bool:
            return bool(reports()) or (self.now_ms >= end_ms and self.rig.supply_good)

        self.wait(within_ms + LATE_MS, over)
        if not reports():
            raise Unmet("END-01", f"No {name} within {within_ms // 1000} s.")
        return reports()[0]

    def await_again(self, refused: Said, within_ms: int, requirement: str) -> Said:
        """The message that follows one that was refused. Raises Unmet with that requirement."""

        def later() -> list[Said]:
            said = self.messages_said()
            return said[[one.content for one in said].index(refused.content) + 1 :]

        if not self.wait(within_ms, lambda: bool(later())):
            raise Unmet(requirement, f"{refused.name} was refused, and nothing followed within {within_ms // 1000} s.")
        return later()[0]

    def await_sync(self, refused: Said) -> Said:
        """The counter_sync that follows a refusal as UNSYNCED. Raises Unmet REF-02."""
        sync = self.await_again(refused, REPEATS_MS, "REF-02")
        if sync.name != "counter_sync":
            raise Unmet("REF-02", f"{refused.name} was refused as unsynced, and {sync.name} followed.")
        return sync

    def activated(self) -> Said:
        """A whole activation, from the trigger to its report; that report."""
        self.trigger()
        self.await_declaration()
        if self.sees:
            self.await_loss()
            self.await_back()
        return self.await_report()

    def uncovered(self, lost_ms: int) -> str | None:
        """None where the hub's flag covers a loss then, as SPEC 7, The flag, counts it; else the requirement that the
        meter has not met."""
        if not self.said():
            return "DEC-01"
        acked = [(at, one) for at, one in self.hub.acked if at <= lost_ms]
        declared = [(at, one) for at, one in acked if one.name == _PENDING]
        if not declared:
            return "DEC-02"
        at_ms, last = declared[-1]
        if any(at >= at_ms and one.name != _PENDING for at, one in acked):
            return "END-04"
        end_ms = self.repeats(last)[0].at_ms + 1000 * last.fields["valid_s"] + self.slack_ms
        if lost_ms > end_ms:
            return "GAP-02"
        for gap in self.gaps(own=True):
            if gap.back_ms is None or not at_ms <= gap.lost_ms < gap.back_ms < lost_ms:
                continue
            if gap.back_ms - gap.lost_ms >= SHORT_MS:
                return "GAP-04" if lost_ms > gap.back_ms + AFTER_RETURN_MS + self.slack_ms else None
        return None

    # ---- rest

    def rests(self, quiet_ms: int, reported_ms: int) -> bool:
        """Whether for so long nothing was said and the supply did not change, it is good, and no report is to come.

        reported_ms: of the last report before this scenario.
        """
        reported_ms = max([reported_ms, *(one.at_ms for one in self.said("activation_complete"))])
        backs = [at_ms for at_ms, good in self.rig.edges if good]
        if backs and backs[-1] > reported_ms and self.now_ms - backs[-1] < REPORT_MS:
            self.wait(REPORT_MS, lambda: bool(self.said("activation_complete")))
        before = len(self.hub.said), len(self.rig.edges)
        changed = self.bench.advance(quiet_ms, until=lambda: (len(self.hub.said), len(self.rig.edges)) != before)
        return not changed and bool(self.rig.supply_good)
