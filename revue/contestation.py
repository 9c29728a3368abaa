"""The person's own voice against a situation: it pauses everything until it is answered (S32)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.permissions import Permission, account_of, check_allowed
from revue.reasons import check_reason
from revue.records import Actor, Contestation, Outcome, SituationPage, State
from revue.second_look import end_look
from revue.situations import (
    NoSuchSituation,
    begin,
    contestation_of,
    entry_state,
    move,
    page_of,
    pending_contestation,
)
from revue.states import BEGUN_STATES, Act, check_step

ANSWERED_WITHIN = timedelta(days=30)
"""One month, counted as thirty days: never later than GDPR 12(3) asks."""


class WordsMissing(RebondError):
    """The contestation says nothing."""


def contest(
    session: Session, actor: Actor, situation_id: str, *, words: str, now: datetime, today: date
) -> SituationPage:
    """Write down, in the person's own words, that they contest the situation.

    Their words are kept as they are. Until the data protection officer answers, no signal
    is shown and nothing is decided; danger still goes through.

    Raises
    ------
    NoSuchSituation, Forbidden, ActOutOfOrder, WordsMissing
    """
    seen = begin(session, actor, situation_id, Act.CONTEST, now=now, today=today)
    after = check_step(seen.state, Act.CONTEST)
    if not words.strip():
        raise WordsMissing("write what the person says, in their own words.")
    stood = seen.state
    session.add(
        schema.Contestation(
            situation_id=seen.row.id,
            number=_count(session, seen.row.id),
            user_id=account_of(actor),
            words=words,
            stood=stood,
            at=now,
            due_on=today + ANSWERED_WITHIN,
            outcome=None,
            answer="",
            answered_by=None,
            answered_at=None,
        )
    )
    session.flush()
    again_on = seen.row.again_on
    move(session, actor, seen.row, after, "contest", {"words": words}, now=now, again_on=again_on)
    return page_of(session, actor, seen.row.id, now=now, today=today)


def answer_contestation(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    outcome: Outcome,
    answer: str,
    now: datetime,
) -> None:
    """Answer a contestation: the situation is withdrawn, or goes on where it stood.

    One that was handled outside the tool meanwhile stays so; the answer is owed all the same.

    Raises
    ------
    Forbidden, NoSuchSituation, ActOutOfOrder, ReasonMissing
    """
    check_allowed(actor, Permission.ANSWER_CONTESTATION)
    row = session.get(schema.Situation, situation_id)
    pending = pending_contestation(session, situation_id)
    if row is None or pending is None:
        raise NoSuchSituation(f"no contested situation has the id {situation_id!r}.")
    said = check_reason(answer)
    upheld = outcome is Outcome.UPHELD
    after = row.state
    if row.state is State.CONTESTED:  # else danger came first, and the person is answered alone
        back = entry_state(row) if pending.stood in BEGUN_STATES else pending.stood
        after = check_step(row.state, Act.ANSWER, State.WITHDRAWN if upheld else back)
    pending.outcome, pending.answer = outcome, said
    pending.answered_by, pending.answered_at = account_of(actor), now
    session.flush()
    if upheld:
        end_look(session, situation_id, now=now)
    details = {"outcome": outcome, "answer": said}
    again_on = None if upheld or after in (State.TO_ASSIGN, *BEGUN_STATES) else row.again_on
    move(session, actor, row, after, "answer_contestation", details, now=now, again_on=again_on)


def pending_contestations(session: Session, actor: Actor) -> tuple[Contestation, ...]:
    """List the contestations that wait for their answer, the longest due first.

    Nothing about the person but their own words; the situation is told by its random id.
    """
    check_allowed(actor, Permission.ANSWER_CONTESTATION)
    rows = session.scalars(
        select(schema.Contestation)
        .where(schema.Contestation.outcome.is_(None))
        .order_by(schema.Contestation.due_on, schema.Contestation.situation_id)
    )
    return tuple(contestation_of(session, row) for row in rows)


def count_pending(session: Session) -> int:
    """Count the contestations that wait for their answer, without anybody."""
    waiting = select(func.count()).where(schema.Contestation.outcome.is_(None))
    return session.scalar(waiting) or 0


def _count(session: Session, situation_id: str) -> int:
    counted = select(func.count()).where(schema.Contestation.situation_id == situation_id)
    return session.scalar(counted) or 0
