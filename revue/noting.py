"""Noting *signaux faibles*: dated codes of a closed list that expire and feed no model.

They lie in the review database alone. The person may read them, and pages say so.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.accompanying import check_accompanies
from revue.journal import record
from revue.observations import check_observation
from revue.permissions import NotYours, Permission, account_of, check_allowed
from revue.records import Actor, Observation

KEPT = timedelta(days=90)
"""How long an observation means something (ours)."""


class ObservedInFuture(RebondError):
    """Nobody has observed what is still to come."""


class TooLongAgo(RebondError):
    """The observation would have expired already."""


def note(
    session: Session,
    actor: Actor,
    *,
    person: str,
    code: str,
    observed_on: date,
    now: datetime,
    today: date,
) -> str:
    """Write down an observation about somebody the educator accompanies.

    Returns
    -------
    str
        The id of the observation; of the same one, where it is noted already.

    Raises
    ------
    Forbidden, NotYours
        The role notes nothing, or the educator does not accompany this person.
    UnknownObservation, ObservedInFuture, TooLongAgo
    """
    check_allowed(actor, Permission.NOTE_OBSERVATION)
    check_accompanies(session, actor, person, today=today)
    check_observation(code)
    if observed_on > today:
        raise ObservedInFuture(f"{observed_on} is after today, {today}.")
    if observed_on + KEPT < today:
        raise TooLongAgo(f"{observed_on} is more than {KEPT.days} days ago.")
    row = schema.Observation
    again = session.scalars(
        select(row.id).where(row.person == person, row.code == code, row.observed_on == observed_on)
    ).first()
    if again is not None:
        return again
    id = secrets.token_urlsafe(12)
    session.add(
        schema.Observation(
            id=id,
            person=person,
            code=code,
            observed_on=observed_on,
            user_id=account_of(actor),
            at=now,
            expires_on=observed_on + KEPT,
        )
    )
    details = {"person": person, "code": code, "observed_on": observed_on}
    record(session, actor=actor, act="note_observation", subject=id, details=details, now=now)
    return id


def take_back(session: Session, actor: Actor, id: str, *, now: datetime, today: date) -> str:
    """Delete one's own observation; returns the person it was about.

    Raises
    ------
    Forbidden, NotYours
        It does not exist, or is somebody else's.
    """
    check_allowed(actor, Permission.NOTE_OBSERVATION)
    row = session.get(schema.Observation, id)
    if row is None or row.user_id != account_of(actor):
        raise NotYours("only who noted an observation takes it back.")
    check_accompanies(session, actor, row.person, today=today)
    person = row.person
    session.execute(delete(schema.Observation).where(schema.Observation.id == id))
    record(session, actor=actor, act="take_back_observation", subject=id, now=now)
    return person


_NOTED = (
    select(schema.Observation, schema.User.login)
    .join(schema.User, schema.User.id == schema.Observation.user_id)
    .where(schema.Observation.person == bindparam("person"))
    .where(schema.Observation.expires_on >= bindparam("today"))
    .order_by(schema.Observation.observed_on.desc(), schema.Observation.id)
)


def observations_of(session: Session, person: str, *, today: date) -> tuple[Observation, ...]:
    """Return what is noted about a person and has not expired, newest first."""
    found = session.execute(_NOTED, {"person": person, "today": today})
    return tuple(
        Observation(noted.id, noted.code, noted.observed_on, login, noted.expires_on)
        for noted, login in found
    )
