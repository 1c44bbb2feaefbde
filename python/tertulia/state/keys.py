"""The names of all keys and channels in Redis.

The braces are literal: they are the hash tag that keeps all keys of a room, and its channel, in one slot of a cluster.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tertulia.ids import NodeId, RoomId, TenantId


class RoomKeys(NamedTuple):
    """All keys of a room."""

    room: str
    """Hash: sfuRegion, participantCount, isRecording; recordingId, recordingsOver, sfuNode, sessionId, incarnation,
    emptySince, sweptAt, watchedFrom; record: the JSON of :class:`~tertulia.room.records.SharedRecord`."""
    participants: str
    """Hash: userId → the JSON of :class:`~tertulia.room.participant.Participant`."""
    seen: str
    """Sorted set: userId → when the seat last sent JoinRoom or KeepAlive, in ms."""
    removed: str
    """Hash: userId → ms; tokens of admissions until then are void for the session that the field ``""`` has."""
    chat: str
    """Hash: the last chat messages of a session, and the order they came in (state/lua/chat.lua)."""
    standing: str
    """Hash: userId → the role that a host of this meeting has given them, be it by admitting them; ``may:`` userId →
    the permissions that a host has set for them, as JSON."""


class RegistryKeys(NamedTuple):
    """The keys of a registry."""

    entries: str
    """Hash: id → JSON."""
    beats: str
    """Sorted set: id → the last heartbeat, in ms."""


class BucketKeys(NamedTuple):
    """The key of a rate limit's bucket."""

    bucket: str
    """Hash: tokens, at (ms)."""


class TenantKeys(NamedTuple):
    """The key of a tenant that has a quota of people."""

    seats: str
    """Sorted set: the ids of a room and a user → until when they count as in the meeting, in ms."""


class InflowKeys(NamedTuple):
    """The key of a tenant that has a quota of bits."""

    inflow: str
    """Hash: NodeId → when it said so, in ms, and what comes into each of the tenant's rooms there, in kbit/s."""


SFU_NODES: Final = RegistryKeys("{sfu}:nodes", "{sfu}:beats")
WEB_WORKERS: Final = RegistryKeys("{hub}:workers", "{hub}:beats")


def room(room: RoomId) -> str:
    """See :attr:`RoomKeys.room`."""
    return f"room:{{{room}}}"


def participants(room: RoomId) -> str:
    """See :attr:`RoomKeys.participants`."""
    return f"room:{{{room}}}:participants"


def seen(room: RoomId) -> str:
    """See :attr:`RoomKeys.seen`."""
    return f"room:{{{room}}}:seen"


def removed(room: RoomId) -> str:
    """See :attr:`RoomKeys.removed`."""
    return f"room:{{{room}}}:removed"


def chat(room: RoomId) -> str:
    """See :attr:`RoomKeys.chat`."""
    return f"room:{{{room}}}:chat"


def standing(room: RoomId) -> str:
    """See :attr:`RoomKeys.standing`."""
    return f"room:{{{room}}}:standing"


def room_keys(room: RoomId) -> tuple[str, str, str, str, str, str]:
    """All keys of a room, in the order of :class:`RoomKeys` (a plain tuple, as every call of a script makes one)."""
    base = f"room:{{{room}}}"
    return (
        base,
        f"{base}:participants",
        f"{base}:seen",
        f"{base}:removed",
        f"{base}:chat",
        f"{base}:standing",
    )


def room_events(room: RoomId) -> str:
    """The channel of a room: messages to every hub that has members in it."""
    return f"room:{{{room}}}:events"


def sfu_commands(node: NodeId) -> str:
    """The channel of an SFU node: commands from hubs."""
    return f"sfu:{{{node}}}:commands"


def tenant_keys(tenant: TenantId) -> TenantKeys:
    """See :class:`TenantKeys`. Not in the slot of any room: what is done here is a step of its own."""
    return TenantKeys(f"tenant:{{{tenant}}}:seats")


def inflow_keys(tenant: TenantId) -> InflowKeys:
    """See :class:`InflowKeys`."""
    return InflowKeys(f"tenant:{{{tenant}}}:inflow")


def bucket(name: str) -> str:
    """See :attr:`BucketKeys.bucket`. Buckets are spread over the slots of a cluster."""
    return f"limit:{{{name}}}"
