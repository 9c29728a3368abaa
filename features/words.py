"""Words that are not written about people, and the one check of a wording before it is read.

The list is the left column of the project's page on words (the ``words`` page of its design);
tests hold what we write ourselves against it, and nobody can propose a wording with one.
"""

from __future__ import annotations

import re
import unicodedata

from features.errors import RebondError

_AVOIDED = (
    r"cas", r"dossiers? à risque", r"profils? à risque", r"individus?", r"risques?",
    r"scores?", r"alertes?", r"suspecte?s?", r"fichée?s?", r"prises? en charge",
    r"problèmes?", r"perdue?s? de vue", r"absentéistes?", r"ne collabore pas",
    r"non compliante?s?", r"refuse", r"dans le déni", r"incasables?", r"cas lourds?",
    r"SDF", r"toxicomanes?", r"assistée?s?", r"handicapée?s?", r"faux positifs?",
    r"vrais? positifs?", r"décrochages?", r"échecs?", r"abandons?",
)  # fmt: skip
AVOIDED = re.compile(rf"\b({'|'.join(_AVOIDED)})\b", re.IGNORECASE)
"""Finds a word, or a turn of words, that is not written about people."""

_AVOIDED_ENGLISH = (
    r"cases?", r"individuals?", r"profiles?", r"risks?", r"risky", r"scores?", r"alerts?",
    r"suspects?", r"suspected", r"flagged", r"problems?", r"lost to follow[- ]?up",
    r"absentees?", r"no[- ]shows?", r"unco-?operative", r"does not co-?operate",
    r"non-?complian(?:t|ce)", r"refuses?", r"in denial", r"hopeless", r"the homeless",
    r"(?:drug )?addicts?", r"handicapped", r"the disabled", r"(?:false|true) positives?",
    r"drop(?:s|ped)?[- ]?outs?", r"failures?", r"failed", r"abandon(?:s|ed|ment)?",
)  # fmt: skip
AVOIDED_ENGLISH = re.compile(rf"\b({'|'.join(_AVOIDED_ENGLISH)})\b", re.IGNORECASE)
"""The same in English."""

LONGEST_WORDING = 200
"""Characters, singular and plural together; the longest shipped one has 133."""

_LONG_NUMBER = re.compile(r"\d(?:[ ./-]?\d){5,}")
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
    if _LONG_NUMBER.search(wording):
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
