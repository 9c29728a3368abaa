from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

from features.keys import Keyring
from revue import schema
from revue.committee import models
from revue.database import (
    DatabaseMissing,
    NotMigrated,
    create_database,
    open_database,
    upgrade_database,
)
from revue.permissions import NotYours
from revue.records import Actor, ModelState, Opinion, Role, State
from revue.review import give_view, handled_elsewhere
from tests.revue.builders import NOW, educator, situation_in_state, user

MIGRATIONS = Path(schema.__file__).with_name("migrations")


def clauses(connection: object) -> dict[str, list[str]]:
    rows = connection.execute(  # type: ignore[attr-defined]
        text(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') "
            "AND sql IS NOT NULL AND name <> 'alembic_version'"
        )
    )
    return {name: sorted(re.split(r"[,()]", re.sub(r"\s+", "", sql))) for name, sql in rows}


def test_migrations_and_metadata_agree(session: Session) -> None:
    connection = session.connection()
    context = MigrationContext.configure(connection)
    assert compare_metadata(context, schema.Base.metadata) == []
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as fresh:
        schema.Base.metadata.create_all(fresh)
        assert clauses(fresh) == clauses(connection)  # CHECKs and WITHOUT ROWID too
    engine.dispose()


@pytest.mark.safeguard
def test_s18_every_table_declares_its_retention() -> None:
    for table in schema.Base.metadata.tables.values():
        retention = table.info["retention"]
        assert retention.days > 0
        assert retention.anchor in table.c
        assert retention.source


def test_migrating_twice_changes_nothing(database: Path, keys: Keyring) -> None:
    create_database(database)
    assert database.stat().st_mode & 0o077 == 0
    open_database(database, keys.sign).kw["bind"].dispose()


def test_votes_from_before_waivers_had_an_end_are_kept(tmp_path: Path, keys: Keyring) -> None:
    path = tmp_path / "older.db"
    engine = create_engine(f"sqlite:///{path}")
    at = {"at": "2026-01-01 10:00:00.000000"}
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for sql in (
            "INSERT INTO users VALUES (1, 'ines', 'committee', NULL, '-', 1, :at)",
            "INSERT INTO models VALUES ('m1', 'f', 't', 'p', 'd', 1, 'one_approval', :at)",
            "INSERT INTO model_audits VALUES (1, 'm1', 'cannot_assess', 'a', 'r', :at)",
            "INSERT INTO votes VALUES (1, 'm1', 1, 1, 'approve', 'lu', 1, :at)",
        ):
            connection.execute(text(sql), at)
    engine.dispose()
    with pytest.raises(NotMigrated):
        open_database(path, keys.sign)
    assert upgrade_database(path) == "0002"
    assert upgrade_database(path) is None
    opened = open_database(path, keys.sign)
    last = date(2026, 6, 30)  # 180 days after the vote
    with opened.begin() as session:
        (row,) = models(session, today=last)
        assert (row.state, row.waived_until) == (ModelState.ONE_APPROVAL, last)
        (row,) = models(session, today=last + timedelta(days=1))
        assert (row.state, row.waiver_ended) == (ModelState.PROPOSED, True)
    opened.kw["bind"].dispose()


def test_missing_and_foreign_files_are_refused(tmp_path: Path, keys: Keyring) -> None:
    with pytest.raises(DatabaseMissing):
        open_database(tmp_path / "nothing.db", keys.sign)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(NotMigrated):
        open_database(tmp_path / "other.db", keys.sign)
    with pytest.raises(DatabaseMissing):
        upgrade_database(tmp_path / "nothing.db")
    with pytest.raises(NotMigrated, match="does not know"):
        upgrade_database(tmp_path / "other.db")


def test_sqlite_is_set_to_keep_its_word(session: Session) -> None:
    assert session.scalar(text("PRAGMA foreign_keys")) == 1
    assert session.scalar(text("PRAGMA journal_mode")) == "wal"
    assert session.scalar(text("PRAGMA secure_delete")) == 1


def test_times_are_aware_and_come_back_in_utc(session: Session) -> None:
    lea = educator(session)
    session.expire_all()
    assert session.get_one(schema.User, lea.user_id).created_at == NOW
    with pytest.raises(StatementError, match="no time zone"), session.begin_nested():
        session.execute(select(schema.User).where(schema.User.created_at > datetime(2026, 1, 1)))  # noqa: DTZ001


def test_an_act_is_whole_or_not_at_all(sessions: sessionmaker[Session]) -> None:
    with pytest.raises(ZeroDivisionError), sessions.begin() as session:
        lea = educator(session)
        handled_elsewhere(session, lea, situation_in_state(session, State.VIEWED, lea), now=NOW)
        raise ZeroDivisionError
    with sessions.begin() as session:
        for table in inspect(session.connection()).get_table_names():
            if table != "alembic_version":
                assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608


def test_writers_wait_for_each_other(sessions: sessionmaker[Session]) -> None:
    """Ten at once: all are written, one after the other, into one unbroken journal."""

    def write(number: int) -> None:
        with sessions.begin() as session:
            user(session, f"user{number}", Role.DPO)

    threads = [Thread(target=write, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions.begin() as session:
        assert len(session.scalars(select(schema.User)).all()) == 10


@pytest.mark.safeguard
def test_s02_of_two_views_at_once_one_holds(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        lea, karim = educator(session), educator(session, "karim")
        id = situation_in_state(session, State.TO_LOOK_AT, lea, referent=None)
    outcomes: list[str] = []

    def view(actor: Actor) -> None:
        try:
            with sessions.begin() as session:
                give_view(session, actor, id, opinion=Opinion.NO, why="", now=NOW)
            outcomes.append("given")
        except NotYours:
            outcomes.append("refused")

    threads = [Thread(target=view, args=(actor,)) for actor in (lea, karim)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["given", "refused"]


def test_the_room_runs_without_data_libraries() -> None:
    code = (
        "import sys, importlib, pkgutil, revue\n"
        "for m in pkgutil.iter_modules(revue.__path__):\n"
        "    if m.name != 'migrations': importlib.import_module('revue.' + m.name)\n"
        "heavy = {'pandas', 'sklearn', 'mlflow', 'shap', 'fairlearn', 'numpy', 'pyarrow'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
