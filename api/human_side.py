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
    or a view was given. Of several educators, one after the other, the acts of who decided
    count, else of who came furthest. What was decided while a stop froze the signal says
    nothing about signals: it counts as viewed, and no more.

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
    features.sensitive.AttributesExpired
        They are too old to be read.
    """
    table = situations_of(session, version, home.keys.subkey("educators"))
    if table.empty:
        return None
    population = _accompanied(session, version)
    persons = sorted({*population, *table["person"]})
    attributes = home.sensitive.attributes(persons, protocol.audit.attributes, on=home.today())
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
    situations = session.scalars(select(schema.Situation)).all()
    read = set(session.scalars(select(schema.Entry.subject).where(schema.Entry.act == "read")))
    runs = session.execute(
        select(schema.Run.ran_at, schema.Run.version).order_by(schema.Run.id.desc())
    ).all()
    of = _Acts(session)

    def newest_at(time: datetime) -> str | None:
        return next((run.version for run in runs if run.ran_at <= time), None)

    def coded(login: str | None) -> str | None:
        return None if login is None else keyed_hash(educator_key, login)

    return pd.DataFrame(
        [
            {
                "person": row.person,
                "kind": str(row.kind),
                "opened_on": pd.Timestamp(row.as_of),
                "shown": row.id in read or of.opinion(row) is not None,
                "opinion": of.opinion(row),
                "revealed": of.revealed(row),
                "decision": of.decision(row),
                "answer": of.answer(row),
                "educator": coded(of.login(row)),
                "probability": row.probability,
            }
            for row in situations
            if version
            == (newest_at(row.opened_at) if row.kind is SituationKind.SELF_OPENED else row.version)
        ],
        columns=list(SITUATIONS.columns),
    )


class _Acts:
    """What was done with each situation by the educator whose acts count.

    That is who decided, else who came furthest on their own; a second reader's view is
    theirs alone and counts nowhere here, unless they took the situation over.
    """

    def __init__(self, session: Session) -> None:
        looks = dict(
            session.execute(
                select(schema.SecondLook.situation_id, schema.SecondLook.reader_id)
            ).all()
        )
        self._logins = dict(session.execute(select(schema.User.id, schema.User.login)).all())
        self._decisions: dict[str, schema.Decision] = {}
        for decision in session.scalars(select(schema.Decision).order_by(schema.Decision.number)):
            self._decisions[decision.situation_id] = decision
        self._reveals = {
            (reveal.situation_id, reveal.user_id): reveal.shown
            for reveal in session.scalars(select(schema.Reveal))
        }
        self._answers: dict[str, str] = {}
        for told in session.scalars(select(schema.FollowUp).order_by(schema.FollowUp.number)):
            if told.answer is not None:
                self._answers[told.situation_id] = told.answer.value
        self._views: dict[str, schema.View] = {}
        for view in session.scalars(select(schema.View).order_by(schema.View.at)):
            key = (view.situation_id, view.user_id)
            if looks.get(view.situation_id) != view.user_id or key in self._reveals:
                self._keep_furthest(view)

    def _keep_furthest(self, view: schema.View) -> None:
        kept = self._views.get(view.situation_id)
        if kept is None or self._rank(view) >= self._rank(kept):
            self._views[view.situation_id] = view

    def _rank(self, view: schema.View) -> tuple[bool, bool]:
        decision = self._decisions.get(view.situation_id)
        key = (view.situation_id, view.user_id)
        return (decision is not None and decision.user_id == view.user_id, key in self._reveals)

    def opinion(self, row: schema.Situation) -> str | None:
        view = self._views.get(row.id)
        return None if view is None else view.opinion.value

    def revealed(self, row: schema.Situation) -> bool:
        view = self._views.get(row.id)
        return view is not None and self._reveals.get((row.id, view.user_id), False)

    def decision(self, row: schema.Situation) -> str | None:
        decision = self._decisions.get(row.id)
        if decision is None or not self._reveals.get((row.id, decision.user_id)):
            return None
        return decision.kind.value

    def answer(self, row: schema.Situation) -> str | None:
        return self._answers.get(row.id) if self.decision(row) == "offer" else None

    def login(self, row: schema.Situation) -> str | None:
        view = self._views.get(row.id)
        return row.assigned_to or row.referent if view is None else self._logins[view.user_id]


def _accompanied(session: Session, version: str) -> Sequence[str]:
    """Return who had a stay on one of the review dates of a model."""
    dates = session.scalars(select(schema.Run.as_of).where(schema.Run.version == version)).all()

    def present(person: schema.Person, day: date) -> bool:
        return person.entered_on <= day and (person.left_on is None or person.left_on >= day)

    people = session.scalars(select(schema.Person)).all()
    return [person.person for person in people if any(present(person, day) for day in dates)]
