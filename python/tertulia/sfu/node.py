"""``tertulia sfu``: one SFU node. It runs the engine, carries out the commands on its channel, and sends heartbeats.

Media does not depend on Redis: while Redis is away the engine goes on, and the next heartbeat registers the node again.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import tempfile
from pathlib import Path
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
"""Engine events handled in one turn of the event loop: some milliseconds."""
STOP_SECONDS: Final = 5.0
"""How long closing the peers and deregistering may take; supervisors kill after 10 s."""

_log = structlog.get_logger(__name__)


async def run_node(config: Config) -> None:
    """Run a node until SIGTERM or SIGINT, then close its peers, tell the hubs, and deregister.

    Raises:
        ConfigError: a port cannot be bound, there is no address to advertise, or Redis is not configured correctly.
        Unavailable: Redis does not answer at the start, or a media thread has failed: start another node.
    """
    redis = await connect_redis(config.need("redis_url"))
    try:
        node = NodeId(new_token("node_", 8))
        engine = _start_engine(config, node)
        try:
            await _Node(node, config, redis, Channels(redis), engine).run()
        finally:
            with contextlib.suppress(OSError):  # an event has told of it before
                await asyncio.to_thread(engine.stop)
    finally:
        await redis.close()


def _start_engine(config: Config, node: NodeId) -> _sfu.Sfu:
    _allow_files()
    _prepare(config.raw_dir)
    first = config.sfu_ports[0]
    ports = [first + i if first else 0 for i in range(config.sfu_workers)]
    try:
        return _sfu.Sfu(
            config.sfu_bind,
            ports,
            config.sfu_advertise,
            loopback=config.open,
            recordings_dir=config.raw_dir,
            node=node,
            track_kilobits=config.sfu_track_mbits * 1000,
            peer_kilobits=config.sfu_peer_mbits * 1000,
            room_kilobits=config.sfu_room_mbits * 1000,
        )
    except OSError as e:
        raise ConfigError(
            f"the media ports cannot be opened: {e}: see --sfu-bind, --sfu-ports and --sfu-advertise"
        ) from e


def _allow_files() -> None:
    """Each track that is recorded has an open file: take all that the system grants."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _prepare(recordings: Path) -> None:
    """Make the directory of recordings. Without it there are meetings, and each recording says that it has trouble."""
    try:
        recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=recordings):
            pass
    except OSError as e:
        _log.warning(
            "this node cannot record: see --recordings-dir", recordings_dir=str(recordings), error=e.strerror or str(e)
        )


class _Node:
    def __init__(self, node: NodeId, config: Config, redis: Redis, channels: Channels, engine: _sfu.Sfu) -> None:
        self._id = node
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
            _log.info("SFU node runs", node=self._id, region=self._region, addresses=self._engine.addresses)
            await self._beat_until_stopped()
            await self._shut_down()
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
                    _log.warning("the SFU node could not send its heartbeat", node=self._id, error=e.message)
                self._registered = False

    async def _beat(self) -> None:
        await self._registry.beat(self._entry())
        if not self._registered:
            _log.info("the SFU node is registered", node=self._id)
        self._registered = True

    def _entry(self) -> Node:
        threads = self._engine.stats()
        return Node(
            id=self._id,
            region=self._region,
            ip=self._engine.addresses[0][0],
            ports=self._engine.ports,
            load=round(self._load.measure(), 3),
            rooms=sum(thread["rooms"] for thread in threads),
            peers=sum(thread["peers"] for thread in threads),
            recordings=self._engine.recording_stats().get("running", 0),
            draining=self._stop.is_set(),
        )

    async def _shut_down(self) -> None:
        """Close the peers, tell the hubs, and deregister. The last heartbeat said ``draining``: no new rooms come."""
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

    def _on_command(self, data: bytes) -> None:
        for message in self._agent.command(data):
            self._publish(message)

    def _on_gap(self) -> None:
        # Nothing to make up for: a client without an answer, or without media, offers again.
        _log.info("commands to the SFU node may have been lost", node=self._id)

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
            _log.warning(
                "a message of the SFU node was dropped",
                room=message.room,
                event_name=message.event.event,
                error=e.message,
            )
