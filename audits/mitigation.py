"""What equal recall would cost: fairlearn's reductions, tried by the audit and by nobody else.

A training may not read sensitive values; an audit may, and tells what a model could have been
that was taught to find every group alike. The learner is a ridge logistic regression on
standardised features, a stand-in that fits in milliseconds: read its points against each
other, from the free one on, and not against the audited model. None of the predictors looks at
the attribute when it ranks, and nothing is drawn at random: of ``ExponentiatedGradient``, whose
own answer is a draw among its predictors, the mean of their probabilities is taken.
``ThresholdOptimizer`` needs the attribute of the person in front of it and is not tried.

What is constrained is recall at capacity: the costs of the two errors are such that the free
learner would take as many rows as the list does. ``GridSearch`` is given its multipliers: along
the free learner's own gaps, from half of them to three times, so that any number of groups needs
no more fits than two. Only the training's last dates a horizon apart are fitted on, of at most
:data:`MOST_ROWS` rows, and a household is ranked by the half that has not seen it.

References
----------
Agarwal et al. (2018), A reductions approach to fair classification.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.reductions import (
    ErrorRate,
    ExponentiatedGradient,
    GridSearch,
    TruePositiveRateParity,
)
from pandas.errors import Pandas4Warning
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from audits.records import ENOUGH
from audits.surroundings import TradeOff, TradeOffPoint
from modeles.measures import Listing
from modeles.validation import HALVES, Study

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

MOST_ROWS = 8_000
"""Training rows that are fitted on, all dates of as many persons as that makes."""
STRENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Of the free learner's gaps, as multipliers of ``GridSearch``; each is a point."""
ALLOWED = 0.02
"""The difference that ``ExponentiatedGradient`` allows; it is one point."""
STEPS = 4
"""Its steps: twelve move no point by a percent, simulated with 1,200 and 10,000 persons."""

_LEARNER = LogisticRegression(C=0.05, solver="newton-cholesky", tol=1e-3)


def find_trade_offs(
    study: Study,
    trained_on: pd.DataFrame,
    audited: pd.DataFrame,
    model: Listing,
    listed: Callable[[Floats], Listing],
    *,
    progress: Callable[[str], None],
) -> tuple[TradeOff, ...]:
    """Try equal recall for each attribute.

    Parameters
    ----------
    study
        Its training rows are fitted on, its test rows ranked.
    trained_on, audited
        One column per attribute, nothing missing, of the training and of the test rows.
    model
        The audited model's lists.
    listed
        Gives scores of the test rows the same places, by the same allocation.
    progress
        Told of each attribute.

    Returns
    -------
    tuple of TradeOff
        Attributes with at least two groups of :data:`audits.records.ENOUGH` positive persons,
        both among the rows fitted on and among those who could be listed. Rows of smaller
        groups are not fitted on; they are ranked and listed like all.
    """
    found = []
    used = _thinned(study)
    with _fitting():
        halves = list(_halves(study, used, float(model.selected.mean())))
    for name in audited.columns if len(halves) == HALVES else ():
        was, value = trained_on[name].to_numpy(object), audited[name].to_numpy(object)
        groups = _compared(study.test.cohort, value, model.eligible)
        equal = _compared(study.train.cohort, was, used)
        sides = [half.among(was, equal) for half in halves]
        if len(groups) < 2 or not all(side.can_be_equal for side in sides):  # noqa: PLR2004
            continue
        progress(f"trying equal recall: {name}")
        with _fitting():
            ways = [list(_ways(side)) for side in sides]
        recall, gap = _measured(study.test.cohort, value, groups, model)
        points = [TradeOffPoint("", 0.0, recall, gap, model=True)]
        for way, other in zip(*ways, strict=True):
            scores = np.zeros(len(value))
            scores[sides[0].judged], scores[sides[1].judged] = way.scores, other.scores
            recall, gap = _measured(study.test.cohort, value, groups, listed(scores))
            points.append(
                TradeOffPoint(way.method, way.strength, recall, gap, free=way.strength == 0)
            )
        found.append(TradeOff(str(name), tuple(points)))
    return tuple(found)


@dataclass(frozen=True)
class _Half:
    """One half of the households, judged by a learner fitted on the other.

    ``design``, ``label`` and ``place`` (in the training) are of the rows fitted on; ``ranked``
    is the design of the audited rows ``judged``. At ``cut`` the free learner would take as
    large a share of its rows as the list does.
    """

    design: Floats
    label: Ints
    place: Ints
    ranked: Floats
    judged: Bools
    cut: float
    group: Texts

    def among(self, value: Texts, groups: Collection[str]) -> _Half:
        """Fit on the rows of some groups only."""
        kept = np.isin(value[self.place], list(groups))
        return replace(
            self,
            design=self.design[kept],
            label=self.label[kept],
            place=self.place[kept],
            group=value[self.place][kept],
        )

    @property
    def can_be_equal(self) -> bool:
        """Say whether there are two groups with the outcome, and rows without it."""
        return len(set(self.group[self.label == 1])) > 1 and not self.label.all()


@dataclass(frozen=True)
class _Way:
    """One predictor: how strongly it was constrained, and its scores of the rows judged."""

    method: str
    strength: float
    scores: Floats


class _EqualRecall(TruePositiveRateParity):  # type: ignore[misc] # fairlearn has no types
    """Equal recall at a cut that is not one half: errors cost what makes it so."""

    def __init__(self, cut: float, allowed: float = ALLOWED) -> None:
        super().__init__(difference_bound=allowed)
        self.cut = cut

    def default_objective(self) -> Any:
        return ErrorRate(costs={"fp": self.cut, "fn": 1 - self.cut})


@contextmanager
def _fitting() -> Iterator[None]:
    """Fit on one thread, for small fits gain nothing from more, and without two warnings.

    fairlearn's own series grow in a way that pandas will retire; a solver that cannot improve
    on where it starts says that it hands over to another one.
    """
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", Pandas4Warning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _ways(half: _Half) -> Iterator[_Way]:
    """Fit the free learner, then those of each method."""
    given = {"X": half.design, "y": half.label, "sensitive_features": half.group}
    costs = np.where(half.label == 1, 1 - half.cut, half.cut)
    free = clone(_LEARNER).fit(half.design, half.label, sample_weight=costs)
    yield _Way("GridSearch", 0.0, _chance(free, half.ranked))

    constraint = _EqualRecall(half.cut)
    constraint.load_data(**given)
    gaps = constraint.gamma(free.predict).clip(lower=0) * half.label.mean()
    grid = pd.DataFrame({strength: strength * gaps for strength in STRENGTHS})
    search = GridSearch(_LEARNER, _EqualRecall(half.cut), grid=grid).fit(**given)
    for strength, predictor in zip(STRENGTHS, search.predictors_, strict=True):
        yield _Way("GridSearch", strength, _chance(predictor, half.ranked))

    gradient = ExponentiatedGradient(
        _LEARNER, _EqualRecall(half.cut), eps=ALLOWED, max_iter=STEPS
    ).fit(**given)
    weights = gradient.weights_[gradient.weights_ > 0]
    mean = sum(
        weight * _chance(gradient.predictors_[at], half.ranked) for at, weight in weights.items()
    )
    yield _Way("ExponentiatedGradient", ALLOWED, np.asarray(mean))


def _chance(predictor: Any, design: Floats) -> Floats:
    """Return the probability of the outcome; a predictor may know but one answer."""
    known = list(predictor.classes_)
    given = predictor.predict_proba(design)
    chance: Floats = given[:, known.index(1)] if 1 in known else np.zeros(len(design))
    return chance


def _halves(study: Study, used: Bools, share: float) -> Iterator[_Half]:
    """Lay out both halves; one without both labels, or without anybody to judge, is left out."""
    train, test = study.train, study.test
    for half in range(HALVES):
        place = np.flatnonzero(used & (study.train_fold % HALVES != half))
        judged = study.test_fold % HALVES == half
        label = train.cohort["label"].to_numpy(float)[place].astype(np.int64)
        if len(np.unique(label)) < 2 or not judged.any():  # noqa: PLR2004 - a label has two values
            continue
        shape = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True),
            StandardScaler(),
        )
        design = shape.fit_transform(_logarithm(train.values[place]))
        fitted = clone(_LEARNER).fit(design, label)
        yield _Half(
            design=design,
            label=label,
            place=place,
            ranked=shape.transform(_logarithm(test.values[judged])),
            judged=judged,
            cut=float(np.quantile(_chance(fitted, design), 1 - share)),
            group=np.empty(0, object),
        )


def _thinned(study: Study) -> Bools:
    """Choose training rows: dates a horizon apart, so that no outcome counts twice, few persons.

    Pseudonyms are keyed hashes: the first ones are as good as a draw.
    """
    cohort, horizon = study.train.cohort, study.protocol.outcome.horizon_days
    dates: list[pd.Timestamp] = []
    for date in sorted(cohort["as_of"].unique(), reverse=True):
        if not dates or (dates[-1] - date).days >= horizon:
            dates.append(date)
    used = cohort["as_of"].isin(dates)
    rows = cohort.loc[used, "household"].value_counts().sort_index().cumsum()
    few = cohort["household"].isin(rows.index[rows <= MOST_ROWS])
    return np.asarray(used & few, bool)


def _logarithm(values: Floats) -> Floats:
    logarithm: Floats = np.sign(values) * np.log1p(np.abs(values))
    return logarithm


def _compared(cohort: pd.DataFrame, value: Texts, some: Bools) -> list[str]:
    """Return the groups with enough positive persons in some rows."""
    rows = some & (cohort["label"] == 1).to_numpy(bool)
    persons = cohort.loc[rows, "person"].groupby(value[rows]).nunique()
    return list(persons.index[persons >= ENOUGH])


def _measured(
    cohort: pd.DataFrame, value: Texts, groups: Collection[str], listing: Listing
) -> tuple[float, float]:
    """Return recall of all and the largest gap between two of the groups, whole percents."""
    rows = listing.eligible & (cohort["label"] == 1).to_numpy(bool)
    recalls = [float(listing.selected[rows & (value == group)].mean()) for group in groups]
    recall = float(listing.selected[rows].mean())
    return round(recall, 2), round(max(recalls) - min(recalls), 2)
