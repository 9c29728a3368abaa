from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from revue import schema
from revue.contestation import answer_contestation, contest
from revue.journal import entries
from revue.permissions import NotYours
from revue.queue import queue_of
from revue.records import DecisionKind, Opinion, Outcome, Part, Role, State
from revue.review import (
    SignalNotRevealed,
    claim,
    follow_up,
    handled_elsewhere,
    read_signal,
    release,
    resume,
)
from revue.second_look import (
    WITHIN,
    AlreadyLookedTwice,
    NoSecondReader,
    ask_second_look,
    find_reader,
)
from revue.states import BEGUN_STATES, Act, ActOutOfOrder
from tests.revue.builders import (
    NOW,
    TODAY,
    absence,
    decide,
    directory,
    educator,
    read,
    reveal,
    situation_in_state,
    stay,
    user,
    view,
)
from tests.revue.conftest import Refused

THEN = {"now": NOW, "today": TODAY}
CANARIES = ("first-view", "first-reason", "first-words", "offer", "trajet", "nothing_now")


def look_of(session: Session, id: str) -> schema.SecondLook:
    return session.get_one(schema.SecondLook, id)


@pytest.mark.safeguard
@pytest.mark.parametrize("opinion", Opinion)
@pytest.mark.parametrize("kind", DecisionKind)
def test_s02_a_decision_that_parts_from_the_view_asks_a_colleague(
    session: Session, opinion: Opinion, kind: DecisionKind
) -> None:
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    view(session, lea, id, opinion)
    reveal(session, lea, id)
    page = decide(session, lea, id, kind)
    dismissed = {DecisionKind.WRONG_DATA, DecisionKind.MISSING_CONTEXT, DecisionKind.NOT_RELEVANT}
    parts = (opinion is Opinion.NO and kind is DecisionKind.OFFER) or (
        opinion is Opinion.YES and kind in {DecisionKind.NOTHING_NOW, *dismissed}
    )
    assert (page.state is State.SECOND_LOOK) == parts
    assert page.decision is not None  # it holds meanwhile
    if not parts:
        return
    look = page.second_look
    assert look is not None
    assert (look.reader, look.asked_by, look.due_on) == ("mia", "lea", TODAY + WITHIN)
    page = view(session, mia, id, Opinion.UNKNOWN)
    assert page.state is State.LOOKED_TWICE
    page = read(session, lea, id)
    assert page.second_look is not None
    assert page.second_look.view is not None
    assert page.second_look.view.opinion is Opinion.UNKNOWN
    again = decide(session, lea, id, kind)  # confirmed, and not asked for a third time
    assert again.state is State.DECIDED


@pytest.mark.safeguard
def test_s02_the_reader_learns_nothing_the_first_one_said(session: Session) -> None:
    """Neither before their own view nor after it, whatever is decided then."""
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    decide(session, lea, id, DecisionKind.OFFER, reason="first-reason", words="first-words")
    before = read(session, mia, id)
    assert (before.part, before.state) == (Part.SECOND_READER, State.SECOND_LOOK)
    assert before.due_on == TODAY + WITHIN
    assert set(before.acts) == {Act.HANDLED_ELSEWHERE, Act.SECOND_VIEW}
    after = view(session, mia, id, Opinion.YES)
    decide(session, lea, id, DecisionKind.TEAM, reason="first-reason")
    later = read(session, mia, id)
    follow_up(session, lea, id, answer=None, became="first-words", again_on=None, **THEN)
    last = read(session, mia, id)
    assert after == later == last  # nothing the first one does changes it
    assert last.acts == (Act.HANDLED_ELSEWHERE,)
    for page in (before, last):
        assert not [said for said in CANARIES if said in repr(page.__dict__ | {"facts": None})]
        nothing = (page.decision, page.second_look, page.contestation, page.again_on, page.held_by)
        assert nothing == (None,) * 5
        assert (page.decisions, page.follow_ups) == ((), ())
    with pytest.raises(ActOutOfOrder):
        view(session, mia, id)


@pytest.mark.safeguard
def test_s02_the_first_one_reads_the_second_view_only_beside_their_own(session: Session) -> None:
    """Who stands in and has not looked yet is not told what the reader thought."""
    lea, karim = educator(session), educator(session, "karim")
    mia = educator(session, "mia")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=mia)
    absence(session, "lea", "karim")
    assert read(session, lea, id).second_look.view is None
    view(session, mia, id, Opinion.YES)
    assert read(session, karim, id).state is State.TO_LOOK_AT
    assert read(session, karim, id).second_look.view is None
    assert read(session, lea, id).second_look.view is not None
    page = view(session, karim, id)
    assert page.second_look.view is not None


@pytest.mark.safeguard
def test_s02_the_reader_does_nothing_else(session: Session) -> None:
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=mia)
    with pytest.raises((ActOutOfOrder, NotYours)):
        reveal(session, mia, id)
    with pytest.raises(SignalNotRevealed):
        read_signal(session, mia, id, **THEN)
    for refused in (
        lambda: decide(session, mia, id),
        lambda: resume(session, mia, id, **THEN),
        lambda: ask_second_look(session, mia, id, **THEN),
        lambda: contest(session, mia, id, words="non", **THEN),
    ):
        with pytest.raises(NotYours):
            refused()


@pytest.mark.safeguard
def test_s02_the_reader_is_not_told_who_is_working_on_it(session: Session) -> None:
    """And holds nothing: the first one goes on meanwhile."""
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=mia)
    claim(session, lea, id, **THEN)
    before = len(entries(session, 100))
    for act in (claim, release):
        page = act(session, mia, id, **THEN)
        assert (page.held_by, page.held_until) == (None, None)
    assert len(entries(session, 100)) == before
    assert read(session, lea, id).held_by == "lea"


@pytest.mark.safeguard
def test_s02_a_stand_in_who_is_asked_looks_first(session: Session) -> None:
    """They see the referent's side only once they gave the view they were asked for."""
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=mia)
    absence(session, "lea", "mia")
    assert read(session, mia, id).part is Part.SECOND_READER
    (item,) = queue_of(session, mia, **THEN).items
    assert item.part is Part.SECOND_READER
    page = view(session, mia, id)
    assert (page.part, page.state) == (Part.ACCOMPANYING, State.VIEWED)
    reveal(session, mia, id)  # their own view came before, so they may go on
    assert decide(session, mia, id).decision.by == "mia"


def test_on_demand_before_deciding(session: Session) -> None:
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    page = ask_second_look(session, lea, id, **THEN)
    assert (page.state, page.decision) == (State.SECOND_LOOK, None)
    with pytest.raises(ActOutOfOrder):
        decide(session, lea, id)
    view(session, mia, id)
    page = read(session, lea, id)
    assert page.state is State.SIGNAL_SEEN
    assert Act.ASK_SECOND_LOOK not in page.acts
    with pytest.raises(AlreadyLookedTwice):
        ask_second_look(session, lea, id, **THEN)
    assert decide(session, lea, id, DecisionKind.OFFER).state is State.DECIDED  # one is enough


@pytest.mark.parametrize("decided", [False, True])
def test_one_goes_on_without_the_look(session: Session, decided: bool) -> None:
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    day = TODAY + timedelta(days=5)
    if decided:
        decide(session, lea, id, DecisionKind.OFFER, again_on=day)
    else:
        ask_second_look(session, lea, id, **THEN)
    page = resume(session, lea, id, **THEN)
    assert page.state is (State.DECIDED if decided else State.SIGNAL_SEEN)
    assert page.again_on == (day if decided else None)
    with pytest.raises(ActOutOfOrder):
        view(session, mia, id)
    assert read(session, mia, id).acts == (Act.HANDLED_ELSEWHERE,)


def test_who_is_asked(session: Session) -> None:
    """A colleague of the team who is there, new to it, with the fewest looks to give."""
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    row = session.get_one(schema.Situation, id)

    def reader() -> str | None:
        found = find_reader(session, lea, row, today=TODAY)
        return found and found.login

    user(session, "lead", Role.TEAM_LEAD, "nord")
    educator(session, "zoe", "sud")
    assert reader() is None
    with pytest.raises(NoSecondReader):
        ask_second_look(session, lea, id, **THEN)
    assert decide(session, lea, id, DecisionKind.OFFER).state is State.DECIDED
    mia, ana = educator(session, "mia"), educator(session, "ana")
    chosen = reader()
    assert chosen in ("mia", "ana")
    assert reader() == chosen  # nobody picks by asking again
    first, second = (mia, ana) if chosen == "mia" else (ana, mia)
    situation_in_state(session, State.SECOND_LOOK, lea, id="another", person="p2", reader=first)
    assert reader() == second.login
    absence(session, second.login, None)
    assert reader() == first.login
    view_of_first = schema.View(
        situation_id=id, user_id=first.user_id, opinion=Opinion.NO, why="", at=NOW
    )
    session.add(view_of_first)
    session.flush()
    assert reader() is None


def test_readers_differ_from_situation_to_situation(session: Session) -> None:
    lea = educator(session)
    for login in ("ana", "mia", "rose"):
        educator(session, login)
    chosen = set()
    for n in range(12):
        id = situation_in_state(session, State.SIGNAL_SEEN, lea, id=f"s{n}", person=f"p{n}")
        found = find_reader(session, lea, session.get_one(schema.Situation, id), today=TODAY)
        chosen.add(found.login)
    assert chosen == {"ana", "mia", "rose"}


@pytest.mark.safeguard
def test_s09_a_reader_of_another_team_by_now_sees_nothing(session: Session) -> None:
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=mia)
    directory(session, stay("p1", "zoe", "sud"))
    with pytest.raises(NotYours):
        read(session, mia, id)
    with pytest.raises(NotYours):
        handled_elsewhere(session, mia, id, **THEN)


@pytest.mark.safeguard
def test_s33_danger_from_a_reader_closes_it_for_everybody(session: Session) -> None:
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=mia)
    page = handled_elsewhere(session, mia, id, **THEN)
    assert (page.state, page.part) == (State.HANDLED_ELSEWHERE, Part.SECOND_READER)
    assert look_of(session, id).ended_at == NOW
    assert read(session, mia, id).state is State.HANDLED_ELSEWHERE
    assert read(session, lea, id).state is State.HANDLED_ELSEWHERE


@pytest.mark.safeguard
@pytest.mark.parametrize("outcome", Outcome)
def test_s32_a_look_waits_for_the_answer_to_the_person(session: Session, outcome: Outcome) -> None:
    lea, mia = educator(session), educator(session, "mia")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=mia)
    contest(session, lea, id, words="non", **THEN)
    assert read(session, mia, id).state is State.CONTESTED
    with pytest.raises(ActOutOfOrder):
        view(session, mia, id)
    dpo = user(session, "dina", Role.DPO)
    answer_contestation(session, dpo, id, outcome=outcome, answer="vu", now=NOW)
    if outcome is Outcome.KEPT:
        view(session, mia, id)
        assert read(session, lea, id).state is State.SIGNAL_SEEN
    else:
        assert look_of(session, id).ended_at == NOW
        assert read(session, mia, id).state is State.WITHDRAWN


def test_the_decision_that_waits_comes_back_with_its_day_at_a_hand_over(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    educator(session, "mia")
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    day = TODAY + timedelta(days=5)
    decide(session, lea, id, DecisionKind.OFFER, again_on=day)
    directory(session, stay("p1", "karim"))
    page = read(session, karim, id)
    assert (page.state, page.again_on) == (State.DECIDED, day)


@pytest.mark.safeguard
def test_s02_raw_second_looks_are_refused(session: Session, refused: Refused) -> None:
    lea, mia = educator(session), educator(session, "mia")
    lead = user(session, "lead", Role.TEAM_LEAD, "nord")
    situation_in_state(session, State.SIGNAL_SEEN, lea)
    sql = (
        "INSERT INTO second_looks VALUES ('situation-1', {}, {}, '2026-11-21', '2026-11-28', NULL)"
    )
    refused(sql.format(lea.user_id, lea.user_id))
    refused(sql.format(lead.user_id, lea.user_id))
    refused(sql.format(lea.user_id, mia.user_id))  # who has looked
    session.execute(text(sql.format(mia.user_id, lea.user_id)))
    refused(sql.format(mia.user_id, lea.user_id).replace("INSERT", "INSERT OR REPLACE"))
    refused(f"UPDATE second_looks SET reader_id = {lead.user_id}")  # noqa: S608
    assert session.scalars(select(schema.SecondLook.reader_id)).all() == [mia.user_id]


def test_only_who_saw_the_signal_asks(session: Session) -> None:
    lea = educator(session)
    educator(session, "mia")
    for state in [*BEGUN_STATES[:2], State.DECIDED]:
        id = situation_in_state(session, state, lea, id=state.value, person=state.value)
        with pytest.raises(ActOutOfOrder):
            ask_second_look(session, lea, id, **THEN)
