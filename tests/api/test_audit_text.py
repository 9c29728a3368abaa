"""What ``rebond audit`` prints: the answer in words, why, what is missing, where to read on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from api.audit_text import audit_text, next_steps, person_advice
from audits.engine import audit_predictions
from audits.records import AuditResult, Verdict
from tests.audits.tables import people

REPORT = {"json": Path("r") / "audit.json", "pdf": Path("r") / "audit.pdf"}


def audited(persons: list[int], recalls: list[float]) -> AuditResult:
    table = people(persons, recalls, rng=np.random.default_rng(5))
    return audit_predictions(table, attributes=["groupe"], replicates=200)


def said(result: AuditResult) -> str:
    return audit_text(result, REPORT, subject="vendor.csv")


def test_a_failure_says_by_how_much_and_between_whom() -> None:
    text = said(audited([900, 900, 20], [0.7, 0.3, 0.5]))
    assert text.startswith("vendor.csv: FAIL.")
    assert "groupe: FAIL" in text
    assert "tolerance of 10 points" in text
    for part in ("largest gap ", "allowing for chance ", "p = 0.005"):
        assert part in text
    assert "least often on the list: g1 (" in text
    assert "most often: g0 (" in text
    assert "not compared, fewer than 30 persons with the outcome: g2" in text
    assert "would take" not in text
    assert text.endswith("Report, in r: audit.json, audit.pdf")


def test_no_answer_says_how_many_persons_one_would_take() -> None:
    text = said(audited([40, 8], [0.5, 0.5]))
    assert text.startswith("vendor.csv: CANNOT ASSESS.")
    assert "largest gap" not in text
    assert "an answer would take about 530 persons with the outcome in every group" in text


def test_a_pass_names_the_tolerance() -> None:
    text = said(audited([3000, 3000], [0.5, 0.5]))
    assert text.startswith("vendor.csv: PASS.")
    assert "groupe: pass" in text


def test_a_failure_whose_range_reaches_0_says_why() -> None:
    result = audited([900, 900], [0.7, 0.3])
    reaching = replace(result, findings=tuple(replace(one, gap_low=0.0) for one in result.findings))
    assert "each group with all others together" in said(reaching)
    assert "each group with all others together" not in said(result)


@pytest.mark.parametrize(
    ("verdict", "ended", "says"),
    [
        (Verdict.PASS, False, []),
        (Verdict.FAIL, False, ["cannot be approved"]),
        (Verdict.CANNOT_ASSESS, True, ["two members vote again", "approve 3 --waive-unassessed"]),
    ],
)
def test_what_follows_for_a_model(verdict: Verdict, ended: bool, says: list[str]) -> None:
    steps = next_steps("3", verdict, ended=ended)
    assert len(steps) == len(says)
    assert all(words in step for words, step in zip(says, steps, strict=True))


def test_rows_taken_for_persons_are_said_to_be() -> None:
    result = audited([40, 40], [0.5, 0.5])
    assert person_advice(replace(result, rows=result.persons + 1)) == []
    assert "--person" in person_advice(replace(result, rows=result.persons))[0]
