from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from features.errors import RebondError
from revue.absences import (
    LONGEST,
    InvalidAbsence,
    NoSuchAbsence,
    StandInAway,
    UnknownEducator,
    absences_of,
    educators_of,
    end_absence,
    logins_of,
    note_absence,
    stand_ins,
)
from revue.journal import entries
from revue.permissions import Forbidden, NotYours
from revue.queue import open_load
from revue.records import Actor, Role, State
from tests.revue.builders import (
    NOW,
    TODAY,
    absence,
    educator,
    fill,
    new_situation,
    read,
    situation_in_state,
    user,
)

LOGINS = ("ana", "karim", "lea", "mia")


@pytest.fixture
def lead(session: Session) -> Actor:
    for login in LOGINS:
        educator(session, login)
    educator(session, "zoe", "sud")
    return user(session, "lead", Role.TEAM_LEAD, "nord")


def on(day: int) -> date:
    return TODAY + timedelta(days=day)


def test_a_stand_in_accompanies_on_these_days_and_no_other(session: Session, lead: Actor) -> None:
    number = absence(session, "lea", "karim", lead=lead, days=(1, 3))
    together = {day: logins_of(session, "karim", on(day)) for day in range(5)}
    assert [day for day, logins in together.items() if "lea" in logins] == [1, 2, 3]
    assert all(logins_of(session, "lea", on(day)) == {"lea"} for day in range(5))
    assert stand_ins(session, on(3)) == {"lea": "karim"}
    assert stand_ins(session, on(4)) == {}
    (noted,) = absences_of(session, "nord", today=on(3))
    assert (noted.id, noted.login, noted.stand_in) == (number, "lea", "karim")
    assert absences_of(session, "nord", today=on(4)) == ()
    assert absences_of(session, "sud", today=TODAY) == ()
    end_absence(session, lead, number, now=NOW)
    assert logins_of(session, "karim", on(2)) == {"karim"}
    assert [entry.act for entry in entries(session, 2)] == ["end_absence", "note_absence"]


@pytest.mark.safeguard
def test_s09_standing_in_ends_with_the_absence(session: Session, lead: Actor) -> None:
    lea = Actor("lea", Role.EDUCATOR, "nord", 3)
    karim = Actor("karim", Role.EDUCATOR, "nord", 2)
    id = situation_in_state(session, State.DECIDED, lea)
    number = absence(session, "lea", "karim", lead=lead, days=(0, 2))
    assert read(session, karim, id, today=on(2)).decision is not None
    with pytest.raises(NotYours):
        read(session, karim, id, today=on(3))
    end_absence(session, lead, number, now=NOW)
    with pytest.raises(NotYours):
        read(session, karim, id)


@pytest.mark.parametrize(
    ("login", "stand_in", "days", "error"),
    [
        ("lea", "karim", (3, 1), InvalidAbsence),
        ("lea", "karim", (0, LONGEST.days + 1), InvalidAbsence),
        ("zoe", "karim", (0, 1), UnknownEducator),
        ("lead", "karim", (0, 1), UnknownEducator),
        ("lea", "zoe", (0, 1), UnknownEducator),
        ("lea", "nobody", (0, 1), UnknownEducator),
        ("lea", "lea", (0, 1), StandInAway),
        ("lea", "ana", (5, 6), StandInAway),  # ana is away herself
        ("lea", "ana", (20, 25), StandInAway),
        ("mia", "lea", (15, 15), StandInAway),  # mia stands in for ana: no chain
        ("mia", None, (15, 15), StandInAway),
        ("ana", "karim", (8, 12), InvalidAbsence),  # away already
        ("ana", None, (20, 30), InvalidAbsence),
    ],
)
def test_what_is_no_absence(
    session: Session,
    lead: Actor,
    login: str,
    stand_in: str | None,
    days: tuple[int, int],
    error: type[RebondError],
) -> None:
    absence(session, "ana", "mia", lead=lead, days=(5, 20))
    with pytest.raises(error):
        absence(session, login, stand_in, lead=lead, days=days)
    assert len(absences_of(session, "nord", today=TODAY)) == 1


def test_one_after_the_other_is_fine(session: Session, lead: Actor) -> None:
    absence(session, "ana", "mia", lead=lead, days=(5, 20))
    absence(session, "ana", "karim", lead=lead, days=(21, 25))
    absence(session, "mia", "ana", lead=lead, days=(26, 30))
    absence(session, "lea", "mia", lead=lead, days=(5, 20))  # one may stand in for two
    assert logins_of(session, "mia", on(5)) == {"ana", "lea", "mia"}
    assert logins_of(session, "ana", on(26)) == {"ana", "mia"}


def test_somebody_away_without_a_stand_in_loads_nobody_else(session: Session, lead: Actor) -> None:
    fill(session, [new_situation("p1"), new_situation("p2", referent="karim")])
    absence(session, "lea", None, lead=lead)
    absence(session, "karim", "ana", lead=lead)
    assert stand_ins(session, TODAY) == {"lea": None, "karim": "ana"}
    assert open_load(session, as_of=TODAY) == {"lea": 1, "ana": 1}


@pytest.mark.safeguard
def test_s26_only_the_teams_lead(session: Session, lead: Actor) -> None:
    number = absence(session, "lea", "karim", lead=lead)
    others = [
        Actor("lea", Role.EDUCATOR, "nord", 3),
        *(user(session, f"a-{role}", role, "nord") for role in set(Role) - {Role.TEAM_LEAD}),
        Actor("cli:root", None, None),
    ]
    for other in others:
        with pytest.raises(Forbidden):
            absence(session, "mia", None, lead=other)
        with pytest.raises(Forbidden):
            end_absence(session, other, number, now=NOW)
    elsewhere = user(session, "lead-sud", Role.TEAM_LEAD, "sud")
    with pytest.raises(NoSuchAbsence):
        end_absence(session, elsewhere, number, now=NOW)
    with pytest.raises(UnknownEducator):
        absence(session, "mia", None, lead=elsewhere)
    teamless = user(session, "lead-none", Role.TEAM_LEAD, None)
    with pytest.raises(NotYours):
        absence(session, "mia", None, lead=teamless)
    with pytest.raises(NoSuchAbsence):
        end_absence(session, lead, 99, now=NOW)
    assert educators_of(session, "nord") == (*sorted((*LOGINS, "a-educator")),)


NOTED = st.tuples(
    st.sampled_from(LOGINS),
    st.sampled_from((*LOGINS, None)),
    st.integers(0, 8),
    st.integers(0, 4),
)


@pytest.mark.safeguard
@settings(max_examples=40, deadline=None)
@given(noted=st.lists(NOTED, max_size=8))
def test_s09_whatever_is_noted_nobody_away_stands_in_and_nobody_is_twice_away(
    lasting: sessionmaker[Session], noted: list[tuple[str, str | None, int, int]]
) -> None:
    with lasting() as session:
        for login in LOGINS:
            educator(session, login)
        lead = user(session, "lead", Role.TEAM_LEAD, "nord")
        for login, stand_in, first, length in noted:
            try:
                with session.begin_nested():
                    note_absence(
                        session,
                        lead,
                        login=login,
                        first_on=on(first),
                        last_on=on(first + length),
                        stand_in=stand_in,
                        now=NOW,
                    )
            except RebondError:
                continue
        found = absences_of(session, "nord", today=TODAY)
        for day in map(on, range(14)):
            away = stand_ins(session, day)
            assert len([a for a in found if a.first_on <= day <= a.last_on]) == len(away)
            assert not set(away) & set(away.values())
            for login in LOGINS:
                carried = {one for one, by in away.items() if by == login}
                assert logins_of(session, login, day) == carried | {login}
        session.rollback()
