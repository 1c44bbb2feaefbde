"""The calls of the hub: each payload, and :data:`CALLS`, which names them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from tertulia.contract.fields import DisplayName, Emoji, Role, Sdp, Source, Target, Token, Uuid, Wire
from tertulia.contract.requests import StartRecording
from tertulia.contract.settings import SettingsChange

Count = Annotated[int, Meta(ge=0)]
MAX_CANDIDATE: Final = 4096
"""Characters of a candidate: of the line, or of an object's JSON, which is checked when the call is carried out."""
Candidate = Annotated[str, Meta(max_length=MAX_CANDIDATE)] | dict[str, Any] | None


class JoinRoom(Wire, frozen=True):
    """``resume_token``: returns to the seat that a lost connection held, on which the client ``received`` so many
    events after JoinRoom's result."""

    room_id: Uuid
    token: Token
    resume_token: Annotated[str, Meta(max_length=256)] | None = None
    received: Count | None = None
    is_muted: bool | None = None
    is_video_on: bool | None = None
    hand_raised: bool | None = None
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
    """A chat message, to everyone or to one participant. ``client_id``: the sender's own, told in the event."""

    text: Annotated[str, Meta(min_length=1, max_length=4000)]
    target_user_id: Target | None = None
    client_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


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
