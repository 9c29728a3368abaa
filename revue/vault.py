"""The vault: names apart from everything else, each under a key of its own (S8).

One random data key per person seals the identity (AES-256-GCM) and is itself wrapped by
the vault subkey; destroying the row's key destroys the identity wherever a copy of the
sealed bytes is. The columns hold a pseudonym and noise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from features.keys import Keyring, SealBroken
from revue import schema
from revue.directory import is_accompanied_by
from revue.journal import record
from revue.permissions import NotYours, Permission, check_allowed
from revue.records import Actor

_PURPOSE = "vault"
_NONCE_BYTES = 12
_KEY_BITS = 256


def store_identities(
    session: Session,
    keys: Keyring,
    rows: Iterable[tuple[str, str, str | None, str]],
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Seal identities, replacing what was stored of the same people.

    Parameters
    ----------
    session
        In the caller's transaction.
    keys
        The home's keyring.
    rows
        ``(pseudonym, person_id, display_name or None, contacts as JSON)``.
    by
        Who imports.
    now
        Aware time.
    """
    check_allowed(by, Permission.STORE_IDENTITIES)
    stored = 0
    for pseudonym, person_id, name, contacts in rows:
        data_key = AESGCM.generate_key(_KEY_BITS)
        nonce = os.urandom(_NONCE_BYTES)
        plain = json.dumps(
            {"person_id": person_id, "display_name": name, "contacts": contacts}
        ).encode()
        session.merge(
            schema.Identity(
                person=pseudonym,
                wrapped_key=keys.seal(_PURPOSE, data_key),
                # Bound to its pseudonym: rows cannot be swapped.
                sealed=nonce + AESGCM(data_key).encrypt(nonce, plain, pseudonym.encode()),
                stored_at=now,
            )
        )
        stored += 1
    record(
        session,
        actor=by,
        act="store_identities",
        subject="vault",
        details={"stored": stored},
        now=now,
    )


def display_name(
    session: Session, keys: Keyring, actor: Actor, person: str, *, now: datetime
) -> str | None:
    """Return the name of somebody the educator accompanies; lifting it is logged.

    Parameters
    ----------
    session, now
        As everywhere here.
    keys
        The home's keyring.
    actor
        The person's referent.
    person
        Pseudonym.

    Returns
    -------
    str or None
        None where no name was imported.

    Raises
    ------
    Forbidden, NotYours
        The actor does not accompany this person.
    SealBroken
        The row was changed, or sealed with another home's keys.
    """
    check_allowed(actor, Permission.LIFT_IDENTITY)
    known = session.get(schema.Person, person)
    if known is None or not is_accompanied_by(actor, known):
        raise NotYours(f"{actor.login} does not accompany this person.")
    identity = session.get(schema.Identity, person)
    if identity is None:
        return None
    # The subject stays silent: the committed details say whose name, to who holds the key.
    details = {"person": person}
    record(session, actor=actor, act="lift_identity", subject="vault", details=details, now=now)
    data_key = keys.unseal(_PURPOSE, identity.wrapped_key)
    nonce, body = identity.sealed[:_NONCE_BYTES], identity.sealed[_NONCE_BYTES:]
    try:
        plain = AESGCM(data_key).decrypt(nonce, body, person.encode())
    except InvalidTag as error:
        raise SealBroken("a sealed identity was changed since it was stored.") from error
    name: str | None = json.loads(plain)["display_name"]
    return name
