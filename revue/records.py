"""The plain records that the review room gives to the doors and takes from scoring.

Frozen, standard library only. Pages and JSON are made from these and from nothing else, so
what is not a field here cannot leak: no record but :class:`SignalView` holds an estimate
or a reason, and nothing tells one kind of situation from another before the reveal.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum

from features.facts import Facts
from modeles.explanation import Signal


class Role(StrEnum):
    """Who somebody is here; what a role may do stands in :mod:`revue.permissions`."""

    EDUCATOR = "educator"
    TEAM_LEAD = "team_lead"
    STEWARD = "steward"
    COMMITTEE = "committee"
    DPO = "dpo"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        """The role as people read it."""
        return {
            Role.EDUCATOR: "éducatrice ou éducateur",
            Role.TEAM_LEAD: "responsable d'équipe",
            Role.STEWARD: "responsable des données",
            Role.COMMITTEE: "comité d'éthique",
            Role.DPO: "déléguée ou délégué à la protection des données",
            Role.ADMIN: "administration technique",
        }[self]


@dataclass(frozen=True)
class Actor:
    """Who acts. ``user_id`` is None for acts on the command line without an account."""

    login: str
    role: Role | None
    team: str | None
    user_id: int | None = None


class SituationKind(StrEnum):
    """Why a situation is in the queue; told only once the own view is given."""

    SIGNAL = "signal"
    CONTROL = "control"
    SELF_OPENED = "self_opened"


class State(StrEnum):
    """Where a situation stands; the allowed steps are in :mod:`revue.states`."""

    TO_LOOK_AT = "to_look_at"
    VIEWED = "viewed"
    SIGNAL_SEEN = "signal_seen"
    DECIDED = "decided"
    HANDLED_ELSEWHERE = "handled_elsewhere"

    @property
    def label(self) -> str:
        """The state as people read it."""
        return {
            State.TO_LOOK_AT: "à regarder",
            State.VIEWED: "votre avis est donné",
            State.SIGNAL_SEEN: "signal lu, décision à prendre",
            State.DECIDED: "décision prise",
            State.HANDLED_ELSEWHERE: "traité hors de cet outil",
        }[self]


class Opinion(StrEnum):
    """The educator's own view, before any signal."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        """The opinion as people read it."""
        return {
            Opinion.YES: "plutôt oui",
            Opinion.NO: "plutôt non",
            Opinion.UNKNOWN: "je ne peux pas dire",
        }[self]


class DecisionKind(StrEnum):
    """What an educator can decide; every one of them costs the same."""

    OFFER = "offer"
    NOTHING_NOW = "nothing_now"
    IN_HAND = "in_hand"
    TALK_FIRST = "talk_first"
    TEAM = "team"
    WRONG_DATA = "wrong_data"
    MISSING_CONTEXT = "missing_context"
    NOT_RELEVANT = "not_relevant"

    @property
    def label(self) -> str:
        """The decision as people read it."""
        return {
            DecisionKind.OFFER: "Proposer une aide",
            DecisionKind.NOTHING_NOW: "Rien pour le moment",
            DecisionKind.IN_HAND: "Déjà en cours",
            DecisionKind.TALK_FIRST: "En parler d'abord avec la personne",
            DecisionKind.TEAM: "À reprendre en équipe",
            DecisionKind.WRONG_DATA: "Signal non pertinent : données inexactes",
            DecisionKind.MISSING_CONTEXT: "Signal non pertinent : contexte manquant",
            DecisionKind.NOT_RELEVANT: "Signal non pertinent : autre raison",
        }[self]


@dataclass(frozen=True)
class Stay:
    """One stay of a pseudonymous person, as imported; no household, no attribute."""

    person: str
    team: str
    referent: str | None
    entered_on: date
    left_on: date | None
    informed_on: date | None


@dataclass(frozen=True)
class NewSituation:
    """What scoring places in the queue: frozen facts and the explained signal."""

    person: str
    team: str
    referent: str | None
    kind: SituationKind
    facts: Facts
    signal: Signal
    probability: float
    """With what probability this place was drawn; 1.0 for a place in score order."""


@dataclass(frozen=True)
class QueueItem:
    """One line of the queue: nothing here says why the situation is in it."""

    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State


@dataclass(frozen=True)
class QueuePage:
    """An educator's queue, in due-date order and then a stable neutral draw."""

    items: tuple[QueueItem, ...]
    unserved: int
    """Situations of the last run for which the service had no place: its own shortage."""
    as_of: date | None
    stopped: bool
    """The committee suspended the model: every signal is frozen (S28)."""


@dataclass(frozen=True)
class PersonRow:
    """One person the educator accompanies, and why they are not in the queue."""

    person: str
    team: str
    referent: str | None
    entered_on: date
    situation_id: str | None
    why: str


@dataclass(frozen=True)
class OwnView:
    """What the educator thought before the signal."""

    opinion: Opinion
    why: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Decision:
    """What the educator decided, after the signal."""

    kind: DecisionKind
    offers: tuple[str, ...]
    reason: str
    informed: bool
    by: str
    at: datetime


@dataclass(frozen=True)
class SituationPage:
    """Facts, and what the educator already said; never the signal."""

    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State
    facts: Facts
    view: OwnView | None
    decision: Decision | None


@dataclass(frozen=True)
class SignalView:
    """What the reveal shows: the signal, or why there is none to show."""

    situation_id: str
    kind: SituationKind
    signal: Signal | None
    """None for a situation drawn at random or opened by the educator."""


class ModelState(StrEnum):
    """Where a model stands before the committee."""

    PROPOSED = "proposed"
    ONE_APPROVAL = "one_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUSPENDED = "suspended"

    @property
    def label(self) -> str:
        """The state as people read it."""
        return {
            ModelState.PROPOSED: "proposé au comité",
            ModelState.ONE_APPROVAL: "une approbation sur deux",
            ModelState.APPROVED: "approuvé",
            ModelState.REJECTED: "refusé",
            ModelState.SUSPENDED: "suspendu",
        }[self]


@dataclass(frozen=True)
class ModelFingerprint:
    """What two members sign: SHA-256 (hex) of each thing they read."""

    version: str
    table: str
    protocol: str
    data: str
    audit: str
    report: str


@dataclass(frozen=True)
class Vote:
    """One act of a committee member on a model."""

    act: str
    by: str
    reason: str
    waived: bool
    at: datetime


@dataclass(frozen=True)
class ModelRow:
    """A model as the committee sees it."""

    version: str
    family: str
    state: ModelState
    verdict: str | None
    chosen: bool
    registered_at: datetime
    votes: tuple[Vote, ...]


@dataclass(frozen=True)
class PromotionRecord:
    """What makes a model fit for scoring: its fingerprint, two votes, the home's signature."""

    fingerprint: ModelFingerprint
    votes: tuple[Vote, ...]
    signature: str

    @property
    def content(self) -> str:
        """What is signed: canonical JSON of the fingerprint and the votes."""
        return canonical({"fingerprint": asdict(self.fingerprint), "votes": list(self.votes)})


@dataclass(frozen=True)
class ScoringRun:
    """One scoring run as the queue keeps it: which model, when, and who found no place."""

    version: str
    as_of: date
    protocol_hash: str
    unserved: int
    not_informed: int


@dataclass(frozen=True)
class SignedIn:
    """Login and password belong together."""

    actor: Actor


@dataclass(frozen=True)
class SignInRefused:
    """They do not, or the login is locked; the same for a login that does not exist."""

    locked_until: datetime | None


@dataclass(frozen=True)
class WebSession:
    """An open web session; the token leaves once, in the cookie, and only its hash is kept."""

    token: str
    csrf: str
    actor: Actor


@dataclass(frozen=True)
class UserRow:
    """One account, without anything secret."""

    login: str
    role: Role
    team: str | None
    practised: bool
    created_at: datetime


@dataclass(frozen=True)
class JournalEntry:
    """One act in the journal: who, what, on what; never its content."""

    month: str
    position: int
    at: datetime
    actor: str
    act: str
    subject: str


@dataclass(frozen=True)
class JournalReport:
    """What verifying the whole journal found; ``fault`` names the first broken place."""

    ok: bool
    size: int
    root: str
    fault: str | None


def canonical(plain: object) -> str:
    """Write as canonical JSON (sorted keys, no spaces, ISO dates), the form that is signed."""
    return json.dumps(
        plain, default=_plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def _plain(value: object) -> object:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Vote):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form.")
