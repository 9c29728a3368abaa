"""What a signal said, once it may not be shown any more: sealed, for the person alone (S13, S19).

A signal past its validity leaves its table. What it said, the facts it was about and the whole
sum behind it are sealed with the person's data key, so that a contestation can still be
answered on what was really done then, and so that erasing the person makes it noise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from modeles.explanation import Signal
from revue import schema
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.reasons import check_reason
from revue.records import Actor, Right
from revue.standings import DataKey, PersonKeys

# The tables themselves: what is overdue is kept from every page, and has to be sealed.
_SIGNALS: Table = schema.Base.metadata.tables["signals"]
_COPIES: Table = schema.Base.metadata.tables["sealed_copies"]
_SITUATIONS: Table = schema.Base.metadata.tables["situations"]


class NothingToAnswer(RebondError):
    """A sealed copy is opened for the person alone: to answer what they ask or contest."""


class NoSealedCopy(RebondError):
    """Nothing is sealed of this situation."""


@dataclass(frozen=True)
class KeptSignal:
    """What is kept of one signal.

    Attributes
    ----------
    situation_id
        The situation that it was placed in.
    sealed
        It is past its validity, and was sealed.
    facts
        What was shown beside it, as frozen (:class:`features.facts.Facts`).
    signal
        The signal with the whole sum behind it.
    """

    situation_id: str
    sealed: bool
    facts: dict[str, Any]
    signal: Signal


def seal_expired(session: Session, person_keys: PersonKeys, today: date) -> int:
    """Seal every signal past its validity, and take it out of the queue's own table.

    Parameters
    ----------
    session
        In the caller's transaction, which records the act that this is part of.
    person_keys
        The data keys of the home.
    today
        The day of the home.

    Returns
    -------
    int
        How many were sealed.
    """
    expired = session.execute(
        select(_SIGNALS, _SITUATIONS.c.person, _SITUATIONS.c.facts)
        .join(_SITUATIONS, _SITUATIONS.c.id == _SIGNALS.c.situation_id)
        .where(_SITUATIONS.c.valid_until < today)
        .order_by(_SIGNALS.c.situation_id)
    ).all()
    if not expired:
        return 0
    people = [row.person for row in expired]
    person_keys.ensure(people)
    copies = [
        {
            "situation_id": row.situation_id,
            "as_of": row.as_of,
            "sealed": key().seal(
                json.dumps(
                    {"facts": json.loads(row.facts), "signal": json.loads(row.content)},
                    ensure_ascii=False,
                ).encode(),
                row.situation_id,
            ),
        }
        for row, key in zip(expired, person_keys.of(people), strict=True)
        if key is not None
    ]
    session.execute(insert(_COPIES), copies)
    sealed = [copy["situation_id"] for copy in copies]
    session.execute(delete(_SIGNALS).where(_SIGNALS.c.situation_id.in_(sealed)))
    session.expire_all()
    return len(copies)


def seal_before(
    session: Session, person_keys: PersonKeys, today: date, *, by: Actor, now: datetime
) -> None:
    """Seal what is past its validity as part of an act that changes the queue; logged if any is."""
    sealed = seal_expired(session, person_keys, today)
    if sealed:
        details = {"sealed": sealed}
        record(session, actor=by, act="seal_expired", subject="vault", details=details, now=now)


def open_sealed(
    session: Session,
    person_keys: PersonKeys,
    actor: Actor,
    situation_id: str,
    reason: str,
    *,
    now: datetime,
) -> KeptSignal:
    """Open the sealed copy of one signal, to answer the person; the journal says so.

    Raises
    ------
    Forbidden
        Only the data protection officer opens one.
    NoSealedCopy
        There is none of this situation.
    NothingToAnswer
        The person contests nothing and asks for no access at this moment.
    ReasonMissing
        Nothing says why.
    features.keys.SealBroken, revue.standings.KeyDestroyed
        The bytes were changed, or everything about the person was erased.
    """
    check_allowed(actor, Permission.OPEN_SEALED_COPY)
    copy = session.get(schema.SealedCopy, situation_id)
    if copy is None:
        raise NoSealedCopy(f"nothing is sealed of the situation {situation_id!r}.")
    person = session.get_one(schema.Situation, situation_id).person
    if not _asks(session, person):
        raise NothingToAnswer(
            "this person contests nothing and asks for no access at this moment: a sealed copy is "
            "opened to answer them, and for nothing else."
        )
    said = check_reason(reason)
    kept = _opened(person_keys.one(person), copy.situation_id, copy.sealed)
    details = {"reason": said}
    record(
        session, actor=actor, act="open_sealed_copy", subject=situation_id, details=details, now=now
    )
    return kept


def kept_signals(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], key: DataKey
) -> tuple[KeptSignal, ...]:
    """Return everything kept of the signals about one person, oldest first, for their own access.

    Parameters
    ----------
    rows
        The person's rows by table, as they lie in the database.
    key
        The person's data key.

    Raises
    ------
    features.keys.SealBroken
        A copy was changed since it was sealed.
    """
    facts = {row["id"]: row["facts"] for row in rows.get("situations", ())}
    kept = [
        KeptSignal(
            row["situation_id"],
            False,
            json.loads(facts[row["situation_id"]]),
            Signal.from_json(row["content"]),
        )
        for row in rows.get("signals", ())
    ]
    kept += [
        _opened(key, row["situation_id"], row["sealed"]) for row in rows.get("sealed_copies", ())
    ]
    return tuple(sorted(kept, key=lambda one: (one.signal.as_of, one.situation_id)))


def sealed_among(session: Session, situations: Sequence[str]) -> frozenset[str]:
    """Return of which situations the signal was sealed."""
    copy = schema.SealedCopy.situation_id
    return frozenset(session.scalars(select(copy).where(copy.in_(situations))))


def _asks(session: Session, person: str) -> bool:
    """Say whether the person contests something or asks for access, and waits for the answer."""
    contested = (
        select(schema.Contestation.situation_id)
        .join(schema.Situation, schema.Situation.id == schema.Contestation.situation_id)
        .where(schema.Situation.person == person, schema.Contestation.outcome.is_(None))
    )
    asked = (
        select(schema.Request.id)
        .where(schema.Request.person == person, schema.Request.asked == Right.ACCESS)
        .where(schema.Request.outcome.is_(None))
    )
    return any(session.scalars(found).first() is not None for found in (contested, asked))


def _opened(key: DataKey, situation_id: str, sealed: bytes) -> KeptSignal:
    plain = json.loads(key.unseal(sealed, situation_id))
    signal = Signal.from_json(json.dumps(plain["signal"]))
    return KeptSignal(situation_id, True, plain["facts"], signal)
