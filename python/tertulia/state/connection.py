"""The connection to Redis, with our scripts."""

from __future__ import annotations

from tertulia.redis.client import CALL_SECONDS, Redis
from tertulia.state import scripts


async def connect_redis(url: str, *, call_seconds: float = CALL_SECONDS) -> Redis:
    """Connect as :meth:`Redis.connect` does, and load the scripts of the rooms and registries."""
    return await Redis.connect(url, scripts.ALL, call_seconds=call_seconds)
