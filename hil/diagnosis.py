"""What a failed scenario leaves for a person: the last frames of each link, the hub's trace, how to run it again."""

from __future__ import annotations

import shlex

from chf.wire import schema as s
from hil.hub import HubUnderTest
from hil.lab import Lab
from host_tools import frames
from host_tools.bench import Captured
from host_tools.errors import BenchError

FRAMES_OF_A_LINK = 12
_ENTRY = 8  # octets of a trace entry: tick 4, what 1, detail 1, value 2 (wire SPEC, annex A)
_WHAT = {0: "boot", 1: "sample", 2: "message", 3: "store failed", 4: "clean stop", 0x80: "journal", 0x81: "send"}
_WHAT[0x82] = "send if durable"
_ABOUT_LINES = (0, 1)
_ABOUT_MESSAGES = (2, 0x81, 0x82)


def of(lab: Lab, scenario: str) -> str:
    """Everything, as lines for the report of the scenario with that pytest node id; its capture is kept in a file."""
    lines = [f"rerun: pytest '{scenario}' {lab.session.target.command}", f"seed of this scenario's hub: {lab.seed}"]
    hub = lab.hub
    if hub is None:
        return "\n".join([*lines, "no hub was ready"])
    lines.append(_kept(lab))
    trace = _trace(hub)  # first: it is asked for over the link that is shown next
    for link, name in ((s.LINK_HAN, "HAN"), (s.LINK_WAN, "WAN"), (s.LINK_BENCH, "BENCH")):
        said = [captured for captured in hub.bench.capture if captured.content[1] & s.LINK_MASK == link]
        lines += last_frames(name, said)
    for at_ms, why in getattr(hub.rig, "resets", [])[-FRAMES_OF_A_LINK:]:
        lines.append(f"the hub stopped at {at_ms / 1000:.3f} s: {why}")
    console = hub.rig.console().splitlines() if hasattr(hub.rig, "console") else []
    lines += [f"console: {line}" for line in console[-FRAMES_OF_A_LINK:]]
    return "\n".join(lines + trace)


def last_frames(name: str, said: list[Captured]) -> list[str]:
    """The last of the frames that went over the link of that name, a line each."""
    shown = said[-FRAMES_OF_A_LINK:]
    lines = [f"{name}: the last {len(shown)} of {len(said)} frames"]
    return lines + [f"  {captured.at_ms / 1000:11.3f} s  {_described(captured)}" for captured in shown]


def _kept(lab: Lab) -> str:
    """Writes the capture; the line that says how to replay it, or why it could not be kept."""
    try:
        path = lab.write_capture()
    except (BenchError, OSError) as error:
        return f"no capture was kept: {error}"
    keys = lab.session.target.keys
    return f"replay: chtool replay '{path}'{f' --keys {shlex.quote(str(keys))}' if keys else ''}"


def _described(captured: Captured) -> str:
    try:
        return frames.describe(captured.frame)
    except frames.FrameError as error:
        return f"{'-> hub' if captured.to_hub else 'hub ->'} {captured.content.hex()} ({error})"


def _trace(hub: HubUnderTest) -> list[str]:
    hub.bench.tamper.clear()
    try:
        frame = hub.bench.ask("trace_request", answer="trace_data")
    except BenchError as error:
        return [f"trace: none ({error})"]
    entries = frame.fields["entries"]
    lines = [f"trace: {len(entries) // _ENTRY} entries, {frame.fields['lost']} older ones overwritten"]
    for at in range(0, len(entries), _ENTRY):
        lines.append("  " + described_entry(entries[at : at + _ENTRY]))
    return lines


def described_entry(entry: bytes) -> str:
    """One trace entry of 8 octets as a line."""
    tick = int.from_bytes(entry[:4], "big")
    what, detail, value = entry[4], entry[5], int.from_bytes(entry[6:], "big")
    words = f"tick {tick:10d}  {_WHAT.get(what, f'0x{what:02x}')}"
    if what in _ABOUT_LINES:
        lines = [name for bit, name in ((1, "supply"), (2, "ac-lo"), (4, "mt-pr")) if detail & bit]
        return f"{words} {'|'.join(lines) or '0'} {value} mV"
    if what in _ABOUT_MESSAGES:
        return f"{words} {frames.MESSAGES[detail][0] if detail in frames.MESSAGES else f'0x{detail:02x}'}"
    if what == 0x80:
        return f"{words} record 0x{detail:02x}"
    return words
