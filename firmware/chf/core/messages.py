"""What becomes of each message that reached the core: authentic, from the peer that its link belongs to."""

from chf.core import policy, proof
from chf.core.commands import NAMES as COMMANDS
from chf.core.effects import SEND, STALE
from chf.wire import gbcs
from chf.wire import schema as s

ANSWERS = ("ad1_ack", "restored_ack", "hold_ack", "time_reply", "without_notice_ack")


def take(sup, now, name, fields, tag) -> None:
    """Hand it to those of the supervisor `sup` that it is for; where a flag went by it, decide again."""
    out = sup._out
    again = False
    if name in COMMANDS:
        esme = sup.config.esme
        again = sup.commands.on_message(now, name, fields, tag, sup.outage is not None, out)
        if sup.config.esme != esme:
            sup.notice.forget()
    elif name == "log_request":
        data, count = sup.alerts.read(fields["index"])
        nonce = bytes(fields["nonce"])
        out.append((SEND, "log_data", {"nonce": nonce, "index": fields["index"], "count": count, "data": data}))
    elif name in ANSWERS:
        if not _answer(sup, now, name, fields):
            out.append((STALE,))
    elif name == "gbcs_from_esme":
        # Relayed first: what it says can only bring an alert forward.
        out.append((SEND, "gbcs_up", {"gbcs": fields["gbcs"]}))
        message = gbcs.read(fields["gbcs"])
        again = sup.commands.inferred.up(now, message, out)
        _learn(sup, now, message)
    else:
        again = sup.activation.on_message(now, name, fields, tag, sup.utc.at(now), sup.outage is not None, out)
        if name == "activation_complete" and sup.activation.unanswered is not None:
            sup.notice.learn(now, fields["version"], s.EVIDENCE_COMPLETE, out)
    if again:
        sup._again(now)


def _learn(sup, now, message):
    """Which firmware the meter runs, where it says so."""
    if message is None or message[0] < gbcs.RESULT or message[4] is None or message[2] != sup.config.esme:
        return
    evidence = s.EVIDENCE_READ if message[0] == gbcs.VERSION else s.EVIDENCE_RESULT
    sup.notice.learn(now, int.from_bytes(message[4], "big"), evidence, sup._out)


def _answer(sup, now, name, fields) -> bool:
    """Whether the head-end's answer is to something that waits for it."""
    if name == "ad1_ack":
        return sup.alerts.ad1_ack(fields, sup._out)
    if name == "restored_ack":
        return sup.alerts.restored_ack(fields, sup._out)
    if name == "hold_ack":
        return _hold_ack(sup, now, fields)
    if name == "without_notice_ack":
        return sup.notice.on_ack(fields, sup._out)
    return proof.answer(sup, now, fields)


def _hold_ack(sup, now, fields):
    outage = sup.outage
    if outage is None or outage.level != s.LEVEL_ASKED or bytes(fields["id"]) != outage.id:
        return False
    if outage.hold != policy.HOLD_WAITING:
        return False
    taken = fields["accepted"] == 1 and fields["window_s"] == outage.window_s
    outage.hold = policy.HOLD_ACKED if taken else policy.HOLD_IMPOSSIBLE
    sup._again(now)
    return True
