"""Accounts: who may come in, and for how long (S25).

Passwords are hashed with Argon2id; the ones made here carry 100 bits. A login that does
not exist is answered like a wrong password: same record, same work, same lock.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.journal import record
from revue.permissions import Permission, account_of, check_allowed
from revue.records import Actor, Role, SignedIn, SignInRefused, UserRow, WebSession

MAX_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
"""Throttling of CNIL's password recommendation (2022): attempts, then a wait."""
MIN_PASSWORD = 12

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,63}")
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 5 bits each; no l or o to take for 1 or 0
_GROUPS, _GROUP = 4, 5
_NEEDS_TEAM = (Role.EDUCATOR, Role.TEAM_LEAD)
_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_OPENED = (
    select(schema.OpenSession, schema.User)
    .join(schema.User, schema.User.id == schema.OpenSession.user_id)
    .where(schema.OpenSession.token_hash == bindparam("token_hash"))
    .where(schema.OpenSession.expires_at > bindparam("now"))
)
_NOBODY = Actor(login="anonymous", role=None, team=None)


class InvalidLogin(RebondError):
    """Not a login that can be written everywhere a login is written."""


class LoginTaken(RebondError):
    """Somebody has this login."""


class TeamMissing(RebondError):
    """The role works in a team, and none was named."""


class WeakPassword(RebondError):
    """Too short to resist guessing."""


class NoSuchUser(RebondError):
    """No account has this login."""


def create_user(
    session: Session,
    *,
    login: str,
    role: Role,
    team: str | None,
    by: Actor,
    now: datetime,
    password: str | None = None,
    practised: bool = False,
) -> str:
    """Create an account.

    Parameters
    ----------
    session
        In the caller's transaction.
    login, role, team
        Who it is for; an educator and a team lead have a team.
    by
        An administrator, or the command line.
    now
        Aware time.
    password
        Chosen by the caller; by default a random one of 100 bits.
    practised
        The person has done the practice module (S36).

    Returns
    -------
    str
        The password, shown once and kept nowhere.

    Raises
    ------
    Forbidden, InvalidLogin, LoginTaken, TeamMissing, WeakPassword
    """
    check_allowed(by, Permission.CREATE_USER)
    if not _LOGIN.fullmatch(login):
        raise InvalidLogin(
            f"{login!r} is not a login: 2 to 64 lower-case letters, digits, '.', '_' or '-', "
            "beginning with a letter."
        )
    if role in _NEEDS_TEAM and not team:
        raise TeamMissing(f"{role.value} works in a team; name it.")
    if password is not None and len(password) < MIN_PASSWORD:
        raise WeakPassword(f"the password is shorter than {MIN_PASSWORD} characters.")
    if _find(session, login) is not None:
        raise LoginTaken(f"{login!r} exists already; choose another login.")
    secret = password or _new_password()
    session.add(
        schema.User(
            login=login,
            role=role,
            team=team,
            password_hash=_HASHER.hash(secret),
            practised=practised,
            created_at=now,
        )
    )
    record(
        session,
        actor=by,
        act="create_user",
        subject=login,
        details={"role": role, "team": team},
        now=now,
    )
    return secret


def actor_for(session: Session, login: str) -> Actor:
    """Return the actor behind a login, for acts named ``--by`` on the command line.

    Raises
    ------
    NoSuchUser
        Nobody has this login.
    """
    user = _find(session, login)
    if user is None:
        raise NoSuchUser(f"no account has the login {login!r}; see `rebond user add`.")
    return _actor(user)


def try_sign_in(
    session: Session, *, login: str, password: str, now: datetime
) -> SignedIn | SignInRefused:
    """Sign in, or say that it was refused.

    A refusal is a result, not an error: the caller's transaction must commit, so that the
    failure counts.

    Parameters
    ----------
    session
        In a transaction that the caller commits either way.
    login, password
        As typed.
    now
        Aware time.
    """
    user = _find(session, login)
    login_hash = hashlib.sha256(login.encode()).hexdigest()
    failure = session.get(schema.SignInFailure, login_hash)
    locked_until = failure.locked_until if failure else None
    matches = _password_matches(user.password_hash if user else _decoy(), password)
    if locked_until is not None and now < locked_until:
        return _refuse(session, user, locked_until, now)
    if user is None or not matches:
        return _refuse(session, user, _count_failure(session, failure, login_hash, now), now)
    if failure is not None:
        session.delete(failure)
    actor = _actor(user)
    record(session, actor=actor, act="sign_in", subject=user.login, now=now)
    return SignedIn(actor)


def open_session(session: Session, actor: Actor, now: datetime, hours: int) -> WebSession:
    """Open a web session for somebody who signed in; sessions that ended are forgotten."""
    session.execute(delete(schema.OpenSession).where(schema.OpenSession.expires_at <= now))
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    session.add(
        schema.OpenSession(
            token_hash=_token_hash(token),
            csrf=csrf,
            user_id=account_of(actor),
            expires_at=now + timedelta(hours=hours),
        )
    )
    session.flush()
    return WebSession(token, csrf, actor)


def resume_session(session: Session, token: str, now: datetime) -> WebSession | None:
    """Return the session of a token, with the account as it is now; None if over or unknown."""
    row = session.execute(_OPENED, {"token_hash": _token_hash(token), "now": now}).first()
    if row is None:
        return None
    opened, user = row
    return WebSession(token, opened.csrf, _actor(user))


def close_session(session: Session, token: str) -> None:
    """End the session of a token, if there is one."""
    session.execute(
        delete(schema.OpenSession).where(schema.OpenSession.token_hash == _token_hash(token))
    )


def users(session: Session) -> tuple[UserRow, ...]:
    """Return all accounts, by login."""
    return tuple(
        UserRow(user.login, user.role, user.team, user.practised, user.created_at)
        for user in session.scalars(select(schema.User).order_by(schema.User.login))
    )


def _find(session: Session, login: str) -> schema.User | None:
    return session.scalars(select(schema.User).where(schema.User.login == login)).first()


def _actor(user: schema.User) -> Actor:
    return Actor(user.login, user.role, user.team, user.id)


def _refuse(
    session: Session, user: schema.User | None, locked_until: datetime | None, now: datetime
) -> SignInRefused:
    # What was typed as a login may be a password: only existing logins are written down.
    subject = user.login if user else _NOBODY.login
    record(session, actor=_NOBODY, act="sign_in_refused", subject=subject, now=now)
    return SignInRefused(locked_until)


def _count_failure(
    session: Session, failure: schema.SignInFailure | None, login_hash: str, now: datetime
) -> datetime | None:
    if failure is None:
        failure = schema.SignInFailure(login_hash=login_hash, count=0)
        session.add(failure)
    elif now - failure.last_at >= LOCKED_FOR:
        failure.count = 0
    failure.count += 1
    failure.last_at = now
    failure.locked_until = now + LOCKED_FOR if failure.count >= MAX_FAILURES else None
    session.flush()
    return failure.locked_until


def _password_matches(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _decoy() -> str:
    """Hash nobody's password, to be verified where there is no account."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _new_password() -> str:
    return "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
