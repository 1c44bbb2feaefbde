"""Signing in by OpenID Connect: where a tenant's users do, who they are there, and who is signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
UUID = sa.Uuid(as_uuid=False)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "sign_in_settings",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("issuer", sa.String(length=512), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("wrapped_secret", sa.LargeBinary(), nullable=True),
        sa.Column("scopes", sa.String(length=512), nullable=False),
        sa.Column("domains", JSON, nullable=False),
        sa.Column("admin_claim", sa.String(length=255), nullable=True),
        sa.Column("admin_value", sa.String(length=255), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_sign_in_settings_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_sign_in_settings")),
    )
    op.create_table(
        "identities",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("issuer", sa.String(length=512), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        _of_user("identities"),
        sa.PrimaryKeyConstraint("tenant_id", "issuer", "subject", name=op.f("pk_identities")),
        sa.UniqueConstraint("tenant_id", "issuer", "user_id", name=op.f("uq_identities_tenant_id_issuer_user_id")),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", UUID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        _of_user("sign_ins"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("digest", name=op.f("uq_sign_ins_digest")),
    )
    op.create_index(op.f("ix_sign_ins_tenant_id_user_id"), "sign_ins", ["tenant_id", "user_id"])
    op.create_index(op.f("ix_sign_ins_expires_at"), "sign_ins", ["expires_at"])


def downgrade() -> None:
    """Drop them. The users stay."""
    for table in ("sign_ins", "identities", "sign_in_settings"):
        op.drop_table(table)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "user_id"], ["users.tenant_id", "users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE"
    )
