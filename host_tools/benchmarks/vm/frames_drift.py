"""How the heap of a running hub changes over many frames, good and bad, of every kind that its peers may send."""

import gc

from narrow_board import NarrowBoard, Peers, result, settings

from chf.shell import Shell
from chf.wire import schema as s

FRAMES = 16  # in one round
FRAME_MS = 10_000  # simulated, between two frames: within a day everything that has a period comes round
LONG = bytes(range(256)) * 6
NOISE = bytes((0x7E, 1, 2, 0x7D, 0x7E)) + bytes(40) + bytes((0x7E,))


def play(peers):
    """One round. It ends as it began: no flag, the same policy, the same last frame."""
    board = peers.shell.board
    flag = peers.flag
    image = bytes(32)
    pending = flag(counter=peers.counter(), image_hash=image, expected_outage_s=300, valid_s=600)
    wan = {"counter": peers.counter(), "policy": s.POLICY_TAG}
    for name, fields, spoil in (
        ("activation_pending", pending, 0),
        ("activation_pending", pending, 0),  # an exact repeat
        ("activation_pending", pending, 8),  # its MAC is wrong, so its FCS too
        ("activation_complete", flag(counter=bytes(8), image_hash=image, result=0, version=2), 0),  # stale
        ("activation_complete", flag(counter=peers.counter(), image_hash=image, result=1, version=2), 0),
        ("activation_cancel", flag(counter=peers.counter()), 0),
        ("set_policy", wan, 0),
        ("set_policy", {"counter": peers.counter(), "policy": 9}, 0),  # refused
        ("gbcs_down", {"counter": peers.counter(), "gbcs": LONG[: s.GBCS_MAX]}, 0),
        ("gbcs_from_esme", {"gbcs": LONG[:64]}, 0),
        ("time_reply", {"nonce": bytes(8), "utc": 1, "counter": bytes(8)}, 0),  # answers nothing
        ("ad1_ack", {"id": bytes(12), "revision": 1}, 0),  # of no outage
        ("journal_request", {"file": s.JOURNAL_COUNTERS, "offset": 0}, 0),
        ("trace_request", {}, 0),
        ("identify", {}, 0),
    ):
        board.now = (board.now + FRAME_MS) & 0x3FFFFFFF
        peers.say(name, fields, spoil)
    peers.put(s.LINK_HAN, NOISE, len(NOISE))
    peers.say("state_request", {})


def allocated():
    gc.collect()
    return gc.mem_alloc()


def main():
    wanted = settings()
    shell = Shell(NarrowBoard(wanted["identity"]))
    peers = Peers(shell)
    peers.settle()
    for _ in range(wanted["warm_up"]):
        play(peers)
    rounds = wanted["rounds"]
    before = allocated()
    for _ in range(rounds):
        play(peers)
    after = allocated()
    dropped = [int.from_bytes(shell.endpoint.drops[2 * i : 2 * i + 2], "big") for i in range(s.DROPS)]
    result(
        drift=after - before,
        allocated=after,
        frames=rounds * FRAMES,
        dropped=sum(dropped),
        compactions=shell.counters.generation,
        time_known=shell.supervisor.utc.at(shell.board.now) != s.NO_UTC,
    )


main()
