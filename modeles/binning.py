"""Bins that hold enough persons, so that no line of a table speaks about a few.

Edges come from the training rows alone and travel with the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SMALLEST_BIN = 11
"""Statistical secrecy: every bin holds at least this many distinct persons (S21)."""

MOST_BINS = 24


@dataclass(frozen=True)
class Bins:
    """The bins of one feature.

    ``missing_bin`` is where missing values go when too few persons lack the value for them
    to have a bin of their own; else None.
    """

    edges: tuple[float, ...]
    persons: tuple[int, ...]
    missing_bin: int | None

    def codes(self, values: Floats) -> Floats:
        """Return the bin of each value as a float, NaN for missing values with their own bin."""
        missing = np.isnan(values)
        codes = np.searchsorted(self.edges, np.where(missing, 0.0, values), side="left").astype(
            float
        )
        codes[missing] = np.nan if self.missing_bin is None else float(self.missing_bin)
        return codes


def fit_bins(values: Floats, person: Ints) -> Bins:
    """Cut one feature into bins of at least :data:`SMALLEST_BIN` persons.

    Parameters
    ----------
    values
        Shape (rows,), NaN where there is none.
    person
        Shape (rows,), the person of each row.
    """
    missing = np.isnan(values)
    given, who = values[~missing], person[~missing]
    distinct = np.unique(given)
    wanted = (
        (distinct[:-1] + distinct[1:]) / 2
        if len(distinct) <= MOST_BINS
        else np.unique(np.quantile(given, np.linspace(0, 1, MOST_BINS + 1)[1:-1], method="lower"))
    )
    edges: list[float] = []
    persons: list[int] = []
    pending: Ints = np.empty(0, np.int64)
    bins = np.searchsorted(wanted, given, side="left")
    by_bin = [np.unique(who[bins == b]) for b in range(len(wanted) + 1)]
    for b, members in enumerate(by_bin):
        pending = np.union1d(pending, members)
        if len(pending) >= SMALLEST_BIN and b < len(wanted):
            edges.append(float(wanted[b]))
            persons.append(len(pending))
            pending = np.empty(0, np.int64)
    if len(pending) < SMALLEST_BIN and edges:
        # What is left over joins its neighbour; the union is counted, not the sum.
        edges.pop()
        persons.pop()
        last = edges[-1] if edges else -np.inf
        pending = np.unique(who[given > last])
    persons.append(len(pending))
    absent = len(np.unique(person[missing]))
    typical = int(np.searchsorted(edges, np.median(given), side="left")) if len(given) else 0
    return Bins(
        tuple(edges),
        (*persons, absent if absent >= SMALLEST_BIN else 0),
        None if absent >= SMALLEST_BIN else typical,
    )
