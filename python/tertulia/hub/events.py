"""The events that the hub itself makes. Their payloads are in docs/protocol.md."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from msgspec import Raw

from tertulia.contract import ParticipantLeft, SfuEndpoint, StateChanged
from tertulia.hub.client import Event
from tertulia.room.messages import EventMessage, Participant
from tertulia.room.mirror import Went

_WHOLE: Final = frozenset({"ActiveSpeakers", "Slots", "TransportState"})
"""Events of the SFU that say everything each time: only the newest matters."""


def relayed(message: EventMessage) -> Event:
    """What another hub or an SFU node wants delivered as it is."""
    return Event(message.event, Raw(message.payload), message.event if message.event in _WHOLE else None)


def participant_joined(member: Participant) -> Event:
    return Event("ParticipantJoined", member.view())


def participant_left(went: Went) -> Event:
    return Event("ParticipantLeft", ParticipantLeft(user_id=went.participant.user_id, reason=went.reason))


def state_changed(member: Participant) -> Event:
    payload = StateChanged(user_id=member.user_id, is_muted=member.is_muted, is_video_on=member.is_video_on)
    return Event("StateChanged", payload, _of("StateChanged", member.user_id))


def hand_raised(member: Participant) -> Event:
    payload = {"userId": member.user_id, "raised": member.hand_raised}
    return Event("HandRaised", payload, _of("HandRaised", member.user_id))


def connection_lost(user_id: str) -> Event:
    return Event("ConnectionLost", {"userId": user_id}, _of("Connection", user_id))


def connection_back(user_id: str) -> Event:
    return Event("ConnectionBack", {"userId": user_id}, _of("Connection", user_id))


def sfu_endpoint(ip: str, port: int, transport: str) -> Event:
    return Event("SfuEndpoint", SfuEndpoint(ip=ip, port=port, transport_id=transport), "SfuEndpoint")


def recording_changed(is_recording: bool) -> Event:
    return Event("RecordingChanged", {"isRecording": is_recording}, "RecordingChanged")


def mute_requested(by: str) -> Event:
    return Event("MuteRequested", {"byUserId": by})


def replaced() -> Event:
    return Event("Replaced", {})


def removed() -> Event:
    return Event("Removed", {})


def room_ended(reason: str) -> Event:
    return Event("RoomEnded", {"reason": reason})


def _of(name: str, user_id: str) -> Hashable:
    return name, user_id
