"""The clock of the fleet: that of Redis. Tokens expire by it, so that workers whose clocks differ agree about them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Final

from tertulia import times
from tertulia.redis.client import Redis

MEASURE_SECONDS: Final = 10.0
"""How often a web worker compares its clock with that of Redis."""
CLOCK: Final = "clock"
"""Picks the server of a cluster that is asked. It is not written."""


class FleetClock:
    """The clock of Redis as a web worker knows it, to within half a round trip. It does not use the worker's own time
    of day. What has to be exact takes the time inside a script, or from :func:`redis_ms`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._ahead: float | None = None
        """Of the monotonic clock, in seconds."""

    async def measure(self) -> None:
        """Compare the clocks. To be called before the first :meth:`now`, and then regularly.

        Raises:
            Unavailable
        """
        before = time.monotonic()
        ms = await redis_ms(self._redis, CLOCK)
        self._ahead = ms / 1000 - (before + time.monotonic()) / 2

    def now(self) -> float:
        """Unix seconds."""
        if self._ahead is None:
            raise RuntimeError("the clock was never measured")
        return time.monotonic() + self._ahead

    def moment(self) -> datetime:
        """The same as a datetime."""
        return times.from_seconds(self.now())


async def redis_ms(redis: Redis, key: str) -> int:
    """The time of the server that holds ``key``, in milliseconds: what scripts on that key take for now.

    Raises:
        Unavailable
    """
    reply: list[Any] = await redis.call(key, b"TIME")
    return int(reply[0]) * 1000 + int(reply[1]) // 1000
