"""A model of SQL: the records of rooms, and their sessions. Transactions are atomic and in no order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tertulia.contract import Settings
from tertulia.errors import NotFound, TertuliaError, Unavailable
from tertulia.ids import RoomId, SessionId, UserId
from tertulia.room.answers import RoomRecord
from tests.world.clock import Clock, Process
from tests.world.network import Weather


class Session(Struct):
    """A row of sessions."""

    id: SessionId
    room: RoomId
    start: float
    end: float | None = None


class Sql:
    """The database, and what may happen on the way to it. ``failures``: the share of transactions that fail, whether
    they took effect or not."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        self.sessions: dict[SessionId, Session] = {}
        self.failures = 0.0
        self._rooms: dict[RoomId, tuple[UserId, Settings]] = {}
        self._clock = clock
        self._weather = weather

    def run(self, process: Process, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run a transaction for a process: ``done`` gets its result or the exception."""
        self._clock.after(self._weather.delay(), None, self._execute, process, work, done)

    def _execute(self, process: Process, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        fails = self.failures and self._weather.chance(self.failures)
        result: Any = Unavailable("the database does not answer")
        if not fails or self._weather.chance(0.5):
            try:
                answer = work()
            except TertuliaError as e:
                answer = e
            result = result if fails else answer
        self._clock.after(self._weather.delay(), process, done, result)

    # --- transactions

    def create_room(self, room: RoomId, host: UserId, settings: Settings) -> None:
        """A new room."""
        self._rooms[room] = host, settings

    def delete_room(self, room: RoomId) -> None:
        """The room is gone, and its sessions with it."""
        self._rooms.pop(room, None)
        self.sessions = {key: session for key, session in self.sessions.items() if session.room != room}

    def record(self, room: RoomId) -> RoomRecord:
        """The room and its open session. Raises NotFound."""
        if room not in self._rooms:
            raise NotFound("no such room")
        host, settings = self._rooms[room]
        open_ones = [session for session in self.open_sessions() if session.room == room]
        latest = max(open_ones, key=lambda session: session.start, default=None)
        return RoomRecord(host_user_id=host, settings=settings, session_id=latest.id if latest else None)

    def open_session(self, room: RoomId, session: SessionId) -> bool:
        """Whether the session is open now; it is made if it is new. Raises NotFound."""
        self.record(room)
        found = self.sessions.setdefault(session, Session(session, room, self._clock.now))
        return found.end is None

    def close_session(self, session: SessionId) -> None:
        """End it, unless it has ended or is unknown."""
        found = self.sessions.get(session)
        if found is not None and found.end is None:
            found.end = self._clock.now

    def is_open(self, session: SessionId) -> bool:
        """Whether there is such a session and it has not ended."""
        found = self.sessions.get(session)
        return found is not None and found.end is None

    def open_sessions(self) -> list[Session]:
        """All that have not ended."""
        return [session for session in self.sessions.values() if session.end is None]
