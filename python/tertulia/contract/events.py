"""The results and the events of the hub."""

from __future__ import annotations

from typing import Any

import msgspec

from tertulia.contract.calls import Permissions
from tertulia.contract.fields import LeaveReason, RecordingTroubleReason, Role, Topology, Wire
from tertulia.contract.settings import Settings


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
    hand_raised: bool = False
    is_spotlit: bool = False
    permissions: Permissions | None = None
    """Of the caller, like the four before: the room may have muted them. None: all as the room's settings say."""
    waiting: list[Knock] = msgspec.field(default_factory=list)
    """Who waits to be admitted: for hosts."""
    topology: Topology = "sfu"
    """Whether an ``SfuEndpoint`` will come."""
    recording_id: str | None = None
    """Of the recording that goes on."""


class ChatMessage(Wire, omit_defaults=True, frozen=True):
    """A chat message; ``target_user_id`` of a private one. ``client_id``: the sender's, as in SendChat. ``reactions``:
    userId → emoji, where it was kept."""

    id: str
    user_id: str
    display_name: str
    text: str
    sent_at: str
    private: bool = False
    target_user_id: str | None = None
    client_id: str | None = None
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
