"""The bodies and queries of REST."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from tertulia.contract.fields import (
    NO_NUL,
    DisplayName,
    Email,
    Layout,
    Region,
    Role,
    RoomStatus,
    Time,
    Title,
    Uuid,
    Wire,
)
from tertulia.contract.settings import SettingsChange


class CreateRoom(Wire, frozen=True):
    """POST /v1/rooms. ``scheduled_for``: when the meeting is to begin."""

    host_id: Uuid
    settings: SettingsChange = SettingsChange()
    title: Title | UnsetType = UNSET
    scheduled_for: Time | UnsetType = UNSET


class ChangeRoom(Wire, frozen=True):
    """PATCH /v1/rooms/{id}: what is left out stays as it is; a title or a time that is null is removed."""

    settings: SettingsChange = SettingsChange()
    title: Title | UnsetType | None = UNSET
    scheduled_for: Time | UnsetType | None = UNSET


class RoomQuery(Wire, frozen=True):
    """The query of GET /v1/rooms."""

    status: RoomStatus | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(min_length=1, max_length=256)] | UnsetType = UNSET


class AuditQuery(Wire, frozen=True):
    """The query of GET /v1/audit. ``since`` is in RFC 3339."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(min_length=1, max_length=256)] | UnsetType = UNSET
    since: Time | UnsetType = UNSET


class JoinRequest(Wire, frozen=True):
    """POST /v1/rooms/{id}/join. ``display_name`` is for this meeting; ``region`` where its media should be."""

    user_id: Uuid
    display_name: DisplayName | UnsetType = UNSET
    region: Region | UnsetType = UNSET


class EntryQuery(Wire, frozen=True):
    """The query of GET /v1/rooms/{id}/entry. ``user_id``: who would join, where the credential does not say it."""

    user_id: Uuid | UnsetType = UNSET


class EntryView(Wire, frozen=True):
    """Whoever asks may join the room now, in this role; ``waits``: once a host has admitted them. What the room is
    called, and when its meeting is to begin."""

    role: Role
    waits: bool = False
    title: str | None = None
    scheduled_for: str | None = None


class CreateUser(Wire, frozen=True):
    """POST /v1/users."""

    display_name: DisplayName
    email: Email | UnsetType = UNSET
    id: Uuid | UnsetType = UNSET


class CalendarEvent(Wire, frozen=True):
    """When a meeting is to be: ``starts_at`` in RFC 3339. What is left out of the first two is the room's."""

    title: Title | UnsetType = UNSET
    starts_at: Time | UnsetType = UNSET
    minutes: Annotated[int, Meta(ge=1, le=1440)] = 60


class CreateInvite(Wire, frozen=True):
    """POST /v1/rooms/{id}/invites. ``expires_in`` is in seconds; ``max_uses`` is how many guests it may make; with a
    ``password`` its link asks for that; with an ``event`` there is a calendar file."""

    role: Role
    expires_in: Annotated[int, Meta(ge=60, le=30 * 86400)] = 7 * 86400
    max_uses: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    password: Annotated[str, Meta(min_length=6, max_length=128, extra_json_schema=NO_NUL)] | UnsetType = UNSET
    event: CalendarEvent | UnsetType = UNSET


class OpenInvite(Wire, frozen=True):
    """POST /v1/invites/open, with the code of the link as credential."""

    password: Annotated[str, Meta(min_length=1, max_length=128, extra_json_schema=NO_NUL)] | UnsetType = UNSET


class RemovalQuery(Wire, frozen=True):
    """The query of DELETE /v1/rooms/{id}/participants/{userId}. ``ban``: a guest is removed for good."""

    ban: Literal["true", "false"] = "false"


class StartRecording(Wire, frozen=True):
    """POST /v1/rooms/{id}/recordings, and the hub's call of the same name."""

    layout: Layout = "grid"


class ComposeRecording(Wire, frozen=True):
    """POST /v1/rooms/{id}/recordings/{recordingId}/compose: another film of the same meeting."""

    layout: Layout
