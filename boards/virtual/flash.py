"""NOR flash in a file: programs only clear bits, erases go by block, both take time, both can tear.

The file is the flash: it outlives the hub's process as the chip outlives a loss of supply.
"""

import os
from array import array

# Winbond W25Q16JV (the Raspberry Pi Pico's flash), table "AC electrical characteristics", typical and maximum.
PAGE_OCTETS = 256
PROG_US_PER_PAGE = 400  # tPP; 3,000 at most
ERASE_US = 45_000  # tSE, a sector of 4 KiB; 400,000 at most
ERASE_US_WORST = 400_000
PROG_US_PER_PAGE_WORST = 3_000

ERASE_STEP_OCTETS = 256  # how finely an interrupted erase is torn: one step of `cut_after` each

_EIO = 5
_EINVAL = 22
_ERASED = b"\xff" * ERASE_STEP_OCTETS
# Which bits of an octet had changed when power failed; by the octet's address, so that a tear is repeatable.
_TORN_BITS = b"\x00\xff\xa5\x5a\x0f\x81\x7e"


class FileFlash:
    """MicroPython's extended block device protocol on a file.

    path: the file; made wholly erased (0xFF) where there is none.
    on_busy(us): called once for each erase and for each program, with its whole time: the CPU is stalled and no
        interrupt runs meanwhile, as on rp2, so time advances and UARTs overrun.
    fault: has power_cut(), called where the flash has torn an operation; it does not return.

    The rig sets `cut_after` (None: never): that many more octets are programmed, or erase steps made, and the next
    one is left torn. It sets `failing` for a flash that takes no more writes (errno EIO); reading still works.
    Raises ValueError where the file's size is not the flash's, OSError where the file cannot be opened.
    """

    def __init__(
        self,
        path,
        blocks=64,
        block_octets=4096,
        prog_us_per_page=PROG_US_PER_PAGE,
        erase_us=ERASE_US,
        on_busy=None,
        fault=None,
    ):
        self.blocks = blocks
        self.block_octets = block_octets
        self.prog_us_per_page = prog_us_per_page
        self.erase_us = erase_us
        self.on_busy = on_busy
        self.fault = fault
        self.cut_after = None
        self.failing = False
        self.programmed = 0  # octets, since power-on
        self.erases = array("I", [0] * blocks)  # of each block, since power-on
        self.erase_total = 0
        self.set_attempts = 0  # octets in which a program wanted to set a bit: the driver's error
        self._dead = False
        self._page = bytearray(PAGE_OCTETS)
        self._file = _open(path, blocks * block_octets)

    def close(self):
        """Let go of the file."""
        self._dead = True
        self._file.close()

    def readblocks(self, block, buf, offset=0):
        """Fill buf; returns 0 or a negative errno, as littlefs expects."""
        position = block * self.block_octets + offset
        if self._dead:
            return -_EIO
        if position < 0 or position + len(buf) > self.blocks * self.block_octets:
            return -_EINVAL
        self._file.seek(position)
        self._file.readinto(buf)
        return 0

    def writeblocks(self, block, buf, offset=None):
        """Program buf; without an offset erase its blocks first. Returns 0 or a negative errno."""
        position = block * self.block_octets + (offset or 0)
        if self._dead or self.failing:
            return -_EIO
        if position < 0 or position + len(buf) > self.blocks * self.block_octets:
            return -_EINVAL
        if offset is None:
            for each in range(block, block + (len(buf) + self.block_octets - 1) // self.block_octets):
                self._erase(each)
        self._program(position, memoryview(buf))
        return 0

    def ioctl(self, operation, argument):
        """Geometry and erase; anything else needs nothing done."""
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.block_octets
        if operation == 6:
            if self._dead or self.failing:
                return -_EIO
            if not 0 <= argument < self.blocks:
                return -_EINVAL
            self._erase(argument)
        return 0

    def _program(self, position, data):
        pages = 0
        start = 0
        while start < len(data):
            octets = min(PAGE_OCTETS - position % PAGE_OCTETS, len(data) - start)
            self._program_page(position, data[start : start + octets])
            position += octets
            start += octets
            pages += 1
        if self.on_busy is not None:
            self.on_busy(pages * self.prog_us_per_page)

    def _program_page(self, position, data):
        octets = len(data)
        page = memoryview(self._page)[:octets]
        self._file.seek(position)
        self._file.readinto(page)
        whole = octets
        if self.cut_after is not None and self.cut_after < octets:
            whole = self.cut_after
        if whole < octets:
            torn = page[whole] & (data[whole] | _torn_bits(position + whole))
        if page == _ERASED[:octets]:
            page[:whole] = data[:whole]
        else:
            for i in range(whole):
                if data[i] & ~page[i]:
                    self.set_attempts += 1
                page[i] &= data[i]
        if whole < octets:
            page[whole] = torn
        self._file.seek(position)
        self._file.write(page)
        self.programmed += whole
        if whole < octets:
            self._power_cut()
        if self.cut_after is not None:
            self.cut_after -= octets

    def _erase(self, block):
        position = block * self.block_octets
        self.erases[block] += 1
        self.erase_total += 1
        for step in range(position, position + self.block_octets, ERASE_STEP_OCTETS):
            if self.cut_after is not None:
                if self.cut_after == 0:
                    self._tear_erase(step)
                self.cut_after -= 1
            self._file.seek(step)
            self._file.write(_ERASED)
        if self.on_busy is not None:
            self.on_busy(self.erase_us)

    def _tear_erase(self, position):
        """Leave a mix of old and erased bits in the step that was being erased; what lies beyond is old."""
        self._file.seek(position)
        self._file.readinto(self._page)
        for i in range(ERASE_STEP_OCTETS):
            self._page[i] |= _torn_bits(position + i)
        self._file.seek(position)
        self._file.write(self._page)
        self._power_cut()

    def _power_cut(self):
        # Dead first: a filesystem that is unwound by an exception, or collected as garbage, must not write afterwards.
        self._dead = True
        self.cut_after = None
        self.fault.power_cut()
        raise OSError(_EIO)


def flip_bits(path, offset, mask):
    """Damage one octet of a flash that is off. mask: the bits to invert. Raises OSError where there is no such file."""
    with open(path, "r+b") as file:
        file.seek(offset)
        octet = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((octet ^ mask,)))


def _torn_bits(position):
    return _TORN_BITS[position % len(_TORN_BITS)]


def _open(path, octets):
    """The file, unbuffered: what is written survives the end of this process."""
    try:
        size = os.stat(path)[6]
    except OSError:
        size = None
    if size is None:
        with open(path, "wb") as file:
            for _ in range(octets // ERASE_STEP_OCTETS):
                file.write(_ERASED)
    elif size != octets:
        raise ValueError("flash file %s holds %d octets, this flash %d: give another file" % (path, size, octets))
    return open(path, "r+b", buffering=0)
