"""How people decided, read from the review database for the audit of one model.

The audit is handed a checked table and knows nothing of this database. Of the journal, only
on which situations somebody read the page is looked at: neither who nor when (S36).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.home import Home
from audits.human import SITUATIONS, human_side
from audits.suppression import K
from audits.surroundings import HumanSide
from features.keys import keyed_hash
from features.protocol import Protocol
from revue import schema
from revue.records import SituationKind


def human_side_of(
    home: Home, session: Session, version: str, protocol: Protocol
) -> HumanSide | None:
    """Tell what educators did with what one model put before them.

    Counted are the situations that the model's scoring runs placed, signals and random
    controls, and those that educators opened themselves while its run was the newest one.
    A situation counts as shown once its page was read, which the journal keeps for a year,
    or a view was given. One that was handed over to another educator before a decision
    begins afresh: the view of the first educator is gone from the database.

    Accompanied is, as last imported, who had a stay on one of the model's review dates:
    also people too recent to be scored, or not informed, who could not be shown. Of a
    person with several stays the directory knows the latest.

    Parameters
    ----------
    home
        Gives the sensitive attributes and the key under which educators become codes.
    session
        On the home's review database.
    version
        The audited model.
    protocol
        Names the attributes.

    Returns
    -------
    HumanSide or None
        None where the model has not filled a queue yet.

    Raises
    ------
    features.sensitive.NoAttributes
        The protocol asks for an attribute of which nothing was imported.
    """
    table = situations_of(session, version, home.keys.subkey("educators"))
    if table.empty:
        return None
    population = _accompanied(session, version)
    persons = sorted({*population, *table["person"]})
    attributes = home.sensitive.attributes(persons, protocol.audit.attributes)
    attributes.index = pd.Index(persons, dtype="str")
    return human_side(table, attributes, population, k=K)


def situations_of(session: Session, version: str, educator_key: bytes) -> pd.DataFrame:
    """Read the situations of one model as :data:`audits.human.SITUATIONS`.

    Parameters
    ----------
    session
        On the review database.
    version
        The model.
    educator_key
        Turns logins into codes that mean nothing outside this table.
    """
    situation = schema.Situation
    rows = session.execute(
        select(
            situation.id,
            situation.person,
            situation.kind,
            situation.as_of.label("opened_on"),
            situation.version,
            situation.opened_at,
            situation.referent,
            schema.User.login,
            schema.View.opinion,
            schema.Reveal.situation_id.is_not(None).label("revealed"),
            schema.Decision.kind.label("decision"),
            situation.probability,
        )
        .outerjoin(schema.View, schema.View.situation_id == situation.id)
        .outerjoin(schema.User, schema.User.id == schema.View.user_id)
        .outerjoin(schema.Reveal, schema.Reveal.situation_id == situation.id)
        .outerjoin(schema.Decision, schema.Decision.situation_id == situation.id)
    ).all()
    own = SituationKind.SELF_OPENED
    read = set(session.scalars(select(schema.Entry.subject).where(schema.Entry.act == "read")))
    runs = session.execute(
        select(schema.Run.ran_at, schema.Run.version).order_by(schema.Run.id.desc())
    ).all()

    def newest_at(time: datetime) -> str | None:
        return next((run.version for run in runs if run.ran_at <= time), None)

    def coded(login: str | None) -> str | None:
        return None if login is None else keyed_hash(educator_key, login)

    return pd.DataFrame(
        [
            {
                "person": row.person,
                "kind": str(row.kind),
                "opened_on": pd.Timestamp(row.opened_on),
                "shown": row.id in read or row.opinion is not None,
                "opinion": _text(row.opinion),
                "revealed": bool(row.revealed),
                "decision": _text(row.decision),
                "answer": None,
                "educator": coded(row.login or row.referent),
                "probability": row.probability,
            }
            for row in rows
            if version == (newest_at(row.opened_at) if row.kind is own else row.version)
        ],
        columns=list(SITUATIONS.columns),
    )


def _text(word: str | None) -> str | None:
    return None if word is None else str(word)


def _accompanied(session: Session, version: str) -> Sequence[str]:
    """Return who had a stay on one of the review dates of a model."""
    dates = session.scalars(select(schema.Run.as_of).where(schema.Run.version == version)).all()

    def present(person: schema.Person, day: date) -> bool:
        return person.entered_on <= day and (person.left_on is None or person.left_on >= day)

    people = session.scalars(select(schema.Person)).all()
    return [person.person for person in people if any(present(person, day) for day in dates)]
