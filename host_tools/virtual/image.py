"""Images of the virtual hub's flash chip: the one that it is first switched on with, and ones that are damaged."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from chf.journal.journal import FILES
from host_tools.errors import BenchError
from host_tools.virtual.process import HANG_S, vm_import

BLOCK_OCTETS = 4096
PROG_OCTETS = 256


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
    # NAME.GENERATION.INDEX: the last segment of the newest generation.
    names = sorted(
        (name for name in flash.listdir(folder) if name.startswith(FILES[file] + ".")),
        key=lambda name: [int(part) for part in name.rsplit(".", 2)[1:]],
    )
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


def provisioned(folder: Path, identity: dict[str, Any]) -> Path:
    """A flash image with this identity, made once by the firmware's own littlefs and then kept beside the build."""
    text = json.dumps(identity, sort_keys=True)
    image = folder / f"flash-{hashlib.sha256(text.encode()).hexdigest()[:20]}.bin"
    if image.is_file():
        return image
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    os.unlink(name)
    try:
        done = subprocess.run(
            vm_import("provision"),
            input=text.encode(),
            cwd=folder,
            env=dict(os.environ, CHF_FLASH=name, MICROPYPATH=""),
            capture_output=True,
            timeout=HANG_S,
        )
        if done.returncode:
            raise BenchError(f"The virtual flash could not be provisioned: {done.stdout.decode()[-400:]}")
        os.rename(name, image)
    finally:
        Path(name).unlink(missing_ok=True)
    return image
