"""The answers of REST."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tertulia.contract.fields import Layout, RecordingStage, RecordingStatus, Role, RoomStatus, Source, Wire
from tertulia.contract.settings import Settings


class UserView(Wire, frozen=True):
    """A user; a guest has no email."""

    id: str
    email: str | None
    display_name: str
    tenant_id: str
    created_at: str


class SignInView(Wire, frozen=True):
    """Who is signed in, and until when at most."""

    user: UserView
    is_administrator: bool
    expires_at: str


class RoomView(Wire, frozen=True):
    """A room."""

    id: str
    host_user_id: str
    tenant_id: str
    settings: Settings
    status: RoomStatus
    created_at: str
    title: str | None
    scheduled_for: str | None


class RoomList(Wire, frozen=True):
    """A page of rooms; ``next`` is the cursor of the next one, null on the last."""

    items: list[RoomView]
    next: str | None


class AuditView(Wire, frozen=True):
    """Who did what: ``target`` is the id of the user, key, invite or recording."""

    id: str
    at: str
    action: str
    actor: str
    address: str | None
    request_id: str | None
    room_id: str | None
    target: str | None
    details: dict[str, Any]


class AuditList(Wire, frozen=True):
    """A page of the audit log; ``next`` is the cursor of the next one, null on the last."""

    items: list[AuditView]
    next: str | None


class RoomCreated(Wire, frozen=True):
    """A new room and its host's token."""

    room_id: str
    join_token: str
    expires_at: str


class IceServer(Wire, omit_defaults=True, frozen=True):
    """As ``RTCPeerConnection`` takes it (W3C WebRTC, RTCIceServer)."""

    urls: list[str]
    username: str | UnsetType = UNSET
    credential: str | UnsetType = UNSET


class JoinGrant(Wire, frozen=True):
    """A room token and where to go with it."""

    token: str
    ice_servers: list[IceServer]
    ws_url: str
    hub_url: str
    expires_at: str


class ConnectionTest(Wire, frozen=True):
    """A room for two that lasts a minute, to test one's connection in: ``tokens`` are for who sends and who
    receives."""

    room_id: str
    tokens: list[str]
    ice_servers: list[IceServer]
    ws_url: str
    expires_at: str


class InviteCreated(Wire, omit_defaults=True, frozen=True):
    """A new invite, and the address of the page for whoever holds it. ``calendar`` is a file (RFC 5545)."""

    invite_token: str
    url: str
    expires_at: str
    id: str
    calendar: str | UnsetType = UNSET


class InviteOpened(Wire, frozen=True):
    """The invite that a code stands for: which room it is to, and the token to join by."""

    room_id: str
    role: Role
    invite_token: str
    expires_at: str


class InviteView(Wire, frozen=True):
    """An invite, and how many guests it has made. ``max_uses`` null: it may make any number."""

    id: str
    role: Role
    created_at: str
    expires_at: str
    max_uses: int | None
    uses: int
    url: str | None
    """Of the page; null: it has no short link, or its signing key was revoked."""
    has_password: bool


class SessionView(Wire, frozen=True):
    """One meeting of a room; ``end_time`` is null while it is on."""

    id: str
    room_id: str
    start_time: str
    end_time: str | None
    recording_url: str | None


class NodeView(Wire, frozen=True):
    """An SFU node: ``load`` is 0 idle to 1 full, ``participants`` are those whose media it carries."""

    id: str
    region: str
    load: float
    rooms: int
    participants: int
    recordings: int
    draining: bool
    """It takes no new rooms, and moves those it has elsewhere."""
    last_beat_at: str


class RecordingProgress(Wire, frozen=True):
    """How far the film is: ``fraction`` 0 to 1 of this stage, ``expected_at`` when it should be ready."""

    stage: RecordingStage
    fraction: float
    expected_at: str | None


class RecordingView(Wire, frozen=True):
    """A recording; ``url`` is null until it is ready, ``duration`` and ``offset`` are in seconds, ``size`` in bytes."""

    id: str
    session_id: str
    kind: Literal["composite", "track"]
    status: RecordingStatus
    url: str | None
    duration: float
    created_at: str
    expires_at: str | None
    ended_at: str | None = None
    """When the recording was stopped; null while it runs."""
    recording_id: str | None = None
    """Of a track: its composite. Of another film of the same meeting: the first one."""
    user_id: str | None = None
    """Of a track: whose it is."""
    user_name: str | None = None
    source: Source | None = None
    """Of a track: what was recorded."""
    offset: float | None = None
    """Of a track: how long after the composite it begins."""
    layout: Layout | None = None
    """Of a composite."""
    size: int | None = None
    error: str | None = None
    """Why it failed, or what went wrong at the last attempt."""
    progress: RecordingProgress | None = None
    """While it is being processed."""


class RecordingStarted(Wire, frozen=True):
    """A recording that has begun, or a film that is being made."""

    id: str
    status: Literal["recording", "processing"] = "recording"


class Health(Wire, frozen=True, omit_defaults=True):
    """/healthz and /readyz. ``checks``: for each service that is needed, ``ok`` or what is wrong with it."""

    status: str
    checks: dict[str, str] = msgspec.field(default_factory=dict)


class Problem(Wire, omit_defaults=True, frozen=True):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    reason: str | None = None
    """``removed``: the token is of, or an open development server is asked for, somebody who was removed from the
    meeting."""
    errors: list[ProblemField] = msgspec.field(default_factory=list)


class ProblemField(Wire, frozen=True):
    """What is wrong with one field; ``field`` is dotted, "" the body itself."""

    field: str
    message: str
