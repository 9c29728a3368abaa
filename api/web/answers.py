"""What the JSON API takes and gives; what is not a field here is never sent.

No answer but :class:`SignalAnswer` holds an estimate or a reason (S1), and none at all
holds a raw score: people are told a frequency, with its range.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Self

from fastapi import Path
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
)

from api.web.forms import MAX_TEXT
from features.facts import FactKind
from revue import records
from revue.accounts import MAX_PASSWORD
from revue.observations import OBSERVATIONS
from revue.offers import OFFERS
from revue.records import (
    Contact,
    DecisionKind,
    ModelState,
    NoticeForm,
    Opinion,
    Outcome,
    Part,
    RequestOutcome,
    Right,
    Role,
    SituationKind,
    State,
    Stop,
    WebSession,
    WhyNot,
)


class Answer(BaseModel):
    """Made from the plain records of the rooms below."""

    # What does not fit is logged as a fault: never with what it said of a person (S1).
    model_config = ConfigDict(from_attributes=True, frozen=True, hide_input_in_errors=True)


def _calendar_day(value: object) -> object:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_NUL = r"^[^\x00]*$"
"""SQLite measures a text up to its first NUL, so none is kept."""

Day = Annotated[date, BeforeValidator(_calendar_day)]
"""A day as it is written, never a number of seconds."""

Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=_NO_NUL)]
Name = Annotated[str, Field(max_length=200, pattern=_NO_NUL)]
"""What people write, and a login."""

Secret = Annotated[str, Field(max_length=MAX_PASSWORD)]
Code = Annotated[str, Field(max_length=20)]
"""A password, and the code of a second factor."""

Number = Annotated[int, Path(ge=1, lt=2**63)]
"""A number that a path names, no larger than the database counts."""

Listed = Annotated[str, Field(json_schema_extra={"enum": [offer.id for offer in OFFERS]})]
Observed = Annotated[str, Field(json_schema_extra={"enum": list(OBSERVATIONS)})]
"""One of a closed list; the review itself refuses every other, in its own words."""


class Asked(BaseModel):
    """What a program sends; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _example(**said: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [said]})


class ErrorAnswer(Answer):
    """Every refusal: one sentence in the language asked for, and a name that does not change."""

    error: str
    code: str


class LoginAsked(Asked):
    """Login and password, and the code of the second factor where the account has one."""

    model_config = _example(login="claire", password="une phrase de passe")  # noqa: S106

    login: Name
    password: Secret
    code: Code | None = None


class LoginAnswer(Answer):
    """Who is signed in, and the token to send back as ``X-CSRF-Token``."""

    login: str
    role: Role
    team: str | None
    csrf: str

    @classmethod
    def of(cls, web_session: WebSession) -> Self:
        """Tell an open session, but for its token, which the cookie holds."""
        return cls.model_validate({**asdict(web_session.actor), "csrf": web_session.csrf})


class AccountAnswer(Answer):
    """One's own account."""

    login: str
    role: Role
    team: str | None
    second_factor: bool


class PasswordAsked(Asked):
    """The password as it is, and as it shall be."""

    model_config = _example(password="une phrase de passe", new_password="onze oies du soir")  # noqa: S106

    password: Secret
    new_password: Secret


class SecondFactorAsked(Asked):
    """The password, before a secret is made."""

    model_config = _example(password="une phrase de passe")  # noqa: S106

    password: Secret


class SecondFactorAnswer(Answer):
    """The secret to put into a telephone; it counts once a code of it was sent."""

    secret: str
    uri: str


class ConfirmAsked(Asked):
    """A code of the secret that was just made."""

    code: Code


class TakeOffAsked(Asked):
    """Password and code, to take the second factor off."""

    password: Secret
    code: Code


class DoneAnswer(Answer):
    """The act was done."""

    done: bool = True


class AccessAnswer(Answer):
    """What a person is given: everything that is held about them, and the letter."""

    data: dict[str, Any]
    letter: Annotated[
        str,
        Field(
            description="The letter, a PDF in Base64.",
            json_schema_extra={
                "contentEncoding": "base64",
                "contentMediaType": "application/pdf",
            },
        ),
    ]


class QueueItemAnswer(Answer):
    """One situation to look at."""

    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State
    part: Part
    held_by: str | None
    again_on: date | None
    waits_for_me: bool


class QueueAnswer(Answer):
    """An educator's queue."""

    items: tuple[QueueItemAnswer, ...]
    unserved: int
    as_of: date | None
    stopped: bool
    stop: Stop | None
    places_left: int | None


class PersonAnswer(Answer):
    """One person the educator accompanies."""

    person: str
    team: str
    referent: str | None
    entered_on: date
    situation_id: str | None
    why: WhyNot


class PeopleAnswer(Answer):
    """Everybody the educator accompanies, in neutral order."""

    people: tuple[PersonAnswer, ...]


class ObservationAnswer(Answer):
    """A neutral, dated observation of the closed list."""

    id: str
    code: str
    observed_on: date
    by: str
    expires_on: date


class PersonPageAnswer(PersonAnswer):
    """One person, with what was noted about them and has not expired."""

    observations: tuple[ObservationAnswer, ...]


class ObservationAsked(Asked):
    """An observation: a code of the closed list and its day."""

    model_config = _example(code="projet-evoque", observed_on="2026-11-20")

    code: Observed
    observed_on: Day


class OpenedAnswer(Answer):
    """What was made, or was there already."""

    id: str


class GrantAnswer(Answer):
    """Until when contacts may be read."""

    until: datetime


class ContactsAnswer(Answer):
    """How a person is reached; shown while one's own leave lasts."""

    person_id: str | None
    display_name: str | None
    contacts: dict[str, str]
    until: datetime


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
    words: str
    again_on: date | None
    contact: Contact | None
    safe_contact: bool


class FollowUpAnswer(Answer):
    """What the person answered and what became of it."""

    answer: records.Answer | None
    became: str
    again_on: date | None
    by: str
    at: datetime


class ContestationAnswer(Answer):
    """A contestation in the person's own words, and the answer to it."""

    situation_id: str
    words: str
    by: str
    at: datetime
    due_on: date
    outcome: Outcome | None
    answer: str
    answered_at: datetime | None


class RequestAnswer(Answer):
    """A right that somebody uses; the person by pseudonym, as everywhere."""

    id: str
    person: str
    asked: Right
    received_on: date
    due_on: date
    days_left: int
    overdue: bool
    noted_by: str


class RequestCountAnswer(Answer):
    """How often a right was used, and how often the answer was late."""

    asked: Right
    waiting: int
    overdue: int
    answered: int
    late: int


class RightsAnswer(Answer):
    """What waits for its answer, and counts; the committee reads the counts alone."""

    contestations: tuple[ContestationAnswer, ...]
    requests: tuple[RequestAnswer, ...]
    counts: tuple[RequestCountAnswer, ...]
    contested: int


class NoticePartAnswer(Answer):
    """One heading of the notice and its sentences."""

    title: str
    lines: tuple[str, ...]


class NoticeAnswer(Answer):
    """What people are told of this processing; ``version`` is the SHA-256 of the text."""

    version: str
    title: str
    parts: tuple[NoticePartAnswer, ...]


class SecondLookAnswer(Answer):
    """A colleague's look; ``view`` once it is given."""

    reader: str
    asked_by: str
    due_on: date
    view: ViewAnswer | None


class SituationAnswer(Answer):
    """A situation: danger first, facts, own view, decision; never the signal.

    ``acts`` is what can be done now, ``decisions`` the kinds that can be decided: none
    before the reveal.
    """

    danger: DangerAnswer
    id: str
    person: str
    team: str
    referent: str | None
    due_on: date
    state: State
    facts: FactsAnswer
    part: Part
    view: ViewAnswer | None
    decision: DecisionAnswer | None
    decisions: tuple[DecisionKind, ...]
    acts: tuple[str, ...]
    held_by: str | None
    held_until: datetime | None
    again_on: date | None
    second_look: SecondLookAnswer | None
    follow_ups: tuple[FollowUpAnswer, ...]
    contestation: ContestationAnswer | None
    observations: tuple[ObservationAnswer, ...]
    stopped: bool
    stop: Stop | None


class ViewAsked(Asked):
    """The educator's own view; ``why`` is needed where the opinion is ``yes``."""

    model_config = _example(opinion="yes", why="Deux messages sont restés sans réponse.")

    opinion: Opinion
    why: Text = ""


class DecisionAsked(Asked):
    """The decision; ``offers`` only, and at least one, where the kind is ``offer``."""

    model_config = _example(
        kind="offer",
        offers=["trajet"],
        reason="Vu avec Madame.",
        informed=True,
        words="Plutôt le matin.",
        again_on="2026-12-08",
        contact="call",
        safe_contact=True,
    )

    kind: DecisionKind
    offers: tuple[Listed, ...] = ()
    reason: Text = ""
    informed: StrictBool = False
    words: Text = ""
    again_on: Day | None = None
    contact: Contact | None = None
    safe_contact: StrictBool = False


class FollowUpAsked(Asked):
    """A follow-up; ``answer`` where something was offered, and only there."""

    model_config = _example(
        answer="accepted", became="Le trajet est pris en charge.", again_on="2026-12-15"
    )

    answer: records.Answer | None = None
    became: Text = ""
    again_on: Day | None = None


class PutOffAsked(Asked):
    """Until when the situation is put off."""

    model_config = _example(until="2026-12-01")

    until: Day


class ContestAsked(Asked):
    """What the person holds against the situation, in their own words."""

    model_config = _example(words="Ce n'est pas comme ça que ça s'est passé.")

    words: Text


class NoticeAsked(Asked):
    """How a person was told of this processing, and on which day."""

    model_config = _example(form="oral", told_on="2026-11-20")

    form: NoticeForm
    told_on: Day


class RequestAsked(Asked):
    """Which right somebody uses, and when it came in; ``person`` is kept nowhere as it was sent."""

    model_config = _example(person="P0000582", asked="access", received_on="2026-11-20")

    person: Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_NUL)]
    asked: Right
    received_on: Day


class RequestAnswerAsked(Asked):
    """What a request came to; a refusal says why."""

    model_config = _example(outcome="done", answer="Remis en main propre.")

    outcome: RequestOutcome
    answer: Text


class ReasonAsked(Asked):
    """Why something is read: a sealed copy, or the contact details of somebody to reach."""

    model_config = _example(reason="Confirmer le rendez-vous de jeudi.")

    reason: Text


class ContestationAnswerAsked(Asked):
    """What a contestation came to, and why."""

    model_config = _example(outcome="kept", answer="La date a été vérifiée avec la personne.")

    outcome: Outcome
    answer: Text


class AbsenceAsked(Asked):
    """Who is away from when to when, and who stands in."""

    model_config = _example(
        login="claire", first_on="2026-12-24", last_on="2027-01-03", stand_in="karim"
    )

    login: Name
    first_on: Day
    last_on: Day
    stand_in: Name | None = None


class AssignAsked(Asked):
    """Who takes a situation over."""

    model_config = _example(login="claire")

    login: Name


class AbsenceAnswer(Answer):
    """Days on which an educator is away."""

    id: int
    login: str
    first_on: date
    last_on: date
    stand_in: str | None


class ToAssignAnswer(Answer):
    """A situation that nobody accompanies yet."""

    id: str
    person: str
    due_on: date


class TeamAnswer(Answer):
    """What a team lead looks after."""

    team: str
    educators: tuple[str, ...]
    absences: tuple[AbsenceAnswer, ...]
    to_assign: tuple[ToAssignAnswer, ...]
    unserved: int
    as_of: date | None


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

    It does so for ``waive_days``, and for as long as the settings allow without. In production
    ``password`` unlocks the member's signing key.
    """

    model_config = _example(reason="L'audit a été lu en entier.", waive=True, waive_days=90)

    reason: Text = ""
    waive: StrictBool = False
    waive_days: Annotated[StrictInt, Field(ge=1)] | None = None
    password: Secret = ""


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

    model_config = _example(
        group="rendez-vous", text="rendez-vous proposé|rendez-vous proposés", reason="Plus neutre."
    )

    group: Text
    text: Text
    reason: Text = ""


class EntryAnswer(Answer):
    """One entry of the journal: who, when, what act, on what, and where it stands; no content."""

    month: str
    position: int
    at: datetime
    actor: str
    act: str
    subject: str


class JournalAnswer(Answer):
    """Whether the whole journal holds, when that was verified, and a page of its entries."""

    ok: bool | None = None
    size: int = 0
    root: str = ""
    fault: str | None = None
    checkpoints: int = 0
    checked_at: datetime | None
    entries: tuple[EntryAnswer, ...]
    older: str | None
