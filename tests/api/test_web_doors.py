"""Sessions, form tokens, headers and refusals: the doors themselves."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta

import httpx
import pytest

from api import authority
from api.home import Home
from api.settings import Settings
from api.web.access import session_cookie
from api.web.faults import FAULTS, fault_of
from api.web.forms import local_path
from features.errors import RebondError
from revue import (
    accounts,
    committee,
    offers,
    permissions,
    promotion,
    reasons,
    review,
    second_factor,
    states,
)
from tests.api.web_home import NOW, PASSWORD, House, build

HTML = "text/html; charset=utf-8"


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> House:
    return build(tmp_path_factory.mktemp("doors") / "home")


@pytest.fixture
def house(template, tmp_path) -> House:
    return template.copy(tmp_path)


def form(client, path: str = "/login") -> dict[str, str]:
    """Read the hidden fields of a page's own last form, not of its frame's."""
    page = client.get(path).text.partition("<main")[2].partition("</main>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_sign_in_by_form_leads_where_one_wanted_to_go(house):
    client = house.client()
    asked = client.get("/queue")
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/queue")
    fields = form(client, "/login?next=/queue")
    answer = client.post("/login", data={**fields, "login": "claire", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/queue").status_code == 200


def test_each_role_starts_on_its_page(house):
    starts = {
        "claire": "/queue",
        "remy": "/team",
        "anne": "/committee",
        "sonia": "/models",
        "dina": "/rights",
    }
    for login, path in starts.items():
        assert house.client(login).get("/").headers["location"] == path
    page = house.client("adam").get("/")
    assert page.status_code == 200
    assert "aucune situation" in page.text


def test_wrong_password_and_unknown_login_are_answered_alike(house):
    client = house.client()
    texts = []
    for login in ("claire", "personne"):
        fields = form(client)
        answer = client.post("/login", data={**fields, "login": login, "password": "non"})
        assert answer.status_code == 401
        texts.append(re.sub(r'value="[^"]*"', "", answer.text))
        program = client.post("/api/v1/login", json={"login": login, "password": "non"})
        assert (program.status_code, program.json()["code"]) == (401, "SignInFailed")
    assert texts[0] == texts[1]
    assert "inexact" in texts[0]


@pytest.mark.safeguard
def test_s25_guessing_is_locked_out(house):
    client = house.client()
    for _ in range(accounts.MAX_FAILURES):
        client.post("/api/v1/login", json={"login": "claire", "password": "non"})
    locked = client.post("/api/v1/login", json={"login": "claire", "password": PASSWORD})
    assert (locked.status_code, locked.json()["code"]) == (429, "SignInLocked")


@pytest.mark.safeguard
def test_s25_a_session_ends_and_is_not_used_again(house):
    client = house.client("claire")
    token = client.cookies["rebond"]
    assert client.post("/logout").headers["location"] == "/login"
    client.cookies.set("rebond", token)
    assert client.get("/api/v1/queue").status_code == 401
    late = NOW + timedelta(hours=house.home.settings.session_hours, seconds=1)
    client = house.client("claire")
    kept = client.cookies["rebond"]
    later = House(Home(house.home.folder, house.home.keys_folder, lambda: late), {}).client()
    later.cookies.set("rebond", kept)
    assert later.get("/api/v1/queue").json()["code"] == "NotSignedIn"
    assert later.get("/queue").headers["location"] == "/login?next=/queue"


def ends_at(house: House) -> str:
    with closing(sqlite3.connect(house.home.database)) as database:
        return database.execute("SELECT max(expires_at) FROM open_sessions").fetchone()[0]


@pytest.mark.safeguard
def test_s25_a_session_that_nobody_uses_ends(house):
    """It goes on while it is used, to its last end; it is written every few minutes at most."""
    token, idle = house.client("claire").cookies["rebond"], 60
    assert house.home.settings.session_idle_minutes == idle

    def status(minutes: int) -> int:
        late = NOW + timedelta(minutes=minutes)
        later = House(Home(house.home.folder, house.home.keys_folder, lambda: late), {}).client()
        later.cookies.set("rebond", token)
        return later.get("/api/v1/people").status_code

    assert status(0) == 200
    written = ends_at(house)
    assert status(4) == 200 and ends_at(house) == written
    assert status(55) == 200 and ends_at(house) > written
    for minutes in range(100, 540, 50):
        assert status(minutes) == 200
    assert ends_at(house).startswith("2026-11-21 18:00")
    assert status(541) == 401
    token = house.client("claire").cookies["rebond"]
    assert status(0) == 200 and status(61) == 401
    token = house.client("claire").cookies["rebond"]
    token = token.rpartition(".")[0] + ".9999999999"
    assert status(0) == 401


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_changing_requests_need_the_token_of_the_session(house, token):
    client = house.client("claire")
    client.headers.pop("X-CSRF-Token")
    fields = {} if token is None else {"csrf": token}
    headers = {} if token is None else {"X-CSRF-Token": token}
    id = house.ids["signal"]
    by_page = client.post(f"/situations/{id}/view", data={"opinion": "no", **fields})
    assert by_page.status_code == 403
    by_json = client.post(f"/api/v1/situations/{id}/view", json={"opinion": "no"}, headers=headers)
    assert (by_json.status_code, by_json.json()["code"]) == (403, "CsrfMismatch")
    assert client.get(f"/api/v1/situations/{id}").json()["state"] == "to_look_at"


def test_the_token_of_another_session_is_refused(house):
    claire, anne = house.client("claire"), house.client("anne")
    stolen = {"X-CSRF-Token": anne.headers["X-CSRF-Token"]}
    path = f"/api/v1/situations/{house.ids['signal']}/handled-elsewhere"
    assert claire.post(path, headers=stolen).status_code == 403


def test_sign_in_form_is_submitted_twice(house):
    client = house.client()
    answer = client.post("/login", data={"login": "claire", "password": PASSWORD, "csrf": ""})
    assert answer.status_code == 403
    fields = form(client)
    client.cookies.clear()
    answer = client.post("/login", data={**fields, "login": "claire", "password": PASSWORD})
    assert answer.status_code == 403
    assert "rebond" not in client.cookies


def test_json_sign_in_takes_nothing_but_json(house):
    """A form of another site can send text, not JSON: so it signs nobody in."""
    client = house.client()
    body = json.dumps({"login": "claire", "password": PASSWORD})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post("/api/v1/login", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 422
        assert PASSWORD not in answer.text
        assert not client.cookies


def test_nobody_is_sent_to_another_site(house):
    for target in ("https://ailleurs.example", "//ailleurs.example", "/\\ailleurs", "x", "/a\nb"):
        assert local_path(target) == "/"
    assert local_path("/situations/abc") == "/situations/abc"


def test_production_cookie_is_pinned_to_the_host():
    assert session_cookie(Settings(production=True)) == "__Host-rebond"


@pytest.mark.safeguard
def test_s29_strict_headers_and_nothing_from_elsewhere(house):
    client, anne = house.client("claire"), house.client("anne")
    pages = [client.get(path) for path in ("/login", "/queue", "/people", "/nulle-part")]
    pages += [client.get(f"/situations/{house.ids['signal']}")]
    pages += [anne.get(path) for path in ("/committee", "/models", "/audits", "/journal")]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page.text)
        assert " style=" not in page.text
        assert "<style" not in page.text
    style = client.get("/static/rebond.css")
    assert style.status_code == 200
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_no_interactive_documentation(house):
    for path in ("/docs", "/redoc"):
        assert house.client("anne").get(path).status_code == 404


def test_a_page_too_large_is_refused(house):
    client = house.client("claire")
    answer = client.post(
        f"/situations/{house.ids['signal']}/view", data={"opinion": "no", "why": "a" * 100_000}
    )
    assert answer.status_code == 413
    assert "Cette demande est trop longue" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"
    endless = client.post("/login", content=b"x", headers={"Content-Length": "9" * 400})
    assert endless.status_code == 413
    english = client.post("/login", content=b"x" * 70_000, headers={"Accept-Language": "en"})
    assert "too long" in english.text


def test_a_refusal_of_what_is_too_large_arrives_over_the_wire(template):
    """What was sent is read to its end, or the connection would close on it."""
    with template.served() as address:
        for size in (70_000, 700_000):
            answer = httpx.post(f"{address}/login", content=b"x" * size)
            assert (answer.status_code, answer.headers["content-type"]) == (413, HTML)


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "undefined", "unicode_escape", "nope", ""])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_in_an_odd_character_set_is_refused_and_does_nothing(template, kind, charset):
    """The framework decodes by the name it is given, into halves of characters at worst."""
    client, id = template.client("claire"), template.ids["signal"]
    token = client.headers.pop("X-CSRF-Token")
    body = f"csrf={token}&opinion=no&login=claire"
    if kind.startswith("multipart"):
        part = '--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        fields = (("csrf", token), ("opinion", "no"), ("login", "+2AA-\\ud800"))
        body = "".join(part % field for field in fields) + "--x--\r\n"
    sent = {"Content-Type": f"{kind}; boundary=x; charset={charset}"}
    for path in (f"/situations/{id}/view", "/login", "/language"):
        answer = client.post(path, content=body.encode(), headers=sent)
        assert (answer.status_code, answer.headers["content-type"]) == (415, HTML)
        assert "envoyé en UTF-8" in answer.text
    assert client.get(f"/api/v1/situations/{id}").json()["view"] is None


@pytest.mark.parametrize("charset", ["UTF-8", '"utf-8"', "utf8", "us-ascii"])
def test_a_form_that_names_its_character_set_is_read(template, charset):
    sent = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    answer = template.client().post("/language", content="language=en", headers=sent)
    assert answer.status_code == 303


def test_every_refusal_a_door_can_meet_has_its_answer():
    """An error that a page can raise and that nobody mapped would be told as our failure."""
    for module in (states, review, offers, permissions, reasons, authority, second_factor):
        for error in vars(module).values():
            ours = isinstance(error, type) and issubclass(error, RebondError)
            if ours and error.__module__ == module.__name__:
                assert fault_of(error("x")).status != 500, error
    votes = {"NoSuchModel", "VoteOutOfOrder", "AuditMissing", "CannotApproveFailedAudit"}
    votes |= {"WaiverMissing", "WaiverTooLong", "AlreadyVoted"}
    votes |= {"AuditOutdated", "PromotionMismatch", "NotInJournal", "VoteUnsigned"}
    modules = {committee.__name__, promotion.__name__}
    assert votes <= {error.__name__ for error in FAULTS if error.__module__ in modules}


def test_our_own_failure_tells_nothing(house, monkeypatch):
    client = house.client("claire")
    client._transport.raise_server_exceptions = False
    (house.home.folder / "settings.toml").write_text("service = 3\n", encoding="utf-8")
    database = house.home.database
    client.app.state.home.sessions.kw["bind"].dispose()
    database.rename(database.with_suffix(".away"))
    answer = client.get("/queue")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert str(house.home.folder) not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
