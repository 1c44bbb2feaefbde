"""The names of every key and channel in Redis.

The braces are literal: the hash tag that puts all keys of a room, and its channel, into one slot of a cluster.
"""

from __future__ import annotations

from typing import Final

from tertulia.ids import NodeId, RoomId

SFU_NODES: Final = "{sfu}:nodes"
SFU_BEATS: Final = "{sfu}:beats"
HUB_WORKERS: Final = "{hub}:workers"
HUB_BEATS: Final = "{hub}:beats"


def room(room: RoomId) -> str:
    """Hash: sfuRegion, participantCount, isRecording; sfuNode, sessionId, incarnation, emptySince, sweptAt,
    watchedFrom."""
    return f"room:{{{room}}}"


def participants(room: RoomId) -> str:
    """Hash: userId → the JSON of :class:`~tertulia.room.participant.Participant`."""
    return f"room:{{{room}}}:participants"


def seen(room: RoomId) -> str:
    """Sorted set: userId → ms of the last JoinRoom or KeepAlive of the seat."""
    return f"room:{{{room}}}:seen"


def removed(room: RoomId) -> str:
    """Hash: userId → ms; tokens issued up to then are void for this session."""
    return f"room:{{{room}}}:removed"


def room_keys(room: RoomId) -> tuple[str, str, str, str]:
    """All keys of a room, in the order in which every script takes them."""
    base = f"room:{{{room}}}"
    return base, f"{base}:participants", f"{base}:seen", f"{base}:removed"


def room_events(room: RoomId) -> str:
    """Channel: room messages to every hub that has members in the room."""
    return f"room:{{{room}}}:events"


def sfu_commands(node: NodeId) -> str:
    """Channel: SFU commands to one node."""
    return f"sfu:{{{node}}}:commands"
