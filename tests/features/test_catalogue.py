from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import UNITS, Feature, catalogue
from features.protocol import read_protocol

from .avoided import AVOIDED, assert_plain
from .builders import CATALOGUE, protocol

SHIPPED = catalogue(
    read_protocol(Path(__file__).parents[2] / "features" / "protocols" / "accompagnement.toml")
)
AS_OF = date(2026, 5, 30)


def feature(measure: str, window: int | None, wording: str = "visite|visites") -> Feature:
    return Feature("x", "x", ("x",), measure, window, 0, wording, "y")  # type: ignore[arg-type]


def test_the_catalogue_is_fixed_by_the_protocol_in_its_order() -> None:
    assert [f.name for f in CATALOGUE] == [
        "rendez-vous.count.28", "rendez-vous.count.90",
        "rendez-vous.sum.28", "rendez-vous.sum.90",
        "rendez-vous.mean.28", "rendez-vous.mean.90",
        "rendez-vous.last",
        "rendez-vous.active_days.28", "rendez-vous.active_days.90",
        "rendez-vous.since_last",
        "rendez-vous.trend.28",
        "rendez-vous.ever",
    ]  # fmt: skip
    assert catalogue(protocol()) == CATALOGUE


def test_trend_takes_the_shortest_window_wherever_it_stands() -> None:
    names = [f.name for f in catalogue(protocol(features="[features]\nwindows_days = [90, 28]"))]
    assert "rendez-vous.trend.28" in names and "rendez-vous.trend.90" not in names


def test_a_later_wording_takes_the_place_of_the_protocols_and_of_nothing_else() -> None:
    plain = protocol()
    mended = catalogue(plain, {"rendez-vous": "rencontre|rencontres", "inconnu": "x"})
    assert {f.wording for f in mended} == {"rencontre|rencontres"}
    assert tuple(replace(f, wording="rendez-vous") for f in mended) == CATALOGUE
    assert mended[0].sentence(2.0, AS_OF) == "2 rencontres depuis le 2 mai 2026."
    assert catalogue(plain, {}) == CATALOGUE == catalogue(plain)


SENTENCES = [
    ("count", 28, 0.0, "Visites : aucun fait enregistré depuis le 2 mai 2026."),
    ("count", 28, 1.0, "1 visite depuis le 2 mai 2026."),
    ("count", 29, 2.0, "2 visites depuis le 1er mai 2026."),
    ("active_days", 90, 1.0, "1 jour avec visites depuis le 1er mars 2026."),
    ("active_days", 90, 3.0, "3 jours avec visites depuis le 1er mars 2026."),
    ("since_last", None, 1.0, "Visites : dernier fait enregistré le 29 mai 2026, il y a 1 jour."),
    (
        "since_last",
        None,
        29.0,
        "Visites : dernier fait enregistré le 1er mai 2026, il y a 29 jours.",
    ),
    ("since_last", None, math.nan, "Visites : aucun fait enregistré avant le 30 mai 2026."),
    ("ever", None, 1.0, "Visites : au moins un fait enregistré avant le 30 mai 2026."),
    ("ever", None, 0.0, "Visites : aucun fait enregistré avant le 30 mai 2026."),
    ("last", None, 1.5, "Visites : dernière valeur enregistrée avant le 30 mai 2026 : 1,5."),
    ("sum", 28, 3.0, "Visites : total de 3 depuis le 2 mai 2026."),
    ("mean", 28, 0.25, "Visites : moyenne de 0,2 depuis le 2 mai 2026."),
    ("trend", 28, 2.0, "Visites : 2 de plus depuis le 2 mai 2026 que les 28 jours précédents."),
    ("trend", 28, -1.0, "Visites : 1 de moins depuis le 2 mai 2026 que les 28 jours précédents."),
    ("sum", 28, math.nan, "Visites : aucune valeur enregistrée depuis le 2 mai 2026."),
    ("trend", 28, 0.0, "Visites : autant depuis le 2 mai 2026 que les 28 jours précédents."),
]


@pytest.mark.parametrize(("measure", "window", "value", "expected"), SENTENCES)
def test_sentences(measure: str, window: int | None, value: float, expected: str) -> None:
    assert feature(measure, window).sentence(value, AS_OF) == expected


def test_a_wording_without_a_plural_serves_for_both() -> None:
    assert feature("count", 28, "rendez-vous").sentence(2.0, AS_OF).startswith("2 rendez-vous ")


WHOLE = frozenset({"count", "active_days", "since_last", "trend"})


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 500),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_every_shipped_sentence_is_plain_for_any_value(
    whole: int, amount: float, as_of: date
) -> None:
    for f in SHIPPED:
        signed = -whole if f.measure == "trend" and amount < 0 else whole
        value = float(min(whole, 1) if f.measure == "ever" else signed)
        assert_plain(f.sentence(value if f.measure in WHOLE | {"ever"} else amount, as_of))
        assert_plain(f.sentence(math.nan, as_of))
    for f in CATALOGUE:
        if f.measure in ("sum", "mean", "last"):
            assert_plain(f.sentence(amount, as_of))
            assert "-0 " not in f.sentence(amount, as_of)
            assert "-0,0" not in f.sentence(amount, as_of)


def test_titles_units_wordings_and_reasons_are_plain() -> None:
    for f in (*SHIPPED, *CATALOGUE):
        for written in (f.title, f.unit, f.one, f.many, f.reason):
            assert written.strip() and not AVOIDED.search(written), written
    assert len({f.title for f in SHIPPED}) == len(SHIPPED)
    assert UNITS.keys() == {f.measure for f in CATALOGUE}
