"""The practice module and the help page: how this tool is used, before and beside using it.

In an exercise the answers travel in its forms; only its end is written down, and what was
answered only as a count (:mod:`revue.practice`). Looking at a page changes nothing.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData

from api.practice import results
from api.web.access import GuardedRoute, Visit, may, signed_in
from api.web.faults import fault_of
from api.web.forms import Fields, MissingChoice, TypedDecision, TypedView
from api.web.rendering import EMERGENCY, render
from api.web.situation import SIDES
from features.errors import RebondError
from revue.exercises import EXERCISES, Exercise, exercise
from revue.permissions import Permission, is_allowed
from revue.practice import ELSEWHERE, practise, progress
from revue.records import DecisionKind, Opinion, State

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

STEPS = (
    (State.TO_LOOK_AT, "Les faits"),
    (State.TO_LOOK_AT, "Votre avis"),
    (State.VIEWED, "Le signal"),
    (State.SIGNAL_SEEN, "Votre décision"),
    (State.DECIDED, "La suite de l'histoire"),
)
"""The steps of an exercise, each with the state in which it is the one to take."""

SEEN_BY = (
    (
        "Vous, éducatrice ou éducateur",
        "Les personnes que vous accompagnez, et celles de votre équipe sans référent.",
        "Les personnes accompagnées par d'autres.",
    ),
    (
        "La ou le collègue d'un second regard",
        "Les faits de cette situation, le temps du second regard.",
        "Votre avis, le signal, votre décision.",
    ),
    (
        "La ou le responsable d'équipe",
        "Les absences, ce qui est à attribuer, et ce que le service n'a pas pu regarder.",
        "Les faits, les avis, les signaux, les décisions.",
    ),
    (
        "Le comité d'éthique",
        "Les modèles, les audits, le journal sans contenu.",
        "Les personnes et les situations.",
    ),
    (
        "La déléguée ou le délégué à la protection des données",
        "Les contestations, les demandes des personnes, le journal sans contenu.",
        "La file et les avis.",
    ),
    (
        "La ou le responsable des données",
        "Les imports et les modèles.",
        "La file, les avis, les décisions.",
    ),
    (
        "L'administration technique",
        "Les comptes.",
        "Les personnes et les situations.",
    ),
)
"""Who sees what and what not, as the help page says it; the rule is the permission matrix."""

_NEXT = {State.TO_LOOK_AT: State.VIEWED, State.VIEWED: State.SIGNAL_SEEN}


@router.get("/help")
def help_page(request: Request, visit: Annotated[Visit, signed_in]) -> Response:
    """Explain the tool: how a signal is made, what it cannot know, and how to disagree."""
    return render(
        request,
        "help.html",
        seen_by=SEEN_BY,
        practises=is_allowed(visit.actor, Permission.PRACTISE),
    )


@router.get("/practice")
def practice_page(request: Request, visit: Annotated[Visit, may(Permission.PRACTISE)]) -> Response:
    """Show which exercises are done, and once all are, what colleagues answered."""
    with visit.home.transaction() as session:
        come = progress(session, visit.actor)
        all_done = come.done.issuperset(each.id for each in EXERCISES)
        shown = results(session, visit.actor) if all_done else ()
    return render(request, "practice.html", progress=come, exercises=EXERCISES, results=shown)


@router.get("/practice/{exercise_id}")
def exercise_page(
    request: Request, exercise_id: str, visit: Annotated[Visit, may(Permission.PRACTISE)]
) -> Response:
    """Show an exercise from its beginning."""
    return _show(request, exercise(exercise_id), State.TO_LOOK_AT)


@router.post("/practice/{exercise_id}")
def exercise_step(
    request: Request,
    exercise_id: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.PRACTISE)],
) -> Response:
    """Go one step further; the last one is written down, without its answers."""
    asked = exercise(exercise_id)
    stage = _stage(fields)
    if "elsewhere" in fields:
        return _elsewhere(request, visit, asked, stage, fields)
    try:
        opinion = TypedView.read(fields).chosen()
    except MissingChoice as error:
        return _show(request, asked, State.TO_LOOK_AT, error=error)
    if stage in _NEXT:
        return _show(request, asked, _NEXT[stage], opinion)
    try:
        decision = TypedDecision.read(fields).deciding().kind
        _practise(visit, asked, opinion, decision)
    except RebondError as error:
        return _show(request, asked, State.SIGNAL_SEEN, opinion, error=error)
    return _show(request, asked, State.DECIDED, opinion, decision)


def _elsewhere(
    request: Request, visit: Visit, asked: Exercise, stage: State, fields: FormData
) -> Response:
    """End a story of danger at once, from every step; elsewhere say what the button would do."""
    if asked.danger:
        _practise(visit, asked, None, ELSEWHERE)
        return _show(request, asked, State.DECIDED, decision=ELSEWHERE)
    try:
        opinion = TypedView.read(fields).chosen()
    except MissingChoice:  # the button was there before any answer
        return _show(request, asked, State.TO_LOOK_AT, elsewhere=True)
    return _show(request, asked, stage, opinion, elsewhere=True)


def _practise(
    visit: Visit, asked: Exercise, opinion: Opinion | None, decision: DecisionKind | State
) -> None:
    now = visit.home.now()
    with visit.home.transaction() as session:
        practise(session, visit.actor, asked.id, opinion=opinion, decision=decision, now=now)


def _stage(fields: FormData) -> State:
    """Return from which step a form was sent; the first one where it does not say."""
    sent = fields.get("stage")
    return next((stage for stage, _ in STEPS if stage.value == sent), State.TO_LOOK_AT)


def _show(
    request: Request,
    asked: Exercise,
    stage: State,
    opinion: Opinion | None = None,
    decision: DecisionKind | State | None = None,
    *,
    error: RebondError | None = None,
    elsewhere: bool = False,
) -> Response:
    """Show an exercise at one of its steps, with what was refused above it."""
    fault = fault_of(error) if error else None
    following = EXERCISES.index(asked) + 1
    return render(
        request,
        "exercise.html",
        fault.status if fault else 200,
        exercise=asked,
        following=EXERCISES[following] if following < len(EXERCISES) else None,
        stage=stage,
        steps=_steps(stage),
        opinion=opinion,
        decision=decision,
        opinions=tuple(Opinion),
        sides=[
            (kind, title, [fact for fact in asked.facts if fact.kind == kind], empty)
            for kind, title, empty in SIDES
        ],
        emergency=EMERGENCY,
        elsewhere=elsewhere,
        fault=fault,
    )


def _steps(stage: State) -> list[tuple[str, str]]:
    """Return each step's name, and whether it is done, current or still to come."""
    at = max(n for n, (state, _) in enumerate(STEPS) if state is stage)
    return [
        (name, "done" if n < at else "current" if n == at else "later")
        for n, (_, name) in enumerate(STEPS)
    ]
