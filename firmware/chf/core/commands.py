"""What the head-end may command: policy, keys, the meter. Each with a counter, durable before it is acknowledged."""

from chf.core import floor
from chf.core.effects import JOURNAL, REKEY, SEND, SEND_IF_DURABLE
from chf.core.inferred import Inferred
from chf.wire import gbcs
from chf.wire import schema as s
from chf.wire.codec import type_of

NAMES = ("set_policy", "rotate_key", "exchange_esme", "gbcs_down")


class Commands:
    """The head-end's floor, and the answers to it."""

    def __init__(self, config, activation, utc, timers):
        self.config = config
        self.activation = activation
        self.policy = config.policy
        self.floor = floor.Floor()
        self.inferred = Inferred(activation, lambda: self.floor.values(), utc, timers)
        self.unsynced = False  # the counter journal is damaged: heals with the next fresh time reply
        self.keys = {}  # peer -> key that has replaced the provisioned one
        self.unanswered = None
        self._relayed = False  # the last message went down to the meter in this run: a cut may have come between
        self._undo = None  # all that a command can change, as it was before the one whose answer waits for the journal

    def on_message(self, now, name, fields, tag, supply_out, out) -> bool:
        """One authentic command. True when an open outage must be decided again. A key comes unwrapped, as "key"."""
        if self.unsynced:
            return self._refuse(name, fields, s.REFUSED_UNSYNCED, out)
        verdict = self.floor.judge(bytes(fields["counter"]), tag)
        if verdict == floor.STALE:
            return self._refuse(name, fields, s.REFUSED_COUNTER, out)
        if verdict == floor.REPEAT:
            self._undo = None
            if name == "gbcs_down" and not self._relayed:
                self._relay(fields, out)
            return self._acknowledge(name, fields, out)
        self._relayed = False
        activation = self.activation
        self._undo = (self.policy, self.config.esme, dict(self.keys), activation.floor, activation.unsynced)
        if name == "gbcs_down":
            return self._gbcs_down(now, name, fields, tag, supply_out, out)
        return getattr(self, name)(name, fields, tag, out)

    def set_policy(self, name, fields, tag, out):
        if fields["policy"] > s.POLICY_SUPPRESS_INFERRED:
            return self._refuse(name, fields, s.REFUSED_VALUE, out)
        self.policy = fields["policy"]
        self._accept("policy", {"policy": self.policy}, name, fields, tag, out)
        return True

    def rotate_key(self, name, fields, tag, out):
        peer = fields["peer"]
        if peer not in (s.PEER_ESME, s.PEER_HEAD_END):
            return self._refuse(name, fields, s.REFUSED_VALUE, out)
        return self._new_key("key", {"peer": peer, "key": fields["key"]}, peer, name, fields, tag, out)

    def exchange_esme(self, name, fields, tag, out):
        self.config.esme = bytes(fields["esme"])
        values = {"esme": self.config.esme, "key": fields["key"]}
        return self._new_key("esme", values, s.PEER_ESME, name, fields, tag, out)

    def _new_key(self, record, values, peer, name, fields, tag, out):
        cleared = False
        self.keys[peer] = values["key"]
        if peer == s.PEER_ESME:
            # What the old key vouched for is void, and its counters mean nothing under the new one.
            cleared = self.activation.revoke()
            self.inferred.queue = []
            self.activation.floor = floor.Floor()
            self.activation.unsynced = False
        self.floor.advance(fields["counter"], tag)
        out.append((JOURNAL, record, dict(self.floor.values(), **values)))
        out.append((REKEY, peer, values["key"]))
        # Under the new key, where it is the head-end's own: the acknowledgement proves that the hub has it.
        self._acknowledge(name, fields, out)
        return cleared

    def _relay(self, fields, out):
        self._relayed = True
        out.append((SEND, "gbcs_to_esme", {"gbcs": fields["gbcs"]}))

    def _gbcs_down(self, now, name, fields, tag, supply_out, out):
        # Relayed as it came, whatever it is. What it does to a flag is durable first: the meter may act at once. The
        # floor moves in memory alone where it does nothing: such a relay, replayed, changes nothing here.
        self.floor.advance(fields["counter"], tag)
        cleared = self.inferred.down(now, gbcs.read(fields["gbcs"]), supply_out, out)
        self._relay(fields, out)
        self._acknowledge(name, fields, out)
        return cleared

    def heal(self, counter, out) -> None:
        """A fresh time reply names the last counter that the head-end used: nothing at or below it is new."""
        if not self.unsynced:
            return
        self.unsynced = False
        if bytes(counter) > self.floor.counter:
            self.floor.advance(counter, None)
        out.append((JOURNAL, "wan_floor", self.floor.values()))

    def store_failed(self, out) -> None:
        """What was to be durable is not: say so, and do not take a repeat for something that is done."""
        if self.unanswered is None:
            return
        name, fields = self.unanswered
        self.unanswered = None
        self.floor.tag = None
        if self._undo is not None:
            self.policy, self.config.esme, self.keys, self.activation.floor, self.activation.unsynced = self._undo
        self._refuse(name, fields, s.REFUSED_STORE, out)

    def _accept(self, record, values, name, fields, tag, out):
        self.floor.advance(fields["counter"], tag)
        out.append((JOURNAL, record, dict(self.floor.values(), **values)))
        self._acknowledge(name, fields, out)

    def _acknowledge(self, name, fields, out):
        self.unanswered = (name, fields)
        values = {"type": type_of(name), "counter": bytes(fields["counter"])}
        out.append((SEND_IF_DURABLE, "command_ack", values))
        return False

    def _refuse(self, name, fields, reason, out):
        values = {"type": type_of(name), "counter": bytes(fields["counter"]), "reason": reason}
        values["floor"] = self.floor.counter
        out.append((SEND, "command_refusal", values))
        return False

    def restore(self, recovered) -> None:
        self.floor = recovered.wan_floor
        self.keys = recovered.keys
        self.unsynced = recovered.damaged_counters
        if not self.unsynced:
            self.inferred.queue = recovered.inferred
        if recovered.policy is not None:
            self.policy = recovered.policy
        if self.unsynced:
            # A louder one may be lost: nothing is held until the head-end sets it anew.
            self.policy = min(self.policy, s.POLICY_TAG)
        if recovered.esme is not None:
            self.config.esme = bytes(recovered.esme)

    def snapshot(self):
        """The records that stand for all this in a new generation of the counter file."""
        values = self.floor.values()
        yield ("policy", dict(values, policy=self.policy))
        if s.PEER_ESME in self.keys:
            yield ("esme", dict(values, esme=self.config.esme, key=self.keys[s.PEER_ESME]))
        if s.PEER_HEAD_END in self.keys:
            yield ("key", dict(values, peer=s.PEER_HEAD_END, key=self.keys[s.PEER_HEAD_END]))
        for record in self.inferred.snapshot():
            yield record
