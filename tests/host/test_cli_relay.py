"""chtool relay and chtool log --wan: a legacy meter's activation from the command line, and how it was decided."""

import pytest
from chtool import fails, inside, json_of, virtual_hub

from host_tools.gbcs import build

EUI = bytes.fromhex("02005e1000000009")


@pytest.mark.parametrize(
    ("options", "decided", "source"),
    [
        ([], "tagged", "inferred"),
        (["--at", "+3600", "--wait", "100"], "plain", "none"),
        (["--at", "+3600", "--wait", "3590"], "tagged", "inferred"),
        (["--cancel-after", "5"], "plain", "none"),
        (["--to", EUI.hex()], "plain", "none"),
    ],
)
def test_what_an_outage_after_a_relayed_cs06_becomes(options, decided, source):
    told = json_of("relay", "activate", "sim:", "--outage", "200", *options)
    assert (told["answer"], told["hub_decided"]) == ("acknowledged", decided)
    assert told["alerts"].endswith(f"source {source}")


def test_only_the_policy_that_says_so_holds():
    told = json_of("relay", "activate", "sim:?policy=suppress-inferred", "--outage", "200")
    assert (told["hub_decided"], told["alerts"]) == ("held", "none")


def test_a_file_s_message_is_sent_as_it_is(tmp_path):
    file = tmp_path / "message.hex"
    file.write_text(build.other(build.Heading(1, EUI, EUI), build.COMMAND, 0x0013, 300).hex())
    told = json_of("relay", "send", "sim:", "--file", file)
    assert (told["answer"], told["flag"]) == ("acknowledged", "none")
    file.write_text("not hex")
    assert "hex" in fails(2, "relay", "send", "sim:", "--file", file)
    file.write_bytes(b"\xff\xfe")
    assert "hex" in fails(2, "relay", "send", "sim:", "--file", file)
    file.write_text("00" * 1501)
    assert "1501 octets" in fails(2, "relay", "send", "sim:", "--file", file)
    assert "cannot be read" in fails(2, "relay", "send", "sim:", "--file", tmp_path / "none")
    assert "--file" in fails(2, "relay", "send", "sim:")


@pytest.mark.parametrize(
    "options",
    [
        ["--at", "yesterday"],
        ["--at", "+-5000000000"],
        ["--at", "1999-01-01T00:00:00Z"],
        ["--at", "9999-12-31T23:59:59Z"],
        ["--to", "1234"],
        ["--to", "no hex digits ..."],
        ["--image", "00"],
        ["--live", "--outage", "3"],
    ],
)
def test_what_does_not_fit_is_one_sentence(options):
    fails(2, "relay", "activate", "sim:", *options)


def test_options_of_another_action():
    fails(2, "relay", "cancel", "sim:", "--at", "+5")
    fails(2, "relay", "cancel", "sim:", "--cancel-after", "5")


def test_over_a_cable_the_counters_go_on(tmp_path):
    with virtual_hub("--speed", "50") as hub:
        wan = hub["url"]
        for _ in range(2):  # the second begins anew, is told the floor, and goes on above it
            told = json_of("relay", "activate", wan, "--db", tmp_path / "headend.db")
            assert told["answer"] == "acknowledged"
        assert json_of("relay", "cancel", wan)["answer"] == "acknowledged"
        assert json_of("log", wan, "--wan") == []


def test_the_log_over_the_wan(tmp_path):
    with virtual_hub("--speed", "100") as hub:
        json_of("relay", "activate", hub["url"], "--outage", "200")
        (row,) = json_of("log", hub["url"], "--wan")
        assert (row["level"], row["source"], row["row"], row["over"]) == ("tagged", "inferred", "policy-tag", True)
        shown = inside("log", hub["url"], "--wan").stdout.splitlines()
        assert shown[0].split("\t") == ["ends in", "lost", "out for", "decided", "source"]
        assert "tagged (policy-tag)" in shown[1]
        assert "No authentic answer" in fails(3, "log", hub["url"], "--wan", "--live")


def test_what_the_log_over_the_wan_needs(tmp_path):
    fails(2, "log", "--wan")
    fails(2, "log", "sim:", "--live")
    assert json_of("log", "sim:", "--wan") == []
