"""Wordings, versioned apart from the protocol: two members mend a sentence, at once.

A protocol's hash does not cover its wordings, so no model has to be trained or approved
again. Version 1 is the protocol's own; of those confirmed for a feature group since, the
newest is in force. Nothing is ever changed or taken back: what no longer fits is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.words import check_wording
from revue import schema
from revue.journal import record
from revue.permissions import Permission, account_of, check_allowed
from revue.reasons import check_reason
from revue.records import Actor, Wording

FIRST = 1
"""The version of the wordings that the protocol itself gives."""


class UnknownGroup(RebondError):
    """The protocol has no such feature group."""


class UnchangedWording(RebondError):
    """The wording is the one in force."""


class NoSuchWording(RebondError):
    """Nobody proposed a wording of this version."""


class AlreadyConfirmed(RebondError):
    """The wording was confirmed before."""


class SameMember(RebondError):
    """The confirmation has to be another member's than the proposal."""


class WordingOvertaken(RebondError):
    """A newer wording of the same group is in force."""


def propose(
    session: Session,
    actor: Actor,
    *,
    group: str,
    text: str,
    reason: str,
    first: Mapping[str, str],
    now: datetime,
) -> Wording:
    """Propose another wording for a feature group; nothing changes before it is confirmed.

    Parameters
    ----------
    session
        In the caller's transaction.
    actor
        A member of the committee.
    group, text, reason
        What is to be said how, and why.
    first
        The protocol's own wordings by feature group.
    now
        Aware time.

    Raises
    ------
    Forbidden, ReasonMissing
    UnknownGroup, UnchangedWording
    features.words.MalformedWording
        The text cannot stand in a sentence about a person.
    """
    check_allowed(actor, Permission.MEND_WORDING)
    if group not in first:
        raise UnknownGroup(f"no feature group is named {group!r}; one of: {', '.join(first)}.")
    wording = check_wording(text)
    in_force = _in_force(session).get(group)
    if wording == (in_force.text if in_force else first[group]):
        raise UnchangedWording(f"{group!r} reads {wording!r} already; propose other words.")
    last = session.scalar(select(func.max(schema.Wording.version))) or FIRST
    row = schema.Wording(
        version=last + 1,
        feature_group=group,
        text=wording,
        reason=check_reason(reason),
        proposed_by=account_of(actor),
        proposed_at=schema.utc(now),
    )
    session.add(row)
    session.flush()
    _record(session, actor, "propose_wording", row, now)
    return _read(session, row)


def confirm(session: Session, actor: Actor, *, version: int, now: datetime) -> Wording:
    """Confirm a proposed wording as a second member; from now on it is the one that is read.

    Raises
    ------
    Forbidden
    NoSuchWording, AlreadyConfirmed, SameMember, WordingOvertaken
    """
    check_allowed(actor, Permission.MEND_WORDING)
    proposal = {wording.version: wording for wording in history(session)}.get(version)
    if proposal is None:
        raise NoSuchWording(f"no wording has the version {version}; see `rebond wording list`.")
    if proposal.confirmed_by is not None:
        raise AlreadyConfirmed(f"wording {version} was confirmed before; there is nothing to do.")
    row = session.get_one(schema.Wording, version)
    if row.proposed_by == account_of(actor):
        raise SameMember(f"{actor.login} proposed wording {version}; another member confirms it.")
    newest = _in_force(session).get(proposal.group)
    if newest is not None and newest.version > version:
        raise WordingOvertaken(
            f"wording {newest.version} of {newest.group!r} is in force since: propose again what "
            f"version {version} says."
        )
    # The database takes the confirmation and its signature in one update, or not at all.
    signed = replace(proposal, confirmed_by=actor.login, confirmed_at=schema.utc(now))
    sign: Callable[[bytes], str] = session.info["sign"]
    row.confirmed_by, row.confirmed_at = account_of(actor), signed.confirmed_at
    row.signature = sign(signed.content.encode())
    session.flush()
    _record(session, actor, "confirm_wording", row, now)
    return _read(session, row)


def current(session: Session, verify: Callable[[bytes, str], None]) -> dict[str, str]:
    """Return the wordings in force, by feature group; other groups read as in the protocol.

    Parameters
    ----------
    session
        In the caller's transaction.
    verify
        Checks a signature: the home's ``Keyring.verify``.

    Raises
    ------
    features.keys.ForgedSignature
        One of them is not what this home signed.
    """
    in_force = _in_force(session)
    for wording in in_force.values():
        verify(wording.content.encode(), wording.signature or "")
    return {group: wording.text for group, wording in in_force.items()}


def pending(session: Session) -> tuple[Wording, ...]:
    """Return what can still be confirmed, newest first."""
    newest = {group: wording.version for group, wording in _in_force(session).items()}
    return tuple(
        wording
        for wording in history(session)
        if wording.confirmed_by is None and wording.version > newest.get(wording.group, FIRST)
    )


def history(session: Session) -> tuple[Wording, ...]:
    """Return every version, newest first."""
    newest_first = select(schema.Wording).order_by(schema.Wording.version.desc())
    return tuple(_read(session, row) for row in session.scalars(newest_first))


def _in_force(session: Session) -> dict[str, Wording]:
    """Return the newest confirmed wording of each feature group that has one."""
    oldest_first = reversed(history(session))
    return {wording.group: wording for wording in oldest_first if wording.confirmed_by is not None}


def _read(session: Session, row: schema.Wording) -> Wording:
    return Wording(
        version=row.version,
        group=row.feature_group,
        text=row.text,
        reason=row.reason,
        proposed_by=_login(session, row.proposed_by),
        proposed_at=row.proposed_at,
        confirmed_by=None if row.confirmed_by is None else _login(session, row.confirmed_by),
        confirmed_at=row.confirmed_at,
        signature=row.signature,
    )


def _login(session: Session, user_id: int) -> str:
    return session.get_one(schema.User, user_id).login


def _record(session: Session, actor: Actor, act: str, row: schema.Wording, now: datetime) -> None:
    details = {"group": row.feature_group, "text": row.text, "reason": row.reason}
    record(session, actor=actor, act=act, subject=str(row.version), details=details, now=now)
