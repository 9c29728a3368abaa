from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from revue import schema
from revue.contestation import (
    ANSWERED_WITHIN,
    WordsMissing,
    answer_contestation,
    contest,
    pending_contestations,
)
from revue.permissions import Forbidden
from revue.reasons import ReasonMissing
from revue.records import Actor, Outcome, Role, SituationPage, State
from revue.review import (
    SignalExpired,
    SignalPaused,
    handled_elsewhere,
    put_off,
    read_signal,
    reveal_signal,
)
from revue.situations import NoSuchSituation
from revue.states import BEGUN_STATES, CLOSED_STATES, Act, ActOutOfOrder
from tests.revue.builders import (
    NOW,
    TODAY,
    decide,
    educator,
    read,
    reveal,
    situation_in_state,
    user,
    view,
)
from tests.revue.conftest import Refused

WORDS = " « Ce n'est pas exact : j'étais là. »\n"
THEN = {"now": NOW, "today": TODAY}
CONTESTABLE = [s for s in State if s not in (*CLOSED_STATES, State.TO_ASSIGN, State.CONTESTED)]


def say(session: Session, actor: Actor, id: str, words: str = WORDS) -> SituationPage:
    return contest(session, actor, id, words=words, **THEN)


def told(session: Session, dpo: Actor, id: str, outcome: Outcome, answer: str = "vu") -> None:
    answer_contestation(session, dpo, id, outcome=outcome, answer=answer, now=NOW)


@pytest.mark.safeguard
@pytest.mark.parametrize("state", CONTESTABLE)
@pytest.mark.parametrize("outcome", Outcome)
def test_s32_everything_but_danger_waits_for_the_answer(
    session: Session, state: State, outcome: Outcome
) -> None:
    """Then it goes on exactly where it stood, or is withdrawn."""
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    id = situation_in_state(session, state, lea)
    before = read(session, lea, id)
    page = say(session, lea, id)
    assert page.contestation is not None
    assert (page.state, page.contestation.words) == (State.CONTESTED, WORDS)  # to the letter
    assert page.contestation.due_on == TODAY + ANSWERED_WITHIN
    assert (page.acts, page.decisions) == ((Act.HANDLED_ELSEWHERE,), ())
    for refused in (
        lambda: view(session, lea, id),
        lambda: decide(session, lea, id),
        lambda: put_off(session, lea, id, until=TODAY + timedelta(days=1), **THEN),
        lambda: say(session, lea, id),
    ):
        with pytest.raises(ActOutOfOrder):
            refused()
    told(session, dpo, id, outcome)
    after = read(session, lea, id)
    assert after.contestation is not None
    assert (after.contestation.outcome, after.contestation.answer) == (outcome, "vu")
    if outcome is Outcome.UPHELD:
        assert after.state is State.WITHDRAWN
        return
    assert (after.state, after.acts) == (before.state, before.acts)
    assert (after.again_on, after.decision) == (before.again_on, before.decision)
    again = say(session, lea, id, "encore")
    assert again.contestation is not None
    assert again.contestation.words == "encore"
    assert [one.words for one in pending_contestations(session, dpo)] == ["encore"]


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [State.VIEWED, State.SIGNAL_SEEN])
def test_s32_the_signal_pauses(session: Session, state: State) -> None:
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    id = situation_in_state(session, state, lea)
    say(session, lea, id)
    with pytest.raises((SignalPaused, ActOutOfOrder)):
        reveal_signal(session, lea, id, **THEN)
    if state is State.SIGNAL_SEEN:
        with pytest.raises(SignalPaused):
            read_signal(session, lea, id, **THEN)
    told(session, dpo, id, Outcome.KEPT)
    assert reveal(session, lea, id).signal is not None


@pytest.mark.parametrize("state", [State.TO_ASSIGN, *CLOSED_STATES, State.CONTESTED])
def test_what_is_closed_or_contested_is_not_contested(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    session.get_one(schema.Situation, id).referent = "lea"
    with pytest.raises(ActOutOfOrder):
        say(session, lea, id)


def test_the_person_says_something(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.VIEWED, lea)
    with pytest.raises(WordsMissing):
        say(session, lea, id, "  \n")


@pytest.mark.safeguard
def test_s33_danger_goes_first_and_the_answer_is_owed_all_the_same(session: Session) -> None:
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    for outcome in Outcome:
        id = situation_in_state(session, State.VIEWED, lea, id=outcome, person=outcome)
        say(session, lea, id)
        handled_elsewhere(session, lea, id, **THEN)
        assert id in [one.situation_id for one in pending_contestations(session, dpo)]
        told(session, dpo, id, outcome)
        page = read(session, lea, id)
        assert page.state is State.HANDLED_ELSEWHERE
        assert page.contestation is not None
        assert page.contestation.answer == "vu"


@pytest.mark.safeguard
def test_s32_danger_does_not_bring_a_contested_signal_back(session: Session) -> None:
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    for outcome in Outcome:
        id = situation_in_state(session, State.SIGNAL_SEEN, lea, id=outcome, person=outcome)
        say(session, lea, id)
        handled_elsewhere(session, lea, id, **THEN)
        for show in (read_signal, reveal_signal):
            with pytest.raises(SignalPaused):
                show(session, lea, id, **THEN)
        told(session, dpo, id, outcome)
        if outcome is Outcome.UPHELD:
            with pytest.raises(SignalExpired):
                read_signal(session, lea, id, **THEN)
        else:
            assert read_signal(session, lea, id, **THEN).situation_id == id


def test_the_officer_has_the_longest_due_first_and_nothing_about_the_person(
    session: Session,
) -> None:
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    for days, id in enumerate(("first", "second", "third")):
        situation_in_state(session, State.VIEWED, lea, id=id, person=f"person-{id}")
        day = TODAY + timedelta(days=days)
        contest(session, lea, id, words=f"mots {id}", now=NOW, today=day)
    pending = pending_contestations(session, dpo)
    assert [one.situation_id for one in pending] == ["first", "second", "third"]
    assert "person-" not in repr(pending)
    told(session, dpo, "first", Outcome.KEPT)
    assert [one.situation_id for one in pending_contestations(session, dpo)] == ["second", "third"]
    with pytest.raises(NoSuchSituation):
        told(session, dpo, "first", Outcome.KEPT)  # answered once
    with pytest.raises(NoSuchSituation):
        told(session, dpo, "nothing", Outcome.KEPT)
    with pytest.raises(ReasonMissing):
        told(session, dpo, "second", Outcome.KEPT, " ")


@pytest.mark.safeguard
def test_s32_only_the_officer_answers(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.CONTESTED, lea)
    others = [user(session, role.value, role, "nord") for role in set(Role) - {Role.DPO}]
    for other in (lea, Actor("cli:root", None, None), *others):
        with pytest.raises(Forbidden):
            told(session, other, id, Outcome.KEPT)
        with pytest.raises(Forbidden):
            pending_contestations(session, other)


@pytest.mark.safeguard
def test_s19_what_expired_meanwhile_has_expired_after_the_answer(session: Session) -> None:
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    id = situation_in_state(session, State.VIEWED, lea)
    say(session, lea, id)
    late = TODAY + timedelta(days=200)
    assert read(session, lea, id, today=late).state is State.CONTESTED
    told(session, dpo, id, Outcome.KEPT)
    assert read(session, lea, id, today=late).state is State.EXPIRED
    assert session.get_one(schema.Situation, id).state in BEGUN_STATES


@pytest.mark.safeguard
def test_s32_raw_contestations_are_refused(session: Session, refused: Refused) -> None:
    """The words stand for ever, and nobody but the officer answers, once, with a sentence."""
    lea, dpo = educator(session), user(session, "dina", Role.DPO)
    situation_in_state(session, State.CONTESTED, lea)
    situation_in_state(session, State.VIEWED, lea, id="other", person="p2")
    new = (
        "INSERT INTO contestations VALUES ('situation-1', {}, {}, 'x', 'viewed', "
        "'2026-11-21', '2026-12-21', {}, '', NULL, NULL)"
    )
    refused(new.format(1, lea.user_id, "NULL"))  # one waits already
    refused(new.format(0, lea.user_id, "NULL").replace("INSERT", "INSERT OR REPLACE"))
    answered = "UPDATE contestations SET outcome = '{}', answer = '{}', answered_by = {}"
    for change in (
        "words = 'autre'",
        "situation_id = 'other'",
        "number = 7",
        f"user_id = {dpo.user_id}",
        "at = '2026-01-01'",
    ):
        refused(f"UPDATE contestations SET {change}")  # noqa: S608
    refused(answered.format("kept", "vu", lea.user_id))
    refused(answered.format("kept", "vu", "NULL"))
    refused(answered.format("kept", " ", dpo.user_id))
    refused(answered.format("ignored", "vu", dpo.user_id))
    session.execute(text(answered.format("kept", "vu", dpo.user_id)))
    refused(answered.format("upheld", "vu", dpo.user_id))
    refused("UPDATE contestations SET outcome = NULL")
    refused(new.format(1, lea.user_id, "'kept'"))  # born answered
    refused(new.format(0, lea.user_id, "NULL").replace("INSERT", "INSERT OR REPLACE"))
    session.execute(text(new.format(1, lea.user_id, "NULL")))
