"""What the journals' records add up to: the fold from which a restarted hub goes on. Any subset, no exception."""

from chf.core import limits
from chf.core.alerts import remember
from chf.core.floor import ZERO, Floor
from chf.core.outage import Outage, pack
from chf.core.policy import HOLD_ACKED, HOLD_WAITING
from chf.journal.records import ACKED_AD1, ACKED_NOTICE
from chf.wire import schema as s


class Found:
    """What a Recovered has found, without the code that did: all that a boot goes on with."""

    def __init__(self):
        self.outages = []

    def open_outage(self):
        """The outage that had begun and not ended when the hub stopped, or None. At most one is ever open."""
        for outage in reversed(self.outages):
            if outage.end is None:
                return outage
        return None


class Recovered(Found):
    """The state that the journals prove. Feed every record to apply(), then read."""

    def __init__(self):
        self.epoch = None  # of the outage file: None when it was just formatted
        self.boot = 0
        self.clean = False  # the last thing recorded is a clean stop
        self.last_utc = s.NO_UTC  # the latest time at which the hub is known to have run
        self.fresh = True  # no record of any kind
        self.damaged_counters = False
        self.damaged_outages = False
        # Counter file
        self.esme_floor = Floor()
        self.wan_floor = Floor()
        self.policy = None
        self.esme = None
        self.keys = {}  # peer -> 32 octets
        self.flag = None
        self.flag_state = s.FLAG_NONE
        self.flag_life = (0, s.NO_UTC)
        self.inferred = []  # as Inferred.queue has them
        self.version = None  # fields of the last record, as of the next
        self.without_notice = None
        # Outage file
        self.outages = []  # in the order of their first record: those that are not done
        self.log = []  # those that are, as Alerts.log keeps them: whole, they would not fit a small heap
        self.muted = False  # an outage was held, and 24 h since are not proven
        self.muted_utc = s.NO_UTC

    def apply(self, name: str, values: dict) -> None:
        self.fresh = False
        handler = getattr(self, "_" + name, None)
        if handler is not None:
            handler(values)
        self.clean = name == "alive" and values["clean"] == 1
        for field in ("utc", "end_utc"):
            utc = values.get(field, s.NO_UTC)
            if utc > self.last_utc:
                self.last_utc = utc

    def found(self) -> Found:
        """All of it. Asked after the last apply()."""
        found = Found()
        for name in list(self.__dict__):
            setattr(found, name, getattr(self, name))
        return found

    # ---- counter file

    def _flag(self, v):
        self.flag = v
        self.flag_state = s.FLAG_PENDING
        self.flag_life = (v["valid_s"], v["utc"])
        if v["source"] == s.SOURCE_DECLARED:
            _raise(self.esme_floor, v)

    def _inferred(self, v):
        _raise(self.wan_floor, v)
        self._unqueue(v["gbcs"])
        if v["due"] == s.NO_UTC:
            flag = {"counter": v["gbcs"], "source": s.SOURCE_INFERRED, "expected_outage_s": limits.WINDOW_MAX_S}
            self._flag(dict(v, **flag))
        else:
            self.inferred.append((v["due"], v["gbcs"], v["image_hash"]))

    def _version(self, v):
        self.version = v

    def _without_notice(self, v):
        self.without_notice = v

    def _unqueue(self, counter):
        self.inferred = [entry for entry in self.inferred if entry[1] != counter]

    def _uninferred(self, v):
        _raise(self.wan_floor, v)
        if v["gbcs"] == ZERO:
            self.inferred = []
        self._unqueue(v["gbcs"])
        if self.flag is not None and self.flag["source"] == s.SOURCE_INFERRED:
            self._revoke()

    def _revoke(self):
        if self.flag_state in (s.FLAG_PENDING, s.FLAG_CONSUMED):
            self.flag_state = s.FLAG_REVOKED

    def _clear(self, v):
        self.flag_state = v["state"]
        _raise(self.esme_floor, v)

    def _life(self, v):
        self.flag_life = (v["left_s"], v["utc"])

    def _sync(self, v):
        # Not a rise: after damage the meter's own word, bound to a fresh nonce, stands.
        self.esme_floor.advance(v["counter"], v["tag"])

    def _policy(self, v):
        self.policy = v["policy"]
        _raise(self.wan_floor, v)

    def _key(self, v):
        self.keys[v["peer"]] = v["key"]
        _raise(self.wan_floor, v)
        if v["peer"] == s.PEER_ESME:
            self._new_meter()

    def _esme(self, v):
        self.esme = v["esme"]
        self.keys[s.PEER_ESME] = v["key"]
        _raise(self.wan_floor, v)
        self._new_meter()
        self.version = None  # it was another meter's

    def _new_meter(self):
        self.esme_floor = Floor()
        self.inferred = []
        self._revoke()

    def _wan_floor(self, v):
        _raise(self.wan_floor, v)

    # ---- outage file

    def _format(self, v):
        self.epoch = v["epoch"]

    def _boot(self, v):
        self.boot = max(self.boot, v["boot"])
        for outage in self.outages:
            if outage.end is None:
                outage.resets += 1

    def _loss(self, v):
        outage = self._outage(v["id"])
        if outage.end is not None:
            return  # over: of such a one no clock is kept
        outage.durable = True
        outage.resets = 0  # written at the loss, and again when a time has proven what a restart left in doubt
        outage.base_ms = max(outage.base_ms, v["elapsed_s"] * 1000)
        outage.loss_utc = v["utc"]
        outage.loss_bits = v["bits"]
        outage.loss_holdup_mv = v["holdup_mv"]
        outage.flag_counter = v["flag_counter"]
        outage.source = v["source"]
        outage.window_s = v["window_s"]

    def _checkpoint(self, v):
        outage = self._find(v["id"])
        if outage is not None and outage.end is None:
            outage.base_ms = max(outage.base_ms, v["elapsed_s"] * 1000)

    def _decision(self, v):
        outage = self._outage(v["id"])
        if outage.revision >= v["revision"]:
            return
        outage.tell(v)
        if v["level"] == s.LEVEL_ASKED:
            outage.hold = HOLD_WAITING
        elif v["level"] == s.LEVEL_HELD:
            outage.hold = HOLD_ACKED
            self.muted = True
            self.muted_utc = s.NO_UTC  # the muted record that follows says when
        if v["source"] == s.SOURCE_INFERRED:
            self._unqueue(v["flag_counter"])
        if self.flag is not None and v["flag_counter"] == self.flag["counter"]:
            if self.flag_state == s.FLAG_PENDING and v["source"] == self.flag["source"]:
                self.flag_state = s.FLAG_CONSUMED

    def _end(self, v):
        outage = self._find(v["id"])
        if outage is not None:
            outage.end = pack("end", v)
            self._settle(outage)

    def _acked(self, v):
        if v["what"] == ACKED_NOTICE:
            self.without_notice = None
            return
        outage = self._find(v["id"])
        if outage is None:
            return
        if v["what"] == ACKED_AD1:
            outage.acked_revision = max(outage.acked_revision, v["revision"])
            outage.revision = max(outage.revision, v["revision"])  # told, though its decision is not on record
        else:
            outage.restored_acked = True
        self._settle(outage)

    def _settle(self, outage):
        if outage.end is None:
            return
        if outage.pending():
            self.outages[self.outages.index(outage)] = outage.slim()
            return
        self.outages.remove(outage)
        if outage.decision is not None:
            remember(self.log, outage)

    def _absorbed(self, v):
        self.outages = [outage for outage in self.outages if outage.id != v["id"]]

    def _muted(self, v):
        self.muted = not v["over"]
        self.muted_utc = v["utc"]

    def _find(self, outage_id):
        for outage in self.outages:
            if outage.id == outage_id:
                return outage
        return None

    def _outage(self, outage_id):
        outage = self._find(outage_id)
        if outage is None:
            outage = Outage(bytes(outage_id))
            self.outages.append(outage)
        return outage


def _raise(floor, v):
    if v["counter"] >= floor.counter:
        floor.advance(v["counter"], v["tag"])
