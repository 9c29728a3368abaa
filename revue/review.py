"""The review of one situation: facts, own view, signal, decision, in this order (S2).

Every act checks who, then who holds it, then the state, writes the row and its journal
entry, and returns the page as it is then. Danger comes first: :func:`handled_elsewhere`
asks for nothing but to see the situation (S33).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.facts import Facts
from modeles.explanation import Signal
from revue import schema
from revue.accompanying import check_accompanies
from revue.journal import record
from revue.offers import offer
from revue.permissions import Permission, account_of, check_allowed
from revue.queue import ids_of, new_id, newest_run
from revue.reasons import check_reason
from revue.records import (
    NEEDS_SAFE_CONTACT,
    Actor,
    Answer,
    Contact,
    DecisionKind,
    Opinion,
    Outcome,
    Part,
    SignalView,
    SituationKind,
    SituationPage,
    State,
    Stop,
)
from revue.second_look import add_look, end_look, find_reader, give_second_view
from revue.situations import (
    HOLD,
    Seen,
    ViewMissing,
    begin,
    check_free,
    kinds_open_to,
    move,
    newest_contestation,
    newest_decision,
    page_as,
    page_of,
    progress,
    visible,
)
from revue.states import BEGUN_STATES, Act, check_step, part_strongly
from revue.stops import stop_of

LONGEST_PUT_OFF = timedelta(days=60)
"""How far a situation can be put off (ours): two reviews, then somebody looks."""

LONGEST_AGAIN = timedelta(days=366)
"""How far a day to come back on may lie (ours); what is further is forgotten."""


class WhyMissing(RebondError):
    """The view "plutôt oui" needs a line of why."""


class OfferMissing(RebondError):
    """The decision is to offer, and nothing is offered."""


class OfferNotMeant(RebondError):
    """Offers stand beside a decision that is not to offer."""


class NoSignalToDismiss(RebondError):
    """A signal is said not to be relevant where none was shown."""


class PracticeMissing(RebondError):
    """The educator has not done the practice module (S36)."""


class SignalNotRevealed(RebondError):
    """The signal was not asked for yet."""


class SignalExpired(RebondError):
    """The signal is past its validity (S19)."""


class SignalFrozen(RebondError):
    """No signal of the model is shown now, or this one was decided on without it (S28).

    Parameters
    ----------
    stop
        Why it is not shown; None where nothing stops it any more.
    """

    def __init__(self, message: str, stop: Stop | None = None) -> None:
        super().__init__(message)
        self.stop = stop


class SignalPaused(RebondError):
    """The person contests the situation: its signal waits for the answer (S32)."""


class NotStopped(RebondError):
    """The signal can be shown, so one does not go on without it."""


class UnsafeContact(RebondError):
    """The way to reach the person was not confirmed as safe."""


class DateMissing(RebondError):
    """To take it up in the team needs the day of the meeting."""


class DatePast(RebondError):
    """A day to come back on lies before today."""


class DateTooFar(RebondError):
    """A day to come back on is so far away that nobody would."""


class PutOffTooFar(RebondError):
    """A situation is put off for a time, not for good."""


class AnswerMissing(RebondError):
    """Something was offered, and what the person said is missing."""


class AnswerNotMeant(RebondError):
    """An answer is told where nothing was offered."""


class NothingTold(RebondError):
    """A follow-up tells neither what the person said nor what became of it."""


@dataclass(frozen=True)
class Deciding:
    """What an educator decides; whatever it is, it costs one reason.

    Parameters
    ----------
    kind
        What is decided.
    reason
        Why, in one's own words.
    offers
        Identifiers of the closed list, at least one to offer and none otherwise.
    informed
        The person was told.
    words
        What the person says, in their own words; never corrected.
    again_on
        When somebody comes back to it; needed to take it up in the team.
    contact
        How the person will be reached.
    safe_contact
        The person confirmed that nobody else reads or hears there.
    """

    kind: DecisionKind
    reason: str
    offers: Sequence[str] = ()
    informed: bool = False
    words: str = ""
    again_on: date | None = None
    contact: Contact | None = None
    safe_contact: bool = False


def read_situation(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Show a situation; reading is logged.

    Raises
    ------
    NoSuchSituation, Forbidden
    """
    seen = visible(session, actor, situation_id, today=today)
    record(session, actor=actor, act="read", subject=seen.row.id, now=now)
    return page_as(session, actor, seen, now=now, today=today)


def claim(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Hold a situation for a while, visibly: nobody else goes on with it meanwhile.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague
    """
    check_allowed(actor, Permission.MOVE_SITUATION)
    seen = visible(session, actor, situation_id, today=today)
    if seen.part is Part.ACCOMPANYING:
        check_free(actor, seen.row, now)
        seen.row.held_by, seen.row.held_until = actor.login, now + HOLD
        record(session, actor=actor, act="claim", subject=seen.row.id, now=now)
    return page_of(session, actor, situation_id, now=now, today=today)


def release(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Let a situation go again; what was said on it stays.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague
    """
    check_allowed(actor, Permission.MOVE_SITUATION)
    seen = visible(session, actor, situation_id, today=today)
    if seen.part is Part.ACCOMPANYING:
        check_free(actor, seen.row, now)
    if seen.row.held_by == actor.login:
        seen.row.held_by = seen.row.held_until = None
        record(session, actor=actor, act="release", subject=seen.row.id, now=now)
    return page_of(session, actor, situation_id, now=now, today=today)


def give_view(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    opinion: Opinion,
    why: str,
    now: datetime,
    today: date,
) -> SituationPage:
    """Write down one's own view, once and before any signal; a second reader's as well.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague
    ActOutOfOrder
        A view was given already.
    WhyMissing
        "Plutôt oui" without a line of why.
    """
    check_allowed(actor, Permission.GIVE_VIEW)
    seen = visible(session, actor, situation_id, today=today)
    reader = seen.part is Part.SECOND_READER
    if not reader:
        check_free(actor, seen.row, now)
        check_step(seen.state, Act.VIEW)
    said = why.strip()
    if opinion is Opinion.YES and not said:
        raise WhyMissing('"plutôt oui" needs a line of why; write what you noticed.')
    if reader:
        return give_second_view(
            session, actor, seen, opinion=opinion, why=said, now=now, today=today
        )
    session.add(
        schema.View(
            situation_id=seen.row.id,
            user_id=account_of(actor),
            opinion=opinion,
            why=said,
            at=now,
        )
    )
    session.flush()
    details = {"opinion": opinion, "why": said}
    after = check_step(seen.state, Act.VIEW)
    move(session, actor, seen.row, after, "view", details, now=now, hold=True)
    return page_of(session, actor, situation_id, now=now, today=today)


def reveal_signal(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SignalView:
    """Show the signal after the own view; again, if it was shown before.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague
    ActOutOfOrder
        No own view yet.
    PracticeMissing, SignalExpired, SignalFrozen, SignalPaused
    """
    check_allowed(actor, Permission.READ_SIGNAL)
    seen = visible(session, actor, situation_id, today=today)
    account = account_of(actor)
    if session.get(schema.Reveal, (seen.row.id, account)) is not None:
        return read_signal(session, actor, situation_id, now=now, today=today)
    seen = begin(session, actor, situation_id, Act.SIGNAL, now=now, today=today)
    _check_shown(session, seen, today)
    after = check_step(seen.state, Act.SIGNAL)
    _check_practised(session, actor)
    session.add(schema.Reveal(situation_id=seen.row.id, user_id=account, shown=True, at=now))
    move(session, actor, seen.row, after, "reveal", {}, now=now, hold=True)
    return _signal(session, seen.row)


def go_without_signal(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Go on to the decision while a stop freezes every signal (S28).

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague, ActOutOfOrder
    NotStopped
        The signal can be asked for.
    """
    seen = begin(session, actor, situation_id, Act.WITHOUT_SIGNAL, now=now, today=today)
    after = check_step(seen.state, Act.WITHOUT_SIGNAL)
    if stop_of(session, seen.row.version) is None:
        raise NotStopped("nothing stops the model; ask for the signal.")
    session.add(
        schema.Reveal(situation_id=seen.row.id, user_id=account_of(actor), shown=False, at=now)
    )
    session.flush()
    move(session, actor, seen.row, after, "without_signal", {}, now=now, hold=True)
    return page_of(session, actor, situation_id, now=now, today=today)


def read_signal(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SignalView:
    """Show a signal that was revealed to this educator; reading is logged.

    Raises
    ------
    NoSuchSituation, Forbidden
    SignalNotRevealed, SignalExpired, SignalFrozen, SignalPaused
    """
    check_allowed(actor, Permission.READ_SIGNAL)
    seen = visible(session, actor, situation_id, today=today)
    reveal = session.get(schema.Reveal, (seen.row.id, account_of(actor)))
    if reveal is None or seen.part is Part.SECOND_READER:
        raise SignalNotRevealed("the signal was not asked for yet; give your own view first.")
    _check_shown(session, seen, today)
    if not reveal.shown:
        raise SignalFrozen("the decision was taken without the signal, while it was frozen.")
    record(session, actor=actor, act="read_signal", subject=seen.row.id, now=now)
    return _signal(session, seen.row)


def decide(
    session: Session,
    actor: Actor,
    situation_id: str,
    deciding: Deciding,
    *,
    now: datetime,
    today: date,
) -> SituationPage:
    """Write down the educator's decision.

    Where own view and decision part strongly, a colleague is asked to look as well; the
    decision holds meanwhile, and can be confirmed or changed afterwards.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague
    ActOutOfOrder
        The signal was not seen yet, or a decision was taken.
    ViewMissing
        The educator has not given their own view and asked for the signal.
    NoSignalToDismiss
        The situation showed no signal, and the decision is about one.
    UnknownOffer, OfferMissing, OfferNotMeant, ReasonMissing, UnsafeContact, DateMissing, DatePast,
    DateTooFar
    """
    seen = begin(session, actor, situation_id, Act.DECIDE, now=now, today=today)
    kind, row, account = deciding.kind, seen.row, account_of(actor)
    check_step(seen.state, Act.DECIDE, State.DECIDED)
    if progress(session, row.id, account) is not State.SIGNAL_SEEN:
        raise ViewMissing("who decides gave their own view and asked for the signal first.")
    possible = kinds_open_to(session, row, account)
    if kind not in possible:
        raise NoSignalToDismiss(
            f"{kind.value!r} is about a signal, and this situation showed none; "
            f"possible: {', '.join(possible)}."
        )
    chosen = tuple(dict.fromkeys(offer(id).id for id in deciding.offers))
    if kind is DecisionKind.OFFER and not chosen:
        raise OfferMissing("to offer, choose at least one offer of the closed list.")
    if kind is not DecisionKind.OFFER and chosen:
        raise OfferNotMeant(f"{kind.value!r} offers nothing; untick the offers or decide to offer.")
    _check_contact(deciding)
    again_on = _check_day(deciding.again_on, today, needed=kind is DecisionKind.TEAM)
    said = check_reason(deciding.reason)
    before = newest_decision(session, row.id)
    decision = schema.Decision(
        situation_id=row.id,
        number=0 if before is None else before.number + 1,
        user_id=account,
        kind=kind,
        reason=said,
        informed=deciding.informed,
        words=deciding.words,
        again_on=again_on,
        contact=deciding.contact,
        safe_contact=deciding.safe_contact,
        at=now,
    )
    session.add(decision)
    session.flush()
    session.add_all(
        schema.DecisionOffer(situation_id=row.id, number=decision.number, offer=id, at=now)
        for id in chosen
    )
    after = check_step(seen.state, Act.DECIDE, _after(session, actor, seen, kind, now, today))
    details = {
        "kind": kind,
        "offers": chosen,
        "reason": said,
        "informed": deciding.informed,
        "words": deciding.words,
        "again_on": again_on,
        "contact": deciding.contact,
        "safe_contact": deciding.safe_contact,
    }
    move(session, actor, row, after, "decide", details, now=now, again_on=again_on)
    return page_of(session, actor, situation_id, now=now, today=today)


def follow_up(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    answer: Answer | None,
    became: str,
    again_on: date | None,
    now: datetime,
    today: date,
) -> SituationPage:
    """Write down what the person said and what became of it; again, as often as needed.

    The same words of the same person within a minute are one follow-up: a button pressed twice.

    Raises
    ------
    NoSuchSituation, Forbidden, ActOutOfOrder
    AnswerMissing, AnswerNotMeant, NothingTold, DatePast, DateTooFar
    """
    seen = begin(session, actor, situation_id, Act.FOLLOW_UP, now=now, today=today)
    after = check_step(seen.state, Act.FOLLOW_UP)
    row, decision = seen.row, newest_decision(session, seen.row.id)
    offered = decision is not None and decision.kind is DecisionKind.OFFER
    if offered and answer is None:
        raise AnswerMissing("say what the person answered: accepted, preferred_otherwise, not_now.")
    if not offered and answer is not None:
        raise AnswerNotMeant("nothing was offered, so there is no answer to it.")
    told = became.strip()
    if answer is None and not told:
        raise NothingTold("write what became of it, in a sentence.")
    day = _check_day(again_on, today, needed=False)
    if _told_just_now(session, row.id, (account_of(actor), answer, told, day), now):
        return page_of(session, actor, situation_id, now=now, today=today)
    session.add(
        schema.FollowUp(
            situation_id=row.id,
            number=_follow_ups(session, row.id),
            user_id=account_of(actor),
            answer=answer,
            became=told,
            again_on=day,
            at=now,
        )
    )
    session.flush()
    details = {"answer": answer, "became": told, "again_on": day}
    move(session, actor, row, after, "follow_up", details, now=now, again_on=day)
    return page_of(session, actor, situation_id, now=now, today=today)


def put_off(
    session: Session, actor: Actor, situation_id: str, *, until: date, now: datetime, today: date
) -> SituationPage:
    """Put a situation off until a day; it comes back by itself.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague, ActOutOfOrder
    DatePast, PutOffTooFar
        The day is not after today, too far away, or past the situation's validity.
    """
    seen = begin(session, actor, situation_id, Act.PUT_OFF, now=now, today=today)
    after = check_step(seen.state, Act.PUT_OFF)
    if until <= today:
        raise DatePast(f"{until} is not after today, {today}.")
    last = today + LONGEST_PUT_OFF
    if seen.row.valid_until is not None:
        last = min(last, seen.row.valid_until)
    if until > last:
        raise PutOffTooFar(f"{until} is too far away: {last} at the latest.")
    move(session, actor, seen.row, after, "put_off", {"until": until}, now=now, again_on=until)
    return page_of(session, actor, situation_id, now=now, today=today)


def resume(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Go on before the day, or without the second look that was asked for.

    Raises
    ------
    NoSuchSituation, Forbidden, HeldByColleague, ActOutOfOrder
    """
    seen = begin(session, actor, situation_id, Act.RESUME, now=now, today=today)
    row, again_on = seen.row, None
    if seen.state is State.SECOND_LOOK:
        decision = newest_decision(session, row.id)
        back = State.SIGNAL_SEEN if decision is None else State.DECIDED
        again_on = None if decision is None else decision.again_on
        end_look(session, row.id, now=now)
    else:
        back = progress(session, row.id, account_of(actor))
    after = check_step(seen.state, Act.RESUME, back)
    move(session, actor, row, after, "resume_situation", {}, now=now, again_on=again_on)
    return page_of(session, actor, situation_id, now=now, today=today)


def handled_elsewhere(
    session: Session, actor: Actor, situation_id: str, *, now: datetime, today: date
) -> SituationPage:
    """Close a situation at once because it is handled outside this tool (S33).

    From every state, again and again, without a question; it is neither agreement nor
    disagreement.

    Raises
    ------
    NoSuchSituation, Forbidden
    """
    seen = begin(session, actor, situation_id, Act.HANDLED_ELSEWHERE, now=now, today=today)
    after = check_step(seen.state, Act.HANDLED_ELSEWHERE)
    end_look(session, seen.row.id, now=now)
    move(session, actor, seen.row, after, "handled_elsewhere", {}, now=now)
    return page_of(session, actor, situation_id, now=now, today=today)


def open_own(
    session: Session,
    actor: Actor,
    *,
    person: str,
    facts: Facts,
    due_on: date,
    now: datetime,
    today: date,
) -> str:
    """Open a situation on the educator's own initiative.

    With facts of the newest review date it carries that review's model, validity and due
    date, so that before the reveal nothing tells it from the others of that review.

    Parameters
    ----------
    session, actor, now, today
        As everywhere here.
    person
        Pseudonym of somebody the educator accompanies.
    facts
        As known at the newest review date, or today before the first one.
    due_on
        The day by which we owe a look, where no review says it.

    Returns
    -------
    str
        The id of the new situation, or of the one that is open already.

    Raises
    ------
    Forbidden
        The role opens no situation.
    NotYours
        The educator does not accompany this person.
    """
    check_allowed(actor, Permission.OPEN_SITUATION)
    check_accompanies(session, actor, person, today=today)
    already = ids_of(session, person, today=today)
    if already:
        return already[0]
    known = session.get_one(schema.Person, person)
    run = newest_run(session)
    like = run if run is not None and run.as_of == facts.as_of else None
    if like is not None and like.valid_until is not None and like.valid_until < today:
        like = None
    situation = schema.Situation(
        id=new_id(),
        person=person,
        team=known.team,
        referent=known.referent,
        assigned_to=None if known.referent else actor.login,
        kind=SituationKind.SELF_OPENED,
        state=State.TO_LOOK_AT,
        facts=facts.to_json(),
        as_of=facts.as_of,
        due_on=like.due_on if like and like.due_on and like.due_on >= today else due_on,
        version=like.version if like else None,
        valid_until=like.valid_until if like else None,
        probability=1.0,
        opened_at=now,
    )
    session.add(situation)
    record(session, actor=actor, act="open_own", subject=situation.id, now=now)
    return situation.id


def _after(
    session: Session,
    actor: Actor,
    seen: Seen,
    kind: DecisionKind,
    now: datetime,
    today: date,
) -> State:
    """Return where a decision leads: usually on; to the team, or to a colleague's eyes."""
    if kind is DecisionKind.TEAM:
        return State.IN_TEAM
    row = seen.row
    view = session.get_one(schema.View, (row.id, account_of(actor)))
    looked = session.get(schema.SecondLook, row.id) is not None
    if looked or seen.state not in BEGUN_STATES or not part_strongly(view.opinion, kind):
        return State.DECIDED
    reader = find_reader(session, actor, row, today=today)
    if reader is None:
        return State.DECIDED
    add_look(session, actor, row, reader, now=now, today=today)
    return State.SECOND_LOOK


def _check_contact(deciding: Deciding) -> None:
    if deciding.contact in NEEDS_SAFE_CONTACT and not deciding.safe_contact:
        raise UnsafeContact(
            f"{deciding.contact} needs a safe contact: confirm with the person that nobody else "
            "reads or hears there, or tell them in person."
        )


def _check_day(day: date | None, today: date, *, needed: bool) -> date | None:
    if day is None and needed:
        raise DateMissing("to take it up in the team, say on which day.")
    if day is not None and day < today:
        raise DatePast(f"{day} is before today, {today}.")
    if day is not None and day - today > LONGEST_AGAIN:
        raise DateTooFar(f"{day} is more than {LONGEST_AGAIN.days} days away.")
    return day


def _check_practised(session: Session, actor: Actor) -> None:
    if not session.get_one(schema.User, account_of(actor)).practised:
        raise PracticeMissing(
            f"{actor.login} has not done the practice module yet; it comes before a first signal."
        )


def _check_shown(session: Session, seen: Seen, today: date) -> None:
    row = seen.row
    stop = stop_of(session, row.version)
    if stop is not None:
        raise SignalFrozen(f"no signal of this model is shown: {stop.value}.", stop)
    if row.valid_until is not None and today > row.valid_until:
        raise SignalExpired(
            f"this was valid until {row.valid_until.isoformat()}; it is not shown any more."
        )
    contested = newest_contestation(session, row.id)  # danger closes; the answer is owed still
    if contested is not None and contested.outcome is None:
        raise SignalPaused("the person contests this situation; its signal waits for the answer.")
    upheld = contested is not None and contested.outcome is Outcome.UPHELD
    if upheld or row.state is State.WITHDRAWN:
        raise SignalExpired("this situation was withdrawn; its signal is not shown any more.")


def _signal(session: Session, row: schema.Situation) -> SignalView:
    signal = session.get(schema.Signal, row.id)
    return SignalView(
        situation_id=row.id,
        kind=row.kind,
        signal=Signal.from_json(signal.content) if signal else None,
    )


def _told_just_now(
    session: Session, situation_id: str, told: tuple[object, ...], now: datetime
) -> bool:
    newest = session.scalars(
        select(schema.FollowUp)
        .where(schema.FollowUp.situation_id == situation_id)
        .order_by(schema.FollowUp.number.desc())
    ).first()
    return (
        newest is not None
        and told == (newest.user_id, newest.answer, newest.became, newest.again_on)
        and now - newest.at < timedelta(minutes=1)
    )


def _follow_ups(session: Session, situation_id: str) -> int:
    counted = select(func.count()).where(schema.FollowUp.situation_id == situation_id)
    return session.scalar(counted) or 0
