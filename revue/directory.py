"""Who is accompanied by whom, and why somebody is not in the queue.

The directory mirrors the latest stay of each pseudonym. *Mes personnes* lists everybody,
in an order that means nothing, and never says how near anybody was to being retained.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from revue import schema
from revue.absences import stand_ins
from revue.accompanying import ACCOMPANIED, asked_by
from revue.journal import record
from revue.notices import told_here
from revue.order import neutral
from revue.permissions import Permission, check_allowed
from revue.queue import newest_run, was_corrected
from revue.records import Actor, PersonRow, SituationKind, State, Stay, WhyNot
from revue.second_look import end_look
from revue.situations import (
    entry_state,
    is_waiting,
    move,
    newest_decision,
    pending_contestation,
)
from revue.states import CLOSED_STATES, DONE_STATES, OPEN_STATES, Act, check_step, is_step


def sync_people(session: Session, stays: Sequence[Stay], *, by: Actor, now: datetime) -> None:
    """Replace the directory by the latest stay of each person, and hand situations over.

    A situation follows the person to their team and referent. An open one that changes
    hands starts afresh: nobody decides on somebody else's view. Those of persons who are no
    longer told of this processing, or not known any more, are withdrawn.

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
    told = set(
        session.scalars(select(schema.Person.person).where(schema.Person.informed_on.is_not(None)))
    )
    here = told_here(session, by=now.date())
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
                    "informed_on": stay.informed_on or here.get(stay.person),
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
    _withdraw(session, told, by=by, now=now)


def _hand_over(session: Session, *, by: Actor, now: datetime) -> None:
    """Let situations follow their persons to the team and referent that the directory names."""
    row, person = schema.Situation, schema.Person
    found = session.execute(
        select(row, person.team, person.referent)
        .join(person, person.person == row.person)
        .where((row.team != person.team) | row.referent.is_distinct_from(person.referent))
        .order_by(row.id)
    ).all()
    for situation, team, referent in found:
        situation.team, situation.referent, situation.assigned_to = team, referent, None
        end_look(session, situation.id, now=now)
        decision = newest_decision(session, situation.id)
        stands = after = _handed_over(situation, situation.state, decision)
        contested = pending_contestation(session, situation.id)
        if contested is not None:
            stands = contested.stood = _handed_over(situation, contested.stood, decision)
        again_on = None
        if stands in DONE_STATES and decision is not None:
            told = stands is State.FOLLOWED_UP
            again_on = situation.again_on if told else decision.again_on
        move(session, by, situation, after, "hand_over", {}, now=now, again_on=again_on)


def _handed_over(
    situation: schema.Situation, state: State, decision: schema.Decision | None
) -> State:
    """Return where a hand-over leads: to a fresh start, or on where it was decided."""
    if not is_step(state, Act.HAND_OVER):
        return state
    fresh = entry_state(situation)
    return check_step(state, Act.HAND_OVER, fresh if decision is None else State.DECIDED)


def _withdraw(session: Session, told: Collection[str], *, by: Actor, now: datetime) -> None:
    """Take situations back whose persons are no longer told of this processing, or gone (S14).

    What an educator opens for somebody who never was told holds no signal, and stays.
    """
    row, person = schema.Situation, schema.Person
    found = session.scalars(
        select(row)
        .outerjoin(person, person.person == row.person)
        .where(row.state.not_in(CLOSED_STATES))
        .where(person.informed_on.is_(None))
        .order_by(row.id)
    ).all()
    for situation in found:
        if situation.kind is SituationKind.SELF_OPENED and situation.person not in told:
            continue
        _take_back(session, situation, by=by, now=now)


def withdraw_of(session: Session, people: Collection[str], *, by: Actor, now: datetime) -> None:
    """Take every open situation of some persons back, whatever it is: they objected (S15)."""
    row = schema.Situation
    for person in sorted(people):
        query = select(row).where(row.person == person).where(row.state.not_in(CLOSED_STATES))
        for situation in session.scalars(query.order_by(row.id)).all():
            _take_back(session, situation, by=by, now=now)


def withdraw_signals(session: Session, person: str, *, by: Actor, now: datetime) -> int:
    """Take a person's open signals back at once, because data behind them are wrong (GDPR 16).

    Returns
    -------
    int
        How many that were.

    Raises
    ------
    Forbidden
        The role answers no request.
    """
    check_allowed(by, Permission.ANSWER_REQUEST)
    row = schema.Situation
    found = session.scalars(
        select(row)
        .where(row.person == person, row.kind == SituationKind.SIGNAL)
        .where(row.state.in_(OPEN_STATES))
        .order_by(row.id)
    ).all()
    for situation in found:
        _take_back(session, situation, by=by, now=now)
    return len(found)


def _take_back(session: Session, situation: schema.Situation, *, by: Actor, now: datetime) -> None:
    end_look(session, situation.id, now=now)
    contested = pending_contestation(session, situation.id)
    if contested is not None:  # the answer is owed first, whatever it is
        contested.stood = State.WITHDRAWN
        return
    after = check_step(situation.state, Act.WITHDRAW)
    move(session, by, situation, after, "withdraw", {}, now=now)


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
        .where(ACCOMPANIED)
        .where(or_(schema.Person.left_on.is_(None), schema.Person.left_on >= today)),
        asked_by(actor, today=today),
    ).all()
    people = [person.person for person in mine]
    run = newest_run(session)
    newest = None if run is None else run.as_of
    row = schema.Situation
    found = session.execute(
        select(row.person, row.id).where(row.person.in_(people)).where(is_waiting(today))
    )
    waiting = dict(found.all())
    recent = set(
        session.scalars(
            select(row.person)
            .where(row.person.in_(people))
            .where(row.as_of > today - timedelta(days=repeat_days))
            .where(~was_corrected())
        )
    )
    away = {} if newest is None else stand_ins(session, newest)

    def why(person: schema.Person) -> WhyNot:
        if person.person in waiting:
            return WhyNot.IN_QUEUE
        if person.informed_on is None or person.informed_on > today:
            return WhyNot.NOT_INFORMED
        if newest is None:
            return WhyNot.NO_REVIEW
        if person.entered_on + timedelta(days=min_history_days) > newest:
            return WhyNot.TOO_RECENT
        if person.person in recent:
            return WhyNot.SEEN_RECENTLY
        if person.referent in away and away[person.referent] is None:
            return WhyNot.ABSENT
        return WhyNot.NOT_RETAINED

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
