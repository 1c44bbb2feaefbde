"""``tertulia sfu``: one SFU node. It runs the engine, carries out the commands on its channel, and sends heartbeats.

Media does not depend on Redis: while Redis is away the engine goes on, and the next heartbeat registers the node again.
A node that stops lets the hubs move its rooms first. One that was cut off, or stood still, asks Redis where its rooms
live by now, and ends those that have moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import Final

import structlog

from tertulia.config import Config
from tertulia.errors import Unavailable
from tertulia.ids import NodeId, RoomId, new_token
from tertulia.process import notify
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room import commands, messages
from tertulia.room.nodes import GONE_AFTER
from tertulia.room.placement import Node
from tertulia.sfu import _sfu
from tertulia.sfu.agent import Agent, EngineEvent, Message
from tertulia.sfu.leases import Leases
from tertulia.sfu.load import Load
from tertulia.sfu.shares import Shares
from tertulia.sfu.sharing import Sharing
from tertulia.sfu.starting import start_engine
from tertulia.sfu.turns import Turns
from tertulia.state import keys, registry
from tertulia.state.connection import connect_redis
from tertulia.state.inflows import TenantInflows

EVENTS_PER_TURN: Final = 256
"""Engine events handled in one turn of the event loop: some milliseconds."""
DRAIN_SECONDS: Final = 15.0
"""How long a node that stops waits for its clients to be on others. Hubs need less than ten."""
STOP_SECONDS: Final = 5.0
"""How long closing the peers and deregistering may take."""
CHECK_SECONDS: Final = 5.0
"""How often the node asks where its rooms live."""
CHECKED_AT_ONCE: Final = 100
"""Rooms asked for in one turn."""
STUCK_SECONDS: Final = 10.0
"""A media thread that stands still for so long will not turn again: the process has to be replaced. Its rooms have
moved long before."""

_log = structlog.get_logger(__name__)


async def run_node(config: Config) -> None:
    """Run a node until SIGTERM, SIGINT or ``tertulia sfu --drain``; then let its clients go over to other nodes, close
    the peers that are left, tell the hubs, and deregister. A second signal stops it at once.

    Raises:
        ConfigError: a port cannot be bound, there is no address to advertise, or Redis is not configured correctly.
        Unavailable: Redis does not answer at the start, or a media thread has failed: start another node.
    """
    redis = await connect_redis(config.need("redis_url"))
    try:
        node = NodeId(new_token("node_", 8))
        engine = start_engine(config, node)
        try:
            await _Node(node, config, redis, Channels(redis), engine).run()
        finally:
            with contextlib.suppress(OSError):  # an event has told of it before
                await asyncio.to_thread(engine.stop)
    finally:
        await redis.close()


class _Node:
    def __init__(self, node: NodeId, config: Config, redis: Redis, channels: Channels, engine: _sfu.Sfu) -> None:
        self._id = node
        self._region = config.region
        self._redis = redis
        self._channels = channels
        self._registry = registry.sfu_nodes(redis)
        self._engine = engine
        self._leases = Leases()
        shares = Shares(config.sfu_room_mbits * 1000)
        self._sharing = Sharing(shares, TenantInflows(redis, node), engine)
        self._agent = Agent(self._id, engine, self._leases, shares)
        self._load = Load(config.sfu_workers)
        self._turns = Turns(time.monotonic())
        self._stop = asyncio.Event()
        self._stop_at_once = asyncio.Event()
        self._registered = False
        self._beat_at = time.monotonic()
        self._check_at = self._beat_at + CHECK_SECONDS
        self._failure: str | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._on_signal)
        loop.add_reader(self._engine.fileno(), self._on_events)
        try:
            await self._channels.subscribe(keys.sfu_commands(self._id), self._on_command, self._on_gap)
            await self._beat()
            _log.info("SFU node runs", node=self._id, region=self._region, addresses=self._engine.addresses)
            async with notify.told(os.environ):
                while not self._stop.is_set():
                    await self._beat_after(self._stop)
                await self._drain()
                await self._shut_down()
            if self._failure is not None:
                raise Unavailable(self._failure)
        finally:
            loop.remove_reader(self._engine.fileno())
            await self._channels.close()

    # --- heartbeats

    async def _beat_after(self, unless: asyncio.Event) -> None:
        """Wait for the next heartbeat, or until ``unless`` is set; then send it, whether it can be sent or not."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(unless.wait(), registry.BEAT_SECONDS)
        try:
            await self._beat()
            await self._check_rooms()
            await self._sharing.go_on(self._leases.rooms(), time.monotonic())
        except Unavailable as e:
            if self._registered:
                _log.warning("the SFU node could not send its heartbeat", node=self._id, error=e.message)
            self._registered = False

    async def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at > GONE_AFTER:
            _log.warning("the SFU node was away", node=self._id, seconds=round(now - self._beat_at, 1))
            self._check_at = now
        self._beat_at = now
        await self._registry.beat(self._entry(now))
        if not self._registered:
            _log.info("the SFU node is registered", node=self._id)
        self._registered = True
        for message in self._agent.again(now):
            self._publish(message)

    def _entry(self, now: float) -> Node:
        threads = self._engine.stats()
        still = self._turns.still(self._engine.turns(), now)
        if still > STUCK_SECONDS:
            self._fail("a thread stands still")
        self._engine.wake()
        return Node(
            id=self._id,
            region=self._region,
            ip=self._engine.addresses[0][0],
            ports=self._engine.ports,
            load=round(self._load.measure(), 3),
            rooms=sum(thread["rooms"] for thread in threads),
            peers=self._peers(threads),
            recordings=self._engine.recording_stats().get("running", 0),
            peers_limited=sum(thread["peers_limited"] for thread in threads),
            limited_kilobits=sum(thread["limited_kilobits"] for thread in threads),
            videos_paused=sum(thread["videos_paused"] for thread in threads),
            draining=self._stop.is_set(),
            still=round(still, 2),
        )

    def _peers(self, threads: list[dict[str, int]]) -> int:
        return sum(thread["peers"] for thread in threads)

    # --- rooms that live elsewhere by now

    async def _check_rooms(self) -> None:
        """End the rooms that have moved to another node, and those that no hub knows any more. A node that drains is
        left by its clients themselves."""
        now = time.monotonic()
        if now < self._check_at or self._stop.is_set():
            return
        self._check_at = now + CHECK_SECONDS
        rooms = self._leases.rooms()
        for first in range(0, len(rooms), CHECKED_AT_ONCE):
            await asyncio.gather(*[self._check_room(room) for room in rooms[first : first + CHECKED_AT_ONCE]])
        for room in self._leases.abandoned(now):
            self._end(room, "no hub knows a room any more")

    async def _check_room(self, room: RoomId) -> None:
        key = keys.room(room)
        lives_on = await self._redis.call(key, "HGET", key, "sfuNode")
        if lives_on and lives_on.decode() != self._id:
            self._end(room, "a room has moved to another SFU node")

    def _end(self, room: RoomId, why: str) -> None:
        _log.info(why, room=room, node=self._id)
        with contextlib.suppress(_sfu.Overloaded, _sfu.Stopped):  # looked at again
            self._engine.end(room)
            self._agent.ended(room)

    # --- the end

    async def _drain(self) -> None:
        """Let the hubs move the rooms, for they know of it by the heartbeat, until no client is left."""
        _log.info("SFU node drains", node=self._id, peers=self._peers(self._engine.stats()))
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._failure is None and not self._stop_at_once.is_set() and time.monotonic() < deadline:
            if not self._peers(self._engine.stats()) or not await self._has_others():
                return
            await self._beat_after(self._stop_at_once)

    async def _has_others(self) -> bool:
        """Whether there is a node for the clients to go to. While Redis is away, nobody could tell them."""
        try:
            return any(node.id != self._id and not node.draining for node in await self._registry.alive())
        except Unavailable:
            return False

    async def _shut_down(self) -> None:
        """Close the peers that are left, tell the hubs, and deregister."""
        _log.info("SFU node stops", node=self._id)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._stop_engine()
                while events := self._engine.drain(EVENTS_PER_TURN):
                    self._tell(events)
                await self._registry.leave(self._id)
        except (Unavailable, TimeoutError) as e:
            _log.warning("the SFU node could not deregister", node=self._id, error=str(e))

    async def _stop_engine(self) -> None:
        try:
            await asyncio.to_thread(self._engine.stop)
        except OSError as e:  # one media thread failed; the others have closed their peers
            _log.warning("a media thread did not stop cleanly", node=self._id, error=str(e))

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._stop_at_once.set()
        self._stop.set()

    def _fail(self, why: str) -> None:
        """The process has to be replaced."""
        self._failure = why
        self._stop.set()

    # --- commands and events

    def _on_command(self, data: bytes) -> None:
        if data == commands.DRAIN:
            self._stop.set()
            return
        for message in self._agent.command(data, time.monotonic()):
            self._publish(message)

    def _on_gap(self) -> None:
        # A client without an answer, or without media, offers again. Ends that were missed are found out.
        _log.info("commands to the SFU node may have been lost", node=self._id)
        now = time.monotonic()
        self._leases.renew(now)
        self._check_at = now

    def _on_events(self) -> None:
        self._tell(self._engine.drain(EVENTS_PER_TURN))

    def _tell(self, events: list[EngineEvent]) -> None:
        for event in events:
            if isinstance(event, _sfu.Failed):
                self._fail(f"the media thread on port {event.port} has ended: {event.reason}")
            message = self._agent.event(event)
            if message is not None:
                self._publish(message)

    def _publish(self, message: Message) -> None:
        try:
            self._channels.publish(keys.room_events(message.room), messages.encode(message.event))
        except Unavailable as e:
            _log.warning(
                "a message of the SFU node was dropped",
                room=message.room,
                event_name=message.event.event,
                error=e.message,
            )
