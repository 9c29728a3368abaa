"""The simplest document there is: a dozen yes-or-no lines, each worth some whole points.

Lines are taken one by one, each time the one that would improve the fit most, then all are
fitted together and rounded to whole points; what one point is worth is fitted last. Every
bag chooses its own lines, without a look at its fold.

References
----------
Ustun and Rudin (2019), Learning optimized risk scores, JMLR 20; the greedy choice here is by
Rao's score statistic, the simplest that needs no solver.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from modeles.binning import persons_between
from modeles.families import (
    SAMPLE,
    AdditiveFamily,
    Fit,
    Training,
    checked,
    in_each_fold,
    moved,
    told,
)
from modeles.newton import newton
from modeles.table import Bag, Line, sigmoid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MOST_LINES = 12
LARGEST_POINTS = 5
"""Points of the line that weighs most: fine enough to rank, small enough to add in the head."""

RIDGE = 1.0
"""Keeps the coefficients of rare answers small."""

NEAR = 1e-3
"""Log-odds to which coefficients are fitted that are rounded to whole points anyway."""

BITS = 46
"""Binary digits behind the point: with six before it, 52 of the 53 that a float has."""

_TINY = 1e-4

SHARES = (0.25, 0.5, 0.75, 0.9)
"""Shares of the rows at or below which a question may cut a feature."""


@dataclass(frozen=True)
class Question:
    """One yes-or-no question about a feature: whether the value is above ``edge``.

    ``missing`` is the answer where there is no value: a delay that never began is longer than
    any, everything else that is missing is not above.
    """

    column: int
    edge: float
    missing: bool
    sign: int

    def answers(self, values: Floats) -> Bools:
        """Answer for each row, shape (rows,)."""
        column = values[:, self.column]
        return np.where(np.isnan(column), self.missing, column > self.edge)

    def line(self, points: float) -> Line:
        """Write the question as a line that gives ``points`` for a yes."""
        return Line(
            column=self.column,
            shape="steps",
            scale="linear",
            edges=(self.edge,),
            points=(0.0, points),
            missing=points if self.missing else 0.0,
        )


@dataclass(frozen=True)
class Scorecard(AdditiveFamily):
    """At most a dozen questions with whole points."""

    lines: int = MOST_LINES
    name = "scorecard"

    @property
    def setting(self) -> str:
        """How many lines at most."""
        return f"{self.lines} lines"

    def fit(self, training: Training, progress: Callable[[str], None]) -> Fit:
        """Fit the bags, and on all rows the model: whole points have no mean."""
        bags = self.bags(training, progress)
        everybody = np.ones(len(training.label), bool)
        model, point = _Draft.of(training).card(everybody, self.lines)
        values, person = training.values, training.person
        features = tuple(
            told(training, line, persons_between(values[:, line.column], person, line.edges))
            for line in model.lines
        )
        return Fit(model.intercept, features, bags, point)

    def bags(self, training: Training, progress: Callable[[str], None]) -> tuple[Bag, ...]:
        """Fit one scorecard for each fold, which chooses its own lines."""
        draft = _Draft.of(training)
        return in_each_fold(
            lambda fold: draft.card(training.without(fold), self.lines)[0],
            training,
            self.name,
            progress,
        )


@dataclass(frozen=True)
class _Draft:
    """All questions that may be asked, and everybody's answers, shape (rows, questions)."""

    training: Training
    questions: tuple[Question, ...]
    answers: npt.NDArray[np.float32]

    @classmethod
    def of(cls, training: Training) -> _Draft:
        questions = _questions(training)
        answers = np.empty((len(training.label), len(questions)), np.float32)
        for at, question in enumerate(questions):
            answers[:, at] = question.answers(training.values)
        return cls(training, questions, answers)

    def card(self, rows: Bools, most: int) -> tuple[Bag, float]:
        """Fit one scorecard on some rows; also return what one point is worth."""
        chosen, whole = self._choose(rows, most)
        total = self.answers[:, chosen].astype(np.int64) @ whole
        intercept, point = _worth(total[rows], self.training.label[rows])
        lines = tuple(
            self.questions[at].line(point * n) for at, n in zip(chosen, whole.tolist(), strict=True)
        )
        expected: Floats = intercept + point * total[:SAMPLE].astype(float)
        read = checked(Bag(intercept, lines), self.training.values[:SAMPLE], expected)
        values = self.training.values
        means = [float(line.contribution(values[:, line.column]).mean()) for line in lines]
        return moved(read, [_short(mean) for mean in means]), point

    def _choose(self, rows: Bools, most: int) -> tuple[list[int], Ints]:
        """Choose questions one by one, and round their coefficients to whole points.

        Returns
        -------
        tuple
            Which questions, and the points of each (none is 0).
        """
        label = self.training.label[rows]
        signs = np.array([q.sign for q in self.questions])
        chosen: list[int] = []
        rate = label.mean()
        weights = np.array([np.log(rate / (1 - rate))])
        design = np.ones((len(label), 1))
        open_ = np.ones(len(self.questions), bool)
        while len(chosen) < most and open_.any():
            gain, direction = self._gain(rows, label, sigmoid(design @ weights))
            # A question that everybody here answers alike improves nothing.
            askable = open_ & (direction * signs >= 0) & (gain > _TINY)
            if not askable.any():
                break
            best = int(np.argmax(np.where(askable, gain, -np.inf)))
            open_[best] = False
            wider = np.column_stack([design, self.answers[rows, best]])
            found = newton(wider, label, np.append(weights, 0.0), ridge=RIDGE, settled=NEAR)
            if (found[1:] * signs[[*chosen, best]] < 0).any():
                # Beside the lines there are, it would turn one against the protocol's sign.
                continue
            chosen.append(best)
            design, weights = wider, found
        if not chosen:
            return [], np.empty(0, np.int64)
        weights = weights[1:]
        whole = np.rint(LARGEST_POINTS * weights / np.abs(weights).max()).astype(np.int64)
        kept = whole != 0
        return [at for at, keep in zip(chosen, kept, strict=True) if keep], whole[kept]

    def _gain(self, rows: Bools, label: Ints, probability: Floats) -> tuple[Floats, Floats]:
        """Return each question's score statistic, given the fit so far, and its direction."""
        both = np.zeros((2, len(rows)), np.float32)
        both[:, rows] = label - probability, probability * (1 - probability)
        slope, mass = (both @ self.answers).astype(float)
        spread = mass - mass**2 / float(both[1].sum())
        return np.where(spread > _TINY, slope**2 / np.maximum(spread, _TINY), 0.0), slope


def _questions(training: Training) -> tuple[Question, ...]:
    """Return the questions that may be asked: on either side stand enough persons."""
    found = []
    for column, (feature, bins) in enumerate(zip(training.features, training.bins, strict=True)):
        if not bins.edges:
            continue
        # A bin's number says how many edges lie below: its share is counted, not sorted for.
        codes = training.codes[:, column]
        share = np.cumsum(np.bincount(codes[~np.isnan(codes)].astype(int)))
        nearest = np.searchsorted(share / share[-1], SHARES).clip(max=len(bins.edges) - 1)
        found += [
            Question(column, bins.edges[at], feature.measure == "since_last", feature.sign)
            for at in np.unique(nearest)
        ]
    return tuple(found)


def _worth(total: Ints, label: Ints) -> tuple[float, float]:
    """Fit what no point and one point are worth, in log-odds."""
    if total.min(initial=0) == total.max(initial=0):
        rate = label.mean()
        return _short(float(np.log(rate / (1 - rate)))), 1.0
    estimator = LogisticRegression(C=1.0, solver="newton-cholesky")
    estimator.fit(total[:, np.newaxis].astype(float), label)
    return _short(float(estimator.intercept_[0])), _short(float(estimator.coef_[0, 0]))


def _short(value: float) -> float:
    """Round to a binary fraction so short that sums of a dozen of them are exact.

    Equal totals are then equal scores to the last bit, whichever lines they come from: a tie
    stays a tie. The error, 1e-14, is far below what the table and its estimator may differ.
    """
    return math.ldexp(round(math.ldexp(value, BITS)), -BITS)
