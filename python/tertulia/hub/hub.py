"""The hub: what transports call, and who does it. One per web worker."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from tertulia.contract import CALLS, Empty, Wire
from tertulia.db.directory import Directory
from tertulia.db.keyring import Keyring
from tertulia.errors import (
    AlreadyJoined,
    NotJoined,
    RateLimited,
    Refused,
    TertuliaError,
    Unavailable,
    UnknownEvent,
)
from tertulia.hub import closing, metrics
from tertulia.hub.calls import CALL_HANDLERS, Calls, Done
from tertulia.hub.client import CallId, Client
from tertulia.hub.connection import Connection, WaitingCall
from tertulia.hub.joining import Joining
from tertulia.hub.live import LiveRoom
from tertulia.hub.media import Media
from tertulia.hub.nodes import Nodes
from tertulia.hub.refusal import refusal
from tertulia.hub.restoring import Restoring
from tertulia.hub.sessions import Sessions
from tertulia.hub.settings import HubSettings
from tertulia.hub.watch import Watch
from tertulia.ids import ConnectionId, HubId, NodeId, RoomId, UserId
from tertulia.room.permissions import check_call
from tertulia.room.placement import Node
from tertulia.room.rate import Rate, Verdict
from tertulia.state.channels import Channels
from tertulia.state.messages import LeftMessage
from tertulia.state.registry import Registry
from tertulia.state.rooms import Ended, Left, RoomState
from tertulia.validation import read

STOP_WITHIN: Final = 3.0
"""Seconds that clients get to go when the hub stops."""

_log = structlog.get_logger(__name__)


class Hub:
    """Synchronous callbacks on one event loop; calls that need Redis or SQL run on, one at a time for each connection."""

    def __init__(
        self,
        *,
        settings: HubSettings,
        hub_id: HubId,
        rooms: RoomState,
        channels: Channels,
        nodes: Registry[Node],
        directory: Directory,
        keys: Keyring,
        default_region: str,
    ) -> None:
        """``rooms`` must have ``hub_id`` as its origin."""
        self.id = hub_id
        self.settings = settings
        self._rooms = rooms
        self._clock = time.monotonic
        self._connections: dict[ConnectionId, Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._all_gone = asyncio.Event()
        known_nodes = Nodes(nodes, default_region)
        self._media = Media(channels)
        self._sessions = Sessions(rooms, directory, settings, self._spawn, self._meeting_over)
        self._restoring = Restoring(rooms, directory, settings, self._spawn)
        self._watch = Watch(self, settings, rooms, known_nodes, self._sessions)
        self._joining = Joining(
            self, settings, rooms, channels, known_nodes, directory, keys, self._media, self._sessions
        )
        self._calls = Calls(self, rooms, self._media, self._sessions, self._restoring)
        self._live: dict[RoomId, LiveRoom] = {}
        self._channels = channels
        self._nodes = known_nodes

    # --- for transports

    def connected(self, client: Client) -> None:
        """A client is there. It has ``join_within`` seconds to join a room."""
        connection = Connection(client, Rate(self.settings.burst, self._clock()))
        self._connections[client.id] = connection
        metrics.CONNECTIONS.inc()
        if self._stopping:
            client.close(closing.GOING_AWAY.code, closing.GOING_AWAY.reason)
            return
        loop = asyncio.get_running_loop()
        connection.join_timer = loop.call_later(self.settings.join_within, self._not_joined, connection)

    def call(self, client: Client, call: CallId, event: str, payload: object) -> None:
        """A client calls ``event``: answered by ``client.reply`` or ``client.refuse``, at once or later.

        ``payload`` is what a JSON parser returned (None: none), or the contract's struct already. Calls of one client take
        effect in the order of these calls.
        """
        connection = self._connections.get(client.id)
        if connection is None or not self._admits(connection, call):
            return
        if not connection.is_busy:
            self._run(connection, WaitingCall(call, event, payload))
        elif not connection.wait(WaitingCall(call, event, payload)):
            client.refuse(call, RateLimited("too many calls wait for an earlier one"))

    def malformed(self, client: Client, call: CallId, error: TertuliaError) -> None:
        """A client sent what is no call: refused with ``error``, and counted by the rate limit."""
        connection = self._connections.get(client.id)
        if connection is not None and self._admits(connection, call):
            _count("", error)
            client.refuse(call, error)

    def disconnected(self, client: Client, clean: bool) -> None:
        """A client is gone. ``clean``: it said so (close code 1000, 1001 or none), and leaves at once; else it keeps its seat."""
        connection = self._connections.pop(client.id, None)
        if connection is None:
            return
        metrics.CONNECTIONS.dec()
        connection.is_gone = True
        if connection.join_timer is not None:
            connection.join_timer.cancel()
            connection.join_timer = None
        if connection.is_busy:
            connection.left_clean = clean
        else:
            self._end_of(connection, clean)
        if not self._connections:
            self._all_gone.set()

    # --- for the composition root and REST

    async def start(self) -> None:
        """Read the registry of nodes, begin the periodic work. Raises Unavailable."""
        await self._nodes.refresh()
        self._watch.start()

    async def stop(self) -> None:
        """Tell every client 1012 and wait (bounded) until they are gone; their seats stay, so that they can resume elsewhere."""
        self._stopping = True
        self._all_gone.clear()
        for connection in list(self._connections.values()):
            connection.client.close(closing.GOING_AWAY.code, closing.GOING_AWAY.reason)
        if self._connections:
            try:
                await asyncio.wait_for(self._all_gone.wait(), STOP_WITHIN)
            except TimeoutError:
                _log.warning("clients did not go in time", clients=len(self._connections))
        self._watch.stop()
        self._sessions.stop()
        for live in list(self._live.values()):
            for connection in live.seats.values():
                connection.cancel_timers()
            self._channels.unsubscribe(live.channel)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end_room(self, room: RoomId, reason: str) -> bool:
        """End the meeting for everyone; False: there is none. Raises Unavailable."""
        return await self._sessions.end(room, reason)

    async def remove_participant(self, room: RoomId, user: UserId) -> bool:
        """Remove a member and void their tokens; False: not a member. Raises Unavailable."""
        left = await self._rooms.remove(room, user)
        if left is None:
            return False
        live = self._live.get(room)
        node = live.node if live is not None else None
        if node is None:
            summary = await self._rooms.summary(room)
            node = summary.node if summary is not None else None
        self.left(room, left, "removed", node)
        return True

    # --- for the parts of the hub

    def open(self, room: RoomId) -> LiveRoom:
        """The room, made if this worker had nobody in it."""
        live = self._live.get(room)
        if live is None:
            live = LiveRoom(room, self.id, self._channels, self._nodes, self._restoring.lost)
            self._live[room] = live
            metrics.ROOMS.inc()
        return live

    def live_rooms(self) -> list[LiveRoom]:
        return list(self._live.values())

    def left(self, room: RoomId, left: Left, reason: Any, node: NodeId | None) -> None:
        """A script of this hub freed a seat: tell the members here, the SFU node, and see to an empty room."""
        member = left.participant
        live = self._live.get(room)
        if live is not None and live.mirror is not None:
            message = LeftMessage(
                origin=self.id,
                user_id=member.user_id,
                connection_id=member.connection_id,
                seat=member.seat,
                reason=reason,
            )
            live.run(live.mirror.own(message))
        self._media.close(room, node, [_seat(member.seat)])
        if left.remaining == 0:
            self._sessions.emptied(room)
        self.drop_unused(room)

    def drop_unused(self, room: RoomId) -> None:
        """Forget a room in which nobody of this worker is any more."""
        live = self._live.get(room)
        if live is not None and not live.in_use:
            del self._live[room]
            self._channels.unsubscribe(live.channel)
            metrics.ROOMS.dec()

    def lost(self, connection: Connection) -> None:
        """The connection of a seat is lost: keep what it misses, tell the others if it stays away."""
