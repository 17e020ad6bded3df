"""Finds the folders that are no Python package of their own: firmware, boards and hil."""

from pathlib import Path

FOLDERS = ("firmware", "boards", "hil")
_PACKAGE = Path(__file__).resolve().parent


def root(name: str) -> Path:
    """The folder `name` (one of FOLDERS): the copy that an installed wheel carries, else the checkout's own.

    The carried copy comes first, because beside an installed host_tools lie other projects' packages.
    Raises ValueError for another name, FileNotFoundError where this installation has no such folder.
    """
    if name not in FOLDERS:
        raise ValueError(f"{name!r} is none of {', '.join(FOLDERS)}")
    carried = _PACKAGE / "_carried" / name
    if carried.is_dir():
        return carried
    if (_PACKAGE.parent / "pyproject.toml").is_file() and (_PACKAGE.parent / name).is_dir():
        return _PACKAGE.parent / name
    raise FileNotFoundError(f"{name}/ is missing from this installation of chf-reference: install it again")
