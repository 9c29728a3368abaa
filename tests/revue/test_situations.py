"""Holding, standing and showing: what every act on a situation shares."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from features.keys import Keyring
from revue import schema
from revue.journal import entries, verify_journal
from revue.records import Opinion, Part, State
from revue.review import (
    claim,
    follow_up,
    handled_elsewhere,
    put_off,
    release,
    resume,
)
from revue.second_look import ask_second_look
from revue.situations import HOLD, HeldByColleague
from revue.states import Act, ActOutOfOrder
from tests.revue.builders import (
    CANARY,
    NOW,
    TODAY,
    absence,
    decide,
    educator,
    read,
    reveal,
    situation_in_state,
    view,
)

THEN = {"now": NOW, "today": TODAY}


def test_a_hold_is_told_and_stops_a_colleague_for_a_while(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    absence(session, "lea", "karim")
    page = claim(session, lea, id, **THEN)
    assert (page.held_by, page.held_until) == ("lea", NOW + HOLD)
    page = read(session, karim, id)
    assert page.held_by == "lea"
    assert set(page.acts) == {Act.CONTEST, Act.HANDLED_ELSEWHERE}
    for refused in (
        lambda now: view(session, karim, id, now=now),
        lambda now: claim(session, karim, id, now=now, today=TODAY),
        lambda now: release(session, karim, id, now=now, today=TODAY),
        lambda now: put_off(
            session, karim, id, until=TODAY + timedelta(days=1), now=now, today=TODAY
        ),
    ):
        with pytest.raises(HeldByColleague) as told:
            refused(NOW + HOLD - timedelta(seconds=1))
        assert (told.value.login, told.value.until) == ("lea", NOW + HOLD)
    page = view(session, karim, id, now=NOW + HOLD)  # to the minute
    assert (page.held_by, page.state) == ("karim", State.VIEWED)


def test_a_hold_is_released_and_what_was_said_stays(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    absence(session, "lea", "karim")
    view(session, lea, id)
    assert release(session, lea, id, **THEN).held_by is None
    before = len(entries(session, 100))
    release(session, lea, id, **THEN)  # nothing to release, nothing written
    assert len(entries(session, 100)) == before
    view(session, karim, id, Opinion.UNKNOWN)
    release(session, karim, id, **THEN)
    assert read(session, lea, id).state is State.VIEWED
    assert read(session, lea, id).view.opinion is Opinion.NO


@pytest.mark.safeguard
def test_s33_a_hold_stops_neither_danger_nor_the_persons_voice(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    decided = situation_in_state(session, State.DECIDED, lea)
    absence(session, "lea", "karim")
    claim(session, lea, decided, **THEN)
    follow_up(session, karim, decided, answer=None, became="dit", again_on=None, **THEN)
    open_one = situation_in_state(session, State.VIEWED, lea, id="open", person="p2")
    claim(session, lea, open_one, **THEN)
    page = handled_elsewhere(session, karim, open_one, **THEN)
    assert page.state is State.HANDLED_ELSEWHERE


@pytest.mark.parametrize("state", [s for s in State if s is not State.TO_ASSIGN])
def test_a_page_shows_what_stands(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    page = read(session, lea, id)
    assert (page.state, page.part) == (state, Part.ACCOMPANYING)
    decided = {State.LOOKED_TWICE, State.IN_TEAM, State.DECIDED, State.FOLLOWED_UP}
    assert (page.decision is not None) == (state in decided)
    viewed = decided | {State.VIEWED, State.SIGNAL_SEEN, State.SECOND_LOOK}
    assert (page.view is not None) == (state in viewed)
    assert (page.second_look is not None) == (state in (State.SECOND_LOOK, State.LOOKED_TWICE))
    assert bool(page.follow_ups) == (state is State.FOLLOWED_UP)
    assert (page.contestation is not None) == (state is State.CONTESTED)
    assert bool(page.decisions) == (Act.DECIDE in page.acts)
    assert CANARY not in repr(page)


@pytest.mark.safeguard
def test_s02_a_page_after_an_act_is_the_page_one_reads_next(session: Session) -> None:
    """An act of a colleague who has no view of their own leaves them before their own view."""
    lea, karim = educator(session), educator(session, "karim")
    reader = educator(session, "reader")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=reader)
    absence(session, "lea", "karim")
    page = resume(session, karim, id, **THEN)
    assert page == read(session, karim, id)
    assert (page.state, page.decisions) == (State.TO_LOOK_AT, ())
    assert read(session, lea, id).state is State.SIGNAL_SEEN


def both(sessions: sessionmaker[Session], *acts: object) -> list[str]:
    """Do acts at the same time, each on a connection of its own; returns what came of each."""
    start, outcomes = Barrier(len(acts)), []

    def one(act: object) -> None:
        start.wait()
        try:
            with sessions.begin() as session:
                act(session)  # type: ignore[operator]
            outcomes.append("done")
        except (HeldByColleague, ActOutOfOrder) as refusal:
            outcomes.append(type(refusal).__name__)

    threads = [Thread(target=one, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.safeguard
def test_s02_of_two_at_once_one_goes_on_and_the_other_is_told(
    sessions: sessionmaker[Session], keys: Keyring
) -> None:
    """Each on their own connection; of who is refused nothing is left."""
    with sessions.begin() as session:
        lea, karim = educator(session), educator(session, "karim")
        educator(session, "reader")
        ids = {
            name: situation_in_state(session, state, lea, id=name, person=name)
            for name, state in (
                ("claimed", State.TO_LOOK_AT),
                ("viewed", State.TO_LOOK_AT),
                ("twice", State.TO_LOOK_AT),
                ("decided", State.SIGNAL_SEEN),
                ("asked", State.SIGNAL_SEEN),
            )
        }
        absence(session, "lea", "karim")
        before = len(entries(session, 100))
    assert both(
        sessions,
        lambda session: claim(session, lea, ids["claimed"], **THEN),
        lambda session: claim(session, karim, ids["claimed"], **THEN),
    ) == ["HeldByColleague", "done"]
    assert both(
        sessions,
        lambda session: view(session, lea, ids["viewed"]),
        lambda session: view(session, karim, ids["viewed"]),
    ) == ["HeldByColleague", "done"]
    assert both(  # one person in two windows
        sessions,
        lambda session: view(session, lea, ids["twice"]),
        lambda session: view(session, lea, ids["twice"], Opinion.YES),
    ) == ["ActOutOfOrder", "done"]
    assert both(
        sessions,
        lambda session: decide(session, lea, ids["decided"]),
        lambda session: decide(session, lea, ids["decided"], reason="autre"),
    ) == ["ActOutOfOrder", "done"]
    assert both(
        sessions,
        lambda session: ask_second_look(session, lea, ids["asked"], **THEN),
        lambda session: decide(session, lea, ids["asked"]),
    ) == ["ActOutOfOrder", "done"]
    with sessions.begin() as session:
        assert len(entries(session, 100)) == before + 5
        views = session.scalars(select(schema.View.situation_id)).all()
        assert sorted(views) == ["asked", "decided", "twice", "viewed"]
        asked = session.get(schema.SecondLook, ids["asked"])
        decisions = session.scalars(select(schema.Decision.situation_id)).all()
        assert sorted(decisions) == ["decided"] if asked else ["asked", "decided"]
        assert verify_journal(session, keys.verify).ok


@pytest.mark.safeguard
def test_s33_danger_wins_over_whatever_happens_at_the_same_time(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        lea, karim = educator(session), educator(session, "karim")
        id = situation_in_state(session, State.VIEWED, lea)
        absence(session, "lea", "karim")
    both(
        sessions,
        lambda session: handled_elsewhere(session, karim, id, **THEN),
        lambda session: reveal(session, lea, id),
    )
    with sessions.begin() as session:
        assert session.get_one(schema.Situation, id).state is State.HANDLED_ELSEWHERE
