"""A second factor: the code of an application on a telephone, besides the password (S25).

Time-based one-time passwords: six digits, a new one every thirty seconds. A code is taken one
step early or late, and never twice. The secret lies sealed with a key of the home, beside the
login it is for. It is asked for only once a code has shown that the telephone has it.

References
----------
RFC 6238 (TOTP), section 5.2 (a code is accepted once, and for how long); RFC 4226 (HOTP).
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest

from pyotp import TOTP, random_base32
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.keys import Keyring, SealBroken
from revue import schema
from revue.accounts import (
    ask_password,
    has_second_factor,
    open_user,
    refuse,
    refuse_if_locked,
    renew_session,
    sign_in,
)
from revue.journal import record
from revue.permissions import account_of
from revue.records import Actor, SignedIn, SignInRefused, WebSession, canonical

ISSUER = "Rebond"
STEP = 30
"""Seconds for which a code stands (RFC 6238)."""
PENDING = timedelta(minutes=5)
"""How long after the password the code may follow (ours)."""

_PURPOSE = "account"


class NoSecondFactor(RebondError):
    """Nothing was begun, or nothing is there to take off."""


class SecondFactorOn(RebondError):
    """The account has a second factor already."""


class WrongCode(RebondError):
    """The code that was to show that the telephone has the secret does not."""


@dataclass(frozen=True)
class Enrolment:
    """A secret to be put into a telephone, as text and as what a QR code holds."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)

    @property
    def grouped(self) -> str:
        """The secret as people copy it, by fours."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))


def try_start(
    session: Session, keys: Keyring, actor: Actor, *, password: str, now: datetime
) -> Enrolment | SignInRefused:
    """Make a secret for somebody; it is not asked for before :func:`confirm`.

    Parameters
    ----------
    session
        In a transaction that the caller commits either way.
    keys
        The home's own.
    actor, password
        Who, and that it is really they.
    now
        Aware time.

    Raises
    ------
    SecondFactorOn
    """
    user = ask_password(session, login=actor.login, password=password, now=now)
    if isinstance(user, SignInRefused):
        return user
    if has_second_factor(user):
        raise SecondFactorOn(f"{user.login} has a second factor: take it off first.")
    secret = random_base32()
    plain = canonical({"login": user.login, "secret": secret})
    user.sealed_totp = keys.seal(_PURPOSE, plain.encode())
    return _enrolment(user.login, secret)


def begun(session: Session, keys: Keyring, actor: Actor) -> Enrolment | None:
    """Return the secret that somebody has not confirmed yet, if there is one."""
    user = session.get_one(schema.User, account_of(actor))
    if user.sealed_totp is None or has_second_factor(user):
        return None
    return _enrolment(user.login, _secret(user, keys))


def confirm(
    session: Session, keys: Keyring, actor: Actor, *, code: str, now: datetime, hours: int
) -> WebSession:
    """Let the second factor count from now on; every session ends, and a new one is opened.

    Raises
    ------
    NoSecondFactor, SecondFactorOn, WrongCode
    """
    user = session.get_one(schema.User, account_of(actor))
    if has_second_factor(user):
        raise SecondFactorOn(f"{user.login} has a second factor already.")
    if user.sealed_totp is None:
        raise NoSecondFactor("no second factor was begun: begin one, then give its code.")
    if not _take(user, keys, code, now):
        raise WrongCode("this is not the code of the moment: wait for the next one, and try again.")
    record(session, actor=actor, act="add_second_factor", subject=user.login, now=now)
    return renew_session(session, actor, now, hours)


def try_take_off(
    session: Session,
    keys: Keyring,
    actor: Actor,
    *,
    password: str,
    code: str,
    now: datetime,
    hours: int,
) -> WebSession | SignInRefused:
    """Take a second factor off, with the password and a code of it.

    Every session ends, and a new one is opened.

    Raises
    ------
    NoSecondFactor
    """
    user = session.get_one(schema.User, account_of(actor))
    if not has_second_factor(user):
        raise NoSecondFactor(f"{user.login} has no second factor: there is nothing to take off.")
    asked = ask_password(session, login=actor.login, password=password, now=now)
    if isinstance(asked, SignInRefused):
        return asked
    if not _take(user, keys, code, now):
        return refuse(session, user, user.login, now)
    user.sealed_totp = user.totp_step = None
    record(session, actor=actor, act="remove_second_factor", subject=user.login, now=now)
    return renew_session(session, actor, now, hours)


def try_code(
    session: Session, keys: Keyring, *, login: str, code: str, now: datetime
) -> SignedIn | SignInRefused:
    """Let somebody in whose password was right, by the code of their second factor.

    Parameters
    ----------
    session
        In a transaction that the caller commits either way.
    keys
        The home's own.
    login, code
        As :func:`revue.accounts.try_sign_in` or :func:`read_pending` named them, and as typed.
    now
        Aware time.
    """
    user = open_user(session, login)
    if user is None or not has_second_factor(user):
        return refuse(session, user, login, now)
    locked = refuse_if_locked(session, user, now)
    if locked is not None:
        return locked
    if not _take(user, keys, code, now):
        return refuse(session, user, login, now)
    return sign_in(session, user, now)


def pending(session: Session, keys: Keyring, login: str, now: datetime) -> str:
    """Return a sealed word that the password of a login was right just now."""
    user = open_user(session, login)
    plain = {"pending": login, "until": now + PENDING, "password": _trace(user)}
    return urlsafe_b64encode(keys.seal(_PURPOSE, canonical(plain).encode())).decode()


def read_pending(session: Session, keys: Keyring, word: str, now: datetime) -> str | None:
    """Return the login of a sealed word; None if it is too old, or the password another since."""
    try:
        plain = json.loads(keys.unseal(_PURPOSE, urlsafe_b64decode(word)))
        login, until = plain["pending"], datetime.fromisoformat(plain["until"])
    except (SealBroken, KeyError, ValueError):  # not ours, or sealed for something else
        return None
    same = _trace(open_user(session, login)) == plain["password"]
    return login if same and now < until else None


def _trace(user: schema.User | None) -> str:
    return "" if user is None else hashlib.sha256(user.password_hash.encode()).hexdigest()


def _secret(user: schema.User, keys: Keyring) -> str:
    plain = json.loads(keys.unseal(_PURPOSE, user.sealed_totp or b""))
    if plain.get("login") != user.login:
        raise SealBroken(
            f"the second factor in the account of {user.login} is another account's: restore the "
            f"database, or run `rebond user reset {user.login}`."
        )
    return str(plain["secret"])


def _take(user: schema.User, keys: Keyring, code: str, now: datetime) -> bool:
    """Say whether a code is right, and take it so that it is right once."""
    totp = TOTP(_secret(user, keys), interval=STEP)
    typed = "".join(code.split()).encode()
    present = int(now.timestamp()) // STEP
    used = -1 if user.totp_step is None else user.totp_step
    for step in (present - 1, present, present + 1):
        if step > used and compare_digest(totp.generate_otp(step).encode(), typed):
            user.totp_step = step
            return True
    return False


def _enrolment(login: str, secret: str) -> Enrolment:
    return Enrolment(
        secret, TOTP(secret, interval=STEP).provisioning_uri(name=login, issuer_name=ISSUER)
    )
