"""A standard life of a hub, with everything in it that costs heap: a heap in which it passes is large enough."""

from __future__ import annotations

from typing import Any

from chf.wire import schema as s
from host_tools.errors import BenchError
from host_tools.testbed import Testbed, virtual

OUT_S = 250  # a firmware activation's outage, within its window
GENUINE_S = 185
RELAYED = bytes([0x7E]) * s.GBCS_MAX  # each octet escaped: as long on the wire as a message can be
RELAY_S = 3
QUEUED = 9  # outages without a head-end: one more than the queue keeps apart
COMMANDS_MAX = 200  # that make the counter journal grow until it is compacted
EVENTS = (
    "boot, declared, an outage under each policy, one that overruns and a genuine one, 9 without a head-end, a relay "
    "of 1,500 octets each way, both journals compacted, a power cut in an outage with full journals, recovery"
)


class Ended(Exception):
    """The hub did not live through it; the sentence says how far it came."""


def live(heap_wk: int) -> None:
    """Let a virtual hub with so much heap live it. Raises Ended."""
    stage, said = "boot", ""
    try:
        with virtual(seed=1, heap=f"{heap_wk}wk") as bed:
            for name, act in STAGES:
                stage = name
                try:
                    act(bed)
                finally:
                    said = _last_words(bed)
                _check(not said, "it failed")
                _check(len(bed.rig.resets) <= (act is _power_cut), "it restarted")
    except BenchError as error:
        raise Ended(f"{stage}: {said or str(error).strip().splitlines()[-1]}") from None


def _last_words(bed: Testbed) -> str:
    """What the hub printed last: it prints nothing but what ends it."""
    lines: list[str] = bed.rig.console().strip().splitlines()
    return lines[-1] if lines else ""


def lives(heap_wk: int) -> bool:
    """Whether the hub lives through it in so much heap."""
    try:
        live(heap_wk)
    except Ended:
        return False
    return True


def _check(condition: bool, sentence: str) -> None:
    if not condition:
        raise BenchError(sentence)


def _levels(bed: Testbed, since: int) -> list[int]:
    return [alert.level for alert in bed.headend.alerts[since:]]


def _activation(bed: Testbed, policy: int, out_s: float, wanted: list[int], window_s: int = 400) -> None:
    """An activation is declared under a policy, the supply goes for so long: the operator must see these levels."""
    bed.headend.set_policy(policy)
    bed.advance_s(1)
    _check(bed.declare(window_s), "it did not acknowledge a declaration")
    before = len(bed.headend.alerts)
    bed.lose_supply(out_s)
    bed.restore_supply(120)
    _check(_levels(bed, before) == wanted, f"an outage was told as {_levels(bed, before)}, not as {wanted}")


def _policies(bed: Testbed) -> None:
    _activation(bed, s.POLICY_ALERT, OUT_S, [s.LEVEL_PLAIN])
    _activation(bed, s.POLICY_TAG, OUT_S, [s.LEVEL_TAGGED])
    _activation(bed, s.POLICY_SUPPRESS, OUT_S, [])
    _check(len(bed.headend.notices) > 0, "it held an outage without a notice")


def _overrun(bed: Testbed) -> None:
    _activation(bed, s.POLICY_TAG, OUT_S, [s.LEVEL_TAGGED, s.LEVEL_PLAIN], window_s=200)


def _genuine(bed: Testbed) -> None:
    before = len(bed.headend.alerts)
    bed.lose_supply(GENUINE_S)
    bed.restore_supply(5)
    _check(_levels(bed, before) == [s.LEVEL_PLAIN], "a genuine outage was not told plainly")


def _relay(bed: Testbed) -> None:
    down, up = len(bed.esme.relayed), len(bed.headend.relayed)
    bed.headend.relay(RELAYED)
    bed.esme.send("gbcs_from_esme", {"gbcs": RELAYED})
    bed.advance_s(RELAY_S)
    _check(bed.esme.relayed[down:] == [RELAYED], "it did not relay to the meter")
    _check(bed.headend.relayed[up:] == [RELAYED], "it did not relay from the meter")


def _queue(bed: Testbed) -> None:
    bed.headend.online = False
    for _ in range(QUEUED):
        bed.lose_supply(GENUINE_S)
        bed.restore_supply(5)
    queued = bed.state()["queued"]
    _check(queued >= QUEUED - 1, f"it kept {queued} outages of {QUEUED}")


def _relay_with_full_queue(bed: Testbed) -> None:
    bed.headend.online = True
    _relay(bed)
    bed.advance_s(900)
    _check(bed.state()["queued"] == 0, "its queue did not empty")


def _generation(bed: Testbed, file: int) -> int:
    """How often the journal file was written whole."""
    data: bytes = bed.bench.ask("journal_request", {"file": file, "offset": 0}, "journal_data").fields["data"]
    return int.from_bytes(data[6:10], "big")


def _compaction(bed: Testbed) -> None:
    _check(_generation(bed, s.JOURNAL_OUTAGES) > 1, "its outage journal was never compacted")
    was = _generation(bed, s.JOURNAL_COUNTERS)
    for count in range(COMMANDS_MAX):
        bed.headend.set_policy(s.POLICY_TAG)
        bed.advance_s(1)
        if count % 10 == 9 and _generation(bed, s.JOURNAL_COUNTERS) > was:
            return
    raise BenchError("its counter journal was never compacted")


def _room(bed: Testbed, file: int) -> int:
    fields: dict[str, Any] = bed.bench.ask("journal_request", {"file": file, "offset": 0}, "journal_data").fields
    return 4096 - int(fields["total"])


def _power_cut(bed: Testbed) -> None:
    while _room(bed, s.JOURNAL_COUNTERS) > 300:
        bed.headend.set_policy(s.POLICY_TAG)
        bed.advance_s(1)
    before = len(bed.headend.alerts)
    bed.lose_supply(60)
    bed.rig.cut_power()
    bed.advance_s(400)
    bed.restore_supply(30)
    _check(_levels(bed, before) == [s.LEVEL_PLAIN], "an outage over a power cut was not told plainly")
    _relay(bed)


STAGES = (
    ("relay", _relay),
    ("policies", _policies),
    ("overrun", _overrun),
    ("genuine outage", _genuine),
    ("queue", _queue),
    ("relay with a full queue", _relay_with_full_queue),
    ("compaction", _compaction),
    ("power cut", _power_cut),
)
