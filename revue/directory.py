"""Who is accompanied by whom, and why somebody is not in the queue.

The directory mirrors the latest stay of each pseudonym. *Mes personnes* lists everybody,
in an order that means nothing, and never says how near anybody was to being retained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from revue import schema
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.records import Actor, PersonRow, State, Stay
from revue.states import OPEN_STATES


def sync_people(session: Session, stays: Sequence[Stay], *, by: Actor, now: datetime) -> None:
    """Replace the directory by the latest stay of each person, and hand situations over.

    A situation follows the person to their team and referent. An open one that changes
    hands starts afresh: nobody decides on somebody else's view.

    Parameters
    ----------
    session
        In the caller's transaction.
    stays
        Every stay known to the event store.
    by
        Who imports.
    now
        Aware time.
    """
    check_allowed(by, Permission.SYNC_PEOPLE)
    latest: dict[str, Stay] = {}
    for stay in sorted(stays, key=lambda stay: stay.entered_on):
        latest[stay.person] = stay
    session.execute(delete(schema.Person))
    if latest:
        session.execute(
            insert(schema.Person),
            [
                {
                    "person": stay.person,
                    "team": stay.team,
                    "referent": stay.referent,
                    "entered_on": stay.entered_on,
                    "left_on": stay.left_on,
                    "informed_on": stay.informed_on,
                    "synced_at": now,
                }
                for stay in latest.values()
            ],
        )
    record(
        session,
        actor=by,
        act="sync_people",
        subject="directory",
        details={"people": len(latest)},
        now=now,
    )
    _hand_over(session, by=by, now=now)


def _hand_over(session: Session, *, by: Actor, now: datetime) -> None:
    changed = session.execute(
        select(schema.Situation, schema.Person)
        .join(schema.Person, schema.Person.person == schema.Situation.person)
        .where(
            (schema.Situation.team != schema.Person.team)
            | schema.Situation.referent.is_distinct_from(schema.Person.referent)
        )
    ).all()
    for situation, person in changed:
        situation.team, situation.referent = person.team, person.referent
        if situation.state in OPEN_STATES:
            for table in (schema.Reveal, schema.View):
                session.execute(delete(table).where(table.situation_id == situation.id))
            situation.state = State.TO_LOOK_AT
        record(session, actor=by, act="hand_over", subject=situation.id, now=now)


def is_accompanied_by(actor: Actor, person: schema.Person) -> bool:
    """Tell whether the actor is this person's referent, in this person's team."""
    return actor.team == person.team and actor.login == person.referent


def people_of(
    session: Session,
    actor: Actor,
    *,
    today: date,
    min_history_days: int = 28,
    repeat_days: int = 90,
) -> tuple[PersonRow, ...]:
    """List everybody an educator accompanies, and why they are not in the queue.

    Parameters
    ----------
    session
        In the caller's transaction.
    actor
        The educator.
    today
        The day of the home.
    min_history_days, repeat_days
        As the study protocol says (``population`` and ``capacity``).

    Returns
    -------
    tuple of PersonRow
        In a stable order that means nothing.
    """
    check_allowed(actor, Permission.READ_PEOPLE)
    mine = session.scalars(
        select(schema.Person)
        .where(schema.Person.team == actor.team)
        .where(schema.Person.referent == actor.login)
        .where(or_(schema.Person.left_on.is_(None), schema.Person.left_on >= today))
    ).all()
    newest_run = session.scalars(select(schema.Run.as_of).order_by(schema.Run.id.desc())).first()
    situations = session.execute(
        select(
            schema.Situation.person,
            schema.Situation.id,
            schema.Situation.state,
            schema.Situation.as_of,
            schema.Situation.valid_until,
        )
        .where(schema.Situation.team == actor.team)
        .where(schema.Situation.referent == actor.login)
        .order_by(schema.Situation.as_of)
    ).all()
    waiting = {
        row.person: row.id
        for row in situations
        if row.state in OPEN_STATES and (row.valid_until is None or row.valid_until >= today)
    }
    recent = {row.person for row in situations if row.as_of > today - timedelta(days=repeat_days)}

    def why(person: schema.Person) -> str:
        if person.person in waiting:
            return "dans la file"
        if person.informed_on is None or person.informed_on > today:
            return "non informée"
        if newest_run is None:
            return "aucune revue à ce jour"
        if person.entered_on + timedelta(days=min_history_days) > newest_run:
            return "accompagnement trop récent"
        if person.person in recent:
            return "déjà regardée récemment"
        return "non retenue ce mois-ci"

    return tuple(
        PersonRow(
            person=person.person,
            team=person.team,
            referent=person.referent,
            entered_on=person.entered_on,
            situation_id=waiting.get(person.person),
            why=why(person),
        )
        for person in sorted(mine, key=lambda person: neutral(person.person))
    )


def neutral(identifier: str) -> bytes:
    """Return a sort key that depends on a random identifier alone."""
    return hashlib.sha256(identifier.encode()).digest()
