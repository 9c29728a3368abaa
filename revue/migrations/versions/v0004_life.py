"""The whole life of a situation: holds, second looks, follow-ups, contestations, absences.

Each educator has their own view and their own reveal; a decision can be confirmed or
changed after a second look or a team meeting, and every one of them stays. SQLite cannot
change a key or a check in place, so six tables are made anew around their rows.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COPIED = {
    # What belonged to nobody in particular was the whole team's: it stays with who began it,
    # or waits for the team lead.
    "situations": "id, person, team, referent, kind, "
    "CASE WHEN referent IS NULL AND state = 'to_look_at' THEN 'to_assign' ELSE state END, "
    "as_of, due_on, version, valid_until, probability, opened_at, "
    "CASE WHEN referent IS NULL THEN (SELECT login FROM former_views "
    "JOIN users ON users.id = user_id WHERE situation_id = former_situations.id) END, "
    "NULL, NULL, NULL, facts",
    "signals": "situation_id, as_of, content",
    "views": "situation_id, user_id, opinion, why, at",
    "reveals": "situation_id, user_id, 1, at",
    "decisions": "situation_id, 0, user_id, kind, reason, informed, '', NULL, NULL, 0, at",
    "decision_offers": "situation_id, 0, offer, at",
}
"""What of each former row goes where, in the order of the new columns; parents first."""

_TRIGGERS = (
    # Own view, then signal, then decision, all by one human being (S1, S2); nothing goes on
    # over a contestation that waits for its answer (S32).
    """
    CREATE TRIGGER views_first BEFORE INSERT ON views
    WHEN EXISTS (
            SELECT 1 FROM views WHERE situation_id = NEW.situation_id AND user_id = NEW.user_id
        )
        OR EXISTS (
            SELECT 1 FROM reveals WHERE situation_id = NEW.situation_id AND user_id = NEW.user_id
        )
        OR NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND role = 'educator')
    BEGIN SELECT RAISE(ABORT, 'a view is an educator''s, given once, before the signal'); END
    """,
    """
    CREATE TRIGGER views_unchanged BEFORE UPDATE ON views
    BEGIN SELECT RAISE(ABORT, 'a view is never changed'); END
    """,
    """
    CREATE TRIGGER reveals_after_view BEFORE INSERT ON reveals
    WHEN EXISTS (
            SELECT 1 FROM reveals WHERE situation_id = NEW.situation_id AND user_id = NEW.user_id
        )
        OR NOT EXISTS (
            SELECT 1 FROM views WHERE situation_id = NEW.situation_id AND user_id = NEW.user_id
        )
        OR EXISTS (
            SELECT 1 FROM contestations
            WHERE situation_id = NEW.situation_id AND outcome IS NULL
        )
    BEGIN SELECT RAISE(ABORT, 'the signal comes after one''s own view'); END
    """,
    """
    CREATE TRIGGER reveals_unchanged BEFORE UPDATE ON reveals
    BEGIN SELECT RAISE(ABORT, 'a reveal is never changed'); END
    """,
    """
    CREATE TRIGGER decisions_after_signal BEFORE INSERT ON decisions
    WHEN NEW.number IS NOT (
            SELECT COUNT(*) FROM decisions WHERE situation_id = NEW.situation_id
        )
        OR NOT EXISTS (
            SELECT 1 FROM views JOIN reveals USING (situation_id, user_id)
            WHERE situation_id = NEW.situation_id AND user_id = NEW.user_id
        )
        OR EXISTS (
            SELECT 1 FROM contestations
            WHERE situation_id = NEW.situation_id AND outcome IS NULL
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
        SELECT 1 FROM decisions
        WHERE situation_id = NEW.situation_id AND number = NEW.number AND kind = 'offer'
    )
    BEGIN SELECT RAISE(ABORT, 'offers stand beside a decision to offer'); END
    """,
    """
    CREATE TRIGGER decision_offers_unchanged BEFORE UPDATE ON decision_offers
    BEGIN SELECT RAISE(ABORT, 'an offer is never changed'); END
    """,
    """
    CREATE TRIGGER follow_ups_after_decision BEFORE INSERT ON follow_ups
    WHEN NEW.number IS NOT (
            SELECT COUNT(*) FROM follow_ups WHERE situation_id = NEW.situation_id
        )
        OR NOT EXISTS (SELECT 1 FROM decisions WHERE situation_id = NEW.situation_id)
    BEGIN SELECT RAISE(ABORT, 'a follow-up comes after a decision'); END
    """,
    """
    CREATE TRIGGER follow_ups_unchanged BEFORE UPDATE ON follow_ups
    BEGIN SELECT RAISE(ABORT, 'a follow-up is never changed'); END
    """,
    """
    CREATE TRIGGER contestations_one BEFORE INSERT ON contestations
    WHEN NEW.number IS NOT (
            SELECT COUNT(*) FROM contestations WHERE situation_id = NEW.situation_id
        )
        OR NEW.outcome IS NOT NULL
        OR EXISTS (
            SELECT 1 FROM contestations WHERE situation_id = NEW.situation_id AND outcome IS NULL
        )
    BEGIN SELECT RAISE(ABORT, 'a contestation waits for its answer, one at a time'); END
    """,
    """
    CREATE TRIGGER contestations_kept BEFORE UPDATE ON contestations
    WHEN OLD.outcome IS NOT NULL
        OR (NEW.situation_id, NEW.number, NEW.user_id, NEW.words, NEW.at)
            IS NOT (OLD.situation_id, OLD.number, OLD.user_id, OLD.words, OLD.at)
        OR NEW.outcome IS NOT NULL AND (
            trim(NEW.answer) = ''
            OR NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.answered_by AND role = 'dpo')
        )
    BEGIN SELECT RAISE(ABORT, 'a contestation is answered once, its words never change'); END
    """,
    # The second look is a colleague's, who has not looked yet (S2).
    """
    CREATE TRIGGER second_looks_new BEFORE INSERT ON second_looks
    WHEN NEW.reader_id = NEW.asked_by
        OR EXISTS (SELECT 1 FROM second_looks WHERE situation_id = NEW.situation_id)
        OR EXISTS (
            SELECT 1 FROM views WHERE situation_id = NEW.situation_id AND user_id = NEW.reader_id
        )
        OR NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.reader_id AND role = 'educator')
    BEGIN SELECT RAISE(ABORT, 'a second look is asked once, of a colleague'); END
    """,
    """
    CREATE TRIGGER second_looks_kept BEFORE UPDATE ON second_looks
    WHEN (NEW.situation_id, NEW.reader_id, NEW.asked_by, NEW.asked_at)
        IS NOT (OLD.situation_id, OLD.reader_id, OLD.asked_by, OLD.asked_at)
    BEGIN SELECT RAISE(ABORT, 'who looks a second time is never changed'); END
    """,
)


def upgrade() -> None:
    """Make the new tables, and the older ones anew around their rows."""
    for column in ("due_on", "valid_until"):
        op.add_column("runs", sa.Column(column, sa.Date(), nullable=True))
    op.add_column("runs", sa.Column("per_referent", sa.Integer(), nullable=True))
    op.drop_index("ix_situations_person", "situations")
    op.drop_index("ix_situations_open", "situations")
    for table in _COPIED:
        op.execute(f"CREATE TEMPORARY TABLE former_{table} AS SELECT * FROM {table}")  # noqa: S608
    for table in reversed(_COPIED):
        op.drop_table(table)
    _create()
    for table, columns in _COPIED.items():
        op.execute(f"INSERT INTO {table} SELECT {columns} FROM former_{table}")  # noqa: S608
        op.execute(f"DROP TABLE former_{table}")
    for column in ("due_on", "valid_until"):
        op.execute(
            f"UPDATE runs SET {column} = (SELECT MIN({column}) FROM situations "  # noqa: S608
            "WHERE situations.version = runs.version AND situations.as_of = runs.as_of)"
        )
    for trigger in _TRIGGERS:
        op.execute(trigger)


def _create() -> None:
    """Make the tables as they are now."""
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
                "to_assign",
                "to_look_at",
                "viewed",
                "signal_seen",
                "put_off",
                "second_look",
                "looked_twice",
                "in_team",
                "decided",
                "followed_up",
                "contested",
                "expired",
                "withdrawn",
                "handled_elsewhere",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("assigned_to", sa.String(), nullable=True),
        sa.Column("held_by", sa.String(), nullable=True),
        sa.Column("held_until", sa.DateTime(), nullable=True),
        sa.Column("again_on", sa.Date(), nullable=True),
        sa.Column("facts", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["models.version"], name=op.f("fk_situations_version_models")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_situations")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_situations_given",
        "situations",
        ["assigned_to"],
        unique=False,
        sqlite_where=sa.text("assigned_to IS NOT NULL"),
    )
    op.create_index(
        "ix_situations_open",
        "situations",
        ["referent", "team", "state", "valid_until", "again_on"],
        unique=False,
    )
    op.create_index(op.f("ix_situations_person"), "situations", ["person"], unique=False)
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
        sa.PrimaryKeyConstraint("situation_id", "user_id", name=op.f("pk_views")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reveals",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_reveals_situation_id_situations")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reveals_user_id_users")),
        sa.PrimaryKeyConstraint("situation_id", "user_id", name=op.f("pk_reveals")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decisions",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
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
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("again_on", sa.Date(), nullable=True),
        sa.Column(
            "contact",
            sa.Enum(
                "in_person",
                "call",
                "message",
                "email",
                "letter",
                "visit",
                name="contact",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("safe_contact", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "safe_contact OR contact IS NULL OR contact = 'in_person'",
            name=op.f("ck_decisions_contact"),
        ),
        sa.CheckConstraint("length(trim(reason)) > 0", name=op.f("ck_decisions_reason")),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_decisions_situation_id_situations")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_decisions_user_id_users")),
        sa.PrimaryKeyConstraint("situation_id", "number", name=op.f("pk_decisions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decision_offers",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
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
            ["situation_id", "number"],
            ["decisions.situation_id", "decisions.number"],
            name=op.f("fk_decision_offers_situation_id_decisions"),
        ),
        sa.PrimaryKeyConstraint("situation_id", "number", "offer", name=op.f("pk_decision_offers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "follow_ups",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column(
            "answer",
            sa.Enum(
                "accepted",
                "preferred_otherwise",
                "not_now",
                name="answer",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("became", sa.String(), nullable=False),
        sa.Column("again_on", sa.Date(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["situations.id"], name=op.f("fk_follow_ups_situation_id_situations")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_follow_ups_user_id_users")
        ),
        sa.PrimaryKeyConstraint("situation_id", "number", name=op.f("pk_follow_ups")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "second_looks",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["users.id"], name=op.f("fk_second_looks_asked_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["users.id"], name=op.f("fk_second_looks_reader_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["situation_id"],
            ["situations.id"],
            name=op.f("fk_second_looks_situation_id_situations"),
        ),
        sa.PrimaryKeyConstraint("situation_id", name=op.f("pk_second_looks")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_second_looks_reader_id"), "second_looks", ["reader_id"], unique=False)
    op.create_table(
        "contestations",
        sa.Column("situation_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column(
            "stood",
            sa.Enum(
                "to_assign",
                "to_look_at",
                "viewed",
                "signal_seen",
                "put_off",
                "second_look",
                "looked_twice",
                "in_team",
                "decided",
                "followed_up",
                "contested",
                "expired",
                "withdrawn",
                "handled_elsewhere",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "upheld",
                "kept",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["answered_by"], ["users.id"], name=op.f("fk_contestations_answered_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["situation_id"],
            ["situations.id"],
            name=op.f("fk_contestations_situation_id_situations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_contestations_user_id_users")
        ),
        sa.PrimaryKeyConstraint("situation_id", "number", name=op.f("pk_contestations")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "absences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("stand_in", sa.String(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_absences_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
        sqlite_with_rowid=True,
    )
    op.create_index(op.f("ix_absences_login"), "absences", ["login"], unique=False)
    op.create_index(op.f("ix_absences_stand_in"), "absences", ["stand_in"], unique=False)
    op.create_table(
        "observations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column(
            "code",
            sa.Enum(
                "contact-repris",
                "message-sans-reponse",
                "rythme-change",
                "rdv-deplace",
                "demande-nouvelle",
                "demarche-en-attente",
                "courrier-non-ouvert",
                "coordonnees-changees",
                "deplacement-difficile",
                "souhait-espacer",
                "projet-evoque",
                "appui-present",
                name="code",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_observations_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observations")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_observations_person"), "observations", ["person"], unique=False)
    op.create_table(
        "practice_steps",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("exercise", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_practice_steps_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "exercise", name=op.f("pk_practice_steps")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "practice_counts",
        sa.Column("exercise", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("choice", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("exercise", "question", "choice", name=op.f("pk_practice_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "services",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("theme", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("structure", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("updated_on", sa.Date(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", "theme", name=op.f("pk_services")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_services_place"), "services", ["place"], unique=False)
