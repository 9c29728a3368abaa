from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError
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
    open_readers,
    upgrade_database,
)
from revue.records import Actor, Answer, ModelState, Role, State
from revue.review import follow_up, handled_elsewhere
from tests.revue.builders import NOW, TODAY, decide, educator, facts, situation_in_state, user

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
        own_end = retention.anchor == "expires_on"  # such a row carries its last day itself
        assert retention.days > 0 or own_end
        assert retention.anchor in table.c
        assert retention.source


def test_migrating_twice_changes_nothing(database: Path, keys: Keyring) -> None:
    create_database(database)
    assert database.stat().st_mode & 0o077 == 0
    open_database(database, keys.sign, lambda: TODAY).kw["bind"].dispose()


AT = "2026-01-01 10:00:00.000000"
TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


def older_database(path: Path, revision: str, *rows: str) -> None:
    """Make a database as an earlier version left it; ``:at`` is a time, ``:facts`` some facts."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _with_foreign_keys)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for sql in rows:
            connection.execute(text(sql), {"at": AT, "facts": facts().to_json()})
    engine.dispose()


def _with_foreign_keys(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def test_votes_from_before_waivers_had_an_end_are_kept(tmp_path: Path, keys: Keyring) -> None:
    path = tmp_path / "older.db"
    older_database(
        path,
        "0002",
        "INSERT INTO users VALUES (1, 'ines', 'committee', NULL, '-', 1, :at)",
        "INSERT INTO models VALUES ('m1', 'f', 't', 'p', 'd', 1, 'one_approval', :at)",
        "INSERT INTO model_audits VALUES (1, 'm1', 'cannot_assess', 'a', 'r', :at)",
        "INSERT INTO votes VALUES (1, 'm1', 1, 1, 'approve', 'lu', 1, :at)",
    )
    with pytest.raises(NotMigrated):
        open_database(path, keys.sign, lambda: TODAY)
    assert upgrade_database(path) == "0002"
    assert upgrade_database(path) is None
    opened = open_database(path, keys.sign, lambda: TODAY)
    last = date(2026, 6, 30)  # 180 days after the vote
    with opened.begin() as session:
        (row,) = models(session, today=last)
        assert (row.state, row.waived_until) == (ModelState.ONE_APPROVAL, last)
        (row,) = models(session, today=last + timedelta(days=1))
        assert (row.state, row.waiver_ended) == (ModelState.PROPOSED, True)
    opened.kw["bind"].dispose()


SITUATION = (
    "INSERT INTO situations VALUES ('{}', 'person-{}', 'nord', {}, '{}', '{}', :facts, "
    "'2026-11-16', '2026-12-05', 'm1', '2027-02-14', 0.5, :at)"
)
OF_VERSION_3 = (
    "INSERT INTO users VALUES (1, 'lea', 'educator', 'nord', '-', 1, :at)",
    "INSERT INTO users VALUES (2, 'karim', 'educator', 'nord', '-', 1, :at)",
    "INSERT INTO models VALUES ('m1', 'f', 't', 'p', 'd', 1, 'approved', :at)",
    "INSERT INTO model_audits VALUES (1, 'm1', 'pass', 'a', 'r', :at)",
    "INSERT INTO votes VALUES (1, 'm1', 1, 1, 'approve', 'lu', 0, :at, NULL)",
    "INSERT INTO promotions VALUES (1, 'm1', 'c', 's', :at)",
    "INSERT INTO runs VALUES (1, 'm1', '2026-11-16', 'p', 7, 2, :at)",
    "INSERT INTO people VALUES ('person-a', 'nord', 'lea', '2025-01-01', NULL, '2025-01-02', :at)",
    "INSERT INTO identities VALUES ('person-a', x'00', x'01', :at)",
    "INSERT INTO open_sessions VALUES ('h', 'c', 1, :at)",
    "INSERT INTO sign_in_failures VALUES ('h', 1, :at, NULL)",
    *(
        SITUATION.format(id, id, referent, kind, state)
        for id, referent, kind, state in (
            ("a", "'lea'", "signal", "to_look_at"),
            ("b", "'lea'", "control", "viewed"),
            ("c", "'lea'", "signal", "signal_seen"),
            ("d", "'lea'", "signal", "decided"),
            ("e", "'lea'", "self_opened", "handled_elsewhere"),
            ("f", "NULL", "signal", "to_look_at"),
            ("g", "NULL", "signal", "viewed"),
            ("h", "NULL", "signal", "decided"),
        )
    ),
    "INSERT INTO signals VALUES ('a', '2026-11-16', '{}')",
    "INSERT INTO signals VALUES ('d', '2026-11-16', '{}')",
    *(
        f"INSERT INTO views VALUES ('{id}', {user}, 'no', 'pourquoi {id}', :at)"  # noqa: S608
        for id, user in (("b", 1), ("c", 1), ("d", 1), ("g", 2), ("h", 2))
    ),
    *(
        f"INSERT INTO reveals VALUES ('{id}', {user}, :at)"  # noqa: S608
        for id, user in (("c", 1), ("d", 1), ("h", 2))
    ),
    "INSERT INTO decisions VALUES ('d', 1, 'offer', 'vu', 1, :at)",
    "INSERT INTO decisions VALUES ('h', 2, 'team', 'vu', 0, :at)",
    "INSERT INTO decision_offers VALUES ('d', 'trajet', :at)",
    "INSERT INTO decision_offers VALUES ('d', 'budget', :at)",
)


def test_what_was_reviewed_before_is_kept_and_goes_on(tmp_path: Path, keys: Keyring) -> None:
    """Every row of each kind is there, with its keys and triggers; nobody's is somebody's."""
    path = tmp_path / "older.db"
    older_database(path, "0003", *OF_VERSION_3)
    with sqlite3.connect(path) as older:
        tables = [
            row[0] for row in older.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        before = {t: older.execute(f"SELECT * FROM {t}").fetchall() for t in tables}  # noqa: S608
    older.close()
    assert upgrade_database(path) == "0003"
    with sqlite3.connect(path) as newer:
        after = {t: newer.execute(f"SELECT * FROM {t}").fetchall() for t in tables}  # noqa: S608
        assert newer.execute("PRAGMA foreign_key_check").fetchall() == []
        assert newer.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        left = newer.execute("SELECT name FROM sqlite_master WHERE name LIKE 'former%'").fetchall()
        assert left == []
    newer.close()
    made_anew = {"situations", "views", "reveals", "decisions", "decision_offers", "signals"}
    longer = {"users": 5, "votes": 1}  # columns that came later, all of them empty
    for table, more in longer.items():
        assert all(row[-more:] == (None,) * more for row in after[table])
        after[table] = [row[:-more] for row in after[table]]
    before["identities"] = [(person, sealed, at) for person, _, sealed, at in before["identities"]]
    for table in set(tables) - made_anew - {"alembic_version", "runs"}:
        assert after[table] == before[table], table
    assert after["signals"] == before["signals"]
    assert after["views"] == before["views"]
    assert [(id, user, at) for id, user, shown, at in after["reveals"] if shown] == before[
        "reveals"
    ]
    assert [(d[0], *d[2:6], d[-1]) for d in after["decisions"]] == before["decisions"]
    assert [(id, offer, at) for id, _n, offer, at in after["decision_offers"]] == sorted(
        before["decision_offers"]
    )
    assert {row[1] for row in after["decisions"]} == {0}
    assert after["runs"] == [(*before["runs"][0], "2026-12-05", "2027-02-14", None)]
    moved = {row[0]: (row[5], row[12]) for row in after["situations"]}
    assert [(*row[:5], row[16], *row[6:12]) for row in after["situations"]] == [
        (*row[:5], *row[6:]) for row in before["situations"]
    ]
    assert moved == {
        "a": ("to_look_at", None),
        "b": ("viewed", None),
        "c": ("signal_seen", None),
        "d": ("decided", None),
        "e": ("handled_elsewhere", None),
        "f": ("to_assign", None),  # nobody's was everybody's, and is now the team lead's to give
        "g": ("viewed", "karim"),
        "h": ("decided", "karim"),
    }
    opened = open_database(path, keys.sign, lambda: TODAY)
    with opened.begin() as session:
        triggers = set(
            session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        )
    opened.kw["bind"].dispose()
    create_database(tmp_path / "new.db")
    fresh = open_database(tmp_path / "new.db", keys.sign, lambda: TODAY)
    with fresh.begin() as session:
        assert set(session.scalars(text(TRIGGERS))) == triggers
    fresh.kw["bind"].dispose()


@pytest.mark.safeguard
def test_s02_an_upgraded_database_refuses_as_a_new_one_does(tmp_path: Path, keys: Keyring) -> None:
    path = tmp_path / "older.db"
    older_database(path, "0003", *OF_VERSION_3)
    upgrade_database(path)
    opened = open_database(path, keys.sign, lambda: TODAY)
    lea = Actor("lea", Role.EDUCATOR, "nord", 1)
    for sql in (
        "INSERT INTO reveals VALUES ('a', 1, 1, '2026-11-21')",
        "UPDATE views SET opinion = 'yes'",
        "UPDATE decisions SET reason = 'autre'",
        "INSERT INTO decision_offers VALUES ('d', 0, 'suspend_aid', '2026-11-21')",
        "INSERT INTO views VALUES ('nothing', 1, 'no', '', '2026-11-21')",
    ):
        with pytest.raises(IntegrityError), opened.begin() as session:
            session.execute(text(sql))
    with opened.begin() as session:
        decide(session, lea, "c")  # and what was begun goes on
        page = follow_up(
            session,
            lea,
            "d",
            answer=Answer.ACCEPTED,
            became="",
            again_on=None,
            now=NOW,
            today=TODAY,
        )
        assert page.decision is not None
        assert page.decision.offers == ("budget", "trajet")
    opened.kw["bind"].dispose()


def test_missing_and_foreign_files_are_refused(tmp_path: Path, keys: Keyring) -> None:
    with pytest.raises(DatabaseMissing):
        open_database(tmp_path / "nothing.db", keys.sign, lambda: TODAY)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(NotMigrated):
        open_database(tmp_path / "other.db", keys.sign, lambda: TODAY)
    with pytest.raises(DatabaseMissing):
        upgrade_database(tmp_path / "nothing.db")
    with pytest.raises(NotMigrated, match="does not know"):
        upgrade_database(tmp_path / "other.db")


def test_sqlite_is_set_to_keep_its_word(session: Session) -> None:
    assert session.scalar(text("PRAGMA foreign_keys")) == 1
    assert session.scalar(text("PRAGMA journal_mode")) == "wal"
    assert session.scalar(text("PRAGMA secure_delete")) == 1


@pytest.mark.safeguard
def test_s01_s23_a_statement_that_fails_says_no_value(sessions: sessionmaker[Session]) -> None:
    """What SQLAlchemy says of it lands in the log of the service, whoever wrote or read."""
    readers = open_readers(sessions)
    for opened in (sessions, readers):
        for sql in (
            "INSERT INTO signals VALUES (:canary, '2026-11-16', :canary)",
            "SELECT :canary FROM nothing",
        ):
            with pytest.raises(DBAPIError) as failed, opened.begin() as session:
                session.execute(text(sql), {"canary": "canari"})
            assert "canari" not in f"{failed.value!s} {failed.value!r}", sql
    readers.kw["bind"].dispose()


def test_times_are_aware_and_come_back_in_utc(session: Session) -> None:
    lea = educator(session)
    session.expire_all()
    assert session.get_one(schema.User, lea.user_id).created_at == NOW
    with pytest.raises(StatementError, match="no time zone"), session.begin_nested():
        session.execute(select(schema.User).where(schema.User.created_at > datetime(2026, 1, 1)))  # noqa: DTZ001


def test_an_act_is_whole_or_not_at_all(sessions: sessionmaker[Session]) -> None:
    with pytest.raises(ZeroDivisionError), sessions.begin() as session:
        lea = educator(session)
        handled_elsewhere(
            session, lea, situation_in_state(session, State.VIEWED, lea), now=NOW, today=TODAY
        )
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


def test_who_only_reads_waits_for_nobody_and_cannot_write(sessions):
    readers = open_readers(sessions)
    with sessions.begin() as writer:
        educator(writer, "lea")
        with readers.begin() as reader:
            assert reader.scalars(select(schema.User.login)).all() == []
    with readers.begin() as reader:
        assert reader.scalars(select(schema.User.login)).all() == ["lea"]
    with pytest.raises(OperationalError, match="readonly"), readers.begin() as reader:
        educator(reader, "karim")
    readers.kw["bind"].dispose()


def test_the_next_in_line_goes_on_when_the_last_is_done(sessions):
    def act(number: int) -> None:
        with sessions.begin() as session:
            educator(session, f"educator-{number}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(act, range(40)))
    with sessions.begin() as session:
        assert len(session.scalars(select(schema.User.login)).all()) == 40
