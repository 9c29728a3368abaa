"""How much of a list is shared between bags, counted on a handful of situations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audits.stability import find_stability
from features.protocol import Capacity
from modeles.measures import Listing, list_at_capacity
from modeles.table import Bag, Line, ModelTable
from tests.audits.surroundings import Floats, cohort
from tests.modeles.builders import table

PERSONS, PLACES = 40, 20


def model(*order: tuple[float, ...]) -> ModelTable:
    """A table that ranks by its first column, and a bag for each column."""

    def line(column: int) -> Line:
        return Line(column, "line", "linear", (0.0, 99.0), (0.0, 99.0), 0.0)

    plain = table()
    first = replace(
        plain.features[1], column=0, scale="linear", edges=(0.0, 99.0), points=(0.0, 99.0)
    )
    bags = tuple(Bag(0.0, (line(column),)) for column in range(len(order)))
    return replace(plain, intercept=0.0, features=(first,), bags=bags)


def lists(values: Floats, dates: int, rest: int) -> tuple[object, Listing]:
    person = np.tile(np.arange(PERSONS), dates)
    days = np.repeat(np.arange(dates), PERSONS) * 28
    rows = cohort(person, np.zeros(len(person)), days)
    capacity = Capacity(per_review=PLACES, control_share=0, repeat_days=rest, per_referent=9)
    return rows, list_at_capacity(rows, values[:, 0], capacity, b"k" * 32, "1", 0.0)


def test_places_that_a_bag_gives_to_others_are_counted() -> None:
    order = np.arange(PERSONS, dtype=float)
    # The first bag agrees; the second one lists five others; the third one all others.
    five = np.where((order >= 20) & (order < 25), 0.0, np.where(order < 5, 30.0 + order, order))
    values = np.column_stack([order, five, -order + 50])
    rows, listing = lists(values, 1, 0)
    found = find_stability(model((), (), ()), rows, values, listing, PLACES)  # type: ignore[arg-type]
    assert found is not None
    assert found.bags == 3
    assert found.shared == pytest.approx((1 + 0.75 + 0) / 3)
    assert found.shared_least == 0
    assert found.listed_again is None, "there was no date before"


@pytest.mark.parametrize("rest", [0, 90])
def test_who_would_have_been_listed_again_whatever_the_rest(rest: int) -> None:
    order = np.arange(PERSONS, dtype=float)
    values = np.concatenate([order, np.roll(order, 10)])[:, np.newaxis]
    rows, listing = lists(values, 2, rest)
    found = find_stability(model(()), rows, values, listing, PLACES)  # type: ignore[arg-type]
    assert found is not None
    assert (found.shared, found.listed_again) == (1.0, 0.5)


def test_nothing_is_said_without_bags_places_or_enough_persons() -> None:
    values = np.arange(PERSONS, dtype=float)[:, np.newaxis]
    rows, listing = lists(values, 1, 0)
    few = np.zeros(PERSONS, bool)
    few[:10] = True
    assert find_stability(model(), rows, values, listing, PLACES) is None  # type: ignore[arg-type]
    assert find_stability(model(()), rows, values, listing, 0) is None  # type: ignore[arg-type]
    short = Listing(listing.eligible, few, listing.dates)
    assert find_stability(model(()), rows, values, short, PLACES) is None  # type: ignore[arg-type]
