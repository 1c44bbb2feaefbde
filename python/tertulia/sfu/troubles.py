"""Recordings that this node cannot write any more: their rooms are told until one of the hubs has stopped them."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from tertulia.ids import RoomId

AGAIN_SECONDS: Final = 10.0
"""How often a room is told: who was told while Redis was away hears of it later."""
FOR_SECONDS: Final = 600.0
"""For how long: nobody stops the recording of a room that no hub knows any more."""
LASTING: Final = frozenset({"disk_full", "disk_error"})
"""The troubles after which nothing more is written."""

Message = TypeVar("Message")


class Troubles(Generic[Message]):
    """One in each room at most, since one recording runs in it. ``now`` is in seconds and never runs backwards."""

    def __init__(self) -> None:
        self._rooms: dict[RoomId, _Told[Message]] = {}

    def told(self, room: RoomId, recording: str, message: Message) -> None:
        """A room was told for the first time."""
        self._rooms[room] = _Told(recording, message)

    def over(self, room: RoomId, recording: str | None = None) -> None:
        """The recording was stopped, or the room has ended (None)."""
        if room in self._rooms and recording in (None, self._rooms[room].recording):
            del self._rooms[room]

    def due(self, now: float) -> list[Message]:
        """What rooms are to be told again now."""
        for room in [room for room, told in self._rooms.items() if told.is_stale(now)]:
            del self._rooms[room]
        return [told.message for told in self._rooms.values() if told.is_due(now)]


class _Told(Generic[Message]):
    """What a room was told, and when; as the first time counts the one when that was asked for first."""

    def __init__(self, recording: str, message: Message) -> None:
        self.recording = recording
        self.message = message
        self._first: float | None = None
        self._last = 0.0

    def is_stale(self, now: float) -> bool:
        return self._first is not None and now - self._first > FOR_SECONDS

    def is_due(self, now: float) -> bool:
        """Whether it is to be told again now, which counts as told."""
        if self._first is None:
            self._first = self._last = now
            return False
        if now - self._last < AGAIN_SECONDS:
            return False
        self._last = now
        return True
