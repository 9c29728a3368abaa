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
    ("GET", "/login"): ANYBODY,
    ("POST", "/login"): ANYBODY,
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/openapi.json"): ANYBODY,
    ("POST", "/logout"): SIGNED_IN,
    ("GET", "/"): SIGNED_IN,
    ("GET", "/queue"): Permission.READ_QUEUE,
    ("GET", "/people"): Permission.READ_PEOPLE,
    ("POST", "/people/{person}/open"): Permission.OPEN_SITUATION,
    ("GET", SITUATION): Permission.READ_SITUATION,
    ("POST", f"{SITUATION}/view"): Permission.GIVE_VIEW,
    ("POST", f"{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("GET", f"{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("POST", f"{SITUATION}/decision"): Permission.DECIDE,
    ("POST", f"{SITUATION}/handled-elsewhere"): Permission.READ_SITUATION,
    ("GET", "/models"): Permission.READ_MODELS,
    ("GET", "/models/{version}"): Permission.READ_MODELS,
    ("GET", "/audits"): Permission.READ_MODELS,
    ("GET", "/audits/{version}"): Permission.READ_MODELS,
    ("GET", "/audits/{version}/report"): Permission.READ_MODELS,
    ("GET", "/audits/{version}/report.pdf"): Permission.READ_MODELS,
    ("GET", "/committee"): Permission.VOTE,
    ("POST", "/committee/{version}/{act}"): Permission.VOTE,
    ("GET", "/committee/wordings"): Permission.MEND_WORDING,
    ("POST", "/committee/wordings"): Permission.MEND_WORDING,
    ("POST", "/committee/wordings/{version}/confirm"): Permission.MEND_WORDING,
    ("GET", "/journal"): Permission.READ_JOURNAL,
}

API = {
    ("POST", "/api/v1/login"): ANYBODY,
    ("POST", "/api/v1/logout"): SIGNED_IN,
    ("GET", "/api/v1/queue"): Permission.READ_QUEUE,
    ("GET", "/api/v1/people"): Permission.READ_PEOPLE,
    ("POST", "/api/v1/people/{person}/open"): Permission.OPEN_SITUATION,
    ("GET", f"/api/v1{SITUATION}"): Permission.READ_SITUATION,
    ("POST", f"/api/v1{SITUATION}/view"): Permission.GIVE_VIEW,
    ("POST", f"/api/v1{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("GET", f"/api/v1{SITUATION}/signal"): Permission.READ_SIGNAL,
    ("POST", f"/api/v1{SITUATION}/decision"): Permission.DECIDE,
    ("POST", f"/api/v1{SITUATION}/handled-elsewhere"): Permission.READ_SITUATION,
    ("GET", "/api/v1/models"): Permission.READ_MODELS,
    ("GET", "/api/v1/models/{version}"): Permission.READ_MODELS,
    ("GET", "/api/v1/models/{version}/table"): Permission.READ_MODELS,
    ("GET", "/api/v1/audits/{version}"): Permission.READ_MODELS,
    ("POST", "/api/v1/models/{version}/{act}"): Permission.VOTE,
    ("GET", "/api/v1/wordings"): Permission.MEND_WORDING,
    ("POST", "/api/v1/wordings"): Permission.MEND_WORDING,
    ("POST", "/api/v1/wordings/{version}/confirm"): Permission.MEND_WORDING,
    ("GET", "/api/v1/journal"): Permission.READ_JOURNAL,
}

LOGINS = {
    Permission.READ_QUEUE: {"claire", "karim", "lea"},
    Permission.READ_PEOPLE: {"claire", "karim", "lea"},
    Permission.READ_MODELS: {"sonia", "anne", "paul", "dina"},
    Permission.VOTE: {"anne", "paul"},
    Permission.MEND_WORDING: {"anne", "paul"},
    Permission.READ_JOURNAL: {"anne", "paul", "dina"},
}


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
    client = house.client(login)
    for (method, path), need in (PAGES | API).items():
        if method != "GET" or need not in LOGINS:
            continue
        status = client.get(path.replace("{version}", VERSION)).status_code
        assert status == (200 if login in LOGINS[need] else 403), (login, path)


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
