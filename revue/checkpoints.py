"""Checkpoints of the journal: signed notes that anybody can check, kept outside the database.

Whoever owns the database can cut its newest entries off and put an older signed head back:
inside it, nothing shows that. So the newest head is also written elsewhere, best on another
disk, and every one of these notes is held against the journal when it is verified. Each day
has a file; notes are added to it and never replaced, for a later one may be of a fork.

The origin of a checkpoint names the month, for each month is a tree of its own; one key,
whose name says which log it is, signs them all.

References
----------
C2SP signed-note (form, key id, type byte 0x01 for Ed25519) and tlog-checkpoint (origin,
size, root); ``NAME+ID+KEY`` is the verifier key of Go's ``sumdb/note``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from features.errors import RebondError
from features.keys import verify

NAME = "rebond/journal"
"""Name of the key, and what the origin of every month begins with."""

EVERY = timedelta(minutes=1)
"""At most one checkpoint is written in this time (S22)."""

_ED25519 = b"\x01"
_ID_BYTES, _HASH_BYTES, _SIGNATURE_BYTES = 4, 32, 64
_ORIGIN = re.compile(rf"{NAME}/(\d{{4}}-\d\d)")
_SIZE = re.compile(r"0|[1-9]\d{0,17}")
_SIGNED = re.compile(r"\u2014 (\S+) (\S+)")
_MONTH = re.compile(r"\d{4}-\d\d")


class NotALogKey(RebondError):
    """A text is not the verifier key of a journal."""


class NotACheckpoint(RebondError):
    """A text is no checkpoint, or not one that this journal's key signed."""


@dataclass(frozen=True)
class LogKey:
    """The public key of one home's journal: all that checking it takes."""

    public: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """The four bytes that name the key in a signature line."""
        return key_id(NAME, self.public.public_bytes_raw())

    @property
    def text(self) -> str:
        """The key as it is handed on: name, id and key, without a line's end."""
        return f"{NAME}+{self.id.hex()}+{b64encode(self._encoded).decode()}"

    def verify(self, message: bytes, signature: str) -> None:
        """Check a signature given in hex.

        Raises
        ------
        features.keys.ForgedSignature
            It was made over other bytes or with another key.
        """
        verify(self.public, message, signature)

    @property
    def _encoded(self) -> bytes:
        return _ED25519 + self.public.public_bytes_raw()


def key_id(name: str, public: bytes) -> bytes:
    """Return the id of an Ed25519 key in signed notes: four bytes of a hash over name and key."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_ID_BYTES]


def read_log_key(text: str) -> LogKey:
    """Read what :attr:`LogKey.text` wrote.

    Raises
    ------
    NotALogKey
        Another form, another log, or an id that is not the key's.
    """
    parts = text.strip().split("+", 2)
    try:
        encoded = b64decode(parts[-1], validate=True)
        if encoded[:1] == _ED25519 and len(encoded) == 1 + _HASH_BYTES:
            key = LogKey(Ed25519PublicKey.from_public_bytes(encoded[1:]))
            if key.text == text.strip():
                return key
    except ValueError as error:
        raise NotALogKey(_no_key(text)) from error
    raise NotALogKey(_no_key(text))


def _no_key(text: str) -> str:
    return f"{text.strip()[:80]!r} is not a journal's key: give a line {NAME}+id+key."


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint as it was read; whether it was signed is still to be checked.

    ``signature`` is the one, in hex, beside our key's name and id.
    """

    month: str
    size: int
    root: bytes
    text: bytes
    signature: str


def note_of(month: str, size: int, root: bytes) -> bytes:
    """Return the text of a checkpoint: what is signed."""
    return f"{NAME}/{month}\n{size}\n{b64encode(root).decode()}\n".encode()


def write_checkpoint(month: str, size: int, root: bytes, signature: str, key: LogKey) -> str:
    """Write a checkpoint whose text was signed already."""
    signed = b64encode(key.id + bytes.fromhex(signature)).decode()
    return f"{note_of(month, size, root).decode()}\n\u2014 {NAME} {signed}\n"


def read_checkpoints(text: str, key: LogKey) -> tuple[Checkpoint, ...]:
    """Read one or several checkpoints that follow each other, an empty line between them.

    Signatures of other keys, a witness's for instance, are passed over, as the form asks.

    Raises
    ------
    NotACheckpoint
        Another form, another log, or no signature beside this key's name and id.
    """
    parts = text.removesuffix("\n").split("\n\n")
    if len(parts) % 2 or not text.endswith("\n"):
        raise NotACheckpoint("what was handed over is not a checkpoint, or it was cut off.")
    return tuple(
        _read(said, signed, key) for said, signed in zip(parts[::2], parts[1::2], strict=True)
    )


def _read(said: str, signed: str, key: LogKey) -> Checkpoint:
    origin, size, root, *_ = (*said.split("\n"), "", "", "")
    month = _ORIGIN.fullmatch(origin)
    lines = [_SIGNED.fullmatch(line) for line in signed.split("\n")]
    if month is None or not _SIZE.fullmatch(size) or None in lines:
        raise NotACheckpoint("the checkpoint handed over is not one of this journal.")
    own = [
        found
        for line in lines
        if line is not None
        and line[1] == NAME
        and (found := _decode(line[2]))[:_ID_BYTES] == key.id
    ]
    if not own:
        raise NotACheckpoint("the checkpoint handed over is not one that this home signed.")
    return Checkpoint(
        month[1],
        int(size),
        _decode(root),
        f"{said}\n".encode(),
        own[0][_ID_BYTES:].hex(),
    )


def _decode(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise NotACheckpoint("the checkpoint handed over holds something unreadable.") from error


class Checkpoints:
    """The folder of one home's checkpoints: a folder a month, a file a day.

    Parameters
    ----------
    folder
        Where; made at the first checkpoint.
    key
        What they are read with.
    """

    def __init__(self, folder: Path, key: LogKey) -> None:
        self.folder = folder
        self._key = key
        self._tried: datetime | None = None
        self._one_at_a_time = threading.Lock()

    def is_due(self, now: datetime) -> bool:
        """Say whether a checkpoint may be written; it costs nothing to ask at every commit."""
        # A clock set back must not stop it for long: hence both ways.
        return self._tried is None or abs(now - self._tried) >= EVERY

    def add(self, text: str, month: str, now: datetime) -> None:
        """Write down a checkpoint, unless one was written less than a minute ago.

        What was written before is kept; a file is replaced whole or not at all. Another
        process that writes at this moment is left to it.

        Raises
        ------
        OSError
            The disk is full, is gone, or may not be written to.
        """
        if not self._one_at_a_time.acquire(blocking=False):
            return
        try:
            self._tried = now
            self.folder.mkdir(parents=True, exist_ok=True)
            with _alone(self.folder) as alone:
                newest = self.newest_at()
                if not alone or (newest is not None and abs(now - newest) < EVERY):
                    return
                append_checkpoint(self.folder / month / f"{now:%Y-%m-%d}.txt", text, now)
        finally:
            self._one_at_a_time.release()

    def newest_at(self) -> datetime | None:
        """Return when the newest checkpoint was written; None before the first."""
        times = [path.stat().st_mtime for path in self._files()]
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def read(self) -> Iterator[Checkpoint]:
        """Read every checkpoint.

        Raises
        ------
        NotACheckpoint
            A file holds something else; the message names it.
        """
        for path in self._files():
            try:
                yield from read_checkpoints(path.read_text(encoding="utf-8"), self._key)
            except (NotACheckpoint, UnicodeDecodeError) as error:
                raise NotACheckpoint(
                    f"{path.parent.name}/{path.name} in {self.folder.name}/ is not what was "
                    "written there."
                ) from error

    def forget(self, months: Sequence[str]) -> None:
        """Remove the checkpoints of months that the journal dropped."""
        for month in months:
            if (self.folder / month).is_dir():
                shutil.rmtree(self.folder / month)

    def months(self) -> tuple[str, ...]:
        """Return the months that checkpoints speak of, oldest first."""
        return tuple(sorted({path.parent.name for path in self._files()}))

    def _files(self) -> list[Path]:
        found = self.folder.glob("*/*.txt")
        return sorted(path for path in found if _MONTH.fullmatch(path.parent.name))


def append_checkpoint(path: Path, text: str, now: datetime) -> None:
    """Add a checkpoint to a file, made if need be: whole or not at all.

    Raises
    ------
    OSError
        The disk is full, is gone, or may not be written to; the file is as it was.
    """
    before = path.read_bytes() if path.is_file() else b""
    if before.endswith(text.encode()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    with half.open("wb") as file:
        file.write(b"\n".join(part for part in (before, text.encode()) if part))
        file.flush()
        os.fsync(file.fileno())
    # The home's clock, not the disk's: that is the one which says when the next is due.
    os.utime(half, (now.timestamp(), now.timestamp()))
    half.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Say whether no other process writes into a folder now, and keep it so."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
