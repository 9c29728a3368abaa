"""A vote that nobody else can cast: every way to sign for somebody, tried and refused (S31)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from features.keys import ForgedSignature, Keyring
from revue import accounts, committee, schema, signing
from revue.accounts import MAX_FAILURES, actor_for, create_user, reset_user, try_unlock
from revue.committee import approve
from revue.database import open_database
from revue.journal import entries, record, verify_journal
from revue.promotion import (
    NotInJournal,
    NotPromoted,
    VoteUnsigned,
    approved_record,
    ballot_paper,
    check_promotion,
    vote_details,
)
from revue.records import (
    ModelFingerprint,
    ModelState,
    PromotionRecord,
    Role,
    SignInRefused,
    Vote,
)
from revue.signing import Signer, SigningKeyLost, check_own, check_signed, open_key, seal_key
from tests.revue.builders import CLI, NOW, TODAY, VERSION, model_in_state

PASSWORDS = {"anne": "quatre chats gris", "paul": "onze oies du soir"}


@pytest.fixture(autouse=True)
def least_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive with Argon2id as ever, at the least cost; the served cost is pinned below."""
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
    monkeypatch.setattr(signing, "_COST", replace(CHEAPEST, hash_len=32))


AS_SERVED = signing._COST


@pytest.fixture
def production(database: Path, keys: Keyring) -> Iterator[sessionmaker[Session]]:
    made = open_database(database, keys.sign, lambda: TODAY, members_sign=True)
    yield made
    made.kw["bind"].dispose()


@pytest.fixture
def voting(production: sessionmaker[Session]) -> Iterator[Session]:
    """A production home with two members and an audited model."""
    with production.begin() as session:
        for login, password in PASSWORDS.items():
            create_user(
                session,
                login=login,
                role=Role.COMMITTEE,
                team=None,
                by=CLI,
                now=NOW,
                password=password,
            )
        model_in_state(session, ModelState.PROPOSED)
        yield session


def unlock(session: Session, login: str, password: str | None = None) -> Signer:
    found = try_unlock(session, login=login, password=password or PASSWORDS[login], now=NOW)
    assert isinstance(found, Signer)
    return found


def yes(
    session: Session, login: str, signer: Signer | None = None, version: str = VERSION
) -> ModelState:
    return approve(
        session,
        actor_for(session, login),
        version=version,
        reason="vu",
        waive_days=None,
        most_days=180,
        today=TODAY,
        now=NOW,
        signer=signer,
    )


def fingerprint(version: str = VERSION) -> ModelFingerprint:
    return ModelFingerprint(
        version, f"table-{version}", "protocol", "data", f"audit-{version}", f"report-{version}"
    )


def check(session: Session, keys: Keyring, version: str = VERSION) -> None:
    promotion = approved_record(session, version)
    check_promotion(session, promotion, keys.verify, fingerprint(version), today=TODAY)


def both(session: Session) -> None:
    for login in PASSWORDS:
        yes(session, login, unlock(session, login))


@pytest.mark.safeguard
def test_s31_a_promotion_holds_two_members_own_signatures(voting: Session, keys: Keyring) -> None:
    assert (AS_SERVED.memory_cost, AS_SERVED.time_cost, AS_SERVED.hash_len) == (65536, 3, 32)
    both(voting)
    check(voting, keys)
    promotion = approved_record(voting, VERSION)
    assert promotion is not None
    assert [vote.by for vote in promotion.votes] == list(PASSWORDS)
    public = {
        login: voting.scalars(
            select(schema.User.public_key).where(schema.User.login == login)
        ).one()
        for login in PASSWORDS
    }
    for vote in promotion.votes:
        assert vote.signature is not None
        assert vote.signature.split()[0] == public[vote.by]
    kept = voting.scalars(select(schema.ModelVote.signature)).all()
    assert kept == [vote.signature for vote in promotion.votes]


def test_no_private_key_lies_open(voting: Session) -> None:
    private = unlock(voting, "anne").key.private_bytes_raw()
    for row in voting.execute(text("SELECT * FROM users")):
        assert private.hex() not in str(row)
        assert all(private not in bytes(cell) for cell in row if isinstance(cell, bytes))
    assert "Ed25519PrivateKey" not in repr(unlock(voting, "anne"))


@pytest.mark.safeguard
@pytest.mark.parametrize("act", ["approve", "reject", "suspend"])
def test_s31_no_vote_without_a_signature_of_ones_own(voting: Session, act: str) -> None:
    paul = unlock(voting, "paul")
    for signer in (None, paul):
        with pytest.raises(VoteUnsigned):
            if act == "approve":
                yes(voting, "anne", signer)
            else:
                getattr(committee, act)(
                    voting,
                    actor_for(voting, "anne"),
                    version=VERSION,
                    reason="vu",
                    today=TODAY,
                    now=NOW,
                    signer=signer,
                )
    assert voting.scalars(select(schema.ModelVote)).all() == []


@pytest.mark.safeguard
def test_s31_a_vote_written_by_hand_is_none(voting: Session, keys: Keyring) -> None:
    voting.execute(
        text(
            "INSERT INTO votes SELECT 1, :m, 1, id, 'approve', 'vu', 0, "
            "'2026-11-21 10:00:00.000000', NULL, :s FROM users WHERE login = 'anne'"
        ),
        {"m": VERSION, "s": "00 00"},
    )
    with pytest.raises(NotInJournal):
        yes(voting, "paul", unlock(voting, "paul"))
    voting.execute(text("UPDATE models SET state = 'approved'"))
    with pytest.raises(NotPromoted):
        check(voting, keys)


@pytest.mark.safeguard
def test_s31_a_swapped_key_signs_nothing(voting: Session, keys: Keyring) -> None:
    """Everything in the row of anne is the attacker's, but the journal does not know the key."""
    own = Signer("anne", Ed25519PrivateKey.generate())
    anne = voting.scalars(select(schema.User).where(schema.User.login == "anne")).one()
    anne.public_key = own.key.public_key().public_bytes_raw().hex()
    anne.sealed_key = seal_key(own, "mot de passe à moi")
    anne.password_hash = accounts._HASHER.hash("mot de passe à moi")
    voting.flush()
    with pytest.raises(SigningKeyLost):
        unlock(voting, "anne", "mot de passe à moi")
    with pytest.raises(SigningKeyLost):
        yes(voting, "anne", own)
    # Nor does a later month make the journal say what it never said.
    later = NOW + timedelta(days=40)
    said = accounts.try_sign_in(voting, login="anne", password="mot de passe à moi", now=later)
    assert not isinstance(said, SignInRefused)
    assert "keep_key" not in {entry.act for entry in entries(voting, 10)}
    with pytest.raises(SigningKeyLost):
        check_own(voting, own)


@pytest.mark.safeguard
def test_s31_a_members_key_in_another_account_signs_nothing(voting: Session) -> None:
    voting.execute(
        text(
            "UPDATE users SET (public_key, sealed_key) = "
            "(SELECT public_key, sealed_key FROM users WHERE login = 'anne') WHERE login = 'paul'"
        )
    )
    voting.expire_all()
    for password in PASSWORDS.values():
        refused: object = None
        try:
            refused = try_unlock(voting, login="paul", password=password, now=NOW)
        except SigningKeyLost:
            continue
        assert isinstance(refused, SignInRefused)
    voting.execute(
        text(
            "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE "
            "login = 'anne') WHERE login = 'paul'"
        )
    )
    voting.expire_all()
    with pytest.raises(SigningKeyLost):
        try_unlock(voting, login="paul", password=PASSWORDS["anne"], now=NOW)
    with pytest.raises(SigningKeyLost):
        yes(voting, "paul", replace(unlock(voting, "anne"), login="paul"))


def written_by_the_home(
    session: Session, keys: Keyring, version: str, votes: tuple[Vote, ...]
) -> None:
    """Forge a promotion with the home's own key, in the tables and the journal alike."""
    promotion = PromotionRecord(fingerprint(version), votes, "")
    audit = committee._audit_to_vote_on(session, version)
    for number, vote in enumerate(votes):
        actor = actor_for(session, vote.by)
        session.add(
            schema.ModelVote(
                version=version,
                audit_id=audit.id,
                user_id=actor.user_id,
                act=vote.act,
                reason=vote.reason,
                waived=vote.waived,
                at=vote.at,
                waived_until=None,
                signature=vote.signature,
            )
        )
        content = promotion.content if number else None
        details = vote_details(vote, content)
        record(session, actor=actor, act="approve", subject=version, details=details, now=NOW)
    session.add(
        schema.Promotion(
            version=version,
            content=promotion.content,
            signature=keys.sign(promotion.content.encode()),
            at=NOW,
        )
    )
    session.get_one(schema.Model, version).state = ModelState.APPROVED
    session.flush()
    assert verify_journal(session, keys.verify).ok


@pytest.mark.safeguard
def test_s31_approvals_are_not_replayed_on_another_version(voting: Session, keys: Keyring) -> None:
    both(voting)
    promotion = approved_record(voting, VERSION)
    assert promotion is not None
    model_in_state(voting, ModelState.PROPOSED, version="m2")
    written_by_the_home(voting, keys, "m2", promotion.votes)
    with pytest.raises(VoteUnsigned, match="m2"):
        check(voting, keys, "m2")


@pytest.mark.safeguard
def test_s31_the_homes_key_does_not_sign_for_its_members(voting: Session, keys: Keyring) -> None:
    """Whoever holds the key folder can write a journal, but not a member's signature."""
    plain = tuple(Vote("approve", login, "vu", waived=False, at=NOW) for login in PASSWORDS)
    forged = tuple(
        replace(vote, signature=Signer(vote.by, Ed25519PrivateKey.generate()).sign(b"x"))
        for vote in plain
    )
    for number, votes in enumerate((plain, forged), start=2):
        version = f"m{number}"
        model_in_state(voting, ModelState.PROPOSED, version=version)
        written_by_the_home(voting, keys, version, votes)
        with pytest.raises(VoteUnsigned):
            check(voting, keys, version)


@pytest.mark.safeguard
def test_s31_one_login_in_two_cases_is_one_person(voting: Session, keys: Keyring) -> None:
    with pytest.raises(accounts.InvalidLogin):
        create_user(voting, login="Anne", role=Role.COMMITTEE, team=None, by=CLI, now=NOW)
    names = [column.name for column in schema.User.__table__.columns if column.name != "id"]
    copied = ", ".join("'ANNE'" if name == "login" else name for name in names)
    voting.execute(
        text(
            f"INSERT INTO users ({', '.join(names)}) SELECT {copied} FROM users "  # noqa: S608
            "WHERE login = 'anne'"
        )
    )
    signer = unlock(voting, "anne")
    yes(voting, "anne", signer)
    with pytest.raises(SigningKeyLost):
        try_unlock(voting, login="ANNE", password=PASSWORDS["anne"], now=NOW)
    with pytest.raises(committee.AlreadyVoted):
        yes(voting, "ANNE", replace(signer, login="ANNE"))
    votes = tuple(Vote("approve", login, "vu", waived=False, at=NOW) for login in ("anne", "ANNE"))
    model_in_state(voting, ModelState.PROPOSED, version="m2")
    written_by_the_home(voting, keys, "m2", votes)
    with pytest.raises(NotPromoted, match="two members"):
        check(voting, keys, "m2")


@pytest.mark.safeguard
@pytest.mark.parametrize("password", ["faux", "", PASSWORDS["paul"]])
def test_s31_another_password_unlocks_nothing_and_is_counted(
    voting: Session, password: str
) -> None:
    for attempt in range(MAX_FAILURES):
        refused = try_unlock(voting, login="anne", password=password, now=NOW)
        assert isinstance(refused, SignInRefused)
        assert (refused.locked_until is not None) is (attempt == MAX_FAILURES - 1)
    locked = try_unlock(voting, login="anne", password=PASSWORDS["anne"], now=NOW)
    assert isinstance(locked, SignInRefused)
    # It is one lock for every door.
    signing_in = accounts.try_sign_in(voting, login="anne", password=PASSWORDS["anne"], now=NOW)
    assert isinstance(signing_in, SignInRefused)


@pytest.mark.safeguard
def test_s31_a_reset_signs_with_another_key_and_the_journal_says_so(
    voting: Session, keys: Keyring
) -> None:
    old = unlock(voting, "anne")
    yes(voting, "anne", old)
    new_password = reset_user(voting, login="anne", by=CLI, now=NOW)
    newest = entries(voting, 1)[0]
    assert (newest.act, newest.subject, newest.actor) == ("reset_user", "anne", CLI.login)
    assert isinstance(
        try_unlock(voting, login="anne", password=PASSWORDS["anne"], now=NOW), SignInRefused
    )
    new = unlock(voting, "anne", new_password)
    assert new.key.private_bytes_raw() != old.key.private_bytes_raw()
    with pytest.raises(SigningKeyLost):
        check_own(voting, old)
    # What the earlier key signed before stays; after the reset it signs nothing any more.
    yes(voting, "paul", unlock(voting, "paul"))
    check(voting, keys)
    late = Vote("approve", "anne", "vu", waived=False, at=NOW)
    late = replace(late, signature=old.sign(ballot_paper(fingerprint("m2"), late)))
    good = Vote("approve", "paul", "vu", waived=False, at=NOW)
    paper = ballot_paper(fingerprint("m2"), good)
    good = replace(good, signature=unlock(voting, "paul").sign(paper))
    model_in_state(voting, ModelState.PROPOSED, version="m2")
    written_by_the_home(voting, keys, "m2", (late, good))
    with pytest.raises(VoteUnsigned, match="anne"):
        check(voting, keys, "m2")


@pytest.mark.safeguard
def test_s31_a_role_raised_by_hand_signs_nothing(voting: Session) -> None:
    create_user(
        voting,
        login="dina",
        role=Role.DPO,
        team=None,
        by=CLI,
        now=NOW,
        password="trois tas de bois",
    )
    signer = unlock(voting, "dina", "trois tas de bois")
    voting.execute(text("UPDATE users SET role = 'committee' WHERE login = 'dina'"))
    voting.expire_all()
    with pytest.raises(SigningKeyLost):
        yes(voting, "dina", signer)


@pytest.mark.safeguard
def test_s31_votes_from_before_production_count_for_nothing(
    voting: Session, production: sessionmaker[Session], keys: Keyring
) -> None:
    voting.info["members_sign"] = False
    for login in PASSWORDS:
        yes(voting, login)
    check(voting, keys)
    voting.info["members_sign"] = True
    with pytest.raises(VoteUnsigned):
        check(voting, keys)
    assert committee.model(voting, VERSION, today=TODAY).state is ModelState.PROPOSED
    both(voting)
    check(voting, keys)


def test_the_journal_says_again_whose_key_it_is_once_a_month(
    voting: Session, keys: Keyring
) -> None:
    later = NOW + timedelta(days=40)
    for _ in range(2):
        found = try_unlock(voting, login="anne", password=PASSWORDS["anne"], now=later)
        assert isinstance(found, Signer)
    said = [entry for entry in entries(voting, 20) if entry.act == "keep_key"]
    assert [(entry.subject, entry.month) for entry in said] == [("anne", "2026-12")]
    # The month of the account's making expires; the key is still known.
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'journal_%'"
    for name in voting.scalars(text(triggers)).all():
        voting.execute(text(f"DROP TRIGGER {name}"))
    voting.execute(text("DELETE FROM journal_entries WHERE month = '2026-11'"))
    check_own(voting, found)
    signature = found.sign(b"x")
    check_signed(voting, login="anne", message=b"x", signature=signature)
    for message, login in ((b"y", "anne"), (b"x", "paul")):
        with pytest.raises(ForgedSignature):
            check_signed(voting, login=login, message=message, signature=signature)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "sealed", [None, b"", b"[]", b"{}", b'"x"', b'{"nonce": "00", "sealed": "zz"}', b"\xff"]
)
def test_s31_what_is_no_sealed_key_opens_nothing(sealed: bytes | None) -> None:
    with pytest.raises(SigningKeyLost):
        open_key("anne", sealed, "quatre chats gris")


@pytest.mark.safeguard
def test_s31_a_sealed_key_is_bound_to_its_login_password_and_terms() -> None:
    own = Signer("anne", Ed25519PrivateKey.generate())
    sealed = seal_key(own, "quatre chats gris")
    assert open_key("anne", sealed, "quatre chats gris").sign(b"x") == own.sign(b"x")
    terms = json.loads(sealed)
    changed = json.dumps(terms | {"passes": terms["passes"] + 1}).encode()
    for login, content, password in (
        ("paul", sealed, "quatre chats gris"),
        ("anne", sealed, "quatre chats gri"),
        ("anne", changed, "quatre chats gris"),
    ):
        with pytest.raises(SigningKeyLost):
            open_key(login, content, password)
