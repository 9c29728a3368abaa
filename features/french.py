"""French as people read it: dates in full, numbers that agree with their nouns."""

from __future__ import annotations

from datetime import date

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
