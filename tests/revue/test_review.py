from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from revue import committee, schema
from revue.journal import entries
from revue.offers import OFFERS, UnknownOffer
from revue.permissions import Forbidden, NotYours
from revue.reasons import ReasonMissing
from revue.records import (
    Actor,
    DecisionKind,
    ModelState,
    Opinion,
    Role,
    SituationKind,
    State,
    decision_kinds,
)
from revue.review import (
    NoSignalToDismiss,
    NoSuchSituation,
    OfferMissing,
    OfferNotMeant,
    PracticeMissing,
    SignalExpired,
    SignalFrozen,
    SignalNotRevealed,
    WhyMissing,
    decide,
    give_view,
    handled_elsewhere,
    open_own,
    read_signal,
    read_situation,
    reveal_signal,
)
from revue.states import ActOutOfOrder
from tests.revue.builders import (
    CANARY,
    DUE_ON,
    NOW,
    VALID_UNTIL,
    VERSION,
    directory,
    educator,
    facts,
    member,
    signal,
    situation_in_state,
    stay,
    user,
)
from tests.revue.conftest import Refused


def view(session: Session, actor: Actor, id: str, opinion: Opinion = Opinion.NO) -> None:
    give_view(session, actor, id, opinion=opinion, why="", now=NOW)


def nothing_now(session: Session, actor: Actor, id: str) -> None:
    decide(
        session,
        actor,
        id,
        kind=DecisionKind.NOTHING_NOW,
        offers=(),
        reason="vu",
        informed=True,
        now=NOW,
    )


def test_the_whole_way(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    page = read_situation(session, lea, id, now=NOW)
    assert (page.state, page.view, page.decision) == (State.TO_LOOK_AT, None, None)
    assert page.facts == facts()
    page = give_view(session, lea, id, opinion=Opinion.YES, why=" silence ", now=NOW)
    assert page.view is not None
    assert (page.view.why, page.view.by) == ("silence", "lea")
    shown = reveal_signal(session, lea, id, now=NOW)
    assert (shown.kind, shown.signal) == (SituationKind.SIGNAL, signal())
    assert read_signal(session, lea, id, now=NOW) == shown
    page = decide(
        session,
        lea,
        id,
        kind=DecisionKind.OFFER,
        offers=("trajet", "point-droits", "trajet"),
        reason="demandé par la personne",
        informed=True,
        now=NOW,
    )
    assert page.state is State.DECIDED
    assert page.decision is not None
    assert page.decision.offers == ("point-droits", "trajet")
    acts = [entry.act for entry in entries(session, 6)]
    assert acts[::-1][1:] == ["read", "view", "reveal", "read_signal", "decide"]
    assert {entry.subject for entry in entries(session, 5)} == {id}


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [State.TO_LOOK_AT, State.HANDLED_ELSEWHERE])
def test_s02_no_signal_before_the_own_view(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    with pytest.raises(ActOutOfOrder):
        reveal_signal(session, lea, id, now=NOW)
    with pytest.raises(SignalNotRevealed):
        read_signal(session, lea, id, now=NOW)
    assert CANARY not in repr(read_situation(session, lea, id, now=NOW))


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [s for s in State if s is not State.TO_LOOK_AT])
def test_s02_the_view_is_given_once(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    with pytest.raises(ActOutOfOrder):
        view(session, lea, id)


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [s for s in State if s is not State.SIGNAL_SEEN])
def test_s02_no_decision_out_of_order(session: Session, state: State) -> None:
    lea = educator(session)
    id = situation_in_state(session, state, lea)
    with pytest.raises(ActOutOfOrder):
        nothing_now(session, lea, id)


@pytest.mark.safeguard
def test_s02_nobody_goes_on_from_a_colleagues_view(session: Session) -> None:
    lea, karim = educator(session), educator(session, "karim")
    id = situation_in_state(session, State.VIEWED, lea, referent=None)
    for act in (reveal_signal, read_situation, read_signal):
        with pytest.raises(NotYours):
            act(session, karim, id, now=NOW)
    with pytest.raises(NotYours):
        nothing_now(session, karim, id)
    handled_elsewhere(session, karim, id, now=NOW)  # danger is everybody's
    assert read_situation(session, karim, id, now=NOW).state is State.HANDLED_ELSEWHERE
    with pytest.raises(NotYours):
        read_signal(session, karim, id, now=NOW)


@pytest.mark.safeguard
def test_s02_kinds_look_the_same_before_the_reveal(session: Session) -> None:
    lea = educator(session)
    pages = []
    for kind in SituationKind:
        id = situation_in_state(session, State.TO_LOOK_AT, lea, kind=kind, id=f"id-{kind}")
        for page in (
            read_situation(session, lea, id, now=NOW),
            give_view(session, lea, id, opinion=Opinion.UNKNOWN, why="", now=NOW),
        ):
            pages.append((page.state, repr(page).replace(id, "id")))
    assert len(set(pages)) == 2  # one a state, whatever the kind
    shown = {kind: reveal_signal(session, lea, f"id-{kind}", now=NOW) for kind in SituationKind}
    assert {kind: view.signal is not None for kind, view in shown.items()} == {
        SituationKind.SIGNAL: True,
        SituationKind.CONTROL: False,
        SituationKind.SELF_OPENED: False,
    }


def test_reveal_is_idempotent(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.VIEWED, lea)
    first = reveal_signal(session, lea, id, now=NOW)
    assert reveal_signal(session, lea, id, now=NOW + timedelta(hours=1)) == first
    assert session.get_one(schema.Reveal, id).at == NOW
    nothing_now(session, lea, id)
    assert reveal_signal(session, lea, id, now=NOW) == first


def test_a_view_of_yes_says_why(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
    with pytest.raises(WhyMissing):
        view(session, lea, id, Opinion.YES)
    view(session, lea, id, Opinion.NO)


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", DecisionKind)
def test_s01_every_decision_costs_one_reason(session: Session, kind: DecisionKind) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    offers = ("trajet",) if kind is DecisionKind.OFFER else ()
    common = {"kind": kind, "offers": offers, "informed": False, "now": NOW}
    with pytest.raises(ReasonMissing):
        decide(session, lea, id, reason="  ", **common)
    assert decide(session, lea, id, reason="dit", **common).state is State.DECIDED


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", SituationKind)
def test_only_a_signal_that_was_shown_is_dismissed(session: Session, kind: SituationKind) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.VIEWED, lea, kind=kind)
    assert read_situation(session, lea, id, now=NOW).decisions == ()
    reveal_signal(session, lea, id, now=NOW)
    possible = read_situation(session, lea, id, now=NOW).decisions
    assert possible == decision_kinds(kind)
    about = {DecisionKind.WRONG_DATA, DecisionKind.MISSING_CONTEXT, DecisionKind.NOT_RELEVANT}
    assert set(DecisionKind) - set(possible) == (set() if kind is SituationKind.SIGNAL else about)
    common = {"offers": (), "reason": "x", "informed": False, "now": NOW}
    for refused in about - set(possible):
        with pytest.raises(NoSignalToDismiss):
            decide(session, lea, id, kind=refused, **common)
    page = decide(session, lea, id, kind=possible[-1], **common)
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
        decide(session, lea, id, kind=kind, offers=offers, reason="x", informed=False, now=NOW)


DECISION = "INSERT INTO decisions VALUES ('situation-1', {}, '{}', '{}', 1, '2026-11-21')"


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("user_id", "kind", "reason"),
    [
        ("1", "suspend_aid", "x"),
        ("NULL", "nothing_now", "x"),
        ("999", "nothing_now", "x"),
        ("2", "nothing_now", "x"),
        ("1", "nothing_now", "  "),
    ],
)
def test_s01_s03_raw_decisions_are_refused(
    session: Session, refused: Refused, user_id: str, kind: str, reason: str
) -> None:
    lea = educator(session)
    user(session, "service", Role.ADMIN)
    situation_in_state(session, State.SIGNAL_SEEN, lea)
    assert lea.user_id == 1
    refused(DECISION.format(user_id, kind, reason))
    session.execute(text(DECISION.format(1, "nothing_now", "x")))


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [State.TO_LOOK_AT, State.VIEWED, State.DECIDED])
def test_s02_raw_decisions_out_of_order_are_refused(
    session: Session, refused: Refused, state: State
) -> None:
    situation_in_state(session, state, educator(session))
    refused(DECISION.format(1, "nothing_now", "x"))
    refused(DECISION.format(1, "nothing_now", "x").replace("INSERT", "INSERT OR REPLACE"))


@pytest.mark.safeguard
def test_s02_raw_reveals_and_views_are_refused(session: Session, refused: Refused) -> None:
    situation_in_state(session, State.TO_LOOK_AT, educator(session))
    user(session, "robot", Role.ADMIN)
    refused("INSERT INTO reveals VALUES ('situation-1', 1, '2026-11-21')")
    refused("INSERT INTO views VALUES ('situation-1', 2, 'yes', 'x', '2026-11-21')")
    session.execute(text("INSERT INTO views VALUES ('situation-1', 1, 'no', '', '2026-11-21')"))
    refused("UPDATE views SET opinion = 'yes'")
    refused("INSERT OR REPLACE INTO views VALUES ('situation-1', 1, 'yes', '', '2026-11-21')")
    refused("INSERT INTO reveals VALUES ('situation-1', 2, '2026-11-21')")


@pytest.mark.safeguard
def test_s03_raw_offers_are_refused(session: Session, refused: Refused) -> None:
    situation_in_state(session, State.DECIDED, educator(session))
    refused("UPDATE decisions SET kind = 'suspend_aid'")
    refused("INSERT INTO decision_offers VALUES ('situation-1', 'trajet', '2026-11-21')")
    refused("INSERT INTO decision_offers VALUES ('situation-1', 'suspend_aid', '2026-11-21')")


@pytest.mark.safeguard
def test_s03_the_database_knows_the_same_closed_list(session: Session, refused: Refused) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    every = [offer.id for offer in OFFERS]
    page = decide(
        session,
        lea,
        id,
        kind=DecisionKind.OFFER,
        offers=every,
        reason="x",
        informed=True,
        now=NOW,
    )
    assert page.decision is not None
    assert sorted(every) == list(page.decision.offers)
    refused("INSERT INTO decision_offers VALUES ('situation-1', 'suspend_aid', '2026-11-21')")


@pytest.mark.safeguard
@pytest.mark.parametrize("state", State)
def test_s33_danger_always_goes_through(session: Session, state: State) -> None:
    """Stopped, expired, not practised, a colleague's view: nothing is in the way."""
    lea, karim = educator(session, practised=False), educator(session, "karim")
    id = situation_in_state(session, state, karim, referent=None)
    session.get_one(schema.Model, VERSION).state = ModelState.SUSPENDED
    much_later = NOW + timedelta(days=400)
    for _ in range(2):
        page = handled_elsewhere(session, lea, id, now=much_later)
        assert page.state is State.HANDLED_ELSEWHERE
    assert session.get_one(schema.Situation, id).state is State.HANDLED_ELSEWHERE


@pytest.mark.safeguard
def test_s09_only_who_accompanies(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.TO_LOOK_AT, lea)
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
    for stranger, error in strangers:
        for act in (read_situation, reveal_signal, read_signal, handled_elsewhere):
            with pytest.raises(error):
                act(session, stranger, id, now=NOW)
        with pytest.raises(error):
            view(session, stranger, id)
        with pytest.raises(error):
            nothing_now(session, stranger, id)
    with pytest.raises(NoSuchSituation):
        read_situation(session, lea, "situation-2", now=NOW)


@pytest.mark.safeguard
def test_s36_no_first_signal_before_the_practice_module(session: Session) -> None:
    lea = educator(session, practised=False)
    id = situation_in_state(session, State.VIEWED, lea)
    with pytest.raises(PracticeMissing):
        reveal_signal(session, lea, id, now=NOW)


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
    late = VALID_UNTIL + timedelta(days=1)
    with pytest.raises(SignalExpired):
        act(session, lea, id, now=NOW, today=late)
    with pytest.raises(SignalExpired):
        act(session, lea, id, now=NOW + timedelta(days=100))
    act(session, lea, id, now=NOW + timedelta(days=100), today=VALID_UNTIL)


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", [SituationKind.SIGNAL, SituationKind.CONTROL])
def test_s28_a_stop_freezes_every_signal_at_once(session: Session, kind: SituationKind) -> None:
    lea, ines = educator(session), member(session)
    fresh = situation_in_state(session, State.VIEWED, lea, kind=kind)
    seen = situation_in_state(session, State.SIGNAL_SEEN, lea, kind=kind, id="seen")
    committee.suspend(session, ines, version=VERSION, reason="doute", today=NOW.date(), now=NOW)
    for act, id in ((reveal_signal, fresh), (read_signal, seen), (reveal_signal, seen)):
        with pytest.raises(SignalFrozen):
            act(session, lea, id, now=NOW)
    assert read_situation(session, lea, fresh, now=NOW).facts == facts()


def test_an_educator_opens_a_situation(session: Session) -> None:
    lea = educator(session)
    directory(session, stay("p1"), stay("p2", "karim"), stay("p3", team="sud"))

    def opened(person: str) -> str:
        return open_own(session, lea, person=person, facts=facts(), due_on=DUE_ON, now=NOW)

    id = opened("p1")
    assert opened("p1") == id
    view(session, lea, id)
    assert reveal_signal(session, lea, id, now=NOW).kind is SituationKind.SELF_OPENED
    nothing_now(session, lea, id)
    assert opened("p1") != id
    for stranger in ("p2", "p3", "nobody"):
        with pytest.raises(NotYours):
            opened(stranger)


@pytest.mark.safeguard
def test_s22_no_act_without_its_entry(sessions: sessionmaker[Session]) -> None:
    """Whatever is refused leaves neither a row nor an entry."""
    with sessions.begin() as session:
        lea = educator(session)
        id = situation_in_state(session, State.TO_LOOK_AT, lea)
        before = entries(session, 100)
    with pytest.raises(ActOutOfOrder), sessions.begin() as session:
        read_situation(session, lea, id, now=NOW)
        nothing_now(session, lea, id)
    with sessions.begin() as session:
        assert entries(session, 100) == before


@pytest.mark.safeguard
def test_s01_scores_stand_in_one_table(session: Session) -> None:
    lea = educator(session)
    id = situation_in_state(session, State.SIGNAL_SEEN, lea)
    nothing_now(session, lea, id)
    handled_elsewhere(session, lea, id, now=NOW)
    for table in schema.Base.metadata.sorted_tables:
        rows = repr(session.execute(table.select()).all())
        assert (CANARY in rows) == (table.name == "signals"), table.name
