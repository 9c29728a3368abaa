from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from features.keys import Keyring
from revue import schema
from revue.checkpoints import Checkpoints, LogKey
from revue.journal import (
    JournalEmpty,
    check_journal,
    checkpoint,
    content_of,
    drop_months,
    entries,
    months,
    record,
    verify_journal,
)
from revue.merkle import leaf_hash
from revue.records import Actor, JournalReport, canonical
from tests.revue.builders import NOW, strangers_keys
from tests.revue.conftest import Refused

LEA = Actor("lea", None, None)
EMPTY = hashlib.sha256().hexdigest()
"""The root of a tree without leaves."""


def key_of(keys: Keyring) -> LogKey:
    return LogKey(keys.signing.public_key())


def check(session: Session, keys: Keyring, handed: str) -> JournalReport:
    return check_journal(session, key_of(keys), handed=handed)


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
    assert (report.ok, report.size, report.root) == (True, 0, EMPTY)
    with pytest.raises(JournalEmpty):
        checkpoint(session, key_of(keys))


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
        taken = checkpoint(session, key_of(keys))
        assert check(session, keys, taken).ok
        write(session, 2)
        assert check(session, keys, taken).ok
    with sessions.begin() as session:
        tamper(
            session,
            "DELETE FROM journal_entries WHERE position >= 3",
            f"UPDATE journal_heads SET size = 3, root = '{kept.root}', "  # noqa: S608
            f"frontier = '{kept.frontier}', signature = '{kept.signature}'",
        )
        assert verify_journal(session, keys.verify).ok  # nothing inside the database shows it
        report = check(session, keys, taken)
        assert report.fault == "2026-11: the journal does not continue the checkpoint of size 6."
    with sessions.begin() as session:
        write(session, 5, act="fork")
        assert verify_journal(session, keys.verify).ok
        assert not check(session, keys, taken).ok


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
    assert not check(session, keys, edit(checkpoint(session, key_of(keys)))).ok


def test_the_checkpoint_of_an_earlier_month_holds(session: Session, keys: Keyring) -> None:
    write(session, 3, datetime(2026, 10, 3, tzinfo=UTC))
    taken = checkpoint(session, key_of(keys))
    origin, size, *_ = taken.splitlines()
    assert (origin, size) == ("rebond/journal/2026-10", "3")
    write(session, 3)
    assert check(session, keys, taken).ok


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


def test_what_was_hashed_is_read_the_same_way_whatever_is_written(
    session: Session, keys: Keyring
) -> None:
    strange = 'é "quoted" \\ \u2028 \t \x01 \U0001f600'
    record(session, actor=Actor(strange, None, None), act="read", subject=strange, now=NOW)
    row = session.scalars(select(schema.Entry)).one()
    place = (row.month, row.position, row.at, row.actor, row.act, row.subject, row.commitment)
    assert leaf_hash(content_of(*place)).hex() == row.leaf
    assert content_of(*place) == canonical(list(place)).encode()
    assert verify_journal(session, keys.verify).ok


def outside(tmp_path: Path, keys: Keyring) -> Checkpoints:
    return Checkpoints(tmp_path / "elsewhere", key_of(keys))


def take(session: Session, keys: Keyring, kept: Checkpoints, now: datetime) -> None:
    kept.add(checkpoint(session, key_of(keys)), months(session)[0], now)


def heads(session: Session) -> str:
    """Return the SQL that puts the newest head back as it is now."""
    row = session.execute(text("SELECT * FROM journal_heads ORDER BY month DESC")).first()
    assert row is not None
    return (
        f"UPDATE journal_heads SET size = {row.size}, root = '{row.root}', "  # noqa: S608
        f"frontier = '{row.frontier}', signature = '{row.signature}' WHERE month = '{row.month}'"
    )


@pytest.mark.safeguard
def test_s22_a_cut_tail_with_its_old_head_shows_against_what_is_kept_outside(
    session: Session, keys: Keyring, tmp_path: Path
) -> None:
    kept = outside(tmp_path, keys)
    write(session, 3)
    take(session, keys, kept, NOW)
    back = heads(session)
    write(session, 3)
    take(session, keys, kept, NOW + timedelta(minutes=1))
    assert check_journal(session, key_of(keys), kept=kept).checkpoints == 2
    tamper(session, "DELETE FROM journal_entries WHERE position >= 3", back)
    assert verify_journal(session, keys.verify).ok  # nothing inside the database shows it
    report = check_journal(session, key_of(keys), kept=kept)
    assert report.fault == "2026-11: the journal does not continue the checkpoint of size 6."


@pytest.mark.safeguard
def test_s22_a_fork_that_outgrew_what_it_replaced_shows(
    session: Session, keys: Keyring, tmp_path: Path
) -> None:
    """Its own newer checkpoint lies beside the older one and does not hide it."""
    kept = outside(tmp_path, keys)
    write(session, 3)
    back = heads(session)
    write(session, 3)
    take(session, keys, kept, NOW)
    tamper(session, "DELETE FROM journal_entries WHERE position >= 3", back)
    session.expire_all()
    write(session, 9, act="fork")
    take(session, keys, kept, NOW + timedelta(minutes=2))
    assert verify_journal(session, keys.verify).ok
    assert not check_journal(session, key_of(keys), kept=kept).ok


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("\n3\n", "\n2\n"),
        lambda text: text.replace("\n3\n", "\n03\n"),
        lambda text: text.replace("2026-11", "2026-12"),
        lambda text: text[:-9],
        lambda text: text + "one more line\n",
        lambda text: text.replace("\u2014", "-"),
        lambda text: text.replace("\nrebond", "\nautre") + "\n",
    ],
)
def test_s22_a_checkpoint_edited_outside_shows(
    session: Session, keys: Keyring, tmp_path: Path, edit: Callable[[str], str]
) -> None:
    kept = outside(tmp_path, keys)
    write(session, 3)
    take(session, keys, kept, NOW)
    assert check_journal(session, key_of(keys), kept=kept).ok
    (file,) = kept.folder.rglob("*.txt")
    before = file.read_text()
    file.write_text(edit(before))
    assert file.read_text() != before
    assert not check_journal(session, key_of(keys), kept=kept).ok


@pytest.mark.safeguard
def test_s22_a_strangers_journal_and_checkpoints_show(
    session: Session, keys: Keyring, tmp_path: Path
) -> None:
    """Whoever makes the whole of it anew lacks the key."""
    stranger = strangers_keys()
    session.info["sign"] = stranger.sign
    write(session, 3)
    kept = outside(tmp_path, stranger)
    take(session, stranger, kept, NOW)
    assert check_journal(session, key_of(stranger), kept=kept).ok
    assert not check_journal(session, key_of(keys)).ok
    with_ours = Checkpoints(kept.folder, key_of(keys))
    assert not check_journal(session, key_of(keys), kept=with_ours).ok


@pytest.mark.safeguard
def test_s22_swapped_months_show(three_months: Session, keys: Keyring) -> None:
    swap = [
        f"UPDATE {table} SET month = '{after}' WHERE month = '{before}'"  # noqa: S608
        for before, after in (("2026-09", "x"), ("2026-10", "2026-09"), ("x", "2026-10"))
        for table in ("journal_entries", "journal_heads")
    ]
    tamper(three_months, *swap)
    assert not verify_journal(three_months, keys.verify).ok


@pytest.mark.safeguard
def test_s22_a_month_gone_from_the_middle_or_the_end_shows(
    three_months: Session, keys: Keyring, tmp_path: Path
) -> None:
    kept = outside(tmp_path, keys)
    take(three_months, keys, kept, NOW)
    for trigger in TRIGGERS:
        three_months.execute(text(f"DROP TRIGGER {trigger}"))
    for month, table in product(("2026-10", "2026-11"), ("journal_entries", "journal_heads")):
        three_months.execute(text(f"DELETE FROM {table} WHERE month = '{month}'"))  # noqa: S608
        assert not check_journal(three_months, key_of(keys), kept=kept).ok
    assert verify_journal(three_months, keys.verify).ok  # only what lies outside shows the end
    report = check_journal(three_months, key_of(keys), kept=kept)
    assert report.fault == "2026-11: the month of a checkpoint is not in the journal."


def test_at_most_one_checkpoint_a_minute(session: Session, keys: Keyring, tmp_path: Path) -> None:
    kept, other = outside(tmp_path, keys), outside(tmp_path, keys)
    for second in range(0, 300, 20):
        now = NOW + timedelta(seconds=second)
        write(session, 1, now)
        for process in (kept, other):
            if process.is_due(now):
                take(session, keys, process, now)
    assert [seen.size for seen in kept.read()] == [1, 4, 7, 10, 13]
    report = check_journal(session, key_of(keys), kept=kept, is_home=True)
    assert report.ok and report.checkpoints == 5
    assert [path.name for path in kept.folder.rglob("*") if path.is_file()] == ["2026-11-21.txt"]


@pytest.mark.safeguard
def test_s22_acts_without_checkpoints_outside_are_said_loudly(
    session: Session, keys: Keyring, tmp_path: Path
) -> None:
    kept = outside(tmp_path, keys)
    write(session, 1)
    assert check_journal(session, key_of(keys), kept=kept).ok  # a copy may come without
    report = check_journal(session, key_of(keys), kept=kept, is_home=True)
    assert report.fault and report.fault.startswith("no checkpoint is kept outside the database")
    take(session, keys, kept, NOW)
    write(session, 1, NOW + timedelta(minutes=40))
    assert check_journal(session, key_of(keys), kept=kept, is_home=True).ok
    write(session, 1, NOW + timedelta(minutes=70))
    report = check_journal(session, key_of(keys), kept=kept, is_home=True)
    assert report.fault and report.fault.startswith("no checkpoint was written outside")


@pytest.fixture
def fifteen_months(session: Session) -> Session:
    for number in range(15):
        write(session, 2, datetime(2025 + (8 + number) // 12, (8 + number) % 12 + 1, 3, tzinfo=UTC))
    return session


@pytest.mark.safeguard
def test_s23_months_older_than_twelve_go_whole_and_the_rest_holds(
    fifteen_months: Session, keys: Keyring, tmp_path: Path
) -> None:
    session = fifteen_months
    assert months(session)[-1] == "2025-09" and months(session)[0] == "2026-11"
    kept = outside(tmp_path, keys)
    take(session, keys, kept, NOW)
    assert drop_months(session, date(2026, 9, 30)) == ()  # the day of the home is what counts
    assert drop_months(session, date(2026, 11, 21)) == ("2025-09", "2025-10")
    assert months(session)[-1] == "2025-11"
    assert "2025-10-03" not in str(
        [tuple(row) for row in session.execute(text("SELECT at FROM journal_entries"))]
    )
    assert check_journal(session, key_of(keys), kept=kept).ok
    assert drop_months(session, date(2028, 1, 1)) == ()  # nothing younger, whatever the day


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM journal_heads WHERE month = '2025-11'",
        "DELETE FROM journal_heads WHERE month = '2025-10'",
        "DELETE FROM journal_heads",
        "DELETE FROM journal_entries WHERE month = '2025-09'",
        "DELETE FROM journal_entries WHERE month = '2026-11' AND position = 2",
        "DELETE FROM journal_entries",
    ],
)
def test_s23_raw_sql_drops_nothing_but_the_oldest_expired_month(
    fifteen_months: Session, refused: Refused, attack: str
) -> None:
    refused(attack)


@pytest.mark.safeguard
def test_s23_a_month_dropped_in_part_shows(fifteen_months: Session, keys: Keyring) -> None:
    for statement in (
        "DELETE FROM journal_heads WHERE month = '2025-09'",
        "DELETE FROM journal_entries WHERE month = '2025-09' AND position = 1",
    ):
        fifteen_months.execute(text(statement))
    report = verify_journal(fifteen_months, keys.verify)
    assert report.fault == "2025-09: entries without a signed head."


@pytest.mark.safeguard
def test_s22_an_entry_appended_by_hand_shows_and_stays_visible(
    session: Session, keys: Keyring
) -> None:
    """The triggers let the next place be filled, for that is how entries come; the head tells."""
    write(session, 3)
    session.execute(
        text(
            "INSERT INTO journal_entries SELECT month, 3, at, 'mallory', 'resume', 'version', "
            "commitment, leaf FROM journal_entries WHERE position = 2"
        )
    )
    assert not verify_journal(session, keys.verify).ok
    write(session, 2)  # acts go on, and nothing signs over what was slipped in
    report = verify_journal(session, keys.verify)
    assert report.fault == "2026-11 entry 3: its content is not what was recorded."
    # Its own hash beside it does not help: no head counts it.
    for trigger in TRIGGERS:
        session.execute(text(f"DROP TRIGGER {trigger}"))
    content = content_of(*session.execute(text(ENTRY)).one())
    leaf = f"UPDATE journal_entries SET leaf = '{leaf_hash(content).hex()}' WHERE position = 3"  # noqa: S608
    session.execute(text(leaf))
    report = verify_journal(session, keys.verify)
    assert report.fault == "2026-11: the head counts 3 entries, found 6."


ENTRY = (
    "SELECT month, position, at, actor, act, subject, commitment FROM journal_entries "
    "WHERE position = 3"
)
