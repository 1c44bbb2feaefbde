"""What a tenant may have in all, and in one room."""

from __future__ import annotations

from msgspec import Struct

from tertulia.contract.settings import Settings
from tertulia.errors import QuotaExceeded, Refused, RoomFull


class Quotas(Struct, frozen=True, kw_only=True):
    """None: no limit."""

    rooms: int | None = None
    """Rooms that exist, whatever their status."""
    people: int | None = None
    """People in meetings at once."""
    room_people: int | None = None
    """People in one meeting, whatever ``maxParticipants`` says."""
    room_mbits: int | None = None
    """Mbit/s that may come into one meeting."""
    mbits: int | None = None
    """Mbit/s that may come into all meetings together."""


def most_in_room(settings: Settings, quotas: Quotas) -> int:
    """How many people a room takes, its own host apart."""
    most, quota = settings.max_participants, quotas.room_people
    return most if quota is None else min(most, quota)


def room_is_full(settings: Settings, quotas: Quotas) -> Refused:
    """Why the room takes nobody more: the setting or the quota, whichever is smaller."""
    most = most_in_room(settings, quotas)
    if most == settings.max_participants:
        return RoomFull(f"the room is full with {most} participants: try again when somebody has left")
    return QuotaExceeded(
        f"the room has {most} participants, as many as its tenant may have in one: try again when somebody has left"
    )
