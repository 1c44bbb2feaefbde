"""Ids of users are unique within their tenant: the primary key is (tenant_id, id), and references name both.

SQLite cannot change a key: there the tables are made anew, with foreign keys off (see ``Database.migrating``).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from tertulia.errors import ConfigError

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
UUID = sa.Uuid(as_uuid=False)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
PAIR = ["users.tenant_id", "users.id"]


def upgrade() -> None:
    """Widen the key. A use of an invite gets the tenant of the guest that it made."""
    op.add_column("invite_uses", sa.Column("tenant_id", UUID, nullable=True))
    op.execute(
        "UPDATE invite_uses SET tenant_id = (SELECT users.tenant_id FROM users WHERE users.id = invite_uses.user_id)"
    )
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(per_tenant=True)
        return
    _drop_keys("uq_invite_uses_user_id")
    op.alter_column("invite_uses", "tenant_id", nullable=False)
    op.create_primary_key("pk_users", "users", ["tenant_id", "id"])
    op.create_unique_constraint("uq_invite_uses_tenant_id_user_id", "invite_uses", ["tenant_id", "user_id"])
    pair = ["tenant_id", "id"]
    op.create_foreign_key("fk_rooms_host_user_id", "rooms", "users", ["tenant_id", "host_user_id"], pair)
    op.create_foreign_key(
        "fk_invite_uses_user_id", "invite_uses", "users", ["tenant_id", "user_id"], pair, ondelete="CASCADE"
    )


def downgrade() -> None:
    """Narrow it again, which takes ids that no two tenants share."""
    if op.get_bind().execute(sa.text("SELECT id FROM users GROUP BY id HAVING count(*) > 1")).first():
        raise ConfigError("users of two tenants have the same id, which schema 0005 does not allow: delete one first")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(per_tenant=False)
        return
    _drop_keys("uq_invite_uses_tenant_id_user_id")
    op.create_primary_key("pk_users", "users", ["id"])
    op.create_unique_constraint("uq_invite_uses_user_id", "invite_uses", ["user_id"])
    op.create_foreign_key("fk_rooms_host_user_id", "rooms", "users", ["host_user_id"], ["id"])
    op.create_foreign_key("fk_invite_uses_user_id", "invite_uses", "users", ["user_id"], ["id"], ondelete="CASCADE")
    op.drop_column("invite_uses", "tenant_id")


def _drop_keys(unique_use: str) -> None:
    """The foreign keys go first: PostgreSQL keeps a primary key that any refers to."""
    op.drop_constraint("fk_rooms_host_user_id", "rooms")
    op.drop_constraint("fk_invite_uses_user_id", "invite_uses")
    op.drop_constraint(unique_use, "invite_uses")
    op.drop_constraint("pk_users", "users")


def _rebuild(*, per_tenant: bool) -> None:
    _replace("users", _users(per_tenant=per_tenant))
    _replace("rooms", _rooms(per_tenant=per_tenant))
    _replace("invite_uses", _invite_uses(per_tenant=per_tenant))
    op.create_index(op.f("ix_rooms_tenant_id_created_at_id"), "rooms", ["tenant_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_invite_uses_invite_id"), "invite_uses", ["invite_id"], unique=False)


def _replace(name: str, parts: list[sa.schema.SchemaItem]) -> None:
    """Make a table of these parts, with the rows of the one of that name, in its place."""
    names = [part.name for part in parts if isinstance(part, sa.Column)]
    made = op.create_table(f"{name}_new", *parts)
    found: Any = sa.select(*(sa.column(column) for column in names)).select_from(sa.table(name))
    op.execute(sa.insert(made).from_select(names, found))
    op.drop_table(name)
    op.rename_table(f"{name}_new", name)


def _users(*, per_tenant: bool) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("id", UUID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("display_name", sa.String(length=100), nullable=False),
        sa.Column("invite_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_users_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(*(("tenant_id", "id") if per_tenant else ("id",)), name=op.f("pk_users")),
        sa.UniqueConstraint("tenant_id", "email", name=op.f("uq_users_tenant_id_email")),
    ]


def _rooms(*, per_tenant: bool) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("host_user_id", UUID, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("status IN ('SCHEDULED', 'ACTIVE', 'COMPLETED')", name=op.f("ck_rooms_status")),
        _user("rooms", "host_user_id", per_tenant=per_tenant, ondelete=None),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_rooms_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
    ]


def _invite_uses(*, per_tenant: bool) -> list[sa.schema.SchemaItem]:
    key = ["tenant_id", "user_id"] if per_tenant else ["user_id"]
    return [
        sa.Column("id", UUID, nullable=False),
        sa.Column("invite_id", UUID, nullable=False),
        *([sa.Column("tenant_id", UUID, nullable=False)] if per_tenant else []),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("banned_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["invite_id"], ["invites.id"], name=op.f("fk_invite_uses_invite_id"), ondelete="CASCADE"
        ),
        _user("invite_uses", "user_id", per_tenant=per_tenant, ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite_uses")),
        sa.UniqueConstraint(*key, name=op.f(f"uq_invite_uses_{'_'.join(key)}")),
    ]


def _user(table: str, column: str, *, per_tenant: bool, ondelete: str | None) -> sa.ForeignKeyConstraint:
    columns, referred = (["tenant_id", column], PAIR) if per_tenant else ([column], ["users.id"])
    return sa.ForeignKeyConstraint(columns, referred, name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)
