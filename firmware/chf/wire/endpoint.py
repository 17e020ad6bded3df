"""One side of the links: a message to authenticated content and back; what does not belong is counted and dropped."""

from chf.wire.codec import fits, message, pack, type_of, unpack
from chf.wire.framing import count_drop
from chf.wire.schema import (
    BENCH_MARK,
    DROP_ADDRESS,
    DROP_LENGTH,
    DROP_MAC,
    DROP_MARK,
    DROP_SHORT,
    DROP_TYPE,
    DROP_VERSION,
    DROPS,
    FROM_HUB,
    HEADER_LEN,
    LINK_HAN,
    LINK_MASK,
    LINK_WAN,
    MAC_LEN,
    WIRE_VERSION,
)


class Endpoint:
    """Seals what this side sends and opens what the other side sent.

    from_hub  True for the hub's own side
    marked    the bench strap is fitted: HAN and WAN frames carry the bench mark, both ways
    keys      dict of link to auth.Key; a message that carries a MAC passes only on a link that has a key
    drops     the table of framing.count_drop; shared with the framers of the same hub
    """

    def __init__(self, from_hub, marked, drops=None):
        self.from_hub = from_hub
        self.marked = marked
        self.drops = bytearray(2 * DROPS) if drops is None else drops
        self.keys = {}

    def _mark(self, link):
        return BENCH_MARK if self.marked and link in (LINK_HAN, LINK_WAN) else 0

    def seal(self, name, values):
        """Return the content of a frame: header, body and, where the message carries one, MAC.

        Raises ValueError for a message that this side does not send, for values that do not fit and for a missing key.
        """
        number = type_of(name)
        if number is None:
            raise ValueError("there is no message '%s'" % name)
        _, link, from_hub, has_mac, fields = message(number)
        if from_hub != self.from_hub:
            raise ValueError("message '%s' is sent by the other side" % name)
        address = link | (FROM_HUB if from_hub else 0) | self._mark(link)
        content = pack(fields, values, bytes((WIRE_VERSION, address, number)))
        if not has_mac:
            return content
        key = self.keys.get(link)
        if key is None:
            raise ValueError("there is no key for link %d" % link)
        content.extend(key.tag(content))
        return content

    def open(self, buf, n, links_mask):
        """Return (name, values, tag) of the content buf[:n]; None if it does not pass, the drop counted by reason.

        tag         the 16 octets of the MAC; None for a message without one
        links_mask  bit 1 << link for each link that this port carries
        """
        known = message(buf[2]) if n >= HEADER_LEN else None
        reason = self._reason(buf, n, links_mask, known)
        if reason is not None:
            count_drop(self.drops, reason)
            return None
        name, _, _, has_mac, fields = known
        tag = None
        if has_mac:
            n -= MAC_LEN
            tag = bytes(buf[n : n + MAC_LEN])
        return name, unpack(fields, buf, HEADER_LEN, n), tag

    def _reason(self, buf, n, links_mask, known):
        """Return why the content does not pass, None if it does. The checks stand in the order that SPEC.md gives."""
        if n < HEADER_LEN:
            return DROP_SHORT
        if buf[0] != WIRE_VERSION:
            return DROP_VERSION
        address = buf[1]
        link = address & LINK_MASK
        from_peer = bool(address & FROM_HUB) != self.from_hub
        if address & ~(LINK_MASK | FROM_HUB | BENCH_MARK) or not links_mask >> link & 1 or not from_peer:
            return DROP_ADDRESS
        if known is None:
            return DROP_TYPE
        _, its_link, from_hub, has_mac, fields = known
        if its_link != link or from_hub == self.from_hub:
            return DROP_ADDRESS
        if address & BENCH_MARK != self._mark(link):
            return DROP_MARK
        body = n - HEADER_LEN - (MAC_LEN if has_mac else 0)
        if not fits(fields, body):
            return DROP_LENGTH
        if has_mac:
            key = self.keys.get(link)
            start = HEADER_LEN + body
            if key is None or not key.verify(buf, start, memoryview(buf)[start:n]):
                return DROP_MAC
        return None
