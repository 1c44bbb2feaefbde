"""Invites with their uses, and removals.

Invites made before are in no table: they are entered when they are used.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
UUID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "invites",
        sa.Column("id", UUID, nullable=False),
        sa.Column("room_id", UUID, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("made_by", UUID, nullable=True),
        sa.Column("maker_admitted_at", MOMENT, nullable=True),
        sa.Column("key_id", UUID, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.CheckConstraint("uses <= max_uses", name=op.f("ck_invites_uses")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_invites_room_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invites")),
    )
    op.create_index(op.f("ix_invites_room_id_created_at"), "invites", ["room_id", "created_at"], unique=False)
    op.create_index(op.f("ix_invites_expires_at"), "invites", ["expires_at"], unique=False)
    op.create_table(
        "invite_uses",
        sa.Column("id", UUID, nullable=False),
        sa.Column("invite_id", UUID, nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("banned_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["invite_id"], ["invites.id"], name=op.f("fk_invite_uses_invite_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invite_uses_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite_uses")),
        sa.UniqueConstraint("user_id", name=op.f("uq_invite_uses_user_id")),
    )
    op.create_index(op.f("ix_invite_uses_invite_id"), "invite_uses", ["invite_id"], unique=False)
    op.create_table(
        "removals",
        sa.Column("session_id", UUID, nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("room_id", UUID, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_removals_room_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_id", "user_id", name=op.f("pk_removals")),
    )
    op.create_index(op.f("ix_removals_room_id_user_id"), "removals", ["room_id", "user_id"], unique=False)


def downgrade() -> None:
    """Drop them. Deleted invites admit again until they expire, and nobody stays banned."""
    op.drop_table("removals")
    op.drop_table("invite_uses")
    op.drop_table("invites")
