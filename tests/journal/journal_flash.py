"""A NOR flash in memory for littlefs: it keeps the order of every program and erase, so that a test can cut in any.

Programs clear bits only, erases set whole blocks, as NOR flash does. `history` holds every step since it was last
emptied; images() gives what the flash would hold had the power gone during each of them.
"""

from littlefs import LittleFS
from littlefs.context import UserContext

ERASED = 0xFF
HALF = 0x5A  # the bits that a cut leaves behind in the octet that was being programmed


class Flash(UserContext):
    """Blocks of NOR flash. `programmed` counts octets and `erased` counts blocks, both since the flash was made."""

    def __init__(self, block_size, block_count, image=None):
        self.block_size = block_size
        self.image = bytearray(image) if image is not None else bytearray([ERASED]) * (block_size * block_count)
        self.history = []
        self.programmed = self.erased = 0

    def read(self, _cfg, block, off, size):
        at = block * self.block_size + off
        return bytes(self.image[at : at + size])

    def prog(self, _cfg, block, off, data):
        at = block * self.block_size + off
        data = bytes(data)
        cells = self.image[at : at + len(data)]
        assert cells == bytes([ERASED]) * len(data), "littlefs programs erased cells only"
        self.history.append((at, data))
        self.image[at : at + len(data)] = data
        self.programmed += len(data)
        return 0

    def erase(self, _cfg, block):
        at = block * self.block_size
        self.history.append((at, None))
        self.image[at : at + self.block_size] = bytes([ERASED]) * self.block_size
        self.erased += 1
        return 0

    def sync(self, _cfg):
        return 0


def images(image, history, block_size):
    """Yield what the flash holds when the power goes: at each octet programmed, thrice in an erase, and at the end."""
    image = bytearray(image)
    for at, data in history:
        if data is None:
            old = image[at : at + block_size]
            yield bytes(image)
            image[at : at + block_size] = bytes(cell | HALF for cell in old)
            yield bytes(image)
            image[at : at + block_size // 2] = bytes([ERASED]) * (block_size // 2)
            yield bytes(image)
            image[at : at + block_size] = bytes([ERASED]) * block_size
            continue
        for k, octet in enumerate(data):
            image[at + k] = octet | HALF
            yield bytes(image)
            image[at + k] = octet
    yield bytes(image)


class LittlefsStore:
    """The store port over littlefs, as a board's adapter does it: append and close, or write beside and rename."""

    def __init__(self, flash, read_size, prog_size, fresh=False):
        self.flash = flash
        self._fs = LittleFS(
            context=flash,
            mount=False,
            block_size=flash.block_size,
            block_count=len(flash.image) // flash.block_size,
            read_size=read_size,
            prog_size=prog_size,
            cache_size=min(flash.block_size, 4 * max(read_size, prog_size)),  # as MicroPython's VfsLfs2 does
            lookahead_size=32,
        )
        if fresh:
            self._fs.format()
        self._fs.mount()

    def read(self, name):
        try:
            with self._fs.open(name, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def append(self, name, data):
        with self._fs.open(name, "ab") as file:
            file.write(bytes(data))

    def replace(self, name, pieces):
        with self._fs.open(name + ".new", "wb") as file:
            for piece in pieces:
                file.write(bytes(piece))
        self._fs.rename(name + ".new", name)
