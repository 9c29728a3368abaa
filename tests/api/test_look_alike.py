"""A signal, a control and an educator's own opening are one before the reveal (S2, S35).

Three homes differ in one thing: why one situation, of the same id, person and facts, is in
the queue. Whatever is done before the reveal is answered alike: status, headers, bytes, and
the SQL statements executed on the way, so that no clock tells them apart either.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from revue import queue, review
from revue.accounts import actor_for
from revue.records import NewSituation, ScoringRun, SituationKind
from tests.api.web_home import (
    AS_OF,
    CLI,
    NOW,
    PEOPLE,
    VERSION,
    House,
    build,
    history,
    signal,
)

ID = "look-alike-_0123"
PERSON = PEOPLE["quiet"]
TODAY = NOW.date()
IN_TWO_DAYS = str(TODAY + timedelta(2))

PAGES: tuple[str, ...] = (
    "/queue",
    "/queue?show=due",
    "/queue?show=all",
    "/people",
    "/people/{person}",
    "/situations/{id}",
    "/situations/{id}/sheet",
    "/situations/{id}/signal",
)
"""The HTML pages that are compared as well, at every stage; ``{id}`` and ``{person}`` in them."""

READ = (
    ("GET", "/api/v1/queue", None),
    ("GET", "/api/v1/people", None),
    ("GET", "/api/v1/people/{person}", None),
    ("GET", "/api/v1/situations/{id}", None),
    ("GET", "/api/v1/situations/{id}/signal", None),
    *(("GET", page, None) for page in PAGES),
)
AT = "/api/v1/situations/{id}"
DECISION = {"kind": "not_relevant", "reason": "Vu."}
SECOND_VIEW = {"opinion": "yes", "why": "Deux messages."}

STEPS = (
    *READ,
    ("POST", "/api/v1/people/{person}/open", None),
    ("POST", f"{AT}/signal", None),
    ("POST", f"{AT}/without-signal", None),
    ("POST", f"{AT}/decision", DECISION),
    ("POST", f"{AT}/follow-up", {"became": "Vu."}),
    ("POST", f"{AT}/second-look", None),
    ("POST", f"{AT}/claim", None),
    ("POST", f"{AT}/release", None),
    ("POST", f"{AT}/put-off", {"until": "9999-12-31"}),
    ("POST", f"{AT}/put-off", {"until": str(AS_OF + timedelta(91))}),
    ("POST", f"{AT}/put-off", {"until": IN_TWO_DAYS}),
    *READ,
    ("POST", f"{AT}/resume", None),
    ("POST", f"{AT}/contest", {"words": "Non."}),
    *READ,
    ("POST", f"{AT}/signal", None),
    ("dina", "/api/v1/rights/contestations/{id}", {"outcome": "kept", "answer": "Vu."}),
    ("POST", f"{AT}/view", SECOND_VIEW),
    *READ,
    ("POST", f"{AT}/decision", DECISION),
    ("POST", f"{AT}/without-signal", None),
    ("anne", f"/api/v1/models/{VERSION}/suspend", {"reason": "Un doute."}),
    *READ,
    ("POST", f"{AT}/signal", None),
    ("anne", f"/api/v1/models/{VERSION}/resume", {"reason": "Vérifié."}),
    ("POST", f"{AT}/handled-elsewhere", None),
    *READ,
)
"""Who does what: a method as claire, or a login that posts."""


@dataclass(frozen=True)
class Told:
    """All that somebody outside could learn from one request, clocks included."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    statements: list[str]


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[SituationKind, House]]:
    folder = tmp_path_factory.mktemp("alike")
    template = build(folder / "home")
    yield {kind: _house(template, kind, folder / kind.value) for kind in SituationKind}


def _house(template: House, kind: SituationKind, folder: Path) -> House:
    folder.mkdir()
    house = template.copy(folder)
    facts = history(7)

    def placed(person: str, why: SituationKind, team: str, referent: str) -> NewSituation:
        return NewSituation(person, team, referent, why, facts, signal(), 1.0)

    situations = [placed("9" * 16, SituationKind.SIGNAL, "accueil", "lea")]
    if kind is not SituationKind.SELF_OPENED:
        situations.append(placed(PERSON, kind, "insertion", "claire"))
    with house.home.transaction() as session:
        queue.fill(
            session,
            run=ScoringRun(VERSION, AS_OF, "0" * 64, unserved=4, not_informed=3),
            situations=situations,
            rng_key=b"alike",
            by=CLI,
            now=NOW,
            due_on=AS_OF + timedelta(days=14),
        )
    claire = actor(house, "claire")
    with house.home.transaction() as session:
        if kind is SituationKind.SELF_OPENED:
            due_on = TODAY + timedelta(3)
            review.open_own(
                session, claire, person=PERSON, facts=facts, due_on=due_on, now=NOW, today=TODAY
            )
        (id,) = queue.ids_of(session, PERSON, today=TODAY)
    assert re.fullmatch("[A-Za-z0-9_-]{16}", id), "ids have one length and one alphabet"
    # The id is drawn; here it is the same for all three, so that whole pages can be compared.
    with closing(sqlite3.connect(house.home.database)) as database, database:
        database.execute("UPDATE situations SET id = ? WHERE id = ?", (ID, id))
        signals = "SELECT as_of, content FROM signals WHERE situation_id = ?"
        frozen = database.execute(signals, (id,)).fetchall()  # never changed, so placed anew
        database.execute("DELETE FROM signals WHERE situation_id = ?", (id,))
        database.executemany("INSERT INTO signals VALUES (?, ?, ?)", [(ID, *row) for row in frozen])
    return house


def actor(house: House, login: str) -> Any:
    with house.home.transaction() as session:
        return actor_for(session, login)


def check_alike(
    houses: dict[SituationKind, House], folder: Path, steps: Sequence[Any], day: date = TODAY
) -> set[int]:
    """Do the steps in a copy of each home on a day: all is told alike; returns the statuses."""
    told = {}
    for kind, kept in houses.items():
        house = House(kept.home, {}).copy(_made(folder / kind.value)).on(day)
        clients = {login: house.client(login) for login in ("claire", "dina", "anne")}
        statements: list[str] = []
        engine = house.home.sessions.kw["bind"]
        event.listen(
            engine,
            "before_cursor_execute",
            lambda *call, into=statements: into.append(call[2]),
        )
        told[kind] = []
        for who, path, body in steps:
            method, login = (who, "claire") if who in {"GET", "POST"} else ("POST", who)
            statements.clear()
            answer = clients[login].request(method, path.format(id=ID, person=PERSON), json=body)
            told[kind].append(
                Told(
                    answer.status_code,
                    sorted(answer.headers.multi_items()),
                    answer.content.replace(clients[login].headers["X-CSRF-Token"].encode(), b""),
                    list(statements),
                )
            )
    for step, first, *others in zip(steps, *told.values(), strict=True):
        assert first.status < 500, step
        for other in others:
            assert other.status == first.status, (step, first.body, other.body)
            assert other.headers == first.headers, step
            assert other.body == first.body, step
            assert other.statements == first.statements, step
    return {answer.status for answer in next(iter(told.values()))}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.safeguard
def test_s02_s35_nothing_tells_the_kinds_apart_before_the_reveal(
    houses: dict[SituationKind, House], tmp_path: Path
) -> None:
    assert check_alike(houses, tmp_path, STEPS) == {200, 409, 422}


@pytest.mark.safeguard
@pytest.mark.parametrize("days", [90, 91])
def test_s02_s35_nor_does_the_end_of_their_validity(
    houses: dict[SituationKind, House], tmp_path: Path, days: int
) -> None:
    steps = (*READ, ("POST", f"{AT}/view", SECOND_VIEW), *READ)
    check_alike(houses, tmp_path, steps, AS_OF + timedelta(days))


@pytest.mark.safeguard
def test_s02_the_reveal_alone_tells_the_kind(
    houses: dict[SituationKind, House], tmp_path: Path
) -> None:
    queues = []
    for kind, kept in houses.items():
        claire = House(kept.home, {}).copy(_made(tmp_path / kind.value)).client("claire")
        at = AT.format(id=ID)
        claire.post(f"{at}/view", json={"opinion": "unknown"})
        revealed = claire.post(f"{at}/signal").json()
        assert revealed["kind"] == kind
        assert (revealed["signal"] is not None) is (kind is SituationKind.SIGNAL)
        decisions = claire.get(at).json()["decisions"]
        assert ("not_relevant" in decisions) is (kind is SituationKind.SIGNAL)
        queues.append(claire.get("/api/v1/queue").content)
    assert len(set(queues)) == 1
