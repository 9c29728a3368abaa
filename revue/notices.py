"""Who was told of this processing: by whom, when, in what form, and with which words (S14).

What the service's own software says of it comes with each import and is kept here as such; it
counts by the stay that says it, so that a later import may take it back. What an educator
tells somebody here counts from that day on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.accompanying import check_accompanies
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.records import Actor, NoticeForm, NoticeRow
from revue.retention import INCLUDE_OVERDUE

FORMS = tuple(form for form in NoticeForm if form is not NoticeForm.IMPORTED)
"""How an educator can tell somebody."""

UNKNOWN_TEXT = ""
"""The version of a notice given outside this tool, of which nobody here knows the words."""


class ToldInFuture(RebondError):
    """Somebody cannot have been told on a day that has not come."""


class UnknownForm(RebondError):
    """Nobody tells somebody in this form; it says where a notice was imported from."""


def note_notice(
    session: Session,
    actor: Actor,
    *,
    person: str,
    form: NoticeForm,
    told_on: date,
    version: str,
    now: datetime,
    today: date,
) -> None:
    """Write down that a person was told; they can be looked at from then on.

    Parameters
    ----------
    session, actor
        Who told them, and accompanies them.
    person
        Pseudonym.
    form, told_on
        How, and on which day.
    version
        SHA-256 (hex) of the text that was shown.
    now, today
        Time, and day of the home.

    Raises
    ------
    Forbidden, NotYours
        The role notes no notice, or this is somebody else's person.
    ToldInFuture, UnknownForm
        What is said cannot be.
    """
    check_allowed(actor, Permission.NOTE_NOTICE)
    check_accompanies(session, actor, person, today=today)
    if told_on > today:
        raise ToldInFuture(f"{told_on} has not come yet; give the day on which they were told.")
    if form not in FORMS:
        raise UnknownForm(f"{form.value!r} is no way to tell somebody; use {', '.join(FORMS)}.")
    session.merge(
        schema.Notice(
            person=person,
            told_on=told_on,
            version=version,
            told_by=actor.login,
            form=form,
            at=now,
        )
    )
    known = session.get_one(schema.Person, person)
    if known.informed_on is None or known.informed_on > told_on:
        known.informed_on = told_on
    details = {"person": person, "told_on": told_on.isoformat(), "form": form, "version": version}
    record(session, actor=actor, act="note_notice", subject="directory", details=details, now=now)


def import_notices(
    session: Session, informed: Mapping[str, date], *, by: Actor, now: datetime
) -> None:
    """Keep what the service's own software says of who was told when, each day of it once."""
    check_allowed(by, Permission.SYNC_PEOPLE)
    told = select(schema.Notice.person, schema.Notice.told_on)
    # What is overdue is in nobody's reach, but it is written down already.
    options = {INCLUDE_OVERDUE: True}
    known = {tuple(row) for row in session.execute(told, execution_options=options)}
    fresh = [
        {
            "person": person,
            "told_on": told_on,
            "version": UNKNOWN_TEXT,
            "told_by": by.login,
            "form": NoticeForm.IMPORTED,
            "at": now,
        }
        for person, told_on in informed.items()
        if (person, told_on) not in known
    ]
    if fresh:
        session.execute(insert(schema.Notice), fresh)
        details = {"notices": len(fresh)}
        record(
            session, actor=by, act="import_notices", subject="directory", details=details, now=now
        )


def told_here(session: Session, *, by: date) -> dict[str, date]:
    """Return who was told by somebody here on or before a day, and when first."""
    first = func.min(schema.Notice.told_on)
    found = session.execute(
        select(schema.Notice.person, first)
        .where(schema.Notice.form != NoticeForm.IMPORTED)
        .where(schema.Notice.told_on <= by)
        .group_by(schema.Notice.person)
    )
    return dict(found.all())


def notices_of(session: Session, person: str) -> tuple[NoticeRow, ...]:
    """Return when and how a person was told, the newest first."""
    rows = session.scalars(
        select(schema.Notice)
        .where(schema.Notice.person == person)
        .order_by(schema.Notice.told_on.desc())
    )
    return tuple(NoticeRow(row.told_on, row.form, row.told_by, row.version) for row in rows)
