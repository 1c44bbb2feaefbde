"""The life of sessions: opened by the first JoinRoom, closed when the meeting is over, by whoever notices."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from tertulia import times
from tertulia.db.directory import Directory
from tertulia.db.models import Session
from tertulia.errors import NotFound, TertuliaError
from tertulia.hub.live_rooms import LiveRooms
from tertulia.hub.media import Media
from tertulia.hub.tasks import Tasks, for_each
from tertulia.ids import NodeId, RoomId, SessionId
from tertulia.room.settings import HubSettings
from tertulia.state.rooms import RoomState

REAPED_AT_ONCE: Final = 20
"""Sessions: SQL may have to close each of them."""
_MARGIN: Final = 0.05
"""Seconds: Redis' clock and ours may round differently."""

_log = structlog.get_logger(__name__)


class Sessions:
    """Ends meetings, and closes their sessions in SQL."""

    def __init__(
        self,
        settings: HubSettings,
        rooms: RoomState,
        directory: Directory,
        live_rooms: LiveRooms,
        media: Media,
        tasks: Tasks,
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._directory = directory
        self._live_rooms = live_rooms
        self._media = media
        self._tasks = tasks
        self._emptied: dict[RoomId, asyncio.TimerHandle] = {}
        self._stateless: dict[SessionId, float] = {}
        """Open sessions whose room was found without their state, and since when."""

    async def end(self, room: RoomId, reason: str, session_id: SessionId | None = None) -> bool:
        """End the meeting for everyone; False: Redis knows of none (of that session)."""
        return await self._end(room, reason, session_id, None)

    async def end_lost(self, room: RoomId) -> None:
        """Redis knows of no meeting. If SQL does, its state was lost: close it, so that the hubs do not put it back."""
        try:
            session_id = (await self._directory.room(room)).session_id
        except NotFound:
            return  # the room was deleted, and its sessions with it
        if session_id is not None:
            await self.close(room, session_id)

    async def close(self, room: RoomId, session_id: SessionId) -> None:
        """Close the session in SQL, unless somebody rejoined it between its end in Redis and now."""
        await self._directory.close_session(session_id, times.from_seconds(time.time()))
        summary = await self._rooms.summary(room)
        if summary is not None and summary.session_id == session_id:
            await self._rooms.end(room, "ended", session_id=session_id)

    def emptied(self, room: RoomId) -> None:
        """The last one left: end the meeting if nobody comes back in time."""
        self.cancel(room)
        delay = self._settings.empty_room + _MARGIN
        self._emptied[room] = asyncio.get_running_loop().call_later(delay, self._still_empty, room)

    def cancel(self, room: RoomId) -> None:
        """Somebody came back."""
        timer = self._emptied.pop(room, None)
        if timer is not None:
            timer.cancel()

    def stop(self) -> None:
        for room in list(self._emptied):
            self.cancel(room)

    def _still_empty(self, room: RoomId) -> None:
        self._emptied.pop(room, None)
        self._tasks.spawn(self._end_empty(room))

    async def _end_empty(self, room: RoomId) -> None:
        try:
            await self._end(room, "empty", None, round(self._settings.empty_room * 1000))
        except TertuliaError as e:
            _log.warning("an empty meeting was not ended, the next reaping will", room=room, error=e.message)

    async def _end(self, room: RoomId, reason: str, session_id: SessionId | None, empty_ms: int | None) -> bool:
        node = await self._node(room)
        ended = await self._rooms.end(room, reason, session_id=session_id, only_if_empty_for_ms=empty_ms)
        if ended is None:
            return False
        self.cancel(room)
        live = self._live_rooms.get(room)
        if live is not None:
            live.ended(ended.session_id, reason)
            self._live_rooms.drop_unused(live)
        self._media.end(room, node)
        await self.close(room, ended.session_id)
        return True

    async def _node(self, room: RoomId) -> NodeId | None:
        """Where the room's media is; known best by those who have members in it."""
        live = self._live_rooms.get(room)
        if live is not None and live.mirror is not None:
            return live.node
        summary = await self._rooms.summary(room)
        return summary.node if summary is not None else None

    async def reap(self) -> None:
        """Close the sessions whose meeting is over but which nobody closed: their processes died.

        Raises:
            Unavailable: SQL or Redis does not answer.
        """
        open_sessions = await self._directory.open_sessions()
        known = {session.id for session in open_sessions}
        self._stateless = {s: since for s, since in self._stateless.items() if s in known}
        await for_each(open_sessions, self._look_at, REAPED_AT_ONCE)

    async def _look_at(self, session: Session) -> None:
        summary = await self._rooms.summary(session.room_id)
        if summary is not None and summary.session_id == session.id:
            self._stateless.pop(session.id, None)
            if summary.empty_for_ms is not None and summary.empty_for_ms >= self._settings.empty_room * 1000:
                await self._end_empty(session.room_id)
            return
        now = time.monotonic()
        # The hubs of a living meeting write a lost state again at the next KeepAlive at the latest.
        if now - self._stateless.setdefault(session.id, now) >= 1.5 * self._settings.keep_alive:
            _log.info("a session without a meeting is closed", room=session.room_id, session=session.id)
            await self.close(session.room_id, session.id)
