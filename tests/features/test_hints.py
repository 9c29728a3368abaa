"""What an educator is pointed at, where exactly, and what is left alone."""

from __future__ import annotations

import doctest
import re
import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from features import hints as module
from features import languages
from features.hints import hints
from features.intake import identifiers
from features.words import AVOIDED, AVOIDED_ENGLISH, INSTEAD, INSTEAD_ENGLISH

from .test_words import LEFT_COLUMN

NAMES = ("Mme Éloïse N'Guyen-Roy", "Karim Bel")
LANGUAGES = st.sampled_from(["fr", "en"])


def found(text: str, **more: object) -> list[str]:
    return [hint.found for hint in hints(text, **more)]  # type: ignore[arg-type]


def suggested(text: str, **more: object) -> list[str]:
    return [hint.suggestion for hint in hints(text, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "word", "better"),
    [
        ("Il refuse l'atelier.", "refuse", "n'a pas souhaité"),
        ("ELLE REFUSE", "REFUSE", "n'a pas souhaité"),
        ("Perdue de vue depuis mars", "Perdue de vue", "sans contact depuis le …"),
        ("un monsieur sdf.", "sdf", "personne sans domicile"),
        ("très absentéiste", "absentéiste", "2 rendez-vous non honorés (motif inconnu)"),
        ("tres absenteiste", "absenteiste", "2 rendez-vous non honorés (motif inconnu)"),
        ("Elle ne collabore\u00a0pas", "ne collabore\u00a0pas",
         "2 rendez-vous non honorés (motif inconnu)"),
        ("dans le\ndéni", "dans le\ndéni", "n'a pas souhaité"),
        ("C'est un cas lourd", "cas lourd", "aucune réponse adaptée trouvée à ce jour"),
        ("Le cas de Madame", "cas", "situation, personne accompagnée"),
        ("l’individu", "individu", "situation, personne accompagnée"),
        ("profil a risque", "profil a risque", "situation, personne accompagnée"),
        ("un faux positif", "faux positif", "signal non pertinent"),
        ("score de risque", "score de risque", "signal d'attention"),
        ("prise en charge par le service", "prise en charge", "accompagnement"),
        ("sa prise en charge", "prise en charge", "accompagnement"),
        ("Un probleme de loyer", "probleme", "difficulté déclarée"),
        ("un assisté", "assisté", "personne en situation de …"),
        ("en échec", "échec", "interruption du lien, reprise de contact"),
        ("decrochage", "decrochage", "interruption du lien, reprise de contact"),
        ("risque d'expulsion", "risque", "le fait constaté, avec sa date"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_word_is_pointed_at_with_what_may_stand_there(
    text: str, word: str, better: str, form: str
) -> None:
    typed, word = (unicodedata.normalize(form, part) for part in (text, word))
    (hint,) = hints(typed)
    assert (hint.found, hint.kind, hint.suggestion) == (word, "avoided", better)
    assert typed[hint.start : hint.end] == word


@pytest.mark.parametrize("words", LEFT_COLUMN)
def test_the_whole_left_column_is_pointed_at(words: str) -> None:
    (hint,) = hints(f"Noté : {words}.")
    assert (hint.found, hint.kind) == (words, "avoided")


@pytest.mark.parametrize(
    "text",
    [
        "En cas de danger, appeler le 112.",
        "en cas d’absence ; au cas où ; le cas où ; au cas-par-cas",
        "EN TOUT CAS ; dans ce cas ; le cas échéant ; cas par cas",
        "C’est le cas, ce n'est pas le cas.",
        "Elle a assisté à la réunion, assistée par un avocat.",
        "Prise en charge par la CPAM, prise en charge des frais, prise en charge à 100 %",
        "La CAF refuse ; le bailleur refuse.",
        "Il joue aux échecs au club d'échecs... un atelier d'échecs",
        "Alerte canicule, aucun problème, abandon de poste, sans risque.",
        "une fiche de paie, elle assiste à l'atelier, il suspend",
        "casier, cascade, refuser, refusé, individuel, Picasso, scorecard, alerter",
        "Droit refusé par l'organisme.",
        "CCAS, occasion, handicap",
        "",
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_other_uses_of_the_same_words_are_left_alone(text: str, form: str) -> None:
    assert found(unicodedata.normalize(form, text)) == []


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("Son numéro : 06 12 34 56 78.", "06 12 34 56 78", "un numéro de téléphone"),
        ("tél 06.12.34.56.78, le soir", "06.12.34.56.78", "un numéro de téléphone"),
        ("(+33 6 12 34 56 78)", "+33 6 12 34 56 78", "un numéro de téléphone"),
        ("Écrire à « a.b@exemple.fr »", "a.b@exemple.fr", "une adresse électronique"),
        ("nir 255081416802538 noté", "255081416802538", "un numéro de sécurité sociale"),
        ("1 84 12 2A 116 002 07", "1 84 12 2A 116 002 07", "un numéro de sécurité sociale"),
        ("1 84 12 2b 116 002.", "1 84 12 2b 116 002", "un numéro de sécurité sociale"),
        ("FR14 2004 1010 0505 0001 3M02 606", "FR14 2004 1010 0505 0001 3M02 606",
         "un numéro de compte bancaire"),
        ("carte 2 55 08 14 168 025 38 vue", "2 55 08 14 168 025 38",
         "un numéro de sécurité sociale"),
        ("habite 12 bis, rue de la Paix", "12 bis, rue de la Paix", "une adresse postale"),
        ("au 45 chemin vert depuis 2 ans", "45 chemin vert", "une adresse postale"),
        ("au 3 place d’Italie", "3 place d’Italie", "une adresse postale"),
        ("4 avenue Foch, 75016 Paris !", "4 avenue Foch, 75016 Paris", "une adresse postale"),
        ("vient de 93200 Saint-Denis", "93200 Saint-Denis", "une adresse postale"),
        ("allocataire 1234567", "1234567", "un long numéro"),
        ("dossier n° 12-345-678", "12-345-678", "un long numéro"),
        ("Vu avec Mme N’Guyen-Roy Eloise hier", "N’Guyen-Roy Eloise", "un nom de personne"),
        ("KARIM BEL est venu", "KARIM BEL", "un nom de personne"),
    ],
)  # fmt: skip
def test_an_identifier_is_pointed_at(text: str, where: str, says: str) -> None:
    (hint,) = hints(text, names=NAMES)
    assert (hint.found, hint.kind) == (where, "identifier")
    assert hint.suggestion.startswith(says)
    assert "a sa place dans le dossier, pas ici" in hint.suggestion
    (english,) = hints(text, "en", names=NAMES)
    assert (english.start, english.end, english.kind) == (hint.start, hint.end, "identifier")
    assert "its place is in the file, not here" in english.suggestion


@pytest.mark.parametrize(
    "text",
    [
        "Rendez-vous le 12/03/2026 à 14h30, puis le 2026-04-01 et le 05.05.26",
        "de 03/2026 à 2026-2027 ; 2025/2026",
        "2 places en CHRS, 1 place de crèche, 3 cours de français, 1 passage à l'accueil",
        "loyer de 450 €, 12 500 euros, 3 rendez-vous sur 5",
        "appeler le 115 ou le 3919",
        "Karim est venu avec Bel Canto",
    ],
)
def test_dates_counts_and_parts_of_names_are_left_alone(text: str) -> None:
    assert found(text, names=NAMES) == []


def test_several_hints_stand_in_the_order_of_the_text() -> None:
    text = "Refuse. 06 12 34 56 78 ou a@b.fr ; sdf, 06 12 34 56 79"
    assert found(text) == ["Refuse", "06 12 34 56 78", "a@b.fr", "sdf", "06 12 34 56 79"]


def test_every_suggestion_is_one_that_could_be_written() -> None:
    """No suggestion sends anybody to another avoided word."""
    for better in INSTEAD.values():
        assert not AVOIDED.search(better)
    for better in INSTEAD_ENGLISH.values():
        assert not AVOIDED_ENGLISH.search(better)
    for text in ("06 12 34 56 78", "1234567", "2 rue X", "a@b.fr"):
        assert not AVOIDED.search(suggested(text)[0])
        assert not AVOIDED_ENGLISH.search(suggested(text, language="en")[0])


def test_every_kind_of_identifier_has_its_sentence() -> None:
    examples = ("a@b.fr", "06 12 34 56 78", "1 84 12 2A 116 002 07", "FR1420041010050500013M02606")
    assert {identifiers.identifier_in(text) for text in examples} == set(identifiers.KINDS)
    assert len({suggested(text)[0] for text in examples}) == len(identifiers.KINDS)


def test_english_words_and_their_figurative_uses() -> None:
    assert suggested("He refuses any help.", language="en") == ["did not wish to"]
    assert suggested("lost to follow-up", language="en") == ["no contact since …"]
    assert found("a no-show, in denial", language="en") == ["no-show", "in denial"]
    fine = "In case of danger; in any case, no problem. Individual support. A suitcase."
    assert found(fine, language="en") == []
    assert found("refuse", language="fr") == found("refuse", language="en") == ["refuse"]


words = st.sampled_from(
    ["refuse", "cas", "en cas de", "SDF", "de\u0301ni", "dans le", "06 12 34 56 78", "a@b.fr",
     "1 84 12 2A 116 002 07", "12 rue", "Karim", "Bel", "2026", "12/03/2026", "l’", "ﬁche", "é",
     "FR14", "2004", "1010", "75011 Paris", "\n", "x", "."]
)  # fmt: skip
texts = st.text(max_size=80) | st.lists(words, max_size=12).map(" ".join)


@settings(deadline=None)
@given(texts, LANGUAGES)
@example("\u0301refuse\u0301 refuse", "fr")
@example("ﬁche\u0301 SDF", "fr")
def test_spans_lie_in_the_text_and_quote_it(text: str, language: str) -> None:
    made = hints(text, language, names=NAMES)  # type: ignore[arg-type]
    end = 0
    for hint in made:
        assert end <= hint.start < hint.end <= len(text)
        assert text[hint.start : hint.end] == hint.found
        assert hint.suggestion
        end = hint.end


@settings(deadline=None)
@given(st.text(alphabet="abcdefghij éèà'’.,;\n", max_size=80))
def test_a_text_without_such_words_gives_nothing(text: str) -> None:
    # The one avoided word that these letters spell.
    assume(not re.search("[eé]chec", text))
    assert hints(text, names=NAMES) == ()


@settings(deadline=None)
@given(texts)
def test_what_may_not_stand_in_a_wording_is_pointed_at_unless_figurative(text: str) -> None:
    plain = unicodedata.normalize("NFC", text).replace("en cas de", "")
    if AVOIDED.search(plain):
        assert hints(plain)


def test_examples_hold() -> None:
    for documented in (module, languages):
        ran = doctest.testmod(documented)
        assert ran.attempted and not ran.failed
