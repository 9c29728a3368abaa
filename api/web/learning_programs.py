"""The practice module for programs: the same steps, and the same nothing that is kept."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter

from api.practice import Result, results
from api.web.access import GuardedRoute, Visit, may
from api.web.answers import (
    Answer,
    Asked,
    DangerAnswer,
    EmergencyAnswer,
    EstimateAnswer,
    FactAnswer,
)
from api.web.languages import AskedLanguage
from api.web.refusals import ALWAYS, OF_A_SITUATION
from api.web.rendering import DANGER_SENTENCE, EMERGENCY
from api.web.speech import Speech
from revue.exercises import EXERCISES, Exercise, exercise
from revue.permissions import Permission
from revue.practice import ELSEWHERE, OwnViewMissing, Question, practise, progress
from revue.records import DecisionKind, Opinion, SituationKind

router = APIRouter(
    prefix="/api/v1/practice",
    route_class=GuardedRoute,
    responses=ALWAYS | OF_A_SITUATION,
    tags=["learning"],
)


class ExerciseRow(Answer):
    """One exercise, and whether this educator has done it; ``lesson`` is null until then."""

    id: str
    person: str
    done: bool
    lesson: str | None


class ShareAnswer(Answer):
    """Of 10 people, about ``of_10`` chose this: 0 is less than one, 10 more than nine."""

    question: Question
    choice: str
    of_10: int


class ResultAnswer(Answer):
    """What colleagues answered; ``people`` is null where too few did the exercise."""

    exercise: str
    people: int | None
    shares: tuple[ShareAnswer, ...]


class PracticeAnswer(Answer):
    """How far this educator has come; ``results`` stay empty until every exercise is done."""

    practised: bool
    exercises: tuple[ExerciseRow, ...]
    results: tuple[ResultAnswer, ...]


class ExerciseAnswer(Answer):
    """An invented situation before the own view: danger first, then facts; no signal."""

    danger: DangerAnswer
    id: str
    person: str
    entered_on: date
    as_of: date
    facts: tuple[FactAnswer, ...]
    missing: tuple[str, ...]
    known: tuple[str, ...]


class PracticeAsked(Asked):
    """The own view first, then the same with a decision; ``handled_elsewhere`` needs no view."""

    opinion: Opinion | None = None
    kind: DecisionKind | Literal["handled_elsewhere"] | None = None


class InventedSignalAnswer(Answer):
    """What an invented signal says; no model made it."""

    estimate: EstimateAnswer
    reasons: tuple[str, ...]
    against: tuple[str, ...]
    limits: tuple[str, ...]


class PracticeStepAnswer(Answer):
    """What comes after a step; ``outcome`` is empty until the decision."""

    kind: SituationKind
    signal: InventedSignalAnswer | None
    decisions: tuple[DecisionKind, ...]
    outcome: tuple[str, ...]


@router.get("")
def read_practice(
    visit: Annotated[Visit, may(Permission.PRACTISE)], language: AskedLanguage
) -> PracticeAnswer:
    """Read which exercises are done and, once all are, what colleagues answered as a group."""
    say = Speech(language).say
    with visit.home.transaction() as session:
        come = progress(session, visit.actor)
        rows = tuple(
            ExerciseRow(
                id=each.id,
                person=say(each.person),
                done=each.id in come.done,
                lesson=say(each.lesson) if each.id in come.done else None,
            )
            for each in EXERCISES
        )
        shown = results(session, visit.actor) if all(row.done for row in rows) else ()
    return PracticeAnswer(
        practised=come.practised,
        exercises=rows,
        results=tuple(_result(result) for result in shown),
    )


@router.get("/{exercise_id}")
def read_exercise(
    exercise_id: str,
    visit: Annotated[Visit, may(Permission.PRACTISE)],
    language: AskedLanguage,
) -> ExerciseAnswer:
    """Read an invented situation; never its signal."""
    found, say = exercise(exercise_id), Speech(language).say
    danger = visit.home.settings.danger
    return ExerciseAnswer(
        danger=DangerAnswer(
            sentence=say(DANGER_SENTENCE),
            numbers=tuple(
                EmergencyAnswer(number=call.number, purpose=say(call.purpose)) for call in EMERGENCY
            ),
            crip=danger.crip,
            on_call=danger.on_call,
        ),
        id=found.id,
        person=say(found.person),
        entered_on=found.entered_on,
        as_of=found.as_of,
        facts=tuple(FactAnswer(text=say(fact.text), kind=fact.kind) for fact in found.facts),
        missing=tuple(map(say, found.missing)),
        known=tuple(map(say, found.known)),
    )


@router.post("/{exercise_id}")
def do_exercise(
    exercise_id: str,
    asked: PracticeAsked,
    visit: Annotated[Visit, may(Permission.PRACTISE)],
    language: AskedLanguage,
) -> PracticeStepAnswer:
    """Give the own view, then the view and a decision; only the latter is noted, as done."""
    found, home = exercise(exercise_id), visit.home
    if asked.kind is None:
        if asked.opinion is None:
            raise OwnViewMissing("neither a view nor a decision is sent; give the own view first.")
        return _step(found, (), Speech(language))
    decision = ELSEWHERE if asked.kind == ELSEWHERE.value else DecisionKind(asked.kind)
    with home.transaction() as session:
        practise(
            session,
            visit.actor,
            found.id,
            opinion=asked.opinion,
            decision=decision,
            now=home.now(),
        )
    return _step(found, found.outcome, Speech(language))


def _step(found: Exercise, outcome: tuple[str, ...], speech: Speech) -> PracticeStepAnswer:
    signal = found.signal
    return PracticeStepAnswer(
        kind=found.kind,
        signal=signal
        and InventedSignalAnswer(
            estimate=EstimateAnswer.model_validate(signal.estimate),
            reasons=tuple(map(speech.say, signal.reasons)),
            against=tuple(map(speech.say, signal.against)),
            limits=tuple(map(speech.say, signal.limits)),
        ),
        decisions=found.decisions,
        outcome=tuple(map(speech.say, outcome)),
    )


def _result(result: Result) -> ResultAnswer:
    return ResultAnswer.model_validate(
        {"exercise": result.exercise.id, "people": result.people, "shares": result.shares}
    )
