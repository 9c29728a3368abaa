"""Two audits of nearly the same persons, subtracted: nobody's group or outcome is left (S21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from audits.engine import assess
from audits.records import AuditResult, Verdict
from audits.releases import (
    DECISIONS,
    EVERYBODY,
    Counts,
    Telling,
    Told,
    counts_of,
    since_when,
    tell,
    to_withhold,
)
from audits.secrecy import publish
from audits.suppression import K
from audits.surroundings import DataSheet, HumanGroup, HumanSide, ShareLine, Surroundings

DAYS = [date(2026, month, 1) for month in range(1, 13)]
Cells = list[tuple[int, int, int, int]]
"""Per group: with the outcome, listed or not; without it, listed or not."""

BASE_CELLS: Cells = [(60, 80, 40, 90), (45, 30, 50, 70), (20, 25, 30, 3)]


def rows_of(cells: Cells) -> pd.DataFrame:
    rows = [
        (f"g{g}", label, selected, f"g{g}-{label}-{selected}-{number}")
        for g, counts in enumerate(cells)
        for (label, selected), count in zip(
            ((1, True), (1, False), (0, True), (0, False)), counts, strict=True
        )
        for number in range(count)
    ]
    table = pd.DataFrame(rows, columns=["groupe", "label", "selected", "person"])
    return table.assign(autre=np.where(np.arange(len(table)) % 3 == 0, "x", "y"))


def audited(
    cells: Cells, own: Told | None = None, others: Sequence[Told] = (), *, on: date = DAYS[0]
) -> tuple[Told, frozenset[str]]:
    """Audit and tell, as a home does."""
    table = rows_of(cells)
    found = assess(table, attributes=["groupe", "autre"], replicates=10)
    counts = counts_of(found)
    result = publish(
        found.result,
        found.population,
        found.groupings,
        without_numbers=to_withhold(counts, own, others),
    )
    around = Surroundings(data_sheet=sheet_of(table))
    return tell(Telling(result, around), counts, own, others, on=on)


def sheet_of(table: pd.DataFrame) -> DataSheet:
    many, rate = len(table), float(table["label"].mean())
    test = {"test_from": DAYS[0], "test_until": DAYS[3], "test_persons": many, "test_rows": many}
    return DataSheet(
        extracted_on=DAYS[5],
        train_from=DAYS[0],
        train_until=DAYS[0],
        train_persons=900,
        train_rows=900,
        train_base_rate=0.5,
        test_base_rate=rate,
        features=3,
        unknown=(),
        set_aside=(),
        **test,
    )


def figures(result: AuditResult) -> AuditResult:
    """All but the answers, which are always today's."""
    findings = [replace(one, verdict=None, persons_needed=None) for one in result.findings]
    return replace(result, verdict=Verdict.PASS, findings=tuple(findings))


def more(cells: Cells, *came: tuple[int, int, int]) -> Cells:
    """Add persons: group, cell, how many."""
    grown = [list(counts) for counts in cells]
    for group, cell, number in came:
        grown[group][cell] += number
    return [tuple(counts) for counts in grown]  # type: ignore[misc]


@pytest.mark.safeguard
@settings(max_examples=8)
@given(st.integers(0, 2), st.integers(0, 3), st.integers(1, K - 1))
def test_s21_who_came_between_two_audits_changes_nothing_that_is_told(
    group: int, cell: int, many: int
) -> None:
    """Whatever the group and the outcome of one to ten persons: both reports are the same."""
    before, _ = audited(BASE_CELLS)
    after, standing = audited(more(BASE_CELLS, (group, cell, many)), before, on=DAYS[1])
    assert figures(after.last.result) == figures(before.last.result)
    assert after.last.around == before.last.around
    assert standing >= {EVERYBODY, "groupe"}
    assert set(after.days.values()) == {DAYS[0]}


@pytest.mark.safeguard
@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from([0, 0, 1, 5, 11, 30])] * 4), min_size=3, max_size=3))
def test_s21_linear_programming_on_two_dates_finds_no_few_newcomers(came: Cells) -> None:
    """What was told before and what is told now, in one program about who came since."""
    before, _ = audited(BASE_CELLS)
    grown = [
        tuple(a + b for a, b in zip(was, some, strict=True))
        for was, some in zip(BASE_CELLS, came, strict=True)
    ]
    after, _ = audited(grown, before, on=DAYS[1])  # type: ignore[arg-type]
    told = [before.last.result, after.last.result]
    if after.days["groupe"] == DAYS[0]:
        assert figures(told[1]).findings[0] == figures(told[0]).findings[0]
        told[1] = told[0]
    for g, some in enumerate(came):
        for of in ((0, 1), (2, 3), (0, 1, 2, 3)):
            number = sum(some[cell] for cell in of)
            least, most = newcomers(told[0], told[1], g, of)
            if 0 < number < K:
                assert after.days["groupe"] == DAYS[0] or most - least >= K, (g, of, least, most)


@pytest.mark.safeguard
def test_s21_the_attack_by_subtraction_works_on_two_audits_that_know_nothing_of_each_other() -> (
    None
):
    """One person more, told afresh: her group, her outcome and that she was listed."""
    before, _ = audited(BASE_CELLS)
    after, _ = audited(more(BASE_CELLS, (1, 0, 1)))
    told = before.last.result, after.last.result
    assert newcomers(*told, 1, (0, 1)) == pytest.approx((1, 1))
    assert newcomers(*told, 0, (0, 1)) == pytest.approx((0, 0))


def newcomers(
    before: AuditResult, after: AuditResult, group: int, of: tuple[int, ...]
) -> tuple[float, float]:
    """What an attacker makes of two results about who came to some cells of a group."""
    groups = [
        next(one for one in some.findings if (one.attribute, one.metric) == ("groupe", "recall"))
        for some in (before, after)
    ]
    size = 4 * len(groups[0].groups)
    rows, known = [], []

    def equal(row: np.ndarray, number: int | None) -> None:
        if number is not None:
            rows.append(row)
            known.append(number)

    for when, (result, finding) in enumerate(zip((before, after), groups, strict=True)):

        def at(inside: np.ndarray, when: int = when) -> np.ndarray:
            return np.concatenate([inside, when * inside]).astype(float)

        cell, place = np.arange(size) % 4, np.arange(size) // 4
        equal(at(np.ones(size)), result.persons)
        equal(at(cell < 2), result.positives)
        for g, told in enumerate(finding.groups):
            equal(at(place == g), told.n)
            equal(at((place == g) & (cell < 2)), told.positives)
            equal(at((place == g) & (cell == 0)), told.numerator)
    target = np.zeros(2 * size)
    target[[size + 4 * group + cell for cell in of]] = 1
    ends = [
        sign * linprog(sign * target, A_eq=np.array(rows), b_eq=known, bounds=(0, 500)).fun
        for sign in (1, -1)
    ]
    return ends[0], ends[1]


@pytest.mark.safeguard
def test_s21_who_came_and_left_again_is_not_found_by_the_first_and_the_third_audit() -> None:
    first, _ = audited(BASE_CELLS)
    grown = more(BASE_CELLS, *[(g, cell, 20) for g in range(3) for cell in range(4)])
    second, standing = audited(grown, first, on=DAYS[1])
    assert second.days["groupe"] == DAYS[1]
    assert not standing
    assert second.last.result.persons == first.last.result.persons + 240
    third, standing = audited(more(BASE_CELLS, (0, 0, 1)), second, on=DAYS[2])
    assert figures(third.last.result) == figures(second.last.result)
    assert "groupe" in standing


@pytest.mark.safeguard
def test_s21_the_first_of_a_new_group_does_not_show_by_what_is_withheld_for_her() -> None:
    before, _ = audited(BASE_CELLS)
    after, standing = audited([*BASE_CELLS, (0, 1, 0, 0)], before, on=DAYS[1])
    assert figures(after.last.result) == figures(before.last.result)
    assert standing == {EVERYBODY, "groupe", "autre"}


@pytest.mark.safeguard
def test_s21_another_model_does_not_tell_who_came_since_the_first_was_audited() -> None:
    first, _ = audited(BASE_CELLS)
    other, _ = audited(more(BASE_CELLS, (2, 1, 1)), None, [first], on=DAYS[1])
    result = other.last.result
    assert (result.persons, result.positives) == (
        first.last.result.persons,
        first.last.result.positives,
    )
    sheets = [told.last.around.data_sheet for told in (first, other)]
    assert sheets[0] == sheets[1]
    for finding in result.findings:
        for group in finding.groups:
            assert (group.n, group.positives, group.denominator) == (None, None, None)
            assert group.estimate is None or group.estimate == round(group.estimate, 2)
    same, _ = audited(BASE_CELLS, None, [first], on=DAYS[1])
    assert same.last.result == first.last.result  # nobody came: there is nothing to subtract


def test_the_answer_is_of_today_where_the_figures_are_not() -> None:
    before, _ = audited([(400, 400, 300, 300), (400, 400, 300, 300)])
    then = next(one for one in before.last.result.findings if one.metric == "recall")
    moved = [(397, 403, 300, 300), (403, 397, 300, 300)]
    after, _ = audited(moved, before, on=DAYS[1])  # type: ignore[arg-type]
    gate = next(one for one in after.last.result.findings if one.metric == "recall")
    assert gate.groups == then.groups
    table = rows_of(moved)  # type: ignore[arg-type]
    today = assess(table, attributes=["groupe", "autre"], replicates=10).result
    assert after.last.result.verdict is today.verdict
    assert gate.verdict is today.findings[0].verdict


def test_what_stands_is_said_with_its_day_in_both_languages() -> None:
    before, _ = audited(BASE_CELLS)
    after, standing = audited(more(BASE_CELLS, (0, 1, 2)), before, on=DAYS[1])
    (said,) = since_when(after, standing)
    assert "1er janvier 2026" in said.fr
    assert "groupe" in said.fr
    assert "1 January 2026" in said.en
    assert Told.of_bytes(after.as_bytes()) == after


@pytest.mark.safeguard
def test_s21_one_decision_more_is_not_the_difference_of_two_reports() -> None:
    def human(shown: int, agreed: int, alarms: tuple[str, ...] = ()) -> HumanSide:
        none = ShareLine(None, None, None, None, None)
        line = ShareLine(agreed, shown, round(agreed / shown, 2), 0.1, 0.9)
        group = HumanGroup("groupe", "g0", 300, none, line, none, none, none)
        return HumanSide(shown, shown, 12, (group,), line, none, line, none, none, none, alarms)

    before, _ = audited(BASE_CELLS)
    numbers = counts_now()
    own = before
    told = []
    for month, side in enumerate((human(40, 20), human(41, 21, ("alarm",)), human(63, 32)), 1):
        now = replace(before.last, around=replace(before.last.around, human=side))
        own, _ = tell(now, numbers, own, (), on=DAYS[month])
        told.append(own.last.around.human)
    assert told[0] == human(40, 20)
    assert told[1] == human(40, 20, ("alarm",))  # an alarm does not wait
    assert told[2] == human(63, 32)
    assert own.days[DECISIONS] == DAYS[3]


def counts_now() -> Counts:
    return counts_of(assess(rows_of(BASE_CELLS), attributes=["groupe", "autre"], replicates=10))
