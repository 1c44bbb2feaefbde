"""Who may join, and who may call what. Pure."""

from __future__ import annotations

from typing import Final, Literal

from tertulia.contract.calls import UpdateState
from tertulia.contract.fields import Role, Source
from tertulia.contract.settings import Settings
from tertulia.errors import AlreadyJoined, BadToken, Forbidden, NotJoined, RoleNotAllowed
from tertulia.ids import RoomId, UserId
from tertulia.room.participant import Participant
from tertulia.room.steps import Entry
from tertulia.tokens import RoomClaims

HOST_CALLS: Final = frozenset(
    (
        *("AskToMute", "MuteAll", "RemoveParticipant", "EndRoom", "StartRecording", "StopRecording"),
        *("ChangeSettings", "Admit", "Deny", "LowerHand", "Spotlight", "SetRole", "SetPermissions"),
    )
)
"""Calls that only a host may make."""


Right = Literal["unmute", "video", "share", "chat"]
"""What may be denied to a participant."""
_SOURCES: Final[dict[Source, Right]] = {
    "microphone": "unmute",
    "camera": "video",
    "screen": "share",
    "screen-audio": "share",
}


def may(member: Participant, right: Right, settings: Settings) -> bool:
    """Whether a participant may do something. A host may; for others, what was said of them counts before what the
    room's settings say of all."""
    if member.role == "host":
        return True
    own: bool | None = getattr(member.permissions, right)
    if own is not None:
        return own
    return right == "video" or getattr(settings, right) == "everyone"


def blocked(member: Participant, settings: Settings) -> list[Source]:
    """What a participant may not publish."""
    return [source for source, right in _SOURCES.items() if not may(member, right, settings)]


def entry_of(settings: Settings, role: Role, is_the_host: bool) -> Entry:
    """What somebody meets who joins in ``role``, and has no seat. ``is_the_host``: they are the room's own host, who is
    always admitted."""
    if not is_the_host and ("host" if role == "host" else "guest") not in settings.allowed_roles:
        return "closed"
    if role == "host":
        return "open"
    if settings.locked:
        return "locked"
    return "waits" if settings.waiting_room else "open"


def is_muted_on_entry(settings: Settings, role: Role) -> bool:
    """Whether somebody who joins in ``role`` begins muted, whatever they ask for."""
    return role != "host" and (settings.mute_on_entry or settings.unmute == "host")


def check_update(payload: UpdateState, member: Participant, settings: Settings) -> None:
    """
    Raises:
        Forbidden: the participant may not unmute, or turn the camera on.
    """
    if payload.is_muted is False and member.is_muted and not may(member, "unmute", settings):
        raise Forbidden("a host has to let you unmute: raise your hand")
    if payload.is_video_on and not may(member, "video", settings):
        raise Forbidden("a host has stopped your video, and has to allow it again")


def check_chat(member: Participant, target: Participant | None, settings: Settings) -> None:
    """
    Raises:
        Forbidden: the participant may write to hosts only.
    """
    if not may(member, "chat", settings) and (target is None or target.role != "host"):
        raise Forbidden("in this meeting you may write to a host only")


def check_seat(event: str, is_seated: bool) -> None:
    """Whether a connection may call this at all.

    Raises:
        AlreadyJoined: JoinRoom, of one that has a seat.
        NotJoined: any other call, of one that has none.
    """
    if event == "JoinRoom" and is_seated:
        raise AlreadyJoined("this connection is in a room already: call LeaveRoom first")
    if event != "JoinRoom" and not is_seated:
        raise NotJoined("call JoinRoom first")


def check_room(claims: RoomClaims, room: RoomId) -> None:
    """
    Raises:
        BadToken: the token is good, but not for this room.
    """
    if claims.room_id != room:
        raise BadToken("the token is for another room")


def check_call(event: str, role: Role) -> None:
    """
    Raises:
        Forbidden: the call is the host's.
    """
    if role != "host" and event in HOST_CALLS:
        raise Forbidden(f"only a host may call {event}")


def check_target(event: str, caller: UserId, target: UserId, host: UserId) -> None:
    """Whether a host may call this about a participant; ``host``: the room's own host.

    Raises:
        Forbidden: a co-host, about the room's own host.
    """
    if target == host and caller != host:
        raise Forbidden(f"a co-host may not call {event} about the room's own host")


def not_admitted(role: Role) -> RoleNotAllowed:
    """What is told who joins in a ``role`` that ``allowedRoles`` (which spells attendee ``guest``) leaves out."""
    return RoleNotAllowed(f"this room does not admit the role {role}")


def check_recordable(settings: Settings) -> None:
    """Whether a meeting in a room with these settings may be recorded.

    Raises:
        Forbidden: recording is not enabled, or no SFU sees the media.
    """
    if not settings.is_recording_enabled:
        raise Forbidden("recording is not enabled in this room: set settings.isRecordingEnabled to true")
    if settings.topology == "p2p":
        raise Forbidden(
            "a peer-to-peer room cannot be recorded, because its media does not pass the server: "
            'set settings.topology to "sfu", and let everyone join again'
        )
