"""``tertulia sfu``: one SFU node. It runs the engine, does what hubs ask on its channel, and says that it is alive.

Media does not depend on Redis: while that is away the engine goes on, and the heartbeat registers the node again.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Final

import structlog

from tertulia.config import Config
from tertulia.errors import ConfigError, Unavailable
from tertulia.ids import NodeId, new_token
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room import messages
from tertulia.room.placement import Node
from tertulia.sfu import _sfu
from tertulia.sfu.agent import Agent, EngineEvent, Message
from tertulia.sfu.load import Load
from tertulia.state import keys, registry
from tertulia.state.connection import connect_redis

EVENTS_PER_TURN: Final = 256
"""Events of the engine handled before the event loop has its turn again: some milliseconds."""
STOP_SECONDS: Final = 5.0
"""What saying goodbye may take; supervisors kill after ten."""

_log = structlog.get_logger(__name__)


async def run_node(config: Config) -> None:
    """Run a node until SIGTERM or SIGINT, then close its peers, say so, and deregister.

    Raises:
        ConfigError: a port cannot be bound, there is no address to advertise, or no or a wrong Redis is configured.
        Unavailable: Redis does not answer at the start, or a media thread has failed: supervisors start another node.
    """
    redis = await connect_redis(config.need("redis_url"))
    try:
        engine = _start_engine(config)
        try:
            await _Node(config, redis, Channels(redis), engine).run()
        finally:
            with contextlib.suppress(OSError):  # told before, by an event
                await asyncio.to_thread(engine.stop)
    finally:
        await redis.close()


def _start_engine(config: Config) -> _sfu.Sfu:
    first = config.sfu_ports[0]
    ports = [first + i if first else 0 for i in range(config.sfu_workers)]
    try:
        return _sfu.Sfu(config.sfu_bind, ports, config.sfu_advertise, loopback=config.open)
    except OSError as e:
        raise ConfigError(f"the media ports cannot be opened: {e}; see TERTULIA_SFU_BIND, _PORTS, _ADVERTISE") from e


class _Node:
    def __init__(self, config: Config, redis: Redis, channels: Channels, engine: _sfu.Sfu) -> None:
        self._id = NodeId(new_token("node_", 8))
        self._region = config.region
        self._channels = channels
        self._registry = registry.sfu_nodes(redis)
        self._engine = engine
        self._agent = Agent(self._id, engine)
        self._load = Load(config.sfu_workers)
        self._stop = asyncio.Event()
        self._registered = False
        self._failure: str | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop.set)
        loop.add_reader(self._engine.fileno(), self._on_events)
        try:
            await self._channels.subscribe(keys.sfu_commands(self._id), self._on_command, self._on_gap)
            await self._beat()
            _log.info("sfu_started", node=self._id, region=self._region, addresses=self._engine.addresses)
            await self._beat_until_stopped()
            await self._say_goodbye()
            if self._failure is not None:
                raise Unavailable(self._failure)
        finally:
            loop.remove_reader(self._engine.fileno())
            await self._channels.close()

    async def _beat_until_stopped(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), registry.BEAT_SECONDS)
            try:
                await self._beat()
            except Unavailable as e:
                if self._registered:
                    _log.warning("sfu_heartbeat_failed", node=self._id, error=e.message)
                self._registered = False

    async def _beat(self) -> None:
        await self._registry.beat(self._entry())
        if not self._registered:
            _log.info("sfu_registered", node=self._id)
        self._registered = True

    def _entry(self) -> Node:
        workers = self._engine.stats()
        return Node(
            id=self._id,
            region=self._region,
            ip=self._engine.addresses[0][0],
            ports=self._engine.ports,
            load=round(self._load.measure(), 3),
            rooms=sum(w["rooms"] for w in workers),
            peers=sum(w["peers"] for w in workers),
            draining=self._stop.is_set(),
        )

    async def _say_goodbye(self) -> None:
        """The last heartbeat has said ``draining``: no new rooms come. Now close the peers, tell of it, and go."""
        _log.info("sfu_stopping", node=self._id)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._stop_engine()
                while events := self._engine.drain(EVENTS_PER_TURN):
                    self._tell(events)
                await self._registry.leave(self._id)
        except (Unavailable, TimeoutError) as e:
            _log.warning("sfu_goodbye_failed", node=self._id, error=str(e))

    async def _stop_engine(self) -> None:
        try:
            await asyncio.to_thread(self._engine.stop)
        except OSError as e:  # of one media thread: the others have closed their peers all the same
            _log.warning("sfu_stop_failed", node=self._id, error=str(e))

    def _on_command(self, data: bytes) -> None:
        for message in self._agent.command(data):
            self._publish(message)

    def _on_gap(self) -> None:
        # What was missed mends itself: a client without an answer, or without media, offers again.
        _log.info("sfu_commands_may_be_lost", node=self._id)

    def _on_events(self) -> None:
        self._tell(self._engine.drain(EVENTS_PER_TURN))

    def _tell(self, events: list[EngineEvent]) -> None:
        for event in events:
            if isinstance(event, _sfu.Failed):
                self._failure = f"the media thread on port {event.port} has ended: {event.reason}"
                self._stop.set()
            message = self._agent.event(event)
            if message is not None:
                self._publish(message)

    def _publish(self, message: Message) -> None:
        try:
            self._channels.publish(keys.room_events(message.room), messages.encode(message.event))
        except Unavailable as e:
            _log.warning("sfu_message_dropped", room=message.room, event_name=message.event.event, error=e.message)
