"""Words that are not written about people, and the one check of a wording before it is read.

The list is the left column of the project's page on words (the ``words`` page of its design);
tests hold what we write ourselves against it, and nobody can propose a wording with one.
"""

from __future__ import annotations

import re
import unicodedata

from features.errors import RebondError

_ATTENTION = "signal d'attention"
_NOT_KEPT = "2 rendez-vous non honorés (motif inconnu)"
_LINK = "interruption du lien, reprise de contact"

INSTEAD = {
    r"cas lourds?|incasables?": "aucune réponse adaptée trouvée à ce jour",
    r"dossiers? à risque|profils? à risque|cas|individus?": "situation, personne accompagnée",
    r"risques? confirmée?s?|vrais? positifs?": "signal utile",
    r"faux positifs?": "signal non pertinent",
    r"scores?(?: de risque)?|alertes?|suspecte?s?|fichée?s?": _ATTENTION,
    r"risques?": "le fait constaté, avec sa date",
    r"prises? en charge": "accompagnement",
    r"problèmes?": "difficulté déclarée",
    r"perdue?s? de vue": "sans contact depuis le …",
    r"absentéistes?|ne collabore pas|non compliante?s?": _NOT_KEPT,
    r"refuse|dans le déni": "n'a pas souhaité",
    r"SDF": "personne sans domicile",
    r"toxicomanes?|assistée?s?|handicapée?s?": "personne en situation de …",
    r"décrochages?|échecs?|abandons?": _LINK,
}
"""What is written instead of each turn of words: the page's right column, the longest first."""

AVOIDED = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)
"""Finds a word, or a turn of words, that is not written about people."""

INSTEAD_ENGLISH = {
    r"cases?|individuals?|profiles?": "situation, person accompanied",
    r"(?:risk )?scores?|alerts?|suspects?|suspected|flagged": "sign that calls for attention",
    r"risks?|risky": "what was observed, with its date",
    r"problems?": "difficulty declared",
    r"lost to follow[- ]?up": "no contact since …",
    r"absentees?|no[- ]shows?|unco-?operative|does not co-?operate|non-?complian(?:t|ce)": (
        "2 appointments not kept (reason unknown)"
    ),
    r"refuses?|in denial": "did not wish to",
    r"hopeless": "no suitable answer found to date",
    r"the homeless": "people without a home",
    r"(?:drug )?addicts?|handicapped|the disabled": "person living with …",
    r"true positives?": "useful signal",
    r"false positives?": "signal not relevant",
    r"drop(?:s|ped)?[- ]?outs?|failures?|failed|abandon(?:s|ed|ment)?": (
        "interruption of contact, contact resumed"
    ),
}
"""The same in English."""

AVOIDED_ENGLISH = re.compile(rf"\b({'|'.join(INSTEAD_ENGLISH)})\b", re.IGNORECASE)
"""Finds what is not written about people in English."""

LONGEST_WORDING = 200
"""Characters, singular and plural together; the longest shipped one has 133."""

LONG_NUMBER = re.compile(r"\d(?:[ ./-]?\d){5,}")
"""Six digits or more, however they are set apart: a telephone or a file, not a count."""


class MalformedWording(RebondError):
    """The text cannot stand in a sentence about a person; the message says why."""


def check_wording(text: str, avoid: re.Pattern[str] = AVOIDED) -> str:
    """Return a wording as it is kept: canonical characters, single blanks.

    Parameters
    ----------
    text
        A neutral phrase; ``one|many`` where its singular and plural differ.
    avoid
        Finds what is not written about people in the language of the phrase, French if not said.

    Raises
    ------
    MalformedWording
        More than one ``|``, a side that says nothing, a line break, too many characters, a
        word that is not written about people, or a number that may tell who somebody is.
    """
    sides = [" ".join(side.split()) for side in _printable(text).split("|")]
    wording = "|".join(sides)
    if len(sides) > 2 or not all(any(map(str.isalpha, side)) for side in sides):  # noqa: PLR2004
        raise MalformedWording(f"{wording!r} is no wording: write one phrase, or singular|plural.")
    if len(wording) > LONGEST_WORDING:
        raise MalformedWording(
            f"the wording has {len(wording)} characters; write at most {LONGEST_WORDING}."
        )
    avoided = avoid.search(wording)
    if avoided:
        raise MalformedWording(
            f"{avoided[0]!r} is not written about people; state the fact without it."
        )
    if LONG_NUMBER.search(wording):
        raise MalformedWording(
            "the wording holds a number of six digits or more, which may tell who somebody is; "
            "take it out."
        )
    return wording


def _printable(text: str) -> str:
    """Return the text in NFKC, where each accent and each blank has one spelling only."""
    plain = unicodedata.normalize("NFKC", text.strip())
    if not plain.isprintable():
        raise MalformedWording(
            f"{plain!r} holds a line break or an invisible character; write one line."
        )
    return plain
