"""What can be said about the gaps between groups, persons being the unit.

Estimates of groups come with what resampling persons made of them (:class:`Replicated`);
from there on a ratio of counts, an AUC and a calibration are compared alike: each group with
the others, every pair, all at once.

References
----------
Agresti & Coull (1998): two successes and two failures more keep an interval honest.
Chung & Romano (2013), permutation tests: studentise, or unequal base rates reject.
Westfall & Young (1993), max-T; Holm (1979); DerSimonian & Laird (1986), shrinkage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
GAUSSIAN = 1.959964
"""A critical value is never below this, so that a group without any spread is not certain."""
POWER = 0.80
"""How often the number of persons said to be needed would give an answer."""
EIGHTY_PERCENT = 1.281552
"""Two-sided 80% Gaussian quantile, for that number where there is one gap only."""
PSEUDO = 2
"""Persons added to each side of a ratio in its variance (Agresti & Coull, for 95%)."""


@dataclass(frozen=True)
class Replicated:
    """Estimates, their variances, and both again in every replicate.

    Attributes
    ----------
    estimate, variance
        Shape (G,).
    drawn, drawn_variance
        Shape (R, G); a variance that replicates do not have their own of is (1, G).
    """

    estimate: Floats
    variance: Floats
    drawn: Floats
    drawn_variance: Floats

    def each(self, contrast: Callable[[Floats, Floats], tuple[Floats, Floats]]) -> Replicated:
        """Apply a contrast of (..., G) estimates and variances here and in every replicate."""
        drawn_variance = np.broadcast_to(self.drawn_variance, self.drawn.shape)
        return Replicated(
            *contrast(self.estimate, self.variance), *contrast(self.drawn, drawn_variance)
        )


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


def ratio(sums: Floats) -> tuple[Floats, Floats]:
    """Ratio of sums and its variance with persons as clusters.

    The variance counts four more persons of average weight, two all in and two all out of
    the numerator: without them a group where nobody was reached would look certain.

    Parameters
    ----------
    sums
        (..., 6) sums over persons of 1, a, b, a², ab, b².

    Returns
    -------
    tuple
        The ratios in [0, 1] and their variances, both (...); NaN over nobody.
    """
    persons, a, b, aa, ab, bb = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = b / persons
        total = b + 2 * PSEUDO * weight
        smoothed = (a + PSEUDO * weight) / total
        residual = aa - 2 * smoothed * ab + smoothed**2 * bb
        residual = residual + PSEUDO * weight**2 * ((1 - smoothed) ** 2 + smoothed**2)
        return a / b, residual / total**2


def ratios(observed: Floats, drawn: Floats) -> Replicated:
    """Ratios of every group, from sums of shape (G, 6) and (R, G, 6)."""
    return Replicated(*ratio(observed), *ratio(drawn))


def ratios_to_rest(observed: Floats, drawn: Floats) -> Replicated:
    """Each group's ratio minus that of all others together; shapes as in :func:`ratios`."""
    return Replicated(*_to_rest(observed), *_to_rest(drawn))


def _to_rest(sums: Floats) -> tuple[Floats, Floats]:
    inside, inside_variance = ratio(sums)
    outside, outside_variance = ratio(sums.sum(axis=-2, keepdims=True) - sums)
    return inside - outside, inside_variance + outside_variance


def linear(estimate: Floats, influence: Floats, squares: Floats, drawn: Floats) -> Replicated:
    """Estimates that move by the sum of their persons' influences.

    Parameters
    ----------
    estimate
        Shape (G,).
    influence
        Shape (G,): persons behind each.
    squares
        Shape (G,): sum of squared influences of persons.
    drawn
        Shape (R, G): sum of the drawn persons' influences.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = squares * influence / (influence - 1)
    return Replicated(estimate, variance, estimate + drawn, variance[None])


def means_to_rest(some: Replicated, weight: Floats) -> Replicated:
    """Each estimate minus the weighted mean of the others, for what is no ratio of counts.

    Parameters
    ----------
    some
        Of at least two groups.
    weight
        Shape (G,), above 0.
    """
    share = weight / (weight.sum() - weight)[:, None]
    share = np.where(np.eye(len(weight), dtype=bool), 0.0, share)

    def contrast(estimate: Floats, variance: Floats) -> tuple[Floats, Floats]:
        return estimate - estimate @ share.T, variance + variance @ (share.T**2)

    return some.each(contrast)


def pairs(some: Replicated) -> Iterator[Replicated]:
    """Every group but the last minus each later one, group by group: all at once are too many."""

    def contrast(g: int, estimate: Floats, variance: Floats) -> tuple[Floats, Floats]:
        return (
            estimate[..., g, None] - estimate[..., g + 1 :],
            variance[..., g, None] + variance[..., g + 1 :],
        )

    return (some.each(partial(contrast, g)) for g in range(len(some.estimate) - 1))


def _distances(some: Replicated) -> Floats:
    """How far every replicate is from the estimate, in its own standard errors, (R, G)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(some.drawn - some.estimate) / np.sqrt(some.drawn_variance)
    # A replicate in which a group drew nobody, or nothing that varies, says nothing of it.
    return np.where(np.isfinite(distance), distance, 0.0)


def _critical(distances: Floats) -> Floats:
    """Bootstrap-t critical values, one for each column of (R, ...) distances."""
    critical: Floats = np.maximum(np.quantile(distances, CONFIDENCE, axis=0), GAUSSIAN)
    return critical


def intervals(some: Replicated, least: float, most: float = 1) -> Intervals:
    """Each group's own interval, which holds by itself, within the range of the metric."""
    reach = _critical(_distances(some)) * np.sqrt(some.variance)
    return Intervals(
        some.estimate,
        np.clip(some.estimate - reach, least, most),
        np.clip(some.estimate + reach, least, most),
    )


def together(some: Replicated) -> Intervals:
    """Intervals of differences that hold all at once (max-T), within [-1, 1]."""
    reach = _critical(_distances(some).max(axis=1)) * np.sqrt(some.variance)
    return Intervals(
        some.estimate,
        np.clip(some.estimate - reach, -1, 1),
        np.clip(some.estimate + reach, -1, 1),
    )


def compare(
    groups: Replicated, to_rest: Replicated, persons: Floats, *, tolerance: float
) -> Comparison:
    """Compare at least two groups, with intervals that hold at once.

    The interval of the gap is read off the intervals of all pairs. Resampling ``max - min``
    itself would never contain 0 and would reject every fair model with a small group.

    Parameters
    ----------
    groups, to_rest
        The groups, and each against the others.
    persons
        Shape (G,): persons behind each, for the number that an answer would need.
    tolerance
        Largest accepted gap.
    """
    gaps, errors, farthest = [], [], np.zeros(len(groups.drawn))
    for one in pairs(groups):
        gaps.append(np.abs(one.estimate))
        errors.append(np.sqrt(one.variance))
        farthest = np.maximum(farthest, _distances(one).max(axis=1))
    critical = float(_critical(farthest))
    distance, reach = np.concatenate(gaps), critical * np.concatenate(errors)
    spread = float(np.mean(groups.variance * persons))
    chance = max(float(np.quantile(farthest, POWER)), EIGHTY_PERCENT)
    return Comparison(
        against_rest=together(to_rest),
        gap=float(distance.max()),
        gap_low=float(np.clip(distance - reach, 0, 1).max()),
        gap_high=float(np.clip(distance + reach, 0, 1).max()),
        persons_needed=persons_needed(tolerance, spread, critical, chance),
    )


def persons_needed(
    tolerance: float,
    spread: float = 0.25,
    critical: float = GAUSSIAN,
    chance: float = EIGHTY_PERCENT,
) -> int:
    """Persons per group with whom two equal groups pass four times in five.

    Parameters
    ----------
    tolerance
        Largest accepted gap, in (0, 1].
    spread
        Variance that one person brings; by default the largest a single row can have.
    critical
        Critical value of the simultaneous intervals.
    chance
        Standard errors that no gap between equal groups exceeds four times in five: the
        more groups, the farther apart two of them are.

    >>> persons_needed(0.10)
    526
    """
    return ceil(2 * spread * ((critical + chance) / tolerance) ** 2)


def equality(observed: Floats, dealt: Floats) -> float:
    """Test that all groups have the same ratio.

    The statistic is the largest studentised distance of a group to the rest. Studentised,
    because a plain permutation would test that the groups are alike in everything, base
    rates included.

    Parameters
    ----------
    observed
        Sums of at least two groups, shape (G, 6).
    dealt
        The same with the persons dealt anew, shape (R, G, 6).

    Returns
    -------
    float
        The p-value, in (0, 1].
    """

    def largest(sums: Floats) -> Floats:
        difference, variance = _to_rest(sums)
        statistic: Floats = (np.abs(difference) / np.sqrt(variance)).max(axis=-1)
        return statistic

    # Ties with the observed value count; the tolerance keeps rounding from breaking them.
    above = np.sum(largest(dealt) >= largest(observed) - 1e-9)
    return float((1 + above) / (1 + len(dealt)))


def shrunk(estimate: Floats, variance: Floats) -> Floats:
    """Draw estimates towards their common mean, the more the less they are worth alone.

    Normal random effects: between-group variance by DerSimonian & Laird, then each estimate
    is weighted against the mean by its own variance. Groups without an estimate get none.

    Parameters
    ----------
    estimate, variance
        Shape (G,); NaN for groups without anybody to count.

    Returns
    -------
    numpy.ndarray
        Shape (G,).
    """
    known = np.isfinite(estimate) & (variance > 0)
    if known.sum() < 2:  # noqa: PLR2004 - one group alone has nothing to be drawn to
        return estimate
    y, weight = estimate[known], 1 / variance[known]
    mean = (weight * y).sum() / weight.sum()
    surplus = (weight * (y - mean) ** 2).sum() - (len(y) - 1)
    between = max(0.0, surplus / (weight.sum() - (weight**2).sum() / weight.sum()))
    if between > 0:
        pooled = 1 / (variance[known] + between)
        mean = (pooled * y).sum() / pooled.sum()
    drawn = estimate.copy()
    drawn[known] = mean + (y - mean) * between / (between + variance[known])
    return drawn


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
