"""The batch reader is the plain reader, bit for bit, whatever the lines and the values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeles import batch
from modeles.boosting import Additive
from modeles.logistic import Logistic
from modeles.scorecard import Scorecard
from modeles.table import Bag, Line, ModelTable, add_up, bag_scores, contributions
from tests.modeles.builders import table, training
from tests.modeles.test_families import as_table, quiet

Floats = npt.NDArray[np.float64]

COLUMNS = 4
NUMBERS = st.floats(-50, 50)
EDGES = st.integers(-400, 400).map(lambda eighths: eighths / 8)
POINTS = st.floats(-5, 5)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Any line on any column; several may look at one column, and none at another."""
    shape = draw(st.sampled_from(("steps", "line")))
    sizes = (0, 6) if shape == "steps" else (2, 2)
    edges = draw(st.lists(EDGES, unique=True, min_size=sizes[0], max_size=sizes[1]).map(sorted))
    count = len(edges) + (shape == "steps")
    return Line(
        column=draw(st.integers(0, COLUMNS - 1)),
        shape=shape,  # type: ignore[arg-type]
        scale=draw(st.sampled_from(("linear", "log1p"))),
        edges=tuple(edges),
        points=tuple(draw(st.lists(POINTS, min_size=count, max_size=count))),
        missing=draw(POINTS),
    )


BAGS = st.builds(Bag, POINTS, st.lists(lines(), max_size=8).map(tuple))


@st.composite
def questions(draw: st.DrawFn) -> tuple[tuple[Bag, ...], Floats]:
    """Some bags, and rows that also hold nothing, infinity, and every edge itself."""
    bags = tuple(draw(st.lists(BAGS, min_size=1, max_size=3)))
    edges = {edge for bag in bags for line in bag.lines for edge in line.edges}
    on_axis = {float(np.expm1(min(edge, 20.0))) for edge in edges}
    values = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, *sorted(edges | on_axis)])
    row = st.lists(values | NUMBERS, min_size=COLUMNS, max_size=COLUMNS)
    rows = draw(st.lists(row, max_size=12))
    return bags, np.array(rows, float).reshape(len(rows), COLUMNS)


def as_model(bag: Bag) -> ModelTable:
    told = tuple(replace(table().features[0], **vars(line)) for line in bag.lines)
    return replace(table(), intercept=bag.intercept, features=told)


def same(found: Floats, expected: Floats) -> bool:
    return found.shape == expected.shape and found.tobytes() == expected.tobytes()


@settings(max_examples=200, deadline=None)
@given(questions())
def test_the_batch_is_the_plain_reader_bit_for_bit(asked: tuple[tuple[Bag, ...], Floats]) -> None:
    bags, values = asked
    assert same(batch.bag_scores(bags, values), bag_scores(bags, values))
    for bag in bags:
        found, scores = batch.explained(as_model(bag), values)
        assert same(found, contributions(bag.lines, values))
        assert same(scores, add_up(bag.intercept, bag.lines, values))


@pytest.mark.parametrize(
    "family", [Scorecard(), Logistic(), Additive()], ids=lambda family: family.name
)
def test_many_parts_are_read_as_one(family: Scorecard | Logistic | Additive) -> None:
    """More rows than a thread takes at once, and not a whole number of times."""
    fitted = as_table(family.fit(training(), quiet))
    values = np.vstack([training(seed=seed).values for seed in range(5)])[:-1]
    into = np.full(values.shape, np.nan)
    found, scores = batch.explained(fitted, values, into=into)
    assert found is into
    assert same(found, fitted.contributions(values))
    assert same(scores, fitted.scores(values))
    assert same(batch.bag_scores(fitted.bags, values), fitted.bag_scores(values))


def test_any_kind_of_array_is_read() -> None:
    rows = training().values
    fitted = as_table(Logistic().fit(training(), quiet))
    frozen = rows.copy()
    frozen.flags.writeable = False
    for values in (rows[::3], np.asfortranarray(rows), frozen):
        found, scores = batch.explained(fitted, values)
        assert same(found, fitted.contributions(values))
        assert same(scores, fitted.scores(values))
    assert len(batch._walk.signatures) == 1


@given(lines().filter(lambda line: line.shape == "line"), st.lists(NUMBERS, max_size=20))
def test_a_line_is_straight_between_its_knots_and_level_outside(
    line: Line, given_values: list[float]
) -> None:
    values = np.array(given_values, float)
    axis = np.log1p(np.maximum(values, 0.0)) if line.scale == "log1p" else values
    expected = np.interp(axis, line.edges, line.points)
    assert np.allclose(line.contribution(values), expected, rtol=0, atol=1e-12)
    ends = replace(line, scale="linear").contribution(np.array([-np.inf, *line.edges, np.inf]))
    first, last = line.points
    assert ends.tolist() == [first, first, last, last]
