"""SPEC.md against the schema, the code and the vectors: every table, every code point, every octet of every example."""

import inspect
import re
from pathlib import Path

import pytest

from chf.core import effects, events, limits, policy, states
from chf.wire import codec, framing, schema
from host_tools import frames, names
from tests.wire import independent
from tests.wire.independent import VECTORS
from tests.wire.strategies import endpoint

SPEC = (Path(__file__).parents[2] / "firmware/chf/wire/SPEC.md").read_text("utf-8")
MESSAGE = re.compile(r"^### 0x([0-9A-F]{2}) (\w+)\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = {int(number, 16): (name, text) for number, name, text in MESSAGE.findall(SPEC)}
numbers = pytest.mark.parametrize("number", sorted(frames.MESSAGES), ids=lambda number: frames.MESSAGES[number][0])


def rows_of(text, head):
    """The cells of the table whose head line begins with `head`."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(head):
            assert next(lines).startswith("|---")
            rows = []
            for row in lines:
                if not row.startswith("|"):
                    break
                rows.append([cell.strip() for cell in row.strip("|").split("|")])
            return rows
    raise AssertionError(f"no table {head}")


def blocks_of(text):
    """Each hex block as a list of [label, octets]; a line without a label goes on with the one above."""
    blocks = []
    for block in re.findall(r"```hex\n(.*?)```", text, re.DOTALL):
        parts = []
        for line in block.splitlines():
            octets, _, label = line.partition("   ")
            if label.strip():
                parts.append([label.strip(), ""])
            parts[-1][1] += octets.replace(" ", "")
        blocks.append(parts)
    return blocks


def test_the_messages_are_those_of_the_schema():
    headings = [(int(number, 16), name) for number, name, _ in MESSAGE.findall(SPEC)]
    assert headings == [(number, message[0]) for number, message in frames.MESSAGES.items()]


@numbers
def test_link_direction_mac_and_fields(number):
    name, link, from_hub, has_mac, table = frames.MESSAGES[number]
    text = SECTIONS[number][1]
    way = "from the hub" if from_hub else "to the hub"
    assert f"\n{names.LINK_NAMES[link]}, {way}, {'MAC' if has_mac else 'no MAC'}.\n" in text
    if not table:
        assert "No body." in text
        return
    expected = []
    at = 0
    for field, kind in codec.items(table):
        octets = codec.field_width(kind)
        expected.append([str(at), str(octets or "rest"), field, kind])
        at += octets
    rows = rows_of(text, "| Offset |")
    assert [row[:4] for row in rows] == expected
    assert all(len(row) == 5 and row[4] for row in rows), name


@numbers
def test_examples_are_the_vectors_and_the_firmware_builds_them(number):
    name, table = frames.MESSAGES[number][0], frames.MESSAGES[number][4]
    blocks = blocks_of(SECTIONS[number][1])
    vectors = [vector for vector in VECTORS["frames"] if vector["name"] == name]
    assert len(blocks) == len(vectors) > 0
    for parts, vector in zip(blocks, vectors, strict=True):
        expected = [["header", vector["header"]], *vector["fields"]]
        expected += [["MAC", vector["mac"]]] if vector["mac"] else []
        assert parts == [*expected, ["FCS", vector["fcs"]], ["on the line", vector["wire"]]]
        body = bytes.fromhex("".join(octets for label, octets in parts if label in dict(codec.items(table))))
        values = codec.unpack(table, body, 0, len(body))
        marked = bool(int(vector["header"][2:4], 16) & schema.BENCH_MARK)
        content = endpoint(frames.MESSAGES[number][2], marked).seal(name, values)
        assert frames.to_wire(content).hex().upper() == parts[-1][1]


CODES = ("DROP_", "REFUSED_", "LEVEL_", "CAUSE_", "SOURCE_", "POLICY_", "SENSE_", "FLAG_", "PEER_", "EVIDENCE_")


@pytest.mark.parametrize("prefix", [*CODES, "RESTART_", "CUT_", "LINK_"])
def test_code_points(prefix):
    told = {int(value, 0): name.lower().replace("_", "-") for value, name, _ in rows_of(SPEC, f"| Value | {prefix} |")}
    expected = names.constants(prefix)
    if prefix == "LINK_":
        expected.pop(schema.LINK_MASK)  # the bits that hold a link, not one
    assert told == expected


def test_journal_files():
    rows = rows_of(SPEC, "| Value | JOURNAL_ |")
    assert {int(row[0]): row[1].lower() for row in rows} == names.constants("JOURNAL_")


def test_keys_and_wrap_examples():
    blocks = [block for block in blocks_of(SPEC) if block[0][0] in ("HAN key", "key")]
    assert blocks[0] == [["HAN key", VECTORS["keys"]["HAN"]], ["WAN key", VECTORS["keys"]["WAN"]]]
    assert dict(blocks[1]) == VECTORS["wrap"][0]
    assert len(blocks) == 2


def test_times_are_the_cores():
    rows = rows_of(SPEC, "| Name | Value | What |")
    assert {name: int(value) for name, value, _ in rows} == {name: getattr(limits, name) for name, _, _ in rows}
    assert len(rows) >= 20


def test_the_rows_that_decide_are_the_cores_in_its_order():
    told = rows_of(SPEC, "| Row | Name |")
    assert [int(row[0]) for row in told] == list(range(len(told)))
    causes, levels = names.constants("CAUSE_"), names.constants("LEVEL_")
    expected = []
    for name, level, cause, words in policy.rows():
        outcome = levels[level] + (f", {causes[cause]}" if level >= schema.LEVEL_TAGGED else "")
        flag, policies = words[policy.COLUMNS.index("flag")], words[policy.COLUMNS.index("policy")]
        expected.append([name, flag, policies, outcome])
    flags = {"any": "-", "none valid": "none", "valid": "-", "inferred": "inferred"}
    assert [[row[1], flags[row[2]], row[3].replace("any", "-"), row[5]] for row in told] == expected
    assert all(row[4] for row in told if row[2] == "any"), "what decides must be said"


def test_an_entry_of_the_event_log_is_as_long_as_it_says():
    text = " ".join(SPEC.split("### The event log")[1].split())
    decision, end = frames.RECORDS[0x23][1], frames.RECORDS[0x24][1]
    assert f"whatever the level: {codec.width(decision)} octets;" in text
    assert ", ".join(" ".join(field) for field in codec.items(end)) in text
    assert f": {codec.width(end)} octets more;" in text
    for vector in VECTORS["frames"]:
        if vector["name"].endswith("log_data"):
            octets = bytes.fromhex(vector["values"]["data"])
            assert len(octets) in (0, codec.width(decision), codec.width(decision) + codec.width(end))
            if octets:
                values = codec.unpack(decision, octets, 0, codec.width(decision))
                _, level, cause, _ = list(policy.rows())[values["row"]]
                assert (values["level"], values["cause"]) == (level, cause)


def test_figures_in_the_text():
    text = " ".join(SPEC.split())
    for figure in (
        f"version** is {schema.WIRE_VERSION}.",
        f"more than {schema.FRAME_MAX} octets, FCS included",
        f"The longest content is {schema.FRAME_MAX - schema.FCS_LEN} octets",
        f"at most {framing.STUFFED_MAX} octets",
        f"0 to {schema.GBCS_MAX} octets",
        f"ends at 0x{framing.FCS_GOOD:04X}",
        f"123456789 is 0x{VECTORS['fcs']['fcs']}",
        f"cut to its first {schema.MAC_LEN} octets",
        f"bit 6 (0x{schema.FROM_HUB:02X}) set when the hub sent it; bit 7 (0x{schema.BENCH_MARK:02X}) the bench mark",
        f"0 < expected_outage_s <= {limits.WINDOW_MAX_S} and 0 < valid_s <= {limits.VALID_MAX_S}",
        f"at least {schema.HEADER_LEN} octets (`SHORT`)",
        f"a frame of 1 to {schema.HEADER_LEN + schema.FCS_LEN - 1} octets",
        f"11 counts of two octets{'' if schema.DROPS == 11 else ' no longer'}",
        f"more than {limits.QUEUE_MAX} outages",
        '"chf key wrap v1"',
        f"the last {limits.LOG_MAX} outages (LOG_MAX)",
        f"window {limits.WINDOW_MAX_S} s (WINDOW_MAX_S), its loss to begin within {limits.VALID_MAX_S} s (VALID_MAX_S)",
        f"with {limits.INFERRED_MAX - 1} others at most (INFERRED_MAX in all)",
        f"from {limits.INFERRED_EARLY_S} s before its time (INFERRED_EARLY_S",
        f"until {limits.VALID_MAX_S} s after it (VALID_MAX_S)",
        f"lives {limits.AFTER_RESULT_MS // 1000} s more (AFTER_RESULT_MS)",
        f"follows within {limits.AFTER_RESULT_MS // 1000} s (AFTER_RESULT_MS)",
        f"while {limits.INFERRED_MAX} wait",
        f"cut to {limits.AFTER_SHORT_MS // 1000} s by the first outage of {limits.SHORT_OUTAGE_MS // 1000} s or more",
        f"{limits.VERSION_BURST} are taken at once (VERSION_BURST)",
        f"every {limits.RETRY_MAX_MS // 1000} s (RETRY_MAX_MS)",
        f"from {limits.LOSS_JOURNAL_MS // 1000} s on, in a row of many from {limits.CHECKPOINT_MS // 1000} s on",
    ):
        assert figure in text, figure


def test_phases_and_trace_entries():
    phases = ", ".join(f"{at} {name}" for at, name in enumerate(states.PHASES.split()))
    assert f"| phase | u8 | {phases} |" in SPEC
    told = {row[1]: int(row[0], 16) for row in rows_of(SPEC, "| what |")}
    assert told == {
        "boot": events.BOOT,
        "sample": events.SAMPLE,
        "message": events.MESSAGE,
        "store failed": events.STORE_FAILED,
        "clean stop": events.CLEAN_STOP,
        "journal": 0x80 | effects.JOURNAL,
        "send": 0x80 | effects.SEND,
        "send if durable": 0x80 | effects.SEND_IF_DURABLE,
    }


def test_provisioning_members_are_the_configurations():
    told = [name for row in rows_of(SPEC, "| Member |") for name in row[0].split(", ")]
    told.remove("keys")
    assert told == list(inspect.signature(limits.Config).parameters)


def test_every_example_is_authentic_under_the_keys_given():
    for number, (name, text) in SECTIONS.items():
        for parts in blocks_of(text):
            fields = dict(parts)
            octets = bytes.fromhex("".join(hexes for label, hexes in parts if label not in ("FCS", "on the line")))
            assert independent.on_the_line(octets).hex().upper() == fields["on the line"], name
            if "MAC" in fields:
                key = independent.KEYS[frames.MESSAGES[number][1]]
                assert independent.tag(key, octets[:-16]) == octets[-16:], name
