"""The store port on a mounted littlefs: durable append, atomic replace. The same on every board.

On littlefs a small file lives inside its folder's metadata, where an append is one commit of a few pages and an erase
is rare; once longer than that, each synced append copies the file's last block to a freshly erased one. So a stored
name is a row of short files, `NAME.GENERATION.INDEX`, read end to end. Measured on the virtual board (48-octet
appends to a log of 4 KiB, 4 KiB blocks, 256-octet programs): an append costs 0.18 erases and 650 octets programmed,
9 ms, at most 2 erases and 97 ms; in one file 0.99 erases and 2,460 octets, 49 ms. An erase stalls rp2 for 45 ms and
costs received frames.
"""

import os

SEGMENT_OCTETS = 480  # under the 512 that littlefs keeps in metadata with blocks of 4 KiB and programs of 128 or more
PROG_OCTETS = 256  # a page; rp2 can program nothing less
READ_OCTETS = 32
LOOKAHEAD_OCTETS = 32  # a bit a block: one scan serves 256 blocks

_EIO = 5
_EEXIST = 17
_SUPERBLOCKS = 2  # littlefs keeps its root in blocks 0 and 1; everything else, the store's folder too, lies above
_CHUNK_OCTETS = 256


class StoreDamaged(OSError):
    """What the flash holds cannot be read as a store. It is left as it is; a person decides."""


class LfsStore:
    """The store port on a folder, made if missing.

    segment_octets: how long a file may grow by appends; keep it under the mount's inline limit, which is the least of
        4 * max(progsize, readsize), 1022 and an eighth of a block.
    Every method passes OSError (ENOSPC: full; EIO: broken); what was durable before stays so.
    """

    def __init__(self, mount_point, folder, segment_octets=SEGMENT_OCTETS):
        self._folder = mount_point.rstrip("/") + "/" + folder
        self._segment_octets = segment_octets
        self._ends = {}  # name: (generation, index, octets of the last segment)
        try:
            os.mkdir(self._folder)
        except OSError as error:
            if error.args[0] != _EEXIST:
                raise
        self._sweep(os.listdir(self._folder))

    def read(self, name):
        """All octets of name, None where it was never written. Raises StoreDamaged where a part is lost."""
        paths = [self._path(segment) for segment in segments(os.listdir(self._folder), name)]
        if not paths:
            return None
        data = bytearray(sum([os.stat(path)[6] for path in paths]))
        view = memoryview(data)
        at = 0
        for path in paths:
            with open(path, "rb") as file:
                at += file.readinto(view[at:])
        return data

    def append(self, name, data):
        """Add data at the end, all or nothing; durable on return. Makes name if missing."""
        generation, index, octets = self._end(name)
        if octets and octets + len(data) > self._segment_octets:
            index += 1
            octets = 0
        # Forgotten until it has succeeded: after an error the flash alone knows how far the write came.
        self._ends.pop(name, None)
        with open(self._path("%s.%d.%d" % (name, generation, index)), "ab") as file:
            file.write(data)
        self._ends[name] = (generation, index, octets + len(data))

    def replace(self, name, pieces):
        """Put the pieces in place of all that name held: after a power cut it is the old or the new, whole."""
        # Not by _end: a name with a part missing cannot be appended to, but it can be written anew.
        generation = _newest(os.listdir(self._folder), name)[0] + 1
        self._ends.pop(name, None)
        new = self._path(name + ".new")
        octets = 0
        with open(new, "wb") as file:
            for piece in pieces:
                octets += file.write(piece)
        os.rename(new, self._path("%s.%d.0" % (name, generation)))
        self._ends[name] = (generation, 0, octets)
        try:
            self._sweep(os.listdir(self._folder))
        except OSError:
            # The new generation is durable and the old one is never read again; the next start removes it.
            return

    def _end(self, name):
        end = self._ends.get(name)
        if end is None:
            found = segments(os.listdir(self._folder), name)
            if not found:
                return 0, 0, 0
            _, generation, index = _parse(found[-1])
            end = (generation, index, os.stat(self._path(found[-1]))[6])
            self._ends[name] = end
        return end

    def _sweep(self, listing):
        """Remove what a power cut left behind: unfinished replacements and superseded generations."""
        newest: dict = {}
        for entry in listing:
            parts = _parse(entry)
            if parts is not None:
                newest[parts[0]] = max(parts[1], newest.get(parts[0], 0))
        for entry in listing:
            parts = _parse(entry)
            if entry.endswith(".new") or (parts is not None and parts[1] < newest[parts[0]]):
                os.remove(self._path(entry))

    def _path(self, entry):
        return self._folder + "/" + entry


def segments(listing, name):
    """The files that make up name, in order: for the hub, and for whoever reads its flash from outside.

    listing: the folder's file names. None of name's: an empty list. Raises StoreDamaged where one is missing.
    """
    found = _newest(listing, name)[1]
    ordered = []
    for index in range(len(found)):
        if index not in found:
            raise StoreDamaged(_EIO, "part %d of %s is missing: read the flash out before erasing it" % (index, name))
        ordered.append(found[index])
    return ordered


def _newest(listing, name):
    """(generation, {index: file name}) of the one generation that counts; (0, {}) where there is none."""
    newest = 0
    found: dict = {}
    for entry in listing:
        parts = _parse(entry)
        if parts is not None and parts[0] == name:
            if parts[1] > newest:
                newest = parts[1]
                found = {}
            if parts[1] == newest:
                found[parts[2]] = entry
    return newest, found


def _parse(entry):
    """(name, generation, index), or None for a file that is not a segment."""
    parts = entry.rsplit(".", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        return parts[0], int(parts[1]), int(parts[2])
    return None


def mount(bdev, mount_point, progsize=PROG_OCTETS, readsize=READ_OCTETS, lookahead=LOOKAHEAD_OCTETS):
    """Mount the littlefs on bdev, an extended block device. Formats it only where no store can ever have been.

    That is where every block above the superblocks is still erased: a new flash, or one whose first format was cut
    short. Raises StoreDamaged on any other flash that does not mount, and OSError. Buffers cost 8 * progsize octets,
    and 4 * progsize more while a file is open.
    """
    import vfs

    try:
        filesystem = _littlefs(bdev, progsize, readsize, lookahead)
    except OSError as error:
        filesystem = None
        number = error.args[0]
    if filesystem is None:
        if not _is_unused(bdev):
            raise StoreDamaged(
                _EIO,
                "this flash holds data but no readable littlefs (error %d): "
                "read it out, then erase it whole to start anew" % number,
            )
        vfs.VfsLfs2.mkfs(bdev, progsize=progsize, readsize=readsize, lookahead=lookahead)
        filesystem = _littlefs(bdev, progsize, readsize, lookahead)
    vfs.mount(filesystem, mount_point)


def _littlefs(bdev, progsize, readsize, lookahead):
    import vfs

    # The stubs say that VfsLfs2 is an abstract block device; it is neither.
    return vfs.VfsLfs2(  # type: ignore[abstract]
        bdev, progsize=progsize, readsize=readsize, lookahead=lookahead, mtime=False
    )


def _is_unused(bdev):
    erased = b"\xff" * _CHUNK_OCTETS
    chunk = bytearray(_CHUNK_OCTETS)
    block_octets = bdev.ioctl(5, 0)
    for block in range(_SUPERBLOCKS, bdev.ioctl(4, 0)):
        for offset in range(0, block_octets, _CHUNK_OCTETS):
            # What cannot be read may be somebody's data: never formatted.
            if bdev.readblocks(block, chunk, offset) or chunk != erased:
                return False
    return True
