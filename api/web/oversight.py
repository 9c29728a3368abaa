"""The pages of those who watch over the tool: models, audits, the committee."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.gate import assessment_state, load_table
from api.home import Home
from api.measured import read_measured
from api.scorecard_sheet import scorecard_sheet
from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.calibration import calibration_picture, estimates
from api.web.faults import fault_of
from api.web.forms import Fields, TypedVote, TypedWording
from api.web.headers import REPORT_POLICY
from api.web.languages import PageLanguage
from api.web.rendering import render
from api.web.tables import feature_views, groups_of, points_text, retold
from api.web.worth import worth_of
from audits.records import ENOUGH
from audits.report.metrics import metrics
from audits.report.pen import Pen
from audits.report.writing import PAGES, PRINTS
from features.catalogue import catalogue
from features.errors import RebondError
from features.phrases import Language
from modeles.table import ModelTable
from revue import committee, wordings
from revue.permissions import Permission
from revue.records import ModelRow, ModelState

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

MOST_LINES_WITHOUT_INDEX = 12
"""A model with more lines has an index of what they are about."""

ACTS: dict[ModelState, tuple[tuple[str, str], ...]] = {
    ModelState.PROPOSED: (("approve", "Approuver"), ("reject", "Refuser")),
    ModelState.ONE_APPROVAL: (("approve", "Approuver"), ("reject", "Refuser")),
    ModelState.APPROVED: (("suspend", "Suspendre"),),
    ModelState.SUSPENDED: (("resume", "Reprendre"),),
    ModelState.REJECTED: (),
}
"""The buttons of each state; the committee room itself holds the rule."""

VERDICTS = {
    "pass": "écarts dans la tolérance",
    "fail": "écart trop grand",
    "cannot_assess": "ne peut pas être évalué",
    None: "pas encore audité",
}

VOTE_LABELS = {
    "approve": "approuve",
    "reject": "n'approuve pas",
    "suspend": "suspend",
    "resume": "reprend",
}


@router.get("/models")
def models_page(request: Request, visit: Annotated[Visit, may(Permission.READ_MODELS)]) -> Response:
    """List the models."""
    with visit.home.transaction() as session:
        models = committee.models(session, today=visit.home.today())
        state = assessment_state(visit.home, session)
    return render(
        request,
        "models.html",
        models=models,
        verdicts=VERDICTS,
        assessment=state,
        assessment_fault=state.problem and fault_of(state.problem),
    )


@router.get("/models/{version}")
def model_page(
    request: Request,
    version: str,
    visit: Annotated[Visit, may(Permission.READ_MODELS)],
    language: PageLanguage,
) -> Response:
    """Show a model whole: its table, as a person reads it."""
    row = acts.model_row(visit, version)
    table = load_table(visit.home, version)
    told, told_in = _told(visit.home, table, language)
    ordered = feature_views(told, language)
    measured = read_measured(visit.home, version)
    with visit.home.transaction() as session:
        mended = wordings.current(session, visit.home.keys.verify)
    return render(
        request,
        "model.html",
        model=row,
        table=table,
        told_in=told_in,
        trained_until=date.fromisoformat(table.trained_until),
        test_from=date.fromisoformat(table.test_from),
        features=[view for view in ordered if not view.light],
        light=[view for view in ordered if view.light],
        groups=groups_of(ordered) if len(ordered) > MOST_LINES_WITHOUT_INDEX else (),
        sheet=scorecard_sheet(told, language),
        worth=measured and worth_of(measured, len(table.bags), language),
        picture=calibration_picture(table, language),
        estimates=estimates(table, language),
        points=partial(points_text, language=language),
        mended=mended,
        verdicts=VERDICTS,
    )


@router.get("/audits")
def audits_page(request: Request, visit: Annotated[Visit, may(Permission.READ_MODELS)]) -> Response:
    """List the models with their verdicts."""
    with visit.home.transaction() as session:
        models = committee.models(session, today=visit.home.today())
    return render(request, "audits.html", models=models, verdicts=VERDICTS)


@router.get("/audits/{version}")
def audit_page(
    request: Request,
    version: str,
    visit: Annotated[Visit, may(Permission.READ_MODELS)],
    language: PageLanguage,
) -> Response:
    """Show what the audit of a model found; the whole report is one click away."""
    row = acts.model_row(visit, version)
    audit = acts.audit_of(visit.home, version)
    return render(
        request,
        "audit.html",
        model=row,
        audit=audit,
        verdicts=VERDICTS,
        metrics=metrics(Pen(language)),
        least_compared=ENOUGH,
    )


@router.get("/audits/{version}/report")
def report_page(
    version: str, visit: Annotated[Visit, may(Permission.READ_MODELS)], lang: Language = "fr"
) -> Response:
    """Give the audit report as it was written and signed, under a policy of its own."""
    acts.model_row(visit, version)
    html = acts.report_of(visit.home, version, PAGES[lang])
    return HTMLResponse(html, headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/audits/{version}/report.pdf")
def report_print(
    version: str, visit: Annotated[Visit, may(Permission.READ_MODELS)], lang: Language = "fr"
) -> Response:
    """Give the same report to be printed or kept, under a name that says what it is."""
    acts.model_row(visit, version)
    pdf = acts.report_of(visit.home, version, PRINTS[lang])
    name = f"audit-{version}-{lang}.pdf"
    return Response(
        pdf,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/committee")
def committee_page(request: Request, visit: Annotated[Visit, may(Permission.VOTE)]) -> Response:
    """Show the models that the committee decides on."""
    return _committee(request, visit)


@router.get("/committee/wordings")
def wordings_page(
    request: Request, visit: Annotated[Visit, may(Permission.MEND_WORDING)]
) -> Response:
    """Show how features are said, and what waits for a second member."""
    return _wordings(request, visit)


@router.post("/committee/wordings")
def propose_wording(
    request: Request, fields: Fields, visit: Annotated[Visit, may(Permission.MEND_WORDING)]
) -> Response:
    """Propose other words for a feature group."""
    typed = TypedWording.read(fields)
    try:
        acts.propose_wording(visit, typed.group, typed.text, typed.checked_reason())
    except RebondError as error:
        return _wordings(request, visit, typed, error)
    return RedirectResponse("/committee/wordings", 303)


@router.post("/committee/wordings/{version}/confirm")
def confirm_wording(
    request: Request, version: int, visit: Annotated[Visit, may(Permission.MEND_WORDING)]
) -> Response:
    """Confirm another member's wording."""
    try:
        acts.confirm_wording(visit, version)
    except RebondError as error:
        return _wordings(request, visit, error=error)
    return RedirectResponse("/committee/wordings", 303)


@router.post("/committee/{version}/{act}")
def vote(
    request: Request,
    version: str,
    act: acts.CommitteeAct,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.VOTE)],
) -> Response:
    """Approve, reject, suspend or resume a model, with a reason."""
    typed = TypedVote.read(fields)
    try:
        acts.vote(visit, version, act, typed.checked_reason(), typed.waive, password=typed.password)
    except RebondError as error:
        return _committee(request, visit, version, typed, error)
    return RedirectResponse(f"/committee#{version}", 303)


def _told(home: Home, table: ModelTable, language: Language) -> tuple[ModelTable, Language]:
    """Return a table with its lines called as in a language, and in which one they are.

    Of another protocol than the one imported last, nobody knows whether it means the same
    facts by the same names: its lines stay French.
    """
    if language == "fr" or home.store.extracted_on is None:
        return table, "fr"
    protocol = home.store.protocol()
    if protocol.hash != table.hashes["protocol"]:
        return table, "fr"
    return retold(table, catalogue(protocol), language), language


def _acts_on(model: ModelRow) -> tuple[tuple[str, str], ...]:
    """Return the acts that a model's page offers: no approval without an audit that allows it.

    Signals of a model whose waiver ended are still out, so that the stop stays at hand.
    """
    acts_of_state = ACTS[model.state]
    if model.waiver_ended and model.state is ModelState.PROPOSED:
        acts_of_state += ACTS[ModelState.APPROVED]
    if model.verdict in {None, "fail"}:
        return tuple((act, name) for act, name in acts_of_state if act != "approve")
    return acts_of_state


def _committee(
    request: Request,
    visit: Visit,
    version: str = "",
    typed: TypedVote | None = None,
    error: RebondError | None = None,
) -> Response:
    with visit.home.transaction() as session:
        models = committee.models(session, today=visit.home.today())
    fault = fault_of(error) if error else None
    return render(
        request,
        "committee.html",
        fault.status if fault else 200,
        models=models,
        acts={model.version: _acts_on(model) for model in models},
        verdicts=VERDICTS,
        vote_labels=VOTE_LABELS,
        waiver_end=visit.home.today() + timedelta(days=visit.home.settings.waiver_days),
        refused=version,
        typed=typed or TypedVote(),
        fault=fault,
    )


def _wordings(
    request: Request,
    visit: Visit,
    typed: TypedWording | None = None,
    error: RebondError | None = None,
) -> Response:
    with visit.home.transaction() as session:
        groups = acts.current_wordings(session, visit.home)
        pending = [wording for wording in wordings.pending(session) if wording.group in groups]
    fault = fault_of(error) if error else None
    return render(
        request,
        "wordings.html",
        fault.status if fault else 200,
        groups=groups,
        pending=pending,
        typed=typed or TypedWording(),
        fault=fault,
    )
