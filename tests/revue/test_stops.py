"""A stop is what the journal says: nothing done to the tables brings a signal back (S28)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from features.keys import Keyring
from revue import committee, schema
from revue.database import open_database
from revue.journal import leaf_hash, record, verify_journal
from revue.queue import queue_of
from revue.records import Actor, State, Stop, canonical
from revue.review import SignalFrozen, read_signal, reveal_signal
from revue.situations import page_of
from revue.stops import stop_of
from tests.revue.builders import (
    CLI,
    NOW,
    TODAY,
    VERSION,
    educator,
    member,
    situation_in_state,
)

THEN = {"now": NOW, "today": TODAY}
LEA = Actor("lea", None, None)

RAW = {
    "the state is set back": ("UPDATE models SET state = 'approved'",),
    "the vote is deleted too": (
        "UPDATE models SET state = 'approved'",
        "DELETE FROM votes WHERE act = 'suspend'",
    ),
    "a vote to resume is written": (
        "UPDATE models SET state = 'approved'",
        "UPDATE votes SET act = 'resume'",
    ),
    "the entry is deleted": (
        "UPDATE models SET state = 'approved'",
        "DELETE FROM journal_entries WHERE act = 'suspend'",
    ),
    "the entry is changed": (
        "UPDATE models SET state = 'approved'",
        "UPDATE journal_entries SET act = 'read' WHERE act = 'suspend'",
    ),
}


def without_triggers(session: Session, statements: tuple[str, ...]) -> None:
    """Do as somebody who owns the file."""
    names = session.scalars(
        text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'journal%'")
    ).all()
    for name in names:
        session.execute(text(f"DROP TRIGGER {name}"))
    for statement in statements:
        session.execute(text(statement))
    session.expire_all()


@pytest.fixture
def stopped(sessions: sessionmaker[Session]) -> Callable[[], Session]:
    """A database in which an educator read a signal before the committee's stop."""
    with sessions.begin() as session:
        lea, ines = educator(session), member(session)
        situation_in_state(session, State.VIEWED, lea)
        situation_in_state(session, State.SIGNAL_SEEN, lea, id="seen", person="p2")
        record(session, actor=CLI, act="read", subject="x", now=NOW)
        committee.suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
        record(session, actor=CLI, act="read", subject="y", now=NOW)
    return sessions.begin  # type: ignore[return-value]


def frozen(session: Session) -> bool:
    """Whether every way to the signal is closed, and the queue says so."""
    row = session.scalars(text("SELECT id FROM users WHERE login = 'lea'")).one()
    lea = Actor("lea", schema.Role.EDUCATOR, "nord", row)
    for act, id in ((reveal_signal, "situation-1"), (read_signal, "seen"), (reveal_signal, "seen")):
        try:
            act(session, lea, id, **THEN)
        except SignalFrozen:
            continue
        return False
    assert queue_of(session, lea, **THEN).items
    return True


@pytest.mark.safeguard
@pytest.mark.parametrize("attack", RAW)
def test_s28_raw_sql_lifts_no_stop_in_a_process_that_knows_of_it(
    stopped: Callable[[], Session], attack: str
) -> None:
    with stopped() as session:
        assert frozen(session)
        without_triggers(session, RAW[attack])
        assert frozen(session)
        record(session, actor=CLI, act="read", subject="z", now=NOW)
        assert frozen(session)


@pytest.mark.safeguard
@pytest.mark.parametrize("attack", RAW)
def test_s28_raw_sql_lifts_no_stop_before_the_process_starts(
    stopped: Callable[[], Session], database: Path, keys: Keyring, attack: str
) -> None:
    with stopped() as session:
        without_triggers(session, RAW[attack])
    later = open_database(database, keys.sign, lambda: TODAY)
    with later.begin() as session:
        assert frozen(session)
        record(session, actor=CLI, act="read", subject="z", now=NOW)
        assert frozen(session)
    later.kw["bind"].dispose()


@pytest.mark.safeguard
def test_s28_a_journal_that_was_emptied_shows_no_signal(
    stopped: Callable[[], Session], database: Path, keys: Keyring
) -> None:
    """Nobody can tell any more; that a new one was begun, a checkpoint kept elsewhere tells."""
    emptied = ("DELETE FROM journal_entries", "DELETE FROM journal_heads")
    with stopped() as session:
        assert frozen(session)
        without_triggers(session, ("UPDATE models SET state = 'approved'", *emptied))
        assert frozen(session)
    later = open_database(database, keys.sign, lambda: TODAY)
    with later.begin() as session:
        assert frozen(session)
    later.kw["bind"].dispose()


@pytest.mark.safeguard
@pytest.mark.parametrize("grown", [False, True])
def test_s28_a_forged_resumption_lifts_nothing(stopped: Callable[[], Session], grown: bool) -> None:
    with stopped() as session:
        assert frozen(session)
        without_triggers(session, ("UPDATE models SET state = 'approved'",))
        head = session.scalars(text("SELECT month FROM journal_heads")).one()
        size = session.scalars(text("SELECT size FROM journal_heads")).one()
        content = [head, size, NOW.isoformat(), "ines", "resume", VERSION, "0" * 64]
        forged = schema.Entry(
            month=head, position=size, at=NOW.isoformat(), actor="ines", act="resume",
            subject=VERSION, commitment="0" * 64,
            leaf=leaf_hash(canonical(content).encode()).hex(),
        )  # fmt: skip
        session.add(forged)
        session.flush()
        if grown:
            session.execute(text("UPDATE journal_heads SET size = size + 1"))
            session.expire_all()
        assert frozen(session)


@pytest.mark.safeguard
def test_s28_a_rejected_model_set_back_by_hand_stays_stopped(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        lea, ines = educator(session), member(session)
        situation_in_state(session, State.VIEWED, lea)
        session.execute(text("UPDATE models SET state = 'proposed'"))
        session.expire_all()
        committee.reject(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
        assert stop_of(session, VERSION) is Stop.REJECTED
        session.execute(text("UPDATE models SET state = 'approved'"))
        session.expire_all()
        with pytest.raises(SignalFrozen):
            reveal_signal(session, lea, "situation-1", **THEN)


def test_what_the_committee_resumes_is_shown_again(stopped: Callable[[], Session]) -> None:
    with stopped() as session:
        assert frozen(session)
        row = session.scalars(text("SELECT id FROM users WHERE login = 'ines'")).one()
        ines = Actor("ines", schema.Role.COMMITTEE, None, row)
        committee.resume(session, ines, version=VERSION, reason="levé", today=TODAY, now=NOW)
        assert stop_of(session, VERSION) is None
        committee.suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
        assert frozen(session)


def test_what_was_rolled_back_is_forgotten(stopped: Callable[[], Session], keys: Keyring) -> None:
    with stopped() as session:
        row = session.scalars(text("SELECT id FROM users WHERE login = 'ines'")).one()
        ines = Actor("ines", schema.Role.COMMITTEE, None, row)
        committee.resume(session, ines, version=VERSION, reason="levé", today=TODAY, now=NOW)
    with stopped() as session:
        assert stop_of(session, VERSION) is None
        nested = session.begin_nested()
        committee.suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
        assert stop_of(session, VERSION) is Stop.SUSPENDED
        nested.rollback()
        record(session, actor=LEA, act="read", subject="z", now=NOW)
        assert stop_of(session, VERSION) is None
        assert verify_journal(session, keys.verify).ok


@pytest.mark.safeguard
def test_s28_each_stop_says_what_it_is(
    stopped: Callable[[], Session], database: Path, keys: Keyring
) -> None:
    with stopped() as session:
        assert stop_of(session, VERSION) is Stop.SUSPENDED
        assert stop_of(session, None) is None
        assert stop_of(session, "gone") is Stop.OVER
        row = session.scalars(text("SELECT id FROM users WHERE login = 'lea'")).one()
        lea = Actor("lea", schema.Role.EDUCATOR, "nord", row)
        assert page_of(session, lea, "situation-1", **THEN).stop is Stop.SUSPENDED
        without_triggers(session, RAW["the entry is deleted"])
        assert stop_of(session, VERSION) is Stop.SUSPENDED  # this process knows of it
    later = open_database(database, keys.sign, lambda: TODAY)
    with later.begin() as session:
        page = page_of(session, lea, "situation-1", **THEN)
        assert (page.stop, page.stopped) == (Stop.UNVERIFIED, True)
        with pytest.raises(SignalFrozen) as refused:
            reveal_signal(session, lea, "situation-1", **THEN)
        assert refused.value.stop is Stop.UNVERIFIED
    later.kw["bind"].dispose()
