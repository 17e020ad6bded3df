"""A hub with an inferred flag and many GBCS messages that may not touch it: what it keeps, relays, and tells after."""

import gc
import hashlib

from narrow_board import UTC, NarrowBoard, Peers, result, settings

from chf.shell import Shell
from chf.wire import schema as s
from chf.wire.framing import Framer

TICKS_MASK = 0x3FFFFFFF
FRAME_MS = 1  # simulated, between two frames
STEP_MS = 500
IDLE_STEPS = 20
OUT = s.SENSE_MT_PR | s.SENSE_AC_LO
GOOD = OUT | s.SENSE_SUPPLY
LONGEST = 2 * s.FRAME_MAX + 2  # stuffed


class HeadEnd:
    """Acknowledges what the hub tells of outages, and keeps (level, cause, source, window_s, flag_counter) of each."""

    def __init__(self, peers):
        self.peers = peers
        self.told = []
        self._framer = Framer()

    def listen(self):
        wan = self.peers.lines[s.LINK_WAN]
        heard = bytes(memoryview(wan.out)[: wan.written])
        wan.written = 0
        at = 0
        while at < len(heard):
            at = self._framer.push(heard, at, len(heard))
            if not self._framer.ready:
                continue
            opened = self.peers.endpoint.open(self._framer.buf, self._framer.ready, 1 << s.LINK_WAN)
            name, fields = opened[0], opened[1]
            if name == "ad1":
                self.told.append([fields[field] for field in ("level", "cause", "source", "window_s")])
                self.told[-1].append(int.from_bytes(fields["flag_counter"], "big"))
                self.peers.say("ad1_ack", {"id": bytes(fields["id"]), "revision": fields["revision"]})
            elif name == "restored":
                self.peers.say("restored_ack", {"id": bytes(fields["id"])})
            elif name == "time_request":
                passed = ((self.peers.shell.board.now - self.peers._utc_from) & TICKS_MASK) // 1000
                values = {"nonce": bytes(fields["nonce"]), "utc": UTC + passed, "counter": bytes(8)}
                self.peers.say("time_reply", values)

    def wait(self, seconds):
        board = self.peers.shell.board
        for _ in range(seconds * 1000 // STEP_MS):
            board.now = (board.now + STEP_MS) & TICKS_MASK
            self.peers.shell.step()
            self.listen()

    def outage(self):
        board = self.peers.shell.board
        board.bits = OUT
        self.wait(200)
        board.bits = GOOD
        self.wait(30)


def state(shell):
    """All that a GBCS message could change, and how much is in the journals."""
    flag = shell.supervisor.activation.flag
    notice = shell.supervisor.notice
    files = [held[1] for held in shell.board.store._files.values()]
    queue = list(shell.supervisor.commands.inferred.queue)
    known = (notice.version, notice.report)
    return (flag.state, flag.source, flag.counter, flag.until, flag.window_s, flag.image_hash), queue, known, files


def feed(shell, lines, file, count, buf, digests):
    """Give it so many frames of the file; how many there were. What it says goes into the digests."""
    board = shell.board
    head = bytearray(3)
    for fed in range(count):
        if file.readinto(head) != 3:
            return fed
        n = head[1] << 8 | head[2]
        file.readinto(memoryview(buf)[:n])
        board.now = (board.now + FRAME_MS) & TICKS_MASK
        for line in lines:
            line.written = 0
        line = lines[head[0]]
        line.put(buf, n)
        while line.at < line.end:
            shell.step()
        for i in range(2):
            digests[i].update(memoryview(lines[i].out)[: lines[i].written])
    return count


def allocated(shell):
    """In use, after some idle passes: what the stack still held of the last message is gone then."""
    for _ in range(IDLE_STEPS):
        shell.board.now = (shell.board.now + FRAME_MS) & TICKS_MASK
        shell.step()
    gc.collect()
    return gc.mem_alloc()


def main():
    wanted = settings()
    shell = Shell(NarrowBoard(wanted["identity"]))
    peers = Peers(shell)
    shell.board.bits = GOOD
    peers.settle()
    for gbcs in wanted["before"]:  # a flag that is pending, and one that waits for its time
        octets = bytes([int(gbcs[at : at + 2], 16) for at in range(0, len(gbcs), 2)])
        peers.say("gbcs_down", {"counter": peers.counter(), "gbcs": octets})
    lines = shell.board.links[:2]
    buf = bytearray(LONGEST)
    digests = [hashlib.sha256() for _ in lines]
    kept = state(shell)
    with open(wanted["frames"], "rb") as file:
        fed = feed(shell, lines, file, wanted["warm_up"], buf, digests)
        before = allocated(shell)
        fed += feed(shell, lines, file, wanted["count"] - fed, buf, digests)
        after = allocated(shell)
    untouched = state(shell) == kept
    dropped = sum(shell.endpoint.drops)
    head_end = HeadEnd(peers)
    head_end.outage()
    head_end.outage()
    head_end.wait(wanted["due_s"])
    head_end.outage()
    result(
        fed=fed,
        drift=after - before,
        untouched=untouched,
        state=str(kept),
        dropped=dropped,
        digests=[digest.digest().hex() for digest in digests],
        told=head_end.told,
    )


main()
