"""What may differ between a hub and the reference: random numbers one for one, times by the slack, and little else."""

from __future__ import annotations

import pytest

from chf.wire import schema as s
from host_tools.replay.tokens import HOLDUP_SLACK_MV, NOT_COMPARED, Tokens

A, B, X, Y = (bytes((octet,)) * 8 for octet in range(1, 5))


def tokens(inferred=False, ran=False, past=()):
    return Tokens(1, inferred, ran, set(past))


def fields(table, hub, reference):
    return [one.field for one in table.differences(hub, reference)]


def outage(epoch, boot, number):
    return bytes((epoch,)) * 4 + boot.to_bytes(4, "big") + number.to_bytes(4, "big")


def test_random_numbers_belong_together_one_for_one():
    table = tokens()
    assert fields(table, {"nonce": A}, {"nonce": X}) == []
    assert fields(table, {"nonce": A}, {"nonce": X}) == []
    assert fields(table, {"nonce": A}, {"nonce": Y}) == ["nonce"], "what the hub repeats, the reference repeats"
    assert fields(table, {"nonce": B}, {"nonce": X}) == ["nonce"], "what is new to the hub is new to the reference"
    assert fields(table, {"nonce": bytes(8)}, {"nonce": Y}) == ["nonce"], "zeros are no nonce"
    assert table.for_reference({"nonce": A, "utc": 5}) == {"nonce": X, "utc": 5}
    assert table.for_reference({"nonce": B}) == {"nonce": B}


def test_an_id_is_its_epoch_and_its_boot_as_well():
    table = tokens()
    assert fields(table, {"id": outage(1, 7, 1)}, {"id": outage(2, 1, 1)}) == []
    assert fields(table, {"epoch": bytes((1,)) * 4, "boot": 7}, {"epoch": bytes((2,)) * 4, "boot": 1}) == []
    assert fields(table, {"id": outage(1, 7, 2)}, {"id": outage(2, 1, 2)}) == []
    assert fields(table, {"id": outage(1, 7, 3)}, {"id": outage(3, 1, 3)}) == ["id"], "another epoch"
    assert fields(table, {"id": outage(1, 7, 3)}, {"id": outage(2, 2, 3)}) == ["id"], "another boot"
    assert fields(table, {"id": outage(1, 7, 3)}, {"id": outage(2, 1, 2)}) == ["id"], "one that has a name"
    assert fields(table, {"boot": 8}, {"boot": 1}) == ["boot"]
    assert table.of_hub(outage(2, 1, 1)) == outage(1, 7, 1)
    assert table.for_reference({"id": outage(1, 7, 1), "revision": 1})["id"] == outage(2, 1, 1)


def test_nothing_is_learned_from_messages_that_differ():
    table = tokens()
    assert fields(table, {"nonce": A, "level": 1}, {"nonce": X, "level": 2}) == ["level"]
    assert fields(table, {"nonce": A}, {"nonce": Y}) == []


@pytest.mark.parametrize(
    ("field", "hub", "reference", "same"),
    [
        ("elapsed_s", 180, 181, True),
        ("elapsed_s", 180, 182, False),
        ("elapsed_s", s.UNKNOWN_S, s.UNKNOWN_S - 1, False),
        ("loss_utc", 1_000, 999, True),
        ("loss_utc", 1_000, 998, False),
        ("end_utc", 1, s.NO_UTC, False),
        ("holdup_mv", 4_000, 4_000 - HOLDUP_SLACK_MV, True),
        ("holdup_mv", 4_000, 4_001 + HOLDUP_SLACK_MV, False),
        ("bits", 5, 7, False),
        ("level", 3, 4, False),
        ("counter", bytes(8), bytes(7) + b"\x01", False),
        ("gbcs", b"", b"\x00", False),
        *((field, 1, 2, True) for field in sorted(NOT_COMPARED)),
    ],
)
def test_a_field_is_the_same_within_its_slack(field, hub, reference, same):
    assert (fields(tokens(), {field: hub}, {field: reference}) == []) is same


def test_inferred_lines_are_not_held_to_what_they_were_inferred_from():
    table = tokens(inferred=True)
    assert fields(table, {"holdup_mv": 4_000, "loss_bits": 0x44}, {"holdup_mv": 1, "loss_bits": 0x06}) == []
    assert fields(table, {"bits": 4}, {"bits": 5}) == ["bits"], "supply is told"


def test_of_a_past_that_the_capture_does_not_show_only_the_end_counts():
    over = {"flag": s.FLAG_REVOKED, "source": s.SOURCE_DECLARED}
    none = {"flag": s.FLAG_NONE, "source": s.SOURCE_NONE}
    assert fields(tokens(ran=True), over, none) == []
    assert fields(tokens(), over, none) == ["flag", "source"]
    assert fields(tokens(ran=True), {**over, "flag": s.FLAG_PENDING}, none) == ["flag", "source"]
    ended = {"id": outage(1, 1, 1), "revision": 3, "level": 4}
    assert fields(tokens(past=[ended["id"]]), ended, {**ended, "revision": 1, "level": 3}) == []
    assert fields(tokens(), ended, {**ended, "revision": 1}) == ["revision"]
