"""chtool replay and its files: what is no capture of one hub is refused in a sentence, what is damaged is said."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys

import pytest
from chtool import ROOT, fails, inside, json_of, run
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_captures import entries, rewritten, same
from rigs import needs_vm

from chf.wire import schema as s
from host_tools import frames
from host_tools.deploy.provisioning import new_identity, write_identity
from host_tools.errors import BenchError
from host_tools.link import capture
from host_tools.link.capture import Item, Lines
from host_tools.replay.lines import read_lines
from host_tools.replay.search import replay

UTC = 836_000_000
IDENTITY = new_identity(1)
KEYS = {s.LINK_HAN: bytes.fromhex(IDENTITY["keys"]["esme"]), s.LINK_WAN: bytes.fromhex(IDENTITY["keys"]["head_end"])}
PEERS = {"esme": IDENTITY["esme"], "hub": IDENTITY["hub"]}
EPOCH = bytes((9, 8, 7, 6))


def frame(at_ms, name, **fields):
    """One frame of a live hub, sealed with its keys."""
    link = next(row[1] for row in frames.MESSAGES.values() if row[0] == name)
    to_hub = next(not row[2] for row in frames.MESSAGES.values() if row[0] == name)
    return Item(at_ms, to_hub, frames.build(name, fields, key=KEYS.get(link)))


def hand_made(end_s=205):
    """A genuine outage as the SPEC tells it, by hand: no firmware has written this."""
    outage = EPOCH + (1).to_bytes(4, "big") * 2
    nonce = bytes(range(8))
    alert = {
        **{"id": outage, "revision": 1, "level": "plain", "cause": "supply-loss", "source": "none", "row": 0},
        **{"policy": "tag", "elapsed_s": 180, "loss_utc": UTC + 10, "window_s": 0, "flag_counter": bytes(8)},
        **{"loss_bits": s.SENSE_MT_PR | s.SENSE_AC_LO, "loss_holdup_mv": 5_000},
        **{"bits": s.SENSE_MT_PR | s.SENSE_AC_LO, "holdup_mv": 4_800, "merged": 0},
    }
    restored = {"id": outage, "revision": 1, "level": "plain", "duration_s": 192, "end_utc": UTC + 202}
    return [
        frame(0, "time_request", nonce=nonce, epoch=EPOCH, boot=1),
        frame(40, "time_reply", nonce=nonce, utc=UTC, counter=bytes(8)),
        frame(190_000, "ad1", **alert),
        frame(190_100, "ad1_ack", id=outage, revision=1),
        frame(204_000, "restored", **restored, bits=s.SENSE_MT_PR | s.SENSE_SUPPLY, holdup_mv=5_000),
        frame(204_050, "restored_ack", id=outage),
        frame(end_s * 1000, "identify"),
        frame(end_s * 1000 + 5, "identity", strapped=0, **PEERS, epoch=EPOCH, boot=1, text=b"another firmware"),
    ]


@pytest.fixture
def outage(tmp_path):
    path = tmp_path / "outage.jsonl"
    capture.write(path, hand_made())
    return path


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.json"
    write_identity(path, IDENTITY)
    return path


def test_a_capture_written_by_hand_from_the_spec_replays(outage, keys):
    assert same(outage).compared == 4
    done = inside("replay", outage)
    assert done.returncode == 0 and "say the same: 4 frames of the hub in 205 s" in done.stdout
    assert "MACs cannot be checked without --keys FILE" in done.stdout
    done = inside("replay", outage, "--keys", keys)
    assert done.returncode == 0 and "MACs" not in done.stdout
    assert json_of("replay", outage, "--keys", keys)["macs_checked"] is True


def test_what_a_rig_does_stands_in_a_capture_and_is_decoded(tmp_path):
    done = [
        Lines(0, 5, 5_000),
        capture.Power(0, True, capture.POWER_ON),
        Item(5, True, b"\x01\x03\x40"),
        Item(6, True, b"\x01\x03\x40", False),
        capture.Power(9, False, "power cut"),
        *(capture.Flash(10, what) for what in capture.FLASH),
    ]
    capture.write(tmp_path / "c", done)
    assert list(capture.read(tmp_path / "c"))[1:] == done
    told = inside("decode", tmp_path / "c")
    assert told.returncode == 0 and "lines: supply|mt-pr, 5000 mV" in told.stdout
    assert "the hub is off: power cut" in told.stdout and "the hub's flash: counters damaged" in told.stdout
    for bad in (
        '{"at_ms": 1, "hub": "up", "why": "x"}',
        '{"at_ms": null, "hub": "on", "why": "x"}',
        '{"bits": true}',
        '{"at_ms": 1, "flash": "new"}',
    ):
        (tmp_path / "c").write_text(capture.header() + bad + "\n")
        (one,) = [one for one in capture.read(tmp_path / "c") if not isinstance(one, capture.Header)]
        assert isinstance(one, capture.Bad) and one.line == 2


@needs_vm
def test_what_monitor_writes_replays(tmp_path):
    path = tmp_path / "c.jsonl"
    assert inside("monitor", "sim:?speed=20&policy=alert", "--for", "1", "--write", path).returncode == 0
    result = json_of("replay", path)
    assert result["same"] and result["macs_checked"] and result["tolerance_ms"] == 1_000
    kept = entries(path)
    assert kept[0]["hub"]["policy"] == 0 and [one["why"] for one in kept if "hub" in one and "why" in one] == [
        "power-on"
    ]


def test_its_identity_names_its_rows_as_people_read_them(outage):
    values = entries(outage)
    broken = [one if one.get("decoded", {}).get("name") != "ad1" else None for one in values]
    changed = dict(values[broken.index(None)])
    made = frames.build("ad1", {**changed["decoded"]["fields"], "level": "tagged"}, key=KEYS[s.LINK_WAN])
    values[broken.index(None)] = {**changed, "content": made.hex()}
    path = rewritten(outage, values)
    done = inside("replay", path)
    assert done.returncode == 1
    assert "HUB\tWAN ad1 level=tagged" in done.stdout and "REFERENCE\tWAN ad1 level=plain" in done.stdout
    assert "level\ttagged\tplain" in done.stdout
    assert "At 190.000 s both say ad1, and differ in level." in done.stdout
    assert done.stderr == ""
    told = inside("replay", path, "--json", "--last", "1")
    assert told.returncode == 1
    parts = json.loads(told.stdout)["parts"]
    assert parts["kind"] == "differs" and parts["at_ms"] == 190_000
    assert parts["fields"] == [{"field": "level", "hub": 3, "reference": 4}]
    assert parts["hub"]["decoded"]["fields"]["level"] == "tagged"
    assert [one["decoded"]["name"] for one in parts["before"]] == ["time_reply"]


def test_a_terminal_of_80_columns_gets_a_table_that_fits(outage):
    script = f"{sys.executable} -m host_tools replay {outage} --lines {outage.with_name('lines')}"
    outage.with_name("lines").write_text('{"at_ms": 0, "bits": 5, "holdup_mv": 5000}\n')
    if not os.path.exists("/usr/bin/script"):
        pytest.skip("no script(1) to make a terminal with")
    done = subprocess.run(
        ["script", "-qec", f"stty cols 80; {script}", "/dev/null"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "NO_COLOR": "1", "TERM": "xterm"},
    )
    lines = re.sub(r"\x1b\[\d*m|\r", "", done.stdout).splitlines()
    assert any("The last frames before they part" in line for line in lines), done.stdout
    assert max(map(len, lines)) <= 80


def test_lines_can_be_given(outage):
    lines = outage.with_name("lines.jsonl")
    rows = [Lines(0, 5, 5_000), Lines(10_000, 6, 5_000), Lines(180_000, 6, 4_800), Lines(202_000, 5, 5_000)]
    lines.write_text("".join(capture.text_of(row) for row in rows))
    assert not any("lines" in one for one in same(outage, lines=lines).assumed)
    late = [rows[0], Lines(15_000, 6, 5_000), *rows[2:]]
    lines.write_text("".join(capture.text_of(row) for row in late))
    done = inside("replay", outage, "--lines", lines)
    assert done.returncode == 1
    assert "At 190.000 s the hub says ad1, and the reference only 5.000 s later." in done.stdout
    assert inside("replay", outage, "--lines", lines, "--tolerance", "6").returncode == 0


def test_an_answer_waits_for_what_it_answers(outage):
    """The reference may be a little later than the hub was: its alert, then the acknowledgement of it."""
    lines = outage.with_name("lines.jsonl")
    rows = [Lines(0, 5, 5_000), Lines(10_400, 6, 5_000), Lines(180_000, 6, 4_800), Lines(202_000, 5, 5_000)]
    lines.write_text("".join(capture.text_of(row) for row in rows))
    same(outage, lines=lines, lossless=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no lines"),
        ('{"at_ms": 1, "bits": 9, "holdup_mv": 1}\n', "line 1 says nothing of the lines"),
        ('{"at_ms": 1, "bits": 1}\n', "line 1 says nothing of the lines"),
        ('{"at_ms": 5, "bits": 1, "holdup_mv": 1}\n{"at_ms": 4, "bits": 1, "holdup_mv": 1}\n', "goes back in time"),
        (capture.line_of(1, True, b"\x01\x03\x40"), "is a frame"),
    ],
)
def test_a_file_that_holds_no_lines(outage, text, said):
    path = outage.with_name("lines")
    path.write_text(text)
    assert said in fails(2, "replay", outage, "--lines", path)
    with pytest.raises(BenchError):
        read_lines(path)


def test_what_cannot_be_replayed_is_refused_in_a_sentence(outage, tmp_path, keys):
    values = entries(outage)
    assert "cannot be read" in fails(2, "replay", tmp_path / "nope")
    assert "cannot be read" in fails(2, "replay", tmp_path)
    path = tmp_path / "c"
    for octets in (b"", b"\n\n", bytes(1000), b"{}\n", b"[]\n", random.Random(1).randbytes(5_000)):
        path.write_bytes(octets)
        sentence = fails(2, "replay", path)
        assert "no frame" in sentence or "JSON" in sentence, sentence
    path.write_bytes(b"".join(frames.to_wire(bytes.fromhex(one["content"])) for one in values[1:]))
    assert "has no times" in fails(2, "replay", path)
    for nothing in ([one for one in values if one.get("to_hub")], values[:1]):
        sentence = fails(2, "replay", rewritten(outage, nothing))
        assert "nothing that a hub said: let the meter" in sentence and "monitor" not in sentence
    late = [{**one, "at_ms": one["at_ms"] + 10**13} for one in values[1:]]
    assert "line 2 is no frame: at_ms" in fails(2, "replay", rewritten(outage, [values[0], *late]))
    assert "another format" in fails(2, "replay", rewritten(outage, [{"format": "pcap", "version": 1}, *values[1:]]))
    assert "update them" in fails(2, "replay", rewritten(outage, [{**values[0], "version": 99}, *values[1:]]))
    assert "goes back in time" in fails(2, "replay", rewritten(outage, [*values, values[1]]))
    assert "several captures" in fails(2, "replay", rewritten(outage, [*values, *values]))
    write_identity(tmp_path / "other.json", new_identity(2))
    assert "give its own identity file" in fails(2, "replay", outage, "--keys", tmp_path / "other.json")
    assert "--tolerance" in fails(2, "replay", outage, "--tolerance", "soon")


def test_frames_of_several_hubs_are_refused(outage):
    values = entries(outage)
    other = capture.as_json(
        frame(205_500, "identity", strapped=0, **{**PEERS, "hub": "00" * 8}, epoch=EPOCH, boot=1, text=b"")
    )
    assert "several hubs (EUI-64" in fails(2, "replay", rewritten(outage, [*values, other]))
    strange = [
        capture.as_json(frame(at_ms, "time_request", nonce=bytes(8), epoch=epoch, boot=1))
        for at_ms, epoch in ((206_000, bytes(4)), (207_000, EPOCH))
    ]
    assert "several hubs (epoch" in fails(2, "replay", rewritten(outage, [*values, *strange]))


def test_clocks_that_drift_while_nothing_is_said_are_forgiven(outage):
    """Six hours after its last word, a hub of 100 ppm asks for the time 2 s late, and no sooner than that."""
    values = entries(outage)
    again = {"nonce": bytes(range(8, 16)), "epoch": EPOCH, "boot": 1}
    for late_ms, code in ((2_900, 0), (5_000, 1)):
        asked = frame(21_600_000 + late_ms, "time_request", **again)
        assert inside("replay", rewritten(outage, [*values, capture.as_json(asked)])).returncode == code


def test_keys_that_make_no_mac_of_the_capture_part_at_its_first_frame(outage, tmp_path):
    wrong = {**IDENTITY, "keys": new_identity(2)["keys"]}
    write_identity(tmp_path / "wrong.json", wrong)
    done = inside("replay", outage, "--keys", tmp_path / "wrong.json")
    assert done.returncode == 1
    assert "At 0.000 s the hub's time_request carries a MAC that its keys do not make." in done.stdout


def test_a_bad_line_is_reported_and_the_rest_is_replayed(outage):
    lines = outage.read_text().splitlines(keepends=True)
    path = outage.with_name("c")
    path.write_text("".join([*lines[:3], "no JSON\n", '{"at_ms": 5}\n', *lines[3:], lines[-1][:40]]))
    done = inside("replay", path)
    assert done.returncode == 0
    assert "line 4 is no JSON." in done.stdout and "line 5 is no frame" in done.stdout
    assert f"line {len(lines) + 3} is cut off" in done.stdout


def test_a_frame_in_a_far_future_is_damage(outage):
    for at_ms in (10**13, 10**400):
        values = entries(outage)
        done = inside("replay", rewritten(outage, [*values, {**values[-1], "at_ms": at_ms}]))
        assert done.returncode == 0 and f"line {len(values) + 1} is no frame: at_ms" in done.stdout, done


@settings(max_examples=60)
@given(data=st.data())
def test_no_damage_to_a_capture_ends_in_a_traceback(tmp_path_factory, data):
    """Fields of any value, octets of any frame changed, lines swapped or gone: it parts, is the same, or is refused."""
    path = tmp_path_factory.mktemp("c") / "c.jsonl"
    capture.write(path, hand_made())
    values = entries(path)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(1, len(values) - 1))
        what = data.draw(st.integers(0, 4))
        if what == 0:
            values[at] = {**values[at], "at_ms": data.draw(st.integers(-(2**40), 2**40))}
        elif what == 1:
            content = bytearray.fromhex(values[at].get("content", "00"))
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
            values[at] = {**values[at], "content": content.hex()}
        elif what == 2:
            values.insert(at, values[data.draw(st.integers(1, len(values) - 1))])
        elif what == 3:
            field = st.integers(-1, 70_000)
            values.insert(at, {"at_ms": data.draw(field), "bits": data.draw(field), "holdup_mv": data.draw(field)})
        else:
            values.insert(at, {"at_ms": data.draw(st.integers(0, 10**6)), "hub": "off", "why": "\x1b[2J"})
    header = {
        "baud": data.draw(st.sampled_from([0, -1, "x", None, 300])),
        "hub": data.draw(st.sampled_from([1, {}, {"hub": 5}])),
    }
    values[0] = {**values[0], **header, "identity_seed": data.draw(st.sampled_from([None, 1, "x"]))}
    done = inside("replay", rewritten(path, values))
    assert done.returncode in (0, 1, 2) and "Traceback" not in done.stderr
    assert (done.returncode == 2) == bool(done.stderr)


def test_a_closed_pipe_and_an_interrupt_leave_no_traceback(outage):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = run("replay", outage, "--json", stdout=closed)
    assert "Traceback" not in done.stderr and done.returncode == 141


def test_the_work_grows_with_the_capture_and_no_faster(tmp_path):
    """Counted in calls, not in time: three times the frames, little more than three times the calls."""

    def calls(hours):
        path = tmp_path / f"{hours}.jsonl"
        many = []
        for at_s in range(206, 206 + hours * 60):
            many += [
                frame(at_s * 1000, "identify"),
                frame(at_s * 1000 + 5, "identity", strapped=0, **PEERS, epoch=EPOCH, boot=1, text=b""),
            ]
        capture.write(path, [*hand_made(), *many])
        count = 0

        def counted(_frame, event, _argument):
            nonlocal count
            count += event == "call"

        sys.setprofile(counted)
        try:
            assert replay(path).part is None
        finally:
            sys.setprofile(None)
        return count

    few, many = calls(2), calls(6)
    assert many < 3.3 * few
