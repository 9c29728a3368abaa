"""Statistical secrecy: which counts may be written down.

A count of fewer than k persons is withheld. So is every further count without which the
first could be computed back, from the total or from the tables of other attributes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

K = 11
"""The smallest number of persons that is ever shown."""

_TRIED = 24
"""Candidates for a further count that are looked at; the smallest ones."""


def withheld(
    counts: npt.NDArray[np.int64],
    small: npt.NDArray[np.bool_],
    made_of: npt.NDArray[np.float64],
    table: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Choose the counts to withhold.

    Starting from the small ones, one more count is withheld at a time while a withheld one is
    a linear combination of what is shown, or while the withheld ones of a table hold fewer
    than k persons together. It is the one of the same table that leaves the fewest that can
    be computed back, and of these the smallest.

    Parameters
    ----------
    counts
        (C,) persons in each group of each table.
    small
        (C,) which must be withheld in any case.
    made_of
        (C, F) 1 where a group contains a finest cell (one value of every attribute).
    table
        (C,) which table, that is which attribute or intersection, a group belongs to.

    Returns
    -------
    numpy.ndarray
        (C,) true where the count must not be shown.
    """
    hidden = small.copy()
    rows = np.vstack([made_of, np.ones((1, made_of.shape[1]))])
    products = rows @ rows.T
    while True:
        recoverable = _recoverable(products, hidden)
        open_tables = [
            name
            for name in np.unique(table[hidden])
            if recoverable[table == name].any() or counts[hidden & (table == name)].sum() < K
        ]
        candidates = [np.flatnonzero((table == name) & ~hidden) for name in open_tables]
        further = next((some for some in candidates if len(some)), None)
        if further is None:
            return hidden
        tried = further[np.argsort(counts[further], kind="stable")][:_TRIED]
        left = [int(_recoverable(products, _with(hidden, one)).sum()) for one in tried]
        hidden[tried[int(np.argmin(left))]] = True


def _with(hidden: npt.NDArray[np.bool_], one: int) -> npt.NDArray[np.bool_]:
    more = hidden.copy()
    more[one] = True
    return more


def _recoverable(
    products: npt.NDArray[np.float64], hidden: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Say which hidden counts are a linear combination of the shown ones and the total.

    ``products`` are the inner products of all counts' cells, the total's last.
    """
    recoverable = np.zeros(len(hidden), dtype=bool)
    if hidden.any():
        h = np.flatnonzero(hidden)
        s = np.append(np.flatnonzero(~hidden), len(hidden))
        across = products[np.ix_(h, s)]
        inverse = np.linalg.pinv(products[np.ix_(s, s)], hermitian=True)
        left = products[h, h] - np.einsum("hs,st,ht->h", across, inverse, across)
        recoverable[h] = left < 1e-6 * products[h, h]  # rounding
    return recoverable
