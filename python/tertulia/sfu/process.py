"""``tertulia sfu``: a process with SFU nodes, one for each media thread. It says that they are alive, all in one
heartbeat, and takes them out of service together.

A process that stops lets the hubs move its rooms first. Where one of its nodes has failed it is to be replaced, and
stops once the clients of the others can go to another process: with an error, unless it was asked to stop meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from tertulia.config import Config
from tertulia.errors import Unavailable
from tertulia.ids import NodeId, new_token
from tertulia.process import notify
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room.nodes import GONE_AFTER, QUIET_AFTER
from tertulia.sfu import _sfu
from tertulia.sfu.node import MediaNode
from tertulia.sfu.starting import media_ports, prepare, start_engine
from tertulia.state import registry
from tertulia.state.connection import connect_redis

DRAIN_SECONDS: Final = 15.0
"""How long a process that stops waits for its clients to be on other nodes. Hubs need less than ten."""
STOP_SECONDS: Final = 5.0
"""How long closing the peers and deregistering may take."""

_log = structlog.get_logger(__name__)


async def run_nodes(config: Config) -> None:
    """Run until SIGTERM, SIGINT or ``tertulia sfu --drain``; then let the clients go over to nodes of other processes,
    close the peers that are left, tell the hubs, and deregister. A second signal stops it at once.

    Raises:
        ConfigError: a port cannot be bound, there is no address to advertise, or Redis is not configured correctly.
        Unavailable: Redis does not answer at the start; or it ends unasked, since a media thread has failed: start
            another process.
    """
    redis = await connect_redis(config.need("redis_url"))
    try:
        channels, stop = Channels(redis), asyncio.Event()
        nodes = []
        async with contextlib.AsyncExitStack() as stack:
            prepare(config)
            for port in media_ports(config):
                node = NodeId(new_token("node_", 8))
                engine = start_engine(config, node, port)
                stack.push_async_callback(_stop, engine)
                nodes.append(MediaNode(node, config, redis, channels, engine, stop.set))
            await Process(redis, channels, nodes, stop).run()
    finally:
        await redis.close()


async def _stop(engine: _sfu.Sfu) -> None:
    with contextlib.suppress(OSError):  # an event has told of it before
        await asyncio.to_thread(engine.stop)


class Process:
    """Its nodes are one to hubs and operators: they beat, drain and end together."""

    def __init__(self, redis: Redis, channels: Channels, nodes: Sequence[MediaNode], stop: asyncio.Event) -> None:
        """``stop``: it was asked to end."""
        self._channels = channels
        self._registry = registry.sfu_nodes(redis)
        self._nodes = nodes
        self._ids = [node.id for node in nodes]
        self._stop = stop
        self._stop_at_once = asyncio.Event()
        self._is_replaced = False
        """A node has failed, and the clients of the others go to another process."""
        self._registered = False

    async def run(self) -> None:
        """Run until it is to end. Raises Unavailable, as :func:`run_nodes` does."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._on_signal)
        watching = asyncio.create_task(self._watch())
        try:
            for node in self._nodes:
                await node.open()
            await self._beat()
            for node in self._nodes:
                node.tell()
            async with notify.told(os.environ):
                while not self._stop.is_set() and not self._is_replaced:
                    await self._beat_after(self._stop)
                await self._drain()
                await self._shut_down()
            failures = [node.failure for node in self._nodes if node.failure is not None]
            if failures and not self._stop.is_set():
                raise Unavailable(failures[0])
        finally:
            watching.cancel()
            for node in self._nodes:
                node.close()
            await self._channels.close()

    # --- heartbeats

    async def _beat_after(self, unless: asyncio.Event) -> None:
        """Wait for the next heartbeat, or until ``unless`` is set; then send it, whether it can be sent or not."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(unless.wait(), registry.BEAT_SECONDS)
        try:
            await self._beat()
        except Unavailable as e:
            if self._registered:
                _log.warning("the SFU node could not send its heartbeat", nodes=self._ids, error=e.message)
            self._registered = False

    async def _beat(self) -> None:
        now = time.monotonic()
        for node in self._nodes:
            node.look(now)
        if not self._stop.is_set() and not self._is_replaced:
            self._is_replaced = await self._is_to_be_replaced()
        now = time.monotonic()
        await self._registry.beat(*[node.entry(now, draining=self._drains(node)) for node in self._nodes])
        if not self._registered:
            _log.info("the SFU node is registered", nodes=self._ids)
        self._registered = True
        now = time.monotonic()
        await self._relieve(now)
        beaten = [node.beaten(now, draining=self._drains(node)) for node in self._nodes]
        for outcome in await asyncio.gather(*beaten, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _relieve(self, now: float) -> None:
        """Have the nodes with too much to do give up rooms, one after the other: the registry does not know yet what
        one has just decided."""
        for node in self._nodes:
            costs = None if self._drains(node) else node.too_much(now)
            if costs is not None:
                given = {one.id: one.given for one in self._nodes}
                heard = await self._registry.heard()
                well = [one.entry for one in heard if one.age + one.entry.still < QUIET_AFTER]
                node.give_up(costs, [replace(one, gives_up=given.get(one.id, one.gives_up)) for one in well], now)

    async def _watch(self) -> None:
        """Notice that the process stood still. To wait for Redis is not to stand still: that does not delay this."""
        at = time.monotonic()
        while True:
            await asyncio.sleep(registry.BEAT_SECONDS)
            before, at = at, time.monotonic()
            if at - before > GONE_AFTER:
                _log.warning("the SFU node was away", nodes=self._ids, seconds=round(at - before, 1))
                for node in self._nodes:
                    node.was_away(at)

    def _drains(self, node: MediaNode) -> bool:
        return self._stop.is_set() or self._is_replaced or node.failure is not None

    # --- the end

    async def _is_to_be_replaced(self) -> bool:
        """Whether a node has failed, and the clients of the others, if there are any, can go to another process."""
        failed = [node for node in self._nodes if node.failure is not None]
        return bool(failed) and (len(failed) == len(self._nodes) or await self._has_others())

    async def _drain(self) -> None:
        """Let the hubs move the rooms, for they know of it by the heartbeat, until no client is left."""
        _log.info("SFU node drains", nodes=self._ids, peers=self._peers())
        deadline = time.monotonic() + DRAIN_SECONDS
        while not self._stop_at_once.is_set() and time.monotonic() < deadline:
            if not self._peers() or not await self._has_others():
                return
            await self._beat_after(self._stop_at_once)

    def _peers(self) -> int:
        return sum(node.peers for node in self._nodes)

    async def _has_others(self) -> bool:
        """Whether there is a node for the clients to go to. While Redis is away, nobody could tell them."""
        try:
            return any(node.id not in self._ids and not node.draining for node in await self._registry.alive())
        except Unavailable:
            return False

    async def _shut_down(self) -> None:
        """Close the peers that are left, tell the hubs, and deregister."""
        _log.info("SFU node stops", nodes=self._ids)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*[node.stop() for node in self._nodes])
                await asyncio.gather(*[self._registry.leave(node) for node in self._ids])
        except (Unavailable, TimeoutError) as e:
            _log.warning("the SFU node could not deregister", nodes=self._ids, error=str(e))

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._stop_at_once.set()
        self._stop.set()
