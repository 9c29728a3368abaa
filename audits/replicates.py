"""Persons drawn anew, for every group and metric at once.

A replicate is a weight for every person: how often they were drawn with replacement. What
every group then holds is a product of these weights with the persons' kinds, and every sum
a product of that with a few moments. A permutation deals the persons anew, group sizes kept.
Work goes by blocks of replicates, each with seeds of its own, on as many threads as there are
processors: the result depends on neither.

References
----------
Field & Welsh (2007), bootstrapping clustered data: resample clusters, not rows.
Chung & Romano (2013), permutation tests: studentise, or unequal base rates reject.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from audits.counts import Floats, Grouping, Ints

BLOCK = 64
"""Replicates drawn together: one cache line of weights a person."""

_STRIP = 8
"""Replicates whose weights are drawn before they are turned round, to stay in the cache."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

Seeds = npt.NDArray[np.uint64]
Weights = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Additive:
    """Columns of numbers that members of a grouping bring, to be added up by group.

    Attributes
    ----------
    grouping
        Whose members.
    values
        Shape (V, columns).
    """

    grouping: Grouping
    values: npt.NDArray[np.float32]


def resample(
    groupings: Sequence[Grouping],
    metrics: Sequence[str],
    additive: Sequence[Additive],
    *,
    persons: int,
    seed: int,
    replicates: int,
) -> tuple[list[dict[str, Floats]], list[Floats]]:
    """Draw the persons with replacement, for all groupings with the same draws.

    Parameters
    ----------
    groupings, metrics
        Over the same persons; counted metrics.
    additive
        Further columns to be added up.
    persons
        How many people there are.
    seed, replicates
        Same persons and seed, same draws.

    Returns
    -------
    tuple
        For every grouping the sums behind every metric, shape (R, G, 6) as
        :meth:`audits.counts.Kinds.moments`; for every further table its sums, (R, G, columns).
    """
    moments = [
        np.hstack([grouping.kinds.moments(metric) for metric in metrics]) for grouping in groupings
    ]
    wide = [moment.shape[1] for moment in moments]
    sums = [np.empty((replicates, g.kinds.groups, w)) for g, w in zip(groupings, wide, strict=True)]
    added = [
        np.empty((replicates, len(one.grouping.values), one.values.shape[1])) for one in additive
    ]

    def draw(block: slice, seeds: Seeds) -> None:
        weights = _weights(seeds, persons)
        for grouping, moment, into in zip(groupings, moments, sums, strict=True):
            kinds = grouping.kinds
            drawn = np.zeros((len(kinds.group), BLOCK), dtype=np.int32)
            _count(weights, grouping.person, kinds.of_member, drawn)
            into[block] = _group_sums(drawn[:, : len(seeds)], moment, kinds.group, kinds.groups)
        for one, into in zip(additive, added, strict=True):
            total = np.zeros((into.shape[1], into.shape[2], BLOCK), dtype=np.float32)
            _add(weights, one.grouping.person, one.grouping.of_member, one.values, total)
            into[block] = np.moveaxis(total[:, :, : len(seeds)], -1, 0)

    _over_blocks(draw, seed, "resample", replicates)
    return [
        {metric: into[:, :, 6 * m : 6 * m + 6] for m, metric in enumerate(metrics)} for into in sums
    ], added


def permute(
    groupings: Sequence[Grouping],
    metric: str,
    compared: Sequence[npt.NDArray[np.bool_]],
    *,
    seed: int,
    replicates: int,
) -> list[Floats]:
    """Deal the persons of the compared groups anew, group sizes kept.

    One shuffle serves every grouping, which takes from it the numbers that it has persons for;
    a shuffle of some of many is a shuffle of these.

    Parameters
    ----------
    groupings, metric
        Whose persons; those with nothing in the denominator take no part.
    compared
        Per grouping which groups, shape (G,).
    seed, replicates
        As in :func:`resample`.

    Returns
    -------
    list of numpy.ndarray
        Sums, shape (R, compared groups, 6).
    """
    hands = [
        _Hand.of(grouping, metric, some) for grouping, some in zip(groupings, compared, strict=True)
    ]
    sums = [np.empty((replicates, hand.groups, hand.rows.shape[1])) for hand in hands]
    together = max((hand.whole for hand in hands), default=0)

    def deal(block: slice, seeds: Seeds) -> None:
        orders = _shuffled(seeds, together)
        for hand, into in zip(hands, sums, strict=True):
            dealt = np.zeros((len(seeds), hand.groups, len(hand.rows)), dtype=np.int32)
            _deal(orders, hand.held, hand.starts, dealt)
            into[block] = dealt @ hand.rows

    _over_blocks(deal, seed, "permute", replicates)
    return sums


@dataclass(frozen=True)
class _Hand:
    """What is dealt in one grouping: one entry a person, and where each group's places start.

    ``rows`` are the distinct moments, ``held`` says whose a person has; ``whole`` is how many
    persons of all groups the metric is about, whichever are compared.
    """

    rows: Floats
    held: npt.NDArray[np.int32]
    starts: Ints
    groups: int
    whole: int

    @classmethod
    def of(cls, grouping: Grouping, metric: str, compared: npt.NDArray[np.bool_]) -> _Hand:
        kinds = grouping.kinds
        moments = kinds.moments(metric)
        counted = moments[:, 0] > 0
        takes_part = counted & compared[kinds.group]
        rows, of_kind = np.unique(moments[takes_part], axis=0, return_inverse=True)
        persons = kinds.persons[takes_part]
        group = np.cumsum(compared)[kinds.group[takes_part]] - 1
        return cls(
            rows,
            # In an order of its own: kinds stand by group, and names of groups mean nothing.
            np.sort(np.repeat(of_kind, persons)).astype(np.int32),
            np.concatenate([[0], np.cumsum(np.bincount(group, persons))]).astype(np.int64),
            int(compared.sum()),
            int(kinds.persons[counted].sum()),
        )


def group_sums(grouping: Grouping, metrics: Sequence[str]) -> Mapping[str, Floats]:
    """Return what was observed: the sums of every metric, shape (G, 6)."""
    kinds = grouping.kinds
    persons = kinds.persons[:, None].astype(np.int32)
    return {
        metric: _group_sums(persons, kinds.moments(metric), kinds.group, kinds.groups)[0]
        for metric in metrics
    }


def _over_blocks(
    work: Callable[[slice, Seeds], None], seed: int, name: str, replicates: int
) -> None:
    stream = np.random.SeedSequence([seed, *name.encode()])
    seeds: Seeds = stream.generate_state(replicates, np.uint64).astype(np.uint64)
    blocks = [slice(start, min(start + BLOCK, replicates)) for start in range(0, replicates, BLOCK)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in [pool.submit(work, block, seeds[block]) for block in blocks]:
            done.result()


def _group_sums(drawn: npt.NDArray[np.int32], moments: Floats, group: Ints, groups: int) -> Floats:
    """Add up moments by group: (N, R) draws and (N, M) moments give (R, G, M)."""
    sums = np.zeros((drawn.shape[1], groups, moments.shape[1]))
    starts = np.searchsorted(group, np.arange(groups + 1))
    for g in range(groups):
        part = slice(starts[g], starts[g + 1])
        sums[:, g] = drawn[part].T.astype(np.float64) @ moments[part]
    return sums


@numba.njit(cache=True, nogil=True, inline="always")
def _below(state: np.uint64, count: int) -> np.uint64:
    """Return a number below ``count`` for one state of a stream (SplitMix64, Steele 2014)."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32)


@numba.njit(cache=True, nogil=True)
def _weights(seeds: Seeds, persons: int) -> Weights:
    """How often each person is drawn in each replicate, shape (persons, BLOCK)."""
    weights = np.zeros((persons, BLOCK), dtype=np.uint8)
    drawn = np.zeros((_STRIP, persons), dtype=np.uint8)
    for start in range(0, len(seeds), _STRIP):
        stop = min(start + _STRIP, len(seeds))
        for r in range(start, stop):
            row, state = drawn[r - start], seeds[r]
            row[:] = 0
            for _ in range(persons):
                state += _GOLDEN
                row[_below(state, persons)] += 1
        for person in range(persons):
            for r in range(start, stop):
                weights[person, r] = drawn[r - start, person]
    return weights


@numba.njit(cache=True, nogil=True)
def _count(weights: Weights, person: Ints, kind: Ints, into: npt.NDArray[np.int32]) -> None:
    """Add every member's weights to its kind, shape (N, BLOCK)."""
    for member in range(len(person)):
        row, weight = into[kind[member]], weights[person[member]]
        for r in range(BLOCK):
            row[r] += weight[r]


@numba.njit(cache=True, nogil=True)
def _add(
    weights: Weights,
    person: Ints,
    group: Ints,
    values: npt.NDArray[np.float32],
    into: npt.NDArray[np.float32],
) -> None:
    """Add every member's weighted values to its group, shape (G, columns, BLOCK)."""
    weight = np.empty(BLOCK, dtype=np.float32)
    for member in range(len(person)):
        drawn = weights[person[member]]
        for r in range(BLOCK):
            weight[r] = drawn[r]
        for column in range(values.shape[1]):
            value = values[member, column]
            if value != 0:
                row = into[group[member], column]
                for r in range(BLOCK):
                    row[r] += value * weight[r]


@numba.njit(cache=True, nogil=True)
def _shuffled(seeds: Seeds, size: int) -> npt.NDArray[np.int32]:
    """Shuffle the numbers below ``size`` once for every seed, shape (seeds, size)."""
    orders = np.empty((len(seeds), size), dtype=np.int32)
    for r in range(len(seeds)):
        order, state = orders[r], seeds[r]
        for last in range(size):
            order[last] = last
        for last in range(size - 1, 0, -1):
            state += _GOLDEN
            other = _below(state, last + 1)
            order[last], order[other] = order[other], order[last]
    return orders


@numba.njit(cache=True, nogil=True)
def _deal(
    orders: npt.NDArray[np.int32],
    held: npt.NDArray[np.int32],
    starts: Ints,
    into: npt.NDArray[np.int32],
) -> None:
    """Count what every group is dealt; ``starts`` are the groups' first places, then the end."""
    size, kinds = len(held), into.shape[2]
    hand = np.empty(size, dtype=np.int32)
    # Four counters in turn: one that is added to twice in a row waits for itself.
    counters = np.empty((4, kinds), dtype=np.int32)
    for r in range(len(orders)):
        dealt = 0
        for card in orders[r]:
            if card < size:
                hand[dealt] = held[card]
                dealt += 1
        for group in range(len(starts) - 1):
            counters[:] = 0
            place, stop = starts[group], starts[group + 1]
            while place + 4 <= stop:
                for turn in range(4):
                    counters[turn, hand[place + turn]] += 1
                place += 4
            while place < stop:
                counters[0, hand[place]] += 1
                place += 1
            for kind in range(kinds):
                into[r, group, kind] = counters[:, kind].sum()
