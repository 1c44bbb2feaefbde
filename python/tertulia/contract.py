"""Every REST body and hub payload as a typed struct: the source for validation, OpenAPI and both dialects of the hub.

API names are camelCase (msgspec's rename), attributes snake_case. Times are text: RFC 3339, in UTC, with milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

UUID_PATTERN: Final = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

MAX_SDP: Final = 200_000
"""Characters: enough for an offer of a few hundred m-lines, and with its envelope it fits into a frame of 256 KiB."""

Uuid = Annotated[
    str,
    Meta(pattern=UUID_PATTERN, min_length=36, max_length=36, extra_json_schema={"format": "uuid"}),
]
"""36 characters: ``$`` alone would let a final newline pass."""
_NO_NUL: Final = {"pattern": r"^[^\u0000]*$"}
"""For OpenAPI: :mod:`tertulia.validation` refuses NUL everywhere."""
DisplayName = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema=_NO_NUL)]
Region = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=_NO_NUL)]
EMAIL_PATTERN: Final = r"^[^@\s\u0000-\u001f\u007f\u0085\ufeff]+@[^@\s\u0000-\u001f\u007f\u0085\ufeff]+$"
"""The excluded characters are spelled out, because whitespace is not the same in Python and in JSON Schema."""
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=EMAIL_PATTERN)]
Token = Annotated[str, Meta(min_length=1, max_length=8192)]
Sdp = Annotated[str, Meta(max_length=MAX_SDP)]
Target = Annotated[str, Meta(min_length=1, max_length=64)]
Title = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=_NO_NUL)]
Time = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema={"format": "date-time"})]
"""RFC 3339. Whether it is one is found out by :func:`tertulia.rest.moments.moment`."""

AllowedRole = Literal["host", "guest"]
Role = Literal["host", "attendee"]
Topology = Literal["sfu", "p2p"]
Who = Literal["everyone", "host"]
"""Who may do something in a meeting."""
RoomStatus = Literal["SCHEDULED", "ACTIVE", "COMPLETED"]
LeaveReason = Literal["left", "closed", "timeout", "removed", "ended"]
Source = Literal["microphone", "camera", "screen", "screen-audio"]
Layout = Literal["grid", "speaker", "single", "screen-first"]
"""How a recording shows who is in it."""
RecordingStatus = Literal["recording", "processing", "ready", "failed", "empty"]
RecordingStage = Literal["waiting", "composing", "uploading"]
RecordingTroubleReason = Literal["disk_full", "disk_error", "disk_slow"]
Emoji = Literal["👍", "👎", "❤️", "😂", "😮", "😢", "🎉", "👏"]
"""What people react with. A fixed few: anything else would be chat by another name."""


class Wire(Struct, rename="camel", kw_only=True, frozen=True):
    """A message; unknown keys are ignored."""


class Strict(Struct, rename="camel", kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A message whose unknown keys are refused."""


# --- REST: bodies -----------------------------------------------------------------------------------------------------


class SettingsChange(Strict, frozen=True):
    """``settings`` as a caller sends them: any key may be left out."""

    is_recording_enabled: bool | UnsetType = UNSET
    max_participants: Annotated[int, Meta(ge=1, le=1000)] | UnsetType = UNSET
    allowed_roles: Annotated[list[AllowedRole], Meta(min_length=1, max_length=16)] | UnsetType = UNSET
    topology: Topology | UnsetType = UNSET
    waiting_room: bool | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    mute_on_entry: bool | UnsetType = UNSET
    unmute: Who | UnsetType = UNSET
    share: Who | UnsetType = UNSET
    chat: Who | UnsetType = UNSET


class Settings(Strict, frozen=True):
    """``Room.settings``, complete."""

    is_recording_enabled: bool = False
    max_participants: int = 100
    allowed_roles: tuple[AllowedRole, ...] = ("host", "guest")
    topology: Topology = "sfu"
    waiting_room: bool = False
    """An attendee who joins waits until a host admits them."""
    locked: bool = False
    """Nobody new joins but hosts."""
    mute_on_entry: bool = False
    unmute: Who = "everyone"
    share: Who = "everyone"
    chat: Who = "everyone"

    def merged(self, change: SettingsChange) -> Settings:
        """These settings with those of ``change``; a role that is listed twice counts once."""
        given = {k: v for k, v in msgspec.structs.asdict(change).items() if v is not UNSET}
        if "allowed_roles" in given:
            given["allowed_roles"] = tuple(dict.fromkeys(given["allowed_roles"]))
        return msgspec.structs.replace(self, **given)


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
    password: Annotated[str, Meta(min_length=6, max_length=128, extra_json_schema=_NO_NUL)] | UnsetType = UNSET
    event: CalendarEvent | UnsetType = UNSET


class OpenInvite(Wire, frozen=True):
    """POST /v1/invites/open, with the code of the link as credential."""

    password: Annotated[str, Meta(min_length=1, max_length=128, extra_json_schema=_NO_NUL)] | UnsetType = UNSET


class RemovalQuery(Wire, frozen=True):
    """The query of DELETE /v1/rooms/{id}/participants/{userId}. ``ban``: a guest is removed for good."""

    ban: Literal["true", "false"] = "false"


class StartRecording(Wire, frozen=True):
    """POST /v1/rooms/{id}/recordings, and the hub's call of the same name."""

    layout: Layout = "grid"


class ComposeRecording(Wire, frozen=True):
    """POST /v1/rooms/{id}/recordings/{recordingId}/compose: another film of the same meeting."""

    layout: Layout


# --- REST: answers ----------------------------------------------------------------------------------------------------


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
    errors: list[ProblemField] = []


class ProblemField(Wire, frozen=True):
    """What is wrong with one field; ``field`` is dotted, "" the body itself."""

    field: str
    message: str


# --- Hub: calls -------------------------------------------------------------------------------------------------------

Count = Annotated[int, Meta(ge=0)]
Candidate = Annotated[str, Meta(max_length=4096)] | dict[str, Any] | None


class JoinRoom(Wire, frozen=True):
    """``resume_token``: returns to the seat that a lost connection held, on which the client ``received`` so many
    events after JoinRoom's result."""

    room_id: Uuid
    token: Token
    resume_token: Annotated[str, Meta(max_length=256)] | None = None
    received: Count | None = None
    is_muted: bool | None = None
    is_video_on: bool | None = None
    recording_opt_out: bool | None = None


class SendOffer(Wire, frozen=True):
    """An SDP offer, to a user or the SFU. ``slots`` and ``tracks`` are extensions for the SFU (docs/protocol.md)."""

    target_user_id: Target
    sdp: Sdp
    slots: bool | None = None
    tracks: dict[Annotated[str, Meta(max_length=32)], Source] | None = None


class SendAnswer(Wire, frozen=True):
    """An SDP answer, to a user or the SFU."""

    target_user_id: Target
    sdp: Sdp


class SendIceCandidate(Wire, frozen=True):
    """``candidate``: a candidate line, or an ``RTCIceCandidateInit``; null and ``""`` end the candidates."""

    target_user_id: Target
    candidate: Candidate


class UpdateState(Wire, frozen=True):
    """What is left out stays as it is."""

    is_muted: bool | None = None
    is_video_on: bool | None = None


class WantedVideo(Wire, frozen=True):
    """A video that the caller wants to see, at most ``max_height`` pixels high."""

    user_id: Uuid
    source: Literal["camera", "screen"] = "camera"
    max_height: Annotated[int, Meta(ge=1, le=4320)] | None = None


class SetView(Wire, frozen=True):
    """The videos that the caller's video slots should show, the most important first."""

    videos: Annotated[list[WantedVideo], Meta(max_length=64)]


class MediaStopped(Wire, frozen=True):
    """Nothing has come from the SFU for half a second, on a connection that had media."""

    transport_id: Target


class SendChat(Wire, frozen=True):
    """A chat message, to everyone or to one participant."""

    text: Annotated[str, Meta(min_length=1, max_length=4000)]
    target_user_id: Target | None = None


class ReactToMessage(Wire, frozen=True):
    """The caller's reaction to a chat message, in place of their last one; without ``emoji`` they have none."""

    message_id: Annotated[str, Meta(min_length=1, max_length=64)]
    emoji: Emoji | None = None


class SendReaction(Wire, frozen=True):
    """A reaction to what happens right now: everyone sees it for a moment."""

    emoji: Emoji


class RaiseHand(Wire, frozen=True):
    """Raise or lower the hand."""

    raised: bool


class SetDisplayName(Wire, frozen=True):
    """The caller's name in this meeting from now on."""

    display_name: DisplayName


class SetRecordingOptOut(Wire, frozen=True):
    """Whether the caller is left out of recordings."""

    opt_out: bool


class OneUser(Wire, frozen=True):
    """AskToMute: a host's call about one participant."""

    target_user_id: Target


class RemoveParticipant(Wire, frozen=True):
    """Remove a participant, or with Deny one who waits; with ``ban``, a guest for good."""

    target_user_id: Target
    ban: bool | None = None


class ChangeSettings(Wire, frozen=True):
    """Change the room's settings, as PATCH /v1/rooms/{id} does."""

    settings: SettingsChange


class Admit(Wire, frozen=True):
    """Let in one who waits; without a target, everyone."""

    target_user_id: Target | None = None


class LowerHand(Wire, frozen=True):
    """Lower a participant's hand."""

    target_user_id: Target


class Spotlight(Wire, frozen=True):
    """Show a participant large to everyone, or no more."""

    target_user_id: Target
    on: bool


class SetRole(Wire, frozen=True):
    """Make a participant a co-host, or an attendee."""

    target_user_id: Target
    role: Role


class Permissions(Wire, frozen=True, omit_defaults=True):
    """What one participant may do. None: what the room's settings say (for the camera: they may)."""

    unmute: bool | None = None
    video: bool | None = None
    share: bool | None = None
    chat: bool | None = None


class SetPermissions(Wire, frozen=True):
    """Say what a participant may do; what is left out is as the room's settings say."""

    target_user_id: Target
    permissions: Permissions


class KeepAlive(Wire, frozen=True):
    """``received``: so many events have come on this connection since JoinRoom's result."""

    received: Count | None = None


class Empty(Wire, frozen=True):
    """LeaveRoom, ReadChat, EndRoom, MuteAll and StopRecording have no payload."""


CALLS: Final[dict[str, type[Wire]]] = {
    "JoinRoom": JoinRoom,
    "SendOffer": SendOffer,
    "SendAnswer": SendAnswer,
    "SendIceCandidate": SendIceCandidate,
    "UpdateState": UpdateState,
    "KeepAlive": KeepAlive,
    "LeaveRoom": Empty,
    "SetView": SetView,
    "MediaStopped": MediaStopped,
    "SendChat": SendChat,
    "ReadChat": Empty,
    "ReactToMessage": ReactToMessage,
    "SendReaction": SendReaction,
    "RaiseHand": RaiseHand,
    "SetDisplayName": SetDisplayName,
    "SetRecordingOptOut": SetRecordingOptOut,
    "AskToMute": OneUser,
    "RemoveParticipant": RemoveParticipant,
    "MuteAll": Empty,
    "EndRoom": Empty,
    "StartRecording": StartRecording,
    "StopRecording": Empty,
    "ChangeSettings": ChangeSettings,
    "Admit": Admit,
    "Deny": RemoveParticipant,
    "LowerHand": LowerHand,
    "Spotlight": Spotlight,
    "SetRole": SetRole,
    "SetPermissions": SetPermissions,
}
"""Every call of the hub and its payload."""
MAY_LACK_PAYLOAD: Final = frozenset({KeepAlive, Admit, Empty})
"""Where an absent payload and null are as good as ``{}``."""


# --- Hub: results and events ------------------------------------------------------------------------------------------


class ParticipantView(Wire, frozen=True):
    """A participant, as in JoinRoom's result, ParticipantJoined and REST."""

    user_id: str
    display_name: str
    role: Role
    is_muted: bool
    is_video_on: bool
    joined_at: str
    hand_raised: bool = False
    recording_opt_out: bool = False
    is_guest: bool = False
    """They came by an invite: their name is their own claim."""
    is_spotlit: bool = False
    permissions: Permissions = Permissions()


class Knock(Wire, frozen=True):
    """Somebody who waits to be admitted; ``since`` is a time."""

    user_id: str
    display_name: str
    is_guest: bool
    since: str


class JoinResult(Wire, omit_defaults=True, frozen=True):
    """The caller and the other participants. ``missed``: events were lost while the caller was away."""

    user_id: str
    role: Role
    participants: list[ParticipantView]
    resume_token: str
    keep_alive_seconds: int
    is_recording: bool
    settings: Settings
    display_name: str = ""
    """The caller's, by which the others know them: a seat that is taken over keeps its own."""
    missed: bool = False
    is_muted: bool = False
    is_video_on: bool = False
    is_spotlit: bool = False
    permissions: Permissions | None = None
    """Of the caller, like the four before: the room may have muted them. None: all as the room's settings say."""
    waiting: list[Knock] = []
    """Who waits to be admitted: for hosts."""
    topology: Topology = "sfu"
    """Whether an ``SfuEndpoint`` will come."""
    recording_id: str | None = None
    """Of the recording that goes on."""


class ChatMessage(Wire, omit_defaults=True, frozen=True):
    """A chat message; ``target_user_id`` of a private one. ``reactions``: userId → emoji, where it was kept."""

    id: str
    user_id: str
    display_name: str
    text: str
    sent_at: str
    private: bool = False
    target_user_id: str | None = None
    reactions: dict[str, str] = msgspec.field(default_factory=dict)

    def is_for(self, user_id: str) -> bool:
        """Whether a user may read it."""
        return not self.private or user_id in (self.user_id, self.target_user_id)


class ChatHistory(Wire, frozen=True):
    """ReadChat's result, the oldest first."""

    messages: list[ChatMessage]


class RecordingBegun(Wire, frozen=True):
    """StartRecording's result."""

    recording_id: str


class SfuEndpoint(Wire, frozen=True):
    """Which SFU node to send offers to."""

    ip: str
    port: int
    transport_id: str


class SdpEvent(Wire, frozen=True):
    """ReceiveOffer and ReceiveAnswer."""

    source_user_id: str
    sdp: str


class CandidateEvent(Wire, frozen=True):
    """IceCandidate."""

    source_user_id: str
    candidate: str | dict[str, Any]


class StateChanged(Wire, frozen=True):
    """A participant was muted or unmuted, or turned the video on or off."""

    user_id: str
    is_muted: bool
    is_video_on: bool


class DisplayNameChanged(Wire, frozen=True):
    """A participant has another name from now on."""

    user_id: str
    display_name: str


class SettingsChanged(Wire, frozen=True):
    """The room's settings are these now."""

    settings: Settings


class ParticipantChanged(Wire, frozen=True):
    """What a host has changed about a participant; all values as they are now."""

    user_id: str
    role: Role
    is_spotlit: bool
    permissions: Permissions


class WaitingEnded(Wire, frozen=True):
    """Somebody waits no more: they were admitted or denied, have gone, or waited too long."""

    user_id: str


class ParticipantLeft(Wire, frozen=True):
    """A participant left."""

    user_id: str
    reason: LeaveReason


class RecordingChanged(Wire, frozen=True):
    """Recording has begun, or is over (``recording_id`` null)."""

    is_recording: bool
    recording_id: str | None


class RecordingOptOutChanged(Wire, frozen=True):
    """A participant is left out of recordings from now on, or no more."""

    user_id: str
    opt_out: bool


class RecordingTrouble(Wire, frozen=True):
    """Something of a recording cannot be written. The meeting goes on."""

    recording_id: str
    reason: RecordingTroubleReason
