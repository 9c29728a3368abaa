from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from revue import schema
from revue.journal import entries
from revue.noting import (
    KEPT,
    ObservedInFuture,
    TooLongAgo,
    note,
    observations_of,
    take_back,
)
from revue.observations import OBSERVATIONS, UnknownObservation
from revue.permissions import Forbidden, NotYours
from revue.records import Actor, Role, State
from tests.revue.builders import (
    NOW,
    TODAY,
    absence,
    directory,
    educator,
    read,
    situation_in_state,
    stay,
    user,
)
from tests.revue.conftest import Refused


def noted(
    session: Session,
    actor: Actor,
    code: str = "rdv-deplace",
    person: str = "p1",
    on: date = TODAY,
) -> str:
    return note(session, actor, person=person, code=code, observed_on=on, now=NOW, today=TODAY)


@pytest.fixture
def lea(session: Session) -> Actor:
    directory(session, stay("p1"), stay("p2", "karim"))
    return educator(session)


def test_what_is_noted_shows_until_it_means_nothing_any_more(session: Session, lea: Actor) -> None:
    day = TODAY - timedelta(days=3)
    older = noted(session, lea, on=day)
    newer = noted(session, lea, "projet-evoque")
    found = observations_of(session, "p1", today=TODAY)
    assert [(one.id, one.by) for one in found] == [(newer, "lea"), (older, "lea")]
    assert found[1].expires_on == day + KEPT
    last = observations_of(session, "p1", today=day + KEPT)
    assert [one.id for one in last] == [newer, older]
    assert [one.id for one in observations_of(session, "p1", today=day + KEPT + timedelta(1))] == [
        newer
    ]
    assert observations_of(session, "p2", today=TODAY) == ()
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    assert read(session, lea, id).observations == found


def test_twice_the_same_is_once(session: Session, lea: Actor) -> None:
    first = noted(session, lea)
    before = len(entries(session, 100))
    assert noted(session, lea) == first
    assert len(entries(session, 100)) == before
    assert noted(session, lea, on=TODAY - timedelta(days=1)) != first


def test_it_was_observed_and_not_too_long_ago(session: Session, lea: Actor) -> None:
    with pytest.raises(ObservedInFuture):
        noted(session, lea, on=TODAY + timedelta(days=1))
    with pytest.raises(TooLongAgo):
        noted(session, lea, on=TODAY - KEPT - timedelta(days=1))
    noted(session, lea, on=TODAY - KEPT)


@pytest.mark.safeguard
def test_s04_only_the_closed_list(session: Session, lea: Actor, refused: Refused) -> None:
    for code in ("sante", "violence", "", "rdv deplace"):
        with pytest.raises(UnknownObservation):
            noted(session, lea, code)
    for code in OBSERVATIONS:
        noted(session, lea, code)
    assert len(observations_of(session, "p1", today=TODAY)) == len(OBSERVATIONS)
    refused("UPDATE observations SET code = 'sante'")


@pytest.mark.safeguard
def test_s09_about_whom_one_accompanies(session: Session, lea: Actor) -> None:
    karim, zoe = educator(session, "karim"), educator(session, "zoe", "sud")
    for actor, person in ((lea, "p2"), (karim, "p1"), (zoe, "p1"), (lea, "nobody")):
        with pytest.raises(NotYours):
            noted(session, actor, person=person)
    for role in set(Role) - {Role.EDUCATOR}:
        with pytest.raises(Forbidden):
            noted(session, user(session, role.value, role, "nord"))
    absence(session, "lea", "karim")
    noted(session, karim)


@pytest.mark.safeguard
def test_s17_who_noted_takes_back_and_the_row_is_gone(session: Session, lea: Actor) -> None:
    karim = educator(session, "karim")
    id = noted(session, lea)
    absence(session, "lea", "karim")
    then = {"now": NOW, "today": TODAY}
    for other, of in ((karim, id), (lea, "nothing")):
        with pytest.raises(NotYours):
            take_back(session, other, of, **then)
    assert take_back(session, lea, id, **then) == "p1"
    assert session.scalar(text("SELECT count(*) FROM observations")) == 0
    with pytest.raises(NotYours):
        take_back(session, lea, id, **then)


@pytest.mark.safeguard
def test_s23_the_journal_holds_neither_person_nor_code(session: Session, lea: Actor) -> None:
    id = noted(session, lea, "souhait-espacer")
    take_back(session, lea, id, now=NOW, today=TODAY)
    rows = repr([tuple(row) for row in session.execute(schema.Entry.__table__.select())])
    assert "note_observation" in rows
    assert "souhait-espacer" not in rows
    assert "'p1'" not in rows
