"""A standard life of a hub, with everything in it that costs heap: a heap in which it passes is large enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from littlefs import LittleFS

from chf.journal.journal import FILES
from chf.wire import schema as s
from host_tools.errors import BenchError
from host_tools.testbed import Testbed, virtual

OUT_S = 250  # a firmware activation's outage, within its window
GENUINE_S = 185
RELAYED = bytes([0x7E]) * s.GBCS_MAX  # each octet escaped: as long on the wire as a message can be
RELAY_S = 3
QUEUED = 9  # outages without a head-end: one more than the queue keeps apart
COMMANDS_MAX = 200  # that make the counter journal grow until it is compacted
NEARLY_FULL = 3_700  # octets of a journal that is compacted before it grows over 4,096
BLOCK_OCTETS = 4096
UNFINISHED = "new"  # a generation whose writing failed
EVENTS = (
    "boot, declared, an outage under each policy, one that overruns and a genuine one, 9 without a head-end, a relay "
    "of 1,500 octets each way, both journals compacted, a power cut in an outage with full journals, recovery"
)


Stages = Sequence[tuple[str, Callable[[Testbed], None]]]


class Ended(Exception):
    """The hub did not live through it; the sentence says how far it came."""


def live(heap_wk: int, stages: Stages | None = None, *, strapped: bool = True) -> None:
    """Let a virtual hub with so much heap live through the stages, by default STAGES. Raises Ended.

    strapped: as on a bench. Else as in the field: the hub says nothing of itself, and peers and flash alone are judged.
    """
    stage, said = "boot", ""
    try:
        with virtual(seed=1, heap=f"{heap_wk}wk", strapped=strapped) as bed:
            for name, act in stages or STAGES:
                stage = name
                try:
                    act(bed)
                finally:
                    said = _last_words(bed)
                _check(not said, "it failed")
                _check(all(why == "power cut" for _, why in bed.rig.resets), "it restarted")
    except BenchError as error:
        raise Ended(f"{stage}: {said or str(error).strip().splitlines()[-1]}") from None


def _last_words(bed: Testbed) -> str:
    """What the hub printed last: it prints nothing but what ends it."""
    lines: list[str] = bed.rig.console().strip().splitlines()
    return lines[-1] if lines else ""


def lives(heap_wk: int, stages: Stages | None = None, *, strapped: bool = True) -> bool:
    """Whether the hub lives through it in so much heap."""
    try:
        live(heap_wk, stages, strapped=strapped)
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
    if bed.rig.strapped:
        queued = bed.state()["queued"]
        _check(queued >= QUEUED - 1, f"it kept {queued} outages of {QUEUED}")


def _relay_with_full_queue(bed: Testbed) -> None:
    before = len(bed.headend.alerts)
    bed.headend.online = True
    _relay(bed)
    bed.advance_s(900)
    told = len({alert.id for alert in bed.headend.alerts[before:]})
    _check(told >= QUEUED - 1, f"it told {told} outages of {QUEUED}")
    _check(not bed.rig.strapped or bed.state()["queued"] == 0, "its queue did not empty")


def _journal(bed: Testbed, file: int) -> tuple[int, int]:
    """(how often it was written whole, octets) of a journal, read from the flash chip: the hub knows nothing of it."""
    image = bed.rig.flash_image()
    flash = LittleFS(block_size=BLOCK_OCTETS, block_count=len(image) // BLOCK_OCTETS, mount=False)
    flash.context.buffer = bytearray(image)
    flash.mount()
    parts: dict[int, int] = {}
    for entry in flash.scandir("bench" if bed.rig.strapped else "live"):
        name, _, rest = entry.name.partition(".chj.")
        if name + ".chj" == FILES[file] and rest and rest != UNFINISHED:
            generation = int(rest.split(".")[0])
            parts[generation] = parts.get(generation, 0) + entry.size
    return max(parts.items(), default=(0, 0))


def _compaction(bed: Testbed) -> None:
    _check(_journal(bed, s.JOURNAL_OUTAGES)[0] > 1, "its outage journal was never compacted")
    was = _journal(bed, s.JOURNAL_COUNTERS)[0]
    for count in range(COMMANDS_MAX):
        bed.headend.set_policy(s.POLICY_TAG)
        bed.advance_s(1)
        if count % 10 == 9 and _journal(bed, s.JOURNAL_COUNTERS)[0] > was:
            return
    raise BenchError("its counter journal was never compacted")


def _power_cut(bed: Testbed) -> None:
    for _ in range(COMMANDS_MAX):
        if _journal(bed, s.JOURNAL_COUNTERS)[1] > NEARLY_FULL:
            break
        bed.headend.set_policy(s.POLICY_TAG)
        bed.advance_s(1)
    before = len(bed.headend.alerts)
    bed.lose_supply(60)
    bed.rig.cut_power()
    bed.advance_s(400)
    bed.restore_supply(30)
    _check(_levels(bed, before) == [s.LEVEL_PLAIN], "an outage over a power cut was not told plainly")
    _relay(bed)


def _read_out(bed: Testbed) -> None:
    """What chtool does to tell an outage's story."""
    for file in (s.JOURNAL_COUNTERS, s.JOURNAL_OUTAGES):
        octets = 0
        while True:
            fields = bed.bench.ask("journal_request", {"file": file, "offset": octets}, "journal_data").fields
            octets += len(fields["data"])
            if octets >= fields["total"]:
                break
        _check(octets == _journal(bed, file)[1], "its journal was not read whole")


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
READ_OUT = (*STAGES, ("journal readout", _read_out))
