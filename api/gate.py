"""The gate before scoring: what is signed, what was approved, and whether it still is that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from api.home import FORMER_MODELS, Home
from api.scope import check_legal, scope_of
from audits.report.writing import FINDINGS, report_hash
from features.errors import RebondError
from features.protocol import Protocol
from features.store import EmptyStore
from modeles.table import ModelTable, read_table
from revue import accounts, assessments, committee, schema
from revue.assessments import Assessment, Signs
from revue.committee import AuditOutdated
from revue.promotion import NotPromoted, approved_record, check_promotion, check_same
from revue.records import Actor, ModelFingerprint, ModelState, Stop
from revue.signing import Signer
from revue.stops import stop_of

MEASURES = "measures.json"
"""Beside each table: how it and everything it was compared with did."""


class OwnSignatureMissing(RebondError):
    """A production home takes a signature with the member's own key only."""


class NotAVersion(RebondError):
    """Versions are numbers; anything else could name a path."""


class BareAlias(NotAVersion):
    """An alias of the registry proves nothing."""


class OtherVersion(RebondError):
    """A signed table lies in another version's place."""


class NotPromotable(RebondError):
    """The model does not beat every naive rule, so nobody votes on it."""


class FormerKeys(RebondError):
    """The model was trained under pseudonyms that are no more."""


class OtherProtocol(RebondError):
    """The model belongs to another protocol than the one imported last."""


def load_table(home: Home, version: str) -> ModelTable:
    """Read one model's signed table.

    Raises
    ------
    BareAlias, NotAVersion
        Something else than a version.
    modeles.table.UnreadableTable, features.keys.ForgedSignature, OtherVersion
        No such model, or a table that was changed or put in another's place.
    """
    if "@" in version:
        raise BareAlias(
            f"{version!r} is an alias, which anyone with access to the registry can move: only the "
            "committee's signed record promotes; give a version, like 1."
        )
    if not version.isdecimal():
        raise NotAVersion(f"{version!r} is not a version: versions are numbers, like 1.")
    table = read_table(home.model_folder(version) / "table.json", home.keys.verify)
    if table.version != version:
        raise OtherVersion(
            f"the folder of model {version} holds the table of model {table.version}: put the "
            "right file back."
        )
    return table


def fingerprint(home: Home, table: ModelTable) -> ModelFingerprint:
    """Hash what would be used now: table, protocol, data, audit and report, as they lie there."""
    reports = home.report_folder(table.version)
    return ModelFingerprint(
        version=table.version,
        table=table.hash,
        protocol=table.hashes["protocol"],
        data=table.hashes["data"],
        audit=file_hash(reports / FINDINGS),
        report=report_hash(reports),
    )


def approved_table(home: Home, session: Session) -> ModelTable:
    """Read the table that scoring may use: the one promotion in force, and what it is about.

    The registry is not asked: an alias there is a convenience.

    Raises
    ------
    revue.promotion.NotPromoted, revue.promotion.PromotionMismatch
        No two approvals that the journal holds, or something was swapped since.
    revue.promotion.WaiverExpired
        What the audit could not assess is not waived any more.
    revue.committee.AuditOutdated
        The approved audit is about another table.
    OtherProtocol
        Another protocol was imported since.
    """
    promotion = approved_record(session)
    if promotion is None:
        models = committee.models(session, today=home.today())
        stopped = [model.version for model in models if model.state is ModelState.SUSPENDED]
        if not stopped:
            raise NotPromoted("no model is approved: two committee members have to approve one.")
        if stop_of(session, stopped[0]) is Stop.UNVERIFIED:
            raise NotPromoted(
                "the journal does not verify, so nobody can tell who stopped which model: nothing "
                "is scored until the data protection officer has looked into it, with "
                "`rebond journal verify`."
            )
        raise NotPromoted(
            f"model {stopped[0]} is suspended: nothing is scored until the committee resumes it."
        )
    table = load_table(home, promotion.fingerprint.version)
    check_promotion(
        session, promotion, home.keys.verify, fingerprint(home, table), today=home.today()
    )
    check_audit(home, table)
    check_protocol(table, home.store.protocol())
    return table


def approve(
    home: Home,
    session: Session,
    actor: Actor,
    *,
    version: str,
    reason: str,
    waive: bool,
    waive_days: int | None = None,
    signer: Signer | None = None,
) -> ModelState:
    """Cast one member's approval of what was registered and audited, if that lies there now.

    Parameters
    ----------
    home, session, actor, version, reason
        Who approves what, and why.
    waive
        Accept that some of it could not be assessed.
    waive_days
        For how many days; None for as many as the settings allow.
    signer
        The member's signing key, which a production home asks for.

    Raises
    ------
    revue.promotion.PromotionMismatch, revue.committee.AuditOutdated
        A file was changed or swapped, or the audit is about another table.
    features.errors.RebondError
        Everything that :func:`revue.committee.approve` refuses.
    """
    about = committee.fingerprint_to_vote_on(session, version)
    table = load_table(home, version)
    check_audit(home, table)
    check_same(about, fingerprint(home, table))
    most_days = home.settings.waiver_days
    return committee.approve(
        session,
        actor,
        version=version,
        reason=reason,
        waive_days=(waive_days or most_days) if waive else None,
        most_days=most_days,
        today=home.today(),
        now=home.now(),
        signer=signer,
    )


def check_audit(home: Home, table: ModelTable) -> None:
    """Refuse an audit that speaks about another table than this one.

    Raises
    ------
    revue.committee.AuditOutdated
        It does.
    """
    path = home.report_folder(table.version) / "audit.json"
    if not path.is_file():
        return  # never audited, or taken away: the committee's own rules see to that
    try:
        audited = json.loads(path.read_text(encoding="utf-8"))["context"]["model_hash"]
    except (KeyError, TypeError, ValueError):
        audited = None
    if audited != table.hash:
        raise AuditOutdated(
            f"the audit in the place of model {table.version} is not about its table "
            f"{table.hash[:12]}…: run `rebond audit {table.version}`."
        )


def check_promotable(home: Home, version: str) -> None:
    """Refuse a version that its own training found not promotable.

    Raises
    ------
    NotPromotable
        It does not beat every naive rule.
    modeles.table.UnreadableTable
        There is no such version.
    """
    load_table(home, version)
    measured = json.loads((home.model_folder(version) / MEASURES).read_text(encoding="utf-8"))
    own = next(line for line in measured if line["version"] == version)
    if not own["promotable"]:
        raise NotPromotable(f"model {version} may not be promoted: it {own['why_not']}.")


def check_assessment(home: Home) -> None:
    """Refuse to train or score in production without a signature over what is in use (S10).

    Raises
    ------
    revue.assessments.AssessmentMissing
        None is signed, or not by a member's own key; something changed since, which the
        message names; or it was signed too long ago.
    api.scope.LegalBasisMissing
        The protocol in use names nobody who answers for it, or no basis (S34).
    """
    if not home.settings.production:
        return
    if home.store.extracted_on is not None:
        check_legal(home.store.protocol())
    with home.transaction() as session:
        _held_assessment(home, session)


def sign_assessment(home: Home, login: str, own: Signs | None) -> AssessmentState:
    """Sign the assessment of what is in use now.

    Parameters
    ----------
    home
        The home.
    login
        A member of the committee, or the data protection officer.
    own
        Their own key, unlocked; needed in production.

    Raises
    ------
    revue.permissions.Forbidden, revue.accounts.NoSuchUser
        Not somebody who signs assessments.
    api.scope.LegalBasisMissing, OwnSignatureMissing
        In production: nothing that could be signed, or no key to sign with.
    """
    if home.settings.production:
        check_legal(home.store.protocol())
        if own is None:
            raise OwnSignatureMissing(
                f"in production {login} signs with their own key: run `rebond dpia sign --by "
                f"{login}`, which asks for the password."
            )
    with home.transaction() as session:
        actor = accounts.actor_for(session, login)
        assessments.sign(session, actor, scope=scope_of(home), own=own, now=home.now())
        return assessment_state(home, session)


@dataclass(frozen=True)
class AssessmentState:
    """Whether an impact assessment is signed, for pages: nothing is refused here.

    ``over`` names what it is about, ``until`` is its last day. Where it does not hold,
    ``problem`` is what training and scoring would be refused with.
    """

    by: str | None = None
    at: datetime | None = None
    until: date | None = None
    over: tuple[str, ...] = ()
    problem: RebondError | None = None


def assessment_state(home: Home, session: Session) -> AssessmentState:
    """Say whether an impact assessment of what is in use is signed, by whom and when."""
    try:
        signed = _held_assessment(home, session, whole_journal=False)
    except (assessments.AssessmentMissing, EmptyStore) as error:
        return AssessmentState(problem=error)
    until = signed.at.date() + timedelta(days=home.settings.assessment_days)
    return AssessmentState(signed.by, signed.at, until, tuple(signed.scope))


def _held_assessment(home: Home, session: Session, *, whole_journal: bool = True) -> Assessment:
    signed = assessments.newest(
        session,
        home.keys.verify,
        own_key=home.settings.production,
        whole_journal=whole_journal,
    )
    return assessments.check_holds(
        signed,
        {} if signed is None else scope_of(home),
        days=home.settings.assessment_days,
        today=home.today(),
    )


def check_same_folds(home: Home, version: str) -> None:
    """Refuse to measure a model whose households fell into other folds when it was trained.

    A household is judged by a fit that has not seen it, which its pseudonym tells; under the
    keys of another epoch that would be another fit.

    Raises
    ------
    FormerKeys
        The keys were rotated since.
    """
    with home.reading() as session:
        former = session.get(schema.Mark, FORMER_MODELS)
        last = 0 if former is None else former.value
    if int(version) <= last:
        raise FormerKeys(
            f"model {version} was trained before the keys were rotated, so it cannot be measured "
            "again on households it has not seen: train again. What was approved goes on."
        )


def check_protocol(table: ModelTable, protocol: Protocol) -> None:
    """Refuse a table whose protocol is not the one imported last."""
    if table.hashes["protocol"] != protocol.hash:
        raise OtherProtocol(
            f"model {table.version} was trained under another protocol than {protocol.name!r} as "
            "imported last: train again."
        )


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file; of nothing, where it is missing."""
    content = path.read_bytes() if path.is_file() else b""
    return hashlib.sha256(content).hexdigest()
