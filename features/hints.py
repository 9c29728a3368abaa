"""Gentle hints on what educators type, before it is kept: none of them stops anybody.

Two things are pointed at: words that are not written about people, with what may be written
instead, and what tells who somebody is, which has its place in the file of the service. What
the person said in their own words is never read here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeVar

from features.intake.identifiers import Names, identifier_in
from features.languages import Language, Told
from features.words import INSTEAD, INSTEAD_ENGLISH, LONG_NUMBER

HintKind = Literal["avoided", "identifier"]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Hint:
    """A place in a text, ``text[start:end] == found``, and what may be written instead.

    ``suggestion`` is a turn of words for an avoided one, and a sentence for an identifier.
    """

    start: int
    end: int
    found: str
    kind: HintKind
    suggestion: str


def _compiled(instead: dict[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_pattern(rf"\b(?:{words})\b"), better) for words, better in instead.items())


def _pattern(source: str) -> re.Pattern[str]:
    """Compile a source so that blanks may be any, and accents within a word left out.

    The last accent of a participle stays: ``fiche`` is not ``fiché``, nor ``assiste`` ``assisté``.
    """
    loose = re.sub(r"é(?!e\?)", "[ée]", source).replace("è", "[èe]").replace("à", "[àa]")
    return re.compile(loose.replace(" ", r"\s+"), re.IGNORECASE)


_AVOIDED: dict[Language, tuple[tuple[re.Pattern[str], str], ...]] = {
    "fr": _compiled(INSTEAD),
    "en": _compiled(INSTEAD_ENGLISH),
}

_INSTITUTION = (
    r"(?:l'organisme|l'administration|l'assurance|la (?:caf|cpam|msa|banque|mairie|préfecture|"
    r"mutuelle)|le (?:bailleur|propriétaire|fsl|département)|france travail)"
)

_FINE: dict[Language, re.Pattern[str]] = {
    "fr": _pattern(
        r"\b(?:"
        r"en (?:tout |tous |aucun |ce |tel |pareil )?cas|cas où|cas[ -]par[ -]cas"
        r"|cas échéant|auquel cas|dans (?:ce|certains|tous les|la plupart des) cas"
        r"|dans le cas contraire|selon les? cas|(?:est|soit|était)(?: pas| plus)? le cas"
        r"|(?:sans|aucun|pas de) (?:problèmes?|risques?)|(?:tous|multi-?)\s?risques?"
        r"|(?:jou\w+|club|jeux?|parties?|tournois?|ateliers?) (?:aux |d')échecs"
        r"|(?:a|ai|as|ont|avons|avez|avait|avoir|ayant) assistée?s?"
        r"|assistée?s? (?:de|par) (?:une? |son |sa |l')?(?:avocate?|interprète|curat\w+|tut\w+)"
        r"|alertes? (?:météo|canicule|grand froid|jaune|orange|rouge)|abandon de poste"
        rf"|(?:le service|{_INSTITUTION}) refuse"
        rf"|prises? en charge (?:par {_INSTITUTION}|financières?|à \d+|des (?:frais|soins)"
        r"|d(?:u|e la) (?:loyer|transport|trajet|caution|facture))"
        r")\b"
    ),
    "en": _pattern(
        r"\b(?:"
        r"(?:just )?in (?:any |that |this |which |no |either )?case|case by case"
        r"|(?:no|without|any) problems?|all[- ]risks?"
        r"|individual (?:appointment|interview|meeting|plan|project|session|support)s?"
        r")\b"
    ),
}
"""Turns of words that hold an avoided one and say nothing of a person."""

_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}[/. -]\d{1,2}[/. -](?:(?:19|20)\d{2}|\d{2})"
    r"|(?:19|20)\d{2}-\d{2}-\d{2}|\d{1,2}/(?:19|20)\d{2}"
    r"|(?:19|20)\d{2}[ /-](?:19|20)\d{2})(?!\d)"
)
"""Digits that are a day, a month or two years, and no long number."""

_OF = r"(?: (?:de la|de|des|du|la|les?))? (?:[dl]')?"
_TOWN = r"[A-ZÀ-Þ][\w'-]*"
_ADDRESS = re.compile(
    r"(?<!\d)\d{1,4}(?: ?(?:bis|ter|quater))?,? (?:"
    r"(?i:rue|avenue|av\.|boulevard|bd|impasse|chemin|allées?|quai|square|route|faubourg)"
    rf"{_OF}[\w'-]+(?: {_TOWN})*"
    # "2 places", "3 cours de français" and "1 passage" are no addresses.
    rf"|(?i:place|cours|passage|cité|résidence|villa){_OF}{_TOWN}(?: {_TOWN})*"
    rf"|{_TOWN}(?: {_TOWN})? (?i:street|road|avenue|lane)\b)"
    rf"(?:,? \d{{5}}(?: {_TOWN})?)?"
    rf"|(?<!\d)(?:0[1-9]|[1-8]\d|9[0-8])\d{{3}} (?!Euros?\b|EUR\b){_TOWN}"
)
"""A number and a street, or a postal code and a town."""

_IDENTIFIERS = {
    "an e-mail address": Told(
        "une adresse électronique : elle a sa place dans le dossier, pas ici",
        "an e-mail address: its place is in the file, not here",
    ),
    "a telephone number": Told(
        "un numéro de téléphone : il a sa place dans le dossier, pas ici",
        "a telephone number: its place is in the file, not here",
    ),
    "a social security number": Told(
        "un numéro de sécurité sociale : il a sa place dans le dossier, pas ici",
        "a social security number: its place is in the file, not here",
    ),
    "a bank account number": Told(
        "un numéro de compte bancaire : il a sa place dans le dossier, pas ici",
        "a bank account number: its place is in the file, not here",
    ),
}
"""What is said of each kind that :func:`features.intake.identifiers.identifier_in` finds."""

_NAME = Told(
    "un nom de personne : il a sa place dans le dossier, pas ici",
    "a person's name: its place is in the file, not here",
)
_STREET = Told(
    "une adresse postale : elle a sa place dans le dossier, pas ici",
    "a postal address: its place is in the file, not here",
)
_LONG = Told(
    "un long numéro : s'il désigne quelqu'un, il a sa place dans le dossier, pas ici",
    "a long number: if it tells who somebody is, its place is in the file, not here",
)

_KEY = re.compile(r"\W?\d{2}(?!\w)")

Span = tuple[int, int]


def hints(text: str, language: Language = "fr", *, names: Iterable[str] = ()) -> tuple[Hint, ...]:
    """Point at what an educator may want to write otherwise.

    Parameters
    ----------
    text
        As it was typed, some sentences long.
    language
        Of the text and of the suggestions.
    names
        Display names that are known here, such as the person's own.

    Returns
    -------
    tuple of Hint
        In the order of the text; no two of them overlap.

    Examples
    --------
    >>> [(hint.found, hint.suggestion) for hint in hints("Il refuse l’aide.")]
    [('refuse', "n'a pas souhaité")]
    >>> hints("En cas de danger, appeler le 112.")
    ()
    """
    taken: list[Hint] = []
    for found in chain(_identifiers(text, language, names), _avoided(text, language)):
        if all(found.end <= hint.start or hint.end <= found.start for hint in taken):
            taken.append(found)
    return tuple(sorted(taken, key=lambda hint: hint.start))


def _identifiers(text: str, language: Language, names: Iterable[str]) -> Iterator[Hint]:
    """Find what tells who somebody is, the surest first."""

    def hint(span: Span, said: Told) -> Hint:
        return Hint(*span, text[slice(*span)], "identifier", said.to(language))

    for (start, end), kind in _located(text, identifier_in):
        # A social security number is known without its key, which belongs to it.
        key = _KEY.match(text, end) if kind == "a social security number" else None
        yield hint((start, key.end() if key else end), _IDENTIFIERS[kind])
    known = Names(names)
    for span, said in _located(text, lambda part: _NAME if known.stand_in(part) else None):
        yield hint(span, said)
    read = _Read(text)
    for match in _ADDRESS.finditer(read.text):
        yield hint(read.span(match), _STREET)
    undated = _DATE.sub(lambda date: "x" * len(date[0]), read.text)
    for match in LONG_NUMBER.finditer(undated):
        yield hint(read.span(match), _LONG)


def _avoided(text: str, language: Language) -> Iterator[Hint]:
    """Find the words that are not written about people, but where they are about none."""
    read = _Read(text)
    fine = [match.span() for match in _FINE[language].finditer(read.text)]
    for pattern, better in _AVOIDED[language]:
        for match in pattern.finditer(read.text):
            if not any(start <= match.start() and match.end() <= end for start, end in fine):
                start, end = read.span(match)
                yield Hint(start, end, text[start:end], "avoided", better)


class _Read:
    """A text as it is read, one spelling a sign, and where each sign stands in what was typed."""

    def __init__(self, typed: str) -> None:
        signs: list[str] = []
        self._places: list[Span] = []
        # A letter and the accents that follow it are one sign.
        for cluster in re.finditer(r"(?s).[\u0300-\u036f]*", typed):
            for sign in unicodedata.normalize("NFKC", cluster[0]).replace("’", "'"):
                signs.append(sign)
                self._places.append(cluster.span())
        self.text = "".join(signs)

    def span(self, match: re.Match[str]) -> Span:
        """Return where a match stands in what was typed."""
        return self._places[match.start()][0], self._places[match.end() - 1][1]


def _located(text: str, kind_of: Callable[[str], Kind | None]) -> Iterator[tuple[Span, Kind]]:
    """Return the fewest whole words of which something is known, one place after the other."""
    words = [match.span() for match in re.finditer(r"\S+", text)]
    first = 0
    while first < len(words) and kind_of(text[words[first][0] :]) is not None:
        for last in range(first, len(words)):
            kind = kind_of(text[words[first][0] : words[last][1]])
            if kind is not None:
                begins = (start for start, _ in reversed(words[first : last + 1]))
                end = words[last][1]
                start = next(start for start in begins if kind_of(text[start:end]) == kind)
                yield _bare(text, start, end), kind
                break
        first = last + 1


_MARKS = " ,;:.!?«»\"'’“”()[]{}<>-–—…/"


def _bare(text: str, start: int, end: int) -> Span:
    """Leave out the marks before and after some words."""
    found = text[start:end]
    before = len(found) - len(found.lstrip(_MARKS))
    after = len(found) - len(found.rstrip(_MARKS))
    return start + before, end - after
