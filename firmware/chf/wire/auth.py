"""Authentication: HMAC-SHA256 cut to 16 octets, and the wrapping of a new key for its way over the WAN.

Source: RFC 2104 (HMAC), FIPS 180-4 (SHA-256); the cut follows RFC 2104, section 5.
"""

from hashlib import sha256

from chf.wire.schema import MAC_LEN

KEY_LEN = 32
COUNTER_LEN = 8
_BLOCK = 64  # octets of a SHA-256 block
_WRAP_LABEL = b"chf key wrap v1"


class Key:
    """A secret of 32 octets. Its two pad blocks are made once; a tag then costs two hashes."""

    def __init__(self, secret):
        if len(secret) != KEY_LEN:
            raise ValueError("a key takes 32 octets")
        self._inner = self._pad(secret, 0x36)
        self._outer = self._pad(secret, 0x5C)

    @staticmethod
    def _pad(secret, octet):
        return bytes(c ^ octet for c in secret) + bytes((octet,)) * (_BLOCK - KEY_LEN)

    def mac(self, data, n=None):
        """Return HMAC-SHA256 of data[:n], all 32 octets."""
        inner = sha256(self._inner)
        inner.update(data if n is None else memoryview(data)[:n])
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()

    def tag(self, data, n=None):
        """Return the MAC of data[:n] as a frame carries it: the first 16 octets."""
        return self.mac(data, n)[:MAC_LEN]

    def verify(self, data, n, tag):
        """Say whether `tag` is the tag of data[:n], in a time that does not depend on where they differ."""
        if len(tag) != MAC_LEN:
            return False
        good = b"\x01" + self.mac(data, n)[:MAC_LEN]
        # As numbers: a loop over octets takes nearly as long as the hashes. The one before `good` keeps the
        # difference, and what is then taken from it, as long as any other: the time does not say where the two differ.
        difference = int.from_bytes(good, "big") ^ int.from_bytes(tag, "big")
        return (difference - 1) >> (8 * MAC_LEN) == 0


def wrap(key, counter, secret):
    """Return the 32-octet `secret` wrapped under `key` for the command with that 8-octet counter; `unwrap` undoes it.

    A counter is used once, so the key stream is: secret XOR HMAC-SHA256(key, "chf key wrap v1" + counter).
    The command's own MAC authenticates the result. Raises ValueError on a wrong length.
    """
    if len(counter) != COUNTER_LEN or len(secret) != KEY_LEN:
        raise ValueError("a wrapped key takes a counter of 8 octets and a secret of 32")
    stream = key.mac(_WRAP_LABEL + bytes(counter))
    return bytes(a ^ b for a, b in zip(stream, secret))


unwrap = wrap
