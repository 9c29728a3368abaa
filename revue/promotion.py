"""What a promotion is held against: the journal, the members' signatures, and the day (S31).

The committee's tables are a convenience: what was audited, who approved and whether a stop
stands is replayed from the journal, and the database has to say the same. So a state set by
hand, a vote written into a table or an old promotion put back promotes nothing.

In production each vote carries the member's own signature, over the act, its reason and
what it is about; without one it counts for nothing (:mod:`revue.signing`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.keys import ForgedSignature
from revue import schema, stops
from revue.journal import KEPT_MONTHS, acts, opens, verify_journal
from revue.records import ModelFingerprint, ModelState, PromotionRecord, Vote, canonical
from revue.schema import VoteAct
from revue.signing import check_signed
from revue.stops import AUDIT, VOTES_UNSIGNED, VOTES_WITHDRAWN, WAIVER_ENDED

MEMBERS_NEEDED = 2

REGISTERED = "register_model"
"""The act that brings a model before the committee."""

_AGAIN = frozenset({WAIVER_ENDED, VOTES_UNSIGNED, VOTES_WITHDRAWN})


class NotPromoted(RebondError):
    """Two members have not approved this."""


class NotInJournal(NotPromoted):
    """The journal does not say what the database says."""


class WaiverExpired(NotPromoted):
    """What could not be assessed is not waived any more."""


class VoteUnsigned(NotPromoted):
    """A member's own signature is missing under a vote, or is not theirs."""


class PromotionMismatch(RebondError):
    """What was approved is not what is there now."""


def approved_record(session: Session, version: str | None = None) -> PromotionRecord | None:
    """Return the newest promotion of a model that the database calls approved, or of ``version``.

    It is to be held against the journal: :func:`check_promotion`.
    """
    newest = (
        select(schema.Promotion)
        .join(schema.Model, schema.Model.version == schema.Promotion.version)
        .where(schema.Model.state == ModelState.APPROVED)
        .order_by(schema.Promotion.id.desc())
    )
    if version is not None:
        newest = newest.where(schema.Promotion.version == version)
    found = session.scalars(newest).first()
    return None if found is None else _read_promotion(found)


def check_promotion(
    session: Session,
    promotion: PromotionRecord | None,
    verify: Callable[[bytes, str], None],
    fingerprint_now: ModelFingerprint,
    *,
    today: date,
) -> None:
    """Hold a promotion against the journal, the day, and what would be used now.

    Parameters
    ----------
    session
        On the review database.
    promotion
        What :func:`approved_record` returned.
    verify
        Checks a signature: the home's ``Keyring.verify``.
    fingerprint_now
        Hashes of the table, protocol, data, audit and report as they are read now.
    today
        The day of the home.

    Raises
    ------
    NotPromoted
        No record, not signed by this home, or not two members' approvals.
    NotInJournal
        The journal was changed, or does not hold this promotion as the one in force.
    WaiverExpired
        One of the two members waived what could not be assessed until an earlier day.
    VoteUnsigned
        A vote lacks its member's signature in production, or carries one that is not theirs.
    PromotionMismatch
        Something differs from what was approved; the message names it.
    """
    if promotion is None:
        raise NotPromoted("no model is approved: two committee members have to approve one.")
    try:
        verify(promotion.content.encode(), promotion.signature)
    except ForgedSignature as forged:
        raise NotPromoted(
            "the promotion record is not one that this home signed; have the committee vote."
        ) from forged
    approving = {vote.by.casefold() for vote in promotion.votes if vote.act == VoteAct.APPROVE}
    if len(approving) < MEMBERS_NEEDED:
        raise NotPromoted("the promotion record does not hold two members' approvals.")
    journal = verify_journal(session, verify)
    if not journal.ok:
        raise NotInJournal(
            f"the journal does not hold ({journal.fault}), so no promotion can be trusted: "
            "restore the review database."
        )
    standing = _check_in_force(session, promotion)
    _check_all_signed(session, promotion)
    check_signatures(session, promotion.fingerprint, standing, promotion.votes)
    _check_waivers(promotion, today)
    check_same(promotion.fingerprint, fingerprint_now)


def check_same(approved: ModelFingerprint, now: ModelFingerprint) -> None:
    """Refuse what differs from what votes are about.

    Raises
    ------
    PromotionMismatch
        The message names it.
    """
    there = asdict(now)
    differing = [name for name, value in asdict(approved).items() if value != there[name]]
    if differing:
        raise PromotionMismatch(
            f"what the votes are about is not what is there now: {', '.join(differing)} "
            f"{'differs' if len(differing) == 1 else 'differ'}; restore it, or audit and vote "
            "again."
        )


@dataclass
class Replayed:
    """What the journal says of one model."""

    audit: schema.Entry | None = None
    approvals: list[schema.Entry] = field(default_factory=list)
    """Since the newest audit."""
    stopped: bool = False

    @property
    def in_force(self) -> bool:
        """Two approvals stand, and no stop."""
        return len(self.approvals) >= MEMBERS_NEEDED and not self.stopped

    def follow(self, entry: schema.Entry) -> None:
        """Take one more act into account."""
        match entry.act:
            case VoteAct.APPROVE:
                self.approvals.append(entry)
            case VoteAct.SUSPEND | stops.CARRIED:
                self.stopped = True
            case VoteAct.RESUME:
                self.stopped = False
            case VoteAct.REJECT:
                self.approvals = []
            case _:  # registered, audited anew, or put again: earlier votes are void
                self.audit, self.approvals = entry, []


def replay(session: Session) -> dict[str, Replayed]:
    """Replay the journal: how each model stands, by version."""
    found: dict[str, Replayed] = {}
    for entry in acts(session, {REGISTERED, AUDIT, *_AGAIN, stops.CARRIED, *VoteAct}):
        found.setdefault(entry.subject, Replayed()).follow(entry)
    return found


def check_journaled(
    session: Session, audit: schema.ModelAudit, votes: Sequence[Vote], *, void: bool
) -> Replayed:
    """Refuse to vote on top of an audit or votes that the journal does not hold.

    Only approvals that are ``void`` now may have led to a promotion before.
    """
    own = replay(session).get(audit.version, Replayed())
    audited = is_audit_journaled(session, audit)
    promoted = void and len(votes) >= MEMBERS_NEEDED
    promotion = _newest_promotion(session, audit.version) if promoted else None
    if not audited or not _is_journaled(session, own, votes, promotion):
        raise NotInJournal(
            f"the {'votes on' if audited else 'audit of'} model {audit.version} in the database "
            "are not what the journal holds: restore the database."
        )
    return own


def is_audit_journaled(session: Session, audit: schema.ModelAudit) -> bool:
    """Say whether the journal holds this audit as the newest of its model."""
    own = replay(session).get(audit.version, Replayed()).audit
    return own is not None and opens(session, own, audit_details(audit))


def check_signatures(
    session: Session, about: ModelFingerprint, standing: Replayed, votes: Sequence[Vote]
) -> None:
    """Refuse a vote whose signature is not of its member's key at its place in the journal."""
    for entry, vote in zip(standing.approvals, votes, strict=True):
        if vote.signature is None:
            continue
        try:
            check_signed(
                session,
                login=vote.by,
                message=ballot_paper(about, vote),
                signature=vote.signature,
                before=entry,
            )
        except ForgedSignature as forged:
            raise VoteUnsigned(
                f"the signature under {vote.by}'s vote on model {about.version} is not theirs, or "
                "is about something else: restore the database, or audit the model and have the "
                "committee vote."
            ) from forged


def ballot_paper(about: ModelFingerprint, vote: Vote) -> bytes:
    """Write what a member signs: the vote, and the hashes of everything it is about."""
    return canonical({"about": asdict(about), "vote": replace(vote, signature=None)}).encode()


def audit_details(audit: schema.ModelAudit) -> Mapping[str, object]:
    """Return what the journal commits to of an audit."""
    return {
        "verdict": audit.verdict.value,
        "audit": audit.audit_hash,
        "report": audit.report_hash,
    }


def vote_details(vote: Vote, promotion: str | None) -> Mapping[str, object]:
    """Return what the journal commits to of a vote, and of the promotion it led to."""
    said = {"reason": vote.reason, "waived": vote.waived, "promotion": promotion}
    # As it was committed to before waivers had an end written, and members signed.
    later = {"waived_until": vote.waived_until, "signature": vote.signature}
    return said | {name: value for name, value in later.items() if value is not None}


def _check_all_signed(session: Session, promotion: PromotionRecord) -> None:
    for vote in promotion.votes:
        if vote.signature is None and session.info["members_sign"]:
            raise VoteUnsigned(
                f"{vote.by} did not sign the approval of model {promotion.fingerprint.version} "
                "with a key of their own, so it counts for nothing in production: have two "
                "members approve it."
            )


def _check_waivers(promotion: PromotionRecord, today: date) -> None:
    for vote in promotion.votes:
        if vote.has_ended(today):
            raise WaiverExpired(
                f"{vote.by}'s waiver of what the audit of model {promotion.fingerprint.version} "
                f"could not assess ended on {vote.waiver_end}, and today is {today}: nothing is "
                "scored until two members approve again."
            )


def _check_in_force(session: Session, promotion: PromotionRecord) -> Replayed:
    """Refuse a promotion that is not the newest which stands in the journal."""
    version = promotion.fingerprint.version
    replayed = replay(session)
    own = replayed.get(version, Replayed())
    if own.stopped:
        raise NotInJournal(
            f"the journal says that the committee suspended model {version}, whatever the database "
            "says: nothing is scored until it is resumed."
        )
    if not own.in_force:
        raise NotInJournal(
            f"the journal, which is kept for {KEPT_MONTHS} months, holds no two approvals of "
            f"model {version} since its newest audit or rejection: audit it and have the "
            "committee vote."
        )
    if not _is_journaled(session, own, promotion.votes, promotion.content):
        raise NotInJournal(
            f"the journal holds another promotion of model {version} than the database: restore "
            "the database, or audit the model and have the committee vote."
        )
    newest = max(
        (one for one in replayed.values() if one.in_force),
        key=lambda one: (one.approvals[-1].month, one.approvals[-1].position),
    )
    if newest is not own:
        raise NotInJournal(
            f"the journal holds a newer promotion than that of model {version}, of model "
            f"{newest.approvals[-1].subject}: restore the database, or have the committee suspend "
            "the newer one."
        )
    return own


def _is_journaled(
    session: Session, standing: Replayed, votes: Sequence[Vote], promotion: str | None = None
) -> bool:
    """Say whether the journal's approvals are these, the last one committing to a promotion."""
    said = [vote_details(vote, None) for vote in votes[:-1]]
    said += [vote_details(vote, promotion) for vote in votes[-1:]]
    return [entry.actor for entry in standing.approvals] == [vote.by for vote in votes] and all(
        opens(session, entry, details)
        for entry, details in zip(standing.approvals, said, strict=True)
    )


def _newest_promotion(session: Session, version: str) -> str | None:
    """Return what was signed at a model's newest promotion, whatever became of it."""
    return session.scalars(
        select(schema.Promotion.content)
        .where(schema.Promotion.version == version)
        .order_by(schema.Promotion.id.desc())
    ).first()


def _read_promotion(row: schema.Promotion) -> PromotionRecord:
    plain = json.loads(row.content)
    return PromotionRecord(
        fingerprint=ModelFingerprint(**plain["fingerprint"]),
        votes=tuple(_read_vote(vote) for vote in plain["votes"]),
        signature=row.signature,
    )


def _read_vote(plain: Mapping[str, Any]) -> Vote:
    read = {**plain, "at": datetime.fromisoformat(plain["at"])}
    if "waived_until" in plain:
        read["waived_until"] = date.fromisoformat(plain["waived_until"])
    return Vote(**read)
