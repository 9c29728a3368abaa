from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from revue import schema
from revue.absences import UnknownEducator
from revue.permissions import Forbidden, NotYours
from revue.records import Actor, Role, SituationKind, State
from revue.review import follow_up
from revue.situations import NoSuchSituation
from revue.states import ActOutOfOrder
from revue.team import assign, handled_elsewhere, team_page
from tests.revue.builders import (
    AS_OF,
    CANARY,
    DUE_ON,
    NOW,
    TODAY,
    VALID_UNTIL,
    absence,
    decide,
    directory,
    educator,
    fill,
    new_situation,
    read,
    situation_in_state,
    stay,
    user,
)


@pytest.fixture
def lead(session: Session) -> Actor:
    return user(session, "lead", Role.TEAM_LEAD, "nord")


def give(session: Session, lead: Actor, id: str, login: str = "karim") -> None:
    assign(session, lead, id, login=login, now=NOW, today=TODAY)


def test_what_a_lead_looks_after(session: Session, lead: Actor) -> None:
    for login, of_team in (("lea", "nord"), ("karim", "nord"), ("zoe", "sud")):
        educator(session, login, of_team)
    assert team_page(session, lead, today=TODAY).as_of is None
    fill(
        session,
        [
            new_situation("p1"),
            new_situation("p2", referent=None),
            new_situation("p3", SituationKind.CONTROL, None),
            new_situation("p4", referent=None, team="sud"),
        ],
        unserved=3,
    )
    absence(session, "lea", "karim", lead=lead)
    page = team_page(session, lead, today=TODAY)
    assert (page.team, page.educators) == ("nord", ("karim", "lea"))
    assert (page.unserved, page.as_of) == (3, AS_OF)
    assert [(one.login, one.stand_in) for one in page.absences] == [("lea", "karim")]
    assert {one.person for one in page.to_assign} == {"p2", "p3"}
    assert {one.due_on for one in page.to_assign} == {DUE_ON}
    late = VALID_UNTIL + timedelta(days=1)
    assert team_page(session, lead, today=late).to_assign == ()


@pytest.mark.safeguard
def test_s01_s35_a_lead_learns_neither_signal_nor_kind(session: Session, lead: Actor) -> None:
    fill(session, [new_situation(kind, kind, None) for kind in (*SituationKind,)[:2]])
    page = team_page(session, lead, today=TODAY)
    assert CANARY not in repr(page)
    shown = [repr(one).replace(one.id, "").replace(one.person, "") for one in page.to_assign]
    assert len(shown) == 2
    assert shown[0] == shown[1]


def test_a_situation_is_given_to_somebody_who_is_there(session: Session, lead: Actor) -> None:
    lea, karim = educator(session), educator(session, "karim")
    educator(session, "zoe", "sud")
    id = situation_in_state(session, State.TO_ASSIGN, lea)
    absence(session, "lea", None, lead=lead)
    for login in ("zoe", "lead", "nobody", "lea"):
        with pytest.raises(UnknownEducator):
            give(session, lead, id, login)
    give(session, lead, id)
    assert read(session, karim, id).state is State.TO_LOOK_AT
    with pytest.raises(NotYours):
        read(session, lea, id)
    assert team_page(session, lead, today=TODAY).to_assign == ()


@pytest.mark.parametrize("state", [s for s in State if s is not State.TO_ASSIGN])
def test_nobody_is_taken_out_of_a_colleagues_hands(
    session: Session, lead: Actor, state: State
) -> None:
    lea = educator(session)
    educator(session, "karim")
    id = situation_in_state(session, state, lea)
    with pytest.raises(ActOutOfOrder):
        give(session, lead, id)
    assert session.get_one(schema.Situation, id).assigned_to is None


def test_what_was_offered_is_followed_up_though_the_referent_left(
    session: Session, lead: Actor
) -> None:
    lea, karim = educator(session), educator(session, "karim")
    day = TODAY + timedelta(days=5)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    decide(session, lea, id, again_on=day)
    situation_in_state(session, State.DECIDED, lea, id="done", person="p2")
    directory(session, stay("p1", None), stay("p2", None))
    (one,) = team_page(session, lead, today=TODAY).to_assign
    assert (one.id, one.due_on) == (id, day)
    give(session, lead, id)
    page = read(session, karim, id)
    assert (page.state, page.again_on) == (State.DECIDED, day)
    told = {"answer": None, "became": "vu", "again_on": None, "now": NOW, "today": TODAY}
    assert follow_up(session, karim, id, **told).state is State.FOLLOWED_UP
    assert team_page(session, lead, today=TODAY).to_assign == ()


@pytest.mark.safeguard
def test_s09_of_ones_own_team_alone(session: Session, lead: Actor) -> None:
    lea = educator(session)
    educator(session, "zoe", "sud")
    id = situation_in_state(session, State.TO_ASSIGN, lea)
    elsewhere = user(session, "lead-sud", Role.TEAM_LEAD, "sud")
    assert team_page(session, elsewhere, today=TODAY).to_assign == ()
    with pytest.raises(NoSuchSituation):
        give(session, elsewhere, id, "zoe")
    with pytest.raises(NoSuchSituation):
        give(session, lead, "nothing")
    teamless = user(session, "lead-none", Role.TEAM_LEAD)
    with pytest.raises(NotYours):
        team_page(session, teamless, today=TODAY)
    others = [user(session, f"a-{role}", role, "nord") for role in set(Role) - {Role.TEAM_LEAD}]
    for other in (lea, *others, Actor("cli:root", None, None)):
        with pytest.raises(Forbidden):
            team_page(session, other, today=TODAY)
        with pytest.raises(Forbidden):
            give(session, other, id)


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [State.DECIDED, State.FOLLOWED_UP, State.CONTESTED])
def test_s33_what_lost_its_referent_is_closed_by_the_lead_in_every_state(
    session: Session, lead: Actor, state: State
) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    with pytest.raises(NoSuchSituation):
        handled_elsewhere(session, lead, id, now=NOW, today=TODAY)
    directory(session, stay("p1", None))
    handled_elsewhere(session, lead, id, now=NOW, today=TODAY)
    assert session.get_one(schema.Situation, id).state is State.HANDLED_ELSEWHERE
