"""What a hub is provisioned with: the identity file's JSON to the core's configuration and the keys of this mode."""

import json

from chf.core.limits import Config
from chf.wire.auth import KEY_LEN, Key
from chf.wire.schema import LINK_HAN, LINK_WAN, POLICY_SUPPRESS_INFERRED

_EUI_LEN = 8
_KEYS = {LINK_HAN: "esme", LINK_WAN: "head_end"}
_BENCH = "bench_"  # prefix of the test keys, the only ones used while the bench strap is fitted
_UNFIT = "the identity file does not fit: provision this hub again"


class IdentityError(ValueError):
    """The identity file is missing or does not fit; one sentence says what and how to mend it."""


def load(board):
    """(Config, {link: Key}, fault) of a board; without a usable identity file a hub that no one knows, and why."""
    try:
        config, keys = parse(board.identity(), board.strapped)
    except (OSError, ValueError) as error:  # the file cannot be read, is no text, or does not fit
        fault = str(error) if isinstance(error, IdentityError) else _UNFIT
        return Config(bytes(_EUI_LEN), bytes(_EUI_LEN)), {}, fault
    if len(keys) < len(_KEYS):
        return config, keys, "a key is missing for this position of the strap: provision this hub again"
    return config, keys, ""


def parse(text, strapped: bool):
    """Return (Config, {link: Key}) of the JSON text of an identity file. Raises IdentityError.

    {"hub": EUI-64 as 16 hex digits, "esme": the same, "keys": {"esme", "head_end", "bench_esme", "bench_head_end":
    64 hex digits each}, and any of Config's other parameters: integers}. The keys of the other mode may be missing.
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
        if config.policy > POLICY_SUPPRESS_INFERRED:
            raise ValueError
        found = {}
        for link in _KEYS:
            name = (_BENCH if strapped else "") + _KEYS[link]
            if name in keys:
                found[link] = Key(_octets(keys[name], KEY_LEN))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IdentityError(_UNFIT)
    return config, found


def _octets(text, n):
    octets = bytes.fromhex(text)
    if len(octets) != n:
        raise ValueError
    return octets
