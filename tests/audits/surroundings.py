"""Small invented rows for the tests of what is told around an audit."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from audits.records import AuditResult, Finding, GroupEstimate, Verdict
from features.point_in_time import Matrix
from features.protocol import Protocol
from modeles.families import FOLDS
from modeles.table import TableFeature
from modeles.validation import Split, Study

Floats = npt.NDArray[np.float64]
FIRST = date(2025, 1, 6)


def lines(columns: int, edges: tuple[float, ...] = (0.0,)) -> tuple[TableFeature, ...]:
    """As many features, each with the same edges."""
    return tuple(
        TableFeature(
            column, "steps", "linear", edges, (0.0,) * (len(edges) + 1), 0.0,
            f"f{column}.count", f"fait {column}", "fait", "une raison", "faits",
            (20,) * (len(edges) + 2),
        )
        for column in range(columns)
    )  # fmt: skip


def cohort(
    person: npt.NDArray[np.int64], label: Floats, days: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Rows of a cohort: persons by number, and days since :data:`FIRST`."""
    names = np.array(
        [f"{number * 2_654_435_761 % 2**32:08x}" for number in range(person.max() + 1)]
    )
    as_of = np.array([np.datetime64(FIRST, "us")]) + days.astype("timedelta64[D]")
    return pd.DataFrame(
        {
            "person": names[person],
            "as_of": as_of,
            "household": names[person],
            "team": "nord",
            "referent": [f"nord.{number % 40}" for number in person],
            "entered_on": as_of[0],
            "informed": True,
            "label": label,
        }
    )


def study(
    protocol: Protocol, values: Floats, label: Floats, dates: int, *, train_dates: int
) -> Study:
    """One row per person and date, dates in order; the first dates are the training."""
    persons = len(label) // dates
    person = np.tile(np.arange(persons), dates)
    rows = cohort(person, label, np.repeat(np.arange(dates), persons) * 91)
    fold = np.tile(np.arange(persons) % FOLDS, dates)
    trained = np.repeat(np.arange(dates), persons) < train_dates
    whole = Matrix(
        rows, values, np.zeros(len(rows), np.int64), tuple("abcdefgh"[: values.shape[1]])
    )
    days = tuple(FIRST + timedelta(days=91 * at) for at in range(dates))
    return Study(
        protocol=protocol,
        split=Split(days[train_dates], days[:train_dates], days[train_dates:], days[-1], days[-1]),
        train=whole[trained],
        test=whole[~trained],
        train_fold=fold[trained],
        test_fold=fold[~trained],
        folds=FOLDS,
        vocabulary=frozenset(),
    )


def answer(attribute: str, groups: dict[str, tuple[int | None, int | None]]) -> AuditResult:
    """An audit that tells so many persons and positive persons of each group."""
    estimates = tuple(
        GroupEstimate(
            value=value, n=n, positives=positives, numerator=None, denominator=None,
            estimate=None, low=None, high=None, difference=None, difference_low=None,
            difference_high=None, assessed=False, suppressed=positives is None,
        )
        for value, (n, positives) in groups.items()
    )  # fmt: skip
    return AuditResult(
        verdict=Verdict.CANNOT_ASSESS,
        tolerance=0.1,
        persons=100,
        positives=None,
        rows=100,
        review_dates=1,
        labelled_share=0.9,
        seed=0,
        replicates=1,
        tie_break=None,
        findings=(Finding(attribute, "recall", estimates, None, None, None, None, None, None),),
    )
