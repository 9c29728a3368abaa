"""New pseudonyms and a new master key in the review database: what people's rows go by (S7).

Where a pseudonym stands is read off the tables' own declaration (``whose``), so that no table
is forgotten. Nothing else of a row changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy.orm import Session

from features.keys import Keyring
from revue import schema
from revue.standings import PersonKeys
from revue.vault import Identity, open_identity, seal_identity

# The tables themselves: what is overdue is kept from every session, and goes along as well.
_TABLES = schema.Base.metadata.tables
_IDENTITIES: Table = _TABLES["identities"]
_USERS: Table = _TABLES["users"]

_ACCOUNT = "account"
"""What the secrets of second factors are sealed for."""


def vault(session: Session, keys: PersonKeys) -> dict[str, Identity]:
    """Open every identity, for the machine's own act; nobody reads them.

    Returns
    -------
    dict
        By pseudonym. A row whose key was destroyed is noise, and left out.

    Raises
    ------
    features.keys.SealBroken
        A row was changed since it was stored.
    """
    data_keys = keys.all()
    rows = session.connection().execute(select(_IDENTITIES.c.person, _IDENTITIES.c.sealed))
    return {
        person: open_identity(data_keys[person], sealed, person)
        for person, sealed in rows
        if person in data_keys
    }


def rename_people(
    session: Session,
    naming: Callable[[str], str],
    keys: PersonKeys,
    identities: dict[str, Identity],
) -> None:
    """Give everybody in the review database the pseudonym of the next epoch.

    Parameters
    ----------
    session
        In the caller's transaction.
    naming
        Gives the new pseudonym of an old one.
    keys
        The data keys, still under the old pseudonyms.
    identities
        What :func:`vault` opened; each is sealed anew, for it is bound to its pseudonym.
    """
    connection = session.connection()
    _teach(connection, naming)
    for table in schema.Base.metadata.sorted_tables:
        if table.info["whose"] is schema.Whose.PERSON:
            person = table.c[schema.Whose.PERSON.value]
            connection.execute(update(table).values({person: func.next_pseudonym(person)}))
    data_keys = keys.all()
    for person, identity in identities.items():
        anew = replace(identity, person=naming(person))
        connection.execute(
            update(_IDENTITIES)
            .where(_IDENTITIES.c.person == anew.person)
            .values(sealed=seal_identity(data_keys[person], anew))
        )


def reseal_accounts(session: Session, keys: Keyring, following: Keyring) -> None:
    """Seal the secrets of second factors under the keys of the next epoch."""
    connection = session.connection()
    held = select(_USERS.c.id, _USERS.c.sealed_totp).where(_USERS.c.sealed_totp.is_not(None))
    for one, sealed in connection.execute(held).all():
        secret = keys.unseal(_ACCOUNT, sealed)
        connection.execute(
            update(_USERS)
            .where(_USERS.c.id == one)
            .values(sealed_totp=following.seal(_ACCOUNT, secret))
        )


def _teach(connection: Connection, naming: Callable[[str], str]) -> None:
    """Let SQLite itself ask for a new pseudonym, row by row."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise ValueError("the connection to the review database is closed.")
    driver.create_function("next_pseudonym", 1, naming, deterministic=True)
