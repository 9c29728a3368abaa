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

from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

from features.errors import RebondError

_MIGRATIONS = Path(__file__).with_name("migrations")
PATIENCE = 10
"""Seconds that a transaction waits for its turn."""

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {1000 * PATIENCE}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = FULL",
)


class DatabaseMissing(RebondError):
    """There is no review database at this place."""


class NotMigrated(RebondError):
    """The database was made by another version of Rebond."""


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


def open_database(path: Path, sign: Callable[[bytes], str]) -> sessionmaker[Session]:
    """Open the review database.

    Parameters
    ----------
    path
        The SQLite file.
    sign
        Signs the journal's heads and the promotions: the home's ``Keyring.sign``.

    Returns
    -------
    sessionmaker
        Its sessions carry ``sign`` in ``session.info``.

    Raises
    ------
    DatabaseMissing
        No file there.
    NotMigrated
        Its schema is not the one this code was written for.
    """
    found = _schema_of(path)
    expected = ScriptDirectory.from_config(_migrations()).get_current_head()
    if found != expected:
        raise NotMigrated(
            f"{path.name} holds schema {found or 'none'}, this version needs {expected}: run "
            "`rebond upgrade` where it is older, or use the version of Rebond that made it."
        )
    return sessionmaker(_engine(path), info={"sign": sign})


def open_readers(beside: sessionmaker[Session]) -> sessionmaker[Session]:
    """Open once more what :func:`open_database` opened, for what only reads.

    Returns
    -------
    sessionmaker
        Its sessions wait for nobody and refuse to write.
    """
    engine = create_engine(beside.kw["bind"].url)
    event.listen(engine, "connect", _on_connect_reader)
    event.listen(engine, "begin", _on_begin_reading)
    return sessionmaker(engine)


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
    scripts = ScriptDirectory.from_config(_migrations())
    if found == scripts.get_current_head():
        return None
    if found not in {script.revision for script in scripts.walk_revisions()}:
        raise NotMigrated(
            f"{path.name} holds schema {found or 'none'}, which this version does not know: use "
            "the version of Rebond that made it."
        )
    create_database(path)
    return found


def _schema_of(path: Path) -> str | None:
    if not path.is_file():
        raise DatabaseMissing(f"there is no review database {path.name}: run `rebond init` first.")
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)), pool_size=1, max_overflow=0, pool_timeout=PATIENCE
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
