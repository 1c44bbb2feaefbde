"""The hub: what transports call, and who does it. One per web worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from tertulia.contract import CALLS, Empty, JoinRoom
from tertulia.db.directory import Directory
from tertulia.db.keyring import Keyring
from tertulia.errors import AlreadyJoined, NotJoined, RateLimited, Refused, TertuliaError, UnknownEvent
from tertulia.hub import metrics
from tertulia.hub.calls import Answer, Calls
from tertulia.hub.client import CallId, Client
from tertulia.hub.connection import Connection, Done, WaitingCall
from tertulia.hub.joining import Joining
from tertulia.hub.leaving import Leaving
from tertulia.hub.live import LiveRoom
from tertulia.hub.live_rooms import LiveRooms
from tertulia.hub.media import Media
from tertulia.hub.refusal import refusal
from tertulia.hub.restoring import Restoring
from tertulia.hub.sessions import Sessions
from tertulia.hub.tasks import Tasks
from tertulia.hub.watch import Watch
from tertulia.ids import ConnectionId, HubId, RoomId, UserId
from tertulia.redis.channels import Channels
from tertulia.room import closing
from tertulia.room.nodes import Nodes
from tertulia.room.permissions import check_call
from tertulia.room.placement import Node
from tertulia.room.rate import Rate, Verdict
from tertulia.room.settings import HubSettings
from tertulia.state.registry import Registry
from tertulia.state.rooms import RoomState
from tertulia.validation import read

STOP_WITHIN: Final = 3.0
"""Seconds that clients get to go when the hub stops."""

_log = structlog.get_logger(__name__)


class Hub:
    """Synchronous callbacks on one event loop; calls that need Redis or SQL run on, one at a time for each
    connection."""

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
        self.id: Final = hub_id
        self.settings: Final = settings
        self._clock = time.monotonic
        self._connections: dict[ConnectionId, Connection] = {}
        self._tasks = Tasks()
        self._stopping = False
        self._all_gone = asyncio.Event()
        self._nodes = Nodes(nodes, default_region)
        self._live_rooms = LiveRooms(hub_id, channels, self._nodes, self._lost)
        media = Media(channels)
        self._sessions = Sessions(settings, rooms, directory, self._live_rooms, media, self._tasks)
        self._leaving = Leaving(settings, rooms, self._live_rooms, media, self._sessions)
        self._restoring = Restoring(settings, rooms, directory, self._live_rooms, self._tasks)
        self._joining = Joining(settings, rooms, directory, keys, self._live_rooms, self._nodes, media, self._sessions)
        self._calls = Calls(rooms, media, self._sessions, self._leaving, self._restoring)
        self._watch = Watch(settings, rooms, self._live_rooms, self._nodes, self._leaving, self._sessions)

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
        connection.join_timer = loop.call_later(self.settings.join_within, self._too_late, connection)

    def call(self, client: Client, call: CallId, event: str, payload: object) -> None:
        """A client calls ``event``: answered by ``client.reply`` or ``client.refuse``, at once or later.

        ``payload`` is what a JSON parser returned (None: none), or the contract's struct already. Calls of one client
        take effect in the order of these calls.
        """
        connection = self._connections.get(client.id)
        if connection is None or not self._admits(connection, call):
            return
        waiting = WaitingCall(call, event, payload)
        if not connection.is_busy:
            self._run(connection, waiting)
        elif not connection.wait(waiting):
            client.refuse(call, RateLimited("too many calls wait for an earlier one"))

    def malformed(self, client: Client, call: CallId, error: TertuliaError) -> None:
        """A client sent what is no call: refused with ``error``, and counted by the rate limit."""
        connection = self._connections.get(client.id)
        if connection is not None and self._admits(connection, call):
            self._refuse(connection, WaitingCall(call, "", None), error)

    def disconnected(self, client: Client, clean: bool, *, some_lost: bool = False) -> None:
        """A client is gone. ``clean``: it said so (close code 1000, 1001 or none), and leaves at once; else it keeps
        its seat. ``some_lost``: events it was sent are known not to have reached it."""
        connection = self._connections.pop(client.id, None)
        if connection is None:
            return
        metrics.CONNECTIONS.dec()
        connection.is_gone = True
        connection.went_clean = clean
        connection.some_lost = some_lost
        if connection.seated is not None and not clean:
            connection.lose()
        if connection.join_timer is not None:
            connection.join_timer.cancel()
        if not connection.is_busy:
            self._went(connection)
        if not self._connections:
            self._all_gone.set()

    # --- for the composition root and REST

    async def start(self) -> None:
        """Read the registry of nodes, begin what is done by the clock. Raises Unavailable."""
        await self._nodes.refresh()
        self._watch.start(self._tasks)

    async def stop(self) -> None:
        """Tell every client 1012 and wait (bounded) until they are gone; their seats stay, so that they can resume
        elsewhere."""
        self._stopping = True
        self._all_gone.clear()
        for connection in list(self._connections.values()):
            connection.client.close(closing.GOING_AWAY.code, closing.GOING_AWAY.reason)
        if self._connections:
            try:
                await asyncio.wait_for(self._all_gone.wait(), STOP_WITHIN)
            except TimeoutError:
                _log.warning("clients did not go in time", clients=len(self._connections))
        self._sessions.stop()
        self._live_rooms.close()
        await self._tasks.stop()
        metrics.settle()

    async def end_room(self, room: RoomId, reason: str) -> bool:
        """End the meeting for everyone and close its session; False: there is none. Raises Unavailable."""
        live = self._live_rooms.get(room)
        if await self._sessions.end(room, reason):
            return True
        if live is not None and live.session_id is not None:
            await self._restoring.restore(live, live.incarnation)
            return await self._sessions.end(room, reason)
        await self._sessions.end_lost(room)
        return False

    async def remove_participant(self, room: RoomId, user: UserId) -> bool:
        """Remove a member and void their tokens; False: not a member. Raises Unavailable."""
        return await self._leaving.remove(room, user)

    # --- calls

    def _admits(self, connection: Connection, call: CallId) -> bool:
        settings = self.settings
        verdict = connection.rate.call(self._clock(), settings.calls_per_second, settings.burst, settings.limited_for)
        if verdict is Verdict.ADMIT:
            connection.is_quiet = True
            return True
        metrics.calls("", "rate_limited").inc()
        connection.client.refuse(call, RateLimited(f"more than {settings.calls_per_second:g} calls a second"))
        if verdict is Verdict.CLOSE:
            connection.client.close(closing.RATE_LIMITED.code, closing.RATE_LIMITED.reason)
        return False

    def _run(self, connection: Connection, call: WaitingCall) -> None:
        try:
            answer = self._answer(connection, call)
        except Exception as e:  # noqa: BLE001 - the caller is told, the log too
            self._refuse(connection, call, e)
            return
        if isinstance(answer, Done):
            self._reply(connection, call, answer)
        else:
            connection.is_busy = True
            self._tasks.spawn(self._finish(connection, call, answer))

    def _answer(self, connection: Connection, call: WaitingCall) -> Answer:
        kind = CALLS.get(call.event)
        if kind is None:
            raise UnknownEvent(f"there is no call {call.event!r}"[:100])
        seated = connection.seated
        if kind is JoinRoom:
            if seated is not None:
                raise AlreadyJoined("this connection is in a room already: call LeaveRoom first")
            payload = call.payload
            return self._joining.join(connection, payload if type(payload) is JoinRoom else _read(JoinRoom, payload))
        if seated is None:
            raise NotJoined("call JoinRoom first")
        payload = call.payload if type(call.payload) is kind else _read(kind, call.payload)
        check_call(call.event, seated.role)
        return self._calls.handlers[call.event](connection, seated, payload)

    async def _finish(self, connection: Connection, call: WaitingCall, answer: Coroutine[Any, Any, Done]) -> None:
        try:
            done = await answer
        except Exception as e:  # noqa: BLE001 - the caller is told, the log too
            self._refuse(connection, call, e)
        else:
            self._reply(connection, call, done)
        connection.is_busy = False
        self._go_on(connection)

    def _go_on(self, connection: Connection) -> None:
        """After a call was answered: last words, the calls that waited, the end of the connection; in this order."""
        if connection.farewell is not None:
            event, close = connection.farewell
            connection.farewell = None
            connection.drop_waiting()
            connection.let_go(event, close)
        while not connection.is_busy and (waiting := connection.next_call()) is not None:
            self._run(connection, waiting)
        if connection.is_busy:
            return
        if connection.is_gone:
            self._went(connection)
        elif connection.is_overdue and connection.seated is None:
            self._too_late(connection)

    def _reply(self, connection: Connection, call: WaitingCall, done: Done) -> None:
        metrics.calls(call.event, "ok").inc()
        if not connection.is_gone:
            connection.client.reply(call.call, done.result)
        if done.then is not None:
            done.then()

    def _refuse(self, connection: Connection, call: WaitingCall, error: Exception) -> None:
        code = refusal(error).code
        metrics.calls(call.event if call.event in CALLS else "", code).inc()
        if not isinstance(error, Refused):
            _log.error("a call failed", event_name=call.event, exc_info=error)
        if not connection.is_gone:
            connection.client.refuse(call.call, error)

    # --- the ends of connections

    def _too_late(self, connection: Connection) -> None:
        connection.join_timer = None
        if connection.is_busy:
            connection.is_overdue = True
        elif connection.seated is None and not connection.is_gone:
            connection.client.close(closing.NOT_JOINED.code, closing.NOT_JOINED.reason)

    def _went(self, connection: Connection) -> None:
        if connection.seated is None:
            return
        if connection.went_clean:
            self._tasks.spawn(self._leaving.close(connection))
        else:
            self._leaving.lost(connection)

    def _lost(self, live: LiveRoom) -> None:
        self._restoring.lost(live)


def _read(kind: type[Any], payload: object) -> Any:
    """The payload as its struct; where a call has none, null is as good as ``{}``."""
    return read(kind, {} if payload is None and kind is Empty else payload, null_is_absent=True)
