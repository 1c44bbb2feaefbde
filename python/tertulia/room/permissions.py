"""Who may join, and who may call what. Pure."""

from __future__ import annotations

from typing import Final

from tertulia.contract import Role, Settings
from tertulia.errors import AlreadyJoined, BadToken, Forbidden, NotJoined, RoleNotAllowed
from tertulia.ids import RoomId, UserId
from tertulia.tokens import RoomClaims

HOST_CALLS: Final = frozenset(
    {"AskToMute", "MuteAll", "RemoveParticipant", "EndRoom", "StartRecording", "StopRecording"}
)
"""Calls that only a host may make."""


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


def check_role(settings: Settings, role: Role, is_the_host: bool) -> None:
    """Whether someone may join in ``role``; ``is_the_host``: they are the room's own host, who is always admitted.

    Raises:
        RoleNotAllowed: ``allowedRoles`` (which spells attendee ``guest``) leaves the role out.
    """
    wanted = "host" if role == "host" else "guest"
    if not is_the_host and wanted not in settings.allowed_roles:
        raise RoleNotAllowed(f"this room does not admit the role {role}")


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
