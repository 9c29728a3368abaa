"""The languages in which people read, and the pair that says one thing in each."""

from __future__ import annotations

from typing import Literal, NamedTuple

Language = Literal["fr", "en"]
"""The languages in which a fact is told; people read French unless they ask."""


class Told(NamedTuple):
    """The same words in each language."""

    fr: str
    en: str

    def to(self, language: Language) -> str:
        """Return the words of one language.

        >>> Told("jour", "day").to("en")
        'day'
        """
        return self.en if language == "en" else self.fr
