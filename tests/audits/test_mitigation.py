"""What equal recall costs, where the truth is known: one group's signs went unrecorded."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.mitigation import MOST_ROWS, _thinned, find_trade_offs
from audits.surroundings import TradeOff
from modeles.measures import Listing, list_at_capacity
from modeles.validation import Study
from tests.audits.surroundings import Floats, study
from tests.features.builders import protocol

DATES, TRAINED = 4, 2
PROTOCOL = protocol(
    capacity="[capacity]\nper_review = 200\nper_referent = 90\ncontrol_share = 0\nrepeat_days = 0"
)


def invented(persons: int, *, unseen: float, rng: np.random.Generator) -> tuple[Study, Floats]:
    """A study in which the first column warns, but not so for a third of the people.

    Of group b a part of the warnings went unrecorded; the last column is the group but for
    one person in five, so that a learner can make up for it.
    """
    rows = persons * DATES
    group = np.tile(rng.random(persons) < 0.35, DATES)
    frailty = np.tile(rng.normal(size=persons), DATES)
    warning = frailty + rng.normal(size=rows) * 0.5
    label = (rng.random(rows) < 1 / (1 + np.exp(2.2 - 1.5 * frailty))).astype(float)
    proxy = np.where(np.tile(rng.random(persons) < 0.2, DATES), ~group, group)
    seen = np.where(group & (rng.random(rows) < unseen), -2.0, warning)
    values = np.column_stack([seen, rng.normal(size=rows), proxy.astype(float)])
    values[rng.random(rows) < 0.05, 1] = np.nan
    return study(PROTOCOL, values, label, DATES, train_dates=TRAINED), group


def attributes(group: Floats, persons: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    named = pd.DataFrame({"groupe": np.where(group, "b", "a")})
    trained = named[: persons * TRAINED]
    return trained.reset_index(drop=True), named[persons * TRAINED :].reset_index(drop=True)


def lists(some: Study, seen: list[Floats]) -> Callable[[Floats], Listing]:
    def listed(scores: Floats) -> Listing:
        seen.append(scores)
        return list_at_capacity(
            some.test.cohort, scores, some.protocol.capacity, b"k" * 32, "1", np.inf, ties=False
        )

    return listed


def tried(persons: int, *, unseen: float, seed: int = 0) -> tuple[TradeOff, list[Floats], Study]:
    some, group = invented(persons, unseen=unseen, rng=np.random.default_rng(seed))
    rankings: list[Floats] = []
    listed = lists(some, rankings)
    model = listed(some.test.values[:, 0])
    found = find_trade_offs(
        some, *attributes(group, persons), model, listed, progress=lambda _: None
    )
    return found[0], rankings, some


@pytest.fixture(scope="module")
def unequal() -> tuple[TradeOff, list[Floats], Study]:
    return tried(1200, unseen=0.6)


def test_equal_recall_closes_most_of_the_gap(
    unequal: tuple[TradeOff, list[Floats], Study],
) -> None:
    points = unequal[0].points
    model, free, *constrained = points
    assert model.model
    assert free.free
    assert not any(point.model or point.free for point in constrained)
    assert model.gap > 0.15
    assert free.gap > 0.15
    grid = [point for point in points if point.method == "GridSearch"]
    assert min(point.gap for point in grid) <= free.gap / 2
    (gradient,) = (point for point in points if point.method == "ExponentiatedGradient")
    assert gradient.gap <= free.gap / 2
    assert all(a.strength < b.strength for a, b in pairwise(grid))
    assert all(0 <= point.recall <= 1 for point in points)


def test_points_are_counted_on_the_lists(unequal: tuple[TradeOff, list[Floats], Study]) -> None:
    found, rankings, some = unequal
    # The invented rankings: the model's own, then one for each further point.
    assert len(rankings) == len(found.points)
    group = invented(1200, unseen=0.6, rng=np.random.default_rng(0))[1][1200 * TRAINED :]
    positive = some.test.cohort["label"].to_numpy(float) == 1
    for point, scores in zip(found.points, rankings, strict=True):
        selected = lists(some, [])(scores).selected
        assert selected.sum() == 400, "the same capacity for everybody"
        recalls = [selected[positive & side].mean() for side in (group, ~group)]
        assert point.recall == round(selected[positive].mean(), 2)
        assert point.gap == round(max(recalls) - min(recalls), 2)


def test_the_same_input_gives_the_same_points(
    unequal: tuple[TradeOff, list[Floats], Study],
) -> None:
    assert tried(1200, unseen=0.6)[0] == unequal[0]


def test_where_recall_is_equal_nothing_is_given_up() -> None:
    found, _, _ = tried(1200, unseen=0.0, seed=2)
    free = found.points[1]
    assert free.gap < 0.12
    assert all(abs(point.recall - free.recall) < 0.06 for point in found.points[2:])


def test_nobody_is_ranked_by_what_they_are(
    unequal: tuple[TradeOff, list[Floats], Study],
) -> None:
    """Who has the same facts has the same place, whatever the group."""
    some, group = invented(600, unseen=0.6, rng=np.random.default_rng(1))
    trained, audited = attributes(group, 600)
    one: list[Floats] = []
    other: list[Floats] = []
    for rankings, told in ((one, audited), (other, audited.iloc[::-1].reset_index(drop=True))):
        listed = lists(some, rankings)
        model = listed(some.test.values[:, 0])
        assert find_trade_offs(some, trained, told, model, listed, progress=lambda _: None)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_small_groups_are_not_compared() -> None:
    some, _ = invented(300, unseen=0.5, rng=np.random.default_rng(3))
    few = np.tile(np.arange(300) < 12, DATES)
    listed = lists(some, [])
    model = listed(some.test.values[:, 0])
    found = find_trade_offs(some, *attributes(few, 300), model, listed, progress=lambda _: None)
    assert found == ()


def test_a_large_training_is_thinned_to_whole_households() -> None:
    some, _ = invented(9000, unseen=0.5, rng=np.random.default_rng(3))
    used = _thinned(some)
    kept = some.train.cohort[used]
    assert 0.9 * MOST_ROWS < len(kept) <= MOST_ROWS
    assert (kept["household"].value_counts() == TRAINED).all()
    slow = study(
        protocol(outcome='[outcome]\nlabel = "x"\nhorizon_days = 180\ncodes = ["lien//x"]'),
        some.train.values[:3000],
        np.zeros(3000),
        10,
        train_dates=9,
    )
    # Dates are 91 days apart: every second one is a horizon of 180 days from the last.
    assert slow.train.cohort.loc[_thinned(slow), "as_of"].nunique() == 5


@settings(max_examples=25, deadline=None)
@given(
    persons=st.integers(1, 240),
    kind=st.sampled_from(["one class", "no label", "constant", "missing", "noise"]),
    groups=st.sampled_from(["one", "two", "each"]),
    seed=st.integers(0, 20),
)
def test_odd_studies_are_never_an_exception(
    persons: int, kind: str, groups: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = persons * DATES
    values = rng.normal(size=(rows, 3))
    if kind in {"constant", "missing"}:
        values[:] = 1.0 if kind == "constant" else np.nan
    label = (rng.random(rows) < 0.5).astype(float)
    if kind in {"one class", "no label"}:
        label[:] = 1.0
    some = study(PROTOCOL, values, label, DATES, train_dates=TRAINED)
    if kind == "no label":
        some.test.cohort["label"] = np.nan
    names = {"one": "a", "two": "ab", "each": [str(at) for at in range(persons)]}[groups]
    named = pd.DataFrame({"groupe": np.tile(rng.choice(list(names), persons), DATES)})
    listed = lists(some, [])
    model = listed(np.zeros(persons * (DATES - TRAINED)))
    trained, audited = named[: len(named) // 2], named[len(named) // 2 :].reset_index(drop=True)
    find_trade_offs(some, trained, audited, model, listed, progress=lambda _: None)
