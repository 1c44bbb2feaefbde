"""Which versions work with the schema; how often making a film itself has failed, and whether making it again has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns. This version is the first that reads the table."""
    table = op.create_table(
        "compatibility",
        sa.Column("oldest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name=op.f("pk_compatibility")),
    )
    op.bulk_insert(table, [{"oldest": revision}])
    op.add_column("recordings", sa.Column("film_faults", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("recordings", sa.Column("remake_failed", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("recordings", "remake_failed")
    op.drop_column("recordings", "film_faults")
    op.drop_table("compatibility")
