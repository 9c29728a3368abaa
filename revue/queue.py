"""The queue: what scoring places in it and what an educator sees of it.

Three kinds of situations look the same here. Nothing is kept or shown in the order of
scores: identifiers are random, rows are stored without a number, lines are sorted by due
date and then by a draw that depends on the identifier alone.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from features.keys import keyed_hash
from revue import schema
from revue.directory import neutral
from revue.journal import record
from revue.permissions import Permission, account_of, check_allowed, sees
from revue.records import (
    Actor,
    ModelState,
    NewSituation,
    QueueItem,
    QueuePage,
    ScoringRun,
    SituationKind,
    State,
)
from revue.states import OPEN_STATES

CONTROL_INTERVAL = timedelta(days=365)
"""A person is drawn at random at most once in this time (S35)."""


def fill(
    session: Session,
    *,
    run: ScoringRun,
    situations: Sequence[NewSituation],
    rng_key: bytes,
    by: Actor,
    now: datetime,
    due_on: date,
) -> None:
    """Place the situations of one scoring run in the queue.

    A control keeps no signal: none was the reason to look.

    Parameters
    ----------
    session
        In the caller's transaction.
    run
        Which model at which date, and counts.
    situations
        In any order; they are stored in a keyed one.
    rng_key
        At most 64 bytes; the key of that order.
    by
        Who scores.
    now
        Aware time.
    due_on
        The day by which we owe a look.
    """
    check_allowed(by, Permission.FILL_QUEUE)
    session.add(
        schema.Run(
            version=run.version,
            as_of=run.as_of,
            protocol_hash=run.protocol_hash,
            unserved=run.unserved,
            not_informed=run.not_informed,
            ran_at=now,
        )
    )
    placed = {
        new_id(): new for new in sorted(situations, key=lambda new: keyed_hash(rng_key, new.person))
    }
    session.add_all(
        schema.Situation(
            id=id,
            person=new.person,
            team=new.team,
            referent=new.referent,
            kind=new.kind,
            state=State.TO_LOOK_AT,
            facts=new.facts.to_json(),
            as_of=run.as_of,
            due_on=due_on,
            version=run.version,
            valid_until=new.signal.valid_until,
            probability=new.probability,
            opened_at=now,
        )
        for id, new in placed.items()
    )
    session.flush()
    session.add_all(
        schema.Signal(situation_id=id, as_of=run.as_of, content=new.signal.to_json())
        for id, new in placed.items()
        if new.kind is SituationKind.SIGNAL
    )
    record(
        session,
        actor=by,
        act="fill",
        subject=run.version,
        details={"as_of": run.as_of, "placed": len(situations), "unserved": run.unserved},
        now=now,
    )


def new_id() -> str:
    """Return a situation id that says nothing and cannot be guessed."""
    return secrets.token_urlsafe(12)


def is_waiting(day: date | None) -> ColumnElement[bool]:
    """Return the condition that a situation is open and, at ``day``, not past its validity."""
    waiting = schema.Situation.state.in_(OPEN_STATES)
    if day is None:
        return waiting
    return waiting & or_(
        schema.Situation.valid_until.is_(None), schema.Situation.valid_until >= day
    )


def busy_people(session: Session, *, as_of: date, repeat_days: int) -> frozenset[str]:
    """Return who has an open situation, or a signal within ``repeat_days`` before ``as_of``."""
    recent = (schema.Situation.kind == SituationKind.SIGNAL) & (
        schema.Situation.as_of > as_of - timedelta(days=repeat_days)
    )
    return frozenset(
        session.scalars(select(schema.Situation.person).where(is_waiting(as_of) | recent))
    )


def recent_controls(session: Session, *, as_of: date) -> frozenset[str]:
    """Return who was drawn at random within one year before ``as_of`` (S35)."""
    return frozenset(
        session.scalars(
            select(schema.Situation.person)
            .where(schema.Situation.kind == SituationKind.CONTROL)
            .where(schema.Situation.as_of > as_of - CONTROL_INTERVAL)
        )
    )


def open_load(session: Session, *, as_of: date | None = None) -> dict[str, int]:
    """Count open situations per referent; with a date, without those past their validity."""
    referents = session.scalars(select(schema.Situation.referent).where(is_waiting(as_of)))
    return dict(Counter(referent for referent in referents if referent is not None))


def queue_of(session: Session, actor: Actor, *, today: date) -> QueuePage:
    """Return an educator's queue.

    Parameters
    ----------
    session
        In the caller's transaction.
    actor
        The educator.
    today
        The day of the home; what is past its validity is no longer shown.
    """
    check_allowed(actor, Permission.READ_QUEUE)
    account = account_of(actor)
    rows = session.execute(
        select(schema.Situation, schema.View.user_id)
        .outerjoin(schema.View, schema.View.situation_id == schema.Situation.id)
        .where(schema.Situation.team == actor.team)
        .where(is_waiting(today))
    )
    mine = [row for row, viewer in rows if sees(actor, row) and viewer in (None, account)]
    last = session.scalars(select(schema.Run).order_by(schema.Run.id.desc())).first()
    return QueuePage(
        items=tuple(
            QueueItem(row.id, row.person, row.team, row.referent, row.due_on, row.state)
            for row in sorted(mine, key=lambda row: (row.due_on, neutral(row.id)))
        ),
        unserved=last.unserved if last else 0,
        as_of=last.as_of if last else None,
        stopped=last is not None and is_stopped(session, last.version),
    )


def is_stopped(session: Session, version: str | None) -> bool:
    """Tell whether the committee suspended or rejected this model (S28)."""
    if version is None:
        return False
    stopped = {ModelState.SUSPENDED, ModelState.REJECTED}
    return session.get_one(schema.Model, version).state in stopped


def scored_dates(session: Session) -> frozenset[date]:
    """Return the review dates whose places were already given."""
    return frozenset(session.scalars(select(schema.Run.as_of)))
