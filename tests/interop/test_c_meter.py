"""SPEC.md is enough for a stranger: a meter in C, written from it alone, works with a virtual hub in real time."""

from __future__ import annotations

import os
import subprocess

import pytest
from c_meter import EXAMPLE, EXAMPLES, LAST, LIMIT_S

from chf.wire import schema as s
from host_tools.virtual.process import Pty

ASKS_AGAIN_FASTER = 4  # the meter's waits, where an answer is lost
REPEATS_FASTER = 50  # the meter's waits, where it is to find that nobody answers
ACKNOWLEDGED = "acknowledged activation_pending counter=102"


# ---- Against a virtual hub


def line_of(name: str, at: int = 0) -> str:
    return EXAMPLES[name][at]["on the line"]


def story(events: list[str]) -> list[str]:
    """The events without what a busy machine adds: one more try, and the answer to it that nobody waits for."""
    plain = [event.partition(" try=")[0].partition(" floor=")[0] for event in events]
    return [one for at, one in enumerate(plain) if one != "dropped stale" and one not in plain[max(0, at - 1) : at]]


def test_a_declaration_and_its_end_are_spec_s_octets_on_both_sides(bed):
    code, events, error = bed.meter("pending")
    assert (code, error) == (0, "")
    assert events == ["sent activation_pending counter=102 try=1", ACKNOWLEDGED]
    assert bed.line.heard.hex().upper() == line_of("activation_pending")
    assert bed.line.said.hex().upper() == line_of("flag_ack")
    state = bed.state()
    assert (state["flag"], state["source"]) == (s.FLAG_PENDING, s.SOURCE_DECLARED)
    assert 3_500 < state["flag_left_s"] <= 3_600
    code, events, _ = bed.meter("complete")
    assert (code, events[-1]) == (0, "acknowledged activation_complete counter=103")
    assert bed.line.heard.hex().upper() == line_of("activation_complete")
    assert bed.state()["flag"] == s.FLAG_CONFIRMED
    code, events, _ = bed.meter("cancel")
    assert (code, events[-1]) == (0, "acknowledged activation_cancel counter=104")
    assert bed.line.heard.hex().upper() == line_of("activation_cancel")
    assert bed.state()["flag"] == s.FLAG_CONFIRMED, "a flag that has ended stays as it ended"
    assert bed.counter() == 0x104


def test_a_declaration_that_is_cancelled(bed):
    assert bed.meter("pending", "cancel")[0] == 0
    assert bed.state()["flag"] == s.FLAG_REVOKED


def test_a_live_meter_and_a_hub_without_the_strap(make_bed):
    bed = make_bed(strapped=False)
    assert bed.meter("pending", "complete", options=("-l",))[0] == 0
    assert bed.line.heard.hex().upper().startswith(line_of("activation_pending", 1))
    code, events, _ = bed.meter("pending", faster=REPEATS_FASTER)
    assert code == 1 and all(event.startswith("sent ") for event in events), "a marked frame is not heard"


def test_a_repeat_is_acknowledged_and_renews_nothing(bed):
    assert bed.meter("pending")[0] == 0
    said = bytes(bed.line.said)
    bed.wait_for(lambda: bed.state()["flag_left_s"] < 3_595)
    bed.rig.write("han", bytes(bed.line.heard))
    bed.wait_for(lambda: bytes(bed.line.said) == 2 * said)
    assert bed.state()["flag_left_s"] < 3_595


def test_a_completion_in_mid_outage_of_another_image_ends_the_flag(bed):
    assert bed.meter("pending")[0] == 0
    bed.rig.set_supply(False)
    bed.wait_for(lambda: bed.state()["phase"] == 1)
    assert bed.meter("complete", image="00" * 32)[0] == 0
    assert bed.state()["flag"] == s.FLAG_CONFIRMED


def test_what_the_c_meter_declares_explains_the_outage(make_bed):
    bed = make_bed(speed=100)
    assert bed.meter("pending", durations="02580E10")[0] == 0
    bed.rig.set_supply(False)
    bed.wait_for(lambda: bed.headend.alerts)
    alert = bed.headend.alerts[0]
    assert (alert.level, alert.fields["source"]) == (s.LEVEL_TAGGED, s.SOURCE_DECLARED)
    assert int.from_bytes(alert.fields["flag_counter"], "big") == LAST + 1


def test_a_wrong_key_is_never_answered(bed):
    code, events, error = bed.meter("pending", key="00" * 32, faster=REPEATS_FASTER)
    assert code == 1 and error.startswith("The hub does not answer activation_pending") and error.endswith(".")
    tries = len(events)
    assert tries >= 5 and events[-1] == f"sent activation_pending counter=102 try={tries}"
    assert bed.line.heard == bed.line.heard[: len(bed.line.heard) // tries] * tries, "the very same octets"
    bed.wait_for(lambda: drops(bed.state(), s.DROP_MAC) == tries)
    assert bed.line.said == b"" and bed.state()["flag"] == s.FLAG_NONE


def test_a_live_meter_is_not_heard_by_a_strapped_hub(bed):
    code, events, _ = bed.meter("pending", options=("-l",), faster=REPEATS_FASTER)
    assert code == 1 and bed.line.heard.hex().upper().startswith(line_of("activation_pending", 1))
    bed.wait_for(lambda: drops(bed.state(), s.DROP_MARK) == len(events))
    assert bed.line.said == b""


def drops(state, what):
    return int.from_bytes(state["drops"][2 * what : 2 * what + 2], "big")


def test_an_old_counter_takes_the_hub_s_floor(bed):
    bed.set_counter(0x10F)
    assert bed.meter("pending")[0] == 0
    bed.set_counter(LAST)
    code, events, _ = bed.meter("pending")
    assert code == 0 and events == [
        "sent activation_pending counter=102 try=1",
        "refused activation_pending counter=102 reason=counter floor=110",
        "sent activation_pending counter=111 try=1",
        "acknowledged activation_pending counter=111",
    ]
    assert bed.line.said.hex().upper().startswith(line_of("flag_refusal")), "SPEC's example"
    assert bed.state()["flag"] == s.FLAG_PENDING and bed.counter() == 0x111


@pytest.mark.parametrize(
    ("does", "dropped"),
    [(lambda octets: b"", []), (lambda octets: octets[:-4] + bytes([octets[-4] ^ 1]) + octets[-3:], ["dropped fcs"])],
    ids=["lost", "corrupted"],
)
def test_an_acknowledgement_that_is_not_heard_is_asked_for_again(bed, does, dropped):
    answers = []

    def first_only(octets):
        answers.append(octets)
        return does(octets) if len(answers) == 1 else octets

    bed.line.tamper = first_only
    code, events, _ = bed.meter("pending", faster=ASKS_AGAIN_FASTER)
    sent = "sent activation_pending counter=102"
    assert code == 0 and story(events) == [sent, *dropped, *[sent][: len(dropped)], ACKNOWLEDGED]
    tries = sum(event.startswith("sent ") for event in events)
    assert tries >= 2 and bed.line.heard.hex().upper() == tries * line_of("activation_pending"), "the very same octets"
    assert bed.line.said.hex().upper().startswith(2 * line_of("flag_ack")), "an exact repeat"


def test_what_a_repl_says_before_a_frame_is_passed_over(bed):
    bed.line.tamper = lambda octets: b"MicroPython\r\n>>> " + octets
    assert bed.meter("pending")[1][-1] == ACKNOWLEDGED


def test_a_damaged_journal_is_synchronised_with_the_nonce(make_bed):
    bed = make_bed(speed=100)
    bed.rig.cut_power()
    bed.rig.damage_journal(s.JOURNAL_COUNTERS)
    bed.power_on()
    assert bed.state()["damaged"] == 1
    answers = []

    def second_lost(octets):
        answers.append(octets)
        return b"" if len(answers) == 2 else octets

    bed.line.tamper = second_lost
    code, events, error = bed.meter("pending", faster=ASKS_AGAIN_FASTER)
    # What was lost may be a part of a frame: the meter drops the rest.
    told = [line for line in story(events) if not line.startswith("dropped")]
    assert (code, error) == (0, "") and told == [
        "sent activation_pending counter=102",
        "refused activation_pending counter=102 reason=unsynced",
        "sent counter_sync counter=103",
        "acknowledged counter_sync counter=103",
        "sent activation_pending counter=104",
        "acknowledged activation_pending counter=104",
    ]
    assert len(answers) > 3, "one was lost, and given again"
    assert (bed.state()["damaged"], bed.state()["flag"]) == (0, s.FLAG_PENDING)


def test_each_other_refusal_ends_in_what_to_do(bed):
    for reason, other, what in (
        ("range", {"durations": "02590E10"}, "mend it."),
        ("peer", {"hub": "02005E1000000003"}, "check the two EUI-64s."),
        ("busy", {}, "in 15 min or more."),
    ):
        if reason == "busy":
            bed.rig.set_supply(False)
            bed.wait_for(lambda: bed.state()["phase"] == 1)
        code, events, error = bed.meter("pending", **other)
        assert code == 1 and error.endswith(what), (reason, error)
        assert [f" reason={reason} " in event for event in events] == [False, True], events
    assert bed.state()["flag"] == s.FLAG_NONE


# ---- Without a hub: one sentence, no hang


def test_a_line_that_goes_away_is_one_sentence(program, tmp_path):
    line = Pty()
    process = started(program, tmp_path, line.path)
    try:
        assert process.stdout.readline() == "sent activation_pending counter=1 try=1\n"
        line.close()
        assert process.wait(timeout=LIMIT_S) == 1
        assert process.stderr.read() == "The line is gone: is the hub still there?\n"
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


@pytest.mark.parametrize(
    ("answers", "other", "heard"),
    [
        ("flag_ack", {}, ACKNOWLEDGED),
        ("flag_ack", {"used": f"{LAST - 1:016x}\n"}, "dropped stale"),
        ("flag_refusal", {"used": f"{LAST - 1:016x}\n"}, "dropped stale"),
        ("flag_ack", {"does": "cancel"}, "dropped stale"),
        ("flag_ack", {"hub": "02005E1000000003"}, "dropped stale"),
        ("activation_pending", {}, "dropped address"),
    ],
    ids=["its own", "another counter", "refusal of another counter", "another type", "another hub", "an echo"],
)
def test_only_what_answers_it_is_taken(program, tmp_path, answers, other, heard):
    line = Pty()
    process = started(program, tmp_path, line.path, **{"used": f"{LAST:016x}\n", **other})
    try:
        assert process.stdout.readline().startswith("sent activation_")
        os.write(line.master, bytes.fromhex(line_of(answers)))
        assert process.stdout.readline() == heard + "\n"
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)
        line.close()


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"key": "00" * 31}, "The key in the key file must be 64 hexadecimal digits."),
        ({"key": "00" * 33}, "The key in the key file must be 64 hexadecimal digits."),
        ({"key": ""}, "cannot be read."),
        ({"hub": "02005E100000000X"}, "The hub's EUI-64 must be 16 hexadecimal digits."),
        ({"does": "reboot"}, "'reboot' is not pending, complete or cancel."),
        ({"used": None}, "cannot be used: a new meter's is empty."),
        ({"used": "ffffffffffffffff\n"}, "The counters are used up: the meter needs a new key."),
        ({"tty": "/dev/null"}, "/dev/null is no serial port that can be opened."),
    ],
)
def test_what_is_wrong_is_one_sentence(program, tmp_path, other, says):
    line = Pty()
    try:
        process = started(program, tmp_path, **{"tty": line.path, **other})
        out, error = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 1 and out == ""
        assert error.endswith(says + "\n") and error.count("\n") == 1, error
    finally:
        line.close()


def started(program, folder, tty, key=EXAMPLE["key"], used="", hub=EXAMPLE["hub"], does="pending"):
    """The program on a line that is no hub's."""
    (folder / "key").write_text(key)
    if used is not None:
        (folder / "counters").write_text(used)
    return subprocess.Popen(
        [program, "-d", EXAMPLE["durations"], tty, folder / "key", folder / "counters", EXAMPLE["esme"], hub, does],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
