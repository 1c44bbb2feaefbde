"""What a tenant may have in all, and in one room."""

from __future__ import annotations

from msgspec import Struct


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
