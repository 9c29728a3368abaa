from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from revue import schema
from revue.directory import people_of
from revue.permissions import Forbidden
from revue.records import Role, SituationKind, State
from revue.review import handled_elsewhere
from tests.revue.builders import (
    AS_OF,
    NOW,
    TODAY,
    VALID_UNTIL,
    directory,
    educator,
    fill,
    new_situation,
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
    handled_elsewhere(session, lea, seen.situation_id, now=NOW)
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


@pytest.mark.safeguard
@pytest.mark.parametrize("state", State)
def test_s09_a_situation_follows_its_person(session: Session, state: State) -> None:
    """A new team sees it and the old one no longer; what is open starts afresh."""
    lea = educator(session)
    id = situation_in_state(session, state, lea, kind=SituationKind.SIGNAL)
    directory(session, stay("p1", "zoe", "sud"))
    moved = session.get_one(schema.Situation, id)
    assert (moved.team, moved.referent) == ("sud", "zoe")
    closed = state in (State.DECIDED, State.HANDLED_ELSEWHERE)
    assert moved.state is (state if closed else State.TO_LOOK_AT)
    assert bool(session.scalars(select(schema.View)).all()) == (state is State.DECIDED)
