"""Statistical secrecy: which counts of an audit may be written down.

A count of fewer than k persons is withheld. So is every further count without which the
first could be computed back, from the total or from the tables of other attributes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

K = 11
"""The smallest number of persons that is ever shown."""


def withheld(
    counts: npt.NDArray[np.int64],
    small: npt.NDArray[np.bool_],
    made_of: npt.NDArray[np.float64],
    table: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Choose the counts to withhold.

    Starting from the small ones, the smallest shown count of a table is withheld too while
    a withheld one of that table is a linear combination of what is shown, or while the
    withheld ones of that table hold fewer than k persons together.

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
    everybody = np.ones((1, made_of.shape[1]))
    while True:
        shown = np.vstack([everybody, made_of[~hidden]])
        residual = made_of - made_of @ np.linalg.pinv(shown) @ shown
        recoverable = hidden & (np.abs(residual).max(axis=1) < 1e-8)  # noqa: PLR2004 - rounding
        further = []
        for name in np.unique(table):
            inside = table == name
            candidates = np.flatnonzero(inside & ~hidden)
            thin = hidden[inside].any() and counts[inside & hidden].sum() < K
            if len(candidates) and (thin or recoverable[inside].any()):
                further.append(candidates[np.argmin(counts[candidates])])
        if not further:
            return hidden
        hidden[further] = True
