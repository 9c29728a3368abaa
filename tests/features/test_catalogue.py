from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import UNITS, Feature, catalogue
from features.english import MONTHS as ENGLISH_MONTHS
from features.french import MONTHS as FRENCH_MONTHS
from features.phrases import PHRASES, Language
from features.protocol import read_protocol
from features.words import AVOIDED_ENGLISH

from .avoided import AVOIDED, assert_plain
from .builders import CATALOGUE, PARTS, protocol

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


IN_ENGLISH = [
    ("count", 28, 0.0, "Visits: no event recorded since 2 May 2026."),
    ("count", 28, 1.0, "1 visit since 2 May 2026."),
    ("count", 29, 2.0, "2 visits since 1 May 2026."),
    ("active_days", 90, 1.0, "1 day with visits since 1 March 2026."),
    ("active_days", 90, 3.0, "3 days with visits since 1 March 2026."),
    ("active_days", 28, 0.0, "Visits: no event recorded since 2 May 2026."),
    ("since_last", None, 1.0, "Visits: last event recorded on 29 May 2026, 1 day ago."),
    ("since_last", None, 29.0, "Visits: last event recorded on 1 May 2026, 29 days ago."),
    ("since_last", None, 0.0, "Visits: last event recorded on 30 May 2026, 0 days ago."),
    ("since_last", None, math.nan, "Visits: no event recorded before 30 May 2026."),
    ("ever", None, 1.0, "Visits: at least one event recorded before 30 May 2026."),
    ("ever", None, 0.0, "Visits: no event recorded before 30 May 2026."),
    ("last", None, 1.5, "Visits: last value recorded before 30 May 2026: 1.5."),
    ("last", None, math.nan, "Visits: no value recorded before 30 May 2026."),
    ("sum", 28, 3.0, "Visits: total of 3 since 2 May 2026."),
    ("mean", 28, 0.25, "Visits: mean of 0.2 since 2 May 2026."),
    ("trend", 28, 2.0, "Visits: 2 more since 2 May 2026 than in the 28 days before."),
    ("trend", 28, -1.0, "Visits: 1 fewer since 2 May 2026 than in the 28 days before."),
    ("trend", 28, 0.0, "Visits: as many since 2 May 2026 as in the 28 days before."),
    ("trend", 1, 1.0, "Visits: 1 more since 29 May 2026 than in the 1 day before."),
]


@pytest.mark.parametrize(("measure", "window", "value", "expected"), IN_ENGLISH)
def test_sentences_in_english(
    measure: str, window: int | None, value: float, expected: str
) -> None:
    said = replace(feature(measure, window), wording_en="visit|visits")
    assert said.sentence(value, AS_OF, "en") == expected


def test_what_has_no_english_words_is_cited_in_french() -> None:
    said = feature("count", 28)
    assert said.sentence(1.0, AS_OF, "en") == "1 « visite » since 2 May 2026."
    assert said.sentence(2.0, AS_OF, "en") == "2 « visites » since 2 May 2026."
    assert said.sentence(0.0, AS_OF, "en") == "« visites »: no event recorded since 2 May 2026."
    assert said.title_in("en") == "« visites »: number over 28 days"


def test_mended_french_takes_the_english_that_it_hurt_in_with_it() -> None:
    plain = protocol(groups=PARTS["groups"] + '\nwording_en = "appointment|appointments"')
    first = catalogue(plain)[0]
    assert first.sentence(2.0, AS_OF, "en") == "2 appointments since 2 May 2026."
    mended = catalogue(plain, {"rendez-vous": "rencontre|rencontres"})[0]
    assert mended.sentence(2.0, AS_OF, "en") == "2 « rencontres » since 2 May 2026."
    # Two members may go back to the protocol's own words: then its English says them again.
    assert catalogue(plain, {"rendez-vous": "rendez-vous"})[0] == first


WORDINGS = [
    ("visite|visites", "visit|visits"),
    ("rendez-vous", "appointment|appointments"),
    ("échange {0} %s|échanges {x}", "series"),
    ("visite|visites", ""),
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(UNITS)),
    st.sampled_from(WORDINGS),
    st.integers(0, 500),
    st.floats(-1e6, 1e6, allow_nan=False) | st.just(math.nan),
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_every_language_states_the_same_numbers_in_one_dated_sentence(
    measure: str, wordings: tuple[str, str], whole: int, amount: float, as_of: date
) -> None:
    window = None if measure in ("since_last", "ever", "last") else 28
    said = replace(feature(measure, window, wordings[0]), wording_en=wordings[1])
    value = amount
    if not math.isnan(amount) and measure in WHOLE | {"ever"}:
        value = float(-whole if measure == "trend" and amount < 0 else whole)
    numbers: dict[Language, list[float]] = {}
    for language, months in (("fr", FRENCH_MONTHS), ("en", ENGLISH_MONTHS)):
        sentence = said.sentence(value, as_of, language)
        assert re.findall(r"\.(?!\d)", sentence) == ["."] and sentence.endswith(".")
        assert re.search(rf"\d (?:{'|'.join(months)}) \d{{4}}\b", sentence.replace("1er ", "1 "))
        assert not re.search(r"\b(none|nan|inf)\b", sentence, re.IGNORECASE)
        shown = sentence.replace("{0}", "")
        numbers[language] = [
            float(n.replace(",", ".")) for n in re.findall(r"\d+(?:[.,]\d+)?", shown)
        ]
    assert numbers["fr"] == numbers["en"]


def test_every_shipped_feature_has_english_words_and_a_title_of_its_own() -> None:
    assert all(f.wording_en for f in SHIPPED)
    titles = {f.title_in("en") for f in SHIPPED}
    assert len(titles) == len(SHIPPED)
    assert not [title for title in titles if AVOIDED_ENGLISH.search(title) or "«" in title]
    assert SHIPPED[0].title_in("en") == "appointments kept: number over 28 days"


def test_every_language_has_every_phrase() -> None:
    french, english = PHRASES["fr"], PHRASES["en"]
    assert french.sentences.keys() == english.sentences.keys()
    assert french.titles.keys() == english.titles.keys() == UNITS.keys()
    for words in (french, english):
        for text in (*words.sentences.values(), *words.titles.values()):
            assert not AVOIDED.search(text) and not AVOIDED_ENGLISH.search(text)
