"""Who accompanies a person: their referent, who stands in, or whom the team lead assigned (S9)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from sqlalchemy import BindParameter, ColumnElement, Date, bindparam, literal_column, or_, select
from sqlalchemy.orm import Session

from revue import schema
from revue.absences import WHOSE
from revue.permissions import NotYours
from revue.records import Actor, State
from revue.states import CLOSED_STATES, EXPIRING_STATES


def is_among(states: Iterable[State]) -> ColumnElement[bool]:
    """Return the condition that a situation is in one of some states.

    They stand in the SQL as text: parameters would be spelled out again at every execution.
    """
    return schema.Situation.state.in_([literal_column(f"'{state.value}'") for state in states])


def is_valid(day: date | BindParameter[date]) -> ColumnElement[bool]:
    """Return the condition that a situation, if it waits, is not past its validity (S19)."""
    row = schema.Situation
    return or_(~is_among(EXPIRING_STATES), row.valid_until.is_(None), row.valid_until >= day)


def _accompanied() -> ColumnElement[bool]:
    person, situation = schema.Person, schema.Situation
    assigned = (
        select(situation.person)
        .where(situation.assigned_to.in_(WHOSE))
        .where(~is_among(CLOSED_STATES))
        .where(is_valid(bindparam("today", type_=Date)))
    )
    return (person.team == bindparam("team")) & or_(
        person.referent.in_(WHOSE), person.person.in_(assigned)
    )


ACCOMPANIED = _accompanied()
"""The condition that a row of the directory is of somebody whom :func:`asked_by` accompanies."""

_AMONG = (
    select(schema.Person.person)
    .where(schema.Person.person.in_(bindparam("people", expanding=True)))
    .where(ACCOMPANIED)
)


def asked_by(actor: Actor, *, today: date) -> dict[str, object]:
    """Return what :data:`ACCOMPANIED` asks about: whose persons, in which team, on which day."""
    return {"team": actor.team, "login": actor.login, "today": today}


def accompanied_among(
    session: Session, actor: Actor, people: Collection[str], *, today: date
) -> frozenset[str]:
    """Return whom of ``people`` the actor accompanies."""
    asked = {**asked_by(actor, today=today), "people": sorted(people)}
    return frozenset(session.scalars(_AMONG, asked))


def check_accompanies(session: Session, actor: Actor, person: str, *, today: date) -> None:
    """Refuse an actor who does not accompany a person.

    Raises
    ------
    NotYours
        They do not, or nobody of this pseudonym is known.
    """
    if person not in accompanied_among(session, actor, (person,), today=today):
        raise NotYours(f"{actor.login} does not accompany this person.")
