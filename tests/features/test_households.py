from __future__ import annotations

from datetime import date

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from features.households import linked

from .builders import stays_table

stays = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("PQRSTU")), min_size=1, max_size=12
)


def table(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    made = stays_table([(person, date(2024, 1, 1), None) for person, _ in pairs])
    return made.assign(household=pd.Series([home for _, home in pairs], dtype="str"))


@given(stays)
def test_whoever_is_linked_over_any_stay_shares_one_household(pairs: list[tuple[str, str]]) -> None:
    found = linked(table(pairs))
    of_person = found.groupby("person")["household"].unique()
    for start, _ in pairs:
        persons, homes = {start}, set[str]()
        for _ in pairs:  # each round reaches one link further
            homes |= {home for person, home in pairs if person in persons}
            persons |= {person for person, home in pairs if home in homes}
        assert set(of_person[start]) == {min(homes)}


@given(stays)
def test_nothing_but_the_household_changes(pairs: list[tuple[str, str]]) -> None:
    given_stays = table(pairs)
    found = linked(given_stays)
    pd.testing.assert_frame_equal(
        found.drop(columns="household"), given_stays.drop(columns="household")
    )
    pd.testing.assert_frame_equal(linked(found), found)


def test_nobody_is_nobody() -> None:
    assert linked(table([("a", "P")]).iloc[:0]).empty
