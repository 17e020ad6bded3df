"""Runs on the board, sent over the REPL: says what is there, and puts a new image together beside the old one.

Nothing that a boot reads is written in place: each file is made under another name, and one rename is the change.
"""

import hashlib
import json
import os
import sys
from binascii import hexlify

IMAGE = "firmware.img"
NEW = "firmware.new"
HEAD = 20
CHUNK = 512


def _octets(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return None


def digest(path, start=0, size=None):
    """SHA-256 in hex of a file, or of a part; None where there is no such file."""
    if size is None:
        size = _octets(path)
    if size is None:
        return None
    sha = hashlib.sha256()
    buf = memoryview(bytearray(CHUNK))
    with open(path, "rb") as file:
        file.seek(start)
        while size > 0:
            n = file.readinto(buf[: min(size, CHUNK)])
            if not n:
                break
            sha.update(buf[:n])
            size -= n
    return hexlify(sha.digest()).decode()


def who():
    """What runs here, and on what."""
    try:
        from machine import unique_id
    except ImportError:  # CircuitPython has no machine
        unique_id = bytes
    about = sys.implementation
    return {
        "name": about.name,
        "version": tuple(about.version[:3]),
        "machine": getattr(about, "_machine", ""),
        "mpy": getattr(about, "_mpy", 0),
        "platform": sys.platform,
        "unique_id": hexlify(unique_id()).decode(),
    }


def framer():
    """What the firmware frames with that this start has loaded: "native" or "bytecode"; empty where it loaded none."""
    if "chf.wire.framer_viper" in sys.modules:
        return "native"
    return "bytecode" if "chf.shell" in sys.modules else ""


def filesystem(root):
    """What is mounted there, by the name of its class; empty where the port does not say."""
    import vfs

    try:
        mounted = vfs.mount()
    except TypeError:  # before MicroPython 1.25
        return ""
    found = ""
    for what, where in mounted:
        if root.startswith(where) or root == where + "/":
            found = type(what).__name__
    return found


def room(root):
    """(free octets, octets of a block); what an interrupted flashing left behind counts as free."""
    for name in (NEW, "main.new", "identity.new"):
        if _octets(root + name) is not None:
            os.remove(root + name)
    block, _, _, free = os.statvfs(root)[:4]
    return block * free, block


def program(path):
    """(SHA-256, first line) of a program, None where there is none or where it only comments."""
    if _octets(path) is None:
        return None
    first = b""
    code = False
    with open(path, "rb") as file:  # perhaps no text
        for line in file:
            first = first or line.strip()
            code = code or line.strip()[:1] not in (b"", b"#")
    return (digest(path), first) if code else None


def image(root):
    """(SHA-256 of all, {path: (SHA-256, start, size)}); None where there is no image."""
    path = root + IMAGE
    if _octets(path) is None:
        return None
    parts = {}
    try:
        for line in _index(path).split("\n"):
            if line:
                name, start, size = line.split(" ")[:3]
                parts[name] = (digest(path, int(start), int(size)), int(start), int(size))
    except ValueError:
        parts = {}
    return digest(path), parts


def _index(path):
    with open(path, "rb") as file:
        head = file.read(HEAD)
        return file.read(int(head[12:])).decode() if head[:12] == b"chf-image 1 " else ""


def kind(root):
    """What its image is for: "hub" or "rig"; empty where there is no image of ours."""
    try:
        index = _index(root + IMAGE)
    except (OSError, ValueError):
        return ""
    for name, what in (("hub_board", "hub"), ("fixture", "rig")):
        if "\n/" + name + ".mpy " in index:
            return what
    return ""


def identity(root):
    """(hub, meter, SHA-256 of the keys, of the whole file): never a key. None: not provisioned."""
    path = root + "identity.json"
    if _octets(path) is None:
        return None
    try:
        with open(path) as file:
            data = json.load(file)
        keys = data["keys"]
        text = "".join([name + keys[name] for name in sorted(keys)])
        sha = hexlify(hashlib.sha256(text.encode()).digest()).decode()
        return str(data["hub"]), str(data["esme"]), sha, digest(path)
    except (ValueError, KeyError, TypeError):
        return "", "", "", digest(path)


def begin(root):
    global _root, _new, _old
    _root = root
    _new = open(root + NEW, "wb")  # noqa: SIM115  # finish() closes both
    _old = open(root + IMAGE, "rb") if _octets(root + IMAGE) is not None else None  # noqa: SIM115


def put(octets):
    _new.write(octets)


def keep(start, size):
    """From the image that is there."""
    buf = memoryview(bytearray(CHUNK))
    _old.seek(start)
    while size > 0:
        n = _old.readinto(buf[: min(size, CHUNK)])
        if not n:
            raise OSError(5)
        _new.write(buf[:n])
        size -= n


def finish():
    """The new image is closed; SHA-256 of what the flash then holds."""
    _new.close()
    if _old is not None:
        _old.close()
    return digest(_root + NEW)


def switch(root, new, name):
    """The one step from old to new: littlefs renames at once or not at all."""
    os.rename(root + new, root + name)
