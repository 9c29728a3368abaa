"""Which language a request prefers, whatever it sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.web.languages import preferred_language


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "fr"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("fr;q=0.3, en;q=0.7", "en"),
        ("fr , en ; q=0.5", "fr"),
        ("fr, en", "fr"),
        ("de, en;q=0.4", "en"),
        ("de", "fr"),
        ("*", "fr"),
        ("*;q=0.5, fr;q=0.1", "en"),
        ("*, en;q=0.5", "fr"),
        ("en;q=0", "fr"),
        ("en;q=0, fr;q=0", "fr"),
        ("en;q=1.000, fr;q=0.999", "en"),
        ("en;q=2", "fr"),
        ("en;q=nan", "fr"),
        ("english", "fr"),
        ("en;q=", "fr"),
        (";;,=,", "fr"),
    ],
)
def test_english_where_it_weighs_more_than_french(header: str, expected: str) -> None:
    assert preferred_language([header]) == expected


def test_lines_of_the_header_are_one_list() -> None:
    assert preferred_language(["fr;q=0.2", "en;q=0.4"]) == "en"
    assert preferred_language(None) == preferred_language([]) == "fr"


@given(st.lists(st.text("enfr*-;q=01., ", max_size=40), max_size=3))
def test_every_header_has_an_answer(lines: list[str]) -> None:
    assert preferred_language(lines) in ("fr", "en")
