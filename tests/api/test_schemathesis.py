"""Every JSON route under generated requests: answers are the documented ones, never a 5xx.

Requests are made from ``/openapi.json``, valid ones and broken ones, always the same ones.
Each meets the same review database, put back before it, with a situation in every state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import just
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import ASGIClient
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy.orm import Session

from api.web.app import ROUTERS, create_app
from revue import absences, grants, noting, requests, schema
from revue.accounts import actor_for, open_session
from revue.records import Right, State, WebSession
from tests.api.lives import STOPPED, lives
from tests.api.web_home import NOW, VERSION, House, build

EXAMPLES = 12
SIGN_INS = 4
"""How many valid requests a route is sent, and how many broken ones; a password is slow."""

SLOW = ("/login", "/account/password", "/account/second-factor")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

PREFIX = "/api/v1"
TODAY = NOW.date()
LOGINS = ("claire", "remy", "dina", "anne")

WORKS_IN = {
    "view": (State.TO_LOOK_AT,),
    "signal": (State.VIEWED, State.SIGNAL_SEEN),
    "without-signal": (STOPPED,),
    "decision": (State.SIGNAL_SEEN,),
    "follow-up": (State.DECIDED,),
    "put-off": (State.TO_LOOK_AT,),
    "resume": (State.PUT_OFF,),
    "second-look": (State.SIGNAL_SEEN,),
    "assign": (State.TO_ASSIGN,),
    "contacts": (State.TO_LOOK_AT,),
    "{situation_id}": (State.CONTESTED,),
}
"""Where an act goes through; it is also tried where it never does, or in every state."""

NEVER_200 = {
    (f"{PREFIX}/{path}", "POST")
    for path in (
        "wordings",
        "wordings/{version}/confirm",
        "rights/requests",
        "rights/requests/{request_id}/access",
        "rights/requests/{request_id}/do",
        "rights/requests/{request_id}/lift",
        "rights/contestations/{situation_id}/copy",
        "account/second-factor/confirm",
        "account/second-factor/remove",
    )
}
"""Routes whose valid requests need an import, or a code of the moment: refused alone."""

ROUTES = [
    (route.path, method)
    for router in ROUTERS
    for route in router.routes
    if route.path.startswith(PREFIX)
    for method in sorted(route.methods)
]


@dataclass(frozen=True)
class Service:
    """The real application with a database that is put back, its description, who is signed in."""

    house: House
    kept: Path
    api: Any
    client: ASGIClient
    sessions: dict[str, WebSession]

    def put_back(self) -> None:
        """Make the database what it was."""
        with (
            closing(sqlite3.connect(self.kept)) as kept,
            closing(sqlite3.connect(self.house.home.database)) as live,
        ):
            kept.backup(live)

    def client_of(self, login: str) -> ASGIClient:
        """Sign the client in; what it was sent earlier is forgotten."""
        opened = self.sessions[login]
        self.client.cookies.clear()
        self.client.cookies.set("rebond", opened.token)
        self.client.headers["X-CSRF-Token"] = opened.csrf
        return self.client


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("schemathesis")
    house = build(folder / "home")
    with house.home.transaction() as session:
        ids = lives(session, house.ids["signal"])
        prepare(session, ids)
        sessions = {
            login: open_session(session, actor_for(session, login), NOW, hours=9)
            for login in LOGINS
        }
    kept = folder / "kept.db"
    with (
        closing(sqlite3.connect(house.home.database)) as live,
        closing(sqlite3.connect(kept)) as copy,
    ):
        live.backup(copy)
    client = ASGIClient(create_app(house.home))
    described = client.get("/openapi.json").json()
    api = schemathesis.openapi.from_dict(with_real_values(described, ids))
    # A broken request may also come at the wrong moment; that it does is told first.
    rejected = api.config.checks.negative_data_rejection
    rejected.expected_statuses = [*rejected.expected_statuses, "409"]
    yield Service(house, kept, api, client, sessions)
    client.close()


def prepare(session: Session, ids: dict[str, str]) -> None:
    """Note an observation, an absence and a request whose ids are told in advance."""
    claire, remy = actor_for(session, "claire"), actor_for(session, "remy")
    person = session.get_one(schema.Situation, ids[State.TO_LOOK_AT]).person
    noted = noting.note(
        session,
        claire,
        person=person,
        code="projet-evoque",
        observed_on=TODAY,
        now=NOW,
        today=TODAY,
    )
    session.get_one(schema.Observation, noted).id = "observation-0001"
    grants.open_contacts(
        session,
        claire,
        ids[State.TO_LOOK_AT],
        reason="rendez-vous",
        minutes=30,
        per_day=9,
        now=NOW,
        today=TODAY,
    )
    asked = requests.note_request(
        session,
        actor_for(session, "dina"),
        person=person,
        asked=Right.ACCESS,
        received_on=TODAY,
        now=NOW,
        today=TODAY,
    )
    session.get_one(schema.Request, asked).id = "request-0001"
    absences.note_absence(
        session,
        remy,
        login="karim",
        first_on=TODAY + timedelta(20),
        last_on=TODAY + timedelta(30),
        stand_in=None,
        now=NOW,
    )


def with_real_values(described: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """Let half of the valid requests name what there is, and say what the examples say."""
    named = {
        "person": [f"{number:016x}" for number in range(4)],
        "observation": ["observation-0001", "observation-0002"],
        "request_id": ["request-0001", "request-0002"],
        "version": [VERSION, "9"],
        "act": ["approve", "suspend"],
        "exercise_id": ["exercise-a", "exercise-z"],
    }
    for path, methods in described["paths"].items():
        works_in = WORKS_IN.get(path.split("/")[-1])
        states = [*works_in, State.HANDLED_ELSEWHERE] if works_in else list(ids)
        named["situation_id"] = [ids[state] for state in states]
        for operation in methods.values():
            parameters = operation.get("parameters", [])
            # No Accept-Language is a broken one: what cannot be read says nothing (RFC 9110).
            operation["parameters"] = [one for one in parameters if one["in"] != "header"]
            for parameter in operation["parameters"]:
                real = named.get(parameter["name"])
                if real and parameter["schema"].get("type") != "integer":
                    parameter["schema"] = {"type": "string", "enum": real}
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]
                name = body["schema"]["$ref"].rsplit("/", 1)[1]
                examples = described["components"]["schemas"][name].get("examples")
                if examples:
                    body["schema"] = {"anyOf": [{"enum": examples}, body["schema"]]}
    return described


def who(path: str) -> str:
    """Return who is sent to a route: somebody whose role it is for."""
    part = path.removeprefix(f"{PREFIX}/").split("/")[0]
    of = {"team": "remy"} | dict.fromkeys(("rights", "journal", "safeguards"), "dina")
    of |= dict.fromkeys(("models", "audits", "wordings"), "anne")
    return of.get(part, "claire")


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_every_answer_is_a_documented_one(service: Service, path: str, method: str) -> None:
    operation = service.api[path][method]
    seen = set()

    def send(case: schemathesis.Case, checks: list[Any]) -> None:
        service.put_back()
        answer = case.call(base_url="http://testserver", session=service.client_of(who(path)))
        seen.add(answer.status_code)
        case.validate_response(answer, checks=checks)

    limits = settings(
        max_examples=SIGN_INS if path.endswith(SLOW) else EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    valid = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    limits(given(case=valid, checks=just(CHECKS))(send))()
    assert (200 in seen) is ((path, method) not in NEVER_200), seen
    if operation.path_parameters or operation.body:  # else nothing can be broken
        broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        limits(given(case=broken, checks=just([*CHECKS, negative_data_rejection]))(send))()
