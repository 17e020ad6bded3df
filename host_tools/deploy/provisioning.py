"""What a hub is provisioned with: EUI-64s and keys, made once, kept in one file that only its owner reads."""

from __future__ import annotations

import json
import os
import random
import secrets
from pathlib import Path
from typing import Any

from chf.identity import IdentityError, parse
from host_tools.errors import EXIT_USAGE, BenchError

KEY_NAMES = ("esme", "head_end", "bench_esme", "bench_head_end")
_EUI_LEN = 8
_KEY_LEN = 32


class Keys(dict[str, str]):
    """Keys in hex by name, which no traceback, dump of arguments or failed comparison shows."""

    def __repr__(self) -> str:
        return "<keys>"


def new_identity(seed: int | None = None, **config: int) -> dict[str, Any]:
    """A new identity with random EUIs and keys; the same again for the same `seed`, which is for tests alone.

    config: any of chf.core.limits.Config's parameters (policy, capacitance_mf, ...).
    """
    draw = secrets.token_bytes if seed is None else random.Random(seed).randbytes
    return {
        "hub": draw(_EUI_LEN).hex(),
        "esme": draw(_EUI_LEN).hex(),
        "keys": Keys({name: draw(_KEY_LEN).hex() for name in KEY_NAMES}),
        **config,
    }


def write_identity(path: Path, identity: dict[str, Any]) -> None:
    """Keep an identity in a new file of mode 0600.

    Raises BenchError where no hub would take it, or where the file exists or cannot be written.
    """
    if _fitting(json.dumps(identity)) is None:
        raise BenchError("No hub takes that identity: its parameters are whole numbers below 1,048,576.", EXIT_USAGE)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BenchError(f"{path} exists: an identity is made once; name another file.", EXIT_USAGE) from None
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(identity, file, indent=1)
    except OSError as error:
        path.unlink()
        raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None


def read_identity(path: Path) -> dict[str, Any]:
    """The identity in a file that only its owner may read. Raises BenchError, one sentence, never with a key in it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(
            f"The key file {path} cannot be read: {getattr(error, 'strerror', error)}.", EXIT_USAGE
        ) from None
    if os.name == "posix" and mode & 0o077:
        raise BenchError(f"The key file {path} is open to others: run chmod 600 on it.", EXIT_USAGE)
    identity = _fitting(text)
    if identity is None:
        raise BenchError(f"The key file {path} is not an identity: make one with chtool provision.", EXIT_USAGE)
    return identity


def _fitting(text: str) -> dict[str, Any] | None:
    """The identity in a JSON text, its EUIs as hubs are told apart by; None where the firmware would not take it."""
    try:
        config, keys = parse(text, False)
        keys_count = len(keys) + len(parse(text, True)[1])
    except (IdentityError, RecursionError):
        return None
    if keys_count < len(KEY_NAMES):
        return None
    given = json.loads(text)
    return {**given, "hub": config.hub.hex(), "esme": config.esme.hex(), "keys": Keys(given["keys"])}
