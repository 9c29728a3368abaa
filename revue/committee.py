"""The ethics committee: two named members stand behind every model that scores (S31).

Votes are about hashes: of the table, the protocol, the data, the audit and the report. A
new audit with other hashes makes earlier votes void. The second approval writes a signed
promotion record; scoring holds it against what is there then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.keys import ForgedSignature
from revue import schema
from revue.journal import record
from revue.permissions import Permission, account_of, check_allowed
from revue.reasons import check_reason
from revue.records import (
    Actor,
    ModelFingerprint,
    ModelRow,
    ModelState,
    PromotionRecord,
    Vote,
)
from revue.schema import Verdict, VoteAct

MEMBERS_NEEDED = 2

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
void, but its signals are still out. A resumed model whose audit changed meanwhile is proposed
again.
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


class CannotApproveFailedAudit(RebondError):
    """The audit failed; nobody can approve the model."""


class WaiverMissing(RebondError):
    """What could not be assessed was not waived by this member."""


class AlreadyVoted(RebondError):
    """The second approval has to be another member's."""


class NotPromoted(RebondError):
    """Two members have not approved this."""


class PromotionMismatch(RebondError):
    """What was approved is not what is there now."""


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
    record(session, actor=by, act="register_model", subject=version, details=details, now=now)


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
    if known is not None and (known.verdict, known.audit_hash, known.report_hash) == (
        verdict,
        audit_hash,
        report_hash,
    ):
        return
    session.add(
        schema.ModelAudit(
            version=version,
            verdict=Verdict(verdict),
            audit_hash=audit_hash,
            report_hash=report_hash,
            at=now,
        )
    )
    if found.state is not ModelState.SUSPENDED:
        found.state = ModelState.PROPOSED
    details = {"verdict": verdict, "audit": audit_hash, "report": report_hash}
    record(session, actor=by, act="record_audit", subject=version, details=details, now=now)


def audited_hashes(session: Session, version: str) -> AuditHashes | None:
    """Return the hashes of a model's newest audit, or None before the first."""
    newest = _newest_audit(session, version)
    return None if newest is None else AuditHashes(newest.audit_hash, newest.report_hash)


def approve(
    session: Session, actor: Actor, *, version: str, reason: str, waive: bool, now: datetime
) -> ModelState:
    """Approve a model; the second member's approval promotes it.

    Parameters
    ----------
    session
        In the caller's transaction.
    actor
        A member of the committee.
    version, reason
        What, and why.
    waive
        Accept that some of it could not be assessed.
    now
        Aware time.

    Raises
    ------
    Forbidden, NoSuchModel, ReasonMissing
    VoteOutOfOrder, AuditMissing, CannotApproveFailedAudit, WaiverMissing, AlreadyVoted
    """
    found, after = _ballot(session, actor, version, VoteAct.APPROVE)
    audit = _newest_audit(session, version)
    if audit is None:
        raise AuditMissing(f"model {version!r} was not audited: run `rebond audit {version}`.")
    if audit.verdict is Verdict.FAIL:
        raise CannotApproveFailedAudit(
            f"the audit of model {version!r} failed; train another model or audit again."
        )
    if audit.verdict is Verdict.CANNOT_ASSESS and not waive:
        raise WaiverMissing(
            f"the audit of model {version!r} could not assess everything; "
            "each of the two members has to waive that explicitly."
        )
    if account_of(actor) in {vote.user_id for vote in _approvals(session, version, audit)}:
        raise AlreadyVoted(f"{actor.login} has approved model {version!r}; another member has to.")
    _cast(session, actor, found, VoteAct.APPROVE, reason, after, waived=waive, now=now)
    if after is ModelState.APPROVED:
        _promote(session, found, audit, now)
    return after


def reject(
    session: Session, actor: Actor, *, version: str, reason: str, now: datetime
) -> ModelState:
    """Reject a model; one member is enough.

    Raises
    ------
    Forbidden, NoSuchModel, VoteOutOfOrder, ReasonMissing
    """
    found, after = _ballot(session, actor, version, VoteAct.REJECT)
    return _cast(session, actor, found, VoteAct.REJECT, reason, after, now=now)


def suspend(
    session: Session, actor: Actor, *, version: str, reason: str, now: datetime
) -> ModelState:
    """Stop a model: its signals freeze with this transaction (S28); one member is enough.

    Raises
    ------
    Forbidden, NoSuchModel, VoteOutOfOrder, ReasonMissing
    """
    found, after = _ballot(session, actor, version, VoteAct.SUSPEND)
    return _cast(session, actor, found, VoteAct.SUSPEND, reason, after, now=now)


def resume(
    session: Session, actor: Actor, *, version: str, reason: str, now: datetime
) -> ModelState:
    """Lift a suspension; a model audited anew meanwhile is proposed, not approved.

    Raises
    ------
    Forbidden, NoSuchModel, VoteOutOfOrder, ReasonMissing
    """
    found, after = _ballot(session, actor, version, VoteAct.RESUME)
    if len(_approvals(session, version, _newest_audit(session, version))) < MEMBERS_NEEDED:
        after = ModelState.PROPOSED
    return _cast(session, actor, found, VoteAct.RESUME, reason, after, now=now)


def models(session: Session) -> tuple[ModelRow, ...]:
    """Return every model, newest first."""
    newest_first = select(schema.Model).order_by(
        schema.Model.registered_at.desc(), schema.Model.version
    )
    return tuple(_row(session, found) for found in session.scalars(newest_first))


def model(session: Session, version: str) -> ModelRow:
    """Return one model.

    Raises
    ------
    NoSuchModel
        No model has this version.
    """
    return _row(session, _find(session, version))


def approved_record(session: Session, version: str | None = None) -> PromotionRecord | None:
    """Return the newest promotion of a model that is approved now, or of ``version``."""
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
    promotion: PromotionRecord | None,
    verify: Callable[[bytes, str], None],
    fingerprint_now: ModelFingerprint,
) -> None:
    """Hold a promotion against what would be used now.

    Parameters
    ----------
    promotion
        What :func:`approved_record` returned.
    verify
        Checks a signature: the home's ``Keyring.verify``.
    fingerprint_now
        Hashes of the table, protocol, data, audit and report as they are read now.

    Raises
    ------
    NotPromoted
        No record, not signed by this home, or not two members' approvals.
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
    approving = {vote.by for vote in promotion.votes if vote.act == VoteAct.APPROVE}
    if len(approving) < MEMBERS_NEEDED:
        raise NotPromoted("the promotion record does not hold two members' approvals.")
    approved, now = asdict(promotion.fingerprint), asdict(fingerprint_now)
    differing = [name for name, value in approved.items() if value != now[name]]
    if differing:
        raise PromotionMismatch(
            f"what was approved is not what is there now: {', '.join(differing)} "
            f"{'differs' if len(differing) == 1 else 'differ'}; restore it or vote again."
        )


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


def _approvals(
    session: Session, version: str, audit: schema.ModelAudit | None
) -> list[schema.ModelVote]:
    return [vote for vote in _votes(session, version, audit) if vote.act is VoteAct.APPROVE]


def _ballot(
    session: Session, actor: Actor, version: str, act: VoteAct
) -> tuple[schema.Model, ModelState]:
    """Check that this actor may cast this vote now, and return where it would lead."""
    check_allowed(actor, Permission.VOTE)
    found = _find(session, version)
    after = TRANSITIONS[found.state].get(act)
    if after is None:
        raise VoteOutOfOrder(
            f"{act.value!r} is not possible while model {version!r} is {found.state.value!r}."
        )
    return found, after


def _cast(
    session: Session,
    actor: Actor,
    found: schema.Model,
    act: VoteAct,
    reason: str,
    after: ModelState,
    *,
    waived: bool = False,
    now: datetime,
) -> ModelState:
    said = check_reason(reason)
    audit = _newest_audit(session, found.version)
    session.add(
        schema.ModelVote(
            version=found.version,
            audit_id=None if audit is None else audit.id,
            user_id=account_of(actor),
            act=act,
            reason=said,
            waived=waived,
            at=now,
        )
    )
    found.state = after
    details = {"reason": said, "waived": waived}
    record(session, actor=actor, act=act.value, subject=found.version, details=details, now=now)
    return after


def _promote(
    session: Session, found: schema.Model, audit: schema.ModelAudit, now: datetime
) -> None:
    fingerprint = ModelFingerprint(
        version=found.version,
        table=found.table_hash,
        protocol=found.protocol_hash,
        data=found.data_hash,
        audit=audit.audit_hash,
        report=audit.report_hash,
    )
    votes = tuple(_vote(session, vote) for vote in _approvals(session, found.version, audit))
    content = PromotionRecord(fingerprint, votes, signature="").content
    sign: Callable[[bytes], str] = session.info["sign"]
    session.add(
        schema.Promotion(
            version=found.version, content=content, signature=sign(content.encode()), at=now
        )
    )
    session.flush()


def _read_promotion(row: schema.Promotion) -> PromotionRecord:
    plain = json.loads(row.content)
    return PromotionRecord(
        fingerprint=ModelFingerprint(**plain["fingerprint"]),
        votes=tuple(
            Vote(**{**vote, "at": datetime.fromisoformat(vote["at"])}) for vote in plain["votes"]
        ),
        signature=row.signature,
    )


def _vote(session: Session, vote: schema.ModelVote) -> Vote:
    member = session.get_one(schema.User, vote.user_id)
    return Vote(vote.act.value, member.login, vote.reason, vote.waived, vote.at)


def _row(session: Session, found: schema.Model) -> ModelRow:
    audit = _newest_audit(session, found.version)
    return ModelRow(
        version=found.version,
        family=found.family,
        state=found.state,
        verdict=None if audit is None else audit.verdict.value,
        chosen=found.chosen,
        registered_at=found.registered_at,
        votes=tuple(_vote(session, vote) for vote in _votes(session, found.version, audit)),
    )
