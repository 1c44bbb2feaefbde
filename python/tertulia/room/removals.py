"""The removals that this hub knows of, whatever SQL and Redis have forgotten or not been told yet. Pure."""

from __future__ import annotations

from typing import Final

from tertulia.ids import RoomId, SessionId, UserId
from tertulia.room.participant import Removals

MOST: Final = 10_000
"""Rooms kept: those in which somebody was removed least recently go first."""
MOST_IN_ROOM: Final = 1_000
"""People kept of each, as many as a meeting may have: those who were removed first are in SQL for the longest."""


class KnownRemovals:
    """By room: those from the last session from which somebody was removed, by this hub or as it heard."""

    def __init__(self) -> None:
        self._known: dict[RoomId, tuple[SessionId, Removals]] = {}

    def add(self, room: RoomId, session: SessionId, user: UserId, at_ms: int) -> None:
        """A user was removed."""
        known, removals = self._known.pop(room, (session, {}))
        if known != session:
            removals = {}
        removals[user] = max(at_ms, removals.pop(user, 0))
        if len(removals) > MOST_IN_ROOM:
            del removals[next(iter(removals))]
        self._known[room] = session, removals
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def with_those_of(self, room: RoomId, session: SessionId | None, read: Removals) -> Removals:
        """``read``, which SQL said of the session at some time, with what is known beside."""
        known, removals = self._known.get(room, (None, {}))
        if known is None or known != session:
            return read
        return {user: max(read.get(user, 0), removals.get(user, 0)) for user in read | removals}
