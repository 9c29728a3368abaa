"""Measures against slow, obvious versions, and intervals that resample persons."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from features.protocol import Capacity
from modeles.calibrate import calibrate
from modeles.measures import (
    Listing,
    agreement,
    auc_sample,
    beats,
    capacity_cut,
    discrimination,
    expected_calibration_error,
    list_at_capacity,
)


def cohort(persons: int = 30, dates: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "person": [f"p{i}" for _ in range(dates) for i in range(persons)],
            "as_of": [
                pd.Timestamp("2026-01-05") + pd.Timedelta(days=28 * d)
                for d in range(dates)
                for _ in range(persons)
            ],
            "referent": [f"r{i % 6}" for _ in range(dates) for i in range(persons)],
        }
    )
    label = (rng.random(len(frame)) < 0.3).astype(float)
    label[rng.random(len(frame)) < 0.1] = np.nan
    return frame.assign(label=label)


def test_nobody_is_listed_twice_within_repeat_days() -> None:
    table = cohort()
    scores = -np.tile(np.arange(30.0), 4)
    listing = list_at_capacity(
        table, scores, Capacity(per_review=5, control_share=0, repeat_days=60), b"k" * 32, "1", -9.0
    )
    chosen = table[listing.selected]
    listed = [at["person"].tolist() for _, at in chosen.groupby("as_of")]
    assert listed[0] == ["p0", "p1", "p2", "p3", "p4"]
    assert listed[1] == ["p5", "p6", "p7", "p8", "p9"]
    assert listed[2] == ["p10", "p11", "p12", "p13", "p14"]
    # 84 days after the first date they may be looked at again.
    assert listed[3] == ["p0", "p1", "p2", "p3", "p4"]


def test_precision_and_recall_are_counted_per_date() -> None:
    table = cohort()
    scores = np.random.default_rng(2).normal(size=len(table))
    listing = list_at_capacity(
        table,
        scores,
        Capacity(per_review=8, control_share=0.25, repeat_days=0),
        b"k" * 32,
        "1",
        0.0,
    )
    for found, (_, at) in zip(listing.dates, table.groupby("as_of"), strict=True):
        chosen = at.assign(s=scores[at.index]).nlargest(6, "s")
        known = chosen["label"].dropna()
        assert found.listed == 6
        assert found.precision == pytest.approx(known.mean())
        assert found.recall == pytest.approx(known.sum() / (at["label"] == 1).sum())
    assert listing.precision == pytest.approx(np.mean([d.precision for d in listing.dates]))


def test_a_date_without_a_positive_is_left_out_of_the_mean_and_not_counted_as_zero() -> None:
    table = cohort(dates=2)
    table.loc[table["as_of"] == table["as_of"].min(), "label"] = 0.0
    listing = list_at_capacity(
        table, np.zeros(len(table)), Capacity(per_review=5, control_share=0), b"k" * 32, "1", 0.0
    )
    assert np.isnan(listing.dates[0].recall)
    assert listing.recall == listing.dates[1].recall


def resampled(label: np.ndarray, scores: np.ndarray, person: np.ndarray, times: int) -> np.ndarray:
    """Draw persons, take all their rows, measure: the slow, obvious bootstrap."""
    rng = np.random.default_rng(11)
    rows = {p: np.flatnonzero(person == p) for p in np.unique(person)}
    everybody = list(rows)
    found = []
    for _ in range(times):
        at = np.concatenate([rows[p] for p in rng.choice(everybody, len(everybody))])
        found.append(roc_auc_score(label[at], scores[at]))
    return np.array(found)


def test_the_sample_knows_the_auc_and_the_slow_bootstraps_spread() -> None:
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(250), 4)
    label = (rng.random(1000) < 0.3).astype(float)
    scores = (label + rng.normal(size=1000) + rng.normal(size=250)[person]).round(1)  # ties
    sample = auc_sample(label, scores, person)
    assert sample.auc == pytest.approx(roc_auc_score(label, scores), abs=1e-12)
    slow = resampled(label, scores, person, 400)
    assert sample.standard_error == pytest.approx(slow.std(), rel=0.12)


def test_a_model_beats_a_worse_rule_and_not_its_equal() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(600), 2)
    label = (rng.random(1200) < 0.3).astype(float)
    good = label + rng.normal(size=1200)
    model = auc_sample(label, good, person)
    rules = {
        "noise": auc_sample(label, rng.normal(size=1200), person),
        "itself": model,
        "nearly": auc_sample(label, good + rng.normal(scale=0.05, size=1200), person),
    }
    assert beats(model, rules, seed=1) == {"noise": True, "itself": False, "nearly": False}


def test_rows_of_one_person_do_not_make_the_interval_narrower() -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(300) < 0.3).astype(float)
    scores = label + rng.normal(size=300)
    once = auc_sample(label, scores, np.arange(300)).standard_error
    tenfold = auc_sample(
        np.repeat(label, 10), np.repeat(scores, 10), np.repeat(np.arange(300), 10)
    ).standard_error
    assert tenfold == pytest.approx(once, rel=1e-9)


def test_unknown_labels_are_not_measured() -> None:
    label = np.array([0, 1, np.nan, 0, 1.0])
    scores = np.array([0.1, 0.9, 5.0, 0.2, 0.8])
    assert discrimination(label, scores, None).auc == 1.0


def test_a_perfectly_calibrated_forecast_has_a_small_error() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    truth = (rng.random(20_000) < probability).astype(int)
    assert expected_calibration_error(truth, probability) < 0.02
    assert expected_calibration_error(truth, probability**3) > 0.1


def test_the_map_that_made_the_labels_is_found() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20_000)
    truth = 0.7 * scores - 1.5 + 0.8 * np.maximum(scores - np.quantile(scores, 0.8), 0.0)
    label = (rng.random(20_000) < 1 / (1 + np.exp(-truth))).astype(int)
    found = calibrate(scores, label, np.arange(20_000) // 3, seed=0)
    for score in (-1.5, 0.0, 1.5, 2.5):
        expected = 0.7 * score - 1.5 + 0.8 * max(score - found.knot, 0.0)
        middle, low, high = found.probability(score)
        assert middle == pytest.approx(1 / (1 + np.exp(-expected)), abs=0.04)
        assert low <= middle <= high
        mapped = float(found.probabilities(np.array([score]))[0])
        assert found.score(mapped) == pytest.approx(score, abs=1e-9)


def test_the_band_is_about_the_frequency_and_wider_for_fewer_households() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=6_000)
    label = (rng.random(6_000) < 1 / (1 + np.exp(-(scores - 1.5)))).astype(int)
    many = calibrate(scores, label, np.arange(6_000), seed=0)
    # The same rows of a tenth of the households, each with ten alike.
    order = np.argsort(scores)
    few = calibrate(scores[order], label[order], np.arange(6_000) // 10, seed=0)
    _, low, high = many.probability(0.0)
    assert 0.02 < high - low < 0.12
    widths = [(c.probability(2.0)[2] - c.probability(2.0)[1]) for c in (many, few)]
    assert widths[1] > 0.5 * widths[0]


def test_the_map_never_falls_and_bears_separable_scores_and_rare_outcomes() -> None:
    scores = np.linspace(-3, 3, 200)
    for label in ((scores > 2.9), (np.abs(scores) < 0.5), (scores < -1)):
        found = calibrate(scores, label.astype(int), np.arange(200), seed=0)
        if found.slope > 0:
            assert (np.diff(found.probabilities(scores)) >= 0).all()
        assert np.isfinite([found.slope, found.intercept, found.bend]).all()


def test_the_cut_fills_the_signal_places_of_a_typical_date() -> None:
    table = cohort(persons=30, dates=3)
    scores = np.tile(np.arange(30.0), 3)
    # Eight places: 22 to 29; the cut lies below the last of them and is nobody's score.
    assert capacity_cut(table, scores, Capacity(per_review=10, control_share=0.2)) == 21.5


# The list under ties, against every order that the draw could have given.

SITUATIONS = st.lists(
    st.tuples(
        st.integers(0, 2),  # score: few values, many ties
        st.sampled_from([0.0, 1.0, math.nan]),  # label
        st.sampled_from(["r0", "r1", None]),
    ),
    min_size=1,
    max_size=6,
)


def few_people(rows: list[tuple[int, float, str | None]], dates: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person": [f"p{i}" for _ in range(dates) for i in range(len(rows))],
            "as_of": [
                pd.Timestamp("2026-01-05") + pd.Timedelta(days=28 * d)
                for d in range(dates)
                for _ in rows
            ],
            "referent": pd.Series([r for _, _, r in rows] * dates, dtype="str"),
            "label": [label for _, label, _ in rows] * dates,
        }
    )


def every_list(
    rows: list[tuple[int, float, str | None]], places: int, per_referent: int
) -> list[list[int]]:
    """Serve in every order that respects the scores."""
    found = []
    for order in permutations(range(len(rows))):
        if any(rows[a][0] < rows[b][0] for a, b in pairwise(order)):
            continue
        taken: list[int] = []
        for at in order:
            referent = rows[at][2]
            full = referent and sum(rows[i][2] == referent for i in taken) >= per_referent
            if len(taken) < places and not full:
                taken.append(at)
        found.append(taken)
    return found


def reach(rows: list[tuple[int, float, str | None]], per_referent: int) -> int:
    held = per_referent * len({r for _, _, r in rows} - {None})
    return held + sum(r is None for _, _, r in rows)


@settings(max_examples=150, deadline=None)
@given(rows=SITUATIONS, per_review=st.integers(1, 6), per_referent=st.integers(1, 3))
def test_the_best_and_the_worst_case_are_those_of_every_order(
    rows: list[tuple[int, float, str | None]], per_review: int, per_referent: int
) -> None:
    capacity = Capacity(per_review=per_review, per_referent=per_referent, control_share=0)
    scores = np.array([float(score) for score, _, _ in rows])
    (found,) = list_at_capacity(few_people(rows), scores, capacity, b"k" * 32, "1", 0.0).dates
    lists = every_list(rows, min(per_review, reach(rows, per_referent)), per_referent)
    assert {len(taken) for taken in lists} == {found.listed}  # ties never move how many
    precisions = []
    for taken in lists:
        known = [rows[i][1] for i in taken if not math.isnan(rows[i][1])]
        if known:
            precisions.append(float(np.mean(known)))
    if not precisions:
        assert math.isnan(found.precision_low) and math.isnan(found.precision_high)
        return
    assert found.precision_low == pytest.approx(min(precisions))
    assert found.precision_high == pytest.approx(max(precisions))
    if not math.isnan(found.precision):
        assert found.precision_low <= found.precision <= found.precision_high
    if len({score for score, _, _ in rows}) == len(rows):
        assert found.precision_low == found.precision_high


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    digits=st.integers(0, 3),
    per_review=st.integers(1, 30),
    per_referent=st.integers(1, 5),
    repeat_days=st.sampled_from([0, 40, 90]),
)
def test_what_is_counted_of_a_list_is_what_was_served(
    seed: int, digits: int, per_review: int, per_referent: int, repeat_days: int
) -> None:
    rng = np.random.default_rng(seed)
    table = cohort(persons=25)
    scores = rng.normal(size=len(table)).round(digits)
    capacity = Capacity(
        per_review=per_review,
        per_referent=per_referent,
        control_share=0.1,
        repeat_days=repeat_days,
    )
    listing = list_at_capacity(table, scores, capacity, b"k" * 32, "1", 0.0)
    before: set[str] = set()
    for found, (_, at) in zip(listing.dates, table.groupby("as_of"), strict=True):
        served = at[listing.selected[at.index]]
        assert found.listed == len(served)
        assert served["referent"].value_counts().max() <= per_referent or served.empty
        assert found.labelled == served["label"].notna().sum()
        assert found.first_time == len(set(served["person"]) - before)
        before |= set(served["person"])
        assert not (listing.selected & ~listing.eligible).any()
        if not math.isnan(found.precision):
            assert found.precision_low <= found.precision <= found.precision_high
            assert found.precision == pytest.approx(served["label"].mean())
        assert math.isnan(found.overlap) or 0 <= found.overlap <= 1 + 1e-12
    if sum(d.listed for d in listing.dates):
        assert 0 <= listing.labelled_share <= 1 and 0 < listing.first_time_share <= 1


def test_overlap_is_that_of_the_order_and_equals_are_drawn_anew() -> None:
    table = cohort(persons=30, dates=8)
    capacity = Capacity(per_review=6, control_share=0, repeat_days=0)

    def listed(scores: np.ndarray) -> Listing:
        return list_at_capacity(table, scores, capacity, b"k" * 32, "1", 0.0)

    steady = listed(np.tile(np.arange(30.0), 8))
    assert math.isnan(steady.dates[0].overlap)
    assert steady.overlap == pytest.approx(1.0)
    assert listed(np.zeros(240)).overlap == pytest.approx(6 / 30)  # pure chance
    turned = np.concatenate([np.arange(30.0) * (-1) ** d for d in range(8)])
    assert listed(turned).overlap == 0.0
    # Three are sure of a place, six draw for the other three.
    half = np.tile(np.repeat([2.0, 1.0, 0.0], [3, 6, 21]), 8)
    assert listed(half).overlap == pytest.approx((3 + 6 * 0.5**2) / 6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), places=st.integers(1, 40), digits=st.integers(0, 3))
def test_agreement_is_a_share_and_whole_for_bags_like_the_model(
    seed: int, places: int, digits: int
) -> None:
    rng = np.random.default_rng(seed)
    table = cohort(persons=20, dates=3)
    scores = rng.normal(size=60).round(digits)
    bags = (scores[:, None] + rng.normal(size=(60, 8))).round(digits)
    assert 0 <= agreement(scores, bags, table, places) <= 1
    assert agreement(scores, np.tile(scores[:, None], 8), table, places) == 1
    opposed = agreement(
        np.tile(np.arange(20.0), 3), -np.tile(np.arange(20.0), 3)[:, None], table, 5
    )
    assert opposed == 0
