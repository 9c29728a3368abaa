"""The arithmetic of an honest test: later dates, mature labels, people never on both sides.

Training labels end before the test begins and are taken as they were known that day. Where
the protocol sets ``test_from``, households of the test leave the training. Every household
belongs to one fold, and is judged only by what has not seen it
(:func:`modeles.families.unseen`).
"""

from __future__ import annotations

from dataclasses import dataclass
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


class TooLittleHistory(RebondError):
    """The data do not reach far enough for a training window and a later test."""


class OneClass(RebondError):
    """Every training label is the same: there is nothing to learn."""


@dataclass(frozen=True)
class Study:
    """Training and test rows of one protocol on one extract.

    Attributes
    ----------
    train, test
        Features with labels: as known when the test began, and as known at the extract.
    train_fold, test_fold
        Shape (rows,): the fold of the row's household.
    test_from
        The first day of the test; every training label had ended by then.
    vocabulary
        The codes that are in the features; every other is counted apart.
    """

    protocol: Protocol
    train: Matrix
    test: Matrix
    train_fold: Ints
    test_fold: Ints
    test_from: date
    vocabulary: frozenset[str]


def build_study(
    protocol: Protocol,
    engine: Engine,
    extracted_on: date,
    *,
    test_from: date | None = None,
    vocabulary: frozenset[str] | None = None,
) -> Study:
    """Lay out training and test for one protocol, in one reading of the events.

    Parameters
    ----------
    protocol
        The study.
    engine
        Reads the events.
    extracted_on
        Nothing is known after this day.
    test_from, vocabulary
        Of a model that is to be measured again: when its test began, and the codes it was
        fitted on. Default: as the protocol says, else when two thirds of the situations have
        been looked at; and the codes that occurred and were recorded before.

    Raises
    ------
    TooLittleHistory, OneClass, features.point_in_time.EmptyCohort
        When there is nothing to fit on or nothing to measure on.
    """
    horizon = timedelta(days=protocol.outcome.horizon_days)
    stays = engine.stays()
    first = stays["entered_on"].min().date()
    mature = review_dates(protocol.cadence, first, extracted_on - horizon)
    test_from = test_from or protocol.validation.test_from or _last_third(protocol, stays, mature)
    train_dates = [t for t in mature if t + horizon <= test_from]
    test_dates = [t for t in mature if t >= test_from]
    if not train_dates or not test_dates:
        raise TooLittleHistory(
            f"{len(mature)} review dates have labels whose {horizon.days} days are over, from "
            f"{first} to {extracted_on}; a training window and a later test need more history, "
            "or an earlier test_from."
        )
    if vocabulary is None:
        vocabulary = looked_at(protocol, engine.codes(before=test_from))
    train, test = engine.matrices(
        [
            Question(
                protocol,
                tuple(train_dates),
                mature_on=test_from,
                known_before=test_from,
                vocabulary=vocabulary,
                labelled=True,
            ),
            Question(
                protocol,
                tuple(test_dates),
                mature_on=extracted_on,
                known_before=extracted_on + timedelta(days=1),
                vocabulary=vocabulary,
            ),
        ]
    )
    if protocol.validation.test_from is not None:
        train = train[~train.cohort["household"].isin(set(test.cohort["household"])).to_numpy()]
    _check_learnable(train.cohort, test.cohort, test_from)
    return Study(
        protocol=protocol,
        train=train,
        test=test,
        train_fold=_folds(train.cohort["household"]),
        test_fold=_folds(test.cohort["household"]),
        test_from=test_from,
        vocabulary=vocabulary,
    )


def _check_learnable(train: pd.DataFrame, test: pd.DataFrame, test_from: date) -> None:
    if train["label"].nunique() < 2:  # noqa: PLR2004 - a label has two values
        found = "no row at all" if train.empty else f"only the label {train['label'].iloc[0]:.0f}"
        raise OneClass(
            f"the training window up to {test_from} holds {found}: take a longer history, another "
            "test_from, or check the outcome codes."
        )
    train_fold = _folds(train["household"])
    for fold in range(FOLDS):
        if train["label"][train_fold != fold].nunique() < 2:  # noqa: PLR2004
            raise OneClass(
                f"the {int(train['label'].sum())} positive training rows up to {test_from} belong "
                "to too few households to be judged by a fit that has not seen them: take a longer "
                "history or another test_from."
            )
    if test["label"].nunique() < 2:  # noqa: PLR2004
        raise OneClass(
            f"the test from {test_from} holds one class only, so nothing can be measured: take a "
            "longer history or another test_from."
        )


def _last_third(protocol: Protocol, stays: pd.DataFrame, mature: tuple[date, ...]) -> date:
    """Without ``test_from``, the test is the last third of the situations that were looked at.

    Counted in stays and not in dates: one early stay would else move the test by years.
    """
    if not mature:
        return date.max
    dates = np.array(mature, "datetime64[D]")
    entered = stays["entered_on"].to_numpy("datetime64[D]")
    known_from = entered + protocol.population.min_history_days
    left = stays["left_on"].to_numpy("datetime64[D]")
    begun = np.searchsorted(np.sort(known_from), dates, side="right")
    over = np.searchsorted(np.sort(left[~np.isnat(left)]), dates, side="left")
    looked_at = np.cumsum(np.maximum(begun - over, 0))
    first = int(np.searchsorted(looked_at, 2 / 3 * looked_at[-1], side="right"))
    return mature[min(first, len(mature) - 1)]


def _folds(households: pd.Series[str]) -> Ints:
    """Pseudonyms are keyed hashes: their first digits are as good as a draw."""
    folds = {h: int(h[:8], 16) % FOLDS for h in households.unique()}
    return np.array([folds[h] for h in households], dtype=np.int64)
