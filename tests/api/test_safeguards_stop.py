"""Around the committee's stop, over the wire: old pages, JSON, and two at the same moment (S28)."""

from __future__ import annotations

import html
import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from api.gate import approved_table
from api.home import Home
from revue import committee
from revue.accounts import actor_for
from revue.promotion import NotPromoted
from revue.records import SituationKind
from tests.api.web_home import AGAINST, NOW, REASONS, VERSION, House, build

SHOWN = ("ont connu une interruption", REASONS[0], AGAINST[0])
"""What only a signal says."""
FORM = re.compile(r'<form[^>]*action="([^"]+/signal)"')


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("stop") / "home")


@pytest.fixture
def house(template: House, tmp_path: Path) -> House:
    return template.copy(tmp_path)


def suspend(home: Home) -> None:
    with home.transaction() as session:
        anne = actor_for(session, "anne")
        committee.suspend(session, anne, version=VERSION, reason="doute", today=NOW.date(), now=NOW)


def viewed(house: House, kind: str = "signal") -> str:
    claire, id = house.client("claire"), house.ids[kind]
    answer = claire.post(f"/api/v1/situations/{id}/view", json={"opinion": "no", "why": ""})
    assert answer.status_code == 200
    return id


def set_back(house: House) -> None:
    """Edit the file of the database, as somebody with the disk would."""
    with closing(sqlite3.connect(house.home.database)) as database, database:
        database.execute("UPDATE models SET state = 'approved'")


def with_a_broken_journal(house: House) -> House:
    """Change one entry, as somebody with the disk would, and start the service again."""
    with closing(sqlite3.connect(house.home.database)) as database, database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'journal%'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE journal_entries SET subject = 'x' WHERE act = 'view'")
    home = Home(house.home.folder, house.home.keys_folder, house.home.clock)
    return House(home, house.ids)


@pytest.mark.safeguard
@pytest.mark.parametrize("edited", [False, True])
def test_s28_a_page_from_before_the_stop_brings_no_signal(house: House, edited: bool) -> None:
    id = viewed(house)
    claire = house.client("claire")
    old = claire.get(f"/situations/{id}")
    (action,) = FORM.findall(old.text)
    csrf = re.search(r'name="csrf" value="([^"]+)"', old.text)[1]
    suspend(house.home)
    if edited:
        set_back(house)
    del claire.headers["X-CSRF-Token"]
    sent = claire.post(action, data={"csrf": csrf})
    assert sent.status_code == 409
    for answer in (
        sent,
        claire.get(f"/situations/{id}"),
        claire.get(f"/situations/{id}/signal"),
        claire.get(f"/situations/{id}/sheet"),
        claire.get(f"/api/v1/situations/{id}"),
        claire.get(f"/api/v1/situations/{id}/signal"),
        claire.get("/queue"),
        claire.get("/api/v1/queue"),
    ):
        assert not [said for said in SHOWN if said in answer.text.replace("<b>", "")]
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers and "last-modified" not in answer.headers
    assert claire.get("/api/v1/queue").json()["stopped"] is True
    assert "a suspendu le modèle" in claire.get("/queue").text


@pytest.mark.safeguard
def test_s28_a_file_edited_before_the_service_starts_brings_no_signal(house: House) -> None:
    id = viewed(house)
    suspend(house.home)
    set_back(house)
    again = House(Home(house.home.folder, house.home.keys_folder, house.home.clock), house.ids)
    claire = again.client("claire")
    assert claire.post(f"/api/v1/situations/{id}/signal").status_code == 409
    assert claire.get("/api/v1/queue").json()["stopped"] is True


@pytest.mark.safeguard
def test_s28_whoever_asks_at_the_moment_of_the_stop_is_first_or_gets_nothing(house: House) -> None:
    """Once the stop is committed no answer holds a signal, however close the request was."""
    ids = [viewed(house, kind) for kind in ("signal", "second_signal")]
    barrier, committed = threading.Barrier(len(ids) + 1), threading.Event()
    late: list[str] = []

    def ask(client: httpx.Client, id: str) -> None:
        barrier.wait()
        for _ in range(4):
            after = committed.is_set()
            answer = client.post(f"/api/v1/situations/{id}/signal")
            if after and answer.status_code == 200:
                late.append(answer.text)

    with house.served() as url, ThreadPoolExecutor(len(ids)) as pool, ExitStack() as left_open:
        clients = [left_open.enter_context(house.client_at(url, "claire")) for _ in ids]
        asked = [pool.submit(ask, *pair) for pair in zip(clients, ids, strict=True)]
        barrier.wait()
        suspend(house.home)
        committed.set()
        for one in asked:
            one.result()
        assert late == []
        for client, id in zip(clients, ids, strict=True):
            assert client.get(f"/api/v1/situations/{id}/signal").status_code == 409


@pytest.mark.safeguard
def test_s28_no_kind_of_situation_is_left_out(house: House) -> None:
    ids = {kind: viewed(house, kind) for kind in ("signal", "control", "second_signal")}
    suspend(house.home)
    claire = house.client("claire")
    assert len(SituationKind) == 3
    for id in ids.values():
        assert claire.post(f"/api/v1/situations/{id}/signal").status_code == 409
        assert claire.post(f"/api/v1/situations/{id}/without-signal").status_code == 200


@pytest.mark.safeguard
def test_s28_where_the_journal_does_not_hold_nobody_says_that_the_committee_stopped(
    house: House,
) -> None:
    """The true reason on every page and answer; the way on and the danger stay open."""
    id, told = viewed(house), "Le journal de l'outil ne se vérifie plus"
    again = with_a_broken_journal(house)
    claire = again.client("claire")
    for path in ("/queue", f"/situations/{id}"):
        page = html.unescape(claire.get(path).text)
        assert told in page and "a suspendu" not in page and "est suspendu" not in page
        assert claire.get(f"/api/v1{path}").json()["stop"] == "unverified"
    refused = claire.post(f"/api/v1/situations/{id}/signal")
    assert refused.status_code == 409
    assert refused.json()["code"] == "SignalFrozen" and told in refused.json()["error"]
    english = claire.post(f"/api/v1/situations/{id}/signal", headers={"Accept-Language": "en"})
    assert "does not verify" in english.json()["error"]
    assert "aucun signal d'attention n'est montré" in html.unescape(
        again.client("dina").get("/journal").text
    )
    assert claire.post(f"/api/v1/situations/{id}/without-signal").status_code == 200
    assert claire.post(f"/api/v1/situations/{id}/handled-elsewhere").status_code == 200


def test_what_scores_says_whether_the_committee_or_the_journal_stops_it(house: House) -> None:
    viewed(house)
    suspend(house.home)
    with house.home.reading() as session, pytest.raises(NotPromoted, match="is suspended"):
        approved_table(house.home, session)
    home = with_a_broken_journal(house).home
    with home.reading() as session, pytest.raises(NotPromoted, match="journal does not verify"):
        approved_table(home, session)
