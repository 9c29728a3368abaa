from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from revue import schema
from revue.contestation import answer_contestation, contest
from revue.directory import people_of
from revue.journal import entries
from revue.permissions import Forbidden, NotYours
from revue.records import Outcome, Part, Role, SituationKind, State
from revue.review import SignalExpired, handled_elsewhere, open_own, read_signal
from revue.states import Act
from tests.revue.builders import (
    AS_OF,
    DUE_ON,
    NOW,
    TODAY,
    VALID_UNTIL,
    absence,
    directory,
    educator,
    facts,
    fill,
    new_situation,
    read,
    situation_in_state,
    stay,
    user,
)


def why(session: Session, actor: object, today: date = TODAY) -> dict[str, str]:
    return {row.person: row.why for row in people_of(session, actor, today=today)}  # type: ignore[arg-type]


def test_why_somebody_is_not_in_the_queue(session: Session) -> None:
    lea = educator(session)
    directory(
        session,
        stay("queued"),
        stay("seen"),
        stay("left", left_on=date(2026, 11, 2)),
        stay("leaves-today", left_on=TODAY),
        stay("not-told", informed_on=None),
        stay("new", entered_on=AS_OF - timedelta(days=27)),
        stay("old-enough", entered_on=AS_OF - timedelta(days=28)),
        stay("karims", "karim"),
        stay("elsewhere", team="sud"),
        stay("nobodys", None),
    )
    assert set(why(session, lea).values()) == {
        "aucune revue à ce jour",
        "non informée",
    }
    fill(session, [new_situation("queued"), new_situation("seen")])
    seen = next(row for row in people_of(session, lea, today=TODAY) if row.person == "seen")
    assert seen.situation_id is not None
    handled_elsewhere(session, lea, seen.situation_id, now=NOW, today=TODAY)
    assert why(session, lea) == {
        "queued": "dans la file",
        "seen": "déjà regardée récemment",
        "leaves-today": "non retenue ce mois-ci",
        "not-told": "non informée",
        "new": "accompagnement trop récent",
        "old-enough": "non retenue ce mois-ci",
    }
    late = why(session, lea, VALID_UNTIL + timedelta(days=1))
    assert late["queued"] == late["seen"] == "non retenue ce mois-ci"


@pytest.mark.safeguard
def test_s34_the_order_of_people_says_nothing(session: Session) -> None:
    lea = educator(session)
    people = [f"p{n:02}" for n in range(30)]
    directory(session, *(stay(person) for person in people))
    before = [row.person for row in people_of(session, lea, today=TODAY)]
    fill(session, [new_situation(person) for person in people[:5]])
    assert [row.person for row in people_of(session, lea, today=TODAY)] == before
    assert before not in (people, people[::-1])


def test_the_latest_stay_holds_and_who_is_gone_is_gone(session: Session) -> None:
    lea = educator(session)
    directory(session, stay("p1", entered_on=date(2026, 5, 1)), stay("p1", "karim"), stay("p2"))
    (first, second) = sorted(people_of(session, lea, today=TODAY), key=lambda row: row.person)
    assert (first.entered_on, second.person) == (date(2026, 5, 1), "p2")
    directory(session, stay("p2"))
    assert [row.person for row in people_of(session, lea, today=TODAY)] == ["p2"]
    directory(session)
    assert people_of(session, lea, today=TODAY) == ()


@pytest.mark.safeguard
def test_s09_only_an_educator_has_people(session: Session) -> None:
    for role in set(Role) - {Role.EDUCATOR}:
        with pytest.raises(Forbidden):
            people_of(session, user(session, role.value, role, "nord"), today=TODAY)


def test_a_stand_in_has_the_absent_educators_people_as_well(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    directory(session, stay("leas"), stay("karims", "karim"), stay("elsewhere", team="sud"))
    absence(session, "lea", "karim", days=(0, 3))
    assert set(why(session, karim)) == {"leas", "karims"}
    assert set(why(session, lea)) == {"leas"}
    assert set(why(session, karim, TODAY + timedelta(days=4))) == {"karims"}


def test_somebody_away_without_a_stand_in_says_why(session: Session) -> None:
    lea = educator(session)
    directory(session, stay("p1"))
    fill(session, [])
    absence(session, "lea", None, days=(-10, 3))
    assert why(session, lea) == {"p1": "absence lors de la dernière revue"}


ENTRY = {State.TO_LOOK_AT, State.VIEWED, State.SIGNAL_SEEN, State.PUT_OFF, State.SECOND_LOOK}
ENTRY |= {State.TO_ASSIGN, State.EXPIRED}


@pytest.mark.safeguard
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("to", [("zoe", "sud"), ("karim", "nord"), (None, "nord")])
def test_s09_a_situation_follows_its_person(
    session: Session, state: State, to: tuple[str | None, str]
) -> None:
    """The new one sees it and the old one no longer; what is open starts afresh.

    Everything that was said stays, and nobody decides on somebody else's view.
    """
    lea = educator(session)
    new = educator(session, *to) if to[0] else None
    id = situation_in_state(session, state, lea)
    if (state, to[0]) == (State.TO_ASSIGN, None):
        return  # nobody's before and after
    moved = session.get_one(schema.Situation, id)
    moved.held_by, moved.held_until = "lea", NOW + timedelta(minutes=30)
    views = session.scalars(select(schema.View.user_id)).all()
    directory(session, stay("p1", *to))
    assert (moved.team, moved.referent, moved.assigned_to) == (to[1], to[0], None)
    fresh = State.TO_LOOK_AT if to[0] else State.TO_ASSIGN
    decided = State.DECIDED if state in (State.LOOKED_TWICE, State.IN_TEAM) else state
    assert moved.state is (fresh if state in ENTRY else decided)
    assert moved.held_by is None
    assert session.scalars(select(schema.View.user_id)).all() == views
    look = session.get(schema.SecondLook, id)
    assert look is None or look.ended_at is not None
    with pytest.raises(NotYours):
        read(session, lea, id)
    if new is not None:
        assert read(session, new, id).part is Part.ACCOMPANYING
        if state in ENTRY - {State.EXPIRED}:
            assert read(session, new, id).state is State.TO_LOOK_AT
    assert "hand_over" in {entry.act for entry in entries(session, 3)}


@pytest.mark.safeguard
def test_s09_who_comes_back_to_another_team_is_the_other_teams(session: Session) -> None:
    """Even where an import in between did not know the person at all."""
    lea, zoe = educator(session), educator(session, "zoe", "sud")
    directory(session, stay("p1"))
    id = situation_in_state(session, State.DECIDED, lea)
    directory(session)
    directory(session, stay("p1", "zoe", "sud"))
    with pytest.raises(NotYours):
        read(session, lea, id)
    assert read(session, zoe, id).state is State.WITHDRAWN


@pytest.mark.safeguard
@pytest.mark.parametrize("stood", [State.SECOND_LOOK, State.PUT_OFF, State.IN_TEAM])
@pytest.mark.parametrize("referent", ["karim", None])
def test_s32_a_hand_over_amid_a_contestation_is_a_hand_over_all_the_same(
    session: Session, stood: State, referent: str | None
) -> None:
    """When it is answered, the new educator starts afresh; nobody waits for a look taken back."""
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    karim, reader = educator(session, "karim"), educator(session, "reader")
    id = situation_in_state(session, stood, lea, reader=reader)
    contest(session, lea, id, words="non", now=NOW, today=TODAY)
    directory(session, stay("p1", referent))
    row = session.get_one(schema.Situation, id)
    assert row.state is State.CONTESTED
    answer_contestation(session, dpo, id, outcome=Outcome.KEPT, answer="vu avec elle", now=NOW)
    decided = stood is State.IN_TEAM
    fresh = State.TO_LOOK_AT if referent else State.TO_ASSIGN
    assert row.state is (State.DECIDED if decided else fresh)
    assert row.again_on == (TODAY + timedelta(days=7) if decided else None)
    if referent:
        assert Act.FOLLOW_UP in read(session, karim, id).acts or not decided
    if stood is State.SECOND_LOOK:
        assert read(session, reader, id).acts == (Act.HANDLED_ELSEWHERE,)


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", SituationKind)
@pytest.mark.parametrize("gone", [False, True])
def test_s14_who_is_told_no_more_has_no_situation(
    session: Session, kind: SituationKind, gone: bool
) -> None:
    """Whatever kind it is, alike; and so it is for somebody no longer known at all."""
    lea = educator(session)
    directory(session, stay("p1"))
    id = situation_in_state(session, State.SIGNAL_SEEN, lea, kind=kind)
    directory(session, *([] if gone else [stay("p1", informed_on=None)]))
    assert read(session, lea, id).state is State.WITHDRAWN
    with pytest.raises(SignalExpired):
        read_signal(session, lea, id, now=NOW, today=TODAY)


@pytest.mark.safeguard
def test_s14_a_contested_situation_is_answered_and_then_withdrawn(session: Session) -> None:
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    directory(session, stay("p1"))
    id = situation_in_state(session, State.CONTESTED, lea)
    directory(session, stay("p1", informed_on=None))
    directory(session, stay("p1", informed_on=None))
    row = session.get_one(schema.Situation, id)
    assert row.state is State.CONTESTED
    answer_contestation(session, dpo, id, outcome=Outcome.KEPT, answer="vu avec elle", now=NOW)
    assert row.state is State.WITHDRAWN


def test_what_an_educator_opens_for_somebody_not_told_stays_open(session: Session) -> None:
    """It holds no signal; the import that follows changes nothing about it."""
    lea = educator(session)
    fill(session, [new_situation("p9")])
    directory(session, stay("p1", informed_on=None), stay("p9"))
    id = open_own(session, lea, person="p1", facts=facts(), due_on=DUE_ON, now=NOW, today=TODAY)
    directory(session, stay("p1", informed_on=None), stay("p9"))
    assert read(session, lea, id).state is State.TO_LOOK_AT


def test_a_sync_that_changes_nothing_moves_nothing(session: Session) -> None:
    lea = educator(session)
    for state in State:
        situation_in_state(session, state, lea, id=state.value, person=state.value)
    stays = [stay(state.value, None if state is State.TO_ASSIGN else "lea") for state in State]
    directory(session, *stays)
    before = len(entries(session, 100))
    directory(session, *stays)
    assert len(entries(session, 100)) == before + 1
