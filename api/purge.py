"""What is overdue, deleted: signals sealed first, then rows, persons, files and months (S18).

Nothing here decides what is overdue: the tables declare it (:mod:`revue.schema`), the files in
:mod:`api.retention`, and both are out of reach already. Each step is a transaction of its own
that finds what is left to do by looking, so a purge that was killed is finished by the next.
"""

from __future__ import annotations

import importlib.util
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select
from sqlalchemy import exists as there_is
from sqlalchemy.orm import Session

from api import aside
from api.bundles import identity_in
from api.home import Home
from api.retention import (
    DATA_KEYS,
    EVENTS,
    MODELS,
    QUALITY,
    QUARANTINE,
    REPORTS,
    RESTRICTED,
    SENSITIVE,
    TRAININGS,
    declared_sources,
    file_days,
)
from api.standings import Known, change_standings, rehearse
from revue.database import PATIENCE
from revue.evidence import seal_expired
from revue.journal import drop_months, record
from revue.permissions import Permission, check_allowed
from revue.personal import count_rows
from revue.records import Actor, ModelState
from revue.retention import is_overdue, retention_of
from revue.schema import Base, Whose
from revue.standings import PersonKeys, Standing
from revue.vault import identity_of

PURGE = "purge"
"""The act under which the journal holds what was deleted."""

SEALED = "sealed"
"""Signals that left their table for a sealed copy, to answer a contestation."""

Progress = Callable[[str], None]

_JOURNAL = ("journal_entries", "journal_heads")
_TABLES: tuple[Table, ...] = tuple(
    table for table in reversed(Base.metadata.sorted_tables) if table.name not in _JOURNAL
)
_SITUATIONS = Base.metadata.tables["situations"]
_MODELS = Base.metadata.tables["models"]
_IN_FORCE = (ModelState.APPROVED, ModelState.SUSPENDED)


@dataclass(frozen=True)
class Kept:
    """What stays of one table or kind of file.

    Attributes
    ----------
    number
        How many rows, persons or files.
    oldest
        From when the oldest counts, as it is written there; None: its time has not begun.
    until
        The day after which the oldest goes; None: none has begun.
    source
        Who says so.
    """

    number: int
    oldest: str | None
    until: date | None
    source: str


@dataclass(frozen=True)
class Purged:
    """What went, and what stays, by table and kind of file."""

    deleted: Mapping[str, int]
    kept: Mapping[str, Kept]


@dataclass
class _Purge:
    """One purge under way, or rehearsed.

    Attributes
    ----------
    home, by
        Of what, and who does it.
    rehearsal
        The transaction in which everything is done to the review database before it is rolled
        back; then no file changes. None: this is the purge itself.
    person_keys
        What signals are sealed with.
    """

    home: Home
    by: Actor
    rehearsal: Session | None
    person_keys: PersonKeys
    deleted: Counter[str] = field(default_factory=Counter)
    people: set[str] = field(default_factory=set)
    paths: set[Path] = field(default_factory=set)
    begun: Counter[int] = field(default_factory=Counter)
    """What went besides rows: persons of the event store, files, trainings by when they began."""

    @property
    def days(self) -> tuple[date, date]:
        return self.home.today(), self.home.now().date()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        if self.rehearsal is not None:
            yield self.rehearsal
            self.rehearsal.flush()
        else:
            with self.home.transaction() as session:
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        if self.rehearsal is not None:
            yield self.rehearsal
        else:
            with self.home.reading() as session:
                yield session

    def seal_signals(self) -> None:
        """Seal what may not be shown any more, so that a contestation can still be answered."""
        with self.writing() as session:
            if sealed := seal_expired(session, self.person_keys, self.home.today()):
                self.deleted[SEALED] = sealed
                record(
                    session,
                    actor=self.by,
                    act="seal_expired",
                    subject="signals",
                    details={SEALED: sealed},
                    now=self.home.now(),
                )

    def delete_rows(self) -> None:
        """Delete overdue rows, children before what they refer to."""
        with self.writing() as session:
            for table in _TABLES:
                goes = _goes(table, *self.days)
                rows: int = session.execute(delete(table).where(goes)).rowcount  # type: ignore[attr-defined]
                self.deleted[table.name] = rows
            if any(self.deleted[table.name] for table in _TABLES):
                self._record(session, "tables", [table.name for table in _TABLES])

    def remove_people(self) -> None:
        """Take out whose last contact is too long ago: histories, what lies aside, rows, keys."""
        home = self.home
        store = replace(home.store, kept_from=home.kept_from(home.today()))
        overdue = sorted(store.overdue())
        sealed = [one for one in aside.read_all(home) if aside.is_overdue(home, one)]
        with self.reading() as session:
            known = {person: _known(home, session, person) for person in overdue}
            known |= {one.person: _known_aside(home, one) for one in sealed}
            self.deleted.update(count_rows(session, [*known]))
        self.people.update(overdue)
        self.paths.update(home.restricted(one.key.key_id) for one in sealed)
        self.deleted[EVENTS], self.deleted[RESTRICTED] = len(overdue), len(sealed)
        self.deleted[DATA_KEYS] = sum(key is not None for key in home.person_keys.of([*known]))
        if known and self.rehearsal is not None:
            rehearse(home, self.rehearsal, [*known], by=self.by, act=PURGE)
        elif known:
            standings = dict.fromkeys(known.values(), Standing.OVERDUE)
            change_standings(home, standings, by=self.by, act=PURGE)

    def forget_attributes(self) -> None:
        """Delete the sensitive attributes once no audit may read them any more."""
        sensitive = self.home.sensitive
        today = self.home.today()
        over = sensitive.purge(today) if self.rehearsal is None else sensitive.is_over(today)
        self.deleted[SENSITIVE] = int(over)

    def delete_files(self) -> None:
        """Delete quarantines and quality reports, and what models that are over left behind."""
        with self.reading() as session:
            files = list(_files(self.home, session))
        for name, _, end, path in files:
            if end is not None and self.home.today() > end:
                self.deleted[name] += 1
                self.paths.add(path)
                if self.rehearsal is None:
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def forget_trainings(self) -> None:
        """Delete the traces of old trainings from the registry, never of a model in force."""
        before = self.home.today() - timedelta(days=file_days(TRAININGS, self.home.settings))
        moment = datetime.combine(before, time(), UTC)
        self.deleted[TRAININGS] = 0
        if _trainings(self.home, moment) and importlib.util.find_spec("mlflow") is not None:
            from modeles.registry import Registry  # noqa: PLC0415 - the train extra

            registry = Registry(self.home.mlflow_uri, self.home.mlflow_artifacts)
            with self.reading() as session:
                keep = _in_force(session)
            self.begun.update(registry.forget(moment, keep=keep, dry=self.rehearsal is not None))
            self.deleted[TRAININGS] = self.begun.total()

    def drop_months(self) -> None:
        """Write down that there was a purge, then drop the months of the journal that are over."""
        with self.writing() as session:
            self._record(session, "home", self.deleted)
            self.deleted["journal_heads"] = len(drop_months(session, self.home.today()))

    def overwrite(self) -> None:
        """Leave nothing of deleted rows in the database's log; they were overwritten in itself."""
        if self.rehearsal is None:
            with closing(sqlite3.connect(self.home.database, PATIENCE)) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def purged(self) -> Purged:
        """Say what went, and what stays beside it."""
        with self.reading() as session:
            return Purged(dict(sorted(self.deleted.items())), self._kept(session))

    def _kept(self, session: Session) -> dict[str, Kept]:
        """Say what stays, and until when."""
        home = self.home
        sources = declared_sources()
        kept: dict[str, Kept] = {}
        for table in Base.metadata.tables.values():
            retention = retention_of(table)
            query = select(func.count(), func.min(table.c[retention.anchor])).select_from(table)
            number, oldest = session.execute(query).one()
            if number:
                until = _day(oldest) + timedelta(days=retention.days) if oldest else None
                said = None if oldest is None else str(oldest)
                kept[table.name] = Kept(number, said, until, sources[table.name])
        people = set(home.store.people()) - self.people
        if people:
            kept[EVENTS] = Kept(len(people), None, None, sources[EVENTS])
        files: dict[str, list[tuple[date, date | None]]] = {}
        for name, begun, end, path in (*_files(home, session), *_files_aside(home)):
            if path not in self.paths:
                files.setdefault(name, []).append((begun, end))
        for name, found in files.items():
            ends = [end for _, end in found if end is not None]
            first = str(min(begun for begun, _ in found))
            kept[name] = Kept(len(found), first, min(ends, default=None), sources[name])
        trainings = sorted((Counter(_trainings(home)) - self.begun).elements())
        if trainings:
            day = datetime.fromtimestamp(trainings[0] / 1000, UTC).date()
            until = day + timedelta(days=file_days(TRAININGS, home.settings))
            kept[TRAININGS] = Kept(len(trainings), str(day), until, sources[TRAININGS])
        return kept

    def _record(self, session: Session, subject: str, names: Iterable[str]) -> None:
        counts = {name: self.deleted[name] for name in names if self.deleted[name]}
        now = self.home.now()
        record(session, actor=self.by, act=PURGE, subject=subject, details=counts, now=now)


def purge(home: Home, *, by: Actor, progress: Progress, dry: bool = False) -> Purged:
    """Delete everything whose time is over, and say what went and what stays.

    Parameters
    ----------
    home
        The home.
    by
        Who does it.
    progress
        Told what is being done, before each step.
    dry
        Change nothing, only say what would go and what would stay: the same steps, in one
        transaction that is rolled back.

    Raises
    ------
    Forbidden
        The role may not.
    features.staging.ImportRunning
        An import is under way; what was done until then stays done.
    """
    check_allowed(by, Permission.PURGE)
    if not dry:
        return _done(_Purge(home, by, None, home.person_keys), progress)
    # Keys that a rehearsal makes seal nothing that stays.
    with TemporaryDirectory() as passing, home.sessions() as session:
        try:
            person_keys = PersonKeys(Path(passing) / "persons.db", home.keys)
            return _done(_Purge(home, by, session, person_keys), progress)
        finally:
            session.rollback()


def _done(under_way: _Purge, progress: Progress) -> Purged:
    for said, step in (
        ("sealing signals past their validity", under_way.seal_signals),
        ("deleting overdue rows", under_way.delete_rows),
        ("removing whose last contact is too long ago", under_way.remove_people),
        ("deleting sensitive attributes", under_way.forget_attributes),
        ("deleting files", under_way.delete_files),
        ("forgetting old trainings", under_way.forget_trainings),
        ("dropping months of the journal", under_way.drop_months),
        ("overwriting", under_way.overwrite),
    ):
        progress(said)
        step()
    return under_way.purged()


def _goes(table: Table, today: date, clock_day: date) -> ColumnElement[bool]:
    """Return the condition under which a row is deleted.

    What a situation led to goes with it. What something else that is kept refers to stays, out
    of reach, until that goes; so does a model in force.
    """
    over = is_overdue(table, today, clock_day)
    if table.info["whose"] is Whose.SITUATION:
        gone = select(_SITUATIONS.c.id).where(is_overdue(_SITUATIONS, today, clock_day))
        over = or_(over, table.c.situation_id.in_(gone))
    if table is _MODELS:
        over = and_(over, table.c.state.not_in(_IN_FORCE))
    return and_(over, *(~there_is(1).where(link) for link in _links_to(table)))


def _links_to(table: Table) -> Iterator[ColumnElement[bool]]:
    """Yield for each reference of another table to this one how its rows are tied to a row."""
    for other in Base.metadata.tables.values():
        for constraint in other.foreign_key_constraints:
            if constraint.referred_table is table:
                yield and_(*(key.parent == key.column for key in constraint.elements))


def _known(home: Home, session: Session, person: str) -> Known:
    identity = identity_of(session, home.person_keys, person)
    person_id = identity.person_id if identity is not None else ""
    # Without a name here nobody is on the register either: the line only says what to take out.
    return Known(person, home.keys.standing_id(person_id or person), person_id)


def _known_aside(home: Home, one: aside.Aside) -> Known:
    identity = identity_in(one.bundle, one.key)
    person_id = identity.person_id if identity is not None else ""
    return Known(one.person, home.keys.standing_id(person_id or one.person), person_id)


def _files(home: Home, session: Session) -> Iterator[tuple[str, date, date | None, Path]]:
    """Yield each file whose time counts: its kind, from when, until when and its place."""
    for name, folder in ((QUARANTINE, home.quarantine), (QUALITY, home.quality)):
        days = timedelta(days=file_days(name, home.settings))
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            begun = _dated(path)
            yield name, begun, begun + days, path
    registered, in_force = _registered(session), _in_force(session)
    for name, folder in ((MODELS, home.folder / "models"), (REPORTS, home.folder / "reports")):
        days = timedelta(days=file_days(name, home.settings))
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            begun = registered.get(path.name) or _written(path)
            yield name, begun, None if path.name in in_force else begun + days, path


def _files_aside(home: Home) -> Iterator[tuple[str, date, date, Path]]:
    """Yield what is sealed aside of people whose processing is restricted, in the same way."""
    days = timedelta(days=file_days(RESTRICTED, home.settings))
    for one in aside.read_all(home):
        yield RESTRICTED, one.since, one.since + days, home.restricted(one.key.key_id)


def _dated(path: Path) -> date:
    """Return the day in a file's name; of whatever else lies there, the day it was written."""
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        return _written(path)


def _written(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()


def _registered(session: Session) -> dict[str, date]:
    rows = session.execute(select(_MODELS.c.version, _MODELS.c.registered_at))
    return {version: at.date() for version, at in rows}


def _in_force(session: Session) -> frozenset[str]:
    found = select(_MODELS.c.version).where(_MODELS.c.state.in_(_IN_FORCE))
    return frozenset(session.scalars(found))


def _trainings(home: Home, before: datetime | None = None) -> list[int]:
    """Return when each training in the registry began (ms), oldest first, without MLflow itself."""
    database = home.folder / "mlflow.db"
    if not database.is_file():
        return []
    end = 1000 * before.timestamp() if before else float("inf")
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        query = "SELECT start_time FROM runs WHERE start_time < ? ORDER BY start_time"
        return [int(at) for (at,) in opened.execute(query, (end,))]


def _day(anchor: date | datetime | str) -> date:
    """Return the day that something counts from; a month counts from its last."""
    if isinstance(anchor, datetime):
        return anchor.date()
    if isinstance(anchor, date):
        return anchor
    year, month = map(int, anchor.split("-"))
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
