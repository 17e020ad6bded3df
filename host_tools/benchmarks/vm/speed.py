"""Times what the hub does most against U, one pass of `for i in range(n): x += 1`, in turns on the same VM."""

import time

from narrow_board import NarrowBoard, Peers, result, settings

from chf.shell import Shell
from chf.wire.auth import Key
from chf.wire.framing import Framer, stuff
from chf.wire.schema import FCS_LEN, MAC_LEN

FRAME_OCTETS = 64  # content and FCS
PIECE = 256


def unit(n):
    x = 0
    for _i in range(n):
        x += 1  # noqa: SIM113


def decode(framer, octets, n):
    """n passes over octets, in pieces as the shell takes them."""
    end = len(octets)
    for _ in range(n):
        at = 0
        while at < end:
            stop = at + PIECE
            if stop > end:
                stop = end
            while at < stop:
                at = framer.push(octets, at, stop)


def quiet(supervisor, now, bits, holdup_mv, n):
    """n questions whether a sample changes anything: what a supervisor does in an idle step."""
    ask = supervisor.quiet
    for _ in range(n):
        ask(now, bits, holdup_mv)


def step(shell, n):
    """n idle passes of the shell."""
    go = shell.step
    for _ in range(n):
        go()


def verify(key, content, tag, n):
    good = 0
    length = len(content)
    for _ in range(n):
        if key.verify(content, length, tag):
            good += 1
    return good


def timed(call, *arguments):
    """Microseconds."""
    start = time.ticks_us()
    call(*arguments)
    return time.ticks_diff(time.ticks_us(), start)


def main():
    wanted = settings()
    shell = Shell(NarrowBoard(wanted["identity"]))
    Peers(shell).settle()
    n = wanted["n"]
    key = Key(bytes(range(32)))
    body = bytes([(i * 89 + 7) & 0xFF for i in range(FRAME_OCTETS - FCS_LEN - MAC_LEN)])
    tag = key.tag(body)
    content = body + tag
    stuffed = bytearray(2 * FRAME_OCTETS + 2)
    wire = stuff(content, len(content), stuffed)
    frames = 16
    stream = bytes(stuffed[:wire]) * frames
    framer = Framer()
    supervisor = shell.supervisor
    board = shell.board
    now, bits, holdup_mv = board.ticks_ms(), board.sense(), board.holdup_mv()
    if not supervisor.quiet(now, bits, holdup_mv) or verify(key, body, tag, 1) != 1:
        raise ValueError("the hub is not at rest, or a tag does not verify")
    rows = []
    for _ in range(wanted["rounds"]):
        row = [
            timed(unit, n) / n,
            timed(decode, framer, stream, n // 4096) / (n // 4096) / frames,  # for one frame
            timed(quiet, supervisor, now, bits, holdup_mv, n // 8) / (n // 8),
            timed(step, shell, n // 64) / (n // 64),
            timed(verify, key, body, tag, n // 64) / (n // 64),
        ]
        rows.append(row)
    result(names=["unit", "decode", "quiet", "step", "verify"], rows=rows, wire=wire)


main()
