"""The second look: a colleague of the team looks as well, blind to the first (S2).

It is asked for on demand, or where own view and decision part strongly. The reader sees the
facts and their own view, never the first educator's view, the signal or the decision.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.absences import stand_ins
from revue.order import neutral
from revue.permissions import account_of
from revue.records import Actor, Opinion, Role, SituationPage, State
from revue.situations import Seen, begin, move, newest_decision, page_of
from revue.states import Act, check_step

WITHIN = timedelta(days=7)
"""How soon a second look is due (ours)."""


class NoSecondReader(RebondError):
    """Nobody else of the team can look at the situation now."""


class AlreadyLookedTwice(RebondError):
    """A second look was asked for before; one is enough."""


def ask_second_look(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Ask a colleague to look as well, before deciding.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague, ActOutOfOrder
    AlreadyLookedTwice, NoSecondReader
    """
    seen = begin(session, actor, situation_id, Act.ASK_SECOND_LOOK, now=now, today=today)
    after = check_step(seen.state, Act.ASK_SECOND_LOOK)
    if session.get(schema.SecondLook, seen.row.id) is not None:
        raise AlreadyLookedTwice("a colleague was asked before; one second look is enough.")
    reader = find_reader(session, actor, seen.row, today=today)
    if reader is None:
        raise NoSecondReader(
            f"nobody else of {seen.row.team} can look at it now; take it up in the team instead."
        )
    add_look(session, actor, seen.row, reader, now=now, today=today)
    move(session, actor, seen.row, after, "ask_second_look", {"reader": reader.login}, now=now)
    return page_of(session, actor, seen.row.id, now=now, today=today)


def give_second_view(
    session: Session,
    actor: Actor,
    seen: Seen,
    *,
    opinion: Opinion,
    why: str,
    now: datetime,
    today: date,
) -> SituationPage:
    """Write down the second reader's view; called by :func:`revue.review.give_view`.

    Raises
    ------
    ActOutOfOrder
        The look was given already, or is not asked for any more.
    """
    decided = newest_decision(session, seen.row.id) is not None
    after = check_step(
        seen.state, Act.SECOND_VIEW, State.LOOKED_TWICE if decided else State.SIGNAL_SEEN
    )
    account = account_of(actor)
    session.add(
        schema.View(situation_id=seen.row.id, user_id=account, opinion=opinion, why=why, at=now)
    )
    session.get_one(schema.SecondLook, seen.row.id).ended_at = now
    details = {"opinion": opinion, "why": why}
    move(session, actor, seen.row, after, "second_view", details, now=now)
    return page_of(session, actor, seen.row.id, now=now, today=today)


def find_reader(
    session: Session, actor: Actor, row: schema.Situation, *, today: date
) -> schema.User | None:
    """Choose a colleague of the team: present, new to the situation, with the fewest looks to give.

    Equals are drawn by a hash of situation and login, so that nobody picks their reader.
    """
    away = stand_ins(session, today)
    viewed = select(schema.View.user_id).where(schema.View.situation_id == row.id)
    counted = session.execute(
        select(schema.SecondLook.reader_id, func.count())
        .where(schema.SecondLook.ended_at.is_(None))
        .group_by(schema.SecondLook.reader_id)
    )
    looks = dict(counted.all())
    colleagues = session.scalars(
        select(schema.User)
        .where(schema.User.role == Role.EDUCATOR)
        .where(schema.User.team == row.team)
        .where(schema.User.closed_at.is_(None))
        .where(schema.User.id != account_of(actor))
        .where(schema.User.id.not_in(viewed))
    )
    return min(
        (colleague for colleague in colleagues if colleague.login not in away),
        key=lambda who: (looks.get(who.id, 0), neutral(f"{row.id}|{who.login}")),
        default=None,
    )


def add_look(
    session: Session,
    actor: Actor,
    row: schema.Situation,
    reader: schema.User,
    *,
    now: datetime,
    today: date,
) -> None:
    """Ask a reader; the situation's state is moved by the caller."""
    session.add(
        schema.SecondLook(
            situation_id=row.id,
            reader_id=reader.id,
            asked_by=account_of(actor),
            asked_at=now,
            due_on=today + WITHIN,
            ended_at=None,
        )
    )
    session.flush()


def end_look(session: Session, situation_id: str, *, now: datetime) -> None:
    """Take a second look back, if one is still asked for."""
    look = session.get(schema.SecondLook, situation_id)
    if look is not None and look.ended_at is None:
        look.ended_at = now
