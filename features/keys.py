"""One master key, one subkey per purpose and epoch, one signing key per home.

The keyring lives in ``REBOND_KEYS``, apart from all data (S7). Subkeys are derived by
HKDF-SHA256 with the purpose and epoch in ``info``, so that pseudonyms of two purposes do
not join (S6) and the audit store needs a key of its own (S5). What must not be forged is
signed with Ed25519.

References
----------
RFC 5869 (HKDF), RFC 8032 (Ed25519), RFC 7693 (BLAKE2b).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from features.errors import RebondError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_PSEUDONYM_BYTES = 16


class KeysUnreadable(RebondError):
    """The key folder is missing, open to others, or holds something else."""


class ForgedSignature(RebondError):
    """A signature does not belong to what it stands beside."""


class SealBroken(RebondError):
    """Sealed bytes were made with another key, or changed since."""


@dataclass(frozen=True)
class Keyring:
    """The keys of one home; made by :func:`create_keys`, read by :func:`read_keys`."""

    master: bytes = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)
    epoch: int = 1

    def subkey(self, purpose: str) -> bytes:
        """Derive the 32-byte key of one purpose in this epoch."""
        info = f"rebond/{purpose}/{self.epoch}".encode()
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(self.master)

    def pseudonym(self, identifier: str, purpose: str = "prevention") -> str:
        """Return the keyed pseudonym (32 hex digits) of an identifier for one purpose."""
        return keyed_hash(self.subkey(f"pseudonym/{purpose}"), identifier)

    def sign(self, message: bytes) -> str:
        """Sign a message; 128 hex digits."""
        return self.signing.sign(message).hex()

    def verify(self, message: bytes, signature: str) -> None:
        """Check a signature made by :meth:`sign`.

        Raises
        ------
        ForgedSignature
            It was made over other bytes or with another key.
        """
        verify(self.signing.public_key(), message, signature)

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypt with AES-256-GCM under the purpose's subkey; nonce first."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.subkey(purpose)).encrypt(nonce, plain, purpose.encode())

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Decrypt what :meth:`seal` wrote.

        Raises
        ------
        SealBroken
            Another key, another purpose, or changed bytes.
        """
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.subkey(purpose)).decrypt(nonce, body, purpose.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise SealBroken(
                f"what was sealed for {purpose!r} cannot be opened with this home's keys; "
                "restore the keys that made it."
            ) from error


def keyed_hash(key: bytes, text: str) -> str:
    """Return the keyed BLAKE2b of canonical text (stripped), 32 hex digits."""
    return hashlib.blake2b(text.strip().encode(), key=key, digest_size=_PSEUDONYM_BYTES).hexdigest()


def verify(public: Ed25519PublicKey, message: bytes, signature: str) -> None:
    """Check an Ed25519 signature given in hex.

    Raises
    ------
    ForgedSignature
        The signature is not one of these bytes by this key.
    """
    try:
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError) as error:
        raise ForgedSignature(
            "the signature does not belong to this content: it was changed after signing, "
            "or signed with another home's key."
        ) from error


def create_keys(folder: Path) -> Keyring:
    """Make a new keyring in ``folder`` (mode 0700), which must not exist yet or be empty."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    if any(folder.iterdir()):
        raise KeysUnreadable(f"{folder.name}/ already holds keys; they are never overwritten.")
    keyring = Keyring(os.urandom(_KEY_BYTES), Ed25519PrivateKey.generate())
    _write_private(folder / "master.key", keyring.master)
    _write_private(folder / "signing.key", keyring.signing.private_bytes_raw())
    (folder / "signing.pub").write_text(
        keyring.signing.public_key().public_bytes_raw().hex() + "\n", encoding="ascii"
    )
    return keyring


def read_keys(folder: Path) -> Keyring:
    """Read the keyring that :func:`create_keys` made.

    Raises
    ------
    KeysUnreadable
        No keys there, a folder that others can read, or files that are not keys.
    """
    if not (folder / "master.key").is_file():
        raise KeysUnreadable(
            f"no keys in {folder.name}/: run `rebond init`, or point REBOND_KEYS at them."
        )
    if folder.stat().st_mode & 0o077:
        raise KeysUnreadable(f"{folder.name}/ is open to other users: run chmod 700 on it.")
    master, signing = folder / "master.key", folder / "signing.key"
    for file in (master, signing):
        if not file.is_file() or file.stat().st_size != _KEY_BYTES:
            raise KeysUnreadable(
                f"{file.name} in {folder.name}/ is not a key of {_KEY_BYTES} bytes: restore it."
            )
    return Keyring(master.read_bytes(), Ed25519PrivateKey.from_private_bytes(signing.read_bytes()))


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
