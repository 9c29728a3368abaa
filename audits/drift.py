"""Drift: how far what the model sees has moved since it was fitted.

The population stability index of shares p before and q since is Σ (q − p) ln(q / p), over the
bins of the model table and, where somebody lacks one, "no value". Movements within a bin, or on
one line between two knots, move no bin and are not seen. Half a row is added to every bin, so
that an empty one weighs little and not infinitely.

Below 0.10 little has moved, above 0.25 much: a convention, not a test. In a small service chance
alone passes it, so each index stands beside what chance reaches one time in twenty; what has
moved passes both.

References
----------
Lewis (1994), An Introduction to Credit Scoring; Siddiqi (2017), Intelligent Credit Scoring: the
index and its thresholds. Yurdakul & Naranjo (2020), Statistical properties of the population
stability index, Journal of Risk Model Validation 14: without a shift it is distributed as
(1/n + 1/m) χ² with one degree of freedom less than there are bins. Wilson & Hilferty (1931): the
quantile of χ².
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from audits.statistics import CONFIDENCE
from audits.suppression import K
from audits.surroundings import Drift, Shift
from modeles.table import TableFeature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MUCH = 0.25
SMOOTHING = 0.5
"""Rows added to every bin."""
TENTHS = 10
"""The score has no bins of its own: tenths of the training rows."""


def find_drift(
    features: Sequence[TableFeature],
    train: tuple[pd.DataFrame, Floats, Floats],
    audited: tuple[pd.DataFrame, Floats, Floats],
) -> Drift | None:
    """Compare the rows that were fitted on with those that are audited.

    Parameters
    ----------
    features
        The lines of the table.
    train, audited
        Each the rows (:data:`features.tables.COHORT`), their values, shape (rows, columns),
        and their scores, each by a fit that has not seen the household, shape (rows,).

    Returns
    -------
    Drift or None
        None where fewer than k persons are on either side. Indices have two decimals: a bin
        of a few persons cannot be computed back.
    """
    (before, values_before, score_before), (since, values_since, score_since) = train, audited
    persons = before["person"].nunique(), since["person"].nunique()
    if min(persons) < K:
        return None

    def shift(title: str, column: str, counts: tuple[Ints, Ints]) -> Shift:
        return Shift(
            title=title,
            column=column,
            psi=round(stability_index(*counts), 2) + 0.0,
            chance=round(by_chance(*counts, *persons), 2),
        )

    shifts = []
    for lines in _by_column(features):
        then, now = (_binned(lines, v[:, lines[0].column]) for v in (values_before, values_since))
        shifts.append(shift(lines[0].title, lines[0].name, (then, now)))
    shifts.sort(key=lambda one: -one.psi)
    tenths = np.unique(np.quantile(score_before, np.arange(1, TENTHS) / TENTHS))
    return Drift(
        score_psi=shift("", "", (_counts(tenths, score_before), _counts(tenths, score_since))).psi,
        features=tuple(shifts),
        moved=sum(one.psi > max(MUCH, one.chance) for one in shifts),
        base_rate_before=base_rate(before),
        base_rate_since=base_rate(since),
    )


def stability_index(before: Ints, since: Ints) -> float:
    """Return the population stability index of two rows of counts over the same bins.

    >>> round(stability_index(np.array([50, 50]), np.array([50, 50])), 3)
    0.0
    """
    held = before + since > 0
    p, q = (
        (counts[held] + SMOOTHING) / (counts.sum() + SMOOTHING * np.count_nonzero(held))
        for counts in (before, since)
    )
    return float(((q - p) * np.log(q / p)).sum())


def by_chance(before: Ints, since: Ints, persons_before: int, persons_since: int) -> float:
    """Return what the index reaches one time in twenty though nothing has moved.

    Rows of a person are alike, so persons are counted and not rows.
    """
    free = np.count_nonzero(before + since) - 1
    if free < 1:
        return 0.0
    normal = NormalDist().inv_cdf(CONFIDENCE)
    quantile = free * (1 - 2 / (9 * free) + normal * (2 / (9 * free)) ** 0.5) ** 3
    return float(quantile * (1 / persons_before + 1 / persons_since))


def base_rate(cohort: pd.DataFrame) -> float | None:
    """Return the share of labelled rows with the outcome; None where few persons tell it."""
    sides = (cohort.loc[cohort["label"] == side, "person"].nunique() for side in (0, 1))
    return float(cohort["label"].mean()) if min(sides) >= K else None


def _by_column(features: Sequence[TableFeature]) -> list[list[TableFeature]]:
    """Return the lines of each column: a scorecard may ask about one more than once."""
    columns: dict[int, list[TableFeature]] = {}
    for line in features:
        columns.setdefault(line.column, []).append(line)
    return list(columns.values())


def _binned(lines: Sequence[TableFeature], values: Floats) -> Ints:
    """Count the values between all edges of a column's lines (or its knots), on their axis."""
    logged = lines[0].shape == "line" and lines[0].scale == "log1p"
    axis = np.log1p(np.maximum(values, 0.0)) if logged else values
    return _counts(np.unique([edge for line in lines for edge in line.edges]), axis)


def _counts(edges: Floats, values: Floats) -> Ints:
    """Count the values between edges, then the missing ones."""
    places = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values))
    counts: Ints = np.bincount(places, minlength=len(edges) + 2)
    return counts
