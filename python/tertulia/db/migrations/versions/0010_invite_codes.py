"""Invites have codes, for short links, and may have passwords.

Invites that are there already have neither.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("invites", sa.Column("code_hash", sa.LargeBinary(), nullable=True))
    op.add_column("invites", sa.Column("password_hash", sa.Text(), nullable=True))
    op.create_index("ix_invites_code_hash", "invites", ["code_hash"], unique=True)


def downgrade() -> None:
    """Drop them. The codes are void, and invites ask for no password: those that have one are deleted first."""
    op.execute("DELETE FROM invites WHERE password_hash IS NOT NULL")
    op.drop_index("ix_invites_code_hash", "invites")
    op.drop_column("invites", "password_hash")
    op.drop_column("invites", "code_hash")
