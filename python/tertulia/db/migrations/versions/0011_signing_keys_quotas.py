"""Each tenant has signing keys of its own, and quotas; what is in the tables of keys may be encrypted.

The keys that have signed for all tenants so far go on verifying for each of them what they have signed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
UUID = sa.Uuid(as_uuid=False)
QUOTAS: Final = ("max_rooms", "max_people", "max_room_people", "max_room_mbits")


def upgrade() -> None:
    """Add them."""
    op.add_column("signing_keys", sa.Column("is_sealed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "tenant_signing_keys",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("retired_at", MOMENT, nullable=True),
        sa.Column("is_sealed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_tenant_signing_keys_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "kid", name=op.f("pk_tenant_signing_keys")),
    )
    _copy_keys()
    for quota in QUOTAS:
        op.add_column("tenants", sa.Column(quota, sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop them. What tenants' keys have signed becomes void; so does what was signed with an encrypted key, which a
    version without a master key cannot read."""
    for quota in reversed(QUOTAS):
        op.drop_column("tenants", quota)
    op.drop_table("tenant_signing_keys")
    op.execute("DELETE FROM signing_keys WHERE is_sealed")
    op.drop_column("signing_keys", "is_sealed")


def _copy_keys() -> None:
    """Give each tenant the keys that were everybody's. They sign no more: they are retired from now on."""
    columns = ("kid", "secret", "created_at", "retired_at", "is_sealed")
    keys = sa.table("signing_keys", *(sa.column(name) for name in columns))
    tenants = sa.table("tenants", sa.column("id"))
    copies = sa.table("tenant_signing_keys", sa.column("tenant_id"), *(sa.column(name) for name in columns))
    now = sa.literal(datetime.now(UTC), MOMENT)
    retired = sa.func.coalesce(sa.cast(keys.c.retired_at, MOMENT), now, type_=MOMENT)
    found = sa.select(
        tenants.c.id, keys.c.kid, keys.c.secret, keys.c.created_at, retired, keys.c.is_sealed
    ).select_from(tenants.join(keys, sa.true()))
    op.execute(sa.insert(copies).from_select(["tenant_id", *columns], found))
