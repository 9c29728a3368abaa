from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import codes, french
from features.codes import (
    FORBIDDEN_FAMILIES,
    LABELS,
    LANES,
    OTHER_LANE,
    family,
    label,
    lane,
    matches,
)

from .avoided import AVOIDED
from .oracle import below

parts = st.lists(st.sampled_from(["rdv", "rdvx", "honore", "a", "/"]), min_size=1, max_size=3)
paths = parts.map("//".join)


@given(paths, st.lists(paths, max_size=3))
def test_a_code_matches_itself_and_everything_below(code: str, patterns: list[str]) -> None:
    clean = "/" not in code.replace("//", "") and not any(
        "/" in p.replace("//", "") for p in patterns
    )
    if clean:
        assert matches(code, patterns) == below(code, patterns)
    assert matches(code, [code]) and matches(code + "//x", [code])
    assert not matches(code, [code + "//x"]) and not matches(code, [])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("rdv//honore", "rdv"),
        ("rdv", "rdv"),
        ("", ""),
        ("SANTE//x", "sante"),
        ("Santé", "sante"),
        ("Sante\u0301//x", "sante"),
        ("ｓａｎｔé//x", "sante"),
        (" langue //x", "langue"),
        ("information préoccupante", "information_preoccupante"),
        ("information-préoccupante//x", "information_preoccupante"),
        ("santeria//x", "santeria"),
    ],
)
def test_family(code: str, expected: str) -> None:
    assert family(code) == expected


@pytest.mark.safeguard
@given(
    st.sampled_from(sorted(FORBIDDEN_FAMILIES)),
    st.sampled_from([str.upper, str.title, lambda s: f" {s} ", lambda s: s.replace("e", "é")]),
)
def test_s04_spelling_does_not_hide_a_family(name: str, spell: object) -> None:
    assert family(spell(name) + "//x") == name  # type: ignore[operator]


def test_labels_and_lanes_are_plain_and_complete() -> None:
    for written in (*LABELS.values(), *LANES.values(), OTHER_LANE):
        assert written[0].isupper() and not AVOIDED.search(written)
    families = {family(code) for code in LABELS}
    # What starts or ends the link stands apart; a language is never shown.
    assert families - LANES.keys() == {"fin", "lien", "langue"}


def test_the_lane_of_contacts_does_not_promise_an_exchange() -> None:
    lanes = {lane("contact//visite"), lane("contact//message"), lane("contact//sans_reponse")}
    assert lanes == {"Contacts et tentatives"}


def test_an_unknown_code_is_shown_as_it_came() -> None:
    assert label("autre//chose") == "autre//chose" and lane("autre//chose") == OTHER_LANE
    assert label("rdv//honore") == "Rendez-vous honoré" and lane("RDV//x") == "Rendez-vous"


@pytest.mark.parametrize("module", [codes, french])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    from datetime import date  # noqa: PLC0415 - a name the examples use

    result = doctest.testmod(module, extraglobs={"date": date})  # type: ignore[arg-type]
    assert result.attempted and not result.failed
