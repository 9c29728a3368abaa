"""The tables of the review database, each with how long its rows may be kept (S18).

Each table also says how its rows lead to the person accompanied they are about (``whose``):
what an access export, an erasure, a restriction and a backup hold of somebody is found by
that and by nothing else. Scores live in :class:`Signal` and nowhere else. What the database
itself must refuse (an unknown decision, a decision without a person, an edited journal)
stands here as a constraint or in the migrations as a trigger, so that no program has to be
trusted with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from features.errors import RebondError
from revue.observations import OBSERVATIONS
from revue.offers import OFFERS
from revue.records import (
    Answer,
    Contact,
    DecisionKind,
    ModelState,
    NoticeForm,
    Opinion,
    Outcome,
    RequestOutcome,
    Right,
    Role,
    SituationKind,
    State,
)


@dataclass(frozen=True)
class Retention:
    """How long a row is kept: ``days`` after the day in column ``anchor``, and who says so."""

    days: int
    anchor: str
    source: str


ACTIVE = "active base, 2 years from the last contact: CNIL reference framework (recommendation)"
_LOG = "log, 12 months: CNIL logging recommendation 2021 (6 to 12)"
_SIGNAL = "signal, 90 days (ours)"
MODEL = "as long as signals of the model can be contested, 2 years (ours)"
_LETTER = "as long as a signal can be contested, 2 years (ours)"
_SIGNED = "as long as somebody can ask what was assessed, 10 years (ours); nothing about a person"
_TOLD = "goes with the histories of the person, 10 years at most (ours)"
_WORDING = "as long as a sentence may stand in it, 10 years (ours); nothing about a person"


class Whose(StrEnum):
    """The column that leads from a row to the person accompanied it is about."""

    PERSON = "person"
    SITUATION = "situation_id"


def _kept(
    days: int,
    anchor: str,
    source: str,
    *,
    whose: Whose | None = None,
    numbered: bool = False,
) -> dict[str, Any]:
    """Declare a table's retention, and whose rows it holds; None: nobody's who is accompanied.

    A row whose ``anchor`` is empty is not over yet.

    Without SQLite's hidden row number no row can be replaced by it, and nothing keeps the
    order in which rows came in; tables whose own ``id`` is that number are ``numbered``.
    """
    return {
        "info": {"retention": Retention(days, anchor, source), "whose": whose},
        "sqlite_with_rowid": numbered,
    }


class NaiveTime(RebondError):
    """A time without a zone says nothing that can be stored."""


def utc(value: datetime) -> datetime:
    """Convert an aware time to UTC.

    Raises
    ------
    NaiveTime
        It has no zone.
    """
    if value.tzinfo is None:
        raise NaiveTime(f"{value.isoformat()} has no time zone; give an aware time.")
    return value.astimezone(UTC)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC; SQLite keeps no zone of its own."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC and drop the zone."""
        return None if value is None else utc(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


def _values(members: type[StrEnum]) -> Sequence[str]:
    return [member.value for member in members]


def _one_of(members: type[StrEnum]) -> Enum:
    """Return a text column type that the database checks against an enum's values."""
    return Enum(
        members,
        native_enum=False,
        create_constraint=True,
        values_callable=_values,
        length=32,
        name=members.__name__.lower(),
    )


class Verdict(StrEnum):
    """What an audit found, as the committee's table keeps it."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    CANNOT_ASSESS = "cannot_assess"


class VoteAct(StrEnum):
    """What a committee member can do with a model."""

    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"
    RESUME = "resume"


class Base(DeclarativeBase):
    """Every table: named constraints, checked enums, aware times."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy as it stands
        datetime: UtcTime(),
        Role: _one_of(Role),
        SituationKind: _one_of(SituationKind),
        State: _one_of(State),
        Opinion: _one_of(Opinion),
        DecisionKind: _one_of(DecisionKind),
        ModelState: _one_of(ModelState),
        Verdict: _one_of(Verdict),
        VoteAct: _one_of(VoteAct),
        Contact: _one_of(Contact),
        Answer: _one_of(Answer),
        Outcome: _one_of(Outcome),
        NoticeForm: _one_of(NoticeForm),
        Right: _one_of(Right),
        RequestOutcome: _one_of(RequestOutcome),
    }


class User(Base):
    """An account of a human being.

    ``public_key`` checks what a committee member signs; ``sealed_key``, the private half, opens
    with their password alone. ``sealed_totp`` is the secret of their second factor, and
    ``totp_step`` the time step of the code used last.
    """

    __tablename__ = "users"
    __table_args__ = _kept(730, "closed_at", "2 years from the account's end (ours)", numbered=True)

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    team: Mapped[str | None]
    password_hash: Mapped[str]
    practised: Mapped[bool]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    public_key: Mapped[str | None]
    sealed_key: Mapped[bytes | None]
    sealed_totp: Mapped[bytes | None]
    totp_step: Mapped[int | None]


class SignInFailure(Base):
    """Failed sign-ins of one login, existing or not; only the hash of what was typed."""

    __tablename__ = "sign_in_failures"
    __table_args__ = _kept(1, "last_at", "throttling: CNIL passwords 2022")

    login_hash: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class OpenSession(Base):
    """A web session; only the hash of its token."""

    __tablename__ = "open_sessions"
    __table_args__ = _kept(1, "expires_at", "a working day (ours)")

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    csrf: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]


class Person(Base):
    """Who is accompanied by whom: the latest stay of each pseudonym, as last imported."""

    __tablename__ = "people"
    __table_args__ = _kept(730, "synced_at", ACTIVE, whose=Whose.PERSON)

    person: Mapped[str] = mapped_column(primary_key=True)
    team: Mapped[str]
    referent: Mapped[str | None] = mapped_column(index=True)
    entered_on: Mapped[date]
    left_on: Mapped[date | None]
    informed_on: Mapped[date | None]
    synced_at: Mapped[datetime]


class Identity(Base):
    """Identity and person id of one pseudonym, sealed with the person's own data key.

    The key lies in :mod:`revue.standings`; without it the row is noise.
    """

    __tablename__ = "identities"
    __table_args__ = _kept(730, "stored_at", ACTIVE, whose=Whose.PERSON)

    person: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    stored_at: Mapped[datetime]


class Lift(Base):
    """That somebody's name was shown to an educator on a day."""

    __tablename__ = "lifts"
    __table_args__ = _kept(365, "on", _LOG, whose=Whose.PERSON)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    on: Mapped[date] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)


class Grant(Base):
    """Leave to read contacts and person id, for one educator, one situation, a short while."""

    __tablename__ = "grants"
    __table_args__ = _kept(365, "at", _LOG, whose=Whose.SITUATION)

    id: Mapped[str] = mapped_column(primary_key=True)
    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    at: Mapped[datetime]
    until: Mapped[datetime]


class Notice(Base):
    """That a person was told of this processing: which text, by whom, when, in what form."""

    __tablename__ = "notices"
    __table_args__ = _kept(3652, "at", _TOLD, whose=Whose.PERSON)

    person: Mapped[str] = mapped_column(primary_key=True)
    told_on: Mapped[date] = mapped_column(primary_key=True)
    version: Mapped[str]
    told_by: Mapped[str]
    form: Mapped[NoticeForm]
    at: Mapped[datetime]


class Request(Base):
    """A right that a person uses, with the day by which it is owed an answer."""

    __tablename__ = "requests"
    __table_args__ = _kept(730, "received_on", _LETTER, whose=Whose.PERSON)

    id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(index=True)
    asked: Mapped[Right]
    received_on: Mapped[date]
    due_on: Mapped[date]
    noted_by: Mapped[str]
    at: Mapped[datetime]
    outcome: Mapped[RequestOutcome | None]
    answer: Mapped[str]
    done_by: Mapped[str | None]
    done_at: Mapped[datetime | None]


class SealedCopy(Base):
    """What a signal said, sealed with the person's data key once it may not be shown any more.

    Only the data protection officer opens it, to answer a contestation.
    """

    __tablename__ = "sealed_copies"
    __table_args__ = _kept(730, "as_of", _LETTER, whose=Whose.SITUATION)

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    as_of: Mapped[date]
    sealed: Mapped[bytes]


class Run(Base):
    """One scoring run: counts about the service, nothing about anybody."""

    __tablename__ = "runs"
    __table_args__ = _kept(730, "ran_at", MODEL, numbered=True)

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(ForeignKey("models.version"))
    as_of: Mapped[date]
    protocol_hash: Mapped[str]
    unserved: Mapped[int]
    not_informed: Mapped[int]
    ran_at: Mapped[datetime]
    due_on: Mapped[date | None]
    valid_until: Mapped[date | None]
    per_referent: Mapped[int | None]


_ASKED_ALONG = ("referent", "team", "state", "valid_until", "again_on", "opened_at")
"""What every queue asks of a situation, whether it is overdue included."""


class Situation(Base):
    """A person to look at, at a date; its facts are frozen, its signal lives apart.

    ``version`` and ``valid_until`` are set alike for a signal, a control and, once a queue
    was filled, an educator's own opening, so that expiry and a stop do not tell them apart.
    ``assigned_to`` is who the team lead gave it to; ``held_by`` works on it until
    ``held_until``; on ``again_on`` somebody comes back to it.

    The long text stands last: what stands before it is then read without it. Both indexes
    are about whose situations these are, among all that are over.
    """

    __tablename__ = "situations"
    __table_args__ = (
        Index("ix_situations_open", *_ASKED_ALONG),
        Index("ix_situations_given", "assigned_to", sqlite_where=text("assigned_to IS NOT NULL")),
        _kept(730, "opened_at", ACTIVE, whose=Whose.PERSON),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(index=True)
    team: Mapped[str]
    referent: Mapped[str | None]
    kind: Mapped[SituationKind]
    state: Mapped[State]
    as_of: Mapped[date]
    due_on: Mapped[date]
    version: Mapped[str | None] = mapped_column(ForeignKey("models.version"))
    valid_until: Mapped[date | None]
    probability: Mapped[float]
    opened_at: Mapped[datetime]
    assigned_to: Mapped[str | None]
    held_by: Mapped[str | None]
    held_until: Mapped[datetime | None]
    again_on: Mapped[date | None]
    facts: Mapped[str]


class Signal(Base):
    """The explained score of a situation that has one; the only table that holds a score."""

    __tablename__ = "signals"
    __table_args__ = _kept(90, "as_of", _SIGNAL, whose=Whose.SITUATION)

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    as_of: Mapped[date]
    content: Mapped[str]


class View(Base):
    """What one educator thought before the signal, or without it as a second reader."""

    __tablename__ = "views"
    __table_args__ = _kept(730, "at", ACTIVE, whose=Whose.SITUATION)

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    opinion: Mapped[Opinion]
    why: Mapped[str]
    at: Mapped[datetime]


class Reveal(Base):
    """When one educator saw the signal, or went on without it while the model was stopped."""

    __tablename__ = "reveals"
    __table_args__ = _kept(730, "at", ACTIVE, whose=Whose.SITUATION)

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    shown: Mapped[bool]
    at: Mapped[datetime]


class Decision(Base):
    """What an educator decided; a trigger asks for their own view and the reveal first.

    The newest ``number`` of a situation holds; there is a second one only after a second
    look or a team meeting.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("length(trim(reason)) > 0", "reason"),
        CheckConstraint("safe_contact OR contact IS NULL OR contact = 'in_person'", "contact"),
        _kept(730, "at", ACTIVE, whose=Whose.SITUATION),
    )

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[DecisionKind]
    reason: Mapped[str]
    informed: Mapped[bool]
    words: Mapped[str]
    again_on: Mapped[date | None]
    contact: Mapped[Contact | None]
    safe_contact: Mapped[bool]
    at: Mapped[datetime]


class DecisionOffer(Base):
    """One offer of a decision; the database knows the closed list."""

    __tablename__ = "decision_offers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["situation_id", "number"], ["decisions.situation_id", "decisions.number"]
        ),
        _kept(730, "at", ACTIVE, whose=Whose.SITUATION),
    )

    situation_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    offer: Mapped[str] = mapped_column(
        Enum(
            *(offer.id for offer in OFFERS),
            native_enum=False,
            create_constraint=True,
            length=32,
            name="offer",
        ),
        primary_key=True,
    )
    at: Mapped[datetime]


class FollowUp(Base):
    """What became of a decision; one row each time somebody tells."""

    __tablename__ = "follow_ups"
    __table_args__ = _kept(730, "at", ACTIVE, whose=Whose.SITUATION)

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    answer: Mapped[Answer | None]
    became: Mapped[str]
    again_on: Mapped[date | None]
    at: Mapped[datetime]


class SecondLook(Base):
    """A colleague asked to look as well; their view lies among the others' views."""

    __tablename__ = "second_looks"
    __table_args__ = _kept(730, "asked_at", ACTIVE, whose=Whose.SITUATION)

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    asked_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime]
    due_on: Mapped[date]
    ended_at: Mapped[datetime | None]


class Contestation(Base):
    """What a person holds against a situation; it stands still until the answer (S32)."""

    __tablename__ = "contestations"
    __table_args__ = _kept(730, "at", ACTIVE, whose=Whose.SITUATION)

    situation_id: Mapped[str] = mapped_column(ForeignKey("situations.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    words: Mapped[str]
    stood: Mapped[State]
    """Where the situation stood, and goes back to if it is kept."""
    at: Mapped[datetime]
    due_on: Mapped[date]
    outcome: Mapped[Outcome | None]
    answer: Mapped[str]
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    answered_at: Mapped[datetime | None]


class Absence(Base):
    """Days on which an educator is away; nothing says why."""

    __tablename__ = "absences"
    __table_args__ = _kept(90, "last_on", "to know who stood in, 3 months (ours)", numbered=True)

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(index=True)
    team: Mapped[str]
    first_on: Mapped[date]
    last_on: Mapped[date]
    stand_in: Mapped[str | None] = mapped_column(index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class Observation(Base):
    """A *signal faible* of a closed list; apart from the event store, so never a feature."""

    __tablename__ = "observations"
    __table_args__ = _kept(
        90, "observed_on", "as long as it means something, 90 days (ours)", whose=Whose.PERSON
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(index=True)
    code: Mapped[str] = mapped_column(
        Enum(
            *OBSERVATIONS,
            native_enum=False,
            create_constraint=True,
            length=32,
            name="code",
        )
    )
    observed_on: Mapped[date]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    expires_on: Mapped[date]


class PracticeStep(Base):
    """That somebody did one exercise of the practice module; never what they answered (S36)."""

    __tablename__ = "practice_steps"
    __table_args__ = _kept(730, "at", "as long as what was learnt holds, 2 years (ours)")

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    exercise: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class PracticeCount(Base):
    """How often something was answered in the practice module, by nobody in particular (S24).

    ``shown`` is what may be told: it follows ``count`` once :data:`revue.practice.TOGETHER` more
    people have answered, so that no two tellings differ by the answers of a few (S21).
    """

    __tablename__ = "practice_counts"
    __table_args__ = _kept(3652, "since", "counts of answers, nothing about anybody (ours)")

    exercise: Mapped[str] = mapped_column(primary_key=True)
    question: Mapped[str] = mapped_column(primary_key=True)
    choice: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    since: Mapped[date]
    shown: Mapped[int] = mapped_column(server_default="0")


class Service(Base):
    """A local service for one thématique, from a data·inclusion extract: public data."""

    __tablename__ = "services"
    __table_args__ = _kept(365, "imported_at", "a directory older than a year misleads (ours)")

    id: Mapped[str] = mapped_column(primary_key=True)
    theme: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    structure: Mapped[str]
    commune: Mapped[str]
    contact: Mapped[str]
    updated_on: Mapped[date | None]
    place: Mapped[int] = mapped_column(index=True)
    """Among the services of its thématique, as readers sort their names."""
    imported_at: Mapped[datetime]


class Model(Base):
    """A trained model before the committee."""

    __tablename__ = "models"
    __table_args__ = _kept(730, "registered_at", MODEL)

    version: Mapped[str] = mapped_column(primary_key=True)
    family: Mapped[str]
    table_hash: Mapped[str]
    protocol_hash: Mapped[str]
    data_hash: Mapped[str]
    chosen: Mapped[bool]
    state: Mapped[ModelState]
    registered_at: Mapped[datetime]


class ModelAudit(Base):
    """One audit of a model; the newest is the one votes are about."""

    __tablename__ = "model_audits"
    __table_args__ = _kept(730, "at", MODEL, numbered=True)

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(ForeignKey("models.version"), index=True)
    verdict: Mapped[Verdict]
    audit_hash: Mapped[str]
    report_hash: Mapped[str]
    at: Mapped[datetime]


class ModelVote(Base):
    """One act of a committee member, over the audit that was newest then."""

    __tablename__ = "votes"
    __table_args__ = _kept(730, "at", MODEL, numbered=True)

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(ForeignKey("models.version"), index=True)
    audit_id: Mapped[int | None] = mapped_column(ForeignKey("model_audits.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    act: Mapped[VoteAct]
    reason: Mapped[str]
    waived: Mapped[bool]
    at: Mapped[datetime]
    waived_until: Mapped[date | None]
    signature: Mapped[str | None]
    """By the member's own key; None where no password was asked for (not in production)."""


class Promotion(Base):
    """The signed record of two approvals."""

    __tablename__ = "promotions"
    __table_args__ = _kept(730, "at", MODEL, numbered=True)

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(ForeignKey("models.version"), index=True)
    content: Mapped[str]
    signature: Mapped[str]
    at: Mapped[datetime]


class Assessment(Base):
    """A signature under the impact assessment: over purpose, schema and protocol (S10)."""

    __tablename__ = "assessments"
    __table_args__ = _kept(3652, "at", _SIGNED, numbered=True)

    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str]
    content_hash: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    signature: Mapped[str]
    at: Mapped[datetime]


class Mark(Base):
    """How far this home has come: the epoch of its keys, the register line applied last."""

    __tablename__ = "marks"
    __table_args__ = _kept(36524, "at", "as long as the home; a number, nothing about anybody")

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]
    at: Mapped[datetime]


class Wording(Base):
    """A mended wording; triggers refuse every change but its one confirmation.

    Versions count from 2: the first is the protocol's own.
    """

    __tablename__ = "wordings"
    __table_args__ = _kept(3652, "proposed_at", _WORDING, numbered=True)

    version: Mapped[int] = mapped_column(primary_key=True)
    feature_group: Mapped[str]
    text: Mapped[str]
    reason: Mapped[str]
    proposed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]
    signature: Mapped[str | None]


class Entry(Base):
    """One leaf of the journal; triggers refuse every change."""

    __tablename__ = "journal_entries"
    __table_args__ = _kept(365, "month", _LOG)

    month: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str]
    """ISO text, kept to the byte as it was hashed."""
    actor: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str]
    commitment: Mapped[str]
    leaf: Mapped[str]


class Head(Base):
    """The signed head of one month's tree; it only ever grows."""

    __tablename__ = "journal_heads"
    __table_args__ = _kept(365, "month", _LOG)

    month: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    root: Mapped[str]
    frontier: Mapped[str]
    signature: Mapped[str]
