"""A model table as people read it: a sentence, a small picture and the points, per feature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from api.web.speech import Speech
from features.catalogue import Feature
from features.phrases import PHRASES, Language
from modeles.table import ModelTable, TableFeature

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


def points_text(points: float, language: Language = "fr") -> str:
    """Write points with their sign and the decimal mark: ``+0,31``; zero is ``+0,00``."""
    mark = PHRASES[language].point
    return f"{round(points, 2) + 0.0:+.2f}".replace("-", "−").replace(".", mark)


@dataclass(frozen=True)
class Group:
    """The lines of one wording: how many, and where the heaviest stands."""

    wording: str
    lines: int
    anchor: str


def retold(table: ModelTable, features: Iterable[Feature], language: Language) -> ModelTable:
    """Return a table whose lines are called as the features of its protocol say in a language.

    To be read only: it is not the table that was signed.
    """
    known = {feature.name: feature for feature in features}
    lines = tuple(
        replace(
            line,
            title=known[line.name].title_in(language),
            wording="|".join(known[line.name].nouns(language)),
        )
        for line in table.features
    )
    return replace(table, features=lines)


def feature_views(table: ModelTable, language: Language = "fr") -> tuple[FeatureView, ...]:
    """Return the features of a table, those that weigh most first."""
    top = max((abs(p) for f in table.features for p in (*f.points, f.missing)), default=1.0) or 1.0
    ordered = sorted(table.features, key=_span, reverse=True)
    return tuple(
        FeatureView(
            anchor=f"ligne-{number}",
            group=f.wording.split("|")[-1],
            title=f.title,
            reason=f.reason,
            sentence=_sentence(f, table.whole_points(f), Speech(language)),
            picture=_picture(f, top),
            bins=_bins(f, table.whole_points(f), language),
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


def _bins(
    feature: TableFeature, whole: Sequence[int] | None, language: Language
) -> tuple[Bin, ...]:
    lines = feature.lines(language)
    shown = [points_text(n, language) for _, n in lines] if whole is None else map(str, whole)
    # A line counts people below, between and above its knots: not one count a knot.
    persons = [str(n) for n in feature.persons[:-1]] if feature.shape == "steps" else []
    persons += ["–"] * (len(lines) - 1 - len(persons))
    persons.append(str(feature.persons[-1]))
    return tuple(map(Bin, (where for where, _ in lines), shown, persons))


def _sentence(feature: TableFeature, whole: Sequence[int] | None, speech: Speech) -> str:
    if whole is not None:
        lines = zip(feature.lines(speech.language), whole, strict=True)
        giving = [speech.quoted(where) for (where, _), n in lines if n]
        return speech.say(
            "%(places)s\u00a0: %(points)s\u00a0; sinon, aucun.",
            places=f" {speech.say('ou')} ".join(giving),
            points=speech.count(max(whole), "point", "points"),
        )
    return " ".join(_weight(feature, speech))


def _weight(feature: TableFeature, speech: Speech) -> Iterator[str]:
    *shown, without = [
        points_text(points, speech.language) for points in (*feature.points, feature.missing)
    ]
    anybody_without = feature.persons[-1] > 0
    if len(set(shown)) == 1:
        if not anybody_without or shown[0] == without:
            yield speech.say("Ne change pas l'estimation.")
            return
        yield speech.say("Toute valeur compte autant (%(points)s).", points=shown[0])
    else:
        places = feature.places_in(speech.language)
        high = max(range(len(places)), key=feature.points.__getitem__)
        low = min(range(len(places)), key=feature.points.__getitem__)
        yield speech.say(
            "L'estimation monte le plus pour %(high)s (%(most)s) et descend le plus pour "
            "%(low)s (%(least)s)\u00a0; entre les deux, peu à peu."
            if feature.shape == "line"
            else "L'estimation monte le plus pour %(high)s (%(most)s) et descend le plus pour "
            "%(low)s (%(least)s).",
            high=speech.quoted(places[high]),
            most=shown[high],
            low=speech.quoted(places[low]),
            least=shown[low],
        )
    if anybody_without:
        yield speech.say("Sans valeur : %(points)s.", points=without)


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
