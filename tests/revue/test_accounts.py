from __future__ import annotations

import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher, Type
from argon2.profiles import CHEAPEST
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from revue import accounts, schema
from revue.accounts import (
    LOCKED_FOR,
    MAX_FAILURES,
    InvalidLogin,
    LoginTaken,
    NoSuchUser,
    TeamMissing,
    WeakPassword,
    actor_for,
    close_session,
    create_user,
    open_session,
    resume_session,
    try_sign_in,
    users,
)
from revue.journal import entries
from revue.permissions import Forbidden, NoAccount
from revue.records import Actor, Role, SignedIn, SignInRefused
from tests.revue.builders import CLI, NOW, educator, user

MINUTE = timedelta(minutes=1)
AS_SERVED = accounts._HASHER


@pytest.fixture(autouse=True)
def least_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with Argon2id as ever, at the least cost; the served cost is pinned below."""
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))


@pytest.mark.safeguard
def test_s25_passwords_cost_what_rfc_9106_says() -> None:
    assert (AS_SERVED.type, AS_SERVED.memory_cost, AS_SERVED.time_cost) == (Type.ID, 65536, 3)


def made(session: Session, login: str = "lea", **more: object) -> str:
    said = {"role": Role.EDUCATOR, "team": "nord", "by": CLI, "now": NOW} | more
    return create_user(session, login=login, **said)  # type: ignore[arg-type]


def test_a_new_account_signs_in(session: Session) -> None:
    password = made(session)
    assert re.fullmatch(r"([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}", password)  # 20 x 5 bits
    actor = actor_for(session, "lea")
    assert (actor.login, actor.role, actor.team) == ("lea", Role.EDUCATOR, "nord")
    signed_in = try_sign_in(session, login="lea", password=password, now=NOW)
    assert signed_in == SignedIn(actor)
    stored = session.execute(text("SELECT * FROM users")).one()
    assert password not in str(stored)
    assert "$argon2id$" in str(stored)
    (row,) = users(session)
    assert (row.login, row.practised, row.created_at) == ("lea", False, NOW)
    with pytest.raises(NoSuchUser):
        actor_for(session, "leo")


@pytest.mark.parametrize(
    ("login", "more", "error"),
    [
        ("Lea", {}, InvalidLogin),
        ("cli:root", {}, InvalidLogin),
        ("l", {}, InvalidLogin),
        ("léa", {}, InvalidLogin),
        ("lea\n", {}, InvalidLogin),
        ("zoe", {"team": None}, TeamMissing),
        ("zoe", {"team": "", "role": Role.TEAM_LEAD}, TeamMissing),
        ("zoe", {"password": "short"}, WeakPassword),
        ("karim", {}, LoginTaken),
    ],
)
def test_what_is_no_account(
    session: Session, login: str, more: dict[str, object], error: type[Exception]
) -> None:
    educator(session, "karim")
    with pytest.raises(error):
        made(session, login, **more)


@pytest.mark.safeguard
@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
def test_s26_only_an_administrator_creates_accounts(session: Session, role: Role) -> None:
    with pytest.raises(Forbidden):
        made(session, by=user(session, "somebody", role, "nord"))


@pytest.mark.safeguard
@pytest.mark.parametrize("login", ["lea", "nobody"])
def test_s25_brute_force_meets_a_lock(session: Session, login: str) -> None:
    """A login that does not exist answers, counts and locks like one that does."""
    password = made(session, password="a long enough password")
    for attempt in range(MAX_FAILURES):
        refused = try_sign_in(session, login=login, password="wrong", now=NOW)
        last = attempt == MAX_FAILURES - 1
        assert refused == SignInRefused(NOW + LOCKED_FOR if last else None)
    during = NOW + LOCKED_FOR - MINUTE
    assert try_sign_in(session, login=login, password=password, now=during) == SignInRefused(
        NOW + LOCKED_FOR
    )
    after = NOW + LOCKED_FOR
    refused_again = try_sign_in(session, login=login, password="wrong", now=after)
    assert refused_again == SignInRefused(None)
    result = try_sign_in(session, login=login, password=password, now=after)
    assert isinstance(result, SignedIn) == (login == "lea")


def test_signing_in_forgets_failures(session: Session) -> None:
    password = made(session)
    for _ in range(2):
        for _ in range(MAX_FAILURES - 1):
            try_sign_in(session, login="lea", password="wrong", now=NOW)
        signed_in = try_sign_in(session, login="lea", password=password, now=NOW)
        assert isinstance(signed_in, SignedIn)
    assert session.scalars(select(schema.SignInFailure)).all() == []


@pytest.mark.safeguard
def test_s23_a_password_typed_as_login_is_not_written_down(session: Session) -> None:
    try_sign_in(session, login="my-secret-password", password="lea", now=NOW)
    for table in schema.Base.metadata.sorted_tables:
        assert "my-secret-password" not in repr(session.execute(table.select()).all())
    assert entries(session, 1)[0].act == "sign_in_refused"


@pytest.mark.safeguard
def test_s25_a_session_ends(session: Session) -> None:
    lea = educator(session)
    opened = open_session(session, lea, NOW, hours=9)
    assert len(opened.token) >= 43
    assert opened.token not in str(session.execute(text("SELECT * FROM open_sessions")).all())
    nearly = NOW + timedelta(hours=9) - MINUTE
    assert resume_session(session, opened.token, nearly) == opened
    assert resume_session(session, opened.token, NOW + timedelta(hours=9)) is None
    assert resume_session(session, opened.token + "x", NOW) is None
    assert resume_session(session, opened.csrf, NOW) is None
    close_session(session, opened.token)
    assert resume_session(session, opened.token, NOW) is None


def test_ended_sessions_are_forgotten(session: Session) -> None:
    lea = educator(session)
    open_session(session, lea, NOW, hours=1)
    second = open_session(session, lea, NOW + timedelta(hours=2), hours=1)
    assert len(session.scalars(select(schema.OpenSession)).all()) == 1
    assert resume_session(session, second.token, NOW + timedelta(hours=2)) == second


@pytest.mark.safeguard
def test_s25_a_session_follows_the_account(session: Session) -> None:
    lea = educator(session)
    opened = open_session(session, lea, NOW, hours=1)
    session.get_one(schema.User, lea.user_id).role = Role.ADMIN
    resumed = resume_session(session, opened.token, NOW)
    assert resumed is not None
    assert resumed.actor.role is Role.ADMIN
    with pytest.raises(NoAccount):
        open_session(session, Actor("cli:root", None, None), NOW, hours=1)
