"""What is overdue is not there: every statement of every session leaves it out (S18).

Each table of :mod:`revue.schema` declares how long its rows are kept. From that alone comes
one condition. It is added to whatever the ORM selects or updates, wherever the table stands in
the statement (joins, subqueries, counts, ``session.get``), so that nobody has to remember it
and nothing waits for the purge; :func:`is_overdue`, its opposite, is what the purge deletes. A
bulk DELETE is left alone: whoever clears a table may
clear what is overdue with it.

Days are those of the home. A *time*, though, was written by the clock, which in a home of
invented histories may be behind the newest extract: it is over only when the clock says so
as well, or what was just written there would be gone at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnElement,
    Date,
    Executable,
    MetaData,
    String,
    Table,
    event,
    literal_column,
    not_,
    or_,
)
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql.visitors import ExtendedInternalTraversal

from features.errors import RebondError
from revue.schema import Base, Retention, UtcTime

Today = Callable[[], date]

INCLUDE_OVERDUE = "include_overdue"
"""Execution option of the few statements that may see what is overdue."""

_MONTH_DAYS = 30


class Undeclared(RebondError):
    """A table says nothing, or nothing usable, of how long its rows are kept."""


class NoDay(RebondError):
    """The database was opened without a day to tell what is overdue by."""


def retention_of(table: Table) -> Retention:
    """Return what a table declares.

    Raises
    ------
    Undeclared
        Nothing, a column that it does not have, or one that holds no day, time or month.
    """
    kept = table.info.get("retention")
    if not isinstance(kept, Retention) or not kept.source:
        raise Undeclared(f"table {table.name!r} declares no retention: give duration and source.")
    if kept.anchor not in table.c:
        raise Undeclared(f"table {table.name!r} has no column {kept.anchor!r} to count from.")
    if not isinstance(table.c[kept.anchor].type, Date | UtcTime | String):
        raise Undeclared(f"column {kept.anchor!r} of {table.name!r} is no day, time or month.")
    return kept


def check_declared(metadata: MetaData) -> None:
    """Refuse tables of which nobody said how long, from when, why, and whose they are.

    Raises
    ------
    Undeclared
        There is one.
    """
    for table in metadata.tables.values():
        retention_of(table)
        if "whose" not in table.info:
            raise Undeclared(f"table {table.name!r} does not say whose its rows are.")


def is_overdue(table: Table, today: date, clock_day: date) -> ColumnElement[bool]:
    """Return the condition that a row's time is over; an empty anchor is not over yet.

    Parameters
    ----------
    table
        One that declares its retention.
    today, clock_day
        The day of the home, and of the clock that writes times.
    """
    kept = retention_of(table)
    return not_(_is_kept(table.c[kept.anchor], table, today, clock_day))


def _is_kept(
    anchor: ColumnElement[Any], table: Table, today: date, clock_day: date
) -> ColumnElement[bool]:
    """Compare days, times and months alike, as the text that SQLite keeps."""
    kept = retention_of(table)
    column = table.c[kept.anchor]
    counted = today if isinstance(anchor.type, Date) else min(today, clock_day)
    first = str(counted - timedelta(days=kept.days))
    if isinstance(anchor.type, String):  # of the journal, whole months
        first = _months_before(counted, kept.days // _MONTH_DAYS)
    condition = anchor >= literal_column(f"'{first}'", anchor.type)
    return or_(anchor.is_(None), condition) if column.nullable else condition


def _months_before(day: date, months: int) -> str:
    """Return a month as ``YYYY-MM``: of the journal, whole months expire."""
    counted = 12 * day.year + day.month - 1 - months
    return f"{counted // 12:04}-{counted % 12 + 1:02}"


def hide_overdue(sessions: sessionmaker[Session]) -> None:
    """Leave out what is overdue from everything that these sessions select or update.

    Their ``session.info`` carries ``today`` and ``clock_day``.
    """
    hidden = _Hidden()
    event.listen(sessions, "do_orm_execute", hidden.on_execute)


@dataclass(frozen=True)
class _OfEntity:
    """What keeps the rows of an entity, said of the entity itself: of an alias as well."""

    table: Table
    days: tuple[date, date]

    def _resolve_with_args(self, entity: Any) -> ColumnElement[bool]:
        return _is_kept(getattr(entity, retention_of(self.table).anchor), self.table, *self.days)


def _criterion(mapped: type[Base], days: tuple[date, date]) -> LoaderCriteriaOption:
    """Return the public option, with a condition made anew for each entity.

    The public way to that is a lambda, whose first day SQLAlchemy would remember for good.
    """
    given = _OfEntity(Base.metadata.tables[mapped.__tablename__], days)
    option = with_loader_criteria(mapped, given._resolve_with_args(mapped), include_aliases=True)
    option.deferred_where_criteria, option.where_criteria = True, cast(Any, given)
    return option


class _LeftOut(CriteriaOption):
    """One option that carries the criteria of every table, as they are on one day.

    As many public options as there are tables would be hashed at every execution. The days
    stand in the SQL as text: statements are compiled once a day, and no parameter is bound.
    """

    propagate_to_loaders = False
    _traverse_internals = [("days", ExtendedInternalTraversal.dp_plain_obj)]  # noqa: RUF012

    def __init__(self, days: tuple[date, date]) -> None:
        self.days = days
        self._criteria = [_criterion(mapper.class_, days) for mapper in Base.registry.mappers]

    def process_compile_state(self, compile_state: Any) -> None:
        self.get_global_criteria(compile_state.global_attributes)

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        for criterion in self._criteria:
            criterion.get_global_criteria(attributes)


class _Hidden:
    """The listener of one database: statements as they are asked, with the criteria added.

    A statement built once and asked by every page is completed once a day.
    """

    def __init__(self) -> None:
        self._days: tuple[date, date] | None = None
        self._option: _LeftOut
        self._completed: WeakKeyDictionary[Executable, Executable] = WeakKeyDictionary()

    def on_execute(self, state: ORMExecuteState) -> None:
        if state.is_column_load or not (state.is_select or state.is_update):
            return
        if not state.is_orm_statement or INCLUDE_OVERDUE in state.execution_options:
            return
        days = _days_of(state.session)
        if days != self._days:
            self._option = _LeftOut(days)
            self._completed = WeakKeyDictionary()
            self._days = days
        given = state.statement
        completed = self._completed.get(given)
        if completed is None:
            completed = self._completed[given] = given.options(self._option)
        state.statement = completed


def _days_of(session: Session) -> tuple[date, date]:
    """Return the days of a session, asked once: a transaction has one day."""
    known: tuple[date, date] | None = session.info.get("days")
    if known is None:
        today: Today | None = session.info.get("today")
        clock_day: Today | None = session.info.get("clock_day")
        if today is None or clock_day is None:
            raise NoDay("a session without a day cannot tell what is overdue: pass `today`.")
        known = session.info["days"] = (today(), clock_day())
    return known
