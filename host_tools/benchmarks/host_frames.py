"""The host's framing and parsing of a frame against dlms-cosem's, in turns in one process."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from time import perf_counter

from host_tools import frames
from host_tools.benchmarks.figure import Figure
from host_tools.errors import EXIT_NO_BOARD, BenchError

NAMES = ("host-frames",)
FRAME_OCTETS = 32  # flags included, before ours is stuffed
BAR = 0.1
BLOCKS = 40
FRAMES = 200  # in a block


def ours() -> tuple[Callable[[], object], int]:
    """(what frames and parses one frame off the line, octets of that frame on the line)."""
    content = frames.build("set_policy", {"counter": bytes(7) + b"\x2a", "policy": "tag"}, key=bytes(32))
    wire = frames.to_wire(content)
    if len(content) + 4 != FRAME_OCTETS:
        raise BenchError(f"'set_policy' no longer takes {FRAME_OCTETS} octets: choose another message to measure.")
    deframer = frames.Deframer()

    def once() -> object:
        return frames.parse(deframer.feed(wire)[0])

    return once, len(wire)


def theirs() -> Callable[[], object]:
    """What parses one HDLC information frame of dlms-cosem's, checks included. Raises BenchError without it."""
    if importlib.util.find_spec("dlms_cosem") is None:
        raise BenchError(
            "dlms-cosem is missing, and only this figure needs it: run inv bench, which installs it.", EXIT_NO_BOARD
        )
    from dlms_cosem.hdlc.address import HdlcAddress
    from dlms_cosem.hdlc.frames import InformationFrame

    client = HdlcAddress(logical_address=16, physical_address=None, address_type="client")
    server = HdlcAddress(logical_address=1, physical_address=17, address_type="server")
    frame = InformationFrame(
        destination_address=client,
        source_address=server,
        payload=bytes(range(20)),
        send_sequence_number=0,
        receive_sequence_number=0,
    ).to_bytes()
    if len(frame) != FRAME_OCTETS:
        raise BenchError(
            f"dlms-cosem's frame takes {len(frame)} octets, not {FRAME_OCTETS}: install the one that is pinned."
        )
    return lambda: InformationFrame.from_bytes(frame)


def _timed(once: Callable[[], object]) -> float:
    """Microseconds for one."""
    start = perf_counter()
    for _ in range(FRAMES):
        once()
    return (perf_counter() - start) / FRAMES * 1e6


def take(quick: bool) -> list[Figure]:
    other = theirs()
    mine, wire = ours()
    pairs = [(_timed(mine), _timed(other)) for _ in range(3 if quick else BLOCKS)]
    return [
        Figure(
            "host-frames",
            median(own / their for own, their in pairs),
            "of dlms-cosem's",
            BAR,
            f"Deframer.feed and frames.parse of a frame of {FRAME_OCTETS} octets ({wire} when stuffed) in "
            f"{median(own for own, _ in pairs):.1f} us, against InformationFrame.from_bytes of dlms-cosem "
            f"{version('dlms-cosem')} of one of {FRAME_OCTETS} in {median(their for _, their in pairs):.1f} us; "
            f"median of {len(pairs)} blocks of {FRAMES} in turns; 0.1 is ten times as fast",
        )
    ]
