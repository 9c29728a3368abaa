"""S21: no count below k, and none that the others give back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from audits.engine import audit_predictions
from audits.suppression import K, withheld
from tests.audits.tables import histories


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=2, max_size=3))
def test_s21_no_withheld_count_is_given_back_by_rows_columns_and_cells(
    cells: list[list[int]],
) -> None:
    crossed = np.array(cells)
    rows, columns = crossed.shape
    finest = np.eye(crossed.size)
    made_of = np.vstack(
        [
            np.kron(np.eye(rows), np.ones(columns)),
            np.kron(np.ones(rows), np.eye(columns)),
            finest,
        ]
    )
    counts = (made_of @ crossed.ravel()).astype(np.int64)
    table = np.repeat([0, 1, 2], [rows, columns, crossed.size])
    hidden = withheld(counts, counts < K, made_of, table)
    assert (counts[~hidden] >= K).all()

    # Linear algebra alone: the count changes along a direction that leaves all shown as is.
    shown = np.vstack([np.ones(crossed.size), made_of[~hidden]])
    _, singular, directions = np.linalg.svd(shown)
    free = directions[np.sum(singular > 1e-9) :]
    for count in np.flatnonzero(hidden):
        whole = table == table[count]
        if whole.sum() > 1:
            assert np.abs(free @ made_of[count]).max(initial=0) > 1e-9


def test_s21_linear_programming_on_a_table_finds_no_small_group() -> None:
    counts = np.array([5, 40, 60, 300])
    hidden = withheld(counts, counts < K, np.eye(4), np.zeros(4, dtype=np.int64))
    assert hidden.tolist() == [True, True, False, False]
    shown = np.vstack([np.ones(4), np.eye(4)[~hidden]])
    known = shown @ counts
    bounds = [
        linprog(sign * np.eye(4)[0], A_eq=shown, b_eq=known, bounds=(0, None)).fun * sign
        for sign in (1, -1)
    ]
    assert bounds[0] == pytest.approx(0)
    assert bounds[1] >= K


def test_s21_an_audit_shows_no_count_below_k() -> None:
    table = histories(300, 4, rng=np.random.default_rng(0))
    table.loc[table["person"] == "p3", "genre"] = "autre"
    result = audit_predictions(
        table,
        attributes=["genre", "interprete"],
        intersections=[["genre", "interprete"]],
        replicates=50,
    )
    positive = table["label"].eq(1).groupby(table["person"]).any()
    assert result.positives == positive.sum()
    for finding in result.findings:
        for group in finding.groups:
            assert group.n is None or group.n >= K
            assert group.positives is None or group.positives >= K
            assert group.suppressed or group.positives is not None
        withheld_counts = [group for group in finding.groups if group.positives is None]
        assert len(withheld_counts) != 1 or len(finding.groups) == 1
        assert sum(group.n is None for group in finding.groups) != 1


def test_s21_what_is_withheld_in_many_crossed_tables_cannot_be_computed_back() -> None:
    """Five attributes and all pairs: kept up from step to step, checked here from the start."""
    rng = np.random.default_rng(4)
    people = np.column_stack([rng.zipf(1.5, 2000) % values for values in (3, 4, 5, 6, 7)])
    finest, persons = np.unique(people, axis=0, return_counts=True)
    tables = [[one] for one in range(5)] + [[a, b] for b in range(5) for a in range(b)]
    groups = [
        (t, (finest[:, columns] == value).all(axis=1))
        for t, columns in enumerate(tables)
        for value in np.unique(finest[:, columns], axis=0)
    ]
    table, made_of = np.array([t for t, _ in groups]), np.array([one for _, one in groups], float)
    counts = (made_of @ persons).astype(np.int64)
    hidden = withheld(counts, counts < K, made_of, table)
    assert 0 < hidden.sum() < len(hidden)
    shown = np.vstack([made_of[~hidden], np.ones(len(finest))])
    span = np.linalg.svd(shown, full_matrices=False)
    basis = span.Vh[1e-9 * span.S[0] < span.S]
    for name in np.unique(table[hidden]):
        one = hidden & (table == name)
        if (~hidden & (table == name)).any():
            assert counts[one].sum() >= K
            far = made_of[one] - made_of[one] @ basis.T @ basis
            assert (np.abs(far).max(axis=1) > 1e-6).all()
