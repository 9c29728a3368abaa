"""The scorecard: few lines, whole points that add up, chosen the same way every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeles.binning import SMALLEST_BIN
from modeles.families import FOLDS, Fit, Training
from modeles.scorecard import LARGEST_POINTS, MOST_LINES, Scorecard
from tests.modeles.builders import feature, training
from tests.modeles.test_families import as_table, quiet


def invented(seed: int, persons: int, columns: int, told: float) -> Training:
    """Rows of persons seen twice: some columns constant, empty, or rarely filled in."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(persons), 2)
    kinds = ("count", "since_last", "ever", "mean")
    values = []
    for column in range(columns):
        made = (
            rng.poisson(1.5, len(person)).astype(float),
            rng.exponential(30.0, len(person)),
            np.full(len(person), float(rng.integers(0, 2))),
            (rng.random(len(person)) < 0.2).astype(float),
        )[int(rng.integers(0, 4))]
        made[rng.random(len(person)) < rng.choice([0.0, 0.3, 1.0])] = np.nan
        values.append(made if column else rng.poisson(2.0, len(person)).astype(float))
    table = np.column_stack(values)
    logit = -1.0 + told * (table[:, 0] - 2.0)
    label = (rng.random(len(person)) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    label[:4] = (0, 1, 0, 1)
    features = tuple(
        feature(f"f{n}", kinds[n % 4], sign=int(rng.integers(-1, 2))) for n in range(columns)
    )
    fold = person % FOLDS
    label[np.isin(person, (5, 6))] = 1  # no fold, left out, leaves one class
    return Training(features, table, label, person, person, fold, FOLDS, 0)


def check(rows: Training, fit: Fit) -> None:
    """Every promise of a scorecard that holds whatever the data."""
    table = as_table(fit)
    assert len(table.features) <= MOST_LINES
    assert table.point is not None and table.point > 0
    worth = [table.whole_points(line) for line in table.features]
    total = np.zeros(len(rows.label))
    offset = table.intercept
    for line, whole in zip(table.features, worth, strict=True):
        assert whole is not None
        assert min(whole) == 0 < max(whole) <= LARGEST_POINTS
        offset += min(*line.points, line.missing)
        column = rows.values[:, line.column]
        total += np.where(
            np.isnan(column), whole[2], np.array(whole)[(column > line.edges[0]).astype(int)]
        )
        assert rows.features[line.column].sign * (line.points[1] - line.points[0]) >= 0
        above, missing = column > line.edges[0], np.isnan(column)
        yes = above | missing if rows.features[line.column].measure == "since_last" else above
        for side in (yes, ~yes):
            assert len(np.unique(rows.person[side])) >= SMALLEST_BIN
        assert all(n == 0 or n >= SMALLEST_BIN for n in line.persons)
    assert offset + table.point * total == pytest.approx(table.scores(rows.values), abs=1e-9)
    for bag in table.bags:
        assert len(bag.lines) <= MOST_LINES
        assert all(np.isfinite([*line.points, line.missing]).all() for line in bag.lines)
        assert np.abs([p for line in bag.lines for p in line.points]).max(initial=0.0) < 20


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    persons=st.integers(8, 120),
    columns=st.integers(1, 6),
    told=st.sampled_from([0.0, 0.5, 2.0]),
)
def test_lines_are_few_and_whole_and_add_up(
    seed: int, persons: int, columns: int, told: float
) -> None:
    rows = invented(seed, persons, columns, told)
    fit = Scorecard().fit(rows, quiet)
    check(rows, fit)
    if persons < SMALLEST_BIN:
        assert fit.features == ()
        assert as_table(fit).scores(rows.values) == pytest.approx(
            np.log(rows.label.mean() / (1 - rows.label.mean()))
        )


def test_the_same_rows_in_another_order_make_the_same_card() -> None:
    rows = training(900)
    order = np.random.default_rng(1).permutation(len(rows.label))
    mixed = replace(
        rows,
        **{name: getattr(rows, name)[order] for name in
           ("values", "label", "person", "household", "fold")},
    )  # fmt: skip
    one, other = (Scorecard(6).fit(r, quiet) for r in (rows, mixed))
    assert [(f.column, f.edges, f.persons) for f in one.features] == [
        (f.column, f.edges, f.persons) for f in other.features
    ]
    assert as_table(one).scores(rows.values) == pytest.approx(as_table(other).scores(rows.values))


def test_a_bag_chooses_without_a_look_at_its_fold() -> None:
    """One fold is full of a pattern that nobody else shows: its own bag must not know of it."""
    rows = training(900)
    mine = rows.fold == 2
    label = rows.label.copy()
    label[mine] = (rows.values[mine, 3] > 0).astype(np.int64)
    turned = replace(rows, label=label)
    before, after = (Scorecard().bags(r, quiet) for r in (rows, turned))
    assert before[2].lines == after[2].lines
    assert before[2] == after[2]
    others = [n for n in range(FOLDS) if n != 2]
    assert all(before[n].lines != after[n].lines for n in others)


def test_planted_lines_are_found_with_their_order_and_their_signs() -> None:
    rng = np.random.default_rng(3)
    person = np.arange(4000)
    values = rng.normal(size=(4000, 12))
    yes = values[:, [2, 7, 9]] > 0
    logit = -2.0 + yes @ np.array([2.0, -1.2, 0.6])
    label = (rng.random(4000) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    features = tuple(feature(f"f{n}", "trend") for n in range(12))
    rows = Training(features, values, label, person, person, person % FOLDS, FOLDS, 0)
    found = Scorecard(3).fit(rows, quiet)
    assert [line.column for line in found.features] == [2, 7, 9]
    gains = [line.points[1] - line.points[0] for line in found.features]
    assert gains == pytest.approx([2.0, -1.2, 0.6], abs=0.35)
    # Of the quartiles and the last tenth, the cut is the one at the middle.
    assert all(abs(line.edges[0]) < 0.25 for line in found.features)


def test_a_question_that_all_of_a_bags_rows_answer_alike_gets_no_points() -> None:
    """Only one fold ever says yes: its own bag has nothing to choose."""
    rows = training(900)
    values = (rows.fold == 3).astype(float)[:, np.newaxis]
    alone = replace(rows, features=(feature("x", "sum"),), values=values)
    bags = Scorecard().bags(alone, quiet)
    assert bags[3].lines == ()
    assert np.isfinite([bag.intercept for bag in bags]).all()
