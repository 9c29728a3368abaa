"""What is shown of an audit, attacked: no count below k can be had from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from audits.engine import assess, audit_predictions
from audits.records import AuditResult, GroupEstimate
from audits.suppression import K, withheld
from tests.audits.tables import histories


@st.composite
def groups(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    cell = st.integers(0, 40)
    return draw(st.lists(st.tuples(cell, cell, cell, cell), min_size=2, max_size=4))


def rows_of(cells: list[tuple[int, int, int, int]]) -> pd.DataFrame:
    """Make a vendor's file: one row a person; "tous" is an attribute that all share."""
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
    return table.assign(tous="tous")


def audited(cells: list[tuple[int, int, int, int]], *attributes: str) -> AuditResult:
    return audit_predictions(rows_of(cells), attributes=["groupe", *attributes], replicates=10)


def running(listed: int, of: int) -> int:
    """The published rounding of a running total: to a multiple of three, below what there is."""
    return min((listed + 1) // 3, of // 3) * 3


def rounded(listed: list[int], of: list[int]) -> list[int]:
    """What shares of the groups are made of."""
    totals = zip(np.cumsum(listed).tolist(), np.cumsum(of).tolist(), strict=True)
    near = np.diff([running(x, y) for x, y in totals], prepend=0).tolist()
    return [min(x, n // 3 * 3) for x, n in zip(near, of, strict=True)]


def consistent(shown: list[int | None], of: list[int]) -> list[set[int]]:
    """Every count of each group that some table has which would be shown like this one.

    The attacker knows the rule, how many could have been listed in each group, what shown
    shares are made of to the last one.
    """
    most = [0, *np.cumsum(of).tolist()]
    ways = [set(range(n + 1)) for n in most]

    def steps(g: int) -> list[tuple[int, int]]:
        return [
            (x, y)
            for x in ways[g]
            for y in ways[g + 1] & set(range(x, x + of[g] + 1))
            if shown[g] is None
            or min(running(y, most[g + 1]) - running(x, most[g]), of[g] // 3 * 3) == shown[g]
        ]

    for g in range(len(of)):  # forwards, then backwards: only totals that lead somewhere
        ways[g + 1] = {y for _, y in steps(g)}
    for g in reversed(range(len(of))):
        ways[g] = {x for x, _ in steps(g)}
    return [{y - x for x, y in steps(g)} for g in range(len(of))]


@pytest.mark.safeguard
@settings(max_examples=60, deadline=None)
@example([(0, 11, 0, 11), (0, 11, 0, 11)])
@example([(7, 40, 30, 40), (7, 40, 30, 40)])
@given(groups())
def test_s21_small_cells_stay_ambiguous_to_who_knows_the_rule(
    cells: list[tuple[int, int, int, int]],
) -> None:
    assume(all(sum(counts) > 0 for counts in cells))
    small = any(count < K for counts in cells for count in counts)
    result = audited(cells, "tous")
    for metric, first in (("recall", 0), ("false_positive_rate", 2)):
        groups = _shown(result, metric)
        assert all(group.numerator is None for group in groups) or not small
        _attack(groups, cells, first)


@pytest.mark.safeguard
@settings(max_examples=60, deadline=None)
@example([(0, 11, 0, 11), (40, 40, 40, 40), (12, 12, 12, 12)])
@given(groups())
def test_s21_alone_a_table_keeps_its_large_groups_exact_and_its_small_ones_ambiguous(
    cells: list[tuple[int, int, int, int]],
) -> None:
    assume(all(sum(counts) > 0 for counts in cells))
    result = audited(cells)
    for metric, first in (("recall", 0), ("false_positive_rate", 2)):
        groups = _shown(result, metric)
        for group, counts in zip(groups, cells, strict=True):
            if group.numerator is not None:
                assert min(counts) >= K
                assert group.estimate == counts[first] / (counts[first] + counts[first + 1])
        hidden = [g for g, group in enumerate(groups) if group.numerator is None]
        _attack([groups[g] for g in hidden], [cells[g] for g in hidden], first)


def _shown(result: AuditResult, metric: str) -> tuple[GroupEstimate, ...]:
    return next(
        one for one in result.findings if (one.metric, one.attribute) == (metric, "groupe")
    ).groups


def _attack(
    groups: Sequence[GroupEstimate], cells: Sequence[tuple[int, int, int, int]], first: int
) -> None:
    """Take the shown shares apart: a count below k must stay one of several."""
    listed = [counts[first] for counts in cells]
    of = [counts[first] + counts[first + 1] for counts in cells]
    near = rounded(listed, of)
    left = consistent(
        [
            one if group.estimate is not None else None
            for group, one in zip(groups, near, strict=True)
        ],
        of,
    )
    for g, group in enumerate(groups):
        if group.estimate is None or group.numerator is not None:
            continue
        assert group.estimate == pytest.approx(near[g] / of[g], abs=1e-6)
        assert listed[g] in left[g]
        assert len(left[g]) > 1 or min(listed[g], of[g] - listed[g]) >= K


@pytest.mark.safeguard
def test_s21_how_few_have_no_known_outcome_cannot_be_subtracted() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"person": [f"p{i}" for i in range(600)]})
    table["a"], table["label"] = np.repeat(["x", "y"], 300), rng.random(600) < 0.4
    table = table.astype({"label": "Int8"}).assign(
        selected=rng.random(600) < 0.4, probability=rng.random(600).round(1)
    )
    table.loc[[3, 4, 400], "label"] = pd.NA
    result = audit_predictions(table, attributes=["a"], replicates=20)
    assert result.labelled_share == 0.99
    for one in result.findings:
        for group in one.groups:
            assert group.n == 300
            assert group.denominator is None
    assert all(one.persons is None for curve in result.calibration for one in curve.bins)


@pytest.mark.safeguard
def test_s21_how_few_changed_groups_cannot_be_subtracted() -> None:
    table = histories(300, 4, rng=np.random.default_rng(0))
    table.loc[[4, 40], "interprete"] = (
        table.loc[[5, 41], "interprete"].map({"oui": "non", "non": "oui"}).to_numpy()
    )
    result = audit_predictions(table, attributes=["interprete"], replicates=20)
    for one in result.findings:
        assert any(group.n is None for group in one.groups)
        assert any(group.positives is None for group in one.groups)


@pytest.mark.safeguard
def test_s21_nothing_is_told_of_the_few_in_a_group_who_have_a_score() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"person": [f"p{i}" for i in range(400)], "a": ["x", "y"] * 200})
    table["label"], table["selected"] = rng.integers(0, 2, 400), rng.random(400) < 0.4
    table["score"] = np.where((table["a"] == "x") | (table.index < 6), rng.random(400), np.nan)
    table["probability"] = table["score"]
    result = audit_predictions(table, attributes=["a"], replicates=20)
    for one in result.findings:
        if one.metric in {"auc", "calibration"}:
            assert [group.estimate is None for group in one.groups] == [False, True]


@pytest.mark.safeguard
def test_s21_no_attribute_is_exact_beside_one_that_is_rounded() -> None:
    """The exact groups of one would give the total, and so which way the others were rounded."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"person": [f"p{i}" for i in range(600)], "label": 0, "selected": False})
    table["a"] = rng.choice(["x", "y", "z"], 600, p=[0.5, 0.35, 0.15])
    table["b"] = rng.choice(["u", "v"], 600)
    table.loc[:199, "label"] = 1
    table["selected"] = rng.random(600) < 0.2
    table["a"] = rng.permutation(table["a"])
    result = audit_predictions(table, attributes=["a", "b"], replicates=100)
    recalls = [one for one in result.findings if one.metric == "recall"]
    assert any(group.suppressed for one in recalls for group in one.groups)
    for one in recalls:
        assert one.persons_needed is None or str(one.persons_needed)[1:].strip("0") == ""
        for group in one.groups:
            assert group.numerator is None
            for end in (group.low, group.high, group.difference_low, one.gap_high):
                assert end is None or end == round(end, 2)


@pytest.mark.safeguard
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


@pytest.mark.safeguard
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
    for one in audited(cells, "tous").findings:
        if one.gap is not None:
            assert one.gap_low <= one.gap <= one.gap_high
        for group in one.groups:
            if group.estimate is not None:
                assert group.low <= group.estimate <= group.high


@settings(max_examples=60, deadline=None)
@given(groups())
def test_no_rounding_rules_out_a_gap_of_nothing(cells: list[tuple[int, int, int, int]]) -> None:
    assume(all(sum(counts) > 0 for counts in cells))
    table = rows_of(cells)
    asked = {"attributes": ["groupe", "tous"], "replicates": 10}
    exact, shown = assess(table, **asked).result, audit_predictions(table, **asked)
    for before, after in zip(exact.findings, shown.findings, strict=True):
        if before.gap_low == 0:
            assert after.gap_low == 0
