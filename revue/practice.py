"""The practice module: who has done which exercise, and what nobody in particular answered.

No first signal before it is done (S36). That somebody did an exercise is kept; what they
answered only raises a count, in the same transaction and the first time only (S24).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.exercises import EXERCISES, Exercise, exercise
from revue.journal import record
from revue.permissions import Permission, account_of, check_allowed
from revue.records import Actor, DecisionKind, Opinion, State
from revue.review import NoSignalToDismiss

TOGETHER = 11
"""How many people more have to answer before the counts are told anew (statistical secrecy)."""

ELSEWHERE = State.HANDLED_ELSEWHERE
"""The answer of somebody who said *traité hors de cet outil*, whatever was asked."""

Choice = Opinion | DecisionKind | State


class Question(StrEnum):
    """What an exercise asks."""

    OPINION = "opinion"
    KIND = "kind"


class OwnViewMissing(RebondError):
    """A decision comes without the own view that is asked first."""


class StoryGoesOn(RebondError):
    """Nothing in this exercise calls for an act outside the tool."""


@dataclass(frozen=True)
class Progress:
    """How far one educator has come; ``done`` holds the ids of exercises."""

    practised: bool
    done: frozenset[str]


def choices(asked: Exercise, question: Question) -> tuple[Choice, ...]:
    """Return every answer that an exercise counts to a question, in the order of the page."""
    answers: tuple[Choice, ...] = tuple(Opinion)
    if question is Question.KIND:
        answers = asked.decisions
    return (*answers, ELSEWHERE) if asked.danger else answers


def progress(session: Session, actor: Actor) -> Progress:
    """Tell which exercises the educator has done.

    Raises
    ------
    Forbidden
        The role does not practise.
    """
    check_allowed(actor, Permission.PRACTISE)
    user = session.get_one(schema.User, account_of(actor))
    done = session.scalars(
        select(schema.PracticeStep.exercise).where(schema.PracticeStep.user_id == user.id)
    )
    return Progress(user.practised, frozenset(done))


def check_answers(
    asked: Exercise, opinion: Opinion | None, decision: DecisionKind | State
) -> Mapping[Question, Choice]:
    """Return what is answered to each question.

    Parameters
    ----------
    asked
        The exercise.
    opinion
        The own view; not needed with :data:`ELSEWHERE`, which stands for both answers.
    decision
        What is decided, or :data:`ELSEWHERE`.

    Raises
    ------
    StoryGoesOn
        :data:`ELSEWHERE` where the story holds no danger.
    OwnViewMissing, revue.review.NoSignalToDismiss
        As on a real page.
    """
    if isinstance(decision, State):
        if decision is not ELSEWHERE or not asked.danger:
            raise StoryGoesOn(f"nothing in {asked.id} is handled elsewhere; go on with it.")
        return dict.fromkeys(Question, ELSEWHERE)
    if opinion is None:
        raise OwnViewMissing("the own view comes before the decision; give it first.")
    if decision not in asked.decisions:
        raise NoSignalToDismiss(
            f"{decision.value!r} is about a signal, and this exercise shows none; "
            f"possible: {', '.join(asked.decisions)}."
        )
    return {Question.OPINION: opinion, Question.KIND: decision}


def practise(
    session: Session,
    actor: Actor,
    exercise_id: str,
    *,
    opinion: Opinion | None,
    decision: DecisionKind | State,
    now: datetime,
) -> Progress:
    """Note that the educator did an exercise, and count the answers of a first time.

    Parameters
    ----------
    session, actor, now
        As everywhere here.
    exercise_id
        Which one.
    opinion, decision
        The answers, see :func:`check_answers`; they are counted and forgotten.

    Raises
    ------
    Forbidden, NoSuchExercise
    StoryGoesOn, OwnViewMissing, revue.review.NoSignalToDismiss
    """
    before = progress(session, actor)
    asked = exercise(exercise_id)
    answers = check_answers(asked, opinion, decision)
    if asked.id in before.done:
        return before
    account = account_of(actor)
    step = schema.PracticeStep
    mine = (step.user_id == account, step.exercise == asked.id)
    session.execute(delete(step).where(*mine))  # what they did too long ago to count
    session.add(schema.PracticeStep(user_id=account, exercise=asked.id, at=now))
    _count(session, asked, answers, now)
    done = before.done | {asked.id}
    practised = before.practised or done.issuperset(each.id for each in EXERCISES)
    session.get_one(schema.User, account).practised = practised
    record(session, actor=actor, act="practise", subject=asked.id, now=now)
    return Progress(practised, done)


def counts(session: Session, actor: Actor, asked: Exercise) -> dict[Question, dict[Choice, int]]:
    """Return the answers to one exercise as last told; shown only after suppression (S24).

    Returns
    -------
    dict
        For each question, how often each choice was taken; every question has the same sum.

    Raises
    ------
    Forbidden
    """
    check_allowed(actor, Permission.PRACTISE)
    kept = {
        (row.question, row.choice): row.shown
        for row in session.scalars(
            select(schema.PracticeCount).where(schema.PracticeCount.exercise == asked.id)
        )
    }
    return {
        question: {
            choice: kept.get((question.value, choice.value), 0)
            for choice in choices(asked, question)
        }
        for question in Question
    }


def _count(
    session: Session, asked: Exercise, answers: Mapping[Question, Choice], now: datetime
) -> None:
    table = schema.PracticeCount
    kept = {
        (row.question, row.choice): row.since
        for row in session.scalars(select(table).where(table.exercise == asked.id))
    }
    # All of an exercise's rows begin on one day: a row of its own day would tell what the
    # person who practised on that day answered.
    since = min(kept.values(), default=now.date())
    session.add_all(
        table(
            exercise=asked.id,
            question=question.value,
            choice=choice.value,
            count=0,
            since=since,
        )
        for question in Question
        for choice in choices(asked, question)
        if (question.value, choice.value) not in kept
    )
    session.flush()
    for question, choice in answers.items():
        session.execute(
            update(table)
            .where(
                table.exercise == asked.id,
                table.question == question.value,
                table.choice == choice.value,
            )
            .values(count=table.count + 1)
        )
    # Each question was answered by everybody who did the exercise: one of them tells how many.
    first = next(iter(Question)).value
    answered = select(func.sum(table.count)).where(
        table.exercise == asked.id, table.question == first
    )
    if (session.scalar(answered) or 0) % TOGETHER == 0:
        session.execute(update(table).where(table.exercise == asked.id).values(shown=table.count))
