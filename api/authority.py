"""Who signs: in production an act of the committee needs that member's own password (S31).

It is read from the terminal, or from standard input where that is none: an option of a
command would stand in the list of processes and in the shell's history, and what is in the
environment every child of a process can read.
"""

from __future__ import annotations

import sys
from typing import TypeVar

import typer

from api.home import Home
from features.errors import RebondError
from revue.accounts import actor_for, try_unlock
from revue.records import SignInRefused
from revue.signing import Signer

Granted = TypeVar("Granted")


class PasswordMissing(RebondError):
    """The act needs a password, and none was given."""


class WrongPassword(RebondError):
    """It is not the password of this account."""


class PasswordLocked(RebondError):
    """Too many wrong passwords or codes; wait."""


def granted(result: Granted | SignInRefused) -> Granted:
    """Return what a password opened, once the transaction that counts its failure is over.

    Raises
    ------
    WrongPassword, PasswordLocked
    """
    if not isinstance(result, SignInRefused):
        return result
    if result.locked_until is not None:
        raise PasswordLocked("too many wrong passwords for this login; try again later.")
    raise WrongPassword("that is not this account's password, or not its code; check them.")


def unlock(home: Home, login: str, password: str) -> Signer | None:
    """Unlock a member's signing key, in a transaction of its own, before that of the act.

    Returns
    -------
    Signer or None
        None outside of production, where no password is asked for.

    Raises
    ------
    PasswordMissing, WrongPassword, PasswordLocked
    revue.signing.SigningKeyLost
        The account holds no key that its password opens and the journal knows.
    """
    if not home.settings.production:
        return None
    if not password:
        raise PasswordMissing(f"the act needs the password of {login}, and none was given.")
    with home.transaction() as session:
        result = try_unlock(session, login=login, password=password, now=home.now())
    return granted(result)


def ask_signer(home: Home, login: str) -> Signer | None:
    """Ask for the password of the member named with ``--by``, and unlock their signing key.

    To be called before the transaction of the act: a failure counts although nothing else is
    done.

    Raises
    ------
    revue.accounts.NoSuchUser, revue.accounts.AccountClosed
        Nobody has this login, or nobody has it any more.
    PasswordMissing, WrongPassword, PasswordLocked, revue.signing.SigningKeyLost
        As :func:`unlock`.
    """
    with home.transaction() as session:
        actor_for(session, login)
    return unlock(home, login, _typed(login)) if home.settings.production else None


def _typed(login: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password of {login}", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
