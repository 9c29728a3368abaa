"""What a feature's sentence says in each language: one table of phrases, no grammar elsewhere.

A phrase is a template. Its holes are the parts of one fact, by the names that the fact gives
them (:class:`features.catalogue.Fact`); a language may use other parts than the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from features import english, french, languages
from features.protocol import Measure

Language = languages.Language
"""The languages in which a fact is told; people read French unless they ask."""

Said = Literal[
    "no event", "no value", "count", "active_days", "since_last", "ever",
    "more", "fewer", "as many", "last", "sum", "mean",
]  # fmt: skip
"""What can be said of a fact: its measure, except where the value changes the sentence."""


@dataclass(frozen=True)
class Phrases:
    """One language.

    ``day`` and ``count`` write dates and agreeing numbers, ``point`` is the decimal mark,
    ``days`` and ``events`` are nouns in the singular and the plural. ``since`` and ``before``
    take a date, ``over`` counted days. ``sentences`` and ``titles`` cover every fact.
    """

    day: Callable[[date], str]
    count: Callable[[int, str, str], str]
    point: str
    days: tuple[str, str]
    events: tuple[str, str]
    since: str
    before: str
    over: str
    sentences: Mapping[Said, str]
    title: str
    titles: Mapping[Measure, str]


PHRASES: Mapping[Language, Phrases] = {
    "fr": Phrases(
        day=french.day,
        count=french.count,
        point=",",
        days=("jour", "jours"),
        events=("fait", "faits"),
        since="depuis le {}",
        before="avant le {}",
        over=" sur {}",
        sentences={
            "no event": "{0.subject} : aucun fait enregistré {0.since}.",
            "no value": "{0.subject} : aucune valeur enregistrée {0.since}.",
            "count": "{0.events} {0.since}.",
            "active_days": "{0.days} avec {0.many} {0.since}.",
            "since_last": "{0.subject} : dernier fait enregistré le {0.last}, il y a {0.days}.",
            "ever": "{0.subject} : au moins un fait enregistré {0.since}.",
            "more": "{0.subject} : {0.size} de plus {0.since} que les {0.window} jours précédents.",
            "fewer": (
                "{0.subject} : {0.size} de moins {0.since} que les {0.window} jours précédents."
            ),
            "as many": "{0.subject} : autant {0.since} que les {0.window} jours précédents.",
            "last": "{0.subject} : dernière valeur enregistrée {0.since} : {0.number}.",
            "sum": "{0.subject} : total de {0.number} {0.since}.",
            "mean": "{0.subject} : moyenne de {0.number} {0.since}.",
        },
        title="{} : {}",
        titles={
            "count": "nombre{}",
            "sum": "total{}",
            "mean": "moyenne{}",
            "active_days": "jours concernés{}",
            "last": "dernière valeur",
            "since_last": "jours depuis le dernier fait",
            "trend": "évolution{}",
            "ever": "au moins une fois",
        },
    ),
    "en": Phrases(
        day=english.day,
        count=english.count,
        point=".",
        days=("day", "days"),
        events=("event", "events"),
        since="since {}",
        before="before {}",
        over=" over {}",
        sentences={
            "no event": "{0.subject}: no event recorded {0.since}.",
            "no value": "{0.subject}: no value recorded {0.since}.",
            "count": "{0.events} {0.since}.",
            "active_days": "{0.days} with {0.many} {0.since}.",
            "since_last": "{0.subject}: last event recorded on {0.last}, {0.days} ago.",
            "ever": "{0.subject}: at least one event recorded {0.since}.",
            "more": "{0.subject}: {0.size} more {0.since} than in the {0.length} before.",
            "fewer": "{0.subject}: {0.size} fewer {0.since} than in the {0.length} before.",
            "as many": "{0.subject}: as many {0.since} as in the {0.length} before.",
            "last": "{0.subject}: last value recorded {0.since}: {0.number}.",
            "sum": "{0.subject}: total of {0.number} {0.since}.",
            "mean": "{0.subject}: mean of {0.number} {0.since}.",
        },
        title="{}: {}",
        titles={
            "count": "number{}",
            "sum": "total{}",
            "mean": "mean{}",
            "active_days": "days concerned{}",
            "last": "last value",
            "since_last": "days since the last event",
            "trend": "change{}",
            "ever": "at least once",
        },
    ),
}
"""Every language, whole."""
