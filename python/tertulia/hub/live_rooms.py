"""The rooms in which this worker has members."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tertulia.hub import metrics
from tertulia.hub.live import LiveRoom
from tertulia.ids import HubId, RoomId
from tertulia.redis.channels import Channels
from tertulia.room.nodes import Nodes
from tertulia.state import keys


class LiveRooms:
    """Each is subscribed to its channel as long as it is in use."""

    def __init__(self, hub_id: HubId, channels: Channels, nodes: Nodes, on_lost: Callable[[LiveRoom], None]) -> None:
        """``on_lost``: a room has to be read again from Redis."""
        self.hub_id: Final = hub_id
        self._channels = channels
        self._nodes = nodes
        self._on_lost = on_lost
        self._rooms: dict[RoomId, LiveRoom] = {}

    def get(self, room: RoomId) -> LiveRoom | None:
        return self._rooms.get(room)

    def all(self) -> list[LiveRoom]:
        return list(self._rooms.values())

    def open(self, room: RoomId) -> LiveRoom:
        """The room; ``subscribed`` tells when its channel is heard. To be put to use at once, or given to
        :meth:`drop_unused`."""
        live = self._rooms.get(room)
        if live is None:
            live = self._rooms[room] = LiveRoom(room, self.hub_id, self._channels, self._nodes, self._on_lost)
            live.subscribed = asyncio.ensure_future(self._subscribe(live))
            metrics.ROOMS.inc()
        return live

    def drop_unused(self, live: LiveRoom) -> None:
        """Forget a room in which nobody of this worker is any more."""
        if not live.in_use and self._rooms.get(live.id) is live:
            del self._rooms[live.id]
            metrics.ROOMS.dec()
            self._leave(live)

    def close(self) -> None:
        """Hear of no room any more."""
        for live in self.all():
            for connection in live.seats.values():
                connection.cancel_timers()
            self._leave(live)
        self._rooms.clear()

    async def _subscribe(self, live: LiveRoom) -> None:
        await self._channels.subscribe(keys.room_events(live.id), live.hearing.on_message, lambda: self._on_lost(live))

    def _leave(self, live: LiveRoom) -> None:
        self._channels.unsubscribe(keys.room_events(live.id))
        if live.subscribed is not None:
            live.subscribed.cancel()
