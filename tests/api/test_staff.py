"""Those who work with the tool: trained before they see a signal, and counted by nobody (S36)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Float, Integer, Numeric

from revue import accounts, schema
from revue.records import Role
from tests.api.web_home import CLI, NOW, House, build

NUMBERS = {
    "absences": {"id", "user_id"},
    "assessments": {"id", "user_id"},
    "contestations": {"number", "user_id", "answered_by"},
    "decisions": {"number", "user_id"},
    "follow_ups": {"number", "user_id"},
    "grants": {"user_id"},
    "lifts": {"user_id"},
    "observations": {"user_id"},
    "open_sessions": {"user_id"},
    "practice_steps": {"user_id"},
    "reveals": {"user_id"},
    "second_looks": {"reader_id", "asked_by"},
    "users": {"id", "totp_step"},
    "views": {"user_id"},
    "votes": {"id", "audit_id", "user_id"},
    "wordings": {"version", "proposed_by", "confirmed_by"},
}
"""Every number beside an account: keys and places in a row, never a count or a duration."""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return build(tmp_path / "home")


@pytest.mark.safeguard
def test_s36_a_first_login_opens_no_signal_at_any_door(house: House) -> None:
    """The account is new, its owner signs in with the one-time password, and asks at once."""
    with house.home.transaction() as session:
        row = session.query(schema.Situation).filter_by(id=house.ids["signal"]).one()
        password = accounts.create_user(
            session, login="nina", role=Role.EDUCATOR, team=row.team, by=CLI, now=NOW
        )
        row.assigned_to, row.referent = "nina", None
        session.query(schema.Person).filter_by(person=row.person).one().referent = "nina"
    client = house.client()
    opened = client.post("/api/v1/login", json={"login": "nina", "password": password}).json()
    client.headers["X-CSRF-Token"] = opened["csrf"]
    page, api = (f"{prefix}/situations/{house.ids['signal']}" for prefix in ("", "/api/v1"))
    for act in ("view", "signal"):
        for path, form in ((page, {"data": {"opinion": "no"}}), (api, {"json": {"opinion": "no"}})):
            answer = client.post(f"{path}/{act}", **(form if act == "view" else {}))
            told = client.get(f"{path}/signal")
            # The view is theirs to give, once; the signal is not theirs to ask for yet.
            expected = 403 if act == "signal" else 303 if path == page else 409
            assert answer.status_code == expected, path
            assert told.status_code in {403, 409}, path
            for text in (answer.text, told.text, client.get(path).text):
                assert not re.search(r"sur 100|per_100|non honorés depuis", text)


@pytest.mark.safeguard
def test_s36_no_table_counts_what_somebody_does() -> None:
    found = {}
    for table in schema.Base.metadata.sorted_tables:
        of_users = any(key.column.table.name == "users" for key in table.foreign_keys)
        if of_users or table.name == "users":
            found[table.name] = {
                column.name
                for column in table.columns
                if isinstance(column.type, Integer | Float | Numeric)
            }
    assert found == NUMBERS


@pytest.mark.safeguard
def test_s36_no_answer_sets_a_number_beside_an_educator(house: House) -> None:
    """No record that programs are sent holds a login and a count or a duration."""
    described = house.client().get("/openapi.json").json()["components"]["schemas"]
    people = {"login", "referent", "held_by", "assigned_to", "by", "actor", "stand_in", "away"}
    places = {"position", "version", "id", "number"}
    beside = {
        (name, key)
        for name, one in described.items()
        if people & set(one.get("properties", ()))
        for key, kind in one["properties"].items()
        if kind.get("type") in {"integer", "number"}
    }
    assert {key for _, key in beside} <= places, beside
