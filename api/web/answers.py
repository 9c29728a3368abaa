"""What the JSON API takes and gives; what is not a field here is never sent.

No answer but :class:`SignalAnswer` holds an estimate or a reason (S1), and none at all
holds a raw score: people are told a frequency, with its range.
"""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from api.web.forms import MAX_TEXT
from features.facts import FactKind
from revue.records import DecisionKind, ModelState, Opinion, Role, SituationKind, State


class Answer(BaseModel):
    """Made from the plain records of the rooms below."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Asked(BaseModel):
    """What a program sends; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorAnswer(Answer):
    """Every refusal: one French sentence, and a name that does not change."""

    error: str
    code: str


class LoginAsked(Asked):
    """Login and password."""

    login: str = Field(max_length=200)
    password: str = Field(max_length=1000)


class LoginAnswer(Answer):
    """Who is signed in, and the token to send back as ``X-CSRF-Token``."""

    login: str
    role: Role
    team: str | None
    csrf: str


class DoneAnswer(Answer):
    """The act was done."""

    done: bool = True


class QueueItemAnswer(Answer):
    """One situation to look at."""

    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State


class QueueAnswer(Answer):
    """An educator's queue."""

    items: tuple[QueueItemAnswer, ...]
    unserved: int
    as_of: date | None
    stopped: bool


class PersonAnswer(Answer):
    """One person the educator accompanies."""

    person: str
    team: str
    referent: str | None
    entered_on: date
    situation_id: str | None
    why: str


class PeopleAnswer(Answer):
    """Everybody the educator accompanies, in neutral order."""

    people: tuple[PersonAnswer, ...]


class OpenedAnswer(Answer):
    """The situation that was opened, or was open already."""

    id: str


class EmergencyAnswer(Answer):
    """A number to call before anything else."""

    number: str
    purpose: str


class DangerAnswer(Answer):
    """Danger first: what every situation begins with."""

    sentence: str
    numbers: tuple[EmergencyAnswer, ...]
    crip: str
    on_call: str


class EventAnswer(Answer):
    """One event as it was known."""

    occurred_on: date
    recorded_on: date
    code: str
    label: str
    lane: str


class FactAnswer(Answer):
    """One dated sentence and the side it stands on."""

    text: str
    kind: FactKind


class FactsAnswer(Answer):
    """Everything shown before the own view."""

    as_of: date
    entered_on: date
    events: tuple[EventAnswer, ...]
    facts: tuple[FactAnswer, ...]
    missing: tuple[str, ...]


class ViewAnswer(Answer):
    """The educator's own view."""

    opinion: Opinion
    why: str
    by: str
    at: datetime


class DecisionAnswer(Answer):
    """What the educator decided."""

    kind: DecisionKind
    offers: tuple[str, ...]
    reason: str
    informed: bool
    by: str
    at: datetime


class SituationAnswer(Answer):
    """A situation: danger first, facts, own view, decision; never the signal.

    ``decisions`` are the kinds that can be decided now, none before the reveal.
    """

    danger: DangerAnswer
    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State
    facts: FactsAnswer
    view: ViewAnswer | None
    decision: DecisionAnswer | None
    decisions: tuple[DecisionKind, ...]


class ViewAsked(Asked):
    """The educator's own view; ``why`` is needed where the opinion is ``yes``."""

    opinion: Opinion
    why: str = Field("", max_length=MAX_TEXT)


class DecisionAsked(Asked):
    """The decision; ``offers`` only, and at least one, where the kind is ``offer``."""

    kind: DecisionKind
    offers: tuple[str, ...] = ()
    reason: str = Field("", max_length=MAX_TEXT)
    informed: bool = False


class EstimateAnswer(Answer):
    """Of 100 situations with the same estimate, about ``per_100`` (``low`` to ``high``).

    ``uncertain``: too few situations like it were seen to trust it.
    """

    per_100: int
    low: int
    high: int
    uncertain: bool


class ReasonAnswer(Answer):
    """A dated, observed fact."""

    text: str


class SignalContent(Answer):
    """The explained estimate."""

    model: str
    as_of: date
    valid_until: date
    estimate: EstimateAnswer
    reasons: tuple[ReasonAnswer, ...]
    against: tuple[ReasonAnswer, ...]
    missing: tuple[str, ...]


class SignalAnswer(Answer):
    """Why the situation is in the queue; ``signal`` is null for the two other kinds."""

    situation_id: str
    kind: SituationKind
    signal: SignalContent | None


class VoteAnswer(Answer):
    """One act of a committee member."""

    act: str
    by: str
    reason: str
    waived: bool
    at: datetime
    waived_until: date | None = Field(validation_alias="waiver_end")


class ModelAnswer(Answer):
    """A model as it stands before the committee today.

    ``waived_until`` is the last day on which what its audit could not assess stays waived.
    """

    version: str
    family: str
    state: ModelState
    verdict: str | None
    chosen: bool
    registered_at: datetime
    votes: tuple[VoteAnswer, ...]
    waived_until: date | None
    waiver_ended: bool


class ModelsAnswer(Answer):
    """Every registered model."""

    models: tuple[ModelAnswer, ...]


class VoteAsked(Asked):
    """A committee act; ``waive`` accepts what the audit could not assess.

    It does so for ``waive_days``, and for as long as the settings allow without.
    """

    reason: str = Field("", max_length=MAX_TEXT)
    waive: bool = False
    waive_days: int | None = Field(None, ge=1)


class StateAnswer(Answer):
    """Where the model stands after the act."""

    state: ModelState


class WordingAnswer(Answer):
    """One version of a feature group's wording; in force once it is confirmed, if newest."""

    version: int
    group: str
    text: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None


class WordingsAnswer(Answer):
    """How each feature group is said now, and every version since the protocol's own."""

    current: dict[str, str]
    versions: tuple[WordingAnswer, ...]


class WordingAsked(Asked):
    """Other words for a feature group: one French phrase, or ``singular|plural``."""

    group: str = Field(max_length=MAX_TEXT)
    text: str = Field(max_length=MAX_TEXT)
    reason: str = Field("", max_length=MAX_TEXT)


class EntryAnswer(Answer):
    """One entry of the journal: who, when, what act, on what; no content."""

    at: datetime
    actor: str
    act: str
    subject: str


class JournalAnswer(Answer):
    """Whether the whole journal holds, and its newest entries."""

    ok: bool
    size: int
    root: str
    fault: str | None
    entries: tuple[EntryAnswer, ...]
