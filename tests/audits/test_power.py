"""A short audit of the audit; the long one is ``rebond bench audit --power``.

The bounds leave room for chance: at the promised rates each would break about once in a
thousand runs, and the seeds are fixed.
"""

from __future__ import annotations

import numpy as np

from audits.power import CLUSTERED, EQUAL_LARGE, EQUAL_SMALL, GAP, answers, covered, power
from audits.records import Verdict


def share(findings: list, verdict: Verdict) -> float:
    return float(np.mean([one.verdict is verdict for one in findings]))


def test_equality_with_small_groups_is_rarely_failed_and_never_passed() -> None:
    found = answers(EQUAL_SMALL, 120, seed=1, replicates=200)
    assert share(found, Verdict.FAIL) <= 0.05
    assert share(found, Verdict.PASS) == 0


def test_a_true_gap_of_fifteen_points_is_mostly_failed_and_never_passed() -> None:
    found = answers(GAP, 400, seed=1, replicates=200)
    assert share(found, Verdict.FAIL) >= 0.80
    assert share(found, Verdict.PASS) <= 0.05


def test_equality_of_large_groups_mostly_passes() -> None:
    found = answers(EQUAL_LARGE, 40, seed=1, replicates=200)
    assert share(found, Verdict.PASS) >= 0.80
    assert share(found, Verdict.FAIL) <= 0.05


def test_simultaneous_intervals_cover_where_rows_of_a_person_resemble_one_another() -> None:
    found = answers(CLUSTERED, 200, seed=1, replicates=200)
    assert 0.91 <= np.mean([covered(one, CLUSTERED) for one in found]) <= 0.99


def test_rows_of_one_truth_have_the_stated_recall_and_correlation() -> None:
    table = CLUSTERED.table(np.random.default_rng(0))
    positive = table[(table["label"] == 1) & (table["groupe"] == "g0")]
    by_person = positive.groupby("person")["selected"].mean()
    assert abs(by_person.mean() - CLUSTERED.recalls[0]) < 0.1
    # Var of a person's mean over 12 rows: p(1-p) (rho + (1-rho)/12).
    expected = 0.25 * (0.5 + 0.5 / 12)
    assert abs(by_person.var() / expected - 1) < 0.25


def test_every_rate_is_counted_and_says_what_was_promised() -> None:
    told: list[str] = []
    found = power(3, replicates=50, progress=told.append)
    assert [one.name for one in found] == [
        "false_failure",
        "false_pass",
        "detection",
        "pass",
        "coverage",
    ]
    assert all(one.audits == 3 for one in found)
    assert len(told) == 4
