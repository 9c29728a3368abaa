"""Objects in a named state, made directly instead of by replaying clicks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from features.facts import Fact, Facts, known_event
from features.keys import Keyring
from modeles.explanation import Estimate, Reason, Signal
from revue import absences, committee, queue, review, schema
from revue.directory import sync_people
from revue.records import (
    Actor,
    DecisionKind,
    ModelState,
    NewSituation,
    Opinion,
    Role,
    ScoringRun,
    SignalView,
    SituationKind,
    SituationPage,
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
    per_referent: int | None = None,
) -> None:
    if session.get(schema.Model, VERSION) is None:
        model_in_state(session, ModelState.APPROVED)
    queue.fill(
        session,
        run=ScoringRun(VERSION, as_of, "protocol", unserved, 0, per_referent),
        situations=situations,
        rng_key=b"k" * 32,
        by=CLI,
        now=NOW,
        due_on=DUE_ON,
    )


def directory(session: Session, *stays: Stay) -> None:
    sync_people(session, stays, by=CLI, now=NOW)


_CAME_TO = {
    State.VIEWED: 1,
    State.SIGNAL_SEEN: 2,
    State.SECOND_LOOK: 2,
    State.LOOKED_TWICE: 3,
    State.IN_TEAM: 3,
    State.DECIDED: 3,
    State.FOLLOWED_UP: 3,
}
"""How far the educator came before: own view, signal, decision."""


def situation_in_state(
    session: Session,
    state: State,
    actor: Actor,
    *,
    kind: SituationKind = SituationKind.SIGNAL,
    referent: str | None = "lea",
    id: str = "situation-1",
    person: str = "p1",
    team: str = TEAM,
    reader: Actor | None = None,
) -> str:
    """Make a situation as it stands after the acts of ``actor`` that lead to ``state``.

    Nothing is decided yet where a second look is asked for. Where a second reader belongs,
    it is ``reader``, or a colleague made for it. An expired one is past its validity.
    """
    if session.get(schema.Model, VERSION) is None:
        model_in_state(session, ModelState.APPROVED)
    expired = state is State.EXPIRED
    situation = schema.Situation(
        id=id,
        person=person,
        team=team,
        referent=None if state is State.TO_ASSIGN else referent,
        assigned_to=None if referent or state is State.TO_ASSIGN else actor.login,
        kind=kind,
        state=State.TO_LOOK_AT if expired else state,
        facts=facts().to_json(),
        as_of=AS_OF,
        due_on=DUE_ON,
        version=VERSION,
        valid_until=TODAY - timedelta(days=1) if expired else VALID_UNTIL,
        probability=1.0,
        opened_at=NOW,
        again_on=TODAY + timedelta(days=7) if state in (State.PUT_OFF, State.IN_TEAM) else None,
    )
    session.add(situation)
    session.flush()
    if kind is SituationKind.SIGNAL:
        session.add(schema.Signal(situation_id=id, as_of=AS_OF, content=signal().to_json()))
    came = _CAME_TO.get(state, 0)
    opinion = Opinion.YES if state is State.LOOKED_TWICE else Opinion.NO
    if came >= 1:
        add_view(session, id, actor, opinion, "silence" if opinion is Opinion.YES else "")
    if came >= 2:
        session.add(schema.Reveal(situation_id=id, user_id=actor.user_id, shown=True, at=NOW))
        session.flush()
    if came >= 3:
        add_decision(session, id, actor, team_day=situation.again_on)
    if state in (State.SECOND_LOOK, State.LOOKED_TWICE):
        look(session, id, actor, reader or educator(session, f"reader-of-{id}", team))
    if state is State.LOOKED_TWICE:
        asked = session.get_one(schema.SecondLook, id)
        asked.ended_at = NOW
        session.add(
            schema.View(situation_id=id, user_id=asked.reader_id, opinion="no", why="", at=NOW)
        )
    if state is State.FOLLOWED_UP:
        session.add(
            schema.FollowUp(
                situation_id=id,
                number=0,
                user_id=actor.user_id,
                answer=None,
                became="revu",
                again_on=None,
                at=NOW,
            )
        )
    if state is State.CONTESTED:
        session.add(
            schema.Contestation(
                situation_id=id,
                number=0,
                user_id=actor.user_id,
                words="ce n'est pas exact",
                stood=State.TO_LOOK_AT,
                at=NOW,
                due_on=TODAY + timedelta(days=30),
                outcome=None,
                answer="",
                answered_by=None,
                answered_at=None,
            )
        )
    session.flush()
    return id


def add_view(
    session: Session, id: str, actor: Actor, opinion: Opinion = Opinion.NO, why: str = ""
) -> None:
    session.add(
        schema.View(situation_id=id, user_id=actor.user_id, opinion=opinion, why=why, at=NOW)
    )
    session.flush()


def add_decision(session: Session, id: str, actor: Actor, team_day: date | None = None) -> None:
    session.add(
        schema.Decision(
            situation_id=id,
            number=0,
            user_id=actor.user_id,
            kind=DecisionKind.NOTHING_NOW if team_day is None else DecisionKind.TEAM,
            reason="vu ensemble",
            informed=True,
            words="",
            again_on=team_day,
            safe_contact=False,
            at=NOW,
        )
    )
    session.flush()


def look(session: Session, id: str, asker: Actor, reader: Actor) -> None:
    session.add(
        schema.SecondLook(
            situation_id=id,
            reader_id=reader.user_id,
            asked_by=asker.user_id,
            asked_at=NOW,
            due_on=TODAY + timedelta(days=7),
            ended_at=None,
        )
    )
    session.flush()


def absence(
    session: Session,
    login: str,
    stand_in: str | None,
    *,
    lead: Actor | None = None,
    days: tuple[int, int] = (0, 10),
) -> int:
    """Note that somebody is away from ``days[0]`` to ``days[1]`` days after today."""
    by = lead or user(session, f"lead-{login}-{days[0]}", Role.TEAM_LEAD, TEAM)
    first, last = (TODAY + timedelta(days=day) for day in days)
    return absences.note_absence(
        session, by, login=login, first_on=first, last_on=last, stand_in=stand_in, now=NOW
    )


def read(
    session: Session, actor: Actor, id: str, *, now: datetime = NOW, today: date = TODAY
) -> SituationPage:
    return review.read_situation(session, actor, id, now=now, today=today)


def view(
    session: Session,
    actor: Actor,
    id: str,
    opinion: Opinion = Opinion.NO,
    *,
    now: datetime = NOW,
    today: date = TODAY,
) -> SituationPage:
    why = "silence" if opinion is Opinion.YES else ""
    return review.give_view(session, actor, id, opinion=opinion, why=why, now=now, today=today)


def reveal(
    session: Session, actor: Actor, id: str, *, now: datetime = NOW, today: date = TODAY
) -> SignalView:
    return review.reveal_signal(session, actor, id, now=now, today=today)


def decide(
    session: Session,
    actor: Actor,
    id: str,
    kind: DecisionKind = DecisionKind.IN_HAND,
    *,
    now: datetime = NOW,
    today: date = TODAY,
    **more: Any,
) -> SituationPage:
    """Decide with what the kind needs; ``more`` replaces it."""
    needed: dict[str, Any] = {"reason": "vu ensemble"}
    if kind is DecisionKind.OFFER:
        needed["offers"] = ("trajet",)
    if kind is DecisionKind.TEAM:
        needed["again_on"] = today + timedelta(days=7)
    deciding = review.Deciding(kind=kind, **(needed | more))
    return review.decide(session, actor, id, deciding, now=now, today=today)
