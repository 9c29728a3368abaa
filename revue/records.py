"""The plain records that the review room gives to the doors and takes from scoring.

Frozen, standard library only. Pages and JSON are made from these and from nothing else, so
what is not a field here cannot leak: no record but :class:`SignalView` holds an estimate
or a reason, and nothing tells one kind of situation from another before the reveal.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self

from features.facts import Facts
from modeles.explanation import Signal


class Labelled(StrEnum):
    """A word for programs that carries the words for people."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        """Keep the label beside the value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class Role(Labelled):
    """Who somebody is here; what a role may do stands in :mod:`revue.permissions`."""

    EDUCATOR = "educator", "éducatrice ou éducateur"
    TEAM_LEAD = "team_lead", "responsable d'équipe"
    STEWARD = "steward", "responsable des données"
    COMMITTEE = "committee", "comité d'éthique"
    DPO = "dpo", "déléguée ou délégué à la protection des données"
    ADMIN = "admin", "administration technique"


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


class State(Labelled):
    """Where a situation stands; the allowed steps are in :mod:`revue.states`."""

    TO_ASSIGN = "to_assign", "à attribuer"
    TO_LOOK_AT = "to_look_at", "à regarder"
    VIEWED = "viewed", "votre avis est donné"
    SIGNAL_SEEN = "signal_seen", "signal lu, décision à prendre"
    PUT_OFF = "put_off", "reportée"
    SECOND_LOOK = "second_look", "second regard demandé"
    LOOKED_TWICE = "looked_twice", "second regard donné, décision à confirmer"
    IN_TEAM = "in_team", "à reprendre en équipe"
    DECIDED = "decided", "décision prise"
    FOLLOWED_UP = "followed_up", "suite notée"
    CONTESTED = "contested", "contestée par la personne"
    EXPIRED = "expired", "durée de validité passée"
    WITHDRAWN = "withdrawn", "retirée"
    HANDLED_ELSEWHERE = "handled_elsewhere", "traité hors de cet outil"


class Opinion(Labelled):
    """The educator's own view, before any signal."""

    YES = "yes", "plutôt oui"
    NO = "no", "plutôt non"
    UNKNOWN = "unknown", "je ne peux pas dire"


class DecisionKind(Labelled):
    """What an educator can decide; every one of them costs the same."""

    OFFER = "offer", "Proposer une aide"
    NOTHING_NOW = "nothing_now", "Rien pour le moment"
    IN_HAND = "in_hand", "Déjà en cours"
    TALK_FIRST = "talk_first", "En parler d'abord avec la personne"
    TEAM = "team", "À reprendre en équipe"
    WRONG_DATA = "wrong_data", "Signal non pertinent : données inexactes"
    MISSING_CONTEXT = "missing_context", "Signal non pertinent : contexte manquant"
    NOT_RELEVANT = "not_relevant", "Signal non pertinent : autre raison"


class Contact(Labelled):
    """How the person will be reached about a decision."""

    IN_PERSON = "in_person", "De vive voix, à la prochaine rencontre"
    CALL = "call", "Par téléphone"
    MESSAGE = "message", "Par message"
    EMAIL = "email", "Par courriel"
    LETTER = "letter", "Par courrier"
    VISIT = "visit", "Par une visite"


NEEDS_SAFE_CONTACT = frozenset(Contact) - {Contact.IN_PERSON}
"""What somebody else could read, hear or see: only over a contact confirmed as safe."""


class Answer(Labelled):
    """What the person said to what was offered."""

    ACCEPTED = "accepted", "La personne a accepté"
    PREFERRED_OTHERWISE = "preferred_otherwise", "La personne a préféré autre chose"
    NOT_NOW = "not_now", "La personne a dit « pas maintenant »"


class Outcome(Labelled):
    """What a contestation came to."""

    UPHELD = "upheld", "La contestation est fondée : la situation est retirée"
    KEPT = "kept", "La situation reste ouverte"


class Right(Labelled):
    """What a person may ask for."""

    ACCESS = "access", "Accès"
    RECTIFY = "rectify", "Rectification"
    RESTRICT = "restrict", "Limitation"
    OBJECT = "object", "Opposition"
    ERASE = "erase", "Effacement"


class RequestOutcome(Labelled):
    """What a request came to."""

    DONE = "done", "Fait"
    REFUSED = "refused", "Refusé, avec la raison et les recours"


class NoticeForm(Labelled):
    """How a person was told of this processing."""

    ORAL = "oral", "De vive voix, en langage simple"
    LETTER = "letter", "Par courrier"
    LEAFLET = "leaflet", "Document remis en main propre"
    INTERPRETER = "interpreter", "Avec une personne interprète"
    IMPORTED = "imported", "Selon le logiciel du service"


@dataclass(frozen=True)
class NoticeRow:
    """That a person was told of this processing."""

    told_on: date
    form: NoticeForm
    by: str
    version: str


@dataclass(frozen=True)
class RequestRow:
    """A right that a person uses, and by when they are owed the answer.

    ``days_left`` is negative once the day has passed.
    """

    id: str
    person: str
    asked: Right
    received_on: date
    due_on: date
    days_left: int
    noted_by: str
    outcome: RequestOutcome | None

    @property
    def overdue(self) -> bool:
        """The month is over, and the person still waits."""
        return self.outcome is None and self.days_left < 0


@dataclass(frozen=True)
class RequestCount:
    """How often a right was used, and how often the answer was late; nobody in particular."""

    asked: Right
    waiting: int
    overdue: int
    answered: int
    late: int


class WhyNot(StrEnum):
    """Why somebody is not in the queue; never how near they were to being retained."""

    IN_QUEUE = "dans la file"
    NOT_INFORMED = "non informée"
    NO_REVIEW = "aucune revue à ce jour"
    TOO_RECENT = "accompagnement trop récent"
    SEEN_RECENTLY = "déjà regardée récemment"
    ABSENT = "absence lors de la dernière revue"
    NOT_RETAINED = "non retenue ce mois-ci"


class Part(StrEnum):
    """As what somebody looks at a situation."""

    ACCOMPANYING = "accompanying"
    SECOND_READER = "second_reader"


_ABOUT_THE_SIGNAL = (
    DecisionKind.WRONG_DATA,
    DecisionKind.MISSING_CONTEXT,
    DecisionKind.NOT_RELEVANT,
)


def decision_kinds(kind: SituationKind, *, shown: bool = True) -> tuple[DecisionKind, ...]:
    """Return what can be decided on a situation: only a signal that was shown is dismissed."""
    if kind is SituationKind.SIGNAL and shown:
        return tuple(DecisionKind)
    return tuple(decision for decision in DecisionKind if decision not in _ABOUT_THE_SIGNAL)


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
    """One line of the queue: nothing here says why the situation is in it.

    ``due_on`` is the day by which *we* owe something: a look, a second look, a follow-up.
    """

    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State
    part: Part
    held_by: str | None
    """Who is working on it at this moment; None where nobody is."""
    again_on: date | None
    """When somebody comes back to it: put off until then, the team's meeting, the follow-up."""
    waits_for_me: bool
    """An act of this educator is what it waits for, today."""


@dataclass(frozen=True)
class QueuePage:
    """An educator's queue, in due-date order and then a stable neutral draw."""

    items: tuple[QueueItem, ...]
    unserved: int
    """Situations of the last run for which the service had no place: its own shortage."""
    as_of: date | None
    stop: Stop | None
    """Why every signal is frozen; None where none is (S28)."""
    places_left: int | None
    """How many more situations this educator has room for; None before the first run."""

    @property
    def stopped(self) -> bool:
        """Whether every signal is frozen."""
        return self.stop is not None


@dataclass(frozen=True)
class PersonRow:
    """One person the educator accompanies, and why they are not in the queue."""

    person: str
    team: str
    referent: str | None
    entered_on: date
    situation_id: str | None
    why: WhyNot


@dataclass(frozen=True)
class Observation:
    """A *signal faible*: a neutral, dated observation of a closed list; it expires."""

    id: str
    code: str
    observed_on: date
    by: str
    expires_on: date


@dataclass(frozen=True)
class OwnView:
    """What an educator thought before the signal."""

    opinion: Opinion
    why: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Decision:
    """What the educator decided, after the signal; the newest of a situation holds.

    ``words`` are the person's own, as told to the educator, and are never corrected.
    """

    kind: DecisionKind
    offers: tuple[str, ...]
    reason: str
    informed: bool
    by: str
    at: datetime
    words: str = ""
    again_on: date | None = None
    contact: Contact | None = None
    safe_contact: bool = False


@dataclass(frozen=True)
class FollowUp:
    """What became of a decision."""

    answer: Answer | None
    became: str
    again_on: date | None
    by: str
    at: datetime


@dataclass(frozen=True)
class Contestation:
    """What a person holds against a situation, in their own words, and the answer to it."""

    situation_id: str
    words: str
    by: str
    at: datetime
    due_on: date
    outcome: Outcome | None
    answer: str
    answered_at: datetime | None


@dataclass(frozen=True)
class SecondLook:
    """A colleague's look; ``view`` is there once it is given, and never before to the asker."""

    reader: str
    asked_by: str
    due_on: date
    view: OwnView | None


@dataclass(frozen=True)
class SituationPage:
    """Facts, and what the educator already said; never the signal.

    A second reader's page has their own view and nothing that anybody else said.
    """

    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State
    facts: Facts
    part: Part
    view: OwnView | None
    decision: Decision | None
    decisions: tuple[DecisionKind, ...]
    """What can be decided now; empty in every state that is not before a decision."""
    acts: tuple[str, ...]
    """What can be done now by this educator (values of :class:`revue.states.Act`)."""
    held_by: str | None
    held_until: datetime | None
    again_on: date | None
    second_look: SecondLook | None
    follow_ups: tuple[FollowUp, ...]
    contestation: Contestation | None
    observations: tuple[Observation, ...]
    stop: Stop | None
    """Why one goes on without the signal; None where it can be asked for (S28)."""

    @property
    def stopped(self) -> bool:
        """Whether one goes on without the signal."""
        return self.stop is not None


@dataclass(frozen=True)
class Absence:
    """Days on which an educator is away, and who stands in."""

    id: int
    login: str
    team: str
    first_on: date
    last_on: date
    stand_in: str | None


@dataclass(frozen=True)
class ToAssign:
    """A situation that nobody accompanies yet, as the team lead sees it: no fact, no kind."""

    id: str
    person: str
    due_on: date


@dataclass(frozen=True)
class TeamPage:
    """What a team lead looks after: absences, hand-over, and the service's shortage."""

    team: str
    educators: tuple[str, ...]
    absences: tuple[Absence, ...]
    to_assign: tuple[ToAssign, ...]
    unserved: int
    as_of: date | None


@dataclass(frozen=True)
class LocalService:
    """A service near by, for one thématique, as imported from a data·inclusion extract."""

    id: str
    theme: str
    name: str
    structure: str
    commune: str
    contact: str
    updated_on: date | None


@dataclass(frozen=True)
class SignalView:
    """What the reveal shows: the signal, or why there is none to show."""

    situation_id: str
    kind: SituationKind
    signal: Signal | None
    """None for a situation drawn at random or opened by the educator."""


class ModelState(Labelled):
    """Where a model stands before the committee."""

    PROPOSED = "proposed", "proposé au comité"
    ONE_APPROVAL = "one_approval", "une approbation sur deux"
    APPROVED = "approved", "approuvé"
    REJECTED = "rejected", "refusé"
    SUSPENDED = "suspended", "suspendu"


class Stop(Labelled):
    """Why no signal of a model is shown now (S28)."""

    SUSPENDED = "suspended", "Le comité d'éthique a suspendu le modèle."
    REJECTED = "rejected", "Le comité d'éthique a refusé le modèle."
    OVER = "over", "La durée de conservation du modèle est passée."
    UNVERIFIED = (
        "unverified",
        "Le journal de l'outil ne se vérifie plus : les signaux reposent jusqu'à ce que la "
        "déléguée ou le délégué à la protection des données l'ait examiné.",
    )


@dataclass(frozen=True)
class ModelFingerprint:
    """What two members sign: SHA-256 (hex) of each thing they read."""

    version: str
    table: str
    protocol: str
    data: str
    audit: str
    report: str


UNWRITTEN_WAIVER_DAYS = 180
"""How long a waiver holds that was given before ends were written beside them."""


@dataclass(frozen=True)
class Vote:
    """One act of a committee member on a model."""

    act: str
    by: str
    reason: str
    waived: bool
    at: datetime
    waived_until: date | None = None
    """Last day on which the waiver holds; None without one, or where none was written then."""
    signature: str | None = None
    """By the member's own key (S31); None where no password was asked for."""

    @property
    def waiver_end(self) -> date | None:
        """Last day on which the waiver holds, or None without one."""
        if not self.waived:
            return None
        return self.waived_until or self.at.date() + timedelta(days=UNWRITTEN_WAIVER_DAYS)

    def has_ended(self, today: date) -> bool:
        """Say whether its waiver is past."""
        return self.waiver_end is not None and self.waiver_end < today


@dataclass(frozen=True)
class ModelRow:
    """A model as the committee sees it on one day.

    ``waived_until`` is the last day on which what the audit could not assess stays waived
    (the first end of the approvals' waivers), and ``waiver_ended`` says that it is past: the
    approvals count no more, and ``state`` says so.
    """

    version: str
    family: str
    state: ModelState
    verdict: str | None
    chosen: bool
    registered_at: datetime
    votes: tuple[Vote, ...]
    waived_until: date | None
    waiver_ended: bool


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
class Wording:
    """One version of a feature group's wording; it holds once another member confirmed it."""

    version: int
    group: str
    text: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    signature: str | None

    @property
    def content(self) -> str:
        """What is signed: canonical JSON of everything but the signature."""
        return canonical({**asdict(self), "signature": None})


@dataclass(frozen=True)
class ScoringRun:
    """One scoring run as the queue keeps it: which model, when, and who found no place."""

    version: str
    as_of: date
    protocol_hash: str
    unserved: int
    not_informed: int
    per_referent: int | None = None
    """Most situations one educator has open at a time, by the protocol."""


@dataclass(frozen=True)
class SignedIn:
    """Login and password belong together."""

    actor: Actor


@dataclass(frozen=True)
class CodeAsked:
    """Login and password belong together, and the account's second factor is still to come."""

    login: str


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
    expires_at: datetime
    """When it ends unless somebody goes on; its last end stands in the token."""
    second_factor: bool = False
    """Whether the account has one."""


@dataclass(frozen=True)
class UserRow:
    """One account, without anything secret."""

    login: str
    role: Role
    team: str | None
    practised: bool
    created_at: datetime
    closed_at: datetime | None = None
    second_factor: bool = False


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
    """What verifying the whole journal found; ``fault`` names the first broken place.

    ``size`` counts the entries of all months, ``root`` is that of the newest, and
    ``checkpoints`` how many signed checkpoints it was held against.
    """

    ok: bool
    size: int
    root: str
    fault: str | None
    checkpoints: int = 0


def canonical(plain: object) -> str:
    """Write as canonical JSON (sorted keys, no spaces, ISO dates), the form that is signed."""
    return json.dumps(
        plain, default=_plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def _plain(value: object) -> object:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Vote):  # a vote without an end is written as before there were ends
        return {name: said for name, said in asdict(value).items() if said is not None}
    raise TypeError(f"{type(value).__name__} has no canonical form.")
