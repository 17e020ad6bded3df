"""Who the board is to be: its identity is written once, and a provisioned board keeps its keys."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.deploy.flash_target import Target
from host_tools.deploy.provisioning import new_identity, read_identity, write_identity
from host_tools.errors import EXIT_FLASH, EXIT_USAGE, BenchError


@dataclass(frozen=True)
class Plan:
    """hub: EUI-64 that the board then has. octets: of identity.json, None where it stays. told: what to tell people."""

    hub: str
    octets: bytes | None
    told: str


def keys_digest(identity: dict[str, Any]) -> str:
    """SHA-256 of an identity's keys, as flasher.identity() makes it: so they are compared without being read back."""
    keys = identity["keys"]
    return hashlib.sha256("".join(name + keys[name] for name in sorted(keys)).encode()).hexdigest()


def plan(
    given: Path | None,
    new_keys: bool,
    there: tuple[str, str, str, str] | None,
    who: dict[str, Any],
    target: Target,
) -> Plan:
    """What to do with the board's identity. given: --keys; a file that is missing is made, and only where it is needed.
    What of the core's parameters hangs on the board is added where the file does not say it.

    there: flasher.identity(). Raises BenchError where the board is provisioned otherwise and new_keys is not set.
    """
    if there is not None and given is None and not new_keys:
        if not there[0]:
            raise BenchError(
                "The board's identity.json is damaged: give --keys FILE with --new-keys to provision it anew.",
                EXIT_FLASH,
            )
        return Plan(there[0], None, "the board's own, untouched")
    if there is not None and new_keys and given is None:
        raise BenchError("--new-keys goes with --keys FILE, the identity to write.", EXIT_USAGE)
    path = given or Path(f"keys-{target.name}-{who['unique_id'] or 'board'}.json")
    made = not path.exists()
    if there is not None and made and not new_keys:
        raise BenchError(f"There is no {path}, and the board is provisioned: leave --keys out.", EXIT_USAGE)
    if made:
        write_identity(path, new_identity(**target.config))
    identity = {**target.config, **read_identity(path)}
    octets = json.dumps(identity).encode()
    told = f"{path}{', made now' if made else ''}"
    if there is None:
        return Plan(identity["hub"], octets, told)
    hub, esme, keys, whole = there
    if whole == hashlib.sha256(octets).hexdigest():
        return Plan(hub, None, told)
    if not new_keys and (hub, esme, keys) != (identity["hub"], identity["esme"], keys_digest(identity)):
        raise BenchError(
            f"The board is provisioned as {hub or 'unreadable'}, and {path} is another identity: leave --keys out, or "
            "replace the board's keys with --new-keys.",
            EXIT_FLASH,
        )
    return Plan(identity["hub"], octets, told)
