"""The feature catalogue: every feature of a protocol, its unit, its reason and its sentence.

The list is fixed by the protocol alone, so no code that first occurs later can become a
column. A feature without wording and reason cannot exist: the protocol refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

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
        if value != value:  # noqa: PLR0124 - NaN: nothing to measure
            return f"Aucun fait enregistré ({self.many})."
        if self.measure == "since_last":
            days = int(value)
            return (
                f"Dernier fait enregistré ({self.many}) le {day(as_of - timedelta(days=days))}, "
                f"il y a {count(days, 'jour', 'jours')}."
            )
        if self.measure == "ever":
            known = "Au moins un fait enregistré" if value else "Aucun fait enregistré"
            return f"{known} ({self.many}) avant le {day(as_of)}."
        if self.measure == "last":
            return f"Dernière valeur enregistrée ({self.many}) : {_number(value)}."
        start = day(as_of - timedelta(days=self.window_days or 0))
        if self.measure == "trend":
            if not value:
                return (
                    f"Depuis le {start}, autant que les {self.window_days} jours précédents "
                    f"({self.many})."
                )
            more = "de plus" if value > 0 else "de moins"
            return (
                f"Depuis le {start}, {_number(abs(value))} {more} que les "
                f"{self.window_days} jours précédents ({self.many})."
            )
        if self.measure in {"count", "active_days"} and not value:
            return f"Aucun fait enregistré ({self.many}) depuis le {start}."
        if self.measure == "count":
            return f"{count(int(value), self.one, self.many)} depuis le {start}."
        if self.measure == "active_days":
            return f"{count(int(value), 'jour', 'jours')} avec {self.many} depuis le {start}."
        kind = "Total" if self.measure == "sum" else "Moyenne"
        return f"{kind} de {_number(value)} ({self.many}) depuis le {start}."


def catalogue(protocol: Protocol) -> tuple[Feature, ...]:
    """Return the features of a protocol, in the order of its groups, measures and windows."""
    windows = protocol.features.windows_days
    return tuple(
        _feature(group, measure, window)
        for group in protocol.features.group
        for measure in group.measures
        for window in _windows(measure, windows)
    )


def _windows(measure: Measure, windows: tuple[int, ...]) -> tuple[int | None, ...]:
    if measure in WINDOWED:
        return windows
    return (min(windows),) if measure == "trend" else (None,)


def _feature(group: FeatureGroup, measure: Measure, window: int | None) -> Feature:
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
        group.wording,
        group.reason,
    )


def _number(value: float) -> str:
    shown = round(float(value), 1)
    return str(int(shown)) if shown.is_integer() else f"{shown:.1f}".replace(".", ",")
