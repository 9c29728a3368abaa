"""Everything the review database holds of single persons, found by what each table declares.

A table's ``whose`` (:mod:`revue.schema`) says how its rows lead to the person they are about;
an access export, a backup, a restriction and an erasure all go by that and by nothing else.
Rows are read and written as they lie in the database, so that what is put back is what was
taken, to the byte, whatever the code of the day makes of it.
"""

# ruff: noqa: S608 - names of tables and columns come from the schema, values are bound

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Table, bindparam, text
from sqlalchemy.orm import Session

from revue import schema
from revue.schema import Whose

Rows = dict[str, list[dict[str, Any]]]
"""Rows by table, each as the database keeps it; tables that hold none are left out."""

PERSONAL = tuple(table for table in schema.Base.metadata.sorted_tables if table.info["whose"])
"""The tables with somebody's rows, parents before children."""

_TOGETHER = 500
"""Persons whose rows are counted together."""
_OWNED = {
    Whose.PERSON: "SELECT person AS owner, t.* FROM {} AS t WHERE person IN :people",
    Whose.SITUATION: (
        "SELECT s.person AS owner, t.* FROM {} AS t JOIN situations AS s ON s.id = t.situation_id "
        "WHERE s.person IN :people"
    ),
}
_AMONG = {
    Whose.PERSON: "person = :person",
    Whose.SITUATION: "situation_id IN (SELECT id FROM situations WHERE person = :person)",
}


def rows_of(session: Session, person: str) -> Rows:
    """Return every row about one person, by table."""
    return rows_of_all(session, (person,)).get(person, {})


def rows_of_all(session: Session, people: Collection[str]) -> dict[str, Rows]:
    """Return every row about each of some persons; who has none is left out."""
    found: dict[str, Rows] = {}
    for table in PERSONAL:
        query = text(_OWNED[table.info["whose"]].format(table.name) + f" ORDER BY {_key(table)}")
        asked = query.bindparams(bindparam("people", expanding=True))
        for row in session.execute(asked, {"people": sorted(people)}).mappings():
            plain = dict(row)
            found.setdefault(plain.pop("owner"), {}).setdefault(table.name, []).append(plain)
    return found


def known_people(session: Session) -> set[str]:
    """Return the pseudonyms of everybody about whom there is a row."""
    owned = [table.name for table in PERSONAL if table.info["whose"] is Whose.PERSON]
    everybody = " UNION ".join(f"SELECT person FROM {name}" for name in owned)
    return set(session.scalars(text(everybody)))


def delete_rows(session: Session, person: str, only: Collection[str] | None = None) -> int:
    """Delete the rows about one person, children before parents.

    Parameters
    ----------
    session
        In the caller's transaction; objects it has loaded are forgotten.
    person
        The pseudonym.
    only
        The tables to delete from; default: all that hold somebody's rows.

    Returns
    -------
    int
        How many rows went.
    """
    session.flush()
    chosen = [table for table in PERSONAL if only is None or table.name in only]
    gone = 0
    for table in reversed(chosen):
        query = text(f"DELETE FROM {table.name} WHERE {_AMONG[table.info['whose']]}")
        gone += session.execute(query, {"person": person}).rowcount  # type: ignore[attr-defined]
    session.expire_all()
    return gone


def count_rows(session: Session, people: Sequence[str]) -> dict[str, int]:
    """Return how many rows there are about some persons together, by table."""
    session.flush()
    counts = dict.fromkeys((table.name for table in PERSONAL), 0)
    for start in range(0, len(people), _TOGETHER):
        some = {"people": people[start : start + _TOGETHER]}
        for table in PERSONAL:
            owned = _OWNED[table.info["whose"]].format(table.name)
            query = text(f"SELECT count(*) FROM ({owned})")
            asked = query.bindparams(bindparam("people", expanding=True))
            counts[table.name] += session.execute(asked, some).scalar_one()
    return counts


def insert_rows(session: Session, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Put rows back that :func:`rows_of` returned, parents before children.

    Parameters
    ----------
    session
        In the caller's transaction.
    rows
        By table. A row that is there already stays as it is.
    """
    session.flush()
    with _without_order(session):
        for table in PERSONAL:
            given = [dict(row) for row in rows.get(table.name, ())]
            if given:
                names = ", ".join(f'"{name}"' for name in given[0])
                values = ", ".join(f":{name}" for name in given[0])
                query = (
                    f"INSERT INTO {table.name} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"
                )
                session.execute(text(query), given)
    session.expire_all()


@contextmanager
def _without_order(session: Session) -> Iterator[None]:
    """Set the triggers of the personal tables aside while rows come back that obeyed them once.

    They guard the order of acts: no view after the second look was asked for, no contestation
    that is answered from the start. Rows that come back all at once can keep no such order.
    SQLite takes triggers away and makes them again inside the transaction, from its own text
    of them: whoever looks from outside never sees the tables without.
    """
    tables = [table.name for table in PERSONAL]
    query = text(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN :names"
    )
    asked = query.bindparams(bindparam("names", expanding=True))
    triggers = session.execute(asked, {"names": tables}).all()
    connection = session.connection()
    for name, _ in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _, sql in triggers:
        connection.exec_driver_sql(sql)


def _key(table: Table) -> str:
    return ", ".join(f't."{column.name}"' for column in table.primary_key.columns)
