"""Overdue rows are there for nobody, in every table and through every way of asking (S18)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Enum,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session, aliased, sessionmaker

from features.keys import Keyring
from revue import schema
from revue.accounts import try_sign_in
from revue.database import open_database
from revue.retention import (
    INCLUDE_OVERDUE,
    NoDay,
    Undeclared,
    check_declared,
    hide_overdue,
    is_overdue,
    retention_of,
)
from revue.schema import Base, Retention, UtcTime
from tests.revue.builders import NOW, TODAY, educator, fill, new_situation
from tests.revue.conftest import Refused

CLASSES = sorted(
    (mapper.class_ for mapper in Base.registry.mappers), key=lambda found: found.__tablename__
)
TABLES = {found.__tablename__: Base.metadata.tables[found.__tablename__] for found in CLASSES}


def anchored(table: Table, past: int) -> object:
    """A value of the anchor whose last day was ``past`` days before today."""
    kept = retention_of(table)
    day = TODAY - timedelta(days=kept.days + past)
    column = table.c[kept.anchor].type
    if isinstance(column, Date):
        return day
    if isinstance(column, UtcTime):
        return datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
    months = 12 * TODAY.year + TODAY.month - 1 - 12 - past
    return f"{months // 12:04}-{months % 12 + 1:02}"


def value_of(column: Column[object], number: int) -> object:
    kind = column.type
    if isinstance(kind, Enum):
        return next(iter(kind.enum_class or kind.enums))
    if isinstance(kind, UtcTime):
        return NOW
    if isinstance(kind, Date):
        return TODAY
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | Float):
        return number
    return b"x" if isinstance(kind, LargeBinary) else f"{column.name}-{number}"


def plant(sessions: sessionmaker[Session], table: Table, *anchors: object) -> None:
    """Write one row an anchor, past every reference and trigger: only its time is looked at."""
    engine = create_engine(sessions.kw["bind"].url)  # SQLite as it comes: it checks no reference
    with engine.connect() as connection:
        triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='trigger'")
        for (name,) in triggers.fetchall():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        for number, anchor in enumerate(anchors, start=1):
            row = {column.name: value_of(column, number) for column in table.c}
            connection.execute(insert(table), row | {retention_of(table).anchor: anchor})
        connection.commit()
    engine.dispose()


@pytest.mark.safeguard
@pytest.mark.parametrize("found", CLASSES, ids=lambda found: found.__tablename__)
def test_s18_move_the_clock_and_a_row_of_any_table_is_gone(
    found: type[Base], sessions: sessionmaker[Session]
) -> None:
    table = TABLES[found.__tablename__]
    over, fresh = anchored(table, 1), anchored(table, 0)
    plant(sessions, table, over, fresh)
    anchor = getattr(found, retention_of(table).anchor)
    keys = [column.name for column in table.primary_key.columns]
    with sessions.begin() as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table.name}")) == 2  # noqa: S608
        assert session.scalars(select(anchor)).all() == [fresh]
        assert session.scalar(select(func.count()).select_from(found)) == 1
        assert len(session.scalars(select(found)).all()) == 1
        other = aliased(found)
        pairs = select(anchor, getattr(other, anchor.key)).join(other, text("true"))
        assert session.execute(pairs).all() == [(fresh, fresh)]
        among = select(func.count()).where(
            select(anchor).where(anchor == over).exists() | anchor.in_(select(anchor))
        )
        assert session.scalar(among.select_from(found)) == 1
        session.expunge_all()
        whole = {INCLUDE_OVERDUE: True}
        rows = session.scalars(select(found), execution_options=whole).all()
        ids = {getattr(row, anchor.key): tuple(getattr(row, key) for key in keys) for row in rows}
        session.expunge_all()
        assert session.get(found, ids[over]) is None
        assert session.get(found, ids[fresh]) is not None
        gone = session.scalars(
            select(func.count()).select_from(table).where(is_overdue(table, TODAY, TODAY))
        ).one()
        assert gone == 1


@pytest.mark.safeguard
def test_s18_no_update_reaches_an_overdue_row(sessions: sessionmaker[Session]) -> None:
    table = TABLES["observations"]
    plant(sessions, table, anchored(table, 1), anchored(table, 0))
    row = schema.Observation
    with sessions.begin() as session:
        session.execute(update(row).values(person="x"))
        people = select(table.c.person).order_by(table.c.id)
        assert session.scalars(people).all() == ["person-1", "x"]


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "info",
    [
        {},
        {"retention": Retention(30, "at", "")},
        {"retention": Retention(30, "gone_on", "ours")},
        {"retention": Retention(30, "number", "ours")},
        {"retention": Retention(30, "at", "ours")},  # whose it is is missing
    ],
)
def test_s18_an_undeclared_table_is_refused(info: dict[str, object]) -> None:
    metadata = MetaData()
    Table(
        "notes", metadata, Column("number", Integer), Column("at", Date), Column("person", String),
        info=info,
    )  # fmt: skip
    with pytest.raises(Undeclared, match="notes"):
        check_declared(metadata)
    check_declared(Base.metadata)


def test_an_empty_anchor_is_not_over_yet(session: Session) -> None:
    lea = educator(session)
    session.expunge_all()
    assert session.get(schema.User, lea.user_id) is not None


@pytest.mark.safeguard
def test_s18_a_session_without_a_day_reads_nothing(sessions: sessionmaker[Session]) -> None:
    without = sessionmaker(sessions.kw["bind"])
    hide_overdue(without)
    with without() as session, pytest.raises(NoDay, match="cannot tell"):
        session.scalars(select(schema.User)).all()


@pytest.fixture
def clocked(database: Path, keys: Keyring) -> Iterator[tuple[list[date], sessionmaker[Session]]]:
    day = [TODAY]
    made = open_database(database, keys.sign, lambda: day[0])
    yield day, made
    made.kw["bind"].dispose()


@pytest.mark.safeguard
def test_s19_a_signal_past_its_time_is_read_by_nobody(
    clocked: tuple[list[date], sessionmaker[Session]],
) -> None:
    day, sessions = clocked
    with sessions.begin() as session:
        educator(session)
        fill(session, [new_situation("p1")])
    for after, left in ((0, 1), (85, 1), (86, 0)):
        day[0] = TODAY + timedelta(days=after)  # the review date was five days before
        with sessions.begin() as session:
            assert len(session.scalars(select(schema.Signal)).all()) == left


def test_times_are_judged_by_the_clock_where_the_home_is_ahead(
    database: Path, keys: Keyring
) -> None:
    ahead = TODAY + timedelta(days=400)
    sessions = open_database(database, keys.sign, lambda: ahead, lambda: TODAY)
    with sessions.begin() as session:
        lea = educator(session)
        session.add(
            schema.OpenSession(token_hash="t", csrf="c", user_id=lea.user_id, expires_at=NOW)
        )
        session.add(
            schema.Lift(user_id=lea.user_id, on=TODAY, person="p1")  # a day, so by the home
        )
    with sessions.begin() as session:
        assert session.scalars(select(schema.OpenSession.csrf)).all() == ["c"]
        assert session.scalars(select(schema.Lift.person)).all() == []
    sessions.kw["bind"].dispose()


def test_failures_of_long_ago_do_not_stand_in_the_way(
    clocked: tuple[list[date], sessionmaker[Session]],
) -> None:
    day, sessions = clocked
    for after in (0, 9):
        day[0] = TODAY + timedelta(days=after)
        with sessions.begin() as session:
            now = NOW + timedelta(days=after)
            try_sign_in(session, login="nobody", password="x" * 12, now=now)
            failure = session.scalars(select(schema.SignInFailure)).one()
            assert (failure.count, failure.last_at) == (1, now)


@pytest.mark.safeguard
def test_s19_one_signal_a_person_and_review_date_by_the_database_itself(
    session: Session, refused: Refused
) -> None:
    educator(session)
    fill(session, [new_situation("p1")])
    one = session.scalars(select(schema.Situation)).one()
    for as_of, is_refused in ((one.as_of, True), (one.as_of + timedelta(days=90), False)):
        session.execute(
            text(
                "INSERT INTO situations (id, person, team, kind, state, as_of, due_on, "
                "probability, opened_at, facts) SELECT :id, person, team, kind, state, as_of, "
                "due_on, probability, opened_at, facts FROM situations WHERE id = :one"
            ),
            {"id": f"twice-{is_refused}", "one": one.id},
        )
        second = f"INSERT INTO signals VALUES ('twice-{is_refused}', '{as_of}', '')"  # noqa: S608
        if is_refused:
            refused(second)
        else:
            session.execute(text(second))
