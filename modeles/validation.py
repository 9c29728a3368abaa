"""The arithmetic of an honest test: later dates, mature labels, people never on both sides.

Training labels end before the test begins and are taken as they were known that day. Where
the protocol sets ``test_from``, households of the test leave the training; elsewhere every
household of the training belongs to one fold, and is judged only by what has not seen it
(:func:`modeles.families.unseen`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.errors import RebondError
from features.kernel import Block
from features.point_in_time import Matrix, build_cohort, build_matrix, review_dates
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
        Shape (rows,): the fold of the row's household among the training households, -1
        where the household is not among them.
    test_from
        The first day of the test; every training label had ended by then.
    """

    protocol: Protocol
    train: Matrix
    test: Matrix
    train_fold: Ints
    test_fold: Ints
    test_from: date


def build_study(protocol: Protocol, stays: pd.DataFrame, block: Block, extracted_on: date) -> Study:
    """Lay out training and test for one protocol.

    Raises
    ------
    TooLittleHistory, OneClass, features.point_in_time.EmptyCohort
        When there is nothing to fit on or nothing to measure on.
    """
    horizon = timedelta(days=protocol.outcome.horizon_days)
    first = stays["entered_on"].min().date()
    mature = review_dates(protocol.cadence, first, extracted_on - horizon)
    test_from = protocol.validation.test_from or _last_third(mature)
    train_dates = [t for t in mature if t + horizon <= test_from]
    test_dates = [t for t in mature if t >= test_from]
    if not train_dates or not test_dates:
        raise TooLittleHistory(
            f"{len(mature)} review dates have labels whose {horizon.days} days are over, from "
            f"{first} to {extracted_on}; a training window and a later test need more history, "
            "or an earlier test_from."
        )
    train = build_cohort(
        protocol, stays, block, train_dates, mature_on=test_from, known_before=test_from
    )
    test = build_cohort(
        protocol,
        stays,
        block,
        test_dates,
        mature_on=extracted_on,
        known_before=extracted_on + timedelta(days=1),
    )
    usable = train["label"].notna()
    if protocol.validation.test_from is not None:
        usable &= ~train["household"].isin(set(test["household"]))
    train = train[usable].reset_index(drop=True)
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
    households = set(train["household"])
    return Study(
        protocol=protocol,
        train=build_matrix(protocol, block, train),
        test=build_matrix(protocol, block, test),
        train_fold=train_fold,
        test_fold=np.where(test["household"].isin(households), _folds(test["household"]), -1),
        test_from=test_from,
    )


def _last_third(mature: tuple[date, ...]) -> date:
    """Without ``test_from``, the test is the last third of the mature review dates."""
    return mature[-max(1, len(mature) // 3)] if mature else date.max


def _folds(households: pd.Series[str]) -> Ints:
    """Pseudonyms are keyed hashes: their first digits are as good as a draw."""
    folds = {h: int(h[:8], 16) % FOLDS for h in households.unique()}
    return np.array([folds[h] for h in households], dtype=np.int64)
