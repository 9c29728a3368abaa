"""What a team lead looks after: absences, hand-over, the service's shortage; no fact, no signal."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from revue import schema
from revue.absences import UnknownEducator, absences_of, educators_of, stand_ins
from revue.accompanying import is_valid
from revue.order import neutral
from revue.permissions import NotYours, Permission, check_allowed
from revue.queue import newest_run
from revue.records import Actor, State, TeamPage, ToAssign
from revue.situations import NoSuchSituation, move
from revue.states import DONE_STATES, Act, ActOutOfOrder, check_step, state_on


def team_page(session: Session, actor: Actor, *, today: date) -> TeamPage:
    """Show a team lead their team: who is away, and what nobody accompanies yet.

    Raises
    ------
    Forbidden, NotYours
    """
    check_allowed(actor, Permission.READ_TEAM)
    team = _team(actor)
    row = schema.Situation
    waiting = session.execute(
        select(row.id, row.person, func.coalesce(row.again_on, row.due_on).label("due_on"))
        .where(row.team == team)
        .where(row.referent.is_(None))
        .where(row.assigned_to.is_(None))
        .where(
            (row.state == State.TO_ASSIGN) | row.state.in_(DONE_STATES) & row.again_on.is_not(None)
        )
        .where(is_valid(today))
    )
    last = newest_run(session)
    return TeamPage(
        team=team,
        educators=educators_of(session, team),
        absences=absences_of(session, team, today=today),
        to_assign=tuple(
            ToAssign(one.id, one.person, one.due_on)
            for one in sorted(waiting, key=lambda one: (one.due_on, neutral(one.id)))
        ),
        unserved=last.unserved if last else 0,
        as_of=last.as_of if last else None,
    )


def assign(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    login: str,
    now: datetime,
    today: date,
) -> None:
    """Give a situation that nobody accompanies to an educator of the team.

    That is also a decided one, where the person was left without a referent since: what was
    offered is still to be followed up.

    Raises
    ------
    Forbidden, NotYours, NoSuchSituation, ActOutOfOrder
    UnknownEducator
        Nobody of the team, or somebody who is away.
    """
    check_allowed(actor, Permission.ASSIGN)
    team = _team(actor)
    row = session.get(schema.Situation, situation_id)
    if row is None or row.team != team:
        raise NoSuchSituation(f"{team} has no situation {situation_id!r}.")
    after = check_step(state_on(row.state, row.valid_until, today), Act.ASSIGN)
    if row.referent is not None or row.assigned_to is not None:
        raise ActOutOfOrder("somebody accompanies this person already; an absence changes hands.")
    if login not in educators_of(session, team) or login in stand_ins(session, today):
        raise UnknownEducator(f"{login!r} is not an educator of {team} who is there today.")
    row.assigned_to = login
    to = {"to": login}
    move(session, actor, row, after, "assign", to, now=now, again_on=row.again_on)


def handled_elsewhere(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> None:
    """Close a situation that nobody accompanies, in every state: danger waits for nobody (S33).

    Raises
    ------
    Forbidden, NotYours, NoSuchSituation
        Not of the team, or an educator has it: it is theirs to close.
    """
    check_allowed(actor, Permission.ASSIGN)
    row = session.get(schema.Situation, situation_id)
    if row is None or row.team != _team(actor) or row.referent or row.assigned_to:
        raise NoSuchSituation(f"nothing waits to be assigned under {situation_id!r}.")
    after = check_step(state_on(row.state, row.valid_until, today), Act.HANDLED_ELSEWHERE)
    move(session, actor, row, after, "handled_elsewhere", {}, now=now)


def _team(actor: Actor) -> str:
    if actor.team is None:
        raise NotYours(f"{actor.login} leads no team.")
    return actor.team
