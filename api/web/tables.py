"""A model table as people read it: a sentence, a small picture and the points, per feature."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from modeles.table import ModelTable, TableFeature

LIGHT_SPAN = 0.10
"""A feature whose points all lie within this span hardly moves an estimate."""

_WIDTH, _HEIGHT, _MARGIN = 300, 96, 10


@dataclass(frozen=True)
class Bin:
    """One line of a feature: where the value stands, the points, how many people."""

    where: str
    points: str
    persons: str


@dataclass(frozen=True)
class FeatureView:
    """One feature, ready to show."""

    title: str
    reason: str
    sentence: str
    picture: Markup
    bins: tuple[Bin, ...]
    light: bool

    @property
    def flat(self) -> bool:
        """Whether every bin shows the same points."""
        return len({bin.points for bin in self.bins}) == 1


def points_text(points: float) -> str:
    """Write points with their sign and a French comma: ``+0,31``; zero is ``+0,00``."""
    return f"{round(points, 2) + 0.0:+.2f}".replace("-", "−").replace(".", ",")


def feature_views(table: ModelTable) -> tuple[FeatureView, ...]:
    """Return the features of a table, those that weigh most first."""
    top = max((abs(p) for f in table.features for p in f.points), default=1.0) or 1.0
    ordered = sorted(table.features, key=_span, reverse=True)
    return tuple(
        FeatureView(
            title=f.title,
            reason=f.reason,
            sentence=_sentence(f),
            picture=_picture(f, top),
            bins=_bins(f),
            light=_span(f) < LIGHT_SPAN,
        )
        for f in ordered
    )


def _span(feature: TableFeature) -> float:
    """Return how far apart the points of a feature lie, those without a value included."""
    points = (*feature.points, feature.missing)
    return max(points) - min(points)


def _bins(feature: TableFeature) -> tuple[Bin, ...]:
    places = feature.places
    # A line counts people below, between and above its knots: not one count a knot.
    persons = [str(n) for n in feature.persons[:-1]] if feature.shape == "steps" else []
    persons += ["–"] * (len(places) - len(persons))
    rows = [
        Bin(where, points_text(points), people)
        for where, points, people in zip(places, feature.points, persons, strict=True)
    ]
    return (*rows, Bin("sans valeur", points_text(feature.missing), str(feature.persons[-1])))


def _sentence(feature: TableFeature) -> str:
    places = feature.places
    if min(feature.points) == max(feature.points):
        return "Ne change pas l'estimation."
    high = max(range(len(places)), key=feature.points.__getitem__)
    low = min(range(len(places)), key=feature.points.__getitem__)
    between = " ; entre les deux, peu à peu" if feature.shape == "line" else ""
    return (
        f"L'estimation monte le plus pour « {places[high]} » "
        f"({points_text(feature.points[high])}) et descend le plus pour « {places[low]} » "
        f"({points_text(feature.points[low])}){between}."
    )


def _picture(feature: TableFeature, top: float) -> Markup:
    """Draw the points over the bins; every feature of a table has the same vertical scale."""
    middle = _HEIGHT / 2
    span = _WIDTH - 2 * _MARGIN

    def y(points: float) -> float:
        return round(middle - points / top * (middle - _MARGIN), 1)

    if feature.shape == "line":
        ends = (_MARGIN + span * 0.15, _MARGIN + span * 0.85)
        first, last = feature.points[0], feature.points[-1]
        corners = [(_MARGIN, first), (ends[0], first), (ends[1], last), (_WIDTH - _MARGIN, last)]
    else:
        step = span / len(feature.points)
        corners = [
            (_MARGIN + step * (n + side), points)
            for n, points in enumerate(feature.points)
            for side in (0, 1)
        ]
    line = " ".join(f"{x:.1f},{y(points)}" for x, points in corners)
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="shape" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true" '
        f'focusable="false"><line class="axis" x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" '
        f'y1="{middle}" y2="{middle}"/><polyline class="line" points="{line}"/></svg>'
    )
