"""One master key, one subkey per purpose and epoch, one signing key per home.

The keyring lives in ``REBOND_KEYS``, apart from all data (S7). Subkeys are derived by
HKDF-SHA256 with the purpose and epoch in ``info``, so that pseudonyms of two purposes do
not join (S6) and the audit store needs a key of its own (S5). What must not be forged is
signed with Ed25519.

A process that trains is given a folder of its own, with the few subkeys it needs and no
master key: what is not there cannot be read (:func:`lend_keys`).

A rotation makes the master key of the next epoch (:func:`begin_rotation`) and lets it take
the old one's place at the end (:func:`finish_rotation`); what has to be renamed and sealed
anew in between is :mod:`api.rotation`'s.

References
----------
RFC 5869 (HKDF), RFC 8032 (Ed25519), RFC 7693 (BLAKE2b).
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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

MASTER, SIGNING, STANDING, EPOCH = "master.key", "signing.key", "standing.key", "epoch"
"""The files of a key folder; without the last, it is the first epoch."""

PRODUCTION = "production"
"""Says beside the keys that they are a production home's, whatever its settings say by now."""

NEXT = "next.key"
"""The coming master key and its epoch, while a rotation is under way."""

FIXED = {"event_id": "event_id.key"}
"""Subkeys that outlive the master key they came from, once it is gone.

An extract that corrects an event must find it under the keyed id it was stored with, and
no id is kept from which another one could be made.
"""

LENT_FROM = "lent-from"
"""In a lent folder: where the home's own keys lay, so that training can see whether it reads them.
"""

LENT = {
    "draw": "draw.key",
    "audit": "audit.key",
    "pseudonym/audit": "audit-pseudonym.key",
    "educators": "educators.key",
}
"""What training and auditing need subkeys for: neither a person's pseudonym nor the vault."""


class KeysUnreadable(RebondError):
    """The key folder is missing, open to others, or holds something else."""


class NotOwnKeys(RebondError):
    """The keys are nobody's secret: a demonstration's, or no random bytes at all."""


class KeyNotHere(RebondError):
    """The key folder of this process does not hold the key of a purpose."""


class ForgedSignature(RebondError):
    """A signature does not belong to what it stands beside."""


class SealBroken(RebondError):
    """Sealed bytes were made with another key, or changed since."""


@dataclass(frozen=True)
class Keyring:
    """The keys of one home; made by :func:`create_keys`, read by :func:`read_keys`.

    Attributes
    ----------
    master
        What every subkey is derived from; None where single subkeys were lent.
    signing
        Signs what must not be forged.
    standing
        Keys the list of those who objected or were erased. It never changes, for nobody on
        that list can be named again; None where it was not lent.
    epoch
        Counts the master keys of this home, from 1.
    lent
        Subkeys by purpose, where there is no master.
    fixed
        Subkeys by purpose that an earlier master key gave (:data:`FIXED`).
    """

    master: bytes | None = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)
    standing: bytes | None = field(default=None, repr=False)
    epoch: int = 1
    lent: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    fixed: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def check_own(self) -> None:
        """Refuse keys that a production home may not have.

        Raises
        ------
        NotOwnKeys
            Made by a demonstration, or one byte over and over.
        """
        held = (self.master, self.standing, self.signing.private_bytes_raw(), *self.lent.values())
        if any(key is not None and len(set(key)) == 1 for key in held):
            raise NotOwnKeys(
                "a key of this home is one byte over and over, which anybody can guess: put its "
                "own keys back."
            )
        if self.standing is not None and self.standing == _demonstration_standing(self.signing):
            raise NotOwnKeys(
                "these keys were made by a demonstration, whose folder anybody may have: a "
                "production home makes its own with `rebond init --production`."
            )

    def subkey(self, purpose: str) -> bytes:
        """Derive the 32-byte key of one purpose in this epoch.

        Raises
        ------
        KeyNotHere
            There is no master key, and this subkey was not lent.
        """
        if self.master is None:
            if purpose not in self.lent:
                raise KeyNotHere(
                    f"the key folder in use holds no key for {purpose!r}: point REBOND_KEYS at "
                    "the home's own keys."
                )
            return self.lent[purpose]
        if purpose in self.fixed:
            return self.fixed[purpose]
        info = f"rebond/{purpose}/{self.epoch}".encode()
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(self.master)

    def check_owned(self) -> None:
        """Refuse lent keys where the home's own are needed.

        Raises
        ------
        KeyNotHere
            There is no master key.
        """
        if self.master is None:
            raise KeyNotHere(
                f"the key folder in use holds no {MASTER}, only lent keys: point REBOND_KEYS at "
                "the home's own keys."
            )

    def standing_id(self, identifier: str) -> str:
        """Return the keyed id (32 hex digits) under which an objection is kept.

        Raises
        ------
        KeyNotHere
            The key of that list is not in this folder.
        """
        if self.standing is None:
            raise KeyNotHere(
                f"the key folder in use holds no {STANDING}: point REBOND_KEYS at the home's own "
                "keys, or run `rebond upgrade` if an older version made them."
            )
        return keyed_hash(self.standing, identifier)

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
    """Return the keyed BLAKE2b of :func:`canonical` text, 32 hex digits."""
    plain = canonical(text).encode()
    return hashlib.blake2b(plain, key=key, digest_size=_PSEUDONYM_BYTES).hexdigest()


def canonical(text: str) -> str:
    r"""Return the one form of an identifier, however a program wrote it.

    Accents are put together (NFC), invisible characters and outer blanks taken out.

    >>> canonical(" e\u0301tienne-1\u200b ") == "étienne-1"
    True
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        if not text.isprintable():  # format signs are not; telling so is quick
            text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return text.strip()


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


def create_keys(folder: Path, *, demonstration: bool = False) -> Keyring:
    """Make a new keyring in ``folder`` (mode 0700), which must not exist yet or be empty.

    A demonstration's can be told wherever they are copied to: the key that never changes is
    derived from the other one that never does (:meth:`Keyring.check_own`).
    """
    _make_private(folder)
    master, signing = os.urandom(_KEY_BYTES), Ed25519PrivateKey.generate()
    standing = _demonstration_standing(signing) if demonstration else os.urandom(_KEY_BYTES)
    keyring = Keyring(master, signing, standing)
    write_private(folder / MASTER, master)
    write_private(folder / STANDING, standing)
    _write_signing(folder, keyring)
    return keyring


def add_standing_key(folder: Path) -> None:
    """Make the key of the list of objections where an older version made none."""
    if (folder / MASTER).is_file() and not (folder / STANDING).is_file():
        write_private(folder / STANDING, os.urandom(_KEY_BYTES))


def mark_production(folder: Path) -> None:
    """Note beside the keys that their home is a production home, once and for good."""
    if not is_marked_production(folder):
        write_private(folder / PRODUCTION, b"")


def is_marked_production(folder: Path) -> bool:
    """Say whether the keys in a folder are a production home's."""
    return (folder / PRODUCTION).exists()


def lend_keys(keyring: Keyring, folder: Path, lent_from: Path | None = None) -> None:
    """Write the key folder of a process that trains and audits: no pseudonym, no vault (S7).

    Parameters
    ----------
    keyring
        The home's own.
    folder
        Must not exist yet, or be empty.
    lent_from
        Where the home's own keys lie.
    """
    _make_private(folder)
    for purpose, name in LENT.items():
        write_private(folder / name, keyring.subkey(purpose))
    write_private(folder / EPOCH, f"{keyring.epoch}\n".encode())
    if lent_from is not None:
        write_private(folder / LENT_FROM, f"{lent_from.resolve()}\n".encode())
        if is_marked_production(lent_from):
            mark_production(folder)
    _write_signing(folder, keyring)


def read_keys(folder: Path) -> Keyring:
    """Read the keyring that :func:`create_keys` or :func:`lend_keys` made.

    Raises
    ------
    KeysUnreadable
        No keys there, a folder that others can read, or files that are not keys.
    """
    present = {name: (folder / name).is_file() for name in (MASTER, STANDING, *LENT.values())}
    if not any(present[name] for name in (MASTER, *LENT.values())):
        raise KeysUnreadable(
            f"no keys in {folder.name}/: run `rebond init`, or point REBOND_KEYS at them."
        )
    if folder.stat().st_mode & 0o077:
        raise KeysUnreadable(f"{folder.name}/ is open to other users: run chmod 700 on it.")
    owned = present[MASTER]
    return Keyring(
        _read_key(folder / MASTER) if owned else None,
        Ed25519PrivateKey.from_private_bytes(_read_key(folder / SIGNING)),
        _read_key(folder / STANDING) if present[STANDING] else None,
        _read_epoch(folder / EPOCH),
        {} if owned else _read_present(folder, LENT),
        _read_present(folder, FIXED),
    )


def is_rotating(folder: Path) -> bool:
    """Say whether a rotation of the keys was begun and is not finished."""
    return (folder / NEXT).is_file()


def begin_rotation(folder: Path) -> tuple[Keyring, Keyring]:
    """Make the master key of the next epoch, or read the one an interrupted rotation made.

    Returns
    -------
    Keyring, Keyring
        The present keys and the coming ones.

    Raises
    ------
    KeyNotHere
        The folder holds lent keys.
    KeysUnreadable
        No keys there, or none that can be read.
    """
    present = read_keys(folder)
    present.check_owned()
    if not is_rotating(folder):
        for purpose, name in FIXED.items():
            if not (folder / name).is_file():
                _place_private(folder / name, present.subkey(purpose))
        fresh = os.urandom(_KEY_BYTES)
        _place_private(folder / NEXT, fresh + f"{present.epoch + 1}\n".encode())
    master, epoch = _read_next(folder / NEXT)
    present = replace(present, fixed=_read_present(folder, FIXED))
    return present, replace(present, master=master, epoch=epoch)


def finish_rotation(folder: Path) -> None:
    """Let the next master key take the old one's place, whose bytes are overwritten.

    As often interrupted, it can be called again: the next key is the last to go.
    """
    master, epoch = _read_next(folder / NEXT)
    _place_private(folder / EPOCH, f"{epoch}\n".encode())
    with (folder / MASTER).open("r+b") as file:
        file.write(master)
        file.flush()
        os.fsync(file.fileno())
    cancel_rotation(folder)


def cancel_rotation(folder: Path) -> None:
    """Take the next master key away; before it is in use, the home stays as it was."""
    (folder / NEXT).unlink()
    _sync_folder(folder)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _demonstration_standing(signing: Ed25519PrivateKey) -> bytes:
    derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"rebond/demonstration")
    return derived.derive(signing.private_bytes_raw())


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    if any(folder.iterdir()):
        raise KeysUnreadable(f"{folder.name}/ already holds keys; they are never overwritten.")


def _write_signing(folder: Path, keyring: Keyring) -> None:
    write_private(folder / SIGNING, keyring.signing.private_bytes_raw())
    (folder / "signing.pub").write_text(
        keyring.signing.public_key().public_bytes_raw().hex() + "\n", encoding="ascii"
    )


def _read_key(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size != _KEY_BYTES:
        raise KeysUnreadable(
            f"{path.name} in {path.parent.name}/ is not a key of {_KEY_BYTES} bytes: restore it."
        )
    if path.stat().st_mode & 0o077:
        raise KeysUnreadable(
            f"{path.name} in {path.parent.name}/ is open to other users: run chmod 600 on it."
        )
    return path.read_bytes()


def _read_present(folder: Path, names: Mapping[str, str]) -> dict[str, bytes]:
    return {
        purpose: _read_key(folder / name)
        for purpose, name in names.items()
        if (folder / name).is_file()
    }


def _read_next(path: Path) -> tuple[bytes, int]:
    content = path.read_bytes()
    key, epoch = content[:_KEY_BYTES], content[_KEY_BYTES:].strip()
    if not epoch.isdigit():
        raise KeysUnreadable(f"{path.name} in {path.parent.name}/ is not a next key: restore it.")
    return key, int(epoch)


def _place_private(path: Path, content: bytes) -> None:
    """Put a private file into its place whole, or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    write_private(fresh, content)
    fresh.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_epoch(path: Path) -> int:
    said = path.read_text(encoding="ascii").strip() if path.is_file() else "1"
    if not said.isdecimal() or not int(said):
        raise KeysUnreadable(f"{path.name} in {path.parent.name}/ is not a number: restore it.")
    return int(said)
