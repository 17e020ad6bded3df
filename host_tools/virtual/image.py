"""What an instrument does to the virtual hub's flash chip while the hub is off: damages a journal file in place."""

from __future__ import annotations

from host_tools.errors import BenchError

BLOCK_OCTETS = 4096
PROG_OCTETS = 256
FILES = ("counters.chj", "outages.chj")  # by schema.JOURNAL_*


def damaged(image: bytes, folder: str, file: int) -> bytes:
    """The image with one bit flipped in the middle of a journal file, which littlefs itself does not notice.

    folder: "bench" or "live". file: schema.JOURNAL_*. Raises BenchError where the image holds no such file.
    """
    from littlefs import LittleFS

    flash = LittleFS(
        block_size=BLOCK_OCTETS,
        block_count=len(image) // BLOCK_OCTETS,
        prog_size=PROG_OCTETS,
        read_size=32,
        cache_size=4 * PROG_OCTETS,
        mount=False,
    )
    flash.context.buffer = bytearray(image)
    flash.mount()
    names = sorted(name for name in flash.listdir(folder) if name.startswith(FILES[file] + "."))
    if not names:
        raise BenchError(f"The flash holds no {folder}/{FILES[file]}.")
    path = f"{folder}/{names[-1]}"
    with flash.open(path, "rb") as stream:
        content = bytearray(stream.read())
    content[len(content) // 2] ^= 0x10
    with flash.open(path, "wb") as stream:
        stream.write(bytes(content))
    flash.unmount()
    return bytes(flash.context.buffer)
