"""Sessions and oversight for programs: JSON under ``/api/v1``, described at ``/openapi.json``.

The educators' acts are in :mod:`api.web.review_programs`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.gate import load_table
from api.home import Home
from api.journal_watch import JournalWatch
from api.web import acts
from api.web.access import (
    GuardedRoute,
    Visit,
    anybody,
    drop_session,
    keep_session,
    may,
    session_cookie,
    signed_in,
)
from api.web.answers import (
    DoneAnswer,
    JournalAnswer,
    LoginAnswer,
    LoginAsked,
    ModelAnswer,
    ModelsAnswer,
    Number,
    StateAnswer,
    VoteAsked,
    WordingAnswer,
    WordingAsked,
    WordingsAnswer,
)
from api.web.doors import sign_in
from api.web.faults import CodeMissing
from api.web.journal import BEFORE, MONTH, Asked, read_entries
from api.web.refusals import ALWAYS, OF_A_MODEL, OF_A_SITUATION, refusals
from revue import committee, wordings
from revue.accounts import close_session
from revue.permissions import Permission
from revue.records import CodeAsked

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, responses=ALWAYS)


@router.post("/login", dependencies=[anybody], responses=refusals(429), tags=["session"])
def login(request: Request, response: Response, asked: LoginAsked) -> LoginAnswer:
    """Sign in: sets the session cookie and returns the token of changing requests.

    Where the account has a second factor, without its ``code`` the answer is 401 `CodeMissing`.
    A body of another type than JSON is not read, and other sites cannot send JSON without
    being asked first: that is what the form's token does on the page.
    """
    home: Home = request.app.state.home
    before = request.cookies.get(session_cookie(home.settings), "")
    web_session = sign_in(home, asked.login, asked.password, asked.code, before=before)
    if isinstance(web_session, CodeAsked):
        raise CodeMissing("this account has a second factor: send its code as well.")
    keep_session(response, web_session, home.settings)
    return LoginAnswer.of(web_session)


@router.post("/logout", tags=["session"])
def logout(response: Response, visit: Annotated[Visit, signed_in]) -> DoneAnswer:
    """Close the session."""
    with visit.home.transaction() as session:
        close_session(session, visit.token)
    drop_session(response, visit.home.settings)
    return DoneAnswer()


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


@router.post(
    "/models/{version}/{act}", responses=OF_A_SITUATION | refusals(429), tags=["oversight"]
)
def vote(
    version: str,
    act: acts.CommitteeAct,
    asked: VoteAsked,
    visit: Annotated[Visit, may(Permission.VOTE)],
) -> StateAnswer:
    """Approve, reject, suspend or resume a model; in production with the member's password."""
    state = acts.vote(
        visit, version, act, asked.reason, asked.waive, asked.waive_days, asked.password
    )
    return StateAnswer(state=state)


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
    version: Number, visit: Annotated[Visit, may(Permission.MEND_WORDING)]
) -> WordingAnswer:
    """Confirm another member's wording: every page reads it from now on."""
    return WordingAnswer.model_validate(acts.confirm_wording(visit, version))


@router.get("/journal", tags=["oversight"])
def read_journal(
    request: Request,
    visit: Annotated[Visit, may(Permission.READ_JOURNAL)],
    month: Annotated[str, Query(pattern=f"{MONTH}|^$")] = "",
    act: Annotated[str, Query(max_length=64)] = "",
    before: Annotated[str, Query(pattern=f"{BEFORE}|^$")] = "",
) -> JournalAnswer:
    """Say whether the whole journal holds, and read its newest entries.

    ``ok`` is null while a big journal is being verified for the first time; ``older`` is the
    ``before`` of the next page.
    """
    watch: JournalWatch = request.app.state.journal
    checked = watch.look()
    # Rows that were changed are not read out as if they had happened.
    holds = checked is not None and checked.report.ok
    entries, more = read_entries(visit, Asked(month, act, before)) if holds else ((), False)
    last = entries[-1] if more else None
    return JournalAnswer.model_validate(
        {
            **(asdict(checked.report) if checked else {}),
            "checked_at": checked.at if checked else None,
            "entries": entries,
            "older": f"{last.month}/{last.position}" if last else None,
        }
    )
