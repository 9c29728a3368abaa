"""Two models compared: what came, went and moved, and where it moved most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeles.comparison import FeatureChange, Place, compare
from modeles.table import ModelTable, TableFeature
from tests.modeles.builders import table


def step(name: str, edge: float, points: float, *, missing: float = 0.0) -> TableFeature:
    return replace(
        table().features[0],
        name=name,
        title=f"{name} : nombre sur 90 jours",
        edges=(edge,),
        points=(0.0, points),
        missing=missing,
        persons=(50, 20, 12),
    )


def of(*features: TableFeature, point: float | None = None) -> ModelTable:
    return replace(table(), features=features, point=point)


def only(before: ModelTable, after: ModelTable) -> FeatureChange:
    (change,) = compare(before, after).features
    return change


def test_two_tables_of_the_same_content() -> None:
    found = compare(table("1"), table("2"))
    assert found.same
    assert {change.kind for change in found.features} == {"same"}
    assert all(change.change == 0 for change in found.features)


def test_a_change_in_the_bags_alone_is_a_change() -> None:
    other = replace(table("2"), bags=table().bags[:-1])
    assert not compare(table("1"), other).same


def test_the_largest_change_is_said_where_it_happens() -> None:
    change = only(of(step("rdv", 2.5, 0.12)), of(step("rdv", 2.5, 0.31)))
    assert change == FeatureChange(
        "rdv", "rdv : nombre sur 90 jours", "faits", "moved", Place(2.5, None), 0.12, 0.31, False
    )


def test_an_edge_that_moved_is_a_change_between_the_two() -> None:
    change = only(of(step("rdv", 1.5, 0.4)), of(step("rdv", 4.5, 0.4)))
    assert (change.place, change.before, change.after) == (Place(1.5, 4.5), 0.4, 0.0)


def test_points_without_a_value_count_too() -> None:
    change = only(
        of(step("rdv", 1.5, 0.4)),
        of(step("rdv", 1.5, 0.4, missing=-0.2)),
    )
    assert change.place.missing
    assert change.after == -0.2


def test_what_came_and_what_went_had_no_points_before_or_after() -> None:
    found = compare(of(step("a", 1.5, 0.4)), of(step("b", 1.5, -0.5)))
    assert [(c.name, c.kind, c.before, c.after) for c in found.features] == [
        ("b", "came", 0.0, -0.5),
        ("a", "went", 0.4, 0.0),
    ]


def test_several_lines_of_one_feature_are_added_in_whole_points() -> None:
    before = of(step("rdv", 1.5, 0.2), step("rdv", 4.5, 1.0), point=0.2)
    after = of(step("rdv", 1.5, 0.6), point=0.3)
    change = only(before, after)
    assert compare(before, after).whole
    assert (change.place, change.before, change.after) == (Place(4.5, None), 6.0, 2.0)
    in_log_odds = only(before, replace(after, point=None))
    assert (in_log_odds.place, in_log_odds.before) == (Place(4.5, None), 1.2)
    assert in_log_odds.after == 0.6


def test_a_line_and_steps_are_compared_at_whole_numbers() -> None:
    line = replace(table().features[1], name="rdv", unit="faits")
    change = only(of(step("rdv", 9.5, 1.0)), of(line))
    # At 0 events: 0 before, -1 after; at 10: 1 before, about 0 after; at 99: 1 and 1.
    assert (change.place, change.after) == (Place(None, 0.0), -1.0)


def test_the_estimates_of_an_average_situation_stand_beside_each_other() -> None:
    found = compare(table("1"), replace(table("2"), intercept=-2.0, family="logistic"))
    average = (found.average.before, found.average.after)
    assert average == pytest.approx((1 / (1 + np.exp(2.5)), 1 / (1 + np.exp(2.0))))
    assert [f.name for f in found.facts if not f.same] == ["family", "intercept"]


edges = st.lists(st.integers(0, 12).map(lambda n: n + 0.5), min_size=1, max_size=4, unique=True)


@given(edges, edges, st.data())
def test_no_whole_number_differs_more_than_the_largest_change(
    first: list[float], second: list[float], data: st.DataObject
) -> None:
    def drawn(cuts: list[float]) -> TableFeature:
        numbers = st.lists(st.floats(-1, 1), min_size=len(cuts) + 1, max_size=len(cuts) + 1)
        return replace(
            step("rdv", 0.5, 0.0), edges=tuple(sorted(cuts)), points=tuple(data.draw(numbers))
        )

    before, after = drawn(first), drawn(second)
    change = only(of(before), of(after))
    values = np.array([*range(-2, 20), np.nan])
    apart = np.abs(after.contribution(values) - before.contribution(values)).max()
    assert abs(change.change) == pytest.approx(apart, abs=1e-12)
