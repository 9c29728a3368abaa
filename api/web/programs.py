"""The same acts for programs: JSON under ``/api/v1``, described at ``/openapi.json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from api.gate import load_table
from api.home import Home
from api.web import acts
from api.web.access import (
    CSRF_HEADER,
    GuardedRoute,
    Visit,
    anybody,
    drop_session,
    keep_session,
    may,
    signed_in,
)
from api.web.answers import (
    DecisionAsked,
    DoneAnswer,
    ErrorAnswer,
    JournalAnswer,
    LoginAnswer,
    LoginAsked,
    ModelAnswer,
    ModelsAnswer,
    OpenedAnswer,
    PeopleAnswer,
    QueueAnswer,
    SignalAnswer,
    SituationAnswer,
    StateAnswer,
    ViewAsked,
    VoteAsked,
    WordingAnswer,
    WordingAsked,
    WordingsAnswer,
)
from api.web.doors import sign_in
from api.web.languages import AskedLanguage
from api.web.oversight import SHOWN_ENTRIES
from api.web.rendering import DANGER_SENTENCE, EMERGENCY
from revue import committee, journal, queue, review, wordings
from revue.accounts import close_session
from revue.permissions import Permission
from revue.records import SituationPage

_MEANINGS = {
    401: "No open session: sign in at `/api/v1/login`.",
    403: f"Not for this role, or `{CSRF_HEADER}` is missing.",
    404: "Unknown, or not yours.",
    409: "Not now: the steps are own view, signal, decision.",
    422: "The request does not say what it must.",
    429: "Too many failed sign-ins.",
}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer, "description": _MEANINGS[status]} for status in statuses}


router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, responses=_refusals(401, 403, 422))

OF_A_SITUATION = _refusals(404, 409)
OF_A_MODEL = _refusals(404)


@router.post("/login", dependencies=[anybody], responses=_refusals(429), tags=["session"])
def login(request: Request, response: Response, asked: LoginAsked) -> LoginAnswer:
    """Sign in: sets the session cookie and returns the token of changing requests.

    A body of another type than JSON is not read, and other sites cannot send JSON without
    being asked first: that is what the form's token does on the page.
    """
    home: Home = request.app.state.home
    web_session = sign_in(home, asked.login, asked.password)
    keep_session(response, web_session, home.settings)
    return LoginAnswer.model_validate({**asdict(web_session.actor), "csrf": web_session.csrf})


@router.post("/logout", tags=["session"])
def logout(response: Response, visit: Annotated[Visit, signed_in]) -> DoneAnswer:
    """Close the session."""
    with visit.home.transaction() as session:
        close_session(session, visit.token)
    drop_session(response, visit.home.settings)
    return DoneAnswer()


@router.get("/queue", tags=["review"])
def read_queue(visit: Annotated[Visit, may(Permission.READ_QUEUE)]) -> QueueAnswer:
    """List the educator's own situations to look at."""
    with visit.home.transaction() as session:
        page = queue.queue_of(session, visit.actor, today=visit.home.today())
    return QueueAnswer.model_validate(page)


@router.get("/people", tags=["review"])
def read_people(visit: Annotated[Visit, may(Permission.READ_PEOPLE)]) -> PeopleAnswer:
    """List everybody the educator accompanies, and why somebody is not in the queue."""
    with visit.home.transaction() as session:
        return PeopleAnswer.model_validate({"people": acts.people_of(session, visit)})


@router.post("/people/{person}/open", responses=OF_A_SITUATION, tags=["review"])
def open_situation(
    person: str, visit: Annotated[Visit, may(Permission.OPEN_SITUATION)]
) -> OpenedAnswer:
    """Open a situation on the educator's own initiative."""
    return OpenedAnswer(id=acts.open_situation(visit, person))


@router.get("/situations/{situation_id}", responses=OF_A_SITUATION, tags=["review"])
def read_situation(
    situation_id: str, visit: Annotated[Visit, may(Permission.READ_SITUATION)]
) -> SituationAnswer:
    """Read the facts, and what the educator already said; never the signal."""
    home = visit.home
    with home.transaction() as session:
        page = review.read_situation(session, visit.actor, situation_id, now=home.now())
    return _situation(home, page)


@router.post("/situations/{situation_id}/view", responses=OF_A_SITUATION, tags=["review"])
def give_view(
    situation_id: str, asked: ViewAsked, visit: Annotated[Visit, may(Permission.GIVE_VIEW)]
) -> SituationAnswer:
    """Keep the educator's own view, before any signal."""
    home = visit.home
    with home.transaction() as session:
        page = review.give_view(
            session,
            visit.actor,
            situation_id,
            opinion=asked.opinion,
            why=asked.why,
            now=home.now(),
        )
    return _situation(home, page)


@router.post("/situations/{situation_id}/signal", responses=OF_A_SITUATION, tags=["review"])
def reveal_signal(
    situation_id: str,
    visit: Annotated[Visit, may(Permission.READ_SIGNAL)],
    language: AskedLanguage,
) -> SignalAnswer:
    """Reveal the signal, in English if `Accept-Language` prefers it; 409 before the own view."""
    home = visit.home
    with home.transaction() as session:
        view = review.reveal_signal(
            session, visit.actor, situation_id, now=home.now(), today=home.today()
        )
        return SignalAnswer.model_validate(acts.in_current_words(session, home, view, language))


@router.get("/situations/{situation_id}/signal", responses=OF_A_SITUATION, tags=["review"])
def read_signal(
    situation_id: str,
    visit: Annotated[Visit, may(Permission.READ_SIGNAL)],
    language: AskedLanguage,
) -> SignalAnswer:
    """Read the signal once it is revealed, in either language; 409 before."""
    home = visit.home
    with home.transaction() as session:
        view = review.read_signal(
            session, visit.actor, situation_id, now=home.now(), today=home.today()
        )
        return SignalAnswer.model_validate(acts.in_current_words(session, home, view, language))


@router.post("/situations/{situation_id}/decision", responses=OF_A_SITUATION, tags=["review"])
def decide(
    situation_id: str, asked: DecisionAsked, visit: Annotated[Visit, may(Permission.DECIDE)]
) -> SituationAnswer:
    """Keep the educator's decision; 409 before the signal was seen."""
    home = visit.home
    with home.transaction() as session:
        page = review.decide(
            session,
            visit.actor,
            situation_id,
            kind=asked.kind,
            offers=asked.offers,
            reason=asked.reason,
            informed=asked.informed,
            now=home.now(),
        )
    return _situation(home, page)


@router.post(
    "/situations/{situation_id}/handled-elsewhere", responses=OF_A_SITUATION, tags=["review"]
)
def handled_elsewhere(
    situation_id: str, visit: Annotated[Visit, may(Permission.READ_SITUATION)]
) -> SituationAnswer:
    """Close a situation at once, in every state: danger never waits."""
    home = visit.home
    with home.transaction() as session:
        page = review.handled_elsewhere(session, visit.actor, situation_id, now=home.now())
    return _situation(home, page)


@router.get("/models", tags=["oversight"])
def read_models(visit: Annotated[Visit, may(Permission.READ_MODELS)]) -> ModelsAnswer:
    """List the models and the votes on them."""
    home = visit.home
    with home.transaction() as session:
        models = committee.models(session, today=home.today())
    return ModelsAnswer.model_validate({"models": models})


@router.get("/models/{version}", responses=OF_A_MODEL, tags=["oversight"])
def read_model(version: str, visit: Annotated[Visit, may(Permission.READ_MODELS)]) -> ModelAnswer:
    """Read one model and the votes on it."""
    return ModelAnswer.model_validate(acts.model_row(visit, version))


@router.get("/models/{version}/table", responses=OF_A_MODEL, tags=["oversight"])
def read_table(
    version: str, visit: Annotated[Visit, may(Permission.READ_MODELS)]
) -> dict[str, Any]:
    """Read the table of a model, as signed."""
    acts.model_row(visit, version)
    return asdict(load_table(visit.home, version))


@router.get("/audits/{version}", responses=OF_A_MODEL, tags=["oversight"])
def read_audit(
    version: str, visit: Annotated[Visit, may(Permission.READ_MODELS)]
) -> dict[str, Any]:
    """Read what the audit of a model found."""
    acts.model_row(visit, version)
    return acts.audit_of(visit.home, version)


@router.post("/models/{version}/{act}", responses=OF_A_SITUATION, tags=["oversight"])
def vote(
    version: str,
    act: acts.CommitteeAct,
    asked: VoteAsked,
    visit: Annotated[Visit, may(Permission.VOTE)],
) -> StateAnswer:
    """Approve, reject, suspend or resume a model."""
    return StateAnswer(
        state=acts.vote(visit, version, act, asked.reason, asked.waive, asked.waive_days)
    )


@router.get("/wordings", tags=["oversight"])
def read_wordings(
    visit: Annotated[Visit, may(Permission.MEND_WORDING)],
) -> WordingsAnswer:
    """Read how each feature group is said, and every version since the protocol's own."""
    home = visit.home
    with home.transaction() as session:
        return WordingsAnswer.model_validate(
            {
                "current": acts.current_wordings(session, home),
                "versions": wordings.history(session),
            }
        )


@router.post("/wordings", tags=["oversight"])
def propose_wording(
    asked: WordingAsked, visit: Annotated[Visit, may(Permission.MEND_WORDING)]
) -> WordingAnswer:
    """Propose other words for a feature group; another member confirms them."""
    return WordingAnswer.model_validate(
        acts.propose_wording(visit, asked.group, asked.text, asked.reason)
    )


@router.post("/wordings/{version}/confirm", responses=OF_A_SITUATION, tags=["oversight"])
def confirm_wording(
    version: int, visit: Annotated[Visit, may(Permission.MEND_WORDING)]
) -> WordingAnswer:
    """Confirm another member's wording: every page reads it from now on."""
    return WordingAnswer.model_validate(acts.confirm_wording(visit, version))


@router.get("/journal", tags=["oversight"])
def read_journal(visit: Annotated[Visit, may(Permission.READ_JOURNAL)]) -> JournalAnswer:
    """Verify the whole journal and read its newest entries."""
    with visit.home.transaction() as session:
        report = journal.verify_journal(session, visit.home.keys.verify)
        # Rows that were changed are not read out as if they had happened.
        entries = journal.entries(session, SHOWN_ENTRIES) if report.ok else ()
    return JournalAnswer.model_validate({**asdict(report), "entries": entries})


def _situation(home: Home, page: SituationPage) -> SituationAnswer:
    danger = home.settings.danger
    first = {
        "sentence": DANGER_SENTENCE,
        "numbers": EMERGENCY,
        "crip": danger.crip,
        "on_call": danger.on_call,
    }
    return SituationAnswer.model_validate({"danger": first, **vars(page)})
