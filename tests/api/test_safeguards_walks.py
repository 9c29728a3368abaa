"""Every address as every role, every file and every table: what nobody may read is not there.

Walks for S1 (estimates), S3 (closed list), S24 and S36 (figures on educators), S34 (people
without a signal, households), S35 (random looks) and S33 (danger, whatever is broken).
"""

from __future__ import annotations

import logging
import re
import sqlite3
import traceback
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.backup import back_up
from api.cli import main
from api.web.app import ROUTERS, create_app
from modeles.explanation import Signal
from revue import committee, schema
from revue.accounts import actor_for
from revue.records import WhyNot
from tests.api.web_home import (
    AGAINST,
    CLI,
    NOW,
    PEOPLE,
    REASONS,
    USERS,
    VERSION,
    House,
    TestClient,
    build,
    signal,
)
from tests.conftest import DemoHome

EDUCATORS = ("claire", "karim", "lea")
EVERYBODY = tuple(login for login, _, _ in USERS)
SCORE = ("1.7345678", "1,7345678", "1.734", "1,734")
ESTIMATE = (*SCORE, *REASONS, *AGAINST, "Aucune information sur l'emploi.")  # fmt: skip
"""What only a signal says: the score, which nobody reads, and what is told once it is revealed."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("walks") / "home")


@pytest.fixture
def house(template: House, tmp_path: Path) -> House:
    return template.copy(tmp_path)


def addresses(house: House) -> list[str]:
    """Every address that is read, with every situation, person and model there is."""
    named = {"situation_id": house.ids.values(), "person": PEOPLE.values(), "version": [VERSION],
             "exercise_id": ["x"], "request_id": ["x"]}  # fmt: skip
    found = []
    for router in ROUTERS:
        for route in router.routes:
            if "GET" not in route.methods:
                continue
            (name,) = re.findall(r"{(\w+)}", route.path) or [None]
            found += (
                [route.path.replace(f"{{{name}}}", value) for value in named[name]]
                if name
                else [route.path]
            )
    return found


@dataclass(frozen=True)
class Seen:
    """One answer: who asked where, and what it said, without marks around numbers."""

    login: str
    path: str
    text: str


@pytest.fixture(scope="module")
def walked(template: House, tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    """Every address as everybody, once one educator revealed one signal and one control."""
    house = template.copy(tmp_path_factory.mktemp("walked"))
    for kind in ("signal", "control"):
        reveal(house, house.ids[kind])
    found = []
    for login in EVERYBODY:
        client = house.client(login)
        for path in addresses(house):
            text = client.get(path).text.replace("<b>", "").replace("</b>", "")
            found.append(Seen(login, path, text.replace("&#39;", "'")))
    return found


def reveal(house: House, id: str) -> TestClient:
    """Go as far as the signal, as the educator who accompanies the person."""
    claire = house.client("claire")
    claire.post(f"/api/v1/situations/{id}/view", json={"opinion": "no", "why": ""})
    assert claire.post(f"/api/v1/situations/{id}/signal").status_code == 200
    return claire


def told(text: str, canaries: tuple[str, ...]) -> list[str]:
    return [one for one in canaries if one in text]


@pytest.mark.safeguard
def test_s01_no_role_reads_an_estimate_at_any_address(house: House, walked: list[Seen]) -> None:
    """What one educator revealed stands at that educator's own addresses, the score nowhere."""
    assert len(addresses(house)) > 70
    assert len(walked) == len(addresses(house)) * len(EVERYBODY)
    own = {f"{prefix}/situations/{house.ids['signal']}" for prefix in ("", "/api/v1")}
    allowed = {("claire", f"{path}{end}") for path in own for end in ("", "/signal")}
    page, program = (f"{prefix}/situations/{house.ids['signal']}" for prefix in ("", "/api/v1"))
    found = set()
    for one in walked:
        assert told(one.text, SCORE) == [], one.path
        if told(one.text, ESTIMATE):
            found.add((one.login, one.path))
    assert {("claire", page), ("claire", f"{program}/signal")} <= found
    assert found <= allowed - {("claire", program)}


@pytest.mark.safeguard
def test_s01_no_log_line_file_or_other_table_holds_an_estimate(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    id, claire = house.ids["signal"], house.client("claire")
    with caplog.at_level(logging.DEBUG):
        claire.post(f"/api/v1/situations/{id}/view", json={"opinion": "no", "why": ""})
        claire.post(f"/api/v1/situations/{id}/signal")
        claire.post(f"/situations/{id}/decision", data={"csrf": claire.headers["X-CSRF-Token"]})
        claire.post(
            f"/api/v1/situations/{id}/decision", json={"kind": "in_hand", "reason": "Déjà vu."}
        )
    assert told(caplog.text, ESTIMATE) == []
    for path in house.home.folder.rglob("*"):
        if path.is_file() and not path.name.startswith("review.db"):
            content = path.read_bytes()
            assert [one for one in ESTIMATE if one.encode() in content] == [], path
    with closing(sqlite3.connect(house.home.database)) as database:
        for table in schema.Base.metadata.tables:
            rows = database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - our own
            assert bool(told(str(rows), ESTIMATE)) is (table == "signals"), table


@pytest.mark.safeguard
def test_s01_a_damaged_signal_is_repeated_by_no_fault(house: House) -> None:
    """What does not fit is a fault of ours, whose words stand in the log of the service."""
    id, claire = house.ids["signal"], house.client("claire")
    with closing(sqlite3.connect(house.home.database)) as database, database:
        (told,) = database.execute("SELECT content FROM signals WHERE situation_id = ?", (id,))
        damaged = told[0].replace('"per_100": 15', '"per_100": "canari-estimation"')
        assert damaged != told[0]
        database.execute("DELETE FROM signals WHERE situation_id = ?", (id,))
        database.execute("INSERT INTO signals VALUES (?, ?, ?)", (id, "2026-11-16", damaged))
    claire.post(f"/api/v1/situations/{id}/view", json={"opinion": "no", "why": ""})
    for method, path in (
        ("POST", f"/api/v1/situations/{id}/signal"),
        ("GET", f"/api/v1/situations/{id}/signal"),
        ("GET", f"/situations/{id}/signal"),
        ("GET", f"/situations/{id}"),
    ):
        with pytest.raises((ValidationError, TypeError)) as fault:
            claire.request(method, path)
        said = "".join(traceback.format_exception_only(fault.value))
        assert "canari-estimation" not in said, path


@pytest.mark.safeguard
def test_s01_no_backup_holds_an_estimate_to_be_read(house: House, tmp_path: Path) -> None:
    """In a backup each signal is sealed with its person's own key, and nothing tells of one."""
    made = back_up(house.home, tmp_path / "all.rebond", by=CLI)
    content = made.file.read_bytes()
    assert [one for one in (*ESTIMATE, *PEOPLE.values()) if one.encode() in content] == []
    assert made.file.stat().st_mode & 0o077 == 0


@pytest.mark.safeguard
def test_s01_no_command_prints_an_estimate(
    demo_home: DemoHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = demo_home.copy(tmp_path / "home")
    with closing(sqlite3.connect(home.folder / "review.db")) as database:
        signals = [
            (Signal.from_json(content), person)
            for content, person in database.execute(
                "SELECT content, person FROM signals JOIN situations ON id = situation_id"
            )
        ]
        version = signals[0][0].model
        people = {p for (p,) in database.execute("SELECT person FROM people")}
    assert len(signals) == 90
    for command in (
        ("score",), ("journal", "verify"), ("model", "show", version), ("wording", "list"),
        ("model", "diff", version, version), ("digest", str(tmp_path / "digest")),
        ("user", "add", "nouvelle", "--role", "dpo"),
    ):  # fmt: skip
        for form in ((), ("--json",)):
            with pytest.raises(SystemExit):
                main(["--home", str(home.folder), *command, *form])
            said = "".join(capsys.readouterr())
            assert not [s for s, _ in signals if repr(s.score)[:8] in said], command
            assert not [p for p in people if p in said], command
    for path in (tmp_path / "digest").rglob("*") if (tmp_path / "digest").exists() else ():
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [p for p in people if p in text], path


@pytest.mark.safeguard
def test_s01_a_service_decides_nothing_in_the_file_itself(house: House) -> None:
    """A row without a person, of an account that is no educator, or of nobody's view."""
    id = house.ids["signal"]
    reveal(house, id)
    with closing(sqlite3.connect(house.home.database)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        ids = dict(database.execute("SELECT login, id FROM users").fetchall())
        columns = [row[1] for row in database.execute("PRAGMA table_info(decisions)")]
        row = dict.fromkeys(columns) | {
            "situation_id": id, "number": 0, "user_id": ids["claire"], "kind": "in_hand",
            "reason": "x", "informed": 0, "words": "", "safe_contact": 0, "at": "2026-11-21",
        }  # fmt: skip
        places = ", ".join("?" * len(columns))
        attempts = [
            {"user_id": who} for who in (None, 999, *(ids[n] for n in ids if n != "claire"))
        ]
        for change in (*attempts, {"reason": " "}, {"kind": "suspend_aid"}, {"number": 1}):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(
                    f"INSERT INTO decisions VALUES ({places})",  # noqa: S608 - our own
                    [(row | change)[name] for name in columns],
                )
        database.execute(
            f"INSERT INTO decisions VALUES ({places})",  # noqa: S608 - our own
            [row[name] for name in columns],
        )


@pytest.mark.safeguard
def test_s03_no_door_takes_an_aid_away(house: House) -> None:
    id = house.ids["signal"]
    claire = reveal(house, id)
    token = claire.headers["X-CSRF-Token"]
    for asked in (
        {"kind": "suspend_aid", "reason": "x"},
        {"kind": "offer", "offers": ["suspend_aid"], "reason": "x"},
        {"kind": "offer", "offers": ["Suspend_Aid", "trajet"], "reason": "x"},
    ):
        assert claire.post(f"/api/v1/situations/{id}/decision", json=asked).status_code == 422
        sent = claire.post(f"/situations/{id}/decision", data={**asked, "csrf": token})
        assert sent.status_code == 422
    offered = {"kind": "offer", "offers": ["trajet"], "reason": "x"}
    assert claire.post(f"/api/v1/situations/{id}/decision", json=offered).status_code == 200
    with closing(sqlite3.connect(house.home.database)) as database:
        for statement in (
            f"INSERT INTO decision_offers VALUES ('{id}', 0, 'suspend_aid', '2026-11-21')",  # noqa: S608
            "UPDATE decision_offers SET offer = 'suspend_aid'",
            "UPDATE decisions SET kind = 'suspend_aid'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(statement)


@pytest.mark.safeguard
def test_s34_nobody_can_list_who_was_not_flagged(house: House, walked: list[Seen]) -> None:
    """Why somebody is not in the queue says nothing of how near they were, nor to others."""
    without = [PEOPLE["quiet"], PEOPLE["not_informed"]]
    labels = [f"{person[:4].upper()}-{person[4:6].upper()}" for person in without]
    for one in walked:
        if one.login not in EDUCATORS and not told(one.path, tuple(PEOPLE.values())):
            assert told(one.text, (*without, *labels)) == [], (one.login, one.path)
    rows = house.client("claire").get("/api/v1/people").json()["people"]
    assert {row["why"] for row in rows} <= {why.value for why in WhyNot}
    for row in rows:
        assert not [key for key, value in row.items() if isinstance(value, float)]
    by_person = {row["person"]: row["why"] for row in rows}
    assert by_person[PEOPLE["quiet"]] == WhyNot.NOT_RETAINED.value
    with closing(sqlite3.connect(house.home.database)) as database:
        for table in schema.Base.metadata.tables:
            held = str(database.execute(f'SELECT * FROM "{table}"').fetchall())  # noqa: S608
            assert bool(told(held, tuple(without))) is (table == "people"), table


@pytest.mark.safeguard
def test_s34_no_file_tells_who_was_scored_and_not_flagged(demo_home: DemoHome) -> None:
    with closing(sqlite3.connect(demo_home.folder / "review.db")) as database:
        people = {p for (p,) in database.execute("SELECT person FROM people")}
        placed = {p for (p,) in database.execute("SELECT person FROM situations")}
    quiet = sorted(people - placed)[::40]
    assert len(quiet) > 20
    for path in demo_home.folder.rglob("*"):
        inside = path.relative_to(demo_home.folder).parts[0]
        if (
            path.is_file()
            and inside not in {"events", "keys"}
            and not path.name.startswith("review.db")
        ):
            content = path.read_bytes()
            assert not [person for person in quiet if person.encode() in content], path


@pytest.mark.safeguard
def test_s34_households_are_nowhere_that_people_read(walked: list[Seen]) -> None:
    for table in schema.Base.metadata.tables.values():
        assert not [column.name for column in table.columns if "household" in column.name]
    for one in walked:
        if "/safeguards" not in one.path:  # it says what households serve for
            assert not re.search(r"household|foyer", one.text, re.IGNORECASE), one.path


@pytest.mark.safeguard
def test_s35_a_random_look_is_asked_of_who_accompanies_the_person_already(house: House) -> None:
    control = house.ids["control"]
    for login in EVERYBODY:
        client = house.client(login)
        queue = client.get("/api/v1/queue")
        listed = queue.status_code == 200 and control in queue.text
        assert listed is (login == "claire"), login
        for path in (f"/situations/{control}", f"/api/v1/situations/{control}"):
            assert (client.get(path).status_code == 200) is (login == "claire"), login


@pytest.mark.safeguard
def test_s24_s36_no_page_of_oversight_names_an_educator(walked: list[Seen]) -> None:
    """But the journal, which says who did what and is no measure of anybody."""
    oversight = {"sonia", "anne", "paul", "dina", "adam"}
    named = re.compile(rf"\b({'|'.join(EDUCATORS)})\b")
    for one in walked:
        if one.login in oversight and not one.path.endswith(("/journal", "/openapi.json")):
            assert not named.search(one.text), (one.login, one.path)


@pytest.mark.safeguard
def test_s36_a_first_sign_in_gets_no_signal_at_any_door(house: House) -> None:
    karim, id = house.client("karim"), house.ids["colleague"]
    karim.post(f"/api/v1/situations/{id}/view", json={"opinion": "no", "why": ""})
    for prefix in ("", "/api/v1"):
        answer = karim.post(f"{prefix}/situations/{id}/signal")
        assert answer.status_code in {403, 303}
        assert told(karim.get(f"{prefix}/situations/{id}").text, ESTIMATE) == []
        assert karim.get(f"{prefix}/situations/{id}/signal").status_code in {303, 403, 409}
    asked = {"kind": "in_hand", "reason": "x"}
    assert karim.post(f"/api/v1/situations/{id}/decision", json=asked).status_code == 409


@pytest.mark.safeguard
@pytest.mark.parametrize("door", ["page", "json"])
def test_s33_danger_goes_through_whatever_stands_in_the_way(house: House, door: str) -> None:
    """Contested, stopped, and with a journal that does not hold any more, all at once."""
    id, claire = house.ids["signal"], house.client("claire")
    claire.post(f"/api/v1/situations/{id}/claim")
    claire.post(f"/api/v1/situations/{id}/contest", json={"words": "Non."})
    with house.home.transaction() as session:
        anne = actor_for(session, "anne")
        committee.suspend(session, anne, version=VERSION, reason="doute", today=NOW.date(), now=NOW)
    with closing(sqlite3.connect(house.home.database)) as database, database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'journal%'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE journal_entries SET subject = 'x' WHERE act = 'claim'")
        database.execute("UPDATE journal_heads SET root = 'y'")
    assert house.client("dina").get("/api/v1/journal").json()["ok"] is False
    if door == "page":
        token = claire.headers.pop("X-CSRF-Token")
        sent = claire.post(f"/situations/{id}/handled-elsewhere", data={"csrf": token})
        assert sent.status_code == 303
    else:
        assert claire.post(f"/api/v1/situations/{id}/handled-elsewhere").status_code == 200
    assert claire.get(f"/api/v1/situations/{id}").json()["state"] == "handled_elsewhere"


@pytest.mark.safeguard
@pytest.mark.parametrize("door", ["page", "json"])
def test_s33_a_busy_database_refuses_with_the_numbers_to_call_and_keeps_no_half(
    house: House, door: str
) -> None:
    """Another process writes for longer than anybody waits; afterwards the act goes through."""
    id, opened = house.ids["signal"], house.session_of("claire")
    claire = TestClient(
        create_app(house.home), follow_redirects=False, raise_server_exceptions=False
    )
    claire.cookies.set("rebond", opened.token)
    with house.home.sessions.kw["bind"].connect() as one:
        one.exec_driver_sql("PRAGMA busy_timeout = 50")  # of the one connection there is
    path = f"/situations/{id}/handled-elsewhere"
    asked = (
        {"url": path, "data": {"csrf": opened.csrf}}
        if door == "page"
        else {"url": f"/api/v1{path}", "headers": {"X-CSRF-Token": opened.csrf}}
    )
    with closing(sqlite3.connect(house.home.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = claire.post(**asked)
        assert answer.status_code == 500
        if door == "page":
            for number in ("tel:15", "tel:112", "tel:119"):
                assert number in answer.text
            assert "Personne ne surveille cette file en continu" in answer.text
        assert claire.get("/api/v1/people").status_code == 500
        assert claire.get("/healthz").status_code == 200
    assert claire.post(**asked).status_code == (303 if door == "page" else 200)
    assert claire.get(f"/api/v1/situations/{id}").json()["state"] == "handled_elsewhere"


@pytest.mark.safeguard
@pytest.mark.parametrize("login", [None, "adam", "claire"])
def test_s26_no_other_spelling_or_method_opens_an_address(house: House, login: str | None) -> None:
    """What its owner may not read is no more readable as HEAD, with a slash, in capitals, twice."""
    client = house.client(login)
    id, other = house.ids["signal"], house.ids["colleague"]
    closed = [
        "/journal",
        "/rights",
        "/committee",
        "/team",
        "/api/v1/journal",
        f"/situations/{other}",
    ]
    if login != "claire":
        closed += ["/queue", "/people", f"/situations/{id}", f"/api/v1/situations/{id}/signal"]
    for path in closed:
        spellings = {
            *(f"{path}{end}" for end in ("", "/", "%2f", "//", ";a=b", ".json")),
            path.upper(),
            f"/static/..{path}",
        }
        for spelling in spellings:
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
                answer = client.request(method, f"http://testserver{spelling}")
                expected = {303, 307, 401, 403, 404, 405}
                assert answer.status_code in expected, (method, spelling)
                if answer.status_code in {303, 307}:
                    place = answer.headers["location"].removeprefix("http://testserver")
                    assert place.startswith("/login") or place == path, (method, spelling)
    # Nothing that a proxy or a form might send makes a reading an act.
    sent = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"}
    act = f"/situations/{id}/handled-elsewhere"
    assert client.get(f"{act}?_method=POST", headers=sent).status_code == 405


def test_the_canaries_stand_in_the_signal_itself() -> None:
    written = signal().to_json()
    assert [one for one in ESTIMATE if one in written]
