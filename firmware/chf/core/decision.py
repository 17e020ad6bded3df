"""The decision: gathers what policy.py asks for, and carries out the row that matches. Levels only ever rise."""

from chf.core import energy, limits, policy
from chf.core.ticks import add
from chf.wire import schema as s


def inputs(sup, now) -> tuple:
    """What policy.decide is given, in the order of its COLUMNS."""
    outage = sup.outage
    flag = sup.activation.flag
    source = outage.source
    # A meter that completes once supply is back explains the outage; one that completes before, ends its excuse.
    explains = flag.state in (s.FLAG_PENDING, s.FLAG_CONSUMED) or (
        flag.state == s.FLAG_CONFIRMED and outage.returned is not None
    )
    # Not exact: neither the window nor the flag's age is proven.
    if not flag.explains(outage) or not explains or not outage.exact:
        source = s.SOURCE_NONE
    return (
        policy.YES if outage.elapsed_ms(now) >= limits.AD1_THRESHOLD_MS else policy.NO,
        source,
        sup.commands.policy,
        policy.YES if outage.window_left_ms(now) else policy.NO,
        policy.YES if outage.level > s.LEVEL_NONE else policy.NO,
        policy.NO if sup._muted and outage.level != s.LEVEL_HELD else policy.YES,
        policy.YES if energy.can_hold(sup.config, sup.holdup_mv, outage.window_left_s(now)) else policy.NO,
        outage.hold,
        _hint(outage),
    )


def _hint(outage):
    """Of the lines at the loss, where it was seen; the mains hint falls with any sign of "no AC" since."""
    if not outage.unseen and not outage.loss_bits & s.SENSE_MT_PR:
        return policy.HINT_REMOVED
    return policy.HINT_MAINS if outage.loss_bits & s.SENSE_MAINS_HINT else policy.HINT_NONE


def decide(sup, now) -> None:
    """Take the decision, or take it again: where the level rises, it is journaled and then told."""
    outage = sup.outage
    sup._journal_loss(now)
    given = inputs(sup, now)
    row, level, cause = policy.decide(given)
    if level <= outage.level:
        return
    first = outage.decision is None
    bound = first and given[1] != s.SOURCE_NONE and sup.activation.flag.state == s.FLAG_PENDING
    told = {
        "id": outage.id,
        "revision": outage.revision + 1,
        "level": level,
        "cause": cause,
        "source": outage.source,
        "row": row,
        "policy": sup.commands.policy,
        "elapsed_s": outage.told_s(now),
        "loss_utc": outage.loss_utc,
        "window_s": outage.window_s,
        "flag_counter": outage.flag_counter,
        "loss_bits": outage.loss_bits,
        "loss_holdup_mv": outage.loss_holdup_mv,
        "bits": sup.bits | (s.SENSE_STORE_FAULT if sup.store_fault or sup.damaged else 0),
        "holdup_mv": sup.holdup_mv,
        "merged": 0,
    }
    outage.tell(told)
    if first:
        sup.alerts.add(outage, sup._out)
    sup._journal("decision", told)
    if bound:
        sup.activation.consume(sup._out)
    if level == s.LEVEL_HELD:
        _mute(sup, now)
        outage.due = None
    else:
        sup.alerts.tell(outage, now, sup._out)
    if level == s.LEVEL_ASKED:
        outage.hold = policy.HOLD_WAITING
        sup.timers.set("hold", add(now, limits.HOLD_WAIT_MS))
    if level < s.LEVEL_PLAIN and outage.returned is None:
        sup._poll(now)
        sup.timers.set("window", add(now, outage.window_left_ms(now)))


def _mute(sup, now):
    sup._muted = True
    sup._muted_utc = sup.utc.at(now)
    sup.timers.set("mute", add(now, limits.MUTE_PERIOD_MS))
    sup._journal("muted", {"utc": sup._muted_utc, "over": 0})


def unmute(sup, now) -> None:
    """24 h have passed since an outage was held."""
    sup._muted = False
    sup.timers.cancel("mute")
    sup._journal("muted", {"utc": sup.utc.at(now), "over": 1})
