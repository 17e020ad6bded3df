"""What a replay starts from: who the hub is, what it knew, when it ran; as the capture says, else assumed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from chf.core import limits
from chf.wire import gbcs
from chf.wire import schema as s
from host_tools.deploy.provisioning import KEY_NAMES, new_identity
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link.capture import POWER_ON, RESET, Lines, Power
from host_tools.link.own_rig import CONFIG
from host_tools.replay.loaded import Loaded, Passed
from host_tools.replay.past import Act, acts_of

MADE_UP_KEY = bytes(range(32))
PRELUDE_MS = 10_000  # a hub that already ran when the capture began has run at least so long, and seen supply good
COLD_MS = 15_000  # a hub that is silent for less than this before it starts anew was reset, not without power


@dataclass
class Start:
    """identity: as provisioned, with keys, real or made up. keyed: real. boot: number of the first start.

    utc: (ms, seconds since 2000) of a moment whose time is known, or None. assumed: what the capture does not say. ran:
    the hub ran already when the capture began. first: a request for the time that may be its first word after a start.
    """

    identity: dict[str, Any]
    keyed: bool
    epoch: bytes | None
    boot: int
    power: list[Power]
    begin_ms: int
    utc: tuple[int, int] | None = None
    acts: list[Act] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    ran: bool = False
    first: Passed | None = None

    def restarted(self) -> Start:
        """The same, but that the hub started anew with `first`."""
        assert self.first is not None
        at_ms = self.first.at_ms
        anew = [Power(at_ms - 1, False, "it starts anew"), Power(at_ms, True, POWER_ON)]
        return replace(self, power=[self.power[0], *anew, *self.power[1:]], boot=max(1, self.boot - 1))


def start_of(loaded: Loaded, identity: dict[str, Any] | None, lines: list[Lines]) -> Start:
    """`lines`: all that is known of them. Raises BenchError, code 2, where the keys are those of another hub."""
    assumed: list[str] = []
    said = loaded.said()
    provisioned, keyed = _identity(loaded, said, identity, assumed)
    sessions = [one for one in said if one.values is not None and "epoch" in one.values]
    ids = [one.values["id"] for one in said if one.values and "id" in one.values and any(one.values["id"])]
    epoch = sessions[0].values["epoch"] if sessions and sessions[0].values else ids[0][:4] if ids else None
    boot = _first_boot(sessions, ids)
    power = loaded.power or _power(loaded, said, sessions)
    begin_ms = loaded.begin_ms
    start = Start(provisioned, keyed, epoch, boot, power, begin_ms, None, [], assumed)
    policy = _policy(said)
    if policy is not None and ("policy" not in provisioned or power is not loaded.power):
        provisioned["policy"] = policy
    elif "policy" not in provisioned and not keyed:
        assumed.append("its policy is to tag")
    if power[0].at_ms < begin_ms or power[0].on is False:
        _running(start, loaded, said, lines)
    elif boot > 1:
        assumed.append(f"this start is the hub's number {boot}: its journal held nothing that was not over")
    return start


def _identity(
    loaded: Loaded, said: list[Passed], given: dict[str, Any] | None, assumed: list[str]
) -> tuple[dict[str, Any], bool]:
    told = loaded.header.get("hub")
    values = {name: told[name] for name in told if _fits(name, told[name])} if isinstance(told, dict) else {}
    seen: dict[str, str] = {}
    for frame in (*said, *loaded.frames):
        for name in ("hub", "esme"):
            if name not in seen and frame.values is not None and name in frame.values:
                seen[name] = frame.values[name].hex()
    seed = loaded.header.get("identity_seed")
    if given is None and isinstance(seed, int) and not isinstance(seed, bool):
        virtual = new_identity(seed)
        given = {**virtual, **values} if virtual["hub"] == values.get("hub", seen.get("hub")) else None
    if given is not None:
        if seen.get("hub", given["hub"]) != given["hub"]:
            raise BenchError(
                f"The keys are those of hub {given['hub']}, and the capture is of hub {seen['hub']}: "
                "give its own identity file.",
                EXIT_USAGE,
            )
        values = {**given, **{name: value for name, value in values.items() if name in CONFIG}}
        return values, True
    assumed.append("every frame is authentic: MACs cannot be checked without --keys FILE")
    for name in ("hub", "esme"):
        if name not in values and name in seen:
            values[name] = seen[name]
    values.setdefault("hub", bytes(8).hex())
    if "esme" not in values:
        meter = _activated(loaded)
        values["esme"] = meter.hex()
        if any(meter):
            assumed.append("the meter is the one that the first activation that is relayed is for")
    if not set(values) & (set(CONFIG) - {"policy"}):
        assumed.append("capacitor, load and energy of a transmission are the defaults")
    return {**values, "keys": dict.fromkeys(KEY_NAMES, MADE_UP_KEY.hex())}, False


def _activated(loaded: Loaded) -> bytes:
    """The EUI-64 that the first relayed activation is for; zeros where there is none."""
    for frame in loaded.frames:
        message = gbcs.read(frame.values["gbcs"]) if frame.values and frame.name == "gbcs_down" else None
        if message is not None and message[0] == gbcs.ACTIVATE:
            return bytes(message[3])
    return bytes(8)


def _fits(name: str, value: Any) -> bool:
    if name in ("hub", "esme"):
        try:
            return len(bytes.fromhex(value)) == 8
        except (TypeError, ValueError):
            return False
    return name in CONFIG and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 20


def _first_boot(sessions: list[Passed], ids: list[bytes]) -> int:
    if sessions and sessions[0].values is not None:
        return max(1, sessions[0].values["boot"])
    return max(1, int.from_bytes(ids[0][4:8], "big")) if ids else 1


# ---- when it ran


def _power(loaded: Loaded, said: list[Passed], sessions: list[Passed]) -> list[Power]:
    """The hub's runs, by the boot numbers that it tells: it says one with its first words."""
    first = loaded.frames[0]
    begun = said[0].name == "time_request" and said[0] is first
    power = [Power(said[0].at_ms if begun else loaded.begin_ms - PRELUDE_MS, True, POWER_ON)]
    boot = None
    before = None
    asked = None
    for frame in loaded.frames:
        values = frame.values or {}
        if frame.to_hub:
            if frame.name == "restart":
                asked = frame.at_ms
            continue
        if "boot" in values and "epoch" in values:
            if boot is not None and values["boot"] != boot:
                since_ms = frame.at_ms - (before if before is not None else frame.at_ms)
                short = since_ms < COLD_MS or (asked is not None and frame.at_ms - asked < COLD_MS)
                off_ms = frame.at_ms - 1
                power.append(Power(off_ms, False, "it starts anew"))
                power.append(Power(frame.at_ms, True, RESET if short else POWER_ON))
                asked = None
            boot = values["boot"]
        before = frame.at_ms
    return power


# ---- a hub that ran already when the capture began


def _running(start: Start, loaded: Loaded, said: list[Passed], lines: list[Lines]) -> None:
    """Set what such a hub knew: the time, counters, a flag; each as the capture shows it, else assumed."""
    start.ran = True
    told = next((one for one in said if one.values is not None and "boot" in one.values), None)
    start.first = told if told is not None and told.name == "time_request" and not loaded.power else None
    known = _utc(loaded)
    start.utc = known
    asked = next((one.at_ms for one in said if one.name == "time_request"), None)
    end_ms = start.power[1].at_ms if len(start.power) > 1 else loaded.end_ms
    calm_ms = min([start.begin_ms, *(one.at_ms for one in lines[:1])])
    at_ms = calm_ms - PRELUDE_MS
    if asked is not None and asked < end_ms:
        period_ms = limits.TIME_REFRESH_MS if known is not None else limits.BOOT_PROOF_MS
        at_ms = asked - period_ms * -(-(asked - at_ms) // period_ms)
    if known is None:
        start.assumed.append("the hub did not know the time when the capture began")
    if not start.power[0].on:
        start.power.insert(0, Power(at_ms, True, POWER_ON))
    start.assumed.append("the hub ran when the capture began, with nothing pending but what it says itself")
    start.acts += acts_of(start, said, calm_ms - PRELUDE_MS // 2)
    first_ms = min([calm_ms, *(act_ms for act_ms, _, _ in start.acts)])
    start.power[0] = Power(min(at_ms, first_ms - PRELUDE_MS), True, POWER_ON)


def _utc(loaded: Loaded) -> tuple[int, int] | None:
    """From a time reply, or from what the hub itself says of the time or of an outage's end.

    None where it says that it did not know the time of a loss that the capture has seen.
    """
    for frame in loaded.frames:
        values = frame.values or {}
        lost_s = values.get("elapsed_s", s.UNKNOWN_S)
        in_doubt = not frame.to_hub and values.get("loss_utc") == s.NO_UTC and lost_s != s.UNKNOWN_S
        if in_doubt and frame.at_ms - 1000 * lost_s >= loaded.begin_ms:
            return None
    for frame in loaded.frames:
        values = frame.values or {}
        for name, before_ms in (("utc", 0), ("end_utc", limits.RESTORE_QUALIFY_MS)):
            if values.get(name, s.NO_UTC) != s.NO_UTC:
                return frame.at_ms - before_ms, values[name]
        elapsed_s = values.get("elapsed_s", s.UNKNOWN_S)
        if not frame.to_hub and values.get("loss_utc", s.NO_UTC) != s.NO_UTC and elapsed_s != s.UNKNOWN_S:
            return frame.at_ms - 1000 * elapsed_s, values["loss_utc"]
    return None


def _policy(said: list[Passed]) -> int | None:
    for frame in said:
        values = frame.values or {}
        if frame.name == "command_ack":
            return None
        if frame.name == "hold_notice":
            inferred = values["source"] == s.SOURCE_INFERRED
            return s.POLICY_SUPPRESS_INFERRED if inferred else s.POLICY_SUPPRESS
        if "policy" in values:
            policy: int = values["policy"]
            return policy if policy <= s.POLICY_SUPPRESS_INFERRED else None
    return None
