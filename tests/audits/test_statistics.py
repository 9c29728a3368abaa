"""The intervals cover, the shortcuts are exact, and the multiplicity is paid for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.statistics import (
    Sample,
    compare,
    equality,
    holm,
    intervals,
    permute,
    persons_needed,
    ratio,
    resample,
)


def clustered(sizes: list[int], rates: list[float], rng: np.random.Generator) -> Sample:
    """Persons with 1 to 10 rows whose rows resemble one another."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    denominator = 1 + rng.binomial(9, 0.3, len(group))
    rate = np.repeat(rates, sizes)
    numerator = rng.binomial(denominator, rng.beta(2 * rate, 2 * (1 - rate)))
    return Sample.of(group, numerator, denominator, len(sizes))


def test_intervals_cover_the_truth_on_clustered_rows() -> None:
    rng, covered = np.random.default_rng(0), []
    for _ in range(200):
        sample = clustered([60, 200], [0.3, 0.45], rng)
        drawn = resample(sample, rng, 200)
        own, gap = intervals(sample, drawn), compare(sample, drawn, tolerance=0.1)
        covered.append(
            [
                own.low[0] <= 0.3 <= own.high[0],
                own.low[1] <= 0.45 <= own.high[1],
                gap.gap_low <= 0.15 <= gap.gap_high,
            ]
        )
    assert (np.mean(covered, axis=0) > 0.90).all()


def test_equality_is_rejected_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    small = [equality(clustered([200, 60, 30], [0.3] * 3, rng), rng, 200) for _ in range(200)]
    assert np.mean(np.array(small) < 0.05) < 0.10


def test_the_gap_of_equal_groups_contains_zero() -> None:
    rng = np.random.default_rng(2)
    lows = []
    for _ in range(100):
        sample = clustered([200, 60, 30], [0.3] * 3, rng)
        lows.append(compare(sample, resample(sample, rng, 200), tolerance=0.1).gap_low)
    assert np.mean(np.array(lows) == 0) > 0.88


def test_the_draws_have_the_sums_they_must_have() -> None:
    sample = clustered([50, 20, 7], [0.4] * 3, np.random.default_rng(3))
    total = sample.persons.sum(axis=0) @ sample.moments
    dealt = permute(sample, np.random.default_rng(0), 100)
    assert dealt.sum(axis=1) == pytest.approx(np.tile(total, (100, 1)))
    drawn = resample(sample, np.random.default_rng(0), 2000)
    expected = sample.persons @ sample.moments
    assert drawn.mean(axis=0) == pytest.approx(expected, rel=0.05)


def test_the_variance_is_that_of_the_ratio_estimator() -> None:
    sample = clustered([2000], [0.3], np.random.default_rng(4))
    sums = sample.persons @ sample.moments
    estimate, variance = ratio(sums, sample.sizes)
    drawn, _ = ratio(resample(sample, np.random.default_rng(0), 4000), sample.sizes)
    a, b = np.repeat(sample.pairs, sample.persons[0], axis=0).T
    assert estimate[0] == a.sum() / b.sum()
    by_hand = np.sum((a - estimate[0] * b) ** 2) / b.sum() ** 2
    assert variance[0] == pytest.approx(by_hand, rel=0.01)
    assert drawn.std() == pytest.approx(np.sqrt(variance[0]), rel=0.05)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert min(corrected) == pytest.approx(min(1.0, min(p_values) * len(p_values)))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)


def test_fewer_persons_are_needed_for_a_wider_tolerance() -> None:
    assert persons_needed(0.2) < persons_needed(0.1) == 526
