"""Keys apart, rights, notices, sealed copies, a member's own signature, what was assessed.

The data keys of the vault leave this database for the key folder: `rebond upgrade` has
carried them there before this runs (:mod:`revue.standings`).

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Whole months expire, the oldest first and its head before its entries; what is not older
# than twelve months beside the newest never goes. A month cut in half has lost its head and
# shows as such. Where no newest month can be made out, nothing may go.
_TRIGGERS = (
    "DROP TRIGGER IF EXISTS journal_entries_kept",
    "DROP TRIGGER IF EXISTS journal_heads_kept",
    """
    CREATE TRIGGER journal_heads_kept BEFORE DELETE ON journal_heads
    WHEN OLD.month > (SELECT MIN(month) FROM journal_heads) OR OLD.month >= COALESCE(
        strftime('%Y-%m', (SELECT MAX(month) FROM journal_heads) || '-01', '-12 months'), ''
    )
    BEGIN SELECT RAISE(ABORT, 'the journal is kept for twelve months'); END
    """,
    """
    CREATE TRIGGER journal_entries_kept BEFORE DELETE ON journal_entries
    WHEN EXISTS (SELECT 1 FROM journal_heads WHERE month = OLD.month) OR OLD.month >= COALESCE(
        strftime('%Y-%m', (SELECT MAX(month) FROM journal_heads) || '-01', '-12 months'), ''
    )
    BEGIN SELECT RAISE(ABORT, 'the journal is kept for twelve months'); END
    """,
    # One signal per person and review date, whatever program writes it (S19).
    """
    CREATE TRIGGER signals_once BEFORE INSERT ON signals
    WHEN EXISTS (SELECT 1 FROM signals WHERE situation_id = NEW.situation_id)
        OR EXISTS (
            SELECT 1 FROM situations AS own
            JOIN situations AS other ON other.person = own.person AND other.id <> own.id
            JOIN signals ON signals.situation_id = other.id AND signals.as_of = NEW.as_of
            WHERE own.id = NEW.situation_id
        )
    BEGIN SELECT RAISE(ABORT, 'one signal per person and review date'); END
    """,
    # What was frozen is told as it was then, and is what the person is answered with (S13).
    """
    CREATE TRIGGER signals_unchanged BEFORE UPDATE ON signals
    BEGIN SELECT RAISE(ABORT, 'what a signal says is frozen'); END
    """,
    """
    CREATE TRIGGER situations_once BEFORE INSERT ON situations
    WHEN EXISTS (SELECT 1 FROM situations WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'a situation is opened once'); END
    """,
    """
    CREATE TRIGGER situations_frozen
    BEFORE UPDATE OF kind, as_of, version, valid_until, probability, opened_at, facts ON situations
    BEGIN SELECT RAISE(ABORT, 'what a situation was opened with is frozen'); END
    """,
    # A rotation renames everybody in the directory first, and situations after them.
    """
    CREATE TRIGGER situations_of_one BEFORE UPDATE OF person ON situations
    WHEN EXISTS (SELECT 1 FROM people WHERE person = OLD.person)
    BEGIN SELECT RAISE(ABORT, 'a situation stays with its person'); END
    """,
    # Ten years later, by the newest month of the journal, a wording stands in nothing any more.
    "DROP TRIGGER wordings_kept",
    """
    CREATE TRIGGER wordings_kept BEFORE DELETE ON wordings
    WHEN date(OLD.proposed_at) >= COALESCE(
        (SELECT date(MAX(month) || '-01', '-3652 days') FROM journal_heads), ''
    )
    BEGIN SELECT RAISE(ABORT, 'a wording is never taken back, only replaced'); END
    """,
)


def upgrade() -> None:
    """Make the new tables and columns; drop the wrapped data keys."""
    op.create_table(
        "marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notices",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("told_by", sa.String(), nullable=False),
        sa.Column(
            "form",
            sa.Enum(
                "oral",
                "letter",
                "leaflet",
                "interpreter",
                "imported",
                name="noticeform",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("person", "told_on", name=op.f("pk_notices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column(
            "asked",
            sa.Enum(
                "access",
                "rectify",
                "restrict",
                "object",
                "erase",
                name="right",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("noted_by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "done",
                "refused",
                name="requestoutcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("done_by", sa.String(), nullable=True),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_requests_person"), "requests", ["person"], unique=False)
    op.create_table(
        "assessments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_assessments_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments")),
        sqlite_with_rowid=True,
    )
    op.create_index(
        op.f("ix_assessments_content_hash"), "assessments", ["content_hash"], unique=False
    )
    op.create_table(
        "lifts",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lifts_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "on", "person", name=op.f("pk_lifts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_grants_situation_id_situations")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_grants_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_grants_situation_id"), "grants", ["situation_id"], unique=False)
    op.create_table(
        "sealed_copies",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"],
            ["situations.id"],
            name=op.f("fk_sealed_copies_situation_id_situations"),
        ),
        sa.PrimaryKeyConstraint("situation_id", name=op.f("pk_sealed_copies")),
        sqlite_with_rowid=False,
    )
    op.drop_column("identities", "wrapped_key")
    op.add_column("users", sa.Column("closed_at", sa.DateTime(), nullable=True))
    op.add_column("users", sa.Column("public_key", sa.String(), nullable=True))
    op.add_column("users", sa.Column("sealed_key", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("sealed_totp", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("totp_step", sa.Integer(), nullable=True))
    # What was told so far stays told; the next telling waits for as many people again.
    op.add_column(
        "practice_counts", sa.Column("shown", sa.Integer(), server_default="0", nullable=False)
    )
    op.execute("UPDATE practice_counts SET shown = count")
    op.add_column("votes", sa.Column("signature", sa.String(), nullable=True))
    # What is overdue is left out of every queue: along the index, without a look at each row.
    op.drop_index("ix_situations_open", "situations")
    op.create_index(
        "ix_situations_open",
        "situations",
        ["referent", "team", "state", "valid_until", "again_on", "opened_at"],
    )
    for trigger in _TRIGGERS:
        op.execute(trigger)
