"""Pages: the Jinja environment, what every page is given, and how names and dates read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.families import family_name
from api.home import Home
from api.web.access import SAFE_METHODS
from api.web.languages import language_of
from api.web.speech import Speech
from audits.report.numbers import around, in_points, number, percent, points, signed
from features.phrases import Language
from revue.offers import offer
from revue.permissions import Permission, is_allowed
from revue.records import Actor

ROOM = Path(__file__).parents[1]


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


SHORTCUTS = (
    (("?",), "Afficher cette liste"),
    (("j",), "Ligne suivante de la liste"),
    (("k",), "Ligne précédente de la liste"),
    (("o",), "Ouvrir la ligne ; la touche Entrée le fait aussi"),
    (("n",), "Aller à l'étape qui vous attend"),
    (("d",), "Aller à l'encadré de danger"),
    (("/",), "Choisir une liste de la file"),
    (("g", "q"), "Aller à la file, une touche après l'autre"),
    (("g", "p"), "Aller à « Mes personnes »"),
    (("g", "h"), "Aller à l'aide"),
)
"""The keys of ``rebond.js``, as ``?`` and the help page list them."""


@dataclass(frozen=True)
class Place:
    """An entry of the navigation."""

    path: str
    name: str
    permission: Permission


PLACES = (
    Place("/queue", "Situations à regarder", Permission.READ_QUEUE),
    Place("/people", "Mes personnes", Permission.READ_PEOPLE),
    Place("/help", "Aide", Permission.PRACTISE),
    Place("/team", "Équipe", Permission.READ_TEAM),
    Place("/committee", "Comité", Permission.VOTE),
    Place("/rights", "Droits", Permission.READ_RIGHTS),
    Place("/models", "Modèles", Permission.READ_MODELS),
    Place("/audits", "Audits", Permission.READ_MODELS),
    Place("/journal", "Journal", Permission.READ_JOURNAL),
    Place("/safeguards", "Garanties", Permission.READ_SAFEGUARDS),
)
"""The pages of the navigation; the first one a role may read is its home."""


def places_of(actor: Actor) -> tuple[Place, ...]:
    """Return the pages that somebody may read, in the order of the navigation."""
    return tuple(place for place in PLACES if is_allowed(actor, place.permission))


def person_label(pseudonym: str, language: Language = "fr") -> str:
    """Return the short display of a pseudonym.

    >>> person_label("7f3a21c09be4"), person_label("7f3a21c09be4", "en")
    ('Personne 7F3A-21', 'Person 7F3A-21')
    """
    code = f"{pseudonym[:4].upper()}-{pseudonym[4:6].upper()}"
    return Speech(language).say("Personne %(code)s", code=code)


@cache
def templates(language: Language) -> Environment:
    """Return the templates as they speak one language: sentences, dates, numbers and names.

    An environment a language: macros and pages that share one then say the same, and
    nothing about a request is kept where another request could meet it.
    """
    speech = Speech(language)
    environment = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    # The extension's own way to the sentence is through three calls, a hundred times a page.
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    say, count = speech.marked_up, speech.marked_up_count
    environment.globals.update(language=language, _=say, gettext=say, ngettext=count)
    environment.filters.update(
        day=speech.day,
        moment=speech.moment,
        number=speech.count,
        quoted=speech.quoted,
        family=partial(family_name, language=language),
        percent=partial(percent, language=language),
        points=partial(points, language=language),
        figure=partial(number, language=language),
        in_points=partial(in_points, language=language),
        signed=partial(signed, language=language),
        around=around,
        offer=lambda identifier: speech.say(offer(identifier).label),
    )
    return environment


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a page with what every page needs: settings, visit and navigation."""
    home: Home = request.app.state.home
    visit = getattr(request.state, "visit", None)
    path = request.url.path
    navigation = [
        {"path": p.path, "name": p.name, "here": path == p.path or path.startswith(p.path + "/")}
        for p in (places_of(visit.actor) if visit else ())
    ]
    # What was typed would be lost with a page that answers a form: there, no other language.
    address = (
        "" if request.method not in SAFE_METHODS else f"{path}?{request.url.query}".rstrip("?")
    )
    html = (
        templates(language_of(request))
        .get_template(template)
        .render(
            settings=home.settings,
            visit=visit,
            navigation=navigation,
            shortcuts=SHORTCUTS,
            address=address,
            account_here=path == "/account",
            **context,
        )
    )
    return HTMLResponse(html, status)
