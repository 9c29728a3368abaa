from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.profiles import CHEAPEST
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from revue import accounts, schema, signing
from revue.absences import educators, educators_of
from revue.accounts import (
    LOCKED_FOR,
    MAX_FAILURES,
    AccountClosed,
    InvalidLogin,
    LoginTaken,
    NoSuchUser,
    TeamMissing,
    WeakPassword,
    actor_for,
    close_session,
    close_user,
    create_user,
    open_session,
    reset_user,
    resume_session,
    try_change_password,
    try_sign_in,
    users,
)
from revue.journal import entries
from revue.permissions import Forbidden, NoAccount
from revue.records import Actor, Role, SignedIn, SignInRefused, WebSession
from revue.signing import open_key
from tests.revue.builders import CLI, NOW, educator, user

MINUTE = timedelta(minutes=1)
AS_SERVED = accounts._HASHER


@pytest.fixture(autouse=True)
def least_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with Argon2id as ever, at the least cost; the served cost is pinned below."""
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
    monkeypatch.setattr(signing, "_COST", replace(CHEAPEST, hash_len=32))


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
        ("zoe", {"password": "a" * 1001}, WeakPassword),
        ("zoe", {"password": "c'est ZOE qui entre"}, WeakPassword),
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
        assert "my-secret-password" not in repr(
            [tuple(row) for row in session.execute(table.select())]
        )
    assert entries(session, 1)[0].act == "sign_in_refused"


@pytest.mark.safeguard
def test_s25_a_session_ends(session: Session) -> None:
    lea = educator(session)
    opened = open_session(session, lea, NOW, hours=9)
    assert len(opened.token) >= 43
    assert opened.token not in str(
        [tuple(row) for row in session.execute(text("SELECT * FROM open_sessions"))]
    )
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


OLD, NEW = "quatre chats gris", "onze oies du soir"


def changed(session: Session, actor: Actor, old: str = OLD, new: str = NEW) -> object:
    return try_change_password(session, actor, password=old, new=new, now=NOW, hours=9)


def signs_in(session: Session, login: str, password: str) -> bool:
    return isinstance(try_sign_in(session, login=login, password=password, now=NOW), SignedIn)


@pytest.mark.safeguard
def test_s25_a_changed_password_ends_every_session_and_opens_a_new_one(session: Session) -> None:
    made(session, "anne", role=Role.COMMITTEE, team=None, password=OLD)
    anne = actor_for(session, "anne")
    before = [open_session(session, anne, NOW, hours=9) for _ in range(2)]
    row = session.get_one(schema.User, anne.user_id)
    key = open_key("anne", row.sealed_key, OLD).sign(b"x")
    opened = changed(session, anne)
    assert isinstance(opened, WebSession)
    assert resume_session(session, opened.token, NOW) == opened
    assert [resume_session(session, one.token, NOW) for one in before] == [None, None]
    assert (signs_in(session, "anne", OLD), signs_in(session, "anne", NEW)) == (False, True)
    # It is the same signing key, under the new password and no more under the old one.
    assert open_key("anne", row.sealed_key, NEW).sign(b"x") == key
    with pytest.raises(signing.SigningKeyLost):
        open_key("anne", row.sealed_key, OLD)
    assert "change_password" in {entry.act for entry in entries(session, 5)}


@pytest.mark.safeguard
@pytest.mark.parametrize("new", ["court", "Je suis Anne, moi", "a" * 1001])
def test_s25_a_weak_password_is_not_taken(session: Session, new: str) -> None:
    made(session, "anne", role=Role.DPO, team=None, password=OLD)
    with pytest.raises(WeakPassword):
        changed(session, actor_for(session, "anne"), new=new)
    assert signs_in(session, "anne", OLD)


@pytest.mark.safeguard
def test_s25_a_stolen_session_changes_no_password_by_guessing(session: Session) -> None:
    made(session, password=OLD)
    lea = actor_for(session, "lea")
    kept = open_session(session, lea, NOW, hours=9)
    for attempt in range(MAX_FAILURES + 1):
        refused = changed(session, lea, old=OLD if attempt == MAX_FAILURES else "guess")
        assert isinstance(refused, SignInRefused)
    assert resume_session(session, kept.token, NOW) == kept
    assert not signs_in(session, "lea", NEW)


@pytest.mark.safeguard
def test_s25_a_reset_ends_everything_that_was(session: Session) -> None:
    made(session, password=OLD)
    lea = actor_for(session, "lea")
    opened = open_session(session, lea, NOW, hours=9)
    row = session.get_one(schema.User, lea.user_id)
    row.sealed_totp, row.totp_step = b"x", 1
    for _ in range(MAX_FAILURES):
        try_sign_in(session, login="lea", password="wrong", now=NOW)
    password = reset_user(session, login="lea", by=CLI, now=NOW)
    assert resume_session(session, opened.token, NOW) is None
    assert (row.sealed_totp, row.totp_step, row.sealed_key) == (None, None, None)
    assert (signs_in(session, "lea", OLD), signs_in(session, "lea", password)) == (False, True)
    assert "reset_user" in {entry.act for entry in entries(session, 5)}
    with pytest.raises(NoSuchUser):
        reset_user(session, login="leo", by=CLI, now=NOW)


@pytest.mark.safeguard
def test_s25_a_closed_account_is_answered_like_none(session: Session) -> None:
    made(session, password=OLD)
    lea = actor_for(session, "lea")
    opened = open_session(session, lea, NOW, hours=9)
    assert (educators_of(session, "nord"), educators(session)) == (("lea",), {"lea"})
    close_user(session, login="lea", by=CLI, now=NOW)
    assert resume_session(session, opened.token, NOW) is None
    assert try_sign_in(session, login="lea", password=OLD, now=NOW) == SignInRefused(None)
    assert entries(session, 1)[0].subject == "anonymous"
    assert (educators_of(session, "nord"), educators(session)) == ((), frozenset())
    (row,) = users(session)
    assert row.closed_at == NOW
    # A session that was opened beside, in the table itself, opens nothing either.
    raw = open_session(session, lea, NOW, hours=9)
    assert resume_session(session, raw.token, NOW) is None
    for act in (reset_user, close_user):
        with pytest.raises(AccountClosed):
            act(session, login="lea", by=CLI, now=NOW)
    with pytest.raises(AccountClosed):
        actor_for(session, "lea")
    with pytest.raises(LoginTaken):
        made(session)


@pytest.mark.safeguard
@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
@pytest.mark.parametrize("act", [reset_user, close_user])
def test_s26_only_an_administrator_manages_accounts(
    session: Session, role: Role, act: object
) -> None:
    by = user(session, "somebody", role, "nord")
    with pytest.raises(Forbidden):
        act(session, login="somebody", by=by, now=NOW)  # type: ignore[operator]


class Counting(PasswordHasher):
    """Argon2id that remembers how much work each password cost."""

    work: list[tuple[int, int, int]]

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        found = extract_parameters(str(hash))
        self.work.append((found.memory_cost, found.time_cost, found.parallelism))
        return super().verify(hash, password)


@pytest.mark.safeguard
def test_s25_spraying_one_password_over_logins_tells_and_saves_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known, unknown, closed or locked: the same work, the same answer, one failure each."""
    counting = Counting.from_parameters(CHEAPEST)
    counting.work = []
    monkeypatch.setattr(accounts, "_HASHER", counting)
    accounts._decoy.cache_clear()
    for login in ("lea", "zoe"):
        made(session, login, password=OLD)
    close_user(session, login="zoe", by=CLI, now=NOW)
    for login in ("lea", "zoe", "personne", "admin", ""):
        for _ in range(MAX_FAILURES):
            last = try_sign_in(session, login=login, password="azerty123456", now=NOW)
        assert last == SignInRefused(NOW + LOCKED_FOR)
        try_sign_in(session, login=login, password=OLD, now=NOW)
    assert len(counting.work) == 5 * (MAX_FAILURES + 1)
    assert len(set(counting.work)) == 1
    counted = session.scalars(select(schema.SignInFailure.count)).all()
    assert counted == [MAX_FAILURES] * 5
    accounts._decoy.cache_clear()
