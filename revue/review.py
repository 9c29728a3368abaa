"""The review of one situation: facts, own view, signal, decision, in this order (S2).

Every act checks who, then the state, writes the row and its journal entry, and returns the
page as it is then. Danger comes first: :func:`handled_elsewhere` asks for nothing but to
accompany the person (S33).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.facts import Facts
from modeles.explanation import Signal
from revue import schema
from revue.directory import is_accompanied_by
from revue.journal import record
from revue.offers import offer
from revue.permissions import (
    NotYours,
    Permission,
    account_of,
    check_allowed,
    check_sees,
)
from revue.queue import is_stopped, is_waiting, new_id
from revue.reasons import check_reason
from revue.records import (
    Actor,
    Decision,
    DecisionKind,
    Opinion,
    OwnView,
    SignalView,
    SituationKind,
    SituationPage,
    State,
    decision_kinds,
)
from revue.states import Act, check_step


class NoSuchSituation(RebondError):
    """No situation has this id."""


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
    """The committee suspended the model (S28)."""


def read_situation(
    session: Session, actor: Actor, situation_id: str, *, now: datetime
) -> SituationPage:
    """Show a situation; reading is logged.

    Raises
    ------
    NoSuchSituation, Forbidden
    """
    situation = _visible(session, actor, situation_id)
    if situation.state is not State.HANDLED_ELSEWHERE:
        _check_begun_by(session, actor, situation)
    record(session, actor=actor, act="read", subject=situation.id, now=now)
    return _page(session, situation)


def give_view(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    opinion: Opinion,
    why: str,
    now: datetime,
) -> SituationPage:
    """Write down the educator's own view, once and before any signal.

    Raises
    ------
    NoSuchSituation, Forbidden
    ActOutOfOrder
        A view was given already.
    WhyMissing
        "Plutôt oui" without a line of why.
    """
    check_allowed(actor, Permission.GIVE_VIEW)
    situation = _own(session, actor, situation_id)
    after = check_step(situation.state, Act.VIEW)
    if opinion is Opinion.YES and not why.strip():
        raise WhyMissing('"plutôt oui" needs a line of why; write what you noticed.')
    session.add(
        schema.View(
            situation_id=situation.id,
            user_id=account_of(actor),
            opinion=opinion,
            why=why.strip(),
            at=now,
        )
    )
    details = {"opinion": opinion, "why": why.strip()}
    return _moved(session, actor, situation, after, "view", details, now=now)


def reveal_signal(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    now: datetime,
    today: date | None = None,
) -> SignalView:
    """Show the signal after the own view; again, if it was shown before.

    Parameters
    ----------
    session, actor, situation_id, now
        As everywhere here.
    today
        The day of the home, against which validity is read; by default the day of ``now``.

    Raises
    ------
    NoSuchSituation, Forbidden
    ActOutOfOrder
        No own view yet.
    PracticeMissing, SignalExpired, SignalFrozen
    """
    check_allowed(actor, Permission.READ_SIGNAL)
    situation = _own(session, actor, situation_id)
    if session.get(schema.Reveal, situation.id) is None:
        after = check_step(situation.state, Act.SIGNAL)
        _check_practised(session, actor)
        _check_current(session, situation, today or now.date())
        session.add(schema.Reveal(situation_id=situation.id, user_id=account_of(actor), at=now))
        _moved(session, actor, situation, after, "reveal", {}, now=now)
        return _signal(session, situation)
    return read_signal(session, actor, situation_id, now=now, today=today)


def read_signal(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    now: datetime,
    today: date | None = None,
) -> SignalView:
    """Show a signal that was revealed; reading is logged.

    Raises
    ------
    NoSuchSituation, Forbidden
    SignalNotRevealed, SignalExpired, SignalFrozen
    """
    check_allowed(actor, Permission.READ_SIGNAL)
    situation = _own(session, actor, situation_id)
    if session.get(schema.Reveal, situation.id) is None:
        raise SignalNotRevealed("the signal was not asked for yet; give your own view first.")
    _check_current(session, situation, today or now.date())
    record(session, actor=actor, act="read_signal", subject=situation.id, now=now)
    return _signal(session, situation)


def decide(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    kind: DecisionKind,
    offers: Sequence[str],
    reason: str,
    informed: bool,
    now: datetime,
) -> SituationPage:
    """Write down the educator's decision; whatever it is, it costs one reason.

    Parameters
    ----------
    session, actor, situation_id, now
        As everywhere here.
    kind
        What is decided.
    offers
        Identifiers of the closed list, at least one to offer and none otherwise.
    reason
        Why, in one's own words.
    informed
        The person was told.

    Raises
    ------
    NoSuchSituation, Forbidden
    ActOutOfOrder
        The signal was not seen yet, or a decision was taken.
    NoSignalToDismiss
        The situation was drawn at random or opened by the educator, and the decision is
        about its signal.
    UnknownOffer, OfferMissing, OfferNotMeant, ReasonMissing
    """
    check_allowed(actor, Permission.DECIDE)
    situation = _own(session, actor, situation_id)
    after = check_step(situation.state, Act.DECIDE)
    possible = decision_kinds(situation.kind)
    if kind not in possible:
        raise NoSignalToDismiss(
            f"{kind.value!r} is about a signal, and this situation showed none; "
            f"possible: {', '.join(possible)}."
        )
    chosen = tuple(dict.fromkeys(offer(id).id for id in offers))
    if kind is DecisionKind.OFFER and not chosen:
        raise OfferMissing("to offer, choose at least one offer of the closed list.")
    if kind is not DecisionKind.OFFER and chosen:
        raise OfferNotMeant(f"{kind.value!r} offers nothing; untick the offers or decide to offer.")
    said = check_reason(reason)
    session.add(
        schema.Decision(
            situation_id=situation.id,
            user_id=account_of(actor),
            kind=kind,
            reason=said,
            informed=informed,
            at=now,
        )
    )
    session.flush()
    session.add_all(
        schema.DecisionOffer(situation_id=situation.id, offer=id, at=now) for id in chosen
    )
    details = {"kind": kind, "offers": chosen, "reason": said, "informed": informed}
    return _moved(session, actor, situation, after, "decide", details, now=now)


def handled_elsewhere(
    session: Session, actor: Actor, situation_id: str, *, now: datetime
) -> SituationPage:
    """Close a situation at once because it is handled outside this tool (S33).

    From every state, again and again, without a question; it is neither agreement nor
    disagreement.

    Raises
    ------
    NoSuchSituation, Forbidden
    """
    situation = _visible(session, actor, situation_id)
    after = check_step(situation.state, Act.HANDLED_ELSEWHERE)
    return _moved(session, actor, situation, after, "handled_elsewhere", {}, now=now)


def open_own(
    session: Session,
    actor: Actor,
    *,
    person: str,
    facts: Facts,
    due_on: date,
    now: datetime,
) -> str:
    """Open a situation on the educator's own initiative.

    Parameters
    ----------
    session, actor, now
        As everywhere here.
    person
        Pseudonym of somebody the educator accompanies.
    facts
        As known now.
    due_on
        The day by which we owe a look.

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
    known = session.get(schema.Person, person)
    if known is None or not is_accompanied_by(actor, known):
        raise NotYours(f"{actor.login} does not accompany this person.")
    already = session.scalars(
        select(schema.Situation.id)
        .where(schema.Situation.person == person)
        .where(schema.Situation.referent == actor.login)
        .where(is_waiting(facts.as_of))
    ).first()
    if already is not None:
        return already
    situation = schema.Situation(
        id=new_id(),
        person=person,
        team=known.team,
        referent=known.referent,
        kind=SituationKind.SELF_OPENED,
        state=State.TO_LOOK_AT,
        facts=facts.to_json(),
        as_of=facts.as_of,
        due_on=due_on,
        probability=1.0,
        opened_at=now,
    )
    session.add(situation)
    record(session, actor=actor, act="open_own", subject=situation.id, now=now)
    return situation.id


def _visible(session: Session, actor: Actor, situation_id: str) -> schema.Situation:
    """Return a situation of somebody the actor accompanies."""
    check_allowed(actor, Permission.READ_SITUATION)
    situation = session.get(schema.Situation, situation_id)
    if situation is None:
        raise NoSuchSituation(f"no situation has the id {situation_id!r}.")
    check_sees(actor, situation)
    return situation


def _own(session: Session, actor: Actor, situation_id: str) -> schema.Situation:
    """Return a situation of somebody the actor accompanies, that nobody else has begun."""
    situation = _visible(session, actor, situation_id)
    _check_begun_by(session, actor, situation)
    return situation


def _check_begun_by(session: Session, actor: Actor, situation: schema.Situation) -> None:
    """Refuse an actor who would go on from somebody else's view."""
    view = session.get(schema.View, situation.id)
    if view is not None and view.user_id != account_of(actor):
        raise NotYours("a colleague gave their view on this situation and takes it further.")


def _moved(
    session: Session,
    actor: Actor,
    situation: schema.Situation,
    after: State,
    act: str,
    details: Mapping[str, object],
    *,
    now: datetime,
) -> SituationPage:
    """Move a situation on, with the journal entry of the act that moves it."""
    situation.state = after
    record(session, actor=actor, act=act, subject=situation.id, details=details, now=now)
    return _page(session, situation)


def _check_practised(session: Session, actor: Actor) -> None:
    if not session.get_one(schema.User, account_of(actor)).practised:
        raise PracticeMissing(
            f"{actor.login} has not done the practice module yet; it comes before a first signal."
        )


def _check_current(session: Session, situation: schema.Situation, today: date) -> None:
    if is_stopped(session, situation.version):
        raise SignalFrozen("the committee suspended this model; its signals are not shown.")
    if situation.valid_until is not None and today > situation.valid_until:
        raise SignalExpired(
            f"this was valid until {situation.valid_until.isoformat()}; it is not shown any more."
        )


def _signal(session: Session, situation: schema.Situation) -> SignalView:
    signal = session.get(schema.Signal, situation.id)
    return SignalView(
        situation_id=situation.id,
        kind=situation.kind,
        signal=Signal.from_json(signal.content) if signal else None,
    )


def _page(session: Session, situation: schema.Situation) -> SituationPage:
    return SituationPage(
        id=situation.id,
        person=situation.person,
        team=situation.team,
        referent=situation.referent,
        due_on=situation.due_on,
        state=situation.state,
        facts=Facts.from_json(situation.facts),
        view=_view(session, situation.id),
        decision=_decision(session, situation.id),
        decisions=decision_kinds(situation.kind) if situation.state is State.SIGNAL_SEEN else (),
    )


def _view(session: Session, situation_id: str) -> OwnView | None:
    view = session.get(schema.View, situation_id)
    if view is None:
        return None
    return OwnView(view.opinion, view.why, _login(session, view.user_id), view.at)


def _decision(session: Session, situation_id: str) -> Decision | None:
    decision = session.get(schema.Decision, situation_id)
    if decision is None:
        return None
    offers = session.scalars(
        select(schema.DecisionOffer.offer)
        .where(schema.DecisionOffer.situation_id == situation_id)
        .order_by(schema.DecisionOffer.offer)
    )
    return Decision(
        kind=decision.kind,
        offers=tuple(offers),
        reason=decision.reason,
        informed=decision.informed,
        by=_login(session, decision.user_id),
        at=decision.at,
    )


def _login(session: Session, user_id: int) -> str:
    return session.get_one(schema.User, user_id).login
