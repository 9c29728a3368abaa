"""What may be written about people, and what a wording has to be before two members see it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import features
from features.catalogue import UNITS, Feature, first_wordings
from features.protocol import read_protocol
from features.words import (
    AVOIDED,
    AVOIDED_ENGLISH,
    LONGEST_WORDING,
    MalformedWording,
    check_wording,
)

LEFT_COLUMN = (
    "cas", "dossier à risque", "profil à risque", "individu", "score de risque", "alerte",
    "suspect", "fiché", "prise en charge", "problème", "perdu de vue", "absentéiste",
    "ne collabore pas", "non compliant", "refuse", "dans le déni", "incasable", "cas lourd",
    "SDF", "toxicomane", "assisté", "handicapé", "risque confirmé", "faux positif",
    "vrai positif", "décrochage", "échec", "abandon",
)  # fmt: skip
"""The left column of the page on words, as it stands there."""


@pytest.mark.parametrize("word", LEFT_COLUMN)
def test_no_wording_says_what_is_not_written_about_people(word: str) -> None:
    for text in (f"fait ({word})", f"fait|{word.upper()}", f"{word} signalé|faits"):
        with pytest.raises(MalformedWording, match="not written about people"):
            check_wording(text)


@pytest.mark.parametrize(
    "word",
    [
        "case", "at risk", "individual", "score", "alert", "suspect", "problem",
        "lost to follow-up", "absentee", "no-show", "non-compliant", "noncompliance", "refuses",
        "in denial", "the homeless", "addict", "handicapped", "false positive", "dropout",
        "dropped out", "drop-out", "failure", "abandoned",
    ],
)  # fmt: skip
def test_no_english_wording_does_either(word: str) -> None:
    for text in (f"event ({word})", f"event|{word.upper()}"):
        with pytest.raises(MalformedWording, match="not written about people"):
            check_wording(text, AVOIDED_ENGLISH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t ",
        "|",
        "visite|",
        "|visites",
        "visite| |visites",
        "visite|visites|visites",
        "...",
        "visite\nvisites",
        "visite\u2028visites",
        "visi\u200bte",
        "\u202evisite",
        "v" * (LONGEST_WORDING + 1),
        "appel du 06 12 34 56 78",
        "appel du 06.12.34.56.78|appels",
        "pièce 1234567",
        "pièce \uff11\uff12\uff13\uff14\uff15\uff16",
        "e\u0301chec déclaré",
        "de\u0301crochage",
    ],
)
def test_a_malformed_wording_is_refused(text: str) -> None:
    with pytest.raises(MalformedWording):
        check_wording(text)


@pytest.mark.parametrize("name", ["protocols/accompagnement.toml", "connectors/oulad.toml"])
def test_every_shipped_wording_is_well_formed(name: str) -> None:
    shipped = read_protocol(Path(str(features.__file__)).parent / name)
    for wording in first_wordings(shipped).values():
        assert check_wording(wording) == wording
    for group in shipped.features.group:
        assert check_wording(group.wording_en, AVOIDED_ENGLISH) == group.wording_en
        assert group.wording_en.count("|") == group.wording.count("|")


def test_blanks_and_accents_have_one_spelling() -> None:
    assert check_wording("  e\u0301change\u00a0 rec\u0327u | échanges reçus ") == (
        "échange reçu|échanges reçus"
    )
    assert check_wording("fait des 12 derniers mois") == "fait des 12 derniers mois"


@given(st.text(max_size=LONGEST_WORDING + 5) | st.text("aé |x\n1", max_size=20))
@example("risque|faits")
@example("ﬁn|ﬁns")
def test_what_is_accepted_makes_one_plain_line_of_every_sentence(text: str) -> None:
    try:
        wording = check_wording(text)
    except MalformedWording:
        return
    assert check_wording(wording) == wording
    assert len(wording) <= LONGEST_WORDING
    assert 1 <= len(wording.split("|")) <= 2
    for measure in UNITS:
        said = Feature("x", "x", ("x",), measure, 28, 0, wording, "y")
        for value in (0.0, 1.0, 3.0, float("nan")):
            sentence = said.sentence(value, date(2026, 5, 30))
            assert sentence.isprintable()
            assert "|" not in sentence
            assert "  " not in sentence
            assert not AVOIDED.search(sentence)
