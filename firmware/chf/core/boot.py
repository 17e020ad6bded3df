"""What a restarted hub makes of its journals: the same outage goes on, or one is alerted that nothing proves short."""

from chf.core import alerts, decision, limits, policy, proof, states
from chf.core.effects import JOURNAL
from chf.core.outage import UNVOUCHED, Outage
from chf.core.ticks import add
from chf.journal.records import JOURNAL_VERSION
from chf.wire import schema as s


def start(sup, recovered, now, reset, seed) -> None:
    """Bring the supervisor `sup` to where the journals left it. `seed`: 16 random octets, a new epoch among them."""
    out = sup._out
    sup.boot = recovered.boot + 1
    epoch = recovered.epoch
    if epoch is None or recovered.damaged_outages:
        # Boot counts may have been lost with the records: a new epoch keeps every id unique.
        epoch = seed[8:12]
        out.append((JOURNAL, "format", {"version": JOURNAL_VERSION, "epoch": epoch}))
    sup.session = bytes(epoch) + sup.boot.to_bytes(4, "big")
    for outage in recovered.outages:
        if outage.id[:8] == sup.session:
            sup._outages += 1  # of a boot that was cut before its own record was durable
    opened = recovered.open_outage()
    cold = reset == s.RESET_POWER_ON or recovered.damaged_outages
    if recovered.damaged_outages and opened is not None and opened.decision is not None:
        opened = None  # told of already: what was lost may be its end, and another outage
    if opened is None and (recovered.damaged_outages or (cold and not recovered.fresh and not recovered.clean)):
        # One may have passed unseen. On record before the boot is: a cut between must not end the suspicion.
        cold = True
        opened = _unseen(sup, recovered, now)
        sup._journal("loss", opened.loss(now))
    out.append((JOURNAL, "boot", {"boot": sup.boot, "reset": reset, "utc": s.NO_UTC}))
    sup.timers.set("time", now)
    sup.timers.set(UNVOUCHED, add(now, limits.RESTORE_QUALIFY_MS))
    sup.commands.restore(recovered)
    _restore_flag(sup, recovered)
    sup.notice.restore(now, recovered.version, recovered.without_notice)
    _restore_mute(sup, recovered, now)
    _restore_queue(sup, recovered, opened, now, out)
    supply = bool(sup.bits & s.SENSE_SUPPLY)
    if opened is not None:
        _go_on(sup, opened, now, cold, supply, recovered.damaged_outages)
    elif not supply:
        # Restarted in the first seconds of a loss: durable at once, or a row of restarts would never count to 180 s.
        sup._trigger(states.SUPPLY_LOST, now)
        sup._journal_loss(now)


def _restore_flag(sup, recovered):
    activation = sup.activation
    activation.floor = recovered.esme_floor
    activation.unsynced = recovered.damaged_counters
    if recovered.flag is not None:
        state = recovered.flag_state
        if recovered.damaged_counters and state == s.FLAG_PENDING:
            state = s.FLAG_REVOKED
        activation.restore(recovered.flag, state, recovered.flag_life)


def _restore_mute(sup, recovered, now):
    sup._muted = recovered.muted or recovered.damaged_outages
    sup._muted_utc = recovered.muted_utc if recovered.muted else s.NO_UTC
    if sup._muted:
        sup.timers.set("mute", add(now, limits.MUTE_PERIOD_MS))


def _restore_queue(sup, recovered, opened, now, out):
    sup.alerts.log = recovered.log
    for outage in recovered.outages:
        if outage is opened or outage.decision is None:
            continue
        if outage.end is None:
            # Its end was lost with other records: nothing is known of it but that it is over.
            outage.finish(s.UNKNOWN_S, s.NO_UTC, 0, 0)
        if outage.pending():
            sup.alerts.add(outage, out)
            sup.alerts.soon(outage, now, limits.RETRY_FIRST_MS)
        else:
            alerts.remember(sup.alerts.log, outage)


def _go_on(sup, outage, now, cold, supply, damaged):
    """The hub stopped with this outage open. cold: it may have been dead for long."""
    sup.outage = outage
    outage.anchor = now
    outage.exact = False
    outage.durable = True
    outage.resets += 1
    outage.provable = outage.provable and not damaged
    if damaged and outage.id[:8] != sup.session:
        outage.revision = min(255, outage.revision + 8)  # what was lost may have been told under the next ones
    flag = sup.activation.flag
    if flag.explains(outage):
        flag.unproven = None  # it was valid when supply was lost; how long ago that is, only the time can prove
    decided = outage.decision is not None
    if decided:
        sup.alerts.add(outage, sup._out)
        if outage.level in (s.LEVEL_ASKED, s.LEVEL_HELD):
            outage.hold = policy.HOLD_BROKEN
        else:
            sup.alerts.soon(outage, now, limits.RETRY_FIRST_MS)
    if supply:
        outage.returned = now
        if not decided and outage.resets > 1:
            decision.decide(sup, now)
            decided = True
        if decided:
            sup.phase = states.OUT_RETURNING
            sup._do_await_qualified(now)
        else:
            sup.phase = states.PROVING
            sup._do_await_proof(now)
    elif decided:
        sup.phase = states.OUT
        sup._watch(now)
        if outage.level < s.LEVEL_PLAIN:
            sup.timers.set("proof", add(now, limits.BOOT_PROOF_MS))  # that the window still runs
    else:
        sup.phase = states.LOST
        sup._watch(now)
        if outage.resets > 1:
            proof.settle(sup, now)
        elif cold:
            sup.timers.set("proof", add(now, limits.BOOT_PROOF_MS))
    if outage.hold == policy.HOLD_BROKEN:
        decision.decide(sup, now)


def _unseen(sup, recovered, now):
    """No outage is on record, but the hub lost its power, or the record is damaged."""
    sup._outages += 1
    outage = Outage(sup.session + sup._outages.to_bytes(4, "big"))
    outage.anchor = now
    outage.loss_utc = recovered.last_utc
    outage.loss_bits = sup.bits | s.SENSE_SUPPLY  # marks it as unseen
    outage.loss_holdup_mv = sup.holdup_mv
    return outage
