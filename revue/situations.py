"""What all acts on a situation share: finding it, what one is to it, holding it, moving it on.

An educator who works on a situation *holds* it for a while, visibly; a colleague who
accompanies the person as well is told so and loses nothing. Everybody goes their own way
from view to signal to decision, so whoever takes a situation over starts with their own view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.facts import Facts
from revue import schema
from revue.absences import logins_of
from revue.accompanying import is_among, is_valid
from revue.journal import record
from revue.noting import observations_of
from revue.permissions import (
    ACTS_OF,
    PERMISSION_FOR,
    WITHOUT_HOLD,
    NotYours,
    Permission,
    accompanies,
    account_of,
    check_allowed,
)
from revue.records import (
    Actor,
    Contestation,
    Decision,
    DecisionKind,
    FollowUp,
    OwnView,
    Part,
    SecondLook,
    SituationPage,
    State,
    decision_kinds,
)
from revue.states import (
    BEGUN_STATES,
    CLOSED_STATES,
    OPEN_STATES,
    TRANSITIONS,
    Act,
    check_step,
    state_on,
)
from revue.stops import stop_of

HOLD = timedelta(minutes=45)
"""How long somebody holds a situation after their last act on it (ours)."""

# Every page asks these, so they are built once; the newest of what holds first.
_DECISIONS = (
    select(schema.Decision)
    .where(schema.Decision.situation_id == bindparam("situation"))
    .order_by(schema.Decision.number.desc())
    .limit(1)
)
_CONTESTATIONS = (
    select(schema.Contestation)
    .where(schema.Contestation.situation_id == bindparam("situation"))
    .order_by(schema.Contestation.number.desc())
    .limit(1)
)
_MINE: dict[str, BindParameter[Any]] = {
    "situation_id": bindparam("situation"),
    "user_id": bindparam("account"),
}
_COME = select(
    select(schema.Reveal.at).filter_by(**_MINE).exists(),
    select(schema.View.at).filter_by(**_MINE).exists(),
)
_FOUND = (
    select(schema.Situation, schema.SecondLook, *_COME.selected_columns)
    .outerjoin(schema.SecondLook, schema.SecondLook.situation_id == schema.Situation.id)
    .where(schema.Situation.id == bindparam("situation"))
)
_FOLLOW_UPS = (
    select(schema.FollowUp)
    .where(schema.FollowUp.situation_id == bindparam("situation"))
    .order_by(schema.FollowUp.number)
)


class NoSuchSituation(RebondError):
    """No situation has this id."""


class HeldByColleague(RebondError):
    """A colleague is working on the situation at this moment.

    Parameters
    ----------
    login, until
        Who, and until when unless they release it.
    """

    def __init__(self, login: str, until: datetime) -> None:
        super().__init__(
            f"{login} is working on this situation until {until:%H:%M} UTC; "
            "come back then, or ask them to release it."
        )
        self.login, self.until = login, until


class ViewMissing(RebondError):
    """Only who gave their own view and asked for the signal decides."""


@dataclass(frozen=True)
class Seen:
    """A situation as one person stands before it today, and the second look asked for on it."""

    row: schema.Situation
    part: Part
    state: State
    look: schema.SecondLook | None


def visible(session: Session, actor: Actor, situation_id: str, *, today: date) -> Seen:
    """Find a situation that the actor accompanies, or was asked to look at.

    Raises
    ------
    NoSuchSituation
        No situation has this id.
    Forbidden, NotYours
        The role sees no situation, or this is somebody else's.
    """
    check_allowed(actor, Permission.READ_SITUATION)
    account = account_of(actor)
    found = session.execute(_FOUND, {"situation": situation_id, "account": account}).first()
    if found is None:
        raise NoSuchSituation(f"no situation has the id {situation_id!r}.")
    row, look, *come = found
    asked = look is not None and look.reader_id == account and actor.team == row.team
    if look is not None and asked and look.ended_at is None:
        return Seen(row, Part.SECOND_READER, row.state, look)
    if accompanies(actor, row, logins_of(session, actor.login, today)):
        return Seen(row, Part.ACCOMPANYING, _standing(row, _come(*come), today), look)
    if asked:
        # Where it stands now would tell what the first educator decided.
        over = row.state if row.state in CLOSED_STATES else State.LOOKED_TWICE
        return Seen(row, Part.SECOND_READER, over, look)
    raise NotYours(
        f"{actor.login} does not accompany this person; only their referent in their team, a "
        "stand-in or whom the team lead assigned does."
    )


def _standing(row: schema.Situation, own: State, today: date) -> State:
    state = state_on(row.state, row.valid_until, today)
    if state is State.PUT_OFF and row.again_on is not None and row.again_on <= today:
        return check_step(state, Act.RESUME, own)
    return own if state in BEGUN_STATES else state


def progress(session: Session, situation_id: str, account: int) -> State:
    """Tell how far one educator has come on their own."""
    come = {"situation": situation_id, "account": account}
    return _come(*session.execute(_COME, come).one())


def _come(revealed: bool, viewed: bool) -> State:
    return State.SIGNAL_SEEN if revealed else State.VIEWED if viewed else State.TO_LOOK_AT


def entry_state(row: schema.Situation) -> State:
    """Return where a situation begins: with its educator, or with the team lead."""
    return State.TO_LOOK_AT if row.referent or row.assigned_to else State.TO_ASSIGN


def holder(row: schema.Situation, now: datetime) -> str | None:
    """Return who is working on a situation at this moment."""
    return row.held_by if row.held_until is not None and row.held_until > now else None


def check_free(actor: Actor, row: schema.Situation, now: datetime) -> None:
    """Refuse to go on while a colleague holds the situation.

    Raises
    ------
    HeldByColleague
        One does.
    """
    held_by = holder(row, now)
    if held_by not in (None, actor.login) and held_by and row.held_until:
        raise HeldByColleague(held_by, row.held_until)


def begin(
    session: Session, actor: Actor, situation_id: str, act: Act, *, now: datetime, today: date
) -> Seen:
    """Find a situation for an act: who may do it, what they are to it, and who holds it.

    The state is checked by the act itself, with :func:`revue.states.check_step`.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague
    """
    check_allowed(actor, PERMISSION_FOR[act])
    seen = visible(session, actor, situation_id, today=today)
    if act not in ACTS_OF[seen.part]:
        raise NotYours(f"{act.value!r} is not for a {seen.part.value.replace('_', ' ')}.")
    if act not in WITHOUT_HOLD:
        check_free(actor, seen.row, now)
    return seen


def pending_contestation(session: Session, situation_id: str) -> schema.Contestation | None:
    """Return the contestation of a situation that waits for its answer."""
    return session.scalars(
        select(schema.Contestation)
        .where(schema.Contestation.situation_id == situation_id)
        .where(schema.Contestation.outcome.is_(None))
    ).first()


def move(
    session: Session,
    actor: Actor,
    row: schema.Situation,
    after: State,
    act: str,
    details: Mapping[str, object],
    *,
    now: datetime,
    again_on: date | None = None,
    hold: bool = False,
) -> None:
    """Move a situation on, with the journal entry of the act that moves it."""
    row.state = after
    row.again_on = again_on
    row.held_by = actor.login if hold else None
    row.held_until = now + HOLD if hold else None
    record(session, actor=actor, act=act, subject=row.id, details=details, now=now)


def is_waiting(day: date | BindParameter[date]) -> ColumnElement[bool]:
    """Return the condition that a situation is open and, at ``day``, not past its validity."""
    return is_among(OPEN_STATES) & is_valid(day)


def page_of(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Show a situation to one person, as far as they have gone and as what they are to it."""
    seen = visible(session, actor, situation_id, today=today)
    return page_as(session, actor, seen, now=now, today=today)


def page_as(
    session: Session, actor: Actor, seen: Seen, *, now: datetime, today: date
) -> SituationPage:
    """Show a situation that was found, and not changed since."""
    row, look, account = seen.row, seen.look, account_of(actor)
    reader = seen.part is Part.SECOND_READER
    decision = None if reader else newest_decision(session, row.id)
    own = _view(session, row.id, account)
    if own is None and decision is not None:
        own = _view(session, row.id, decision.user_id)
    stop = stop_of(session, row.version)
    acts = _acts(session, actor, seen, now=now, today=today, stopped=stop is not None)
    return SituationPage(
        id=row.id,
        person=row.person,
        team=row.team,
        referent=row.referent,
        due_on=look.due_on if reader and look is not None else row.due_on,
        state=seen.state,
        facts=Facts.from_json(row.facts),
        part=seen.part,
        view=own,
        decision=None if decision is None else _told(session, decision),
        decisions=kinds_open_to(session, row, account) if Act.DECIDE in acts else (),
        acts=tuple(acts),
        held_by=None if reader else holder(row, now),
        held_until=None if reader or holder(row, now) is None else row.held_until,
        again_on=None if reader else row.again_on,
        # A colleague's view is not read before one's own (S2).
        second_look=None if reader or look is None else _told_look(session, look, own is not None),
        follow_ups=() if decision is None else _follow_ups(session, row.id),
        contestation=None if reader else newest_contestation(session, row.id),
        observations=observations_of(session, row.person, today=today),
        stop=stop,
    )


def _acts(
    session: Session, actor: Actor, seen: Seen, *, now: datetime, today: date, stopped: bool
) -> list[Act]:
    allowed = [act for act in TRANSITIONS[seen.state] if act in ACTS_OF[seen.part]]
    if holder(seen.row, now) not in (None, actor.login):
        allowed = [act for act in allowed if act in WITHOUT_HOLD]
    without = {Act.SIGNAL if stopped else Act.WITHOUT_SIGNAL}
    revealed = (seen.row.id, account_of(actor))
    if Act.DECIDE in allowed and session.get(schema.Reveal, revealed) is None:
        without |= {Act.DECIDE}
    if seen.look is not None:
        without |= {Act.ASK_SECOND_LOOK}
    if seen.row.valid_until is not None and seen.row.valid_until <= today:
        without |= {Act.PUT_OFF}
    return [act for act in allowed if act not in without]


def kinds_open_to(
    session: Session, row: schema.Situation, account: int
) -> tuple[DecisionKind, ...]:
    """Return what this educator can decide: only a signal that they saw is dismissed."""
    reveal = session.get(schema.Reveal, (row.id, account))
    return decision_kinds(row.kind, shown=reveal is not None and reveal.shown)


def newest_decision(session: Session, situation_id: str) -> schema.Decision | None:
    """Return the decision that holds."""
    return session.scalars(_DECISIONS, {"situation": situation_id}).first()


def _told(session: Session, decision: schema.Decision) -> Decision:
    offers = session.scalars(
        select(schema.DecisionOffer.offer)
        .where(schema.DecisionOffer.situation_id == decision.situation_id)
        .where(schema.DecisionOffer.number == decision.number)
        .order_by(schema.DecisionOffer.offer)
    )
    return Decision(
        kind=decision.kind,
        offers=tuple(offers),
        reason=decision.reason,
        informed=decision.informed,
        by=login_of(session, decision.user_id),
        at=decision.at,
        words=decision.words,
        again_on=decision.again_on,
        contact=decision.contact,
        safe_contact=decision.safe_contact,
    )


def _view(session: Session, situation_id: str, account: int) -> OwnView | None:
    view = session.get(schema.View, (situation_id, account))
    if view is None:
        return None
    return OwnView(view.opinion, view.why, login_of(session, view.user_id), view.at)


def _told_look(session: Session, look: schema.SecondLook, viewed: bool) -> SecondLook:
    return SecondLook(
        reader=login_of(session, look.reader_id),
        asked_by=login_of(session, look.asked_by),
        due_on=look.due_on,
        view=_view(session, look.situation_id, look.reader_id) if viewed else None,
    )


def _follow_ups(session: Session, situation_id: str) -> tuple[FollowUp, ...]:
    rows = session.scalars(_FOLLOW_UPS, {"situation": situation_id})
    return tuple(
        FollowUp(row.answer, row.became, row.again_on, login_of(session, row.user_id), row.at)
        for row in rows
    )


def newest_contestation(session: Session, situation_id: str) -> Contestation | None:
    """Return the contestation that was written down last, answered or not."""
    newest = session.scalars(_CONTESTATIONS, {"situation": situation_id}).first()
    return None if newest is None else contestation_of(session, newest)


def contestation_of(session: Session, row: schema.Contestation) -> Contestation:
    """Return the record of a contestation."""
    return Contestation(
        situation_id=row.situation_id,
        words=row.words,
        by=login_of(session, row.user_id),
        at=row.at,
        due_on=row.due_on,
        outcome=row.outcome,
        answer=row.answer,
        answered_at=row.answered_at,
    )


def login_of(session: Session, user_id: int) -> str:
    """Return the login of an account."""
    return session.get_one(schema.User, user_id).login
