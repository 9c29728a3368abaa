"""The human side read from a real home, where educators did what is counted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.home import Home, create_home
from api.human_side import human_side_of, situations_of
from api.settings import Settings
from audits.surroundings import HumanSide, ShareLine
from features.sensitive import NoAttributes
from revue import queue, review, schema
from revue.records import (
    Actor,
    DecisionKind,
    ModelState,
    Opinion,
    ScoringRun,
    SituationKind,
    State,
)
from tests.features.builders import protocol
from tests.revue.builders import (
    AS_OF,
    CLI,
    DUE_ON,
    NOW,
    TEAM,
    TODAY,
    VERSION,
    directory,
    educator,
    facts,
    fill,
    look,
    model_in_state,
    new_situation,
    reveal,
    situation_in_state,
    stay,
    view,
)
from tests.revue.builders import decide as decide_on

PROTOCOL = protocol(audit='[audit]\nattributes = ["genre"]')
NOT_TOLD = ShareLine(None, None, None, None, None)
PEOPLE = [f"p{i:03}" for i in range(180)]
EDUCATORS = 13
"""Person i is with educator i modulo 13; even ones are women."""


def kind_of(i: int) -> SituationKind | None:
    if i < 80:
        return SituationKind.SIGNAL
    return SituationKind.CONTROL if i < 120 else None


def build(folder: Path, educators: int) -> Home:
    """80 signals and 40 controls, all decided on but 5 of which only the page was read."""
    home = create_home(folder, folder / "keys", Settings(), lambda: NOW)
    home.sensitive.replace(
        pd.DataFrame(
            {
                "person": PEOPLE,
                "attribute": "genre",
                "value": ["homme" if i % 2 else "femme" for i in range(180)],
            }
        ),
        on=TODAY,
    )
    with home.transaction() as session:
        staff = [educator(session, f"e{i}") for i in range(educators)]
        directory(session, *(stay(p, f"e{i % educators}") for i, p in enumerate(PEOPLE)))
        open_by(session, staff[159 % educators], PEOPLE[159], days=-1)  # before any model
        fill(
            session,
            [
                new_situation(p, kind, f"e{i % educators}")
                for i, p in enumerate(PEOPLE)
                if (kind := kind_of(i)) is not None
            ],
        )
        ids = {row.person: row.id for row in session.scalars(select(schema.Situation))}
        for i in range(120):
            act(session, staff[i % educators], ids[PEOPLE[i]], i)
        for i in range(120, 150):
            opened = open_by(session, staff[i % educators], PEOPLE[i])
            decide(
                session,
                staff[i % educators],
                opened,
                Opinion.YES,
                DecisionKind.OFFER if i < 135 else DecisionKind.NOTHING_NOW,
            )
    return home


def act(session: Session, actor: Actor, situation: str, i: int) -> None:
    """Do with situation ``i`` what the counts below expect."""
    review.read_situation(session, actor, situation, now=NOW, today=TODAY)
    if i < 5:
        return  # read, and no more
    if i < 10:
        review.handled_elsewhere(session, actor, situation, now=NOW, today=TODAY)
    elif i < 45:
        decide(session, actor, situation, Opinion.YES, DecisionKind.OFFER)
    elif i < 80:
        decide(session, actor, situation, Opinion.NO, DecisionKind.WRONG_DATA)
    else:
        opinion = Opinion.YES if i < 95 else Opinion.UNKNOWN
        decide(session, actor, situation, opinion, DecisionKind.NOTHING_NOW)


def decide(
    session: Session, actor: Actor, situation: str, opinion: Opinion, kind: DecisionKind
) -> None:
    then = {"now": NOW, "today": TODAY}
    review.give_view(session, actor, situation, opinion=opinion, why="vu", **then)
    review.reveal_signal(session, actor, situation, **then)
    offers = ("point-droits",) if kind is DecisionKind.OFFER else ()
    deciding = review.Deciding(kind, "vu ensemble", offers=offers, informed=True)
    review.decide(session, actor, situation, deciding, **then)


def open_by(session: Session, actor: Actor, person: str, days: int = 0) -> str:
    later = timedelta(days=days)
    return review.open_own(
        session,
        actor,
        person=person,
        facts=facts(TODAY + later),
        due_on=DUE_ON,
        now=NOW + later,
        today=TODAY + later,
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("human") / "home"
    home = build(folder, EDUCATORS)
    home.sessions.kw["bind"].dispose()
    yield folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Iterator[Home]:
    folder = Path(shutil.copytree(template, tmp_path / "home"))
    (folder / "keys").chmod(0o700)
    opened = Home(folder, folder / "keys", lambda: NOW)
    yield opened
    opened.sessions.kw["bind"].dispose()


def told(home: Home, version: str = VERSION) -> HumanSide:
    with home.transaction() as session:
        side = human_side_of(home, session, version, PROTOCOL)
    assert side is not None
    return side


def counted(line: ShareLine) -> tuple[int | None, int | None]:
    return line.counted, line.of


def test_what_educators_did_is_counted_as_they_did_it(home: Home) -> None:
    side = told(home)
    women, men = side.groups
    assert (women.value, women.persons, men.value, men.persons) == ("femme", 90, "homme", 90)
    assert counted(women.shown) == counted(men.shown) == (40, 90)
    # Women are the even ones: 10, 12, … 44 were offered something; 46, … 78 were dismissed.
    assert counted(women.agreed) == (18, 40)
    assert counted(women.offered) == (18, 40)
    assert counted(men.agreed) == (17, 40)
    assert women.accepted == NOT_TOLD
    assert counted(side.with_signal) == (35, 70)
    assert counted(side.followed) == (35, 70)
    assert counted(side.without_signal) == counted(side.missed) == (15, 40)
    assert counted(side.self_opened) == (15, 30)
    assert side.yielded == NOT_TOLD
    assert (side.situations, side.persons, side.educators) == (150, 150, EDUCATORS)
    assert side.alarms == ()


def test_handled_outside_the_tool_and_only_read_are_shown_and_not_decided(home: Home) -> None:
    with home.transaction() as session:
        table = situations_of(session, VERSION, b"k" * 32).set_index("person")
    for person in (PEOPLE[0], PEOPLE[7]):
        assert table.loc[person, "shown"]
        assert pd.isna(table.loc[person, ["opinion", "decision"]]).all()
    assert table["answer"].isna().all()


def test_what_nobody_opened_was_not_shown(home: Home) -> None:
    with home.transaction() as session:
        queue.fill(
            session,
            run=ScoringRun(VERSION, AS_OF + timedelta(days=28), "protocol", 0, 0),
            situations=[new_situation("p155", referent="e11")],
            rng_key=b"k" * 32,
            by=CLI,
            now=NOW,
            due_on=DUE_ON,
        )
        table = situations_of(session, VERSION, b"k" * 32).set_index("person")
    assert not table.loc["p155", "shown"]
    # The directory names the twelfth, whoever it was at the review date.
    assert table.loc["p155", "educator"] == table.loc[PEOPLE[12], "educator"]


def one_row(home: Home, act: Callable[[Session, Actor, Actor, str], object]) -> pd.Series:
    """Let ``act`` happen to one fresh situation of e0, with a colleague made for it."""
    with home.transaction() as session:
        account = session.scalars(select(schema.User).where(schema.User.login == "e0")).one()
        actor = Actor(account.login, account.role, account.team, account.id)
        id = situation_in_state(session, State.VIEWED, actor, referent="e0", person="one")
        act(session, actor, educator(session, "colleague"), id)
        table = situations_of(session, VERSION, b"k" * 32).set_index("person")
        human_side_of(home, session, VERSION, PROTOCOL)  # keeps the order of acts
    return table.loc["one"]


@pytest.mark.safeguard
def test_s02_a_second_readers_view_is_nobodys_own_view(home: Home) -> None:
    def looked_twice(session: Session, actor: Actor, colleague: Actor, id: str) -> None:
        reveal(session, actor, id)
        look(session, id, actor, colleague)
        session.get_one(schema.Situation, id).state = State.SECOND_LOOK
        view(session, colleague, id, Opinion.YES)
        decide_on(session, actor, id)

    row = one_row(home, looked_twice)
    assert (row["opinion"], row["decision"]) == ("no", "in_hand")


def test_a_reader_who_took_over_decided(home: Home) -> None:
    def taken_over(session: Session, actor: Actor, colleague: Actor, id: str) -> None:
        reveal(session, actor, id)
        look(session, id, actor, colleague)
        session.get_one(schema.Situation, id).state = State.SECOND_LOOK
        view(session, colleague, id, Opinion.YES)
        session.get_one(schema.Situation, id).referent = "colleague"
        reveal(session, colleague, id)
        decide_on(session, colleague, id)

    row = one_row(home, taken_over)
    assert (row["opinion"], row["revealed"], row["decision"]) == ("yes", True, "in_hand")


@pytest.mark.safeguard
def test_s28_what_was_decided_without_the_signal_says_nothing_about_it(home: Home) -> None:
    def without(session: Session, actor: Actor, _colleague: Actor, id: str) -> None:
        session.get_one(schema.Model, VERSION).state = ModelState.SUSPENDED
        review.go_without_signal(session, actor, id, now=NOW, today=TODAY)
        decide_on(session, actor, id)

    row = one_row(home, without)
    assert (row["opinion"], row["revealed"]) == ("no", False)
    assert pd.isna(row["decision"])


def test_a_model_answers_for_what_it_placed_and_for_its_own_time(home: Home) -> None:
    with home.transaction() as session:
        lea = educator(session, "lea")
        directory(session, stay("new"), stay("later"), stay("after"))
        open_by(session, lea, "later", days=1)
        model_in_state(session, ModelState.APPROVED, "m2")
        queue.fill(
            session,
            run=ScoringRun("m2", AS_OF + timedelta(days=28), "protocol", 0, 0),
            situations=[new_situation("new")],
            rng_key=b"k" * 32,
            by=CLI,
            now=NOW + timedelta(days=2),
            due_on=DUE_ON,
        )
        open_by(session, lea, "after", days=3)
        first = set(situations_of(session, VERSION, b"k" * 32)["person"])
        second = set(situations_of(session, "m2", b"k" * 32)["person"])
    assert first == {*PEOPLE[:150], "later"}
    assert second == {"new", "after"}


def test_everybody_accompanied_is_counted_once(home: Home) -> None:
    with home.transaction() as session:
        gone = [stay(f"g{i}", left_on=date(2025, 6, 1)) for i in range(20)]
        unknown = [stay(f"u{i}") for i in range(20)]
        directory(
            session,
            *gone,
            *unknown,
            *(stay(p, f"e{i % EDUCATORS}") for i, p in enumerate(PEOPLE[:175])),
        )
    # p175 … p179 are no longer known and had nothing of this model; the attributes stay.
    persons = {group.value: group.persons for group in told(home).groups}
    assert persons == {"femme": 88, "homme": 87, "inconnu": 20}


def test_there_is_nothing_to_tell_before_the_first_queue(home: Home) -> None:
    with home.transaction() as session:
        model_in_state(session, ModelState.PROPOSED, "m9")
        assert human_side_of(home, session, "m9", PROTOCOL) is None


def test_an_attribute_that_was_never_imported_is_named(home: Home) -> None:
    other = protocol(audit='[audit]\nattributes = ["interprete"]')
    with home.transaction() as session, pytest.raises(NoAttributes, match="interprete"):
        human_side_of(home, session, VERSION, other)


def test_a_protocol_without_attributes_has_totals_only(home: Home) -> None:
    with home.transaction() as session:
        side = human_side_of(home, session, VERSION, protocol())
    assert side is not None
    assert side.groups == ()
    assert counted(side.followed) == (35, 70)


@pytest.mark.safeguard
def test_s24_ten_educators_leave_no_figure_about_what_they_did(tmp_path: Path) -> None:
    few = build(tmp_path / "home", 10)
    side = told(few)
    few.sessions.kw["bind"].dispose()
    assert side.educators is None
    assert side.alarms == ()
    assert {side.with_signal, side.followed, side.missed, side.self_opened} == {NOT_TOLD}
    for group in side.groups:
        assert group.persons == 90
        assert {group.shown, group.agreed, group.offered, group.dismissed} == {NOT_TOLD}


@pytest.mark.safeguard
def test_s24_the_audit_is_handed_no_login_and_no_team(home: Home) -> None:
    with home.transaction() as session:
        table = situations_of(session, VERSION, home.keys.subkey("educators"))
    assert table["educator"].nunique() == EDUCATORS
    assert table["educator"].str.fullmatch("[0-9a-f]{32}").all()
    assert not table.isin([TEAM, *(f"e{i}" for i in range(EDUCATORS))]).any(axis=None)


@pytest.mark.safeguard
def test_s36_when_a_page_was_read_changes_nothing(home: Home) -> None:
    """Reading again and again, hours later, leaves the same table: no time is taken over."""
    with home.transaction() as session:
        before = situations_of(session, VERSION, b"k" * 32)
        reader = session.scalars(select(schema.User).where(schema.User.login == "e0")).one()
        actor = Actor(reader.login, reader.role, reader.team, reader.id)
        ids = session.scalars(
            select(schema.Situation.id).where(schema.Situation.referent == "e0")
        ).all()
        for id in ids:
            for hours in range(1, 4):
                review.read_situation(
                    session, actor, id, now=NOW + timedelta(hours=hours), today=TODAY
                )
        after = situations_of(session, VERSION, b"k" * 32)
    order = ["person", "kind"]
    pd.testing.assert_frame_equal(
        before.sort_values(order, ignore_index=True), after.sort_values(order, ignore_index=True)
    )
    assert not [name for name in before.columns if name.endswith("_at") or "time" in name]
