from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import english, french
from features.codes import LABELS
from features.facts import TOPICS, Facts, describe, known_event, retold
from features.words import AVOIDED_ENGLISH
from tests.conftest import ROOT

from .avoided import assert_plain

AS_OF = date(2026, 5, 30)
ENTERED = date(2025, 1, 1)


def facts(*events: tuple[int, str], late: int = 0) -> Facts:
    """Describe events given as (days before the review date, code)."""
    known = []
    for days, code in events:
        occurred = AS_OF - timedelta(days=days)
        known.append(known_event(occurred, occurred + timedelta(days=late), code))
    return describe(AS_OF, ENTERED, known)


def said(*events: tuple[int, str]) -> list[str]:
    return [fact.text for fact in facts(*events).facts]


def test_the_last_exchange_counts_where_both_were_there() -> None:
    informal = "les échanges informels n'y figurent pas."
    assert said((90, "rdv//non_honore"), (29, "contact//visite"), (3, "contact//message"))[0] == (
        f"Dernier échange enregistré le 1er mai 2026, il y a 29 jours ; {informal}"
    )
    assert said((1, "rdv//honore"))[0] == (
        f"Dernier échange enregistré le 29 mai 2026, il y a 1 jour ; {informal}"
    )


@pytest.mark.parametrize(
    ("as_of", "events", "sentence"),
    [
        (
            date(2026, 11, 21),
            {"rdv//honore": [date(2026, 10, 14)]},
            "Dernier échange enregistré le 14 octobre 2026, il y a 38 jours ; les échanges "
            "informels n'y figurent pas.",
        ),
        (
            date(2026, 11, 21),
            {
                "rdv//honore": [date(2026, 8, 23), date(2026, 9, 1), date(2026, 9, 9)],
                "rdv//non_honore": [date(2026, 10, 1), date(2026, 11, 20)],
            },
            "2 rendez-vous sur 5 non honorés depuis le 23 août 2026, motif inconnu.",
        ),
        (
            date(2026, 11, 21),
            {"rdv//annule_service": [date(2026, 8, 23), date(2026, 9, 1), date(2026, 9, 9)]},
            "3 rendez-vous annulés par le service depuis le 23 août 2026.",
        ),
        (
            date(2026, 11, 21),
            {
                "contact//visite": [date(2026, 10, 24), *[date(2026, 10, 2)] * 6],
                "contact//appel_entrant": [date(2026, 11, 3)],
            },
            "2 échanges depuis le 24 octobre 2026, contre 6 les quatre semaines précédentes.",
        ),
        (
            date(2026, 11, 21),
            {"droits//demande": [date(2026, 9, 2)]},
            "1 demande de droits sans réponse de l'organisme depuis le 2 septembre 2026 "
            "(80 jours).",
        ),
        (
            date(2026, 11, 17),
            {"logement//changement": [date(2026, 5, 21), date(2026, 7, 1), date(2026, 9, 9)]},
            "3 changements d'hébergement enregistrés depuis le 21 mai 2026.",
        ),
        (
            date(2026, 11, 21),
            {"ressources//aide_demandee": [date(2026, 9, 1), date(2026, 11, 9)]},
            "2 aides financières demandées depuis le 23 août 2026, la dernière le 9 novembre.",
        ),
        (
            date(2026, 8, 28),
            {"service//changement_referent": [date(2026, 3, 1), date(2026, 6, 6)]},
            "2 changements de référent, à l'initiative du service, depuis le 1er mars 2026.",
        ),
    ],
)
def test_facts_read_as_on_the_page_on_words(
    as_of: date, events: dict[str, list[date]], sentence: str
) -> None:
    known = [known_event(day, day, code) for code, days in events.items() for day in days]
    assert sentence in [fact.text for fact in describe(as_of, ENTERED, known).facts]


def test_what_nobody_declared_is_not_a_need() -> None:
    some = [(40, "contact//visite"), (9, "rdv//honore"), (5, "rdv//non_honore")]
    assert [fact.kind for fact in facts(*some).facts] == ["lien", "lien", "lien", "lien"]


def test_exchanges_are_told_beside_those_of_the_weeks_before() -> None:
    def pace(*days: int) -> list[str]:
        return [t for t in said(*((d, "contact//visite") for d in days)) if "contre" in t]

    since = "depuis le 2 mai 2026, contre"
    assert pace(1, 28, 29, 40, 56) == [f"2 échanges {since} 3 les quatre semaines précédentes."]
    assert pace(28, 57) == [f"1 échange {since} aucun les quatre semaines précédentes."]
    assert pace(29) == [f"Aucun échange {since} 1 les quatre semaines précédentes."]
    assert pace(57) == pace() == []


def test_a_young_stay_has_no_weeks_before() -> None:
    def told(entered: int) -> int:
        start, seen = AS_OF - timedelta(days=entered), AS_OF - timedelta(days=3)
        made = describe(AS_OF, start, [known_event(seen, seen, "contact//visite")])
        return sum("contre" in fact.text for fact in made.facts)

    assert (told(55), told(56)) == (0, 1)


def test_a_request_waits_until_the_agency_answers() -> None:
    def waiting(*events: tuple[int, str]) -> list[str]:
        return [t for t in said(*events) if "sans réponse de l'organisme" in t]

    asked = "droits//demande"
    assert waiting((80, asked)) == [
        "1 demande de droits sans réponse de l'organisme depuis le 11 mars 2026 (80 jours)."
    ]
    assert waiting((80, asked), (29, asked), (90, "droits//refus")) == [
        "2 demandes de droits sans réponse de l'organisme, la première depuis le 11 mars 2026 "
        "(80 jours)."
    ]
    for answer in ("droits//ouverture", "droits//refus", "droits//piece_demandee//x"):
        assert waiting((80, asked), (40, asked), (40, answer)) == []
        assert "depuis le 29 mai 2026 (1 jour)" in waiting((80, asked), (40, answer), (1, asked))[0]
    # Older than a year, or never an answer of the agency.
    assert waiting((366, asked)) == []
    assert waiting((365, asked), (3, "droits//suspension_organisme"))


def test_the_last_of_several_aid_requests_is_dated() -> None:
    aid = "ressources//aide_demandee"
    assert said((9, aid)) == ["1 aide financière demandée depuis le 1er mars 2026."]
    assert said((9, aid), (29, aid)) == [
        "2 aides financières demandées depuis le 1er mars 2026, la dernière le 21 mai."
    ]
    assert said((29, aid), (29, aid))[0].endswith(", la dernière le 1er mai.")
    january = date(2026, 1, 12)
    events = [known_event(day, day, aid) for day in (date(2025, 12, 3), date(2026, 1, 9))]
    assert [fact.text for fact in describe(january, ENTERED, events).facts] == [
        "2 aides financières demandées depuis le 14 octobre 2025, la dernière le 9 janvier 2026."
    ]


def test_the_service_tells_apart_what_it_cancelled_and_what_it_postponed() -> None:
    made = facts(
        (3, "rdv//annule_service"), (4, "rdv//annule_service"), (5, "rdv//reporte_service")
    )
    assert [(fact.kind, fact.text) for fact in made.facts] == [
        ("service", "2 rendez-vous annulés par le service depuis le 1er mars 2026."),
        ("service", "1 rendez-vous reporté par le service depuis le 1er mars 2026."),
    ]


def test_appointments_are_counted_with_what_was_kept() -> None:
    some = [(5, "rdv//non_honore"), (90, "rdv//non_honore"), (7, "rdv//honore")]
    assert "2 rendez-vous sur 3 non honorés depuis le 1er mars 2026, motif inconnu." in said(*some)
    assert "1 rendez-vous honoré depuis le 1er mars 2026." in said(*some)
    only = "1 rendez-vous sur 1 non honoré depuis le 1er mars 2026, motif inconnu."
    assert said((5, "rdv//non_honore")) == [only]
    assert said((91, "rdv//non_honore")) == []


@pytest.mark.parametrize("topic", TOPICS, ids=[t.noun.fr.split("|")[0] for t in TOPICS])
def test_each_topic_counts_within_its_days_and_agrees(topic: object) -> None:
    code, days = topic.codes[0], topic.days  # type: ignore[attr-defined]
    one, many = topic.noun.fr.split("|")  # type: ignore[attr-defined]
    start = "1er mars 2026" if days == 90 else "1er décembre 2025"
    assert f"1 {one} depuis le {start}." in said((days, code), (days + 1, code))
    two = said((days, code), (1, code + "//detail"))
    assert any(text.startswith(f"2 {many} depuis le {start}") for text in two)


def test_what_is_missing_is_said() -> None:
    empty = facts()
    assert empty.facts == () and empty.events == ()
    assert empty.missing[0] == "Aucun échange réciproque enregistré pour ce séjour."
    assert len(empty.missing) == 4
    explored = facts((365, "logement//relance"), (366, "emploi//fin_contrat"))
    assert not any("le logement" in m for m in explored.missing)
    assert any("l'emploi" in m for m in explored.missing)


def test_a_return_counts_the_present_stay_only() -> None:
    entered = AS_OF - timedelta(days=29)
    codes = ("contact//visite", "rdv//honore", "rdv//non_honore", "droits//ouverture", "logement")
    before, within = (
        [known_event(AS_OF - timedelta(days=d), AS_OF, code) for code in codes] for d in (30, 29)
    )
    empty = describe(AS_OF, entered, before)
    assert len(empty.events) == len(codes) and empty.facts == ()
    assert empty.missing[:2] == (
        "Aucun échange réciproque enregistré pour ce séjour.",
        "Rien d'enregistré sur le logement depuis le 1er mai 2026 : non exploré ou non saisi.",
    )
    assert not any("plus d'une semaine" in line for line in empty.missing)
    both = describe(AS_OF, entered, [*before, *within])
    assert [fact.text for fact in both.facts[1:]] == [
        "1 rendez-vous honoré depuis le 1er mai 2026.",
        "1 rendez-vous sur 2 non honoré depuis le 1er mai 2026, motif inconnu.",
        "1 droit ouvert depuis le 1er mai 2026.",
    ]
    assert "5 faits saisis plus d'une semaine après, sur 5." in both.missing


def test_late_entries_are_counted() -> None:
    assert not any("plus d'une semaine" in m for m in facts((30, "rdv"), late=7).missing)
    one = "1 fait saisi plus d'une semaine après, sur 1."
    assert one in facts((30, "rdv"), late=8).missing
    two = "2 faits saisis plus d'une semaine après, sur 2."
    assert two in facts((30, "rdv"), (31, "rdv"), late=8).missing


histories = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from([*sorted(LABELS), "autre//chose", "rdv//é"])),
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(histories, st.integers(0, 30))
def test_every_sentence_is_plain_and_the_record_survives_json(
    events: list[tuple[int, str]], late: int
) -> None:
    made = facts(*events, late=late)
    for sentence in (*(fact.text for fact in made.facts), *made.missing):
        assert_plain(sentence)
    assert Facts.from_json(made.to_json()) == made
    assert list(made.events) == sorted(
        made.events, key=lambda e: (e.occurred_on, e.recorded_on, e.code)
    )
    assert facts(*events[::-1], late=late) == made


def dates_in(sentence: str, months: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Every date of a sentence: day, month, and year where it is written."""
    written = re.compile(rf"(\d+)(?:er)? ({'|'.join(months)})(?: (\d{{4}}))?")
    return [(int(n), months.index(m), year) for n, m, year in written.findall(sentence)]


@settings(max_examples=80, deadline=None)
@given(histories, st.integers(0, 30), st.integers(0, 600))
def test_english_tells_the_same_facts(
    events: list[tuple[int, str]], late: int, entered: int
) -> None:
    frozen = facts(*events, late=late)
    frozen = describe(AS_OF, AS_OF - timedelta(days=entered), frozen.events)
    told = retold(frozen, "en")
    assert (told.as_of, told.entered_on) == (frozen.as_of, frozen.entered_on)
    assert [fact.kind for fact in told.facts] == [fact.kind for fact in frozen.facts]
    sentences = [*(fact.text for fact in frozen.facts), *frozen.missing]
    twins = [*(fact.text for fact in told.facts), *told.missing]
    for french_text, english_text in zip(sentences, twins, strict=True):
        assert re.findall(r"\d+", french_text) == re.findall(r"\d+", english_text)
        assert dates_in(french_text, french.MONTHS) == dates_in(english_text, english.MONTHS)
        assert english_text != french_text and english_text.isascii()
        assert not AVOIDED_ENGLISH.search(english_text), english_text
        assert english_text.endswith(".") and "  " not in english_text and "|" not in english_text
    for was, now in zip(frozen.events, told.events, strict=True):
        assert (was.occurred_on, was.recorded_on, was.code) == (
            now.occurred_on,
            now.recorded_on,
            now.code,
        )
        assert now.label == (LABELS[now.code].en if now.code in LABELS else was.label)
    assert describe(AS_OF, frozen.entered_on, told.events, "fr").facts == frozen.facts


def test_english_as_it_reads() -> None:
    aid, asked = "ressources//aide_demandee", "droits//demande"
    some = facts(
        (3, "contact//visite"), (40, "rdv//honore"), (50, "rdv//non_honore"), (80, asked),
        (9, aid), (29, aid), (12, "rdv//annule_service"), (13, "service//changement_referent"),
    )  # fmt: skip
    assert [fact.text for fact in retold(some, "en").facts] == [
        "Last exchange recorded on 27 May 2026, 3 days ago; informal ones are not included.",
        "1 exchange since 2 May 2026, against 1 in the four weeks before.",
        "1 appointment kept since 1 March 2026.",
        "1 appointment not kept out of 2 since 1 March 2026, reason unknown.",
        "1 request for an entitlement without an answer from the agency since 11 March 2026 "
        "(80 days).",
        "2 financial aid requests since 1 March 2026, the last on 21 May.",
        "1 appointment cancelled by the service since 1 March 2026.",
        "1 change of key worker, at the service's initiative, since 1 December 2025.",
    ]
    assert retold(facts(), "en").missing == (
        "No reciprocal exchange recorded for this stay.",
        "Nothing recorded about housing since 30 May 2025: not explored or not entered.",
        "Nothing recorded about resources since 30 May 2025: not explored or not entered.",
        "Nothing recorded about employment since 30 May 2025: not explored or not entered.",
    )
    late = facts((30, "rdv"), late=8)
    assert "1 event entered more than a week later, out of 1." in retold(late, "en").missing


def test_french_stays_as_it_was_frozen() -> None:
    frozen = Facts(AS_OF, ENTERED, facts((3, "contact//visite")).events, (), ("Ancienne phrase.",))
    assert retold(frozen, "fr") is frozen


def test_facts_need_the_standard_library_only() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import features.facts, features.words"
    done = subprocess.run(  # noqa: S603 - our own interpreter, without its packages
        [sys.executable, "-I", "-S", "-c", script, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
