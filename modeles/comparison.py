"""Two models side by side: what came, what went, and how far the points of each feature moved.

Features are matched by name, so models of different families, and of different protocols, can
be compared. A feature that one of them does not have has no points there: 0 everywhere.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from modeles.table import COUNTED, Line, ModelTable, TableFeature

Kind = Literal["came", "went", "moved", "same"]

_DIGITS = 9
"""An edge kept as log(1 + x) comes back a hair beside the number it was."""


@dataclass(frozen=True)
class Fact:
    """Something said once for a whole model, in both; None where one has none."""

    name: str
    before: str | float | None
    after: str | float | None

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.before == self.after


@dataclass(frozen=True)
class Place:
    """Where on the axis of a feature: above the one, up to the other; equal, exactly there.

    One is None at either end of the axis; ``missing`` is where there is no value.
    """

    above: float | None
    up_to: float | None
    missing: bool = False


@dataclass(frozen=True)
class FeatureChange:
    """One feature in both models.

    Attributes
    ----------
    place
        Where its points moved most.
    before, after
        The points there: whole ones if both models give whole points, else log-odds.
    words
        Whether title, wording or reason differ.
    """

    name: str
    title: str
    unit: str
    kind: Kind
    place: Place
    before: float
    after: float
    words: bool

    @property
    def change(self) -> float:
        """How far the points moved."""
        return self.after - self.before


@dataclass(frozen=True)
class Comparison:
    """What changed from one model to another.

    Attributes
    ----------
    same
        Nothing but the version differs, bags included.
    facts
        What is said once for the whole model.
    average, at_cut
        The calibrated estimate of an average situation, and of the last one with a place.
    whole
        Whether points are whole points.
    features
        Those of either model, the largest change first.
    """

    before: str
    after: str
    same: bool
    facts: tuple[Fact, ...]
    average: Fact
    at_cut: Fact
    whole: bool
    features: tuple[FeatureChange, ...]


def compare(before: ModelTable, after: ModelTable) -> Comparison:
    """Compare two models, from the earlier to the later one."""
    whole = before.point is not None and after.point is not None
    old, new = _by_name(before), _by_name(after)
    changes = [
        _change(
            old.get(name, ()),
            new.get(name, ()),
            _points(before, old.get(name, ()), whole=whole),
            _points(after, new.get(name, ()), whole=whole),
        )
        for name in dict.fromkeys((*old, *new))
    ]
    return Comparison(
        before=before.version,
        after=after.version,
        same=replace(before, version=after.version) == after,
        facts=_facts(before, after),
        average=Fact("average", *(_estimate(t, t.intercept) for t in (before, after))),
        at_cut=Fact("at_cut", *(_estimate(t, t.cut) for t in (before, after))),
        whole=whole,
        features=tuple(sorted(changes, key=lambda c: -abs(c.change))),
    )


def _facts(before: ModelTable, after: ModelTable) -> tuple[Fact, ...]:
    said = ("family", "outcome", "horizon_days", "trained_until", "test_from", "intercept", "cut")
    return (
        *(Fact(name, getattr(before, name), getattr(after, name)) for name in (*said, "point")),
        *(
            Fact(name, before.hashes.get(name), after.hashes.get(name))
            for name in sorted({*before.hashes, *after.hashes})
        ),
    )


def _estimate(table: ModelTable, score: float) -> float:
    return table.calibration.probability(score)[0]


def _by_name(table: ModelTable) -> dict[str, tuple[TableFeature, ...]]:
    found: dict[str, tuple[TableFeature, ...]] = {}
    for feature in table.features:
        found[feature.name] = (*found.get(feature.name, ()), feature)
    return found


def _points(
    table: ModelTable, features: Sequence[TableFeature], *, whole: bool
) -> tuple[Line, ...]:
    """Return the lines of one feature, with whole points where both models have them."""
    if not whole:
        return tuple(features)
    lines = []
    for feature in features:
        *points, missing = map(float, table.whole_points(feature) or ())
        lines.append(replace(feature, points=tuple(points), missing=missing))
    return tuple(lines)


def _change(
    told_before: Sequence[TableFeature],
    told_after: Sequence[TableFeature],
    before: Sequence[Line],
    after: Sequence[Line],
) -> FeatureChange:
    told = (*told_after, *told_before)
    places = _places((*before, *after), counted=told[0].unit in COUNTED)
    values = np.array(list(places))
    points = [
        np.sum([line.contribution(values) for line in lines], axis=0) + np.zeros(len(values))
        for lines in (before, after)
    ]
    at = int(np.argmax(np.abs(points[1] - points[0])))
    kind: Kind = "same" if points[0][at] == points[1][at] else "moved"
    if not told_before or not told_after:
        kind = "came" if told_after else "went"
    return FeatureChange(
        name=told[0].name,
        title=told[0].title,
        unit=told[0].unit,
        kind=kind,
        place=list(places.values())[at],
        before=float(points[0][at]),
        after=float(points[1][at]),
        words=len({(f.title, f.wording, f.reason) for f in told}) > 1,
    )


def _places(lines: Sequence[Line], *, counted: bool) -> dict[float, Place]:
    """Return values at which lines change, and where on the axis each stands.

    On either side of each edge: what is counted has whole numbers there, anything else the
    edge itself and the next value. Between two of them no line bends.
    """
    edges = sorted({_value(line, edge) for line in lines for edge in line.edges})
    sloping = any(line.shape == "line" for line in lines)
    places = {}
    for value in sorted({side for edge in edges for side in _sides(edge, counted=counted)}):
        at = bisect_left(edges, value)
        low, high = (edges[at - 1] if at else None), (edges[at] if at < len(edges) else None)
        inside = sloping and low is not None and high is not None
        places[value] = Place(value, value) if inside else Place(low, high)
    return (places or {0.0: Place(None, None)}) | {math.nan: Place(None, None, missing=True)}


def _sides(edge: float, *, counted: bool) -> tuple[float, float]:
    if counted:
        return float(math.floor(edge)), float(math.floor(edge) + 1)
    return edge, math.nextafter(edge, math.inf)


def _value(line: Line, edge: float) -> float:
    return round(math.expm1(edge), _DIGITS) if line.scale == "log1p" else edge
