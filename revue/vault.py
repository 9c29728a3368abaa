"""The vault: who somebody is, apart from everything else, under a key of their own (S8).

Each row is sealed (AES-256-GCM) with the person's own data key, which lies in the key folder
and in no backup (:mod:`revue.standings`): destroying it destroys the identity wherever a
copy of the sealed bytes is. The columns hold a pseudonym and noise.

Everybody imported has a row, with or without a name: the way back from a pseudonym to the
service's own id, by which rights are answered and keys rotated, is here and nowhere else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, bindparam, exists, func, insert, select, update
from sqlalchemy.orm import Session

from features.keys import SealBroken
from revue import schema
from revue.accompanying import ACCOMPANIED, asked_by
from revue.database import PATIENCE
from revue.journal import record
from revue.permissions import Permission, account_of, check_allowed
from revue.records import Actor
from revue.retention import INCLUDE_OVERDUE
from revue.standings import DataKey, PersonKeys

_TODAYS = (schema.Lift.user_id == bindparam("account")) & (schema.Lift.on == bindparam("on"))
_SEALED = (
    select(
        schema.Identity.person,
        schema.Identity.sealed,
        exists().where(schema.Lift.person == schema.Identity.person, _TODAYS).label("shown"),
        select(func.count(schema.Lift.person)).where(_TODAYS).scalar_subquery().label("lifted"),
    )
    .join(schema.Person, schema.Person.person == schema.Identity.person)
    .where(schema.Identity.person.in_(bindparam("people", expanding=True)))
    .where(ACCOMPANIED)
)
"""What is sealed of those whom somebody accompanies, whether it was opened for them on a day,
and how many were: every page asks it, so it is built once."""


@dataclass(frozen=True)
class Identity:
    """What the vault holds of one person.

    Attributes
    ----------
    person
        The pseudonym.
    person_id, household_id
        As the service's own software writes them.
    display_name, contacts
        As the newest ``identities`` file that names the person says.
    """

    person: str
    person_id: str
    household_id: str | None = None
    display_name: str | None = None
    contacts: Mapping[str, str] | None = None


def store_identities(
    session: Session,
    keys: PersonKeys,
    identities: Iterable[Identity],
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Seal identities in place of what was stored of the same people.

    Who comes without a name and without contacts keeps those that are stored.

    Parameters
    ----------
    session
        In the caller's transaction.
    keys
        Data keys; a fresh one is made for who has none. A key without a row does no harm, so
        they are written first, whatever becomes of the transaction.
    identities
        One for each person imported.
    by
        Who imports.
    now
        Aware time.
    """
    check_allowed(by, Permission.STORE_IDENTITIES)
    given = {identity.person: identity for identity in identities}
    keys.ensure(given)
    data_keys = keys.all()
    options = {INCLUDE_OVERDUE: True}
    rows = session.scalars(select(schema.Identity), execution_options=options).all()
    stored = {row.person: row for row in rows if row.person in given}
    fresh: list[dict[str, object]] = []
    mended: list[dict[str, object]] = []
    for person, identity in given.items():
        row, key, wanted = stored.get(person), data_keys[person], identity
        before = None if row is None else _open_whole(key, row)
        if before is not None and identity.display_name is None and identity.contacts is None:
            wanted = replace(identity, display_name=before.display_name, contacts=before.contacts)
        if before != wanted:
            sealed = {"person": person, "sealed": seal_identity(key, wanted), "stored_at": now}
            (fresh if row is None else mended).append(sealed)
    if fresh:
        session.execute(insert(schema.Identity), fresh)
    if mended:
        session.execute(update(schema.Identity), mended)
    # Kept as long as the person is known here; without a name given anew it stays as it is.
    present = schema.Identity.person.in_(select(schema.Person.person))
    session.execute(
        update(schema.Identity).where(present).values(stored_at=now),
        execution_options=options | {"synchronize_session": False},
    )
    record(
        session,
        actor=by,
        act="store_identities",
        subject="vault",
        details={"stored": len(fresh) + len(mended)},
        now=now,
    )


def seal_identity(key: DataKey, identity: Identity) -> bytes:
    """Seal one identity, bound to its pseudonym so that rows cannot be swapped."""
    return key.seal(json.dumps(asdict(identity)).encode(), identity.person)


def open_identity(key: DataKey, sealed: bytes, person: str) -> Identity:
    """Open what :func:`seal_identity` sealed.

    Raises
    ------
    features.keys.SealBroken
        It was changed since, or stands beside another pseudonym.
    """
    return Identity(**json.loads(key.unseal(sealed, person)))


def _open_whole(key: DataKey, row: schema.Identity | Row[*tuple[Any, ...]]) -> Identity:
    return open_identity(key, row.sealed, row.person)


def carry_identities(database: Path, keys: PersonKeys) -> None:
    """Bring identities that an older version sealed to where and how they are kept now.

    Up to schema 0004 each row held its own wrapped key, and contacts as a text of JSON. Done
    before the migration that drops the keys; killed half way, it is done again.

    Parameters
    ----------
    database
        The review database, not migrated yet.
    keys
        Where the data keys go.
    """
    with closing(sqlite3.connect(database, PATIENCE)) as older, older:
        columns = {name for _, name, *_ in older.execute("PRAGMA table_info(identities)")}
        if "wrapped_key" not in columns:
            return
        rows = older.execute("SELECT person, wrapped_key, sealed FROM identities").fetchall()
        keys.adopt({person: wrapped for person, wrapped, _ in rows})
        for person, _, sealed in rows:
            key = keys.one(person)
            plain = json.loads(key.unseal(sealed, person))
            if "person" not in plain:
                contacts = json.loads(plain["contacts"])
                identity = Identity(
                    person,
                    plain["person_id"],
                    None,
                    plain["display_name"],
                    {name: str(value) for name, value in contacts.items() if value is not None},
                )
                query = "UPDATE identities SET sealed = ? WHERE person = ?"
                older.execute(query, (seal_identity(key, identity), person))


def identity_of(session: Session, keys: PersonKeys, person: str) -> Identity | None:
    """Open what the vault holds of one person, for an act of the machine on their behalf.

    The caller writes the act's own entry into the journal; an educator reads through
    :func:`display_names` alone.
    """
    row = session.get(schema.Identity, person)
    return None if row is None else _open_whole(keys.one(person), row)


def display_names(
    session: Session,
    keys: PersonKeys,
    actor: Actor,
    people: Collection[str],
    *,
    now: datetime,
    today: date,
    per_day: int = 200,
) -> dict[str, str]:
    """Return the names of those whom the educator accompanies; lifting them is logged.

    A sealed name that was changed since is not given, and the journal says so.

    Parameters
    ----------
    session, now, today
        As everywhere here.
    keys
        The data keys of the home.
    actor
        Who asks.
    people
        Pseudonyms; of those the actor does not accompany nothing is opened.
    per_day
        Distinct persons whose names one account is shown on a day of the clock. Whoever reads
        more than any page lists reads everybody: beyond it no name is opened, and the journal
        says so.

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
    account, on = account_of(actor), schema.utc(now).date()
    asked = {"people": sorted(people), "account": account, "on": on}
    rows = session.execute(_SEALED, asked | asked_by(actor, today=today)).all()
    names, fresh = {}, list[dict[str, object]]()
    broken, refused = list[str](), list[str]()
    for row, data_key in zip(rows, keys.of([row.person for row in rows]), strict=True):
        if not row.shown and row.lifted + len(fresh) >= per_day:
            refused.append(row.person)
            continue
        try:
            # Without its key a row is noise, whatever copy of it was put back.
            name = None if data_key is None else _open_whole(data_key(), row).display_name
        except SealBroken:
            broken.append(row.person)
            continue
        if name is not None:
            names[row.person] = name
            if not row.shown:
                fresh.append({"user_id": account, "on": on, "person": row.person})
    if fresh:
        session.execute(insert(schema.Lift).prefix_with("OR IGNORE"), fresh)
    # The subject stays silent: the committed details say whose names, to who holds the key.
    for act, people_of_it in (
        ("lift_identity", names),
        ("seal_broken", broken),
        ("lift_refused", refused),
    ):
        if lifted := sorted(people_of_it):
            details = {"people": lifted}
            record(session, actor=actor, act=act, subject="vault", details=details, now=now)
    return names
