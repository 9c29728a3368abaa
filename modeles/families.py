"""The families of models, each fitted as bags that leave out one fold of households.

A bag never sees the households of its fold. The model is the mean of its bags, which for
additive models is again one table; a household of the training period is judged by the one
bag that did not see it, everybody else by the mean. So calibration and measurement always
concern people the fit has not seen, and no data is set aside for it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from features.catalogue import Feature
from features.errors import RebondError
from modeles.binning import Bins, fit_bins
from modeles.table import Bag, TableFeature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FOLDS = 8
SAMPLE = 500
"""Training rows on which a bag's table must equal its estimator."""

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
    """

    features: tuple[Feature, ...]
    values: Floats
    label: Ints
    person: Ints
    household: Ints
    fold: Ints
    seed: int

    def without(self, fold: int) -> Bools:
        """Rows that the bag of ``fold`` may see."""
        rows: Bools = self.fold != fold
        return rows


@dataclass(frozen=True)
class Lines:
    """A fitted additive family: the lines of its table, and its bags on the same bins."""

    intercept: float
    features: tuple[TableFeature, ...]
    bags: tuple[Bag, ...]


class AdditiveFamily(ABC):
    """A family whose fits become one table."""

    name: str

    @abstractmethod
    def fit(self, training: Training, progress: Callable[[str], None]) -> Lines:
        """Fit all bags and write them as one table."""


class Additive(AdditiveFamily):
    """Boosted steps, one feature a tree, on bins that hold enough persons.

    Monotone where the protocol gives a sign. Three leaves a tree, no interactions.
    """

    name = "additive"

    def fit(self, training: Training, progress: Callable[[str], None]) -> Lines:
        """Fit the bags on bin numbers, and read each bin's points off the fitted estimator."""
        bins = [fit_bins(column, training.person) for column in training.values.T]
        codes = np.column_stack([b.codes(c) for b, c in zip(bins, training.values.T, strict=True)])

        def bag(fold: int) -> Bag:
            rows = training.without(fold)
            estimator = HistGradientBoostingClassifier(
                max_iter=120,
                learning_rate=0.06,
                max_leaf_nodes=3,
                min_samples_leaf=40,
                l2_regularization=5.0,
                interaction_cst="no_interactions",
                monotonic_cst=[f.sign for f in training.features],
                early_stopping=False,
                random_state=training.seed + fold,
            ).fit(codes[rows], training.label[rows])
            return _read_steps(estimator.decision_function, bins, codes[:SAMPLE])

        bags = _in_each_fold(bag, self.name, progress)
        shapes = [_Shape("steps", "linear", b.edges, b.persons) for b in bins]
        return _centred(training, shapes, bags)


class Logistic(AdditiveFamily):
    """Ridge logistic regression on straight lines between two knots, level outside them.

    Counts and delays are taken as log(1 + x). At or beyond each knot stand enough persons.
    """

    name = "logistic"

    def fit(self, training: Training, progress: Callable[[str], None]) -> Lines:
        """Fit the bags on clipped, scaled values with an indicator of what is missing."""
        transforms = [
            _fit_transform(feature, column, training.person)
            for feature, column in zip(training.features, training.values.T, strict=True)
        ]
        design = np.column_stack(
            [t.design(c) for t, c in zip(transforms, training.values.T, strict=True)]
        )
        scaler = StandardScaler().fit(design)
        scaled = scaler.transform(design)

        def bag(fold: int) -> Bag:
            rows = training.without(fold)
            intercept, coefficients = _fit_signed(
                scaled[rows], training.label[rows], [f.sign for f in training.features]
            )
            weights = coefficients / scaler.scale_
            value, indicator = weights[0::2], weights[1::2]
            pairs = list(zip(value, transforms, strict=True))
            return Bag(
                float(intercept - weights @ scaler.mean_),
                tuple(tuple(float(w * k) for k in t.knots) for w, t in pairs),
                # A missing value stands at the middle of the line, plus its indicator.
                tuple(float(w * t.middle + i) for (w, t), i in zip(pairs, indicator, strict=True)),
            )

        bags = _in_each_fold(bag, self.name, progress)
        return _centred(training, [t.shape for t in transforms], bags)


def _fit_signed(
    design: Floats, label: Ints, signs: Sequence[int]
) -> tuple[float, npt.NDArray[np.float64]]:
    """Fit, and fit again without the columns that go against the protocol's sign.

    Columns alternate: a feature's place on its axis, then whether it is missing.
    """
    kept = np.ones(design.shape[1], bool)
    wanted = np.zeros(design.shape[1])
    wanted[0::2] = signs
    while True:
        estimator = LogisticRegression(C=0.02, max_iter=500).fit(design * kept, label)
        coefficients: Floats = np.where(kept, estimator.coef_[0], 0.0)
        against = coefficients * wanted < 0
        if not against.any():
            return float(estimator.intercept_[0]), coefficients
        kept &= ~against


@dataclass(frozen=True)
class BlackBox:
    """Unrestricted boosting, a yardstick that can never be promoted."""

    name: str = "black_box"

    def fit_and_score(
        self, training: Training, values: Floats, progress: Callable[[str], None]
    ) -> Floats:
        """Return each bag's log-odds on ``values``, shape (rows, bags)."""

        def scores(fold: int) -> Floats:
            rows = training.without(fold)
            estimator = HistGradientBoostingClassifier(
                max_iter=60,
                learning_rate=0.1,
                max_bins=64,
                early_stopping=False,
                random_state=training.seed,
            ).fit(training.values[rows], training.label[rows])
            found: Floats = estimator.decision_function(values)
            return found

        return np.column_stack(_in_each_fold(scores, self.name, progress))


def unseen(bag_scores: Floats, fold: Ints) -> Floats:
    """Return, for each row, the score of the bag that has not seen its household, shape (rows,).

    New people too are judged by one bag and not by the mean, which they will be served: who
    is new is not asked, so nobody who returns can be judged by what has seen them.
    """
    return bag_scores[np.arange(len(fold)), fold]


def _in_each_fold(fit: Callable[[int], T], name: str, progress: Callable[[str], None]) -> list[T]:
    """Fit one bag per fold, side by side, in the order of the folds."""

    def alone(fold: int) -> T:
        # Inside a fit one thread: small trees gain nothing from more, and on a busy machine
        # threads that wait for each other cost ten times the fit.
        with threadpool_limits(limits=1):
            return fit(fold)

    fitted = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for fold, bag in enumerate(pool.map(alone, range(FOLDS))):
            progress(f"{name}: bag {fold + 1} of {FOLDS}")
            fitted.append(bag)
    return fitted


@dataclass(frozen=True)
class _Shape:
    shape: Literal["steps", "line"]
    scale: Literal["linear", "log1p"]
    edges: tuple[float, ...]
    persons: tuple[int, ...]


@dataclass(frozen=True)
class _Transform:
    """How one feature enters the regression: a straight line, or a step where it has two bins.

    ``middle`` is where a missing value stands on the axis.
    """

    shape: _Shape
    middle: float

    @property
    def knots(self) -> tuple[float, ...]:
        """The places on the axis whose points the table lists."""
        if self.shape.shape == "line":
            return self.shape.edges
        return tuple(float(i) for i in range(len(self.shape.edges) + 1))

    def axis(self, values: Floats) -> Floats:
        if self.shape.shape == "line":
            low, high = self.shape.edges
            return np.clip(_scaled(self.shape.scale, values), low, high)
        return np.searchsorted(self.shape.edges, values, side="left").astype(float)

    def design(self, values: Floats) -> Floats:
        """Return two columns: the place on the axis, and whether the value is missing."""
        missing = np.isnan(values)
        place = np.where(missing, self.middle, self.axis(np.where(missing, 0.0, values)))
        own = missing & (self.shape.persons[-1] > 0)
        return np.column_stack([place, own.astype(float)])


def _scaled(scale: str, values: Floats) -> Floats:
    return np.log1p(np.maximum(values, 0.0)) if scale == "log1p" else values


def _fit_transform(feature: Feature, values: Floats, person: Ints) -> _Transform:
    """Draw the line between the outermost bins, each of which holds enough persons."""
    bins = fit_bins(values, person)
    missing = np.isnan(values)
    given, who = values[~missing], person[~missing]
    if len(bins.edges) < 2:  # noqa: PLR2004 - a line needs two ends
        shape = _Shape("steps", "linear", bins.edges, bins.persons)
    else:
        scale: Literal["linear", "log1p"] = (
            "log1p" if feature.measure in {"count", "active_days", "since_last"} else "linear"
        )
        first, last = bins.edges[0], bins.edges[-1]
        parts = (given <= first, (given > first) & (given < last), given >= last)
        low, high = (float(e) for e in _scaled(scale, np.array([first, last])))
        shape = _Shape(
            "line",
            scale,
            (low, high),
            (*(len(np.unique(who[part])) for part in parts), bins.persons[-1]),
        )
    typical = float(np.median(given)) if len(given) else 0.0
    drawn = _Transform(shape, 0.0)
    return replace(drawn, middle=float(drawn.axis(np.array([typical]))[0]))


def _read_steps(raw: Callable[[Floats], Floats], bins: Sequence[Bins], sample: Floats) -> Bag:
    """Read an additive estimator off itself: change one feature at a time, look at the change."""
    sizes = [len(b.edges) + 2 for b in bins]
    probe = np.zeros((1 + sum(sizes), len(bins)))
    at = 1
    for column, b in enumerate(bins):
        count = len(b.edges) + 1
        probe[at : at + count, column] = np.arange(count)
        probe[at + count, column] = np.nan if b.missing_bin is None else b.missing_bin
        at += count + 1
    values = raw(probe)
    points, missing, at = [], [], 1
    for size in sizes:
        change = values[at : at + size] - values[0]
        points.append(tuple(float(c) for c in change[:-1]))
        missing.append(float(change[-1]))
        at += size
    bag = Bag(float(values[0]), tuple(points), tuple(missing))
    _check_equal(raw(sample), bag, sample)
    return bag


def _check_equal(expected: Floats, bag: Bag, codes: Floats) -> None:
    total = np.full(len(codes), bag.intercept)
    for column, (points, missing) in enumerate(zip(bag.points, bag.missing, strict=True)):
        at = np.nan_to_num(codes[:, column]).astype(int)
        total += np.where(np.isnan(codes[:, column]), missing, np.asarray(points)[at])
    worst = float(np.abs(total - expected).max(initial=0.0))
    if worst > _EXACT:
        raise NotAdditive(
            f"the table differs from the estimator by {worst:.1e} log-odds; only additive "
            "estimators can be distilled."
        )


def _centred(training: Training, shapes: Sequence[_Shape], bags: Sequence[Bag]) -> Lines:
    """Average the bags into one table whose contributions have mean zero on the training rows."""
    lines = []
    intercept = float(np.mean([bag.intercept for bag in bags]))
    offsets = []
    for column, (feature, shape) in enumerate(zip(training.features, shapes, strict=True)):
        line = TableFeature(
            name=feature.name,
            title=feature.title,
            wording=feature.wording,
            reason=feature.reason,
            unit=feature.unit,
            shape=shape.shape,
            scale=shape.scale,
            edges=shape.edges,
            points=tuple(np.mean([bag.points[column] for bag in bags], axis=0).tolist()),
            missing=float(np.mean([bag.missing[column] for bag in bags])),
            persons=shape.persons,
        )
        offset = float(line.contribution(training.values[:, column]).mean())
        offsets.append(offset)
        lines.append(
            replace(
                line,
                points=tuple(p - offset for p in line.points),
                missing=line.missing - offset,
            )
        )
    moved = [
        Bag(
            bag.intercept + sum(offsets),
            tuple(tuple(p - o for p in ps) for ps, o in zip(bag.points, offsets, strict=True)),
            tuple(m - o for m, o in zip(bag.missing, offsets, strict=True)),
        )
        for bag in bags
    ]
    return Lines(intercept + sum(offsets), tuple(lines), tuple(moved))
