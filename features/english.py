"""English as people read it: dates in full, numbers that agree with their nouns."""

from __future__ import annotations

from datetime import date

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def day(value: date) -> str:
    """Write a date in full: ``14 October 2026``.

    >>> day(date(2026, 3, 1))
    '1 March 2026'
    """
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def count(number: int, one: str, many: str) -> str:
    """Write a number with the noun that agrees with it; English counts 1 alone as one.

    >>> count(1, "day", "days"), count(0, "day", "days")
    ('1 day', '0 days')
    """
    return f"{number} {one if abs(number) == 1 else many}"
