"""What a family of models is: fitted as bags that leave out one fold of households.

A bag never sees the households of its fold. A family that can be averaged serves the mean of
its bags, which for additive models is again one table; a household is judged by the one bag
that did not see it. So calibration and measurement always concern people the fit has not
seen, and no data is set aside for it. The families themselves: :mod:`modeles.scorecard`,
:mod:`modeles.logistic`, :mod:`modeles.boosting`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from features.catalogue import Feature
from features.errors import RebondError
from modeles.binning import Bins, fit_bins, persons_between
from modeles.table import Bag, Line, TableFeature, add_up, contributions

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FOLDS = 8
SAMPLE = 500
"""Training rows on which a bag's lines must equal its estimator."""

_EXACT = 1e-12
T = TypeVar("T")


class NotAdditive(RebondError):
    """A fitted estimator does not equal the table made from it."""


@dataclass(frozen=True)
class Training:
    """The rows a family is fitted on.

    Attributes
    ----------
    values
        Shape (rows, features).
    label, person, household, fold
        Shape (rows,): 0 or 1, numbers of person and household, the household's fold.
    folds
        How many folds there are, and so how many bags.
    """

    features: tuple[Feature, ...]
    values: Floats
    label: Ints
    person: Ints
    household: Ints
    fold: Ints
    folds: int
    seed: int

    @cached_property
    def bins(self) -> tuple[Bins, ...]:
        """The bins of each feature: made from all rows, without a look at the label."""
        return tuple(fit_bins(column, self.person) for column in self.values.T)

    @cached_property
    def codes(self) -> Floats:
        """The bin of each value, shape (rows, features); NaN where missing has its own."""
        return np.column_stack([b.codes(c) for b, c in zip(self.bins, self.values.T, strict=True)])

    def without(self, fold: int) -> Bools:
        """Rows that the bag of ``fold`` may see."""
        rows: Bools = self.fold != fold
        return rows


@dataclass(frozen=True)
class Fit:
    """A fitted additive family: the lines of its table, and its bags.

    ``point`` is the log-odds of one whole point, where the family gives whole points.
    """

    intercept: float
    features: tuple[TableFeature, ...]
    bags: tuple[Bag, ...]
    point: float | None = None


class AdditiveFamily(ABC):
    """A family whose fits become one table."""

    name: str

    @property
    @abstractmethod
    def setting(self) -> str:
        """What the search tries out, in words."""

    @abstractmethod
    def bags(self, training: Training, progress: Callable[[str], None]) -> tuple[Bag, ...]:
        """Fit one bag for each fold that leaves it out."""

    @abstractmethod
    def fit(self, training: Training, progress: Callable[[str], None]) -> Fit:
        """Fit all bags and the model, and write them as one table."""


def unseen(bag_scores: Floats, fold: Ints) -> Floats:
    """Return, for each row, the score of the bag that has not seen its household, shape (rows,).

    New people too are judged by one bag and not by the mean, which they will be served: who
    is new is not asked, so nobody who returns can be judged by what has seen them.
    """
    return bag_scores[np.arange(len(fold)), fold]


def in_each_fold(
    fit: Callable[[int], T], training: Training, name: str, progress: Callable[[str], None]
) -> tuple[T, ...]:
    """Fit one bag per fold, side by side, in the order of the folds."""
    # Small trees gain nothing from more threads inside a fit, and on a busy machine threads
    # that wait for each other cost ten times the fit. OpenMP remembers its limit per thread,
    # BLAS for the whole process.
    alone = partial(_libraries().limit, limits=1, user_api="openmp")
    fitted = []
    with (
        _libraries().limit(limits=1),
        ThreadPoolExecutor(os.cpu_count(), initializer=alone) as pool,
    ):
        for fold, bag in enumerate(pool.map(fit, range(training.folds))):
            progress(f"{name}: bag {fold + 1} of {training.folds}")
            fitted.append(bag)
    return tuple(fitted)


@cache
def _libraries() -> ThreadpoolController:
    """Find the libraries that have threads of their own; looking for them takes a while."""
    return ThreadpoolController()


def checked(bag: Bag, values: Floats, expected: Floats) -> Bag:
    """Return a bag that equals the estimator it was read from.

    Raises
    ------
    NotAdditive
        It differs: only additive estimators can be distilled.
    """
    worst = float(np.abs(add_up(bag.intercept, bag.lines, values) - expected).max(initial=0.0))
    if worst > _EXACT:
        raise NotAdditive(
            f"the table differs from the estimator by {worst:.1e} log-odds; only additive "
            "estimators can be distilled."
        )
    return bag


def told(training: Training, line: Line, persons: tuple[int, ...]) -> TableFeature:
    """Write a line with the words of its feature and how many persons stand where."""
    feature = training.features[line.column]
    return TableFeature(
        **vars(line),
        name=feature.name,
        title=feature.title,
        wording=feature.wording,
        reason=feature.reason,
        unit=feature.unit,
        persons=persons,
    )


def moved(bag: Bag, offsets: Sequence[float]) -> Bag:
    """Take an offset off the points of each line and give it to the intercept."""
    return Bag(
        bag.intercept + sum(offsets),
        tuple(
            replace(
                line,
                points=tuple(p - offset for p in line.points),
                missing=line.missing - offset,
            )
            for line, offset in zip(bag.lines, offsets, strict=True)
        ),
    )


def mean_of(bags: Sequence[Bag], training: Training, persons: Sequence[tuple[int, ...]]) -> Fit:
    """Average bags that have the same lines into one table, centred on the training rows."""
    mean = Bag(
        float(np.mean([bag.intercept for bag in bags])),
        tuple(
            replace(
                lines[0],
                points=tuple(np.mean([line.points for line in lines], axis=0).tolist()),
                missing=float(np.mean([line.missing for line in lines])),
            )
            for lines in zip(*(bag.lines for bag in bags), strict=True)
        ),
    )
    offsets = contributions(mean.lines, training.values).mean(axis=0).tolist()
    model = moved(mean, offsets)
    return Fit(
        model.intercept,
        tuple(_shortened(training, line, n) for line, n in zip(model.lines, persons, strict=True)),
        # By the same offsets, so that the mean of the bags stays the model, line by line.
        tuple(
            Bag(bag.intercept, tuple(_merged(line) for line in bag.lines))
            for bag in (moved(bag, offsets) for bag in bags)
        ),
    )


def _shortened(training: Training, line: Line, persons: tuple[int, ...]) -> TableFeature:
    """Write a line without the edges that nothing hangs on."""
    merged = _merged(line)
    if merged.edges != line.edges:
        column = training.values[:, line.column]
        persons = persons_between(column, training.person, merged.edges)
    return told(training, merged, persons)


def _merged(line: Line) -> Line:
    """Return the same steps with neighbours of equal points as one bin."""
    if line.shape != "steps":
        return line
    kept = [n for n, (left, right) in enumerate(pairwise(line.points)) if left != right]
    return replace(
        line,
        edges=tuple(line.edges[n] for n in kept),
        points=(*(line.points[n] for n in kept), line.points[-1]),
    )
