from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from revue import committee, schema
from revue.permissions import Forbidden
from revue.queue import busy_people, open_load, queue_of, recent_controls, scored_dates
from revue.records import ModelState, Role, SituationKind, State
from revue.review import handled_elsewhere
from tests.revue.builders import (
    AS_OF,
    CANARY,
    DUE_ON,
    NOW,
    TODAY,
    VALID_UNTIL,
    VERSION,
    educator,
    fill,
    member,
    model_in_state,
    new_situation,
    situation_in_state,
    user,
)

CONTROL = SituationKind.CONTROL


def test_an_empty_queue(session: Session) -> None:
    page = queue_of(session, educator(session), today=TODAY)
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
    page = queue_of(session, lea, today=TODAY)
    assert {item.person for item in page.items} == {"mine", "nobodys"}
    assert (page.unserved, page.as_of, page.stopped) == (7, AS_OF, False)
    assert {(item.due_on, item.state) for item in page.items} == {(DUE_ON, State.TO_LOOK_AT)}
    assert open_load(session) == {"lea": 2, "karim": 1}  # team sud has a lea too
    for role in set(Role) - {Role.EDUCATOR}:
        with pytest.raises(Forbidden):
            queue_of(session, user(session, role.value, role, "nord"), today=TODAY)


@pytest.mark.safeguard
def test_s01_the_queue_holds_no_signal_and_no_order_of_it(session: Session) -> None:
    lea = educator(session)
    people = [f"p{rank:02}" for rank in range(40)]
    kinds = [CONTROL if rank % 4 == 0 else SituationKind.SIGNAL for rank in range(40)]
    fill(session, [new_situation(p, kind) for p, kind in zip(people, kinds, strict=True)])
    page = queue_of(session, lea, today=TODAY)
    assert CANARY not in repr(page)
    assert "control" not in repr(page)
    shown = [item.person for item in page.items]
    assert sorted(shown) == people
    assert shown not in (people, people[::-1])
    assert page == queue_of(session, lea, today=TODAY)  # the draw is stable
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
    first = situation_in_state(session, State.VIEWED, lea)
    session.get_one(schema.Situation, first).due_on = DUE_ON - timedelta(days=1)
    assert queue_of(session, lea, today=TODAY).items[0].id == first


@pytest.mark.parametrize("state", State)
def test_only_open_situations_are_shown(session: Session, state: State) -> None:
    lea, karim = educator(session), educator(session, "karim")
    situation_in_state(session, state, lea, referent=None)
    begun = state in (State.VIEWED, State.SIGNAL_SEEN)
    assert bool(queue_of(session, lea, today=TODAY).items) == (begun or state is State.TO_LOOK_AT)
    # What a colleague has begun is theirs.
    assert bool(queue_of(session, karim, today=TODAY).items) == (state is State.TO_LOOK_AT)


@pytest.mark.safeguard
def test_s19_what_expired_leaves_the_queue(session: Session) -> None:
    lea = educator(session)
    fill(session, [new_situation("p1"), new_situation("p2", CONTROL)])
    assert len(queue_of(session, lea, today=VALID_UNTIL).items) == 2
    late = VALID_UNTIL + timedelta(days=1)
    assert queue_of(session, lea, today=late).items == ()
    assert scored_dates(session) == {AS_OF}
    assert open_load(session, as_of=VALID_UNTIL) == {"lea": 2}
    assert open_load(session, as_of=late) == {}


@pytest.mark.safeguard
def test_s28_the_queue_says_that_it_is_stopped(session: Session) -> None:
    lea, ines = educator(session), member(session)
    fill(session, [new_situation("p1")])
    committee.suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
    assert queue_of(session, lea, today=TODAY).stopped
    committee.resume(session, ines, version=VERSION, reason="levé", today=TODAY, now=NOW)
    assert not queue_of(session, lea, today=TODAY).stopped


def test_busy_people(session: Session) -> None:
    lea = educator(session)
    fill(session, [new_situation("signal"), new_situation("control", CONTROL)])
    busy = {"as_of": AS_OF + timedelta(days=28), "repeat_days": 90}
    assert busy_people(session, **busy) == {"signal", "control"}
    for item in queue_of(session, lea, today=TODAY).items:
        handled_elsewhere(session, lea, item.id, now=NOW)
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
