"""The rows of the tables, as typed values. All times are in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from tertulia.contract import RoomStatus, Settings
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId


class Tenant(Struct, frozen=True):
    """An organisation that shares the server with others."""

    id: TenantId
    name: str
    created_at: datetime


class User(Struct, frozen=True):
    """A person. ``invite_id``: the invite by which a guest came; None: an API key vouched for them."""

    id: UserId
    tenant_id: TenantId
    email: str | None
    display_name: str
    invite_id: str | None
    created_at: datetime


class Room(Struct, frozen=True):
    """A room, in which any number of sessions are held."""

    id: RoomId
    tenant_id: TenantId
    host_user_id: UserId
    settings: Settings
    status: RoomStatus
    created_at: datetime
    session_id: SessionId | None
    """The open session, if any."""


class Session(Struct, frozen=True):
    """One meeting, open while ``end_time`` is None. ``recording_url`` is a path in blob storage."""

    id: SessionId
    room_id: RoomId
    start_time: datetime
    end_time: datetime | None
    recording_url: str | None


class Recording(Struct, frozen=True):
    """A recording. ``path`` is a path in blob storage, ``duration`` is in seconds."""

    id: RecordingId
    session_id: SessionId
    room_id: RoomId
    kind: Literal["composite", "track"]
    status: Literal["recording", "processing", "ready", "failed", "empty"]
    path: str | None
    duration: float
    created_at: datetime


class ApiKey(Struct, frozen=True):
    """An API key of a tenant, without its secret."""

    id: str
    tenant_id: TenantId
    name: str
    created_at: datetime
    revoked_at: datetime | None
