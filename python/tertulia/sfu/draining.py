"""``tertulia sfu --drain``: take the process of a node out of service, from any machine that reaches Redis."""

from __future__ import annotations

import asyncio
from typing import Final

from tertulia.config import Config
from tertulia.errors import ConfigError, Unavailable
from tertulia.ids import NodeId
from tertulia.redis.client import Redis
from tertulia.room import commands
from tertulia.state import keys, registry
from tertulia.state.connection import connect_redis

ENDS_WITHIN: Final = 30.0
"""Seconds: longer than a process takes to drain and to stop."""
LOOK_SECONDS: Final = 0.3
"""Between two looks at the registry, which has no events."""


async def drain_node(config: Config, node: str) -> None:
    """Let the clients of a node, and of all others of its process, go over to those of other processes; and wait until
    it has ended.

    Raises:
        ConfigError: there is no such node.
        Unavailable: Redis does not answer, or the process has not ended in time.
    """
    redis = await connect_redis(config.need("redis_url"))
    try:
        if not await _is_there(redis, node):
            raise ConfigError(f"there is no SFU node {node!r}: see HVALS {keys.SFU_NODES.entries} in Redis")
        channel = keys.sfu_commands(NodeId(node))
        await redis.call(channel, "SPUBLISH", channel, commands.DRAIN)
        async with asyncio.timeout(ENDS_WITHIN):
            while await _is_there(redis, node):  # noqa: ASYNC110 - a registry has no event to wait for
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise Unavailable(f"the process of the SFU node {node} did not end within {ENDS_WITHIN:.0f} s") from None
    finally:
        await redis.close()


async def _is_there(redis: Redis, node: str) -> bool:
    return any(entry.id == node for entry in await registry.sfu_nodes(redis).alive())
