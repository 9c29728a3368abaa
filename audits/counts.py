"""Everybody in an audit as counts: the sufficient statistics of every counted metric.

A person matters only through how many rows of each kind they have: listed or not, with the
outcome or without. A million rows become one small profile a person, and persons with the
same profile in the same group become one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from audits.predictions import UNKNOWN

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CELLS = ("found", "missed", "needless", "passed")
"""Rows of a profile: with the outcome, listed or not; without it, listed or not."""

COUNTED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "recall": (("found",), ("found", "missed")),
    "false_negative_rate": (("missed",), ("found", "missed")),
    "false_positive_rate": (("needless",), ("needless", "passed")),
    "precision": (("found",), ("found", "needless")),
    "selection_rate": (("found", "needless"), CELLS),
}
"""The cells in the numerator and in the denominator of every counted metric."""


@dataclass(frozen=True)
class Population:
    """The rows of an audit, coded: who, in which groups, with which outcome and list.

    Attributes
    ----------
    person
        Shape (rows,): the person's number, in the order of their names, so that no result
        depends on the order of rows.
    codes, values
        Per attribute the number of each row's value, shape (rows,), and the values by number:
        sorted, the unknown last.
    kind
        Shape (rows,): which of :data:`CELLS`; ``len(CELLS)`` where the outcome is not known.
    """

    person: Ints
    codes: dict[str, Ints]
    values: dict[str, list[str]]
    kind: Ints

    @classmethod
    def of(cls, clean: pd.DataFrame, attributes: Sequence[str]) -> Population:
        """Code a table that :func:`audits.predictions.checked` has passed."""
        person, _ = _coded(clean["person"])
        codes, values = {}, {}
        for name in attributes:
            codes[name], values[name] = _coded(clean[name])
        label = clean["label"].to_numpy(dtype="float64", na_value=np.nan)
        selected = clean["selected"].to_numpy(dtype=bool)
        kind = np.where(label == 1, 0, 2) + ~selected
        kind[np.isnan(label)] = len(CELLS)
        return cls(person, codes, values, kind.astype(np.int64))

    @cached_property
    def persons(self) -> int:
        """How many people there are."""
        return int(self.person.max()) + 1

    def groups(self, columns: Sequence[str]) -> tuple[Ints, list[str]]:
        """Cross attributes: each row's group, and the groups' names ("femme × oui")."""
        code, names = self.codes[columns[0]], self.values[columns[0]]
        for column in columns[1:]:
            across = self.values[column]
            present, code = _dense(code * len(across) + self.codes[column])
            left, right = present // len(across), present % len(across)
            names = [f"{names[x]} × {across[y]}" for x, y in zip(left, right, strict=True)]
        unknown = [UNKNOWN in name.split(" × ") for name in names]
        order = sorted(range(len(names)), key=lambda g: (unknown[g], names[g]))
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return rank[code], [names[g] for g in order]

    def without(self, rows: npt.NDArray[np.bool_]) -> Population:
        """Leave some rows out; persons and values left without any row go too."""
        kept = ~rows
        codes, values = {}, {}
        for name, code in self.codes.items():
            present, codes[name] = _dense(code[kept])
            values[name] = [self.values[name][value] for value in present]
        return Population(_dense(self.person[kept])[1], codes, values, self.kind[kept])

    @cached_property
    def units(self) -> Units:
        """Rows gathered by person and combination of values: nearly always one a person."""
        unit, first = self.person, None
        for code in self.codes.values():
            if first is None:
                first = np.zeros(self.persons, dtype=np.int64)
                first[self.person[::-1]] = np.arange(len(self.person) - 1, -1, -1)
            if not np.array_equal(code[first][self.person], code):
                unit = _dense(unit * (int(code.max()) + 1) + code)[1]
        count = int(unit.max()) + 1
        of_row = np.zeros(count, dtype=np.int64)
        of_row[unit[::-1]] = np.arange(len(unit) - 1, -1, -1)
        cells = np.bincount(unit * (len(CELLS) + 1) + self.kind, minlength=count * (len(CELLS) + 1))
        return Units(unit, self.person[of_row], of_row, cells.reshape(count, -1)[:, : len(CELLS)])


@dataclass(frozen=True)
class Units:
    """Persons, or persons under one combination of values where these changed.

    Attributes
    ----------
    of_row
        Shape (rows,): the unit of every row.
    person, row
        Shape (U,): the unit's person, and one of its rows.
    cells
        Shape (U, 4): rows of each kind.
    """

    of_row: Ints
    person: Ints
    row: Ints
    cells: Ints


@dataclass(frozen=True)
class Grouping:
    """One attribute or intersection over all persons.

    Attributes
    ----------
    columns, values
        The attributes that are crossed, and the names of the groups.
    group
        Shape (rows,): the group of every row.
    person, of_member, cells
        Shapes (V,), (V,) and (V, 4): the members. A member is a person in a group: whose
        number, which group, how many rows of each kind.
    member
        Shape (rows,): the member of every row.
    """

    columns: tuple[str, ...]
    values: list[str]
    group: Ints
    member: Ints
    person: Ints
    of_member: Ints
    cells: Ints

    @classmethod
    def of(cls, population: Population, columns: Sequence[str]) -> Grouping:
        """Group everybody by one attribute, or by several crossed."""
        group, values = population.groups(columns)
        units = population.units
        of_unit = group[units.row]
        if len(units.person) == population.persons:
            members = units.of_row, units.person, of_unit, units.cells
        else:
            key, merged = _dense(units.person * len(values) + of_unit)
            cells = np.zeros((len(key), len(CELLS)), dtype=np.int64)
            np.add.at(cells, merged, units.cells)
            members = merged[units.of_row], key // len(values), key % len(values), cells
        return cls(tuple(columns), values, group, *members)

    @property
    def name(self) -> str:
        """Return "genre", or "genre × interprete"."""
        return " × ".join(self.columns)

    @cached_property
    def kinds(self) -> Kinds:
        """Members gathered by group and profile."""
        profile, at = _profiles(self.cells)
        key, of_member = _dense(self.of_member * len(profile) + at)
        return Kinds(
            of_member,
            key // len(profile),
            profile[key % len(profile)],
            np.bincount(of_member, minlength=len(key)),
            len(self.values),
        )

    def rows(self, cells: Sequence[str]) -> Ints:
        """Count each group's rows of some kinds, shape (G,)."""
        return _by_group(self.of_member, self._sum(cells), len(self.values))

    def persons(self, cells: Sequence[str] | None = None) -> Ints:
        """Count each group's persons, all or those with a row of some kinds, shape (G,)."""
        has = np.ones(len(self.person)) if cells is None else self._sum(cells) > 0
        return _by_group(self.of_member, has, len(self.values))

    def _sum(self, cells: Sequence[str]) -> Ints:
        total: Ints = self.cells[:, [CELLS.index(cell) for cell in cells]].sum(axis=1)
        return total


@dataclass(frozen=True)
class Kinds:
    """What resampling draws from: how many persons of each group have each profile.

    Attributes
    ----------
    of_member
        Shape (V,): the kind of every member of the grouping.
    group, profile, persons
        Shapes (N,), (N, 4) and (N,): each kind's group, rows of each cell, and persons; in
        the order of groups.
    groups
        How many groups there are.
    """

    of_member: Ints
    group: Ints
    profile: Ints
    persons: Ints
    groups: int

    def moments(self, metric: str) -> Floats:
        """Return what a person of each kind adds to the sums behind a ratio.

        Returns
        -------
        numpy.ndarray
            Shape (N, 6): one person, a, b, a², ab, b²; all 0 where the denominator b is.
        """
        a, b = (
            self.profile[:, [CELLS.index(cell) for cell in cells]].sum(axis=1).astype(np.float64)
            for cells in COUNTED[metric]
        )
        return np.column_stack([b > 0, a, b, a * a, a * b, b * b])


def _by_group(group: Ints, values: npt.NDArray[np.generic], groups: int) -> Ints:
    return np.bincount(group, weights=values, minlength=groups).astype(np.int64)


def _coded(column: pd.Series) -> tuple[Ints, list[str]]:
    """Give every value of a column its number, in the order of values."""
    codes, values = pd.factorize(column)
    order = np.argsort(np.asarray(values, dtype=object), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], [str(value) for value in np.asarray(values, dtype=object)[order]]


def _dense(code: Ints) -> tuple[Ints, Ints]:
    """Return the distinct codes in order, and where each code stands among them."""
    highest = int(code.max(initial=0)) + 1
    if highest > 4 * len(code) + 1024:
        distinct, where = np.unique(code, return_inverse=True)
        return distinct, where
    present = np.zeros(highest, dtype=bool)
    present[code] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[code]


def _profiles(cells: Ints) -> tuple[Ints, Ints]:
    """Return the distinct rows, and where each row stands among them."""
    code = reduce(
        lambda before, column: _dense(before * (int(column.max(initial=0)) + 1) + column)[1],
        cells.T,
        np.zeros(len(cells), dtype=np.int64),
    )
    first = np.zeros(int(code.max(initial=-1)) + 1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code) - 1, -1, -1)
    return cells[first], code
