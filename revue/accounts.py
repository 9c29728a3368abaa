"""Accounts: who may come in, and for how long (S25).

Passwords are hashed with Argon2id; the ones made here carry 100 bits. A login that does
not exist is answered like a wrong password: same record, same work, same lock. Whatever
asks for a password counts the failures of its login together: signing in, unlocking a
signing key, changing the account.

There is no forced rotation of passwords (CNIL 2022: it makes them weaker).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.journal import record
from revue.permissions import Permission, account_of, check_allowed
from revue.records import (
    Actor,
    CodeAsked,
    Role,
    SignedIn,
    SignInRefused,
    UserRow,
    WebSession,
)
from revue.retention import INCLUDE_OVERDUE
from revue.signing import (
    CARRY,
    CREATE,
    RESET,
    SIGNING_ROLES,
    Signer,
    check_own,
    is_own,
    key_details,
    new_key,
    open_key,
    say_key_again,
    seal_key,
)

MAX_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
"""Throttling of CNIL's password recommendation (2022): attempts, then a wait."""
MIN_PASSWORD, MAX_PASSWORD = 12, 1000
"""Shortest and longest password, in characters."""

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,63}")
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 5 bits each; no l or o to take for 1 or 0
_GROUPS, _GROUP = 4, 5
_NEEDS_TEAM = (Role.EDUCATOR, Role.TEAM_LEAD)
_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
IDLE_STEP = timedelta(minutes=5)
"""By how much the end of a session moves at least: it is written that often at most."""

# Every request asks this: columns, of which no objects are made.
_OPENED = (
    select(
        schema.OpenSession.csrf,
        schema.OpenSession.expires_at,
        schema.User.id,
        schema.User.login,
        schema.User.role,
        schema.User.team,
        schema.User.totp_step,
    )
    .join(schema.User, schema.User.id == schema.OpenSession.user_id)
    .where(schema.OpenSession.token_hash == bindparam("token_hash"))
    .where(schema.OpenSession.expires_at > bindparam("now"))
    .where(schema.User.closed_at.is_(None))
)
_CARRIED = (
    "role", "team", "password_hash", "closed_at",
    "public_key", "sealed_key", "sealed_totp", "totp_step",
)  # fmt: skip
"""What an account is at any moment, beside its name."""
_FAILURES = schema.Base.metadata.tables["sign_in_failures"]
_NOBODY = Actor(login="anonymous", role=None, team=None)


class InvalidLogin(RebondError):
    """Not a login that can be written everywhere a login is written."""


class LoginTaken(RebondError):
    """Somebody has this login."""


class TeamMissing(RebondError):
    """The role works in a team, and none was named."""


class WeakPassword(RebondError):
    """Too short to resist guessing, or made of the login."""


class NoSuchUser(RebondError):
    """No account has this login."""


class AccountClosed(NoSuchUser):
    """The account of this login was closed."""


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
    if password is not None:
        check_password(login, password)
    if _find(session, login) is not None:
        raise LoginTaken(f"{login!r} exists already; choose another login.")
    secret = password or _new_password()
    user = schema.User(login=login, role=role, team=team, practised=practised, created_at=now)
    session.add(user)
    _give_password(session, user, secret, act=CREATE, by=by, now=now)
    return secret


def reset_user(session: Session, *, login: str, by: Actor, now: datetime) -> str:
    """Give somebody who cannot come in any more a new one-time password.

    Their second factor is taken off, their sessions end, and whoever signs has another
    signing key, which the journal says: what is signed from now on is not what the earlier
    key signed, and what that one signed stays theirs.

    Returns
    -------
    str
        The password, shown once and kept nowhere.

    Raises
    ------
    Forbidden, NoSuchUser, AccountClosed
    """
    check_allowed(by, Permission.MANAGE_USERS)
    user = _open_account(session, login)
    user.sealed_totp = user.totp_step = None
    forget_failures(session, login)
    end_sessions(session, user.id)
    secret = _new_password()
    _give_password(session, user, secret, act=RESET, by=by, now=now)
    return secret


def close_user(session: Session, *, login: str, by: Actor, now: datetime) -> None:
    """Close an account for good: nobody signs in with it, and its login is never given again.

    What its owner did and signed stays. Their situations are like those of an educator who
    has no account: the team lead assigns them.

    Raises
    ------
    Forbidden, NoSuchUser, AccountClosed
    """
    check_allowed(by, Permission.MANAGE_USERS)
    user = _open_account(session, login)
    user.closed_at = now
    user.sealed_key = user.sealed_totp = user.totp_step = None
    end_sessions(session, user.id)
    record(session, actor=by, act="close_user", subject=login, now=now)


def carry_accounts(
    session: Session, replaced: Session, *, by: Actor, now: datetime
) -> tuple[str, ...]:
    """Let every account in a restored database be what it is in the one it replaces.

    Closed stays closed, and role, password, second factor and lock are those of today; so is a
    signing key, if the replaced journal says whose it is. With an account that the replaced
    database does not know nobody signs in until it is reset.

    Parameters
    ----------
    session
        On the restored database, in the caller's transaction.
    replaced
        On the database whose place it takes.
    by, now
        Who restores, and when.

    Returns
    -------
    tuple of str
        The logins whose account changed by this.
    """
    there = {user.login: user for user in replaced.scalars(select(schema.User))}
    changed = []
    opened = select(schema.User).where(schema.User.closed_at.is_(None)).order_by(schema.User.login)
    for user in session.scalars(opened).all():
        known = there.get(user.login)
        today = _unknown() if known is None else _as_known(replaced, known)
        if all(getattr(user, name) == value for name, value in today.items()):
            continue
        for name, value in today.items():
            setattr(user, name, value)
        details = key_details(user.role, user.team, user.public_key)
        record(session, actor=by, act=CARRY, subject=user.login, details=details, now=now)
        changed.append(user.login)
    session.execute(delete(schema.SignInFailure))
    for failure in replaced.scalars(select(schema.SignInFailure)):
        held = {column.name: getattr(failure, column.name) for column in _FAILURES.columns}
        session.add(schema.SignInFailure(**held))
    return tuple(changed)


def _as_known(replaced: Session, user: schema.User) -> dict[str, object]:
    own = is_own(replaced, user.login, user.public_key or "")
    return {name: getattr(user, name) for name in _CARRIED} | (
        {} if own else {"public_key": None, "sealed_key": None}
    )


def _unknown() -> dict[str, object]:
    return {
        "password_hash": _HASHER.hash(_new_password()),
        **dict.fromkeys(("sealed_key", "sealed_totp", "totp_step")),
    }


def try_change_password(
    session: Session, actor: Actor, *, password: str, new: str, now: datetime, hours: int
) -> WebSession | SignInRefused:
    """Change one's own password; every session ends, and a new one is opened.

    Parameters
    ----------
    session
        In a transaction that the caller commits either way.
    actor
        Whose password it is.
    password, new
        As it was, and as it shall be.
    now
        Aware time.
    hours
        How long the new session lasts.

    Raises
    ------
    WeakPassword
    revue.signing.SigningKeyLost
        The signing key cannot be sealed anew, for the old password does not open it.
    """
    check_password(actor.login, new)
    user = ask_password(session, login=actor.login, password=password, now=now)
    if isinstance(user, SignInRefused):
        return user
    if user.sealed_key is not None:
        user.sealed_key = seal_key(open_key(user.login, user.sealed_key, password), new)
    user.password_hash = _HASHER.hash(new)
    record(session, actor=_actor(user), act="change_password", subject=user.login, now=now)
    return renew_session(session, actor, now, hours)


def try_unlock(
    session: Session, *, login: str, password: str, now: datetime
) -> Signer | SignInRefused:
    """Unlock a member's signing key with their password (S31).

    Parameters
    ----------
    session
        In a transaction that the caller commits either way.
    login, password
        Whose key, and what opens it.
    now
        Aware time.

    Raises
    ------
    revue.signing.SigningKeyLost
        The account holds no key that its password opens and the journal knows.
    """
    user = ask_password(session, login=login, password=password, now=now)
    if isinstance(user, SignInRefused):
        return user
    signer = open_key(user.login, user.sealed_key, password)
    check_own(session, signer)
    say_key_again(session, user, now)
    return signer


def check_password(login: str, password: str) -> None:
    """Refuse a password that is guessed too easily, or longer than what is ever read.

    Raises
    ------
    WeakPassword
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise WeakPassword(
            f"the password has {len(password)} characters; give {MIN_PASSWORD} to {MAX_PASSWORD}."
        )
    if login.casefold() in password.casefold():
        raise WeakPassword(f"the password holds the login {login!r}; choose other words.")


def actor_for(session: Session, login: str) -> Actor:
    """Return the actor behind a login, for acts named ``--by`` on the command line.

    Raises
    ------
    NoSuchUser, AccountClosed
        Nobody has this login, or nobody has it any more.
    """
    return _actor(_open_account(session, login))


def try_sign_in(
    session: Session, *, login: str, password: str, now: datetime
) -> SignedIn | CodeAsked | SignInRefused:
    """Sign in, or say that it was refused.

    A refusal is a result, not an error: the caller's transaction must commit, so that the
    failure counts. Who has a second factor is not signed in yet, and failures stay counted
    until the code is right: :func:`revue.second_factor.try_code`.

    Parameters
    ----------
    session
        In a transaction that the caller commits either way.
    login, password
        As typed.
    now
        Aware time.
    """
    user = ask_password(session, login=login, password=password, now=now)
    if isinstance(user, SignInRefused):
        return user
    return CodeAsked(user.login) if has_second_factor(user) else sign_in(session, user, now)


def sign_in(session: Session, user: schema.User, now: datetime) -> SignedIn:
    """Let somebody in who showed everything they were asked for."""
    forget_failures(session, user.login)
    record(session, actor=_actor(user), act="sign_in", subject=user.login, now=now)
    say_key_again(session, user, now)
    return SignedIn(_actor(user))


def ask_password(
    session: Session, *, login: str, password: str, now: datetime
) -> schema.User | SignInRefused:
    """Return the account that a password belongs to, or count a failure.

    The account's other failures are forgotten only where no code is asked for as well: else
    whoever knows the password could guess codes without end.
    """
    user = open_user(session, login)
    locked_until = _locked_until(session, login)
    matches = _password_matches(user.password_hash if user else _decoy(), password)
    if locked_until is not None and now < locked_until:
        return _refuse(session, user, locked_until, now)
    if user is None or not matches:
        return refuse(session, user, login, now)
    if not has_second_factor(user):
        forget_failures(session, login)
    return user


def refuse(session: Session, user: schema.User | None, login: str, now: datetime) -> SignInRefused:
    """Count a failure of a login, and lock it after too many."""
    failure = _failures(session, login)
    if failure is None:
        failure = schema.SignInFailure(login_hash=_login_hash(login), count=0)
        session.add(failure)
    elif now - failure.last_at >= LOCKED_FOR:
        failure.count = 0
    failure.count += 1
    failure.last_at = now
    failure.locked_until = now + LOCKED_FOR if failure.count >= MAX_FAILURES else None
    session.flush()
    return _refuse(session, user, failure.locked_until, now)


def refuse_if_locked(session: Session, user: schema.User, now: datetime) -> SignInRefused | None:
    """Refuse a login that is locked, whatever is shown."""
    locked_until = _locked_until(session, user.login)
    if locked_until is None or now >= locked_until:
        return None
    return _refuse(session, user, locked_until, now)


def forget_failures(session: Session, login: str) -> None:
    """Forget the failures of a login."""
    failure = _failures(session, login)
    if failure is not None:
        session.delete(failure)


def has_second_factor(user: schema.User | Row[*tuple[Any, ...]]) -> bool:
    """Say whether an account is asked for a code; one that was never shown does not count."""
    return user.totp_step is not None


def open_session(
    session: Session, actor: Actor, now: datetime, hours: int, idle: timedelta | None = None
) -> WebSession:
    """Open a web session for somebody who signed in; sessions that ended are forgotten.

    Its last end stands in the token, which nobody can change: only the hash of it is known.
    ``idle`` is after how long it ends where nobody uses it; None: at its last end.
    """
    session.execute(delete(schema.OpenSession).where(schema.OpenSession.expires_at <= now))
    end, csrf = now + timedelta(hours=hours), secrets.token_urlsafe(32)
    token = f"{secrets.token_urlsafe(32)}.{int(end.timestamp())}"
    first_end = end if idle is None else min(end, now + idle)
    session.add(
        schema.OpenSession(
            token_hash=_token_hash(token),
            csrf=csrf,
            user_id=account_of(actor),
            expires_at=first_end,
        )
    )
    session.flush()
    user = session.get_one(schema.User, account_of(actor))
    return WebSession(token, csrf, actor, first_end, second_factor=has_second_factor(user))


def renew_session(session: Session, actor: Actor, now: datetime, hours: int) -> WebSession:
    """End every session of somebody, this one too, and open a new one."""
    end_sessions(session, account_of(actor))
    return open_session(session, actor, now, hours)


def end_sessions(session: Session, user_id: int) -> None:
    """End every session of an account."""
    session.execute(delete(schema.OpenSession).where(schema.OpenSession.user_id == user_id))


def resume_session(session: Session, token: str, now: datetime) -> WebSession | None:
    """Return the session of a token, with the account as it is now; None if over or unknown."""
    row = session.execute(_OPENED, {"token_hash": _token_hash(token), "now": now}).first()
    if row is None:
        return None
    return WebSession(
        token, row.csrf, _actor(row), row.expires_at, second_factor=has_second_factor(row)
    )


def idle_end(opened: WebSession, now: datetime, idle: timedelta) -> datetime | None:
    """Return when a session that is used now ends if nobody goes on; None: as it stands.

    It moves by whole steps, so that reading page after page writes nothing.
    """
    said = opened.token.rpartition(".")[2]
    if not said.isdecimal():  # opened by a version whose tokens did not say it
        return None
    end = min(datetime.fromtimestamp(int(said), UTC), now + idle)
    return end if abs(end - opened.expires_at) >= IDLE_STEP else None


def set_end(session: Session, token: str, end: datetime) -> None:
    """Let the session of a token end at another moment, if there still is one."""
    session.execute(
        update(schema.OpenSession)
        .where(schema.OpenSession.token_hash == _token_hash(token))
        .values(expires_at=end)
    )


def close_session(session: Session, token: str) -> None:
    """End the session of a token, if there is one."""
    session.execute(
        delete(schema.OpenSession).where(schema.OpenSession.token_hash == _token_hash(token))
    )


def users(session: Session) -> tuple[UserRow, ...]:
    """Return all accounts, by login."""
    return tuple(
        UserRow(
            login=user.login,
            role=user.role,
            team=user.team,
            practised=user.practised,
            created_at=user.created_at,
            closed_at=user.closed_at,
            second_factor=has_second_factor(user),
        )
        for user in session.scalars(select(schema.User).order_by(schema.User.login))
    )


def open_user(session: Session, login: str) -> schema.User | None:
    """Return the account of a login; None where there is none, or not any more."""
    user = _find(session, login)
    return None if user is None or user.closed_at is not None else user


def _open_account(session: Session, login: str) -> schema.User:
    user = _find(session, login)
    if user is None:
        raise NoSuchUser(f"no account has the login {login!r}; see `rebond user add`.")
    if user.closed_at is not None:
        raise AccountClosed(
            f"the account {login!r} was closed on {user.closed_at.date()}: another login, added "
            "with `rebond user add`, takes its place."
        )
    return user


def _give_password(
    session: Session, user: schema.User, password: str, *, act: str, by: Actor, now: datetime
) -> None:
    """Give an account a password and, if its owner signs, a key that only it opens."""
    user.password_hash = _HASHER.hash(password)
    if user.role in SIGNING_ROLES:
        user.public_key, user.sealed_key = new_key(user.login, password)
    details = key_details(user.role, user.team, user.public_key)
    record(session, actor=by, act=act, subject=user.login, details=details, now=now)


def _find(session: Session, login: str) -> schema.User | None:
    return session.scalars(select(schema.User).where(schema.User.login == login)).first()


def _actor(user: schema.User | Row[*tuple[Any, ...]]) -> Actor:
    return Actor(user.login, user.role, user.team, user.id)


def _refuse(
    session: Session, user: schema.User | None, locked_until: datetime | None, now: datetime
) -> SignInRefused:
    # What was typed as a login may be a password: only existing logins are written down.
    subject = user.login if user else _NOBODY.login
    record(session, actor=_NOBODY, act="sign_in_refused", subject=subject, now=now)
    return SignInRefused(locked_until)


def _locked_until(session: Session, login: str) -> datetime | None:
    failure = _failures(session, login)
    return failure.locked_until if failure else None


def _failures(session: Session, login: str) -> schema.SignInFailure | None:
    """Return the row of a login's failures, however old: they are counted anew in it."""
    options = {INCLUDE_OVERDUE: True}
    return session.get(schema.SignInFailure, _login_hash(login), execution_options=options)


def _login_hash(login: str) -> str:
    return hashlib.sha256(login.encode()).hexdigest()


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
