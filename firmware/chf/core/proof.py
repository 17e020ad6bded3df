"""What the head-end's time proves: how long an outage lasted that a restart interrupted, and when 24 h are over."""

from chf.core import decision, limits, states
from chf.core.effects import SEND
from chf.core.ticks import add, diff
from chf.wire import schema as s


def ask(sup, now) -> None:
    """Ask the head-end for the time, and set when to ask again."""
    sup.utc.forget_stale(now)
    if sup.may_repeat(now):
        nonce = sup.utc.ask(now)
        sup._out.append((SEND, "time_request", {"nonce": nonce, "epoch": sup.session[:4], "boot": sup.boot}))
    if sup.utc.at(now) == s.NO_UTC:
        proving = sup.phase == states.PROVING or sup.timers.at("proof") is not None
        wait_ms = limits.TIME_RETRY_MS if proving else limits.BOOT_PROOF_MS
    else:
        wait_ms = limits.TIME_REFRESH_MS
    sup.timers.set("time", add(now, wait_ms))


def answer(sup, now, fields) -> bool:
    """Take a time reply; whether it answers the last request."""
    if not sup.utc.fresh(now, bytes(fields["nonce"])):
        return False
    trusted = sup.utc.answer(now, fields["utc"])
    sup.commands.heal(fields["counter"], sup._out)
    sup.timers.set("time", add(now, limits.TIME_REFRESH_MS if trusted else limits.TIME_DOUBT_MS))
    if trusted:
        _use(sup, now)
    return True


def _use(sup, now):
    utc = sup.utc.at(now)
    sup.activation.prove(now, utc)
    sup.commands.inferred.plan(now, sup.outage is not None, sup._out)
    if sup._muted and sup._muted_utc != s.NO_UTC:
        if utc - sup._muted_utc - limits.TIME_SLACK_S >= limits.MUTE_PERIOD_MS // 1000:
            decision.unmute(sup, now)
    outage = sup.outage
    if outage is not None and not outage.exact:
        _prove(sup, now)


def _prove(sup, now):
    """The time has come for an outage that a restart interrupted."""
    outage = sup.outage
    end_utc = sup.utc.at(now if outage.returned is None else outage.returned)
    passed_s = end_utc - outage.loss_utc
    if outage.loss_utc == s.NO_UTC or not outage.provable or passed_s < 0:
        return
    if outage.elapsed_ms(now) > (passed_s + limits.TIME_SLACK_S) * 1000:
        return  # less than what the hub itself has counted: that clock sticks, or was set back
    at_least_ms = max(0, passed_s - limits.TIME_SLACK_S) * 1000
    if outage.unseen:
        # It lasted no longer than that, and that is all that is known.
        if outage.returned is None or at_least_ms + 2000 * limits.TIME_SLACK_S >= limits.AD1_THRESHOLD_MS:
            return
        at_least_ms = 0
    outage.base_ms = max(outage.elapsed_ms(now), at_least_ms)
    outage.anchor = now if outage.returned is None else outage.returned
    outage.error_ms = max(0, (passed_s + limits.TIME_SLACK_S) * 1000 - outage.base_ms)
    outage.exact = True
    outage.resets = 0
    sup._journal("loss", outage.loss(now))
    sup.timers.cancel("proof")
    if sup.phase == states.PROVING:
        settle(sup, now)
    elif outage.returned is None:
        sup._watch(now)
        sup._again(now)


def settle(sup, now) -> None:
    """The duration is proven, or has been waited for long enough."""
    outage = sup.outage
    if outage.returned is not None:
        good_ms = diff(now, outage.returned)
        if sup.phase == states.PROVING and good_ms >= limits.RESTORE_QUALIFY_MS:
            sup._trigger(states.SETTLED, now)
        else:
            sup.timers.set("proof", add(now, max(1, limits.RESTORE_QUALIFY_MS - good_ms)))
    elif not outage.exact:
        # Supply is still out, and what went before the boot could not be proven: say so now.
        sup.timers.cancel("threshold")
        sup.phase = states.OUT
        decision.decide(sup, now)
