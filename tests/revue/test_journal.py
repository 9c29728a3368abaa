from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from features.keys import Keyring
from revue.journal import (
    JournalEmpty,
    checkpoint,
    entries,
    leaf_hash,
    merkle_root,
    node_hash,
    record,
    verify_journal,
)
from revue.records import Actor
from tests.revue.builders import NOW, strangers_keys
from tests.revue.conftest import Refused

LEA = Actor("lea", None, None)

CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Known answers of the Certificate Transparency reference implementation, by size."""


@pytest.mark.parametrize("size", range(9))
def test_tree_hash_known_answers(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES[:size]]
    assert merkle_root(leaves).hex() == CT_ROOTS[size]


def rfc6962(leaves: Sequence[bytes]) -> bytes:
    """Hash as RFC 6962 section 2.1 defines it, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(rfc6962(leaves[:split]), rfc6962(leaves[split:]))


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_tree_hash_is_the_definition(contents: list[bytes]) -> None:
    leaves = [leaf_hash(content) for content in contents]
    assert merkle_root(leaves) == rfc6962(leaves)


def write(session: Session, number: int, start: datetime = NOW, act: str = "read") -> None:
    for step in range(number):
        record(
            session,
            actor=LEA,
            act=act,
            subject=f"situation-{step}",
            details={"opinion": "yes"},
            now=start + timedelta(minutes=step),
        )


@pytest.fixture
def three_months(session: Session) -> Session:
    for month, number in ((9, 5), (10, 3), (11, 6)):
        write(session, number, datetime(2026, month, 3, tzinfo=UTC))
    return session


def test_the_empty_journal_is_sound(session: Session, keys: Keyring) -> None:
    report = verify_journal(session, keys.verify)
    assert (report.ok, report.size, report.root) == (True, 0, CT_ROOTS[0])
    with pytest.raises(JournalEmpty):
        checkpoint(session)


def test_months_are_chained(three_months: Session, keys: Keyring) -> None:
    report = verify_journal(three_months, keys.verify)
    assert report.ok, report.fault
    assert report.size == 5 + 3 + 6 + 2
    firsts = [entry for entry in entries(three_months, 100) if entry.position == 0]
    assert [(e.month, e.act, e.subject) for e in firsts] == [
        ("2026-11", "checkpoint", "2026-10"),
        ("2026-10", "checkpoint", "2026-09"),
        ("2026-09", "read", "situation-0"),
    ]


def test_a_clock_set_back_does_not_reopen_a_month(three_months: Session, keys: Keyring) -> None:
    write(three_months, 1, datetime(2026, 9, 20, tzinfo=UTC))
    assert entries(three_months, 1)[0].month == "2026-11"
    assert verify_journal(three_months, keys.verify).ok


TRIGGERS = (
    "journal_entries_appended",
    "journal_entries_unchanged",
    "journal_entries_kept",
    "journal_heads_begun",
    "journal_heads_grown",
    "journal_heads_kept",
)


def tamper(session: Session, *statements: str) -> None:
    """Change the journal as somebody would who owns the file and drops the triggers."""
    for trigger in TRIGGERS:
        session.execute(text(f"DROP TRIGGER {trigger}"))
    for statement in statements:
        session.execute(text(statement))


HERE = "month = '2026-10' AND position = 2"


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"UPDATE journal_entries SET {column} = {column} || 'x' WHERE {HERE}"  # noqa: S608
            for column in ("at", "actor", "act", "subject", "commitment", "leaf")
        ),
        f"UPDATE journal_entries SET at = replace(at, 'T', ' ') WHERE {HERE}",  # noqa: S608
        f"UPDATE journal_entries SET position = 7 WHERE {HERE}",  # noqa: S608
        f"UPDATE journal_entries SET position = 'two' WHERE {HERE}",  # noqa: S608
        f"UPDATE journal_entries SET month = '2026-12' WHERE {HERE}",  # noqa: S608
        f"UPDATE journal_entries SET subject = x'ff00' WHERE {HERE}",  # noqa: S608
        f"UPDATE journal_entries SET subject = CAST(x'ff' AS TEXT) WHERE {HERE}",  # noqa: S608
        "DELETE FROM journal_entries WHERE month = '2026-10' AND position = 3",
        "DELETE FROM journal_entries WHERE month = '2026-10' AND position = 1",
        "DELETE FROM journal_entries WHERE month = '2026-09'",
        "DELETE FROM journal_heads WHERE month = '2026-10'",
        *(
            f"UPDATE journal_heads SET {change} WHERE month = '2026-10'"  # noqa: S608
            for change in (
                "size = size + 1",
                "size = 'four'",
                "root = upper(root)",
                "root = replace(root, substr(root, 1, 1), 'g')",
                "frontier = substr(frontier, 65)",
                "signature = substr(signature, 2) || '0'",
                "signature = x'00'",
                "month = '2026-08'",
            )
        ),
        "INSERT INTO journal_entries SELECT month, position + 1, at, actor, act, subject, "
        "commitment, leaf FROM journal_entries WHERE month = '2026-11' AND position = 6",
    ],
)
def test_s22_every_edit_shows(three_months: Session, keys: Keyring, statement: str) -> None:
    assert verify_journal(three_months, keys.verify).ok
    tamper(three_months, statement)
    report = verify_journal(three_months, keys.verify)
    assert not report.ok
    assert report.fault


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "change",
    [
        "size = size - 1",
        "size = 0, frontier = ''",
        "frontier = substr(frontier, 65)",
        "frontier = 'zz'",
        "root = '00'",
        "signature = '00'",
    ],
)
def test_s22_the_next_act_never_signs_a_changed_head(
    three_months: Session, keys: Keyring, change: str
) -> None:
    """The act itself goes on (danger does not wait), and the journal stays visibly broken."""
    tamper(three_months, f"UPDATE journal_heads SET {change} WHERE month = '2026-11'")  # noqa: S608
    three_months.expire_all()
    for _ in range(2):
        record(
            three_months,
            actor=LEA,
            act="danger",
            subject="s",
            now=datetime(2026, 11, 9, tzinfo=UTC),
        )
    assert not verify_journal(three_months, keys.verify).ok


@pytest.mark.safeguard
def test_s22_the_next_act_never_signs_over_lost_entries(
    three_months: Session, keys: Keyring
) -> None:
    """Only the one trigger is lifted: the others must not stand in an act's way afterwards."""
    three_months.execute(text("DROP TRIGGER journal_entries_kept"))
    three_months.execute(
        text("DELETE FROM journal_entries WHERE month = '2026-11' AND position > 3")
    )
    three_months.expire_all()
    for _ in range(4):
        record(
            three_months,
            actor=LEA,
            act="danger",
            subject="s",
            now=datetime(2026, 11, 9, tzinfo=UTC),
        )
    assert not verify_journal(three_months, keys.verify).ok


@pytest.mark.safeguard
def test_s22_reordering_shows(three_months: Session, keys: Keyring) -> None:
    swap = "UPDATE journal_entries SET position = {} WHERE month = '2026-11' AND position = {}"
    tamper(three_months, swap.format(99, 2), swap.format(2, 3), swap.format(3, 99))
    assert not verify_journal(three_months, keys.verify).ok


@pytest.mark.safeguard
def test_s22_a_month_written_again_with_its_hashes_shows(
    three_months: Session, keys: Keyring
) -> None:
    """Whoever recomputes every hash still lacks the key, and the next month's first leaf."""
    tamper(
        three_months,
        "DELETE FROM journal_entries WHERE month >= '2026-10'",
        "DELETE FROM journal_heads WHERE month >= '2026-10'",
    )
    stranger = strangers_keys()
    three_months.expunge_all()
    three_months.info["sign"] = stranger.sign
    write(three_months, 3, datetime(2026, 10, 3, tzinfo=UTC))
    assert verify_journal(three_months, stranger.verify).ok is False
    report = verify_journal(three_months, keys.verify)
    assert report.fault == "2026-10: the head is not signed with this home's key."


@pytest.mark.safeguard
def test_s22_a_whole_month_may_only_go_when_it_expired(session: Session, keys: Keyring) -> None:
    write(session, 3, datetime(2025, 9, 3, tzinfo=UTC))
    write(session, 3, datetime(2025, 10, 3, tzinfo=UTC))
    write(session, 3, datetime(2026, 9, 3, tzinfo=UTC))
    drop = ("DELETE FROM {} WHERE month = '2025-09'",)
    tamper(session, *(d.format(t) for d in drop for t in ("journal_entries", "journal_heads")))
    assert not verify_journal(session, keys.verify).ok  # twelve months old: still to be kept
    write(session, 1, datetime(2026, 10, 3, tzinfo=UTC))
    assert verify_journal(session, keys.verify).ok


@pytest.mark.safeguard
def test_s22_truncation_and_fork_show_against_a_checkpoint(
    sessions: sessionmaker[Session], keys: Keyring
) -> None:
    with sessions.begin() as session:
        write(session, 3)
        kept = {row.month: row for row in session.execute(text("SELECT * FROM journal_heads"))}[
            "2026-11"
        ]
        write(session, 3)
        taken = checkpoint(session)
        assert verify_journal(session, keys.verify, taken).ok
        write(session, 2)
        assert verify_journal(session, keys.verify, taken).ok
    with sessions.begin() as session:
        tamper(
            session,
            "DELETE FROM journal_entries WHERE position >= 3",
            f"UPDATE journal_heads SET size = 3, root = '{kept.root}', "  # noqa: S608
            f"frontier = '{kept.frontier}', signature = '{kept.signature}'",
        )
        assert verify_journal(session, keys.verify).ok  # nothing inside the database shows it
        report = verify_journal(session, keys.verify, taken)
        assert report.fault == "2026-11: the journal does not continue the checkpoint of size 6."
    with sessions.begin() as session:
        write(session, 5, act="fork")
        assert verify_journal(session, keys.verify).ok
        assert not verify_journal(session, keys.verify, taken).ok


@pytest.mark.safeguard
def test_s22_shortening_a_closed_month_shows_in_the_next(session: Session, keys: Keyring) -> None:
    """An older head of the month is truly signed; the next month's first leaf knows better."""
    write(session, 3, datetime(2026, 10, 3, tzinfo=UTC))
    kept = session.execute(text("SELECT * FROM journal_heads")).one()
    write(session, 2, datetime(2026, 10, 4, tzinfo=UTC))
    write(session, 3)
    tamper(
        session,
        "DELETE FROM journal_entries WHERE month = '2026-10' AND position >= 3",
        f"UPDATE journal_heads SET size = 3, root = '{kept.root}', "  # noqa: S608
        f"frontier = '{kept.frontier}', signature = '{kept.signature}' WHERE month = '2026-10'",
    )
    report = verify_journal(session, keys.verify)
    assert report.fault == "2026-11: does not continue 2026-10."


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("\n3\n", "\n2\n"),
        lambda text: text.replace("rebond", "autre"),
        lambda text: text.replace("2026-11", "2026-12"),
        lambda text: text + "one more line\n",
        lambda _: "",
    ],
)
def test_s22_a_forged_checkpoint_shows(
    session: Session, keys: Keyring, edit: Callable[[str], str]
) -> None:
    write(session, 3)
    assert not verify_journal(session, keys.verify, edit(checkpoint(session))).ok


def test_the_checkpoint_of_an_earlier_month_holds(session: Session, keys: Keyring) -> None:
    write(session, 3, datetime(2026, 10, 3, tzinfo=UTC))
    taken = checkpoint(session)
    origin, size, *_ = taken.splitlines()
    assert (origin, size) == ("rebond/journal/2026-10", "3")
    write(session, 3)
    assert verify_journal(session, keys.verify, taken).ok


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE journal_entries SET act = 'x'",
        "UPDATE OR REPLACE journal_entries SET position = 0",
        "DELETE FROM journal_entries",
        "INSERT OR REPLACE INTO journal_entries SELECT month, position, at, 'mallory', act, "
        "subject, commitment, leaf FROM journal_entries WHERE position = 0",
        "INSERT INTO journal_entries VALUES ('2026-11', 9, '', '', '', '', '', '')",
        "INSERT INTO journal_entries VALUES ('2026-10', 0, '', '', '', '', '', '')",
        "DELETE FROM journal_heads",
        "UPDATE journal_heads SET size = 1",
        "UPDATE journal_heads SET root = ''",
        "INSERT OR REPLACE INTO journal_heads VALUES ('2026-11', 1, '', '', '')",
    ],
)
def test_s22_the_database_refuses_edits(session: Session, refused: Refused, attack: str) -> None:
    write(session, 3)
    refused(attack)


@pytest.mark.safeguard
def test_s23_no_content_and_no_dictionary(session: Session) -> None:
    """An opinion has three values: its commitment must not be found by trying them."""
    write(session, 2)
    rows = session.execute(text("SELECT * FROM journal_entries")).all()
    assert "yes" not in str(rows)
    first, second = (row.commitment for row in rows)
    assert first != second
    guesses = {hashlib.sha256(guess).hexdigest() for guess in (b"yes", b'{"opinion":"yes"}')}
    assert not guesses & {first, second}
