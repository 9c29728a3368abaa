"""What can be said about the gaps between groups, persons being the unit.

Every metric of the audit is a ratio of two counts, so a person matters only through a
pair (numerator, denominator) and a group only through how many of its persons have each
pair. Resampling persons with replacement is then a multinomial draw over the few distinct
pairs, permuting persons between groups a hypergeometric one, and a million rows cost no
more than a thousand: each replicate is one row of one matrix product.

References
----------
Field & Welsh (2007), bootstrapping clustered data: resample clusters, not rows.
Chung & Romano (2013), permutation tests: studentise, or unequal base rates reject.
Agresti & Coull (1998): two successes and two failures more keep an interval honest.
Westfall & Young (1993), max-T; Holm (1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import ceil

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CONFIDENCE = 0.95
GAUSSIAN = 1.959964
"""A critical value is never below this, so that a group without any spread is not certain."""
EIGHTY_PERCENT = 1.281552
"""Two-sided 80% Gaussian quantile, for the number of persons an answer would need."""
PSEUDO = 2
"""Persons added to each side of a ratio in its variance (Agresti & Coull, for 95%)."""
BLOCK = 2_000_000
"""Draws held in memory at once."""


@dataclass(frozen=True)
class Sample:
    """Persons of each group by their pair of counts.

    Parameters
    ----------
    pairs
        (K, 2) distinct (numerator, denominator), denominators at least 1.
    persons
        (G, K) persons of each group with each pair; no group is empty.
    """

    pairs: Ints
    persons: Ints

    @classmethod
    def of(cls, group: Ints, numerator: Ints, denominator: Ints, groups: int) -> Sample:
        """Count persons, one entry each in the three arrays; denominator at least 1."""
        pairs, where = np.unique(
            np.column_stack([numerator, denominator]), axis=0, return_inverse=True
        )
        persons = np.zeros((groups, len(pairs)), dtype=np.int64)
        np.add.at(persons, (group, where), 1)
        return cls(pairs, persons)

    @property
    def sizes(self) -> Ints:
        """Persons per group, shape (G,)."""
        sizes: Ints = self.persons.sum(axis=1)
        return sizes

    @property
    def moments(self) -> Floats:
        """What a person of each pair adds to the sums: a, b, a², ab, b², shape (K, 5)."""
        a, b = self.pairs.T.astype(np.float64)
        return np.column_stack([a, b, a * a, a * b, b * b])

    def only(self, kept: npt.NDArray[np.bool_]) -> Sample:
        """Keep some groups."""
        return Sample(self.pairs, self.persons[kept])


@dataclass(frozen=True)
class Intervals:
    """Estimates with their 95% intervals; all arrays share one shape."""

    estimate: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Comparison:
    """The compared groups: each against the rest, and the largest gap between two.

    ``persons_needed`` per group would show equal groups to be within the tolerance, four
    times in five.
    """

    against_rest: Intervals
    gap: float
    gap_low: float
    gap_high: float
    persons_needed: int


def ratio(sums: Floats, persons: Ints) -> tuple[Floats, Floats]:
    """Ratio of sums and its variance with persons as clusters.

    The variance counts four more persons of average weight, two all in and two all out of
    the numerator: without them a group where nobody was reached would look certain.

    Parameters
    ----------
    sums
        (..., 5) sums over persons of a, b, a², ab, b².
    persons
        (...) number of persons behind each.

    Returns
    -------
    tuple
        The ratios in [0, 1] and their variances, both (...).
    """
    a, b, aa, ab, bb = np.moveaxis(sums, -1, 0)
    weight = b / persons
    total = b + 2 * PSEUDO * weight
    smoothed = (a + PSEUDO * weight) / total
    residual = aa - 2 * smoothed * ab + smoothed**2 * bb
    residual = residual + PSEUDO * weight**2 * ((1 - smoothed) ** 2 + smoothed**2)
    return a / b, residual / total**2


def resample(sample: Sample, rng: np.random.Generator, replicates: int) -> Floats:
    """Draw each group's persons with replacement; their sums, shape (R, G, 5)."""
    moments = sample.moments
    sums = np.empty((replicates, len(sample.persons), moments.shape[1]))
    for group, persons in enumerate(sample.persons):
        present = np.flatnonzero(persons)
        size, block = int(persons.sum()), max(1, BLOCK // len(present))
        for start in range(0, replicates, block):
            stop = min(start + block, replicates)
            draws = rng.multinomial(size, persons[present] / size, size=stop - start)
            sums[start:stop, group] = draws @ moments[present]
    return sums


def permute(sample: Sample, rng: np.random.Generator, replicates: int) -> Floats:
    """Deal the persons anew, group sizes kept; their sums, shape (R, G, 5)."""
    moments, sizes, everybody = sample.moments, sample.sizes, sample.persons.sum(axis=0)
    sums = np.empty((replicates, len(sizes), moments.shape[1]))
    for replicate in range(replicates):
        left = everybody
        for group, size in enumerate(sizes[:-1]):
            dealt = rng.multivariate_hypergeometric(left, size, method="marginals")
            sums[replicate, group] = dealt @ moments
            left = left - dealt
        sums[replicate, -1] = left @ moments
    return sums


def _against_rest(sums: Floats, sizes: Ints) -> tuple[Floats, Floats]:
    """Each group minus all others together, and its variance, both (..., G)."""
    inside, inside_variance = ratio(sums, sizes)
    outside, outside_variance = ratio(sums.sum(axis=-2, keepdims=True) - sums, sizes.sum() - sizes)
    return inside - outside, inside_variance + outside_variance


def _between_pairs(sums: Floats, sizes: Ints) -> tuple[Floats, Floats]:
    """Every group minus every later one, and its variance, both (..., G(G-1)/2)."""
    estimate, variance = ratio(sums, sizes)
    first, second = np.array(list(combinations(range(len(sizes)), 2))).T
    return (
        estimate[..., first] - estimate[..., second],
        variance[..., first] + variance[..., second],
    )


def _critical(observed: Floats, replicates: tuple[Floats, Floats], *, together: bool) -> Floats:
    """Bootstrap-t critical value, one for all contrasts together or one for each."""
    estimate, variance = replicates
    distance = np.abs(estimate - observed) / np.sqrt(variance)
    if together:
        distance = distance.max(axis=1, keepdims=True)
    return np.maximum(np.quantile(distance, CONFIDENCE, axis=0), GAUSSIAN)


def intervals(sample: Sample, drawn: Floats) -> Intervals:
    """Each group's own ratio, persons resampled; every interval holds by itself.

    Parameters
    ----------
    sample
        Groups of at least one person.
    drawn
        Their sums in every replicate, from :func:`resample`, shape (R, G, 5).

    Returns
    -------
    Intervals
        Shape (G,), within [0, 1].
    """
    sizes = sample.sizes
    observed, variance = ratio(sample.persons @ sample.moments, sizes)
    reach = _critical(observed, ratio(drawn, sizes), together=False) * np.sqrt(variance)
    return Intervals(observed, np.clip(observed - reach, 0, 1), np.clip(observed + reach, 0, 1))


def compare(sample: Sample, drawn: Floats, *, tolerance: float) -> Comparison:
    """Simultaneous (max-T) intervals of the differences between at least two groups.

    The interval of the gap is read off the intervals of all pairs. Resampling ``max - min``
    itself would never contain 0 and would reject every fair model with a small group.

    Parameters
    ----------
    sample, drawn
        As in :func:`intervals`.
    tolerance
        Largest accepted gap, for the number of persons an answer would need.
    """
    sizes, sums = sample.sizes, sample.persons @ sample.moments

    rest, rest_variance = _against_rest(sums, sizes)
    reach = _critical(rest, _against_rest(drawn, sizes), together=True) * np.sqrt(rest_variance)
    against_rest = Intervals(rest, np.clip(rest - reach, -1, 1), np.clip(rest + reach, -1, 1))

    pairs, pairs_variance = _between_pairs(sums, sizes)
    critical = _critical(pairs, _between_pairs(drawn, sizes), together=True)
    distance, reach = np.abs(pairs), critical * np.sqrt(pairs_variance)
    spread = float(np.mean(ratio(sums, sizes)[1] * sizes))
    return Comparison(
        against_rest=against_rest,
        gap=float(distance.max()),
        gap_low=float(np.clip(distance - reach, 0, 1).max()),
        gap_high=float(np.clip(distance + reach, 0, 1).max()),
        persons_needed=persons_needed(tolerance, spread, float(critical[0])),
    )


def persons_needed(tolerance: float, spread: float = 0.25, critical: float = GAUSSIAN) -> int:
    """Persons per group with whom two equal groups pass four times in five.

    Parameters
    ----------
    tolerance
        Largest accepted gap, in (0, 1].
    spread
        Variance that one person brings; by default the largest a single row can have.
    critical
        Critical value of the simultaneous intervals.

    >>> persons_needed(0.10)
    526
    """
    return ceil(2 * spread * ((critical + EIGHTY_PERCENT) / tolerance) ** 2)


def equality(sample: Sample, rng: np.random.Generator, replicates: int) -> float:
    """Test that all groups have the same ratio.

    The statistic is the largest studentised distance of a group to the rest; its null
    distribution deals the persons anew. Studentised, because a plain permutation would
    test that the groups are alike in everything, base rates included.

    Returns
    -------
    float
        The p-value, in (0, 1].
    """

    def largest(sums: Floats) -> Floats:
        difference, variance = _against_rest(sums, sample.sizes)
        statistic: Floats = (np.abs(difference) / np.sqrt(variance)).max(axis=-1)
        return statistic

    observed = largest(sample.persons @ sample.moments)
    null = largest(permute(sample, rng, replicates))
    # Ties with the observed value count; the tolerance keeps rounding from breaking them.
    return float((1 + np.sum(null >= observed - 1e-9)) / (1 + replicates))


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for their number, order kept.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, floor = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        floor = max(floor, min(1.0, p_values[index] * (len(p_values) - rank)))
        corrected[index] = floor
    return corrected
