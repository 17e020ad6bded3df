"""Times what the hub does most against U, one pass of `for i in range(n): x += 1`, in turns on the same VM."""

import gc
import time

from narrow_board import NarrowBoard, Peers, result, settings

from chf.shell import Shell
from chf.wire.auth import Key
from chf.wire.framing import Framer, stuff
from chf.wire.schema import FCS_LEN, MAC_LEN

FRAME_OCTETS = 64  # content and FCS
PIECE = 256
FRAMES = 16  # in a stream
VERIFIED = 32  # tags in one go: few enough that none of it collects garbage


def unit(n):
    x = 0
    for _i in range(n):
        x += 1  # noqa: SIM113


def decode(framer, pieces, n):
    """n passes over the octets, in pieces as the shell takes them."""
    for _ in range(n):
        for piece in pieces:
            at = 0
            end = len(piece)
            while at < end:
                at = framer.push(piece, at, end)


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
    """Microseconds. Without what came before: its garbage is collected first."""
    gc.collect()
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
    stream = bytes(stuffed[:wire]) * FRAMES
    stream = [bytearray(stream[at : at + PIECE]) for at in range(0, len(stream), PIECE)]
    framer = Framer()
    framer.viper = None
    fast = Framer()
    supervisor = shell.supervisor
    board = shell.board
    now, bits, holdup_mv = board.ticks_ms(), board.sense(), board.holdup_mv()
    if not supervisor.quiet(now, bits, holdup_mv) or verify(key, body, tag, 1) != 1:
        raise ValueError("the hub is not at rest, or a tag does not verify")
    rows = []
    for _ in range(wanted["rounds"]):
        row = [
            timed(unit, n) / n,
            timed(decode, framer, stream, 1) / FRAMES,  # for one frame
            timed(decode, fast, stream, 8) / FRAMES / 8,
            timed(quiet, supervisor, now, bits, holdup_mv, n // 8) / (n // 8),
            timed(step, shell, n // 128) / (n // 128),
            timed(verify, key, body, tag, VERIFIED) / VERIFIED,
        ]
        rows.append(row)
    gc.collect()
    start = time.ticks_us()
    verify(key, body, tag, n)
    lasting = time.ticks_diff(time.ticks_us(), start) / n
    names = ["unit", "decode", "viper", "quiet", "step", "verify"]
    result(names=names, rows=rows, wire=wire, viper=fast.viper is not None, verify_lasting=lasting)


main()
