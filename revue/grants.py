"""Contacts on demand: a reason, a short while, a quota, and each reading logged (S8).

Names stand on the pages of whoever accompanies somebody. How to reach them, and under which
number the service knows them, takes an act of its own: it gives one educator leave for one
open situation. The leave says nothing by itself: who reads is checked again each time, as if
there were none.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import journal, schema
from revue.journal import record
from revue.permissions import NotYours, Permission, account_of, check_allowed
from revue.reasons import check_reason
from revue.records import Actor, Part
from revue.situations import Seen, visible
from revue.standings import PersonKeys
from revue.states import CLOSED_STATES
from revue.vault import identity_of

_DAY = timedelta(days=1)
_HELD = select(schema.Identity.person).where(schema.Identity.person == bindparam("person"))

OPEN_CONTACTS = "open_contacts"
"""The act under which the journal holds that leave was given."""


class NoGrant(RebondError):
    """Nobody gave this account leave to read these contacts, or it has ended."""


class SituationOver(RebondError):
    """The situation is closed: nobody needs to be reached about it here any more."""


class TooManyGrants(RebondError):
    """The account has read as many contacts today as anybody may."""


@dataclass(frozen=True)
class Reachable:
    """How a person is reached, for as long as a grant lasts."""

    person_id: str | None
    display_name: str | None
    contacts: Mapping[str, str]
    until: datetime


def open_contacts(
    session: Session,
    actor: Actor,
    situation_id: str,
    *,
    reason: str,
    minutes: int,
    per_day: int,
    now: datetime,
    today: date,
) -> datetime | None:
    """Give the educator who accompanies an open situation leave to read contacts for a while.

    Parameters
    ----------
    session, now, today
        As everywhere here.
    actor, situation_id
        Who asks, about which situation.
    reason
        Why, in a sentence.
    minutes
        How long the leave lasts.
    per_day
        How many of them one account is given in 24 hours.

    Returns
    -------
    datetime or None
        Until when; None where the quota is spent, which the journal holds: it is the caller's to
        refuse, once that is committed.

    Raises
    ------
    NoSuchSituation, Forbidden, NotYours, SituationOver, revue.reasons.ReasonMissing
    """
    seen = _accompanied(session, actor, situation_id, today=today)
    given, account = check_reason(reason), account_of(actor)
    counted = select(func.count()).where(
        schema.Grant.user_id == account, schema.Grant.at > now - _DAY
    )
    if (session.scalar(counted) or 0) >= per_day:
        record(session, actor=actor, act="contacts_refused", subject=seen.row.id, now=now)
        return None
    until = now + timedelta(minutes=minutes)
    grant = schema.Grant(
        id=secrets.token_urlsafe(16),
        situation_id=seen.row.id,
        user_id=account,
        reason=given,
        at=now,
        until=until,
    )
    session.add(grant)
    record(
        session,
        actor=actor,
        act=OPEN_CONTACTS,
        subject=seen.row.id,
        details=_details(grant),
        now=now,
    )
    return until


def read_contacts(
    session: Session,
    keys: PersonKeys,
    actor: Actor,
    situation_id: str,
    *,
    now: datetime,
    today: date,
) -> Reachable:
    """Read how the person of a situation is reached, while one's own leave lasts.

    Raises
    ------
    NoSuchSituation, Forbidden, NotYours, SituationOver
        It is not, or not any more, this educator's open situation.
    NoGrant
        No leave of theirs lasts now.
    features.keys.SealBroken, revue.standings.KeyDestroyed
        What the vault holds cannot be opened.
    """
    seen = _accompanied(session, actor, situation_id, today=today)
    mine = (
        select(schema.Grant)
        .where(schema.Grant.situation_id == seen.row.id)
        .where(schema.Grant.user_id == account_of(actor))
        .where(schema.Grant.at <= now)
        .where(schema.Grant.until > now)
    )
    given = journal.acts(session, {OPEN_CONTACTS}, subject=seen.row.id)
    until = max(
        (
            grant.until
            for grant in session.scalars(mine)
            # A row that nobody asked for here gives no leave, whoever wrote it into the table.
            if any(
                entry.actor == actor.login and journal.opens(session, entry, _details(grant))
                for entry in given
            )
        ),
        default=None,
    )
    if until is None:
        raise NoGrant("no leave to read these contacts lasts now: ask for it again, with a reason.")
    record(session, actor=actor, act="read_contacts", subject=seen.row.id, now=now)
    identity = identity_of(session, keys, seen.row.person)
    if identity is None:
        return Reachable(None, None, {}, until)
    return Reachable(identity.person_id, identity.display_name, identity.contacts or {}, until)


def has_identity(session: Session, person: str) -> bool:
    """Say whether the vault holds anything of a person; nothing is opened."""
    return session.scalars(_HELD, {"person": person}).first() is not None


def _accompanied(session: Session, actor: Actor, situation_id: str, *, today: date) -> Seen:
    check_allowed(actor, Permission.READ_CONTACTS)
    seen = visible(session, actor, situation_id, today=today)
    if seen.part is not Part.ACCOMPANYING:
        raise NotYours(f"{actor.login} was asked for a view, and does not accompany this person.")
    if seen.state in CLOSED_STATES:
        raise SituationOver("the situation is closed: read contacts in the service's own files.")
    return seen


def _details(grant: schema.Grant) -> Mapping[str, object]:
    return {"reason": grant.reason, "until": schema.utc(grant.until).isoformat()}
