"""The queue: what scoring places in it and what an educator sees of it.

Three kinds of situations look the same here. Nothing is kept or shown in the order of
scores: identifiers are random, rows are stored without a number, lines are sorted by due
date and then by a draw that depends on the identifier alone.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Integer,
    Select,
    String,
    bindparam,
    func,
    select,
    union,
)
from sqlalchemy.orm import Session

from features.keys import keyed_hash
from revue import schema
from revue.absences import CARRIED, WHOSE, stand_ins
from revue.accompanying import is_among
from revue.journal import record
from revue.order import neutral
from revue.permissions import Permission, account_of, check_allowed
from revue.records import (
    Actor,
    NewSituation,
    Part,
    QueueItem,
    QueuePage,
    Right,
    ScoringRun,
    SituationKind,
    State,
)
from revue.situations import is_waiting
from revue.states import BEGUN_STATES, CLOSED_STATES, DONE_STATES, Act, check_step
from revue.stops import stop_of

CONTROL_INTERVAL = timedelta(days=365)
"""A person is drawn at random at most once in this time (S35)."""


def _looked_after(
    logins: CompoundSelect[str], *conditions: ColumnElement[bool]
) -> CompoundSelect[str]:
    """Select the ids of situations of some educators, along an index each way they come by them.

    Asked as one condition, all they ever had would be fetched for their states to be looked at.
    """
    row = schema.Situation
    return union(
        *(
            select(row.id).where(whose.in_(logins), *conditions)
            for whose in (row.referent, row.assigned_to)
        )
    )


def _mine() -> Select[*tuple[Any, ...]]:
    row, view, reveal, look = schema.Situation, schema.View, schema.Reveal, schema.SecondLook
    asked = select(look.situation_id).where(look.reader_id == _ACCOUNT, look.ended_at.is_(None))
    still = is_waiting(_TODAY) | is_among(DONE_STATES) & row.again_on.is_not(None)
    return (
        select(
            row.id,
            row.person,
            row.team,
            row.referent,
            row.due_on,
            row.state,
            row.held_by,
            row.held_until,
            row.again_on,
            view.user_id.label("viewed"),
            reveal.user_id.label("revealed"),
        )
        .outerjoin(view, (view.situation_id == row.id) & (view.user_id == _ACCOUNT))
        .outerjoin(reveal, (reveal.situation_id == row.id) & (reveal.user_id == _ACCOUNT))
        .where(row.id.in_(_looked_after(WHOSE, row.team == _TEAM, still)))
        .where(row.id.not_in(asked))
    )


def _asked_looks() -> Select[*tuple[Any, ...]]:
    row, look = schema.Situation, schema.SecondLook
    return (
        select(row.id, row.person, row.team, row.referent, row.state, look.due_on)
        .join(look, look.situation_id == row.id)
        .where(look.reader_id == _ACCOUNT, look.ended_at.is_(None))
        .where(row.team == _TEAM)
        .where(~is_among(CLOSED_STATES))
    )


def _load() -> Select[int]:
    row = schema.Situation
    return (
        select(func.count())
        .where(row.id.in_(_looked_after(CARRIED, is_waiting(_TODAY))))
        .where(func.coalesce(row.assigned_to, row.referent).in_(CARRIED))
    )


# Every queue asks these, so they are built once.
_ACCOUNT, _TEAM = bindparam("account", type_=Integer), bindparam("team", type_=String)
_TODAY = bindparam("today", type_=Date)
_MINE, _ASKED, _LOAD = _mine(), _asked_looks(), _load()
_NEWEST_RUN = select(schema.Run).order_by(schema.Run.id.desc()).limit(1)


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

    A control keeps no signal: none was the reason to look. Each goes to whom the directory
    names now, who may not be who accompanied the person at the review date.

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
            due_on=due_on,
            valid_until=min((new.signal.valid_until for new in situations), default=None),
            per_referent=run.per_referent,
        )
    )
    known = {
        row.person: (row.team, row.referent)
        for row in session.execute(
            select(schema.Person.person, schema.Person.team, schema.Person.referent)
        )
    }
    placed = {
        new_id(): new for new in sorted(situations, key=lambda new: keyed_hash(rng_key, new.person))
    }
    session.add_all(
        schema.Situation(
            id=id,
            person=new.person,
            team=team,
            referent=referent,
            kind=new.kind,
            state=State.TO_LOOK_AT if referent else State.TO_ASSIGN,
            facts=new.facts.to_json(),
            as_of=run.as_of,
            due_on=due_on,
            version=run.version,
            valid_until=new.signal.valid_until,
            probability=new.probability,
            opened_at=now,
        )
        for id, new in placed.items()
        for team, referent in [known.get(new.person, (new.team, new.referent))]
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


def newest_run(session: Session) -> schema.Run | None:
    """Return the newest scoring run."""
    return session.scalars(_NEWEST_RUN).first()


def ids_of(session: Session, person: str, *, today: date) -> tuple[str, ...]:
    """Return the open situations of a person, oldest first; there is at most one by rule."""
    situation = schema.Situation
    return tuple(
        session.scalars(
            select(situation.id)
            .where(situation.person == person)
            .where(is_waiting(today))
            .order_by(situation.opened_at, situation.id)
        )
    )


def busy_people(session: Session, *, as_of: date, repeat_days: int) -> frozenset[str]:
    """Return who has an open situation, or a signal within ``repeat_days`` before ``as_of``.

    One that was withdrawn because its data were wrong does not count: the corrected ones may
    be looked at.
    """
    recent = (
        (schema.Situation.kind == SituationKind.SIGNAL)
        & (schema.Situation.as_of > as_of - timedelta(days=repeat_days))
        & ~was_corrected()
    )
    return frozenset(
        session.scalars(select(schema.Situation.person).where(is_waiting(as_of) | recent))
    )


def was_corrected() -> ColumnElement[bool]:
    """Return the condition that a situation was withdrawn over a request to rectify (GDPR 16)."""
    row, request = schema.Situation, schema.Request
    asked = (
        select(request.id)
        .where(request.person == row.person, request.asked == Right.RECTIFY)
        .where(request.at >= row.opened_at)
    )
    return (row.state == State.WITHDRAWN) & asked.exists()


def recent_controls(session: Session, *, as_of: date) -> frozenset[str]:
    """Return who was drawn at random within one year before ``as_of`` (S35)."""
    return frozenset(
        session.scalars(
            select(schema.Situation.person)
            .where(schema.Situation.kind == SituationKind.CONTROL)
            .where(schema.Situation.as_of > as_of - CONTROL_INTERVAL)
        )
    )


def open_load(session: Session, *, as_of: date) -> dict[str, int]:
    """Count open situations per educator who looks after them on a day.

    Those past their validity do not count; those of somebody away count for who stands in.
    """
    situation = schema.Situation
    rows = session.execute(
        select(situation.assigned_to, situation.referent).where(is_waiting(as_of))
    )
    away = stand_ins(session, as_of)
    carried = (assigned or referent for assigned, referent in rows)
    return dict(Counter(away.get(login) or login for login in carried if login is not None))


def queue_of(session: Session, actor: Actor, *, now: datetime, today: date) -> QueuePage:
    """Return an educator's queue: everything open of whom they accompany, and asked looks.

    Parameters
    ----------
    session
        In the caller's transaction.
    actor
        The educator.
    now
        Aware time; whose hold has lapsed holds nothing.
    today
        The day of the home; what is past its validity is no longer shown.
    """
    check_allowed(actor, Permission.READ_QUEUE)
    items = [*_accompanied(session, actor, now, today), *_asked(session, actor)]
    last = newest_run(session)
    return QueuePage(
        items=tuple(sorted(items, key=lambda item: (item.due_on, neutral(item.id)))),
        unserved=last.unserved if last else 0,
        as_of=last.as_of if last else None,
        stop=stop_of(session, last.version) if last else None,
        places_left=_places_left(session, actor, last, today),
    )


def _accompanied(session: Session, actor: Actor, now: datetime, today: date) -> Iterator[QueueItem]:
    found = session.execute(
        _MINE,
        {
            "account": account_of(actor),
            "team": actor.team,
            "login": actor.login,
            "today": today,
        },
    )
    for one in found:
        state, own = one.state, State.TO_LOOK_AT
        if one.viewed is not None:
            own = State.VIEWED if one.revealed is None else State.SIGNAL_SEEN
        back = one.again_on is not None and one.again_on <= today
        if state is State.PUT_OFF and back:
            state = check_step(state, Act.RESUME, own)
        elif state in BEGUN_STATES:
            state = own
        held_by = one.held_by if one.held_until and one.held_until > now else None
        mine = held_by in (None, actor.login)
        dated = state in _DATED and one.again_on is not None
        yield QueueItem(
            id=one.id,
            person=one.person,
            team=one.team,
            referent=one.referent,
            due_on=one.again_on if dated else one.due_on,
            state=state,
            part=Part.ACCOMPANYING,
            held_by=held_by,
            again_on=one.again_on if dated else None,
            waits_for_me=mine
            and (state in BEGUN_STATES or state is State.LOOKED_TWICE or (dated and back)),
        )


_DATED = (State.PUT_OFF, State.IN_TEAM, *DONE_STATES)
"""The states in which a day to come back on may be set."""


def _asked(session: Session, actor: Actor) -> Iterator[QueueItem]:
    """Yield the situations that the actor was asked to look at as a second reader."""
    found = session.execute(_ASKED, {"account": account_of(actor), "team": actor.team})
    for one in found:
        yield QueueItem(
            id=one.id,
            person=one.person,
            team=one.team,
            referent=one.referent,
            due_on=one.due_on,
            state=one.state,
            part=Part.SECOND_READER,
            held_by=None,
            again_on=None,
            waits_for_me=one.state is State.SECOND_LOOK,
        )


def _places_left(
    session: Session, actor: Actor, last: schema.Run | None, today: date
) -> int | None:
    if last is None or last.per_referent is None:
        return None
    load = session.scalar(_LOAD, {"login": actor.login, "today": today})
    return max(0, last.per_referent - (load or 0))


def scored_dates(session: Session) -> frozenset[date]:
    """Return the review dates whose places were already given."""
    return frozenset(session.scalars(select(schema.Run.as_of)))
