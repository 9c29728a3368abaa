"""Ridge logistic regression, drawn as straight lines and steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from features.catalogue import Feature
from modeles.binning import Bins
from modeles.families import (
    SAMPLE,
    AdditiveFamily,
    Fit,
    Training,
    checked,
    in_each_fold,
    mean_of,
)
from modeles.table import Bag, Line

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Logistic(AdditiveFamily):
    """Ridge logistic regression on straight lines between two knots, level outside them.

    Counts and delays are taken as log(1 + x). At or beyond each knot stand enough persons.
    """

    strength: float = 0.02
    name = "logistic"

    @property
    def setting(self) -> str:
        """How freely coefficients may leave zero: scikit-learn's ``C``."""
        return f"C = {self.strength}"

    def fit(self, training: Training, progress: Callable[[str], None]) -> Fit:
        """Fit the bags; the model is their mean."""
        bags = self.bags(training, progress)
        return mean_of(bags, training, [t.persons for t in _transforms(training)])

    def bags(self, training: Training, progress: Callable[[str], None]) -> tuple[Bag, ...]:
        """Fit on clipped, scaled values with an indicator of what is missing."""
        transforms = _transforms(training)
        design = np.column_stack(
            [t.design(c) for t, c in zip(transforms, training.values.T, strict=True)]
        )
        scaler = StandardScaler().fit(design)
        scaled = scaler.transform(design)
        signs = [f.sign for f in training.features]

        def bag(fold: int) -> Bag:
            rows = training.without(fold)
            intercept, coefficients = _fit_signed(
                scaled[rows], training.label[rows], signs, self.strength
            )
            weights = coefficients / scaler.scale_
            value, indicator = weights[0::2], weights[1::2]
            # Counted from the mean place: far from 0, the sum would lose its last digits.
            means, absent = scaler.mean_[0::2], scaler.mean_[1::2]
            lines = tuple(
                Line(
                    column=column,
                    shape=t.shape,
                    scale=t.scale,
                    edges=t.edges,
                    points=tuple(float(w * (k - mean)) for k in t.knots),
                    # A missing value stands at the middle of the line, plus its indicator.
                    missing=float(w * (t.middle - mean) + i),
                )
                for column, (t, w, i, mean) in enumerate(
                    zip(transforms, value, indicator, means, strict=True)
                )
            )
            read = Bag(float(intercept - indicator @ absent), lines)
            expected = scaled[:SAMPLE] @ coefficients + intercept
            return checked(read, training.values[:SAMPLE], expected)

        return in_each_fold(bag, training, self.name, progress)


def _fit_signed(
    design: Floats, label: Ints, signs: Sequence[int], strength: float
) -> tuple[float, Floats]:
    """Fit, and fit again without the columns that go against the protocol's sign.

    Columns alternate: a feature's place on its axis, then whether it is missing.
    """
    varying = np.flatnonzero(design.any(axis=0))
    wanted = np.zeros(design.shape[1])
    wanted[0::2] = signs
    left = design[:, varying]
    coefficients = np.zeros(design.shape[1])
    if not len(varying):
        rate = label.mean()
        return float(np.log(rate / (1 - rate))), coefficients
    estimator = LogisticRegression(C=strength, max_iter=500, warm_start=True)
    while True:
        estimator.fit(left, label)
        coefficients[varying] = np.where(left.any(axis=0), estimator.coef_[0], 0.0)
        against = coefficients * wanted < 0
        if not against.any():
            return float(estimator.intercept_[0]), coefficients
        # As zeros and not taken out, so that the next fit starts where this one ended.
        left[:, against[varying]] = 0.0


@dataclass(frozen=True)
class _Transform:
    """How one feature enters the regression: a straight line, or a step where it has two bins.

    ``middle`` is where a missing value stands on the axis.
    """

    shape: Literal["steps", "line"]
    scale: Literal["linear", "log1p"]
    edges: tuple[float, ...]
    persons: tuple[int, ...]
    middle: float = 0.0

    @property
    def knots(self) -> tuple[float, ...]:
        """The places on the axis whose points the table lists."""
        if self.shape == "line":
            return self.edges
        return tuple(float(i) for i in range(len(self.edges) + 1))

    def axis(self, values: Floats) -> Floats:
        if self.shape == "line":
            low, high = self.edges
            return np.clip(_scaled(self.scale, values), low, high)
        return np.searchsorted(self.edges, values, side="left").astype(float)

    def design(self, values: Floats) -> Floats:
        """Return two columns: the place on the axis, and whether the value is missing."""
        missing = np.isnan(values)
        place = np.where(missing, self.middle, self.axis(np.where(missing, 0.0, values)))
        own = missing & (self.persons[-1] > 0)
        return np.column_stack([place, own.astype(float)])


def _scaled(scale: str, values: Floats) -> Floats:
    return np.log1p(np.maximum(values, 0.0)) if scale == "log1p" else values


def _transforms(training: Training) -> tuple[_Transform, ...]:
    """Draw how each feature enters, from all rows and without a look at the label."""
    return tuple(
        _fit_transform(feature, column, training.person, bins)
        for feature, column, bins in zip(
            training.features, training.values.T, training.bins, strict=True
        )
    )


def _fit_transform(feature: Feature, values: Floats, person: Ints, bins: Bins) -> _Transform:
    """Draw the line between the outermost bins, each of which holds enough persons."""
    missing = np.isnan(values)
    given, who = values[~missing], person[~missing]
    if len(bins.edges) < 2:  # noqa: PLR2004 - a line needs two ends
        drawn = _Transform("steps", "linear", bins.edges, bins.persons)
    else:
        scale: Literal["linear", "log1p"] = (
            "log1p" if feature.measure in {"count", "active_days", "since_last"} else "linear"
        )
        first, last = bins.edges[0], bins.edges[-1]
        # As the bins count: between the knots stand whole bins, each with enough persons.
        parts = (given <= first, (given > first) & (given <= last), given > last)
        low, high = (float(e) for e in _scaled(scale, np.array([first, last])))
        persons = (*(len(np.unique(who[part])) for part in parts), bins.persons[-1])
        drawn = _Transform("line", scale, (low, high), persons)
    typical = float(np.median(given)) if len(given) else 0.0
    return replace(drawn, middle=float(drawn.axis(np.array([typical]))[0]))
