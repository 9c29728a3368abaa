"""The intervals cover, the variance is the right one, and the multiplicity is paid for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.statistics import (
    Comparison,
    Replicated,
    compare,
    holm,
    intervals,
    means_to_rest,
    pairs,
    persons_needed,
    ratio,
    ratios,
    ratios_to_rest,
    shrunk,
    together,
)


def sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([len(a), a.sum(), b.sum(), (a * a).sum(), (a * b).sum(), (b * b).sum()])


def clustered(persons: int, rate: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Persons with 1 to 10 rows whose rows resemble one another."""
    b = 1 + rng.binomial(9, 0.3, persons)
    return rng.binomial(b, rng.beta(2 * rate, 2 * (1 - rate), persons)), b


def drawn(a: np.ndarray, b: np.ndarray, rng: np.random.Generator, times: int) -> np.ndarray:
    return np.array([sums(a[i], b[i]) for i in rng.integers(0, len(a), (times, len(a)))])


def test_the_variance_is_that_of_the_ratio_estimator() -> None:
    rng = np.random.default_rng(4)
    a, b = clustered(2000, 0.3, rng)
    estimate, variance = ratio(sums(a, b))
    again, _ = ratio(drawn(a, b, rng, 2000))
    assert estimate == a.sum() / b.sum()
    by_hand = np.sum((a - estimate * b) ** 2) / b.sum() ** 2
    assert variance == pytest.approx(by_hand, rel=0.01)
    assert again.std() == pytest.approx(np.sqrt(variance), rel=0.05)


def test_intervals_cover_the_truth_on_clustered_rows() -> None:
    rng, covered = np.random.default_rng(0), []
    for _ in range(150):
        groups = [clustered(60, 0.3, rng), clustered(200, 0.45, rng)]
        observed = np.array([sums(a, b) for a, b in groups])
        again = np.stack([drawn(a, b, rng, 200) for a, b in groups], axis=1)
        own, gap = (
            intervals(ratios(observed, again), least=0),
            together(ratios_to_rest(observed, again)),
        )
        covered.append(
            [
                own.low[0] <= 0.3 <= own.high[0],
                own.low[1] <= 0.45 <= own.high[1],
                gap.low[1] <= 0.15 <= gap.high[1],
            ]
        )
    # At 95% three standard errors of 150 audits are 5 points.
    assert (np.mean(covered, axis=0) > 0.90).all()


def test_a_group_that_a_replicate_lost_does_not_stop_the_others() -> None:
    observed = np.array([[1, 1, 1, 1, 1, 1], [50, 20, 50, 20, 20, 50]], dtype=float)
    again = np.tile(observed, (20, 1, 1))
    again[:10, 0] = 0
    found = together(ratios_to_rest(observed, again))
    assert np.isfinite(found.low).all()
    assert np.isfinite(found.high).all()


def test_nobody_reached_is_not_certain() -> None:
    nobody = sums(np.zeros(30), np.ones(30))
    _, variance = ratio(nobody)
    assert variance > 0


def test_the_mean_of_the_others_leaves_the_group_out() -> None:
    some = Replicated(
        np.array([0.5, 0.2, 0.8]), np.full(3, 0.01), np.full((4, 3), 0.5), np.full((1, 3), 0.01)
    )
    rest = means_to_rest(some, np.array([1.0, 1.0, 3.0]))
    assert rest.estimate == pytest.approx([0.5 - 0.65, 0.2 - 0.725, 0.8 - 0.35])
    assert rest.variance[2] == pytest.approx(0.01 + 0.01 * 0.5)
    first, second = pairs(some)
    assert [*first.estimate, *second.estimate] == pytest.approx([0.3, -0.3, -0.6])


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(1e-4, 1)),
        min_size=1,
        max_size=8,
    )
)
def test_shrinking_moves_towards_the_mean_and_never_past_it(
    groups: list[tuple[float, float]],
) -> None:
    estimate, variance = np.array(groups).T
    drawn_in = shrunk(estimate, variance)
    assert (drawn_in >= estimate.min() - 1e-9).all()
    assert (drawn_in <= estimate.max() + 1e-9).all()
    order = np.argsort(variance)
    moved = np.abs(drawn_in - estimate)[order]
    centre = np.ptp(drawn_in) <= np.ptp(estimate) + 1e-9
    assert centre
    assert len(moved) == len(estimate)


def test_shrinking_draws_the_small_group_and_leaves_the_large_one() -> None:
    drawn_in = shrunk(np.array([0.5, 0.3, 0.0]), np.array([0.0001, 0.0001, 0.04]))
    assert drawn_in[:2] == pytest.approx([0.5, 0.3], abs=0.01)
    assert drawn_in[2] > 0.15
    unknown = shrunk(np.array([0.5, np.nan]), np.array([0.1, np.nan]))
    assert unknown[0] == 0.5
    assert np.isnan(unknown[1])


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert min(corrected) == pytest.approx(min(1.0, min(p_values) * len(p_values)))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)


def test_fewer_persons_are_needed_for_a_wider_tolerance() -> None:
    assert persons_needed(0.2) < persons_needed(0.1) == 526


def test_more_persons_are_needed_where_more_groups_must_all_be_close() -> None:
    """Equal groups of the size that is said to be needed do pass, four times in five."""
    rng = np.random.default_rng(8)

    def compared(persons: int) -> Comparison:
        found = rng.binomial(persons, 0.5, 5)
        groups = np.array([sums(np.arange(persons) < k, np.ones(persons)) for k in found])
        again = rng.binomial(persons, found / persons, (400, 5))
        drawn = np.repeat(groups[None], 400, axis=0)
        drawn[..., 1] = drawn[..., 3] = drawn[..., 4] = again
        weight = groups[:, 0]
        return compare(ratios(groups, drawn), ratios_to_rest(groups, drawn), weight, tolerance=0.1)

    needed = round(np.median([compared(300).persons_needed for _ in range(9)]))
    passed = [compared(needed).gap_high <= 0.1 for _ in range(200)]
    assert 0.7 < np.mean(passed) < 0.95
