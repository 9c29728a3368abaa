"""A waiver has a last day.

Waivers given before have none written, here, in the journal or under a signature; they hold
``revue.records.UNWRITTEN_WAIVER_DAYS`` from their vote. Writing a day here alone would only
make the row differ from what the journal committed to.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("votes", sa.Column("waived_until", sa.Date(), nullable=True))
