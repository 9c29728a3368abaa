from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from revue import schema
from revue.accompanying import accompanied_among, check_accompanies
from revue.permissions import NotYours
from revue.records import Actor, Role, State
from revue.situations import visible
from revue.states import CLOSED_STATES
from tests.revue.builders import (
    TODAY,
    VALID_UNTIL,
    absence,
    directory,
    educator,
    situation_in_state,
    stay,
    user,
)

EVERYBODY = ("leas", "karims", "nobodys", "elsewhere", "unknown")


@pytest.fixture
def team(session: Session) -> dict[str, Actor]:
    directory(
        session,
        stay("leas"),
        stay("karims", "karim"),
        stay("nobodys", None),
        stay("elsewhere", "zoe", "sud"),
    )
    made = {login: educator(session, login) for login in ("lea", "karim")}
    return made | {"zoe": educator(session, "zoe", "sud")}


def among(session: Session, actor: Actor, today: object = TODAY) -> frozenset[str]:
    return accompanied_among(session, actor, EVERYBODY, today=today)  # type: ignore[arg-type]


@pytest.mark.safeguard
def test_s09_ones_own_and_those_one_stands_in_for(session: Session, team: dict[str, Actor]) -> None:
    assert among(session, team["lea"]) == {"leas"}
    assert among(session, team["zoe"]) == {"elsewhere"}
    absence(session, "lea", "karim", days=(0, 2))
    assert among(session, team["karim"]) == {"leas", "karims"}
    assert among(session, team["karim"], TODAY + timedelta(days=3)) == {"karims"}
    check_accompanies(session, team["karim"], "leas", today=TODAY)
    for person in ("nobodys", "elsewhere", "unknown"):
        with pytest.raises(NotYours):
            check_accompanies(session, team["karim"], person, today=TODAY)


@pytest.mark.safeguard
@pytest.mark.parametrize("state", [s for s in State if s is not State.TO_ASSIGN])
def test_s08_s09_whom_the_lead_assigned_until_it_is_closed(
    session: Session, team: dict[str, Actor], state: State
) -> None:
    situation_in_state(session, state, team["karim"], referent=None, person="nobodys")
    waits = state not in CLOSED_STATES
    assert ("nobodys" in among(session, team["karim"])) == waits
    assert "nobodys" not in among(session, team["lea"])
    absence(session, "karim", "lea")
    assert ("nobodys" in among(session, team["lea"])) == waits


@pytest.mark.safeguard
def test_s19_what_expired_assigns_nobody(session: Session, team: dict[str, Actor]) -> None:
    situation_in_state(session, State.VIEWED, team["karim"], referent=None, person="nobodys")
    assert "nobodys" in among(session, team["karim"], VALID_UNTIL)
    assert "nobodys" not in among(session, team["karim"], VALID_UNTIL + timedelta(days=1))


@pytest.mark.safeguard
def test_s09_a_row_of_another_team_assigns_nobody(session: Session, team: dict[str, Actor]) -> None:
    """Even with the same login written on it."""
    id = situation_in_state(session, State.VIEWED, team["karim"], referent=None, person="elsewhere")
    assert among(session, team["karim"]) == {"karims"}
    session.get_one(schema.Situation, id).team = "sud"
    with pytest.raises(NotYours):
        visible(session, team["karim"], id, today=TODAY)


def test_nobody_without_a_team_accompanies_anybody(session: Session) -> None:
    directory(session, stay("leas"))
    assert among(session, Actor("lea", Role.EDUCATOR, None, 1)) == frozenset()
    assert accompanied_among(session, user(session, "x", Role.DPO), (), today=TODAY) == frozenset()
