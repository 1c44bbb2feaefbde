"""What a client is told: events, and those that the room itself makes. Their payloads are in docs/protocol.md."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from tertulia.contract.events import (
    ChatMessage,
    DisplayNameChanged,
    Knock,
    ParticipantChanged,
    ParticipantLeft,
    RecordingChanged,
    RecordingOptOutChanged,
    SettingsChanged,
    SfuEndpoint,
    StateChanged,
    WaitingEnded,
)
from tertulia.contract.settings import Settings
from tertulia.ids import RecordingId
from tertulia.room.messages import EventMessage
from tertulia.room.mirror import Went
from tertulia.room.participant import Participant

_encode: Final = msgspec.json.Encoder().encode


class Event:
    """One server event, made once for all who get it; each dialect's frame is encoded once and kept.

    ``payload`` is a struct of :mod:`tertulia.contract`, a dict, or the JSON that came from another hub (``Raw``). Of
    the events that wait for a slow reader only the newest with the same ``latest`` matters; None: each one matters.
    """

    __slots__ = ("_frames", "_json", "latest", "name", "payload")

    def __init__(self, name: str, payload: Struct | dict[str, Any] | Raw, latest: Hashable = None) -> None:
        self.name = name
        self.payload = payload
        self.latest = latest
        self._frames: dict[str, bytes] = {}
        self._json: bytes | None = None

    def frame(self, dialect: str, encode: Callable[[Event], bytes]) -> bytes:
        """The bytes of this event in a dialect, encoded at the first call."""
        frame = self._frames.get(dialect)
        if frame is None:
            frame = self._frames[dialect] = encode(self)
        return frame

    def json(self) -> bytes:
        """The payload as JSON, encoded at the first call."""
        json = self._json
        if json is None:
            payload = self.payload
            json = self._json = bytes(payload) if isinstance(payload, Raw) else _encode(payload)
        return json

    def value(self) -> Any:
        """The payload for encodings other than JSON: what came as JSON is decoded."""
        return msgspec.json.decode(self.payload) if isinstance(self.payload, Raw) else self.payload

    def __repr__(self) -> str:
        return f"Event({self.name!r})"


_WHOLE: Final = frozenset(
    {"ActiveSpeakers", "LayersWanted", "Slots", "TransportState", "VideosLimited", "VideosPaused"}
)
"""Events of the SFU that say everything each time: only the newest matters."""


def relayed(message: EventMessage) -> Event:
    """What another hub or an SFU node wants delivered as it is."""
    return Event(
        message.event, Raw(message.payload), (message.event, message.origin) if message.event in _WHOLE else None
    )


def participant_joined(member: Participant) -> Event:
    """Somebody new is in the room."""
    return Event("ParticipantJoined", member.view())


def participant_left(went: Went) -> Event:
    """A member is gone."""
    return Event("ParticipantLeft", ParticipantLeft(user_id=went.participant.user_id, reason=went.reason))


def state_changed(member: Participant) -> Event:
    """A member's microphone or camera."""
    payload = StateChanged(user_id=member.user_id, is_muted=member.is_muted, is_video_on=member.is_video_on)
    return Event("StateChanged", payload, _of("StateChanged", member.user_id))


def hand_raised(member: Participant) -> Event:
    """A member's hand."""
    payload = {"userId": member.user_id, "raised": member.hand_raised}
    return Event("HandRaised", payload, _of("HandRaised", member.user_id))


def display_name_changed(member: Participant) -> Event:
    """A member's name."""
    payload = DisplayNameChanged(user_id=member.user_id, display_name=member.display_name)
    return Event("DisplayNameChanged", payload, _of("DisplayNameChanged", member.user_id))


def connection_lost(user_id: str) -> Event:
    """A member may come back."""
    return Event("ConnectionLost", {"userId": user_id}, _of("Connection", user_id))


def connection_back(user_id: str) -> Event:
    """The member whose connection was lost is back."""
    return Event("ConnectionBack", {"userId": user_id}, _of("Connection", user_id))


def sfu_endpoint(ip: str, port: int, transport: str) -> Event:
    """Which SFU node to connect to."""
    return Event("SfuEndpoint", SfuEndpoint(ip=ip, port=port, transport_id=transport), "SfuEndpoint")


def transport_moved(transport: str) -> Event:
    """The transport on the node that the room has left is gone; there is another one."""
    return Event("TransportState", {"transportId": transport, "state": "closed", "reason": "moved"})


def no_answer(transport: str) -> Event:
    """An offer did not reach the SFU node, which may have died."""
    message = "the media server cannot be reached: offer again in a while, or to the next SfuEndpoint if one comes"
    return Event("SfuError", {"transportId": transport, "code": "unreachable", "message": message})


def recording_changed(recording: RecordingId | None) -> Event:
    """A recording goes on from now on, or none."""
    payload = RecordingChanged(is_recording=recording is not None, recording_id=recording)
    return Event("RecordingChanged", payload, "RecordingChanged")


def opt_out_changed(member: Participant) -> Event:
    """A member is left out of recordings, or no more."""
    payload = RecordingOptOutChanged(user_id=member.user_id, opt_out=member.recording_opt_out)
    return Event("RecordingOptOutChanged", payload, _of("RecordingOptOutChanged", member.user_id))


def participant_changed(member: Participant) -> Event:
    """What a host has changed about a member."""
    payload = ParticipantChanged(
        user_id=member.user_id, role=member.role, is_spotlit=member.is_spotlit, permissions=member.permissions
    )
    return Event("ParticipantChanged", payload, _of("ParticipantChanged", member.user_id))


def settings_changed(settings: Settings) -> Event:
    """The room's settings."""
    return Event("SettingsChanged", SettingsChanged(settings=settings), "SettingsChanged")


def waiting() -> Event:
    """To who has called JoinRoom: a host has to admit them."""
    return Event("Waiting", {})


def participant_waiting(knock: Knock) -> Event:
    """To hosts: somebody waits to be admitted."""
    return Event("ParticipantWaiting", knock)


def waiting_ended(user_id: str) -> Event:
    """To hosts: somebody waits no more."""
    return Event("WaitingEnded", WaitingEnded(user_id=user_id))


def mute_requested(by: str) -> Event:
    """A host asks to mute."""
    return Event("MuteRequested", {"byUserId": by})


def chat_message(message: ChatMessage) -> Event:
    """Somebody wrote."""
    return Event("ChatMessage", message)


def message_reaction(message_id: str, user_id: str, emoji: str | None) -> Event:
    """A member's reaction to a chat message is this from now on; None: they have none."""
    return Event("MessageReaction", {"messageId": message_id, "userId": user_id, "emoji": emoji})


def reaction(user_id: str, emoji: str) -> Event:
    """A member reacts to what happens right now."""
    return Event("Reaction", {"userId": user_id, "emoji": emoji})


def replaced() -> Event:
    """The same user joined by another connection."""
    return Event("Replaced", {})


def removed() -> Event:
    """A host removed the member."""
    return Event("Removed", {})


def room_ended(reason: str) -> Event:
    """The meeting is over."""
    return Event("RoomEnded", {"reason": reason})


def _of(name: str, user_id: str) -> Hashable:
    return name, user_id
