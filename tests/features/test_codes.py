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
    MINIMISED_FAMILIES,
    OTHER_LANE,
    family,
    family_among,
    is_code,
    label,
    lane,
    lanes,
    matches,
)
from features.words import AVOIDED_ENGLISH

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


_TELLING = """
hopital//admission hôpital psychiatrique//suivi rdv//medicale rdv//médicaux hospitalise
rdv//médecin droits//aah droits//AAH droits//mdph addictologie suivi//alcoolisme csapa penale
judiciaire//controle orientation//controle-judiciaire incarceration detention detenus religieux
suicidaire violent maltraitance handicapé//x santePsy santePsychique SantePsy sante2 Santé//x
s.a.n.t.e soins//infirmiers suivi//suiviPsychiatrique suivipsychologique violencesconjugales
VIOLENCES-CONJUGALES san\u200bte ſante info_preoccupante garde_a_vue toxicomane mineure mineurs
aide_sociale_enfance protectionEnfance emploi//esat_handicap droits//ouverture_sante_mentale
ouverture_sante//x point_justice//x logement//mineur partenaire//justice droits//sante
"""

_LET_THROUGH = """
droits//ouverture_sante droits//ouverture-santé droits//complementaire_sante_solidaire
droits//Complémentaire_Santé droits//css partenaire//point_justice
partenaire//maison_de_la_justice logement//travaux_mineurs formation//langue_francaise
emploi//activite_puissante commerce//croissante santeria//x lieu//santerre droits//penalite
ressources//justificatif aide//hospitalite numerique//compte_ameli culture//sortie
contact//base phase//x projet//medicis prejudiciable//x rdv//violon HOSPITAL_ADMISSION
HOSPITAL_DISCHARGE//HOME MEDICATION//START ICU_ADMISSION LOINC//1234-5
"""


@pytest.mark.safeguard
@pytest.mark.parametrize("code", _TELLING.split())
def test_s04_s33_s34_a_family_is_found_by_the_stems_of_its_words(code: str) -> None:
    assert family_among(code, set(FORBIDDEN_FAMILIES) - set(MINIMISED_FAMILIES))


@pytest.mark.parametrize(
    "code", [*_LET_THROUGH.split(), *(c for c in LABELS if family(c) != "langue")]
)
def test_named_rights_partners_works_and_other_words_are_let_through(code: str) -> None:
    assert family_among(code, FORBIDDEN_FAMILIES) is None


@pytest.mark.safeguard
@pytest.mark.parametrize("code", ["langues//x", "equipe//langue_interprete", "rdv//interprete"])
def test_s04_a_language_is_found_in_any_part(code: str) -> None:
    assert family_among(code, MINIMISED_FAMILIES) == "langue"


@pytest.mark.parametrize("code", ["MEDS_BIRTH", "LOINC//1234-5", "rdv", "a.b//é_1", *LABELS])
def test_what_a_code_looks_like(code: str) -> None:
    assert is_code(code)


@pytest.mark.parametrize("code", ["", "//", "rdv//", "a b", "a/b", "a///b", "rdv\n", "x" * 101])
def test_what_no_code_looks_like(code: str) -> None:
    assert not is_code(code)


def test_labels_and_lanes_are_plain_and_complete() -> None:
    for told in (*LABELS.values(), *LANES.values(), OTHER_LANE):
        assert told.fr[0].isupper() and not AVOIDED.search(told.fr)
        assert told.en[0].isupper() and not AVOIDED_ENGLISH.search(told.en)
        assert told.en.isascii()
    families = {family(code) for code in LABELS}
    # What starts or ends the link stands apart; a language is never shown.
    assert families - LANES.keys() == {"fin", "lien", "langue"}


def test_the_lane_of_contacts_does_not_promise_an_exchange() -> None:
    lanes = {lane("contact//visite"), lane("contact//message"), lane("contact//sans_reponse")}
    assert lanes == {"Contacts et tentatives"}


def test_no_two_codes_or_lanes_read_the_same_in_a_language() -> None:
    for words in (set(LABELS.values()), {*LANES.values(), OTHER_LANE}):
        assert len({told.fr for told in words}) == len({told.en for told in words}) == len(words)
    assert len(set(LABELS.values())) == len(LABELS)


def test_english_stands_beside_french() -> None:
    assert label("rdv//honore", "en") == "Appointment kept"
    assert lane("rdv//honore", "en") == "Appointments"
    assert label("autre//x", "en") == "autre//x" and lane("autre//x", "en") == "Other events"
    assert len(lanes("en")) == len(lanes()) == len(set(lanes()))
    assert lanes()[-1] == lane("autre//x")


def test_an_unknown_code_is_shown_as_it_came() -> None:
    assert label("autre//chose") == "autre//chose" and lane("autre//chose") == OTHER_LANE.fr
    assert label("rdv//honore") == "Rendez-vous honoré" and lane("RDV//x") == "Rendez-vous"


@pytest.mark.parametrize("module", [codes, french])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    from datetime import date  # noqa: PLC0415 - a name the examples use

    result = doctest.testmod(module, extraglobs={"date": date})  # type: ignore[arg-type]
    assert result.attempted and not result.failed
