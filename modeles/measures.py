"""How good a list is, per review date and at the capacity there is.

Everything is measured on the list that :func:`modeles.allocation.allocate` would serve,
date after date, and every interval resamples households, never rows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from features.protocol import Capacity
from modeles.allocation import Allocation, Claimant, Draw, allocate, signal_places
from modeles.binning import SMALLEST_BIN

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

REPLICATES = 1000
LOWER_BOUND = 0.05
"""One-sided 95% lower bound of the AUC difference to a naive rule."""

ECE_BINS = 10


WIDE_TIES = 0.10
"""A model whose ties alone move precision by more is decided by the draw, not by itself."""


@dataclass(frozen=True)
class DateMeasure:
    """What the list of one review date was worth.

    Attributes
    ----------
    precision, precision_low, precision_high
        Over listed situations with a known label: as drawn, and where the draw among equal
        scores had gone as badly or as well as it could. NaN where there was none,
        or nobody asked.
    recall
        Over the positive ones that could be listed (no open or recent signal).
    first_time
        How many of those listed had not been listed at an earlier date.
    overlap
        Share of the places whose person would have held one at the date before too, were
        there no rest between two signals: how steady the order is. Expected over the draws
        among equal scores; NaN at the first date.
    """

    as_of: str
    listed: int
    labelled: int
    eligible_positives: int
    precision: float
    precision_low: float
    precision_high: float
    recall: float
    first_time: int
    overlap: float
    unserved: int


@dataclass(frozen=True)
class Listing:
    """The lists of all test dates. ``eligible`` and ``selected`` are per test row."""

    eligible: Bools
    selected: Bools
    dates: tuple[DateMeasure, ...]

    @property
    def precision(self) -> float:
        """Mean precision over the review dates."""
        return mean([d.precision for d in self.dates])

    @property
    def recall(self) -> float:
        """Mean recall over the review dates."""
        return mean([d.recall for d in self.dates])

    @property
    def worst_recall(self) -> float:
        """Recall at the worst review date that has enough positives to speak about (S21)."""
        spoken = [d.recall for d in self.dates if d.eligible_positives >= SMALLEST_BIN]
        return min(spoken, default=math.nan)

    @property
    def tie_spread(self) -> float:
        """Mean over the dates of how far the draw among equal scores can move precision."""
        return mean([d.precision_high - d.precision_low for d in self.dates])

    @property
    def labelled_share(self) -> float:
        """Share of those listed whose label is known."""
        listed = sum(d.listed for d in self.dates)
        return sum(d.labelled for d in self.dates) / listed if listed else math.nan

    @property
    def first_time_share(self) -> float:
        """Share of those listed who had not been listed before."""
        listed = sum(d.listed for d in self.dates)
        return sum(d.first_time for d in self.dates) / listed if listed else math.nan

    @property
    def overlap(self) -> float:
        """Mean overlap of the order at neighbouring dates."""
        return mean([d.overlap for d in self.dates])


@dataclass(frozen=True)
class Discrimination:
    """Measures that need no capacity; probabilities only where the model gives them."""

    auc: float
    average_precision: float
    brier: float | None
    ece: float | None


def list_at_capacity(
    cohort: pd.DataFrame,
    scores: Floats,
    capacity: Capacity,
    key: bytes,
    model: str,
    cut: float,
    *,
    ties: bool = True,
) -> Listing:
    """Fill the list of each review date in turn, remembering who was listed when.

    Parameters
    ----------
    cohort
        Test rows (:data:`features.tables.COHORT`).
    scores
        Shape (rows,).
    capacity, key, model, cut
        As for :func:`modeles.allocation.allocate`.
    ties
        Whether to find how badly or well the draw among equal scores could have gone.
    """
    eligible = np.zeros(len(cohort), bool)
    selected = np.zeros(len(cohort), bool)
    label = cohort["label"].to_numpy(float)
    persons = cohort["person"].to_numpy(object)
    referents = cohort["referent"].to_numpy(object, na_value=None)
    everybody = frozenset(persons)
    last_listed: dict[str, int] = {}
    at_the_top: dict[str, float] | None = None
    measures = []
    for moment, at in cohort.groupby("as_of").indices.items():
        as_of = moment.date()
        rested = as_of.toordinal() - capacity.repeat_days
        recent = frozenset(person for person, when in last_listed.items() if when > rested)
        review = _Review(persons[at], referents[at], as_of, recent, everybody)
        allocation = review.allocate(scores[at], capacity, key, model, cut)
        listed = set(allocation.signals)
        free, chosen = ~_among(persons[at], recent), _among(persons[at], listed)
        eligible[at], selected[at] = free, chosen
        known, positive = ~np.isnan(label[at]), label[at] == 1
        drawn = _precision(chosen, known, positive)
        extremes = [drawn, drawn] if ties else [math.nan, math.nan]
        if ties and np.intersect1d(scores[at][chosen], scores[at][free & ~chosen]).size:
            # Ranks leave room between them for the label to decide among equals.
            rank = np.unique(scores[at], return_inverse=True)[1]
            told = np.where(known, np.where(positive, 1.0, -1.0), 0.0) / 3
            for side, sign in enumerate((-1, 1)):
                those = set(review.allocate(rank + sign * told, capacity, key, model, cut).signals)
                extremes[side] = _precision(_among(persons[at], those), known, positive)
            # At an extreme nobody's label may be known: precision is what it is elsewhere.
            extremes = [e for e in (*extremes, drawn) if not math.isnan(e)] or [math.nan]
        held = dict(zip(persons[at], _held(scores[at], len(listed)).tolist(), strict=True))
        positives = int((free & positive).sum())
        measures.append(
            DateMeasure(
                as_of=as_of.isoformat(),
                listed=len(listed),
                labelled=int((chosen & known).sum()),
                eligible_positives=positives,
                precision=drawn,
                precision_low=min(extremes),
                precision_high=max(extremes),
                recall=int((chosen & positive).sum()) / positives if positives else np.nan,
                first_time=sum(person not in last_listed for person in listed),
                overlap=(
                    sum(share * at_the_top.get(person, 0.0) for person, share in held.items())
                    / len(listed)
                    if at_the_top is not None and listed
                    else np.nan
                ),
                unserved=allocation.unserved,
            )
        )
        last_listed |= dict.fromkeys(listed, as_of.toordinal())
        at_the_top = held
    return Listing(eligible, selected, tuple(measures))


@dataclass(frozen=True)
class _Review:
    """Who could be listed at one review date."""

    persons: npt.NDArray[np.object_]
    referents: npt.NDArray[np.object_]
    as_of: date
    recent: frozenset[str]
    everybody: frozenset[str]

    def allocate(
        self, scores: Floats, capacity: Capacity, key: bytes, model: str, cut: float
    ) -> Allocation:
        claimants = [
            Claimant(person, referent, score, score, score)
            for person, referent, score in zip(
                self.persons, self.referents, scores.tolist(), strict=True
            )
        ]
        return allocate(
            claimants,
            capacity,
            Draw(key, model, self.as_of),
            cut=cut,
            unavailable=self.recent,
            # Controls say nothing about the model: none is drawn while it is measured.
            not_as_control=self.everybody,
        )


def _among(persons: npt.NDArray[np.object_], some: Collection[str]) -> Bools:
    return np.fromiter((person in some for person in persons), bool, len(persons))


def _held(scores: Floats, places: int) -> Floats:
    """Return how likely each holds one of the places in score order, equals being drawn."""
    if not places:
        return np.zeros(len(scores))
    edge = np.sort(scores)[-places]
    above, equal = scores > edge, scores == edge
    held: Floats = above + equal * ((places - above.sum()) / equal.sum())
    return held


def _precision(listed: Bools, known: Bools, positive: Bools) -> float:
    labelled = int((listed & known).sum())
    return int((listed & positive).sum()) / labelled if labelled else math.nan


def agreement(scores: Floats, others: Floats, cohort: pd.DataFrame, places: int) -> float:
    """Return how much of a model's order its bags share: mean overlap of the first places.

    Parameters
    ----------
    scores, others
        The model's, shape (rows,), and each bag's, shape (rows, bags).
    cohort
        The same rows, for their review dates.
    places
        How many places a review date has.
    """
    shares = []
    for at in cohort.groupby("as_of").indices.values():
        first = set(np.argsort(-scores[at], kind="stable")[:places].tolist())
        for bag in others[at].T:
            shares.append(
                len(first & set(np.argsort(-bag, kind="stable")[:places].tolist())) / len(first)
            )
    return mean(shares)


def capacity_cut(cohort: pd.DataFrame, scores: Floats, capacity: Capacity) -> float:
    """Return the score that fills the signal places of a typical review date.

    It lies between two scores, so that it is nobody's.
    """
    places = max(1, signal_places(capacity, capacity.per_review))
    cuts = []
    for at in cohort.groupby("as_of").indices.values():
        falling = np.unique(scores[at])[::-1]
        last = np.sort(scores[at])[-min(places, len(at))]
        below = falling[falling < last]
        cuts.append((last + below[0]) / 2 if len(below) else last - 1.0)
    return float(np.median(cuts))


def discrimination(label: Floats, scores: Floats, probability: Floats | None) -> Discrimination:
    """Measure ranking, and calibration where there are probabilities, on labelled rows."""
    known = ~np.isnan(label)
    truth = label[known].astype(int)
    given = None if probability is None else probability[known]
    return Discrimination(
        auc=float(roc_auc_score(truth, scores[known])),
        average_precision=float(average_precision_score(truth, scores[known])),
        brier=None if given is None else float(brier_score_loss(truth, given)),
        ece=None if given is None else expected_calibration_error(truth, given),
    )


def expected_calibration_error(truth: Ints, probability: Floats) -> float:
    """Return the mean distance of estimate and frequency over ten bins of equal size."""
    parts = np.array_split(np.argsort(probability, kind="stable"), ECE_BINS)
    gaps = [
        len(p) * abs(float(truth[p].mean()) - float(probability[p].mean())) for p in parts if len(p)
    ]
    return sum(gaps) / len(truth)


@dataclass(frozen=True)
class AucSample:
    """One model's AUC and how much each household moves it: shape (households,)."""

    auc: float
    influence: Floats

    @property
    def standard_error(self) -> float:
        """Household-clustered standard error."""
        return float(np.sqrt(np.square(self.influence).sum()))


def pooled(samples: Sequence[AucSample]) -> AucSample:
    """Return the mean AUC of several splits whose households are numbered alike."""
    influence: Floats = np.mean([sample.influence for sample in samples], axis=0)
    return AucSample(float(np.mean([sample.auc for sample in samples])), influence)


def beats(model: AucSample, rules: Mapping[str, AucSample], seed: int) -> dict[str, bool]:
    """Say which rules a model beats: the lower bound of its AUC difference lies above 0.

    Households are resampled, the same ones for the model and every rule, to first order in
    their influence.
    """
    if not rules:
        return {}
    households = len(model.influence)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(households, np.full(households, 1 / households), REPLICATES) - 1
    moved = np.column_stack([model.influence - rule.influence for rule in rules.values()])
    lower = np.quantile(drawn @ moved, LOWER_BOUND, axis=0)
    return {
        name: bool(model.auc - rule.auc + low > 0)
        for (name, rule), low in zip(rules.items(), lower, strict=True)
    }


def auc_sample(
    label: Floats, scores: Floats, household: Ints, households: int | None = None
) -> AucSample:
    """Measure AUC on labelled rows, with each household's influence on it.

    Parameters
    ----------
    label, scores
        Shape (rows,); a NaN label is not measured.
    household
        Numbers from 0, shape (rows,).
    households
        How many there are; default, as many as the rows name.

    References
    ----------
    Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, Biometrics 53.
    """
    known = ~np.isnan(label)
    truth = label[known] == 1
    group = np.unique(scores[known], return_inverse=True)[1]
    positive, negative = (np.bincount(group, side, group.max() + 1) for side in (truth, ~truth))
    # A positive row's placement: the share of negative rows below it, ties counted half.
    below = (np.cumsum(negative) - negative / 2) / negative.sum()
    above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    auc = float(positive @ below / positive.sum())
    moved = np.where(
        truth,
        (below[group] - auc) / positive.sum(),
        (above[group] - auc) / negative.sum(),
    )
    size = int(household.max()) + 1 if households is None else households
    influence: Floats = np.bincount(household[known], moved, minlength=size).astype(float)
    return AucSample(auc, influence)


def mean(values: Sequence[float]) -> float:
    """Return the mean of those that are a number; NaN if none is."""
    known = [v for v in values if not np.isnan(v)]
    return float(np.mean(known)) if known else float("nan")
