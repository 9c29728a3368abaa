"""The batch reader: millions of rows scored and explained, bit for bit as the plain reader does.

The plain reader of :mod:`modeles.table` goes line by line and needs nothing but numpy; this
one lays all lines out as arrays and goes row by row in a compiled function, so that a row
passes through the processor once. Both add the same points in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from modeles.table import Bag, ModelTable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_PART = 2048
"""Rows that a thread takes at once: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class _Plan:
    """Lines of one or more bags as arrays, in the order in which they are added up.

    Attributes
    ----------
    intercept, last
        Shape (bags,): where a bag's sum begins, and how many lines have been read when it
        ends.
    column, axis
        Shape (lines,): the column that a line looks at, and its axis: the column itself, or
        its logarithm's place behind all columns.
    logarithms
        The columns of which some line looks at log(1 + x).
    straight, slope, missing
        Shape (lines,): whether it is a line between two knots, how steep, and the points
        where there is no value.
    edges
        Shape (lines, most edges): filled up with infinity, which no value is above.
    points
        Shape (lines, most edges + 1).
    """

    intercept: Floats
    last: Ints
    column: Ints
    axis: Ints
    logarithms: Ints
    straight: Bools
    slope: Floats
    missing: Floats
    edges: Floats
    points: Floats


def explained(
    table: ModelTable, values: Floats, *, into: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the contributions and the score of each row.

    Parameters
    ----------
    table
        The model.
    values
        Shape (rows, columns).
    into
        Where the contributions are written; default, a new array.

    Returns
    -------
    contributions
        Shape (rows, columns): :meth:`ModelTable.contributions`, bit for bit.
    scores
        Shape (rows,): :meth:`ModelTable.scores`, bit for bit.
    """
    found = np.empty(values.shape) if into is None else into
    return found, _read([Bag(table.intercept, table.features)], values, found)[:, 0]


def bag_scores(bags: Sequence[Bag], values: Floats) -> Floats:
    """Return each bag's log-odds, shape (rows, bags): :func:`modeles.table.bag_scores`."""
    return _read(bags, values, np.empty((0, 0)))


def _read(bags: Sequence[Bag], values: Floats, found: Floats) -> Floats:
    """Return the log-odds, shape (rows, bags); fill ``found`` unless it has no rows."""
    plan = _plan(bags, values.shape[1])
    scores = np.empty((len(values), len(bags)))

    def part(start: int) -> None:
        rows = slice(start, start + _PART)
        given = values[rows]
        logs = np.log1p(np.maximum(given[:, plan.logarithms], 0.0))
        _walk(
            # A new array of one layout, whatever is given: one compiled function serves all.
            np.ascontiguousarray(np.hstack([given, logs])),
            plan.intercept,
            plan.last,
            plan.column.astype(np.uint32),
            plan.axis.astype(np.uint32),
            plan.straight,
            plan.slope,
            plan.missing,
            plan.edges,
            plan.points,
            found[rows],
            scores[rows],
        )

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(part, range(0, len(values), _PART)))
    return scores


def _plan(bags: Sequence[Bag], columns: int) -> _Plan:
    lines = [line for bag in bags for line in bag.lines]
    straight = [line.shape == "line" for line in lines]
    logged = [line.shape == "line" and line.scale == "log1p" for line in lines]
    logarithms = sorted({line.column for line, log in zip(lines, logged, strict=True) if log})
    most = max((len(line.edges) for line in lines), default=0)
    edges, points = np.full((len(lines), most), np.inf), np.zeros((len(lines), most + 1))
    for at, line in enumerate(lines):
        edges[at, : len(line.edges)] = line.edges
        points[at, : len(line.points)] = line.points
    return _Plan(
        intercept=np.array([bag.intercept for bag in bags], float),
        last=np.cumsum([len(bag.lines) for bag in bags], dtype=np.int64),
        column=np.array([line.column for line in lines], np.int64),
        axis=np.array(
            [
                columns + logarithms.index(line.column) if log else line.column
                for line, log in zip(lines, logged, strict=True)
            ],
            np.int64,
        ),
        logarithms=np.array(logarithms, np.int64),
        straight=np.array(straight, bool),
        slope=np.array([line.slope if line.shape == "line" else 0.0 for line in lines], float),
        missing=np.array([line.missing for line in lines], float),
        edges=edges,
        points=points,
    )


@numba.njit(cache=True, nogil=True)
def _walk(
    values: Floats,
    intercept: Floats,
    last: Ints,
    column: Ints,
    axis: Ints,
    straight: Bools,
    slope: Floats,
    missing: Floats,
    edges: Floats,
    points: Floats,
    found: Floats,
    scores: Floats,
) -> None:
    """Fill ``scores``, and ``found`` if it has rows; see :class:`_Plan`."""
    for row in range(len(values)):
        if len(found):
            found[row] = 0.0
        line = 0
        for bag in range(len(intercept)):
            total = intercept[bag]
            while line < last[bag]:
                value = values[row, axis[line]]
                if np.isnan(value):
                    here = missing[line]
                elif not straight[line]:
                    place = 0
                    # To count them all is quicker than to search: no branch to guess wrong.
                    for edge in range(edges.shape[1]):
                        place += edges[line, edge] < value
                    here = points[line, place]
                elif value < edges[line, 1]:
                    low = edges[line, 0]
                    here = points[line, 0] + slope[line] * (max(value, low) - low)
                else:
                    here = points[line, 1]
                total += here
                if len(found):
                    found[row, column[line]] += here
                line += 1
            scores[row, bag] = total
