"""The educators' acts as JSON, for a whole life: what programs do is what people do on pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.web.app import ROUTERS
from revue import schema
from revue.records import State
from tests.api.lives import lives
from tests.api.web_home import AGAINST, NOW, PASSWORD, REASONS, VERSION, House, build

PREFIX = "/api/v1"
TODAY = NOW.date()
CANARIES = (*REASONS, *AGAINST, "per_100", "1.7345678")
"""What a signal alone says; the last one is a score, which nothing says."""

WHY, DECIDED = "canari-avis-de-claire", "canari-motif-de-claire"
OFFER = {"kind": "offer", "offers": ["trajet"], "reason": DECIDED}


@dataclass
class Program:
    """A signed-in program; it remembers every answer, for what must not be in one."""

    client: Any
    said: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        answer = self.client.request(method, f"{PREFIX}{path}", json=body)
        self.said.append((path, answer.text))
        return answer.status_code, answer.json()

    def get(self, path: str) -> Any:
        status, said = self.ask("GET", path)
        assert status == 200, said
        return said

    def do(self, path: str, **body: object) -> Any:
        status, said = self.ask("POST", path, body or None)
        assert status == 200, said
        return said

    def refused(self, path: str, method: str = "POST", **body: object) -> tuple[int, str]:
        status, said = self.ask(method, path, body or None)
        assert set(said) == {"error", "code"}, said
        return status, said["code"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("api") / "home")


@pytest.fixture
def house(template: House, tmp_path: Path) -> House:
    return template.copy(tmp_path)


@pytest.fixture
def programs(house: House) -> Iterator[dict[str, Program]]:
    """Sign everybody in, and hold every answer to S1 in the end."""
    people = ("claire", "karim", "lea", "remy", "dina", "anne")
    made = {login: Program(house.client(login)) for login in people}
    yield made
    for program in made.values():
        for path, text in program.said:
            told = json.dumps(json.loads(text), ensure_ascii=False)
            found = [canary for canary in CANARIES if canary in told]
            assert not found or path.endswith("/signal"), (path, found)
            assert CANARIES[-1] not in told, path


@pytest.fixture
def claire(programs: dict[str, Program]) -> Program:
    return programs["claire"]


@pytest.fixture
def karim(programs: dict[str, Program]) -> Program:
    return programs["karim"]


@pytest.fixture
def at(house: House) -> str:
    return f"/situations/{house.ids['signal']}"


def item(program: Program, id: str) -> dict[str, Any] | None:
    found = [item for item in program.get("/queue")["items"] if item["id"] == id]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_whole_life(house: House, claire: Program, at: str) -> None:
    id = house.ids["signal"]
    before = item(claire, id)
    assert before is not None
    assert before["state"] == "to_look_at"
    assert before["waits_for_me"]
    assert "kind" not in before
    page = claire.get(at)
    assert next(iter(page)) == "danger"
    assert "115" in {number["number"] for number in page["danger"]["numbers"]}
    assert "view" in page["acts"]
    assert not {"signal", "decide"} & set(page["acts"])
    assert page["decisions"] == []
    for path in (f"{at}/signal", f"{at}/decision"):
        body = OFFER if path.endswith("decision") else {}
        assert claire.refused(path, **body) == (409, "ActOutOfOrder")
    assert claire.refused(f"{at}/signal", "GET") == (409, "SignalNotRevealed")

    held = claire.do(f"{at}/claim")
    assert held["held_by"] == "claire"
    assert held["held_until"] > NOW.isoformat()
    assert item(claire, id)["held_by"] == "claire"  # type: ignore[index]
    assert claire.do(f"{at}/release")["held_by"] is None

    assert claire.refused(f"{at}/view", opinion="yes", why=" ") == (422, "WhyMissing")
    assert claire.do(f"{at}/view", opinion="unknown")["state"] == "viewed"
    assert claire.refused(f"{at}/view", opinion="no") == (409, "ActOutOfOrder")
    assert claire.refused(f"{at}/decision", **OFFER) == (409, "ActOutOfOrder")
    revealed = claire.do(f"{at}/signal")
    assert revealed["kind"] == "signal"
    assert [reason["text"] for reason in revealed["signal"]["reasons"]] == list(REASONS)
    assert revealed["signal"]["estimate"]["per_100"] == 15
    assert claire.get(f"{at}/signal") == claire.do(f"{at}/signal") == revealed

    assert claire.refused(f"{at}/follow-up", became="Vu.") == (409, "ActOutOfOrder")
    call = {**OFFER, "contact": "call", "again_on": str(TODAY + timedelta(7))}
    for wrong, code in (
        (call, "UnsafeContact"),
        ({**OFFER, "offers": []}, "OfferMissing"),
        ({**OFFER, "kind": "in_hand"}, "OfferNotMeant"),
        ({**OFFER, "offers": ["suspend_aid"]}, "UnknownOffer"),
        ({**OFFER, "reason": " ."}, "ReasonMissing"),
        ({**OFFER, "kind": "suspend_aid"}, "InvalidRequest"),
        ({**OFFER, "again_on": str(TODAY - timedelta(1))}, "DatePast"),
        ({"kind": "team", "reason": DECIDED}, "DateMissing"),
    ):
        assert claire.refused(f"{at}/decision", **wrong) == (422, code)
    words = "Plutôt le matin. <b>"
    decided = claire.do(f"{at}/decision", **call, safe_contact=True, words=words, informed=True)
    assert decided["state"] == "decided"
    assert decided["again_on"] == call["again_on"]
    kept = decided["decision"]
    assert kept["offers"] == ["trajet"]
    assert (kept["words"], kept["contact"], kept["informed"]) == (words, "call", True)
    assert claire.refused(f"{at}/decision", **OFFER) == (409, "ActOutOfOrder")

    coming = item(claire, id)
    assert coming is not None
    assert (coming["due_on"], coming["waits_for_me"]) == (call["again_on"], False)
    assert claire.refused(f"{at}/follow-up", became="Vu.") == (422, "AnswerMissing")
    followed = claire.do(f"{at}/follow-up", answer="accepted", became="Le trajet est pris.")
    assert followed["state"] == "followed_up"
    assert [told["became"] for told in followed["follow_ups"]] == ["Le trajet est pris."]
    assert item(claire, id) is None
    assert followed == claire.get(at)


def test_put_off_and_back(house: House, claire: Program, at: str) -> None:
    for day, code in (
        (TODAY, "DatePast"),
        (TODAY + timedelta(61), "PutOffTooFar"),
        ("9999-12-31", "PutOffTooFar"),
    ):
        assert claire.refused(f"{at}/put-off", until=str(day)) == (422, code)
    until = TODAY + timedelta(7)
    put_off = claire.do(f"{at}/put-off", until=str(until))
    assert (put_off["state"], put_off["again_on"]) == ("put_off", str(until))
    waiting = item(claire, house.ids["signal"])
    assert waiting is not None
    assert (waiting["due_on"], waiting["waits_for_me"]) == (str(until), False)
    assert claire.refused(f"{at}/view", opinion="no") == (409, "ActOutOfOrder")

    resumed = claire.do(f"{at}/resume")
    assert (resumed["state"], resumed["again_on"]) == ("to_look_at", None)
    assert claire.refused(f"{at}/resume") == (409, "ActOutOfOrder")

    claire.do(f"{at}/put-off", until=str(until))
    later = house.on(until)
    back = Program(later.client("claire"))
    assert back.get(at)["state"] == "to_look_at"
    assert item(back, house.ids["signal"])["waits_for_me"]  # type: ignore[index]


@pytest.mark.safeguard
def test_s02_the_second_reader_sees_nothing_of_the_first(
    house: House, claire: Program, karim: Program, at: str
) -> None:
    id = house.ids["signal"]
    assert karim.refused(at, "GET") == (404, "NotFound")
    claire.do(f"{at}/view", opinion="no", why=WHY)
    claire.do(f"{at}/signal")
    asked = claire.do(f"{at}/decision", **OFFER)
    assert asked["state"] == "second_look"
    assert asked["second_look"]["reader"] == "karim"
    assert asked["second_look"]["view"] is None

    look = item(karim, id)
    assert look is not None
    assert (look["part"], look["waits_for_me"]) == ("second_reader", True)
    blind = karim.get(at)
    nothing = ("view", "decision", "second_look", "held_by", "again_on", "contestation")
    assert {blind[key] for key in nothing} == {None}
    assert blind["follow_ups"] == blind["decisions"] == []
    assert blind["acts"] == ["second_view", "handled_elsewhere"]
    for path, body in (
        ("signal", {}),
        ("decision", OFFER),
        ("put-off", {"until": str(TODAY + timedelta(3))}),
        ("resume", {}),
        ("contest", {"words": "Non."}),
    ):
        assert karim.refused(f"{at}/{path}", **body) == (404, "NotFound")
    given = karim.do(f"{at}/view", opinion="yes", why="canari-avis-de-karim")
    assert given["view"]["by"] == "karim"
    assert karim.refused(f"{at}/view", opinion="no") == (409, "ActOutOfOrder")
    karim.get(at)
    assert item(karim, id) is None
    for path, text in karim.said:
        for first in (WHY, DECIDED):
            assert first not in text, path

    twice = claire.get(at)
    assert twice["state"] == "looked_twice"
    assert twice["second_look"]["view"]["why"] == "canari-avis-de-karim"
    assert item(claire, id)["waits_for_me"]  # type: ignore[index]
    assert claire.refused(f"{at}/second-look") == (409, "ActOutOfOrder")
    confirmed = claire.do(f"{at}/decision", kind="talk_first", reason="À deux voix.")
    assert confirmed["state"] == "decided"
    assert confirmed["decision"]["offers"] == []


def test_a_second_look_on_demand_is_taken_back(claire: Program, karim: Program, at: str) -> None:
    assert claire.refused(f"{at}/second-look") == (409, "ActOutOfOrder")
    claire.do(f"{at}/view", opinion="unknown")
    claire.do(f"{at}/signal")
    assert claire.do(f"{at}/second-look")["state"] == "second_look"
    assert claire.do(f"{at}/resume")["state"] == "signal_seen"
    assert karim.refused(f"{at}/view", opinion="no") == (409, "ActOutOfOrder")
    assert claire.refused(f"{at}/second-look") == (409, "AlreadyLookedTwice")


@pytest.mark.safeguard
def test_s32_a_contestation_pauses_everything_but_danger(
    house: House, programs: dict[str, Program], at: str
) -> None:
    claire, dina, id = programs["claire"], programs["dina"], house.ids["signal"]
    assert dina.refused(f"/rights/contestations/{id}", outcome="kept", answer="Oui.") == (
        404,
        "NotFound",
    )
    claire.do(f"{at}/view", opinion="unknown", why=WHY)
    claire.do(f"{at}/signal")
    assert claire.refused(f"{at}/contest", words="\t ") == (422, "WordsMissing")
    words = "  Ce n'est pas ce que j'ai dit.\n"
    contested = claire.do(f"{at}/contest", words=words)
    assert contested["state"] == "contested"
    assert contested["contestation"]["words"] == words
    assert contested["acts"] == ["handled_elsewhere"]
    for path, method, body in (
        ("signal", "GET", {}),
        ("signal", "POST", {}),
    ):
        assert claire.refused(f"{at}/{path}", method, **body) == (409, "SignalPaused")
    for path, body in (
        ("decision", OFFER),
        ("view", {"opinion": "no"}),
        ("put-off", {"until": str(TODAY + timedelta(3))}),
        ("second-look", {}),
        ("without-signal", {}),
        ("contest", {"words": "Encore."}),
    ):
        assert claire.refused(f"{at}/{path}", **body) == (409, "ActOutOfOrder")

    told = dina.get("/rights")["contestations"]
    assert [one["words"] for one in told] == [words]
    assert house.people["signal"] not in json.dumps(told)
    assert WHY not in json.dumps(told)
    answer = {"outcome": "kept", "answer": "La date est exacte."}
    assert dina.refused(f"/rights/contestations/{id}", outcome="kept", answer="") == (
        422,
        "ReasonMissing",
    )
    dina.do(f"/rights/contestations/{id}", **answer)
    assert dina.get("/rights")["contestations"] == []
    assert dina.refused(f"/rights/contestations/{id}", **answer) == (404, "NotFound")
    assert claire.get(at)["contestation"]["answer"] == answer["answer"]
    claire.get(f"{at}/signal")
    claire.do(f"{at}/decision", kind="talk_first", reason="Vu avec elle.")

    claire.do(f"{at}/contest", words="Toujours pas.")
    dina.do(f"/rights/contestations/{id}", outcome="upheld", answer="Vérifié : inexact.")
    assert claire.get(at)["state"] == "withdrawn"
    assert claire.refused(f"{at}/signal", "GET") == (409, "SignalExpired")
    assert claire.refused(f"{at}/follow-up", became="Vu.") == (409, "ActOutOfOrder")
    assert item(claire, id) is None
    assert claire.do(f"{at}/handled-elsewhere")["state"] == "handled_elsewhere"


def test_a_stand_in_sees_acts_and_nobody_loses_anything(
    house: House, programs: dict[str, Program], at: str
) -> None:
    claire, karim, remy = programs["claire"], programs["karim"], programs["remy"]
    days = {"first_on": str(TODAY), "last_on": str(TODAY + timedelta(4))}
    for wrong, code in (
        ({"login": "lea"}, "UnknownEducator"),
        ({"login": "claire", "stand_in": "lea"}, "UnknownEducator"),
        ({"login": "claire", "stand_in": "claire"}, "StandInAway"),
        ({"login": "claire", "last_on": str(TODAY - timedelta(1))}, "InvalidAbsence"),
        ({"login": "claire", "last_on": "9999-12-31"}, "InvalidAbsence"),
        ({"login": "claire", "first_on": "0001-01-01"}, "InvalidAbsence"),
    ):
        assert remy.refused("/team/absences", **{**days, **wrong}) == (422, code)
    page = remy.do("/team/absences", login="claire", stand_in="karim", **days)
    (absence,) = page["absences"]
    assert (absence["login"], absence["stand_in"]) == ("claire", "karim")
    assert remy.get("/team") == page
    assert remy.refused(at, "GET") == (403, "Forbidden")

    mine = {row["id"] for row in claire.get("/queue")["items"]}
    assert mine < {row["id"] for row in karim.get("/queue")["items"]}
    assert house.people["signal"] in {row["person"] for row in karim.get("/people")["people"]}
    assert karim.do(f"{at}/claim")["held_by"] == "karim"
    assert claire.get(at)["held_by"] == "karim"
    for path, body in (
        ("claim", {}),
        ("release", {}),
        ("view", {"opinion": "yes", "why": WHY}),
        ("put-off", {"until": str(TODAY + timedelta(3))}),
    ):
        assert claire.refused(f"{at}/{path}", **body) == (409, "HeldByColleague")
    assert karim.do(f"{at}/view", opinion="no", why="Vu hier.")["view"]["by"] == "karim"
    assert karim.refused(f"{at}/signal") == (403, "PracticeMissing")
    karim.do(f"{at}/release")

    # Each educator has their own way: nobody decides on somebody else's view.
    own = claire.get(at)
    assert (own["state"], own["view"]) == ("to_look_at", None)
    assert claire.do(f"{at}/view", opinion="yes", why=WHY)["view"]["why"] == WHY
    assert karim.get(at)["view"]["why"] == "Vu hier."
    assert karim.get(at)["held_by"] == "claire"
    # Danger and the person's own voice wait for nobody.
    assert karim.do(f"{at}/contest", words="Non.")["state"] == "contested"

    assert remy.refused("/team/absences/99/end") == (404, "NotFound")
    assert remy.do(f"/team/absences/{absence['id']}/end")["absences"] == []
    assert karim.refused(at, "GET") == (404, "NotFound")


def test_a_situation_without_a_referent_is_assigned(
    house: House, programs: dict[str, Program]
) -> None:
    claire, karim, remy = programs["claire"], programs["karim"], programs["remy"]
    with house.home.transaction() as session:
        id = lives(session, house.ids["signal"])[State.TO_ASSIGN]
    (waiting,) = remy.get("/team")["to_assign"]
    assert waiting.keys() == {"id", "person", "due_on"}
    assert waiting["id"] == id
    for program in (claire, karim):
        assert program.refused(f"/situations/{id}", "GET") == (404, "NotFound")
    assign = f"/team/situations/{id}/assign"
    for nobody in ("lea", "remy", "personne", ""):
        assert remy.refused(assign, login=nobody) == (422, "UnknownEducator")
    assert remy.do(assign, login="karim")["to_assign"] == []
    assert remy.refused(assign, login="karim") == (409, "ActOutOfOrder")
    elsewhere = f"/team/situations/{house.ids['other_team']}/assign"
    assert remy.refused(elsewhere, login="karim") == (404, "NotFound")
    assert item(karim, id)["waits_for_me"]  # type: ignore[index]
    assert karim.do(f"/situations/{id}/view", opinion="no")["state"] == "viewed"
    assert claire.refused(f"/situations/{id}", "GET") == (404, "NotFound")


def test_observations_are_noted_listed_and_taken_back(
    house: House, claire: Program, karim: Program, at: str
) -> None:
    person = f"/people/{house.people['signal']}"
    noted = {"code": "projet-evoque", "observed_on": str(TODAY - timedelta(1))}
    id = claire.do(f"{person}/observations", **noted)["id"]
    assert claire.do(f"{person}/observations", **noted)["id"] == id
    for wrong, code in (
        ({"code": "hostile"}, "UnknownObservation"),
        ({"observed_on": str(TODAY + timedelta(1))}, "ObservedInFuture"),
        ({"observed_on": "9999-12-31"}, "ObservedInFuture"),
        ({"observed_on": "0001-01-01"}, "TooLongAgo"),
    ):
        assert claire.refused(f"{person}/observations", **{**noted, **wrong}) == (422, code)
    (told,) = claire.get(person)["observations"]
    assert (told["id"], told["code"], told["by"]) == (id, noted["code"], "claire")
    assert claire.get(at)["observations"] == [told]
    assert karim.refused(person, "GET") == (404, "NotFound")
    assert karim.refused(f"{person}/observations", **noted) == (404, "NotFound")
    assert karim.refused(f"/observations/{id}/take-back") == (404, "NotFound")
    claire.do(f"/observations/{id}/take-back")
    assert claire.refused(f"/observations/{id}/take-back") == (404, "NotFound")
    assert claire.get(person)["observations"] == claire.get(at)["observations"] == []


@pytest.mark.safeguard
def test_s28_a_stop_leaves_the_facts_and_the_decision(
    programs: dict[str, Program], at: str
) -> None:
    claire, anne = programs["claire"], programs["anne"]
    claire.do(f"{at}/view", opinion="unknown")
    assert claire.refused(f"{at}/without-signal") == (409, "NotStopped")
    anne.do(f"/models/{VERSION}/suspend", reason="Un doute.")
    assert claire.get("/queue")["stopped"]
    stopped = claire.get(at)
    assert stopped["stopped"]
    assert "without_signal" in stopped["acts"]
    assert not {"signal", "decide"} & set(stopped["acts"])
    assert claire.refused(f"{at}/signal") == (409, "SignalFrozen")
    assert claire.refused(f"{at}/decision", **OFFER) == (409, "ActOutOfOrder")
    gone_on = claire.do(f"{at}/without-signal")
    assert "not_relevant" not in gone_on["decisions"]
    dismissed = {"kind": "not_relevant", "reason": "Vu."}
    assert claire.refused(f"{at}/decision", **dismissed) == (422, "NoSignalToDismiss")
    anne.do(f"/models/{VERSION}/resume", reason="Vérifié.")
    assert claire.refused(f"{at}/signal", "GET") == (409, "SignalFrozen")
    assert claire.do(f"{at}/decision", **OFFER)["state"] == "decided"


@pytest.mark.safeguard
def test_s33_danger_goes_through_in_every_state(house: House, programs: dict[str, Program]) -> None:
    claire, dina = programs["claire"], programs["dina"]
    with house.home.transaction() as session:
        made = lives(session, house.ids["signal"])
        del made[State.TO_ASSIGN]  # nobody accompanies this person yet
        for id in made.values():  # a colleague's hold is no obstacle either
            row = session.get_one(schema.Situation, id)
            row.held_by, row.held_until = "karim", NOW + timedelta(minutes=10)
    assert {*map(str, State)} - made.keys() == {State.TO_ASSIGN}
    for state, id in made.items():
        for _ in range(2):
            after = claire.do(f"/situations/{id}/handled-elsewhere")
            assert after["state"] == "handled_elsewhere", state
            assert after["acts"] == ["handled_elsewhere"], state
    contested = dina.get("/rights")["contestations"]
    assert [one["situation_id"] for one in contested] == [made[State.CONTESTED]]
    assert not {row["id"] for row in claire.get("/queue")["items"]} & set(made.values())


def test_of_two_clients_at_once_one_is_told(house: House, at: str) -> None:
    bodies = [{"opinion": "no", "why": f"canal {number}"} for number in range(2)]
    with house.served() as url, ThreadPoolExecutor(2) as pool, ExitStack() as left_open:
        opened = [house.client_at(url, "claire") for _ in range(2)]
        clients = [Program(left_open.enter_context(client)) for client in opened]
        asked = [
            pool.submit(client.ask, "POST", f"{at}/view", body)
            for client, body in zip(clients, bodies, strict=True)
        ]
        answers = [future.result() for future in asked]
        assert sorted(status for status, _ in answers) == [200, 409]
        won = next(number for number, (status, _) in enumerate(answers) if status == 200)
        for client in clients:
            assert client.get(at)["view"]["why"] == f"canal {won}"


@pytest.mark.safeguard
def test_s25_every_changing_route_asks_for_the_token(house: House) -> None:
    values = {
        "{situation_id}": house.ids["signal"],
        "{person}": house.people["signal"],
        "{version}": VERSION,
        "{act}": "suspend",
    }
    clients = [house.client(login) for login in ("claire", "remy", "dina", "anne")]
    for client in clients:
        del client.headers["X-CSRF-Token"]
    for router in ROUTERS:
        for route in router.routes:
            path = route.path  # type: ignore[attr-defined]
            changes = "POST" in route.methods  # type: ignore[attr-defined]
            if not (path.startswith(PREFIX) and changes) or path.endswith("/login"):
                continue
            for name, value in values.items():
                path = path.replace(name, value)
            for client in clients:
                for headers in ({}, {"X-CSRF-Token": "é"}, {"X-CSRF-Token": "x" * 43}):
                    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
                    answer = client.post(path, json={}, headers=encoded)
                    assert (answer.status_code, answer.json()["code"]) == (403, "CsrfMismatch"), (
                        path
                    )
                assert client.get(f"{PREFIX}/queue").status_code in {200, 403}


def test_signing_in_as_a_program_does(house: House) -> None:
    client = house.client()
    for body, expected in (
        ({"login": "claire", "password": PASSWORD, "x": 1}, (422, "InvalidRequest")),
        ({"login": "clairé 🎉", "password": PASSWORD}, (401, "SignInFailed")),
        ({"login": "", "password": ""}, (401, "SignInFailed")),
    ):
        answer = client.post(f"{PREFIX}/login", json=body)
        assert (answer.status_code, answer.json()["code"]) == expected
    signed_in = client.post(f"{PREFIX}/login", json={"login": "claire", "password": PASSWORD})
    client.headers["X-CSRF-Token"] = signed_in.json()["csrf"]
    assert client.get(f"{PREFIX}/queue").status_code == 200
    assert client.post(f"{PREFIX}/logout").json() == {"done": True}
    assert client.get(f"{PREFIX}/queue").json()["code"] == "NotSignedIn"


BROKEN = [
    b"",
    b"null",
    b"[]",
    b'"view"',
    b"{",
    b"\xff\xfe{",
    b"\x00",
    b'{"opinion": "no", "why": "\xff"}',
    b'{"opinion": "no", "why": "a\\u0000b"}',
    b'{"opinion": "no", "why": "\\ud800"}',
    b'{"opinion": "no", "\\ud800": 1}',
    b'{"opinion": "no", "' + b"k" * 5000 + b'": 1}',
    b'{"opinion": "no", "kind": "signal"}',
    b'{"opinion": "NO"}',
    b'{"opinion": ["no"]}',
    b'{"opinion": "no", "why": null}',
    b'{"opinion": "no", "why": ' + b"9" * 5000 + b"}",
    b'{"opinion": "no", "why": 1e999}',
    b'{"opinion": "no", "why": ' + b"[" * 20000 + b"}",
    b'{"opinion": "no", "why": "' + b"x" * 2001 + b'"}',
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_body_that_does_not_say_it_changes_nothing(
    template: House, claire_of_all: Any, body: bytes
) -> None:
    path = f"{PREFIX}/situations/{template.ids['signal']}/view"
    for kind in ("application/json", "text/plain", "multipart/form-data", "é/ü"):
        answer = claire_of_all.post(
            path, content=body, headers={"content-type": kind.encode("latin-1")}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "InvalidRequest"), answer.text
        assert len(answer.text) < 300
    assert claire_of_all.get(path.removesuffix("/view")).json()["view"] is None


@pytest.fixture(scope="module")
def claire_of_all(template: House) -> Any:
    return template.client("claire")


@pytest.mark.parametrize(
    ("path", "key", "values"),
    [
        ("put-off", "until", [0, 1e9, 10**30, True, "2026-12-01T00:00:00", "20261201",
                              "2026-W49-1", "٢٠٢٦-١٢-٠١", "0000-01-01", "2026-02-30", ""]),
        ("decision", "informed", [0, 1, "yes", "true", None]),
        ("decision", "again_on", [0, "demain", "10000-01-01"]),
        ("decision", "contact", ["phone", ""]),
        ("follow-up", "answer", ["maybe", 1]),
        ("contest", "words", ["a\0", "x" * 2001, 5]),
    ],
)  # fmt: skip
def test_values_are_read_as_written(
    template: House, claire_of_all: Any, path: str, key: str, values: list[object]
) -> None:
    whole = {
        "put-off": {},
        "decision": {"kind": "in_hand", "reason": "Vu."},
        "follow-up": {"became": "Vu."},
        "contest": {},
    }
    for value in values:
        body = {**whole[path], key: value}  # type: ignore[dict-item]
        answer = claire_of_all.post(
            f"{PREFIX}/situations/{template.ids['signal']}/{path}", json=body
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "InvalidRequest"), value
        assert key in answer.json()["error"]


WEIRD = ("%00", "x" * 5000, "%ff", "..%2f..", "%F0%9F%8E%89", "%20", "1' OR '1'='1", "-1")


@pytest.mark.parametrize("name", WEIRD, ids=range(len(WEIRD)))
def test_names_that_nobody_has_are_not_found(
    template: House, claire_of_all: Any, name: str
) -> None:
    ask = claire_of_all
    for answer in (
        ask.get(f"{PREFIX}/situations/{name}"),
        ask.get(f"{PREFIX}/situations/{name}/signal"),
        ask.post(f"{PREFIX}/situations/{name}/claim"),
        ask.get(f"{PREFIX}/people/{name}"),
        ask.post(f"{PREFIX}/people/{name}/open"),
        ask.post(f"{PREFIX}/observations/{name}/take-back"),
        template.client("dina").post(
            f"{PREFIX}/rights/contestations/{name}", json={"outcome": "kept", "answer": "Oui."}
        ),
        template.client("remy").post(
            f"{PREFIX}/team/situations/{name}/assign", json={"login": "karim"}
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "NotFound"), answer.url


@pytest.mark.parametrize("number", ["0", "-1", "x", "1e3", "1.5", "٣", str(2**63), "9" * 5000])
def test_numbers_that_cannot_be_are_refused(template: House, number: str) -> None:
    answer = template.client("remy").post(f"{PREFIX}/team/absences/{number}/end")
    assert (answer.status_code, answer.json()["code"]) == (422, "InvalidRequest")


def test_what_is_too_large_is_refused(template: House, claire_of_all: Any) -> None:
    path = f"{PREFIX}/situations/{template.ids['signal']}/view"
    announced = claire_of_all.post(path, content=b"x" * 70_000)
    assert (announced.status_code, announced.json()["code"]) == (413, "TooLarge")
    streamed = claire_of_all.post(path, content=iter([b"x" * 40_000] * 2))
    assert (streamed.status_code, streamed.json()["code"]) == (413, "TooLarge")


def test_what_is_open_is_opened_again_without_facts(house: House, claire: Program) -> None:
    person = house.people["signal"]
    assert claire.do(f"/people/{person}/open")["id"] == house.ids["signal"]
    assert claire.refused(f"/people/{house.people['quiet']}/open") == (409, "EmptyStore")
    assert claire.refused(f"/people/{house.people['colleague']}/open") == (404, "NotFound")


def test_pages_break_no_more_than_json(house: House, claire: Program, at: str) -> None:
    claire.do(f"{at}/view", opinion="unknown")
    claire.do(f"{at}/signal")
    decided = claire.client.post(f"{at}/decision", data={"kind": "in_hand", "reason": "\0Vu\0."})
    assert decided.status_code == 303
    assert claire.get(at)["decision"]["reason"] == "Vu."
    for number in (str(2**63), "9" * 5000):
        assert house.client("remy").post(f"/team/absences/{number}/end").status_code == 422
