"""Gives each scenario its hub: a new virtual one, or the one that stands on the bench, brought to its normal state."""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

from chf.wire import schema as s
from hil import legacy
from hil.hub import HubUnderTest
from hil.options import Target
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import capture
from host_tools.link.recorded import about
from host_tools.testbed import Testbed

QUIET_MS = 400_000  # a message left over from an earlier scenario is repeated within this, at most 300 s apart
SETTLE_S = 90  # after a power-on an outage that nothing proves short is alerted, acknowledged and over by then


class Session:
    """What all scenarios of one process share: the target, the rig's capabilities, the hub where there is but one."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.identity_text = ""  # what the hub under test says of itself
        self.simulated = ""
        self.the_one: Testbed | None = None
        self._undo = contextlib.ExitStack()
        if target.keep_all:
            try:
                target.captures.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BenchError(
                    f"No capture can be written to {target.captures}: {error.strerror}.", EXIT_USAGE
                ) from None
        if target.virtual and not target.shared:
            self.capabilities = target.capabilities()
            target.identity()  # a key file that cannot be read ends the run here, not each scenario
            return
        if target.virtual:
            self.the_one = self.new_hub(target.seed, True)
            self._undo.callback(self.the_one.rig.close)
        else:
            with self._undo:  # closed where the hub is not what it should be
                self.the_one = target.connect(self._undo)
                self.identity_text = identity_text(self.the_one)  # whichever scenarios run
                self._undo = self._undo.pop_all()
        # Nobody puts the flash of the one hub back between two scenarios, whatever its rig could do.
        able = target.capabilities() if target.virtual else frozenset(self.the_one.rig.capabilities)
        self.capabilities = able - {"journal-image"}
        self.simulated = self.the_one.rig.simulated

    def new_hub(self, seed: int, strapped: bool) -> HubUnderTest:
        """A virtual hub that nobody has used, its power off."""
        rig = self.target.virtual_hub(seed, strapped)
        self.simulated = rig.simulated
        return HubUnderTest(rig, rig, self.target.identity(), strapped)

    def close(self) -> None:
        self._undo.close()


class Lab:
    """lab(policy) gives the scenario its hub. `hub`: the last one given, for the report of a failure."""

    def __init__(self, session: Session, scenario: str) -> None:
        self.session = session
        self.scenario = scenario
        self.seed = zlib.crc32(f"{session.target.seed} {scenario}".encode())
        self.hub: HubUnderTest | None = None
        self.passed: list[capture.Kept] = []  # all, since the hub was given
        self._own: HubUnderTest | None = None
        self._printed = ""

    def __call__(self, policy: int = s.POLICY_TAG, *, strapped: bool = True, on: bool = True) -> HubUnderTest:
        """A hub in its normal state: supply good, time known, no flag pending, nothing unacknowledged, that policy.

        strapped: False needs the rig's "strap", and such a hub keeps the policy that it was provisioned with.
        on: False leaves it without power, never switched on: needs "journal-image".
        """
        one = self.session.the_one
        self._end_own()
        if one is None:
            hub = self.session.new_hub(self.seed, strapped)
            self._own = hub
            self.hub = hub
            self._record(hub)
            if on:
                hub.power_on()
        else:
            hub = HubUnderTest(one.rig, one.bench.line, one.identity, strapped)
            self.hub = hub
            _make_ready(hub)
            self._record(hub)
            if strapped:
                hub.state()  # what a replay starts from
                identity_text(hub)
        if not self.session.identity_text and on:
            self.session.identity_text = identity_text(hub)
        if strapped and on and (policy != s.POLICY_TAG or one is not None):
            hub.set_policy(policy)
        if strapped and on and one is not None:
            hub.command(lambda: hub.headend.relay(legacy.cancellation(hub)))  # what earlier scenarios left waiting
        hub.forget()
        return hub

    def _record(self, hub: HubUnderTest) -> None:
        self.passed = []
        hub.record(self.passed.append)

    def write_capture(self) -> Path:
        """A capture of all that the last hub was given and has said. Raises BenchError, OSError."""
        target = self.session.target
        target.captures.mkdir(parents=True, exist_ok=True)
        name = self.scenario.rpartition("/")[2].replace(".py::", ".")
        path = target.captures / ("".join(one if one.isalnum() or one in "-." else "-" for one in name) + ".jsonl")
        assert self.hub is not None
        known = about(target.provisioned(), self.hub.rig, target.key_seed)
        capture.write(path, self.passed, scenario=self.scenario, **known)
        return path

    def as_strapped(self, hub: HubUnderTest, strapped: bool) -> HubUnderTest:
        """The same hub with its bench strap fitted or not, from its next power-on on: with the peers and keys of it."""
        hub.rig.strapped = strapped
        self.hub = HubUnderTest(hub.rig, hub.bench.line, hub.identity, strapped)
        return self.hub

    def close(self) -> str:
        """End the scenario's own hub; what went wrong, "" unless an exception has escaped the firmware."""
        if self.session.target.keep_all and self.hub is not None:
            self.write_capture()
        self._end_own()
        lines = self._printed.strip().splitlines()
        return "\n".join([f"An exception ended the firmware: {lines[-1]}", *lines[-20:]]) if lines else ""

    def _end_own(self) -> None:
        if self._own is not None:
            self._printed += self._own.rig.console()
            self._own.rig.close()
            self._own = None


def identity_text(hub: Testbed) -> str:
    """What the hub says of itself: firmware, board, VM, and its EUI-64."""
    fields = hub.bench.ask("identify", answer="identity").fields
    return f"{fields['text'].decode('utf-8', 'replace')}; hub {fields['hub'].hex()}"


def _make_ready(hub: HubUnderTest) -> None:
    """Bring a hub that other scenarios have used to its normal state. Raises BenchError where it does not get there."""
    rig = hub.rig
    capabilities = rig.capabilities
    rig.set_supply(True)
    if "sense-lines" in capabilities:
        rig.ac_lo = True
        rig.mt_pr = True
    if "strap" in capabilities and rig.strapped != hub.bench.marked:
        rig.cut_power()
        rig.strapped = hub.bench.marked
    if "flash-fault" in capabilities:
        rig.cut_power()
        rig.set_flash_failing(False)
    hub.power_on()
    hub.headend.tell_time = True
    if not hub.bench.marked:
        hub.advance_s(SETTLE_S)
        return
    hub.report("cancel")
    if not hub.esme.acked and not hub.esme.refused:
        raise BenchError("The hub does not answer the meter: are these its bench keys?")
    hub.restart()  # what the hub counts in memory (declarations, losses) starts anew
    hub.bench.wait_for("quiet", lambda: _quiet(hub), QUIET_MS)


def _quiet(hub: HubUnderTest) -> bool:
    hub.advance_s(1)
    state = hub.state()
    return state["phase"] == 0 and state["queued"] == 0 and not state["damaged"]
