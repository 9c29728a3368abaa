"""One situation, from danger and facts over view and signal to decision and follow-up.

Every act is one form and one transaction. A refused act shows the page again as it stands
then, with what was typed: in its form where the form is still there, else to copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from api.timeline import NARROW, WIDE, draw_timeline
from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.faults import Fault, answer, fault_of
from api.web.forms import (
    Fields,
    TypedContest,
    TypedDay,
    TypedDecision,
    TypedFollowUp,
    TypedView,
)
from api.web.languages import language_of
from api.web.rendering import EMERGENCY, render
from features.errors import RebondError
from features.facts import Fact, FactKind, Facts, retold
from features.hints import Hint, hints
from features.phrases import Language
from revue import contestation, review, second_look, services
from revue.grants import has_identity
from revue.observations import OBSERVATIONS
from revue.offers import OFFERS
from revue.permissions import Permission
from revue.records import Answer, Contact, LocalService, Opinion, SignalView, SituationPage, State
from revue.states import CLOSED_STATES

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

Typed = TypedView | TypedDecision | TypedFollowUp | TypedDay | TypedContest

STEPS = ("Les faits", "Votre avis", "Le signal", "Votre décision", "La suite")
_AT_STEP = {
    State.TO_LOOK_AT: 1,
    State.VIEWED: 2,
    State.SIGNAL_SEEN: 3,
    State.SECOND_LOOK: 3,
    State.LOOKED_TWICE: 3,
    State.IN_TEAM: 3,
    State.DECIDED: 4,
    State.FOLLOWED_UP: 5,
}
_LISTED_SERVICES = 3
_WRITTEN = ("why", "reason", "words", "became", "contest_words")
_DAY_OF: Mapping[type, str] = MappingProxyType(
    {TypedDay: "until", TypedDecision: "again_on", TypedFollowUp: "next_on"}
)

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

QUESTIONS = (
    "Qu'est-ce que la personne dit, elle, de ce qui se passe ?",
    "Qu'est-ce qui va bien, et sur qui peut-elle compter ?",
    "Qu'est-ce que le service a fait, ou n'a pas fait ?",
    "Qu'est-ce que nous ne savons pas, et qui peut le demander ?",
    "Que proposer, et par qui, si la personne le souhaite ?",
)
"""What a team asks itself with the printed sheet in hand."""


@dataclass(frozen=True)
class Step:
    """One of the steps, and whether it is done, current or still to come."""

    name: str
    status: str


@dataclass(frozen=True)
class Side:
    """The facts of one kind, to stand beside the others."""

    kind: FactKind
    title: str
    empty: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Telling:
    """What is told above a page: a refusal, or hints about a text that is not kept yet."""

    typed: Typed | None = None
    fault: Fault | None = None
    hints: Mapping[str, tuple[Hint, ...]] | None = None
    read_over: bool = False


_NOTHING = Telling()

Reading = Annotated[Visit, may(Permission.READ_SITUATION)]
Moving = Annotated[Visit, may(Permission.MOVE_SITUATION)]
ReadingSignal = Annotated[Visit, may(Permission.READ_SIGNAL)]


@router.get("/situations/{situation_id}")
def situation_page(request: Request, situation_id: str, visit: Reading) -> Response:
    """Show a situation as far as its educator has gone."""
    return _show(request, visit, situation_id)


@router.get("/situations/{situation_id}/sheet")
def sheet_page(request: Request, situation_id: str, visit: Reading) -> Response:
    """Show the sheet for a team meeting: facts, questions, the person's words; no estimate."""
    page = acts.on(visit, review.read_situation, situation_id)
    language = language_of(request)
    facts = retold(page.facts, language)
    return render(
        request,
        "sheet.html",
        situation=page,
        facts=facts,
        sides=_sides(facts),
        timeline=_pictures(facts, language),
        questions=QUESTIONS,
        today=visit.home.today(),
        destroy_by=acts.destroy_by(visit, page),
        codes=OBSERVATIONS,
    )


@router.post("/situations/{situation_id}/claim")
def claim(request: Request, situation_id: str, visit: Moving) -> Response:
    """Hold a situation for a while."""
    return _act(request, visit, situation_id, review.claim, anchor="etat")


@router.post("/situations/{situation_id}/release")
def release(request: Request, situation_id: str, visit: Moving) -> Response:
    """Let a situation go again."""
    return _act(request, visit, situation_id, review.release, anchor="etat")


@router.post("/situations/{situation_id}/view")
def give_view(
    request: Request,
    situation_id: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.GIVE_VIEW)],
) -> Response:
    """Keep one's own view, before any signal; a second reader's as well."""
    typed = TypedView.read(fields)
    return _act(
        request,
        visit,
        situation_id,
        review.give_view,
        lambda: {"opinion": typed.chosen(), "why": typed.why},
        anchor="signal",
        typed=typed,
        checked={"why": typed.why},
        read_over=_read_over(fields),
    )


@router.post("/situations/{situation_id}/signal")
def reveal_signal(request: Request, situation_id: str, visit: ReadingSignal) -> Response:
    """Reveal the signal; refused before the own view."""
    return _act(request, visit, situation_id, review.reveal_signal, anchor="signal")


@router.get("/situations/{situation_id}/signal")
def signal_page(request: Request, situation_id: str, visit: ReadingSignal) -> Response:
    """Show the signal once it is revealed, with the rest of the situation."""
    try:
        signal = acts.on(visit, review.read_signal, situation_id)
    except RebondError as error:
        return _show(request, visit, situation_id, Telling(fault=fault_of(error)))
    return _show(request, visit, situation_id, signal=signal)


@router.post("/situations/{situation_id}/without-signal")
def go_without_signal(request: Request, situation_id: str, visit: ReadingSignal) -> Response:
    """Go on to the decision while the committee's stop freezes every signal."""
    return _act(request, visit, situation_id, review.go_without_signal, anchor="decision")


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
        review.decide,
        lambda: {"deciding": typed.deciding()},
        anchor="decision",
        typed=typed,
        checked={} if _is_kept(fields, typed) else {"reason": typed.reason},
        read_over=_read_over(fields),
    )


@router.post("/situations/{situation_id}/follow-up")
def follow_up(
    request: Request,
    situation_id: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.FOLLOW_UP)],
) -> Response:
    """Keep what the person answered and what became of it."""
    typed = TypedFollowUp.read(fields)
    return _act(
        request,
        visit,
        situation_id,
        review.follow_up,
        typed.told,
        anchor="suite",
        typed=typed,
        checked={"became": typed.became},
        read_over=_read_over(fields),
    )


@router.post("/situations/{situation_id}/put-off")
def put_off(request: Request, situation_id: str, fields: Fields, visit: Moving) -> Response:
    """Put a situation off until a day."""
    typed = TypedDay.read(fields)
    return _act(
        request,
        visit,
        situation_id,
        review.put_off,
        lambda: {"until": typed.day()},
        anchor="etat",
        typed=typed,
    )


@router.post("/situations/{situation_id}/resume")
def resume(request: Request, situation_id: str, visit: Moving) -> Response:
    """Go on before the day, or without the second look that was asked for."""
    return _act(request, visit, situation_id, review.resume, anchor="etat")


@router.post("/situations/{situation_id}/second-look")
def ask_second_look(request: Request, situation_id: str, visit: Moving) -> Response:
    """Ask a colleague of the team to look as well."""
    return _act(request, visit, situation_id, second_look.ask_second_look, anchor="second-regard")


@router.post("/situations/{situation_id}/contest")
def contest(
    request: Request,
    situation_id: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.CONTEST)],
) -> Response:
    """Keep the person's contestation, in their own words."""
    typed = TypedContest.read(fields)
    return _act(
        request,
        visit,
        situation_id,
        contestation.contest,
        lambda: {"words": typed.checked()},
        anchor="etat",
        typed=typed,
    )


@router.post("/situations/{situation_id}/handled-elsewhere")
def handled_elsewhere(request: Request, situation_id: str, visit: Reading) -> Response:
    """Close a situation at once, in every state, without a reason: danger never waits."""
    return _act(request, visit, situation_id, review.handled_elsewhere, anchor="danger-titre")


def _is_kept(fields: Fields, typed: TypedDecision) -> bool:
    """Say whether a decision is confirmed with the reason it has: that was looked over."""
    return bool(typed.reason) and fields.get("reason_kept") == typed.reason


def _read_over(fields: Fields) -> bool:
    """Say whether the hints about this text were shown already."""
    return bool(fields.get("read_over"))


def _act(
    request: Request,
    visit: Visit,
    situation_id: str,
    act: Callable[..., object],
    said: Callable[[], Mapping[str, Any]] = dict,
    *,
    anchor: str,
    typed: Typed | None = None,
    checked: Mapping[str, str] | None = None,
    read_over: bool = False,
) -> Response:
    """Do one act, then show the page again; keep what was typed if it is refused.

    Parameters
    ----------
    act, said
        The act of the review, and what is said to it, read from the form.
    anchor
        Where the page goes on.
    typed
        The form as typed.
    checked
        Texts of the educator to look over before they are kept, by field.
    read_over
        The hints about them were shown already: nobody is asked twice.
    """
    language = language_of(request)
    try:
        told = said()
        to_check = {} if read_over or checked is None else checked
        names = acts.names_on(visit, situation_id) if to_check else ()
        found = {field: hints(text, language, names=names) for field, text in to_check.items()}
        if any(found.values()):
            return _show(request, visit, situation_id, Telling(typed=typed, hints=found))
        acts.on(visit, act, situation_id, **told)
    except RebondError as error:
        return _refuse(request, visit, situation_id, error, typed, read_over)
    return RedirectResponse(f"/situations/{situation_id}#{anchor}", 303)


def _refuse(
    request: Request,
    visit: Visit,
    situation_id: str,
    error: RebondError,
    typed: Typed | None,
    read_over: bool,
) -> Response:
    """Show the page again with what was refused, and what was typed even where it is closed."""
    fault = fault_of(error)
    if isinstance(error, review.DatePast):
        fault = replace(fault, field=_DAY_OF.get(type(typed)))
    try:
        telling = Telling(typed=typed, fault=fault, read_over=read_over)
        return _show(request, visit, situation_id, telling)
    except RebondError as gone:  # it changed hands meanwhile
        return answer(request, fault_of(gone), type(gone).__name__)


def _show(
    request: Request,
    visit: Visit,
    situation_id: str,
    telling: Telling = _NOTHING,
    signal: SignalView | None = None,
) -> Response:
    """Show the situation page, with what is told above it."""
    home, language, withheld = visit.home, language_of(request), None
    now, today = home.now(), home.today()
    near: Mapping[str, tuple[LocalService, ...]] = {}
    with home.transaction() as session:
        page = review.read_situation(session, visit.actor, situation_id, now=now, today=today)
        names = acts.names_of(session, visit, {page.person}, language)
        if signal is None and acts.was_revealed(session, visit, page):
            try:
                signal = review.read_signal(
                    session, visit.actor, situation_id, now=now, today=today
                )
            except RebondError as refused:
                withheld = fault_of(refused)
        if signal is not None:
            signal = acts.in_current_words(session, home, signal, language)
        reachable = page.state not in CLOSED_STATES and has_identity(session, page.person)
        if page.decisions:
            near = _near(services.services_for(session, _THEMES, _LISTED_SERVICES))
    facts = retold(page.facts, language)
    return render(
        request,
        "situation.html",
        telling.fault.status if telling.fault else 200,
        situation=page,
        facts=facts,
        name=names[page.person],
        emergency=EMERGENCY,
        timeline=_pictures(facts, language),
        sides=_sides(facts),
        steps=_steps(page),
        signal=signal,
        withheld=withheld,
        outcome=acts.outcome_of(home, signal, language),
        opinions=tuple(Opinion),
        offers=OFFERS,
        services=near,
        contacts=tuple(Contact),
        reachable=reachable,
        answers=tuple(Answer),
        codes=OBSERVATIONS,
        today=today,
        typed=_filled(page, telling.typed, today),
        unkept=_unkept(page, telling.typed),
        fault=telling.fault,
        hints={field: found for field, found in (telling.hints or {}).items() if found},
        read_over=bool(telling.hints) or telling.read_over,
    )


_THEMES = tuple(offer.theme for offer in OFFERS if offer.theme is not None)


def _near(found: tuple[LocalService, ...]) -> dict[str, tuple[LocalService, ...]]:
    return {
        theme: tuple(service for service in found if service.theme == theme)
        for theme in {service.theme for service in found}
    }


def _filled(page: SituationPage, typed: Typed | None, today: date) -> dict[str, Any]:
    """Fill every form: with what was typed, else with the decision to confirm, else empty."""
    filled: dict[str, Any] = {}
    for form in (TypedView, TypedDecision, TypedFollowUp, TypedDay, TypedContest):
        filled |= asdict(form())
    if page.decisions and page.decision is not None:
        filled |= asdict(TypedDecision.of(page.decision, today))
    return filled | (asdict(typed) if typed is not None else {})


def _unkept(page: SituationPage, typed: Typed | None) -> tuple[str, ...]:
    """Return the texts typed into a form that the page does not show any more."""
    shown = {
        TypedView: {"view", "second_view"},
        TypedDecision: {"decide"},
        TypedFollowUp: {"follow_up"},
        TypedDay: {"put_off"},
        TypedContest: {"contest"},
    }
    return () if typed is None or shown[type(typed)] & set(page.acts) else _texts(typed)


def _texts(typed: Typed | None) -> tuple[str, ...]:
    return tuple(text for field in _WRITTEN if (text := getattr(typed, field, "")))


def _pictures(facts: Facts, language: Language) -> dict[str, Markup]:
    return {
        layout.kind: Markup(draw_timeline(facts, layout, language))  # noqa: S704 - escaped there
        for layout in (WIDE, NARROW)
    }


def _sides(facts: Facts) -> tuple[Side, ...]:
    return tuple(
        Side(kind, title, empty, tuple(fact for fact in facts.facts if fact.kind == kind))
        for kind, title, empty in SIDES
    )


def _steps(page: SituationPage) -> tuple[Step, ...]:
    at = _AT_STEP.get(page.state)
    if at is None:
        return tuple(Step(name, "closed") for name in STEPS)
    return tuple(
        Step(name, "done" if n < at else "current" if n == at else "later")
        for n, name in enumerate(STEPS)
    )
