from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.codes import LABELS
from features.facts import TOPICS, Facts, describe, known_event

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


def test_what_nobody_declared_is_not_a_need() -> None:
    some = [(40, "contact//visite"), (9, "rdv//honore"), (5, "rdv//non_honore")]
    assert [fact.kind for fact in facts(*some).facts] == ["lien", "lien", "lien"]


def test_appointments_are_counted_with_what_was_kept() -> None:
    some = [(5, "rdv//non_honore"), (90, "rdv//non_honore"), (7, "rdv//honore")]
    assert "2 rendez-vous sur 3 non honorés depuis le 1er mars 2026, motif inconnu." in said(*some)
    assert "1 rendez-vous honoré depuis le 1er mars 2026." in said(*some)
    only = "1 rendez-vous sur 1 non honoré depuis le 1er mars 2026, motif inconnu."
    assert said((5, "rdv//non_honore")) == [only]
    assert said((91, "rdv//non_honore")) == []


@pytest.mark.parametrize("topic", TOPICS, ids=[t.one for t in TOPICS])
def test_each_topic_counts_within_its_days_and_agrees(topic: object) -> None:
    code, days = topic.codes[0], topic.days  # type: ignore[attr-defined]
    start = "1er mars 2026" if days == 90 else "1er décembre 2025"
    one = f"1 {topic.one} depuis le {start}."  # type: ignore[attr-defined]
    many = f"2 {topic.many} depuis le {start}."  # type: ignore[attr-defined]
    assert one in said((days, code), (days + 1, code))
    assert many in said((days, code), (1, code + "//detail"))


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
