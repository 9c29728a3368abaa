"""From what was found to what may be shown (S21).

One function stands between the numbers of an audit and everybody: what it lets through holds
no count of fewer than k persons, and no share from which such a count could be computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from audits.counts import CELLS, COUNTED, Grouping, Population
from audits.records import (
    AuditResult,
    CalibrationBin,
    CalibrationCurve,
    Finding,
    GroupEstimate,
    TeamsLeftOut,
)
from audits.suppression import K, withheld

Bools = npt.NDArray[np.bool_]

_BASE = 3
"""To multiples of this the cells beside a small one are rounded (Statistics New Zealand's base)."""
_WHOLE = 0.01
"""The ends of intervals, then, and whatever else is made of a rounded cell: whole percents."""
_STEPS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30)
"""Roundings of the shares in a calibration curve."""


@dataclass(frozen=True)
class Secrets:
    """What of one grouping is withheld, each of shape (G,).

    Attributes
    ----------
    n, positives
        Persons; persons with the outcome.
    cells
        The four cells of list and outcome: none is shown, and shares are made of rounded ones.
    few
        Fewer than k persons with, or without, the outcome: no estimate at all.
    """

    n: Bools
    positives: Bools
    cells: Bools
    few: Bools


def publish(
    result: AuditResult, population: Population, groupings: Sequence[Grouping]
) -> AuditResult:
    """Withhold and round what could tell of fewer than k persons.

    Parameters
    ----------
    result
        With every number.
    population, groupings
        Who it is about, and its attributes and intersections.
    """
    kept = dict(zip((g.name for g in groupings), _secrets(population, groupings), strict=True))
    of_grouping = {grouping.name: grouping for grouping in groupings}
    return replace(
        result,
        positives=result.positives if (result.positives or 0) >= K else None,
        findings=tuple(
            _finding(one, of_grouping[one.attribute], kept[one.attribute])
            for one in result.findings
        ),
        calibration=_curves(result.calibration, kept, of_grouping),
        teams=tuple(_team(one) for one in result.teams),
    )


def _secrets(population: Population, groupings: Sequence[Grouping]) -> list[Secrets]:
    """Choose what is withheld, for all tables at once: one could give the other away."""
    made_of = _made_of(population, groupings)
    table = np.repeat(np.arange(len(groupings)), [len(one.values) for one in groupings])
    cuts = np.flatnonzero(np.diff(table)) + 1

    def counted(*cells: str) -> npt.NDArray[np.int64]:
        return np.concatenate([one.persons(cells or None) for one in groupings])

    n, positives = counted(), counted("found", "missed")
    few = (n < K) | (np.minimum(positives, n - positives) < K)
    least = np.min([counted(cell) for cell in CELLS], axis=0)
    masks = (
        withheld(n, n < K, made_of, table),
        withheld(positives, few, made_of, table),
        withheld(least, few | (least < K), made_of, table),
        few,
    )
    return [
        Secrets(*parts) for parts in zip(*(np.split(mask, cuts) for mask in masks), strict=True)
    ]


def _made_of(population: Population, groupings: Sequence[Grouping]) -> npt.NDArray[np.float64]:
    """Say which groups hold which finest cells: one value of every attribute, shape (C, F)."""
    group = np.column_stack([one.group[population.units.row] for one in groupings])
    finest = np.unique(group, axis=0)
    return np.vstack(
        [
            finest[:, g] == value
            for g, one in enumerate(groupings)
            for value in range(len(one.values))
        ]
    ).astype(np.float64)


def _finding(finding: Finding, grouping: Grouping, secrets: Secrets) -> Finding:
    """Withhold counts; make shares of rounded cells, and the gap of what is shown."""
    rounded = secrets.n | secrets.positives | secrets.cells
    untold, shares = secrets.few, [group.estimate for group in finding.groups]
    if finding.metric in COUNTED:
        numerator, denominator = COUNTED[finding.metric]
        untold = untold | (grouping.persons(denominator) < K)
        cells = _rounded_cells(grouping)
        above, below = (
            np.sum([cells[cell] for cell in some], axis=0) for some in (numerator, denominator)
        )
        shares = [
            (a / b if b else None) if hidden else exact
            for a, b, hidden, exact in zip(above, below, rounded, shares, strict=True)
        ]
    # Rows with and without the outcome go with its persons; how many were listed does not.
    inside = secrets.n | secrets.positives
    margin = rounded if finding.metric == "precision" else inside
    groups = tuple(
        _group(
            group,
            share,
            hide=(bool(secrets.n[g]), bool(inside[g]), bool(rounded[g]), bool(margin[g])),
            untold=bool(untold[g]),
        )
        for g, (group, share) in enumerate(zip(finding.groups, shares, strict=True))
    )
    compared = [g for g, group in enumerate(finding.groups) if group.assessed]
    if finding.gap is None or not rounded[compared].any():
        return replace(finding, groups=groups)
    shown = [share for g in compared if (share := shares[g]) is not None]
    gap = max(shown) - min(shown)
    moved = gap - finding.gap
    return replace(
        finding,
        groups=groups,
        gap=_round(gap, round),
        gap_low=_outwards(finding.gap_low, moved, floor, least=0),
        gap_high=_outwards(finding.gap_high, moved, ceil, least=0),
    )


def _rounded_cells(grouping: Grouping) -> dict[str, npt.NDArray[np.int64]]:
    """Round who was listed, with and without the outcome; the outcomes themselves stay."""
    cells = {cell: grouping.rows((cell,)) for cell in CELLS}
    for listed, other in (("found", "missed"), ("needless", "passed")):
        total = cells[listed] + cells[other]
        near = (cells[listed] + _BASE // 2) // _BASE * _BASE
        # Else the total, one below a multiple, would stand for itself alone.
        last = (total % _BASE == _BASE - 1) & (cells[listed] >= total - 1)
        near = np.where(last, total, near)
        cells |= {listed: near, other: total - near}
    return cells


def _group(
    group: GroupEstimate,
    share: float | None,
    *,
    hide: tuple[bool, bool, bool, bool],
    untold: bool,
) -> GroupEstimate:
    """Withhold counts, and an estimate or its last figures.

    ``share`` is the estimate as it may be shown; intervals move along with it.
    """
    n, positives, numerator, denominator = hide
    counts = replace(
        group,
        n=None if n else group.n,
        positives=None if positives else group.positives,
        numerator=None if numerator or untold else group.numerator,
        denominator=None if denominator or untold else group.denominator,
        suppressed=numerator or untold,
    )
    if untold or share is None:
        return replace(
            counts,
            estimate=None,
            low=None,
            high=None,
            difference=None,
            difference_low=None,
            difference_high=None,
            shrunk=None,
        )
    shrunk = _round(group.shrunk, round)
    if not numerator:
        return replace(counts, shrunk=shrunk)
    moved = share - (group.estimate or 0.0)
    least = -1.0 if (group.low or 0.0) < 0 else 0.0
    return replace(
        counts,
        estimate=_round(share, round),
        low=_outwards(group.low, moved, floor, least=least),
        high=_outwards(group.high, moved, ceil, least=least),
        difference=_round(_plus(group.difference, moved), round),
        difference_low=_outwards(group.difference_low, moved, floor, least=-1),
        difference_high=_outwards(group.difference_high, moved, ceil, least=-1),
        shrunk=shrunk,
    )


def _curves(
    curves: Sequence[CalibrationCurve],
    secrets: dict[str, Secrets],
    groupings: dict[str, Grouping],
) -> tuple[CalibrationCurve, ...]:
    """Round every share; show counts of an attribute only if none of its bins is small.

    Bins are shared by all groups, so that one small bin could be had from all others.
    """
    thin = {
        curve.attribute
        for curve in curves
        for one in curve.bins
        if one.persons is not None and one.persons < K
    }

    def told(curve: CalibrationCurve) -> CalibrationCurve:
        group = groupings[curve.attribute].values.index(curve.value)
        few = bool(secrets[curve.attribute].few[group])
        return replace(
            curve,
            bins=tuple(
                _bin(one, hidden=few, counts=curve.attribute not in thin) for one in curve.bins
            ),
        )

    return tuple(told(curve) for curve in curves)


def _bin(one: CalibrationBin, *, hidden: bool, counts: bool) -> CalibrationBin:
    """Give shares of a bin in steps that about three persons make, or nothing at all."""
    persons = one.persons or 0
    if hidden or persons < K:
        return CalibrationBin(None, None, None, None, None)
    step = next((step for step in _STEPS if step * persons >= _BASE), _STEPS[-1])
    return CalibrationBin(
        _round(one.expected, round),
        _round(one.observed, round, step),
        _round(one.low, floor, step),
        _round(one.high, ceil, step),
        persons if counts else None,
    )


def _team(one: TeamsLeftOut) -> TeamsLeftOut:
    return replace(
        one, gap_least=_round(one.gap_least, round), gap_most=_round(one.gap_most, round)
    )


def _plus(value: float | None, moved: float) -> float | None:
    return None if value is None else value + moved


def _outwards(
    value: float | None, moved: float, to: Callable[[float], float], *, least: float
) -> float | None:
    """Move the end of an interval along with its estimate, then away to a whole percent."""
    end = _round(_plus(value, moved), to)
    return None if end is None else min(1.0, max(least, end))


def _round(value: float | None, to: Callable[[float], float], step: float = _WHOLE) -> float | None:
    """Round to a multiple of a step, by ``round``, ``floor`` or ``ceil``."""
    if value is None:
        return None
    # What is a multiple already stays one, whatever its binary fraction.
    return round(to(round(value / step, 9)) * step, 2) + 0.0
