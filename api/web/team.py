"""The team lead's page: absences, hand-over, and what nobody accompanies yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.answers import Number
from api.web.faults import Fault, fault_of
from api.web.forms import Fields, TypedAbsence
from api.web.languages import language_of
from api.web.rendering import person_label, render
from features.errors import RebondError
from revue import absences, team
from revue.permissions import Permission

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.get("/team")
def team_page(request: Request, visit: Annotated[Visit, may(Permission.READ_TEAM)]) -> Response:
    """Show absences, what nobody accompanies yet, and the service's shortage."""
    return _show_team(request, visit)


@router.post("/team/absences")
def note_absence(
    request: Request, fields: Fields, visit: Annotated[Visit, may(Permission.MANAGE_ABSENCES)]
) -> Response:
    """Write down that an educator is away, and who stands in."""
    typed = TypedAbsence.read(fields)
    try:
        acts.once(visit, absences.note_absence, **typed.noted())
    except RebondError as error:
        return _show_team(request, visit, error, typed)
    return RedirectResponse("/team#absences", 303)


@router.post("/team/absences/{number}/end")
def end_absence(
    number: Number, visit: Annotated[Visit, may(Permission.MANAGE_ABSENCES)]
) -> Response:
    """Take an absence back."""
    acts.once(visit, absences.end_absence, number)
    return RedirectResponse("/team#absences", 303)


@router.post("/team/situations/{situation_id}/assign")
def assign(
    request: Request,
    situation_id: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.ASSIGN)],
) -> Response:
    """Give a situation without a referent to an educator of the team."""
    try:
        acts.on(visit, team.assign, situation_id, login=str(fields.get("login", "")))
    except RebondError as error:
        return _show_team(request, visit, error, about=situation_id)
    return RedirectResponse("/team#attribuer", 303)


@router.post("/team/situations/{situation_id}/handled-elsewhere")
def handled_elsewhere(
    situation_id: str, visit: Annotated[Visit, may(Permission.ASSIGN)]
) -> Response:
    """Close a situation that nobody accompanies yet: danger never waits."""
    acts.on(visit, team.handled_elsewhere, situation_id)
    return RedirectResponse("/team#attribuer", 303)


def _show_team(
    request: Request,
    visit: Visit,
    error: RebondError | None = None,
    typed: TypedAbsence | None = None,
    about: str = "",
) -> Response:
    """Show the team; ``about`` is the situation whose own form was refused."""
    page, language = acts.team_page(visit), language_of(request)
    fault = _beside(fault_of(error), about) if error else None
    return render(
        request,
        "team.html",
        fault.status if fault else 200,
        team=page,
        labels={one.person: person_label(one.person, language) for one in page.to_assign},
        typed=typed or TypedAbsence(),
        fault=fault,
    )


def _beside(fault: Fault, about: str) -> Fault:
    """Point a refusal to its field among several forms alike, one a situation."""
    if not about or fault.field is None:
        return fault
    return replace(fault, field=f"{fault.field}-{about}")
