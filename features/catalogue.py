"""The feature catalogue: every feature of a protocol, its unit, its reason and its sentence.

The list is fixed by the protocol alone, so no code that first occurs later can become a
column. A feature without wording and reason cannot exist: the protocol refuses it. Wordings
alone have versions of their own: the protocol's is the first, a later one takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from features.codes import matches
from features.french import count, day
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
    """

    name: str
    group: str
    codes: tuple[str, ...]
    measure: Measure
    window_days: int | None
    sign: int
    wording: str
    reason: str

    @property
    def one(self) -> str:
        """The wording in the singular; a wording gives both as ``one|many``."""
        return self.wording.split("|")[0]

    @property
    def many(self) -> str:
        """The wording in the plural."""
        return self.wording.split("|")[-1]

    @property
    def unit(self) -> str:
        """The unit of the value, in French."""
        return UNITS[self.measure]

    @property
    def title(self) -> str:
        """What the feature is, for a table: ``rendez-vous non honorés, nombre sur 90 jours``."""
        window = f" sur {self.window_days} jours" if self.window_days else ""
        kinds: dict[Measure, str] = {
            "count": f"nombre{window}",
            "sum": f"total{window}",
            "mean": f"moyenne{window}",
            "active_days": f"jours concernés{window}",
            "last": "dernière valeur",
            "since_last": "jours depuis le dernier fait",
            "trend": f"évolution{window}",
            "ever": "au moins une fois",
        }
        return f"{self.many} : {kinds[self.measure]}"

    def sentence(self, value: float, as_of: date) -> str:
        """State the value as a dated fact, without an adjective.

        Parameters
        ----------
        value
            The feature's value at ``as_of``; NaN where there is nothing to measure.
        as_of
            The review date: the day before it is the last one known.
        """
        before, start = day(as_of), day(as_of - timedelta(days=self.window_days or 0))
        since = f"depuis le {start}" if self.window_days else f"avant le {before}"
        nothing = math.isnan(value) or (self.measure in _NUMBERS and not value)
        match self.measure:
            case "sum" | "mean" | "last" if nothing:
                said = f"aucune valeur enregistrée {since}"
            case "count" | "active_days" | "since_last" | "ever" | "trend" if nothing:
                said = f"aucun fait enregistré {since}"
            case "count":
                return f"{count(int(value), self.one, self.many)} {since}."
            case "active_days":
                return f"{count(int(value), 'jour', 'jours')} avec {self.many} {since}."
            case "since_last":
                last = day(as_of - timedelta(days=int(value)))
                ago = count(int(value), "jour", "jours")
                said = f"dernier fait enregistré le {last}, il y a {ago}"
            case "ever":
                said = f"au moins un fait enregistré {since}"
            case "trend":
                more = f"{_number(abs(value))} {'de plus' if value > 0 else 'de moins'}"
                than = f"que les {self.window_days} jours précédents"
                said = f"{more if value else 'autant'} {since} {than}"
            case "last":
                said = f"dernière valeur enregistrée {since} : {_number(value)}"
            case "sum" | "mean":
                kind = "total" if self.measure == "sum" else "moyenne"
                said = f"{kind} de {_number(value)} {since}"
        return f"{self.many[:1].upper()}{self.many[1:]} : {said}."


_NUMBERS: frozenset[Measure] = frozenset({"count", "active_days", "ever"})
"""Measures whose 0 says that nothing was recorded."""


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
    )


def _number(value: float) -> str:
    shown = round(float(value), 1)
    return str(int(shown)) if shown.is_integer() else f"{shown:.1f}".replace(".", ",")
