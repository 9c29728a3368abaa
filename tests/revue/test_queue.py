from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from revue import committee, schema
from revue.permissions import Forbidden
from revue.queue import busy_people, open_load, queue_of, recent_controls, scored_dates
from revue.records import ModelState, Part, Role, SituationKind, State
from revue.review import claim, handled_elsewhere
from revue.second_look import WITHIN
from revue.situations import HOLD
from revue.states import BEGUN_STATES
from tests.revue.builders import (
    AS_OF,
    CANARY,
    DUE_ON,
    NOW,
    TODAY,
    VALID_UNTIL,
    VERSION,
    absence,
    decide,
    directory,
    educator,
    fill,
    member,
    model_in_state,
    new_situation,
    read,
    situation_in_state,
    stay,
    user,
    view,
)

CONTROL = SituationKind.CONTROL


def test_an_empty_queue(session: Session) -> None:
    page = queue_of(session, educator(session), now=NOW, today=TODAY)
    assert (page.items, page.unserved, page.as_of, page.stopped) == ((), 0, None, False)


@pytest.mark.safeguard
def test_s09_an_educator_sees_their_own(session: Session) -> None:
    lea = educator(session)
    fill(
        session,
        [
            new_situation("mine"),
            new_situation("nobodys", referent=None),
            new_situation("karims", referent="karim"),
            new_situation("elsewhere", team="sud"),
        ],
        unserved=7,
    )
    page = queue_of(session, lea, now=NOW, today=TODAY)
    assert {item.person for item in page.items} == {"mine"}  # nobody's wait for the team lead
    assert (page.unserved, page.as_of, page.stopped) == (7, AS_OF, False)
    assert {(item.due_on, item.state) for item in page.items} == {(DUE_ON, State.TO_LOOK_AT)}
    assert open_load(session, as_of=TODAY) == {"lea": 2, "karim": 1}  # by the run, of any team
    for role in set(Role) - {Role.EDUCATOR}:
        with pytest.raises(Forbidden):
            queue_of(session, user(session, role.value, role, "nord"), now=NOW, today=TODAY)


@pytest.mark.safeguard
def test_s01_the_queue_holds_no_signal_and_no_order_of_it(session: Session) -> None:
    lea = educator(session)
    people = [f"p{rank:02}" for rank in range(40)]
    kinds = [CONTROL if rank % 4 == 0 else SituationKind.SIGNAL for rank in range(40)]
    fill(session, [new_situation(p, kind) for p, kind in zip(people, kinds, strict=True)])
    page = queue_of(session, lea, now=NOW, today=TODAY)
    assert CANARY not in repr(page)
    assert "control" not in repr(page)
    shown = [item.person for item in page.items]
    assert sorted(shown) == people
    assert shown not in (people, people[::-1])
    assert page == queue_of(session, lea, now=NOW, today=TODAY)  # the draw is stable
    assert len({len(item.id) for item in page.items}) == 1
    stored = session.scalars(text("SELECT person FROM situations ORDER BY id")).all()
    assert list(stored) not in (people, people[::-1])
    with pytest.raises(OperationalError), session.begin_nested():
        session.execute(text("SELECT rowid FROM situations"))  # no number tells who came first


@pytest.mark.safeguard
def test_s34_a_control_keeps_no_signal(session: Session) -> None:
    fill(session, [new_situation("p1", CONTROL), new_situation("p2")])
    rows = session.execute(
        select(schema.Situation.kind, schema.Situation.version, schema.Situation.valid_until)
    ).all()
    assert len({row[1:] for row in rows}) == 1  # expiry and a stop do not tell kinds apart
    assert len(session.scalars(select(schema.Signal)).all()) == 1


def test_earlier_due_dates_come_first(session: Session) -> None:
    lea = educator(session)
    fill(session, [new_situation(f"p{n}") for n in range(6)])
    first = situation_in_state(session, State.VIEWED, lea, person="one more")
    session.get_one(schema.Situation, first).due_on = DUE_ON - timedelta(days=1)
    assert queue_of(session, lea, now=NOW, today=TODAY).items[0].id == first


SHOWN = set(State) - {
    State.TO_ASSIGN,
    State.DECIDED,
    State.FOLLOWED_UP,
    State.EXPIRED,
    State.WITHDRAWN,
    State.HANDLED_ELSEWHERE,
}
WAITS = {State.TO_LOOK_AT, State.VIEWED, State.SIGNAL_SEEN, State.LOOKED_TWICE}


@pytest.mark.parametrize("state", State)
def test_what_is_open_is_shown_to_who_accompanies(session: Session, state: State) -> None:
    lea, karim = educator(session), educator(session, "karim")
    situation_in_state(session, state, lea)
    items = queue_of(session, lea, now=NOW, today=TODAY).items
    assert [(item.state, item.waits_for_me) for item in items] == (
        [(state, state in WAITS)] if state in SHOWN else []
    )
    assert queue_of(session, karim, now=NOW, today=TODAY).items == ()
    absence(session, "lea", "karim")
    items = queue_of(session, karim, now=NOW, today=TODAY).items
    own = State.TO_LOOK_AT if state in BEGUN_STATES else state  # a colleague starts on their own
    assert [item.state for item in items] == ([own] if state in SHOWN else [])


def test_a_reader_has_the_look_they_were_asked_for_and_no_more(session: Session) -> None:
    lea, reader = educator(session), educator(session, "reader")
    id = situation_in_state(session, State.SECOND_LOOK, lea, reader=reader)
    (item,) = queue_of(session, reader, now=NOW, today=TODAY).items
    assert (item.id, item.part, item.state) == (id, Part.SECOND_READER, State.SECOND_LOOK)
    assert (item.due_on, item.held_by, item.waits_for_me) == (TODAY + WITHIN, None, True)
    (first,) = queue_of(session, lea, now=NOW, today=TODAY).items
    assert (first.part, first.waits_for_me) == (Part.ACCOMPANYING, False)
    view(session, reader, id)
    assert queue_of(session, reader, now=NOW, today=TODAY).items == ()
    assert queue_of(session, lea, now=NOW, today=TODAY).items[0].waits_for_me


def test_a_day_to_come_back_on_is_the_due_day(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    day = TODAY + timedelta(days=9)
    decide(session, lea, id, again_on=day)
    for today in (TODAY, day):
        (item,) = queue_of(session, lea, now=NOW, today=today).items
        assert (item.due_on, item.again_on, item.state) == (day, day, State.DECIDED)
        assert item.waits_for_me == (today == day)


def test_a_hold_is_seen_and_lapses(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    absence(session, "lea", "karim")
    claim(session, karim, id, now=NOW, today=TODAY)
    (item,) = queue_of(session, lea, now=NOW, today=TODAY).items
    assert (item.held_by, item.waits_for_me) == ("karim", False)
    (item,) = queue_of(session, lea, now=NOW + HOLD, today=TODAY).items
    assert (item.held_by, item.waits_for_me) == (None, True)


def test_places_left_are_counted_as_scoring_counts_them(session: Session) -> None:
    """Also for who stands in, and for whom the team lead assigned somebody."""
    lea, karim = educator(session), educator(session, "karim")
    assert queue_of(session, lea, now=NOW, today=TODAY).places_left is None
    fill(session, [new_situation(f"p{n}") for n in range(3)], per_referent=4)
    situation_in_state(session, State.VIEWED, karim, referent=None, person="one more")
    left = [queue_of(session, who, now=NOW, today=TODAY).places_left for who in (lea, karim)]
    assert left == [1, 3]
    absence(session, "lea", "karim")
    left = [queue_of(session, who, now=NOW, today=TODAY).places_left for who in (lea, karim)]
    assert open_load(session, as_of=TODAY) == {"karim": 4}
    assert left == [4, 0]
    late = VALID_UNTIL + timedelta(days=1)
    assert queue_of(session, karim, now=NOW, today=late).places_left == 4


def test_a_stand_in_has_what_was_assigned_to_who_is_away(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, State.TO_LOOK_AT, lea, referent=None)
    absence(session, "lea", "karim")
    assert [item.id for item in queue_of(session, karim, now=NOW, today=TODAY).items] == [id]
    assert read(session, karim, id).state is State.TO_LOOK_AT


@pytest.mark.safeguard
def test_s09_scoring_gives_each_to_whom_the_directory_names_now(session: Session) -> None:
    """Not to who accompanied them at the review date, perhaps in another team."""
    lea, zoe = educator(session), educator(session, "zoe", "sud")
    directory(session, stay("p1", "zoe", "sud"), stay("p2", None))
    fill(session, [new_situation("p1"), new_situation("p2"), new_situation("p3")])
    items = queue_of(session, lea, now=NOW, today=TODAY).items
    assert [item.person for item in items] == ["p3"]
    items = queue_of(session, zoe, now=NOW, today=TODAY).items
    assert [item.person for item in items] == ["p1"]
    (unassigned,) = session.scalars(
        select(schema.Situation.person).where(schema.Situation.state == State.TO_ASSIGN)
    )
    assert unassigned == "p2"


SMALL = {"runs", "journal_heads", "absences", "CONSTANT"}
"""Tables of a few rows a month, kept for months; a constant row is of none."""


def test_a_queue_and_a_page_take_a_handful_of_indexed_queries(session: Session) -> None:
    """However long the queue: no query a line, and none that reads a table from end to end."""
    lea = educator(session)
    fill(session, [new_situation(f"p{n}") for n in range(30)], per_referent=4)
    id = situation_in_state(session, State.LOOKED_TWICE, lea, person="one more")
    absence(session, "lea", None, days=(20, 30))
    session.flush()
    queue_of(session, lea, now=NOW, today=TODAY)  # a process reads the whole journal once
    statements: list[tuple[str, object]] = []

    def seen(_c: object, _k: object, sql: str, parameters: object, *_more: object) -> None:
        if sql.startswith("SELECT"):
            statements.append((sql, parameters))

    connection = session.connection()
    for looked_at, most in (
        (lambda: queue_of(session, lea, now=NOW, today=TODAY), 8),
        (lambda: read(session, lea, id), 25),
    ):
        session.expire_all()
        event.listen(connection, "before_cursor_execute", seen)
        looked_at()
        event.remove(connection, "before_cursor_execute", seen)
        assert len(statements) <= most
        for sql, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).all()
            scanned = [line[3] for line in plan if line[3].startswith("SCAN")]
            assert all(line.split()[1] in SMALL for line in scanned), (sql, plan)
            assert not [
                line
                for line in plan
                if "(assigned_to=?)" in line[3] and "assigned_to IS NULL" in sql
            ]
        statements.clear()


@pytest.mark.safeguard
def test_s19_what_expired_leaves_the_queue(session: Session) -> None:
    lea = educator(session)
    fill(session, [new_situation("p1"), new_situation("p2", CONTROL)])
    assert len(queue_of(session, lea, now=NOW, today=VALID_UNTIL).items) == 2
    late = VALID_UNTIL + timedelta(days=1)
    assert queue_of(session, lea, now=NOW, today=late).items == ()
    assert scored_dates(session) == {AS_OF}
    assert open_load(session, as_of=VALID_UNTIL) == {"lea": 2}
    assert open_load(session, as_of=late) == {}


@pytest.mark.safeguard
def test_s28_the_queue_says_that_it_is_stopped(session: Session) -> None:
    lea, ines = educator(session), member(session)
    fill(session, [new_situation("p1")])
    committee.suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
    assert queue_of(session, lea, now=NOW, today=TODAY).stopped
    committee.resume(session, ines, version=VERSION, reason="levé", today=TODAY, now=NOW)
    assert not queue_of(session, lea, now=NOW, today=TODAY).stopped


def test_busy_people(session: Session) -> None:
    lea = educator(session)
    fill(session, [new_situation("signal"), new_situation("control", CONTROL)])
    busy = {"as_of": AS_OF + timedelta(days=28), "repeat_days": 90}
    assert busy_people(session, **busy) == {"signal", "control"}
    for item in queue_of(session, lea, now=NOW, today=TODAY).items:
        handled_elsewhere(session, lea, item.id, now=NOW, today=TODAY)
    assert busy_people(session, **busy) == {"signal"}
    repeat = {"repeat_days": 90}
    assert busy_people(session, as_of=AS_OF + timedelta(days=89), **repeat) == {"signal"}
    assert busy_people(session, as_of=AS_OF + timedelta(days=90), **repeat) == frozenset()


@pytest.mark.safeguard
def test_s35_one_control_a_year(session: Session) -> None:
    fill(session, [new_situation("p1", CONTROL), new_situation("p2")])
    assert recent_controls(session, as_of=AS_OF + timedelta(days=364)) == {"p1"}
    assert recent_controls(session, as_of=AS_OF + timedelta(days=365)) == frozenset()


@pytest.mark.safeguard
def test_s26_only_data_work_fills_the_queue(session: Session) -> None:
    model_in_state(session, ModelState.APPROVED)
    for role in set(Role) - {Role.STEWARD}:
        with pytest.raises(Forbidden):
            committee.register_model(
                session,
                version=f"by-{role}",
                family="f",
                table_hash="t",
                protocol_hash="p",
                data_hash="d",
                chosen=False,
                by=user(session, role.value, role, "nord"),
                now=NOW,
            )
