"""The signed impact assessment: what somebody read, and answered for with their own key (S10).

A signature is over a *scope*: purpose, tables, protocol, features, retention, capacity, each
under the name by which a refusal calls it. What was signed last is what holds, and the journal
has to say so: an older signature put back, a row written by hand or another member's key
opens nothing.

References
----------
GDPR, article 35(1) and 35(11): before the processing, and again when it changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.keys import ForgedSignature
from revue import schema
from revue.journal import acts, opens, record, verify_journal
from revue.permissions import Permission, account_of, check_allowed
from revue.records import Actor, canonical
from revue.signing import check_signed

ACT = "sign_assessment"

Scope = Mapping[str, Any]
"""What is assessed, by name; plain values, lists and mappings of them."""


class AssessmentMissing(RebondError):
    """Nobody signed an impact assessment of this home."""


class AssessmentForged(AssessmentMissing):
    """What lies there was not signed by this member, in this home, as the journal has it."""


class AssessmentOutdated(AssessmentMissing):
    """What is in use is not what was assessed any more."""


class AssessmentExpired(AssessmentMissing):
    """It was signed too long ago to hold without being read again."""


class Signs(Protocol):
    """Somebody whose password unlocked their signing key."""

    def sign(self, message: bytes) -> str:
        """Sign a message with a key of their own."""


@dataclass(frozen=True)
class Assessment:
    """A signature that holds, or held: by whom, when, over what, and with whose key."""

    by: str
    at: datetime
    scope: Scope
    own: str | None
    """By the member's own key; None where no password was asked for (not in production)."""

    @property
    def content(self) -> str:
        """What the home signs, in canonical form."""
        return canonical({"by": self.by, "at": self.at, "scope": self.scope, "own": self.own})

    @property
    def statement(self) -> bytes:
        """What the member signs."""
        said = {"act": ACT, "by": self.by, "at": self.at, "assessed": scope_hash(self.scope)}
        return canonical(said).encode()


def scope_hash(scope: Scope) -> str:
    """SHA-256 (hex) of the canonical JSON of a scope."""
    return hashlib.sha256(canonical(scope).encode()).hexdigest()


def sign(
    session: Session, actor: Actor, *, scope: Scope, own: Signs | None, now: datetime
) -> Assessment:
    """Sign the assessment of a scope.

    Parameters
    ----------
    session
        In the caller's transaction.
    actor
        A member of the committee, or the data protection officer.
    scope
        What is in use now.
    own
        The member's own key; None where it is not asked for.
    now
        Aware time.

    Raises
    ------
    Forbidden
        The role signs no assessment.
    AssessmentForged
        The key is not the actor's own.
    """
    check_allowed(actor, Permission.SIGN_ASSESSMENT)
    unsigned = Assessment(actor.login, schema.utc(now), scope, None)
    signed = Assessment(
        unsigned.by, unsigned.at, scope, None if own is None else own.sign(unsigned.statement)
    )
    if own is not None:
        _check_own(session, signed, None)
    home_sign: Callable[[bytes], str] = session.info["sign"]
    row = schema.Assessment(
        content=signed.content,
        content_hash=scope_hash(scope),
        user_id=account_of(actor),
        signature=home_sign(signed.content.encode()),
        at=now,
    )
    session.add(row)
    record(session, actor=actor, act=ACT, subject="assessment", details=_details(row), now=now)
    return signed


def newest(
    session: Session,
    verify: Callable[[bytes, str], None],
    *,
    own_key: bool,
    whole_journal: bool = True,
) -> Assessment | None:
    """Return what was signed last; None before the first.

    Parameters
    ----------
    session
        On the review database.
    verify
        Checks a signature of this home: ``Keyring.verify``.
    own_key
        Whether a member's own key has to stand behind it, as in production.
    whole_journal
        Verify the whole journal first; a page that only tells need not.

    Raises
    ------
    AssessmentForged
        It is not one that this member signed in this home, or the journal says otherwise.
    """
    entries = acts(session, {ACT})
    said = entries[-1] if entries else None
    row = session.scalars(
        select(schema.Assessment).order_by(schema.Assessment.id.desc()),
        execution_options={"populate_existing": True},
    ).first()
    if row is None:
        if said is not None:
            raise AssessmentForged(
                "the journal holds a signature under the impact assessment that the database does "
                "not: restore the database, or sign again."
            )
        return None
    signed = _read(session, row, verify)
    if whole_journal:
        _check_journal(session, verify)
    _check_journaled(session, row, said)
    if own_key:
        _check_own(session, signed, said)
    return signed


def check_holds(
    signed: Assessment | None, now_in_use: Scope, *, days: int, today: date
) -> Assessment:
    """Refuse to go on without a signature over what is in use now.

    Raises
    ------
    AssessmentMissing
        Nobody signed.
    AssessmentOutdated
        Something changed since; the message names it.
    AssessmentExpired
        It is older than ``days``.
    """
    if signed is None:
        raise AssessmentMissing(
            "a production home trains and scores only under a signed impact assessment, and none "
            "is signed here: run `rebond dpia export FILE`, complete it, and have the committee "
            "or the data protection officer sign with `rebond dpia sign --by LOGIN`."
        )
    changed = changes(signed.scope, now_in_use)
    if changed:
        raise AssessmentOutdated(
            f"{_and(changed)} changed since {signed.by} signed the impact assessment on "
            f"{signed.at.date()}: assess what is in use now, and sign again."
        )
    until = signed.at.date() + timedelta(days=days)
    if today > until:
        raise AssessmentExpired(
            f"the impact assessment that {signed.by} signed on {signed.at.date()} held until "
            f"{until}, and today is {today}: read it again, and sign."
        )
    return signed


def changes(signed: Scope, now_in_use: Scope) -> list[str]:
    """Name what differs between two scopes.

    >>> changes({"features": ["a"], "protocol": "1"}, {"features": ["a", "b"], "protocol": "2"})
    ["the features (added 'b')", 'the protocol']
    """
    names = [*signed, *(name for name in now_in_use if name not in signed)]
    return [
        f"the {name}{_difference(signed.get(name), now_in_use.get(name))}"
        for name in names
        if signed.get(name) != now_in_use.get(name)
    ]


def _difference(before: object, after: object) -> str:
    """Say which parts of a list or mapping differ; nothing for a single value."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        both = [name for name in after if name in before and before[name] != after[name]]
        changed = [*both, *(n for n in before if n not in after)]
        return f" ({', '.join([*changed, *(n for n in after if n not in before)])})"
    if isinstance(before, Collection) and isinstance(after, Collection):
        if isinstance(before, str) or isinstance(after, str):
            return ""
        parts = [
            f"{verb} {', '.join(repr(one) for one in found)}"
            for verb, found in (
                ("added", [one for one in after if one not in before]),
                ("removed", [one for one in before if one not in after]),
            )
            if found
        ]
        return f" ({'; '.join(parts)})" if parts else ""
    return ""


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _read(
    session: Session, row: schema.Assessment, verify: Callable[[bytes, str], None]
) -> Assessment:
    """Read a row that this home signed, whole and about who it says."""
    try:
        verify(row.content.encode(), row.signature)
        plain = json.loads(row.content)
        signed = Assessment(
            plain["by"], datetime.fromisoformat(plain["at"]), plain["scope"], plain["own"]
        )
    except (ForgedSignature, KeyError, TypeError, ValueError) as error:
        raise AssessmentForged(
            "the impact assessment in the database is not one that was signed in this home: sign "
            "it here."
        ) from error
    account = session.get(schema.User, row.user_id)
    if (
        account is None
        or account.login != signed.by
        or row.content_hash != scope_hash(signed.scope)
        or row.at != signed.at
    ):
        raise AssessmentForged(
            f"the row of the impact assessment is not what {signed.by} signed: sign again."
        )
    return signed


def _check_journal(session: Session, verify: Callable[[bytes, str], None]) -> None:
    journal = verify_journal(session, verify)
    if not journal.ok:
        raise AssessmentForged(
            f"the journal does not hold ({journal.fault}), so no signature under the impact "
            "assessment can be trusted: restore the review database."
        )


def _check_journaled(session: Session, row: schema.Assessment, said: schema.Entry | None) -> None:
    """Refuse a row that is not the newest which the journal holds.

    Of a month that expired the journal says nothing any more; the signatures themselves stay.
    """
    oldest = session.scalar(select(func.min(schema.Head.month)))
    expired = oldest is None or f"{row.at:%Y-%m}" < oldest
    if said is None and expired:
        return
    if said is None or not opens(session, said, _details(row)):
        raise AssessmentForged(
            "the journal holds another signature under the impact assessment than the database: "
            "restore the database, or sign again."
        )


def _check_own(session: Session, signed: Assessment, said: schema.Entry | None) -> None:
    """Refuse what no member's own key stands behind."""
    if signed.own is None:
        raise AssessmentForged(
            f"the impact assessment in the name of {signed.by} carries no signature of their own: "
            "in production they sign it with their password."
        )
    try:
        check_signed(
            session, login=signed.by, message=signed.statement, signature=signed.own, before=said
        )
    except ForgedSignature as forged:
        raise AssessmentForged(
            f"the signature under the impact assessment is not made with the key of {signed.by}: "
            "have them sign again."
        ) from forged


def _details(row: schema.Assessment) -> Mapping[str, object]:
    return {"assessed": row.content_hash, "signature": row.signature}
