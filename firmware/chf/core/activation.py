"""The firmware-activation-pending flag: what the meter may say, what the flag is worth, and how it ends.

PENDING -> CONSUMED (bound to one outage) -> CONFIRMED | EXPIRED | REVOKED. Whatever is in doubt is no flag.
"""

from chf.core import floor, limits
from chf.core.effects import JOURNAL, SEND, SEND_IF_DURABLE
from chf.core.ticks import add, diff
from chf.wire import schema as s
from chf.wire.codec import type_of

LIFE_TIMER = "flag-life"
REFILL_TIMER = "flag-refill"


class Flag:
    """One pending activation. `until`: tick before which the loss must begin; None while its age is not proven."""

    def __init__(self, counter=floor.ZERO, source=s.SOURCE_NONE, window_s=0, image_hash=bytes(32)):
        self.state = s.FLAG_NONE if source == s.SOURCE_NONE else s.FLAG_PENDING
        self.counter = bytes(counter)
        self.source = source
        self.window_s = window_s
        self.image_hash = bytes(image_hash)
        self.until = None
        self.unproven = None  # (seconds left, utc when that was so): from the journal, after a boot

    def explains(self, outage) -> bool:
        """Is it the one under which that outage began?"""
        return self.counter == outage.flag_counter and self.source == outage.source

    def left_ms(self, now: int) -> int:
        """How long its loss may still be awaited; 0 unless pending and proven."""
        if self.state != s.FLAG_PENDING or self.until is None:
            return 0
        return max(0, diff(self.until, now))


class Activation:
    """The flag, the meter's floor, and the answers to the meter. Effects go to the list given with each call."""

    def __init__(self, config, timers, nonces):
        self.config = config
        self.flag = Flag()
        self.floor = floor.Floor()
        self.unsynced = False  # the counter journal is damaged: what was accepted before is not known
        self._timers = timers
        self._nonces = nonces
        self._sync_nonce = None
        self.unanswered = None  # the message whose answer waits for the journal
        self._bucket = floor.Bucket(limits.DECLARATIONS_BURST, limits.DECLARATION_REFILL_MS)

    # ---- from the meter

    def on_message(self, now, name, fields, tag, utc, supply_out, out) -> bool:
        """One authentic HAN message. True when the flag was cleared, so that an open outage is decided again."""
        if bytes(fields["esme"]) != self.config.esme or bytes(fields["hub"]) != self.config.hub:
            return self._refuse(name, fields, s.REFUSED_PEER, out)
        if name == "counter_sync":
            return self._on_sync(name, fields, tag, out)
        if self.unsynced:
            # Revoking always works, and can only bring an alert forward: the flag goes, the refusal says resynchronise.
            cleared = name != "activation_pending" and self._clear(s.FLAG_REVOKED)
            if self._sync_nonce is None:  # one for all refusals: a replay must not void what the meter answers to
                self._sync_nonce = self._nonces.draw()
            self._refuse(name, fields, s.REFUSED_UNSYNCED, out)
            return cleared
        verdict = self.floor.judge(bytes(fields["counter"]), tag)
        if verdict == floor.STALE:
            return self._refuse(name, fields, s.REFUSED_COUNTER, out)
        if verdict == floor.REPEAT:
            return self._acknowledge(name, fields, out)
        if name == "activation_pending":
            return self._on_pending(now, name, fields, tag, utc, supply_out, out)
        done = name == "activation_complete" and fields["result"] == s.RESULT_SUCCESS
        state = s.FLAG_CONFIRMED if done else s.FLAG_REVOKED
        cleared = self._clear(state)
        self.floor.advance(fields["counter"], tag)
        out.append((JOURNAL, "clear", dict(self.floor.values(), state=state)))
        self._acknowledge(name, fields, out)
        return cleared

    def _on_pending(self, now, name, fields, tag, utc, supply_out, out):
        window_s = fields["expected_outage_s"]
        valid_s = fields["valid_s"]
        if not 0 < window_s <= limits.WINDOW_MAX_S or not 0 < valid_s <= limits.VALID_MAX_S:
            return self._refuse(name, fields, s.REFUSED_RANGE, out)
        if supply_out or not self._bucket.take(now, self._timers, REFILL_TIMER):
            # A flag must be durable before the loss: one that comes during an outage explains nothing.
            return self._refuse(name, fields, s.REFUSED_BUSY, out)
        self.floor.advance(fields["counter"], tag)
        self.pend(now, Flag(fields["counter"], s.SOURCE_DECLARED, window_s, fields["image_hash"]), valid_s)
        out.append((JOURNAL, "flag", self._flag_values(valid_s, utc)))
        self._acknowledge(name, fields, out)
        return False

    def _on_sync(self, name, fields, tag, out):
        nonce = self._sync_nonce
        if nonce is None or bytes(fields["nonce"]) != nonce:
            if self.floor.judge(bytes(fields["counter"]), tag) == floor.REPEAT:
                return self._acknowledge(name, fields, out)
            return self._refuse(name, fields, s.REFUSED_NONCE, out)
        self._sync_nonce = None
        self.unsynced = False
        self.floor.advance(fields["counter"], tag)
        out.append((JOURNAL, "sync", self.floor.values()))
        self._acknowledge(name, fields, out)
        return False

    def _answer(self, name, fields):
        config = self.config
        return {"esme": config.esme, "hub": config.hub, "type": type_of(name), "counter": bytes(fields["counter"])}

    def _acknowledge(self, name, fields, out):
        self.unanswered = (name, fields)
        out.append((SEND_IF_DURABLE, "flag_ack", self._answer(name, fields)))
        return False

    def _refuse(self, name, fields, reason, out):
        values = self._answer(name, fields)
        values["reason"] = reason
        values["floor"] = self.floor.counter
        values["nonce"] = self._sync_nonce if reason == s.REFUSED_UNSYNCED else floor.ZERO
        out.append((SEND, "flag_refusal", values))
        return False

    # ---- the flag's life

    def _live(self, now, ms):
        self.flag.until = add(now, ms)
        self._timers.set(LIFE_TIMER, self.flag.until)

    def _clear(self, state) -> bool:
        had = self.flag.state in (s.FLAG_PENDING, s.FLAG_CONSUMED)
        if had:
            self.flag.state = state
            self._timers.cancel(LIFE_TIMER)
        return had

    def pend(self, now, flag, valid_s) -> None:
        """From now on `flag` is the one."""
        self.flag = flag
        self._live(now, valid_s * 1000)

    def covers(self, now) -> bool:
        """Is the flag valid for a loss that begins now?"""
        return self.flag.left_ms(now) > 0

    def consume(self, out) -> None:
        """Bound to one outage; the decision's own record says so, this one keeps it beyond that outage's log."""
        self.flag.state = s.FLAG_CONSUMED
        self._timers.cancel(LIFE_TIMER)
        out.append((JOURNAL, "clear", dict(self.floor.values(), state=s.FLAG_CONSUMED)))

    def lapse(self, now) -> None:
        """Expire the flag if its life is over. Not called while an outage is open that it covers."""
        flag = self.flag
        if flag.state == s.FLAG_PENDING and flag.unproven is None and flag.left_ms(now) == 0:
            flag.state = s.FLAG_EXPIRED

    def revoke(self) -> bool:
        """Another authority has ended it: a new meter, a new key, or a store that did not keep it."""
        return self._clear(s.FLAG_REVOKED)

    def store_failed(self, out) -> bool:
        """What was to be durable is not: no flag, no exact repeat, and the meter is told. True when a flag went."""
        if self.unanswered is None:
            return False
        name, fields = self.unanswered
        self.unanswered = None
        self.floor.tag = None
        self._refuse(name, fields, s.REFUSED_STORE, out)
        cleared = self._clear(s.FLAG_REVOKED)
        if cleared:
            # The flag's own record may be durable, if another of its list was not: it must not come back.
            out.append((JOURNAL, "clear", dict(self.floor.values(), state=s.FLAG_REVOKED)))
        return cleared

    def shorten(self, at, ms, utc, out) -> None:
        """Leave the flag no more life than `ms` from tick `at`; utc: then."""
        flag = self.flag
        left_s = ms // 1000
        if flag.left_ms(at) > ms:
            self._live(at, ms)
        elif flag.unproven is not None and flag.unproven[0] > left_s:
            flag.unproven = (left_s, flag.unproven[1])
        else:
            return
        out.append((JOURNAL, "life", {"left_s": left_s, "utc": utc}))

    def refill(self, now) -> None:
        self._bucket.refill(now, self._timers, REFILL_TIMER)

    # ---- over a restart

    def restore(self, flag_values, state, life) -> None:
        """As the journal tells it. `life`: (seconds left, utc) as last written. Its age is unproven until prove()."""
        values = flag_values
        self.flag = Flag(values["counter"], values["source"], values["expected_outage_s"], values["image_hash"])
        self.flag.state = state
        if state == s.FLAG_PENDING:
            if life[1] == s.NO_UTC:
                self.flag.state = s.FLAG_EXPIRED
            else:
                self.flag.unproven = life

    def prove(self, now, utc) -> None:
        """A trusted time has come: powered and unpowered time are both in it."""
        flag = self.flag
        if flag.unproven is None:
            return
        left_s, since = flag.unproven
        flag.unproven = None
        age_s = utc - since + limits.TIME_SLACK_S
        if flag.state != s.FLAG_PENDING:
            return
        if utc < since or age_s >= left_s:
            flag.state = s.FLAG_EXPIRED
        else:
            self._live(now, (left_s - age_s) * 1000)

    def _flag_values(self, valid_s, utc):
        flag = self.flag
        values = self.floor.values()
        values["counter"] = flag.counter
        values["source"] = flag.source
        values["image_hash"] = flag.image_hash
        values["expected_outage_s"] = flag.window_s
        values["valid_s"] = valid_s
        values["utc"] = utc
        return values

    def snapshot(self, now, utc):
        """The records that stand for the flag and the floor in a new generation of the counter file."""
        flag = self.flag
        if flag.state == s.FLAG_PENDING and flag.unproven is not None:
            yield ("flag", self._flag_values(*flag.unproven))
        elif flag.left_ms(now) >= 1000:
            yield ("flag", self._flag_values(flag.left_ms(now) // 1000, utc))
        elif flag.state in (s.FLAG_PENDING, s.FLAG_CONSUMED):
            # Its life is over, and it still explains the outage that it is bound to.
            yield ("flag", self._flag_values(0, utc))
            if flag.state == s.FLAG_CONSUMED:
                yield ("clear", dict(self.floor.values(), state=s.FLAG_CONSUMED))
        yield ("sync", self.floor.values())
