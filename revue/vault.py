"""The vault: names apart from everything else, each under a key of its own (S8).

One random data key per person seals the identity (AES-256-GCM) and is itself wrapped by
the vault subkey; destroying the row's key destroys the identity wherever a copy of the
sealed bytes is. The columns hold a pseudonym and noise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from datetime import date, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.orm import Session

from features.keys import Keyring, SealBroken
from revue import schema
from revue.accompanying import accompanied_among
from revue.journal import record
from revue.permissions import Permission, check_allowed
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


def display_names(
    session: Session,
    keys: Keyring,
    actor: Actor,
    people: Collection[str],
    *,
    now: datetime,
    today: date,
) -> dict[str, str]:
    """Return the names of those whom the educator accompanies; lifting them is logged.

    A sealed name that was changed since is not given, and the journal says so.

    Parameters
    ----------
    session, now, today
        As everywhere here.
    keys
        The home's keyring.
    actor
        Who asks.
    people
        Pseudonyms; of those the actor does not accompany nothing is opened.

    Returns
    -------
    dict
        Pseudonym to name, without those who have none here.

    Raises
    ------
    Forbidden
        The role lifts no name.
    """
    check_allowed(actor, Permission.LIFT_IDENTITY)
    mine = accompanied_among(session, actor, people, today=today)
    rows = session.scalars(select(schema.Identity).where(schema.Identity.person.in_(mine)))
    names, broken = {}, []
    for row in rows:
        try:
            name = _open(keys, row)
        except SealBroken:
            broken.append(row.person)
            continue
        if name is not None:
            names[row.person] = name
    # The subject stays silent: the committed details say whose names, to who holds the key.
    for act, lifted in (("lift_identity", sorted(names)), ("seal_broken", sorted(broken))):
        if lifted:
            details = {"people": lifted}
            record(session, actor=actor, act=act, subject="vault", details=details, now=now)
    return names


def _open(keys: Keyring, identity: schema.Identity) -> str | None:
    data_key = keys.unseal(_PURPOSE, identity.wrapped_key)
    nonce, body = identity.sealed[:_NONCE_BYTES], identity.sealed[_NONCE_BYTES:]
    try:
        plain = AESGCM(data_key).decrypt(nonce, body, identity.person.encode())
    except InvalidTag as error:
        raise SealBroken("a sealed identity was changed since it was stored.") from error
    name: str | None = json.loads(plain)["display_name"]
    return name
