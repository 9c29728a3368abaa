from __future__ import annotations

import dataclasses
import hashlib
import stat
from pathlib import Path

import pytest

from features.keys import (
    ForgedSignature,
    Keyring,
    KeysUnreadable,
    SealBroken,
    begin_rotation,
    cancel_rotation,
    create_keys,
    finish_rotation,
    is_rotating,
    keyed_hash,
    read_keys,
)


def test_keys_are_private_and_read_back_the_same(tmp_path: Path) -> None:
    made = create_keys(tmp_path / "deep" / "keys")
    read = read_keys(tmp_path / "deep" / "keys")
    assert read.master == made.master and read.pseudonym("P1") == made.pseudonym("P1")
    read.verify(b"x", made.sign(b"x"))
    assert stat.S_IMODE((tmp_path / "deep" / "keys").stat().st_mode) == 0o700
    for name in ("master.key", "signing.key"):
        assert stat.S_IMODE((tmp_path / "deep" / "keys" / name).stat().st_mode) == 0o600


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    made = create_keys(tmp_path / "keys")
    with pytest.raises(KeysUnreadable, match="never overwritten"):
        create_keys(tmp_path / "keys")
    assert read_keys(tmp_path / "keys").master == made.master


@pytest.mark.parametrize("name", ["master.key", "signing.key"])
@pytest.mark.parametrize("content", [None, b"", b"short", b"x" * 33])
def test_what_is_no_key_is_refused(name: str, content: bytes | None, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    create_keys(folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(KeysUnreadable):
        read_keys(folder)


def test_a_folder_open_to_others_or_missing_is_refused(tmp_path: Path) -> None:
    create_keys(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(KeysUnreadable, match="chmod 700"):
        read_keys(tmp_path / "keys")
    with pytest.raises(KeysUnreadable, match="rebond init"):
        read_keys(tmp_path / "nowhere")


def test_a_keyring_never_shows_itself(keys: Keyring) -> None:
    assert "master" not in repr(keys) and keys.master.hex() not in repr(keys)


@pytest.mark.parametrize("signature", ["", "zz", "00" * 64, "é"])
def test_a_forged_signature_is_refused(signature: str, keys: Keyring) -> None:
    with pytest.raises(ForgedSignature):
        keys.verify(b"message", signature)
    with pytest.raises(ForgedSignature):
        keys.verify(b"other", keys.sign(b"message"))


def test_a_seal_opens_only_unchanged_and_for_its_purpose(keys: Keyring) -> None:
    sealed = keys.seal("audit", b"secret")
    assert keys.unseal("audit", sealed) == b"secret"
    assert sealed != keys.seal("audit", b"secret") and b"secret" not in sealed
    for purpose, content in (
        ("vault", sealed),
        ("audit", sealed[:-1]),
        ("audit", sealed[:5]),
        ("audit", b""),
        ("audit", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(SealBroken):
            keys.unseal(purpose, content)


@pytest.mark.safeguard
def test_s06_pseudonyms_of_two_purposes_do_not_join(keys: Keyring) -> None:
    people = [f"P{i}" for i in range(200)]
    purposes = ("prevention", "audit", "household", "control")
    made = [{keys.pseudonym(p, purpose) for p in people} for purpose in purposes]
    assert all(len(names) == 200 for names in made)
    assert len(set().union(*made)) == 800


@pytest.mark.safeguard
def test_s07_a_new_epoch_or_another_master_changes_every_pseudonym(
    keys: Keyring, tmp_path: Path
) -> None:
    later = dataclasses.replace(keys, epoch=2)
    other = create_keys(tmp_path / "keys")
    assert len({k.pseudonym("P1") for k in (keys, later, other)}) == 3


@pytest.mark.safeguard
def test_s07_a_dictionary_of_every_identifier_finds_nobody_without_the_key(keys: Keyring) -> None:
    known = {keys.pseudonym(f"{n:04d}") for n in range(500)}
    guesses = [f"{n:04d}".encode() for n in range(500)]
    for guess in guesses:
        tries = {
            hashlib.blake2b(guess, digest_size=16).hexdigest(),
            hashlib.blake2b(
                guess, digest_size=16, key=b"rebond/pseudonym/prevention/1"
            ).hexdigest(),
            hashlib.sha256(guess).hexdigest()[:32],
            hashlib.md5(guess).hexdigest(),  # noqa: S324 - an attacker's guess
        }
        assert tries.isdisjoint(known)


def test_a_pseudonym_is_stable_canonical_and_32_hex_digits(keys: Keyring) -> None:
    assert keys.pseudonym(" P1\n") == keys.pseudonym("P1") != keys.pseudonym("p1")
    assert len(keys.pseudonym("P1")) == 32 and int(keys.pseudonym("P1"), 16)
    assert keyed_hash(b"k" * 32, "é") == keyed_hash(b"k" * 32, "é ")


@pytest.mark.safeguard
def test_s07_a_rotation_leaves_no_byte_of_the_old_master_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    old = create_keys(folder)
    present, following = begin_rotation(folder)
    assert present.master == old.master != following.master and following.epoch == 2
    assert is_rotating(folder) and begin_rotation(folder)[1].master == following.master
    finish_rotation(folder)
    found = read_keys(folder)
    assert (found.master, found.epoch) == (following.master, 2) and not is_rotating(folder)
    assert old.master is not None
    assert not [path for path in folder.iterdir() if old.master in path.read_bytes()]
    for path in folder.iterdir():
        assert path.name == "signing.pub" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert found.pseudonym("P1") != old.pseudonym("P1")
    assert found.standing_id("P1") == old.standing_id("P1")
    found.verify(b"x", old.sign(b"x"))


def test_keyed_ids_of_events_outlive_every_rotation(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = create_keys(folder).subkey("event_id")
    for _ in range(3):
        present, following = begin_rotation(folder)
        assert present.subkey("event_id") == following.subkey("event_id") == first
        finish_rotation(folder)
    assert read_keys(folder).subkey("event_id") == first


def test_a_rotation_called_off_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    old = create_keys(folder)
    begin_rotation(folder)
    cancel_rotation(folder)
    assert read_keys(folder).master == old.master and not is_rotating(folder)
    begin_rotation(folder)
    (folder / "next.key").write_bytes(b"k" * 32)
    with pytest.raises(KeysUnreadable, match=r"next\.key"):
        begin_rotation(folder)
