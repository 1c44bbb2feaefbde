"""What has happened since an admission that ends it, as conditions in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tertulia.db.tables import API_KEYS, INVITE_USES, REMOVALS

Value = sa.ColumnElement[Any]


def is_revoked(key_id: str | Value | None) -> sa.ColumnElement[bool]:
    """The API key was revoked."""
    if key_id is None:
        return sa.false()
    return sa.exists().where(API_KEYS.c.id == key_id, API_KEYS.c.revoked_at.is_not(None))


def is_banned(tenant: str | Value, user_id: str | Value) -> sa.ColumnElement[bool]:
    """The guest of the tenant was removed for good."""
    return sa.exists().where(
        INVITE_USES.c.tenant_id == tenant, INVITE_USES.c.user_id == user_id, INVITE_USES.c.banned_at.is_not(None)
    )


def is_removed(room_id: str | Value, user_id: str | Value, admitted_at: datetime | Value) -> sa.ColumnElement[bool]:
    """The user was removed from the room's meeting since they were admitted."""
    return sa.exists().where(
        REMOVALS.c.room_id == room_id, REMOVALS.c.user_id == user_id, REMOVALS.c.removed_at >= admitted_at
    )
