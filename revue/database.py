"""The review database: made by migrations, opened with SQLite set so that it keeps its word.

Every transaction is ``BEGIN IMMEDIATE``: reading is logged, so nearly every transaction
writes, and of two people who act at once one waits for the other instead of failing late.
They share one connection, so that the next one in line goes on the moment the last is done;
SQLite's own wait, which sleeps and looks again, is left for other processes. Only what reads
and logs nothing goes beside them: it sees the last commit, and cannot write.

``synchronous`` stays FULL: a commit is on disk before anybody is answered, so no power cut
takes back an act that somebody was told is done, or a journal behind a checkpoint that was
handed out. It costs one fsync a page.

References
----------
SQLAlchemy 2.1, "Transactions with SQLite and the sqlite3 driver": the event hooks below
are its recipe for Python before 3.12.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.orm import Session, sessionmaker

from features.errors import RebondError
from revue import schema
from revue.retention import Today, hide_overdue
from revue.stops import Stops

_MIGRATIONS = Path(__file__).with_name("migrations")
_VERSION_TABLE = "alembic_version"
PATIENCE = 10
"""Seconds that a transaction waits for its turn."""

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {1000 * PATIENCE}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
)


class DatabaseMissing(RebondError):
    """There is no review database at this place."""


class NotMigrated(RebondError):
    """The database was made by another version of Rebond."""


class ScrubbingHindered(RebondError):
    """Deleted rows could not be overwritten everywhere yet."""


def create_database(path: Path) -> None:
    """Make the review database, or bring an older one to the present schema.

    Parameters
    ----------
    path
        The SQLite file; a new one is readable by its owner only.
    """
    path.touch(mode=0o600)
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            config = _migrations()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def open_database(
    path: Path,
    sign: Callable[[bytes], str],
    today: Today,
    clock_day: Today | None = None,
    *,
    members_sign: bool = False,
) -> sessionmaker[Session]:
    """Open the review database.

    Parameters
    ----------
    path
        The SQLite file.
    sign
        Signs the journal's heads and the promotions: the home's ``Keyring.sign``.
    today
        The day of the home: what is overdue by it is not there (:mod:`revue.retention`).
    clock_day
        The day of the clock that writes times; None: the same.
    members_sign
        Votes count only with the member's own signature, as in production (S31).

    Returns
    -------
    sessionmaker
        Its sessions carry all of them in ``session.info``, and what is known of the
        committee's stops (:class:`revue.stops.Stops`).

    Raises
    ------
    DatabaseMissing
        No file there.
    NotMigrated
        Its schema is not the one this code was written for.
    """
    found = _schema_of(path)
    expected = _newest()
    if found != expected:
        raise NotMigrated(
            f"{path.name} holds schema {found or 'none'}, this version needs {expected}: run "
            "`rebond upgrade` where it is older, or use the version of Rebond that made it."
        )
    info = {
        "sign": sign,
        "today": today,
        "clock_day": clock_day or today,
        "members_sign": members_sign,
        "stops": Stops(),
    }
    sessions = sessionmaker(_engine(path), info=info)
    hide_overdue(sessions)
    return sessions


def open_readers(beside: sessionmaker[Session]) -> sessionmaker[Session]:
    """Open once more what :func:`open_database` opened, for what only reads.

    Returns
    -------
    sessionmaker
        Its sessions wait for nobody and refuse to write.
    """
    engine = create_engine(beside.kw["bind"].url, hide_parameters=True)
    event.listen(engine, "connect", _on_connect_reader)
    event.listen(engine, "begin", _on_begin_reading)
    readers = sessionmaker(engine, info=beside.kw["info"])
    hide_overdue(readers)
    return readers


def upgrade_database(path: Path) -> str | None:
    """Bring an older database to the present schema.

    Returns
    -------
    str or None
        The schema it had; None where there was nothing to do.

    Raises
    ------
    DatabaseMissing
        No file there.
    NotMigrated
        Another program made it, or a newer version.
    """
    found = _schema_of(path)
    if found == _newest():
        return None
    scripts = ScriptDirectory.from_config(_migrations())
    if found not in {script.revision for script in scripts.walk_revisions()}:
        raise NotMigrated(
            f"{path.name} holds schema {found or 'none'}, which this version does not know: use "
            "the version of Rebond that made it."
        )
    create_database(path)
    return found


def read_mark(path: Path, name: str) -> int | None:
    """Return a mark of a database of whatever version, without opening the home.

    Returns
    -------
    int or None
        None where it was never set, or there is no such table or database.
    """
    if not path.is_file():
        return None
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
        tables = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'marks'"
        if database.execute(tables).fetchone() is None:
            return None
        query = "SELECT value FROM marks WHERE name = ?"
        row: tuple[int] | None = database.execute(query, (name,)).fetchone()
    return None if row is None else row[0]


def undeclared(session: Session) -> tuple[str, ...]:
    """Return the tables and columns that are in the database and not in the schema."""
    inspector = inspect(session.connection())
    declared = schema.Base.metadata.tables
    found = []
    for name in inspector.get_table_names():
        columns = [column["name"] for column in inspector.get_columns(name)]
        if name in declared:
            found += [f"{name}.{one}" for one in columns if one not in declared[name].columns]
        elif name != _VERSION_TABLE:
            found.append(name)
    return tuple(found)


def set_mark(session: Session, name: str, value: int, *, now: datetime) -> None:
    """Note how far this home has come."""
    session.merge(schema.Mark(name=name, value=value, at=now))


def scrub(path: Path) -> None:
    """Leave no byte of deleted rows behind, neither in the database nor in its log.

    SQLite overwrites what it deletes (``secure_delete``), but not the copies that moving rows
    from page to page leaves in between; the log holds whole pages as they were.

    Raises
    ------
    ScrubbingHindered
        Somebody was reading all the while; doing the same again tries once more.
    """
    with closing(sqlite3.connect(path, PATIENCE, isolation_level=None)) as database:
        database.execute("PRAGMA temp_store = MEMORY")
        database.execute("VACUUM")
        (busy, _, _) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise ScrubbingHindered(
            "what was asked for is done, but another process kept the database from overwriting "
            "its log: end long readings, then do the same again."
        )


def _schema_of(path: Path) -> str | None:
    if not path.is_file():
        raise DatabaseMissing(f"there is no review database {path.name}: run `rebond init` first.")
    # Read as it is: an engine, and a transaction that waits for writers, cost more than the rest.
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
        tables = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'alembic_version'"
        if database.execute(tables).fetchone() is None:
            return None
        rows = database.execute("SELECT version_num FROM alembic_version").fetchall()
    return ", ".join(sorted(row[0] for row in rows)) or None


@cache
def _newest() -> str | None:
    """Return the schema that this code was written for; to know it, every migration is read."""
    return ScriptDirectory.from_config(_migrations()).get_current_head()


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        pool_size=1,
        max_overflow=0,
        pool_timeout=PATIENCE,
        hide_parameters=True,  # a statement that fails is logged, and its values are people's (S1)
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: SQLiteConnection, _record: object) -> None:
    # Without this the driver would begin transactions by itself, and late.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _on_connect_reader(connection: SQLiteConnection, record: object) -> None:
    _on_connect(connection, record)
    connection.execute("PRAGMA query_only = ON")


def _on_begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
