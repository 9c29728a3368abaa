"""Wordings with versions of their own: proposed by one member, confirmed once by another.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TRIGGERS = (
    """
    CREATE TRIGGER wordings_appended BEFORE INSERT ON wordings
    WHEN NEW.version IS NOT (SELECT COALESCE(MAX(version), 1) + 1 FROM wordings)
        OR NEW.confirmed_by IS NOT NULL
        OR NEW.confirmed_at IS NOT NULL
        OR NEW.signature IS NOT NULL
        OR NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.proposed_by AND role = 'committee')
    BEGIN SELECT RAISE(ABORT, 'a wording is first proposed, by a member of the committee'); END
    """,
    """
    CREATE TRIGGER wordings_confirmed BEFORE UPDATE ON wordings
    WHEN OLD.confirmed_by IS NOT NULL
        OR NEW.confirmed_by IS OLD.proposed_by
        OR NEW.confirmed_at IS NULL
        OR NEW.signature IS NULL
        OR NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.confirmed_by AND role = 'committee')
        OR (NEW.version, NEW.feature_group, NEW.text, NEW.reason, NEW.proposed_by, NEW.proposed_at)
            IS NOT
            (OLD.version, OLD.feature_group, OLD.text, OLD.reason, OLD.proposed_by, OLD.proposed_at)
    BEGIN SELECT RAISE(ABORT, 'a wording is confirmed once, by another member'); END
    """,
    """
    CREATE TRIGGER wordings_kept BEFORE DELETE ON wordings
    BEGIN SELECT RAISE(ABORT, 'a wording is never taken back, only replaced'); END
    """,
)


def upgrade() -> None:
    """Make the table and its triggers."""
    op.create_table(
        "wordings",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("feature_group", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(), nullable=False),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(), nullable=True),
        sa.Column("signature", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_wordings_confirmed_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["users.id"], name=op.f("fk_wordings_proposed_by_users")
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_wordings")),
    )
    for trigger in _TRIGGERS:
        op.execute(trigger)
