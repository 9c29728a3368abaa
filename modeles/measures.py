"""How good a list is, per review date and at the capacity there is.

Everything is measured on the list that :func:`modeles.allocation.allocate` would serve,
date after date, and every interval resamples households, never rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from features.protocol import Capacity
from modeles.allocation import Claimant, Draw, allocate, signal_places

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

REPLICATES = 1000
LOWER_BOUND = 0.05
"""One-sided 95% lower bound of the AUC difference to a naive rule."""

ECE_BINS = 10


@dataclass(frozen=True)
class DateMeasure:
    """What the list of one review date was worth.

    ``precision`` is over listed situations with a known label, ``recall`` over the positive
    ones that could be listed (no open or recent signal); NaN where there were none.
    """

    as_of: str
    listed: int
    labelled: int
    eligible_positives: int
    precision: float
    recall: float
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
        return _mean([d.precision for d in self.dates])

    @property
    def recall(self) -> float:
        """Mean recall over the review dates."""
        return _mean([d.recall for d in self.dates])


@dataclass(frozen=True)
class Discrimination:
    """Measures that need no capacity; probabilities only where the model gives them."""

    auc: float
    average_precision: float
    brier: float | None
    ece: float | None


def list_at_capacity(
    cohort: pd.DataFrame, scores: Floats, capacity: Capacity, key: bytes, model: str, cut: float
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
    """
    eligible = np.zeros(len(cohort), bool)
    selected = np.zeros(len(cohort), bool)
    label = cohort["label"].to_numpy(float)
    persons = cohort["person"].to_numpy(object)
    referents = cohort["referent"].to_numpy(object, na_value=None)
    everybody = frozenset(persons)
    last_listed: dict[str, pd.Timestamp] = {}
    measures = []
    for as_of, at in cohort.groupby("as_of").indices.items():
        recent = {
            p for p, when in last_listed.items() if (as_of - when).days < capacity.repeat_days
        }
        claimants = [
            Claimant(persons[i], referents[i], float(scores[i]), float(scores[i]), float(scores[i]))
            for i in at
        ]
        allocation = allocate(
            claimants,
            capacity,
            Draw(key, model, as_of.date()),
            cut=cut,
            unavailable=recent,
            # Controls say nothing about the model: none is drawn while it is measured.
            not_as_control=everybody,
        )
        listed = set(allocation.signals)
        last_listed |= dict.fromkeys(listed, as_of)
        free = np.array([persons[i] not in recent for i in at])
        chosen = np.array([persons[i] in listed for i in at])
        eligible[at], selected[at] = free, chosen
        known = ~np.isnan(label[at])
        positive = label[at] == 1
        hits = int((chosen & positive).sum())
        labelled = int((chosen & known).sum())
        positives = int((free & positive).sum())
        measures.append(
            DateMeasure(
                as_of=as_of.date().isoformat(),
                listed=len(listed),
                labelled=labelled,
                eligible_positives=positives,
                precision=hits / labelled if labelled else np.nan,
                recall=hits / positives if positives else np.nan,
                unserved=allocation.unserved,
            )
        )
    return Listing(eligible, selected, tuple(measures))


def capacity_cut(cohort: pd.DataFrame, scores: Floats, capacity: Capacity) -> float:
    """Return the score that fills the signal places of a typical review date."""
    places = max(1, signal_places(capacity, capacity.per_review))
    cuts = [
        float(np.sort(scores[at])[-min(places, len(at))])
        for at in cohort.groupby("as_of").indices.values()
    ]
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


def auc_sample(label: Floats, scores: Floats, household: Ints) -> AucSample:
    """Measure AUC on labelled rows, with each household's influence on it.

    References
    ----------
    Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, Biometrics 53.
    """
    known = ~np.isnan(label)
    who = np.unique(household, return_inverse=True)[1]
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
    influence: Floats = np.bincount(who[known], moved, minlength=int(who.max()) + 1).astype(float)
    return AucSample(auc, influence)


def _mean(values: list[float]) -> float:
    known = [v for v in values if not np.isnan(v)]
    return float(np.mean(known)) if known else float("nan")
