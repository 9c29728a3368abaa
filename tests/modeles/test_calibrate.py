"""From score to frequency: never falling, as wide as the data are few, equal to the textbook."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from modeles.binning import SMALLEST_BIN
from modeles.calibrate import PLACES, calibrate, venn_abers

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Case = tuple[int, int, float, float, int, int]

CALIBRATED = st.tuples(
    st.integers(0, 2**31),  # seed
    st.integers(40, 400),  # rows
    st.sampled_from([0.01, 0.3, 1.0, 4.0, 30.0]),  # how wide the scores are
    st.sampled_from([-1.0, 0.0, 1.0]),  # how much, and which way, they tell
    st.sampled_from([0, 1, 3]),  # digits kept: 0 makes many ties
    st.integers(1, 4),  # rows of a household
)


def drawn(
    seed: int, rows: int, width: float, told: float, digits: int, together: int
) -> tuple[Floats, Ints, Ints]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=rows).round(digits)
    label = (rng.random(rows) < 1 / (1 + np.exp(1.0 - told * scores))).astype(np.int64)
    # Rounded again: the textbook's library takes scores for equal that differ by an ulp.
    return (width * scores).round(9), label, np.arange(rows) // together


@settings(max_examples=80, deadline=None)
@given(CALIBRATED)
def test_estimates_never_fall_and_lie_in_their_band(case: Case) -> None:
    scores, label, household = drawn(*case)
    found = calibrate(scores, label, household, seed=0)
    grid = np.linspace(scores.min() - 1, scores.max() + 1, 60)
    assert (np.diff(found.probabilities(grid)) >= 0).all()
    for score in grid[::6].tolist():
        middle, low, high = found.probability(score)
        assert 0 <= low <= middle <= high <= 1
        assert np.isfinite(found.score(min(max(middle, 1e-6), 1 - 1e-6)))
    for rows in (found.band, found.venn_abers):
        assert np.isfinite(rows).all()
        at, low, high = (np.array(column) for column in zip(*rows, strict=True))
        assert (np.diff(at) > 0).all() and (low <= high).all()


@pytest.mark.parametrize("width", [0.01, 1.0, 5.0, 100.0])
def test_the_fit_is_the_likeliest_however_wide_the_scores(width: float) -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=3000)
    above = np.maximum(scores - np.quantile(scores, 0.8), 0.0)
    design = np.column_stack([scores, above, np.ones(3000)])
    label = (rng.random(3000) < 1 / (1 + np.exp(1.5 - 0.8 * scores - 0.4 * above))).astype(int)
    slow = minimize(
        lambda w: float(np.logaddexp(0, design @ w).sum() - label @ (design @ w)), np.zeros(3)
    ).x
    found = calibrate(width * scores, label, np.arange(3000), seed=0)
    ours = np.array([found.slope * width, found.bend * width, found.intercept])
    assert ours == pytest.approx(slow, abs=2e-3)


def test_scores_that_tell_nothing_give_everybody_the_frequency_of_all() -> None:
    label = (np.arange(300) % 4 == 0).astype(np.int64)
    for scores in (np.zeros(300), -label + np.linspace(0, 0.1, 300)):
        found = calibrate(scores, label, np.arange(300), seed=0)
        assert found.probabilities(scores) == pytest.approx(0.25, abs=1e-6)


def test_a_table_can_hold_scores_of_which_a_tenth_are_the_lowest() -> None:
    rng = np.random.default_rng(0)
    scores = np.maximum(rng.normal(size=600), 0.0)
    found = calibrate(scores, (rng.random(600) < 0.3).astype(int), np.arange(600), seed=0)
    assert np.isfinite(found.band).all() and found.band[0][0] < found.band[-1][0]


def textbook(scores: Floats, label: Ints, at: float) -> tuple[float, float]:
    """Fit isotonic regression twice, with the new case among the others, and ask for it."""
    found = [
        IsotonicRegression().fit(np.append(scores, at), np.append(label, outcome)).predict([at])[0]
        for outcome in (0, 1)
    ]
    return found[0], found[1]


@settings(max_examples=40, deadline=None)
@given(CALIBRATED)
def test_venn_abers_is_the_textbooks(case: Case) -> None:
    scores, label, household = drawn(*case)
    for at, low, high in venn_abers(scores, label, household):
        assert (low, high) == pytest.approx(textbook(scores, label, at), abs=1e-12)
        assert low <= high


@settings(max_examples=60, deadline=None)
@given(CALIBRATED)
def test_the_ends_stand_on_enough_households(case: Case) -> None:
    scores, label, household = drawn(*case)
    # With fewer, no score has enough households on either side of it.
    if len(np.unique(household)) < 2 * SMALLEST_BIN - 1:
        return
    rows = venn_abers(scores, label, household)
    assert len(np.unique(household[scores <= rows[0][0]])) >= SMALLEST_BIN
    assert len(np.unique(household[scores >= rows[-1][0]])) >= SMALLEST_BIN


def test_few_estimates_are_uncertain_where_much_was_seen_and_many_where_little_was() -> None:
    rng = np.random.default_rng(5)

    def share(rows: int) -> float:
        scores = rng.normal(size=rows)
        label = (rng.random(rows) < 1 / (1 + np.exp(1.5 - 1.2 * scores))).astype(np.int64)
        found = calibrate(scores, label, np.arange(rows), seed=0)
        seen = np.quantile(scores, PLACES).tolist()
        return sum(found.uncertain(score) for score in seen) / len(seen)

    little, more, much = (np.mean([share(rows) for _ in range(8)]) for rows in (40, 400, 6000))
    assert little > 0.25 > more > 0.02 > much
