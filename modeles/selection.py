"""Which family, and with which setting: tried on rolling origins, before the test.

The rule is the simplest within one household-clustered standard error of the best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.catalogue import catalogue
from features.point_in_time import Matrix
from modeles.batch import bag_scores
from modeles.boosting import Additive
from modeles.families import AdditiveFamily, Training, unseen
from modeles.logistic import Logistic
from modeles.measures import AucSample, auc_sample, pooled
from modeles.scorecard import Scorecard
from modeles.validation import Study

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SEARCH: tuple[AdditiveFamily, ...] = (
    Scorecard(8),
    Scorecard(12),
    Logistic(0.005),
    Logistic(0.05),
    Additive(50),
    Additive(100),
)
"""Everything that is tried, from simple to less simple; families stand together."""


@dataclass(frozen=True)
class Trial:
    """One family with one setting, tried on every origin.

    Attributes
    ----------
    scores
        Per origin, shape (test rows,): each row judged by what had not seen its household.
    splits
        AUC at each origin.
    auc
        Their mean, with each household's influence on it.
    """

    family: AdditiveFamily
    scores: tuple[Floats, ...]
    splits: tuple[float, ...]
    auc: AucSample


def try_out(
    search: Sequence[AdditiveFamily],
    origins: Sequence[Study],
    seed: int,
    progress: Callable[[str], None],
) -> tuple[Trial, ...]:
    """Fit and measure everything on every origin; nothing, where there is no origin."""
    if not origins:
        return ()
    households = np.unique(
        np.concatenate([o.test.cohort["household"].to_numpy(object) for o in origins])
    )
    own = [
        np.searchsorted(households, o.test.cohort["household"].to_numpy(object)) for o in origins
    ]
    found: dict[AdditiveFamily, list[Floats]] = {family: [] for family in search}
    for number, study in enumerate(origins):
        training = training_rows(study, seed)
        for family in search:
            progress(f"{family.name}, {family.setting}: origin {number + 1} of {len(origins)}")
            bags = family.bags(training, _quietly)
            judged = unseen(bag_scores(bags, study.test.values), study.test_fold)
            found[family].append(judged)
    trials = []
    for family, scores in found.items():
        samples = [
            auc_sample(study.test.cohort["label"].to_numpy(float), s, whose, len(households))
            for study, s, whose in zip(origins, scores, own, strict=True)
        ]
        splits = tuple(sample.auc for sample in samples)
        trials.append(Trial(family, tuple(scores), splits, pooled(samples)))
    return tuple(trials)


def simplest(measured: Sequence[AucSample]) -> int:
    """Return which is the simplest within one standard error of the best.

    Parameters
    ----------
    measured
        From simple to less simple; at least one.
    """
    best = max(measured, key=lambda sample: sample.auc)
    floor = best.auc - best.standard_error
    return next(at for at, sample in enumerate(measured) if sample.auc >= floor)


def settle(
    search: Sequence[AdditiveFamily], trials: Sequence[Trial]
) -> tuple[tuple[AdditiveFamily, Trial | None], ...]:
    """Settle each family's setting, from the simplest family on: the best on the origins.

    Settings of one family read alike, so none is simpler. Where nothing could be tried it is
    the last one.
    """
    settled: list[tuple[AdditiveFamily, Trial | None]] = []
    for name in dict.fromkeys(family.name for family in search):
        tried = [trial for trial in trials if trial.family.name == name]
        if tried:
            best = max(tried, key=lambda trial: trial.auc.auc)
            settled.append((best.family, best))
        else:
            settled.append(([family for family in search if family.name == name][-1], None))
    return tuple(settled)


def training_rows(study: Study, seed: int) -> Training:
    """Give a study's training rows to a family.

    Parameters
    ----------
    study
        Of which ``train`` is taken.
    seed
        Seeds every fit.
    """
    return Training(
        features=catalogue(study.protocol),
        values=study.train.values,
        label=study.train.cohort["label"].to_numpy(float).astype(np.int64),
        person=numbered(study.train, "person"),
        household=numbered(study.train, "household"),
        fold=study.train_fold,
        folds=study.folds,
        seed=seed,
    )


def numbered(matrix: Matrix, column: str) -> Ints:
    """Return a number for the person or household of each row, shape (rows,)."""
    _, number = np.unique(matrix.cohort[column].to_numpy(object), return_inverse=True)
    return number.astype(np.int64)


def _quietly(_: str) -> None:
    """One line an origin is enough."""
