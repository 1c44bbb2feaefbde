"""A room has a title, and the time at which its meeting is to begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both."""
    op.add_column("rooms", sa.Column("title", sa.String(length=200), nullable=True))
    op.add_column("rooms", sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop both."""
    op.drop_column("rooms", "scheduled_for")
    op.drop_column("rooms", "title")
