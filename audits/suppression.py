"""Statistical secrecy: which counts may be written down.

A count of fewer than k persons is withheld. So is every further count without which the
first could be computed back, from the total or from the tables of other attributes: exactly,
by linear algebra, or nearly, by linear programming, for no cell holds fewer than no persons.

References
----------
Willenborg and de Waal, "Elements of Statistical Disclosure Control" (2001), chapter 5: the
feasibility interval of a withheld cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

K = 11
"""The smallest number of persons that is ever shown."""
BASE = 3
"""To multiples of this the cells beside a small one are rounded (Statistics New Zealand's base)."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_ROUNDING = 1e-6
"""Relative size below which a difference is rounding."""

_NO_TABLE = -1

_TRIED = 24
"""Candidates for a further count that are looked at; the smallest ones."""


def withheld(
    counts: npt.NDArray[np.int64],
    small: npt.NDArray[np.bool_],
    made_of: npt.NDArray[np.float64],
    table: npt.NDArray[np.int64],
    between: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.bool_]:
    """Choose the counts to withhold.

    Starting from the small ones, one more count is withheld at a time while a withheld one is
    a linear combination of what is shown, or while the withheld ones of a table hold fewer
    than k persons together. It is the one of the same table that leaves the fewest that can
    be computed back, and of these the smallest. Then one more at a time while what is shown
    bounds a small one to less than :data:`BASE` between its least and its most.

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
    between
        (B, F) what is in no table and may not be computed back either: small differences of
        groups of two tables (:func:`differences`).

    Returns
    -------
    numpy.ndarray
        (C,) true where the count must not be shown.
    """
    shown_at_most = len(counts)
    if between is not None and len(between):
        more = len(between)
        counts, small = np.append(counts, np.zeros(more, int)), np.append(small, [True] * more)
        made_of, table = np.vstack([made_of, between]), np.append(table, [_NO_TABLE] * more)
    hidden = _beyond_algebra(counts, small, made_of, table)
    narrow = small & (table != _NO_TABLE)
    while (narrow := _narrow(counts, narrow, hidden, made_of, table)).any():
        one = int(np.flatnonzero(narrow)[0])
        near = np.flatnonzero(
            ~hidden & ((made_of @ made_of[one]) > 0) | ~hidden & (table == table[one])
        )
        if not len(near):
            narrow[one] = False
            continue
        # Of its own table first, then of those that cross it; the smallest tells least.
        order = np.lexsort((counts[near], table[near] != table[one]))
        hidden[near[order[0]]] = True
        hidden = _beyond_algebra(counts, hidden, made_of, table)
    return hidden[:shown_at_most]


def differences(made_of: Floats, persons: Floats, few: Callable[[Floats], Bools]) -> Floats:
    """Find the small sets that lie between two groups, or between a group and all but another.

    Where everybody of one group is in another, the difference of their numbers is that of those
    who are not in the first: two filters whose difference is a person.

    Parameters
    ----------
    made_of
        (C, F) 1 where a group contains a finest cell that anybody is in.
    persons
        (F, P) persons in each finest cell, then what else is counted of it.
    few
        Says of such numbers, shape (N, P), which are too small, shape (N,).

    Returns
    -------
    numpy.ndarray
        (B, F) the small sets that are no group themselves.
    """
    sides = np.vstack([made_of, 1 - made_of])
    numbers = sides @ persons
    within = (sides * persons[:, 0]) @ sides.T == numbers[:, 0]
    outer, inner = np.nonzero(within & (numbers[:, :1] > numbers[:, 0]))
    small = few(numbers[outer] - numbers[inner])
    groups = {side.tobytes() for side in sides}
    found = {
        left.tobytes(): left
        for a, b in zip(outer[small], inner[small], strict=True)
        if (left := sides[a] - sides[b]).tobytes() not in groups
    }
    return np.array(list(found.values())).reshape(len(found), made_of.shape[1])


def _narrow(
    counts: npt.NDArray[np.int64],
    asked: npt.NDArray[np.bool_],
    hidden: npt.NDArray[np.bool_],
    made_of: Floats,
    table: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Say which of the asked counts what is shown leaves less than :data:`BASE` apart, (C,).

    An attacker knows the total and that nothing is below zero. Figures that contradict one
    another, of persons who are in several groups, bound nothing.
    """
    if not asked.any():
        return asked
    # Loaded only where something is withheld.
    from scipy.optimize import linprog  # type: ignore[import-untyped]  # noqa: PLC0415

    known = np.vstack([made_of[~hidden], np.ones(made_of.shape[1])])
    numbers = np.append(counts[~hidden], counts[table == table[0]].sum())
    narrow = asked.copy()
    for one in np.flatnonzero(asked):
        ends = [
            linprog(sign * made_of[one], A_eq=known, b_eq=numbers, bounds=(0, None))
            for sign in (1, -1)
        ]
        found = [end.fun for end in ends if end.fun is not None]
        narrow[one] = len(found) == len(ends) and -found[1] - found[0] < BASE - _ROUNDING
    return narrow


def _beyond_algebra(
    counts: npt.NDArray[np.int64],
    small: npt.NDArray[np.bool_],
    made_of: Floats,
    table: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Choose the counts to withhold so that none is a linear combination of what is shown."""
    hidden = small.copy()
    if not hidden.any():
        return hidden
    rows = _coordinates(np.vstack([made_of, np.ones((1, made_of.shape[1]))]))
    shown = _Shown.of(rows, hidden)
    while True:
        recoverable = hidden & shown.tell()
        open_tables = [
            name
            for name in np.unique(table[hidden])
            if recoverable[table == name].any()
            or (name != _NO_TABLE and counts[hidden & (table == name)].sum() < K)
        ]
        crossing = made_of @ made_of[recoverable & (table == _NO_TABLE)].sum(axis=0) > 0
        candidates = [
            np.flatnonzero(~hidden & (crossing if name == _NO_TABLE else table == name))
            for name in open_tables
        ]
        further = next((some for some in candidates if len(some)), None)
        if further is not None:
            tried = further[np.argsort(counts[further], kind="stable")][:_TRIED]
            one = int(tried[int(np.argmin(shown.left(recoverable, tried)))])
            hidden[one] = True
            shown = shown.without(one)
        elif shown.steps:  # rounding has added up: look once more, from the start
            shown = _Shown.of(rows, hidden)
        else:
            return hidden


def _coordinates(rows: Floats) -> Floats:
    """Give rows in as few coordinates as their span has dimensions; inner products stay."""
    size, direction = np.linalg.eigh(rows @ rows.T)
    some = size > _ROUNDING * size[-1]
    coordinates: Floats = direction[:, some] * np.sqrt(size[some])
    return coordinates


@dataclass(frozen=True)
class _Shown:
    """What the shown counts and the total span, kept up while one after another is hidden.

    Attributes
    ----------
    rows
        (C + 1, D) all counts, the total last.
    inverse, span
        (D, D) pseudo-inverse of the shown rows' products, and projection onto their span.
    steps
        Counts hidden since both were computed.
    """

    rows: Floats
    inverse: Floats
    span: Floats
    steps: int = 0

    @classmethod
    def of(cls, rows: Floats, hidden: npt.NDArray[np.bool_]) -> _Shown:
        """Compute it from the start."""
        some = rows[np.append(~hidden, True)]
        products = some.T @ some
        inverse = np.linalg.pinv(products, rcond=_ROUNDING, hermitian=True)
        return cls(rows, inverse, products @ inverse)

    def tell(self) -> npt.NDArray[np.bool_]:
        """Say which counts are a linear combination of the shown ones, shape (C,)."""
        rows = self.rows[:-1]
        within = np.einsum("cd,cd->c", rows @ self.span, rows)
        told: npt.NDArray[np.bool_] = within > (1 - _ROUNDING) * np.einsum("cd,cd->c", rows, rows)
        return told

    def left(
        self, recoverable: npt.NDArray[np.bool_], tried: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Count what could still be computed back with each of some shown counts hidden."""
        towards = self.rows[tried] @ self.inverse
        needed = np.einsum("td,td->t", towards, self.rows[tried]) > 1 - _ROUNDING
        freed = np.abs(towards @ self.rows[:-1][recoverable].T) > _ROUNDING
        left: npt.NDArray[np.int64] = ~needed + np.sum(~(freed & needed[:, None]), axis=1)
        return left

    def without(self, one: int) -> _Shown:
        """Hide one more count (Meyer 1973, pseudo-inverses after a change of rank one)."""
        towards = self.inverse @ self.rows[one]
        weight = float(towards @ self.rows[one])
        if weight < 1 - _ROUNDING:  # others tell it: the span stays
            inverse = self.inverse + np.outer(towards, towards) / (1 - weight)
            return _Shown(self.rows, inverse, self.span, self.steps + 1)
        lost = towards / np.linalg.norm(towards)
        across = self.inverse @ lost
        across -= 0.5 * (lost @ across) * lost
        inverse = self.inverse - np.outer(lost, across) - np.outer(across, lost)
        return _Shown(self.rows, inverse, self.span - np.outer(lost, lost), self.steps + 1)
