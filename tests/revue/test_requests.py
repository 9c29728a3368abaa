"""A request's month, its answer, and who may read what of it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from revue import requests
from revue.permissions import Forbidden
from revue.reasons import ReasonMissing
from revue.records import RequestOutcome, Right, Role
from tests.revue.builders import CLI, NOW, TODAY, educator, member, user


@given(st.dates(date(2020, 1, 1), date(2100, 1, 1)))
def test_an_answer_is_never_due_later_than_a_month(day: date) -> None:
    due = requests.month_after(day)
    assert timedelta(days=28) <= due - day <= timedelta(days=31)
    assert due.day == day.day or (due + timedelta(days=1)).day == 1


def note(session: Session, ago: int, asked: Right = Right.ACCESS) -> str:
    day = TODAY - timedelta(days=ago)
    return requests.note_request(
        session, CLI, person="p", asked=asked, received_on=day, now=NOW, today=TODAY
    )


def test_overdue_requests_come_first_and_say_so(session: Session) -> None:
    fresh, late = note(session, 1), note(session, 40)
    first, second = requests.pending_requests(session, CLI, today=TODAY)
    assert (first.id, first.overdue, second.id, second.overdue) == (late, True, fresh, False)
    assert first.days_left == (first.due_on - TODAY).days < 0


def test_a_refusal_says_why_and_an_answer_is_given_once(session: Session) -> None:
    id = note(session, 1)
    refused = {"outcome": RequestOutcome.REFUSED, "now": NOW}
    with pytest.raises(ReasonMissing):
        requests.answer_request(session, CLI, id, answer=" ", **refused)
    requests.answer_request(session, CLI, id, answer="Déjà répondu le 3 mars.", **refused)
    with pytest.raises(requests.AlreadyAnswered):
        requests.answer_request(session, CLI, id, answer="Non.", **refused)
    with pytest.raises(requests.NoSuchRequest):
        requests.answer_request(session, CLI, "x", answer="Non.", **refused)


def test_a_request_of_tomorrow_is_refused(session: Session) -> None:
    with pytest.raises(requests.ReceivedInFuture):
        note(session, -1)


@pytest.mark.safeguard
def test_s26_only_who_answers_reads_requests_and_the_committee_reads_counts(
    session: Session,
) -> None:
    note(session, 40)
    anne, lea = member(session), educator(session)
    dina = user(session, "dina", Role.DPO)
    assert len(requests.pending_requests(session, dina, today=TODAY)) == 1
    for actor in (anne, lea):
        with pytest.raises(Forbidden):
            requests.pending_requests(session, actor, today=TODAY)
    counts = {c.asked: c for c in requests.request_counts(session, anne, today=TODAY)}
    assert (counts[Right.ACCESS].waiting, counts[Right.ACCESS].overdue) == (1, 1)
    with pytest.raises(Forbidden):
        requests.request_counts(session, lea, today=TODAY)
