"""In which language somebody is answered: the one chosen, else the one preferred, else French."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from api.settings import Settings
from features.phrases import PHRASES, Language

LANGUAGE_COOKIE = "rebond_language"
CHOICE_DAYS = 365

_RANGE = re.compile(
    r"\s*([a-z]{1,8}|\*)(?:-[a-z0-9]{1,8})*\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?",
    re.IGNORECASE,
)
"""One language range and its weight; only the language of ``en-GB`` counts here."""


def preferred_language(accept_language: Annotated[list[str] | None, Header()] = None) -> Language:
    """Choose English where the request weighs it above French, else French.

    Parameters
    ----------
    accept_language
        The header's lines. A range that cannot be read says nothing; ``*`` weighs the
        languages that no other range names.

    References
    ----------
    RFC 9110 (2022), sections 12.4.2 and 12.5.4.

    >>> preferred_language(["en-GB,en;q=0.9,fr;q=0.8"]), preferred_language(["fr, en;q=0.5"])
    ('en', 'fr')
    """
    weights: dict[str, float] = {}
    for line in accept_language or ():
        for written in line.split(","):
            if found := _RANGE.fullmatch(written):
                name, weight = found[1].lower(), float(found[2] or 1)
                weights[name] = max(weight, weights.get(name, 0.0))
    anything = weights.get("*", 0.0)
    return "en" if weights.get("en", anything) > weights.get("fr", anything) else "fr"


def language_of(request: Request) -> Language:
    """Return the language of a page: the one chosen on a page before, else the preferred one."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    for language in PHRASES:
        if language == chosen:
            return language
    return preferred_language(request.headers.getlist("accept-language"))


def keep_language(response: Response, language: Language, settings: Settings) -> None:
    """Keep the language somebody chose, for the pages that follow; it says nothing else."""
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=CHOICE_DAYS * 24 * 3600,
        httponly=True,
        samesite="lax",
        secure=settings.production,
    )


AskedLanguage = Annotated[Language, Depends(preferred_language)]
"""The language of an answer to a program, as a route takes it."""

PageLanguage = Annotated[Language, Depends(language_of)]
"""The language of a page, as a route takes it."""
