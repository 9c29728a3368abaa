"""Situations in every state of their life, made by the acts that lead there."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from revue import committee, contestation, review, schema, second_look
from revue.accounts import actor_for
from revue.records import Answer, DecisionKind, ModelState, Opinion, Outcome, State
from tests.api.web_home import CLI, NOW

STOPPED = "stopped"
"""Stands beside the states: viewed, under a model that the committee stopped."""

STOPPED_VERSION = "8"
TODAY = NOW.date()


def lives(session: Session, placed: str) -> dict[str, str]:
    """Bring one situation into every state, and one under a stopped model; ids by state.

    All are claire's, but the one that waits for the team lead; the second reader is karim.

    Parameters
    ----------
    session
        On a home as :func:`tests.api.web_home.build` makes it.
    placed
        Id of a situation with a signal, whose facts and signal all of them get.

    Returns
    -------
    dict
        State, or :data:`STOPPED`, to id; told in advance, so that every run has the same.
    """
    like = session.get_one(schema.Situation, placed)
    claire, karim = actor_for(session, "claire"), actor_for(session, "karim")
    on = {"now": NOW, "today": TODAY}
    view = partial(review.give_view, opinion=Opinion.YES, why="Deux messages.", **on)
    reveal = partial(review.reveal_signal, **on)

    def decide(kind: DecisionKind, **more: Any) -> partial[Any]:
        return partial(review.decide, deciding=review.Deciding(kind, "Vu ensemble.", **more), **on)

    contest = partial(contestation.contest, words="Ce n'est pas cela.", **on)
    seen = [view, reveal]
    offered = [*seen, decide(DecisionKind.OFFER, offers=("trajet",))]
    followed = partial(
        review.follow_up, answer=Answer.ACCEPTED, became="Fait.", again_on=None, **on
    )
    acts: dict[str, list[partial[Any]]] = {
        State.TO_ASSIGN: [],
        State.TO_LOOK_AT: [],
        State.VIEWED: [view],
        State.SIGNAL_SEEN: seen,
        State.PUT_OFF: [partial(review.put_off, until=TODAY + timedelta(7), **on)],
        State.SECOND_LOOK: [*seen, partial(second_look.ask_second_look, **on)],
        State.LOOKED_TWICE: [*seen, decide(DecisionKind.NOTHING_NOW)],
        State.IN_TEAM: [*seen, decide(DecisionKind.TEAM, again_on=TODAY)],
        State.DECIDED: offered,
        State.FOLLOWED_UP: [*offered, followed],
        State.CONTESTED: [contest],
        State.WITHDRAWN: [contest],
        State.EXPIRED: [],
        State.HANDLED_ELSEWHERE: [partial(review.handled_elsewhere, **on)],
        STOPPED: [view],
    }
    committee.register_model(
        session,
        version=STOPPED_VERSION,
        family="additive",
        table_hash="3" * 64,
        protocol_hash="0" * 64,
        data_hash="1" * 64,
        chosen=False,
        by=CLI,
        now=NOW,
    )
    ids = {}
    for number, (name, steps) in enumerate(acts.items()):
        known = ("facts", "as_of", "due_on", "version", "valid_until", "probability", "opened_at")
        given = {column: getattr(like, column) for column in known}
        if name == State.EXPIRED:
            given["valid_until"] = TODAY - timedelta(1)
        if name == STOPPED:
            given["version"] = STOPPED_VERSION
        row = schema.Situation(
            id=f"situation-{number:06}",
            person=f"{number:016x}",
            team="insertion",
            referent=None if name == State.TO_ASSIGN else "claire",
            kind=like.kind,
            state=State.TO_ASSIGN if name == State.TO_ASSIGN else State.TO_LOOK_AT,
            **given,
        )
        ids[name] = row.id
        session.add(row)
        session.add(
            schema.Person(
                person=row.person,
                team="insertion",
                referent=row.referent,
                entered_on=TODAY - timedelta(300),
                left_on=None,
                informed_on=TODAY - timedelta(290),
                synced_at=NOW,
            )
        )
        session.flush()
        content = session.get_one(schema.Signal, like.id).content
        session.add(schema.Signal(situation_id=row.id, as_of=like.as_of, content=content))
        session.flush()
        for step in steps:
            step(session, claire, row.id)
    review.give_view(session, karim, ids[State.LOOKED_TWICE], opinion=Opinion.NO, why="", **on)
    contestation.answer_contestation(
        session,
        actor_for(session, "dina"),
        ids[State.WITHDRAWN],
        outcome=Outcome.UPHELD,
        answer="La date était fausse.",
        now=NOW,
    )
    session.get_one(schema.Model, STOPPED_VERSION).state = ModelState.SUSPENDED
    return ids
