"""Objects in a named state, made directly instead of by replaying clicks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from features.facts import Fact, Facts, known_event
from features.keys import Keyring
from modeles.explanation import Estimate, Reason, Signal
from revue import committee, queue, schema
from revue.directory import sync_people
from revue.records import (
    Actor,
    DecisionKind,
    ModelState,
    NewSituation,
    Opinion,
    Role,
    ScoringRun,
    SituationKind,
    State,
    Stay,
)
from revue.schema import Verdict

AS_OF = date(2026, 11, 16)
TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DUE_ON = date(2026, 12, 5)
VALID_UNTIL = AS_OF + timedelta(days=90)
VERSION = "m1"
TEAM = "nord"
CLI = Actor(login="cli:root", role=None, team=None)
CANARY = "reason-canary"
"""Stands in every signal made here: wherever it shows, a signal shows."""


def strangers_keys() -> Keyring:
    return Keyring(b"\0" * 32, Ed25519PrivateKey.generate())


def user(session: Session, login: str, role: Role, team: str | None = None, **more: bool) -> Actor:
    """Make an account whose password nobody knows; hashing one would cost every test."""
    row = schema.User(
        login=login,
        role=role,
        team=team,
        password_hash="-",
        practised=more.get("practised", True),
        created_at=NOW,
    )
    session.add(row)
    session.flush()
    return Actor(login, role, team, row.id)


def educator(session: Session, login: str = "lea", team: str = TEAM, **more: bool) -> Actor:
    return user(session, login, Role.EDUCATOR, team, **more)


def member(session: Session, login: str = "ines") -> Actor:
    return user(session, login, Role.COMMITTEE)


def facts(as_of: date = AS_OF) -> Facts:
    seen = known_event(date(2026, 10, 14), date(2026, 10, 15), "rdv//honore")
    return Facts(as_of, date(2025, 1, 1), (seen,), (Fact("1 échange.", "appui"),), ())


def signal(version: str = VERSION) -> Signal:
    reasons = (Reason("count", CANARY, 0.4),)
    return Signal(version, AS_OF, VALID_UNTIL, 1.5, Estimate(15, 10, 22), reasons, (), ())


def stay(person: str, referent: str | None = "lea", team: str = TEAM, **more: date | None) -> Stay:
    return Stay(
        person=person,
        team=team,
        referent=referent,
        entered_on=more.get("entered_on") or date(2025, 1, 1),
        left_on=more.get("left_on"),
        informed_on=more.get("informed_on", date(2025, 1, 2)),
    )


def new_situation(
    person: str,
    kind: SituationKind = SituationKind.SIGNAL,
    referent: str | None = "lea",
    team: str = TEAM,
) -> NewSituation:
    return NewSituation(person, team, referent, kind, facts(), signal(), 1.0)


def model_in_state(
    session: Session,
    state: ModelState,
    version: str = VERSION,
    verdict: Verdict = Verdict.PASS,
) -> str:
    committee.register_model(
        session,
        version=version,
        family="logistic",
        table_hash=f"table-{version}",
        protocol_hash="protocol",
        data_hash="data",
        chosen=True,
        by=CLI,
        now=NOW,
    )
    committee.record_audit(
        session,
        version=version,
        verdict=verdict,
        audit_hash=f"audit-{version}",
        report_hash=f"report-{version}",
        by=CLI,
        now=NOW,
    )
    session.get_one(schema.Model, version).state = state
    session.flush()
    return version


def fill(
    session: Session,
    situations: Sequence[NewSituation],
    *,
    as_of: date = AS_OF,
    unserved: int = 0,
) -> None:
    if session.get(schema.Model, VERSION) is None:
        model_in_state(session, ModelState.APPROVED)
    queue.fill(
        session,
        run=ScoringRun(VERSION, as_of, "protocol", unserved, 0),
        situations=situations,
        rng_key=b"k" * 32,
        by=CLI,
        now=NOW,
        due_on=DUE_ON,
    )


def directory(session: Session, *stays: Stay) -> None:
    sync_people(session, stays, by=CLI, now=NOW)


def situation_in_state(
    session: Session,
    state: State,
    actor: Actor,
    *,
    kind: SituationKind = SituationKind.SIGNAL,
    referent: str | None = "lea",
    id: str = "situation-1",
    person: str = "p1",
) -> str:
    """Make a situation as it stands after the acts of ``actor`` that lead to ``state``."""
    if session.get(schema.Model, VERSION) is None:
        model_in_state(session, ModelState.APPROVED)
    scored = kind is not SituationKind.SELF_OPENED
    situation = schema.Situation(
        id=id,
        person=person,
        team=TEAM,
        referent=referent,
        kind=kind,
        state=state,
        facts=facts().to_json(),
        as_of=AS_OF,
        due_on=DUE_ON,
        version=VERSION if scored else None,
        valid_until=VALID_UNTIL if scored else None,
        probability=1.0,
        opened_at=NOW,
    )
    session.add(situation)
    session.flush()
    if kind is SituationKind.SIGNAL:
        session.add(schema.Signal(situation_id=id, as_of=AS_OF, content=signal().to_json()))
    begun = (State.VIEWED, State.SIGNAL_SEEN, State.DECIDED)
    account = actor.user_id
    if state in begun:
        session.add(
            schema.View(situation_id=id, user_id=account, opinion=Opinion.NO, why="", at=NOW)
        )
        session.flush()
    if state in begun[1:]:
        session.add(schema.Reveal(situation_id=id, user_id=account, at=NOW))
        session.flush()
    if state is State.DECIDED:
        session.add(
            schema.Decision(
                situation_id=id,
                user_id=account,
                kind=DecisionKind.NOTHING_NOW,
                reason="vu ensemble",
                informed=True,
                at=NOW,
            )
        )
        session.flush()
    return id
