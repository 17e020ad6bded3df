"""What a hub is provisioned with: the identity file's JSON to the core's configuration and the keys of this mode."""

import json

from chf.core.limits import Config
from chf.wire.auth import KEY_LEN, Key
from chf.wire.schema import LINK_HAN, LINK_WAN

_EUI_LEN = 8
_KEYS = {LINK_HAN: "esme", LINK_WAN: "head_end"}
_BENCH = "bench_"  # prefix of the test keys, the only ones used while the bench strap is fitted


class IdentityError(Exception):
    """The identity file is missing or does not fit; one sentence says what and how to mend it."""


def load(board):
    """(Config, {link: Key}, fault) of a board; without a usable identity file a hub that no one knows, and why."""
    try:
        config, keys = parse(board.identity(), board.strapped)
    except IdentityError as error:
        return Config(bytes(_EUI_LEN), bytes(_EUI_LEN)), {}, str(error)
    return config, keys, ""


def parse(text, strapped: bool):
    """Return (Config, {link: Key}) of the JSON text of an identity file. Raises IdentityError.

    {"hub": EUI-64 as 16 hex digits, "esme": the same, "keys": {"esme", "head_end", "bench_esme", "bench_head_end":
    64 hex digits each}, and any of Config's other parameters: integers}.
    """
    if text is None:
        raise IdentityError("not provisioned: write an identity file to this hub")
    try:
        data = json.loads(text)
        keys = data.pop("keys")
        hub = _octets(data.pop("hub"), _EUI_LEN)
        esme = _octets(data.pop("esme"), _EUI_LEN)
        config = Config(hub, esme, **data)
        for name in data:
            value = data[name]
            if not isinstance(value, int) or not 0 <= value < 1 << 20:
                raise ValueError
        found = {}
        for link in _KEYS:
            name = (_BENCH if strapped else "") + _KEYS[link]
            if name in keys:
                found[link] = Key(_octets(keys[name], KEY_LEN))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IdentityError("the identity file does not fit: provision this hub again")
    return config, found


def _octets(text, n):
    octets = bytes.fromhex(text)
    if len(octets) != n:
        raise ValueError
    return octets
