"""French as people read it: dates in full, numbers that agree with their nouns."""

from __future__ import annotations

import re
from datetime import date

NO_BREAK = "\u00a0"
_UNITS = "€|h|minutes?|heures?|jours?|mois|ans?|caractères"
_WIDE = re.compile(rf" (?=[:»])|(?<=«) | (?=%(?!\())|(?<=\d) (?=(?:{_UNITS})(?!\w))")
_NARROW = re.compile(r" (?=[;!?])")

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def day(value: date) -> str:
    """Write a date in full: ``14 octobre 2026``, ``1er mars 2026``.

    >>> day(date(2026, 3, 1))
    '1er mars 2026'
    """
    number = "1er" if value.day == 1 else str(value.day)
    return f"{number} {MONTHS[value.month - 1]} {value.year}"


def count(number: int, one: str, many: str) -> str:
    """Write a number with the noun that agrees with it; French counts 0 and 1 as one.

    >>> count(1, "jour", "jours"), count(38, "jour", "jours")
    ('1 jour', '38 jours')
    """
    return f"{number} {one if abs(number) < 2 else many}"  # noqa: PLR2004 - French grammar


def with_blanks(text: str) -> str:
    r"""Set the blanks that no line may break at: before ``: ; ? ! »``, after ``«``, before a unit.

    >>> with_blanks("Le « signal » : 90 jours, 12 % ; et après ?")
    'Le «\xa0signal\xa0»\xa0: 90\xa0jours, 12\xa0%\u202f; et après\u202f?'
    """
    return _NARROW.sub("\u202f", _WIDE.sub(NO_BREAK, text))
