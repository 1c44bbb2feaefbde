"""Answers to requests with an Idempotency-Key are encrypted.

The plain ones are deleted, as they hold tokens. Such a request, sent again, is carried out again under the same id.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the column, and make what was answered look broken off."""
    op.drop_column("idempotency_keys", "answer")
    op.add_column("idempotency_keys", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    _break_off()


def downgrade() -> None:
    """The same the other way."""
    op.drop_column("idempotency_keys", "sealed")
    op.add_column("idempotency_keys", sa.Column("answer", sa.Text(), nullable=True))
    _break_off()


def _break_off() -> None:
    op.execute("UPDATE idempotency_keys SET status = NULL, leased_until = NULL WHERE status IS NOT NULL")
