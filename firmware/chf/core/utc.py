"""The time, as far as it can be trusted: only the head-end's, only when fresh, only while it agrees with the ticks."""

import hashlib

from chf.core.limits import TIME_NONCE_MS, TIME_SLACK_S, TIME_STALE_MS
from chf.core.ticks import diff
from chf.wire.schema import NO_UTC, UTC_MAX


class Nonces:
    """Eight octets at a time, none drawn twice from one seed; unique over boots because the seed is random."""

    def __init__(self, seed: bytes):
        self._seed = seed
        self._drawn = 0

    def draw(self) -> bytes:
        self._drawn += 1
        return hashlib.sha256(self._seed + self._drawn.to_bytes(4, "big")).digest()[:8]


class Utc:
    """Seconds since 2000-01-01 (schema), anchored to a tick. Lags the head-end's by 2 s at most."""

    def __init__(self, nonces: Nonces):
        self._nonces = nonces
        self._nonce: bytes | None = None
        self._asked = 0
        self._at = NO_UTC
        self._tick = 0
        self._doubt: tuple | None = None  # (utc, tick) of a reply that did not agree; the next one decides

    def ask(self, now: int) -> bytes:
        """A new nonce to send with the request; the last one is void."""
        self._nonce = self._nonces.draw()
        self._asked = now
        return self._nonce

    def fresh(self, now: int, nonce: bytes) -> bool:
        """Does a reply with this nonce answer the last request, and in time?"""
        return self._nonce is not None and nonce == self._nonce and diff(now, self._asked) <= TIME_NONCE_MS

    def answer(self, now: int, utc: int) -> bool:
        """Take a fresh reply, once. True when the time is (again) trusted."""
        self._nonce = None
        if not NO_UTC < utc <= UTC_MAX:
            return False
        anchor = self._doubt or (None if self._at == NO_UTC else (self._at, self._tick))
        if anchor is not None and not _agree(anchor, utc, now):
            # Jumped or stuck: neither the old nor the new is believed until two replies agree.
            self._at = NO_UTC
            self._doubt = (utc, now)
            return False
        self._doubt = None
        self._at = utc
        self._tick = now
        return True

    def at(self, tick: int) -> int:
        """The time at `tick`, or NO_UTC."""
        if self._at == NO_UTC:
            return NO_UTC
        utc = self._at + diff(tick, self._tick) // 1000
        return utc if 0 < utc <= UTC_MAX else NO_UTC

    def forget_stale(self, now: int) -> None:
        """Called at least once a day: an anchor of over 24 h is dropped, before the ticks could wrap under it."""
        if self._at != NO_UTC and diff(now, self._tick) >= TIME_STALE_MS:
            self._at = NO_UTC
        if self._doubt is not None and diff(now, self._doubt[1]) >= TIME_STALE_MS:
            self._doubt = None


def _agree(anchor, utc, now) -> bool:
    expected = anchor[0] + diff(now, anchor[1]) // 1000
    return -TIME_SLACK_S <= utc - expected <= TIME_SLACK_S
