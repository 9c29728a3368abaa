"""A scorecard on one sheet of paper: questions with whole points, and what a total means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from features.phrases import Language
from modeles.table import Calibration, ModelTable

_TINY = 1e-9
"""Log-odds: no difference, only how it was added up."""


@dataclass(frozen=True)
class Question:
    """One line that gives points: what about, where it gives them, and how many."""

    title: str
    where: tuple[str, ...]
    points: int


@dataclass(frozen=True)
class Total:
    """Totals with the same estimate: of 100 situations, about so many.

    Attributes
    ----------
    low, high
        The smallest and the largest of these totals.
    per_100, from_100, to_100
        The estimate, and how far it may be off.
    uncertain
        Too little like it was seen to give one.
    """

    low: int
    high: int
    per_100: int
    from_100: int
    to_100: int
    uncertain: bool


@dataclass(frozen=True)
class Sheet:
    """A whole scorecard; ``enough`` points have a place on an ordinary review date."""

    questions: tuple[Question, ...]
    totals: tuple[Total, ...]
    enough: int | None


def scorecard_sheet(table: ModelTable, language: Language = "fr") -> Sheet | None:
    """Write a table as a sheet, the questions that weigh most first; None without whole points."""
    if table.point is None:
        return None
    most = sum(max(table.whole_points(feature) or (0,)) for feature in table.features)
    scores = [table.start + table.point * total for total in range(most + 1)]
    return Sheet(
        questions=tuple(sorted(_questions(table, language), key=lambda question: -question.points)),
        totals=_totals(table.calibration, scores),
        enough=next((n for n, score in enumerate(scores) if score > table.cut - _TINY), None),
    )


def _questions(table: ModelTable, language: Language) -> Iterator[Question]:
    for feature in table.features:
        by_points: dict[int, tuple[str, ...]] = {}
        for (where, _), whole in zip(
            feature.lines(language), table.whole_points(feature) or (), strict=True
        ):
            by_points[whole] = (*by_points.get(whole, ()), where)
        for whole, places in by_points.items():
            if whole:
                yield Question(feature.title, places, whole)


def _totals(calibration: Calibration, scores: Sequence[float]) -> tuple[Total, ...]:
    # Beyond the last row of the range stand too few households to say anything.
    last_seen = calibration.venn_abers[-1][0]
    each = []
    for total, score in enumerate(scores):
        middle, low, high = (round(100 * p) for p in calibration.probability(score))
        uncertain = score > last_seen + _TINY or calibration.uncertain(score)
        each.append(Total(total, total, middle, low, high, uncertain))
    rows = []
    for _, same in groupby(each, key=lambda t: t.uncertain or t.per_100):
        together = tuple(same)
        first, last = together[0], together[-1]
        rows.append(replace(first, high=last.high, to_100=last.to_100))
    return tuple(rows)
