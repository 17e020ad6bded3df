"""Identities: made once, kept for their owner alone, and no key is ever in what a person is told."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chf.identity import parse
from host_tools.deploy.provisioning import KEY_NAMES, new_identity, read_identity, write_identity
from host_tools.errors import EXIT_USAGE, BenchError

posix_only = pytest.mark.skipif(os.name != "posix", reason="file modes and links of POSIX")


def sentence(call, *arguments):
    """The one sentence of a usage error, in which no key stands."""
    with pytest.raises(BenchError) as raised:
        call(*arguments)
    said = str(raised.value)
    assert raised.value.exit_code == EXIT_USAGE and said.endswith(".") and "\n" not in said
    error = raised.value
    assert error.__context__ is None or error.__suppress_context__, "no traceback drags the file's content along"
    return said


# ---- Made


def test_every_identity_is_another_and_a_seed_repeats_one():
    made = [new_identity() for _ in range(4)] + [new_identity(1), new_identity(2)]
    secrets = [key for one in made for key in (one["hub"], one["esme"], *one["keys"].values())]
    assert len(set(secrets)) == len(secrets)
    assert new_identity(1) == new_identity(1)
    assert new_identity(1, policy=2) == {**new_identity(1), "policy": 2}


@pytest.mark.parametrize("strapped", [True, False])
def test_a_hub_takes_what_is_made(strapped):
    config, keys = parse(json.dumps(new_identity(policy=2, capacitance_mf=700)), strapped)
    assert (config.policy, config.capacitance_mf, len(keys)) == (2, 700, 2)


def test_a_dump_of_an_identity_shows_no_key(tmp_path):
    made = new_identity(1)
    write_identity(tmp_path / "identity.json", made)
    for identity in (made, read_identity(tmp_path / "identity.json"), {**made, "policy": 2}):
        shown = repr(identity) + str(identity) + f"{identity}"
        assert made["hub"] in shown and not [key for key in made["keys"].values() if key[:16] in shown]


# ---- Written


@posix_only
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_file_is_its_owner_s_alone_whatever_the_mask(tmp_path, mask):
    path = tmp_path / "identity.json"
    before = os.umask(mask)
    try:
        write_identity(path, new_identity(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_identity(path) == new_identity(1)


def test_an_existing_file_is_never_written(tmp_path):
    path = tmp_path / "identity.json"
    write_identity(path, new_identity(1))
    before = path.read_bytes()
    assert sentence(write_identity, path, new_identity(2)).endswith("an identity is made once; name another file.")
    assert path.read_bytes() == before


@posix_only
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_not_followed(tmp_path, exists):
    elsewhere = tmp_path / "elsewhere"
    if exists:
        elsewhere.write_text("kept")
    (tmp_path / "link").symlink_to(elsewhere)
    assert "exists" in sentence(write_identity, tmp_path / "link", new_identity(1))
    assert elsewhere.exists() == exists and (not exists or elsewhere.read_text() == "kept")


@pytest.mark.parametrize("name", ["nope/identity.json", "file/identity.json", "x" * 300])
def test_a_place_that_takes_no_file_is_one_sentence(tmp_path, name):
    (tmp_path / "file").write_text("")
    assert "cannot be written: " in sentence(write_identity, tmp_path / name, new_identity(1))


def test_a_file_that_could_not_be_written_whole_does_not_stay(tmp_path, monkeypatch):
    def full(identity, file, indent):
        file.write('{"keys": ')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    path = tmp_path / "identity.json"
    assert sentence(write_identity, path, new_identity(1)).endswith("cannot be written: No space left on device.")
    assert not path.exists()


# ---- Read


def kept(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return path


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o777])
def test_a_file_that_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "identity.json"
    write_identity(path, new_identity(1))
    path.chmod(mode)
    assert sentence(read_identity, path).endswith("is open to others: run chmod 600 on it.")


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    assert sentence(read_identity, tmp_path / "nope").endswith("cannot be read: No such file or directory.")
    assert "cannot be read: " in sentence(read_identity, tmp_path)
    assert "cannot be read: " in sentence(read_identity, kept(tmp_path / "octets", b'{"hub": "\xff"}'))


@posix_only
@pytest.mark.parametrize(
    "more", [{"capacitance_mf": "10"}, {"load_mw": None}, {"policy": 9}, {"send_mj": 1 << 20}, {"x": 1}]
)
def test_what_the_hub_would_refuse_is_neither_read_nor_written(tmp_path, more):
    text = json.dumps({**new_identity(1), **more})
    assert "is not an identity" in sentence(read_identity, kept(tmp_path / "identity.json", text))
    assert "No hub takes that identity" in sentence(write_identity, tmp_path / "new.json", json.loads(text))
    assert not (tmp_path / "new.json").exists()


@posix_only
def test_an_eui_in_capitals_is_the_same_hub_s(tmp_path):
    made = new_identity(1)
    text = json.dumps({**made, "hub": made["hub"].upper(), "esme": made["esme"].upper()})
    assert read_identity(kept(tmp_path / "identity.json", text)) == made


WHOLE = new_identity(3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70) | st.sampled_from(list(WHOLE["keys"].values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEY_NAMES), inner, max_size=4),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["hub", "esme", "keys", *KEY_NAMES]), JSON, min_size=1, max_size=2),
    st.integers(0, 900),
)
def test_what_is_no_identity_is_refused_without_a_key_in_the_sentence(tmp_path_factory, parts, cut):
    folder = tmp_path_factory.getbasetemp()
    for text in (json.dumps({**WHOLE, **parts}), json.dumps(WHOLE)[:cut]):
        path = kept(folder / "mutated.json", text)
        try:
            identity = read_identity(path)
        except BenchError as error:
            said = str(error)
            assert not [key for key in WHOLE["keys"].values() if key[:16] in said], said
            assert said == f"The key file {path} is not an identity: make one with chtool provision."
        else:
            assert [len(bytes.fromhex(identity["keys"][name])) for name in KEY_NAMES] == [32] * 4


KEYS = WHOLE["keys"]


@pytest.mark.parametrize(
    "text",
    [
        *["", "[]", "5", "null", "{}", "[" * 100_000, '{"hub": 1}', '{"hub":"","esme":"","keys":{}}'],
        *[json.dumps({**WHOLE, name: eui}) for name in ("hub", "esme") for eui in ("", "00" * 7, "00" * 9, "zz" * 8)],
        *[json.dumps({**WHOLE, "keys": {**KEYS, name: "00" * 31}}) for name in KEY_NAMES],
        *[json.dumps({**WHOLE, "keys": {one: KEYS[one] for one in KEYS if one != name}}) for name in KEY_NAMES],
    ],
    ids=range(24),
)
def test_what_is_something_else_is_refused(tmp_path, text):
    assert "is not an identity" in sentence(read_identity, kept(tmp_path / "identity.json", text))
