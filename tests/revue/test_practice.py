"""The practice module: no first signal before it, and nothing of anybody in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import inspect, select, text

from features.words import AVOIDED
from revue import journal, schema
from revue.exercises import EXERCISES, NoSuchExercise, exercise
from revue.permissions import Forbidden
from revue.practice import (
    ELSEWHERE,
    TOGETHER,
    OwnViewMissing,
    Progress,
    Question,
    StoryGoesOn,
    choices,
    counts,
    practise,
    progress,
)
from revue.records import Actor, DecisionKind, Opinion, Role, SituationKind
from revue.review import NoSignalToDismiss
from tests.revue.builders import NOW, educator, user

A, B, C, D = EXERCISES
IDS = frozenset(each.id for each in EXERCISES)


def do(
    session,
    actor,
    asked=A,
    opinion: Opinion | None = Opinion.NO,
    decision=DecisionKind.TALK_FIRST,
    now=NOW,
) -> Progress:
    return practise(session, actor, asked.id, opinion=opinion, decision=decision, now=now)


def practised(session, actor: Actor) -> bool:
    session.flush()
    return session.get_one(schema.User, actor.user_id).practised


def everything(session) -> dict[str, list[dict[str, object]]]:
    """Every row of every table."""
    session.flush()
    return {
        name: [
            dict(row)
            for row in session.execute(text(f"SELECT * FROM {name}")).mappings()  # noqa: S608
        ]
        for name in inspect(session.connection()).get_table_names()
    }


@pytest.mark.safeguard
def test_s36_the_account_has_practised_after_the_last_exercise_and_not_before(session):
    lea = educator(session, practised=False)
    assert progress(session, lea) == Progress(False, frozenset())
    for number, each in enumerate(reversed(EXERCISES), 1):
        assert not practised(session, lea)
        after = do(session, lea, each)
        assert after == progress(session, lea)
        assert len(after.done) == number
    assert after == Progress(True, IDS)
    assert practised(session, lea)


def test_who_has_practised_keeps_it_when_an_exercise_is_done_again(session):
    lea = educator(session, practised=True)
    assert do(session, lea) == Progress(True, frozenset({A.id}))
    assert practised(session, lea)


def test_each_has_their_own_steps(session):
    lea, ali = educator(session, practised=False), educator(session, "ali", practised=False)
    do(session, lea)
    assert progress(session, ali).done == frozenset()


def counted(session, asked):
    """What lies in the database, told already or not."""
    rows = session.scalars(select(schema.PracticeCount).filter_by(exercise=asked.id)).all()
    return {
        question: {
            choice: sum(
                row.count
                for row in rows
                if (row.question, row.choice) == (question.value, choice.value)
            )
            for choice in choices(asked, question)
        }
        for question in Question
    }


@pytest.mark.safeguard
def test_s24_answers_are_counted_once_for_each_person_and_exercise(session):
    lea, ali = educator(session), educator(session, "ali")
    do(session, lea)
    do(session, lea, opinion=Opinion.YES)
    do(session, lea)
    do(session, ali, opinion=Opinion.YES, decision=DecisionKind.OFFER)
    found = counted(session, A)
    assert found[Question.OPINION] == {Opinion.YES: 1, Opinion.NO: 1, Opinion.UNKNOWN: 0}
    assert {kind for kind, number in found[Question.KIND].items() if number} == {
        DecisionKind.OFFER,
        DecisionKind.TALK_FIRST,
    }
    assert sum(found[Question.KIND].values()) == 2
    assert sum(counted(session, B)[Question.KIND].values()) == 0


@pytest.mark.safeguard
def test_s24_no_table_tells_who_answered_what(session):
    """Two educators answer differently: exchanging their answers leaves every row as it was."""
    lea, ali = educator(session), educator(session, "ali")
    answers = ((Opinion.YES, DecisionKind.OFFER), (Opinion.NO, DecisionKind.NOTHING_NOW))
    states = []
    for order in (answers, answers[::-1]):
        with session.begin_nested() as attempt:
            for actor, (opinion, decision) in zip((lea, ali), order, strict=True):
                do(session, actor, opinion=opinion, decision=decision)
            states.append(everything(session))
            attempt.rollback()
    assert states[0] == states[1]
    assert {len(states[0][name]) for name in ("practice_steps", "journal_entries")} == {2}
    assert set(states[0]["practice_steps"][0]) == {"user_id", "exercise", "at"}


@pytest.mark.safeguard
def test_s24_the_rows_of_an_exercise_do_not_tell_on_which_day_a_choice_was_first_made(session):
    lea, ali = educator(session), educator(session, "ali")
    do(session, lea)
    do(session, ali, opinion=Opinion.YES, now=NOW + timedelta(days=3))
    table = schema.PracticeCount
    rows = session.scalars(select(table).where(table.exercise == A.id)).all()
    assert {row.since for row in rows} == {NOW.date()}
    expected = sum(len(choices(A, question)) for question in Question)
    assert len(rows) == expected


def test_the_journal_says_that_and_nothing_more(session):
    lea = educator(session)
    do(session, lea)
    do(session, lea)
    (entry,) = journal.acts(session, {"practise"})
    assert (entry.actor, entry.subject) == ("lea", A.id)
    assert journal.opens(session, entry, {})


@pytest.mark.parametrize("asked", [A, B, C])
def test_a_story_without_danger_goes_on(session, asked):
    lea = educator(session)
    with pytest.raises(StoryGoesOn):
        do(session, lea, asked, decision=ELSEWHERE)
    assert progress(session, lea).done == frozenset()


@pytest.mark.safeguard
def test_s21_no_two_tellings_differ_by_the_answers_of_a_few(session):
    """Whoever looks before and after one colleague learns nothing of what they answered."""
    told = {}
    for number in range(1, 2 * TOGETHER + 2):
        one = educator(session, f"e{number:02}")
        do(session, one, opinion=Opinion.YES if number % 3 else Opinion.NO)
        shown = counts(session, one, A)[Question.OPINION]
        told.setdefault(tuple(shown.values()), sum(shown.values()))
    assert list(told.values()) == [0, TOGETHER, 2 * TOGETHER]


@pytest.mark.safeguard
def test_s33_a_story_of_danger_ends_outside_the_tool_without_a_view(session):
    lea = educator(session)
    assert do(session, lea, D, opinion=None, decision=ELSEWHERE).done == {D.id}
    found = counted(session, D)
    assert found[Question.OPINION][ELSEWHERE] == found[Question.KIND][ELSEWHERE] == 1
    assert [sum(numbers.values()) for numbers in found.values()] == [1, 1]


def test_refusals(session):
    lea = educator(session)
    with pytest.raises(NoSuchExercise):
        practise(
            session, lea, "exercise-z", opinion=Opinion.NO, decision=DecisionKind.OFFER, now=NOW
        )
    with pytest.raises(OwnViewMissing):
        do(session, lea, opinion=None)
    with pytest.raises(NoSignalToDismiss):
        do(session, lea, C, decision=DecisionKind.WRONG_DATA)
    assert progress(session, lea).done == frozenset()
    assert everything(session)["practice_counts"] == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EDUCATOR])
def test_only_educators_practise(session, role):
    other = user(session, "sam", role)
    for act in (progress, lambda s, a: counts(s, a, A), do):
        with pytest.raises(Forbidden):
            act(session, other)


def test_the_four_lessons():
    assert [each.kind for each in EXERCISES] == [
        SituationKind.SIGNAL,
        SituationKind.SIGNAL,
        SituationKind.CONTROL,
        SituationKind.SIGNAL,
    ]
    assert [each.danger for each in EXERCISES] == [False, False, False, True]
    assert len(IDS) == len(EXERCISES)
    assert all(exercise(each.id) is each for each in EXERCISES)
    assert sum(fact.kind == "service" for fact in B.facts) == 2
    assert DecisionKind.WRONG_DATA in B.decisions
    assert DecisionKind.WRONG_DATA not in C.decisions


@pytest.mark.parametrize("asked", EXERCISES)
def test_words(asked):
    assert asked.person.startswith("Personne imaginée ")
    for shown in asked.sentences:
        assert not AVOIDED.search(shown), shown
        assert "%" not in shown
        assert shown[0].isupper() or shown[0].isdigit() or shown[0] == "«"
    if asked.signal:
        assert len(asked.signal.reasons) <= 4
        own = {fact.text for fact in asked.facts}
        assert own.issuperset((*asked.signal.reasons, *asked.signal.against))
        estimate = asked.signal.estimate
        assert estimate.low < estimate.per_100 < estimate.high
