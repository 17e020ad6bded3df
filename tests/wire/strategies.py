"""Hypothesis strategies made from the schema: any message with any values, on either side of the links."""

from hypothesis import strategies as st

from chf.wire import schema
from chf.wire.auth import Key
from chf.wire.codec import items
from chf.wire.endpoint import Endpoint
from host_tools import frames
from tests.wire import independent

ALL_LINKS = 1 << schema.LINK_HAN | 1 << schema.LINK_WAN | 1 << schema.LINK_BENCH | 1 << schema.LINK_RIG


def value(kind: str) -> st.SearchStrategy:
    """Any value of a field of that kind."""
    if kind == "*":
        return st.binary(max_size=64) | st.sampled_from((b"", bytes(schema.GBCS_MAX)))
    if kind[0] == "u":
        return st.integers(0, 2 ** int(kind[1:]) - 1)
    return st.binary(min_size=int(kind[1:]), max_size=int(kind[1:]))


def fields(table: str) -> st.SearchStrategy[dict]:
    """Any values for a table of fields."""
    return st.fixed_dictionaries({name: value(kind) for name, kind in items(table)})


messages = st.sampled_from(sorted(frames.MESSAGES)).flatmap(
    lambda number: st.tuples(st.just(number), fields(frames.MESSAGES[number][4]))
)


def endpoint(from_hub: bool, marked: bool = True) -> Endpoint:
    """One side of the links, with the vectors' keys."""
    side = Endpoint(from_hub, marked)
    side.keys = {link: Key(secret) for link, secret in independent.KEYS.items()}
    return side


def drops(table: bytes) -> list[int]:
    """The drop counts as integers."""
    return [table[i] << 8 | table[i + 1] for i in range(0, len(table), 2)]
