"""Whatever anybody tries in whatever order, on whatever day, the rules of the review hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from features.errors import RebondError
from features.keys import Keyring
from revue import absences, committee, contestation, review, schema, second_look, team
from revue.directory import sync_people
from revue.journal import verify_journal
from revue.permissions import Forbidden
from revue.queue import queue_of
from revue.records import (
    Actor,
    Answer,
    DecisionKind,
    Opinion,
    Outcome,
    Part,
    Role,
    SignalView,
    SituationKind,
    SituationPage,
    State,
)
from revue.review import Deciding
from revue.second_look import NoSecondReader
from revue.situations import NoSuchSituation, Seen, page_of, visible
from revue.states import CLOSED_STATES, DONE_STATES, TRANSITIONS, Act, state_on
from tests.revue.builders import (
    CANARY,
    CLI,
    NOW,
    TODAY,
    VERSION,
    educator,
    member,
    situation_in_state,
    stay,
    user,
)

ID = "situation-1"
NORD = ("lea", "karim", "mia")
EDUCATORS = (*NORD, "zoe")
WHO = (*EDUCATORS, "lead", "lead-sud", "dina", "sonia", "adam", "cli")
SAID = ("silence", "vu ensemble", "revu", "ce n'est pas exact", "said-")
"""Whatever anybody but the reader said on a situation, made here or by the builders."""


@dataclass
class World:
    """The home at one moment; days only go forward."""

    session: Session
    people: dict[str, Actor]
    now: datetime = NOW
    noted: list[int] = field(default_factory=list)

    @property
    def today(self) -> date:
        return TODAY + (self.now - NOW)

    @property
    def row(self) -> schema.Situation:
        return self.session.get_one(schema.Situation, ID)

    @property
    def then(self) -> dict[str, object]:
        return {"now": self.now, "today": self.today}

    def seen(self, actor: Actor) -> Seen | None:
        try:
            return visible(self.session, actor, ID, today=self.today)
        except (Forbidden, NoSuchSituation):
            return None

    def page(self, actor: Actor) -> SituationPage | None:
        """What the actor would see now, without the reading being logged."""
        seen = self.seen(actor)
        return seen and page_of(self.session, actor, ID, now=self.now, today=self.today)

    def entries(self) -> int:
        counted = select(func.count()).where(schema.Entry.act != "checkpoint")
        return self.session.scalar(counted) or 0


def view(world: World, actor: Actor, n: int) -> object:
    return review.give_view(
        world.session,
        actor,
        ID,
        opinion=list(Opinion)[n % 3],
        why=f"said-{actor.login}",
        **world.then,
    )


def decide(world: World, actor: Actor, n: int) -> object:
    page = world.page(actor)
    kinds = (page.decisions if page else ()) or (DecisionKind.IN_HAND, DecisionKind.OFFER)
    kind = kinds[n % len(kinds)]
    deciding = Deciding(
        kind=kind,
        reason=f"said-{actor.login}",
        offers=("trajet",) if kind is DecisionKind.OFFER else (),
        words=f"said-{actor.login}",
        again_on=world.today + timedelta(days=n) if n % 2 or kind is DecisionKind.TEAM else None,
    )
    return review.decide(world.session, actor, ID, deciding, **world.then)


def follow_up(world: World, actor: Actor, n: int) -> object:
    newest = world.session.scalars(
        select(schema.Decision.kind).order_by(schema.Decision.number.desc())
    ).first()
    return review.follow_up(
        world.session,
        actor,
        ID,
        answer=Answer.NOT_NOW if newest is DecisionKind.OFFER else None,
        became=f"said-{actor.login}",
        again_on=world.today + timedelta(days=n) if n % 2 else None,
        **world.then,
    )


def put_off(world: World, actor: Actor, n: int) -> object:
    row = world.row
    until = world.today + timedelta(days=1 + n)
    if row.valid_until is not None and row.valid_until > world.today:
        until = min(until, row.valid_until)
    return review.put_off(world.session, actor, ID, until=until, **world.then)


def simply(act: Callable[..., object]) -> Callable[[World, Actor, int], object]:
    return lambda world, actor, _n: act(world.session, actor, ID, **world.then)


def contest(world: World, actor: Actor, _n: int) -> object:
    return contestation.contest(world.session, actor, ID, words=f"said-{actor.login}", **world.then)


def assign(world: World, actor: Actor, n: int) -> object:
    login = NORD[n % len(NORD)]
    return team.assign(world.session, actor, ID, login=login, **world.then)


def answer(world: World, actor: Actor, n: int) -> object:
    outcome = list(Outcome)[n % 2]
    return contestation.answer_contestation(
        world.session, actor, ID, outcome=outcome, answer=f"said-{actor.login}", now=world.now
    )


BY_SOMEBODY: dict[str, tuple[Act | None, Callable[[World, Actor, int], object]]] = {
    "read": (None, simply(review.read_situation)),
    "read_signal": (None, simply(review.read_signal)),
    "claim": (None, simply(review.claim)),
    "release": (None, simply(review.release)),
    "view": (Act.VIEW, view),
    "reveal": (Act.SIGNAL, simply(review.reveal_signal)),
    "without": (Act.WITHOUT_SIGNAL, simply(review.go_without_signal)),
    "decide": (Act.DECIDE, decide),
    "follow_up": (Act.FOLLOW_UP, follow_up),
    "put_off": (Act.PUT_OFF, put_off),
    "resume": (Act.RESUME, simply(review.resume)),
    "ask": (Act.ASK_SECOND_LOOK, simply(second_look.ask_second_look)),
    "contest": (Act.CONTEST, contest),
    "elsewhere": (Act.HANDLED_ELSEWHERE, simply(review.handled_elsewhere)),
    "assign": (Act.ASSIGN, assign),
    "answer": (Act.ANSWER, answer),
}


AWAY = (("lea", "karim"), ("lea", "mia"), ("lea", None), ("karim", "lea"), ("mia", None))


def be_away(world: World, n: int) -> None:
    """Somebody of the team is away from today on, and somebody stands in, or nobody."""
    away, stand_in = AWAY[n % len(AWAY)]
    absence = absences.note_absence(
        world.session,
        world.people["lead"],
        login=away,
        first_on=world.today,
        last_on=world.today + timedelta(days=3 + n),
        stand_in=stand_in,
        now=world.now,
    )
    world.noted.append(absence)


def come_back(world: World, _n: int) -> None:
    if world.noted:
        number = world.noted.pop()
        absences.end_absence(world.session, world.people["lead"], number, now=world.now)


def sync(world: World, n: int) -> None:
    """An import: another referent, another team, nobody, no notice any more, or gone."""
    whose = (("lea", "nord"), ("karim", "nord"), (None, "nord"), ("zoe", "sud"), ("lea", "nord"))
    referent, of_team = whose[n % 5]
    more = {"informed_on": None} if n % 10 == 9 else {}
    stays = [] if n % 20 == 14 else [stay("p1", referent, of_team, **more)]
    sync_people(world.session, stays, by=world.people["sonia"], now=world.now)


def stop_or_go_on(world: World, _n: int) -> None:
    stopped = world.session.get_one(schema.Model, VERSION).state.value == "suspended"
    act = committee.resume if stopped else committee.suspend
    act(
        world.session,
        world.people["ines"],
        version=VERSION,
        reason="vu en comité",
        **world.then,  # type: ignore[arg-type]
    )


def wait(world: World, n: int) -> None:
    world.now += (timedelta(minutes=50), timedelta(days=3), timedelta(days=30))[n % 3]


AROUND: dict[str, Callable[[World, int], None]] = {
    "be_away": be_away,
    "come_back": come_back,
    "sync": sync,
    "stop_or_go_on": stop_or_go_on,
    "wait": wait,
}

TRIED = st.tuples(
    st.sampled_from(("lea", "lea", "lea", "karim", "karim", "mia", "reader", "reader", *WHO)),
    st.sampled_from(("view", "reveal", "decide", "decide", *BY_SOMEBODY)),
    st.integers(0, 19),
)
HAPPENS = st.tuples(st.just("somebody"), st.sampled_from(sorted(AROUND)), st.integers(0, 19))
STEPS = st.one_of(TRIED, TRIED, TRIED, TRIED, HAPPENS)


@pytest.mark.safeguard
@settings(max_examples=110, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sequence=st.lists(STEPS, min_size=4, max_size=16),
    start=st.sampled_from(State),
    kind=st.sampled_from(SituationKind),
    stand_in=st.sampled_from(("karim", "mia", None)),
)
def test_s02_s09_s32_s33_any_sequence_of_acts(
    lasting: sessionmaker[Session],
    keys: Keyring,
    sequence: list[tuple[str, str, int]],
    start: State,
    kind: SituationKind,
    stand_in: str | None,
) -> None:
    with lasting() as session:
        world = begun(session, start, kind)
        if stand_in is not None:
            be_away(world, AWAY.index(("lea", stand_in)))
        for who, act, n in sequence:
            if who == "somebody":
                goes_on(world, act, n)
            else:
                tries(world, who, act, n)
        check_people(world)
        for login in EDUCATORS:
            check_acts(world, world.people[login])
        assert verify_journal(session, keys.verify).ok
        session.rollback()


def begun(session: Session, start: State, kind: SituationKind) -> World:
    people = {login: educator(session, login) for login in NORD}
    people |= {
        "zoe": educator(session, "zoe", "sud"),
        "lead": user(session, "lead", Role.TEAM_LEAD, "nord"),
        "lead-sud": user(session, "lead-sud", Role.TEAM_LEAD, "sud"),
        "dina": user(session, "dina", Role.DPO),
        "sonia": user(session, "sonia", Role.STEWARD),
        "adam": user(session, "adam", Role.ADMIN),
        "ines": member(session),
        "cli": CLI,
    }
    situation_in_state(session, start, people["lea"], kind=kind, reader=people["mia"])
    referent = None if start is State.TO_ASSIGN else "lea"
    sync_people(session, [stay("p1", referent)], by=CLI, now=NOW)
    return World(session, people)


def goes_on(world: World, act: str, n: int) -> None:
    """Time passes and things change around; the situation moves by a step, or not at all."""
    before = world.row.state
    try:
        with world.session.begin_nested():
            AROUND[act](world, n)
    except RebondError:
        assert act in ("be_away", "come_back")
    after = world.row.state
    if act != "sync":
        assert after is before
    handed = {before, *TRANSITIONS[before].get(Act.HAND_OVER, ())}
    withdrawn = {to for one in handed for to in TRANSITIONS[one].get(Act.WITHDRAW, ())}
    assert after in handed | withdrawn


def tries(world: World, who: str, name: str, n: int) -> None:
    """Somebody tries an act: it succeeds exactly where their page says so, by one step."""
    actor = actor_of(world, who)
    act, do = BY_SOMEBODY[name]
    seen, page = world.seen(actor), world.page(actor)
    if page is not None and page.part is Part.SECOND_READER and act is Act.VIEW:
        act = Act.SECOND_VIEW
    before, entries = world.row.state, world.entries()
    revealed = actor.user_id is not None and world.session.get(schema.Reveal, (ID, actor.user_id))
    record, error = None, None
    try:
        with world.session.begin_nested():
            record = do(world, actor, n)
    except RebondError as refusal:
        error = refusal
    after = world.row.state
    check_record(record, actor, world)
    if error is not None:
        assert (after, world.entries()) == (before, entries)
    else:
        silent = {"claim", "release"}
        assert world.entries() - entries in ({0, 1} if name in silent else {1})
    if page is None or seen is None:
        allowed = (actor.role, act) in {
            (Role.TEAM_LEAD, Act.ASSIGN),
            (Role.DPO, Act.ANSWER),
        }
        assert error is not None or allowed
        assert allowed or isinstance(error, Forbidden)
        base = state_on(before, world.row.valid_until, world.today)
    else:
        base = seen.state
        if act is not None and not (act is Act.SIGNAL and revealed):
            listed = act in page.acts
            assert (error is None) == listed or isinstance(error, NoSecondReader), (act, error)
        if act is Act.HANDLED_ELSEWHERE:
            assert error is None
    if error is None and act is not None and not (act is Act.SIGNAL and revealed):
        answered_after_danger = act is Act.ANSWER and before is not State.CONTESTED
        assert answered_after_danger or after in TRANSITIONS[base][act]
    elif act is None:
        assert after is before


def check_acts(world: World, actor: Actor) -> None:
    """Every act that the page lists would succeed now, and no other one."""
    page = world.page(actor)
    if page is None:
        return
    reader = page.part is Part.SECOND_READER
    revealed = world.session.get(schema.Reveal, (ID, actor.user_id)) is not None
    for act, do in BY_SOMEBODY.values():
        if act is None or (act is Act.SIGNAL and revealed and not reader):
            continue
        tried = Act.SECOND_VIEW if reader and act is Act.VIEW else act
        tries_out = world.session.begin_nested()
        try:
            do(world, actor, 1)
            assert tried in page.acts, (tried, page.state, page.part)
        except NoSecondReader:
            assert tried in page.acts
        except RebondError as refusal:
            assert tried not in page.acts, (refusal, page.state, page.part)
        finally:
            tries_out.rollback()


@pytest.mark.safeguard
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("held_by", [None, "lea", "karim"])
@pytest.mark.parametrize("stopped", [False, True])
def test_s26_a_page_lists_exactly_what_one_can_do(
    lasting: sessionmaker[Session], state: State, held_by: str | None, stopped: bool
) -> None:
    """For the referent, a stand-in, the second reader and whoever reads somebody else's."""
    with lasting() as session:
        world = begun(session, state, SituationKind.SIGNAL)
        be_away(world, AWAY.index(("lea", "karim")))
        world.row.held_by, world.row.held_until = held_by, NOW + timedelta(minutes=5)
        if stopped:
            stop_or_go_on(world, 0)
        for login in EDUCATORS:
            check_acts(world, world.people[login])
        session.rollback()


def actor_of(world: World, who: str) -> Actor:
    if who != "reader":
        return world.people[who]
    look = world.session.get(schema.SecondLook, ID)
    readers = {actor.user_id: actor for actor in world.people.values()}
    return readers[look.reader_id] if look else world.people["mia"]


def check_record(record: object, actor: Actor, world: World) -> None:
    """No estimate but to who asked for it; nothing of others to a second reader."""
    if isinstance(record, SignalView):
        reveal = world.session.get_one(schema.Reveal, (ID, actor.user_id))
        world.session.get_one(schema.View, (ID, actor.user_id))
        assert reveal.shown
        assert record.situation_id == ID
        return
    assert CANARY not in repr(record)
    if isinstance(record, SituationPage) and record.part is Part.SECOND_READER:
        own = repr(record.view) if record.view else ""
        others = repr(record).replace(own, "") if own else repr(record)
        assert not [said for said in SAID if said in others]
        assert record.view is None or record.view.by == actor.login
        known = {State.SECOND_LOOK, State.LOOKED_TWICE, State.CONTESTED, *CLOSED_STATES}
        assert record.state in known
        assert record.decision is record.second_look is record.contestation is None


def check_people(world: World) -> None:
    """Everybody's queue and page agree, and somebody real has the next step."""
    session, row = world.session, world.row
    for decided in session.scalars(select(schema.Decision)):
        key = (decided.situation_id, decided.user_id)
        assert session.get(schema.View, key) is not None
        assert session.get(schema.Reveal, key) is not None
    can: dict[str, SituationPage] = {}
    for login in EDUCATORS:
        actor = world.people[login]
        page = world.page(actor)
        items = queue_of(session, actor, now=world.now, today=world.today).items
        check_record(page, actor, world)
        if page is None:
            assert items == ()
            continue
        can[login] = page
        pending = page.part is Part.SECOND_READER and Act.SECOND_VIEW in page.acts
        waits = page.state not in CLOSED_STATES and (
            page.state not in DONE_STATES or page.again_on is not None
        )
        if page.part is Part.SECOND_READER:
            waits = pending or page.state is State.CONTESTED
        assert [item.id for item in items] == ([ID] if waits else [])
        for item in items:
            assert (item.state, item.part) == (page.state, page.part)
            assert (item.team, item.referent) == (page.team, page.referent)
            assert item.held_by == page.held_by
            if item.waits_for_me:
                assert set(page.acts) - {Act.CONTEST, Act.HANDLED_ELSEWHERE, Act.PUT_OFF}
    check_owner(world, state_on(row.state, row.valid_until, world.today), can)


def check_owner(world: World, state: State, can: dict[str, SituationPage]) -> None:
    session, row = world.session, world.row
    leads = {"nord": "lead", "sud": "lead-sud"}
    if state is State.CONTESTED:
        pending = contestation.pending_contestations(session, world.people["dina"])
        assert [one.situation_id for one in pending] == [ID]
    elif state is State.SECOND_LOOK:
        readers = [login for login, page in can.items() if Act.SECOND_VIEW in page.acts]
        assert len(readers) == 1
    elif row.referent is None and row.assigned_to is None:
        assert state in (State.TO_ASSIGN, *DONE_STATES, *CLOSED_STATES)
        lead = world.people[leads[row.team]]
        listed = team.team_page(session, lead, today=world.today).to_assign
        waits = state is State.TO_ASSIGN or (state in DONE_STATES and row.again_on is not None)
        assert [one.id for one in listed] == ([ID] if waits else [])
    else:
        assert row.assigned_to in can or row.referent in can
