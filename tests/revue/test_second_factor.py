"""The second factor: what is no code of the moment, and what was one already, opens nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from pyotp import TOTP
from sqlalchemy import text
from sqlalchemy.orm import Session

from features.keys import Keyring, SealBroken
from revue import accounts, schema, second_factor
from revue.accounts import (
    LOCKED_FOR,
    MAX_FAILURES,
    actor_for,
    create_user,
    open_session,
    reset_user,
    resume_session,
    try_sign_in,
)
from revue.journal import entries
from revue.records import Actor, CodeAsked, Role, SignedIn, SignInRefused, WebSession
from revue.second_factor import (
    PENDING,
    NoSecondFactor,
    SecondFactorOn,
    WrongCode,
    begun,
    confirm,
    pending,
    read_pending,
    try_code,
    try_start,
    try_take_off,
)
from tests.revue.builders import CLI, NOW

PASSWORD = "quatre chats gris"
STEP = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def least_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def lea(session: Session) -> Actor:
    create_user(
        session, login="lea", role=Role.EDUCATOR, team="nord", by=CLI, now=NOW, password=PASSWORD
    )
    return actor_for(session, "lea")


@pytest.fixture
def phone(session: Session, keys: Keyring, lea: Actor) -> TOTP:
    """A telephone whose code was confirmed five minutes ago."""
    started = try_start(session, keys, lea, password=PASSWORD, now=NOW)
    assert not isinstance(started, SignInRefused)
    own = TOTP(started.secret)
    early = NOW - timedelta(minutes=5)
    confirm(session, keys, lea, code=own.at(early), now=early, hours=9)
    return own


def code(session: Session, keys: Keyring, typed: str, now: object = NOW) -> object:
    return try_code(session, keys, login="lea", code=typed, now=now)  # type: ignore[arg-type]


def test_a_second_factor_counts_once_a_code_has_shown_it(
    session: Session, keys: Keyring, lea: Actor
) -> None:
    with pytest.raises(NoSecondFactor):
        confirm(session, keys, lea, code="000000", now=NOW, hours=9)
    refused = try_start(session, keys, lea, password="faux", now=NOW)
    assert isinstance(refused, SignInRefused)
    started = try_start(session, keys, lea, password=PASSWORD, now=NOW)
    assert begun(session, keys, lea) == started
    assert isinstance(started, second_factor.Enrolment)
    assert started.secret in started.uri
    assert "issuer=Rebond" in started.uri
    assert started.grouped.replace(" ", "") == started.secret
    assert started.secret not in str(
        [tuple(row) for row in session.execute(text("SELECT * FROM users"))]
    )
    assert isinstance(try_sign_in(session, login="lea", password=PASSWORD, now=NOW), SignedIn)
    with pytest.raises(WrongCode):
        confirm(session, keys, lea, code="nothing", now=NOW, hours=9)
    before = open_session(session, lea, NOW, hours=9)
    opened = confirm(session, keys, lea, code=TOTP(started.secret).at(NOW), now=NOW, hours=9)
    assert opened.second_factor
    assert resume_session(session, opened.token, NOW) == opened
    assert resume_session(session, before.token, NOW) is None
    assert begun(session, keys, lea) is None
    asked = try_sign_in(session, login="lea", password=PASSWORD, now=NOW)
    assert asked == CodeAsked("lea")
    for again in (
        lambda: try_start(session, keys, lea, password=PASSWORD, now=NOW),
        lambda: confirm(session, keys, lea, code="000000", now=NOW, hours=9),
    ):
        with pytest.raises(SecondFactorOn):
            again()


@pytest.mark.safeguard
def test_s25_a_code_stands_one_step_early_or_late_and_once(
    session: Session, keys: Keyring, phone: TOTP
) -> None:
    for steps in (-2, 2, 20):
        refused = code(session, keys, phone.at(NOW + steps * STEP))
        assert isinstance(refused, SignInRefused)
    accounts.forget_failures(session, "lea")
    assert isinstance(code(session, keys, f" {phone.at(NOW)[:3]} {phone.at(NOW)[3:]}"), SignedIn)
    for used in (phone.at(NOW), phone.at(NOW - STEP)):
        assert isinstance(code(session, keys, used), SignInRefused)
    assert isinstance(code(session, keys, phone.at(NOW + STEP)), SignedIn)
    assert isinstance(code(session, keys, phone.at(NOW + STEP), NOW + STEP), SignInRefused)


@pytest.mark.safeguard
@pytest.mark.parametrize("typed", ["", "0", "é", "123456789", "\0\0\0\0\0\0"])
def test_s25_what_is_no_code_is_counted(
    session: Session, keys: Keyring, phone: TOTP, typed: str
) -> None:
    assert isinstance(code(session, keys, typed), SignInRefused)
    assert session.query(schema.SignInFailure).one().count == 1


@pytest.mark.safeguard
def test_s25_who_knows_the_password_does_not_guess_codes_without_end(
    session: Session, keys: Keyring, phone: TOTP
) -> None:
    """The right password in between forgets no wrong code."""
    for attempt in range(MAX_FAILURES):
        asked = try_sign_in(session, login="lea", password=PASSWORD, now=NOW)
        assert asked == CodeAsked("lea")
        refused = code(session, keys, "000000")
        assert isinstance(refused, SignInRefused)
        assert (refused.locked_until is not None) is (attempt == MAX_FAILURES - 1)
    locked = SignInRefused(NOW + LOCKED_FOR)
    assert code(session, keys, phone.at(NOW)) == locked
    assert try_sign_in(session, login="lea", password=PASSWORD, now=NOW) == locked
    later = NOW + LOCKED_FOR
    assert isinstance(code(session, keys, phone.at(later), later), SignedIn)


@pytest.mark.safeguard
def test_s25_a_second_factor_is_taken_off_with_password_and_code_alone(
    session: Session, keys: Keyring, lea: Actor, phone: TOTP
) -> None:
    def take_off(password: str, typed: str) -> object:
        return try_take_off(session, keys, lea, password=password, code=typed, now=NOW, hours=9)

    for password, typed in (("faux", phone.at(NOW)), (PASSWORD, "000000"), (PASSWORD, "")):
        assert isinstance(take_off(password, typed), SignInRefused)
    before = open_session(session, lea, NOW, hours=9)
    opened = take_off(PASSWORD, phone.at(NOW))
    assert isinstance(opened, WebSession)
    assert not opened.second_factor
    assert resume_session(session, before.token, NOW) is None
    assert isinstance(try_sign_in(session, login="lea", password=PASSWORD, now=NOW), SignedIn)
    with pytest.raises(NoSecondFactor):
        take_off(PASSWORD, phone.at(NOW))
    assert isinstance(code(session, keys, phone.at(NOW + STEP)), SignInRefused)
    said = {entry.act for entry in entries(session, 10)}
    assert {"add_second_factor", "remove_second_factor"} <= said


@pytest.mark.safeguard
def test_s25_a_second_factor_in_another_account_opens_nothing(
    session: Session, keys: Keyring, phone: TOTP
) -> None:
    create_user(
        session, login="karim", role=Role.EDUCATOR, team="nord", by=CLI, now=NOW, password=PASSWORD
    )
    session.execute(
        text(
            "UPDATE users SET (sealed_totp, totp_step) = (SELECT sealed_totp, totp_step FROM users "
            "WHERE login = 'lea') WHERE login = 'karim'"
        )
    )
    session.expire_all()
    with pytest.raises(SealBroken):
        try_code(session, keys, login="karim", code=phone.at(NOW), now=NOW)


@pytest.mark.safeguard
def test_s25_the_word_between_the_two_steps_is_short_lived_and_nobody_elses(
    session: Session, keys: Keyring, phone: TOTP
) -> None:
    word = pending(session, keys, "lea", NOW)
    assert read_pending(session, keys, word, NOW + PENDING / 2) == "lea"
    assert read_pending(session, keys, word, NOW + PENDING) is None
    other = keys.seal("account", json.dumps({"login": "lea", "secret": "x"}).encode())
    for wrong in ("", "é", "abc", word[:-4], word[4:], other.hex()):
        assert read_pending(session, keys, wrong, NOW) is None
    reset_user(session, login="lea", by=CLI, now=NOW)
    assert read_pending(session, keys, word, NOW) is None
