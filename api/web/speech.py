"""What pages say, in French or in English: one catalogue, and numbers and dates beside it.

The sentences in the source are French, and they are the keys. English stands in one text
file beside the code; a sentence that is not in it is not ours, and is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from features.french import NO_BREAK, with_blanks
from features.phrases import PHRASES, Language

CATALOGUE = Path(__file__).parents[1] / "locales/en/LC_MESSAGES/rebond.po"
PARIS = ZoneInfo("Europe/Paris")


@cache
def english() -> Catalog:
    """Read the English catalogue, once a process."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="en")


class _French(NullTranslations):
    """The source itself, with its blanks as printers set them; French counts 0 and 1 as one."""

    def gettext(self, message: str) -> str:
        return with_blanks(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return with_blanks(msgid1 if abs(n) < 2 else msgid2)  # noqa: PLR2004 - French grammar


@cache
def translations(language: Language) -> NullTranslations:
    """Return what says a French sentence in a language, once a process."""
    if language == "fr":
        return _French()
    compiled = BytesIO()
    write_mo(compiled, english())
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def sentences(language: Language) -> Mapping[str, str]:
    """Return every French sentence of ours with what says it in a language, once a process."""
    says = translations(language).gettext
    ours = (message.id if isinstance(message.id, str) else message.id[0] for message in english())
    return MappingProxyType({sentence: says(sentence) for sentence in ours if sentence})


@dataclass(frozen=True)
class Speech:
    """Speaks one language: sentences, agreeing numbers, days and moments."""

    language: Language

    def say(self, sentence: str, **values: object) -> str:
        """Say a French sentence in this language.

        Parameters
        ----------
        sentence
            As in the source, with named holes: ``%(day)s``; a per cent sign is ``%%``.
        values
            What stands in the holes.
        """
        said = sentences(self.language).get(sentence)
        return sentence if said is None else said % values

    def count(self, number: int, one: str, many: str) -> str:
        """Write a number with the noun that agrees with it, given in French."""
        blank = NO_BREAK if self.language == "fr" else " "
        return f"{number}{blank}{translations(self.language).ngettext(one, many, number)}"

    def quoted(self, words: str) -> str:
        """Set words that are not ours in quotation marks."""
        return self.say("«\u00a0%(words)s\u00a0»", words=words)

    def day(self, value: date) -> str:
        """Write a date in full."""
        return PHRASES[self.language].day(value)

    def moment(self, value: datetime) -> str:
        r"""Write a time as the clock shows it in France.

        >>> Speech("fr").moment(datetime(2026, 11, 21, 10, 5, tzinfo=UTC))
        '21 novembre 2026 à 11\xa0h\xa005'
        >>> Speech("en").moment(datetime(2026, 11, 21, 10, 5, tzinfo=UTC))
        '21 November 2026 at 11:05'
        """
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        local = aware.astimezone(PARIS)
        if self.language == "fr":
            hour = f"{local.hour}{NO_BREAK}h{NO_BREAK}{local.minute:02d}"
            return f"{self.day(local.date())} à {hour}"
        return f"{self.day(local.date())} at {local:%H:%M}"

    def marked_up(self, sentence: str, /, **values: object) -> Markup:
        """Say a sentence as a template takes it: ours may hold tags, any other is escaped.

        What stands in the holes is escaped as well.
        """
        said = _marked_up(self.language).get(sentence)
        return escape(sentence) if said is None else _filled(said, values)

    def marked_up_count(self, one: str, many: str, number: int, /, **values: object) -> Markup:
        """Say the sentence that agrees with a number, which is its ``num``."""
        said = Markup(translations(self.language).ngettext(one, many, number))  # noqa: S704 - ours
        return _filled(said, {"num": number, **values})


@cache
def _marked_up(language: Language) -> Mapping[str, Markup]:
    return {said: Markup(text) for said, text in sentences(language).items()}  # noqa: S704 - ours


def _filled(said: Markup, values: Mapping[str, object]) -> Markup:
    return said % values if "%" in said else said
