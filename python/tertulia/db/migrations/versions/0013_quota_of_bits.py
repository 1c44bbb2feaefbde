"""A quota of bits for a tenant as a whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("tenants", sa.Column("max_mbits", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("tenants", "max_mbits")
