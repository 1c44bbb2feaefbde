"""Keys that recordings are encrypted with, and who did what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
UUID = sa.Uuid(as_uuid=False)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables and the column."""
    op.create_table(
        "recording_keys",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("retired_at", MOMENT, nullable=True),
        _tenant("recording_keys"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_keys")),
    )
    op.create_index(
        "ix_recording_keys_current",
        "recording_keys",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
        sqlite_where=sa.text("retired_at IS NULL"),
    )
    op.add_column("recordings", sa.Column("key_id", UUID, nullable=True))
    op.create_table(
        "audit",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("room_id", UUID, nullable=True),
        sa.Column("target", sa.String(length=200), nullable=True),
        sa.Column("details", JSON, nullable=False),
        _tenant("audit"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_tenant_id_at_id"), "audit", ["tenant_id", "at", "id"], unique=False)
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)


def downgrade() -> None:
    """Drop them. What was encrypted cannot be read any more."""
    op.drop_index(op.f("ix_audit_at"), table_name="audit")
    op.drop_index(op.f("ix_audit_tenant_id_at_id"), table_name="audit")
    op.drop_table("audit")
    op.drop_column("recordings", "key_id")
    op.drop_index("ix_recording_keys_current", table_name="recording_keys")
    op.drop_table("recording_keys")


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"
    )
