"""The educator's pages: the queue, the people, and a situation from facts to decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from sqlalchemy.orm import Session

from api.timeline import NARROW, WIDE, draw_timeline
from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.faults import fault_of
from api.web.forms import Fields, TypedDecision, TypedView
from api.web.rendering import EMERGENCY, render
from features.errors import RebondError
from features.facts import Fact, FactKind, Facts
from revue import queue, review
from revue.offers import OFFERS
from revue.permissions import Permission
from revue.records import Opinion, SignalView, State

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

STEPS = ("Les faits", "Votre avis", "Le signal", "Votre décision")
_AT_STEP = {State.TO_LOOK_AT: 1, State.VIEWED: 2, State.SIGNAL_SEEN: 3}

SIDES: tuple[tuple[FactKind, str, str], ...] = (
    (
        "lien",
        "Ce qui est enregistré du lien",
        "Ni échange réciproque ni rendez-vous récent enregistré.",
    ),
    ("besoin", "Besoins et difficultés déclarées", "Rien d'enregistré."),
    ("appui", "Points d'appui", "Rien d'enregistré : à demander à la personne."),
    ("service", "La part du service", "Aucune annulation ni attente du fait du service."),
)


@dataclass(frozen=True)
class Step:
    """One of the four steps, and whether it is done, current or still to come."""

    name: str
    status: str


@dataclass(frozen=True)
class Side:
    """The facts of one kind, to stand beside the others."""

    kind: FactKind
    title: str
    empty: str
    facts: tuple[Fact, ...]


@router.get("/queue")
def queue_page(request: Request, visit: Annotated[Visit, may(Permission.READ_QUEUE)]) -> Response:
    """Show the educator's own situations to look at."""
    with visit.home.transaction() as session:
        page = queue.queue_of(session, visit.actor, today=visit.home.today())
        names = acts.names_of(session, visit, [item.person for item in page.items])
    return render(request, "queue.html", queue=page, names=names)


@router.get("/people")
def people_page(request: Request, visit: Annotated[Visit, may(Permission.READ_PEOPLE)]) -> Response:
    """Show everybody the educator accompanies, and why somebody is not in the queue."""
    with visit.home.transaction() as session:
        people = acts.people_of(session, visit)
        names = acts.names_of(session, visit, [row.person for row in people])
    return render(request, "people.html", people=people, names=names)


@router.post("/people/{person}/open")
def open_situation(
    person: str, visit: Annotated[Visit, may(Permission.OPEN_SITUATION)]
) -> Response:
    """Open a situation on the educator's own initiative."""
    return RedirectResponse(f"/situations/{acts.open_situation(visit, person)}", 303)


@router.get("/situations/{situation_id}")
def situation_page(
    request: Request, situation_id: str, visit: Annotated[Visit, may(Permission.READ_SITUATION)]
) -> Response:
    """Show a situation as far as its educator has gone."""
    return _show(request, visit, situation_id)


@router.post("/situations/{situation_id}/view")
def give_view(
    request: Request,
    situation_id: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.GIVE_VIEW)],
) -> Response:
    """Keep the educator's own view, before any signal."""
    typed = TypedView.read(fields)
    return _act(
        request,
        visit,
        situation_id,
        "signal",
        lambda session: review.give_view(
            session,
            visit.actor,
            situation_id,
            opinion=typed.chosen(),
            why=typed.why,
            now=visit.home.now(),
        ),
        typed,
    )


@router.post("/situations/{situation_id}/signal")
def reveal_signal(
    request: Request, situation_id: str, visit: Annotated[Visit, may(Permission.READ_SIGNAL)]
) -> Response:
    """Reveal the signal; refused before the own view."""
    return _act(
        request,
        visit,
        situation_id,
        "signal",
        lambda session: review.reveal_signal(
            session,
            visit.actor,
            situation_id,
            now=visit.home.now(),
            today=visit.home.today(),
        ),
    )


@router.get("/situations/{situation_id}/signal")
def signal_page(
    request: Request, situation_id: str, visit: Annotated[Visit, may(Permission.READ_SIGNAL)]
) -> Response:
    """Show the signal once it is revealed, with the rest of the situation."""
    try:
        with visit.home.transaction() as session:
            signal = review.read_signal(
                session,
                visit.actor,
                situation_id,
                now=visit.home.now(),
                today=visit.home.today(),
            )
    except RebondError as error:
        return _show(request, visit, situation_id, error)
    return _show(request, visit, situation_id, signal=signal)


@router.post("/situations/{situation_id}/decision")
def decide(
    request: Request,
    situation_id: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.DECIDE)],
) -> Response:
    """Keep the educator's decision; refused before the signal was seen."""
    typed = TypedDecision.read(fields)
    return _act(
        request,
        visit,
        situation_id,
        "decision",
        lambda session: review.decide(
            session,
            visit.actor,
            situation_id,
            kind=typed.chosen(),
            offers=typed.offers,
            reason=typed.reason,
            informed=typed.informed,
            now=visit.home.now(),
        ),
        typed,
    )


@router.post("/situations/{situation_id}/handled-elsewhere")
def handled_elsewhere(
    request: Request, situation_id: str, visit: Annotated[Visit, may(Permission.READ_SITUATION)]
) -> Response:
    """Close a situation at once, in every state, without a reason: danger never waits."""
    return _act(
        request,
        visit,
        situation_id,
        "danger-titre",
        lambda session: review.handled_elsewhere(
            session, visit.actor, situation_id, now=visit.home.now()
        ),
    )


def _act(
    request: Request,
    visit: Visit,
    situation_id: str,
    anchor: str,
    act: Callable[[Session], object],
    typed: TypedView | TypedDecision | None = None,
) -> Response:
    """Do one act in one transaction, then show the page again; keep what was typed if refused."""
    try:
        with visit.home.transaction() as session:
            act(session)
    except RebondError as error:
        return _show(request, visit, situation_id, error, typed)
    return RedirectResponse(f"/situations/{situation_id}#{anchor}", 303)


def _show(
    request: Request,
    visit: Visit,
    situation_id: str,
    error: RebondError | None = None,
    typed: TypedView | TypedDecision | None = None,
    signal: SignalView | None = None,
) -> Response:
    """Show the situation page, with what was refused above it."""
    now, today, withheld = visit.home.now(), visit.home.today(), None
    with visit.home.transaction() as session:
        page = review.read_situation(session, visit.actor, situation_id, now=now)
        names = acts.names_of(session, visit, [page.person])
        if signal is None and page.state in (State.SIGNAL_SEEN, State.DECIDED):
            try:
                signal = review.read_signal(
                    session, visit.actor, situation_id, now=now, today=today
                )
            except (review.SignalExpired, review.SignalFrozen) as stopped:
                withheld = fault_of(stopped)
        if signal is not None:
            signal = acts.in_current_words(session, visit.home, signal)
    fault = fault_of(error) if error else None
    return render(
        request,
        "situation.html",
        fault.status if fault else 200,
        situation=page,
        name=names[page.person],
        emergency=EMERGENCY,
        timeline={
            layout.kind: Markup(draw_timeline(page.facts, layout))  # noqa: S704 - escaped there
            for layout in (WIDE, NARROW)
        },
        sides=_sides(page.facts),
        steps=_steps(page.state),
        signal=signal,
        withheld=withheld,
        outcome=acts.outcome_of(visit.home, signal),
        opinions=tuple(Opinion),
        offers=OFFERS,
        typed=_TYPED | (vars(typed) if typed else {}),
        fault=fault,
    )


_TYPED = {"opinion": "", "why": "", "kind": "", "offers": (), "reason": "", "informed": False}


def _sides(facts: Facts) -> tuple[Side, ...]:
    return tuple(
        Side(kind, title, empty, tuple(fact for fact in facts.facts if fact.kind == kind))
        for kind, title, empty in SIDES
    )


def _steps(state: State) -> tuple[Step, ...]:
    at = _AT_STEP.get(state, len(STEPS))
    if state is State.HANDLED_ELSEWHERE:
        return tuple(Step(name, "closed") for name in STEPS)
    return tuple(
        Step(name, "done" if n < at else "current" if n == at else "later")
        for n, name in enumerate(STEPS)
    )
