"""Every route says who may use it, and the whole matrix stands here (S9, S26)."""

from __future__ import annotations

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Mount

from api.web.access import Anybody, GuardedRoute, RouteWithoutPermission
from api.web.app import ROUTERS, create_app
from revue.permissions import Permission
from tests.api.web_home import USERS, VERSION, House, build

ANYBODY, SIGNED_IN = "anybody", "signed in"
SITUATION = "/situations/{situation_id}"

PAGES = {
    ("GET", "/"): SIGNED_IN,
    ("GET", "/account"): SIGNED_IN,
    ("POST", "/account/password"): SIGNED_IN,
    ("POST", "/account/second-factor"): SIGNED_IN,
    ("POST", "/account/second-factor/confirm"): SIGNED_IN,
    ("POST", "/account/second-factor/remove"): SIGNED_IN,
    ("GET", "/audits"): Permission.READ_MODELS,
    ("GET", "/audits/{version}"): Permission.READ_MODELS,
    ("GET", "/audits/{version}/report"): Permission.READ_MODELS,
    ("GET", "/audits/{version}/report.pdf"): Permission.READ_MODELS,
    ("GET", "/committee"): Permission.VOTE,
    ("GET", "/committee/wordings"): Permission.MEND_WORDING,
    ("POST", "/committee/wordings"): Permission.MEND_WORDING,
    ("POST", "/committee/wordings/{version}/confirm"): Permission.MEND_WORDING,
    ("POST", "/committee/{version}/{act}"): Permission.VOTE,
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/help"): SIGNED_IN,
    ("GET", "/journal"): Permission.READ_JOURNAL,
    ("GET", "/journal/checkpoint"): Permission.READ_JOURNAL,
    ("POST", "/language"): ANYBODY,
    ("GET", "/login"): ANYBODY,
    ("POST", "/login"): ANYBODY,
    ("GET", "/login/code"): ANYBODY,
    ("POST", "/login/code"): ANYBODY,
    ("POST", "/logout"): SIGNED_IN,
    ("GET", "/models"): Permission.READ_MODELS,
    ("GET", "/models/{version}"): Permission.READ_MODELS,
    ("GET", "/notice"): ANYBODY,
    ("POST", "/observations/{observation}/take-back"): Permission.NOTE_OBSERVATION,
    ("GET", "/openapi.json"): ANYBODY,
    ("GET", "/people"): Permission.READ_PEOPLE,
    ("GET", "/people/{person}"): Permission.READ_PEOPLE,
    ("POST", "/people/{person}/notices"): Permission.NOTE_NOTICE,
    ("POST", "/people/{person}/observations"): Permission.NOTE_OBSERVATION,
    ("POST", "/people/{person}/open"): Permission.OPEN_SITUATION,
    ("GET", "/practice"): Permission.PRACTISE,
    ("GET", "/practice/{exercise_id}"): Permission.PRACTISE,
    ("POST", "/practice/{exercise_id}"): Permission.PRACTISE,
    ("GET", "/queue"): Permission.READ_QUEUE,
    ("GET", "/rights"): Permission.READ_RIGHTS,
    ("POST", "/rights/contestations/{situation_id}"): Permission.ANSWER_CONTESTATION,
    ("POST", "/rights/contestations/{situation_id}/copy"): Permission.OPEN_SEALED_COPY,
    ("POST", "/rights/requests"): Permission.ANSWER_REQUEST,
    ("GET", "/rights/requests/{request_id}"): Permission.ANSWER_REQUEST,
    ("POST", "/rights/requests/{request_id}/access"): Permission.ANSWER_REQUEST,
    ("POST", "/rights/requests/{request_id}/answer"): Permission.ANSWER_REQUEST,
    ("POST", "/rights/requests/{request_id}/do"): Permission.ANSWER_REQUEST,
    ("POST", "/rights/requests/{request_id}/lift"): Permission.ANSWER_REQUEST,
    ("GET", "/safeguards"): Permission.READ_SAFEGUARDS,
    ("GET", SITUATION): Permission.READ_SITUATION,
    ("POST", f"{SITUATION}/claim"): Permission.MOVE_SITUATION,
    ("POST", f"{SITUATION}/contest"): Permission.CONTEST,
    ("POST", f"{SITUATION}/decision"): Permission.DECIDE,
    ("POST", f"{SITUATION}/follow-up"): Permission.FOLLOW_UP,
    ("POST", f"{SITUATION}/handled-elsewhere"): Permission.READ_SITUATION,
    ("GET", f"{SITUATION}/contacts"): Permission.READ_CONTACTS,
    ("POST", f"{SITUATION}/contacts"): Permission.READ_CONTACTS,
    ("POST", f"{SITUATION}/put-off"): Permission.MOVE_SITUATION,
    ("POST", f"{SITUATION}/release"): Permission.MOVE_SITUATION,
    ("POST", f"{SITUATION}/resume"): Permission.MOVE_SITUATION,
    ("POST", f"{SITUATION}/second-look"): Permission.MOVE_SITUATION,
    ("GET", f"{SITUATION}/sheet"): Permission.READ_SITUATION,
    ("GET", f"{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("POST", f"{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("POST", f"{SITUATION}/view"): Permission.GIVE_VIEW,
    ("POST", f"{SITUATION}/without-signal"): Permission.READ_SIGNAL,
    ("GET", "/team"): Permission.READ_TEAM,
    ("POST", "/team/absences"): Permission.MANAGE_ABSENCES,
    ("POST", "/team/absences/{number}/end"): Permission.MANAGE_ABSENCES,
    ("POST", "/team/situations/{situation_id}/assign"): Permission.ASSIGN,
    ("POST", "/team/situations/{situation_id}/handled-elsewhere"): Permission.ASSIGN,
}

API = {
    ("GET", "/api/v1/account"): SIGNED_IN,
    ("POST", "/api/v1/account/password"): SIGNED_IN,
    ("POST", "/api/v1/account/second-factor"): SIGNED_IN,
    ("POST", "/api/v1/account/second-factor/confirm"): SIGNED_IN,
    ("POST", "/api/v1/account/second-factor/remove"): SIGNED_IN,
    ("GET", "/api/v1/audits/{version}"): Permission.READ_MODELS,
    ("GET", "/api/v1/journal"): Permission.READ_JOURNAL,
    ("POST", "/api/v1/login"): ANYBODY,
    ("POST", "/api/v1/logout"): SIGNED_IN,
    ("GET", "/api/v1/models"): Permission.READ_MODELS,
    ("GET", "/api/v1/models/{version}"): Permission.READ_MODELS,
    ("GET", "/api/v1/models/{version}/table"): Permission.READ_MODELS,
    ("POST", "/api/v1/models/{version}/{act}"): Permission.VOTE,
    ("GET", "/api/v1/notice"): ANYBODY,
    ("POST", "/api/v1/observations/{observation}/take-back"): Permission.NOTE_OBSERVATION,
    ("GET", "/api/v1/people"): Permission.READ_PEOPLE,
    ("GET", "/api/v1/people/{person}"): Permission.READ_PEOPLE,
    ("POST", "/api/v1/people/{person}/notices"): Permission.NOTE_NOTICE,
    ("POST", "/api/v1/people/{person}/observations"): Permission.NOTE_OBSERVATION,
    ("POST", "/api/v1/people/{person}/open"): Permission.OPEN_SITUATION,
    ("GET", "/api/v1/practice"): Permission.PRACTISE,
    ("GET", "/api/v1/practice/{exercise_id}"): Permission.PRACTISE,
    ("POST", "/api/v1/practice/{exercise_id}"): Permission.PRACTISE,
    ("GET", "/api/v1/queue"): Permission.READ_QUEUE,
    ("GET", "/api/v1/rights"): Permission.READ_RIGHTS,
    ("POST", "/api/v1/rights/contestations/{situation_id}"): Permission.ANSWER_CONTESTATION,
    ("POST", "/api/v1/rights/contestations/{situation_id}/copy"): Permission.OPEN_SEALED_COPY,
    ("POST", "/api/v1/rights/requests"): Permission.ANSWER_REQUEST,
    ("POST", "/api/v1/rights/requests/{request_id}/access"): Permission.ANSWER_REQUEST,
    ("POST", "/api/v1/rights/requests/{request_id}/answer"): Permission.ANSWER_REQUEST,
    ("POST", "/api/v1/rights/requests/{request_id}/do"): Permission.ANSWER_REQUEST,
    ("POST", "/api/v1/rights/requests/{request_id}/lift"): Permission.ANSWER_REQUEST,
    ("GET", "/api/v1/safeguards"): Permission.READ_SAFEGUARDS,
    ("GET", f"/api/v1{SITUATION}"): Permission.READ_SITUATION,
    ("POST", f"/api/v1{SITUATION}/claim"): Permission.MOVE_SITUATION,
    ("POST", f"/api/v1{SITUATION}/contest"): Permission.CONTEST,
    ("POST", f"/api/v1{SITUATION}/decision"): Permission.DECIDE,
    ("POST", f"/api/v1{SITUATION}/follow-up"): Permission.FOLLOW_UP,
    ("POST", f"/api/v1{SITUATION}/handled-elsewhere"): Permission.READ_SITUATION,
    ("GET", f"/api/v1{SITUATION}/contacts"): Permission.READ_CONTACTS,
    ("POST", f"/api/v1{SITUATION}/contacts"): Permission.READ_CONTACTS,
    ("POST", f"/api/v1{SITUATION}/put-off"): Permission.MOVE_SITUATION,
    ("POST", f"/api/v1{SITUATION}/release"): Permission.MOVE_SITUATION,
    ("POST", f"/api/v1{SITUATION}/resume"): Permission.MOVE_SITUATION,
    ("POST", f"/api/v1{SITUATION}/second-look"): Permission.MOVE_SITUATION,
    ("GET", f"/api/v1{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("POST", f"/api/v1{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("POST", f"/api/v1{SITUATION}/view"): Permission.GIVE_VIEW,
    ("POST", f"/api/v1{SITUATION}/without-signal"): Permission.READ_SIGNAL,
    ("GET", "/api/v1/team"): Permission.READ_TEAM,
    ("POST", "/api/v1/team/absences"): Permission.MANAGE_ABSENCES,
    ("POST", "/api/v1/team/absences/{number}/end"): Permission.MANAGE_ABSENCES,
    ("POST", "/api/v1/team/situations/{situation_id}/assign"): Permission.ASSIGN,
    ("POST", "/api/v1/team/situations/{situation_id}/handled-elsewhere"): Permission.ASSIGN,
    ("GET", "/api/v1/wordings"): Permission.MEND_WORDING,
    ("POST", "/api/v1/wordings"): Permission.MEND_WORDING,
    ("POST", "/api/v1/wordings/{version}/confirm"): Permission.MEND_WORDING,
}

EDUCATORS, LEADS = frozenset({"claire", "karim", "lea"}), frozenset({"remy"})
COMMITTEE, DPOS = frozenset({"anne", "paul"}), frozenset({"dina"})

LOGINS = {
    Permission.ANSWER_CONTESTATION: DPOS,
    Permission.ANSWER_REQUEST: DPOS,
    Permission.ASSIGN: LEADS,
    Permission.CONTEST: EDUCATORS,
    Permission.DECIDE: EDUCATORS,
    Permission.FOLLOW_UP: EDUCATORS,
    Permission.GIVE_VIEW: EDUCATORS,
    Permission.MANAGE_ABSENCES: LEADS,
    Permission.MEND_WORDING: COMMITTEE,
    Permission.MOVE_SITUATION: EDUCATORS,
    Permission.NOTE_NOTICE: EDUCATORS,
    Permission.NOTE_OBSERVATION: EDUCATORS,
    Permission.OPEN_SEALED_COPY: DPOS,
    Permission.OPEN_SITUATION: EDUCATORS,
    Permission.PRACTISE: EDUCATORS,
    Permission.READ_CONTACTS: EDUCATORS,
    Permission.READ_JOURNAL: COMMITTEE | DPOS,
    Permission.READ_MODELS: COMMITTEE | DPOS | {"sonia"},
    Permission.READ_PEOPLE: EDUCATORS,
    Permission.READ_QUEUE: EDUCATORS,
    Permission.READ_RIGHTS: COMMITTEE | DPOS,
    Permission.READ_SAFEGUARDS: COMMITTEE | DPOS,
    Permission.READ_SIGNAL: EDUCATORS,
    Permission.READ_SITUATION: EDUCATORS,
    Permission.READ_TEAM: LEADS,
    Permission.VOTE: COMMITTEE,
}
"""Who comes through a route that needs a permission; the administrator through none."""

BODIES = {
    "contacts": {"reason": "Vu."},
    "contest": {"words": "Non."},
    "decision": {"kind": "in_hand", "reason": "Vu."},
    "follow-up": {"became": "Vu."},
    "put-off": {"until": "2026-11-28"},
    "view": {"opinion": "no"},
}
"""What an act on a situation asks for."""


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    return build(tmp_path_factory.mktemp("permissions") / "home")


def declared() -> dict[tuple[str, str], object]:
    found = {}
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, GuardedRoute), route
            need = route.guard.permission or SIGNED_IN
            if isinstance(route.guard, Anybody):
                need = ANYBODY
            found.update({(method, route.path): need for method in route.methods})
    return found


@pytest.mark.safeguard
def test_s26_the_whole_matrix():
    assert declared() == PAGES | API


@pytest.mark.safeguard
def test_s26_the_application_has_no_route_of_its_own(house):
    routes = create_app(house.home).routes
    mounts = [route.path for route in routes if isinstance(route, Mount)]
    assert mounts == ["/static"]
    assert not [route for route in routes if isinstance(route, APIRoute)]
    assert len(routes) == len(ROUTERS) + 1


@pytest.mark.safeguard
def test_s26_a_route_nobody_listed_cannot_be_made():
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(RouteWithoutPermission):
        router.get("/tout")(lambda: "tout")


@pytest.mark.safeguard
@pytest.mark.parametrize("login", [user[0] for user in USERS])
def test_s09_every_role_before_every_page(house, login):
    """Reading and changing alike: others are told that it is not for them, before all else."""
    client = house.client(login)
    for (method, path), need in (PAGES | API).items():
        if need in (ANYBODY, SIGNED_IN):
            continue
        named = path.replace("{version}", VERSION).replace("{act}", "approve")
        answer = client.request(method, named.replace("{number}", "99"))
        if login not in LOGINS[need]:
            assert answer.status_code == 403, (login, path)
        elif method == "GET":
            assert answer.status_code == (404 if "{" in named else 200), (login, path)
        else:
            assert answer.status_code in {404, 409, 422}, (login, path)


@pytest.mark.safeguard
def test_s26_every_permission_of_a_route_is_somebodys():
    needed = {need for need in (PAGES | API).values() if need not in (ANYBODY, SIGNED_IN)}
    assert needed == set(LOGINS)
    opened = {
        login: {path for (method, path), need in API.items() if login in LOGINS.get(need, ())}
        for login in ("remy", "adam")
    }
    assert all(path.startswith("/api/v1/team") for path in opened["remy"])
    assert opened["adam"] == set()


@pytest.mark.safeguard
@pytest.mark.parametrize("login", [user[0] for user in USERS])
def test_s09_every_role_before_every_row(house, login):
    """Only the referent in their own team sees a situation; for others it does not exist."""
    owner = {"other_team": "lea", "colleague": "karim"}
    client = house.client(login)
    for kind, id in house.ids.items():
        if login == owner.get(kind, "claire"):
            expected = 200
        else:
            expected = 404 if login in {"claire", "karim", "lea"} else 403
        for prefix in ("", "/api/v1"):
            assert client.get(f"{prefix}/situations/{id}").status_code == expected
        if expected == 200:
            continue
        for method, path in API:
            if path.startswith(f"/api/v1{SITUATION}"):
                body = BODIES.get(path.rsplit("/", 1)[1])
                answer = client.request(method, path.replace("{situation_id}", id), json=body)
                assert answer.status_code == expected, (login, kind, path)


@pytest.mark.safeguard
def test_s09_without_a_session_nothing_opens(house):
    client = house.client()
    for (method, path), need in (PAGES | API).items():
        if need == ANYBODY:
            continue
        answer = client.request(method, path.replace("{act}", "approve"))
        if path.startswith("/api/"):
            assert (answer.status_code, answer.json()["code"]) == (401, "NotSignedIn"), path
        else:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login?next="), path
