from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from features.keys import Keyring
from revue import committee, journal, schema
from revue.committee import (
    AlreadyVoted,
    AuditMissing,
    AuditOutdated,
    CannotApproveFailedAudit,
    ModelExists,
    NoSuchModel,
    UnknownVerdict,
    VoteOutOfOrder,
    WaiverMissing,
    WaiverTooLong,
    approve,
    model,
    models,
    record_audit,
    reject,
    resume,
    suspend,
)
from revue.database import create_database, open_database
from revue.permissions import Forbidden
from revue.promotion import (
    NotInJournal,
    NotPromoted,
    PromotionMismatch,
    WaiverExpired,
    approved_record,
    check_promotion,
)
from revue.reasons import ReasonMissing
from revue.records import Actor, ModelFingerprint, ModelState, PromotionRecord, Role, Vote
from revue.schema import Verdict, VoteAct
from tests.revue.builders import (
    CLI,
    NOW,
    TODAY,
    VERSION,
    educator,
    member,
    model_in_state,
    strangers_keys,
    user,
)
from tests.revue.conftest import Refused

WAIVER_DAYS = 180
PROPOSED, ONE, APPROVED = ModelState.PROPOSED, ModelState.ONE_APPROVAL, ModelState.APPROVED
FINGERPRINT = ModelFingerprint(
    version="m1",
    table="table-m1",
    protocol="protocol",
    data="data",
    audit="audit-m1",
    report="report-m1",
)


def yes(
    session: Session,
    actor: Actor,
    version: str = VERSION,
    *,
    waive: bool | int = False,
    today: date = TODAY,
) -> ModelState:
    """Approve; ``waive`` for so many days, or as long as is allowed."""
    days = WAIVER_DAYS if waive is True else waive or None
    return approve(
        session,
        actor,
        version=version,
        reason="lu",
        waive_days=days,
        most_days=WAIVER_DAYS,
        today=today,
        now=NOW,
    )


def audit(session: Session, version: str = VERSION, **changed: str) -> None:
    said = {
        "verdict": "pass",
        "audit_hash": f"audit-{version}",
        "report_hash": f"report-{version}",
    } | changed
    record_audit(session, version=version, by=CLI, now=NOW, **said)


def promoted(session: Session, version: str = VERSION) -> PromotionRecord:
    model_in_state(session, PROPOSED, version)
    for login in (f"ines-{version}", f"paul-{version}"):
        yes(session, member(session, login), version)
    record = approved_record(session, version)
    assert record is not None
    return record


def test_two_members_promote(session: Session, keys: Keyring) -> None:
    ines, paul = member(session), member(session, "paul")
    model_in_state(session, PROPOSED)
    assert approved_record(session) is None
    assert yes(session, ines) is ONE
    assert approved_record(session) is None
    assert yes(session, paul) is APPROVED
    record = approved_record(session)
    assert record is not None
    assert record.fingerprint == FINGERPRINT
    assert [vote.by for vote in record.votes] == ["ines", "paul"]
    check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)
    row = model(session, VERSION, today=TODAY)
    assert (row.state, row.verdict, len(row.votes)) == (APPROVED, "pass", 2)
    assert models(session, today=TODAY) == (row,)


@pytest.mark.safeguard
def test_s31_one_person_is_not_two(session: Session) -> None:
    ines = member(session)
    model_in_state(session, PROPOSED)
    yes(session, ines)
    with pytest.raises(AlreadyVoted):
        yes(session, ines)
    assert model(session, VERSION, today=TODAY).state is ONE


@pytest.mark.safeguard
@pytest.mark.parametrize("role", [*sorted(set(Role) - {Role.COMMITTEE}), None])
def test_s31_only_members_vote(session: Session, role: Role | None) -> None:
    model_in_state(session, PROPOSED)
    actor = CLI if role is None else user(session, "somebody", role, "nord")
    for act in (reject, suspend, resume):
        with pytest.raises(Forbidden):
            act(session, actor, version=VERSION, reason="x", today=TODAY, now=NOW)
    with pytest.raises(Forbidden):
        yes(session, actor)


@pytest.mark.safeguard
def test_s11_a_failed_audit_cannot_be_approved(session: Session) -> None:
    model_in_state(session, PROPOSED, verdict=Verdict.FAIL)
    with pytest.raises(CannotApproveFailedAudit):
        yes(session, member(session), waive=True)


@pytest.mark.safeguard
def test_s11_what_could_not_be_assessed_both_waive(session: Session) -> None:
    ines, paul = member(session), member(session, "paul")
    model_in_state(session, PROPOSED, verdict=Verdict.CANNOT_ASSESS)
    with pytest.raises(WaiverMissing):
        yes(session, ines)
    yes(session, ines, waive=True)
    with pytest.raises(WaiverMissing):
        yes(session, paul)
    assert approved_record(session) is None
    assert yes(session, paul, waive=True) is APPROVED
    assert [vote.waived for vote in model(session, VERSION, today=TODAY).votes] == [True, True]


def test_no_vote_without_an_audit_or_a_reason(session: Session) -> None:
    ines = member(session)
    committee.register_model(
        session,
        version="bare",
        family="f",
        table_hash="t",
        protocol_hash="p",
        data_hash="d",
        chosen=False,
        by=CLI,
        now=NOW,
    )
    with pytest.raises(AuditMissing):
        yes(session, ines, "bare")
    assert (
        reject(session, ines, version="bare", reason="non", today=TODAY, now=NOW)
        is ModelState.REJECTED
    )
    assert [vote.act for vote in model(session, "bare", today=TODAY).votes] == ["reject"]
    model_in_state(session, PROPOSED)
    with pytest.raises(ReasonMissing):
        approve(
            session,
            ines,
            version=VERSION,
            reason=" ",
            waive_days=None,
            most_days=WAIVER_DAYS,
            today=TODAY,
            now=NOW,
        )
    with pytest.raises(ReasonMissing):
        reject(session, ines, version=VERSION, reason="", today=TODAY, now=NOW)
    assert model(session, VERSION, today=TODAY).votes == ()
    with pytest.raises(NoSuchModel):
        yes(session, ines, "m9")
    with pytest.raises(NoSuchModel):
        model(session, "m9", today=TODAY)
    with pytest.raises(ModelExists):
        model_in_state(session, PROPOSED)
    with pytest.raises(UnknownVerdict):
        audit(session, verdict="fine")


ALLOWED = {
    (PROPOSED, approve): ONE,
    (PROPOSED, reject): ModelState.REJECTED,
    (ONE, approve): ONE,  # made in this state: nobody approved it
    (ONE, reject): ModelState.REJECTED,
    (PROPOSED, suspend): ModelState.SUSPENDED,
    (ONE, suspend): ModelState.SUSPENDED,
    (APPROVED, suspend): ModelState.SUSPENDED,
    (ModelState.SUSPENDED, resume): PROPOSED,  # the same
}


@pytest.mark.parametrize("state", ModelState)
@pytest.mark.parametrize("act", [approve, reject, suspend, resume])
def test_every_vote_in_every_state(session: Session, state: ModelState, act: object) -> None:
    ines = member(session)
    model_in_state(session, state)
    more = {"waive_days": None, "most_days": WAIVER_DAYS} if act is approve else {}

    def cast() -> ModelState:
        return act(session, ines, version=VERSION, reason="x", today=TODAY, now=NOW, **more)  # type: ignore[operator, no-any-return]

    if (state, act) in ALLOWED:
        assert cast() is ALLOWED[state, act]
    else:
        with pytest.raises(VoteOutOfOrder):
            cast()


@pytest.mark.safeguard
@pytest.mark.parametrize("changed", ["verdict", "audit_hash", "report_hash"])
def test_s31_a_new_audit_makes_votes_void(session: Session, changed: str) -> None:
    ines, paul = member(session), member(session, "paul")
    model_in_state(session, PROPOSED)
    yes(session, ines)
    audit(session, **{changed: "cannot_assess"})
    assert model(session, VERSION, today=TODAY).state is PROPOSED
    assert model(session, VERSION, today=TODAY).votes == ()
    assert yes(session, paul, waive=True) is ONE
    audit(session, **{changed: "cannot_assess"})  # the same audit again changes nothing
    assert model(session, VERSION, today=TODAY).state is ONE
    assert yes(session, ines, waive=True) is APPROVED
    audit(session, audit_hash="third")
    assert approved_record(session) is None


@pytest.mark.safeguard
def test_s28_no_audit_lifts_a_stop(session: Session) -> None:
    ines = member(session)
    promoted(session)
    suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
    assert approved_record(session) is None
    audit(session, audit_hash="other")
    assert model(session, VERSION, today=TODAY).state is ModelState.SUSPENDED
    assert resume(session, ines, version=VERSION, reason="x", today=TODAY, now=NOW) is PROPOSED
    assert approved_record(session) is None


def test_a_stop_can_be_lifted(session: Session, keys: Keyring) -> None:
    ines = member(session)
    record = promoted(session)
    suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
    assert resume(session, ines, version=VERSION, reason="levé", today=TODAY, now=NOW) is APPROVED
    assert approved_record(session) == record
    check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)


def test_the_newest_approval_scores(session: Session) -> None:
    first = promoted(session)
    second = promoted(session, "m2")
    assert approved_record(session) == second
    assert approved_record(session, VERSION) == first
    suspend(session, member(session), version="m2", reason="x", today=TODAY, now=NOW)
    assert approved_record(session) == first


@pytest.mark.safeguard
@pytest.mark.parametrize("field", [field.name for field in fields(ModelFingerprint)])
def test_s31_what_was_swapped_is_named(session: Session, keys: Keyring, field: str) -> None:
    record = promoted(session)
    swapped = replace(FINGERPRINT, **{field: "swapped"})
    with pytest.raises(PromotionMismatch, match=field):
        check_promotion(session, record, keys.verify, swapped, today=TODAY)


@pytest.mark.safeguard
def test_s31_a_record_cannot_be_forged_or_replayed(session: Session, keys: Keyring) -> None:
    record = promoted(session)
    other = replace(FINGERPRINT, version="m2")
    forged = (
        None,
        replace(record, fingerprint=other),
        replace(record, votes=record.votes[:1]),
        replace(record, votes=(record.votes[0], replace(record.votes[1], by="mallory"))),
        replace(record, signature="00" * 64),
        replace(record, signature=strangers_keys().sign(record.content.encode())),
    )
    for attempt in forged:
        with pytest.raises(NotPromoted):
            check_promotion(session, attempt, keys.verify, FINGERPRINT, today=TODAY)
    twice = replace(record, votes=(record.votes[0], record.votes[0]))
    signed_twice = replace(twice, signature=keys.sign(twice.content.encode()))
    with pytest.raises(NotPromoted):
        check_promotion(session, signed_twice, keys.verify, FINGERPRINT, today=TODAY)
    with pytest.raises(PromotionMismatch):  # replayed for another model
        check_promotion(session, record, keys.verify, other, today=TODAY)


@pytest.mark.safeguard
def test_s31_the_database_alone_promotes_nothing(session: Session, keys: Keyring) -> None:
    """Setting the state by hand, or copying a promotion, gives no record that holds."""
    record = promoted(session)
    model_in_state(session, PROPOSED, "m2")
    session.execute(text("UPDATE models SET state = 'approved' WHERE version = 'm2'"))
    assert approved_record(session, "m2") is None
    session.execute(
        text(
            "INSERT INTO promotions (version, content, signature, at) "
            "SELECT 'm2', replace(content, '\"m1\"', '\"m2\"'), signature, at FROM promotions"
        )
    )
    copied = approved_record(session, "m2")
    assert copied is not None
    assert copied.fingerprint.version == "m2"
    with pytest.raises(NotPromoted):
        check_promotion(
            session, copied, keys.verify, replace(FINGERPRINT, version="m2"), today=TODAY
        )
    check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)


AUDITED_ANEW = (
    "UPDATE models SET state = 'approved'",
    "DELETE FROM votes WHERE audit_id = (SELECT MAX(id) FROM model_audits)",
    "DELETE FROM model_audits WHERE id = (SELECT MAX(id) FROM model_audits)",
)


def reaudited(session: Session) -> None:
    audit(session, audit_hash="other")


def rejected(session: Session) -> None:
    reaudited(session)
    reject(session, member(session), version=VERSION, reason="non", today=TODAY, now=NOW)


def stopped(session: Session) -> None:
    suspend(session, member(session), version=VERSION, reason="doute", today=TODAY, now=NOW)


def stopped_and_audited(session: Session) -> None:
    stopped(session)
    reaudited(session)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("end", "says"),
    [
        (stopped, "suspended model m1"),
        (stopped_and_audited, "suspended model m1"),
        (reaudited, "no two approvals of model m1"),
        (rejected, "no two approvals of model m1"),
    ],
)
def test_s31_what_the_journal_ended_the_database_does_not_bring_back(
    session: Session, keys: Keyring, end: Callable[[Session], None], says: str
) -> None:
    """The tables are put back as they were on the day of the approval, to the row."""
    record = promoted(session)
    end(session)
    assert approved_record(session) is None
    for sql in AUDITED_ANEW if end is not stopped else AUDITED_ANEW[:1]:
        session.execute(text(sql))
    session.expire_all()
    assert approved_record(session) == record
    with pytest.raises(NotInJournal, match=says):
        check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)


@pytest.mark.safeguard
def test_s31_an_older_promotion_of_the_same_model_is_not_replayed(
    session: Session, keys: Keyring
) -> None:
    first = promoted(session)
    audit(session, audit_hash="second")
    for login in ("zoe", "tom"):
        yes(session, member(session, login))
    again = approved_record(session)
    assert again is not None
    now = replace(FINGERPRINT, audit="second")
    check_promotion(session, again, keys.verify, now, today=TODAY)
    session.execute(
        text(
            "INSERT INTO promotions (version, content, signature, at) "
            "SELECT version, content, signature, at FROM promotions ORDER BY id LIMIT 1"
        )
    )
    assert approved_record(session) == first
    with pytest.raises(NotInJournal, match="another promotion of model m1"):
        check_promotion(session, first, keys.verify, FINGERPRINT, today=TODAY)


@pytest.mark.safeguard
def test_s31_a_newer_promotion_is_not_hidden(session: Session, keys: Keyring) -> None:
    older = promoted(session)
    promoted(session, "m2")
    session.execute(text("UPDATE models SET state = 'suspended' WHERE version = 'm2'"))
    session.expire_all()
    assert approved_record(session) == older
    with pytest.raises(NotInJournal, match="newer promotion"):
        check_promotion(session, older, keys.verify, FINGERPRINT, today=TODAY)
    session.execute(text("UPDATE models SET state = 'approved'"))
    session.expire_all()
    suspend(session, member(session), version="m2", reason="doute", today=TODAY, now=NOW)
    check_promotion(session, older, keys.verify, FINGERPRINT, today=TODAY)


@pytest.mark.safeguard
def test_s31_a_promotion_of_another_home_with_the_same_keys_is_not_in_this_journal(
    session: Session, keys: Keyring, tmp_path: Path
) -> None:
    create_database(tmp_path / "other.db")
    other = open_database(tmp_path / "other.db", keys.sign, lambda: TODAY)
    with other.begin() as there:
        record = promoted(there)
    other.kw["bind"].dispose()
    model_in_state(session, APPROVED)
    for login in ("ines-m1", "paul-m1"):
        member(session, login)
    with pytest.raises(NotInJournal, match="no two approvals"):
        check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)
    for login in ("ana", "bea"):
        session.get_one(schema.Model, VERSION).state = PROPOSED
        yes(session, member(session, login))
    with pytest.raises(NotInJournal, match="another promotion"):
        check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)


@pytest.mark.safeguard
def test_s31_a_half_signed_record_is_refused_under_the_homes_own_key(
    session: Session, keys: Keyring
) -> None:
    record = promoted(session)
    ines, paul = record.votes
    for votes, error in (
        ((), NotPromoted),
        ((ines,), NotPromoted),
        ((ines, ines), NotPromoted),
        ((ines, replace(ines, at=paul.at, reason="relu")), NotPromoted),
        ((ines, replace(paul, act="resume")), NotPromoted),
        ((ines, replace(paul, by="mallory")), NotInJournal),
        ((ines, replace(paul, waived=True)), NotInJournal),
        ((paul, ines), NotInJournal),
    ):
        unsigned = replace(record, votes=votes)
        signed = replace(unsigned, signature=keys.sign(unsigned.content.encode()))
        with pytest.raises(error) as refusal:
            check_promotion(session, signed, keys.verify, FINGERPRINT, today=TODAY)
        assert refusal.type is error
    check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)


@pytest.mark.safeguard
def test_s31_a_vote_written_into_the_table_is_no_vote(session: Session) -> None:
    ines, paul = member(session), member(session, "paul")
    model_in_state(session, PROPOSED)
    session.execute(
        text(
            "INSERT INTO votes (version, audit_id, user_id, act, reason, waived, at) "
            "SELECT 'm1', MAX(id), :paul, 'approve', 'lu', 0, at FROM model_audits"
        ),
        {"paul": paul.user_id},
    )
    with pytest.raises(NotInJournal, match="votes on model m1"):
        yes(session, ines)
    assert approved_record(session) is None


@pytest.mark.safeguard
def test_s31_a_rejection_undone_in_the_table_is_not_voted_on(session: Session) -> None:
    model_in_state(session, PROPOSED)
    yes(session, member(session))
    reject(session, member(session, "paul"), version=VERSION, reason="non", today=TODAY, now=NOW)
    session.execute(text("DELETE FROM votes WHERE act = 'reject'"))
    session.execute(text("UPDATE models SET state = 'one_approval'"))
    session.expire_all()
    with pytest.raises(NotInJournal, match="votes on model m1"):
        yes(session, member(session, "zoe"))


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM votes", "UPDATE votes SET user_id = (SELECT id FROM users WHERE login = 'paul')"],
)
def test_s31_one_person_whose_vote_was_hidden_is_still_one(session: Session, sql: str) -> None:
    ines, _ = member(session), member(session, "paul")
    model_in_state(session, PROPOSED)
    yes(session, ines)
    session.execute(text(sql))
    session.expire_all()
    with pytest.raises(NotInJournal, match="votes on model m1"):
        yes(session, ines)


@pytest.mark.safeguard
def test_s11_a_verdict_changed_in_the_table_is_not_voted_on(session: Session) -> None:
    model_in_state(session, PROPOSED, verdict=Verdict.FAIL)
    session.execute(text("UPDATE model_audits SET verdict = 'pass'"))
    session.expire_all()
    with pytest.raises(NotInJournal, match="audit of model m1"):
        yes(session, member(session))


@pytest.mark.safeguard
def test_s31_an_audit_older_than_the_model_is_not_voted_on(session: Session) -> None:
    model_in_state(session, PROPOSED)
    session.get_one(schema.Model, VERSION).registered_at = NOW + timedelta(minutes=1)
    with pytest.raises(AuditOutdated, match="run `rebond audit m1`"):
        yes(session, member(session))


@pytest.mark.safeguard
def test_s22_no_promotion_holds_in_a_journal_that_does_not(session: Session, keys: Keyring) -> None:
    record = promoted(session)
    suspend(session, member(session), version=VERSION, reason="doute", today=TODAY, now=NOW)
    session.execute(text("DROP TRIGGER journal_entries_kept"))
    session.execute(text("DELETE FROM journal_entries WHERE act = 'suspend'"))
    with pytest.raises(NotInJournal, match="journal does not hold"):
        check_promotion(session, record, keys.verify, FINGERPRINT, today=TODAY)


def test_a_stop_before_the_second_vote_leaves_the_first(session: Session, keys: Keyring) -> None:
    ines, paul = member(session), member(session, "paul")
    model_in_state(session, PROPOSED)
    yes(session, ines)
    suspend(session, paul, version=VERSION, reason="doute", today=TODAY, now=NOW)
    assert resume(session, paul, version=VERSION, reason="levé", today=TODAY, now=NOW) is ONE
    assert yes(session, paul) is APPROVED
    check_promotion(session, approved_record(session), keys.verify, FINGERPRINT, today=TODAY)


@pytest.mark.safeguard
def test_s31_raw_votes_and_states(session: Session, refused: Refused) -> None:
    model_in_state(session, PROPOSED)
    educator(session)
    refused("UPDATE models SET state = 'promoted'")
    refused(
        "INSERT INTO votes VALUES (1, 'm1', 1, NULL, 'approve', 'x', 0, '2026-11-21', NULL, NULL)"
    )
    refused(
        "INSERT INTO votes VALUES (1, 'm1', 1, 99, 'approve', 'x', 0, '2026-11-21', NULL, NULL)"
    )
    refused("UPDATE model_audits SET verdict = 'fine'")


def test_every_state_has_its_votes() -> None:
    assert set(committee.TRANSITIONS) == set(ModelState)
    assert {act for steps in committee.TRANSITIONS.values() for act in steps} == set(schema.VoteAct)


END = TODAY + timedelta(days=WAIVER_DAYS)
AFTER = END + timedelta(days=1)


def waived(session: Session, *days: int) -> PromotionRecord:
    """Promote what could not be assessed, by two members' waivers of so many days."""
    model_in_state(session, PROPOSED, verdict=Verdict.CANNOT_ASSESS)
    for login, asked in zip(("ines", "paul"), days, strict=True):
        yes(session, member(session, login), waive=asked)
    record = approved_record(session)
    assert record is not None
    return record


def again(session: Session, login: str, today: date) -> ModelState:
    by = session.scalars(select(schema.User).where(schema.User.login == login)).one()
    return yes(session, Actor(login, by.role, by.team, by.id), waive=True, today=today)


@pytest.mark.safeguard
def test_s11_a_waiver_ends_by_the_clock(session: Session, keys: Keyring) -> None:
    record = waived(session, WAIVER_DAYS, WAIVER_DAYS)
    assert [vote.waived_until for vote in record.votes] == [END, END]
    check_promotion(session, record, keys.verify, FINGERPRINT, today=END)
    row = model(session, VERSION, today=END)
    assert (row.state, row.waived_until, row.waiver_ended) == (APPROVED, END, False)
    with pytest.raises(WaiverExpired, match=rf"ended on {END}, and today is {AFTER}"):
        check_promotion(session, record, keys.verify, FINGERPRINT, today=AFTER)
    row = model(session, VERSION, today=AFTER)
    assert (row.state, row.waived_until, row.waiver_ended) == (PROPOSED, END, True)
    assert models(session, today=AFTER) == (row,)


@pytest.mark.safeguard
@pytest.mark.parametrize("days", [(10, WAIVER_DAYS), (WAIVER_DAYS, 10)])
def test_s11_the_shorter_of_two_waivers_ends_both(
    session: Session, keys: Keyring, days: tuple[int, int]
) -> None:
    record = waived(session, *days)
    short = record.votes[days.index(10)].by
    last = TODAY + timedelta(days=10)
    check_promotion(session, record, keys.verify, FINGERPRINT, today=last)
    late = last + timedelta(days=1)
    with pytest.raises(WaiverExpired, match=f"^{short}'s waiver"):
        check_promotion(session, record, keys.verify, FINGERPRINT, today=late)
    assert again(session, short, late) is ONE  # the other's waiver would still run
    assert approved_record(session) is None


@pytest.mark.safeguard
def test_s11_two_fresh_waivers_promote_again_without_another_audit(
    session: Session, keys: Keyring
) -> None:
    old = waived(session, WAIVER_DAYS, WAIVER_DAYS)
    assert again(session, "paul", AFTER) is ONE
    assert len(model(session, VERSION, today=AFTER).votes) == 1
    with pytest.raises(AlreadyVoted):
        again(session, "paul", AFTER)
    assert again(session, "ines", AFTER) is APPROVED
    new = approved_record(session)
    assert new is not None
    assert new.fingerprint == old.fingerprint
    assert [vote.by for vote in new.votes] == ["paul", "ines"]
    check_promotion(session, new, keys.verify, FINGERPRINT, today=AFTER)
    with pytest.raises(VoteOutOfOrder):
        again(session, "ines", AFTER)


@pytest.mark.safeguard
def test_s11_an_old_promotion_is_not_replayed_after_its_waiver(
    session: Session, keys: Keyring
) -> None:
    old = waived(session, WAIVER_DAYS, WAIVER_DAYS)
    put_back = "UPDATE models SET state = 'approved'"
    again(session, "ines", AFTER)
    session.execute(text(put_back))
    session.expire_all()
    assert approved_record(session) == old
    for today in (TODAY, AFTER):  # nor by a clock that was set back
        with pytest.raises(NotInJournal, match="no two approvals"):
            check_promotion(session, old, keys.verify, FINGERPRINT, today=today)
    session.execute(text("UPDATE models SET state = 'one_approval'"))
    session.expire_all()
    again(session, "paul", AFTER)
    with pytest.raises(NotInJournal, match="another promotion"):
        check_promotion(session, old, keys.verify, FINGERPRINT, today=TODAY)


@pytest.mark.safeguard
def test_s11_an_end_that_was_edited_is_neither_scored_nor_voted_with(
    session: Session, keys: Keyring
) -> None:
    record = waived(session, 10, 10)
    late = TODAY + timedelta(days=11)
    far = date(2099, 1, 1)
    for end in (f"'{far}'", "NULL", "'2000-01-01'"):
        session.execute(text(f"UPDATE votes SET waived_until = {end}"))  # noqa: S608
        session.expire_all()
        assert approved_record(session) == record  # the signed record has its own ends
        with pytest.raises(WaiverExpired):
            check_promotion(session, record, keys.verify, FINGERPRINT, today=late)
        for today in (TODAY, late):
            with pytest.raises((NotInJournal, VoteOutOfOrder)):
                again(session, "ines", today)
    longer = tuple(replace(vote, waived_until=far) for vote in record.votes)
    endless = tuple(replace(vote, waived_until=None) for vote in record.votes)
    nothing = tuple(replace(vote, waived=False) for vote in record.votes)
    for votes in (longer, endless, nothing):
        edited = replace(record, votes=votes)
        with pytest.raises(NotPromoted, match="not one that this home signed"):
            check_promotion(session, edited, keys.verify, FINGERPRINT, today=late)
        signed = replace(edited, signature=keys.sign(edited.content.encode()))
        with pytest.raises(NotInJournal, match="another promotion"):
            check_promotion(session, signed, keys.verify, FINGERPRINT, today=late)


@pytest.mark.safeguard
@pytest.mark.parametrize("days", [WAIVER_DAYS + 1, 10**12, 0, -1])
def test_s11_a_waiver_is_no_longer_than_the_settings_allow(session: Session, days: int) -> None:
    model_in_state(session, PROPOSED, verdict=Verdict.CANNOT_ASSESS)
    with pytest.raises(WaiverTooLong, match=f"{days} days is not possible: give 1 to 180"):
        approve(
            session,
            member(session),
            version=VERSION,
            reason="lu",
            waive_days=days,
            most_days=WAIVER_DAYS,
            today=TODAY,
            now=NOW,
        )
    assert model(session, VERSION, today=TODAY).votes == ()


@pytest.mark.safeguard
def test_s11_one_waiver_that_ended_is_no_first_approval(session: Session) -> None:
    model_in_state(session, PROPOSED, verdict=Verdict.CANNOT_ASSESS)
    yes(session, member(session), waive=10)
    late = TODAY + timedelta(days=11)
    assert model(session, VERSION, today=late).state is PROPOSED
    assert yes(session, member(session, "paul"), waive=True, today=late) is ONE
    assert again(session, "ines", late) is APPROVED


@pytest.mark.safeguard
def test_s28_a_resumption_does_not_lengthen_a_waiver(session: Session) -> None:
    waived(session, 10, 10)
    ines = member(session, "zoe")
    suspend(session, ines, version=VERSION, reason="doute", today=TODAY, now=NOW)
    late = TODAY + timedelta(days=11)
    assert model(session, VERSION, today=late).state is ModelState.SUSPENDED
    assert resume(session, ines, version=VERSION, reason="x", today=late, now=NOW) is PROPOSED
    assert approved_record(session) is None
    assert again(session, "ines", late) is ONE


@pytest.mark.safeguard
@pytest.mark.parametrize("act", [suspend, reject])
def test_s28_a_model_whose_waiver_ended_can_be_stopped_or_rejected(
    session: Session, act: Callable[..., ModelState]
) -> None:
    waived(session, 10, 10)
    zoe, late = member(session, "zoe"), TODAY + timedelta(days=11)
    after = act(session, zoe, version=VERSION, reason="x", today=late, now=NOW)
    assert after in {ModelState.SUSPENDED, ModelState.REJECTED}


def test_what_was_assessed_needs_no_waiver_and_so_has_no_end(
    session: Session, keys: Keyring
) -> None:
    model_in_state(session, PROPOSED)
    for login in ("ines", "paul"):
        yes(session, member(session, login), waive=True)
    row = model(session, VERSION, today=AFTER)
    assert (row.state, row.waived_until, row.waiver_ended) == (APPROVED, None, False)
    assert [vote.waived for vote in row.votes] == [False, False]
    record = approved_record(session)
    check_promotion(session, record, keys.verify, FINGERPRINT, today=AFTER)


@pytest.mark.safeguard
def test_s11_waivers_from_before_ends_were_written_end_too(session: Session, keys: Keyring) -> None:
    """Votes, their promotion and their journal as the version before this one wrote them."""
    model_in_state(session, PROPOSED, verdict=Verdict.CANNOT_ASSESS)
    votes = [Vote("approve", login, "lu", waived=True, at=NOW) for login in ("ines", "paul")]
    content = PromotionRecord(FINGERPRINT, tuple(votes), "").content
    assert "waived_until" not in content
    audit_id = session.scalars(select(schema.ModelAudit.id)).one()
    for vote, promotion in zip(votes, (None, content), strict=True):
        actor = member(session, vote.by)
        row = schema.ModelVote(version=VERSION, audit_id=audit_id, user_id=actor.user_id)
        row.act, row.reason, row.waived, row.at = VoteAct.APPROVE, vote.reason, True, vote.at
        session.add(row)
        details = {"reason": "lu", "waived": True, "promotion": promotion}
        journal.record(
            session, actor=actor, act="approve", subject=VERSION, details=details, now=NOW
        )
    session.add(
        schema.Promotion(
            version=VERSION, content=content, signature=keys.sign(content.encode()), at=NOW
        )
    )
    session.get_one(schema.Model, VERSION).state = APPROVED
    record = approved_record(session)
    check_promotion(session, record, keys.verify, FINGERPRINT, today=END)
    with pytest.raises(WaiverExpired):
        check_promotion(session, record, keys.verify, FINGERPRINT, today=AFTER)
    assert model(session, VERSION, today=TODAY).waived_until == END
    assert again(session, "paul", AFTER) is ONE
    assert again(session, "ines", AFTER) is APPROVED
    check_promotion(session, approved_record(session), keys.verify, FINGERPRINT, today=AFTER)


@pytest.mark.safeguard
def test_s23_a_promotion_older_than_the_journal_is_voted_on_again(
    session: Session, keys: Keyring
) -> None:
    """What expired proves nothing any more: the same audit comes before the committee anew."""
    promotion = promoted(session)
    journal.record(
        session, actor=CLI, act="purge", subject="review", now=NOW.replace(year=NOW.year + 2)
    )
    assert journal.drop_months(session, TODAY.replace(year=TODAY.year + 2)) == (f"{NOW:%Y-%m}",)
    with pytest.raises(NotInJournal, match="kept for 12 months, holds no two approvals"):
        check_promotion(session, promotion, keys.verify, promotion.fingerprint, today=TODAY)
    audit = session.scalars(select(schema.ModelAudit)).one()
    record_audit(
        session,
        version=VERSION,
        verdict=audit.verdict.value,
        audit_hash=audit.audit_hash,
        report_hash=audit.report_hash,
        by=CLI,
        now=NOW.replace(year=NOW.year + 2),
    )
    assert model(session, VERSION, today=TODAY).state is PROPOSED
