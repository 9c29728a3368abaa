from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.english import MONTHS, count, day


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 3, 1), "1 March 2026"),
        (date(2026, 10, 14), "14 October 2026"),
        (date(1900, 12, 31), "31 December 1900"),
    ],
)
def test_a_day_is_written_in_full(value: date, written: str) -> None:
    assert day(value) == written


@given(st.dates())
def test_a_day_can_be_read_back(value: date) -> None:
    number, month, year = day(value).split(" ")
    assert date(int(year), MONTHS.index(month) + 1, int(number)) == value


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0 days"), (1, "1 day"), (2, "2 days"), (100, "100 days"), (-1, "-1 day")],
)
def test_numbers_agree_with_their_nouns(number: int, written: str) -> None:
    assert count(number, "day", "days") == written
