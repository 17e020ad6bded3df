"""The journal on a real MicroPython VM: the shared vectors, and power cuts under its own littlefs. Run by pytest.

Arguments: the folder of the firmware, the folder of this file. Prints one line "name count" for each part, and
"done 1" after all of them: the VM's wheel exits 0 whatever was raised.
"""

import gc
import json
import sys

sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])

from journal_stores import MemoryStore, sample, samples
from journal_vectors import check

from chf.journal.journal import Journal

BLOCK = 256
BLOCKS = 14
UNIT = 16
HALF = 0x5A  # the bits that a cut leaves behind in the octet that was being programmed
NAME = "outages.chj"


class Flash:
    """A NOR flash for VfsLfs2: programs clear bits; `cut` steps later the power is gone, in the middle of a step."""

    def __init__(self, image):
        self.image = image
        self.cut = -1  # octets still to be programmed and erases to be made; -1: no cut
        self.steps = 0

    def _step(self):
        self.steps += 1
        if self.cut == 0:
            return True
        self.cut -= 1
        return False

    def readblocks(self, block, buf, off=0):
        at = block * BLOCK + off
        buf[:] = memoryview(self.image)[at : at + len(buf)]

    def writeblocks(self, block, buf, off=0):
        at = block * BLOCK + off
        for k in range(len(buf)):
            gone = self._step()
            self.image[at + k] &= buf[k] | (HALF if gone else 0)
            if gone:
                return -5
        return 0

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            gone = self._step()
            at = arg * BLOCK
            size = BLOCK // 2 if gone else BLOCK
            self.image[at : at + size] = b"\xff" * size
            if gone:
                return -5
        return 0


class LittlefsStore:
    """The store port over the VM's own littlefs, as a board's adapter does it."""

    def __init__(self, flash):
        import vfs

        self._fs = vfs.VfsLfs2(flash, readsize=UNIT, progsize=UNIT)

    def read(self, name):
        try:
            file = self._fs.open(name, "rb")
        except OSError as error:
            if error.errno != 2:
                raise
            return None
        data = file.read()
        file.close()
        return data

    def _write(self, name, mode, data):
        file = self._fs.open(name, mode)
        try:
            file.write(data)
        finally:
            file.close()  # also after a failure: the collector would do it later, with the heap locked

    def append(self, name, data):
        self._write(name, "ab", data)

    def replace(self, name, pieces):
        self._write(name + ".new", "wb", b"".join([bytes(piece) for piece in pieces]))
        self._fs.rename(name + ".new", name)


def formatted(records):
    import vfs

    flash = Flash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
    vfs.VfsLfs2.mkfs(flash, readsize=UNIT, progsize=UNIT)
    Journal(LittlefsStore(flash), NAME).compact(records)
    return flash.image


def cut_everywhere(image, change, before, after):
    cuts = 0
    while True:
        flash = Flash(bytearray(image))
        journal = Journal(LittlefsStore(flash), NAME)
        assert journal.recover() == before
        flash.cut = cuts
        try:
            change(journal)
            done = True
        except OSError:
            done = False
        journal = Journal(LittlefsStore(Flash(flash.image)), NAME)
        records = journal.recover()
        assert records == after if done else records in (before, after), cuts
        assert not journal.damaged and not journal.torn
        if done:
            return cuts
        cuts += 1


def power_cuts():
    before = samples()[:6]
    record = ("flag", sample("flag", 1))
    image = formatted(before)
    after = list(before)
    after.append(record)
    print("append-cuts", cut_everywhere(image, lambda journal: journal.append(*record), before, after))
    after = before[:2]
    print("compact-cuts", cut_everywhere(image, lambda journal: journal.compact(after), before, after))


def main():
    vectors = 0
    with open(sys.argv[2] + "/vectors.json") as file:
        for line in file:  # one vector a line: the whole would not leave room for the rest in a small heap
            if line[0] == "{":
                check(json.loads(line.rstrip(",\n")))
                vectors += 1
    print("vectors", vectors)
    gc.collect()
    if sys.platform != "webassembly":  # that VM has no littlefs
        power_cuts()

    # A full file, read back one record at a time, with a torn tail that the next append cuts off, then compacted.
    store = MemoryStore()
    journal = Journal(store, NAME)
    journal.recover()
    while journal.room("checkpoint"):
        journal.append("checkpoint", sample("checkpoint"))
    store.files[NAME] += b"\x27\x05"
    replayed = 0

    def take(name, values):
        nonlocal replayed
        replayed += name == "checkpoint" and values == sample(name)

    journal = Journal(store, NAME)
    journal.replay(take)
    assert journal.torn == 2 and not journal.damaged
    journal.append("boot", sample("boot"))
    journal.compact((name, sample(name)) for name in ("format", "boot"))
    assert Journal(store, NAME).recover() == [("format", sample("format")), ("boot", sample("boot"))]
    print("replayed", replayed)
    print("done", 1)


main()
