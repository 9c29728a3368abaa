"""The population stability index by hand, and what it says of odd rows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.drift import base_rate, by_chance, find_drift, stability_index
from tests.audits.surroundings import Floats, cohort, lines


def rows(values: Floats, label: float = 0.0) -> tuple[object, Floats, Floats]:
    number = np.arange(len(values))
    who = cohort(number, np.full(len(values), label), np.zeros(len(values), np.int64))
    return who, values, values[:, 0]


def test_the_index_by_hand() -> None:
    # Half a row more in each bin: 60.5, 40.5 of 101 before, 20.5, 80.5 of 101 since.
    p, q = np.array([60.5, 40.5]) / 101, np.array([20.5, 80.5]) / 101
    expected = sum((q - p) * np.log(q / p))
    found = stability_index(np.array([60, 40]), np.array([20, 80]))
    assert found == pytest.approx(expected)
    assert found == pytest.approx(0.4 * math.log(60 / 20 * 80 / 40), rel=0.04)


def test_a_bin_that_nobody_is_in_counts_for_nothing_and_an_empty_one_is_finite() -> None:
    two = stability_index(np.array([60, 40]), np.array([20, 80]))
    assert stability_index(np.array([60, 40, 0]), np.array([20, 80, 0])) == two
    assert 1 < stability_index(np.array([100, 0]), np.array([50, 50])) < 4


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=9))
def test_the_index_is_symmetric_and_never_negative(counts: list[tuple[int, int]]) -> None:
    before, since = np.array(counts).T
    index = stability_index(before, since)
    assert index >= -1e-12
    assert index == pytest.approx(stability_index(since, before))
    assert stability_index(before, before) == 0


def test_chance_is_the_quantile_of_chi_squared() -> None:
    # 95% of chi-squared with 4 degrees of freedom: 9.488.
    five = np.ones(5, np.int64)
    assert by_chance(five, five, 100, 50) == pytest.approx(9.488 * 0.03, rel=0.005)
    assert by_chance(np.array([3, 0]), np.array([9, 0]), 100, 50) == 0


def test_chance_passes_what_it_says_one_time_in_twenty() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    drawn = rng.multinomial(200, shares, (2000, 2))
    above = [
        stability_index(before, since) > by_chance(before, since, 200, 200)
        for before, since in drawn
    ]
    assert 0.03 < np.mean(above) < 0.07


def test_what_moved_is_named_first_and_counted() -> None:
    rng = np.random.default_rng(1)
    before, since = rng.normal(size=(400, 3)), rng.normal(size=(400, 3))
    since[:, 2] += 2
    since[:200, 1] = np.nan
    drift = find_drift(lines(3, (-1.0, 0.0, 1.0)), rows(before), rows(since))  # type: ignore[arg-type]
    assert drift is not None
    assert [shift.column for shift in drift.features] == ["f2.count", "f1.count", "f0.count"]
    assert drift.moved == 2
    assert drift.features[-1].psi < 0.1
    assert drift.score_psi < 0.1


def test_a_line_is_cut_at_its_knots_on_its_own_axis() -> None:
    line = replace(
        lines(1)[0], shape="line", scale="log1p", edges=(0.0, math.log1p(9)), points=(0.0, 1.0)
    )
    before = np.repeat([0.0, 5.0, 50.0], 20)[:, np.newaxis]
    inside = np.repeat([0.0, 8.5, 10.5], 20)[:, np.newaxis]
    moved = np.repeat([0.0, 0.0, 5.0], 20)[:, np.newaxis]
    same, other = (find_drift([line], rows(before), rows(v)) for v in (inside, moved))  # type: ignore[arg-type]
    assert same is not None
    assert other is not None
    assert same.features[0].psi == 0
    assert other.features[0].psi > 0.25


def test_two_lines_of_one_column_are_one_feature_with_the_edges_of_both() -> None:
    (low,), (high,) = lines(1, (1.0,)), lines(1, (3.0,))
    before = np.repeat([0.0, 2.0, 4.0], [20, 20, 40])[:, np.newaxis]
    since = np.repeat([0.0, 2.0, 4.0], [20, 40, 20])[:, np.newaxis]
    drift = find_drift([low, high], rows(before), rows(since))  # type: ignore[arg-type]
    assert drift is not None
    (shift,) = drift.features
    assert shift.psi == round(stability_index(np.array([20, 20, 40]), np.array([20, 40, 20])), 2)


@pytest.mark.safeguard
def test_s21_few_persons_have_no_drift_and_few_cases_no_base_rate() -> None:
    few, many = np.zeros((10, 1)), np.zeros((40, 1))
    assert find_drift(lines(1), rows(few), rows(many)) is None  # type: ignore[arg-type]
    label = np.array([1.0] * 10 + [0.0] * 90)
    everybody = cohort(np.arange(100), label, np.zeros(100, np.int64))
    assert base_rate(everybody) is None
    everybody.loc[10, "label"] = 1.0
    assert base_rate(everybody) == 0.11
    assert base_rate(everybody.assign(label=1 - everybody["label"])) == 0.89


@settings(max_examples=40, deadline=None)
@given(
    before=st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=1, max_size=40),
    since=st.lists(st.sampled_from([0.0, 7.0, math.nan]), min_size=1, max_size=40),
    label=st.sampled_from([0.0, 1.0, math.nan]),
)
def test_odd_rows_are_never_an_exception(
    before: list[float], since: list[float], label: float
) -> None:
    then, now = np.array(before)[:, np.newaxis], np.array(since)[:, np.newaxis]
    (a, _, _), (b, _, _) = rows(then, label), rows(now, label)
    drift = find_drift(
        lines(1, ()),
        (a, then, np.zeros(len(then))),
        (b, now, np.zeros(len(now))),  # type: ignore[arg-type]
    )
    assert drift is None or (drift.score_psi == 0 and drift.base_rate_since is None)
