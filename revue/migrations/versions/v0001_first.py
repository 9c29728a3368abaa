"""The first schema of the review database, and what the database itself refuses.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TRIGGERS = (
    # The journal grows at its end and nowhere else (S22). An insert that would replace a
    # row is no delete for SQLite, so the place of an insert is checked too.
    """
    CREATE TRIGGER journal_entries_appended BEFORE INSERT ON journal_entries
    WHEN NEW.position IS NOT (
        SELECT COALESCE(MAX(position) + 1, 0) FROM journal_entries WHERE month = NEW.month
    ) OR EXISTS (SELECT 1 FROM journal_entries WHERE month > NEW.month)
    BEGIN SELECT RAISE(ABORT, 'the journal only grows at its end'); END
    """,
    """
    CREATE TRIGGER journal_entries_unchanged BEFORE UPDATE ON journal_entries
    BEGIN SELECT RAISE(ABORT, 'the journal is never changed'); END
    """,
    """
    CREATE TRIGGER journal_entries_kept BEFORE DELETE ON journal_entries
    BEGIN SELECT RAISE(ABORT, 'the journal is never shortened'); END
    """,
    """
    CREATE TRIGGER journal_heads_begun BEFORE INSERT ON journal_heads
    WHEN NEW.size IS NOT 1 OR EXISTS (SELECT 1 FROM journal_heads WHERE month >= NEW.month)
    BEGIN SELECT RAISE(ABORT, 'a month of the journal begins once'); END
    """,
    """
    CREATE TRIGGER journal_heads_grown BEFORE UPDATE ON journal_heads
    WHEN NEW.month IS NOT OLD.month OR NEW.size IS NOT OLD.size + 1
    BEGIN SELECT RAISE(ABORT, 'the head of the journal only grows'); END
    """,
    """
    CREATE TRIGGER journal_heads_kept BEFORE DELETE ON journal_heads
    BEGIN SELECT RAISE(ABORT, 'the journal is never shortened'); END
    """,
    # Own view, then signal, then decision, all by one human being (S1, S2).
    """
    CREATE TRIGGER views_first BEFORE INSERT ON views
    WHEN EXISTS (SELECT 1 FROM views WHERE situation_id = NEW.situation_id)
        OR EXISTS (SELECT 1 FROM reveals WHERE situation_id = NEW.situation_id)
        OR NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND role = 'educator')
    BEGIN SELECT RAISE(ABORT, 'a view is an educator''s, given once, before the signal'); END
    """,
    """
    CREATE TRIGGER views_unchanged BEFORE UPDATE ON views
    BEGIN SELECT RAISE(ABORT, 'a view is never changed'); END
    """,
    """
    CREATE TRIGGER reveals_after_view BEFORE INSERT ON reveals
    WHEN EXISTS (SELECT 1 FROM reveals WHERE situation_id = NEW.situation_id)
        OR NOT EXISTS (
            SELECT 1 FROM views
            WHERE situation_id = NEW.situation_id AND user_id = NEW.user_id
        )
    BEGIN SELECT RAISE(ABORT, 'the signal comes after one''s own view'); END
    """,
    """
    CREATE TRIGGER reveals_unchanged BEFORE UPDATE ON reveals
    BEGIN SELECT RAISE(ABORT, 'a reveal is never changed'); END
    """,
    """
    CREATE TRIGGER decisions_after_signal BEFORE INSERT ON decisions
    WHEN EXISTS (SELECT 1 FROM decisions WHERE situation_id = NEW.situation_id)
        OR NOT EXISTS (
            SELECT 1 FROM views JOIN reveals USING (situation_id, user_id)
            WHERE situation_id = NEW.situation_id AND user_id = NEW.user_id
        )
    BEGIN SELECT RAISE(ABORT, 'a decision comes after one''s own view and the signal'); END
    """,
    """
    CREATE TRIGGER decisions_unchanged BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END
    """,
    """
    CREATE TRIGGER decision_offers_meant BEFORE INSERT ON decision_offers
    WHEN NOT EXISTS (
        SELECT 1 FROM decisions WHERE situation_id = NEW.situation_id AND kind = 'offer'
    )
    BEGIN SELECT RAISE(ABORT, 'offers stand beside a decision to offer'); END
    """,
    """
    CREATE TRIGGER decision_offers_unchanged BEFORE UPDATE ON decision_offers
    BEGIN SELECT RAISE(ABORT, 'an offer is never changed'); END
    """,
)


def upgrade() -> None:
    """Make the tables and the triggers."""
    op.create_table(
        "identities",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_identities")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal_entries",
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("month", "position", name=op.f("pk_journal_entries")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal_heads",
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("frontier", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_journal_heads")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "models",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("table_hash", sa.String(), nullable=False),
        sa.Column("protocol_hash", sa.String(), nullable=False),
        sa.Column("data_hash", sa.String(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "one_approval",
                "approved",
                "rejected",
                "suspended",
                name="modelstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("registered_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_models")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "people",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("referent", sa.String(), nullable=True),
        sa.Column("entered_on", sa.Date(), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("informed_on", sa.Date(), nullable=True),
        sa.Column("synced_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_people")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_people_referent"), "people", ["referent"], unique=False)
    op.create_table(
        "sign_in_failures",
        sa.Column("login_hash", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("locked_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("login_hash", name=op.f("pk_sign_in_failures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "educator",
                "team_lead",
                "steward",
                "committee",
                "dpo",
                "admin",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("practised", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("login", name=op.f("uq_users_login")),
    )
    op.create_table(
        "model_audits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum(
                "pass",
                "fail",
                "cannot_assess",
                name="verdict",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("audit_hash", sa.String(), nullable=False),
        sa.Column("report_hash", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["models.version"], name=op.f("fk_model_audits_version_models")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_audits")),
    )
    op.create_index(op.f("ix_model_audits_version"), "model_audits", ["version"], unique=False)
    op.create_table(
        "open_sessions",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("csrf", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_open_sessions_user_id_users")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_open_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["models.version"], name=op.f("fk_promotions_version_models")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotions")),
    )
    op.create_index(op.f("ix_promotions_version"), "promotions", ["version"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("protocol_hash", sa.String(), nullable=False),
        sa.Column("unserved", sa.Integer(), nullable=False),
        sa.Column("not_informed", sa.Integer(), nullable=False),
        sa.Column("ran_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["models.version"], name=op.f("fk_runs_version_models")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_table(
        "situations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("referent", sa.String(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "signal",
                "control",
                "self_opened",
                name="situationkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "to_look_at",
                "viewed",
                "signal_seen",
                "decided",
                "handled_elsewhere",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["models.version"], name=op.f("fk_situations_version_models")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_situations")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_situations_open", "situations", ["team", "referent", "state"], unique=False)
    op.create_index(op.f("ix_situations_person"), "situations", ["person"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "offer",
                "nothing_now",
                "in_hand",
                "talk_first",
                "team",
                "wrong_data",
                "missing_context",
                "not_relevant",
                name="decisionkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("informed", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("length(trim(reason)) > 0", name=op.f("ck_decisions_reason")),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_decisions_situation_id_situations")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_decisions_user_id_users")),
        sa.PrimaryKeyConstraint("situation_id", name=op.f("pk_decisions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reveals",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_reveals_situation_id_situations")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reveals_user_id_users")),
        sa.PrimaryKeyConstraint("situation_id", name=op.f("pk_reveals")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "signals",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_signals_situation_id_situations")
        ),
        sa.PrimaryKeyConstraint("situation_id", name=op.f("pk_signals")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "views",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column(
            "opinion",
            sa.Enum(
                "yes",
                "no",
                "unknown",
                name="opinion",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_views_situation_id_situations")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_views_user_id_users")),
        sa.PrimaryKeyConstraint("situation_id", name=op.f("pk_views")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "votes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("audit_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column(
            "act",
            sa.Enum(
                "approve",
                "reject",
                "suspend",
                "resume",
                name="voteact",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("waived", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["model_audits.id"], name=op.f("fk_votes_audit_id_model_audits")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_votes_user_id_users")),
        sa.ForeignKeyConstraint(
            ["version"], ["models.version"], name=op.f("fk_votes_version_models")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
    )
    op.create_index(op.f("ix_votes_version"), "votes", ["version"], unique=False)
    op.create_table(
        "decision_offers",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column(
            "offer",
            sa.Enum(
                "rendez-vous-au-choix",
                "rendez-vous-interprete",
                "rencontre-referents",
                "point-droits",
                "demarche-recours",
                "demarche-en-ligne",
                "equipement-numerique",
                "budget",
                "point-conseil-budget",
                "echeancier-bailleur",
                "maintien-logement",
                "hebergement-temporaire",
                "epicerie-solidaire",
                "trajet",
                "garde-enfants",
                "activite-collective",
                "pair-aidant",
                "cours-francais",
                name="offer",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"],
            ["decisions.situation_id"],
            name=op.f("fk_decision_offers_situation_id_decisions"),
        ),
        sa.PrimaryKeyConstraint("situation_id", "offer", name=op.f("pk_decision_offers")),
        sqlite_with_rowid=False,
    )

    for trigger in _TRIGGERS:
        op.execute(trigger)
