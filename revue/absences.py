"""Who is away, and who stands in: read by everything that asks whose persons these are.

A stand-in accompanies the absent educator's persons on those days, without anything being
moved: when the absence ends, so does the standing in. Nothing says why somebody is away.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, String, bindparam, select, union_all
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.journal import record
from revue.permissions import NotYours, Permission, account_of, check_allowed
from revue.records import Absence, Actor, Role

LONGEST = timedelta(days=366)
"""An absence longer than this is a change of referent, which an import tells."""

# Every page asks these, so they are built once.
_AWAY = (
    select(schema.Absence.login, schema.Absence.stand_in)
    .where(schema.Absence.first_on <= bindparam("today"))
    .where(schema.Absence.last_on >= bindparam("today"))
    .order_by(schema.Absence.id)
)
_LOGIN = bindparam("login", type_=String)
_STOOD_IN_FOR = (
    _AWAY.with_only_columns(schema.Absence.login)
    .where(schema.Absence.stand_in == _LOGIN)
    .order_by(None)
)
_REPLACED = _AWAY.where(schema.Absence.login == _LOGIN, schema.Absence.stand_in.is_not(None))

WHOSE = union_all(select(_LOGIN), _STOOD_IN_FOR)
"""Whose persons the educator ``login`` accompanies ``today``, for statements that go on from it."""
CARRIED = union_all(select(_LOGIN).where(~_REPLACED.exists()), _STOOD_IN_FOR)
"""Of those, whose situations count for this educator: not their own while somebody stands in."""


class InvalidAbsence(RebondError):
    """The days of an absence do not follow each other, are too many, or are noted already."""


class UnknownEducator(RebondError):
    """Nobody of the team has this login as an educator."""


class StandInAway(RebondError):
    """The stand-in is the absent educator, or is away on one of these days."""


class NoSuchAbsence(RebondError):
    """The team has no absence of this number."""


def logins_of(session: Session, login: str, today: date) -> frozenset[str]:
    """Return whose persons an educator accompanies today: their own, and of those away."""
    return frozenset(session.scalars(WHOSE, {"login": login, "today": today}))


def stand_ins(session: Session, today: date) -> dict[str, str | None]:
    """Return who is away on a day, and who stands in; None where nobody does."""
    return dict(session.execute(_AWAY, {"today": today}).all())


def absences_of(session: Session, team: str, *, today: date) -> tuple[Absence, ...]:
    """Return the present and coming absences of a team, in the order of their days."""
    absence = schema.Absence
    rows = session.scalars(
        select(absence)
        .where(absence.team == team)
        .where(absence.last_on >= today)
        .order_by(absence.first_on, absence.login, absence.id)
    )
    return tuple(
        Absence(row.id, row.login, row.team, row.first_on, row.last_on, row.stand_in)
        for row in rows
    )


def note_absence(
    session: Session,
    actor: Actor,
    *,
    login: str,
    first_on: date,
    last_on: date,
    stand_in: str | None,
    now: datetime,
) -> int:
    """Write down that an educator of one's team is away, and who stands in.

    Without a stand-in the absent educator gets no new situation, and what could not be
    shown is counted as the service's shortage.

    Returns
    -------
    int
        The number of the absence.

    Raises
    ------
    Forbidden, InvalidAbsence, UnknownEducator, StandInAway
    """
    check_allowed(actor, Permission.MANAGE_ABSENCES)
    team = _team(actor)
    if not timedelta(0) <= last_on - first_on <= LONGEST:
        raise InvalidAbsence(
            f"from {first_on} to {last_on} is no absence: give a first day, and a last one at "
            f"most {LONGEST.days} days later."
        )
    for name in (login, stand_in):
        if name is not None and name not in educators_of(session, team):
            raise UnknownEducator(f"{name!r} is not an educator of {team}.")
    if _is_away(session, login, first_on, last_on):
        raise InvalidAbsence(
            f"{login} is away on some of these days already: end that absence first."
        )
    if stand_in is not None and (
        stand_in == login or _is_away(session, stand_in, first_on, last_on)
    ):
        raise StandInAway(f"{stand_in} is away on some of these days; choose somebody else.")
    if _stands_in(session, login, first_on, last_on):
        raise StandInAway(
            f"{login} stands in for a colleague on some of these days: end that absence first."
        )
    row = schema.Absence(
        login=login,
        team=team,
        first_on=first_on,
        last_on=last_on,
        stand_in=stand_in,
        user_id=account_of(actor),
        at=now,
    )
    session.add(row)
    session.flush()
    details = {"first_on": first_on, "last_on": last_on, "stand_in": stand_in}
    record(session, actor=actor, act="note_absence", subject=login, details=details, now=now)
    return row.id


def end_absence(session: Session, actor: Actor, number: int, *, now: datetime) -> None:
    """Take an absence of one's team back: it was a mistake, or ended early.

    Raises
    ------
    Forbidden, NoSuchAbsence
    """
    check_allowed(actor, Permission.MANAGE_ABSENCES)
    row = session.get(schema.Absence, number)
    if row is None or row.team != _team(actor):
        raise NoSuchAbsence(f"the team has no absence {number}.")
    session.delete(row)
    record(session, actor=actor, act="end_absence", subject=row.login, now=now)


def educators_of(session: Session, team: str) -> tuple[str, ...]:
    """Return the logins of a team's educators, in alphabetical order."""
    return tuple(
        session.scalars(
            select(schema.User.login)
            .where(schema.User.role == Role.EDUCATOR)
            .where(schema.User.team == team)
            .where(schema.User.closed_at.is_(None))
            .order_by(schema.User.login)
        )
    )


def educators(session: Session) -> frozenset[str]:
    """Return the logins of all educators who have an account, and not a closed one."""
    return frozenset(
        session.scalars(
            select(schema.User.login)
            .where(schema.User.role == Role.EDUCATOR)
            .where(schema.User.closed_at.is_(None))
        )
    )


def _team(actor: Actor) -> str:
    if actor.team is None:
        raise NotYours(f"{actor.login} leads no team.")
    return actor.team


def _is_away(session: Session, login: str, first_on: date, last_on: date) -> bool:
    return _is_noted(session, schema.Absence.login == login, first_on, last_on)


def _stands_in(session: Session, login: str, first_on: date, last_on: date) -> bool:
    return _is_noted(session, schema.Absence.stand_in == login, first_on, last_on)


def _is_noted(session: Session, who: ColumnElement[bool], first_on: date, last_on: date) -> bool:
    absence = schema.Absence
    noted = select(absence.id).where(who, absence.first_on <= last_on, absence.last_on >= first_on)
    return session.scalars(noted).first() is not None
