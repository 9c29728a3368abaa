"""One hand that writes in either language: both sentences side by side, numbers alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from audits.report import numbers
from features.phrases import PHRASES, Language

_BEFORE = re.compile(r" (?=[:;?!»])")
_PER_CENT = re.compile(r" (?=%)")
_AFTER = re.compile(r"(?<=«) ")

Nouns = tuple[str, str]
"""A noun in the singular and the plural."""


@dataclass(frozen=True)
class Pen:
    """Writes in one language.

    ``say`` takes a sentence in both, so that neither says more than the other, and sets
    apostrophes and French blanks as printers do.
    """

    language: Language

    def say(self, fr: str, en: str) -> str:
        """Give the sentence in this pen's language."""
        text = fr if self.language == "fr" else en
        if self.language == "fr":
            text = _AFTER.sub("\u00a0", _BEFORE.sub("\u00a0", _PER_CENT.sub("\u202f", text)))
        return text.replace("'", "’")

    def quoted(self, words: str) -> str:
        """Set words that are not ours in quotation marks."""
        return self.say(f"« {words} »", f"“{words}”")

    def listed(self, words: Sequence[str]) -> str:
        """Join quoted words: ``« a », « b »``."""
        return ", ".join(map(self.quoted, words))

    def day(self, value: date) -> str:
        """Write a date in full."""
        return PHRASES[self.language].day(value)

    def count(self, value: int | None, fr: Nouns, en: Nouns) -> str:
        """Write a number with the noun that agrees with it; one that is None is not shown."""
        one, many = fr if self.language == "fr" else en
        if value is None:
            return f"{many} ({self.number(None)})"
        noun = PHRASES[self.language].count(value, one, many).removeprefix(f"{value} ")
        return f"{self.number(value)} {noun}"

    def percent(self, share: float | None) -> str:
        """Write a share."""
        return numbers.percent(share, self.language)

    def points(self, gap: float | None) -> str:
        """Write a difference in points, without the unit."""
        return numbers.points(gap, self.language)

    def signed_points(self, gap: float | None) -> str:
        """Write a difference in points with its sign."""
        text = self.points(gap)
        return text if gap is None or text.startswith("−") or text == "0" else f"+{text}"

    def in_points(self, gap: float | None) -> str:
        """Write a difference in points, with the unit."""
        return numbers.in_points(gap, self.language)

    def decimal(self, value: float | None, digits: int = 3) -> str:
        """Write a number with its decimals."""
        return numbers.decimal(value, digits, self.language)

    def signed(self, value: float, digits: int = 2) -> str:
        """Write a number with its sign and its decimals."""
        return numbers.signed(value, digits, self.language)

    def number(self, value: int | None) -> str:
        """Write a count."""
        return numbers.number(value, self.language)

    def to(self, low: str, high: str) -> str:
        """Write a range: ``33 à 49``, ``33 to 49``."""
        return f"{low}\u00a0{self.say('à', 'to')} {high}"

    def out_of(self, part: int | None, whole: int | None) -> str:
        """Write a count and what it is counted among, never apart on two lines."""
        between = self.say("sur", "of")
        return f"{self.number(part)}\u00a0{between}\u00a0{self.number(whole)}"

    def share_range(self, low: float | None, high: float | None) -> str:
        """Write an interval of shares: ``33 à 49 %``; ``–`` where there is none."""
        if low is None or high is None:
            return numbers.NONE
        return self.to(self.points(low), self.percent(high))

    @property
    def not_shown(self) -> str:
        """What stands where statistical secrecy withholds a number."""
        return numbers.NOT_SHOWN[self.language]

    def shown(self, text: str, *, withheld: bool) -> str:
        """Give a text, or say that it is withheld."""
        return self.not_shown if withheld else text
