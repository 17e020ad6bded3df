"""One mutant: a change of one place in one file."""

from typing import NamedTuple

CORE = "firmware/chf/core/"


class Mutant(NamedTuple):
    """`old`, which stands exactly once in `file`, becomes `new`: that breaks `invariant`. tests: where it must show."""

    invariant: str
    file: str
    old: str
    new: str
    tests: str = "tests/core"
