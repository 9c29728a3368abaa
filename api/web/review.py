"""The educator's lists: the queue, the people, and one person with what was noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.faults import fault_of
from api.web.forms import Fields, TypedNotice, TypedObservation
from api.web.languages import language_of
from api.web.notice import notice_of
from api.web.rendering import render
from features.errors import RebondError
from revue import notices, noting, queue
from revue.observations import OBSERVATIONS
from revue.permissions import Permission
from revue.records import Part, QueueItem, State

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

LISTS: Mapping[str, str] = MappingProxyType(
    {
        "now": "Attendent votre regard",
        "mine": "Prises par vous",
        "free": "Que personne n'a prises",
        "due": "Dues cette semaine",
        "put_off": "Reportées",
        "second_look": "Second regard",
        "contested": "Contestées",
        "follow_up": "À suivre",
        "all": "Toutes",
    }
)
"""The lists of the queue page, and how each is called."""

_SOON = 7
_SECOND = (State.SECOND_LOOK, State.LOOKED_TWICE)
_LATER = (State.DECIDED, State.FOLLOWED_UP, State.IN_TEAM)


def _belongs(login: str, today: date) -> Mapping[str, Callable[[QueueItem], bool]]:
    """Say of each list what stands in it."""
    return {
        "now": lambda item: item.waits_for_me,
        "mine": lambda item: item.held_by == login,
        "free": lambda item: item.held_by is None and item.waits_for_me,
        "due": lambda item: item.waits_for_me and (item.due_on - today).days <= _SOON,
        "put_off": lambda item: item.state is State.PUT_OFF,
        "second_look": lambda item: item.state in _SECOND or item.part is Part.SECOND_READER,
        "contested": lambda item: item.state is State.CONTESTED,
        "follow_up": lambda item: item.state in _LATER,
        "all": lambda item: True,
    }


@router.get("/queue")
def queue_page(
    request: Request, visit: Annotated[Visit, may(Permission.READ_QUEUE)], show: str = "now"
) -> Response:
    """Show the educator's own situations to look at, or another list of them."""
    home = visit.home
    with home.transaction() as session:
        page = queue.queue_of(session, visit.actor, now=home.now(), today=home.today())
        belongs = _belongs(visit.actor.login, home.today())
        chosen = show if show in belongs else "now"
        items = [item for item in page.items if belongs[chosen](item)]
        names = acts.names_of(session, visit, {item.person for item in items}, language_of(request))
    counts = {name: sum(map(inside, page.items)) for name, inside in belongs.items()}
    return render(
        request,
        "queue.html",
        queue=page,
        items=items,
        names=names,
        lists=LISTS,
        counts=counts,
        chosen=chosen,
        today=home.today(),
    )


@router.get("/people")
def people_page(request: Request, visit: Annotated[Visit, may(Permission.READ_PEOPLE)]) -> Response:
    """Show everybody the educator accompanies, and why somebody is not in the queue."""
    with visit.home.transaction() as session:
        people = acts.people_of(session, visit)
        names = acts.names_of(session, visit, {row.person for row in people}, language_of(request))
    return render(request, "people.html", people=people, names=names)


@router.get("/people/{person}")
def person_page(
    request: Request, person: str, visit: Annotated[Visit, may(Permission.READ_PEOPLE)]
) -> Response:
    """Show one person, what was noted about them, and the closed list to note from."""
    return _show_person(request, visit, person)


@router.post("/people/{person}/open")
def open_situation(
    person: str, visit: Annotated[Visit, may(Permission.OPEN_SITUATION)]
) -> Response:
    """Open a situation on the educator's own initiative."""
    return RedirectResponse(f"/situations/{acts.open_situation(visit, person)}", 303)


@router.post("/people/{person}/observations")
def note_observation(
    request: Request,
    person: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.NOTE_OBSERVATION)],
) -> Response:
    """Note an observation of the closed list."""
    typed = TypedObservation.read(fields)
    try:
        acts.on(visit, noting.note, person=person, **typed.noted())
    except RebondError as error:
        return _show_person(request, visit, person, error, typed)
    return RedirectResponse(f"/people/{person}#observations", 303)


@router.post("/people/{person}/notices")
def note_notice(
    request: Request,
    person: str,
    fields: Fields,
    visit: Annotated[Visit, may(Permission.NOTE_NOTICE)],
) -> Response:
    """Write down that the person was told, with the text as it stands now."""
    told = TypedNotice.read(fields)
    version = notice_of(visit.home, language_of(request)).version
    try:
        acts.on(visit, notices.note_notice, person=person, version=version, **told.told())
    except RebondError as error:
        return _show_person(request, visit, person, error, told=told)
    return RedirectResponse(f"/people/{person}#informer", 303)


@router.post("/observations/{observation}/take-back")
def take_back_observation(
    observation: str, visit: Annotated[Visit, may(Permission.NOTE_OBSERVATION)]
) -> Response:
    """Delete one's own observation."""
    person = acts.on(visit, noting.take_back, observation)
    return RedirectResponse(f"/people/{person}#observations", 303)


def _show_person(
    request: Request,
    visit: Visit,
    person: str,
    error: RebondError | None = None,
    typed: TypedObservation | None = None,
    told: TypedNotice | None = None,
) -> Response:
    with visit.home.transaction() as session:
        row, observations = acts.person_of(session, visit, person)
        told_before = notices.notices_of(session, person)
        names = acts.names_of(session, visit, {person}, language_of(request))
    fault = fault_of(error) if error else None
    return render(
        request,
        "person.html",
        fault.status if fault else 200,
        row=row,
        name=names[person],
        observations=observations,
        codes=OBSERVATIONS,
        today=visit.home.today(),
        typed=typed or TypedObservation(),
        notice=notice_of(visit.home, language_of(request)),
        forms=notices.FORMS,
        told_before=told_before,
        told=told or TypedNotice(),
        fault=fault,
    )
