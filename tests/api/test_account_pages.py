"""One's own account through page and API, and the two steps of signing in (S25, S31)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from pyotp import TOTP

from api.home import Home
from api.settings import Settings, write_settings
from api.web.app import create_app
from revue import accounts, committee, schema, signing
from revue.records import ModelState, Role
from tests.api.web_home import (
    CLI,
    NOW,
    PASSWORD,
    VERSION,
    House,
    TestClient,
    build,
    with_plain_blanks,
)

NEW = "onze oies du soir"


@pytest.fixture(autouse=True)
def least_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
    monkeypatch.setattr(signing, "_COST", replace(CHEAPEST, hash_len=32))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
        patch.setattr(signing, "_COST", replace(CHEAPEST, hash_len=32))
        folder = tmp_path_factory.mktemp("account") / "home"
        return build(folder, demonstration=False, approved=False)


@pytest.fixture
def house(template: House, tmp_path: Any) -> House:
    return template.copy(tmp_path)


@pytest.fixture
def production(house: House) -> House:
    settings = house.home.settings.model_copy(update={"production": True})
    write_settings(settings, house.home.folder / "settings.toml")
    return replace(house, home=Home(house.home.folder, house.home.keys_folder, lambda: NOW))


def client_of(house: House, login: str | None = None) -> TestClient:
    """Open a client over TLS, as production needs."""
    client = TestClient(
        create_app(house.home), base_url="https://testserver", follow_redirects=False
    )
    client.event_hooks["response"].append(with_plain_blanks)
    if login is not None:
        opened = house.session_of(login)
        cookie = "__Host-rebond" if house.home.settings.production else "rebond"
        carry(client, opened.token, cookie)
        client.headers["X-CSRF-Token"] = opened.csrf
    return client


def carry(client: TestClient, token: str, cookie: str = "rebond") -> None:
    """Put a session cookie where the service's own goes, so that the next one replaces it."""
    client.cookies.set(cookie, token, domain="testserver.local", path="/")


def hidden(page: str) -> dict[str, str]:
    own = page.partition("<main")[2].partition("</main>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', own))


def enrol(client: TestClient) -> TOTP:
    """Add a second factor by the pages; the session's new token is taken over."""
    assert client.post("/account/second-factor", data={"password": PASSWORD}).status_code == 303
    page = client.get("/account").text
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert found is not None
    phone = TOTP(found[1].replace(" ", ""))
    early = NOW - timedelta(seconds=30)
    done = client.post("/account/second-factor/confirm", data={"code": phone.at(early)})
    assert done.headers["location"] == "/account?done=factor"
    client.headers["X-CSRF-Token"] = hidden(client.get("/account").text)["csrf"]
    return phone


def sign_in(client: TestClient, login: str, password: str, next: str = "/") -> Any:
    fields = hidden(client.get(f"/login?next={next}").text)
    return client.post("/login", data={**fields, "login": login, "password": password})


def give_code(client: TestClient, code: str) -> Any:
    fields = hidden(client.get("/login/code?next=/people").text)
    return client.post("/login/code", data={**fields, "code": code})


def test_the_account_page_changes_a_password(house: House) -> None:
    client, other = client_of(house, "claire"), client_of(house, "claire")
    old = client.cookies["rebond"]
    page = client.get("/account").text
    assert 'href="/account" aria-current="page"' in page
    typed = {"password": PASSWORD, "new": NEW, "again": NEW}
    for wrong, status, field in (
        ({"password": "faux"}, 403, "password-password"),
        ({"new": "court", "again": "court"}, 422, "password-new"),
        ({"again": "autre chose ici"}, 422, "password-again"),
    ):
        refused = client.post("/account/password", data=typed | wrong)
        assert refused.status_code == status
        assert f'id="{field}-erreur"' in refused.text
        assert NEW not in refused.text
    done = client.post("/account/password", data=typed)
    assert (done.status_code, done.headers["location"]) == (303, "/account?done=password")
    assert client.cookies["rebond"] != old
    assert "est changé" in client.get("/account?done=password").text
    assert other.get("/queue").status_code == 303
    stale = client_of(house)
    carry(stale, old)
    assert stale.get("/queue").status_code == 303


@pytest.mark.safeguard
def test_s25_signing_in_ends_the_session_the_browser_came_with(house: House) -> None:
    """Session fixation: a token that somebody else planted never becomes the victim's."""
    planted = house.session_of("karim").token
    for by_page in (True, False):
        client = client_of(house)
        carry(client, planted)
        if by_page:
            assert sign_in(client, "claire", PASSWORD).status_code == 303
        else:
            client.post("/api/v1/login", json={"login": "claire", "password": PASSWORD})
        assert client.cookies["rebond"] != planted
        attacker = client_of(house)
        carry(attacker, planted)
        assert attacker.get("/api/v1/account").status_code == 401
        planted = house.session_of("karim").token


@pytest.mark.safeguard
def test_s25_a_token_is_dead_after_logout_close_and_reset(house: House) -> None:
    ended = []
    for end in (
        lambda client: client.post("/logout"),
        lambda client: client.post("/api/v1/logout"),
        lambda client: manage(house, accounts.reset_user),
        lambda client: manage(house, accounts.close_user),
    ):
        client = client_of(house, "claire")
        ended.append(client.cookies["rebond"])
        assert client.get("/api/v1/account").status_code == 200
        end(client)
    for token in ended:
        again = client_of(house)
        carry(again, token)
        assert again.get("/api/v1/account").json()["code"] == "NotSignedIn"
        assert again.get("/account").headers["location"].startswith("/login")
    assert sign_in(client_of(house), "claire", PASSWORD).status_code == 401


def manage(house: House, act: Any) -> None:
    with house.home.transaction() as session:
        act(session, login="claire", by=CLI, now=NOW)


def test_a_second_factor_makes_signing_in_two_steps(house: House) -> None:
    phone = enrol(client_of(house, "claire"))
    client = client_of(house)
    asked = sign_in(client, "claire", PASSWORD, next="/people")
    assert asked.headers["location"] == "/login/code?next=/people"
    assert "rebond" not in client.cookies
    cookie = asked.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/login"))
    wrong = give_code(client, "000000")
    assert (wrong.status_code, "code-erreur" in wrong.text) == (401, True)
    let_in = give_code(client, phone.at(NOW))
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/people")
    assert client.get("/people").status_code == 200
    # The same word and code a second time open nothing.
    stranger = client_of(house)
    assert sign_in(stranger, "claire", PASSWORD).status_code == 303
    assert give_code(stranger, phone.at(NOW)).status_code == 401


@pytest.mark.safeguard
def test_s25_no_door_leaves_the_second_step_out(house: House) -> None:
    phone = enrol(client_of(house, "claire"))
    client = client_of(house)
    assert sign_in(client, "claire", PASSWORD).status_code == 303
    word = client.cookies["rebond_pending"]
    for path in ("/queue", "/account", "/people"):
        assert client.get(path).headers["location"].startswith("/login")
    carry(client, word)
    assert client.get("/api/v1/queue").status_code == 401
    # Without the password no code is asked for, right or wrong.
    bare = client_of(house)
    assert bare.get("/login/code").headers["location"] == "/login?next=/"
    fields = hidden(bare.get("/login").text)
    answer = bare.post("/login/code", data={**fields, "code": phone.at(NOW)})
    assert answer.headers["location"].startswith("/login?")
    # Nor without the form's own token.
    assert client.post("/login/code", data={"code": phone.at(NOW)}).status_code == 403
    given = {"login": "claire", "password": PASSWORD}
    for body, status, code in (
        (given, 401, "CodeMissing"),
        (given | {"code": "000000"}, 401, "CodeRefused"),
        (given | {"code": phone.at(NOW), "password": "faux"}, 401, "SignInFailed"),
    ):
        answer = bare.post("/api/v1/login", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "rebond" not in bare.cookies
    assert bare.post("/api/v1/login", json=given | {"code": phone.at(NOW)}).status_code == 200
    assert bare.get("/api/v1/account").json()["second_factor"] is True


@pytest.mark.safeguard
def test_s25_codes_are_locked_out_like_passwords(house: House) -> None:
    phone = enrol(client_of(house, "claire"))
    client = client_of(house)
    sign_in(client, "claire", PASSWORD)
    answers = [give_code(client, "000000").status_code for _ in range(accounts.MAX_FAILURES)]
    assert answers == [401] * (accounts.MAX_FAILURES - 1) + [429]
    assert give_code(client, phone.at(NOW)).status_code == 429
    given = {"login": "claire", "password": PASSWORD, "code": phone.at(NOW)}
    assert client.post("/api/v1/login", json=given).json()["code"] == "SignInLocked"


@pytest.mark.safeguard
def test_s25_a_stolen_session_changes_nothing_of_the_account(house: House) -> None:
    """Neither by page nor by API does a session alone replace what it was opened with."""
    client = client_of(house, "claire")
    guess = {"password": "faux"}
    tries = (
        ("/account/password", {**guess, "new": NEW, "again": NEW}),
        ("/account/second-factor", guess),
        ("/api/v1/account/password", {**guess, "new_password": NEW}),
        ("/api/v1/account/second-factor", guess),
    )
    for path, body in tries:
        how = {"json": body} if path.startswith("/api") else {"data": body}
        assert client.post(path, **how).status_code == 403, path
    assert client.post("/account/second-factor", data=guess).status_code == 429
    path, body = tries[2]
    right = body | {"password": PASSWORD}
    assert client.post(path, json=right).json()["code"] == "PasswordLocked"


def test_programs_change_password_and_second_factor(house: House) -> None:
    client = client_of(house, "anne")
    base = "/api/v1/account"
    told = client.get(base).json()
    assert told == {"login": "anne", "role": "committee", "team": None, "second_factor": False}
    asked = {"password": PASSWORD, "new_password": NEW}
    opened = client.post(f"{base}/password", json=asked).json()
    client.headers["X-CSRF-Token"] = opened["csrf"]
    made = client.post(f"{base}/second-factor", json={"password": NEW}).json()
    phone = TOTP(made["secret"])
    confirm, remove = f"{base}/second-factor/confirm", f"{base}/second-factor/remove"
    assert client.post(confirm, json={"code": "000000"}).json()["code"] == "WrongCode"
    opened = client.post(confirm, json={"code": phone.at(NOW)}).json()
    client.headers["X-CSRF-Token"] = opened["csrf"]
    later = {"password": NEW, "code": phone.at(NOW + timedelta(seconds=30))}
    opened = client.post(remove, json=later).json()
    client.headers["X-CSRF-Token"] = opened["csrf"]
    assert client.post(remove, json=later).json()["code"] == "NoSecondFactor"


@pytest.mark.safeguard
def test_s31_a_vote_in_production_needs_the_members_password(production: House) -> None:
    anne, paul = client_of(production, "anne"), client_of(production, "paul")
    assert 'autocomplete="current-password"' in anne.get("/committee").text
    vote = {"reason": "Vu en entier.", "waive": "yes"}
    page, api = f"/committee/{VERSION}/approve", f"/api/v1/models/{VERSION}/approve"
    for password, status, code in (
        ("", 422, "PasswordMissing"),
        ("faux", 403, "WrongPassword"),
    ):
        refused = anne.post(page, data=vote | {"password": password})
        assert refused.status_code == status
        assert f"password-{VERSION}-erreur" in refused.text
        body = {"reason": "Vu.", "waive": True, "password": password}
        answer = anne.post(api, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert state(production) is ModelState.PROPOSED
    assert anne.post(page, data=vote | {"password": PASSWORD}).status_code == 303
    body = {"reason": "Vu.", "waive": True, "password": PASSWORD}
    assert paul.post(api, json=body).json() == {"state": "approved"}
    with production.home.transaction() as session:
        votes = session.query(schema.ModelVote).all()
        assert all(vote.signature for vote in votes)
    for _ in range(accounts.MAX_FAILURES):
        locked = paul.post(f"/committee/{VERSION}/suspend", data=vote | {"password": "faux"})
    assert locked.status_code == 429
    assert state(production) is ModelState.APPROVED


def state(house: House) -> ModelState:
    with house.home.transaction() as session:
        return committee.model(session, VERSION, today=NOW.date()).state


def test_outside_of_production_no_password_is_asked_for(house: House) -> None:
    anne = client_of(house, "anne")
    assert "password" not in anne.get("/committee").text.partition("<main")[2]
    answer = anne.post(f"/committee/{VERSION}/approve", data={"reason": "Vu.", "waive": "yes"})
    assert answer.status_code == 303


def test_production_reminds_those_whose_role_asks_for_a_second_factor(
    production: House, house: House
) -> None:
    word = "second facteur, et votre compte"
    for login, _, _ in (("anne", 1, 1), ("dina", 1, 1), ("adam", 1, 1)):
        assert word in client_of(production, login).get("/account").text
    assert word not in client_of(production, "claire").get("/queue").text
    assert word not in client_of(production).get("/login").text
    assert word not in client_of(house, "anne").get("/committee").text
    client = client_of(production, "anne")
    page = client.get("/committee")
    assert (page.status_code, word in page.text) == (200, True)
    enrol(client)
    assert word not in client.get("/committee").text
    assert Settings().second_factor_roles == {Role.COMMITTEE, Role.DPO, Role.ADMIN}


def test_the_picture_needs_neither_style_nor_script(house: House) -> None:
    client = client_of(house, "claire")
    client.post("/account/second-factor", data={"password": PASSWORD})
    page = client.get("/account").text
    picture = page.partition('class="qr"')[2].partition("</svg>")[0]
    assert "<path" in picture
    assert "style" not in picture
