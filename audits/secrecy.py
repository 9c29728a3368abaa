"""From what was found to what may be shown (S21).

One function stands between the numbers of an audit and everybody: what it lets through holds
no count of fewer than k persons, and no share from which such a count could be computed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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
from audits.statistics import PSEUDO
from audits.suppression import BASE, K, differences, withheld

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_WHOLE = 0.01
"""The ends of intervals around shares of rounded cells: whole percents, outwards."""
_STEPS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30)
"""Roundings of shares that must not tell how many they are shares of: three rows to a step."""


@dataclass(frozen=True)
class Secrets:
    """What of one grouping is withheld, each of shape (G,).

    Attributes
    ----------
    n, positives
        Persons; persons with the outcome.
    cells
        The four cells of list and outcome: none is shown, and shares are made of rounded ones.
        Of several attributes true of all groups or of none.
    few
        Fewer than k persons with, or without, the outcome: no estimate at all.
    rounded
        Shape (G, 4): the cells as shares are made of them.
    """

    n: Bools
    positives: Bools
    cells: Bools
    few: Bools
    rounded: Ints


def publish(
    result: AuditResult,
    population: Population,
    groupings: Sequence[Grouping],
    *,
    without_numbers: Collection[str] = (),
) -> AuditResult:
    """Withhold and round what could tell of fewer than k persons.

    Parameters
    ----------
    result
        With every number.
    population, groupings
        Who it is about, and its attributes and intersections.
    without_numbers
        Attributes and intersections of which no group's persons are told, however many.
    """
    barred = [one.name in without_numbers for one in groupings]
    chosen = _secrets(population, groupings, barred)
    kept = dict(zip((one.name for one in groupings), chosen, strict=True))
    of_grouping = {grouping.name: grouping for grouping in groupings}
    return replace(
        result,
        positives=result.positives if (result.positives or 0) >= K else None,
        labelled_share=_labelled(result, population),
        findings=tuple(
            _finding(one, of_grouping[one.attribute], kept[one.attribute])
            for one in result.findings
        ),
        calibration=_curves(result.calibration, kept, of_grouping),
        teams=tuple(_team(one) for one in result.teams),
    )


def _secrets(
    population: Population, groupings: Sequence[Grouping], barred: Sequence[bool]
) -> list[Secrets]:
    """Choose what is withheld, for all tables at once: one could give the other away."""
    made_of, finest = _made_of(population, groupings)
    table = np.repeat(np.arange(len(groupings)), [len(one.values) for one in groupings])
    cuts = np.flatnonzero(np.diff(table)) + 1

    def counted(*cells: str) -> npt.NDArray[np.int64]:
        return np.concatenate([one.persons(cells or None) for one in groupings])

    n, positives = counted(), counted("found", "missed")
    few = (n < K) | (np.minimum(positives, n - positives) < K)
    not_known = np.concatenate([unknown(population, one) for one in groupings])
    small = few | (np.min([counted(cell) for cell in CELLS], axis=0) < K)
    changed, changed_positive = (
        np.concatenate([_changed(population, one, *cells) for one in groupings])
        for cells in ((), ("found", "missed"))
    )
    few_unknown = (not_known > 0) & (not_known < K)
    in_any_case = np.array(barred)[table]
    few_in, few_either_way, few_somewhere = _between(population, made_of, finest)
    n_hidden = withheld(n, (n < K) | changed | in_any_case, made_of, table, few_in)
    # Persons without a known outcome are those not in the denominators.
    barred_positives = few | changed_positive | few_unknown | in_any_case
    positives_hidden = withheld(positives, barred_positives, made_of, table, few_either_way)
    small |= n_hidden | positives_hidden
    if len(groupings) > 1:
        # All or none: exact groups of one table give the totals, and so which way the cells of
        # another were rounded. A table alone gives no total.
        cells = np.full(len(n), small.any() or len(few_somewhere) > 0)
    else:
        cells = withheld(np.minimum(positives, n - positives), small, made_of, table)
    rows = np.vstack(
        [_cells(one, some) for one, some in zip(groupings, np.split(cells, cuts), strict=True)]
    )
    masks = (n_hidden, positives_hidden, cells, few, rows)
    return [
        Secrets(*parts) for parts in zip(*(np.split(mask, cuts) for mask in masks), strict=True)
    ]


def _changed(population: Population, grouping: Grouping, *cells: str) -> Bools:
    """Mark the smallest group, shape (G,), if few persons changed groups.

    They count in each: all groups together are as many more than there are persons.
    """
    marked = np.zeros(len(grouping.values), dtype=bool)
    if len(grouping.person) == population.persons:
        return marked
    counted = grouping.persons(cells or None)
    columns = [CELLS.index(cell) for cell in cells]
    there = grouping.cells[:, columns].any(axis=1) if cells else slice(None)
    more = int(counted.sum()) - len(np.unique(grouping.person[there]))
    marked[np.argmin(counted)] = 0 < more < K
    return marked


def unknown(population: Population, grouping: Grouping) -> Ints:
    """Count each group's persons with a row whose outcome is not known, shape (G,)."""
    members = np.unique(grouping.member[population.kind == len(CELLS)])
    return np.bincount(grouping.of_member[members], minlength=len(grouping.values))


def _labelled(result: AuditResult, population: Population) -> float:
    """Give the share of rows with a known outcome; in steps where fewer than k persons lack one."""
    persons = len(np.unique(population.person[population.kind == len(CELLS)]))
    if not 0 < persons < K:
        return result.labelled_share
    return _round(result.labelled_share, floor, _step(result.rows)) or 0.0


def _cells(grouping: Grouping, hidden: Bools) -> Ints:
    """Rows of each kind in every group, exact, or rounded where they are hidden, shape (G, 4).

    Rounded are the running totals from hidden group to hidden group: what is shown of a group
    is never more than three off, and all of them together tell no more of one than it does.
    """
    cells = np.column_stack([grouping.rows((cell,)) for cell in CELLS])
    some = cells[hidden]
    for listed, other in ((0, 1), (2, 3)):
        total = some[:, listed] + some[:, other]
        near = (np.cumsum(some[:, listed]) + BASE // 2) // BASE
        # Above the last multiple there is room for one number only, which would tell itself.
        near = np.minimum(near, np.cumsum(total) // BASE)
        near = np.minimum(np.diff(near, prepend=0), total // BASE) * BASE
        some[:, listed], some[:, other] = near, total - near
    cells[hidden] = some
    return cells


def _made_of(
    population: Population, groupings: Sequence[Grouping]
) -> tuple[npt.NDArray[np.float64], Ints]:
    """Say which groups hold which finest cells: one value of every attribute, shape (C, F).

    Beside it, which finest cell each unit of the population is in.
    """
    group = np.column_stack([one.group[population.units.row] for one in groupings])
    finest, of_unit = np.unique(group, axis=0, return_inverse=True)
    made_of = np.vstack(
        [
            finest[:, g] == value
            for g, one in enumerate(groupings)
            for value in range(len(one.values))
        ]
    ).astype(np.float64)
    return made_of, of_unit.ravel()


def _between(
    population: Population, made_of: npt.NDArray[np.float64], finest: Ints
) -> tuple[npt.NDArray[np.float64], ...]:
    """Find what groups leave of one another, shape (B, F) each.

    First where few persons are left; then also where few of them have the outcome, or few have
    not; last where few are in any of the four cells.
    """
    units = population.units
    cells = units.cells > 0
    positive = cells[:, :2].any(axis=1)
    counted = np.column_stack([np.ones(len(cells)), positive, ~positive, cells]).astype(float)
    persons = np.zeros((made_of.shape[1], counted.shape[1]))
    np.add.at(persons, finest, counted)

    def few(left: npt.NDArray[np.float64]) -> Bools:
        return np.asarray((left < K).any(axis=1))

    return tuple(differences(made_of, persons[:, :some], few) for some in (1, 3, len(persons.T)))


@dataclass(frozen=True)
class _Told:
    """Shares of one metric as they may be told.

    Attributes
    ----------
    shares, apart
        Per group the share, and its distance to all others together; None where there is none.
    widths
        Shape (G,): how much wider the intervals around rounded shares are.
    stretch
        The same for the interval of the gap.
    """

    shares: list[float | None]
    apart: list[float | None]
    widths: npt.NDArray[np.float64]
    stretch: float


def _finding(finding: Finding, grouping: Grouping, secrets: Secrets) -> Finding:
    """Withhold counts; make shares of rounded cells, and the gap of what is shown."""
    compared = np.array([group.assessed for group in finding.groups])
    if finding.metric in COUNTED:
        told = _made_anew(finding, secrets, compared)
        untold = secrets.few | (grouping.persons(COUNTED[finding.metric][1]) < K)
    else:  # scores may be missing: too few persons with one are too few to tell of
        told, untold = _as_found(finding), secrets.few | ~compared
    # Rows with and without the outcome go with its persons; how many were listed does not.
    inside = secrets.n | secrets.positives
    margin = secrets.cells if finding.metric == "precision" else inside
    steps = _steps(finding, secrets)
    coarsest = float(steps[compared].max(initial=0.0))
    groups = tuple(
        _group(
            group,
            told.shares[g],
            told.apart[g],
            float(told.widths[g]),
            step=float(steps[g]),
            apart_step=coarsest,
            mixed=coarsest > 0 or (finding.metric in COUNTED and bool(secrets.cells.any())),
            hide=(bool(secrets.n[g]), bool(inside[g]), bool(secrets.cells[g]), bool(margin[g])),
            untold=bool(untold[g]),
        )
        for g, group in enumerate(finding.groups)
    )
    if finding.gap is None or not secrets.cells[compared].any():
        return replace(finding, groups=groups)
    shares = [
        (_round(one, round, step) or 0.0) if step else one
        for one, step, some in zip(told.shares, steps.tolist(), compared, strict=True)
        if some and one is not None
    ]
    gap = round(max(shares) - min(shares), 6)
    low, high = (
        None if end is None else gap + told.stretch * (end - finding.gap)
        for end in (finding.gap_low, finding.gap_high)
    )
    if finding.gap_low == 0:
        low = 0.0  # cut off there: moved along it would say that chance is ruled out
    return replace(
        finding,
        groups=groups,
        gap=gap,
        gap_low=_outwards(low, floor, coarsest or _WHOLE, least=0),
        gap_high=_outwards(high, ceil, coarsest or _WHOLE, least=0),
        persons_needed=about(finding.persons_needed),
    )


def _steps(finding: Finding, secrets: Secrets) -> npt.NDArray[np.float64]:
    """Give the step in which each group's share is told, shape (G,); 0 where it is told whole.

    15/41 says 41, and beside a total what is left of it: where the persons of a group are
    withheld, a share of theirs is told in steps of which each stands for three rows.
    """
    steps = np.zeros(len(finding.groups))
    for g in np.flatnonzero(secrets.n | secrets.positives):
        steps[g] = _WHOLE
        if finding.metric in COUNTED:
            columns = [CELLS.index(cell) for cell in COUNTED[finding.metric][1]]
            steps[g] = _step(int(secrets.rounded[g, columns].sum()))
    return steps


def _step(rows: float) -> float:
    """Give the finest step of which each stands for three of so many rows."""
    return next((step for step in _STEPS if step * rows >= BASE), _STEPS[-1])


def _as_found(finding: Finding) -> _Told:
    return _Told(
        [group.estimate for group in finding.groups],
        [group.difference for group in finding.groups],
        np.ones(len(finding.groups)),
        1.0,
    )


def _made_anew(finding: Finding, secrets: Secrets, compared: Bools) -> _Told:
    """Make the shares of hidden cells of rounded ones, and distances of what is told."""
    found = _as_found(finding)
    if not secrets.cells.any():
        return found
    above, below = (
        secrets.rounded[:, [CELLS.index(cell) for cell in cells]].sum(axis=1)
        for cells in COUNTED[finding.metric]
    )
    shares = [
        _made(a, b) if hidden else exact
        for a, b, hidden, exact in zip(above, below, secrets.cells, found.shares, strict=True)
    ]
    a, b = above * compared, below * compared
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = above / below - (a.sum() - a) / (b.sum() - b)
    before, after = (
        _spread(np.array([np.nan if one is None else one for one in some]), below)
        for some in (found.shares, shares)
    )
    return _Told(
        shares,
        [
            round(float(one), 6) if np.isfinite(one) and some else None
            for one, some in zip(apart, compared, strict=True)
        ],
        np.sqrt(after / before),
        float(np.sqrt(after[compared].sum() / before[compared].sum())) if compared.any() else 1.0,
    )


def _made(above: int, below: int) -> float | None:
    """Make a share of rounded cells."""
    return round(int(above) / int(below), 6) if below else None


def _spread(share: npt.NDArray[np.float64], rows: Ints) -> npt.NDArray[np.float64]:
    """Give the variance that a share has for being the share it is, up to what clusters add."""
    smoothed = (share * rows + PSEUDO) / (rows + 2 * PSEUDO)
    spread: npt.NDArray[np.float64] = smoothed * (1 - smoothed) / np.maximum(rows, 1)
    return spread


def about(persons: int | None) -> int | None:
    """Round up to one digit."""
    if persons is None:
        return None
    unit: int = 10 ** (len(str(persons)) - 1)
    return -(-persons // unit) * unit


def _group(
    group: GroupEstimate,
    share: float | None,
    apart: float | None,
    width: float,
    *,
    step: float,
    apart_step: float,
    mixed: bool,
    hide: tuple[bool, bool, bool, bool],
    untold: bool,
) -> GroupEstimate:
    """Withhold counts, and an estimate or its last figures.

    ``share`` and ``apart`` are the estimate and the difference as they may be shown, ``width``
    how much wider intervals around them are; ``step`` is what the estimate is rounded to (0:
    it is not), ``apart_step`` what the difference is; ``mixed`` tells that some group is rounded.
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
    counts = replace(counts, shrunk=_round(group.shrunk, round, step or _WHOLE))
    if mixed:
        reach = width * _reach(group.difference, group.difference_low, group.difference_high)
        counts = replace(
            counts,
            difference=_round(apart, round, apart_step) if apart_step else apart,
            difference_low=_outwards(_plus(apart, -reach), floor, apart_step or _WHOLE, least=-1),
            difference_high=_outwards(_plus(apart, reach), ceil, apart_step or _WHOLE, least=-1),
        )
    if not numerator:
        return counts
    least = -1.0 if (group.low or 0.0) < 0 else 0.0
    reach = width * _reach(group.estimate, group.low, group.high)
    return replace(
        counts,
        estimate=_round(share, round, step) if step else share,
        low=_outwards(share - reach, floor, step or _WHOLE, least=least),
        high=_outwards(share + reach, ceil, step or _WHOLE, least=least),
    )


def _reach(estimate: float | None, low: float | None, high: float | None) -> float:
    """Half the width of an interval, whichever end was cut off."""
    if estimate is None or low is None or high is None:
        return 0.0
    return max(estimate - low, high - estimate)


def _curves(
    curves: Sequence[CalibrationCurve],
    secrets: dict[str, Secrets],
    groupings: dict[str, Grouping],
) -> tuple[CalibrationCurve, ...]:
    """Round every share; show counts of an attribute only if none of its bins is small.

    Bins are shared by all groups, so that one small bin could be had from all others; and
    all bins of a group together give its persons with a known outcome.
    """
    thin = {
        curve.attribute
        for curve in curves
        for one in curve.bins
        if one.persons is not None and one.persons < K
    } | {name for name, kept in secrets.items() if (kept.n | kept.positives).any()}

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
    step = _step(persons)
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
    value: float | None, to: Callable[[float], float], step: float, *, least: float
) -> float | None:
    """Move the end of an interval away from its estimate to a multiple of a step."""
    end = _round(value, to, step)
    return None if end is None else min(1.0, max(least, end))


def _round(value: float | None, to: Callable[[float], float], step: float = _WHOLE) -> float | None:
    """Round to a multiple of a step, by ``round``, ``floor`` or ``ceil``."""
    if value is None:
        return None
    # What is a multiple already stays one, whatever its binary fraction.
    return round(to(round(value / step, 9)) * step, 2) + 0.0
