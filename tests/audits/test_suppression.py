"""S21: no count below k, and none that the others give back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from audits.engine import audit_predictions
from audits.suppression import BASE, K, _beyond_algebra, withheld
from tests.audits.tables import histories


@pytest.mark.safeguard
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


def bounds(target: np.ndarray, shown: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """What an attacker who knows that nothing is below zero makes of the shown figures."""
    ends = [
        sign * linprog(sign * target, A_eq=shown, b_eq=known, bounds=(0, None)).fun
        for sign in (1, -1)
    ]
    return ends[0], ends[1]


CROSSED = st.integers(2, 4).flatmap(
    lambda columns: st.lists(
        st.lists(
            st.one_of(st.integers(0, 12), st.integers(0, 200)),
            min_size=columns,
            max_size=columns,
        ),
        min_size=2,
        max_size=4,
    )
)


@pytest.mark.safeguard
@settings(max_examples=25, deadline=None)
@example([[1, 30], [40, 1]])
@example([[0, 11], [11, 0]])
@example([[2, 3, 200], [150, 1, 90]])
@given(CROSSED)
def test_s21_linear_programming_on_margins_bounds_no_small_cell(cells: list[list[int]]) -> None:
    """Rows, columns, cells and one filter of each, all published: every bound stays wide."""
    crossed = np.array(cells)
    assume(crossed.sum() >= K)
    rows, columns = crossed.shape
    filtered = np.kron(np.eye(rows)[0] + np.eye(rows)[1], np.ones(columns))
    made_of = np.vstack(
        [
            np.kron(np.eye(rows), np.ones(columns)),
            np.kron(np.ones(rows), np.eye(columns)),
            np.eye(crossed.size),
            filtered,
            1 - filtered,
        ]
    )
    counts = (made_of @ crossed.ravel()).astype(np.int64)
    table = np.repeat([0, 1, 2, 3], [rows, columns, crossed.size, 2])
    small = counts < K
    hidden = withheld(counts, small, made_of, table)
    assert (small <= hidden).all()
    shown = np.vstack([np.ones(crossed.size), made_of[~hidden]])
    known = shown @ crossed.ravel()
    for count in np.flatnonzero(small):
        whole = made_of[count] @ np.ones(crossed.size) == crossed.size  # a filter of everybody
        if not whole and made_of[count].any():
            least, most = bounds(made_of[count], shown, known)
            assert least - 1e-6 <= counts[count] <= most + 1e-6
            assert most - least >= BASE - 1e-6, (count, least, most)


@pytest.mark.safeguard
def test_s21_the_attack_by_linear_programming_works_without_the_second_step() -> None:
    """Linear algebra leaves the cell free; that no cell is below zero pins it down."""
    crossed = np.array([[1, 1, 30], [40, 1, 60]])
    made_of = np.vstack([np.kron(np.eye(2), np.ones(3)), np.kron(np.ones(2), np.eye(3)), np.eye(6)])
    counts = (made_of @ crossed.ravel()).astype(np.int64)
    table = np.repeat([0, 1, 2], [2, 3, 6])
    by_algebra = _beyond_algebra(counts, counts < K, made_of, table)
    by_both = withheld(counts, counts < K, made_of, table)

    def narrowest(hidden: np.ndarray) -> float:
        shown = np.vstack([np.ones(6), made_of[~hidden]])
        return min(
            float(np.diff(bounds(made_of[one], shown, shown @ crossed.ravel()))[0])
            for one in np.flatnonzero(counts < K)
        )

    assert narrowest(by_algebra) < BASE
    assert narrowest(by_both) >= BASE


@pytest.mark.safeguard
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


@pytest.mark.safeguard
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


@pytest.mark.safeguard
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
