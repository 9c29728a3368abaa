"""AUC and calibration of every group, exact, with what each person contributes to them.

Neither is a ratio of counts: persons differ by where their scores lie. What resampling needs
is each person's influence, the amount by which an estimate moves when they count once more;
the drawn persons' influences add up to the replicate.

References
----------
DeLong, DeLong & Clarke-Pearson (1988), placements; Obuchowski (1997), AUC of clustered data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from audits.counts import CELLS, Floats, Grouping, Ints

POSITIVE = 2
"""Kinds below this one have the outcome (:data:`audits.counts.CELLS`)."""

BINS = 10
"""Bins of a calibration curve, with about as many situations each."""


@dataclass(frozen=True)
class Influences:
    """Estimates of groups and the influences of their members.

    Attributes
    ----------
    estimate
        Shape (G, columns); NaN where a group has none.
    members
        Shape (V, columns): by how much each member of the grouping moves its group's.
    persons
        Shape (G, columns): members that are counted at all.
    """

    estimate: Floats
    members: npt.NDArray[np.float32]
    persons: Ints

    def squares(self, grouping: Grouping) -> Floats:
        """Sum of squared influences by group, shape (G, columns)."""
        return np.column_stack(
            [
                np.bincount(grouping.of_member, column.astype(np.float64) ** 2, len(self.estimate))
                for column in self.members.T
            ]
        )


def ascending(kind: Ints, score: Floats) -> Ints:
    """Rows with a known outcome and a score, by score, then by outcome and list.

    Rows that are left tied are alike, so that no sum over them depends on their order.
    """
    rows = np.flatnonzero((kind < len(CELLS)) & np.isfinite(score))
    return rows[np.lexsort((kind[rows], score[rows]))]


def auc(grouping: Grouping, kind: Ints, score: Floats, order: Ints) -> Influences:
    """Area under the ROC curve within every group, ties counting one half.

    All groups in one pass over rows sorted once; of one group alone it is
    :func:`modeles.measures.auc_sample`, and a test holds the two together.

    Parameters
    ----------
    grouping
        The groups.
    kind
        Shape (rows,), as in :class:`audits.counts.Population`.
    score
        Shape (rows,), the higher the likelier the outcome; NaN where there is none.
    order
        Rows in :func:`ascending` order of score.
    """
    groups = len(grouping.values)
    positive = kind[order] < POSITIVE
    placed, positives, negatives = _placements(
        score[order], grouping.group[order], positive, groups
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        wins = np.bincount(grouping.group[order], placed * positive, groups)
        area: Floats = wins / (positives * negatives)
        of_row = grouping.group[order]
        share = placed / np.where(positive, negatives[of_row], positives[of_row])
        pull = (share - area[of_row]) / np.where(positive, positives[of_row], negatives[of_row])
    pull = np.where(np.isfinite(area[of_row]), pull, 0.0)
    return _gathered(grouping, order, area[:, None], pull[:, None])


def calibration(grouping: Grouping, kind: Ints, probability: Floats, rows: Ints) -> Influences:
    """How much more often the outcome came than was estimated, in every group.

    ``rows`` are those in :func:`ascending` order of the estimate.
    """
    residual = (kind[rows] < POSITIVE) - probability[rows]
    return _mean(grouping, rows, residual, grouping.group[rows], len(grouping.values))


@dataclass(frozen=True)
class Curve:
    """Binned calibration of every group.

    ``observed`` are influences of the shares where the outcome came, one column a bin;
    ``expected`` the mean estimates, shape (G, bins).
    """

    expected: Floats
    observed: Influences


def calibration_curve(grouping: Grouping, kind: Ints, probability: Floats, rows: Ints) -> Curve:
    """Share of outcomes in bins of the estimate, bins shared by all groups.

    ``rows`` are those in :func:`ascending` order of the estimate.
    """
    p, of_row, groups = probability[rows], grouping.group[rows], len(grouping.values)
    edges = np.unique(np.quantile(p, np.arange(1, BINS) / BINS)) if len(p) else np.empty(0)
    at = np.searchsorted(edges, p, side="right")
    bins = len(edges) + 1
    cell = of_row * bins + at
    total = np.bincount(cell, minlength=groups * bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.bincount(cell, p, groups * bins) / total
        observed = np.bincount(cell, kind[rows] < POSITIVE, groups * bins) / total
        pull = ((kind[rows] < POSITIVE) - observed[cell]) / total[cell]
    members = np.bincount(
        grouping.member[rows] * bins + at, pull, len(grouping.person) * bins
    ).reshape(-1, bins)
    there = np.bincount(grouping.member[rows] * bins + at, minlength=members.size)
    there = np.flatnonzero(there)
    persons = np.bincount(
        grouping.of_member[there // bins] * bins + there % bins, minlength=groups * bins
    )
    shape = (groups, bins)
    return Curve(
        expected.reshape(shape),
        Influences(observed.reshape(shape), members.astype(np.float32), persons.reshape(shape)),
    )


def _mean(grouping: Grouping, rows: Ints, values: Floats, of_row: Ints, groups: int) -> Influences:
    total = np.bincount(of_row, minlength=groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: Floats = np.bincount(of_row, values, groups) / total
        pull = (values - mean[of_row]) / total[of_row]
    return _gathered(grouping, rows, mean[:, None], pull[:, None])


def _gathered(grouping: Grouping, rows: Ints, estimate: Floats, pull: Floats) -> Influences:
    """Add up the influences of rows by member, shape (rows, columns)."""
    member, count = grouping.member[rows], len(grouping.person)
    members = np.column_stack([np.bincount(member, column, count) for column in pull.T])
    counted = np.bincount(member, minlength=count) > 0
    persons = np.bincount(grouping.of_member[counted], minlength=len(grouping.values))
    return Influences(estimate, members.astype(np.float32), persons[:, None])


@numba.njit(cache=True, nogil=True)
def _placements(
    score: Floats, group: Ints, positive: npt.NDArray[np.bool_], groups: int
) -> tuple[Floats, Ints, Ints]:
    """Rows of the other outcome in the same group that each row outranks, or is outranked by.

    Rows come in ascending order of score. A positive row counts negatives below it, a
    negative one positives above it, and ties one half.
    """
    below = np.zeros((groups, 2), dtype=np.int64)
    tied = np.zeros((groups, 2), dtype=np.int64)
    placed = np.empty(len(score), dtype=np.float64)
    start = 0
    while start < len(score):
        stop = start
        while stop < len(score) and score[stop] == score[start]:
            tied[group[stop], int(positive[stop])] += 1
            stop += 1
        for row in range(start, stop):
            other = 1 - int(positive[row])
            placed[row] = below[group[row], other] + 0.5 * tied[group[row], other]
        for row in range(start, stop):
            sense = int(positive[row])
            below[group[row], sense] += 1
            tied[group[row], sense] = 0
        start = stop
    for row in range(len(score)):
        if not positive[row]:
            placed[row] = below[group[row], 1] - placed[row]
    return placed, below[:, 1].copy(), below[:, 0].copy()
