"""Connecting to Redis, with our scripts."""

from __future__ import annotations

from tertulia.errors import ConfigError
from tertulia.redis.client import CALL_SECONDS, Redis
from tertulia.state import scripts


async def connect_redis(url: str, *, call_seconds: float = CALL_SECONDS) -> Redis:
    """Connect as :meth:`Redis.connect` does, and load the scripts. A ConfigError names the setting."""
    try:
        return await Redis.connect(url, scripts.ALL, call_seconds=call_seconds)
    except ConfigError as e:
        raise ConfigError(f"TERTULIA_REDIS_URL: {e.message}") from None
