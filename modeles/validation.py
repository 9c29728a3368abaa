"""The arithmetic of an honest test: later dates, mature labels, people never on both sides.

A split has an origin. What is fitted there saw only what was known that day, labels included;
what is measured comes later. The last split is the test. Those before it are the same study
laid out as of an earlier day: on them a family is selected, before the test is looked at.

Every household belongs to one fold, and is judged only by what has not seen it
(:func:`modeles.families.unseen`). At an origin one fit is made, which leaves out one half of
the households and judges that half, turn about; at the test there is a fit for every fold.
Where the protocol sets ``test_from``, households of the test leave its training besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import looked_at
from features.engine import Engine
from features.errors import RebondError
from features.point_in_time import Matrix, Question, review_dates
from features.protocol import Protocol
from modeles.families import FOLDS

Ints = npt.NDArray[np.int64]

HALVES = 2
"""Into how many parts households are cut at an origin; divides the number of folds."""

ORIGINS = 9
"""At most so many earlier splits: ten in all."""

LEAST_HISTORY = 1 / 3
"""An origin has at least this share of the situations that the test is fitted on."""


class TooLittleHistory(RebondError):
    """The data do not reach far enough for a training window and a later test."""


class OneClass(RebondError):
    """Every training label is the same: there is nothing to learn."""


@dataclass(frozen=True)
class Split:
    """What is fitted on, what is measured on, and what was known when.

    Attributes
    ----------
    origin
        The day the fit is made: nothing known later goes into it.
    train_dates
        Review dates whose labels were complete at the origin.
    test_dates
        Review dates from the origin on.
    mature_on
        Labels of the test whose time ends after this day are null.
    known_before
        Outcomes recorded from 00:00 of this day on are in no label of the test.
    """

    origin: date
    train_dates: tuple[date, ...]
    test_dates: tuple[date, ...]
    mature_on: date
    known_before: date


@dataclass(frozen=True)
class Study:
    """Training and test rows of one split.

    Attributes
    ----------
    train, test
        Features with labels: as known at the origin, and as known after the test.
    train_fold, test_fold
        Shape (rows,): the fold of the row's household.
    folds
        How many folds are judged, each by a fit that leaves it out. At an origin it is one,
        half of the households: the test holds only them, and their rows are of fold 0.
    vocabulary
        The codes that are in the features; every other is counted apart.
    """

    protocol: Protocol
    split: Split
    train: Matrix
    test: Matrix
    train_fold: Ints
    test_fold: Ints
    folds: int
    vocabulary: frozenset[str]

    @property
    def test_from(self) -> date:
        """The first day of the test; every training label had ended by then."""
        return self.split.origin


def build_studies(
    protocol: Protocol, engine: Engine, extracted_on: date, *, origins: int = ORIGINS
) -> tuple[Study, ...]:
    """Lay out the rolling origins and the test, in one reading of the events.

    Parameters
    ----------
    protocol
        The study.
    engine
        Reads the events.
    extracted_on
        Nothing is known after this day.
    origins
        At most so many splits before the test.

    Returns
    -------
    tuple of Study
        In the order of time; the last one is the test. Of the others, those are left out
        that have too few cases to be fitted or measured.

    Raises
    ------
    TooLittleHistory, OneClass, features.point_in_time.EmptyCohort
        When there is nothing to fit on or nothing to measure on.
    """
    stays = engine.stays()
    last = test_split(protocol, stays, extracted_on)
    planned = [*rolling_splits(protocol, stays, last, origins), last]
    *earlier, test = _read(protocol, engine, planned, None)
    _check_learnable(test)
    turned = (_turned(study, number % HALVES) for number, study in enumerate(earlier))
    return (*(study for study in turned if not _fault(study)), test)


def build_study(
    protocol: Protocol,
    engine: Engine,
    extracted_on: date,
    *,
    test_from: date | None = None,
    vocabulary: frozenset[str] | None = None,
) -> Study:
    """Lay out the test alone.

    Parameters
    ----------
    protocol, engine, extracted_on
        As for :func:`build_studies`.
    test_from, vocabulary
        Of a model that is to be measured again: when its test began, and the codes it was
        fitted on. Default: as the protocol says, else when two thirds of the situations have
        been looked at; and the codes that occurred and were recorded before.

    Raises
    ------
    TooLittleHistory, OneClass, features.point_in_time.EmptyCohort
        When there is nothing to fit on or nothing to measure on.
    """
    split = test_split(protocol, engine.stays(), extracted_on, test_from=test_from)
    (study,) = _read(protocol, engine, [split], vocabulary)
    _check_learnable(study)
    return study


def test_split(
    protocol: Protocol, stays: pd.DataFrame, extracted_on: date, *, test_from: date | None = None
) -> Split:
    """Say what the test is, and what may be fitted before it.

    Raises
    ------
    TooLittleHistory
        There is no review date on one side.
    """
    horizon = timedelta(days=protocol.outcome.horizon_days)
    first = stays["entered_on"].min().date()
    mature = review_dates(protocol.cadence, first, extracted_on - horizon)
    origin = test_from or protocol.validation.test_from or _last_third(protocol, stays, mature)
    split = Split(
        origin=origin,
        train_dates=tuple(t for t in mature if t + horizon <= origin),
        test_dates=tuple(t for t in mature if t >= origin),
        mature_on=extracted_on,
        known_before=extracted_on + timedelta(days=1),
    )
    if not split.train_dates or not split.test_dates:
        raise TooLittleHistory(
            f"{len(mature)} review dates have labels whose {horizon.days} days are over, from "
            f"{first} to {extracted_on}; a training window and a later test need more history, "
            "or an earlier test_from."
        )
    return split


def rolling_splits(
    protocol: Protocol, stays: pd.DataFrame, test: Split, origins: int
) -> tuple[Split, ...]:
    """Say where earlier origins stand, as if today were the day the test begins.

    Each is measured on the review dates up to the next one, all of them among those whose
    labels were complete when the test began: a model for a date is selected only on results
    that were known by then.

    Parameters
    ----------
    protocol, stays
        Give the horizon, and how many situations a review date has; where it has none,
        nobody can be measured.
    test
        The last split.
    origins
        At most so many, evenly spread.
    """
    horizon = timedelta(days=protocol.outcome.horizon_days)
    situations = _situations(protocol, stays, test.train_dates)
    known = [t for t, number in zip(test.train_dates, situations, strict=True) if number]
    seen = np.cumsum(situations[situations > 0])
    over = np.searchsorted(_days(known), _days(known) - horizon.days, side="right")
    enough = (over > 0) & (seen[over - 1] >= LEAST_HISTORY * seen[-1:])
    possible = [t for t, is_enough in zip(known, enough, strict=True) if is_enough]
    number = min(origins, len(possible))
    chosen = [possible[len(possible) * n // number] for n in range(number)]
    ends = [*chosen, test.origin][1:]
    return tuple(
        Split(
            origin=origin,
            train_dates=tuple(t for t in known if t + horizon <= origin),
            test_dates=tuple(t for t in known if origin <= t < end),
            mature_on=test.origin,
            known_before=test.origin,
        )
        for origin, end in zip(chosen, ends, strict=True)
    )


def _read(
    protocol: Protocol,
    engine: Engine,
    splits: Sequence[Split],
    vocabulary: frozenset[str] | None,
) -> list[Study]:
    """Ask for the training and test rows of all splits at once."""
    words = [
        looked_at(protocol, engine.codes(before=split.origin)) if vocabulary is None else vocabulary
        for split in splits
    ]
    questions = []
    for split, known in zip(splits, words, strict=True):
        questions += [
            Question(
                protocol,
                split.train_dates,
                mature_on=split.origin,
                known_before=split.origin,
                vocabulary=known,
                labelled=True,
            ),
            Question(
                protocol,
                split.test_dates,
                mature_on=split.mature_on,
                known_before=split.known_before,
                vocabulary=known,
            ),
        ]
    matrices = engine.matrices(questions)
    return [
        _study(protocol, split, train, test, known)
        for split, train, test, known in zip(
            splits, matrices[0::2], matrices[1::2], words, strict=True
        )
    ]


def _study(
    protocol: Protocol, split: Split, train: Matrix, test: Matrix, vocabulary: frozenset[str]
) -> Study:
    if split.origin == protocol.validation.test_from:
        train = train[~train.cohort["household"].isin(set(test.cohort["household"])).to_numpy()]
    return Study(
        protocol=protocol,
        split=split,
        train=train,
        test=test,
        train_fold=_folds(train.cohort["household"]),
        test_fold=_folds(test.cohort["household"]),
        folds=FOLDS,
        vocabulary=vocabulary,
    )


def _turned(study: Study, half: int) -> Study:
    """Leave one half of the households to be judged, by a fit on the other half."""
    judged = study.test_fold % HALVES == half
    return replace(
        study,
        test=study.test[judged],
        train_fold=np.where(study.train_fold % HALVES == half, 0, 1),
        test_fold=np.zeros(judged.sum(), np.int64),
        folds=1,
    )


def _check_learnable(study: Study) -> None:
    fault = _fault(study)
    if fault:
        raise OneClass(fault)


def _fault(study: Study) -> str:
    """Say why a study cannot be fitted or measured; empty if it can."""
    train, test, test_from = study.train.cohort, study.test.cohort, study.test_from
    if train["label"].nunique() < 2:  # noqa: PLR2004 - a label has two values
        found = "no row at all" if train.empty else f"only the label {train['label'].iloc[0]:.0f}"
        return (
            f"the training window up to {test_from} holds {found}: take a longer history, another "
            "test_from, or check the outcome codes."
        )
    for fold in range(study.folds):
        if train["label"][study.train_fold != fold].nunique() < 2:  # noqa: PLR2004
            return (
                f"the {int(train['label'].sum())} positive training rows up to {test_from} belong "
                "to too few households to be judged by a fit that has not seen them: take a longer "
                "history or another test_from."
            )
    if test["label"].nunique() < 2:  # noqa: PLR2004
        return (
            f"the test from {test_from} holds one class only, so nothing can be measured: take a "
            "longer history or another test_from."
        )
    return ""


def _last_third(protocol: Protocol, stays: pd.DataFrame, mature: tuple[date, ...]) -> date:
    """Without ``test_from``, the test is the last third of the situations that were looked at.

    Counted in stays and not in dates: one early stay would else move the test by years.
    """
    if not mature:
        return date.max
    looked_at = np.cumsum(_situations(protocol, stays, mature))
    first = int(np.searchsorted(looked_at, 2 / 3 * looked_at[-1], side="right"))
    return mature[min(first, len(mature) - 1)]


def _situations(protocol: Protocol, stays: pd.DataFrame, days: Sequence[date]) -> Ints:
    """Count the stays that are in at each review date, whatever was recorded in them."""
    dates = _days(days)
    entered = stays["entered_on"].to_numpy("datetime64[D]")
    known_from = entered + protocol.population.min_history_days
    left = stays["left_on"].to_numpy("datetime64[D]")
    begun = np.searchsorted(np.sort(known_from), dates, side="right")
    over = np.searchsorted(np.sort(left[~np.isnat(left)]), dates, side="left")
    found: Ints = np.maximum(begun - over, 0)
    return found


def _days(dates: Sequence[date]) -> npt.NDArray[np.datetime64]:
    return np.array(dates, "datetime64[D]")


def _folds(households: pd.Series[str]) -> Ints:
    """Pseudonyms are keyed hashes: their first digits are as good as a draw."""
    folds = {h: int(h[:8], 16) % FOLDS for h in households.unique()}
    return np.array([folds[h] for h in households], dtype=np.int64)
