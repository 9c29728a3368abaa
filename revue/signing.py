"""Each member's own signing key, which their password alone unlocks (S31).

The private half lies sealed in the account: Argon2id makes a key of the password and a salt
of its own, AES-256-GCM seals under it, bound to the login and to the parameters beside it.
Which public key is whose the journal says, never the table of accounts: the entries that
made, reset or kept an account commit to its key. So neither a row written by hand nor an
administrator can sign for a member without the journal showing another key.

References
----------
RFC 8032 (Ed25519), RFC 9106 (Argon2), section 4 (parameters).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from argon2 import Parameters
from argon2.exceptions import HashingError
from argon2.low_level import hash_secret_raw
from argon2.profiles import RFC_9106_LOW_MEMORY
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.keys import ForgedSignature, verify
from revue import schema
from revue.journal import opens, record
from revue.records import Actor, Role, canonical

SIGNING_ROLES = frozenset({Role.COMMITTEE, Role.DPO})
"""Who signs: votes, and the impact assessment."""

CREATE, RESET, KEEP, CARRY = "create_user", "reset_user", "keep_key", "carry_account"
"""The acts of the journal that say which public key is whose."""

_SALT_BYTES, _NONCE_BYTES = 16, 12
_COST = replace(RFC_9106_LOW_MEMORY, hash_len=32)


class SigningKeyLost(RebondError):
    """There is no key of this account that its password opens and the journal knows."""


@dataclass(frozen=True)
class Signer:
    """A member whose password unlocked their signing key."""

    login: str
    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> str:
        """Sign a message: public key and signature in hex, a blank between them."""
        return f"{_public(self.key)} {self.key.sign(message).hex()}"


def new_key(login: str, password: str) -> tuple[str, bytes]:
    """Make somebody's signing key; return its public half (hex) and the sealed private one."""
    key = Ed25519PrivateKey.generate()
    return _public(key), seal_key(Signer(login, key), password)


def seal_key(signer: Signer, password: str) -> bytes:
    """Seal a private key under a password, for this login only."""
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    terms = {
        "kdf": "argon2id",
        "login": signer.login,
        "memory": _COST.memory_cost,
        "passes": _COST.time_cost,
        "lanes": _COST.parallelism,
        "salt": salt.hex(),
    }
    cipher = AESGCM(_derive(password, _COST, salt))
    body = cipher.encrypt(nonce, signer.key.private_bytes_raw(), canonical(terms).encode())
    return canonical(terms | {"nonce": nonce.hex(), "sealed": body.hex()}).encode()


def open_key(login: str, sealed: bytes | None, password: str) -> Signer:
    """Open what :func:`seal_key` wrote.

    Raises
    ------
    SigningKeyLost
        There is none, or not one that this login sealed with this password.
    """
    try:
        terms: dict[str, Any] = json.loads(sealed or b"")
        nonce, body = (bytes.fromhex(terms.pop(name)) for name in ("nonce", "sealed"))
        cost = replace(
            _COST,
            memory_cost=terms["memory"],
            time_cost=terms["passes"],
            parallelism=terms["lanes"],
        )
        cipher = AESGCM(_derive(password, cost, bytes.fromhex(terms["salt"])))
        bound_to = canonical(terms | {"login": login}).encode()
        key = Ed25519PrivateKey.from_private_bytes(cipher.decrypt(nonce, body, bound_to))
    except (InvalidTag, HashingError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise SigningKeyLost(
            f"the password of {login} opens no signing key of theirs: an administrator makes a "
            f"new one with `rebond user reset {login}`."
        ) from error
    return Signer(login, key)


def check_own(session: Session, signer: Signer) -> None:
    """Refuse a key that the journal does not call this login's own now.

    Raises
    ------
    SigningKeyLost
        Another was put into its place, or the journal does not reach back to it.
    """
    if not is_own(session, signer.login, _public(signer.key)):
        raise SigningKeyLost(
            f"the signing key in the account of {signer.login} is not the one that the journal "
            f"says is theirs: an administrator makes a new one with `rebond user reset "
            f"{signer.login}`."
        )


def check_signed(
    session: Session,
    *,
    login: str,
    message: bytes,
    signature: str,
    before: schema.Entry | None = None,
) -> None:
    """Check what :meth:`Signer.sign` wrote against the key that the journal says was theirs.

    Parameters
    ----------
    session
        On the review database.
    login, message, signature
        Who is said to have signed what.
    before
        The journal's entry of the act: the key in force then is asked for. None: the one in
        force now.

    Raises
    ------
    features.keys.ForgedSignature
        Another key, other bytes, or nothing that is a signature.
    """
    public, _, signed = signature.partition(" ")
    if not is_own(session, login, public, before):
        raise ForgedSignature(
            f"the journal does not say that {login} held the key of this signature then."
        )
    verify(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)), message, signed)


def key_details(role: Role, team: str | None, public_key: str | None) -> Mapping[str, object]:
    """Return what an entry about an account commits to."""
    said = {"role": role, "team": team}
    return said if public_key is None else said | {"public_key": public_key}


def say_key_again(session: Session, user: schema.User, now: datetime) -> None:
    """Let the journal say once a month whose key it is, so that a month that expires loses none.

    What it does not say already, it is never made to say.
    """
    if user.public_key is None:
        return
    said = _newest(session, user.login)
    if said is None or said.month == f"{schema.utc(now):%Y-%m}":
        return
    details = key_details(user.role, user.team, user.public_key)
    if opens(session, said, details):
        own = Actor(user.login, user.role, user.team, user.id)
        record(session, actor=own, act=KEEP, subject=user.login, details=details, now=now)


def is_own(
    session: Session, login: str, public_key: str, before: schema.Entry | None = None
) -> bool:
    """Say whether the journal calls a public key this login's own, now or before an entry."""
    user = session.scalars(select(schema.User).where(schema.User.login == login)).first()
    said = _newest(session, login, before)
    if user is None or said is None or user.role not in SIGNING_ROLES:
        return False
    return opens(session, said, key_details(user.role, user.team, public_key))


def _newest(
    session: Session, login: str, before: schema.Entry | None = None
) -> schema.Entry | None:
    """Return the newest entry that says which key a login has, or had."""
    said = (
        select(schema.Entry)
        .where(schema.Entry.act.in_((CREATE, RESET, KEEP, CARRY)))
        .where(schema.Entry.subject == login)
        .order_by(schema.Entry.month.desc(), schema.Entry.position.desc())
    )
    if before is not None:
        earlier = schema.Entry.position < before.position
        same_month = (schema.Entry.month == before.month) & earlier
        said = said.where(or_(schema.Entry.month < before.month, same_month))
    return session.scalars(said, execution_options={"populate_existing": True}).first()


def _derive(password: str, cost: Parameters, salt: bytes) -> bytes:
    return hash_secret_raw(
        password.encode(),
        salt,
        time_cost=cost.time_cost,
        memory_cost=cost.memory_cost,
        parallelism=cost.parallelism,
        hash_len=cost.hash_len,
        type=cost.type,
    )


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()
