"""Each person's own data key, and the register of who may not be processed (S8, S15 to S17).

One small database in ``REBOND_KEYS``, so that no backup of the home ever holds it. It has
two tables. ``data_keys``: what seals everything a backup or the vault says of a person;
destroying the key destroys that wherever a copy lies. ``register``: what was asked for,
one line an act, never changed: who was restricted, objected or was erased, and when. A home
applies the lines it has not applied yet before it opens, be it new, killed half way or
restored from a copy made before (:func:`PersonKeys.since`).
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from weakref import finalize

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from features.errors import RebondError
from features.keys import Keyring, SealBroken

FILE = "persons.db"

_PURPOSE = "vault"
_NONCE_BYTES = 12
_KEY_BITS = 256
_TABLES = """
CREATE TABLE IF NOT EXISTS data_keys (
    key_id TEXT PRIMARY KEY, person TEXT NOT NULL UNIQUE, wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS register (
    number INTEGER PRIMARY KEY, standing_id TEXT NOT NULL, person TEXT NOT NULL,
    standing TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS renamed (
    former TEXT PRIMARY KEY, following TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS register_unchanged BEFORE DELETE ON register
BEGIN SELECT RAISE(ABORT, 'the register only ever grows'); END;
CREATE TRIGGER IF NOT EXISTS register_kept
BEFORE UPDATE OF number, standing_id, standing, at ON register
BEGIN SELECT RAISE(ABORT, 'the register only ever grows'); END;
CREATE TRIGGER IF NOT EXISTS register_once BEFORE INSERT ON register
WHEN EXISTS (SELECT 1 FROM register WHERE number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'the register only ever grows'); END;
CREATE TRIGGER IF NOT EXISTS register_grows AFTER INSERT ON register
WHEN NEW.number < 1 OR NEW.number < (SELECT MAX(number) FROM register)
BEGIN SELECT RAISE(ABORT, 'the register only ever grows'); END;
"""
_KEYS_OF = (
    "SELECT person, key_id, wrapped FROM data_keys WHERE person IN (SELECT value FROM json_each(?))"
)
_COLUMNS = "SELECT name FROM pragma_table_info(?) ORDER BY cid"


class Standing(StrEnum):
    """What may be done with somebody's data."""

    OPEN = "open"
    """Everything this tool is for; also after a restriction was lifted."""
    RESTRICTED = "restricted"
    """Sealed aside, read by nobody, until it is lifted (GDPR 18)."""
    OBJECTED = "objected"
    """Out of the histories, and kept out at every import (GDPR 21)."""
    ERASED = "erased"
    """Everything gone, key included, and kept out at every import (GDPR 17)."""
    OVERDUE = "overdue"
    """Everything gone because its time was over; a new accompaniment may come back."""


KEPT_OUT = frozenset({Standing.RESTRICTED, Standing.OBJECTED, Standing.ERASED})
"""Standings of people whose rows no import takes in."""


class KeyDestroyed(RebondError):
    """The person's data key is gone; what it sealed can never be opened again."""


def columns() -> dict[str, tuple[str, ...]]:
    """Return the columns of each table of the file, for the register of processing (S27)."""
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(_TABLES)
        names = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: tuple(row[0] for row in database.execute(_COLUMNS, (name,))) for (name,) in names
        }
    finally:
        database.close()


@dataclass(frozen=True)
class RegisterLine:
    """One act of the register; ``person`` is the pseudonym of the epoch it was written in."""

    number: int
    standing_id: str
    person: str
    standing: Standing
    at: datetime


@dataclass(frozen=True)
class DataKey:
    """One person's data key, under a random id that says nothing."""

    key_id: str
    key: bytes = field(repr=False)

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        """Encrypt with AES-256-GCM; nonce first, bound to what it stands for."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, plain, bound_to.encode())

    def unseal(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypt what :meth:`seal` wrote.

        Raises
        ------
        features.keys.SealBroken
            Another key, another place, or changed bytes.
        """
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, body, bound_to.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise SealBroken("what was sealed of a person was changed since.") from error


class _Kept(threading.local):
    """The file that a thread asked last, open until it is another one or was written to.

    Every page asks for names, and most of asking is opening the file. No page of it stays in
    memory: a key is read each time, and one that was destroyed since is not there.
    """

    def __init__(self) -> None:
        self._written: tuple[Path, int, int, int] | None = None
        self._database: sqlite3.Connection | None = None
        self._close: Callable[[], object] = tuple

    def open(self, path: Path) -> sqlite3.Connection | None:
        """Return a connection that only reads; None where there is no file."""
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        written = (path, found.st_dev, found.st_ino, found.st_mtime_ns)
        if self._database is None or written != self._written:
            self._close()
            # Closed by whichever thread is there when its own has ended.
            database = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False
            )
            for pragma in ("query_only = ON", "cache_size = 0"):
                database.execute(f"PRAGMA {pragma}")
            self._close = finalize(threading.current_thread(), database.close)
            self._written, self._database = written, database
        return self._database


_kept = _Kept()


@dataclass(frozen=True)
class PersonKeys:
    """The data keys and the register of one home.

    Attributes
    ----------
    path
        The SQLite file; made when it is first written to, readable by its owner only.
    keys
        The home's own keyring: data keys lie wrapped under its vault subkey.
    """

    path: Path
    keys: Keyring

    def ensure(self, people: Iterable[str]) -> None:
        """Make a data key for each pseudonym that has none yet."""
        with self._writing() as database:
            known = {person for (person,) in database.execute("SELECT person FROM data_keys")}
            fresh = [
                (secrets.token_hex(16), person, self._wrapped(AESGCM.generate_key(_KEY_BITS)))
                for person in dict.fromkeys(people)
                if person not in known
            ]
            database.executemany("INSERT INTO data_keys VALUES (?, ?, ?)", fresh)

    def adopt(self, wrapped: Mapping[str, bytes]) -> None:
        """Take over data keys as they lay in the review database of an older version.

        They are wrapped as here. Who has a key already keeps it.
        """
        with self._writing() as database:
            database.executemany(
                "INSERT INTO data_keys VALUES (?, ?, ?) ON CONFLICT (person) DO NOTHING",
                [(secrets.token_hex(16), person, key) for person, key in wrapped.items()],
            )

    def of(self, people: Sequence[str]) -> list[Callable[[], DataKey] | None]:
        """Return for each pseudonym what unwraps its data key, or None where there is no key.

        Unwrapping raises :class:`features.keys.SealBroken` where the home's keys are others.
        """
        database = _kept.open(self.path)
        if database is None:
            return [None for _ in people]
        rows = database.execute(_KEYS_OF, (json.dumps(people),)).fetchall()
        wrapped = {person: (key_id, key) for person, key_id, key in rows}
        return [
            partial(self._opened, *wrapped[person]) if person in wrapped else None
            for person in people
        ]

    def all(self) -> dict[str, DataKey]:
        """Return every data key, by pseudonym."""
        if not self.path.is_file():
            return {}
        with self._reading() as database:
            rows = database.execute("SELECT person, key_id, wrapped FROM data_keys").fetchall()
        return {person: self._opened(key_id, wrapped) for person, key_id, wrapped in rows}

    def one(self, person: str) -> DataKey:
        """Return the data key of a pseudonym.

        Raises
        ------
        KeyDestroyed
            There is none, or none any more.
        """
        (found,) = self.of((person,))
        if found is None:
            raise KeyDestroyed(
                "there is no data key of this person: nothing was imported of them, or everything "
                "was erased."
            )
        return found()

    def write(self, person: str, standing_id: str, standing: Standing, *, at: datetime) -> None:
        """Add a line to the register; an erased or overdue person's data key is destroyed."""
        self.write_all([(person, standing_id, standing)], at=at)

    def write_all(self, lines: Iterable[tuple[str, str, Standing]], *, at: datetime) -> None:
        """Do :meth:`write` for several persons, all of them or none."""
        with self._writing() as database:
            for person, standing_id, standing in lines:
                if standing in (Standing.ERASED, Standing.OVERDUE):
                    database.execute("DELETE FROM data_keys WHERE person = ?", (person,))
                database.execute(
                    "INSERT INTO register (standing_id, person, standing, at) VALUES (?, ?, ?, ?)",
                    (standing_id, person, standing.value, at.astimezone(UTC).isoformat()),
                )

    def since(self, number: int) -> tuple[RegisterLine, ...]:
        """Return the lines after a number, oldest first: what a home has yet to apply."""
        if not self.path.is_file():
            return ()
        with self._reading() as database:
            rows = database.execute(
                "SELECT number, standing_id, person, standing, at FROM register "
                "WHERE number > ? ORDER BY number",
                (number,),
            ).fetchall()
        return tuple(
            RegisterLine(n, standing_id, person, Standing(said), datetime.fromisoformat(at))
            for n, standing_id, person, said, at in rows
        )

    def newest(self) -> int:
        """Return the number of the newest line; 0 where there is none."""
        if not self.path.is_file():
            return 0
        with self._reading() as database:
            (number,) = database.execute("SELECT max(number) FROM register").fetchone()
        return number or 0

    def standings(self) -> Mapping[str, frozenset[Standing]]:
        """Return what holds now for everybody on the register, by standing id.

        Lifting a restriction takes back nothing else: an objection before it or during it
        still holds.
        """
        held: dict[str, frozenset[Standing]] = {}
        for line in self.since(0):
            before = held.get(line.standing_id, frozenset())
            lifted = line.standing is Standing.OPEN
            now = before - {Standing.RESTRICTED} if lifted else before | {line.standing}
            held[line.standing_id] = now
        return held

    def kept_out(self) -> frozenset[str]:
        """Return the standing ids of those whose rows no import takes in."""
        return frozenset(one for one, held in self.standings().items() if held & KEPT_OUT)

    def announce(self, renamed: Mapping[str, str]) -> None:
        """Write down what people will be called under the next master key, for :meth:`rekey`."""
        with self._writing() as database:
            database.execute("DELETE FROM renamed")
            database.executemany("INSERT INTO renamed VALUES (?, ?)", renamed.items())

    def rekey(self, following: Keyring) -> None:
        """Wrap every data key under the next master key, and rename people as was announced.

        Done once, whole or not at all, however often it is called. Lines of the register about
        people who were not announced, for nothing of them is left, stay as they were written.

        Parameters
        ----------
        following
            The keys of the next epoch.
        """
        coming = PersonKeys(self.path, following)
        with self._writing() as database:
            (epoch,) = database.execute("PRAGMA user_version").fetchone()
            if epoch >= following.epoch:
                return
            rows = database.execute("SELECT key_id, wrapped FROM data_keys").fetchall()
            database.executemany(
                "UPDATE data_keys SET wrapped = ? WHERE key_id = ?",
                [(coming._wrapped(self._opened(one, by).key), one) for one, by in rows],
            )
            for table in ("data_keys", "register"):
                database.execute(
                    f"UPDATE {table} SET person = following FROM renamed "  # noqa: S608
                    f"WHERE {table}.person = renamed.former"
                )
            database.execute("DELETE FROM renamed")
            database.execute(f"PRAGMA user_version = {following.epoch}")

    def _opened(self, key_id: str, wrapped: bytes) -> DataKey:
        return DataKey(key_id, self.keys.unseal(_PURPOSE, wrapped))

    def _wrapped(self, key: bytes) -> bytes:
        return self.keys.seal(_PURPOSE, key)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk before it is left; what is deleted is overwritten."""
        if not self.path.exists():
            self.path.touch(mode=0o600)
        database = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            # No log beside the file: a key that was destroyed must not lie on in one.
            for pragma in ("secure_delete = ON", "synchronous = FULL", "journal_mode = DELETE"):
                database.execute(f"PRAGMA {pragma}")
            database.executescript(_TABLES)
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        finally:
            database.close()
