"""Models in words: a scorecard on one sheet, a table as shown, two of them compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.measured import Measured
from api.model_text import diff_text, show_text
from api.scorecard_sheet import scorecard_sheet
from modeles.comparison import compare
from modeles.table import ModelTable
from tests.modeles.builders import table
from tests.modeles.test_comparison import of, step


def scorecard() -> ModelTable:
    lines = (step("rdv", 2.5, 0.4), step("contact", 1.5, -0.6, missing=-0.6))
    return replace(of(*lines, point=0.2), intercept=-1.0, cut=-1.2)


def test_a_scorecard_adds_up_with_a_pencil() -> None:
    sheet = scorecard_sheet(scorecard())
    assert sheet is not None
    assert [(q.title, q.where, q.points) for q in sheet.questions] == [
        ("contact : nombre sur 90 jours", ("jusqu'à 1 fait",), 3),
        ("rdv : nombre sur 90 jours", ("plus de 2 faits",), 2),
    ]
    assert scorecard().start == pytest.approx(-1.6)
    assert sheet.enough == 2
    assert [(t.low, t.per_100) for t in sheet.totals[:2]] == [(0, 17), (1, 20)]
    assert sheet.totals[-1].high == 5


def test_totals_hardly_ever_seen_have_no_estimate() -> None:
    card = scorecard()
    seen = ((-3.0, 0.1, 0.11), (card.start + 3 * 0.2, 0.2, 0.21))
    sheet = scorecard_sheet(replace(card, calibration=replace(card.calibration, venn_abers=seen)))
    assert sheet is not None
    assert [(t.low, t.high) for t in sheet.totals if t.uncertain] == [(4, 5)]


def test_a_scorecard_is_shown_in_points_and_others_in_log_odds() -> None:
    shown = show_text(scorecard(), None)
    assert "0 points are -1.600 log-odds, and each point is worth +0.200" in shown
    assert "+2 points" in shown
    assert "From 2 points on" in shown
    assert "start from -2.500" in show_text(table(), None)


def test_measures_may_be_unknown() -> None:
    own = {
        "auc": 0.7, "precision_at_capacity": None, "recall_at_capacity": 0.3, "dates": [],
        "splits": [], "worst_split": None, "tie_spread": None, "gap_to_yardstick": 0.01,
    }  # fmt: skip
    shown = show_text(table(), Measured(own, None, own))
    assert "precision at capacity unknown  black box unknown" in shown


def test_two_tables_of_the_same_content_are_one_sentence() -> None:
    text = diff_text(compare(table("1"), table("2")))
    assert text == "Nothing changed from model 1 to model 2."


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            of(step("rdv", 2.5, 0.12)),
            of(step("rdv", 2.5, 0.31)),
            "rdv : nombre sur 90 jours: from +0.12 to +0.31 at more than 2 events",
        ),
        (
            of(step("rdv", 1.5, 0.4)),
            of(step("rdv", 4.5, 0.4)),
            "from +0.40 to +0.00 at more than 1 event, up to 4 events",
        ),
        (of(), of(step("rdv", 1.5, -0.5)), "came: rdv : nombre sur 90 jours: -0.50 at more than 1"),
        (of(step("rdv", 1.5, 0.4)), of(), "went: rdv : nombre sur 90 jours: was +0.40 at more"),
        (
            of(step("rdv", 1.5, 0.4, missing=0.1)),
            of(step("rdv", 1.5, 0.4)),
            "from +0.10 to +0.00 without a value",
        ),
        (
            of(replace(step("rdv", 0.5, 0.4), unit="oui ou non")),
            of(replace(step("rdv", 0.5, 0.2), unit="oui ou non")),
            "from +0.40 to +0.20 at yes",
        ),
        (
            of(step("rdv", 1.5, 0.2), step("rdv", 4.5, 1.0), point=0.2),
            of(step("rdv", 1.5, 0.6), point=0.3),
            "from +6 points to +2 points at more than 4 events",
        ),
        (
            of(step("rdv", 1.5, 0.4)),
            of(replace(step("rdv", 1.5, 0.4), reason="une autre raison")),
            "rdv : nombre sur 90 jours: same points (said in other words)",
        ),
        (of(step("rdv", 1.5, 0.4)), of(step("rdv", 1.5, 0.405)), "1 moved by less than 0.01"),
    ],
)
def test_changes_are_said_in_words_and_points(
    before: ModelTable, after: ModelTable, said: str
) -> None:
    assert said in diff_text(compare(before, after))


def test_the_header_says_what_is_another_and_what_is_the_same() -> None:
    after = replace(
        table("2"), family="logistic", intercept=-2.0, hashes={"data": "e", "protocol": "p"}
    )
    text = diff_text(compare(table("1"), after))
    assert "family: additive → logistic" in text
    assert "data: other (d → e)" in text
    assert "start: -2.500 → -2.000" in text
    assert "an average situation: about 7.6 in 100 → 11.9 in 100" in text
    assert "the same: outcome, horizon, trained until, tested from" in text
    assert text.endswith("2 have the points they had")
