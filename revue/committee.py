"""The ethics committee: two named members stand behind every model that scores (S31).

Votes are about hashes: of the table, the protocol, the data, the audit and the report. A
new audit with other hashes makes earlier votes void. The second approval writes a signed
promotion record, and the journal's entry of that approval commits to it.

What was audited and approved is held against the journal wherever it counts
(:mod:`revue.promotion`).

What an audit could not assess is waived by both members until a day each of them signs. When
the first of the two days is past, neither approval counts any more: nothing is scored, and
the next approval puts the same audit before the committee again, as if nobody had voted.

In production each vote carries the member's own signature, over the act, its reason and
what it is about; without one it counts for nothing (:mod:`revue.signing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema, stops
from revue.journal import acts, record
from revue.permissions import Permission, account_of, check_allowed
from revue.promotion import (
    MEMBERS_NEEDED,
    REGISTERED,
    Replayed,
    VoteUnsigned,
    audit_details,
    ballot_paper,
    check_journaled,
    check_signatures,
    is_audit_journaled,
    replay,
    vote_details,
)
from revue.reasons import check_reason
from revue.records import Actor, ModelFingerprint, ModelRow, ModelState, PromotionRecord, Vote
from revue.schema import Verdict, VoteAct
from revue.signing import Signer, check_own
from revue.stops import AUDIT, VOTES_UNSIGNED, VOTES_WITHDRAWN, WAIVER_ENDED, stop_of

TRANSITIONS: dict[ModelState, dict[VoteAct, ModelState]] = {
    ModelState.PROPOSED: {
        VoteAct.APPROVE: ModelState.ONE_APPROVAL,
        VoteAct.REJECT: ModelState.REJECTED,
        VoteAct.SUSPEND: ModelState.SUSPENDED,
    },
    ModelState.ONE_APPROVAL: {
        VoteAct.APPROVE: ModelState.APPROVED,
        VoteAct.REJECT: ModelState.REJECTED,
        VoteAct.SUSPEND: ModelState.SUSPENDED,
    },
    ModelState.APPROVED: {VoteAct.SUSPEND: ModelState.SUSPENDED},
    ModelState.SUSPENDED: {VoteAct.RESUME: ModelState.APPROVED},
    ModelState.REJECTED: {},
}
"""What a vote does.

The stop is open to one member at any time: a new audit makes the votes of an approved model
void, but its signals are still out. How far an approval or a resumption really leads is
counted: a resumed model whose audit changed meanwhile is proposed again.
"""


@dataclass(frozen=True)
class AuditHashes:
    """SHA-256 (hex) of an audit's findings and of its report, as they were recorded."""

    findings: str
    report: str


class NoSuchModel(RebondError):
    """No model has this version."""


class ModelExists(RebondError):
    """A version is registered once."""


class UnknownVerdict(RebondError):
    """Not a verdict of an audit."""


class VoteOutOfOrder(RebondError):
    """The model's state does not allow this vote."""


class AuditMissing(RebondError):
    """The model was not audited."""


class AuditOutdated(RebondError):
    """The audit is not about this model as it was registered."""


class CannotApproveFailedAudit(RebondError):
    """The audit failed; nobody can approve the model."""


class WaiverMissing(RebondError):
    """What could not be assessed was not waived by this member."""


class WaiverTooLong(RebondError):
    """A waiver may not last that long, or not even a day."""


class AlreadyVoted(RebondError):
    """The second approval has to be another member's."""


def register_model(
    session: Session,
    *,
    version: str,
    family: str,
    table_hash: str,
    protocol_hash: str,
    data_hash: str,
    chosen: bool,
    by: Actor,
    now: datetime,
) -> None:
    """Bring a trained model before the committee.

    Raises
    ------
    ModelExists
        The version is registered.
    """
    check_allowed(by, Permission.REGISTER_MODEL)
    if session.get(schema.Model, version) is not None:
        raise ModelExists(f"model {version!r} is registered already; versions are never reused.")
    session.add(
        schema.Model(
            version=version,
            family=family,
            table_hash=table_hash,
            protocol_hash=protocol_hash,
            data_hash=data_hash,
            chosen=chosen,
            state=ModelState.PROPOSED,
            registered_at=now,
        )
    )
    details = {"table": table_hash, "protocol": protocol_hash, "data": data_hash}
    record(session, actor=by, act=REGISTERED, subject=version, details=details, now=now)


def record_audit(
    session: Session,
    *,
    version: str,
    verdict: str,
    audit_hash: str,
    report_hash: str,
    by: Actor,
    now: datetime,
) -> None:
    """Attach an audit to a model; other hashes than before make its votes void.

    A suspended model stays suspended: no audit lifts the committee's stop.

    Raises
    ------
    NoSuchModel, UnknownVerdict
    """
    check_allowed(by, Permission.RECORD_AUDIT)
    found = _find(session, version)
    if verdict not in set(Verdict):
        raise UnknownVerdict(f"{verdict!r} is not a verdict; expected {', '.join(Verdict)}.")
    known = _newest_audit(session, version)
    if (
        known is not None
        and (known.verdict, known.audit_hash, known.report_hash)
        == (verdict, audit_hash, report_hash)
        # What expired with its month of the journal is put before the committee again.
        and is_audit_journaled(session, known)
    ):
        return
    audit = schema.ModelAudit(
        version=version,
        verdict=Verdict(verdict),
        audit_hash=audit_hash,
        report_hash=report_hash,
        at=now,
    )
    session.add(audit)
    if found.state is not ModelState.SUSPENDED:
        found.state = ModelState.PROPOSED
    details = audit_details(audit)
    record(session, actor=by, act=AUDIT, subject=version, details=details, now=now)


def fingerprint_to_vote_on(session: Session, version: str) -> ModelFingerprint:
    """Return what a vote would be about now, as it was registered and audited.

    Raises
    ------
    NoSuchModel, AuditMissing
    """
    return _fingerprint(_find(session, version), _audit_to_vote_on(session, version))


def audited_hashes(session: Session, version: str) -> AuditHashes | None:
    """Return the hashes of a model's newest audit, or None before the first."""
    newest = _newest_audit(session, version)
    return None if newest is None else AuditHashes(newest.audit_hash, newest.report_hash)


def approve(
    session: Session,
    actor: Actor,
    *,
    version: str,
    reason: str,
    waive_days: int | None,
    most_days: int,
    today: date,
    now: datetime,
    signer: Signer | None = None,
) -> ModelState:
    """Approve a model; the second member's approval promotes it.

    Approvals whose waiver has ended count no more: this one is then the first again. So do,
    in production, approvals that nobody signed.

    Parameters
    ----------
    session
        In the caller's transaction.
    actor
        A member of the committee.
    version, reason
        What, and why.
    waive_days
        Accept for so many days after today that some of it could not be assessed; None: do
        not. Where the audit could assess everything there is nothing to waive.
    most_days
        The longest waiver that the settings allow.
    today
        The day of the home.
    now
        Aware time.
    signer
        The member's signing key, which their password unlocked; None outside of production.

    Raises
    ------
    Forbidden, NoSuchModel, ReasonMissing
    VoteOutOfOrder, AuditMissing, AuditOutdated, CannotApproveFailedAudit
    WaiverMissing, WaiverTooLong
    AlreadyVoted
    NotInJournal
        The audit or a vote in the database is not one that the journal holds.
    VoteUnsigned
        The signature under this vote or an earlier one is missing, or not its member's.
    """
    found, _ = _ballot(session, actor, version, VoteAct.APPROVE, today)
    audit = _audit_to_vote_on(session, version)
    if audit.at < found.registered_at:
        raise AuditOutdated(
            f"the audit of model {version!r} is older than the model: run `rebond audit {version}`."
        )
    if audit.verdict is Verdict.FAIL:
        raise CannotApproveFailedAudit(
            f"the audit of model {version!r} failed; train another model or audit again."
        )
    waived_until = (
        _waiver_end(version, waive_days, most_days, today)
        if audit.verdict is Verdict.CANNOT_ASSESS
        else None
    )
    own = Vote(
        act=VoteAct.APPROVE.value,
        by=actor.login,
        reason=check_reason(reason),
        waived=waived_until is not None,
        at=schema.utc(now),
        waived_until=waived_until,
    )
    about = _fingerprint(found, audit)
    earlier = _approvals(session, version)
    void = _why_void(session, earlier, today)
    standing = check_journaled(session, audit, earlier, void=void is not None)
    check_signatures(session, about, standing, earlier)
    if void is not None:
        _put_again(session, actor, audit, void, now)
        earlier = []
    if actor.login.casefold() in {vote.by.casefold() for vote in earlier}:
        raise AlreadyVoted(f"{actor.login} has approved model {version!r}; another member has to.")
    own = _signed(session, signer, about, own)
    after = _by_approvals(len(earlier) + 1)
    promotion = (
        _promote(session, about, (*earlier, own), now) if after is ModelState.APPROVED else None
    )
    return _cast(session, actor, found, own, after, promotion)


def reject(
    session: Session,
    actor: Actor,
    *,
    version: str,
    reason: str,
    today: date,
    now: datetime,
    signer: Signer | None = None,
) -> ModelState:
    """Reject a model; one member is enough.

    Raises
    ------
    Forbidden, NoSuchModel, VoteOutOfOrder, ReasonMissing, VoteUnsigned
    """
    found, after = _ballot(session, actor, version, VoteAct.REJECT, today)
    own = _plain_vote(session, signer, found, VoteAct.REJECT, actor, reason, now)
    return _cast(session, actor, found, own, after)


def suspend(
    session: Session,
    actor: Actor,
    *,
    version: str,
    reason: str,
    today: date,
    now: datetime,
    signer: Signer | None = None,
) -> ModelState:
    """Stop a model: its signals freeze with this transaction (S28); one member is enough.

    Raises
    ------
    Forbidden, NoSuchModel, VoteOutOfOrder, ReasonMissing, VoteUnsigned
    """
    found, after = _ballot(session, actor, version, VoteAct.SUSPEND, today)
    own = _plain_vote(session, signer, found, VoteAct.SUSPEND, actor, reason, now)
    return _cast(session, actor, found, own, after)


def resume(
    session: Session,
    actor: Actor,
    *,
    version: str,
    reason: str,
    today: date,
    now: datetime,
    signer: Signer | None = None,
) -> ModelState:
    """Lift a suspension.

    A model that was audited anew meanwhile, or whose waiver ended, is proposed, not approved.

    Raises
    ------
    Forbidden, NoSuchModel, VoteOutOfOrder, ReasonMissing, VoteUnsigned
    """
    found, _ = _ballot(session, actor, version, VoteAct.RESUME, today)
    given = _approvals(session, version)
    void = _why_void(session, given, today) is not None
    after = _by_approvals(0 if void else len(given))
    own = _plain_vote(session, signer, found, VoteAct.RESUME, actor, reason, now)
    return _cast(session, actor, found, own, after)


def carry_over(
    session: Session, replaced: Session | None, *, by: Actor, now: datetime
) -> tuple[str, ...]:
    """Let no model go on in a restored database that the replaced one did not let go on (S28).

    What the journal of the replaced database stopped or rejects, and what it does not know, is
    stopped; of what it put before the committee again, the earlier votes are void. Where there
    is no such database nobody can tell, and every model is stopped. One member's vote resumes it.

    Parameters
    ----------
    session
        On the restored database, in the caller's transaction.
    replaced
        On the database whose place it takes; None: there is none.
    by, now
        Who restores, and when.

    Returns
    -------
    tuple of str
        The versions that are held back by this.
    """
    withdrawn = frozenset() if replaced is None else _withdrawn(replaced)
    replayed, held_back = replay(session), set()
    for found in session.scalars(select(schema.Model).order_by(schema.Model.version)).all():
        version = found.version
        own = replayed.get(version, Replayed())
        audit = _newest_audit(session, version)
        if audit is not None and not withdrawn.isdisjoint(entry.leaf for entry in own.approvals):
            _put_again(session, by, audit, VOTES_WITHDRAWN, now)
            if found.state is not ModelState.SUSPENDED:
                found.state = ModelState.PROPOSED
            held_back.add(version)
        stopped = replaced is None or stop_of(replaced, version) is not None
        if stopped and stop_of(session, version) is None:
            found.state = ModelState.SUSPENDED
            record(session, actor=by, act=stops.CARRIED, subject=version, now=now)
            held_back.add(version)
    return tuple(sorted(held_back))


def _withdrawn(session: Session) -> frozenset[str]:
    """Return the approvals that the journal holds and that count no more, by their leaf."""
    given = {entry.leaf for entry in acts(session, {VoteAct.APPROVE})}
    standing = {entry.leaf for one in replay(session).values() for entry in one.approvals}
    return frozenset(given - standing)


def models(session: Session, *, today: date) -> tuple[ModelRow, ...]:
    """Return every model as it stands today, newest first."""
    newest_first = select(schema.Model).order_by(
        schema.Model.registered_at.desc(), schema.Model.version
    )
    return tuple(_row(session, found, today) for found in session.scalars(newest_first))


def model(session: Session, version: str, *, today: date) -> ModelRow:
    """Return one model as it stands today.

    Raises
    ------
    NoSuchModel
        No model has this version.
    """
    return _row(session, _find(session, version), today)


def _signed(session: Session, signer: Signer | None, about: ModelFingerprint, vote: Vote) -> Vote:
    """Put the member's own signature under a vote; in production none goes without."""
    if signer is None and not session.info["members_sign"]:
        return vote
    if signer is None or signer.login != vote.by:
        raise VoteUnsigned(
            f"the vote of {vote.by} needs a signature of their own: unlock their signing key with "
            "their password."
        )
    check_own(session, signer)
    return replace(vote, signature=signer.sign(ballot_paper(about, vote)))


def _find(session: Session, version: str) -> schema.Model:
    found = session.get(schema.Model, version)
    if found is None:
        raise NoSuchModel(f"no model has the version {version!r}; see `rebond train`.")
    return found


def _newest_audit(session: Session, version: str) -> schema.ModelAudit | None:
    return session.scalars(
        select(schema.ModelAudit)
        .where(schema.ModelAudit.version == version)
        .order_by(schema.ModelAudit.id.desc())
    ).first()


def _audit_to_vote_on(session: Session, version: str) -> schema.ModelAudit:
    audit = _newest_audit(session, version)
    if audit is None:
        raise AuditMissing(f"model {version!r} was not audited: run `rebond audit {version}`.")
    return audit


def _votes(
    session: Session, version: str, audit: schema.ModelAudit | None
) -> list[schema.ModelVote]:
    """Return the votes about the audit that is newest now, in order."""
    return list(
        session.scalars(
            select(schema.ModelVote)
            .where(schema.ModelVote.version == version)
            .where(schema.ModelVote.audit_id == (None if audit is None else audit.id))
            .order_by(schema.ModelVote.id)
        )
    )


def _approvals(session: Session, version: str) -> list[Vote]:
    """Return the approvals of the audit that is newest now, in order."""
    votes = _votes(session, version, _newest_audit(session, version))
    return [_vote(session, vote) for vote in votes if vote.act is VoteAct.APPROVE]


def _has_ended(approvals: Sequence[Vote], today: date) -> bool:
    """Say whether one of the waivers is past: then none of the approvals counts any more."""
    return any(vote.has_ended(today) for vote in approvals)


def _why_void(session: Session, approvals: Sequence[Vote], today: date) -> str | None:
    """Return the act that puts a model again whose approvals count no more; None if they do."""
    if _has_ended(approvals, today):
        return WAIVER_ENDED
    if session.info["members_sign"] and any(vote.signature is None for vote in approvals):
        return VOTES_UNSIGNED
    return None


def _waiver_end(version: str, days: int | None, most_days: int, today: date) -> date:
    """Return the last day of a waiver given today."""
    if days is None:
        raise WaiverMissing(
            f"the audit of model {version!r} could not assess everything; "
            "each of the two members has to waive that explicitly."
        )
    if not 1 <= days <= most_days:
        raise WaiverTooLong(
            f"a waiver of {days} days is not possible: give 1 to {most_days} days, the most that "
            "waiver_days in the settings allows."
        )
    return today + timedelta(days=days)


def _put_again(
    session: Session, actor: Actor, audit: schema.ModelAudit, why: str, now: datetime
) -> None:
    """Put the same audit before the committee again: what was voted on it is void."""
    again = schema.ModelAudit(
        version=audit.version,
        verdict=audit.verdict,
        audit_hash=audit.audit_hash,
        report_hash=audit.report_hash,
        at=now,
    )
    session.add(again)
    details = audit_details(again)
    record(session, actor=actor, act=why, subject=audit.version, details=details, now=now)


def _state(session: Session, found: schema.Model, today: date) -> ModelState:
    """Return where a model stands today: votes that count no more lead nowhere."""
    if found.state not in {ModelState.ONE_APPROVAL, ModelState.APPROVED}:
        return found.state
    void = _why_void(session, _approvals(session, found.version), today) is not None
    return ModelState.PROPOSED if void else found.state


def _ballot(
    session: Session, actor: Actor, version: str, act: VoteAct, today: date
) -> tuple[schema.Model, ModelState]:
    """Check that this actor may cast this vote now, and return where it would lead."""
    check_allowed(actor, Permission.VOTE)
    found = _find(session, version)
    state = _state(session, found, today)
    after = TRANSITIONS[state].get(act)
    if after is None:
        raise VoteOutOfOrder(
            f"{act.value!r} is not possible while model {version!r} is {state.value!r}."
        )
    return found, after


def _by_approvals(approvals: int) -> ModelState:
    """Return where a model stands that nobody rejected or stopped, whatever its row says."""
    if not approvals:
        return ModelState.PROPOSED
    return ModelState.ONE_APPROVAL if approvals < MEMBERS_NEEDED else ModelState.APPROVED


def _plain_vote(
    session: Session,
    signer: Signer | None,
    found: schema.Model,
    act: VoteAct,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Vote:
    """Make a vote that waives nothing."""
    vote = Vote(act.value, actor.login, check_reason(reason), waived=False, at=schema.utc(now))
    about = _fingerprint(found, _newest_audit(session, found.version))
    return _signed(session, signer, about, vote)


def _cast(
    session: Session,
    actor: Actor,
    found: schema.Model,
    vote: Vote,
    after: ModelState,
    promotion: str | None = None,
) -> ModelState:
    """Write a vote into the table and the journal, and what it leads to."""
    audit = _newest_audit(session, found.version)
    session.add(
        schema.ModelVote(
            version=found.version,
            audit_id=None if audit is None else audit.id,
            user_id=account_of(actor),
            act=VoteAct(vote.act),
            reason=vote.reason,
            waived=vote.waived,
            at=vote.at,
            waived_until=vote.waived_until,
            signature=vote.signature,
        )
    )
    found.state = after
    details = vote_details(vote, promotion)
    record(session, actor=actor, act=vote.act, subject=found.version, details=details, now=vote.at)
    return after


def _promote(
    session: Session, fingerprint: ModelFingerprint, votes: tuple[Vote, ...], now: datetime
) -> str:
    """Sign and keep a promotion; return what was signed."""
    content = PromotionRecord(fingerprint, votes, signature="").content
    sign: Callable[[bytes], str] = session.info["sign"]
    signature = sign(content.encode())
    session.add(
        schema.Promotion(version=fingerprint.version, content=content, signature=signature, at=now)
    )
    return content


def _fingerprint(found: schema.Model, audit: schema.ModelAudit | None) -> ModelFingerprint:
    return ModelFingerprint(
        version=found.version,
        table=found.table_hash,
        protocol=found.protocol_hash,
        data=found.data_hash,
        audit="" if audit is None else audit.audit_hash,
        report="" if audit is None else audit.report_hash,
    )


def _vote(session: Session, vote: schema.ModelVote) -> Vote:
    member = session.get_one(schema.User, vote.user_id)
    return Vote(
        act=vote.act.value,
        by=member.login,
        reason=vote.reason,
        waived=vote.waived,
        at=vote.at,
        waived_until=vote.waived_until,
        signature=vote.signature,
    )


def _row(session: Session, found: schema.Model, today: date) -> ModelRow:
    audit = _newest_audit(session, found.version)
    approvals = _approvals(session, found.version)
    ends = [vote.waiver_end for vote in approvals if vote.waiver_end is not None]
    return ModelRow(
        version=found.version,
        family=found.family,
        state=_state(session, found, today),
        verdict=None if audit is None else audit.verdict.value,
        chosen=found.chosen,
        registered_at=found.registered_at,
        votes=tuple(_vote(session, vote) for vote in _votes(session, found.version, audit)),
        waived_until=min(ends, default=None),
        waiver_ended=_has_ended(approvals, today),
    )
