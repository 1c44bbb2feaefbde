"""A model of SQL: the records of rooms, and their sessions. Transactions are atomic and in no order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from tertulia.contract.settings import Settings, SettingsChange
from tertulia.errors import AlreadyRecording, NoSession, NotFound, TertuliaError, Unavailable
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId
from tertulia.room.answers import Ongoing, RoomRecord
from tertulia.room.participant import Removals
from tests.world.clock import Clock, Process
from tests.world.network import Weather

TENANT: Final = TenantId("tenant")
"""Whose all rooms are."""


class Session(Struct):
    """A row of sessions."""

    id: SessionId
    room: RoomId
    start: float
    end: float | None = None


class Recording(Struct):
    """A row of recordings."""

    session: SessionId
    is_running: bool = True


class Sql:
    """The database, and what may happen on the way to it. ``failures``: the share of transactions that fail, whether
    they took effect or not."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        self.sessions: dict[SessionId, Session] = {}
        self.recordings: dict[RecordingId, Recording] = {}
        self.removals: dict[tuple[str, UserId], int] = {}
        """By session and user, in milliseconds."""
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
        session_id = latest.id if latest else None
        recording = self.running(session_id) if session_id else None
        return RoomRecord(
            host_user_id=host,
            settings=settings,
            session_id=session_id,
            recording=recording,
            removals=self._removals(session_id),
        )

    def change_settings(self, room: RoomId, change: SettingsChange) -> Settings:
        """The room's settings with a change merged in. Raises NotFound."""
        settings = self.record(room).settings.merged(change)
        self._rooms[room] = self._rooms[room][0], settings
        return settings

    def open_session(self, room: RoomId, session: SessionId) -> bool:
        """Whether the session is open now; it is made if it is new. Raises NotFound."""
        self.record(room)
        found = self.sessions.setdefault(session, Session(session, room, self._clock.now))
        return found.end is None

    def close_session(self, session: SessionId) -> None:
        """End it with its recording, unless it has ended or is unknown."""
        found = self.sessions.get(session)
        if found is not None and found.end is None:
            found.end = self._clock.now
            self.change_settings(found.room, SettingsChange(locked=False))
            self.removals = {key: at for key, at in self.removals.items() if key[0] != session}
            running = self.running(session)
            if running is not None:
                self.stop_recording(running)

    def read_session(self, session: SessionId) -> Ongoing | None:
        """What is recorded of it; None: there is no such session, or it has ended."""
        found = self.sessions.get(session)
        if found is None or found.end is not None:
            return None
        return Ongoing(self.running(session), self._removals(session))

    def remove(self, session: SessionId, user: UserId, at_ms: int) -> None:
        """A user was removed from a session that has not ended."""
        found = self.sessions.get(session)
        if found is None or found.end is None:
            self.removals[session, user] = max(at_ms, self.removals.get((session, user), 0))

    def _removals(self, session: SessionId | None) -> Removals:
        return {user: at for (of, user), at in self.removals.items() if of == session}

    def running(self, session: SessionId) -> RecordingId | None:
        """The recording of the session that goes on."""
        running = [key for key, row in self.recordings.items() if row.session == session and row.is_running]
        return running[0] if running else None

    def start_recording(self, recording: RecordingId, session: SessionId) -> None:
        """A recording of the session goes on, unless it is there already. Raises NoSession, AlreadyRecording."""
        if recording in self.recordings:
            return
        ongoing = self.read_session(session)
        if ongoing is None:
            raise NoSession("the session is not open")
        if ongoing.recording is not None:
            raise AlreadyRecording("another one")
        self.recordings[recording] = Recording(session)

    def stop_recording(self, recording: RecordingId) -> None:
        """It is over, unless it is unknown."""
        if recording in self.recordings:
            self.recordings[recording].is_running = False

    def withdraw_recording(self, recording: RecordingId) -> None:
        """It is unknown from now on."""
        self.recordings.pop(recording, None)

    def to_reap(self) -> list[tuple[Session, RecordingId | None, Settings]]:
        """The open sessions, each with its recording that goes on, and the settings of its room."""
        open_ones = self.open_sessions()
        return [(session, self.running(session.id), self._rooms[session.room][1]) for session in open_ones]

    def open_sessions(self) -> list[Session]:
        """All that have not ended."""
        return [session for session in self.sessions.values() if session.end is None]
