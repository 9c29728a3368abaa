"""What a person asks for, and the month within which they are owed an answer (GDPR 12(3)).

A request is noted with the day it came in: the clock runs from there, whoever notes it when.
The row holds the pseudonym and never what was typed to find it. That of an erasure goes with
everything else; the journal and the register still say that it was done.
"""

from __future__ import annotations

import calendar
import secrets
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.reasons import check_reason
from revue.records import Actor, RequestCount, RequestOutcome, RequestRow, Right

_MONTHS = 12


class ReceivedInFuture(RebondError):
    """A request cannot have come in on a day that has not come."""


class NoSuchRequest(RebondError):
    """No request has this id."""


class AlreadyAnswered(RebondError):
    """The request was answered before."""


def month_after(day: date) -> date:
    """Return the same day of the next month, or its last day where it is shorter.

    References
    ----------
    GDPR 12(3); Regulation 1182/71, article 3(2)(c).

    >>> month_after(date(2026, 11, 21)), month_after(date(2027, 1, 31))
    (datetime.date(2026, 12, 21), datetime.date(2027, 2, 28))
    """
    year, month = day.year + day.month // _MONTHS, day.month % _MONTHS + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def note_request(
    session: Session,
    actor: Actor,
    *,
    person: str,
    asked: Right,
    received_on: date,
    now: datetime,
    today: date,
) -> str:
    """Write down what a person asks for; returns the id of the request.

    Parameters
    ----------
    session, actor
        Who notes it.
    person
        Pseudonym.
    asked, received_on
        Which right, and the day on which it came in: the month runs from there.
    now, today
        Time, and day of the home.

    Raises
    ------
    Forbidden
        The role answers no request.
    ReceivedInFuture
        That day has not come.
    """
    check_allowed(actor, Permission.ANSWER_REQUEST)
    if received_on > today:
        raise ReceivedInFuture(f"{received_on} has not come yet; give the day it came in.")
    id = secrets.token_urlsafe(12)
    session.add(
        schema.Request(
            id=id,
            person=person,
            asked=asked,
            received_on=received_on,
            due_on=month_after(received_on),
            noted_by=actor.login,
            at=now,
            outcome=None,
            answer="",
            done_by=None,
            done_at=None,
        )
    )
    session.flush()
    details = {"person": person, "asked": asked, "received_on": received_on.isoformat()}
    record(session, actor=actor, act="note_request", subject=id, details=details, now=now)
    return id


def note_done(
    session: Session,
    actor: Actor,
    *,
    person: str,
    asked: Right,
    done_at: datetime,
    today: date,
    now: datetime,
) -> None:
    """Write down a request that was done before, as what holds of the person since shows.

    Raises
    ------
    Forbidden
        The role answers no request.
    """
    received_on = min(done_at.date(), today)
    id = note_request(
        session, actor, person=person, asked=asked, received_on=received_on, now=now, today=today
    )
    row = pending(session, id)
    row.outcome, row.done_by, row.done_at = RequestOutcome.DONE, actor.login, done_at
    session.flush()


def answer_request(
    session: Session,
    actor: Actor,
    id: str,
    *,
    outcome: RequestOutcome,
    answer: str,
    now: datetime,
) -> None:
    """Close a request: done, or refused with the reason the person is given.

    Raises
    ------
    Forbidden, NoSuchRequest, AlreadyAnswered
    ReasonMissing
        It is refused, and nothing says why.
    """
    check_allowed(actor, Permission.ANSWER_REQUEST)
    row = pending(session, id)
    said = check_reason(answer) if outcome is RequestOutcome.REFUSED else answer.strip()
    row.outcome, row.answer, row.done_by, row.done_at = outcome, said, actor.login, now
    session.flush()
    details = {"asked": row.asked, "outcome": outcome, "answer": said}
    record(session, actor=actor, act="answer_request", subject=id, details=details, now=now)


def pending(session: Session, id: str) -> schema.Request:
    """Return a request that waits for its answer.

    Raises
    ------
    NoSuchRequest, AlreadyAnswered
    """
    row = session.get(schema.Request, id)
    if row is None:
        raise NoSuchRequest(f"no request has the id {id!r}.")
    if row.outcome is not None:
        raise AlreadyAnswered(f"the request {id} was answered before; note a new one.")
    return row


def open_request(session: Session, person: str, asked: Right) -> schema.Request | None:
    """Return somebody's request for a right that waits for its answer, the longest due first.

    A correction that an import may have brought since is not what is asked for again.
    """
    if asked is Right.RECTIFY and person not in waiting_for_correction(session):
        return None
    row = schema.Request
    return session.scalars(
        select(row)
        .where(row.person == person, row.asked == asked, row.outcome.is_(None))
        .order_by(row.due_on, row.id)
    ).first()


def pending_requests(session: Session, actor: Actor, *, today: date) -> tuple[RequestRow, ...]:
    """List the requests that wait for their answer, the longest due first."""
    check_allowed(actor, Permission.ANSWER_REQUEST)
    rows = session.scalars(
        select(schema.Request)
        .where(schema.Request.outcome.is_(None))
        .order_by(schema.Request.due_on, schema.Request.id)
    )
    return tuple(request_of(row, today) for row in rows)


def request_of(row: schema.Request, today: date) -> RequestRow:
    """Return the record of a request as it stands on a day."""
    return RequestRow(
        id=row.id,
        person=row.person,
        asked=row.asked,
        received_on=row.received_on,
        due_on=row.due_on,
        days_left=(row.due_on - today).days,
        noted_by=row.noted_by,
        outcome=row.outcome,
    )


def request_counts(session: Session, actor: Actor, *, today: date) -> tuple[RequestCount, ...]:
    """Count the requests of each right, without anybody."""
    check_allowed(actor, Permission.READ_RIGHTS)
    rows = session.execute(
        select(
            schema.Request.asked,
            schema.Request.due_on,
            schema.Request.outcome,
            schema.Request.done_at,
        )
    ).all()

    def counted(right: Right) -> RequestCount:
        mine = [row for row in rows if row.asked is right]
        waiting = [row for row in mine if row.outcome is None]
        answered = [row for row in mine if row.done_at is not None]
        return RequestCount(
            asked=right,
            waiting=len(waiting),
            overdue=sum(row.due_on < today for row in waiting),
            answered=len(answered),
            late=sum(row.done_at.date() > row.due_on for row in answered),
        )

    return tuple(map(counted, Right))


def waiting_for_correction(session: Session) -> frozenset[str]:
    """Return whose data were said to be wrong, and of whom nothing was imported since (GDPR 16)."""
    row, person = schema.Request, schema.Person
    return frozenset(
        session.scalars(
            select(row.person)
            .join(person, person.person == row.person)
            .where(row.asked == Right.RECTIFY, row.outcome.is_(None))
            .where(person.synced_at <= row.at)
        )
    )
