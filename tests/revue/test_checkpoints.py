"""Signed notes as others write and read them."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from features.keys import ForgedSignature, verify
from revue.checkpoints import (
    NAME,
    LogKey,
    NotACheckpoint,
    NotALogKey,
    key_id,
    note_of,
    read_checkpoints,
    read_log_key,
    write_checkpoint,
)

ROOT = hashlib.sha256(b"root").digest()
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = LogKey(PRIVATE.public_key())

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
"""The example of Go's golang.org/x/mod/sumdb/note, where the form comes from."""


def signed(month: str = "2026-11", size: int = 3, root: bytes = ROOT) -> str:
    return write_checkpoint(month, size, root, PRIVATE.sign(note_of(month, size, root)).hex(), KEY)


def test_keys_and_signatures_are_those_of_gos_sumdb_note() -> None:
    name, identifier, encoded = GO_KEY.split("+", 2)
    kind, public = b64decode(encoded)[:1], b64decode(encoded)[1:]
    assert kind == b"\x01" and key_id(name, public).hex() == identifier
    signature = b64decode(GO_SIGNATURE)
    assert signature[:4].hex() == identifier
    verify(Ed25519PublicKey.from_public_bytes(public), GO_TEXT.encode(), signature[4:].hex())


def test_a_checkpoint_is_written_byte_by_byte_as_c2sp_says() -> None:
    text = signed()
    origin, size, root, blank, line = text.removesuffix("\n").split("\n")
    assert (origin, size, blank) == ("rebond/journal/2026-11", "3", "")
    assert b64decode(root, validate=True) == ROOT
    dash, name, encoded = line.split(" ")
    assert (dash, name) == ("\u2014", NAME)
    raw = b64decode(encoded, validate=True)
    public = PRIVATE.public_key().public_bytes_raw()
    assert raw[:4] == hashlib.sha256(NAME.encode() + b"\n\x01" + public).digest()[:4]
    PRIVATE.public_key().verify(raw[4:], f"{origin}\n{size}\n{root}\n".encode())


def test_the_key_is_read_as_it_was_written() -> None:
    name, identifier, encoded = KEY.text.split("+", 2)
    assert (name, identifier) == (NAME, KEY.id.hex())
    assert b64decode(encoded) == b"\x01" + PRIVATE.public_key().public_bytes_raw()
    assert read_log_key(f"{KEY.text}\n") == KEY or read_log_key(KEY.text).text == KEY.text
    for spoilt in (
        "",
        KEY.text.replace(KEY.id.hex(), "00000000"),
        KEY.text.replace("rebond", "autre"),
        KEY.text[:-8],
        GO_KEY,
        "a+b+\u00e9",
    ):
        with pytest.raises(NotALogKey):
            read_log_key(spoilt)


def test_several_are_read_and_a_witness_is_passed_over() -> None:
    stranger = f"\u2014 witness.example {b64encode(b'w' * 68).decode()}\n"
    found = read_checkpoints(f"{signed(size=3)}{stranger}\n{signed(size=5)}", KEY)
    assert [seen.size for seen in found] == [3, 5]
    for seen in found:
        KEY.verify(seen.text, seen.signature)


@pytest.mark.safeguard
def test_s22_a_checkpoint_of_another_key_or_form_is_none_of_ours() -> None:
    other = Ed25519PrivateKey.generate()
    theirs = write_checkpoint("2026-11", 3, ROOT, "00" * 64, LogKey(other.public_key()))
    for text in (theirs, signed().replace("\n3\n", "\n-3\n"), signed() + "x\n", "", "\n\n\n"):
        with pytest.raises(NotACheckpoint):
            read_checkpoints(text, KEY)
    (seen,) = read_checkpoints(signed().replace("\n3\n", "\n4\n"), KEY)
    with pytest.raises(ForgedSignature):
        KEY.verify(seen.text, seen.signature)
