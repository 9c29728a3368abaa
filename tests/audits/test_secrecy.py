"""What is shown of an audit, attacked: no count below k can be had from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from audits.engine import assess, audit_predictions
from audits.records import AuditResult, GroupEstimate
from audits.suppression import BASE, K, withheld
from tests.audits.tables import histories

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)


def step_of(rows: int) -> float:
    """The published step of a share of so many rows, where these are withheld."""
    return next((step for step in STEPS if step * rows >= BASE), STEPS[-1])


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
        if group.positives is None or group.n is None:  # its step stands for three rows
            step = step_of(of[g])
            assert group.estimate / step == pytest.approx(round(group.estimate / step))
            assert abs(group.estimate - near[g] / of[g]) <= step / 2 + 1e-6
        else:
            assert group.estimate == pytest.approx(near[g] / of[g], abs=1e-6)
        assert listed[g] in left[g]
        assert len(left[g]) > 1 or min(listed[g], of[g] - listed[g]) >= K


def told_of(result: AuditResult) -> tuple[np.ndarray, np.ndarray]:
    """Everything that is told of one table, as A x <= b about its cells and groups (4 a group).

    Each person has one row. A share s told in steps of h of a / (a + c) is linear in a and c:
    it lies within h / 2 of s, or within three rows where it was made of rounded cells.
    """
    first = [one for one in result.findings if one.attribute == "groupe"]
    size = 4 * len(first[0].groups)
    rows: list[tuple[np.ndarray, float]] = []

    def between(what: np.ndarray, least: float, most: float) -> None:
        rows.extend([(what, most), (-what, -least)])

    def at(g: int, *cells: int) -> np.ndarray:
        return np.isin(np.arange(size), [4 * g + cell for cell in cells]).astype(float)

    between(np.ones(size), result.persons, result.persons)
    positive = np.isin(np.arange(size) % 4, (0, 1)).astype(float)
    if result.positives is not None:
        between(positive, result.positives, result.positives)
    cells = {
        "recall": ((0,), (0, 1)),
        "false_positive_rate": ((2,), (2, 3)),
        "precision": ((0,), (0, 2)),
        "selection_rate": ((0, 2), (0, 1, 2, 3)),
    }
    for finding in first:
        if finding.metric not in cells:
            continue
        above, below = cells[finding.metric]
        for g, group in enumerate(finding.groups):
            if group.n is not None:
                between(at(g, 0, 1, 2, 3), group.n, group.n)
            if group.positives is not None:
                between(at(g, 0, 1), group.positives, group.positives)
            if group.denominator is not None:
                between(at(g, *below), group.denominator, group.denominator)
            if group.numerator is not None:
                between(at(g, *above), group.numerator, group.numerator)
            elif group.estimate is not None:
                blurred = group.n is None or group.positives is None
                # Of the finest step that the told share may be a multiple of.
                fits = [
                    h for h in STEPS if abs(group.estimate / h - round(group.estimate / h)) < 1e-6
                ]
                step = min(fits, default=0.0) if blurred else 0.0
                for sign in (1, -1):
                    edge = group.estimate + sign * (step / 2 + 1e-6)
                    slack = float(BASE * (1 + len(above)))
                    rows.append((sign * (at(g, *above) - edge * at(g, *below)), slack))
    return np.array([row for row, _ in rows]), np.array([most for _, most in rows])


@pytest.mark.safeguard
@settings(max_examples=15, deadline=None)
@example([(100, 100, 60, 100), (15, 26, 40, 50), (2, 2, 30, 30)])
@example([(100, 100, 60, 100), (37, 4, 10, 80), (1, 2, 30, 30)])
@given(st.lists(st.tuples(*[st.integers(0, 12) | st.integers(11, 90)] * 4), min_size=2, max_size=4))
def test_s21_linear_programming_on_shares_finds_no_small_group(
    cells: list[tuple[int, int, int, int]],
) -> None:
    """15/41 says 41, and from the total who is left: shares are margins too."""
    assume(all(sum(counts) > 0 for counts in cells))
    assume(sum(map(sum, cells)) >= 2 * K)
    result = audited(cells)
    inside, most = told_of(result)
    truth = np.ravel(cells).astype(float)
    assert (inside @ truth <= most + 1e-6).all()
    for g, group in enumerate(_shown(result, "recall")):
        for of in ((0, 1), (0, 1, 2, 3)):
            number = sum(cells[g][cell] for cell in of)
            told = group.positives if len(of) == 2 else group.n
            if told is not None or number >= K or len(cells) == 1:
                continue
            target = np.isin(np.arange(len(truth)), [4 * g + cell for cell in of]).astype(float)
            ends = [
                sign * linprog(sign * target, A_ub=inside, b_ub=most, bounds=(0, None)).fun
                for sign in (1, -1)
            ]
            assert ends[1] - ends[0] >= BASE - 1e-3, (g, of, ends)


@pytest.mark.safeguard
@settings(max_examples=25, deadline=None)
@example((15, 26), (2, 2))
@example((40, 1), (1, 9))
@given(
    st.tuples(st.integers(0, 90), st.integers(0, 90)),
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_s21_no_share_is_a_fraction_that_says_of_how_many(
    beside: tuple[int, int], few: tuple[int, int]
) -> None:
    """Two groups are withheld, and their sum is had from the total: 15/41 gives both away."""
    assume(sum(beside) >= K and sum(few) > 0)
    result = audited([(100, 100, 60, 100), (*beside, 40, 50), (*few, 30, 30)])
    large, middle, small = _shown(result, "recall")
    assert large.positives is not None and result.positives is not None
    if small.positives is not None or middle.estimate is None:
        return
    both = result.positives - large.positives
    possible = set()
    for of in range(1, both + 1):
        step = step_of(of)
        stepped = abs(middle.estimate / step - round(middle.estimate / step)) < 1e-6
        most = step / 2 + BASE / of if stepped else 0.0
        if any(abs(found / of - middle.estimate) <= most + 1e-6 for found in range(of + 1)):
            possible.add(of)
    assert sum(beside) in possible
    left = {both - of for of in possible}
    assert max(left) - min(left) >= K, left


@pytest.mark.safeguard
@settings(max_examples=10, deadline=None)
@example(1, 0)
@given(st.integers(1, K - 1), st.integers(0, 3))
def test_s21_two_filters_that_a_few_persons_lie_between_are_not_subtracted(
    many: int, cell: int
) -> None:
    """Everybody of "autre" is in "oui": 301 less 300 is a person, 163 less 163 her outcome."""
    cells = ((1, True), (1, False), (0, True), (0, False))
    people = [
        (who, langue, *cells[at])
        for who, langue, numbers in (
            ("oui", "autre", (80, 70, 60, 90)),
            ("oui", "fr", [many * (number == cell) for number in range(4)]),
            ("non", "fr", (120, 130, 140, 110)),
        )
        for at, number in enumerate(numbers)
        for _ in range(number)
    ]
    table = pd.DataFrame(people, columns=["interprete", "langue", "label", "selected"])
    table["person"] = [f"p{row}" for row in range(len(table))]
    result = audit_predictions(table, attributes=["interprete", "langue"], replicates=10)
    # Who lives here knows which of the four crossings are empty: three cells are left.
    of = {"oui": (1, 1, 0), "non": (0, 0, 1), "autre": (1, 0, 0), "fr": (0, 1, 1)}
    for counted, number in (("n", result.persons), ("positives", result.positives)):
        rows, known = [np.ones(3)], [number]
        for finding in result.findings:
            for group in finding.groups if finding.metric == "recall" else ():
                assert group.numerator is None
                if getattr(group, counted) is not None:
                    rows.append(np.array(of[group.value], float))
                    known.append(getattr(group, counted))
        between = [
            sign
            * linprog(
                sign * np.array([0, 1, 0]), A_eq=np.array(rows), b_eq=known, bounds=(0, None)
            ).fun
            for sign in (1, -1)
        ]
        assert between[1] - between[0] >= K


@pytest.mark.safeguard
def test_s21_a_ranking_of_a_group_says_not_how_many_there_are_to_rank() -> None:
    """An area under the curve is a fraction of the pairs: of 41 and 90 persons, of 3690."""
    rng = np.random.default_rng(3)
    table = rows_of([(100, 100, 60, 100), (15, 26, 40, 50), (2, 2, 30, 30)])
    table["score"] = table["probability"] = rng.random(len(table))
    result = audit_predictions(table, attributes=["groupe"], replicates=10)
    for metric in ("auc", "calibration"):
        groups = _shown(result, metric)
        assert [group.positives is None for group in groups] == [False, True, True]
        for told in (groups[1].estimate, groups[0].difference, groups[1].difference):
            assert told is None or told == round(told, 2)


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
