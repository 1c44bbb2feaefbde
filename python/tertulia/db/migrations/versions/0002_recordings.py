"""Recordings as jobs, what of them is yet to be deleted from storage, and how long a tenant keeps them.

The table of recordings is made anew: the versions that wrote the first schema could not record, so it is empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
UUID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    """Create the tables and the column."""
    _drop_recordings()
    op.create_table(
        "recordings",
        *_first_columns(),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("parent_id", UUID, nullable=True),
        sa.Column("layout", sa.String(length=12), nullable=True),
        sa.Column("user_id", UUID, nullable=True),
        sa.Column("user_name", sa.String(length=100), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=True),
        sa.Column("offset", sa.Float(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("stage", sa.String(length=9), nullable=True),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("expected_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=True),
        sa.Column("leased_by", sa.String(length=100), nullable=True),
        sa.Column("lease", UUID, nullable=True),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["recordings.id"], name=op.f("fk_recordings_parent_id"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("stage IN ('waiting', 'composing', 'uploading')", name=op.f("ck_recordings_stage")),
        *_first_constraints(),
    )
    op.create_index(op.f("ix_recordings_room_id_created_at"), "recordings", ["room_id", "created_at"], unique=False)
    op.create_index(op.f("ix_recordings_parent_id"), "recordings", ["parent_id"], unique=False)
    op.create_index(
        "ix_recordings_running",
        "recordings",
        ["session_id"],
        unique=True,
        postgresql_where=sa.text("status = 'recording'"),
        sqlite_where=sa.text("status = 'recording'"),
    )
    op.create_index(
        "ix_recordings_due",
        "recordings",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("status = 'processing'"),
        sqlite_where=sa.text("status = 'processing'"),
    )
    op.create_table(
        "deletions",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("recording_id", UUID, nullable=True),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_deletions")),
    )
    op.create_index(op.f("ix_deletions_due_at"), "deletions", ["due_at"], unique=False)
    op.add_column("tenants", sa.Column("retention_days", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop them. The files in storage stay."""
    op.drop_column("tenants", "retention_days")
    op.drop_index(op.f("ix_deletions_due_at"), table_name="deletions")
    op.drop_table("deletions")
    op.drop_index("ix_recordings_due", table_name="recordings")
    op.drop_index("ix_recordings_running", table_name="recordings")
    op.drop_index(op.f("ix_recordings_parent_id"), table_name="recordings")
    _drop_recordings()
    op.create_table("recordings", *_first_columns(), *_first_constraints())
    op.create_index(op.f("ix_recordings_room_id_created_at"), "recordings", ["room_id", "created_at"], unique=False)


def _drop_recordings() -> None:
    op.drop_index(op.f("ix_recordings_room_id_created_at"), table_name="recordings")
    op.drop_table("recordings")


def _first_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("id", UUID, nullable=False),
        sa.Column("session_id", UUID, nullable=False),
        sa.Column("room_id", UUID, nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    ]


def _first_constraints() -> list[sa.schema.Constraint]:
    return [
        sa.CheckConstraint("kind IN ('composite', 'track')", name=op.f("ck_recordings_kind")),
        sa.CheckConstraint(
            "status IN ('recording', 'processing', 'ready', 'failed', 'empty')", name=op.f("ck_recordings_status")
        ),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_recordings_room_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_recordings_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recordings")),
    ]
