from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from revue import committee, queue, schema
from revue.contestation import contest
from revue.journal import entries
from revue.offers import OFFERS, UnknownOffer
from revue.permissions import Forbidden, NotYours
from revue.reasons import ReasonMissing
from revue.records import (
    NEEDS_SAFE_CONTACT,
    Actor,
    Answer,
    Contact,
    DecisionKind,
    ModelState,
    Opinion,
    Part,
    Role,
    SituationKind,
    State,
    decision_kinds,
)
from revue.review import (
    LONGEST_PUT_OFF,
    AnswerMissing,
    AnswerNotMeant,
    DateMissing,
    DatePast,
    NoSignalToDismiss,
    NothingTold,
    NotStopped,
    OfferMissing,
    OfferNotMeant,
    PracticeMissing,
    PutOffTooFar,
    SignalExpired,
    SignalFrozen,
    SignalNotRevealed,
    SignalPaused,
    UnsafeContact,
    WhyMissing,
    claim,
    follow_up,
    give_view,
    go_without_signal,
    handled_elsewhere,
    open_own,
    put_off,
    read_signal,
    read_situation,
    release,
    resume,
    reveal_signal,
)
from revue.second_look import ask_second_look
from revue.situations import NoSuchSituation, ViewMissing
from revue.states import BEGUN_STATES, Act, ActOutOfOrder
from tests.revue.builders import (
    CANARY,
    DUE_ON,
    NOW,
    TODAY,
    VALID_UNTIL,
    VERSION,
    absence,
    decide,
    directory,
    educator,
    facts,
    fill,
    member,
    new_situation,
    read,
    reveal,
    signal,
    situation_in_state,
    stay,
    user,
    view,
)
from tests.revue.conftest import Refused

THEN = {"now": NOW, "today": TODAY}


def test_the_whole_way(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    page = read(session, lea, id)
    assert (page.state, page.view, page.decision) == (State.TO_LOOK_AT, None, None)
    assert (page.facts, page.part) == (facts(), Part.ACCOMPANYING)
    page = view(session, lea, id, Opinion.YES)
    assert page.view is not None
    assert (page.view.why, page.view.by, page.held_by) == ("silence", "lea", "lea")
    shown = reveal(session, lea, id)
    assert (shown.kind, shown.signal) == (SituationKind.SIGNAL, signal())
    assert read_signal(session, lea, id, **THEN) == shown
    page = decide(
        session,
        lea,
        id,
        DecisionKind.OFFER,
        offers=("trajet", "point-droits", "trajet"),
        reason=" demandé par la personne ",
        informed=True,
        words=" « oui, mais pas le mardi » ",
        again_on=TODAY,
        contact=Contact.CALL,
        safe_contact=True,
    )
    assert (page.state, page.again_on, page.held_by) == (State.DECIDED, TODAY, None)
    assert page.decision is not None
    assert page.decision.offers == ("point-droits", "trajet")
    assert page.decision.reason == "demandé par la personne"
    assert page.decision.words == " « oui, mais pas le mardi » "  # the person's, to the letter
    assert (page.decision.contact, page.decision.safe_contact) == (Contact.CALL, True)
    page = follow_up(session, lea, id, answer=Answer.ACCEPTED, became="", again_on=TODAY, **THEN)
    assert page.state is State.FOLLOWED_UP
    page = follow_up(
        session, lea, id, answer=Answer.NOT_NOW, became=" revu ", again_on=None, **THEN
    )
    page = follow_up(  # the button was pressed twice
        session, lea, id, answer=Answer.NOT_NOW, became=" revu ", again_on=None, **THEN
    )
    assert [(told.answer, told.became) for told in page.follow_ups] == [
        (Answer.ACCEPTED, ""),
        (Answer.NOT_NOW, "revu"),
    ]
    acts = [entry.act for entry in entries(session, 8)]
    way = ["read", "view", "reveal", "read_signal", "decide", "follow_up", "follow_up"]
    assert acts[::-1][1:] == way
    assert {entry.subject for entry in entries(session, 7)} == {id}


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [s for s in State if s not in (State.TO_ASSIGN, State.VIEWED)])
def test_s02_no_signal_before_the_own_view(session: Session, state: State) -> None:
    """Nor for a colleague who stands in, however far the first one came."""
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, state, lea)
    absence(session, "lea", "karim")
    for refused in (reveal_signal, read_signal):
        with pytest.raises((ActOutOfOrder, SignalNotRevealed, SignalExpired, SignalPaused)):
            refused(session, karim, id, **THEN)
    for actor in (lea, karim):
        assert CANARY not in repr(read(session, actor, id))


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "state", [s for s in State if s not in (State.TO_LOOK_AT, State.TO_ASSIGN)]
)
def test_s02_the_view_is_given_once(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    with pytest.raises(ActOutOfOrder):
        view(session, lea, id)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "state",
    [
        s
        for s in State
        if s not in (State.TO_ASSIGN, State.SIGNAL_SEEN, State.LOOKED_TWICE, State.IN_TEAM)
    ],
)
def test_s02_no_decision_out_of_order(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    with pytest.raises(ActOutOfOrder):
        decide(session, lea, id)


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [*BEGUN_STATES, State.LOOKED_TWICE, State.IN_TEAM])
def test_s02_nobody_goes_on_from_a_colleagues_view(session: Session, state: State) -> None:
    """Who accompanies as well starts with their own view, and decides on nobody else's."""
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, state, lea)
    absence(session, "lea", "karim")
    with pytest.raises((ActOutOfOrder, ViewMissing)):
        decide(session, karim, id)
    with pytest.raises((ActOutOfOrder, SignalNotRevealed)):
        reveal(session, karim, id)
    page = read(session, karim, id)
    assert not {Act.DECIDE, Act.SIGNAL} & set(page.acts)
    assert page.decisions == ()
    if state not in BEGUN_STATES:
        return
    assert (page.state, page.view) == (State.TO_LOOK_AT, None)
    view(session, karim, id, Opinion.UNKNOWN)
    reveal(session, karim, id)
    decision = decide(session, karim, id).decision
    assert decision is not None
    assert decision.by == "karim"
    assert [row.user_id for row in session.scalars(select(schema.Decision))] == [karim.user_id]


@pytest.mark.safeguard
def test_s02_kinds_look_the_same_before_the_reveal(session: Session) -> None:
    lea = educator(session)
    pages = []
    for kind in SituationKind:
        id = situation_in_state(session, State.TO_LOOK_AT, lea, kind=kind, id=f"id-{kind}")
        for page in (read(session, lea, id), view(session, lea, id, Opinion.UNKNOWN)):
            pages.append((page.state, repr(page).replace(id, "id")))
    assert len(set(pages)) == 2  # one a state, whatever the kind
    shown = {kind: reveal(session, lea, f"id-{kind}") for kind in SituationKind}
    assert {kind: view.signal is not None for kind, view in shown.items()} == {
        SituationKind.SIGNAL: True,
        SituationKind.CONTROL: False,
        SituationKind.SELF_OPENED: False,
    }


@pytest.mark.safeguard
def test_s35_one_review_looks_alike_from_the_inside_as_well(session: Session) -> None:
    """For one set of facts, a signal, a control and an own opening differ in nothing shown.

    Of the rows only what names them, the kind and the probability of being drawn differ.
    """
    lea, karim = educator(session), educator(session, "karim")
    people = {kind: f"person-{kind}" for kind in SituationKind}
    directory(session, *(stay(person) for person in people.values()))
    own = SituationKind.SELF_OPENED
    placed = [new_situation(person, kind) for kind, person in people.items() if kind is not own]
    fill(session, placed, per_referent=5)
    later = DUE_ON + timedelta(days=9)
    open_own(session, lea, person=people[own], facts=facts(), due_on=later, **THEN)
    absence(session, "lea", "karim")
    rows = session.scalars(select(schema.Situation)).all()
    ids = {row.kind: row.id for row in rows}
    hidden = {"id", "person", "kind", "probability"}
    kept = [
        {c.name: getattr(row, c.name) for c in row.__table__.c if c.name not in hidden}
        for row in rows
    ]
    assert len(rows) == 3
    assert kept[0] == kept[1] == kept[2]

    def alike(record: object, kind: SituationKind) -> str:
        return repr(record).replace(ids[kind], "id").replace(people[kind], "person")

    for actor in (lea, karim):
        items = {item.id: item for item in queue.queue_of(session, actor, **THEN).items}
        assert len({alike(items[ids[kind]], kind) for kind in SituationKind}) == 1
        assert len({alike(read(session, actor, ids[kind]), kind) for kind in SituationKind}) == 1
    for actor in (lea, karim):
        views = {alike(view(session, actor, ids[kind]), kind) for kind in SituationKind}
        assert len(views) == 1
        for kind in SituationKind:
            session.get_one(schema.Situation, ids[kind]).held_until = None
    late = {"now": NOW, "today": VALID_UNTIL + timedelta(days=1)}
    expired = {alike(read(session, lea, ids[kind], **late), kind) for kind in SituationKind}
    assert len(expired) == 1


def test_reveal_is_idempotent(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.VIEWED, lea)
    first = reveal(session, lea, id)
    assert reveal(session, lea, id, now=NOW + timedelta(hours=1)) == first
    assert session.get_one(schema.Reveal, (id, lea.user_id)).at == NOW
    decide(session, lea, id)
    assert reveal(session, lea, id) == first


def test_a_view_of_yes_says_why(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    with pytest.raises(WhyMissing):
        give_view(session, lea, id, opinion=Opinion.YES, why=" ", **THEN)
    give_view(session, lea, id, opinion=Opinion.NO, why="", **THEN)


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", DecisionKind)
def test_s01_every_decision_costs_one_reason(session: Session, kind: DecisionKind) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    offers = ("trajet",) if kind is DecisionKind.OFFER else ()
    again_on = TODAY if kind is DecisionKind.TEAM else None
    common = {"offers": offers, "again_on": again_on}
    with pytest.raises(ReasonMissing):
        decide(session, lea, id, kind, reason="  ", **common)
    page = decide(session, lea, id, kind, reason="dit", **common)
    assert page.decision is not None
    assert page.state is (State.IN_TEAM if kind is DecisionKind.TEAM else State.DECIDED)


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", SituationKind)
def test_s02_only_a_signal_that_was_shown_is_dismissed(
    session: Session, kind: SituationKind
) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.VIEWED, lea, kind=kind)
    assert read(session, lea, id).decisions == ()
    reveal(session, lea, id)
    possible = read(session, lea, id).decisions
    assert possible == decision_kinds(kind)
    about = {DecisionKind.WRONG_DATA, DecisionKind.MISSING_CONTEXT, DecisionKind.NOT_RELEVANT}
    assert set(DecisionKind) - set(possible) == (set() if kind is SituationKind.SIGNAL else about)
    for refused in about - set(possible):
        with pytest.raises(NoSignalToDismiss):
            decide(session, lea, id, refused)
    page = decide(session, lea, id, DecisionKind.IN_HAND)
    assert (page.state, page.decisions) == (State.DECIDED, ())


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("kind", "offers", "error"),
    [
        (DecisionKind.OFFER, (), OfferMissing),
        (DecisionKind.OFFER, ("suspend_aid",), UnknownOffer),
        (DecisionKind.OFFER, ("trajet", "suspend_aid"), UnknownOffer),
        (DecisionKind.IN_HAND, ("trajet",), OfferNotMeant),
        (DecisionKind.NOT_RELEVANT, ("suspend_aid",), UnknownOffer),
    ],
)
def test_s03_only_the_closed_list(
    session: Session, kind: DecisionKind, offers: tuple[str, ...], error: type[Exception]
) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    with pytest.raises(error):
        decide(session, lea, id, kind, offers=offers)


DECISION = (
    "INSERT INTO decisions (situation_id, number, user_id, kind, reason, informed, words, "
    "safe_contact, at) VALUES ('situation-1', {}, {}, '{}', '{}', 1, '', 0, '2026-11-21')"
)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("number", "user_id", "kind", "reason"),
    [
        (0, "1", "suspend_aid", "x"),
        (0, "NULL", "nothing_now", "x"),
        (0, "999", "nothing_now", "x"),
        (0, "2", "nothing_now", "x"),  # a service
        (0, "3", "nothing_now", "x"),  # a colleague, on somebody else's view
        (0, "1", "nothing_now", "  "),
        (1, "1", "nothing_now", "x"),
        (-1, "1", "nothing_now", "x"),
        ("NULL", "1", "nothing_now", "x"),
    ],
)
def test_s01_s03_raw_decisions_are_refused(
    session: Session, refused: Refused, number: object, user_id: str, kind: str, reason: str
) -> None:
    lea = educator(session)
    user(session, "service", Role.ADMIN)
    educator(session, "karim")
    situation_in_state(session, State.SIGNAL_SEEN, lea)
    assert lea.user_id == 1
    refused(DECISION.format(number, user_id, kind, reason))
    session.execute(text(DECISION.format(0, 1, "nothing_now", "x")))


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [State.TO_LOOK_AT, State.VIEWED, State.DECIDED])
def test_s02_raw_decisions_out_of_order_are_refused(
    session: Session, refused: Refused, state: State
) -> None:
    situation_in_state(session, state, educator(session))
    refused(DECISION.format(0, 1, "nothing_now", "x"))
    refused(DECISION.format(0, 1, "nothing_now", "x").replace("INSERT", "INSERT OR REPLACE"))
    refused(DECISION.format(2, 1, "nothing_now", "x"))


@pytest.mark.safeguard
def test_s32_raw_acts_over_a_pending_contestation_are_refused(
    session: Session, refused: Refused
) -> None:
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, State.CONTESTED, lea)
    view_of = "INSERT INTO views VALUES ('situation-1', {}, 'no', '', '2026-11-21')"
    reveal_of = "INSERT INTO reveals VALUES ('situation-1', {}, 1, '2026-11-21')"
    session.execute(text(view_of.format(karim.user_id)))
    refused(reveal_of.format(karim.user_id))
    session.execute(text(f"UPDATE situations SET state = 'signal_seen' WHERE id = '{id}'"))  # noqa: S608
    refused(DECISION.format(0, karim.user_id, "nothing_now", "x"))
    refused(reveal_of.format(lea.user_id))


@pytest.mark.safeguard
def test_s02_raw_reveals_and_views_are_refused(session: Session, refused: Refused) -> None:
    situation_in_state(session, State.TO_LOOK_AT, educator(session))
    user(session, "robot", Role.ADMIN)
    educator(session, "karim")
    refused("INSERT INTO reveals VALUES ('situation-1', 1, 1, '2026-11-21')")
    refused("INSERT INTO views VALUES ('situation-1', 2, 'yes', 'x', '2026-11-21')")
    session.execute(text("INSERT INTO views VALUES ('situation-1', 1, 'no', '', '2026-11-21')"))
    refused("UPDATE views SET opinion = 'yes'")
    refused("UPDATE views SET user_id = 3")
    refused("INSERT OR REPLACE INTO views VALUES ('situation-1', 1, 'yes', '', '2026-11-21')")
    refused("INSERT INTO reveals VALUES ('situation-1', 2, 1, '2026-11-21')")
    refused("INSERT INTO reveals VALUES ('situation-1', 3, 1, '2026-11-21')")  # on lea's view
    session.execute(text("INSERT INTO reveals VALUES ('situation-1', 1, 0, '2026-11-21')"))
    refused("UPDATE reveals SET shown = 1")
    refused("INSERT OR REPLACE INTO reveals VALUES ('situation-1', 1, 1, '2026-11-21')")


@pytest.mark.safeguard
def test_s03_raw_offers_are_refused(session: Session, refused: Refused) -> None:
    situation_in_state(session, State.DECIDED, educator(session))
    for change in ("kind = 'suspend_aid'", "reason = 'y'", "words = 'y'", "number = 1"):
        refused(f"UPDATE decisions SET {change}")  # noqa: S608
    refused("INSERT INTO decision_offers VALUES ('situation-1', 0, 'trajet', '2026-11-21')")
    refused("INSERT INTO decision_offers VALUES ('situation-1', 0, 'suspend_aid', '2026-11-21')")


@pytest.mark.safeguard
def test_s02_raw_follow_ups_are_refused(session: Session, refused: Refused) -> None:
    lea = educator(session)
    situation_in_state(session, State.SIGNAL_SEEN, lea)
    told = (
        "INSERT INTO follow_ups VALUES ('situation-{}', {}, 1, 'accepted', 'x', NULL, '2026-11-21')"
    )
    refused(told.format(1, 0))
    situation_in_state(session, State.FOLLOWED_UP, lea, id="situation-2", person="p2")
    refused("UPDATE follow_ups SET answer = 'accepted'")
    refused(told.format(2, 2))
    refused(told.format(2, 0).replace("INSERT", "INSERT OR REPLACE"))
    session.execute(text(told.format(2, 1)))


@pytest.mark.safeguard
def test_s03_the_database_knows_the_same_closed_list(session: Session, refused: Refused) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    every = [offer.id for offer in OFFERS]
    page = decide(session, lea, id, DecisionKind.OFFER, offers=every)
    assert page.decision is not None
    assert sorted(every) == list(page.decision.offers)
    refused("INSERT INTO decision_offers VALUES ('situation-1', 0, 'suspend_aid', '2026-11-21')")
    refused("UPDATE decision_offers SET offer = 'budget' WHERE offer = 'trajet'")


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [s for s in State if s is not State.TO_ASSIGN])
def test_s33_danger_always_goes_through(session: Session, state: State) -> None:
    """Stopped, expired, not practised, held by a colleague: nothing is in the way."""
    lea = educator(session)
    ana = educator(session, "ana", practised=False)
    reader = educator(session, "reader", practised=False)
    id = situation_in_state(session, state, lea, reader=reader)
    absence(session, "lea", "ana")
    row = session.get_one(schema.Situation, id)
    row.held_by, row.held_until = "somebody-else", NOW + timedelta(days=1)
    session.get_one(schema.Model, VERSION).state = ModelState.SUSPENDED
    asked = [reader] if state in (State.SECOND_LOOK, State.LOOKED_TWICE) else []
    for actor in (*asked, lea, ana, *asked):
        assert Act.HANDLED_ELSEWHERE in read(session, actor, id).acts
        for _ in range(2):
            page = handled_elsewhere(session, actor, id, now=NOW, today=TODAY)
            assert page.state is State.HANDLED_ELSEWHERE
            assert page.acts == (Act.HANDLED_ELSEWHERE,)
    assert row.state is State.HANDLED_ELSEWHERE


@pytest.mark.safeguard
def test_s33_danger_waits_for_no_validity(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    much_later = {"now": NOW + timedelta(days=400), "today": TODAY + timedelta(days=400)}
    assert read_situation(session, lea, id, **much_later).state is State.EXPIRED
    page = handled_elsewhere(session, lea, id, **much_later)
    assert page.state is State.HANDLED_ELSEWHERE


@pytest.mark.safeguard
@pytest.mark.parametrize("state", State)
def test_s09_only_who_accompanies(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    strangers = [
        (educator(session, "karim"), NotYours),
        (educator(session, "zoe", "sud"), NotYours),
        *(
            (user(session, role.value, role, "nord"), Forbidden)
            for role in Role
            if role is not Role.EDUCATOR
        ),
        (Actor("cli:root", None, None), Forbidden),
    ]
    everything: list[Callable[[Actor], object]] = [
        lambda who: read(session, who, id),
        lambda who: claim(session, who, id, **THEN),
        lambda who: release(session, who, id, **THEN),
        lambda who: view(session, who, id),
        lambda who: reveal(session, who, id),
        lambda who: read_signal(session, who, id, **THEN),
        lambda who: go_without_signal(session, who, id, **THEN),
        lambda who: decide(session, who, id),
        lambda who: put_off(session, who, id, until=TODAY + timedelta(days=1), **THEN),
        lambda who: resume(session, who, id, **THEN),
        lambda who: ask_second_look(session, who, id, **THEN),
        lambda who: contest(session, who, id, words="non", **THEN),
        lambda who: follow_up(session, who, id, answer=None, became="x", again_on=None, **THEN),
        lambda who: handled_elsewhere(session, who, id, **THEN),
    ]
    before = len(entries(session, 100))
    for stranger, error in strangers:
        for act in everything:
            with pytest.raises(error):
                act(stranger)
    assert len(entries(session, 100)) == before
    with pytest.raises(NoSuchSituation):
        read(session, lea, "situation-2")


@pytest.mark.safeguard
def test_s36_no_first_signal_before_the_practice_module(session: Session) -> None:
    lea = educator(session, practised=False)
    id = situation_in_state(session, State.VIEWED, lea)
    with pytest.raises(PracticeMissing):
        reveal(session, lea, id)
    assert session.scalars(select(schema.Reveal)).all() == []


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", [SituationKind.SIGNAL, SituationKind.CONTROL])
@pytest.mark.parametrize(
    ("state", "act"), [(State.VIEWED, reveal_signal), (State.SIGNAL_SEEN, read_signal)]
)
def test_s19_an_expired_signal_is_not_shown(
    session: Session, kind: SituationKind, state: State, act: Callable[..., object]
) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea, kind=kind)
    with pytest.raises((SignalExpired, ActOutOfOrder)):
        act(session, lea, id, now=NOW, today=VALID_UNTIL + timedelta(days=1))
    act(session, lea, id, now=NOW + timedelta(days=100), today=VALID_UNTIL)


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", [SituationKind.SIGNAL, SituationKind.CONTROL])
def test_s28_a_stop_freezes_every_signal_at_once(session: Session, kind: SituationKind) -> None:
    lea, ines = educator(session), member(session)
    fresh = situation_in_state(session, State.VIEWED, lea, kind=kind)
    seen = situation_in_state(session, State.SIGNAL_SEEN, lea, kind=kind, id="seen", person="p2")
    committee.suspend(session, ines, version=VERSION, reason="doute", today=NOW.date(), now=NOW)
    for act, id in ((reveal_signal, fresh), (read_signal, seen), (reveal_signal, seen)):
        with pytest.raises(SignalFrozen):
            act(session, lea, id, **THEN)
    page = read(session, lea, fresh)
    assert (page.facts, page.stopped) == (facts(), True)
    assert Act.WITHOUT_SIGNAL in page.acts
    assert Act.SIGNAL not in page.acts


@pytest.mark.safeguard
def test_s28_one_goes_on_without_the_signal(session: Session) -> None:
    """Help does not wait for the committee; what was never shown is not dismissed."""
    lea, ines = educator(session), member(session)
    id = situation_in_state(session, State.VIEWED, lea)
    with pytest.raises(NotStopped):
        go_without_signal(session, lea, id, **THEN)
    committee.suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
    page = go_without_signal(session, lea, id, **THEN)
    assert page.state is State.SIGNAL_SEEN
    assert page.decisions == decision_kinds(SituationKind.SIGNAL, shown=False)
    with pytest.raises(NoSignalToDismiss):
        decide(session, lea, id, DecisionKind.NOT_RELEVANT)
    committee.resume(session, ines, version=VERSION, reason="levé", today=TODAY, now=NOW)
    for read_again in (reveal_signal, read_signal):  # decided on without it, so to the end
        with pytest.raises(SignalFrozen):
            read_again(session, lea, id, **THEN)
    assert decide(session, lea, id, DecisionKind.OFFER, offers=["trajet"]).decision is not None


def test_an_educator_opens_a_situation(session: Session) -> None:
    lea = educator(session)
    directory(session, stay("p1"), stay("p2", "karim"), stay("p3", team="sud"))

    def opened(person: str) -> str:
        return open_own(session, lea, person=person, facts=facts(), due_on=DUE_ON, **THEN)

    id = opened("p1")
    assert opened("p1") == id
    view(session, lea, id)
    assert reveal(session, lea, id).kind is SituationKind.SELF_OPENED
    decide(session, lea, id)
    assert opened("p1") != id
    for stranger in ("p2", "p3", "nobody"):
        with pytest.raises(NotYours):
            opened(stranger)


def test_an_own_opening_carries_the_newest_review_as_long_as_it_is_valid(
    session: Session,
) -> None:
    lea = educator(session)
    directory(session, stay("p1"), stay("p2"), stay("p3"))
    own = {"due_on": DUE_ON + timedelta(days=9), "now": NOW}
    before = session.get_one(
        schema.Situation,
        open_own(session, lea, person="p1", facts=facts(), today=TODAY, **own),
    )
    assert (before.version, before.valid_until, before.due_on) == (None, None, own["due_on"])
    fill(session, [new_situation("p9")])
    like = session.get_one(
        schema.Situation,
        open_own(session, lea, person="p2", facts=facts(), today=TODAY, **own),
    )
    assert (like.version, like.valid_until, like.due_on) == (VERSION, VALID_UNTIL, DUE_ON)
    late = VALID_UNTIL + timedelta(days=1)
    after = session.get_one(
        schema.Situation, open_own(session, lea, person="p3", facts=facts(), today=late, **own)
    )
    assert (after.version, after.valid_until) == (None, None)
    assert read(session, lea, after.id, today=late).state is State.TO_LOOK_AT


def test_who_stands_in_opens_it_for_the_referent(session: Session) -> None:
    educator(session)
    karim = educator(session, "karim")
    directory(session, stay("p1"))
    absence(session, "lea", "karim")
    id = open_own(session, karim, person="p1", facts=facts(), due_on=DUE_ON, **THEN)
    row = session.get_one(schema.Situation, id)
    assert (row.referent, row.assigned_to) == ("lea", None)


@pytest.mark.parametrize("contact", Contact)
def test_how_to_reach_the_person_is_confirmed_as_safe(session: Session, contact: Contact) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    if contact in NEEDS_SAFE_CONTACT:
        with pytest.raises(UnsafeContact):
            decide(session, lea, id, contact=contact)
    page = decide(session, lea, id, contact=contact, safe_contact=contact in NEEDS_SAFE_CONTACT)
    assert page.decision is not None
    assert page.decision.contact is contact


def test_a_team_meeting_has_a_day_and_decides_again(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    with pytest.raises(DateMissing):
        decide(session, lea, id, DecisionKind.TEAM, again_on=None)
    with pytest.raises(DatePast):
        decide(session, lea, id, DecisionKind.TEAM, again_on=TODAY - timedelta(days=1))
    page = decide(session, lea, id, DecisionKind.TEAM)
    assert (page.state, page.again_on) == (State.IN_TEAM, TODAY + timedelta(days=7))
    page = decide(session, lea, id, DecisionKind.TEAM, again_on=TODAY + timedelta(days=14))
    assert (page.state, page.again_on) == (State.IN_TEAM, TODAY + timedelta(days=14))
    page = decide(session, lea, id, DecisionKind.OFFER)
    assert (page.state, page.again_on) == (State.DECIDED, None)
    numbers = session.scalars(select(schema.Decision.number).order_by(schema.Decision.number))
    assert numbers.all() == [0, 1, 2]  # every one of them stays
    with pytest.raises(ActOutOfOrder):
        decide(session, lea, id)


def test_what_became_of_it(session: Session) -> None:
    lea = educator(session)
    nothing = situation_in_state(session, State.DECIDED, lea)
    told = {"again_on": None, **THEN}
    with pytest.raises(AnswerNotMeant):
        follow_up(session, lea, nothing, answer=Answer.ACCEPTED, became="x", **told)
    with pytest.raises(NothingTold):
        follow_up(session, lea, nothing, answer=None, became="  ", **told)
    assert follow_up(session, lea, nothing, answer=None, became="x", **told).follow_ups
    offered = situation_in_state(session, State.SIGNAL_SEEN, lea, id="offered", person="p2")
    decide(session, lea, offered, DecisionKind.TEAM)
    decide(session, lea, offered, DecisionKind.OFFER)
    with pytest.raises(AnswerMissing):
        follow_up(session, lea, offered, answer=None, became="x", **told)
    past = {**told, "again_on": TODAY - timedelta(days=1)}
    with pytest.raises(DatePast):
        follow_up(session, lea, offered, answer=Answer.NOT_NOW, became="", **past)
    follow_up(session, lea, offered, answer=Answer.NOT_NOW, became="", **told)


@pytest.mark.parametrize("state", BEGUN_STATES)
def test_what_is_put_off_comes_back_by_itself_where_it_was(session: Session, state: State) -> None:
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, state, lea)
    absence(session, "lea", "karim", days=(0, 40))
    back = TODAY + timedelta(days=10)
    page = put_off(session, lea, id, until=back, **THEN)
    assert (page.state, page.again_on) == (State.PUT_OFF, back)
    day_before = back - timedelta(days=1)
    assert read(session, lea, id, today=day_before).state is State.PUT_OFF
    with pytest.raises(ActOutOfOrder):
        view(session, karim, id, today=day_before)
    assert read(session, lea, id, today=back).state is state
    assert read(session, karim, id, today=back).state is State.TO_LOOK_AT  # their own way
    page = resume(session, lea, id, **THEN)
    assert (page.state, page.again_on) == (state, None)


@pytest.mark.safeguard
def test_s02_a_parting_decision_asks_for_a_second_look_after_a_pause_too(
    session: Session,
) -> None:
    lea = educator(session)
    educator(session, "reader")
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    back = TODAY + timedelta(days=10)
    put_off(session, lea, id, until=back, **THEN)
    page = decide(session, lea, id, DecisionKind.OFFER, today=back)
    assert page.state is State.SECOND_LOOK


def test_how_far_a_situation_is_put_off(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    with pytest.raises(DatePast):
        put_off(session, lea, id, until=TODAY, **THEN)
    with pytest.raises(PutOffTooFar):
        put_off(session, lea, id, until=TODAY + LONGEST_PUT_OFF + timedelta(days=1), **THEN)
    near_the_end = VALID_UNTIL - timedelta(days=3)
    with pytest.raises(PutOffTooFar):
        put_off(
            session, lea, id, until=VALID_UNTIL + timedelta(days=1), now=NOW, today=near_the_end
        )
    assert Act.PUT_OFF in read(session, lea, id, today=near_the_end).acts
    assert Act.PUT_OFF not in read(session, lea, id, today=VALID_UNTIL).acts
    assert put_off(session, lea, id, until=TODAY + LONGEST_PUT_OFF, **THEN).again_on is not None


@pytest.mark.safeguard
def test_s22_no_act_without_its_entry(sessions: sessionmaker[Session]) -> None:
    """Whatever is refused leaves neither a row nor an entry."""
    with sessions.begin() as session:
        lea = educator(session)
        id = situation_in_state(session, State.TO_LOOK_AT, lea)
        before = entries(session, 100)
    with pytest.raises(ActOutOfOrder), sessions.begin() as session:
        read(session, lea, id)
        decide(session, lea, id)
    with sessions.begin() as session:
        assert entries(session, 100) == before


@pytest.mark.safeguard
@pytest.mark.parametrize("replacing", [False, True])
def test_s13_raw_changes_of_what_was_frozen_are_refused(
    session: Session, refused: Refused, replacing: bool
) -> None:
    """Neither what a signal says nor what it was about is written over, by any program."""
    situation_in_state(session, State.SIGNAL_SEEN, educator(session))
    known = "person, 'nord', 'lea', '2025-01-01', NULL, '2025-01-01', '2026-11-21' FROM situations"
    session.execute(text(f"INSERT INTO people SELECT {known}"))
    for table, changed in (
        ("signals", ("content = 'autre'", "as_of = '2026-01-01'", "situation_id = 'x'")),
        (
            "situations",
            ("facts = '{}'", "kind = 'control'", "version = NULL", "valid_until = '2030-01-01'",
             "person = 'somebody else'", "probability = 0.5", "as_of = '2026-01-01'",
             "opened_at = '2026-01-01'"),
        ),
    ):  # fmt: skip
        if replacing:
            refused(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")  # noqa: S608
        for change in () if replacing else changed:
            refused(f"UPDATE {table} SET {change}")  # noqa: S608
            refused(f"UPDATE OR REPLACE {table} SET {change}")  # noqa: S608


@pytest.mark.safeguard
def test_s01_scores_stand_in_one_table(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    decide(session, lea, id)
    handled_elsewhere(session, lea, id, **THEN)
    for table in schema.Base.metadata.sorted_tables:
        rows = repr([tuple(row) for row in session.execute(table.select())])
        assert (CANARY in rows) == (table.name == "signals"), table.name
