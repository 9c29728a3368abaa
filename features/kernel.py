"""The one place where measures are computed: a pure compiled function over a block.

Whoever feeds it (a store, a cluster, one person) gets the same numbers, because there is no
other path. For every row of (person, review date) it walks the person's events once, from
the oldest that any window reaches to the review date, and adds each event known by then to
the windows it falls in; what looks at the whole history then goes further back only until
it has found what it needs. Events are added in the order they occurred, so sums are the
same bit for bit wherever they run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from features.block import DAY, Block, Floats, Ints
from features.catalogue import Feature
from features.codes import matches
from features.protocol import Measure

Days = npt.NDArray[np.int32]

MEASURES: tuple[Measure, ...] = (
    "count",
    "sum",
    "mean",
    "last",
    "active_days",
    "since_last",
    "trend",
    "ever",
)
_COUNT, _SUM, _MEAN, _LAST, _ACTIVE_DAYS, _SINCE_LAST, _TREND, _EVER = range(len(MEASURES))
_FROM_THE_END = (_LAST, _SINCE_LAST, _EVER)
"""Measures of the newest fact: over the whole history they need no walk through all of it."""

_WHOLE = 1 << 30
"""The width in days of the window that is the whole history."""

_NEVER = -(1 << 30)
"""A day before every other."""


@dataclass(frozen=True)
class _Plan:
    """What the compiled function needs to know of the columns.

    Attributes
    ----------
    first, groups
        The groups that the code ``c`` belongs to: ``groups[first[c]:first[c + 1]]``.
    widths
        The widths of the windows that are walked through, in days, ascending.
    columns
        Shape (columns, 4): measure, group, the place of its width and of twice its width
        in ``widths``; -1 where it is not walked.
    sought
        Shape (groups, 2): whether the newest fact, and the newest value, is looked for
        beyond the widest window.
    """

    first: Ints
    groups: Ints
    widths: Ints
    columns: Ints
    sought: npt.NDArray[np.bool_]


def measure(
    block: Block,
    features: Sequence[Feature],
    person: Ints,
    as_of: Ints,
    *,
    vocabulary: Collection[str] | None = None,
    into: Floats | None = None,
) -> tuple[Floats, Ints]:
    """Compute every feature for rows of (person, review date).

    Parameters
    ----------
    block
        The events.
    features
        The columns, from the catalogue. Without ``window_days`` a measure is over the
        whole history.
    person, as_of
        Shape (rows,): index into ``block.persons`` (-1: a person without events) and the
        review date in days since 1970; quickest when sorted by person.
    vocabulary
        The codes that a model was fitted on; None: every code. Events of other codes are
        in no feature.
    into
        Where ``values`` are written; default, a new array.

    Returns
    -------
    values
        Shape (rows, len(features)). Counts are 0 where nothing is known; ``mean``, ``last``
        and ``since_last`` are NaN.
    other
        Shape (rows,): how many events of the widest window some feature would look at if
        their code stood in the vocabulary.
    """
    plan = _plan(block.codes, features, vocabulary)
    values = np.empty((len(person), len(features))) if into is None else into
    other = np.empty(len(person), np.int64)
    _measure(
        block.bounds,
        # A review date is 00:00 of a day, so before it and on an earlier day are the same.
        (block.occurred // DAY).astype(np.int32),
        (block.recorded // DAY).astype(np.int32),
        (block.superseded // DAY).astype(np.int32),
        block.code.astype(np.uint32),
        block.value,
        plan.first.astype(np.uint32),
        plan.groups.astype(np.uint32),
        plan.widths,
        plan.columns,
        plan.sought,
        person,
        as_of,
        values,
        other,
    )
    return values, other


def _plan(
    codes: Sequence[str], features: Sequence[Feature], vocabulary: Collection[str] | None
) -> _Plan:
    patterns = list(dict.fromkeys(f.codes for f in features))
    # The last group holds what a feature would look at, were its code not unknown.
    other = len(patterns)
    belongs: list[list[int]] = []
    for code in codes:
        mine = [g for g, wanted in enumerate(patterns) if matches(code, wanted)]
        belongs.append(mine if vocabulary is None or code in vocabulary else [other] * bool(mine))
    walked = {f.window_days or _WHOLE for f in features if f.window_days or not _from_the_end(f)}
    doubled = {2 * f.window_days for f in features if f.measure == "trend" and f.window_days}
    widths = sorted(walked | doubled) or [_WHOLE]
    columns = np.full((len(features), 4), -1, np.int64)
    sought = np.zeros((other + 1, 2), bool)
    for column, feature in enumerate(features):
        group, width = patterns.index(feature.codes), feature.window_days or _WHOLE
        columns[column, :2] = MEASURES.index(feature.measure), group
        if width in walked:
            columns[column, 2] = widths.index(width)
        else:
            sought[group, int(feature.measure == "last")] = True
        if feature.measure == "trend":
            columns[column, 3] = widths.index(2 * width)
    return _Plan(
        first=np.cumsum([0, *map(len, belongs)]),
        groups=np.array([g for mine in belongs for g in mine], np.int64),
        widths=np.array(widths, np.int64),
        columns=columns,
        sought=sought,
    )


def _from_the_end(feature: Feature) -> bool:
    return MEASURES.index(feature.measure) in _FROM_THE_END


@numba.njit(cache=True, nogil=True)
def _measure(  # noqa: PLR0915 - one walk, told in one piece
    bounds: Ints,
    occurred: Days,
    recorded: Days,
    superseded: Days,
    code: Ints,
    value: Floats,
    first: Ints,
    groups: Ints,
    widths: Ints,
    columns: Ints,
    sought: npt.NDArray[np.bool_],
    person: Ints,
    as_of: Ints,
    values: Floats,
    other: Ints,
) -> None:
    """Fill ``values`` and ``other``; see :func:`measure`. All times in days."""
    n_groups, n_widths = len(sought), len(widths)
    # Whole numbers are counted where they fall and added up over the widths at the end.
    facts = np.empty((n_groups, n_widths), np.int64)
    days = np.empty((n_groups, n_widths), np.int64)
    valued = np.empty((n_groups, n_widths), np.int64)
    total = np.empty((n_groups, n_widths))
    newest = np.empty(n_groups, np.int64)  # the day of the newest fact
    newest_valued = np.empty(n_groups, np.int64)  # the day of the newest value
    newest_value = np.empty(n_groups)
    for row in range(len(person)):
        t = as_of[row]
        facts[:] = 0
        days[:] = 0
        valued[:] = 0
        total[:] = 0.0
        newest[:] = _NEVER
        newest_valued[:] = _NEVER
        newest_value[:] = np.nan
        low = high = start = 0
        if person[row] >= 0:
            low, high = bounds[person[row]], bounds[person[row] + 1]
            high = low + np.searchsorted(occurred[low:high], t)
            start = low + np.searchsorted(occurred[low:high], t - widths[-1])
        narrowest = n_widths - 1
        for event in range(start, high):
            day = occurred[event]
            while narrowest > 0 and day >= t - widths[narrowest - 1]:
                narrowest -= 1
            if recorded[event] >= t or superseded[event] < t:
                continue
            for place in range(first[code[event]], first[code[event] + 1]):
                group = groups[place]
                facts[group, narrowest] += 1
                days[group, narrowest] += newest[group] != day
                newest[group] = day
                given = value[event]
                if not np.isnan(given):
                    valued[group, narrowest] += 1
                    for w in range(narrowest, n_widths):
                        total[group, w] += given
                    newest_valued[group] = day
                    newest_value[group] = given
        missing = 0
        for group in range(n_groups):
            missing += sought[group, 0] and newest[group] == _NEVER
            missing += sought[group, 1] and newest_valued[group] == _NEVER
        for event in range(start - 1, low - 1, -1):
            if missing == 0:
                break
            if recorded[event] >= t or superseded[event] < t:
                continue
            for place in range(first[code[event]], first[code[event] + 1]):
                group = groups[place]
                if newest[group] == _NEVER:
                    newest[group] = occurred[event]
                    missing -= sought[group, 0]
                if newest_valued[group] == _NEVER and not np.isnan(value[event]):
                    newest_valued[group] = occurred[event]
                    newest_value[group] = value[event]
                    missing -= sought[group, 1]
        for group in range(n_groups):
            for w in range(1, n_widths):
                facts[group, w] += facts[group, w - 1]
                days[group, w] += days[group, w - 1]
                valued[group, w] += valued[group, w - 1]
        other[row] = facts[-1, -1]
        for column in range(len(columns)):
            kind, group, w, doubled = columns[column]
            within = t - widths[w] if w >= 0 else _NEVER + 1
            if kind == _COUNT:
                values[row, column] = facts[group, w]
            elif kind == _SUM:
                values[row, column] = total[group, w]
            elif kind == _MEAN:
                number = valued[group, w]
                values[row, column] = total[group, w] / number if number else np.nan
            elif kind == _ACTIVE_DAYS:
                values[row, column] = days[group, w]
            elif kind == _TREND:
                values[row, column] = 2 * facts[group, w] - facts[group, doubled]
            elif kind == _EVER:
                values[row, column] = newest[group] >= within
            elif kind == _LAST:
                known = newest_valued[group] >= within
                values[row, column] = newest_value[group] if known else np.nan
            else:
                values[row, column] = t - newest[group] if newest[group] >= within else np.nan
