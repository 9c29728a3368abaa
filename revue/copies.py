"""A copy of the review database, read without writing a byte beside it or into it.

Whoever checks the journal may have been handed nothing but the file: no keys, no other file
of the home, on a disk that cannot be written to.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from features.errors import RebondError


class NoJournalThere(RebondError):
    """A file is missing, or is not a review database with a journal."""


@contextmanager
def open_copy(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of the review database for reading alone.

    A write-ahead log that was copied with it is read too, from a folder of its own.

    Raises
    ------
    NoJournalThere
        No such file, or something else in it.
    """
    if not database.is_file():
        raise NoJournalThere(f"there is no {database.name} in {database.parent}: copy it there.")
    waiting = database.with_name(f"{database.name}-wal")
    if not waiting.is_file() or not waiting.stat().st_size:
        with _opened(database) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory() as scratch:
        for part in (database, waiting):
            shutil.copy(part, scratch)
        whole = Path(scratch) / database.name
        with closing(sqlite3.connect(whole)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
        with _opened(whole) as connection:
            yield connection


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    # Immutable: no lock, no log, no index of a log is made beside it.
    address = f"{database.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        try:
            connection.execute("SELECT 1 FROM journal_entries, journal_heads LIMIT 1").fetchone()
        except sqlite3.DatabaseError as error:
            raise NoJournalThere(
                f"{database.name} holds no journal that can be read: it is not a review "
                "database, or the copy is broken."
            ) from error
        yield connection
