"""The educators' acts for programs: the queue, the people, and a situation, as JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from api.home import Home
from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.answers import (
    AbsenceAsked,
    AssignAsked,
    ContestAsked,
    DecisionAsked,
    DoneAnswer,
    FollowUpAsked,
    Number,
    ObservationAsked,
    OpenedAnswer,
    PeopleAnswer,
    PersonPageAnswer,
    PutOffAsked,
    QueueAnswer,
    SignalAnswer,
    SituationAnswer,
    TeamAnswer,
    ViewAsked,
)
from api.web.languages import AskedLanguage
from api.web.refusals import ALWAYS, OF_A_SITUATION
from api.web.rendering import DANGER_SENTENCE, EMERGENCY
from revue import absences, contestation, noting, queue, review, second_look, team
from revue.permissions import Permission
from revue.records import SituationPage

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, responses=ALWAYS)

Reading = Annotated[Visit, may(Permission.READ_SITUATION)]
Moving = Annotated[Visit, may(Permission.MOVE_SITUATION)]
Viewing = Annotated[Visit, may(Permission.GIVE_VIEW)]
ReadingSignal = Annotated[Visit, may(Permission.READ_SIGNAL)]


@router.get("/queue", tags=["review"])
def read_queue(visit: Annotated[Visit, may(Permission.READ_QUEUE)]) -> QueueAnswer:
    """List the educator's own situations, and those a colleague asked them to look at."""
    return QueueAnswer.model_validate(acts.on(visit, queue.queue_of))


@router.get("/people", tags=["review"])
def read_people(visit: Annotated[Visit, may(Permission.READ_PEOPLE)]) -> PeopleAnswer:
    """List everybody the educator accompanies, and why somebody is not in the queue."""
    with visit.home.transaction() as session:
        return PeopleAnswer.model_validate({"people": acts.people_of(session, visit)})


@router.get("/people/{person}", responses=OF_A_SITUATION, tags=["review"])
def read_person(
    person: str, visit: Annotated[Visit, may(Permission.READ_PEOPLE)]
) -> PersonPageAnswer:
    """Read one person the educator accompanies, with what was noted about them."""
    with visit.home.transaction() as session:
        row, observations = acts.person_of(session, visit, person)
    return PersonPageAnswer.model_validate({**vars(row), "observations": observations})


@router.post("/people/{person}/open", responses=OF_A_SITUATION, tags=["review"])
def open_situation(
    person: str, visit: Annotated[Visit, may(Permission.OPEN_SITUATION)]
) -> OpenedAnswer:
    """Open a situation on the educator's own initiative."""
    return OpenedAnswer(id=acts.open_situation(visit, person))


@router.post("/people/{person}/observations", responses=OF_A_SITUATION, tags=["review"])
def note_observation(
    person: str,
    asked: ObservationAsked,
    visit: Annotated[Visit, may(Permission.NOTE_OBSERVATION)],
) -> OpenedAnswer:
    """Note an observation of the closed list; returns its id."""
    id = acts.on(visit, noting.note, person=person, code=asked.code, observed_on=asked.observed_on)
    return OpenedAnswer(id=id)


@router.post("/observations/{observation}/take-back", responses=OF_A_SITUATION, tags=["review"])
def take_back_observation(
    observation: str, visit: Annotated[Visit, may(Permission.NOTE_OBSERVATION)]
) -> DoneAnswer:
    """Delete one's own observation."""
    acts.on(visit, noting.take_back, observation)
    return DoneAnswer()


@router.get("/situations/{situation_id}", responses=OF_A_SITUATION, tags=["review"])
def read_situation(situation_id: str, visit: Reading) -> SituationAnswer:
    """Read the facts, and what the educator already said; never the signal."""
    return _situation(visit.home, acts.on(visit, review.read_situation, situation_id))


@router.post("/situations/{situation_id}/claim", responses=OF_A_SITUATION, tags=["review"])
def claim(situation_id: str, visit: Moving) -> SituationAnswer:
    """Hold a situation for a while; 409 while a colleague does."""
    return _situation(visit.home, acts.on(visit, review.claim, situation_id))


@router.post("/situations/{situation_id}/release", responses=OF_A_SITUATION, tags=["review"])
def release(situation_id: str, visit: Moving) -> SituationAnswer:
    """Let a situation go again."""
    return _situation(visit.home, acts.on(visit, review.release, situation_id))


@router.post("/situations/{situation_id}/view", responses=OF_A_SITUATION, tags=["review"])
def give_view(situation_id: str, asked: ViewAsked, visit: Viewing) -> SituationAnswer:
    """Keep one's own view, before any signal; a second reader's as well."""
    page = acts.on(visit, review.give_view, situation_id, opinion=asked.opinion, why=asked.why)
    return _situation(visit.home, page)


@router.post("/situations/{situation_id}/signal", responses=OF_A_SITUATION, tags=["review"])
def reveal_signal(situation_id: str, visit: ReadingSignal, language: AskedLanguage) -> SignalAnswer:
    """Reveal the signal, in English if `Accept-Language` prefers it; 409 before the own view."""
    view = acts.on(visit, review.reveal_signal, situation_id)
    return SignalAnswer.model_validate(acts.told_in(visit, view, language))


@router.get("/situations/{situation_id}/signal", responses=OF_A_SITUATION, tags=["review"])
def read_signal(situation_id: str, visit: ReadingSignal, language: AskedLanguage) -> SignalAnswer:
    """Read the signal once it is revealed, in either language; 409 before."""
    view = acts.on(visit, review.read_signal, situation_id)
    return SignalAnswer.model_validate(acts.told_in(visit, view, language))


@router.post("/situations/{situation_id}/without-signal", responses=OF_A_SITUATION, tags=["review"])
def go_without_signal(situation_id: str, visit: ReadingSignal) -> SituationAnswer:
    """Go on to the decision while the committee's stop freezes every signal."""
    return _situation(visit.home, acts.on(visit, review.go_without_signal, situation_id))


@router.post("/situations/{situation_id}/decision", responses=OF_A_SITUATION, tags=["review"])
def decide(
    situation_id: str, asked: DecisionAsked, visit: Annotated[Visit, may(Permission.DECIDE)]
) -> SituationAnswer:
    """Keep the educator's decision; 409 before the signal was seen."""
    deciding = review.Deciding(**dict(asked))
    return _situation(visit.home, acts.on(visit, review.decide, situation_id, deciding))


@router.post("/situations/{situation_id}/follow-up", responses=OF_A_SITUATION, tags=["review"])
def follow_up(
    situation_id: str, asked: FollowUpAsked, visit: Annotated[Visit, may(Permission.FOLLOW_UP)]
) -> SituationAnswer:
    """Keep what the person answered and what became of it."""
    return _situation(visit.home, acts.on(visit, review.follow_up, situation_id, **dict(asked)))


@router.post("/situations/{situation_id}/put-off", responses=OF_A_SITUATION, tags=["review"])
def put_off(situation_id: str, asked: PutOffAsked, visit: Moving) -> SituationAnswer:
    """Put a situation off until a day."""
    return _situation(visit.home, acts.on(visit, review.put_off, situation_id, until=asked.until))


@router.post("/situations/{situation_id}/resume", responses=OF_A_SITUATION, tags=["review"])
def resume(situation_id: str, visit: Moving) -> SituationAnswer:
    """Go on before the day, or without the second look that was asked for."""
    return _situation(visit.home, acts.on(visit, review.resume, situation_id))


@router.post("/situations/{situation_id}/second-look", responses=OF_A_SITUATION, tags=["review"])
def ask_second_look(situation_id: str, visit: Moving) -> SituationAnswer:
    """Ask a colleague of the team to look as well, blind to the first view."""
    return _situation(visit.home, acts.on(visit, second_look.ask_second_look, situation_id))


@router.post("/situations/{situation_id}/contest", responses=OF_A_SITUATION, tags=["review"])
def contest(
    situation_id: str, asked: ContestAsked, visit: Annotated[Visit, may(Permission.CONTEST)]
) -> SituationAnswer:
    """Keep the person's contestation, in their own words; everything else waits."""
    page = acts.on(visit, contestation.contest, situation_id, words=asked.words)
    return _situation(visit.home, page)


@router.post(
    "/situations/{situation_id}/handled-elsewhere", responses=OF_A_SITUATION, tags=["review"]
)
def handled_elsewhere(situation_id: str, visit: Reading) -> SituationAnswer:
    """Close a situation at once, in every state: danger never waits."""
    return _situation(visit.home, acts.on(visit, review.handled_elsewhere, situation_id))


@router.get("/team", tags=["team"])
def read_team(visit: Annotated[Visit, may(Permission.READ_TEAM)]) -> TeamAnswer:
    """Read absences, what nobody accompanies yet, and the service's shortage."""
    return TeamAnswer.model_validate(acts.team_page(visit))


@router.post("/team/absences", responses=OF_A_SITUATION, tags=["team"])
def note_absence(
    asked: AbsenceAsked, visit: Annotated[Visit, may(Permission.MANAGE_ABSENCES)]
) -> TeamAnswer:
    """Write down that an educator is away, and who stands in."""
    acts.once(visit, absences.note_absence, **dict(asked))
    return TeamAnswer.model_validate(acts.team_page(visit))


@router.post("/team/absences/{number}/end", responses=OF_A_SITUATION, tags=["team"])
def end_absence(
    number: Number, visit: Annotated[Visit, may(Permission.MANAGE_ABSENCES)]
) -> TeamAnswer:
    """Take an absence back."""
    acts.once(visit, absences.end_absence, number)
    return TeamAnswer.model_validate(acts.team_page(visit))


@router.post("/team/situations/{situation_id}/assign", responses=OF_A_SITUATION, tags=["team"])
def assign(
    situation_id: str, asked: AssignAsked, visit: Annotated[Visit, may(Permission.ASSIGN)]
) -> TeamAnswer:
    """Give a situation without a referent to an educator of the team."""
    acts.on(visit, team.assign, situation_id, login=asked.login)
    return TeamAnswer.model_validate(acts.team_page(visit))


@router.post(
    "/team/situations/{situation_id}/handled-elsewhere", responses=OF_A_SITUATION, tags=["team"]
)
def handled_elsewhere_unassigned(
    situation_id: str, visit: Annotated[Visit, may(Permission.ASSIGN)]
) -> TeamAnswer:
    """Close a situation that nobody accompanies yet: danger never waits."""
    acts.on(visit, team.handled_elsewhere, situation_id)
    return TeamAnswer.model_validate(acts.team_page(visit))


def _situation(home: Home, page: SituationPage) -> SituationAnswer:
    danger = home.settings.danger
    first = {
        "sentence": DANGER_SENTENCE,
        "numbers": EMERGENCY,
        "crip": danger.crip,
        "on_call": danger.on_call,
    }
    told = {"danger": first, "stopped": page.stopped, **vars(page)}
    return SituationAnswer.model_validate(told)
