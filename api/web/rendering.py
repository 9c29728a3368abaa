"""Pages: the Jinja environment, what every page is given, and how names and dates read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.families import family_name
from api.home import Home
from audits.report.numbers import around, in_points, number, percent, points
from features.french import count, day
from revue.offers import offer
from revue.permissions import Permission, is_allowed
from revue.records import Actor

ROOM = Path(__file__).parents[1]
PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class Emergency:
    """A number to call before anything else."""

    number: str
    purpose: str
    link: str


DANGER_SENTENCE = "Danger ou urgence ? N'attendez pas cette page"

EMERGENCY = (
    Emergency("15", "Urgence médicale (SAMU)", "tel:15"),
    Emergency("17", "Police, gendarmerie", "tel:17"),
    Emergency("18", "Pompiers", "tel:18"),
    Emergency("112", "Toute urgence, en Europe", "tel:112"),
    Emergency("114", "Urgence par SMS ou visio, si parler ou entendre est difficile", "sms:114"),
    Emergency("115", "Mise à l'abri, hébergement d'urgence", "tel:115"),
    Emergency("119", "Enfant en danger", "tel:119"),
    Emergency("3919", "Violences faites aux femmes", "tel:3919"),
    Emergency("3114", "Pensées suicidaires", "tel:3114"),
    Emergency("3977", "Maltraitance : personnes âgées ou en situation de handicap", "tel:3977"),
)
"""Public French numbers, shown on every situation before everything else (S33)."""


@dataclass(frozen=True)
class Place:
    """An entry of the navigation."""

    path: str
    name: str
    permission: Permission


PLACES = (
    Place("/queue", "Situations à regarder", Permission.READ_QUEUE),
    Place("/people", "Mes personnes", Permission.READ_PEOPLE),
    Place("/committee", "Comité", Permission.VOTE),
    Place("/models", "Modèles", Permission.READ_MODELS),
    Place("/audits", "Audits", Permission.READ_MODELS),
    Place("/journal", "Journal", Permission.READ_JOURNAL),
)
"""The pages of the navigation; the first one a role may read is its home."""


def places_of(actor: Actor) -> tuple[Place, ...]:
    """Return the pages that somebody may read, in the order of the navigation."""
    return tuple(place for place in PLACES if is_allowed(actor, place.permission))


def person_label(pseudonym: str) -> str:
    """Return the short display of a pseudonym.

    >>> person_label("7f3a21c09be4")
    'Personne 7F3A-21'
    """
    return f"Personne {pseudonym[:4].upper()}-{pseudonym[4:6].upper()}"


def moment(value: datetime) -> str:
    """Write a time as read in France: ``21 novembre 2026 à 11 h 05``."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    local = aware.astimezone(PARIS)
    return f"{day(local.date())} à {local.hour} h {local.minute:02d}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        day=day,
        moment=moment,
        number=count,
        family=family_name,
        percent=percent,
        points=points,
        figure=number,
        in_points=in_points,
        around=around,
        offer=lambda identifier: offer(identifier).label,
    )
    return environment


TEMPLATES = _environment()


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a page with what every page needs: settings, visit and navigation."""
    home: Home = request.app.state.home
    visit = getattr(request.state, "visit", None)
    path = request.url.path
    navigation = [
        {"path": p.path, "name": p.name, "here": path == p.path or path.startswith(p.path + "/")}
        for p in (places_of(visit.actor) if visit else ())
    ]
    html = TEMPLATES.get_template(template).render(
        settings=home.settings, visit=visit, navigation=navigation, **context
    )
    return HTMLResponse(html, status)
