"""Bins that hold enough persons, so that no line of a table speaks about a few.

Edges come from the training rows alone and travel with the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

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
    everybody = np.bincount(person) > 0
    if np.count_nonzero(np.bincount(who)) < SMALLEST_BIN:
        # Points for having a value at all would speak about a few: one bin holds everybody.
        return Bins((), (_told(int(np.count_nonzero(everybody))), 0), 0)
    distinct = np.unique(given)
    wanted = (
        (distinct[:-1] + distinct[1:]) / 2
        if len(distinct) <= MOST_BINS
        else np.unique(np.quantile(given, np.linspace(0, 1, MOST_BINS + 1)[1:-1], method="lower"))
    )
    edges: list[float] = []
    held: list[Bools] = []
    pending = np.zeros(len(everybody), bool)
    bins = np.searchsorted(wanted, given, side="left")
    for b, present in enumerate(_present(bins, len(wanted) + 1, who, len(everybody))):
        pending = pending | present
        if np.count_nonzero(pending) >= SMALLEST_BIN and b < len(wanted):
            edges.append(float(wanted[b]))
            held.append(pending)
            pending = np.zeros(len(everybody), bool)
    if np.count_nonzero(pending) < SMALLEST_BIN and edges:
        # What is left over joins its neighbour; the union is counted, not the sum.
        edges.pop()
        pending = pending | held.pop()
    absent = int(np.count_nonzero(np.bincount(person[missing])))
    return Bins(
        tuple(edges),
        (*(int(np.count_nonzero(h)) for h in (*held, pending)), _told(absent)),
        None
        if absent >= SMALLEST_BIN
        else int(np.searchsorted(edges, np.median(given), side="left")),
    )


def persons_between(values: Floats, person: Ints, edges: tuple[float, ...]) -> tuple[int, ...]:
    """Count the distinct persons of each bin between some edges, the missing ones last.

    Missing values of a few persons are not counted apart (S21): they have no bin.
    """
    missing = np.isnan(values)
    bins = np.searchsorted(edges, values[~missing], side="left")
    present = _present(bins, len(edges) + 1, person[~missing], int(person.max(initial=0)) + 1)
    absent = int(np.count_nonzero(np.bincount(person[missing])))
    return (
        *present.sum(axis=1).tolist(),
        _told(absent),
    )


def _told(persons: int) -> int:
    """Return a number of persons, 0 for a few: they have no bin of their own (S21)."""
    return persons if persons >= SMALLEST_BIN else 0


def _present(bins: Ints, number: int, who: Ints, persons: int) -> Bools:
    """Say who has a value in which bin, shape (number, persons)."""
    return (np.bincount(bins * persons + who, minlength=number * persons) > 0).reshape(
        number, persons
    )
