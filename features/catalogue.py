"""The feature catalogue: every feature of a protocol, its unit, its reason and its sentence.

The list is fixed by the protocol alone, so no code that first occurs later can become a
column. A feature without wording and reason cannot exist: the protocol refuses it. Wordings
alone have versions of their own: the protocol's is the first, a later one takes its place.
What a feature says in which language stands in :mod:`features.phrases`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from features.codes import matches
from features.phrases import PHRASES, Language, Phrases, Said
from features.protocol import FeatureGroup, Measure, Protocol

WINDOWED: frozenset[Measure] = frozenset({"count", "sum", "mean", "active_days"})
"""Measures taken once per window; the others are taken once over the whole history."""

UNITS: dict[Measure, str] = {
    "count": "faits",
    "sum": "valeur",
    "mean": "valeur",
    "last": "valeur",
    "active_days": "jours",
    "since_last": "jours",
    "trend": "faits",
    "ever": "oui ou non",
}


@dataclass(frozen=True)
class Feature:
    """One column of the matrix.

    ``window_days`` is None over the whole history. ``trend`` compares the shortest window
    with the equally long one before it, and carries that length in ``window_days``.
    ``wording_en`` may be empty: English then quotes the French noun, « … ».
    """

    name: str
    group: str
    codes: tuple[str, ...]
    measure: Measure
    window_days: int | None
    sign: int
    wording: str
    reason: str
    wording_en: str = ""

    @property
    def one(self) -> str:
        """The wording in the singular."""
        return _sides(self.wording)[0]

    @property
    def many(self) -> str:
        """The wording in the plural."""
        return _sides(self.wording)[1]

    @property
    def unit(self) -> str:
        """The unit of the value, in French."""
        return UNITS[self.measure]

    @property
    def title(self) -> str:
        """What the feature is, for a table: ``rendez-vous non honorés : nombre sur 90 jours``."""
        return self.title_in("fr")

    def title_in(self, language: Language) -> str:
        """Say what the feature is in some language: ``visits: number over 90 days``."""
        words = PHRASES[language]
        _, many = self.nouns(language)
        days = words.count(self.window_days or 0, *words.days)
        window = words.over.format(days) if self.window_days else ""
        return words.title.format(many, words.titles[self.measure].format(window))

    def nouns(self, language: Language) -> tuple[str, str]:
        """Return the wording in some language, in the singular and the plural.

        Where there is no English one, it is the French one in quotation marks, « … »: what
        nobody has put in English words is cited, not guessed at.
        """
        if language == "fr":
            return self.one, self.many
        return _sides(self.wording_en or f"« {self.one} »|« {self.many} »")

    def sentence(self, value: float, as_of: date, language: Language = "fr") -> str:
        """State the value as a dated fact, without an adjective.

        Parameters
        ----------
        value
            The feature's value at ``as_of``; NaN where there is nothing to measure.
        as_of
            The review date: the day before it is the last one known.
        language
            Of the sentence; without an English wording, English cites the French noun.
        """
        fact = Fact(self, value, as_of, language)
        return PHRASES[language].sentences[fact.said].format(fact)


@dataclass(frozen=True)
class Fact:
    """A feature's value at a review date, in the parts that a sentence is made of."""

    feature: Feature
    value: float
    as_of: date
    language: Language

    @property
    def said(self) -> Said:
        """Which sentence states the value."""
        measure, value = self.feature.measure, self.value
        if math.isnan(value) or (measure in _NUMBERS and not value):
            return "no value" if measure in _VALUES else "no event"
        if measure == "trend":
            return "more" if value > 0 else "fewer" if value < 0 else "as many"
        return measure

    @property
    def many(self) -> str:
        """What was counted, in the plural."""
        return self.feature.nouns(self.language)[1]

    @property
    def subject(self) -> str:
        """The same at the head of a sentence."""
        return f"{self.many[:1].upper()}{self.many[1:]}"

    @property
    def since(self) -> str:
        """From which day the value counts, or before which one over the whole history."""
        day = self._words.day(self.as_of - timedelta(days=self.window))
        return (self._words.since if self.window else self._words.before).format(day)

    @property
    def last(self) -> str:
        """The day of the last event, where the value is the days since."""
        return self._words.day(self.as_of - timedelta(days=int(self.value)))

    @property
    def events(self) -> str:
        """The value with the noun."""
        return self._words.count(int(self.value), *self.feature.nouns(self.language))

    @property
    def days(self) -> str:
        """The value in days."""
        return self._words.count(int(self.value), *self._words.days)

    @property
    def number(self) -> str:
        """The value, to one decimal where it has any."""
        return _number(self.value, self._words.point)

    @property
    def size(self) -> str:
        """The value without its sign."""
        return _number(abs(self.value), self._words.point)

    @property
    def window(self) -> int:
        """The length of the window in days, 0 for the whole history."""
        return self.feature.window_days or 0

    @property
    def length(self) -> str:
        """The same with the noun."""
        return self._words.count(self.window, *self._words.days)

    @property
    def _words(self) -> Phrases:
        return PHRASES[self.language]


_NUMBERS: frozenset[Measure] = frozenset({"count", "active_days", "ever"})
"""Measures whose 0 says that nothing was recorded."""

_VALUES: frozenset[Measure] = frozenset({"sum", "mean", "last"})
"""Measures of the values that events carry, not of the events."""


def looked_at(protocol: Protocol, codes: Iterable[str]) -> frozenset[str]:
    """Return those of some codes that a feature of the protocol looks at."""
    patterns = [pattern for group in protocol.features.group for pattern in group.codes]
    return frozenset(code for code in codes if matches(code, patterns))


def first_wordings(protocol: Protocol) -> dict[str, str]:
    """Return the wordings that the protocol itself gives, by feature group: version 1."""
    return {group.name: group.wording for group in protocol.features.group}


def catalogue(protocol: Protocol, wordings: Mapping[str, str] | None = None) -> tuple[Feature, ...]:
    """Return the features of a protocol, in the order of its groups, measures and windows.

    Parameters
    ----------
    protocol
        Fixes everything but the words.
    wordings
        By feature group, those that take the place of the protocol's own; others are ignored.
        They are French. The protocol's English says what its French said: where other words
        took its place because it hurt, the English goes with it and the new French is cited.
    """
    windows = protocol.features.windows_days
    words = first_wordings(protocol) | dict(wordings or {})
    return tuple(
        _feature(group, measure, window, words[group.name])
        for group in protocol.features.group
        for measure in group.measures
        for window in _windows(measure, windows)
    )


def _windows(measure: Measure, windows: tuple[int, ...]) -> tuple[int | None, ...]:
    if measure in WINDOWED:
        return windows
    return (min(windows),) if measure == "trend" else (None,)


def _feature(group: FeatureGroup, measure: Measure, window: int | None, wording: str) -> Feature:
    name = f"{group.name}.{measure}" + (f".{window}" if window else "")
    # More facts are fewer days since the last one: the delay goes the other way.
    sign = -group.sign if measure == "since_last" else group.sign
    return Feature(
        name,
        group.name,
        group.codes,
        measure,
        window,
        sign,
        wording,
        group.reason,
        group.wording_en if wording == group.wording else "",
    )


def _sides(wording: str) -> tuple[str, str]:
    """Return the singular and the plural of a wording, which gives them as ``one|many``."""
    sides = wording.split("|")
    return sides[0], sides[-1]


def _number(value: float, point: str) -> str:
    shown = round(float(value), 1)
    return str(int(shown)) if shown.is_integer() else f"{shown:.1f}".replace(".", point)
