"""How a person is reached: asked for with a reason, shown for a short while (S8)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.answers import ContactsAnswer, GrantAnswer, ReasonAsked
from api.web.faults import fault_of
from api.web.forms import Fields, text_of
from api.web.refusals import ALWAYS, OF_A_SITUATION
from api.web.rendering import render
from features.errors import RebondError
from revue import grants
from revue.permissions import Permission
from revue.reasons import ReasonMissing

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)
programs = APIRouter(prefix="/api/v1", route_class=GuardedRoute, responses=ALWAYS)

Reaching = Annotated[Visit, may(Permission.READ_CONTACTS)]


def _open(visit: Visit, situation_id: str, reason: str) -> datetime:
    """Ask for leave; a quota that is spent is refused once the journal holds it."""
    settings = visit.home.settings
    until = acts.on(
        visit,
        grants.open_contacts,
        situation_id,
        reason=reason,
        minutes=settings.contacts_minutes,
        per_day=settings.contacts_per_day,
    )
    if until is None:
        raise grants.TooManyGrants(
            f"{visit.actor.login} has asked for {settings.contacts_per_day} contacts within a day; "
            "come back tomorrow, or look in the service's own files."
        )
    return until


def _read(visit: Visit, situation_id: str) -> grants.Reachable:
    home = visit.home
    with home.transaction() as session:
        return grants.read_contacts(
            session,
            home.person_keys,
            visit.actor,
            situation_id,
            now=home.now(),
            today=home.today(),
        )


@router.post("/situations/{situation_id}/contacts")
def open_contacts(request: Request, situation_id: str, fields: Fields, visit: Reaching) -> Response:
    """Ask for leave to read contacts, with a reason."""
    try:
        _open(visit, situation_id, text_of(fields, "reason"))
    except (ReasonMissing, grants.TooManyGrants) as error:
        return _page(request, situation_id, None, error)
    return RedirectResponse(f"/situations/{situation_id}/contacts", 303)


@router.get("/situations/{situation_id}/contacts")
def contacts_page(request: Request, situation_id: str, visit: Reaching) -> Response:
    """Show contacts while the educator's own leave lasts, else how to ask for it."""
    try:
        return _page(request, situation_id, _read(visit, situation_id))
    except grants.NoGrant:
        return _page(request, situation_id, None)


def _page(
    request: Request,
    situation_id: str,
    reachable: grants.Reachable | None,
    error: RebondError | None = None,
) -> Response:
    fault = None if error is None else fault_of(error)
    return render(
        request,
        "contacts.html",
        fault.status if fault else 200,
        situation_id=situation_id,
        reachable=reachable,
        fault=fault,
    )


@programs.post("/situations/{situation_id}/contacts", responses=OF_A_SITUATION, tags=["review"])
def ask_for_contacts(situation_id: str, asked: ReasonAsked, visit: Reaching) -> GrantAnswer:
    """Ask for leave to read contacts, with a reason; returns until when it lasts."""
    return GrantAnswer(until=_open(visit, situation_id, asked.reason))


@programs.get("/situations/{situation_id}/contacts", responses=OF_A_SITUATION, tags=["review"])
def read_contacts(situation_id: str, visit: Reaching) -> ContactsAnswer:
    """Read contacts while one's own leave lasts; 403 without."""
    return ContactsAnswer.model_validate(_read(visit, situation_id))
