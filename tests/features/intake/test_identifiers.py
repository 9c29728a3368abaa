"""Identifiers are found in any spelling, and numbers that only look like one are not."""

from __future__ import annotations

import doctest
import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.intake import identifiers, minors
from features.intake.identifiers import (
    CANDIDATE,
    IBAN_LENGTHS,
    Names,
    identifier_in,
)

DIGITS = "0123456789"


@st.composite
def nirs(draw: st.DrawFn) -> str:
    """A NIR with its right key, in one of its spellings; Corsica's letters included."""
    place = draw(st.sampled_from(["2A", "2B", "2a", "75", "97", "13"]))
    head = draw(st.sampled_from("12")) + f"{draw(st.integers(0, 99)):02}"
    tail = f"{draw(st.integers(0, 999)):03}{draw(st.integers(0, 999)):03}"
    month = f"{draw(st.integers(1, 12)):02}"
    number = int((head + month + place.upper() + tail).replace("2A", "19").replace("2B", "18"))
    key = f"{97 - number % 97:02}"
    by = draw(st.sampled_from(["", " ", ".", "-", "\u00a0"]))
    parts = [head[0], head[1:], month, place, tail[:3], tail[3:]]
    if draw(st.booleans()):
        return by.join([*parts, key])
    # Thirteen digits in a row may be a time or a product: the word before them tells.
    return by.join(parts) if by or not place.isdecimal() else "nir " + by.join(parts)


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """An IBAN of any country whose key is right, with or without spaces."""
    country = draw(st.sampled_from(sorted(IBAN_LENGTHS)))
    size = IBAN_LENGTHS[country] - 4
    body = draw(st.text(DIGITS + "AZ", min_size=size, max_size=size))
    number = int("".join(str(int(c, 36)) for c in f"{body}{country}00"))
    bare = f"{country}{98 - number % 97:02}{body}"
    spaced = " ".join(bare[i : i + 4] for i in range(0, len(bare), 4))
    return draw(st.sampled_from([bare, bare.lower(), spaced]))


@st.composite
def phones(draw: st.DrawFn) -> str:
    by = draw(st.sampled_from(["", " ", ".", "-", "/", "\u202f"]))
    pairs = [f"{draw(st.integers(0, 99)):02}" for _ in range(4)]
    first = str(draw(st.integers(1, 9)))
    head = draw(st.sampled_from(["0", "+33", "0033", "+33 ", "+33 (0)"]))
    return head + by.join([first, *pairs])


EMAILS = st.builds(
    lambda name, at, end: f"{name}@{at}.{end}",
    st.text("abzé0._+-", min_size=1, max_size=8),
    st.text("abz0-", min_size=1, max_size=6),
    st.sampled_from(["fr", "org", "example"]),
)
IDENTIFIERS = st.one_of(nirs(), ibans(), phones(), EMAILS)
AROUND = st.sampled_from(["", " ", "tel:", "rdv//", "(", "« ", "x_", "né le 3 mai, ", "；"])
AFTER = st.sampled_from(["", " ", ")", "//x", " merci", ", suite", " »"])


@pytest.mark.safeguard
@given(AROUND, IDENTIFIERS, AFTER)
def test_s20_an_identifier_is_found_in_any_spelling(before: str, told: str, after: str) -> None:
    text = before + told + after
    assert identifier_in(text) is not None
    with duckdb.connect(":memory:") as database:
        query = "SELECT regexp_matches($text, $candidate)"
        found = database.execute(query, {"text": text, "candidate": CANDIDATE}).fetchall()
    assert found == [(True,)]


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "text",
    ["０６１２３４５６７８", "awa＠example．org", "255087511600271", "fr7630006000011234567890189"],
)
def test_s20_full_width_and_plain_spellings(text: str) -> None:
    assert identifier_in(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "255087511600217",  # fifteen digits with another key: a case number
        "FR7630006000011234567890188",
        "XX7630006000011234567890189",
        "6f1c0a52-0612-4345-9678-061234567890",
        "be12cdef061243459678061234567890",
        "20240612345678",
        "1730000000000",
        "12.0612345678",
        "a @ b",
        "rdv//non_honore",
        "",
        "1650912345678",  # milliseconds
        "2550812116002",  # a product
        "1550812116002.55",  # an amount
        "01.02.2025-03.04.2026",
        "01/02/2025 10",
        "0612345678ab",
        "255359911600200",
        "2024:06:12:10:20:30",
        "1:2:3:4:5",
        "192.168.100.100",
        "+12.5",
        "(3) (4) (5)",
        "2024-06-12T10:20:30+02:00",
        "19cbd55a-7583-4f77-be25-0235b52d629f",
        "8dacf1f6-ad69-43f6-b6fd-969009926d9b",
    ],
)
def test_what_only_looks_like_one_is_let_through(text: str) -> None:
    assert identifier_in(text) is None


def _keyed(digits: str) -> str:
    return f"{digits}{97 - int(digits) % 97:02}"


E_MAIL, TELEPHONE, NIR, IBAN = (
    "an e-mail address",
    "a telephone number",
    "a social security number",
    "a bank account number",
)
SPELLINGS = {
    TELEPHONE: [
        "06\u200b12345678", "06\u00ad12345678", "06\u201312\u201334\u201356\u201378",
        "06\u201112\u201134\u201156\u201178", "06  12  34  56  78", "06_12_34_56_78",
        "06,12,34,56,78", "tel0612345678", "0612345678portable", "33612345678",
        "+33 (0) 6 12 34 56 78", "06 1234 5678", "06 123 456 78", "061 234 5678", "06 12345678",
        "0 612345678", "06-12 34-56 78", "٠٦١٢٣٤٥٦٧٨", "0612345678.0", "06. 12. 34. 56. 78",
        "contact//tel_0612345678", "(+33) 6 12 34 56 78", "00 33 6 12 34 56 78", "+330612345678",
        "+ 33 6 12 34 56 78", "+33-0-612345678", "33 6 12 34 56 78", "(06) 12 34 56 78",
        "06|12|34|56|78", "06:12:34:56:78", "06 : 12 : 34 : 56 : 78", "06;12;34;56;78",
        "06*12*34*56*78", "06\u00b712\u00b734\u00b756\u00b778", "06\\12\\34\\56\\78",
        "06\u221212\u221234\u221256\u221278", "06+12+34+56+78", "06\ufe0f12345678",
        "06\u034f12345678", "06\u316412345678", "06\u030112345678", "06\x0012345678",
        "".join(f"{digit}\ufe0f\u20e3" for digit in "0612345678"),
        "+262 692 12 34 56", "+590690123456", "+32 475 12 34 56", "tel. +212 6 12 34 56 78",
    ],
    NIR: [
        _keyed("2552099116002"), _keyed("2559999116002"), _keyed("7850699350123"),
        _keyed("8850699350123"), "2/55/08/75/116/002/71", "2550875\u200b11600271",
        "2_55_08_75_116_002_71", "nir255087511600271", "2 55 08 75 116 002  71",
        "2\u201355\u201308\u201375\u2013116\u2013002", "secu: 2550875116002", "INSEE 2550875116002",
        "155082A116002", "nir2550875116002",
        "sécurité sociale : 2550875116002", "n° sécu. 2550875116002", "NIA 2550875116002",
        "se\u0301cu 2550875116002", "carte vitale 2550875116002", "(2)55 08 75 116 002 71",
        "2550875116002 clé 71", "2550875116002 (71)", "2550875116002k71",
        "1 55 08 2 A 116 002", "2|55|08|75|116|002", "2:55:08:75:116:002:71",
        "1;55;08;2B;116;002", "2\ufe0f55087511600271",
    ],
    IBAN: [
        "FR76-3000-6000-0112-3456-7890-189", "FR76.3000.6000.0112.3456.7890.189",
        "ibanFR7630006000011234567890189", "iban_FR7630006000011234567890189",
        "FR76\u200b30006000011234567890189", "FR76  3000 6000 0112 3456 7890 189",
        "FR7630006000011234567890189 merci",
    ],
    E_MAIL: [
        "jean.dupont @ gmail.com", "jean.dupont@\u200bgmail.com", '"jean dupont"@gmail.com',
        "jean.dupont(at)gmail.com", "jean [at] gmail.com", "jean@gmail .com",
        "jean @ gmail . com", "jean.dupont@gmail\u3002com", "jean.dupont arobase gmail.com",
        "jean.dupont [arobase] gmail point com", "jean.dupont(@)gmail.com", "jean{at}gmail.com",
        "jean@gmail[.]com", "jean@gmail(dot)com", "jean&#64;gmail.com", "jean%40gmail.com",
        "jean*@gmail.com",
    ],
}  # fmt: skip


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in SPELLINGS.items() for text in texts]
)
def test_s20_odd_spellings_are_found_and_their_kind_is_said(kind: str, text: str) -> None:
    assert identifier_in(text) == kind
    with duckdb.connect(":memory:") as database:
        query = "SELECT regexp_matches($text, $candidate)"
        found = database.execute(query, {"text": text, "candidate": CANDIDATE}).fetchall()
    assert found == [(True,)]


@pytest.mark.safeguard
@settings(max_examples=500)
@given(st.text("0123456789 .,-_/+()AaBbFRx33@t", max_size=40))
def test_s20_the_engine_s_filter_misses_nothing(text: str) -> None:
    if identifier_in(text):
        assert re.search(CANDIDATE, text)


@given(st.integers(10**14, 10**15 - 1))
def test_fifteen_digits_are_refused_by_their_key_alone(number: int) -> None:
    if identifier_in(str(number)) is not None:
        assert number % 100 == 97 - number // 100 % 97


def test_a_register_of_countries_is_whole() -> None:
    assert len(IBAN_LENGTHS) > 80 and IBAN_LENGTHS["FR"] == 27 and IBAN_LENGTHS["NO"] == 15


LETTERS = st.text("abcdefgéèïç", min_size=2, max_size=8)


@pytest.mark.safeguard
@given(LETTERS, LETTERS, AROUND, AFTER, st.booleans())
def test_s20_a_name_is_found_either_way_round(
    first: str, last: str, before: str, after: str, turned: bool
) -> None:
    names = Names([f"{first} {last.upper()}"])
    written = f"{last}-{first}" if turned else f"{first.title()}_{last}"
    text = f"{before} {written}{after}"
    assert names.stand_in(text)
    with duckdb.connect(":memory:") as database:
        query = "SELECT regexp_matches($text, $candidate)"
        parameters = {"text": text, "candidate": names.candidate}
        assert database.execute(query, parameters).fetchall() == [(True,)]


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Jean-Pierre Dupont", "Dupont Jean-Pierre"),
        ("DUPONT Jean-Pierre", "jean-pierre.dupont"),
        ("Mme Marie Dupont", "marie dupont"),
        ("Marie Dupont", "Dupont Mme Marie"),
        ("Jérôme Œuvrard", "jerome oeuvrard"),
        ("Jerome Oeuvrard", "Jérôme Œuvrard"),
        ("Marie Dupont", "Mar\u200bie Dupont"),
        ("Fatima Ben Salah", "Ben Salah Fatima"),
        ("Marie Dupont", "visite//MarieDupont"),
        ("Martin", "chez martin"),
        ("Jean-Pierre Dupont", "jeanpierre dupont"),
        ("Jean-Pierre Dupont", "DUPONTJeanPierre"),
        ("Jean-Pierre Dupont", "dupont.jeanpierre"),
        ("Jean-Pierre Dupont", "jean.pierre.dupont75"),
        ("Marie O'Connor", "oconnor_marie"),
        ("Anne DE LA TOUR", "delatour anne"),
        ("Łukasz Kowalski", "lukasz kowalski"),
        ("Søren Ørsted", "orsted soren"),
        ("Đặng Thị Mai", "dang thi mai"),
    ],
)
def test_s20_a_name_is_found_in_any_order_of_its_words(name: str, text: str) -> None:
    names = Names([name])
    assert names.stand_in(text) and re.search(names.candidate, text)


def test_a_name_of_one_word_is_not_looked_for_in_a_login() -> None:
    names = Names(["Martin", "Marie Dupont"])
    assert not names.stand_in("martin", login=True) and names.stand_in("martin")
    assert names.stand_in("marie.dupont", login=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Li Wu", "liwu"),  # too short to be told from a word
        ("Marion Dupont", "dupond marion"),
        ("Marie Armelle", "mariemarie"),  # neither an anagram nor one word twice
        ("Carole Dumont", "oracle du mont"),
        ("Jean Dupont", "jean 2 dupont"),
    ],
)
def test_other_words_are_not_taken_for_a_name(name: str, text: str) -> None:
    assert not Names([name]).stand_in(text)


def test_without_names_nothing_is_looked_for() -> None:
    assert not Names([]) and not Names(["", " - "])
    assert not Names(["Aminata Kone"]).stand_in("kone")


@pytest.mark.parametrize("module", [identifiers, minors])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    from datetime import date  # noqa: PLC0415 - a name the examples use

    result = doctest.testmod(module, extraglobs={"date": date})  # type: ignore[arg-type]
    assert result.attempted and not result.failed
