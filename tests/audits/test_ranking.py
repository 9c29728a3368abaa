"""AUC and calibration by group: exact where counted by hand, covered where drawn anew."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audits.counts import Grouping, Population
from audits.engine import assess
from audits.predictions import checked
from audits.ranking import ascending, auc
from audits.records import AuditResult, Finding
from modeles.measures import auc_sample


def table(rng: np.random.Generator, persons: int = 150, rows: int = 6) -> pd.DataFrame:
    """Persons with a lasting frailty; the probability is right in every group."""
    frailty = np.repeat(rng.beta(2, 6, persons), rows)
    label = (rng.random(len(frailty)) < frailty).astype(float)
    groups = np.repeat(rng.choice(["u", "v", "w"], persons, p=[0.5, 0.3, 0.2]), rows)
    return pd.DataFrame(
        {
            "person": np.repeat([f"p{index}" for index in range(persons)], rows),
            "groupe": groups,
            "label": label,
            "selected": frailty > 0.4,
            "score": frailty,
            "probability": frailty,
        }
    )


def finding(result: AuditResult, metric: str) -> Finding:
    return next(one for one in result.findings if one.metric == metric)


def true_auc() -> float:
    """The AUC of this frailty, from many more people than any audit has."""
    rng = np.random.default_rng(99)
    frailty = rng.beta(2, 6, 400_000)
    label = rng.random(len(frailty)) < frailty
    rank = np.empty(len(frailty))
    rank[np.argsort(frailty)] = np.arange(1, len(frailty) + 1)
    n = int(label.sum())
    return float((rank[label].sum() - n * (n + 1) / 2) / (n * (len(label) - n)))


def test_not_the_last_bit_of_a_score_s_measure_hangs_on_the_order_of_rows() -> None:
    rows = table(np.random.default_rng(3))
    rows["score"] = rows["score"].round(2)
    first = assess(rows, attributes=["groupe"], replicates=20).result
    turned = rows.sample(frac=1, random_state=0)
    assert assess(turned, attributes=["groupe"], replicates=20).result == first


def test_intervals_of_scores_cover_the_truth() -> None:
    truth, rng = true_auc(), np.random.default_rng(0)
    auc, calibrated, apart = [], [], []
    for audit in range(60):
        result = assess(table(rng), attributes=["groupe"], seed=audit, replicates=200).result
        largest = finding(result, "auc").groups[0]
        auc.append(largest.low <= truth <= largest.high)
        offset = finding(result, "calibration").groups[0]
        calibrated.append(offset.low <= 0 <= offset.high)
        apart.append(
            all(
                group.difference_low <= 0 <= group.difference_high
                for group in finding(result, "auc").groups
                if group.difference is not None
            )
        )
    # Each at 95%: three standard errors of 60 audits are 8 points.
    assert np.mean(auc) > 0.86
    assert np.mean(calibrated) > 0.86
    assert np.mean(apart) > 0.86


def test_scores_never_gate() -> None:
    skewed = table(np.random.default_rng(1), persons=2000)
    skewed["probability"] = np.where(skewed["groupe"] == "u", 0.9, skewed["probability"])
    result = assess(skewed, attributes=["groupe"], replicates=100).result
    offset = finding(result, "calibration")
    assert offset.verdict is None
    assert offset.groups[0].difference_high < 0
    assert offset.gap > 0.4


def test_curves_hold_every_group_and_add_up() -> None:
    some = table(np.random.default_rng(2), persons=900)
    result = assess(some, attributes=["groupe"], replicates=50).result
    assert [curve.value for curve in result.calibration] == ["u", "v", "w"]
    edges = np.unique(np.quantile(some["probability"], np.arange(1, 10) / 10))
    where = np.searchsorted(edges, some["probability"], side="right")
    for curve in result.calibration:
        of_group = some[some["groupe"] == curve.value].assign(
            bin=where[some["groupe"] == curve.value]
        )
        for at, one in enumerate(curve.bins):
            rows = of_group[of_group["bin"] == at]
            assert one.persons == rows["person"].nunique()
            if len(rows):
                assert one.expected == pytest.approx(rows["probability"].mean())
                assert one.observed == pytest.approx(rows["label"].mean())


def test_without_scores_nothing_is_said_of_them() -> None:
    plain = table(np.random.default_rng(3)).drop(columns=["score", "probability"])
    result = assess(plain, attributes=["groupe"], replicates=20).result
    assert {one.metric for one in result.findings}.isdisjoint({"auc", "calibration"})
    assert result.calibration == ()


def test_in_each_group_the_influences_are_those_of_the_training_s_own_measure() -> None:
    some = checked(table(np.random.default_rng(4)), ["groupe"])
    some["score"] = some["score"].round(1)  # many ties
    population = Population.of(some, ["groupe"])
    grouping = Grouping.of(population, ("groupe",))
    score = some["score"].to_numpy()
    found = auc(grouping, population.kind, score, ascending(population.kind, score))
    for g in range(len(grouping.values)):
        inside = grouping.group == g
        label = some["label"].to_numpy(dtype=float)[inside]
        alone = auc_sample(label, score[inside], population.person[inside], population.persons)
        assert found.estimate[g, 0] == pytest.approx(alone.auc)
        members = grouping.of_member == g
        expected = alone.influence[grouping.person[members]]
        assert found.members[members, 0] == pytest.approx(expected, abs=1e-6)
