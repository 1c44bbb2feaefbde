"""The rows of the tables, as typed values. All times are in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from tertulia.contract.fields import Layout, RecordingStage, RecordingStatus, Role, RoomStatus, Source
from tertulia.contract.settings import Settings
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId
from tertulia.room.quotas import Quotas


class Tenant(Struct, frozen=True):
    """An organisation that shares the server with others.

    ``retention_days``: how long its recordings are kept; None: until somebody deletes them.
    """

    id: TenantId
    name: str
    created_at: datetime
    retention_days: int | None = None
    max_rooms: int | None = None
    max_people: int | None = None
    max_room_people: int | None = None
    max_room_mbits: int | None = None
    max_mbits: int | None = None

    @property
    def quotas(self) -> Quotas:
        """What it may have."""
        return Quotas(
            rooms=self.max_rooms,
            people=self.max_people,
            room_people=self.max_room_people,
            room_mbits=self.max_room_mbits,
            mbits=self.max_mbits,
        )


class User(Struct, frozen=True):
    """A person. ``invite_id``: the invite by which a guest came; None: an API key vouched for them."""

    id: UserId
    tenant_id: TenantId
    email: str | None
    display_name: str
    invite_id: str | None
    created_at: datetime

    @property
    def is_guest(self) -> bool:
        """Whether an invite made them: no API key may vouch for them."""
        return self.invite_id is not None


class Invite(Struct, frozen=True):
    """An invite to a room. ``max_uses`` None: any number."""

    id: str
    room_id: RoomId
    role: Role
    made_by: UserId | None
    """The member who made it; None: an API key or the command line did."""
    maker_admitted_at: datetime | None
    """The admission that the maker's token goes back to: a removal of the maker since then voids the invite."""
    key_id: str | None
    """The API key that made it, or vouched for the maker."""
    created_at: datetime
    expires_at: datetime
    max_uses: int | None
    uses: int
    revoked_at: datetime | None
    code_hash: bytes | None = None
    """Of the code in its short link."""
    password_hash: str | None = None
    """Argon2id, in PHC format; None: its link asks for no password."""


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
    recording_id: RecordingId | None
    """The recording of it that is running, if any."""
    title: str | None = None
    scheduled_for: datetime | None = None
    """When its meeting is to begin."""


class Session(Struct, frozen=True):
    """One meeting, open while ``end_time`` is None. ``recording_url`` is a path in blob storage."""

    id: SessionId
    room_id: RoomId
    start_time: datetime
    end_time: datetime | None
    recording_url: str | None


class Recording(Struct, frozen=True):
    """A recording: the film of a session (``composite``), or what one person sent from one source (``track``).

    ``path`` is a path in blob storage, ``duration`` in seconds, ``size`` in bytes.
    """

    id: RecordingId
    session_id: SessionId
    room_id: RoomId
    kind: Literal["composite", "track"]
    status: RecordingStatus
    path: str | None
    duration: float
    created_at: datetime
    ended_at: datetime | None
    parent_id: RecordingId | None
    """Of a track, its composite; of another film of the same raw files, the recording that they are of."""
    layout: Layout | None
    """Of a composite."""
    user_id: UserId | None
    user_name: str | None
    source: Source | None
    """Whose track it is, and from what."""
    offset: float | None
    """Of a track: how long after its composite it begins, in seconds."""
    size: int | None
    sha256: str | None
    key_id: str | None
    """The recording key that what is stored is encrypted with; None: it is not encrypted."""
    error: str | None
    """Why it failed, why it is tried again, or why it was stopped."""
    stage: RecordingStage | None
    progress: float
    """From 0 to 1."""
    expected_at: datetime | None
    """When it will be ready, as far as the worker can tell."""
    remake_failed: bool
    """It was to be made once more, which failed: it is the film that was there before."""

    @property
    def source_id(self) -> RecordingId:
        """The recording whose raw files it is made of."""
        return self.parent_id or self.id


class Job(Struct, frozen=True):
    """A recording that a worker has a lease on, to make its film."""

    id: RecordingId
    source_id: RecordingId
    """The recording whose raw files it is made of: itself, unless it is another film of an earlier one."""
    room_id: RoomId
    session_id: SessionId
    tenant_id: TenantId
    layout: Layout
    key_id: str | None
    """The recording key that what is stored of the source is encrypted with; None: it is not, or nothing is stored."""
    created_at: datetime
    ended_at: datetime | None
    attempts: int
    """How often a worker has taken it, this time included."""
    film_faults: int
    """How many of the earlier ones failed by making the film itself."""
    error: str | None
    """What is said of it so far."""
    worker: str
    lease: str
    """Unlike that of any other time it was taken."""
    lease_seconds: float


class Made(Struct, frozen=True):
    """A file that a worker has made and stored, encrypted if there is a ``key_id``; size and checksum are its own."""

    path: str
    duration: float
    size: int
    sha256: str
    key_id: str | None = None


class MadeTrack(Struct, frozen=True):
    """The file of one track. ``name`` tells it from the recording's others, the same each time it is made.

    ``offset``: how long after the composite it begins, in seconds.
    """

    name: str
    user_id: UserId
    user_name: str
    source: Source
    offset: float
    file: Made


class Deletion(Struct, frozen=True):
    """Something to delete from storage. ``path`` with a slash at its end means all that begins with it.

    ``recording_id``: the recording whose raw files on disk are to be deleted, too.
    """

    path: str
    recording_id: RecordingId | None
    due_at: datetime
    attempts: int
    error: str | None


class AuditEntry(Struct, frozen=True, kw_only=True):
    """Who did what, to whom, from where and when."""

    id: str
    tenant_id: TenantId
    at: datetime
    action: str
    """Such as ``participant.removed``; all are in docs/protocol.md."""
    actor: str
    """``key {id}``, ``user {id}``, ``operator`` (a command on the server), or ``open`` (a development server)."""
    address: str | None = None
    """The IP address that it came from; None: a command's, or it is not known."""
    request_id: str | None = None
    room_id: str | None = None
    target: str | None = None
    """The id of the user, key, invite or recording."""
    details: dict[str, Any] = {}


class SignInSetting(Struct, frozen=True, kw_only=True):
    """Where a tenant's users sign in. ``wrapped_secret``: the client's, encrypted by the master key; None: a public
    client. ``set_at`` tells it apart from what was set before and after."""

    tenant_id: TenantId
    issuer: str
    client_id: str
    wrapped_secret: bytes | None
    scopes: str
    domains: tuple[str, ...]
    """Of verified email addresses; empty: any."""
    administrators: tuple[str, str] | None
    """The claim that makes an administrator of the tenant, and its value."""
    set_at: datetime


class SignIn(Struct, frozen=True):
    """Somebody who has signed in, in one browser."""

    id: str
    user: User
    is_administrator: bool
    expires_at: datetime


class ApiKey(Struct, frozen=True):
    """An API key of a tenant, without its secret."""

    id: str
    tenant_id: TenantId
    name: str
    created_at: datetime
    revoked_at: datetime | None
