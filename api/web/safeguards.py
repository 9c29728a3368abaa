"""The safeguards for committee and data protection officer, and whether they were attacked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response

from api.home import Home
from api.safeguards import SAFEGUARDS
from api.trials import Trial, read_trial
from api.web.access import GuardedRoute, Visit, may
from api.web.answers import Answer
from api.web.refusals import ALWAYS
from api.web.rendering import render
from revue.permissions import Permission

router = APIRouter(route_class=GuardedRoute)


class TrialAnswer(Answer):
    """The run in which every attack on the code that runs now failed."""

    at: datetime
    version: str
    code: str
    attacks: int


class SafeguardAnswer(Answer):
    """One safeguard; ``tests`` counts the attacks on the code that runs, null if none is known."""

    name: str
    source: str
    means: str
    mechanism: str
    attack: str
    modules: tuple[str, ...]
    tests: int | None


class SafeguardsAnswer(Answer):
    """All safeguards, and the run that attacked them; null where the code that runs had none."""

    trial: TrialAnswer | None
    safeguards: tuple[SafeguardAnswer, ...]


@router.get("/safeguards", include_in_schema=False)
def safeguards_page(
    request: Request, visit: Annotated[Visit, may(Permission.READ_SAFEGUARDS)]
) -> Response:
    """Show the safeguards, and whether this very code withstood the attacks on them."""
    return render(request, "safeguards.html", safeguards=SAFEGUARDS, trial=_trial(visit.home))


@router.get("/api/v1/safeguards", responses=ALWAYS, tags=["oversight"])
def read_safeguards(
    visit: Annotated[Visit, may(Permission.READ_SAFEGUARDS)],
) -> SafeguardsAnswer:
    """Read the safeguards, and whether this very code withstood the attacks on them."""
    trial = _trial(visit.home)
    told = [
        {
            "name": each.name,
            **vars(each),
            "tests": trial.tests[each.name] if trial else None,
        }
        for each in SAFEGUARDS
    ]
    return SafeguardsAnswer.model_validate({"trial": trial, "safeguards": told})


def _trial(home: Home) -> Trial | None:
    kept = home.settings.safeguards_record
    return read_trial(None if kept is None else home.folder / kept)
