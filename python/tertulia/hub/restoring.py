"""Redis is a cache of who is here; the hubs are the truth about it. What is lost there is read or written again from
here."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from tertulia.db.directory import Directory
from tertulia.errors import NoSession, TertuliaError
from tertulia.hub.live import LiveRoom
from tertulia.hub.live_rooms import LiveRooms
from tertulia.hub.tasks import Tasks
from tertulia.ids import SessionId, new_token
from tertulia.redis.client import CALL_SECONDS
from tertulia.room.settings import HubSettings
from tertulia.state.rooms import RoomState

_AGAIN: Final = 1.0
"""Seconds until a room that could not be read is read again."""

_log = structlog.get_logger(__name__)


class Restoring:
    """Of several who find a room lost, one restores it and the others wait for that."""

    def __init__(
        self, settings: HubSettings, rooms: RoomState, directory: Directory, live_rooms: LiveRooms, tasks: Tasks
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._directory = directory
        self._live_rooms = live_rooms
        self._tasks = tasks
        self._reading: set[str] = set()
        self._again: set[str] = set()
        """Rooms of which messages were missed once more while they were read."""

    async def restore(self, live: LiveRoom, incarnation: str) -> None:
        """Write the members of this hub again into a state that is no longer ``incarnation``.

        If their session has ended meanwhile, they are told so and let go. Raises Unavailable.
        """
        async with live.restoring:
            if live.incarnation == incarnation and live.session_id is not None:
                await self._restore(live, live.session_id)

    def lost(self, live: LiveRoom) -> None:
        """Messages of the room's channel were missed: read the room again, in the background, until that worked."""
        if live.id in self._reading:
            self._again.add(live.id)
            return
        self._reading.add(live.id)
        self._tasks.spawn(self._read_again(live))

    async def _restore(self, live: LiveRoom, session_id: SessionId) -> None:
        if not await self._directory.is_open(session_id):
            self._over(live)
            return
        try:
            restored = await self._rooms.restore(live.id, live.known(), live.mine(), new_token())
        except NoSession:
            self._over(live)
            return
        if live.mirror is not None and live.session_id == session_id:
            live.incarnation = restored.incarnation
            live.mirror.lost((m.user_id for m in live.mine()), time.monotonic() + self._settings.seat)
            live.settled(restored)
            live.replace_missing(restored.displaced)
            if not restored.created:
                self.lost(live)  # who was written before us is there for certain
            _log.info("a room was written to Redis again", room=live.id, members=len(live.seats))

    def _over(self, live: LiveRoom) -> None:
        live.ended(live.session_id, "ended")
        self._live_rooms.drop_unused(live)

    async def _read_again(self, live: LiveRoom) -> None:
        try:
            while live.in_use:
                self._again.discard(live.id)
                if await self._read(live) and live.id not in self._again:
                    break
                await asyncio.sleep(_AGAIN)
        finally:
            self._reading.discard(live.id)
            live.hearing.end_reading()
            self._live_rooms.drop_unused(live)

    async def _read(self, live: LiveRoom) -> bool:
        """Bring the mirror up to date; False: it has to be tried again."""
        mark = new_token()
        marked = live.hearing.begin_reading(mark)
        try:
            reading = await self._rooms.read(live.id, mark)
            incarnation = live.incarnation
            if live.mirror is None:
                return True  # the first JoinRoom's answer will say who is there
            if reading is None or reading.summary.incarnation != incarnation:
                await self.restore(live, incarnation)
                marked = live.hearing.begin_reading(mark := new_token())
                reading = await self._rooms.read(live.id, mark)
                if reading is not None and live.mirror is not None:
                    live.run(live.mirror.present(reading.participants))
            elif live.mirror is not None:
                live.run(live.mirror.snapshot(reading.participants))
                live.settled(reading.summary)
            await asyncio.wait_for(marked, CALL_SECONDS)
            return True
        except (TertuliaError, TimeoutError) as e:
            _log.warning("a room could not be read again yet", room=live.id, error=str(e))
            return False
