from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.french import MONTHS, count, day


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 3, 1), "1er mars 2026"),
        (date(2026, 3, 2), "2 mars 2026"),
        (date(2026, 3, 11), "11 mars 2026"),
        (date(2026, 8, 31), "31 août 2026"),
        (date(1900, 12, 1), "1er décembre 1900"),
    ],
)
def test_a_day_is_written_in_full(value: date, written: str) -> None:
    assert day(value) == written


@given(st.dates())
def test_a_day_can_be_read_back(value: date) -> None:
    number, month, year = day(value).split(" ")
    read = date(int(year), MONTHS.index(month) + 1, int(number.removesuffix("er")))
    assert read == value and number.endswith("er") == (value.day == 1)


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0 jour"), (1, "1 jour"), (2, "2 jours"), (100, "100 jours"), (-1, "-1 jour")],
)
def test_numbers_agree_with_their_nouns(number: int, written: str) -> None:
    assert count(number, "jour", "jours") == written
