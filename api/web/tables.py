"""A model table as people read it: a sentence, a small picture and the points, per feature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from features.french import count
from modeles.table import WITHOUT, ModelTable, TableFeature

LIGHT_SPAN = 0.10
"""A feature whose points all lie within this span hardly moves an estimate."""

_WIDTH, _HEIGHT, _MARGIN, _APART = 300, 96, 10, 18


@dataclass(frozen=True)
class Bin:
    """One line of a feature: where the value stands, the points, how many people."""

    where: str
    points: str
    persons: str


@dataclass(frozen=True)
class FeatureView:
    """One line of a feature, ready to show; ``anchor`` is its own within the page."""

    anchor: str
    group: str
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


@dataclass(frozen=True)
class Group:
    """The lines of one wording: how many, and where the heaviest stands."""

    wording: str
    lines: int
    anchor: str


def feature_views(table: ModelTable) -> tuple[FeatureView, ...]:
    """Return the features of a table, those that weigh most first."""
    top = max((abs(p) for f in table.features for p in (*f.points, f.missing)), default=1.0) or 1.0
    ordered = sorted(table.features, key=_span, reverse=True)
    return tuple(
        FeatureView(
            anchor=f"ligne-{number}",
            group=f.wording.split("|")[-1],
            title=f.title,
            reason=f.reason,
            sentence=_sentence(f, table.whole_points(f)),
            picture=_picture(f, top),
            bins=_bins(f, table.whole_points(f)),
            light=_span(f) < LIGHT_SPAN,
        )
        for number, f in enumerate(ordered, 1)
    )


def groups_of(views: Sequence[FeatureView]) -> tuple[Group, ...]:
    """Return the wordings of the lines, the one with the heaviest line first."""
    lines = Counter(view.group for view in views)
    first = {view.group: view.anchor for view in reversed(views)}
    return tuple(Group(wording, n, first[wording]) for wording, n in lines.items())


def _span(feature: TableFeature) -> float:
    """Return how far apart the points of a feature lie, those without a value included."""
    points = (*feature.points, feature.missing)
    return max(points) - min(points)


def _bins(feature: TableFeature, whole: Sequence[int] | None) -> tuple[Bin, ...]:
    places = feature.places
    points = (*feature.points, feature.missing)
    shown = [points_text(n) for n in points] if whole is None else [str(n) for n in whole]
    # A line counts people below, between and above its knots: not one count a knot.
    persons = [str(n) for n in feature.persons[:-1]] if feature.shape == "steps" else []
    persons += ["–"] * (len(places) - len(persons))
    persons.append(str(feature.persons[-1]))
    return tuple(map(Bin, (*places, WITHOUT), shown, persons))


def _sentence(feature: TableFeature, whole: Sequence[int] | None) -> str:
    places = feature.places
    if whole is not None:
        giving = [where for where, n in zip((*places, WITHOUT), whole, strict=True) if n]
        said = " ou ".join(map(_quoted, giving))
        return f"{said}\u00a0: {count(max(whole), 'point', 'points')}\u00a0; sinon, aucun."
    shown = [points_text(points) for points in feature.points]
    without = f" Sans valeur : {points_text(feature.missing)}." if feature.persons[-1] else ""
    if len(set(shown)) == 1:
        if not without or shown[0] == points_text(feature.missing):
            return "Ne change pas l'estimation."
        return f"Toute valeur compte autant ({shown[0]}).{without}"
    high = max(range(len(places)), key=feature.points.__getitem__)
    low = min(range(len(places)), key=feature.points.__getitem__)
    between = "\u00a0; entre les deux, peu à peu" if feature.shape == "line" else ""
    return (
        f"L'estimation monte le plus pour {_quoted(places[high])} ({shown[high]}) et descend le "
        f"plus pour {_quoted(places[low])} ({shown[low]}){between}.{without}"
    )


def _quoted(where: str) -> str:
    return f"«\u00a0{where}\u00a0»"


def _picture(feature: TableFeature, top: float) -> Markup:
    """Draw the points over the bins, and a dot for those without a value.

    Every feature of a table has the same vertical scale.
    """
    middle = _HEIGHT / 2
    end = _WIDTH - _MARGIN - _APART
    span = end - _MARGIN

    def y(points: float) -> float:
        return round(middle - points / top * (middle - _MARGIN), 1)

    if feature.shape == "line":
        ends = (_MARGIN + span * 0.15, _MARGIN + span * 0.85)
        first, last = feature.points[0], feature.points[-1]
        corners = [(_MARGIN, first), (ends[0], first), (ends[1], last), (end, last)]
    else:
        step = span / len(feature.points)
        corners = [
            (_MARGIN + step * (n + side), points)
            for n, points in enumerate(feature.points)
            for side in (0, 1)
        ]
    line = " ".join(f"{x:.1f},{y(points)}" for x, points in corners)
    without = (
        f'<circle class="without" cx="{_WIDTH - _MARGIN}" cy="{y(feature.missing)}" r="4"/>'
        if feature.persons[-1]
        else ""
    )
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="shape" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true" '
        f'focusable="false"><line class="axis" x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" '
        f'y1="{middle}" y2="{middle}"/><polyline class="line" points="{line}"/>{without}</svg>'
    )
