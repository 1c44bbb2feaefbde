"""Seats that are given up, lost, taken away or timed out."""

from __future__ import annotations

import asyncio

import structlog

from tertulia.contract import LeaveReason
from tertulia.errors import TertuliaError
from tertulia.hub.connection import Connection
from tertulia.hub.live import LiveRoom
from tertulia.hub.live_rooms import LiveRooms
from tertulia.hub.media import Media
from tertulia.hub.sessions import Sessions
from tertulia.ids import NodeId, RoomId, UserId
from tertulia.room.messages import LeftMessage
from tertulia.room.participant import Participant
from tertulia.room.settings import HubSettings
from tertulia.state.rooms import RoomState

_log = structlog.get_logger(__name__)


class Leaving:
    """Runs the scripts that free seats, and tells whoever has to know."""

    def __init__(
        self, settings: HubSettings, rooms: RoomState, live_rooms: LiveRooms, media: Media, sessions: Sessions
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._live_rooms = live_rooms
        self._media = media
        self._sessions = sessions

    async def leave(self, connection: Connection, reason: LeaveReason) -> None:
        """Give up the seat of ``connection``; raises Unavailable, and then the seat stays."""
        seated = connection.seated
        if seated is None:
            return
        live = seated.room
        left = await self._rooms.leave(live.id, seated.user_id, connection.id, reason)
        if left is not None:
            self._freed(live.id, left.participant, left.remaining, reason, live.node)
        else:
            await self._leave_what_was_lost(connection, live, reason)
        self.forget(connection)  # also where Redis had given the seat away already

    async def _leave_what_was_lost(self, connection: Connection, live: LiveRoom, reason: LeaveReason) -> None:
        """Redis knows nothing of the seat. If it lost the whole room, the other hubs still believe in it: tell them."""
        seated = connection.seated
        summary = await self._rooms.summary(live.id)
        if seated is not None and (summary is None or summary.incarnation != live.incarnation):
            member = live.members.get(seated.user_id)
            if member is not None and member.connection_id == connection.id:
                live.leave_unrecorded(member, reason)
                self._media.close(live.id, live.node, [seated.seat])

    async def close(self, connection: Connection) -> None:
        """The client said goodbye by closing its socket. If Redis does not hear it now, the seat times out."""
        try:
            await self.leave(connection, "closed")
        except TertuliaError as e:
            _log.warning("a seat could not be freed and will time out", error=e.message)
            self.forget(connection)

    def forget(self, connection: Connection) -> None:
        """The connection has no seat any more; what Redis says of the seat is for others to see to."""
        if connection.seated is not None:
            live = connection.seated.room
            live.unseat(connection)
            self._live_rooms.drop_unused(live)

    async def remove(self, room: RoomId, user: UserId) -> bool:
        """Take a member's seat away and void their tokens; False: not a member. Raises Unavailable."""
        left = await self._rooms.remove(room, user)
        if left is None:
            return False
        live = self._live_rooms.get(room)
        if live is None or live.mirror is None:
            summary = await self._rooms.summary(room)
            node = summary.node if summary is not None else None
        else:
            node = live.node
        self._freed(room, left.participant, left.remaining, "removed", node)
        return True

    async def sweep(self, live: LiveRoom) -> None:
        """Free the seats of the room that were silent for too long. Raises Unavailable."""
        expired = await self._rooms.expire(live.id, round(self._settings.seat * 1000))
        for member in expired.participants if expired is not None else ():
            self._freed(live.id, member, expired.remaining if expired is not None else 0, "timeout", live.node)

    def lost(self, connection: Connection) -> None:
        """The connection of a seat is gone without a word: keep what it misses; tell the others if it stays away."""
        seated = connection.seated
        if seated is None:
            return
        connection.lose()
        loop = asyncio.get_running_loop()
        connection.blip_timer = loop.call_later(self._settings.blip, seated.room.connection_lost, connection)

    def _freed(
        self, room: RoomId, member: Participant, remaining: int, reason: LeaveReason, node: NodeId | None
    ) -> None:
        live = self._live_rooms.get(room)
        if live is not None:
            live.changed(LeftMessage.of(member, reason, live.hub_id))
            self._live_rooms.drop_unused(live)
        self._media.close(room, node, [member.seat])
        if remaining == 0:
            self._sessions.emptied(room)
