"""Numbers as people read them, in French and in English; French unless asked otherwise."""

from __future__ import annotations

from features.phrases import Language

NARROW = "\u202f"
"""The narrow blank that French puts between thousands and before a percent sign."""

MARKS: dict[Language, tuple[str, str, str]] = {
    "fr": (",", NARROW, f"{NARROW}%"),
    "en": (".", ",", "%"),
}
"""Decimal mark, mark between thousands, percent sign."""

NOT_SHOWN: dict[Language, str] = {"fr": "non montré", "en": "not shown"}
"""What stands where statistical secrecy withholds a number."""

NONE = "–"
"""What stands where there is no number."""


def percent(share: float | None, language: Language = "fr") -> str:
    """Write a share: ``44,9 %``, ``31 %``, ``–`` where there is none.

    >>> percent(0.4485, "en"), percent(None)
    ('44.9%', '–')
    """
    return NONE if share is None else f"{points(share, language)}{MARKS[language][2]}"


def points(gap: float | None, language: Language = "fr") -> str:
    """Write a share or a difference in points, without an idle decimal.

    >>> points(0.158), points(-0.2), points(None), points(0.158, "en")
    ('15,8', '−20', '–', '15.8')
    """
    if gap is None:
        return NONE
    return decimal(100 * gap, 1, language).removesuffix(f"{MARKS[language][0]}0")


def in_points(gap: float | None, language: Language = "fr") -> str:
    """Write a difference with its unit, which agrees with it.

    >>> in_points(0.01), in_points(0.158), in_points(None), in_points(0.005, "en")
    ('1 point', '15,8 points', '–', '0.5 points')
    """
    if gap is None:
        return NONE
    size = abs(round(100 * gap, 1))
    one = size < 2 if language == "fr" else size == 1  # noqa: PLR2004 - French grammar
    return f"{points(gap, language)} {'point' if one else 'points'}"


def decimal(value: float | None, digits: int = 3, language: Language = "fr") -> str:
    """Write a number with its decimals, ``–`` where there is none."""
    if value is None:
        return NONE
    # Adding 0 turns a negative zero into zero.
    text = f"{round(value, digits) + 0.0:.{digits}f}"
    return text.replace(".", MARKS[language][0]).replace("-", "−")


def signed(value: float, digits: int = 2, language: Language = "fr") -> str:
    """Write a number with its sign.

    >>> signed(0.3), signed(-0.3, language="en"), signed(0.001)
    ('+0,30', '−0.30', '0,00')
    """
    text = decimal(value, digits, language)
    return text if text.startswith("−") or not round(value, digits) else f"+{text}"


def number(value: int | None, language: Language = "fr") -> str:
    """Write a count with its thousands apart; one that is None is not shown."""
    if value is None:
        return NOT_SHOWN[language]
    return f"{value:,}".replace(",", MARKS[language][1])


def around(value: int) -> int:
    """Round a number of persons up to two figures: an order of magnitude, not a promise.

    >>> around(526), around(30)
    (530, 30)
    """
    step = int(10 ** max(0, len(str(value)) - 2))
    return -(-value // step) * step
