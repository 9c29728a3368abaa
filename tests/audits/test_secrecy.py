"""What is shown of an audit, attacked: no count below k can be had from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from audits.engine import audit_predictions
from audits.records import AuditResult, GroupEstimate
from audits.suppression import K, withheld
from tests.audits.tables import histories

SHARES = {
    "recall": ((0,), (0, 1)),
    "false_positive_rate": ((2,), (2, 3)),
    "precision": ((0,), (0, 2)),
    "selection_rate": ((0, 2), (0, 1, 2, 3)),
}
"""Cells (found, missed, needless, passed) of every share."""


@st.composite
def groups(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    cell = st.integers(0, 40)
    return draw(st.lists(st.tuples(cell, cell, cell, cell), min_size=2, max_size=4))


def audited(cells: list[tuple[int, int, int, int]]) -> AuditResult:
    """Audit a vendor's file: one row a person."""
    rows = [
        (f"g{g}", label, selected)
        for g, counts in enumerate(cells)
        for (label, selected), count in zip(
            ((1, True), (1, False), (0, True), (0, False)), counts, strict=True
        )
        for _ in range(count)
    ]
    table = pd.DataFrame(rows, columns=["groupe", "label", "selected"])
    table["person"] = [f"p{row}" for row in range(len(table))]
    return audit_predictions(table, attributes=["groupe"], replicates=10)


def consistent(shown: dict[str, GroupEstimate]) -> np.ndarray:
    """Every table of cells, shape (tables, 4), that would be shown like that.

    The attacker knows the rule: cells are rounded to multiples of three, shares to percents.
    """
    recall = shown["recall"]
    assert recall.n is not None
    assert recall.positives is not None
    negatives = recall.n - recall.positives
    found, needless = (
        grid.ravel() for grid in np.mgrid[0 : recall.positives + 1, 0 : negatives + 1]
    )
    cells = np.column_stack([found, recall.positives - found, needless, negatives - needless])
    near = np.column_stack([_near(found, recall.positives), _near(needless, negatives)])
    near = np.column_stack(
        [near[:, 0], recall.positives - near[:, 0], near[:, 1], negatives - near[:, 1]]
    )
    possible = np.ones(len(cells), dtype=bool)
    for metric, (above, below) in SHARES.items():
        group = shown[metric]
        base = near if group.suppressed else cells
        a, b = base[:, above].sum(axis=1), base[:, below].sum(axis=1)
        if group.denominator is not None:
            possible &= cells[:, below].sum(axis=1) == group.denominator
        if group.numerator is not None:
            possible &= cells[:, above].sum(axis=1) == group.numerator
        if group.estimate is not None:
            reach = 0.005 + 1e-9 if group.suppressed else 1e-9
            possible &= (b > 0) & (np.abs(a / np.maximum(b, 1) - group.estimate) <= reach)
    return cells[possible]


def _near(count: np.ndarray, total: int) -> np.ndarray:
    """The published rounding: of three neighbours one, of the last two the total."""
    if total % 3 == 2:
        return np.where(count >= total - 1, total, np.round(count / 3) * 3)
    return np.round(count / 3) * 3


@settings(max_examples=60, deadline=None)
@given(groups())
def test_s21_small_cells_stay_ambiguous_to_who_knows_the_rule(
    cells: list[tuple[int, int, int, int]],
) -> None:
    assume(all(sum(counts) > 0 for counts in cells))
    result = audited(cells)
    for g, counts in enumerate(cells):
        shown = {
            one.metric: next(group for group in one.groups if group.value == f"g{g}")
            for one in result.findings
            if one.metric in SHARES
        }
        recall = shown["recall"]
        if recall.n is None or recall.positives is None:
            continue
        left = consistent(shown)
        assert (left == counts).all(axis=1).any()
        for index, count in enumerate(counts):
            assert count >= K or len(set(left[:, index])) > 1


def test_s21_no_hidden_count_is_a_combination_of_shown_ones() -> None:
    table = histories(700, 3, rng=np.random.default_rng(5))
    table.loc[table["person"].isin([f"p{i}" for i in range(7)]), "genre"] = "autre"
    result = audit_predictions(
        table,
        attributes=["genre", "interprete"],
        intersections=[["genre", "interprete"]],
        replicates=10,
    )
    people = table.drop_duplicates("person").fillna({"genre": "inconnu"})
    combined = people["genre"] + " × " + people["interprete"]
    finest = sorted(combined.unique())
    shown, hidden = [np.ones(len(finest))], []
    for one in result.findings:
        for group in one.groups:
            parts = group.value.split(" × ")
            cells = np.array([all(part in cell.split(" × ") for part in parts) for cell in finest])
            if one.metric == "recall":
                (hidden if group.n is None else shown).append(cells.astype(float))
    basis = np.array(shown)
    assert hidden
    for cells in hidden:
        left = cells - basis.T @ np.linalg.lstsq(basis.T, cells, rcond=None)[0]
        assert np.abs(left).max() > 1e-6


def test_s21_four_cells_are_enough_to_protect_one_of_a_crossed_table() -> None:
    """One small cell of a 3 × 2 table: its row and one other row, not everything."""
    counts = np.array([300, 200, 40, 400, 140, 240, 60, 160, 40, 35, 5])
    made_of = np.zeros((11, 6))
    rows = {0: (0, 1), 1: (2, 3), 2: (4, 5), 3: (0, 2, 4), 4: (1, 3, 5)}
    for margin, cells in rows.items():
        made_of[margin, list(cells)] = 1
    made_of[5:] = np.eye(6)
    table = np.repeat([0, 1, 2], [3, 2, 6])
    hidden = withheld(counts, counts < K, made_of, table)
    assert hidden.sum() == 4
    assert hidden[10]
    assert not hidden[:5].any()


@settings(max_examples=30, deadline=None)
@given(groups())
def test_an_interval_that_was_rounded_still_holds_what_it_held(
    cells: list[tuple[int, int, int, int]],
) -> None:
    assume(all(sum(counts) > 0 for counts in cells))
    for one in audited(cells).findings:
        if one.gap is not None:
            assert one.gap_low <= one.gap <= one.gap_high
        for group in one.groups:
            if group.estimate is not None:
                assert group.low <= group.estimate <= group.high
