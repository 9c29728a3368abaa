"""Boosted steps that add up, and the unrestricted black box they are held against.

The additive family is gradient boosting whose trees look at one feature each, so that it can
be read off itself as steps. The black box is a yardstick and can never be promoted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from modeles.binning import Bins
from modeles.families import (
    SAMPLE,
    AdditiveFamily,
    Fit,
    Training,
    checked,
    in_each_fold,
    mean_of,
    unseen,
)
from modeles.table import Bag, Line

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Additive(AdditiveFamily):
    """Boosted steps, one feature a tree, on bins that hold enough persons.

    Monotone where the protocol gives a sign. Three leaves a tree, no interactions.
    """

    rounds: int = 50
    name = "additive"

    @property
    def setting(self) -> str:
        """How many rounds of boosting."""
        return f"{self.rounds} rounds"

    def estimator(self, training: Training, fold: int) -> HistGradientBoostingClassifier:
        """Fit the estimator of one bag; it takes bin numbers, as ``training.codes`` are."""
        rows = training.without(fold)
        return HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=0.15,
            max_leaf_nodes=3,
            min_samples_leaf=40,
            l2_regularization=5.0,
            interaction_cst="no_interactions",
            monotonic_cst=[f.sign for f in training.features],
            early_stopping=False,
            random_state=training.seed + fold,
        ).fit(_with_a_value(training.codes[rows]), training.label[rows])

    def fit(self, training: Training, progress: Callable[[str], None]) -> Fit:
        """Fit the bags; the model is their mean."""
        bags = self.bags(training, progress)
        return mean_of(bags, training, [b.persons for b in training.bins])

    def bags(self, training: Training, progress: Callable[[str], None]) -> tuple[Bag, ...]:
        """Fit on bin numbers, and read each bin's points off the fitted estimator."""
        bins, codes = training.bins, training.codes

        def bag(fold: int) -> Bag:
            estimator = self.estimator(training, fold)
            read = _read_steps(estimator.decision_function, bins)
            expected = estimator.decision_function(codes[:SAMPLE])
            return checked(read, training.values[:SAMPLE], expected)

        return in_each_fold(bag, training, self.name, progress)


FITS = 4
"""Fits of the black box: each sees three households in four."""


@dataclass(frozen=True)
class BlackBox:
    """Unrestricted boosting, a yardstick that can never be promoted."""

    name: str = "black_box"

    def judge(
        self, training: Training, values: Floats, fold: Ints, progress: Callable[[str], None]
    ) -> Floats:
        """Return log-odds of some rows, each from a fit without the household, shape (rows,).

        Parameters
        ----------
        training
            The rows to fit on; a yardstick needs fewer fits than they have folds.
        values, fold
            The rows to judge: shape (rows, features), and the fold of each household.
        progress
            Told of each fit.
        """
        training = replace(training, fold=training.fold % FITS, folds=FITS)

        def scores(left_out: int) -> Floats:
            rows = training.without(left_out)
            estimator = HistGradientBoostingClassifier(
                max_iter=30,
                learning_rate=0.15,
                max_leaf_nodes=12,
                max_bins=32,
                early_stopping=False,
                random_state=training.seed,
            ).fit(_with_a_value(training.values[rows]), training.label[rows])
            log_odds: Floats = estimator.decision_function(values)
            return log_odds

        found = np.column_stack(in_each_fold(scores, training, self.name, progress))
        return unseen(found, fold % FITS)


def _with_a_value(values: Floats) -> Floats:
    """Put one constant where a column has no value at all, which scikit-learn does not take."""
    empty = np.isnan(values).all(axis=0)
    return np.where(empty, 0.0, values) if empty.any() else values


def _read_steps(raw: Callable[[Floats], Floats], bins: Sequence[Bins]) -> Bag:
    """Read an additive estimator off itself: change one feature at a time, look at the change."""
    sizes = [len(b.edges) + 2 for b in bins]
    probe = np.zeros((1 + sum(sizes), len(bins)))
    at = 1
    for column, (b, size) in enumerate(zip(bins, sizes, strict=True)):
        probe[at : at + size - 1, column] = np.arange(size - 1)
        probe[at + size - 1, column] = np.nan if b.missing_bin is None else b.missing_bin
        at += size
    values = raw(probe)
    lines = []
    at = 1
    for column, (b, size) in enumerate(zip(bins, sizes, strict=True)):
        *points, missing = (values[at : at + size] - values[0]).tolist()
        lines.append(Line(column, "steps", "linear", b.edges, tuple(points), missing))
        at += size
    return Bag(float(values[0]), tuple(lines))
